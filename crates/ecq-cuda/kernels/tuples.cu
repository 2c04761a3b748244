// Products with matrices of tuples. Macros: TUPLE, WIDTH, TRELLIS, STREAMS (of a warp), WARPS (of a block), VECTORS
// (rows of activations: 1, 2, 4, 8 or 16).
//
// Activations are two 8-bit digits with one exponent for each segment: x = (256 high + low) 2^e. The digits of a
// row are two columns of operand B. Sums of a segment are exact in 32 bits, sums of a row in 64 bits of fixed
// point, so results do not depend on the order of additions, on the batch or on the division of work.

#define MAX_DIGIT 32512.0f
// Exponents of segments that matter: a segment whose exponent is further below the greatest one loses bits that
// are 2^-26 of the greatest activation.
#define EXPONENT_RANGE 11
// Bits of the low word of a sum; the high word has what is above.
#define LOW_BITS 20
// Blocks of eight columns of operand B.
#define BLOCKS ((VECTORS + 3) / 4)
// Words of the digits of a group.
#define GROUP_WORDS (16 * VECTORS)
#define NONE 0xffffffffu

struct Digits {
    u64 activations; // [vectors][cols] of `element`
    u64 scales;      // f32 [cols], or 0
    u64 digits;      // [segment][group][column][lane mod 4][register] words
    u64 exponents;   // i32 [VECTORS][segments]
    u32 vectors, cols, stride, element;
    u32 segments, segment_groups, batch_groups, unused;
};

// Writes the digits of a segment (block x) of a row of activations (block y). Rows behind the last are zero.
extern "C" __global__ void tuple_digits(const __grid_constant__ Digits p) {
    __shared__ u32 parts[32];
    const u32 segment = blockIdx.x, vector = blockIdx.y, thread = threadIdx.x;
    const u32 first = segment * p.segment_groups * 8 * TUPLE;
    const u32 end = min(p.cols, first + p.segment_groups * 8 * TUPLE);
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    auto value = [&](u32 col) {
        if (vector >= p.vectors || col >= end) return 0.0f;
        const u64 at = (u64)vector * p.stride + col;
        float x = p.element == F32 ? __ldcg((const float*)p.activations + at)
                  : p.element == F16 ? half_to_float(__ldcg((const u16*)p.activations + at))
                                     : bfloat_to_float(__ldcg((const u16*)p.activations + at));
        return p.scales ? __fmul_rn(x, ((const float*)p.scales)[col]) : x;
    };
    u32 most = 0;
    for (u32 col = first + thread; col < end; col += blockDim.x) most = max(most, __float_as_uint(fabsf(value(col))));
    most = __reduce_max_sync(0xffffffffu, most);
    if (thread % 32 == 0) parts[thread / 32] = most;
    __syncthreads();
    most = __reduce_max_sync(0xffffffffu, thread % 32 < blockDim.x / 32 ? parts[thread % 32] : 0u);
    // The least exponent with all digits in range. Infinite and NaN activations give arbitrary digits.
    const u32 ratio = __float_as_uint(__fmul_rn(__uint_as_float(most), 1.0f / MAX_DIGIT));
    const int exponent = max((int)(ratio >> 23) - 127 + ((ratio & 0x7fffffu) != 0), -100);
    const float inverse = __uint_as_float((u32)(127 - min(exponent, 126)) << 23);
    if (thread == 0) ((int*)p.exponents)[vector * p.segments + segment] = exponent;
    u32* out = (u32*)p.digits + (u64)segment * p.batch_groups * GROUP_WORDS;
    for (u32 i = thread; i < p.batch_groups * 8; i += blockDim.x) {
        const u32 group = i / 8, lane = i % 4, half = i / 4 % 2;
        u32 high = 0, low = 0;
#pragma unroll
        for (int k = 0; k < TUPLE; k++) {
            const u32 in_segment = group * 8 * TUPLE + half * 4 * TUPLE + lane * TUPLE + k;
            const float x = group < p.segment_groups ? value(first + in_segment) : 0.0f;
            const int digits = __float2int_rn(__fmul_rn(x, inverse)), bottom = (i8)digits;
            const u32 shift = 8 * (TUPLE == 4 ? k : k + 1);
            high |= ((u32)((digits - bottom) >> 8) & 255u) << shift;
            low |= ((u32)bottom & 255u) << shift;
        }
        u32* words = out + group * GROUP_WORDS + 2 * vector * 8 + lane * 2 + half;
        words[0] = high;
        words[8] = low;
    }
}

#if __CUDA_ARCH__ >= 900

struct Product {
    u64 stream;    // stream rows
    u64 index;     // part `index`
    u64 corrections; // its corrections
    u64 registers; // u32 [2^WIDTH]
    u64 digits, exponents;
    u64 steps;  // f32 [1] or [rows]
    u64 output; // f32, f16 or bf16 [vectors][rows]
    u32 rows, tiles, segments, segment_groups;
    u32 groups, stream_rows, reach, batch_groups;
    u32 vectors, output_stride, element, per_row;
    u32 slots, slot_rows, one, unused;
};

// Bytes of shared memory before the table: barriers, rounds, the counter of units, the greatest exponents.
#define TABLE 1024
#define ROUNDS 512
#define COUNTER 768
#define GREATEST 832

struct Stream {
    u32 row, rows, correction, place; // rows: stream rows | corrections << 16
};

__device__ __forceinline__ void multiply(int* sums, const u32* a, u32 b0, u32 b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Adds v 2^shift to a sum of two words.
__device__ __forceinline__ void add(u32* sum, int v, int shift) {
    const long long wide = shift >= 0 ? (long long)v << shift : (long long)v >> min(-shift, 63);
    atomicAdd(sum, (u32)wide & ((1u << LOW_BITS) - 1));
    atomicAdd(sum + 1, (u32)(wide >> LOW_BITS));
}

// Copies lane `lane`'s stream of a unit to its slot; the first STREAMS lanes take part.
__device__ __forceinline__ void fetch(const Product& p, const Stream* streams, u32 count, u32 unit, u32 lane,
                                      u32 slot, u32 barrier, u64 starts) {
    const u32 i = unit * STREAMS + lane;
    if (i >= count) {
        asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
        return;
    }
    const u32 row = streams[i].row, bytes = (streams[i].rows & 0xffffu) * 128;
    const u32 to = slot + STREAMS * 32 + lane * p.slot_rows * 128;
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes + 32) : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 32, [%2];" ::"r"(
                     slot + lane * 32),
                 "l"(starts + (u64)streams[i].place * 32), "r"(barrier)
                 : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
                 "l"(p.stream + (u64)row * 128), "r"(bytes), "r"(barrier)
                 : "memory");
}

// A column of the digits, as 16 bits.
__device__ __forceinline__ int digits_of(const Product& p, u32 segment, u32 col, u32 vector) {
    const u32 group = col / (8 * TUPLE), in_group = col % (8 * TUPLE), k = in_group % TUPLE;
    const u32 word = 2 * vector * 8 + in_group / TUPLE % 4 * 2 + in_group / (4 * TUPLE);
    const i8* bytes = (const i8*)p.digits + ((u64)segment * p.batch_groups + group) * GROUP_WORDS * 4 + word * 4 +
                      (TUPLE == 4 ? k : k + 1);
    return 256 * __ldcg(bytes) + __ldcg(bytes + 32);
}

// A correction of a stream, with the number of the stream in the unit above it.
__device__ __forceinline__ u32 find_correction(const Product& p, const Stream& stream, u32 number, u32 i) {
    return ((const u16*)p.corrections)[stream.correction + i] | number << 16;
}

// Decodes and multiplies a unit: STREAMS streams in a slot. SAME: all of one segment.
template <bool SAME>
__device__ __forceinline__ void unit_product(const Product& p, const Stream* streams, u32 count, u32 unit, u32 tiles,
                                             u32 lane, u32 slot, u32 table, const int* exponents, const int* greatest,
                                             u32* sums) {
    const u32 last = count - 1;
    u32 segment[STREAMS], tile[STREAMS];
    u32 groups = 0;
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        const u32 i = min(unit * STREAMS + s, last);
        segment[s] = SAME && s > 0 ? segment[0] : i / tiles;
        tile[s] = i - segment[s] * tiles;
        groups = max(groups, min(p.segment_groups, p.groups - segment[s] * p.segment_groups));
    }
    Positions at;
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        u32 start;
        asm volatile("ld.shared.u8 %0, [%1];" : "=r"(start) : "r"(slot + s * 32 + lane) : "memory");
        at.open(s, slot + STREAMS * 32 + s * p.slot_rows * 128, start, lane);
    }

    // The first corrections of the unit, one for each lane, are loaded before they are needed.
    u32 corrections = 0, entry = 0;
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        const u32 i = unit * STREAMS + s, own = i <= last ? streams[i].rows >> 16 : 0;
        if (lane - corrections < own) entry = find_correction(p, streams[i], s, lane - corrections);
        corrections += own;
    }

    int sum[STREAMS][BLOCKS][4];
#pragma unroll
    for (int s = 0; s < STREAMS; s++)
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[s][b][i] = 0;
#if TRELLIS
    // Twice the branch bits of the block of columns at hand and of the next one, and products with them.
    u32 even[STREAMS][2], odd[STREAMS][2];
    int branch[STREAMS][BLOCKS][4];
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        even[s][0] = even[s][1] = odd[s][0] = odd[s][1] = 0;
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
#pragma unroll
            for (int i = 0; i < 4; i++) branch[s][b][i] = 0;
    }
    const u32 parity = TUPLE == 4 ? 0x20202020u : 0x02020200u;
#endif

    // Lane (g, t) holds column g of operand B; with fewer than eight columns they repeat.
    const u32 word = VECTORS >= 4 ? lane * 2 : (lane / 4 % (2 * VECTORS)) * 8 + lane % 4 * 2;
    const u32 step = GROUP_WORDS / 2;
    const uint2* x = (const uint2*)((const u32*)p.digits + word);
    u32 from[SAME ? 1 : STREAMS];
    // Streams of one segment load their digits a batch ahead. Streams of several have no registers for that.
    constexpr int HELD = SAME ? BATCH_GROUPS : 1;
    uint2 ahead[HELD][BLOCKS];
#pragma unroll
    for (int s = 0; s < (SAME ? 1 : STREAMS); s++) from[s] = segment[s] * p.batch_groups * step;
    if (SAME)
#pragma unroll
        for (int g = 0; g < HELD; g++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++) ahead[g][b] = __ldcg(x + from[0] + g * step + b * 32);
#pragma unroll 1
    for (u32 group = 0; group < groups; group += BATCH_GROUPS) {
        uint2 now[SAME ? 1 : STREAMS][BATCH_GROUPS][BLOCKS];
#pragma unroll
        for (int s = 0; s < (SAME ? 1 : STREAMS); s++) {
            if (SAME) from[s] += BATCH_GROUPS * step;
#pragma unroll
            for (int g = 0; g < BATCH_GROUPS; g++)
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 loaded = __ldcg(x + from[s] + g * step + b * 32);
                    now[s][g][b] = SAME ? ahead[g % HELD][b] : loaded;
                    if (SAME) ahead[g % HELD][b] = loaded;
                }
            if (!SAME) from[s] += BATCH_GROUPS * step;
        }
        decode_batch(at, table, p.one, [&](int g, u32(&a)[STREAMS][4]) {
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 d = now[SAME ? 0 : s][g][b];
                    multiply(sum[s][b], a[s], d.x, d.y);
                }
#if TRELLIS
                // Levels are 2 k + b. The branch bit of a block is the parity of the block before it plus the
                // branch bit of the block before that; a register of the table has 2 k, so all are at bit 1.
                odd[s][0] = (a[s][0] ^ odd[s][0]) & parity;
                odd[s][1] = (a[s][1] ^ odd[s][1]) & parity;
                const u32 bits[4] = {even[s][0], even[s][1], odd[s][0], odd[s][1]};
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 d = now[SAME ? 0 : s][g][b];
                    multiply(branch[s][b], bits, d.x, d.y);
                }
                even[s][0] = (a[s][2] ^ even[s][0]) & parity;
                even[s][1] = (a[s][3] ^ even[s][1]) & parity;
#endif
            }
        });
    }

    // Lane (g, t) has columns 2t and 2t + 1 of rows g and g + 8. With one or two vectors all t have the same
    // columns, and each t takes other streams.
    const u32 t = lane % 4, copies = VECTORS >= 4 ? 1 : 4 / VECTORS;
#pragma unroll
    for (int first = 0; first < STREAMS; first += (VECTORS >= 4 ? 1 : 4 / VECTORS)) {
        int values[BLOCKS][2];
        u32 seg = segment[first], row = tile[first], valid = unit * STREAMS + first <= last;
#pragma unroll
        for (int c = 0; c < (VECTORS >= 4 ? 1 : 4 / VECTORS); c++) {
            const int s = first + c;
            if (s < STREAMS) {
                const bool mine = copies == 1 || t / VECTORS == c;
#pragma unroll
                for (int b = 0; b < BLOCKS; b++)
#pragma unroll
                    for (int h = 0; h < 2; h++) {
                        int high = sum[s][b][2 * h], low = sum[s][b][2 * h + 1];
#if TRELLIS
                        high += branch[s][b][2 * h] >> 1;
                        low += branch[s][b][2 * h + 1] >> 1;
#endif
                        if (mine) values[b][h] = 256 * high + low;
                    }
                if (mine) {
                    seg = segment[s];
                    row = tile[s];
                    valid = unit * STREAMS + s <= last;
                }
            } else if (t / VECTORS == c) {
                valid = 0;
            }
        }
        if (!valid) continue;
#pragma unroll
        for (int b = 0; b < BLOCKS; b++) {
            const u32 vector = VECTORS >= 4 ? b * 4 + t : t % VECTORS;
            const int shift = EXPONENT_RANGE + exponents[vector * p.segments + seg] - greatest[vector];
#pragma unroll
            for (int h = 0; h < 2; h++)
                add(sums + (vector * tiles * 16 + row * 16 + lane / 4 + 8 * h) * 2, values[b][h], shift);
        }
    }
    for (u32 c = lane; c < corrections; c += 32) {
        if (c >= 32) {
            u32 before = 0;
            for (int s = 0; s < STREAMS; s++) {
                const u32 i = unit * STREAMS + s, own = i <= last ? streams[i].rows >> 16 : 0;
                if (c - before < own) entry = find_correction(p, streams[i], s, c - before);
                before += own;
            }
        }
        const u32 magnitude = entry >> 13 & 3, i = unit * STREAMS + (entry >> 16);
        // 1, 2, 4 or 16 units; a unit is two of k on a trellis, which is four levels.
        int factor = (1 << (magnitude + magnitude / 3)) * (TRELLIS ? 4 : 1) * (TUPLE == 4 ? (TRELLIS ? 16 : 32) : 1);
        if (entry & 0x8000u) factor = -factor;
        const u32 seg = i / tiles, row = (i - seg * tiles) * 16 + entry % 16;
        for (u32 vector = 0; vector < VECTORS; vector++) {
            const int shift = EXPONENT_RANGE + exponents[vector * p.segments + seg] - greatest[vector];
            add(sums + (vector * tiles * 16 + row) * 2, factor * digits_of(p, seg, entry >> 4 & 511, vector), shift);
        }
    }
}

// Multiplies a matrix with VECTORS rows of digits. A block has consecutive tiles with all their segments; its units
// are STREAMS streams each, in the order of segments, then tiles.
extern "C" __global__ void __launch_bounds__(WARPS * 32, 1) tuple_product(const __grid_constant__ Product p) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 base = (u32)__cvta_generic_to_shared(memory), thread = threadIdx.x, lane = thread % 32,
              warp = thread / 32;
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    const u32 first = (u64)blockIdx.x * p.tiles / gridDim.x, end = (u64)(blockIdx.x + 1) * p.tiles / gridDim.x;
    const u32 tiles = end - first, count = tiles * p.segments, units = (count + STREAMS - 1) / STREAMS;
    int* const exponents = (int*)(memory + TABLE + TABLE_BYTES);
    int* const greatest = (int*)(memory + GREATEST);
    u32* const sums = (u32*)(exponents + VECTORS * p.segments);
    const u32 most_tiles = (p.tiles + gridDim.x - 1) / gridDim.x;
    Stream* const streams = (Stream*)(((u64)(sums + VECTORS * most_tiles * 32) + 15) / 16 * 16);
    const u32 slot_bytes = STREAMS * (32 + p.slot_rows * 128);
    const u32 slots_at = ((u32)__cvta_generic_to_shared(streams + most_tiles * p.segments) + 127) / 128 * 128;
    const u32 slots = min(p.slots, units);

    // The parts of the index.
    const u32* const tile_entries = (const u32*)p.index + 2;
    const u16* const segment_entries = (const u16*)(tile_entries + 2 * (p.tiles + 1));
    const u64 starts = (p.index + 8 * (p.tiles + 2) + 4 * (u64)p.tiles * p.segments + 15) / 16 * 16;

    if (thread < slots) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1; fence.proxy.async.shared::cta;" ::"r"(base + thread * 8),
                     "r"(STREAMS)
                     : "memory");
        *(u32*)(memory + ROUNDS + thread * 4) = 1;
    }
    if (thread == 0) *(u32*)(memory + COUNTER) = WARPS;
    // The table's words are loaded before the streams, behind which they would wait.
    constexpr int QUADS = (1 << WIDTH) / 4, TURNS = (QUADS + WARPS - 1) / WARPS;
    u32 words[TURNS];
#pragma unroll
    for (int i = 0; i < TURNS; i++) {
        const u32 quad = warp + i * WARPS;
        words[i] = quad < QUADS ? ((const u32*)p.registers)[quad * 4 + lane / 8] : 0;
    }
    __syncthreads();
    // A warp prepares its first units, each lane a stream.
    constexpr u32 TOGETHER = 32 / STREAMS;
    for (u32 done = 0; done < units; done += TOGETHER * WARPS) {
        const u32 unit = done + lane / STREAMS * WARPS + warp, i = unit * STREAMS + lane % STREAMS;
        if (unit >= units || lane >= TOGETHER * STREAMS) continue;
        if (i < count) {
            const u32 segment = i / tiles, tile = first + i - segment * tiles, place = tile * p.segments + segment;
            const u32 row = tile_entries[2 * tile], correction = tile_entries[2 * tile + 1];
            const u32 from = row + segment_entries[2 * place];
            const u32 first_correction = correction + segment_entries[2 * place + 1];
            u32 to, last_correction;
            if (segment + 1 < p.segments) {
                to = row + segment_entries[2 * place + 2];
                last_correction = correction + segment_entries[2 * place + 3];
            } else {
                to = tile_entries[2 * tile + 2];
                last_correction = tile_entries[2 * tile + 3];
            }
            const u32 rows = min(min(to + p.reach, p.stream_rows) - from, p.slot_rows);
            streams[i] = Stream{from, rows | (last_correction - first_correction) << 16, first_correction, place};
            if (unit >= slots)
                asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(p.stream + (u64)from * 128),
                             "r"(rows * 128)
                             : "memory");
        }
        if (unit < slots)
            fetch(p, streams, count, unit, lane % STREAMS, slots_at + unit * slot_bytes, base + unit * 8, starts);
    }
    uint4* const table = (uint4*)(memory + TABLE);
#pragma unroll
    for (int i = 0; i < TURNS; i++) {
        const u32 quad = warp + i * WARPS;
        if (quad < QUADS) table[quad * 32 + lane] = make_uint4(words[i], words[i], words[i], words[i]);
    }
    for (u32 i = thread; i < VECTORS * tiles * 32; i += WARPS * 32) sums[i] = 0;
    asm volatile("griddepcontrol.wait;" ::: "memory");
    if (warp < VECTORS) {
        for (u32 vector = warp; vector < VECTORS; vector += WARPS) {
            int most = -1000;
            for (u32 s = lane; s < p.segments; s += 32) {
                const int exponent = __ldcg((const int*)p.exponents + vector * p.segments + s);
                exponents[vector * p.segments + s] = exponent;
                most = max(most, exponent);
            }
            most = __reduce_max_sync(0xffffffffu, most);
            if (lane == 0) greatest[vector] = most;
        }
    }
    __syncthreads();

    const u32 lane_table = base + TABLE + lane * 4;
    u32 unit = warp;
    while (unit < units) {
        const u32 round = unit / slots, number = unit - round * slots;
        const u32 slot = slots_at + number * slot_bytes, barrier = base + number * 8;
        u32 next = 0;
        if (lane == 0) next = atomicAdd((u32*)(memory + COUNTER), 1u);
        // A barrier's parity does not tell a load that has not begun from one that is complete, so rounds are
        // counted too.
        for (u32 begun = 0; begun <= round;)
            asm volatile("ld.acquire.cta.shared.u32 %0, [%1];" : "=r"(begun) : "r"(base + ROUNDS + number * 4) : "memory");
        asm volatile(
            "{ .reg .pred done;\n"
            "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
            "@!done bra again; }" ::"r"(barrier),
            "r"(round & 1u)
            : "memory");
        if (tiles % STREAMS == 0)
            unit_product<true>(p, streams, count, unit, tiles, lane, slot, lane_table, exponents, greatest, sums);
        else
            unit_product<false>(p, streams, count, unit, tiles, lane, slot, lane_table, exponents, greatest, sums);
        if (unit + slots < units) {
            __syncwarp();
            if (lane < STREAMS) fetch(p, streams, count, unit + slots, lane, slot, barrier, starts);
            __syncwarp();
            if (lane == 0)
                asm volatile("st.release.cta.shared.u32 [%0], %1;" ::"r"(base + ROUNDS + number * 4), "r"(round + 2)
                             : "memory");
        }
        unit = __shfl_sync(0xffffffffu, next, 0);
    }
    __syncthreads();

    // The fixed point is 2^(greatest - EXPONENT_RANGE), and registers of four hold multiples of the levels.
    const int unit_exponent = -EXPONENT_RANGE - (TUPLE == 4 ? (TRELLIS ? 4 : 5) : 0);
    for (u32 i = thread; i < VECTORS * tiles * 16; i += WARPS * 32) {
        const u32 vector = i / (tiles * 16), row = first * 16 + i - vector * (tiles * 16);
        if (row >= p.rows || vector >= p.vectors) continue;
        const long long sum = ((long long)(int)sums[2 * i + 1] << LOW_BITS) + sums[2 * i];
        const float scale = __uint_as_float((u32)(127 + max(greatest[vector] + unit_exponent, -126)) << 23);
        const float step = ((const float*)p.steps)[p.per_row ? row : 0];
        const float y = __fmul_rn(__fmul_rn(__ll2float_rn(sum), scale), step);
        const u64 at = (u64)vector * p.output_stride + row;
        if (p.element == F32) ((float*)p.output)[at] = y;
        else ((u16*)p.output)[at] = p.element == F16 ? float_to_half(y) : float_to_bfloat(y);
    }
}

#endif

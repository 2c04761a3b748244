// Decoding of tuples to fragments of levels, for products with many rows of activations. Macros: TUPLE,
// WIDTH, TRELLIS, STREAMS (of a warp), WARPS (of a block).

#if __CUDA_ARCH__ >= 900

// Shared memory: two barriers for each warp, the block's part, the table, and two slots for each warp.
#define PART 512
#define TABLE 1024
#define SLOTS (TABLE + TABLE_BYTES)

// A segment's stream: its rows, corrections, groups, and the first of its fragments from the first tile on.
struct Stream {
    u32 row, rows, correction, corrections, groups, fragment;

    __device__ __forceinline__ void load(const Part& p, u32 place) {
        const u32 tile = place / p.segments, segment = place - tile * p.segments;
        const uint2* const tiles = (const uint2*)p.index + 1 + tile;
        const u32* const segments = (const u32*)((const uint2*)p.index + 2 + p.tiles) + place;
        const uint2 first = tiles[0], next = tiles[1];
        const u32 entry = segments[0], after = segments[1];
        const bool inner = segment + 1 < p.segments;
        row = first.x + (entry & 0xffffu);
        rows = min(min((inner ? first.x + (after & 0xffffu) : next.x) + p.reach, p.stream_rows) - row,
                   p.slot_rows);
        correction = first.y + (entry >> 16);
        corrections = (inner ? first.y + (after >> 16) : next.y) - correction;
        groups = groups_of(p, segment);
        fragment = (tile - p.first_tile) * row_fragments(p) + segment * fragments_of(p.segment_groups);
    }

    // Returns that of another lane, or one without rows, groups and corrections.
    __device__ __forceinline__ Stream of(u32 lane, bool valid) const {
        const auto from = [&](u32 value) { return __shfl_sync(0xffffffffu, value, lane); };
        Stream found{from(row),         from(rows),   from(correction),
                     from(corrections), from(groups), from(fragment)};
        if (!valid) found.rows = found.corrections = found.groups = 0;
        return found;
    }
};

// What is loaded of a unit before it is decoded.
struct Unit {
    Stream streams[STREAMS];
    u32 starts[STREAMS], entries[STREAMS];
};

// The bytes of a level, in the order of the registers of a row's tuples, as words of fragments.
__device__ __forceinline__ void pack(const u32 (&from)[PACK_GROUPS][4], u32 half,
                                     u32 (&to)[2 * PACK_FRAGMENTS]) {
#if TUPLE == 2
#pragma unroll
    for (int i = 0; i < 2; i++) to[i] = __byte_perm(from[i][half], from[i][half + 2], 0x6521);
#elif TUPLE == 3
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const u32 a = from[2 * i][half], b = from[2 * i][half + 2];
        const u32 c = from[2 * i + 1][half], d = from[2 * i + 1][half + 2];
        to[3 * i] = __byte_perm(a, b, 0x5321);
        to[3 * i + 1] = __byte_perm(b, c, 0x6532);
        to[3 * i + 2] = __byte_perm(c, d, 0x7653);
    }
#else
    to[0] = from[0][half], to[1] = from[0][half + 2];
#endif
}

extern "C" __global__ void __launch_bounds__(WARPS * 32, 1)
    tuple_levels(const __grid_constant__ Product all) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    u32 which = 0;
    while (which + 1 < all.part_count && blockIdx.x >= all.parts[which + 1].first_block) which++;
    if (thread < sizeof(Part) / 4) ((u32*)(memory + PART))[thread] = ((const u32*)&all.parts[which])[thread];
    const u32 base = (u32)__cvta_generic_to_shared(memory);
    if (thread < 2 * WARPS)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(base + thread * 8), "r"(1) : "memory");
    const u32* const registers = (const u32*)all.parts[which].registers;
    uint4* const table = (uint4*)(memory + TABLE);
    for (u32 quad = warp; quad < (1u << WIDTH) / 4; quad += WARPS) {
        const u32 word = registers[quad * 4 + lane / 8];
        table[quad * 32 + lane] = make_uint4(word, word, word, word);
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    const Part& p = *(const Part*)(memory + PART);
    const u32 blocks =
        (which + 1 < all.part_count ? all.parts[which + 1].first_block : gridDim.x) - p.first_block;
    // A warp has consecutive segments, whose entries are loaded 32 at a time.
    const u32 places = p.block_tiles * p.segments, warps = blocks * WARPS;
    const u32 number = (blockIdx.x - p.first_block) * WARPS + warp;
    const u32 begin = p.first_tile * p.segments + (u32)((u64)places * number / warps);
    const u32 end = p.first_tile * p.segments + (u32)((u64)places * (number + 1) / warps);
    const u32 slot_bytes = STREAMS * p.slot_rows * 128, slots = base + SLOTS + warp * 2 * slot_bytes;
    const u32 table_at = base + TABLE + lane * 4, barriers = base + warp * 16;

    Stream loaded;
    auto prepare = [&](Unit& unit, u32 place, u32 slot) {
        if (place >= end) return;
        if ((place - begin) % 32 < STREAMS) loaded.load(p, min(place - (place - begin) % 32 + lane, end - 1));
        u32 bytes = 0;
#pragma unroll
        for (int s = 0; s < STREAMS; s++) {
            const Stream& stream = unit.streams[s] = loaded.of((place - begin) % 32 + s, place + s < end);
            bytes += stream.rows * 128;
            unit.starts[s] = ((const u8*)p.starts)[(u64)min(place + s, end - 1) * 32 + lane];
            unit.entries[s] =
                lane < stream.corrections ? ((const u16*)p.corrections)[stream.correction + lane] : 0;
        }
        if (lane == 0) {
            asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barriers + 8 * slot),
                         "r"(bytes)
                         : "memory");
#pragma unroll
            for (int s = 0; s < STREAMS; s++)
                if (unit.streams[s].rows)
                    bulk_copy(slots + slot * slot_bytes + s * p.slot_rows * 128,
                              p.stream + (u64)unit.streams[s].row * 128, unit.streams[s].rows * 128,
                              barriers + 8 * slot);
        }
    };
    Unit next;
    prepare(next, begin, 0);
    // Products before this one read the levels that it overwrites.
    asm volatile("griddepcontrol.wait;" ::: "memory");
    u32 turn = 0;
    for (u32 place = begin; place < end; place += STREAMS, turn++) {
        const u32 slot = turn % 2;
        const Unit unit = next;
        prepare(next, place + STREAMS, slot ^ 1);
        wait(barriers + 8 * slot, turn / 2 & 1);

        Positions at;
        u32 most = 0;
        u64 to[STREAMS];
#pragma unroll
        for (int s = 0; s < STREAMS; s++) {
            at.open(s, slots + slot * slot_bytes + s * p.slot_rows * 128, unit.starts[s], lane);
            most = max(most, unit.streams[s].groups);
            to[s] = p.levels + (u64)unit.streams[s].fragment * 512 + lane * 16;
        }
#if TRELLIS
        const u32 parity = TUPLE == 4 ? 0x20202020u : 0x02020200u;
        u32 even[STREAMS][2] = {}, odd[STREAMS][2] = {};
#endif
        u32 held[STREAMS][PACK_GROUPS][4];
#pragma unroll 1
        for (u32 group = 0; group < most; group += PACK_GROUPS * BATCH_GROUPS) {
#pragma unroll
            for (int batch = 0; batch < PACK_GROUPS; batch++)
                decode_batch(at, table_at, all.one, [&](int g, u32(&a)[STREAMS][4]) {
                    const int n = batch * BATCH_GROUPS + g;
#pragma unroll
                    for (int s = 0; s < STREAMS; s++) {
#if TRELLIS
                        if (group + n == p.segment_groups)
                            even[s][0] = even[s][1] = odd[s][0] = odd[s][1] = 0;
                        odd[s][0] = (a[s][0] ^ odd[s][0]) & parity;
                        odd[s][1] = (a[s][1] ^ odd[s][1]) & parity;
                        const u32 branches[4] = {even[s][0], even[s][1], odd[s][0], odd[s][1]};
                        even[s][0] = (a[s][2] ^ even[s][0]) & parity;
                        even[s][1] = (a[s][3] ^ even[s][1]) & parity;
#else
                        const u32 branches[4] = {};
#endif
#pragma unroll
                        for (int f = 0; f < 4; f++)
                            held[s][n % PACK_GROUPS][f] = levels_of(a[s][f], branches[f]);
                        if (n % PACK_GROUPS != PACK_GROUPS - 1) continue;
                        // Groups behind the segment's last are noise, which meets digits of zero.
                        if (group + n - (PACK_GROUPS - 1) >= unit.streams[s].groups) continue;
                        u32 low[2 * PACK_FRAGMENTS], high[2 * PACK_FRAGMENTS];
                        pack(held[s], 0, low);
                        pack(held[s], 1, high);
                        const u32 first = (group + n) / PACK_GROUPS * PACK_FRAGMENTS;
#pragma unroll
                        for (int j = 0; j < PACK_FRAGMENTS; j++)
                            *(uint4*)(to[s] + (u64)(first + j) * 512) =
                                make_uint4(low[2 * j], high[2 * j], low[2 * j + 1], high[2 * j + 1]);
                    }
                });
        }
        __syncwarp();
#pragma unroll
        for (int s = 0; s < STREAMS; s++) {
            const Stream& stream = unit.streams[s];
            for (u32 c = lane; c < stream.corrections; c += 32) {
                const u32 entry =
                    c < 32 ? unit.entries[s] : ((const u16*)p.corrections)[stream.correction + c];
                const u32 col = entry >> 4 & 511;
                const FragmentPlace place(TUPLE, col);
                // A corrupt correction may be outside its segment.
                if (col / (8 * TUPLE) >= unit.streams[s].groups) continue;
                const u64 word = to[s] - lane * 16 + (u64)place.fragment * 512 +
                                 (entry % 8 * 4 + place.lane) * 16 + (place.byte / 4 * 2 + entry / 8 % 2) * 4;
                atomicAdd((u32*)word, (u32)correction_of(entry) << 8 * (place.byte % 4));
            }
        }
    }
}

#endif

// The product with tuples.

#if __CUDA_ARCH__ >= 900

// Returns (a ^ b) & mask in one instruction, which the compiler does not always find.
__device__ __forceinline__ u32 changed_parity(u32 a, u32 b, u32 mask) {
    u32 value;
    asm("lop3.b32 %0, %1, %2, %3, 0x28;" : "=r"(value) : "r"(a), "r"(b), "r"(mask));
    return value;
}

// Decodes and multiplies a unit. SAME: all its streams are of one segment. The slot is released when it is
// read.
template <bool SAME>
__device__ __forceinline__ void unit_product(const Part& p, const Work& work, u32 unit, u32 lane,
                                             const u32* starts, u32 slot, u32 released, u32 round, u32 one,
                                             int (&sum)[STREAMS][BLOCKS][4]) {
    u32 groups = 0, from[SAME ? 1 : STREAMS];
    constexpr u32 STEP = GROUP_WORDS / 2;
    Positions at;
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        at.open(s, slot + s * p.slot_rows * 128, starts[s], lane);
        if (SAME && s > 0) continue;
        const u32 segment = work.by_tiles.quotient(min(unit * STREAMS + s, work.count - 1));
        from[s] = segment * p.batch_groups * STEP;
        groups =
            max(groups, segment + 1 < p.segments ? p.segment_groups : p.groups - segment * p.segment_groups);
    }
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
    const uint2* x = (const uint2*)((const u32*)work.digits + word);
    const u32 shared_x = work.digits_at + word * 4;
    // Digits in global memory are loaded a batch ahead, if all streams share them; there are no registers to
    // do so for several.
    constexpr bool LATER = SAME && !SHARED_DIGITS;
    constexpr int LOADED = LATER ? BATCH_GROUPS : 1;
    uint2 later[LOADED][BLOCKS];
    auto load = [&](u32 at) {
        if (!SHARED_DIGITS) return __ldcg(x + at);
        uint2 value;
        asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                     : "=r"(value.x), "=r"(value.y)
                     : "r"(shared_x + at * 8));
        return value;
    };
    if (LATER)
#pragma unroll
        for (int g = 0; g < LOADED; g++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++) later[g][b] = load(from[0] + g * STEP + b * 32);
#pragma unroll 1
    for (u32 group = 0; group < groups; group += BATCH_GROUPS) {
#if TRELLIS
        // The trellis restarts at every multiple of a segment's columns; the last segment may be longer.
        if (group == p.segment_groups) {
#pragma unroll
            for (int s = 0; s < STREAMS; s++) even[s][0] = even[s][1] = odd[s][0] = odd[s][1] = 0;
            asm volatile("" ::: "memory");
        }
#endif
        uint2 now[SAME ? 1 : STREAMS][BATCH_GROUPS][BLOCKS];
#pragma unroll
        for (int s = 0; s < (SAME ? 1 : STREAMS); s++) {
            if (LATER) from[s] += BATCH_GROUPS * STEP;
#pragma unroll
            for (int g = 0; g < BATCH_GROUPS; g++)
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 loaded = load(from[s] + g * STEP + b * 32);
                    now[s][g][b] = LATER ? later[g % LOADED][b] : loaded;
                    if (LATER) later[g % LOADED][b] = loaded;
                }
            if (!LATER) from[s] += BATCH_GROUPS * STEP;
        }
        decode_batch(at, work.table, one, [&](int g, u32(&a)[STREAMS][4]) {
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
                odd[s][0] = changed_parity(a[s][0], odd[s][0], parity);
                odd[s][1] = changed_parity(a[s][1], odd[s][1], parity);
                const u32 bits[4] = {even[s][0], even[s][1], odd[s][0], odd[s][1]};
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 d = now[SAME ? 0 : s][g][b];
                    multiply(branch[s][b], bits, d.x, d.y);
                }
                even[s][0] = changed_parity(a[s][2], even[s][0], parity);
                even[s][1] = changed_parity(a[s][3], even[s][1], parity);
#endif
            }
        });
    }
    __syncwarp();
    if (lane == 0) release(released, round + 1);
#if TRELLIS
#pragma unroll
    for (int s = 0; s < STREAMS; s++)
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[s][b][i] += branch[s][b][i] >> 1;
#endif
}

// Multiplies matrices with VECTORS rows of digits. A block has consecutive tiles of a matrix with all their
// segments; its units are STREAMS streams each, in the order of segments, then tiles. Behind the warps that
// decode, two fill the slots of shared memory.
extern "C" __global__ void __launch_bounds__(THREADS + 64, 1)
    tuple_product(const __grid_constant__ Product all) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#if PARTS == 1
    const Part& p = all.parts[0];
#else
    // Parameters with an index that is not known would be held in registers.
    u32 which = 0;
    while (which + 1 < all.part_count && blockIdx.x >= all.parts[which + 1].first_block) which++;
    if (thread < sizeof(Part) / 4) ((u32*)(memory + PART))[thread] = ((const u32*)&all.parts[which])[thread];
    __syncthreads();
    const Part& p = *(const Part*)(memory + PART);
#endif
    const u32 block = blockIdx.x - p.first_block, first_row = blockIdx.y * VECTORS;
    // The number of rows is written before the program starts.
    if (blockIdx.y > 0 && all.active && first_row >= all.active->rows[all.which]) {
        asm volatile("griddepcontrol.wait;" ::: "memory");
        return;
    }
    // The table's words are loaded first, or they would wait behind the streams.
    constexpr int QUADS = (1 << WIDTH) / 4, TURNS = (QUADS + WARPS - 1) / WARPS;
    u32 words[TURNS];
#pragma unroll
    for (int i = 0; i < TURNS; i++) {
        const u32 quad = warp + i * WARPS;
        words[i] = warp < WARPS && quad < QUADS ? ((const u32*)p.registers)[quad * 4 + lane / 8] : 0;
    }
    const u32 tiles = p.block_tiles + (block < p.more_tiles), count = tiles * p.segments;
    const u32 most_tiles = p.block_tiles + (p.more_tiles > 0);
    const u32 base = (u32)__cvta_generic_to_shared(memory);
    Power* const powers = (Power*)(memory + TABLE + TABLE_BYTES);
    float* const steps = (float*)(powers + VECTORS * p.segments);
    u32* const sums = (u32*)(steps + most_tiles * 16);
    const u32 digits_at = ((u32)__cvta_generic_to_shared(sums + VECTORS * most_tiles * 32) + 127) / 128 * 128;
    const u32 digit_bytes = p.segments * p.batch_groups * GROUP_WORDS * 4;
    const u32 slots_at = digits_at + (SHARED_DIGITS ? (digit_bytes + 127) / 128 * 128 : 0);
    const u32 units = (count + STREAMS - 1) / STREAMS;
    const Work work{(const u8*)p.digits + (u64)blockIdx.y * digit_bytes,
                    (u32)__cvta_generic_to_shared(sums),
                    (u32)__cvta_generic_to_shared(powers),
                    p.first_tile + block * p.block_tiles + min(block, p.more_tiles),
                    count,
                    units,
                    tiles,
                    base + TABLE + lane * 4,
                    digits_at,
                    slots_at,
                    STREAMS * p.slot_rows * 128,
                    base,
                    Divider(tiles),
                    Divider(min(p.slots, units))};

    if (warp >= WARPS) {
        const u32 slots = work.by_slots.divisor, filler = warp - WARPS;
        u32 begin = 0, end = 0;
        if (filler == 0) {
            for (u32 slot = WARPS + lane; slot < slots; slot += 32) open_slot(memory, base, slot);
            asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        } else {
            const u32 last = p.first + p.count - 1;
            for (u32 i = lane; i < tiles * 16; i += 32)
                steps[i] = ((const float*)p.steps)[p.per_row ? min(work.first * 16 + i, last) : 0];
            begin = ((const uint2*)p.index + 1 + work.first)[0].x;
            end = ((const uint2*)p.index + 1 + work.first)[tiles].x;
        }
        __syncthreads();
        if (filler == 1 && all.prefetch) prefetch(p.stream + (u64)begin * 128, (end - begin) * 128, lane);
        // The two warps take turns. The index is read for several units at a time, a stream for each lane,
        // and ahead of them.
        constexpr u32 TOGETHER = 32 / STREAMS;
        const u32 turn = lane / STREAMS;
        Entries entries;
        auto load = [&](u32 first) {
            entries.load(p, work, min((first + 2 * turn) * STREAMS + lane % STREAMS, count - 1));
        };
        load(WARPS + filler);
        for (u32 first = WARPS + filler; first < units; first += 2 * TOGETHER) {
            const Entries own = entries;
            load(first + 2 * TOGETHER);
            for (u32 i = 0; i < TOGETHER && first + 2 * i < units; i++) {
                const u32 unit = first + 2 * i;
                const u32 round = work.by_slots.quotient(unit), number = unit - round * slots;
                while (acquire(base + RELEASED + number * 4) < round) __nanosleep(50);
                if (turn == i) fill(p, work, unit, lane % STREAMS, own);
                __syncwarp();
                if (lane == 0) release(base + FILLED + number * 4, round + 1);
            }
        }
        // From here on memory has nothing to do for this product.
        if (filler == 0)
            for (u32 i = 0; i < all.hint_count; i++)
                prefetch_share(all.hints[i].address, all.hints[i].bytes, lane);
        return;
    }

    // A warp fills the slot of its first unit itself: there is one for each, as the host sees to.
    if (warp < units) {
        Entries entries;
        entries.load(p, work, min(warp * STREAMS + lane % STREAMS, count - 1));
        if (lane == 0) open_slot(memory, base, warp);
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncwarp();
        if (lane < STREAMS) fill(p, work, warp, lane, entries);
    }
    for (u32 i = thread; i < VECTORS * tiles * 32; i += THREADS) sums[i] = 0;
    Ahead ahead;
    ahead.load(p, work, warp, lane);
    uint4* const table = (uint4*)(memory + TABLE);
#pragma unroll
    for (int i = 0; i < TURNS; i++) {
        const u32 quad = warp + i * WARPS;
        if (quad < QUADS) table[quad * 32 + lane] = make_uint4(words[i], words[i], words[i], words[i]);
    }
    __syncthreads();
    asm volatile("griddepcontrol.wait;" ::: "memory");
    if (SHARED_DIGITS) {
        uint4* const copy = (uint4*)(memory + (digits_at - base));
        const uint4* const from = (const uint4*)work.digits;
        for (u32 i = thread; i < digit_bytes / 16; i += THREADS) copy[i] = __ldcg(from + i);
    }
    for (u32 vector = warp; vector < VECTORS; vector += WARPS) {
        const int* const exponents = (const int*)p.exponents + (first_row + vector) * p.segments;
        const int own = lane < p.segments ? __ldcg(exponents + lane) : -1000;
        int most = own;
        for (u32 s = lane + 32; s < p.segments; s += 32) most = max(most, __ldcg(exponents + s));
        most = __reduce_max_sync(0xffffffffu, most);
        if (lane == 0) ((int*)(memory + GREATEST))[vector] = most;
        for (u32 s = lane; s < p.segments; s += 32) {
            const int shift = EXPONENT_RANGE + (s == lane ? own : __ldcg(exponents + s)) - most;
            powers[vector * p.segments + s] = Power{1 << max(shift, 0), min(max(-shift, 0), 31)};
        }
    }
    asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory");
    for (u32 unit = warp; unit < units; unit += WARPS) {
        const u32 round = work.by_slots.quotient(unit), number = unit - round * work.by_slots.divisor;
        const u32 slot = slots_at + number * work.slot_bytes, released = base + RELEASED + number * 4;
        Corrections corrections;
        corrections.load(p, ahead, lane);
        // A barrier's parity does not tell a load that has not begun from one that is complete, so rounds are
        // counted too.
        while (acquire(base + FILLED + number * 4) <= round) {}
        wait(base + number * 8, round & 1);
        const Ahead own = ahead;
        if (unit + WARPS < units) ahead.load(p, work, unit + WARPS, lane);
        int sum[STREAMS][BLOCKS][4];
        if (tiles % STREAMS == 0)
            unit_product<true>(p, work, unit, lane, own.starts, slot, released, round, all.one, sum);
        else
            unit_product<false>(p, work, unit, lane, own.starts, slot, released, round, all.one, sum);
        store(p, work, sum, unit, lane);
        correct(p, work, corrections, unit, lane);
    }
    asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory");

    const u32 rows = all.active ? all.active->rows[all.which] : all.rows;
    for (u32 i = thread; i < VECTORS * tiles * 16; i += THREADS) {
        const u32 vector = VECTORS == 1 ? 0 : i / (tiles * 16), in_block = i - vector * (tiles * 16);
        const u32 row = work.first * 16 + in_block;
        if (row < p.first || row >= p.first + p.count || first_row + vector >= rows) continue;
        const int greatest = ((const int*)(memory + GREATEST))[vector];
        const long long sum = ((long long)(int)sums[2 * i + 1] << LOW_BITS) + sums[2 * i];
        finish(p, row, first_row + vector, greatest, sum, steps[in_block]);
    }
}

#endif

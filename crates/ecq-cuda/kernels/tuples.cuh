// Decoding of tuples to registers of operand A of mma.m16n8k32 with 8-bit integers. See ecq_coding::tuples
// for the stream. A warp decodes STREAMS segments at a time; TUPLE, WIDTH and TRELLIS are those of the
// matrix.

// With 32 copies the table has one for each lane: entry i of lane l is at byte 128 i + 4 l, so that lanes
// never meet in a bank of shared memory. With one, there is room for more warps.
#ifndef TABLE_COPIES
#define TABLE_COPIES 32
#endif
#define TABLE_BYTES (4u * TABLE_COPIES << WIDTH)
// Lookups that one window of 32 bits always covers.
#define WINDOW (WIDTH <= 8 ? 4 : WIDTH <= 10 ? 3 : 2)
// Groups that take a whole number of windows.
#define BATCH_GROUPS (WINDOW == 3 ? 3 : 1)

__device__ __forceinline__ u32 shared_word(u32 address) {
    u32 value;
    asm volatile("ld.volatile.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
    return value;
}

// Positions of a lane in STREAMS segments: the word with the next bit and the word behind it, the number of
// bits taken (modulo 64; more significant bits are arbitrary), and the address of the word after those.
struct Positions {
    u32 word[STREAMS], next[STREAMS], taken[STREAMS], from[STREAMS];

    // Starts a segment whose stream rows begin at `rows` in shared memory; `start` is the lane's distance in
    // bits.
    __device__ __forceinline__ void open(int stream, u32 rows, u32 start, u32 lane) {
        from[stream] = rows + (start / 32) * 128 + lane * 4;
        asm volatile("ld.shared.u32 %0, [%2]; ld.shared.u32 %1, [%2 + 128];"
                     : "=r"(word[stream]), "=r"(next[stream])
                     : "r"(from[stream])
                     : "memory");
        from[stream] += 256;
        taken[stream] = start;
    }

    // Takes the bits of a window. The moves are written as multiplications by a one that the compiler does
    // not know, because integer additions and shifts fill the other pipe.
    __device__ __forceinline__ void advance(int stream, u32 bits, u32 one) {
        const u32 then = taken[stream] + bits;
        asm volatile("{ .reg .pred crossed; .reg .b32 changed;\n"
                     "xor.b32 changed, %3, %4;\n"
                     "and.b32 changed, changed, 32;\n"
                     "setp.ne.u32 crossed, changed, 0;\n"
                     "@crossed mad.lo.u32 %0, %1, %5, 0;\n"
                     "@crossed ld.shared.u32 %1, [%2];\n"
                     "@crossed mad.lo.u32 %2, %5, 128, %2; }"
                     : "+r"(word[stream]), "+r"(next[stream]), "+r"(from[stream])
                     : "r"(taken[stream]), "r"(then), "r"(one));
        taken[stream] = then;
    }
};

// Decodes BATCH_GROUPS groups of each stream. Calls use(group, registers), where `registers[stream]` are the
// four registers of operand A.
template <class Use>
__device__ __forceinline__ void decode_batch(Positions& at, u32 table, u32 one, Use use) {
    u32 registers[STREAMS][4];
#pragma unroll
    for (int first = 0; first < 4 * BATCH_GROUPS; first += WINDOW) {
        u32 bits[STREAMS], sum[STREAMS];
#pragma unroll
        for (int s = 0; s < STREAMS; s++) {
            bits[s] = __funnelshift_l(at.next[s], at.word[s], at.taken[s]);
            sum[s] = 0;
        }
#pragma unroll
        for (int i = 0; i < WINDOW; i++) {
            const int f = (first + i) % 4;
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
                u32 address;
                asm("mad.lo.u32 %0, %1, %3, %2;"
                    : "=r"(address)
                    : "r"(bits[s] >> (32 - WIDTH)), "r"(table), "n"(4 * TABLE_COPIES));
                const u32 entry = shared_word(address);
                // Shifts take the low five bits of an entry, which are its length.
                if (i + 1 < WINDOW) bits[s] = __funnelshift_l(0u, bits[s], entry);
                registers[s][f] = TUPLE == 4 ? entry & 0xe0e0e0e0u : entry;
                sum[s] += TUPLE == 4 ? entry - registers[s][f] : entry;
            }
            if (f == 3) use((first + i) / 4, registers);
        }
#pragma unroll
        for (int s = 0; s < STREAMS; s++) at.advance(s, sum[s], one);
    }
}

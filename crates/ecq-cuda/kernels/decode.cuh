// What the kernels that decode streams share. A launch decodes up to JOBS matrices.
//
// Macro BITS: 0, and elements are written to bytes in rows that are `stride` bytes apart, which
// `decode_pack.cu` packs; or the bits of an element, and whole rows are packed to units at once.
//
// The work of a job is divided among warps. Every job begins with a JobHead.

#define JOBS 16u
#define BAD_STREAM 3

struct JobHead {
    u32 first_block;             // of the launch
    u32 weight;                  // what is reported if the stream is bad
    u8* bytes;                   // elements
    u64 stride;                  // a multiple of 16
    u32* words;                  // packed elements
    u32 units;                   // of a tile, or of a row: blocks, with those that pad its last chunk
    u32 base;                    // subtracted from elements, the same in each byte
};

template <class Job> struct Jobs {
    Job jobs[JOBS];
    Report* report;
    u32 count, padding;
};

// Returns the job of this block.
template <class Job> __device__ __forceinline__ const Job& own_job(const Jobs<Job>& all) {
    u32 which = 0;
    while (which + 1 < all.count && blockIdx.x >= all.jobs[which + 1].head.first_block) which++;
    return all.jobs[which];
}

// Returns the number of this warp among those of its job.
__device__ __forceinline__ u32 own_warp(const JobHead& head) {
    return (blockIdx.x - head.first_block) * (blockDim.x / 32) + threadIdx.x / 32;
}

// Tells the host that a stream is bad; what is wrong, the host's decoder finds.
template <class Job> __device__ __forceinline__ void report_bad(const Jobs<Job>& all, const JobHead& head) {
    all.report->value = head.weight, all.report->code = BAD_STREAM;
}

// Copies a table to shared memory, with all threads of the block; lengths are multiples of 16 bytes.
__device__ __forceinline__ void copy_table(void* to, const void* from, u32 bytes) {
    for (u32 i = threadIdx.x; i < bytes / 16; i += blockDim.x)
        ((uint4*)to)[i] = __ldg((const uint4*)from + i);
}

// A tile of a matrix.
struct Tile {
    u32 row, col, rows, cols;
};

// How a matrix is divided into tiles.
struct Tiling {
    u32 rows, cols, tile_rows, tile_cols, across, tiles;

    __device__ __forceinline__ Tile tile(u32 number) const {
        const u32 row = number / across * tile_rows, col = number % across * tile_cols;
        return {row, col, min(tile_rows, rows - row), min(tile_cols, cols - col)};
    }
};

#if BITS

#define TILE_ROWS 16u
#define UNIT_COLUMNS 256u
#define BLOCK 32u

// Returns each byte less that of `base`, modulo 256.
__device__ __forceinline__ u32 less(u32 bytes, u32 base) {
    const u32 high = 0x80808080u;
    return ((bytes | high) - (base & ~high)) ^ ((bytes ^ ~base) & high);
}

// Packs a unit of a tile in the layout of codes.cu. `elements(block, word)` are four of the lane: of the row
// lane / 4 + word % 2 * 8 and the columns from 4 * (lane % 4 + word / 2 * 4) on of the block. Of each the
// lowest BITS bits are packed; what they lack is an outlier's.
template <class Elements>
__device__ __forceinline__ void pack_unit(const JobHead& head, u32 tile, u32 unit, Elements elements) {
    u32 codes[UNIT_COLUMNS / BLOCK][4];
#pragma unroll
    for (u32 block = 0; block < UNIT_COLUMNS / BLOCK; block++) {
#pragma unroll
        for (u32 word = 0; word < 4; word++) codes[block][word] = elements(block, word);
    }
    uint4* const to =
        (uint4*)head.words + ((u64)tile * head.units + unit) * BITS * 32 + threadIdx.x % 32;
    u32 load = 0, shift = 0;
#pragma unroll
    for (u32 width = 8; width > 0; width /= 2) {
        if (!(BITS & width)) continue;
        const u32 mask = ((1u << width) - 1) * 0x01010101u;
#pragma unroll
        for (u32 i = 0; i < width; i++) {
            u32 all[4];
#pragma unroll
            for (u32 word = 0; word < 4; word++) {
                all[word] = 0;
#pragma unroll
                for (u32 block = 0; block < 8 / width; block++)
                    all[word] |= (codes[i * (8 / width) + block][word] >> shift & mask) << (width * block);
            }
            to[(load + i) * 32] = make_uint4(all[0], all[1], all[2], all[3]);
        }
        load += width, shift += width;
    }
}

// Rows of a unit's elements, less the base, of a warp in shared memory, for two tiles of codes.cu. A thread
// that has a row and writes four bytes of it, and a warp that reads what it packs, meet each bank once.
#define STAGED_WORDS (2u * TILE_ROWS * UNIT_COLUMNS / 4)
struct Staging {
    u32* words;

    __device__ __forceinline__ u32& quad(u32 row, u32 quad) const {
        return words[row * (UNIT_COLUMNS / 4) + ((quad & ~3u) ^ 4 * (row % 8)) + (quad + row / 8) % 4];
    }

    __device__ __forceinline__ void clear(u32 row) const {
#pragma unroll 4
        for (u32 i = 0; i < UNIT_COLUMNS / 4; i++) quad(row, i) = 0;
    }

    // Packs a unit of `tiles` tiles from `tile` on.
    __device__ __forceinline__ void
    pack(const JobHead& head, u32 tile, u32 tiles, u32 unit) const {
        const u32 lane = threadIdx.x % 32;
        __syncwarp();
        for (u32 half = 0; half < tiles; half++)
            pack_unit(head, tile + half, unit, [&](u32 block, u32 word) {
                const u32 row = half * TILE_ROWS + lane / 4 + word % 2 * 8;
                return quad(row, block * 8 + lane % 4 + word / 2 * 4);
            });
        __syncwarp();
    }
};

#endif

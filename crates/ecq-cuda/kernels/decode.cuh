// What the kernels that decode streams share. A launch decodes up to JOBS matrices to bytes, an element per
// byte, in rows that are `stride` bytes apart; `decode_pack.cu` packs them as products read them.
//
// The work of a job is divided among warps. Every job begins with a JobHead.

#define JOBS 8u
#define BAD_STREAM 3

struct JobHead {
    u32 first_block;             // of the launch
    u32 weight;                  // what is reported if the stream is bad
    u8* bytes;                   // elements
    u64 stride;                  // a multiple of 16
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
    for (u32 i = threadIdx.x; i < bytes / 16; i += blockDim.x) ((uint4*)to)[i] = __ldg((const uint4*)from + i);
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

// From bytes to what products read, and from packed codes to bytes.
//
// Macros:
//   BITS         bits of an element

#define TILE_ROWS 16u
#define UNIT_COLUMNS 256u
#define BLOCK 32u

// Packed codes: rows of whole bytes, the least significant bit first.
struct UnpackJob {
    JobHead head;
    const u8* stream;
    u64 row_bytes;
    u32 rows, cols;
};

// Writes codes of BITS bits to bytes, 32 columns per warp.
extern "C" __global__ void __launch_bounds__(512) unpack(const __grid_constant__ Jobs<UnpackJob> all) {
    wait_for_previous();
    const UnpackJob& job = own_job(all);
    const u32 per_row = (job.cols + 31) / 32, number = own_warp(job.head);
    const u32 row = number / per_row, col = number % per_row * 32 + threadIdx.x % 32;
    if (row >= job.rows || col >= job.cols) return;
    const u64 bit = (u64)col * BITS;
    const u8* const from = job.stream + row * job.row_bytes + bit / 8;
    // A code that ends in its first byte may be in the last one.
    const u32 both = from[0] | (bit % 8 + BITS > 8 ? (u32)from[1] << 8 : 0);
    job.head.bytes[row * job.head.stride + col] = (u8)(both >> bit % 8 & ((1u << BITS) - 1));
}

// Codes of a trellis grid.
struct LevelsJob {
    JobHead head;
    u32 rows, cols, zero, lag, restart, padding;
};

// Replaces codes by levels: twice the code plus the branch bit. A thread has every lag-th column of a
// restart, for four neighbouring columns at a time.
extern "C" __global__ void __launch_bounds__(512) levels(const __grid_constant__ Jobs<LevelsJob> all) {
    wait_for_previous();
    const LevelsJob& job = own_job(all);
    const u32 chains = job.lag / 4, restarts = (job.cols + job.restart - 1) / job.restart;
    const u64 number = (u64)own_warp(job.head) * 32 + threadIdx.x % 32;
    const u64 place = number / chains;
    if (place / restarts >= job.rows) return;
    const u64 start = place % restarts * job.restart;
    u8* const row = job.head.bytes + place / restarts * job.head.stride;
    const u64 end = min((u64)job.cols, start + job.restart);
    const u32 zeros = (job.zero & 1) * 0x01010101u;
    u32 parities = 0, bits[2] = {0, 0};
    // Rows are padded to whole words.
    for (u64 col = start + number % chains * 4; col < end; col += job.lag) {
        u32* const word = (u32*)(row + col);
        const u32 codes = *word, branches = parities ^ bits[1];
        parities = (codes ^ zeros) & 0x01010101u;
        bits[1] = bits[0], bits[0] = branches;
        *word = (codes << 1 & 0xfefefefeu) | branches;
    }
}

// Elements of a matrix: `base` is subtracted, and what does not fit BITS bits is clamped.
struct PackJob {
    JobHead head;
    u32* words;
    u64 units;                   // of a tile, or of a row: blocks, with those that pad its last chunk
    u32 rows, cols, base, lanes, chunks, padding;
};

__device__ __forceinline__ u32 element_of(u32 byte, u32 base) {
    return min(byte - min(byte, base), (1u << BITS) - 1);
}

// Returns four elements of a row, of which those behind the last column are zero.
__device__ __forceinline__ u32 quad(const PackJob& job, u32 row, u64 col) {
    if (row >= job.rows || col >= job.cols) return 0;
    u32 all = *(const u32*)(job.head.bytes + row * job.head.stride + col);
    if (job.base > 0 || BITS < 8) {
        u32 elements = 0;
#pragma unroll
        for (u32 i = 0; i < 4; i++) elements |= element_of(all >> (8 * i) & 0xff, job.base) << (8 * i);
        all = elements;
    }
    return col + 4 <= job.cols ? all : all & ((1u << (8 * (job.cols - col))) - 1);
}

// Packs to the layout of codes.cu, a unit per warp.
extern "C" __global__ void __launch_bounds__(512) pack_units(const __grid_constant__ Jobs<PackJob> all) {
    wait_for_previous();
    const PackJob& job = own_job(all);
    const u64 number = own_warp(job.head);
    const u32 lane = threadIdx.x % 32, tile = (u32)(number / job.units);
    if ((u64)tile * TILE_ROWS >= job.rows) return;
    const u64 unit = number % job.units;
    uint4* const to = (uint4*)job.words + number * BITS * 32 + lane;
    const u32 row = tile * TILE_ROWS + lane / 4;
    const u64 first = unit * UNIT_COLUMNS + lane % 4 * 4;
    u32 codes[8][4];
#pragma unroll
    for (u32 block = 0; block < 8; block++) {
#pragma unroll
        for (u32 word = 0; word < 4; word++)
            codes[block][word] = quad(job, row + word % 2 * 8, first + block * BLOCK + word / 2 * 16);
    }
    u32 load = 0, shift = 0;
#pragma unroll
    for (u32 width = 8; width > 0; width /= 2) {
        if (!(BITS & width)) continue;
        const u32 mask = ((1u << width) - 1) * 0x01010101u;
#pragma unroll
        for (u32 i = 0; i < width; i++) {
            u32 words[4];
#pragma unroll
            for (u32 word = 0; word < 4; word++) {
                words[word] = 0;
#pragma unroll
                for (u32 block = 0; block < 8 / width; block++)
                    words[word] |= (codes[i * (8 / width) + block][word] >> shift & mask) << (width * block);
            }
            to[(load + i) * 32] = make_uint4(words[0], words[1], words[2], words[3]);
        }
        load += width, shift += width;
    }
}

// Packs to the layout of linear.cu: a block of 32 columns per thread.
extern "C" __global__ void __launch_bounds__(512) pack_lanes(const __grid_constant__ Jobs<PackJob> all) {
    wait_for_previous();
    const PackJob& job = own_job(all);
    const u64 number = (u64)own_warp(job.head) * 32 + threadIdx.x % 32;
    const u32 row = (u32)(number / job.units), block = (u32)(number % job.units);
    if (row >= job.rows) return;
    const u32 chunk = block / job.lanes, lane = block % job.lanes;
    u32* const to = job.words + ((u64)row * job.chunks + chunk) * job.lanes * BITS;
    u64 pending = 0;
    u32 held = 0, word = 0;
#pragma unroll
    for (u32 i = 0; i < 8; i++) {
        const u32 elements = quad(job, row, (u64)block * BLOCK + 4 * i);
#pragma unroll
        for (u32 j = 0; j < 4; j++) {
            pending |= (u64)(elements >> (8 * j) & 0xff) << held;
            held += BITS;
            if (held < 32) continue;
            // Words are in pieces of 4, then 2, then 1.
            const u32 fours = BITS / 4 * 4, twos = fours + BITS % 4 / 2 * 2;
            const u32 start = word < fours ? word / 4 * 4 : word < twos ? fours : BITS - 1;
            const u32 width = word < fours ? 4 : word < twos ? 2 : 1;
            to[start * job.lanes + lane * width + (word - start)] = (u32)pending;
            pending >>= 32, held -= 32, word++;
        }
    }
}

// How often each element occurs.
struct CountJob {
    JobHead head;
    u64* counts;                 // [256]
    u32 rows, cols;
};

// Columns that a warp counts.
#define COUNTED 4096u

extern "C" __global__ void __launch_bounds__(512) count(const __grid_constant__ Jobs<CountJob> all) {
    __shared__ u32 counts[256];
    for (u32 i = threadIdx.x; i < 256; i += blockDim.x) counts[i] = 0;
    wait_for_previous();
    __syncthreads();
    const CountJob& job = own_job(all);
    const u32 per_row = (job.cols + COUNTED - 1) / COUNTED, number = own_warp(job.head);
    const u32 row = number / per_row, first = number % per_row * COUNTED;
    if (row < job.rows) {
        const u8* const bytes = job.head.bytes + row * job.head.stride;
        const u32 end = min(job.cols, first + COUNTED);
        for (u32 col = first + threadIdx.x % 32; col < end; col += 32) atomicAdd(&counts[bytes[col]], 1);
    }
    __syncthreads();
    for (u32 i = threadIdx.x; i < 256; i += blockDim.x)
        if (counts[i]) atomicAdd(&job.counts[i], (u64)counts[i]);
}

// Elements below `first` or from `end` on.
struct OutsideJob {
    JobHead head;
    u32* starts;                 // [rows]: first entry of each row; or their number is written
    uint2* entries;              // column and element, or none
    u32 rows, cols, first, end;
};

// Lists elements in the order of columns, a row per warp.
extern "C" __global__ void __launch_bounds__(512) outside(const __grid_constant__ Jobs<OutsideJob> all) {
    wait_for_previous();
    const OutsideJob& job = own_job(all);
    const u32 row = own_warp(job.head), lane = threadIdx.x % 32;
    if (row >= job.rows) return;
    const u8* const bytes = job.head.bytes + row * job.head.stride;
    u32 at = job.entries ? job.starts[row] : 0;
    for (u32 start = 0; start < job.cols; start += 32) {
        const u32 col = start + lane, element = col < job.cols ? bytes[col] : job.first;
        const bool listed = element < job.first || element >= job.end;
        const u32 lanes = __ballot_sync(0xffffffffu, listed);
        if (listed && job.entries) job.entries[at + __popc(lanes & ((1u << lane) - 1))] = make_uint2(col, element);
        at += __popc(lanes);
    }
    if (!job.entries && lane == 0) job.starts[row] = at;
}

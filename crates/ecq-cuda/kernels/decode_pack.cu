// From bytes to what products read, and from packed codes to bytes.
//
// Macros:
//   BITS         bits of an element

// Packed codes: rows of whole bytes, the least significant bit first.
struct UnpackJob {
    JobHead head;
    const u8* stream;
    u64 row_bytes;
    u32 rows, cols;
};

// Writes codes of BITS bits to bytes, 8 columns per thread.
extern "C" __global__ void __launch_bounds__(512) unpack(const __grid_constant__ Jobs<UnpackJob> all) {
    wait_for_previous();
    const UnpackJob& job = own_job(all);
    const u32 per_row = (job.cols + 7) / 8;
    const u64 number = (u64)own_warp(job.head) * 32 + threadIdx.x % 32;
    const u32 row = (u32)(number / per_row), group = (u32)(number % per_row);
    if (row >= job.rows) return;
    // Eight codes are BITS bytes, of which the last ones of a row may not exist.
    const u8* const from = job.stream + row * job.row_bytes + (u64)group * BITS;
    const u64 left = job.row_bytes - (u64)group * BITS;
    u64 bits = 0;
#pragma unroll
    for (u32 i = 0; i < BITS; i++)
        if (i < left) bits |= (u64)from[i] << (8 * i);
    u64 codes = 0;
#pragma unroll
    for (u32 i = 0; i < 8; i++) codes |= (bits >> (BITS * i) & ((1u << BITS) - 1)) << (8 * i);
    // Rows are padded to whole vectors.
    *(u64*)(job.head.bytes + row * job.head.stride + 8 * group) = codes;
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

struct PackJob {
    JobHead head;
    u32 rows, cols, lanes, chunks;
};

// Returns four elements of a row as bytes, of which those behind the last column are zero.
__device__ __forceinline__ u32 quad(const PackJob& job, u32 row, u32 col) {
    if (row >= job.rows || col >= job.cols) return 0;
    const u32 bytes = *(const u32*)(job.head.bytes + row * job.head.stride + col);
    const u32 elements = less(bytes, job.head.base);
    return col + 4 <= job.cols ? elements : elements & ((1u << (8 * (job.cols - col))) - 1);
}

// Packs to the layout of codes.cu, a unit per warp.
extern "C" __global__ void __launch_bounds__(128) pack_units(const __grid_constant__ Jobs<PackJob> all) {
    __shared__ u32 staged[4][STAGED_WORDS / 2];
    wait_for_previous();
    const PackJob& job = own_job(all);
    const u32 number = own_warp(job.head), lane = threadIdx.x % 32;
    const u32 tile = number / job.head.units, unit = number % job.head.units;
    if (tile * TILE_ROWS >= job.rows) return;
    const Staging staging = {staged[threadIdx.x / 32]};
    // Half a row per load of 16 lanes.
#pragma unroll
    for (u32 i = 0; i < TILE_ROWS / 2; i++) {
        const u32 in_tile = 2 * i + lane / 16, row = tile * TILE_ROWS + in_tile;
        const u32 col = unit * UNIT_COLUMNS + lane % 16 * 16;
        uint4 bytes = make_uint4(0, 0, 0, 0);
        // Rows are padded to whole vectors.
        if (row < job.rows && col < job.cols)
            bytes = *(const uint4*)(job.head.bytes + row * job.head.stride + col);
        const u32 words[4] = {bytes.x, bytes.y, bytes.z, bytes.w};
#pragma unroll
        for (u32 word = 0; word < 4; word++) {
            const u32 first = col + 4 * word;
            const u32 kept = first >= job.cols ? 0 : job.cols - first;
            const u32 mask = kept >= 4 ? 0xffffffffu : (1u << (8 * kept)) - 1;
            staging.quad(in_tile, lane % 16 * 4 + word) = less(words[word], job.head.base) & mask;
        }
    }
    staging.pack(job.head, tile, 1, unit);
}

// Packs to the layout of linear.cu: a block of 32 columns per thread.
extern "C" __global__ void __launch_bounds__(512) pack_lanes(const __grid_constant__ Jobs<PackJob> all) {
    wait_for_previous();
    const PackJob& job = own_job(all);
    const u64 number = (u64)own_warp(job.head) * 32 + threadIdx.x % 32;
    const u32 row = (u32)(number / job.head.units), block = (u32)(number % job.head.units);
    if (row >= job.rows) return;
    const u32 chunk = block / job.lanes, lane = block % job.lanes;
    u32* const to = job.head.words + ((u64)row * job.chunks + chunk) * job.lanes * BITS;
    u64 pending = 0;
    u32 held = 0, word = 0;
#pragma unroll
    for (u32 i = 0; i < 8; i++) {
        const u32 elements = quad(job, row, block * BLOCK + 4 * i);
#pragma unroll
        for (u32 j = 0; j < 4; j++) {
            pending |= (u64)(elements >> (8 * j) & ((1u << BITS) - 1)) << held;
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
        const u32 place = at + __popc(lanes & ((1u << lane) - 1));
        if (listed && job.entries) job.entries[place] = make_uint2(col, element);
        at += __popc(lanes);
    }
    if (!job.entries && lane == 0) job.starts[row] = at;
}

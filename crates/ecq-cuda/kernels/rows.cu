// Kernels that work on rows or values: norms, rotary embedding, activation functions, sums, gathering, the KV
// cache, multi-step decoding. Products and sums are rounded separately, as on the CPU.

#define THREADS 256u

// Values that a thread holds in registers.
#define HELD 4u

// Norms of rows of `width` values; one block per row. `layer` subtracts the mean first.
struct NormParameters {
    float* x;
    float* y;
    const float* weight;
    const float* bias;
    const float* added;          // `added_scale` times this is added to x first, if it is there
    const ActiveRows* active;
    u32 which, heads, width, layer;
    float eps, added_scale;
    Activations next;            // of the following product, if there are outputs
};

extern "C" __global__ void __launch_bounds__(1024) norm_rows(const __grid_constant__ NormParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.x, held = HELD * blockDim.x;
    if (row >= p.active->rows[p.which] * p.heads) return;
    float* x = p.x + (u64)row * p.width;
    float* y = p.y + (u64)row * p.width;
    const float* added = p.added + (u64)row * p.width;
    // Each value is written by the thread that reads it.
    if (p.added)
        for (u32 i = held + threadIdx.x; i < p.width; i += blockDim.x)
            x[i] = add_scaled(x[i], added[i], p.added_scale);
    // All values of a thread are loaded at the same time, if there are few.
    float values[HELD], weights[HELD];
#pragma unroll
    for (u32 k = 0; k < HELD; k++) {
        const u32 i = threadIdx.x + k * blockDim.x;
        values[k] = i < p.width ? x[i] : 0.0f;
        weights[k] = i < p.width ? p.weight[i] : 0.0f;
        if (p.added && i < p.width) values[k] = add_scaled(values[k], added[i], p.added_scale);
    }
    if (p.added) {
#pragma unroll
        for (u32 k = 0; k < HELD; k++) {
            const u32 i = threadIdx.x + k * blockDim.x;
            if (i < p.width) x[i] = values[k];
        }
    }
    float mean = 0.0f;
    if (p.layer) {
        float sum = 0.0f;
#pragma unroll
        for (u32 k = 0; k < HELD; k++) sum += values[k];
        for (u32 i = held + threadIdx.x; i < p.width; i += blockDim.x) sum += x[i];
        mean = sum_block(sum) / (float)p.width;
    }
    float squares = 0.0f;
#pragma unroll
    for (u32 k = 0; k < HELD; k++) {
        const float value = threadIdx.x + k * blockDim.x < p.width ? values[k] - mean : 0.0f;
        squares = __fmaf_rn(value, value, squares);
    }
    for (u32 i = held + threadIdx.x; i < p.width; i += blockDim.x) {
        const float value = x[i] - mean;
        squares = __fmaf_rn(value, value, squares);
    }
    const float scale = 1.0f / sqrtf(sum_block(squares) / (float)p.width + p.eps);
    // Each value is written by the thread that reads it, so that norms work in place.
    const u32 end = p.next.output_count > 0 ? p.next.blocks * 32 : p.width;
#pragma unroll
    for (u32 k = 0; k < HELD; k++) {
        const u32 i = threadIdx.x + k * blockDim.x;
        if (i >= end) continue;
        float value = 0.0f;
        if (i < p.width) {
            value = (values[k] - mean) * scale * weights[k];
            if (p.layer) value += p.bias[i];
            y[i] = value;
        }
        for (u32 o = 0; o < p.next.output_count; o++) prepare_block(p.next, o, row, i / 32, value);
    }
    for (u32 i = held + threadIdx.x; i < end; i += blockDim.x) {
        float value = 0.0f;
        if (i < p.width) {
            value = (x[i] - mean) * scale * p.weight[i];
            if (p.layer) value += p.bias[i];
            y[i] = value;
        }
        for (u32 o = 0; o < p.next.output_count; o++) prepare_block(p.next, o, row, i / 32, value);
    }
}

// The activation functions.
__device__ __forceinline__ float silu(float x) {
    return x / (1.0f + expf(-x));
}

__device__ __forceinline__ float gelu_tanh(float x) {
    const float inner = 0.7978846f * (x + 0.044715f * x * x * x);
    return x / (1.0f + expf(-2.0f * inner));
}

#define NO_FUNCTION 0
#define SILU 1
#define GELU_TANH 2

__device__ __forceinline__ float activation(u32 function, float x) {
    return function == GELU_TANH ? gelu_tanh(x) : silu(x);
}

struct PrepareParameters {
    const float* x;              // [rows in use][cols]
    const ActiveRows* active;
    u32 which, padding;
    Activations next;
};

// Writes activations as integers; one warp per row and block.
extern "C" __global__ void __launch_bounds__(THREADS) prepare(const __grid_constant__ PrepareParameters p) {
    wait_for_previous();
    const u32 lane = threadIdx.x % 32, row = blockIdx.y;
    const u32 block = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    if (row >= p.active->rows[p.which] || block >= p.next.blocks) return;
    const u32 col = block * 32 + lane;
    const float value = col < p.next.cols ? p.x[(u64)row * p.next.cols + col] : 0.0f;
    for (u32 o = 0; o < p.next.output_count; o++) prepare_block(p.next, o, row, block, value);
}

struct TransposeParameters {
    const float* x;              // [rows in use][cols]
    float* y;                    // [passes][cols][pass_rows]
    const ActiveRows* active;
    u32 which, cols, pass_rows, padding;
};

// Transposes the activations of a pass: 32 columns (block x) of up to 32 rows (block y).
extern "C" __global__ void __launch_bounds__(THREADS)
transpose(const __grid_constant__ TransposeParameters p) {
    __shared__ float tile[32][33];
    wait_for_previous();
    const u32 side = min(p.pass_rows, 32u), row0 = blockIdx.y * side, col0 = blockIdx.x * 32;
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, rows = p.active->rows[p.which];
    if (row0 >= rows) return;
    for (u32 r = warp; r < side; r += THREADS / 32)
        if (row0 + r < rows && col0 + lane < p.cols)
            tile[r][lane] = p.x[(u64)(row0 + r) * p.cols + col0 + lane];
    __syncthreads();
    const u32 pass = row0 / p.pass_rows, in_pass = row0 % p.pass_rows;
    for (u32 c = warp; c < 32; c += THREADS / 32)
        if (col0 + c < p.cols && lane < side)
            p.y[((u64)pass * p.cols + col0 + c) * p.pass_rows + in_pass + lane] = tile[lane][c];
}

// Columns of a segment, at most 512, that a thread has: those at a distance of THREADS.
#define OWN_COLS (512 / THREADS)

// Writes the digits of a segment of a row, whose activations the threads of a block have.
__device__ __forceinline__ void
write_segment(const TupleActivations& a, u32 row, u32 segment, const float (&values)[OWN_COLS]) {
    __shared__ u32 parts[THREADS / 32];
    const u32 thread = threadIdx.x, first = segment * a.segment_cols;
    const u32 end = segment + 1 < a.segments ? first + a.segment_cols : a.cols;
    for (u32 o = 0; o < a.output_count; o++) {
        const TupleOutput& out = a.outputs[o];
        u32 most = 0;
#pragma unroll
        for (u32 k = 0; k < OWN_COLS; k++) {
            const u32 col = first + thread + k * THREADS;
            if (col < end) most = max(most, __float_as_uint(fabsf(scaled(out, col, values[k]))));
        }
        most = __reduce_max_sync(0xffffffffu, most);
        if (thread % 32 == 0) parts[thread / 32] = most;
        clear_digits(a, out, row, segment);
        __syncthreads();
        most = __reduce_max_sync(0xffffffffu, parts[thread % (THREADS / 32)]);
        __syncthreads();
        const int exponent = exponent_of(most);
        if (thread == 0) *exponent_at(a, out, row, segment) = exponent;
#pragma unroll
        for (u32 k = 0; k < OWN_COLS; k++) {
            const u32 col = first + thread + k * THREADS;
            if (col < end) write_digits(a, out, row, col, scaled(out, col, values[k]), segment, exponent);
        }
    }
}

struct PrepareTuplesParameters {
    const void* x;               // [rows in use][stride] of `element`
    const float* up;             // factors of the function's results, or none
    float* y;                    // where these are written; may be x
    const ActiveRows* active;    // or none: then `rows` counts
    u32 which, rows, stride, element;
    u32 function, padding;
    TupleActivations next;
};

// Writes the digits of a segment (block x) of a row (block y), of activations or of a function of them.
extern "C" __global__ void __launch_bounds__(THREADS)
prepare_tuples(const __grid_constant__ PrepareTuplesParameters p) {
    wait_for_previous();
    const u32 segment = blockIdx.x, row = blockIdx.y, thread = threadIdx.x;
    if (row >= (p.active ? p.active->rows[p.which] : p.rows)) return;
    const TupleActivations& a = p.next;
    const u32 first = segment * a.segment_cols;
    const u32 end = segment + 1 < a.segments ? first + a.segment_cols : a.cols;
    float values[OWN_COLS];
#pragma unroll
    for (u32 k = 0; k < OWN_COLS; k++) {
        const u32 col = first + thread + k * THREADS;
        values[k] = 0.0f;
        if (col >= end) continue;
        const u64 at = (u64)row * p.stride + col;
        values[k] = p.element == F32   ? ((const float*)p.x)[at]
                    : p.element == F16 ? half_to_float(((const u16*)p.x)[at])
                                       : bfloat_to_float(((const u16*)p.x)[at]);
        if (p.function == NO_FUNCTION) continue;
        values[k] = activation(p.function, values[k]);
        if (p.up) values[k] = values[k] * p.up[at];
        p.y[at] = values[k];
    }
    write_segment(a, row, segment, values);
}

struct NormTuplesParameters {
    const float* x;
    float* y;
    const float* weight;
    const ActiveRows* active;
    u32 which, width;
    u32 lanes;                   // threads of `norm_rows` for this width, whose order of sums this has
    float eps;
    TupleActivations next;
};

// Norms of rows, without mean and bias, and digits of the results. Each block computes the sum of squares of
// a row (block y) and the results of a segment (block x).
extern "C" __global__ void __launch_bounds__(THREADS)
norm_tuples(const __grid_constant__ NormTuplesParameters p) {
    wait_for_previous();
    const u32 segment = blockIdx.x, row = blockIdx.y, thread = threadIdx.x;
    if (row >= p.active->rows[p.which]) return;
    const float* const x = p.x + (u64)row * p.width;
    const TupleActivations& a = p.next;
    const u32 first = segment * a.segment_cols;
    const u32 end = segment + 1 < a.segments ? first + a.segment_cols : a.cols;
    float values[OWN_COLS], weights[OWN_COLS];
#pragma unroll
    for (u32 k = 0; k < OWN_COLS; k++) {
        const u32 col = first + thread + k * THREADS;
        values[k] = col < end ? x[col] : 0.0f;
        weights[k] = col < end ? p.weight[col] : 0.0f;
    }
    // `lanes` is at most 1024.
    float squares[1024 / THREADS];
#pragma unroll
    for (u32 j = 0; j < 1024 / THREADS; j++) {
        squares[j] = 0.0f;
        const u32 lane = thread + j * THREADS;
        if (lane >= p.lanes) continue;
        float loaded[HELD];
#pragma unroll
        for (u32 k = 0; k < HELD; k++) {
            const u32 i = lane + k * p.lanes;
            loaded[k] = i < p.width ? x[i] : 0.0f;
        }
#pragma unroll
        for (u32 k = 0; k < HELD; k++) squares[j] = __fmaf_rn(loaded[k], loaded[k], squares[j]);
        for (u32 i = lane + HELD * p.lanes; i < p.width; i += p.lanes)
            squares[j] = __fmaf_rn(x[i], x[i], squares[j]);
    }
    __shared__ float parts[32];
#pragma unroll
    for (u32 j = 0; j < 1024 / THREADS; j++) {
        squares[j] = sum_lanes(squares[j], 32);
        if (thread % 32 == 0) parts[(thread + j * THREADS) / 32] = squares[j];
    }
    __syncthreads();
    const u32 warps = p.lanes / 32;
    float sum = parts[0];
    if (warps > 1) sum = sum_lanes(thread % 32 < warps ? parts[thread % 32] : 0.0f, 32);
    const float scale = 1.0f / sqrtf(sum / (float)p.width + p.eps);
#pragma unroll
    for (u32 k = 0; k < OWN_COLS; k++) {
        const u32 col = first + thread + k * THREADS;
        values[k] = values[k] * scale * weights[k];
        if (col < end) p.y[(u64)row * p.width + col] = values[k];
    }
    write_segment(a, row, segment, values);
}

struct AnglesParameters {
    const u32* positions;
    const float* frequencies;
    float* table;
    const ActiveRows* active;
    u32 count, per_row;
    float scale;
    u32 padding;
};

extern "C" __global__ void __launch_bounds__(THREADS) angles(const __grid_constant__ AnglesParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.x;
    if (row >= p.active->rows[0]) return;
    const float position = (float)p.positions[row];
    const float* frequencies = p.frequencies + (p.per_row ? (u64)row * p.count : 0);
    float* table = p.table + (u64)row * 2 * p.count;
    for (u32 i = threadIdx.x; i < p.count; i += THREADS) {
        float sine, cosine;
        sincosf(position * frequencies[i], &sine, &cosine);
        table[i] = cosine * p.scale;
        table[p.count + i] = sine * p.scale;
    }
}

struct RotateParameters {
    float* x;
    const float* table;
    const ActiveRows* active;
    u32 heads, head_dim, frequencies, neighbours;
};

// Rotates pair `i` of a head of a row.
__device__ __forceinline__ void rotate_pair(const RotateParameters& p, u32 row, u32 head, u32 i) {
    float* x = p.x + ((u64)row * p.heads + head) * p.head_dim;
    float* first = x + (p.neighbours ? 2 * i : i);
    float* second = p.neighbours ? first + 1 : first + p.frequencies;
    const float* table = p.table + (u64)row * 2 * p.frequencies;
    const float cosine = table[i], sine = table[p.frequencies + i], a = *first, b = *second;
    *first = a * cosine - b * sine;
    *second = b * cosine + a * sine;
}

extern "C" __global__ void __launch_bounds__(THREADS) rotate(const __grid_constant__ RotateParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.y, pair = blockIdx.x * THREADS + threadIdx.x;
    if (row >= p.active->rows[0] || pair >= p.heads * p.frequencies) return;
    rotate_pair(p, row, pair / p.frequencies, pair % p.frequencies);
}

struct ActivateParameters {
    float* x;
    const float* up;
    const ActiveRows* active;
    u32 width, function;
};

extern "C" __global__ void __launch_bounds__(THREADS) activate(const __grid_constant__ ActivateParameters p) {
    wait_for_previous();
    const u64 values = (u64)p.active->rows[0] * p.width;
    for (u64 i = blockIdx.x * (u64)THREADS + threadIdx.x; i < values; i += (u64)gridDim.x * THREADS) {
        const float value = activation(p.function, p.x[i]);
        p.x[i] = p.up ? value * p.up[i] : value;
    }
}

struct ActivateProductParameters {
    float* x;
    const float* up;
    const ActiveRows* active;
    u32 function, padding;
    Activations next;            // of the following product
};

// As `activate`, and writes the results as integers too; one warp per row and block.
extern "C" __global__ void __launch_bounds__(THREADS)
activate_for_product(const __grid_constant__ ActivateProductParameters p) {
    wait_for_previous();
    const u32 lane = threadIdx.x % 32, row = blockIdx.y;
    const u32 block = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    if (row >= p.active->rows[0] || block >= p.next.blocks) return;
    const u32 col = block * 32 + lane;
    float value = 0.0f;
    if (col < p.next.cols) {
        const u64 at = (u64)row * p.next.cols + col;
        value = activation(p.function, p.x[at]);
        if (p.up) value = value * p.up[at];
        p.x[at] = value;
    }
    for (u32 o = 0; o < p.next.output_count; o++) prepare_block(p.next, o, row, block, value);
}

struct AddParameters {
    const float* x;
    float* y;
    const ActiveRows* active;
    u32 width;
    float scale;
};

extern "C" __global__ void __launch_bounds__(THREADS) add(const __grid_constant__ AddParameters p) {
    wait_for_previous();
    const u64 values = (u64)p.active->rows[0] * p.width;
    for (u64 i = blockIdx.x * (u64)THREADS + threadIdx.x; i < values; i += (u64)gridDim.x * THREADS)
        p.y[i] = add_scaled(p.y[i], p.x[i], p.scale);
}

// Sets the rows in use to zero.
extern "C" __global__ void __launch_bounds__(THREADS) clear(const __grid_constant__ AddParameters p) {
    wait_for_previous();
    const u64 values = (u64)p.active->rows[0] * p.width;
    for (u64 i = blockIdx.x * (u64)THREADS + threadIdx.x; i < values; i += (u64)gridDim.x * THREADS)
        p.y[i] = 0.0f;
}

struct GatherParameters {
    const float* x;
    const u32* index;
    float* y;
    const ActiveRows* active;
    const float* weights;
    u32 which, width;
};

// y[row] = x[index[row]]
extern "C" __global__ void __launch_bounds__(THREADS) gather(const __grid_constant__ GatherParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.y, i = blockIdx.x * THREADS + threadIdx.x;
    if (row >= p.active->rows[p.which] || i >= p.width) return;
    p.y[(u64)row * p.width + i] = p.x[(u64)p.index[row] * p.width + i];
}

// y[index[row]] += weights[row] * x[row], for rows with different indices.
extern "C" __global__ void __launch_bounds__(THREADS) scatter(const __grid_constant__ GatherParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.y, i = blockIdx.x * THREADS + threadIdx.x;
    if (row >= p.active->rows[p.which] || i >= p.width) return;
    float* y = p.y + (u64)p.index[row] * p.width + i;
    *y += p.weights[row] * p.x[(u64)row * p.width + i];
}

struct Cache {
    void* data;
    u16* scales;                 // bfloat16, one per position and head
    u32 element, padding;
};

struct AppendParameters {
    const float* x;
    const u32* positions;
    const u32* tables;
    const u32* sequences;
    Cache cache;
    const ActiveRows* active;
    Report* report;
    u32 heads, head_dim, width, block_positions;
};

// Stores a head of a row; a warp takes part.
__device__ __forceinline__ void append_head(const AppendParameters& p, u32 row, u32 head) {
    const u32 lane = threadIdx.x % 32;
    const u32 position = p.positions[row];
    const u32* table = p.tables + (u64)p.sequences[row] * p.width;
    const u64 block = table[position / p.block_positions];
    const u64 place = block * p.block_positions + position % p.block_positions;
    const float* x = p.x + ((u64)row * p.heads + head) * p.head_dim;
    const u64 to = (place * p.heads + head) * p.head_dim;
    if (p.cache.element == I8) {
        float largest = 0.0f;
        for (u32 i = lane; i < p.head_dim; i += 32) largest = fmaxf(largest, fabsf(x[i]));
        for (u32 distance = 16; distance > 0; distance /= 2)
            largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, distance));
        const u16 bits = float_to_bfloat(largest / 127.0f);
        const float scale = bfloat_to_float(bits), inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
        if (lane == 0) p.cache.scales[place * p.heads + head] = bits;
        for (u32 i = lane; i < p.head_dim; i += 32)
            ((i8*)p.cache.data)[to + i] = (i8)(int)fminf(fmaxf(roundf(x[i] * inverse), -128.0f), 127.0f);
        return;
    }
    for (u32 i = lane; i < p.head_dim; i += 32) {
        const float value = x[i];
        if (p.cache.element == F32) {
            ((float*)p.cache.data)[to + i] = value;
        } else if (p.cache.element == BF16) {
            ((u16*)p.cache.data)[to + i] = float_to_bfloat(value);
        } else {
            const float size = fabsf(value);
            // Infinite values come from the weights and are reported with the logits.
            if (size > 65504.0f && size <= 3.402823e38f)
                p.report->value = __float_as_uint(size), p.report->code = CACHE_RANGE;
            ((u16*)p.cache.data)[to + i] = float_to_half(value);
        }
    }
}

// A head of a row per warp.
extern "C" __global__ void __launch_bounds__(THREADS) append(const __grid_constant__ AppendParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.y, head = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    if (row >= p.active->rows[0] || head >= p.heads) return;
    append_head(p, row, head);
}

struct RotateAppendParameters {
    RotateParameters queries, keys;
    AppendParameters append_keys, append_values;
};

// Rotates queries and keys, and stores keys and values; a head of a row per warp.
extern "C" __global__ void __launch_bounds__(THREADS)
rotate_append(const __grid_constant__ RotateAppendParameters p) {
    wait_for_previous();
    const u32 lane = threadIdx.x % 32, row = blockIdx.y;
    u32 head = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    if (row >= p.queries.active->rows[0]) return;
    if (head < p.queries.heads) {
        for (u32 i = lane; i < p.queries.frequencies; i += 32) rotate_pair(p.queries, row, head, i);
        return;
    }
    head -= p.queries.heads;
    if (head < p.keys.heads) {
        for (u32 i = lane; i < p.keys.frequencies; i += 32) rotate_pair(p.keys, row, head, i);
        __syncwarp();
        append_head(p.append_keys, row, head);
        return;
    }
    head -= p.keys.heads;
    if (head < p.append_values.heads) append_head(p.append_values, row, head);
}

struct CopyParameters {
    const u32* pairs;
    u8* data;
    const ActiveRows* active;
    u64 block_bytes;
};

// Copies blocks in order. A byte of a block always goes to the same byte of another one, so that each thread
// copies its bytes of all pairs in order.
extern "C" __global__ void __launch_bounds__(THREADS) copy_blocks(const __grid_constant__ CopyParameters p) {
    wait_for_previous();
    const u32 pairs = p.active->rows[0];
    for (u64 i = blockIdx.x * (u64)THREADS + threadIdx.x; i < p.block_bytes; i += (u64)gridDim.x * THREADS)
        for (u32 pair = 0; pair < pairs; pair++)
            p.data[p.pairs[2 * pair + 1] * p.block_bytes + i] = p.data[p.pairs[2 * pair] * p.block_bytes + i];
}

struct AdvanceParameters {
    const u32* chosen;
    const u32* index;
    u32* tokens;
    u32* positions;
    u32* history;
    u32* count;
    const ActiveRows* active;
    u64 history_len;
    u32 capacity, padding;
};

// One block.
extern "C" __global__ void __launch_bounds__(THREADS) advance(const __grid_constant__ AdvanceParameters p) {
    wait_for_previous();
    const u32 step = *p.count, rows = p.active->rows[1];
    __syncthreads();
    for (u32 i = threadIdx.x; i < rows; i += THREADS) {
        const u64 at = (u64)step * p.capacity + i;
        if (at < p.history_len) p.history[at] = p.chosen[i];
        p.tokens[p.index[i]] = p.chosen[i];
        p.positions[p.index[i]] += 1;
    }
    if (threadIdx.x == 0) *p.count = step + 1;
}

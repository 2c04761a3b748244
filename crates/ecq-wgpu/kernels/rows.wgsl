// Kernels that work on rows or values: norms, rotary embedding, activation functions, sums, gathering,
// multi-step decoding.

const THREADS: u32 = 256u;

var<workgroup> sums: array<f32, THREADS>;

// Sums a value over a workgroup in a fixed order; all threads get the sum.
fn sum_group(thread: u32, value: f32) -> f32 {
    workgroupBarrier();
    sums[thread] = value;
    workgroupBarrier();
    for (var distance = THREADS / 2u; distance > 0u; distance /= 2u) {
        if (thread < distance) { sums[thread] = sums[thread] + sums[thread + distance]; }
        workgroupBarrier();
    }
    return sums[0];
}

struct NormParameters {
    which: u32,
    heads: u32,
    width: u32,
    layer: u32,                  // whether the mean is subtracted first, and biases are added
    eps: f32,
}

@group(0) @binding(0) var<uniform> norm_p: NormParameters;
@group(0) @binding(2) var<storage, read_write> norm_x: array<f32>;
@group(0) @binding(3) var<storage, read> norm_weight: array<f32>;
@group(0) @binding(4) var<storage, read> norm_bias: array<f32>;
// May be x: each value is written by the thread that reads it.
@group(0) @binding(5) var<storage, read_write> norm_y: array<f32>;

// Norms of rows of `width` values; a workgroup per row.
@compute @workgroup_size(256)
fn norm(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    if (row >= active_rows[norm_p.which] * norm_p.heads) { return; }
    let width = norm_p.width;
    let start = row * width;
    var mean = 0.0;
    if (norm_p.layer != 0u) {
        var sum = 0.0;
        for (var i = thread; i < width; i += THREADS) { sum += norm_x[start + i]; }
        mean = sum_group(thread, sum) / f32(width);
    }
    var squares = 0.0;
    for (var i = thread; i < width; i += THREADS) {
        let value = norm_x[start + i] - mean;
        squares = fma(value, value, squares);
    }
    let scale = 1.0 / sqrt(sum_group(thread, squares) / f32(width) + norm_p.eps);
    for (var i = thread; i < width; i += THREADS) {
        var value = (norm_x[start + i] - mean) * scale * norm_weight[i];
        if (norm_p.layer != 0u) { value += norm_bias[i]; }
        norm_y[start + i] = value;
    }
}

struct AnglesParameters {
    count: u32,
    per_row: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> angles_p: AnglesParameters;
@group(0) @binding(2) var<storage, read> angles_positions: array<u32>;
@group(0) @binding(3) var<storage, read> angles_frequencies: array<f32>;
@group(0) @binding(4) var<storage, read_write> angles_table: array<f32>;

// Cosines and sines of the positions of rows.
@compute @workgroup_size(64)
fn angles(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    if (row >= active_rows[0] || id.x >= angles_p.count) { return; }
    let own = select(0u, row * angles_p.count, angles_p.per_row != 0u);
    let angle = f32(angles_positions[row]) * angles_frequencies[own + id.x];
    var found = cosine_and_sine(abs(angle));
    if (angle < 0.0) { found.y = -found.y; }
    let at = row * 2u * angles_p.count + id.x;
    angles_table[at] = found.x * angles_p.scale;
    angles_table[at + angles_p.count] = found.y * angles_p.scale;
}

struct RotateParameters {
    heads: u32,
    head_dim: u32,
    frequencies: u32,
    neighbours: u32,
}

@group(0) @binding(0) var<uniform> rotate_p: RotateParameters;
@group(0) @binding(2) var<storage, read> rotate_table: array<f32>;
@group(0) @binding(3) var<storage, read_write> rotate_x: array<f32>;

// Rotates a pair of a head of a row per thread.
@compute @workgroup_size(64)
fn rotate(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let head = id.x / rotate_p.frequencies;
    let i = id.x % rotate_p.frequencies;
    if (row >= active_rows[0] || head >= rotate_p.heads) { return; }
    let start = (row * rotate_p.heads + head) * rotate_p.head_dim;
    let first = start + select(i, 2u * i, rotate_p.neighbours != 0u);
    let second = first + select(rotate_p.frequencies, 1u, rotate_p.neighbours != 0u);
    let at = row * 2u * rotate_p.frequencies + i;
    let cosine = rotate_table[at];
    let sine = rotate_table[at + rotate_p.frequencies];
    let a = rotate_x[first];
    let b = rotate_x[second];
    rotate_x[first] = fma(a, cosine, -(b * sine));
    rotate_x[second] = fma(b, cosine, a * sine);
}

struct ActivateParameters {
    width: u32,
    gelu: u32,
    gated: u32,
}

@group(0) @binding(0) var<uniform> activate_p: ActivateParameters;
@group(0) @binding(2) var<storage, read> activate_up: array<f32>;
@group(0) @binding(3) var<storage, read_write> activate_x: array<f32>;

// The activation functions: SiLU, or GELU in its form with tanh. x = f(x), or x = f(x) * up.
@compute @workgroup_size(256)
fn activate(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let values = active_rows[0] * activate_p.width;
    for (var i = id.x; i < values; i += groups.x * THREADS) {
        let x = activate_x[i];
        var inner = x;
        if (activate_p.gelu != 0u) { inner = 1.5957691 * fma(0.044715 * x * x, x, x); }
        var value = x / (1.0 + exponential(-inner));
        if (activate_p.gated != 0u) { value *= activate_up[i]; }
        activate_x[i] = value;
    }
}

struct AddParameters {
    width: u32,
    scale: f32,
}

@group(0) @binding(0) var<uniform> add_p: AddParameters;
@group(0) @binding(2) var<storage, read> add_x: array<f32>;
@group(0) @binding(3) var<storage, read_write> add_y: array<f32>;

@compute @workgroup_size(256)
fn add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let values = active_rows[0] * add_p.width;
    for (var i = id.x; i < values; i += groups.x * THREADS) {
        add_y[i] = fma(add_p.scale, add_x[i], add_y[i]);
    }
}

struct ClearParameters {
    width: u32,
}

@group(0) @binding(0) var<uniform> clear_p: ClearParameters;
@group(0) @binding(2) var<storage, read_write> clear_y: array<f32>;

// Sets the rows in use to zero.
@compute @workgroup_size(256)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let values = active_rows[0] * clear_p.width;
    for (var i = id.x; i < values; i += groups.x * THREADS) { clear_y[i] = 0.0; }
}

struct GatherParameters {
    which: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> gather_p: GatherParameters;
@group(0) @binding(2) var<storage, read> gather_x: array<f32>;
@group(0) @binding(3) var<storage, read> gather_index: array<u32>;
@group(0) @binding(4) var<storage, read_write> gather_y: array<f32>;

// y[row] = x[index[row]]
@compute @workgroup_size(256)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.y >= active_rows[gather_p.which] || id.x >= gather_p.width) { return; }
    gather_y[id.y * gather_p.width + id.x] = gather_x[gather_index[id.y] * gather_p.width + id.x];
}

@group(0) @binding(2) var<storage, read> weigh_weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> weigh_x: array<f32>;

// x[row] *= weight[row]. A kernel of its own, so that no driver fuses the product with the sum of `scatter`.
@compute @workgroup_size(256)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.y >= active_rows[gather_p.which] || id.x >= gather_p.width) { return; }
    weigh_x[id.y * gather_p.width + id.x] *= weigh_weights[id.y];
}

// y[index[row]] += x[row], for rows with different indices.
@compute @workgroup_size(256)
fn scatter(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.y >= active_rows[gather_p.which] || id.x >= gather_p.width) { return; }
    gather_y[gather_index[id.y] * gather_p.width + id.x] += gather_x[id.y * gather_p.width + id.x];
}

struct AdvanceParameters {
    history_len: u32,
    capacity: u32,
}

@group(0) @binding(0) var<uniform> advance_p: AdvanceParameters;
@group(0) @binding(2) var<storage, read> advance_chosen: array<u32>;
@group(0) @binding(3) var<storage, read> advance_index: array<u32>;
@group(0) @binding(4) var<storage, read_write> advance_tokens: array<u32>;
@group(0) @binding(5) var<storage, read_write> advance_positions: array<u32>;
@group(0) @binding(6) var<storage, read_write> advance_history: array<u32>;
@group(0) @binding(7) var<storage, read_write> advance_count: array<u32>;

// One workgroup.
@compute @workgroup_size(256)
fn advance(@builtin(local_invocation_index) thread: u32) {
    let step = advance_count[0];
    storageBarrier();
    for (var i = thread; i < active_rows[1]; i += THREADS) {
        let token = advance_chosen[i];
        let row = advance_index[i];
        if (step < advance_p.history_len / advance_p.capacity + 1u) {
            let at = step * advance_p.capacity + i;
            if (at < advance_p.history_len) { advance_history[at] = token; }
        }
        advance_tokens[row] = token;
        advance_positions[row] += 1u;
    }
    if (thread == 0u) { advance_count[0] = step + 1u; }
}

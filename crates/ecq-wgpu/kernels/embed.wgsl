// Lookups of rows of matrices.

const UNKNOWN_TOKEN: u32 = 1u;

struct EmbedParameters {
    m: Matrix,
    first: u32,                  // row of the whole matrix that this part begins with
    vocabulary: u32,             // rows of the whole matrix
    scale: f32,
    added: u32,
}

@group(0) @binding(0) var<uniform> p: EmbedParameters;
@group(0) @binding(2) var<storage, read> words: array<u32>;
@group(0) @binding(3) var<storage, read> side: array<u32>;
@group(0) @binding(4) var<storage, read> index: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> report: array<atomic<u32>>;

// `y = weights * scale`, or adds them. A workgroup per row.
@compute @workgroup_size(256)
fn embed(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    if (row >= active_rows[0]) { return; }
    let token = index[row];
    if (token >= p.vocabulary) {
        if (thread == 0u) {
            atomicStore(&report[1], token);
            atomicStore(&report[0], UNKNOWN_TOKEN);
        }
        return;
    }
    if (token < p.first || token >= p.first + p.m.rows) { return; }
    for (var col = thread; col < p.m.cols; col += 256u) {
        let weight = single_weight(p.m, token - p.first, col);
        let at = row * p.m.cols + col;
        if (p.added != 0u) { y[at] = fma(weight, p.scale, y[at]); } else { y[at] = weight * p.scale; }
    }
}

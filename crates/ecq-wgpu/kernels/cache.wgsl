// The KV cache: keys and values of new positions, and copies of blocks. Elements of less than a word share
// words with those of other threads, so that these are changed by atomic operations.

// Errors that kernels report to the host.
const CACHE_RANGE: u32 = 2u;

struct AppendParameters {
    heads: u32,
    head_dim: u32,
    width: u32,                  // of a block table
    block_positions: u32,
    element: u32,
}

@group(0) @binding(0) var<uniform> append_p: AppendParameters;
@group(0) @binding(2) var<storage, read> append_x: array<f32>;
@group(0) @binding(3) var<storage, read> append_positions: array<u32>;
@group(0) @binding(4) var<storage, read> append_tables: array<u32>;
@group(0) @binding(5) var<storage, read> append_sequences: array<u32>;
@group(0) @binding(6) var<storage, read_write> append_data: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> append_scales: array<atomic<u32>>;
@group(0) @binding(8) var<storage, read_write> append_report: array<atomic<u32>>;

// Returns the place of a row's position among all positions of the cache.
fn place_of(row: u32) -> u32 {
    let position = append_positions[row];
    let table = append_sequences[row] * append_p.width;
    let block = append_tables[table + position / append_p.block_positions];
    return block * append_p.block_positions + position % append_p.block_positions;
}

// Stores a word of a head per thread; each thread of an i8 cache computes the scale.
@compute @workgroup_size(64)
fn append(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let head = id.z;
    if (row >= active_rows[0]) { return; }
    let source = (row * append_p.heads + head) * append_p.head_dim;
    let place = place_of(row) * append_p.heads + head;
    let to = place * append_p.head_dim;
    if (append_p.element == F32) {
        if (id.x < append_p.head_dim) {
            atomicStore(&append_data[to + id.x], bitcast<u32>(append_x[source + id.x]));
        }
        return;
    }
    let bits = select(16u, 8u, append_p.element == I8);
    let per_word = 32u / bits;
    let word = to / per_word + id.x;
    if (word * per_word >= to + append_p.head_dim) { return; }
    var inverse = 0.0;
    if (append_p.element == I8) {
        var largest = 0.0;
        for (var i = 0u; i < append_p.head_dim; i++) { largest = max(largest, abs(append_x[source + i])); }
        let scale_bits = bfloat_bits(largest / 127.0);
        let scale = bitcast<f32>(scale_bits << 16u);
        if (scale > 0.0) { inverse = 1.0 / scale; }
        if (id.x == 0u) {
            let shift = 16u * (place & 1u);
            atomicAnd(&append_scales[place / 2u], ~(0xffffu << shift));
            atomicOr(&append_scales[place / 2u], scale_bits << shift);
        }
    }
    var mask = 0u;
    var value = 0u;
    for (var i = 0u; i < per_word; i++) {
        let at = word * per_word + i;
        if (at < to || at >= to + append_p.head_dim) { continue; }
        let x = append_x[source + at - to];
        var element = 0u;
        if (append_p.element == I8) {
            let scaled = x * inverse;
            // Half away from zero, as the host rounds.
            let rounded = select(ceil(scaled - 0.5), floor(scaled + 0.5), scaled >= 0.0);
            element = u32(i32(clamp(rounded, -128.0, 127.0))) & 0xffu;
        } else if (append_p.element == BF16) {
            element = bfloat_bits(x);
        } else {
            // Infinite values come from the weights and are reported with the logits.
            if (abs(x) > 65504.0 && is_finite(x)) {
                atomicStore(&append_report[1], bitcast<u32>(abs(x)));
                atomicStore(&append_report[0], CACHE_RANGE);
            }
            element = half_bits(x);
        }
        mask |= ((1u << bits) - 1u) << (bits * i);
        value |= element << (bits * i);
    }
    if (mask == 0xffffffffu) {
        atomicStore(&append_data[word], value);
    } else {
        atomicAnd(&append_data[word], ~mask);
        atomicOr(&append_data[word], value);
    }
}

struct CopyParameters {
    block_bytes: u32,
}

@group(0) @binding(0) var<uniform> copy_p: CopyParameters;
@group(0) @binding(2) var<storage, read> copy_pairs: array<u32>;
@group(0) @binding(3) var<storage, read_write> copy_data: array<atomic<u32>>;

// Copies blocks in order, in words or, if blocks are not whole words, in bytes. A word or byte of a block
// always goes to the same one of another block, so that each thread copies its own of all pairs in order.
@compute @workgroup_size(256)
fn copy_blocks(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let pairs = active_rows[0];
    let bytes = copy_p.block_bytes;
    if (bytes % 4u == 0u) {
        for (var i = id.x; i < bytes / 4u; i += groups.x * 256u) {
            for (var pair = 0u; pair < pairs; pair++) {
                let value = atomicLoad(&copy_data[copy_pairs[2u * pair] * (bytes / 4u) + i]);
                atomicStore(&copy_data[copy_pairs[2u * pair + 1u] * (bytes / 4u) + i], value);
            }
        }
        return;
    }
    for (var i = id.x; i < bytes; i += groups.x * 256u) {
        for (var pair = 0u; pair < pairs; pair++) {
            let source = copy_pairs[2u * pair] * bytes + i;
            let to = copy_pairs[2u * pair + 1u] * bytes + i;
            let value = atomicLoad(&copy_data[source / 4u]) >> (8u * (source % 4u)) & 0xffu;
            atomicAnd(&copy_data[to / 4u], ~(0xffu << (8u * (to % 4u))));
            atomicOr(&copy_data[to / 4u], value << (8u * (to % 4u)));
        }
    }
}

// Packs codes that are one per byte, or at the bits of their alphabet in rows of whole bytes (CODE_BITS > 0),
// and replaces them by levels on a trellis grid.

struct PackParameters {
    sink: Sink,
    rows: u32,
    zero: u32,
    restart: u32,
}

@group(0) @binding(0) var<uniform> p: PackParameters;
@group(0) @binding(2) var<storage, read> bytes: array<u32>;

fn code_at(row: u32, col: u32) -> u32 {
    let start = row * p.sink.stride;
    if (CODE_BITS == 0u) {
        let at = start + col;
        return bytes[at / 4u] >> (8u * (at % 4u)) & 0xffu;
    }
    // The bits of a code are in one word or in two.
    let bit = 8u * (start % 4u) + col * CODE_BITS;
    let word = start / 4u + bit / 32u;
    var bits = bytes[word] >> (bit % 32u);
    if (bit % 32u + CODE_BITS > 32u) { bits |= bytes[word + 1u] << (32u - bit % 32u); }
    return bits & ((1u << CODE_BITS) - 1u);
}

// A row per thread on a trellis grid, whose levels depend on earlier columns; else a block of a row.
@compute @workgroup_size(64)
fn pack(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if (row >= p.rows) { return; }
    var first = 0u;
    var end = p.sink.cols;
    if (LAG == 0u) {
        first = id.y * 32u;
        end = min(first + 32u, end);
    }
    begin_branches();
    for (var col = first; col < end; col++) {
        let symbol = code_at(row, col);
        let branch = branch_bit(p.restart);
        push_code(symbol, p.zero);
        put(row, col, 1u, symbol, branch);
    }
}

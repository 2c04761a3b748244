// Gathers the elements of a row, which come in ascending order of columns, and calls `put_block` with each
// block of 32 columns. Elements behind the last column are zero.

struct Codes {
    a: vec4<u32>,
    b: vec4<u32>,
}

// The last four elements, and the quads of a block, four elements in a word. New ones enter at the end and
// the others move: an index that depends on the column would put them in memory instead of registers.
var<private> quad: u32;
var<private> gathered: Codes;

fn push_quad(last: u32) {
    gathered.a = vec4<u32>(gathered.a.yzw, gathered.b.x);
    gathered.b = vec4<u32>(gathered.b.yzw, last);
}

fn put(row: u32, col: u32, symbol: u32, branch: u32) {
    var element = symbol;
    if (LAG > 0u) { element = 2u * symbol + branch; }
    quad = quad >> 8u | (element - p.sink.base) << 24u;
    let is_last = col + 1u == p.sink.cols;
    if (col % 4u < 3u && !is_last) { return; }
    push_quad(quad >> (8u * (3u - col % 4u)));
    if (col % 32u < 28u && !is_last) { return; }
    for (var i = col % 32u / 4u; i < 7u; i++) { push_quad(0u); }
    put_block(row, col / 32u, gathered);
}

// Gathers the elements of a row, which come in ascending order of columns, and calls `put_block` with each
// block of 32 columns. Elements behind the last column are zero.

const WHOLE_ROWS: bool = true;

struct Codes {
    a: vec4<u32>,
    b: vec4<u32>,
}

// Elements that are not four yet, and the quads of a block, four elements in a word. New quads enter at the
// end and the others move: an index that depends on the column would put them in memory instead of registers.
var<private> pending: u32;
var<private> gathered: Codes;

fn push_quad(last: u32) {
    gathered.a = vec4<u32>(gathered.a.yzw, gathered.b.x);
    gathered.b = vec4<u32>(gathered.b.yzw, last);
}

// Returns four elements less the base, which is subtracted from each byte without a borrow from the next one.
fn less_base(elements: u32) -> u32 {
    let base = p.sink.base * 0x01010101u;
    let high = 0x80808080u;
    return ((elements | high) - (base & ~high)) ^ ((elements ^ ~base) & high);
}

fn put(row: u32, col: u32, count: u32, symbols: u32, branches: u32) {
    var elements = symbols;
    if (LAG > 0u) { elements = (symbols << 1u & 0xfefefefeu) | branches; }
    let before = col % 4u;
    pending |= elements << (8u * before);
    if (before + count >= 4u) {
        push_quad(less_base(pending));
        // Those behind the quad: none if it began with these elements.
        pending = elements >> 1u >> (31u - 8u * before);
    }
    let end = col + count;
    var blocks = end / 32u;
    if (end == p.sink.cols) { blocks = (end + 31u) / 32u; }
    // Blocks that end here: two if the row's last one has no more elements than these.
    for (var block = col / 32u; block < blocks; block++) {
        if (block == end / 32u) {
            if (end % 4u > 0u) { push_quad(less_base(pending) & ((1u << (8u * (end % 4u))) - 1u)); }
            for (var i = (end % 32u + 3u) / 4u; i < 8u; i++) { push_quad(0u); }
        }
        put_block(row, block, gathered);
    }
    if (end == p.sink.cols) { pending = 0u; }
}

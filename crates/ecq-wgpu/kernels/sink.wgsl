// Where kernels put what they decode. A sink has `put`, which takes an element of a row, and `skips`, which
// tells whether no row of a tile is needed.

struct Sink {
    cols: u32,
    blocks: u32,
    stride: u32,                 // of rows of bytes
    base: u32,                   // subtracted from elements
}


// Where kernels put what they decode. A sink has `put`, which takes up to four elements of a row, their
// symbols and branch bits in a byte each (bytes behind them are zero, but at the end of a row), WHOLE_ROWS,
// whether tiles have all columns, and `skips`, which tells whether no row of a tile is needed.

struct Sink {
    cols: u32,
    blocks: u32,
    stride: u32,                 // of rows of bytes
    base: u32,                   // subtracted from elements
}


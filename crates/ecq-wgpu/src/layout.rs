//! The layout of elements on the GPU, which `kernels/matrix.wgsl` describes, and the functions that the host
//! writes for a number of bits.

use ecq_kernels::gpu::{BLOCK, MatrixKind};
use rayon::prelude::*;
use std::fmt::Write;

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 32;
/// Words of a block of codes at a byte each.
const BYTE_WORDS: usize = BLOCK / 4;

/// The shape of a matrix in its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) bits: usize,
}

/// Returns the widths of the planes of a code and the shift of each.
fn planes(bits: usize) -> impl Iterator<Item = (usize, usize)> {
    let widths = [8, 4, 2, 1].into_iter().filter(move |width| bits & width != 0);
    widths.scan(0, |shift, width| {
        *shift += width;
        Some((width, *shift - width))
    })
}

impl Shape {
    /// Returns the blocks of a row.
    pub(crate) fn blocks(&self) -> usize {
        self.cols.div_ceil(BLOCK)
    }

    /// Returns the words of a tile of rows.
    pub(crate) fn tile_words(&self) -> usize {
        self.blocks() * self.bits * TILE_ROWS
    }

    /// Returns the bytes of all elements.
    pub(crate) fn bytes(&self) -> usize {
        4 * self.rows.div_ceil(TILE_ROWS) * self.tile_words()
    }

    /// Packs all rows, in parallel; `row_elements` fills the elements of a row.
    pub(crate) fn pack(&self, row_elements: impl Fn(usize, &mut [u32]) + Sync) -> Vec<u32> {
        let mut words = vec![0; self.bytes() / 4];
        words.par_chunks_mut(self.tile_words()).enumerate().for_each_init(
            || vec![0; self.blocks() * BLOCK],
            |elements, (tile, words)| {
                for row in tile * TILE_ROWS..self.rows.min((tile + 1) * TILE_ROWS) {
                    row_elements(row, &mut elements[..self.cols]);
                    for (block, elements) in elements.chunks_exact(BLOCK).enumerate() {
                        let to = &mut words[block * self.bits * TILE_ROWS + row % TILE_ROWS..];
                        self.pack_block(elements, |word, value| to[word * TILE_ROWS] = value);
                    }
                }
            },
        );
        words
    }

    fn pack_block(&self, elements: &[u32], mut store: impl FnMut(usize, u32)) {
        match self.bits {
            32 => elements.iter().enumerate().for_each(|(i, &bits)| store(i, bits)),
            16 => {
                let pairs = elements.chunks_exact(2).enumerate();
                pairs.for_each(|(i, pair)| store(i, pair[0] | pair[1] << 16));
            }
            bits => {
                let mut load = 0;
                for (width, shift) in planes(bits) {
                    let (per_word, mask) = (8 / width, ((1u32 << width) - 1) * 0x0101_0101);
                    for i in 0..width {
                        let mut word = 0;
                        for k in 0..per_word {
                            let at = 4 * (i * per_word + k);
                            let codes = u32::from_le_bytes(std::array::from_fn(|j| elements[at + j] as u8));
                            word |= (codes >> shift & mask) << (width * k);
                        }
                        store(load + i, word);
                    }
                    load += width;
                }
            }
        }
    }
}

/// Writes `unpack`, which returns the bytes of a block of codes, for the kernels of a kind of matrix. Where
/// bytes are multiplied as signed integers, codes of eight bits are less 128.
pub(crate) fn unpack_text(kind: MatrixKind) -> String {
    let mut text = "struct Codes {\n    a: vec4<u32>,\n    b: vec4<u32>,\n}\n\n".to_owned();
    text += "fn code_at(codes: Codes, i: u32) -> u32 {\n    let quad = select(codes.a, codes.b, i >= 16u);\n";
    text += "    return (quad[(i % 16u) / 4u] >> (8u * (i % 4u))) & 0xffu;\n}\n\n";
    text += "fn unpack(at: u32) -> Codes {\n";
    let mut codes: Vec<Vec<String>> = vec![Vec::new(); BYTE_WORDS];
    if kind.bits <= 8 {
        for i in 0..kind.bits {
            // Writing to a string does not fail.
            let _ = writeln!(text, "    let w{i} = words[at + {}u];", i * TILE_ROWS);
        }
        let mut load = 0;
        for (width, shift) in planes(kind.bits) {
            let (per_word, mask) = (8 / width, ((1u32 << width) - 1) * 0x0101_0101);
            for (j, code) in codes.iter_mut().enumerate() {
                let (word, right) = (load + j / per_word, width * (j % per_word));
                code.push(format!("(((w{word} >> {right}u) & {mask:#x}u) << {shift}u)"));
            }
            load += width;
        }
    }
    let signed = if kind.is_integer() && kind.bits == 8 { " ^ 0x80808080u" } else { "" };
    let code = |j: usize| match codes[j].len() {
        0 => "0u".to_owned(),
        _ => format!("({}){signed}", codes[j].join(" | ")),
    };
    for (name, first) in [("a", 0), ("b", 4)] {
        let all: Vec<String> = (first..first + 4).map(code).collect();
        let _ = writeln!(text, "    let {name} = vec4<u32>({});", all.join(", "));
    }
    text + "    return Codes(a, b);\n}\n\n"
}

/// Writes `store_block`, which packs the bytes of a block.
pub(crate) fn store_text(bits: usize) -> String {
    let mut text = "fn store_block(at: u32, codes: Codes) {\n".to_owned();
    let mut load = 0;
    for (width, shift) in planes(bits) {
        let (per_word, mask) = (8 / width, ((1u32 << width) - 1) * 0x0101_0101);
        for i in 0..width {
            let code = |k: usize| {
                let (at, half) = (i * per_word + k, ["a", "b"]);
                let quad = format!("codes.{}[{}]", half[at / 4], at % 4);
                format!("((({quad} >> {shift}u) & {mask:#x}u) << {}u)", width * k)
            };
            let all: Vec<String> = (0..per_word).map(code).collect();
            let _ = writeln!(text, "    words[at + {}u] = {};", (load + i) * TILE_ROWS, all.join(" | "));
        }
        load += width;
    }
    text + "}\n\n"
}

/// Returns the constants of `kernels/matrix.wgsl`.
pub(crate) fn constants(kind: MatrixKind) -> [(&'static str, usize); 6] {
    [
        ("BITS", kind.bits),
        ("GRID", kind.grid),
        ("SCALES", kind.scales),
        ("BIASED", usize::from(kind.biased)),
        ("GROUP", kind.group),
        ("INTEGER", usize::from(kind.is_integer())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a code as `single_code` of `matrix.wgsl`.
    fn single_code(words: &[u32], shape: Shape, row: usize, col: usize) -> u32 {
        let at =
            ((row / TILE_ROWS) * shape.blocks() + col / BLOCK) * shape.bits * TILE_ROWS + row % TILE_ROWS;
        let (byte, word) = (col % 4, col % BLOCK / 4);
        let (mut code, mut load, mut shift) = (0, 0, 0);
        for width in [8, 4, 2, 1].into_iter().filter(|width| shape.bits & width != 0) {
            let per_word = 8 / width;
            let bits = words[at + (load + word / per_word) * TILE_ROWS];
            code |= (bits >> (8 * byte + width * (word % per_word)) & ((1 << width) - 1)) << shift;
            load += width;
            shift += width;
        }
        code
    }

    #[test]
    fn codes_are_where_kernels_read_them() {
        let element =
            |row: usize, col: usize, bits: usize| ((row * 7919 + col * 104_729) >> 3) as u32 % (1 << bits);
        for bits in 2..=8 {
            for [rows, cols] in [[1, 32], [33, 33], [70, 300]] {
                let shape = Shape { rows, cols, bits };
                let words = shape.pack(|row, out| {
                    out.iter_mut().enumerate().for_each(|(col, out)| *out = element(row, col, bits));
                });
                assert_eq!(4 * words.len(), shape.bytes());
                for row in 0..rows {
                    for col in 0..cols {
                        let found = single_code(&words, shape, row, col);
                        assert_eq!(found, element(row, col, bits), "{bits} bits, row {row}, column {col}");
                    }
                }
            }
        }
    }
}

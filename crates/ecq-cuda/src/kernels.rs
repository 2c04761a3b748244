//! The sources of kernels, and the variants that the check of kernels compiles.

use crate::compiler::{Program, Source};

macro_rules! source {
    ($name:literal) => {
        Source { name: $name, text: include_str!(concat!("../kernels/", $name)) }
    };
}

/// Products and lookups of rows.
pub const LINEAR: Source = source!("linear.cu");
/// Norms, rotary embedding, activation functions, sums, the KV cache.
pub const ROWS: Source = source!("rows.cu");
/// Argmax, sampling, routing.
pub const TOKENS: Source = source!("tokens.cu");
/// Attention.
pub const ATTENTION: Source = source!("attention.cu");

/// Values of the macro `GRID` of `linear.cu`.
pub(crate) mod grid {
    pub(crate) const UNIFORM: usize = 0;
    pub(crate) const AFFINE: usize = 1;
    pub(crate) const AFFINE_ANY: usize = 2;
    pub(crate) const SUPER_BLOCKS: usize = 3;
    pub(crate) const LEVELS: usize = 4;
    pub(crate) const DENSE: usize = 5;
}

/// Values of the macros for element types.
pub(crate) mod element {
    pub(crate) const F32: usize = 0;
    pub(crate) const F16: usize = 1;
    pub(crate) const BF16: usize = 2;
    pub(crate) const I8: usize = 3;
}

/// A program to compile without a GPU, and its kernels that must not spill registers.
#[derive(Debug, Clone)]
pub struct CheckedProgram {
    /// The program.
    pub program: Program,
    /// Names of kernels in which most of a step's time goes.
    pub hot: &'static [&'static str],
}

/// Returns the programs that the check of kernels compiles: every grid and width, and the sizes of rows and
/// heads that models use.
pub fn checked_programs() -> Vec<CheckedProgram> {
    let mut all: Vec<CheckedProgram> =
        [ROWS, TOKENS].map(|source| CheckedProgram { program: Program::new(source, &[]), hot: &[] }).into();
    let mut linear = |bits: usize, kind: usize, scales: usize, biased: usize, group: usize| {
        let base = [("BITS", bits), ("GRID", kind), ("SCALES", scales), ("BIASED", biased), ("GROUP", group)];
        all.push(CheckedProgram { program: Program::new(LINEAR, &base), hot: &[] });
        for rows in ROWS_PER_PASS {
            let defines = [&base[..], &[("ROWS", rows), ("OUTPUTS", outputs_per_group(kind, rows))]].concat();
            // Groups of any size are rare.
            let hot: &[&str] = if kind == grid::AFFINE_ANY { &[] } else { &["product"] };
            all.push(CheckedProgram { program: Program::new(LINEAR, &defines), hot });
        }
    };
    for bits in 2..=8 {
        linear(bits, grid::UNIFORM, element::F32, 0, 32);
    }
    for bits in [2, 3, 4, 5, 8] {
        linear(bits, grid::AFFINE, element::F16, 1, 32);
    }
    linear(4, grid::AFFINE, element::F16, 0, 32);
    linear(4, grid::AFFINE_ANY, element::F16, 1, 32);
    linear(4, grid::LEVELS, element::F32, 0, 32);
    for (bits, biased, group) in [(2, 1, 16), (3, 0, 16), (4, 1, 32), (5, 1, 32), (6, 0, 16)] {
        linear(bits, grid::SUPER_BLOCKS, element::F16, biased, group);
    }
    for (bits, kind) in [(16, element::F16), (16, element::BF16), (32, element::F32)] {
        linear(bits, grid::DENSE, kind, 0, 32);
    }
    for head_dim in [64, 128, 256] {
        for kind in [element::F32, element::F16, element::BF16, element::I8] {
            let program = Program::new(ATTENTION, &[("HEAD_DIM", head_dim), ("CACHE_ELEMENT", kind)]);
            all.push(CheckedProgram { program, hot: &["attend"] });
        }
    }
    all
}

/// Numbers of rows of activations that share unpacked elements.
pub(crate) const ROWS_PER_PASS: [usize; 4] = [1, 2, 4, 8];

/// Returns the matrix rows that a group of lanes computes together on a grid, for a number of rows of
/// activations: as many as registers allow, because activations are then read less often.
pub(crate) fn outputs_per_group(kind: usize, rows: usize) -> usize {
    match (kind, rows) {
        (_, ..4) => 2,
        (_, 4) => 4,
        (grid::AFFINE | grid::SUPER_BLOCKS, _) => 2,
        _ => 4,
    }
}

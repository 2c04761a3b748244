//! The sources of kernels, and the variants that the check of kernels compiles.

use crate::compiler::{Program, Source};
/// Values of the macro `GRID` of `linear.cu`, and of those for element types.
pub(crate) use ecq_kernels::gpu::{element, grid};

macro_rules! source {
    ($name:literal) => {
        Source { name: $name, text: include_str!(concat!("../kernels/", $name)) }
    };
}

/// Products with codes on tensor cores for few rows of activations, and lookups of their rows.
pub const CODES: Source = Source {
    name: "codes.cu",
    text: concat!(include_str!("../kernels/codes.cuh"), include_str!("../kernels/codes.cu")),
};
/// Products with codes for many rows of activations.
pub const CODES_GEMM: Source = Source {
    name: "codes_gemm.cu",
    text: concat!(include_str!("../kernels/codes.cuh"), include_str!("../kernels/codes_gemm.cu")),
};
/// Products with other matrices, and lookups of their rows.
pub const LINEAR: Source = source!("linear.cu");
/// Norms, rotary embedding, activation functions, sums, the KV cache.
pub const ROWS: Source = source!("rows.cu");
/// Argmax, sampling, routing.
pub const TOKENS: Source = source!("tokens.cu");
/// Attention.
pub const ATTENTION: Source = source!("attention.cu");

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
    let mut codes = |bits: usize, kind: usize, scales: usize, biased: usize, group: usize| {
        let base = [("BITS", bits), ("GRID", kind), ("SCALES", scales), ("BIASED", biased), ("GROUP", group)];
        all.push(CheckedProgram { program: Program::new(CODES, &base), hot: &[] });
        for [rows, tiles] in PASSES.into_iter().filter(|[_, tiles]| *tiles <= most_tiles(group)) {
            let defines = [&base[..], &[("ROWS", rows), ("TILES", tiles)]].concat();
            all.push(CheckedProgram { program: Program::new(CODES, &defines), hot: &["product"] });
        }
        for tiles in GEMM_TILES.into_iter().filter(|tiles| *tiles <= most_gemm_tiles(group)) {
            let defines = [&base[..], &[("TILES", tiles), ("STAGES", gemm_stages(bits, tiles))]].concat();
            all.push(CheckedProgram { program: Program::new(CODES_GEMM, &defines), hot: &["gemm"] });
        }
    };
    for bits in 2..=8 {
        codes(bits, grid::UNIFORM, element::F32, 0, 32);
    }
    for bits in [2, 3, 4, 5, 8] {
        codes(bits, grid::AFFINE, element::F16, 1, 32);
    }
    for bits in [4, 5, 8] {
        codes(bits, grid::AFFINE, element::F16, 0, 32);
    }
    codes(4, grid::AFFINE, element::F32, 1, 32);
    for (bits, biased, group) in [(2, 1, 16), (3, 0, 16), (4, 1, 32), (5, 1, 32), (6, 0, 16)] {
        codes(bits, grid::SUPER_BLOCKS, element::F16, biased, group);
    }
    let kinds = [
        (4, grid::AFFINE_ANY, element::F16, 1),
        (4, grid::LEVELS, element::F32, 0),
        (16, grid::DENSE, element::F16, 0),
        (16, grid::DENSE, element::BF16, 0),
        (32, grid::DENSE, element::F32, 0),
    ];
    for (bits, kind, scales, biased) in kinds {
        let base = [("BITS", bits), ("GRID", kind), ("SCALES", scales), ("BIASED", biased)];
        all.push(CheckedProgram { program: Program::new(LINEAR, &base), hot: &[] });
        for rows in ROWS_PER_PASS {
            let defines = [&base[..], &[("ROWS", rows), ("OUTPUTS", outputs_per_group(rows))]].concat();
            // Groups of any size are rare.
            let hot: &[&str] = if kind == grid::AFFINE_ANY { &[] } else { &["product"] };
            all.push(CheckedProgram { program: Program::new(LINEAR, &defines), hot });
        }
    }
    for head_dim in [64, 128, 256] {
        for kind in [element::F32, element::F16, element::BF16, element::I8] {
            let program = Program::new(ATTENTION, &[("HEAD_DIM", head_dim), ("CACHE_ELEMENT", kind)]);
            all.push(CheckedProgram { program, hot: &["attend", "attend_shared"] });
        }
    }
    all.extend(
        crate::fake_quant::checked()
            .into_iter()
            .map(|program| CheckedProgram { program, hot: &["fake_quant"] }),
    );
    all.extend(crate::tuples::checked());
    all.extend(crate::decode::checked());
    all
}

/// Rows of a tile of activations, and tiles that share unpacked codes, in `codes.cu`.
pub(crate) const PASSES: [[usize; 2]; 5] = [[1, 1], [2, 1], [4, 1], [4, 2], [4, 4]];

/// Returns the most tiles for which the registers of a kernel suffice; groups of 16 columns need more.
pub(crate) fn most_tiles(group: usize) -> usize {
    if group == 16 { 2 } else { 4 }
}

/// As [`most_tiles`], of `codes_gemm.cu`.
pub(crate) fn most_gemm_tiles(group: usize) -> usize {
    if group == 16 { 8 } else { 16 }
}

/// The most rows of a pass of `codes.cu`.
pub(crate) const MOST_PASS_ROWS: usize = 16;

/// Tiles of four rows of activations of a block, in `codes_gemm.cu`.
pub(crate) const GEMM_TILES: [usize; 3] = [4, 8, 16];
/// The most rows of a pass of `codes_gemm.cu`.
pub(crate) const MOST_GEMM_ROWS: usize = 64;
/// Tiles of the matrix of a block, and threads, in `codes_gemm.cu`.
pub(crate) const GEMM_MATRIX_TILES: usize = 8;
pub(crate) const GEMM_THREADS: usize = 64 * GEMM_MATRIX_TILES;

/// Returns the bytes of shared memory of a block of `codes_gemm.cu`.
pub(crate) fn gemm_bytes(bits: usize, tiles: usize) -> usize {
    let results = 4 * 4 * tiles * (GEMM_MATRIX_TILES * 16 + 8);
    128 + results.max(gemm_stages(bits, tiles) * gemm_stage_bytes(bits, tiles))
}

/// Returns the stages of shared memory of a block of `codes_gemm.cu`: as many as fit, up to six.
pub(crate) fn gemm_stages(bits: usize, tiles: usize) -> usize {
    ((220 << 10) / gemm_stage_bytes(bits, tiles)).min(6)
}

fn gemm_stage_bytes(bits: usize, tiles: usize) -> usize {
    GEMM_MATRIX_TILES * bits * 512 + tiles * (2048 + 512)
}

/// Numbers of rows of activations that share unpacked elements in `linear.cu`.
pub(crate) const ROWS_PER_PASS: [usize; 4] = [1, 2, 4, 8];

/// Returns the matrix rows that a group of lanes of `linear.cu` computes together, for a number of rows of
/// activations: more, so that activations are read less often.
pub(crate) fn outputs_per_group(rows: usize) -> usize {
    if rows < 4 { 2 } else { 4 }
}

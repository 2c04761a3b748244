//! Matrices in the tuple coding, which products decode.

mod gemm;
mod matrix;
mod product;

use crate::compiler::{Program, Source};
use crate::kernels::CheckedProgram;
use ecq_coding::tuples::{Shape, TupleCode};
use gemm::{GemmOptions, LevelOptions};

pub(crate) use gemm::LevelsRoom;
pub use matrix::{TupleDigits, TupleMatrix};
pub(crate) use matrix::{level_range, prepare};
pub use product::{TupleInput, TupleOptions, TupleProduct};
pub(crate) use product::{TupleLaunch, TupleOperand};

/// Products.
pub const TUPLES: Source = Source {
    name: "tuple_product.cu",
    text: concat!(
        include_str!("../../kernels/tuple_part.cuh"),
        include_str!("../../kernels/tuples.cuh"),
        include_str!("../../kernels/tuple_levels.cuh"),
        include_str!("../../kernels/tuple_work.cuh"),
        include_str!("../../kernels/tuple_product.cu"),
    ),
};
/// Decoding to levels.
pub const TUPLE_LEVELS: Source = Source {
    name: "tuple_levels.cu",
    text: concat!(
        include_str!("../../kernels/tuple_part.cuh"),
        include_str!("../../kernels/tuples.cuh"),
        include_str!("../../kernels/tuple_levels.cuh"),
        include_str!("../../kernels/tuple_levels.cu"),
    ),
};
/// Products of levels with many rows of activations.
pub const TUPLE_GEMM: Source = Source {
    name: "tuple_gemm.cu",
    text: concat!(
        include_str!("../../kernels/tuple_part.cuh"),
        include_str!("../../kernels/tuple_levels.cuh"),
        include_str!("../../kernels/tuple_gemm.cu"),
    ),
};
/// Lookups of rows.
pub const TUPLE_ROWS: Source =
    Source { name: "tuple_rows.cu", text: include_str!("../../kernels/tuple_rows.cu") };

/// The oldest GPUs that have the instructions of the products, as compute capability times ten.
pub(crate) const CAPABILITY: u32 = 90;

/// What a kernel is compiled for: tuple, longest codeword, whether the grid is a trellis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TupleKind {
    pub(crate) tuple: usize,
    pub(crate) width: usize,
    pub(crate) trellis: bool,
}

impl TupleKind {
    /// Returns the number of groups that take whole windows of 32 bits.
    fn batch(self) -> usize {
        if matches!(self.width, 9 | 10) { 3 } else { 1 }
    }

    /// Returns the kind of matrices with a code.
    pub(crate) fn of(code: &TupleCode) -> Self {
        Self { tuple: code.tuple(), width: code.width() as usize, trellis: code.even() }
    }

    /// Returns the stream rows that a lane reads of a segment at most if it is decoded in multiples of
    /// `groups` groups and of whole windows, however corrupt the stream is.
    pub(crate) fn most_rows(self, shape: Shape, groups: usize) -> usize {
        4 * shape.longest_segment().next_multiple_of(groups * self.batch()) * self.width / 32 + 12
    }

    pub(crate) fn defines(self) -> [(&'static str, usize); 3] {
        [("TUPLE", self.tuple), ("WIDTH", self.width), ("TRELLIS", usize::from(self.trellis))]
    }

    /// Returns the program that looks up rows.
    pub(crate) fn lookup(self) -> Program {
        Program::new(TUPLE_ROWS, &self.defines())
    }

    /// Returns the program that decodes to levels.
    fn levels(self, options: LevelOptions) -> Program {
        let variant = [("WARPS", options.warps), ("STREAMS", options.streams)];
        Program::new(TUPLE_LEVELS, &[&self.defines()[..], &variant].concat())
    }

    /// Returns the program of products of levels.
    fn gemm(self, options: GemmOptions) -> Program {
        let ([tuple, _, trellis], GemmOptions { vectors, tiles, stages }) = (self.defines(), options);
        let variant = [("VECTORS", vectors), ("TILES", tiles), ("STAGES", stages)];
        Program::new(TUPLE_GEMM, &[&[tuple, trellis], &variant[..]].concat())
    }

    /// Returns the program of products with `parts` matrices.
    fn product(self, vectors: usize, parts: usize, options: TupleOptions, shared_digits: bool) -> Program {
        let variant = [
            ("VECTORS", vectors),
            ("PARTS", parts.min(2)),
            ("WARPS", options.warps),
            ("STREAMS", options.streams),
            ("SHARED_DIGITS", usize::from(shared_digits)),
        ];
        Program::new(TUPLES, &[&self.defines()[..], &variant].concat())
    }
}

/// Returns the programs that the check of kernels compiles: the first options that fit registers.
pub(crate) fn checked() -> Vec<CheckedProgram> {
    let mut all = Vec::new();
    for [tuple, width] in [[2, 10], [3, 9], [3, 10], [4, 10]] {
        for trellis in [false, true] {
            let kind = TupleKind { tuple, width, trellis };
            all.push(CheckedProgram { program: kind.lookup(), hot: &[] });
            for (vectors, parts) in [(1, 1), (1, 2), (4, 2), (8, 1)] {
                let options = TupleOptions::fitting(trellis, vectors, parts).next();
                let options = options.unwrap_or(TupleOptions::DEFAULT);
                let program = kind.product(vectors, parts, options, true);
                all.push(CheckedProgram { program, hot: &["tuple_product"] });
            }
            let program = kind.levels(LevelOptions::ALL[0]);
            all.push(CheckedProgram { program, hot: &["tuple_levels"] });
            for options in gemm::VECTORS.into_iter().flat_map(GemmOptions::all) {
                all.push(CheckedProgram { program: kind.gemm(options), hot: &["tuple_gemm"] });
            }
        }
    }
    all
}

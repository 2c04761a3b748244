//! Matrices on the GPU, and digits of activations for their products.

use super::TupleKind;
use super::gemm;
use super::product::{MOST_VECTORS, TupleInput, VECTORS};
use crate::commands::Launch;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernels::ROWS;
use crate::memory::DeviceMemory;
use crate::module::{Grid, Modules};
use crate::parameters::{
    EmbedTuplesParameters, Hint, MAX_OUTPUTS, PrepareTuplesParameters, TupleActivations, TupleOutput,
    TuplePart,
};
use bytemuck::Zeroable;
use cudarc::driver::CudaStream;
use ecq_coding::CodingError;
use ecq_coding::tuples::{Encoded, Index, STREAM_ROW_BYTES, Shape, TupleCode};
use ecq_kernels::gpu::SideData;

/// Threads of a block that makes digits.
const DIGIT_THREADS: usize = 256;
/// Words behind the digits, which a product loads and does not use: a batch of groups.
const SLACK_GROUPS: usize = 3;

/// A matrix on the GPU, as it is in a file.
#[derive(Debug)]
pub struct TupleMatrix {
    pub(crate) kind: TupleKind,
    pub(super) shape: Shape,
    /// Stream, index, table and side data.
    memory: DeviceMemory,
    /// Stream, index and registers in the memory, for hints.
    coded: [Hint; 3],
    part: TuplePart,
    /// The most corrections of a row of the matrix.
    pub(super) row_corrections: usize,
    /// Whether products with many rows of activations decode to levels first.
    levels: bool,
}

/// Digits of activations, for the kernels that write them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DigitLayout {
    tuple: usize,
    cols: usize,
    segments: usize,
    segment_cols: usize,
    segment_words: usize,
    pass_words: usize,
    /// Rows of a pass.
    pub(super) vectors: usize,
    /// Whether there are fragments in place of groups.
    pub(super) packed: bool,
}

impl DigitLayout {
    /// Returns the bytes of digits and exponents of up to `rows` rows.
    pub(crate) fn bytes(&self, rows: usize) -> usize {
        let passes = rows.div_ceil(self.vectors);
        self.exponents_at(passes) + 4 * passes * self.vectors * self.segments
    }

    fn exponents_at(&self, passes: usize) -> usize {
        4 * (passes * self.pass_words + SLACK_GROUPS * 16 * self.vectors)
    }

    /// Returns what kernels are told of up to `rows` rows, for outputs with column scales and memory at the
    /// given addresses.
    pub(crate) fn activations(&self, rows: usize, outputs: &[(u64, u64)]) -> TupleActivations {
        let passes = rows.div_ceil(self.vectors);
        let mut all = [TupleOutput::zeroed(); MAX_OUTPUTS];
        for (output, &(col_scales, digits)) in all.iter_mut().zip(outputs) {
            *output =
                TupleOutput { col_scales, digits, exponents: digits + self.exponents_at(passes) as u64 };
        }
        TupleActivations {
            outputs: all,
            output_count: outputs.len() as u32,
            cols: self.cols as u32,
            tuple: self.tuple as u32,
            segments: self.segments as u32,
            segment_cols: self.segment_cols as u32,
            segment_words: self.segment_words as u32,
            pass_words: self.pass_words as u32,
            vectors: self.vectors as u32,
            packed: u32::from(self.packed),
            padding: 0,
        }
    }

    /// Returns the offset of the high digit of an activation; the low digit is 32 bytes behind it.
    fn place(&self, row: usize, col: usize) -> usize {
        let tuple = self.tuple;
        let segment = (col / self.segment_cols).min(self.segments - 1);
        let col = col - segment * self.segment_cols;
        let (group, rest) = (col / (8 * tuple), col % (8 * tuple));
        let [block, byte] = match self.packed {
            true => gemm::place(tuple, col),
            false => {
                let word = rest / tuple % 4 * 2 + rest / (4 * tuple);
                [group, 4 * word + rest % tuple + usize::from(tuple < 4)]
            }
        };
        let (pass, vector) = (row / self.vectors, row % self.vectors);
        4 * (pass * self.pass_words + segment * self.segment_words)
            + 64 * (block * self.vectors + vector)
            + byte
    }
}

impl TupleMatrix {
    /// Copies a matrix to the GPU. `steps` has one step or one for each row, `col_scales` none or one for
    /// each column.
    ///
    /// # Errors
    /// [`CudaError::Coding`](crate::CudaError::Coding) if the index is corrupt, or errors of
    /// [`DeviceMemory::with`].
    pub fn new(
        gpu: &Gpu,
        code: &TupleCode,
        shape: Shape,
        encoded: &Encoded,
        [steps, col_scales]: [&[f32]; 2],
    ) -> Result<Self> {
        let side = SideData {
            scales: bytemuck::cast_slice(steps).to_vec(),
            col_scales: col_scales.to_vec(),
            ..SideData::default()
        };
        Self::load(gpu, code, shape, [&encoded.index, &encoded.stream], &side)
    }

    /// Copies a matrix with its side data to the GPU. On a trellis grid codes have a lag of four tuples and
    /// restart at every segment.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn load(
        gpu: &Gpu,
        code: &TupleCode,
        shape: Shape,
        [index_bytes, stream]: [&[u8]; 2],
        side: &SideData,
    ) -> Result<Self> {
        let index = Index::parse(index_bytes, stream.len(), shape)?;
        let steps = side.scales.len() / 4;
        if steps != 1 && steps != shape.rows() {
            let (what, expected) = ("steps", "one, or one for each row");
            return Err(CodingError::Parameter { what, found: steps as u64, expected }.into());
        }
        let kind = TupleKind::of(code);
        let registers: Vec<u8> = code.registers().iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut bytes = Vec::new();
        let mut add = |part: &[u8]| {
            let at = bytes.len().next_multiple_of(256);
            bytes.resize(at, 0);
            bytes.extend_from_slice(part);
            (at, part.len())
        };
        let coded = [add(stream), add(index_bytes), add(&registers)];
        let sides = [
            add(&side.scales),
            add(bytemuck::cast_slice(&side.col_scales)),
            add(bytemuck::cast_slice(&side.outlier_starts)),
            add(bytemuck::cast_slice(&side.outliers)),
        ];
        let memory = DeviceMemory::with(gpu, &bytes)?;
        let address = |(at, len): (usize, usize)| if len == 0 { 0 } else { memory.address() + at as u64 };
        let [starts_at, corrections_at] =
            index.offsets().map(|at| memory.address() + (coded[1].0 + at) as u64);
        let [steps_at, scales, outlier_starts, outliers] = sides.map(address);
        let part = TuplePart {
            stream: memory.address() + coded[0].0 as u64,
            index: address(coded[1]),
            starts: starts_at,
            corrections: corrections_at,
            registers: address(coded[2]),
            steps: steps_at,
            outlier_starts,
            outliers,
            scales,
            tiles: shape.tiles() as u32,
            segments: shape.segments() as u32,
            segment_groups: shape.segment_groups() as u32,
            groups: shape.groups() as u32,
            stream_rows: (stream.len() / STREAM_ROW_BYTES) as u32,
            reach: index.reach() as u32,
            batch_groups: shape.longest_segment().next_multiple_of(kind.batch()) as u32,
            per_row: u32::from(steps > 1),
            slot_rows: index.most_stream_rows() as u32,
            ..TuplePart::zeroed()
        };
        let coded = coded.map(|(at, len)| Hint { address: memory.address() + at as u64, bytes: len as u64 });
        let row_corrections = index.most_row_corrections();
        let levels = gemm::fits(gpu, shape, level_range(code));
        Self { kind, shape, memory, coded, part, row_corrections, levels }.checked(gpu)
    }

    /// Returns the bytes of scratch memory for products with many rows of activations and up to `matrices`
    /// matrices like this.
    pub(crate) fn level_bytes(&self, matrices: usize) -> usize {
        if self.levels { gemm::LevelsRoom::bytes_for(self.shape, matrices) } else { 0 }
    }

    /// Returns the bytes on the GPU.
    pub fn bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// Returns the geometry.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the matrix as products read it, without operands and division of work.
    pub(super) fn part(&self) -> TuplePart {
        self.part
    }

    /// Returns the address of the column scales, 0 if there are none.
    pub(crate) fn col_scales(&self) -> u64 {
        self.part.scales
    }

    /// Returns the memory that a product reads: at most `most` bytes of the stream, index, table.
    pub(super) fn hints(&self, most: u64) -> [Hint; 3] {
        let [stream, index, registers] = self.coded;
        [Hint { bytes: stream.bytes.min(most), ..stream }, index, registers]
    }

    /// Returns the bytes of the stream.
    pub(super) fn stream_bytes(&self) -> u64 {
        self.coded[0].bytes
    }

    /// Returns the layout of the digits of a product with up to `rows` rows of activations.
    pub(crate) fn digits(&self, rows: usize) -> DigitLayout {
        let packed = rows > MOST_VECTORS && self.levels;
        let (variants, most) =
            if packed { (&gemm::VECTORS[..], gemm::MOST_VECTORS) } else { (&VECTORS[..], MOST_VECTORS) };
        let vectors = variants.iter().copied().find(|&vectors| vectors >= rows).unwrap_or(most);
        let [segment_blocks, pass_blocks] = match packed {
            true => gemm::fragments(self.shape),
            false => [1, self.shape.segments()].map(|segments| segments * self.part.batch_groups as usize),
        };
        DigitLayout {
            tuple: self.kind.tuple,
            cols: self.shape.cols(),
            segments: self.shape.segments(),
            segment_cols: self.shape.segment_groups() * self.shape.group_cols(),
            segment_words: segment_blocks * 16 * vectors,
            pass_words: pass_blocks * 16 * vectors,
            vectors,
            packed,
        }
    }

    /// Returns the parameters of lookups; the caller adds its operands.
    pub(crate) fn lookup(&self) -> EmbedTuplesParameters {
        let part = self.part;
        EmbedTuplesParameters {
            stream: part.stream,
            index: part.index,
            starts: part.starts,
            corrections: part.corrections,
            registers: part.registers,
            steps: part.steps,
            outlier_starts: part.outlier_starts,
            outliers: part.outliers,
            col_scales: part.scales,
            rows: self.shape.rows() as u32,
            cols: self.shape.cols() as u32,
            tiles: part.tiles,
            segments: part.segments,
            segment_groups: part.segment_groups,
            groups: part.groups,
            stream_rows: part.stream_rows,
            per_row: part.per_row,
            ..EmbedTuplesParameters::zeroed()
        }
    }
}

/// Digits of activations, in memory of their own.
#[derive(Debug)]
pub struct TupleDigits {
    launch: Launch,
    memory: DeviceMemory,
    layout: DigitLayout,
    exponents_at: usize,
}

impl TupleDigits {
    /// Prepares the digits of activations for products with a matrix.
    ///
    /// # Errors
    /// Errors of compiler and driver.
    pub fn new(gpu: &Gpu, modules: &Modules, matrix: &TupleMatrix, input: TupleInput) -> Result<Self> {
        let layout = matrix.digits(input.rows.most);
        let rows = input.rows.most;
        let memory = DeviceMemory::zeroed(gpu, layout.bytes(rows))?;
        let next = layout.activations(rows, &[(matrix.col_scales(), memory.address())]);
        let launch = prepare(gpu, modules, input, next)?;
        Ok(Self { launch, exponents_at: layout.exponents_at(rows.div_ceil(layout.vectors)), layout, memory })
    }

    /// Returns the address of the digits.
    pub(crate) fn address(&self) -> u64 {
        self.memory.address()
    }

    /// Makes the digits.
    ///
    /// # Errors
    /// [`CudaError::Driver`](crate::CudaError::Driver).
    ///
    /// # Safety
    /// Activations and the matrix must exist until the kernel is complete.
    pub unsafe fn launch(&self, stream: &CudaStream) -> Result<()> {
        self.launch.run(stream)
    }

    /// Returns the offset of the high digit of an activation among the digits; the low digit is 32 bytes
    /// behind it.
    pub fn place(&self, row: usize, col: usize) -> usize {
        self.layout.place(row, col)
    }

    /// Returns digits and exponents, for tests.
    ///
    /// # Errors
    /// [`CudaError::Driver`](crate::CudaError::Driver).
    pub fn read(&self, stream: &CudaStream) -> Result<(Vec<u8>, Vec<i32>)> {
        let mut bytes = vec![0; self.memory.bytes()];
        self.memory.read(stream, 0, &mut bytes)?;
        let exponents = bytes.split_off(self.exponents_at);
        let exponents = exponents.as_chunks::<4>().0.iter().map(|&word| i32::from_le_bytes(word)).collect();
        Ok((bytes, exponents))
    }
}

/// Returns the least and the greatest level of a code's symbols.
pub(crate) fn level_range(code: &TupleCode) -> [i32; 2] {
    let (zero, symbols) = (i32::from(code.zero()), code.table().frequencies().len() as i32);
    let range = [-zero, symbols - 1 - zero];
    if code.even() { [2 * range[0], 2 * range[1] + 1] } else { range }
}

/// Returns the launch that writes digits of activations.
pub(crate) fn prepare(
    gpu: &Gpu,
    modules: &Modules,
    input: TupleInput,
    next: TupleActivations,
) -> Result<Launch> {
    let kernel = modules.kernel(gpu, &crate::compiler::Program::new(ROWS, &[]), "prepare_tuples")?;
    let parameters = PrepareTuplesParameters {
        x: input.x,
        up: 0,
        y: 0,
        active: input.rows.address,
        which: input.rows.which,
        rows: input.rows.most as u32,
        stride: input.stride as u32,
        element: input.element as u32,
        function: 0,
        padding: 0,
        next,
    };
    let blocks = [next.segments as usize, input.rows.most, 1];
    Ok(Launch::new(kernel, Grid::new(blocks, DIGIT_THREADS), &parameters))
}

//! Products with matrices in the tuple coding.

use crate::compiler::{Program, Source};
use crate::error::{CudaError, Result};
use crate::gpu::Gpu;
use crate::kernels::CheckedProgram;
use crate::memory::DeviceMemory;
use crate::module::{Grid, Kernel, Modules, words_of};
use bytemuck::{NoUninit, Zeroable};
use cudarc::driver::CudaStream;
use ecq_coding::CodingError;
use ecq_coding::tuples::{Encoded, Index, STREAM_ROW_BYTES, Shape, TupleCode};

/// The kernels.
pub const TUPLES: Source = Source {
    name: "tuple_product.cu",
    text: concat!(
        include_str!("../kernels/tuples.cuh"),
        include_str!("../kernels/tuple_digits.cu"),
        include_str!("../kernels/tuple_work.cuh"),
        include_str!("../kernels/tuple_product.cu"),
    ),
};

/// Bytes of shared memory before the table.
const HEAD_BYTES: usize = 1152;
/// The most slots of a block: their barriers and rounds have that much room.
const MAX_SLOTS: usize = 64;
/// The most segments of a block: numbers that the kernel divides by multiplying.
const MAX_STREAMS: usize = 4000;
/// Rows of activations of the variants.
const VECTORS: [usize; 5] = [1, 2, 4, 8, 16];
/// Threads of a block that makes digits.
const DIGIT_THREADS: usize = 128;

/// A matrix on the GPU, as it is in a file.
#[derive(Debug)]
pub struct TupleMatrix {
    shape: Shape,
    width: usize,
    trellis: bool,
    stream: DeviceMemory,
    index: DeviceMemory,
    registers: DeviceMemory,
    steps: DeviceMemory,
    per_row: bool,
    starts_at: usize,
    corrections_at: usize,
    reach: usize,
    /// Stream rows of the longest segment.
    slot_rows: usize,
    /// The most corrections of a row of the matrix.
    row_corrections: usize,
}

/// How a product is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TupleOptions {
    /// Warps of a block.
    pub warps: usize,
    /// Streams that a warp decodes at a time.
    pub streams: usize,
}

impl TupleOptions {
    /// The options in the order in which they are tried: the most streams at a time first. Warps and the two
    /// that fill slots are a multiple of four, because registers are given to four warps at a time.
    const TRIED: [(usize, usize); 7] = [(14, 4), (10, 4), (14, 2), (10, 2), (6, 2), (2, 2), (2, 1)];
    const DEFAULT: Self = Self { warps: 14, streams: 4 };

    /// Returns whether the sums of `vectors` rows of activations fit registers.
    fn fit_registers(self, trellis: bool, vectors: usize) -> bool {
        let fragments = self.streams * vectors.div_ceil(4) * if trellis { 2 } else { 1 };
        fragments
            <= match self.warps {
                11.. => 4,
                7..=10 => 8,
                _ => 16,
            }
    }
}

/// The division of a block's shared memory.
struct SharedMemory {
    slots: usize,
    /// Whether the digits are there too.
    digits: bool,
    bytes: usize,
}

/// Digits of activations.
#[derive(Debug)]
pub struct TupleDigits {
    kernel: Kernel,
    parameters: DigitsParameters,
    blocks: [usize; 3],
    /// The digits, and behind them the exponents.
    memory: DeviceMemory,
}

/// A product with a matrix, ready to launch.
#[derive(Debug, Clone)]
pub struct TupleProduct {
    kernel: Kernel,
    parameters: ProductParameters,
    grid: Grid,
}

/// The parameter of `tuple_digits`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Zeroable, NoUninit)]
struct DigitsParameters {
    activations: u64,
    scales: u64,
    digits: u64,
    exponents: u64,
    vectors: u32,
    cols: u32,
    stride: u32,
    element: u32,
    segments: u32,
    segment_groups: u32,
    batch_groups: u32,
    unused: u32,
}

/// The parameter of `tuple_product`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Zeroable, NoUninit)]
struct ProductParameters {
    stream: u64,
    index: u64,
    starts: u64,
    corrections: u64,
    registers: u64,
    digits: u64,
    exponents: u64,
    steps: u64,
    output: u64,
    rows: u32,
    tiles: u32,
    segments: u32,
    segment_groups: u32,
    groups: u32,
    stream_rows: u32,
    reach: u32,
    batch_groups: u32,
    vectors: u32,
    output_stride: u32,
    element: u32,
    per_row: u32,
    slots: u32,
    slot_rows: u32,
    one: u32,
    block_tiles: u32,
    more_tiles: u32,
    prefetch: u32,
    next_stream: u64,
    next_index: u64,
    next_registers: u64,
    next_stream_bytes: u32,
    next_index_bytes: u32,
}

impl TupleMatrix {
    /// Copies a matrix to the GPU. `steps` has one step or one for each row; with `trellis`, codes are those
    /// of a trellis grid with a lag of four tuples that restarts at every segment.
    ///
    /// # Errors
    /// [`CudaError::Coding`] if the index is corrupt, or errors of [`DeviceMemory::with`].
    pub fn new(gpu: &Gpu, code: &TupleCode, shape: Shape, encoded: &Encoded, steps: &[f32]) -> Result<Self> {
        let index = Index::parse(&encoded.index[..], encoded.stream.len(), shape)?;
        let slot_rows = index.most_stream_rows();
        if steps.len() != 1 && steps.len() != shape.rows() {
            let (what, found) = ("steps", steps.len() as u64);
            let expected = "one, or one for each row";
            return Err(CodingError::Parameter { what, found, expected }.into());
        }
        let [starts_at, corrections_at] = index.offsets();
        let registers: Vec<u8> = code.registers().iter().flat_map(|word| word.to_le_bytes()).collect();
        Ok(Self {
            shape,
            width: code.width() as usize,
            trellis: code.even(),
            stream: DeviceMemory::with(gpu, &encoded.stream)?,
            index: DeviceMemory::with(gpu, &encoded.index)?,
            registers: DeviceMemory::with(gpu, &registers)?,
            steps: DeviceMemory::with(gpu, bytemuck::cast_slice(steps))?,
            per_row: steps.len() > 1,
            starts_at,
            corrections_at,
            reach: index.reach(),
            slot_rows,
            row_corrections: index.most_row_corrections(),
        })
    }

    /// Returns the bytes on the GPU.
    pub fn bytes(&self) -> usize {
        self.stream.bytes() + self.index.bytes() + self.registers.bytes() + self.steps.bytes()
    }

    /// Returns the geometry.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    fn program(&self, vectors: usize, options: TupleOptions, shared_digits: bool) -> Program {
        program([self.shape.tuple(), self.width], self.trellis, vectors, options, shared_digits)
    }

    /// Returns the number of groups that take whole windows of 32 bits.
    fn batch(&self) -> usize {
        if matches!(self.width, 9 | 10) { 3 } else { 1 }
    }

    /// Returns the number of groups of a segment of digits.
    fn batch_groups(&self) -> usize {
        self.shape.longest_segment().next_multiple_of(self.batch())
    }

    /// Returns the variant for a number of rows of activations.
    fn vectors(rows: usize) -> Result<usize> {
        let fits = VECTORS.into_iter().find(|&vectors| vectors >= rows && rows > 0);
        let (what, expected) = ("rows of activations", "1 to 16");
        fits.ok_or_else(|| CodingError::Parameter { what, found: rows as u64, expected }.into())
    }

    /// Prepares the digits of `rows` rows (1 to 16) of activations, `stride` elements apart: f32 (`element`
    /// 0), f16 (1) or bf16 (2) at address `activations`. `scales`, if not zero, is the address of f32 column
    /// scales.
    ///
    /// # Errors
    /// [`CudaError::Coding`] if the number of rows is out of range, or errors of compiler and driver.
    pub fn digits(
        &self,
        gpu: &Gpu,
        modules: &Modules,
        [activations, scales]: [u64; 2],
        [rows, stride, element]: [usize; 3],
    ) -> Result<TupleDigits> {
        let (shape, vectors) = (self.shape, Self::vectors(rows)?);
        let kernel =
            modules.kernel(gpu, &self.program(vectors, TupleOptions::DEFAULT, false), "tuple_digits")?;
        let digit_bytes = shape.segments() * self.batch_groups() * 64 * vectors;
        // Products load a batch of groups too many, which they do not use.
        let exponents_at = digit_bytes + 3 * 64 * vectors;
        let memory = DeviceMemory::zeroed(gpu, exponents_at + 4 * vectors * shape.segments())?;
        let parameters = DigitsParameters {
            activations,
            scales,
            digits: memory.address(),
            exponents: memory.address() + exponents_at as u64,
            vectors: rows as u32,
            cols: shape.cols() as u32,
            stride: stride as u32,
            element: element as u32,
            segments: shape.segments() as u32,
            segment_groups: shape.segment_groups() as u32,
            batch_groups: self.batch_groups() as u32,
            unused: 0,
        };
        Ok(TupleDigits { kernel, parameters, blocks: [shape.segments(), vectors, 1], memory })
    }

    fn blocks(gpu: &Gpu, shape: Shape) -> usize {
        gpu.properties().multiprocessors.min(shape.tiles())
    }

    /// Returns the division of shared memory; `None` if there is no slot for each warp.
    fn shared_memory(&self, gpu: &Gpu, vectors: usize, options: TupleOptions) -> Option<SharedMemory> {
        let shape = self.shape;
        let most_tiles = shape.tiles().div_ceil(Self::blocks(gpu, shape));
        let slot_bytes = options.streams * self.slot_rows * STREAM_ROW_BYTES;
        let fixed = HEAD_BYTES
            + (128 << self.width)
            + 8 * vectors * shape.segments()
            + (4 + 8 * vectors) * most_tiles * 16
            + 128;
        // A corrupt stream may lead a lane behind its slot by the bits of a segment.
        let lookups = 4 * self.batch_groups();
        let overrun = (lookups * self.width / 32 + 12).saturating_sub(self.slot_rows) * STREAM_ROW_BYTES;
        let units = (most_tiles * shape.segments()).div_ceil(options.streams);
        let slots_beside = |bytes: usize| {
            let room = gpu.properties().shared_bytes.saturating_sub(fixed + overrun + bytes);
            (room / slot_bytes).min(MAX_SLOTS).min(units)
        };
        // Digits stay in global memory if there is no room for a slot for each warp beside them.
        let needed = options.warps.min(units);
        let digit_bytes = shape.segments() * self.batch_groups() * 64 * vectors + 128;
        let digits = slots_beside(digit_bytes) >= needed;
        let slots = slots_beside(if digits { digit_bytes } else { 0 });
        let bytes = fixed + overrun + slots * slot_bytes + if digits { digit_bytes } else { 0 };
        (slots >= needed).then_some(SharedMemory { slots, digits, bytes })
    }

    /// Returns the options for products with `rows` rows of activations (1 to 16).
    ///
    /// # Errors
    /// [`CudaError::Coding`] if the number of rows is out of range, or no division fits the GPU.
    pub fn options(&self, gpu: &Gpu, rows: usize) -> Result<TupleOptions> {
        let vectors = Self::vectors(rows)?;
        let streams_of_block =
            self.shape.tiles().div_ceil(Self::blocks(gpu, self.shape)) * self.shape.segments();
        let tried = TupleOptions::TRIED.map(|(warps, streams)| TupleOptions { warps, streams });
        let fits = |options: &TupleOptions, digits: bool| {
            let enough = streams_of_block >= options.warps * options.streams || options.streams <= 2;
            let shared = self.shared_memory(gpu, vectors, *options);
            let registers = options.fit_registers(self.trellis, vectors);
            enough && registers && shared.is_some_and(|shared| shared.digits || !digits)
        };
        let found = tried.iter().find(|options| fits(options, true));
        let found = found.or_else(|| tried.iter().find(|options| fits(options, false)));
        found.copied().ok_or_else(|| {
            let (what, expected) = ("bytes of a table", "less, for this GPU's shared memory");
            CodingError::Parameter { what, found: 128 << self.width, expected }.into()
        })
    }

    /// Prepares a product with digits; the result has `element` type at address `output`, rows `stride`
    /// elements apart.
    ///
    /// # Errors
    /// [`CudaError::Coding`] if the matrix does not fit the kernel, or errors of compiler and driver.
    pub fn product(
        &self,
        gpu: &Gpu,
        modules: &Modules,
        digits: &TupleDigits,
        (output, stride, element): (u64, usize, usize),
        options: TupleOptions,
    ) -> Result<TupleProduct> {
        let refused = |what, found: usize, expected| -> CudaError {
            CodingError::Parameter { what, found: found as u64, expected }.into()
        };
        if gpu.properties().capability < 90 {
            let found = gpu.properties().capability as usize;
            return Err(refused("compute capability times ten", found, "90 or more for fused tuples"));
        }
        let longer = self.shape.longest_segment() > self.shape.segment_groups();
        if self.trellis && longer && !self.shape.segment_groups().is_multiple_of(self.batch()) {
            let expected = "a multiple of three on a trellis grid whose last segment is longer";
            return Err(refused("groups of a segment", self.shape.segment_groups(), expected));
        }
        if self.row_corrections + self.shape.segments() > MAX_STREAMS {
            return Err(refused("corrections of a row", self.row_corrections, "fewer than 4000"));
        }
        let (shape, vectors) = (self.shape, digits.blocks[1]);
        let blocks = Self::blocks(gpu, shape);
        if shape.tiles().div_ceil(blocks) * shape.segments() > MAX_STREAMS {
            let found = shape.tiles().div_ceil(blocks) * shape.segments();
            return Err(refused("segments of a block", found, "at most 4000"));
        }
        let Some(shared) = self.shared_memory(gpu, vectors, options) else {
            let found = options.streams * self.slot_rows * STREAM_ROW_BYTES;
            return Err(refused("bytes of a unit", found, "less, so that each warp has a slot"));
        };
        let kernel = modules.kernel(gpu, &self.program(vectors, options, shared.digits), "tuple_product")?;
        kernel.allow_shared(shared.bytes)?;
        let parameters = ProductParameters {
            stream: self.stream.address(),
            index: self.index.address(),
            starts: self.index.address() + self.starts_at as u64,
            corrections: self.index.address() + self.corrections_at as u64,
            registers: self.registers.address(),
            digits: digits.parameters.digits,
            exponents: digits.parameters.exponents,
            steps: self.steps.address(),
            output,
            rows: shape.rows() as u32,
            tiles: shape.tiles() as u32,
            segments: shape.segments() as u32,
            segment_groups: shape.segment_groups() as u32,
            groups: shape.groups() as u32,
            stream_rows: (self.stream.bytes() / STREAM_ROW_BYTES) as u32,
            reach: self.reach as u32,
            batch_groups: self.batch_groups() as u32,
            vectors: digits.parameters.vectors,
            output_stride: stride as u32,
            element: element as u32,
            per_row: self.per_row.into(),
            slots: shared.slots as u32,
            slot_rows: self.slot_rows as u32,
            one: 1,
            block_tiles: (shape.tiles() / blocks) as u32,
            more_tiles: (shape.tiles() % blocks) as u32,
            prefetch: 1,
            next_stream: 0,
            next_index: 0,
            next_registers: 0,
            next_stream_bytes: 0,
            next_index_bytes: 0,
        };
        let grid =
            Grid { blocks: [blocks, 1, 1], threads: 32 * (options.warps + 2), shared_bytes: shared.bytes };
        Ok(TupleProduct { kernel, parameters, grid })
    }
}

impl TupleDigits {
    /// Makes the digits.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Safety
    /// Activations and scales must be at their addresses until the kernel is complete.
    pub unsafe fn launch(&self, stream: &CudaStream) -> Result<()> {
        let grid = Grid::new(self.blocks, DIGIT_THREADS);
        // SAFETY: the caller's condition; the digits live as long as `self`.
        unsafe { self.kernel.launch(stream, grid, &words_of(&self.parameters)) }
    }

    /// Returns digits and exponents, for tests.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn read(&self, stream: &CudaStream) -> Result<(Vec<u8>, Vec<i32>)> {
        let mut bytes = vec![0; self.memory.bytes()];
        self.memory.read(stream, 0, &mut bytes)?;
        let exponents = bytes.split_off((self.parameters.exponents - self.parameters.digits) as usize);
        let exponents = exponents.as_chunks::<4>().0.iter().map(|&word| i32::from_le_bytes(word)).collect();
        Ok((bytes, exponents))
    }
}

impl TupleProduct {
    /// Multiplies.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Safety
    /// Matrix, digits and output must exist until the kernel is complete.
    pub unsafe fn launch(&self, stream: &CudaStream) -> Result<()> {
        // SAFETY: the caller's condition.
        unsafe { self.kernel.launch(stream, self.grid, &words_of(&self.parameters)) }
    }

    /// Returns the product with a hint: `next` follows it, and its matrix is fetched to the L2 cache, at most
    /// `most_bytes` of its stream.
    #[must_use]
    pub fn before(&self, next: &Self, most_bytes: usize, index_bytes: usize) -> Self {
        let stream_bytes = (next.parameters.stream_rows as usize * STREAM_ROW_BYTES).min(most_bytes);
        let parameters = ProductParameters {
            // This product's own matrix was fetched by the product before it.
            prefetch: u32::from(stream_bytes < next.parameters.stream_rows as usize * STREAM_ROW_BYTES),
            next_stream: next.parameters.stream,
            next_index: next.parameters.index,
            next_registers: next.parameters.registers,
            next_stream_bytes: stream_bytes as u32,
            next_index_bytes: index_bytes as u32,
            ..self.parameters
        };
        Self { parameters, ..self.clone() }
    }

    /// Returns the product with the output at another address.
    #[must_use]
    pub fn with_output(&self, output: u64) -> Self {
        let parameters = ProductParameters { output, ..self.parameters };
        Self { parameters, ..self.clone() }
    }

    /// Returns the number of units that a block holds at a time, and the bytes of its shared memory.
    pub fn slots(&self) -> (usize, usize) {
        (self.parameters.slots as usize, self.grid.shared_bytes)
    }
}

fn program(
    [tuple, width]: [usize; 2],
    trellis: bool,
    vectors: usize,
    TupleOptions { warps, streams }: TupleOptions,
    shared_digits: bool,
) -> Program {
    let defines = [
        ("SHARED_DIGITS", usize::from(shared_digits)),
        ("TUPLE", tuple),
        ("WIDTH", width),
        ("TRELLIS", usize::from(trellis)),
        ("STREAMS", streams),
        ("WARPS", warps),
        ("VECTORS", vectors),
    ];
    Program::new(TUPLES, &defines)
}

/// Returns the programs that the check of kernels compiles: the first options that fit registers.
pub(crate) fn checked() -> Vec<CheckedProgram> {
    let mut all = Vec::new();
    for code in [[2, 10], [3, 9], [3, 10], [4, 10]] {
        for (trellis, vectors) in [1, 4, 8, 16].into_iter().flat_map(|v| [(false, v), (true, v)]) {
            let mut tried = TupleOptions::TRIED.into_iter();
            let options = tried.find_map(|(warps, streams)| {
                Some(TupleOptions { warps, streams })
                    .filter(|options| options.fit_registers(trellis, vectors))
            });
            let program = program(code, trellis, vectors, options.unwrap_or(TupleOptions::DEFAULT), true);
            all.push(CheckedProgram { program, hot: &["tuple_product"] });
        }
    }
    all
}

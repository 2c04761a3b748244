//! Decoding of streams on the GPU, to the form that products read.
//!
//! Where lanes are rows of whole tiles of a product, and for tuples, a kernel packs elements itself.
//! Otherwise it writes an element per byte to scratch memory, and another kernel packs the bytes; where the
//! first one does not know the branch bits of a trellis grid, a third one replaces codes by levels in
//! between. Streams stay on the GPU as they are in the file.

mod load;
mod measure;
mod parameters;
mod prefix;
mod rans;
mod stage;
mod tuples;

use crate::commands::Launch;
use crate::compiler::{Program, Source};
use crate::error::Result as CudaResult;
use crate::gpu::Gpu;
use crate::kernels::CheckedProgram;
use crate::layout::{Shape, TILE_ROWS};
use crate::memory::DeviceMemory;
use crate::module::Modules;
use ecq_codec::{CodecError, CodesEntry, decode_codes, decode_grid};
use ecq_coding::{CodingError, MAX_SYMBOLS_PER_BYTE};
use ecq_core::{Coding, CoreError, EncodedTensor, GridEntry, TensorPart, Tile, code_bits, packed_row_bytes};
use ecq_kernels::gpu::PackedMatrix;
use ecq_runtime::RuntimeError;
use parameters::{LevelsJob, PackJob, Tiling, UnpackJob};
use stage::{PackedForm, SharedBytes, Stage, Target};

pub use measure::DecodeSpeed;

type Result<T> = std::result::Result<T, RuntimeError>;

/// A source whose kernels share `decode.cuh`.
macro_rules! decode_source {
    ($name:literal) => {
        Source {
            name: $name,
            text: concat!(
                include_str!("../../kernels/decode.cuh"),
                include_str!(concat!("../../kernels/", $name))
            ),
        }
    };
}
use decode_source;

const PACK: Source = decode_source!("decode_pack.cu");
/// Rows of bytes begin at multiples of this.
const ROW_ALIGNMENT: usize = 16;
/// Bytes of scratch memory that matrices decoded together take at most, unless one takes more: half of the
/// second-level cache of large GPUs.
const SCRATCH_BYTES: usize = 32 << 20;

/// Returns the programs that the check of kernels compiles.
pub(crate) fn checked() -> Vec<CheckedProgram> {
    let pack = (1..=8).map(|bits| CheckedProgram { program: pack_program(bits), hot: &["pack_units"] });
    pack.chain(rans::checked()).chain(prefix::checked()).chain(tuples::checked()).collect()
}

fn pack_program(bits: usize) -> Program {
    Program::new(PACK, &[("BITS", bits)])
}

/// The rule of levels on a trellis grid.
#[derive(Debug, Clone, Copy)]
struct Levels {
    zero: u8,
    lag: u16,
    restart: u32,
}

impl Tiling {
    fn of(tile: Tile, [rows, cols]: [usize; 2]) -> Self {
        Self {
            rows: rows as u32,
            cols: cols as u32,
            tile_rows: tile.rows.min(rows) as u32,
            tile_cols: tile.cols.min(cols) as u32,
            across: cols.div_ceil(tile.cols) as u32,
            tiles: tile.count(rows, cols) as u32,
        }
    }
}

/// Memory that a tensor is copied to, part by part.
struct Uploads<'a> {
    gpu: &'a Gpu,
    memory: Vec<DeviceMemory>,
}

impl<'a> Uploads<'a> {
    fn gpu(&self) -> &'a Gpu {
        self.gpu
    }

    /// Copies bytes, which zeros follow up to a multiple of 256; returns their address, 0 if there are none.
    fn add(&mut self, bytes: &[u8]) -> Result<u64> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let memory = DeviceMemory::padded(self.gpu, bytes, 256)?;
        let address = memory.address();
        self.memory.push(memory);
        Ok(address)
    }
}

/// A coded matrix on the GPU.
pub(crate) struct DeviceStreams {
    /// The host's decoder finds what is wrong with a bad stream.
    tensor: EncodedTensor,
    stages: Vec<Stage>,
    /// Replaces codes by levels.
    levels: Option<Stage>,
    packed: PackedMatrix,
    memory: Vec<DeviceMemory>,
}

/// A matrix to decode.
pub(crate) struct Decoding<'a> {
    pub(crate) streams: &'a DeviceStreams,
    /// What kernels report if the stream is bad.
    pub(crate) weight: u32,
    /// Address of the elements.
    pub(crate) to: u64,
}

impl DeviceStreams {
    /// Copies a tensor to the GPU.
    ///
    /// # Errors
    /// If a part other than the stream is corrupt, or memory is exhausted.
    fn upload(gpu: &Gpu, tensor: &EncodedTensor) -> Result<Self> {
        let CodesEntry { coding, alphabet, grid, .. } = CodesEntry::of(tensor)?;
        let [rows, cols] = tensor.shape();
        // A small file that claims a huge tensor must not exhaust memory.
        if rows * cols / MAX_SYMBOLS_PER_BYTE > tensor.part(TensorPart::Stream)?.len() {
            return Err(bad_tensor(tensor));
        }
        let packed = PackedMatrix::fixed(&decode_grid(tensor)?, [rows, cols], alphabet)?;
        if rows.max(cols) > i32::MAX as usize {
            let (what, found) = ("rows or columns", rows.max(cols) as u64);
            return Err(CoreError::Parameter { what, found, expected: "less than 2^31" }.into());
        }
        let levels = match grid {
            GridEntry::TrellisRows { zero, lag, restart, .. } => Some(Levels { zero, lag, restart }),
            _ => None,
        };
        let mut uploads = Uploads { gpu, memory: Vec::new() };
        let (stages, has_levels) = match coding {
            Coding::Rans => rans::stages(tensor, levels, &mut uploads)?,
            Coding::Prefix => (prefix::stages(tensor, levels, &mut uploads)?, false),
            Coding::Tuples => (vec![tuples::stage(tensor, &mut uploads)?], false),
            Coding::Packed => {
                let job = UnpackJob {
                    stream: uploads.add(tensor.part(TensorPart::Stream)?)?,
                    row_bytes: packed_row_bytes(cols, code_bits(alphabet)) as u64,
                    rows: rows as u32,
                    cols: cols as u32,
                };
                let warps = (rows * cols.div_ceil(8)).div_ceil(32);
                let program = pack_program(code_bits(alphabet) as usize);
                (vec![Stage::new(program, "unpack", warps, SharedBytes::default(), &job)], false)
            }
            Coding::Archive => {
                let (found, expected) = (coding.name(), "a coding that decodes tile by tile");
                return Err(CodecError::Content { found, expected }.into());
            }
        };
        let levels = levels.filter(|_| !has_levels).map(|Levels { zero, lag, restart }| {
            let (rows, zero) = (rows as u32, zero.into());
            let job = LevelsJob { rows, cols: cols as u32, zero, lag: lag.into(), restart, padding: 0 };
            let chains = cols.div_ceil(restart as usize) * usize::from(lag) / 4;
            let warps = (rows as usize * chains).div_ceil(32);
            Stage::new(pack_program(8), "levels", warps, SharedBytes::default(), &job)
        });
        Ok(Self { tensor: tensor.clone(), stages, levels, packed, memory: uploads.memory })
    }

    /// Returns whether kernels decode a coding.
    pub(crate) fn decodes(coding: Coding) -> bool {
        coding != Coding::Archive
    }

    /// Returns the form to which the matrix is decoded.
    pub(crate) fn packed_mut(&mut self) -> &mut PackedMatrix {
        &mut self.packed
    }

    /// Returns the bytes of GPU memory.
    pub(crate) fn bytes(&self) -> usize {
        self.memory.iter().map(DeviceMemory::bytes).sum()
    }

    fn shape(&self) -> [usize; 2] {
        self.tensor.shape()
    }

    fn stride(&self) -> usize {
        self.shape()[1].next_multiple_of(ROW_ALIGNMENT)
    }

    /// Returns the bytes of a matrix with an element per byte.
    fn unpacked_bytes(&self) -> usize {
        (self.shape()[0] * self.stride()).next_multiple_of(256)
    }

    /// Returns the stages that pack elements themselves, if kernels do.
    fn packing(&self) -> Option<Vec<Stage>> {
        let packs = matches!(Shape::of(&self.packed), Shape::Tiles(_));
        let bits = self.packed.kind.bits;
        if packs { self.stages.iter().map(|stage| stage.packing(bits)).collect() } else { None }
    }

    /// Returns the scratch memory that decoding takes.
    pub(crate) fn scratch_bytes(&self) -> usize {
        if self.packing().is_some() { 0 } else { self.unpacked_bytes() }
    }

    /// Returns where elements are, packed and as bytes.
    fn target(&self, weight: u32, bytes: u64, words: u64) -> Target {
        let units = match Shape::of(&self.packed) {
            Shape::Tiles(shape) => shape.units,
            Shape::Lanes(shape) => shape.lanes * shape.chunks,
        };
        let form = PackedForm { units, base: self.packed.base() };
        Target { weight, bytes, stride: self.stride() as u64, words, form }
    }

    /// Returns why a stream that a kernel calls bad is bad.
    pub(crate) fn error(&self) -> RuntimeError {
        bad_tensor(&self.tensor)
    }

    /// Returns the stage that packs bytes.
    fn pack(&self) -> Stage {
        let shape = Shape::of(&self.packed);
        let (kernel, lanes, chunks, warps) = match shape {
            Shape::Tiles(shape) => ("pack_units", 0, 0, shape.rows.div_ceil(TILE_ROWS) * shape.units),
            Shape::Lanes(shape) => {
                let blocks = shape.lanes * shape.chunks;
                ("pack_lanes", shape.lanes, shape.chunks, (shape.rows * blocks).div_ceil(32))
            }
        };
        let job = PackJob {
            rows: shape.rows() as u32,
            cols: shape.cols() as u32,
            lanes: lanes as u32,
            chunks: chunks as u32,
        };
        Stage::new(pack_program(self.packed.kind.bits), kernel, warps, SharedBytes::default(), &job)
    }
}

/// Divides matrices that are decoded one after another into those that are decoded together; returns the
/// scratch memory that the decoding of each part takes at most.
pub(crate) fn divide<'a, 'b>(mut all: &'b [Decoding<'a>]) -> (Vec<&'b [Decoding<'a>]>, usize) {
    let (mut parts, mut most) = (Vec::new(), 0);
    while !all.is_empty() {
        let mut bytes = 0;
        let fits = |decoding: &&Decoding| {
            bytes += decoding.streams.scratch_bytes();
            bytes <= SCRATCH_BYTES
        };
        let count = all.iter().take_while(fits).count().max(1);
        let (part, rest) = all.split_at(count);
        most = most.max(part.iter().map(|decoding| decoding.streams.scratch_bytes()).sum());
        parts.push(part);
        all = rest;
    }
    (parts, most)
}

/// Returns the launches that decode matrices, through scratch memory.
///
/// # Errors
/// If a kernel does not compile.
pub(crate) fn launches(
    gpu: &Gpu,
    modules: &Modules,
    decodings: &[Decoding],
    scratch: u64,
    report: u64,
) -> CudaResult<Vec<Launch>> {
    let mut at = scratch;
    let mut phases: [Vec<(Stage, Target)>; 3] = Default::default();
    for &Decoding { streams, weight, to } in decodings {
        let target = streams.target(weight, at, to);
        if let Some(stages) = streams.packing() {
            phases[0].extend(stages.into_iter().map(|stage| (stage, target)));
            continue;
        }
        at += streams.unpacked_bytes() as u64;
        phases[0].extend(streams.stages.iter().map(|stage| (stage.clone(), target)));
        phases[1].extend(streams.levels.iter().map(|stage| (stage.clone(), target)));
        phases[2].push((streams.pack(), target));
    }
    let mut all = Vec::new();
    for stages in phases {
        all.extend(stage::launches(gpu, modules, stages, report)?);
    }
    Ok(all)
}

/// Returns whether the lanes of a warp have rows of whole tiles of a product.
fn packs_tiles(tile: Tile, [rows, cols]: [usize; 2]) -> bool {
    let whole_tiles = tile.rows >= rows || tile.rows.is_multiple_of(TILE_ROWS);
    tile.lanes == 32 && tile.cols >= cols && whole_tiles
}

/// Returns the host's error of a tensor whose stream is bad.
fn bad_tensor(tensor: &EncodedTensor) -> RuntimeError {
    match decode_codes(tensor) {
        Err(error) => error.into(),
        Ok(_) => {
            let why = "a kernel calls a stream bad that the host decodes".to_owned();
            RuntimeError::Device { device: "cuda", why }
        }
    }
}

fn corrupt_table(source: CodingError) -> CodecError {
    CodecError::Part { part: TensorPart::Table, source }
}

//! Decoding of streams on the GPU, to the form that products read.
//!
//! Where a lane of a tile has whole rows, the kernel that decodes packs elements itself. Otherwise it writes
//! a code per byte to scratch memory, and another kernel packs the bytes. Streams stay on the GPU as they are
//! in the file.

mod prefix;
mod rans;
mod tuples;

use crate::dispatch::{ActiveRows, Dispatch};
use crate::gpu::Gpu;
use crate::kernel::{Kernel, source};
use crate::layout::{Shape, store_text};
use crate::program::Work;
use ecq_codec::{CodecError, CodesEntry, decode_codes};
use ecq_core::{
    Coding, CoreError, EncodedTensor, GridEntry, LaneOrder, TensorPart, Tile, code_bits, packed_row_bytes,
};
use ecq_kernels::gpu::PackedMatrix;
use ecq_runtime::RuntimeError;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Rows of bytes begin at multiples of this.
const ROW_ALIGNMENT: usize = 4;
/// The longest lag of a trellis, whose history a thread holds.
const LONGEST_LAG: u16 = 1024;
/// Threads of a workgroup that decodes lanes without each other, or packs.
const THREADS: usize = 64;
/// Most workgroups in a direction, as `decode_rans.wgsl` has it.
const MOST_GROUPS: usize = 65535;

/// The rule of levels on a trellis grid.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    zero: u8,
    lag: u16,
    restart: u32,
}

/// A coded matrix on the GPU.
pub(crate) struct Streams {
    /// The host's decoder finds what is wrong with a bad stream.
    tensor: EncodedTensor,
    stages: Vec<Stage>,
    /// The kernel that packs bytes, if the others do not pack themselves.
    pack: Option<Stage>,
    /// Bytes of a matrix with a code per byte.
    unpacked_bytes: u64,
}

/// The work of one kernel for one matrix.
struct Stage {
    kernel: Kernel,
    /// Parameters, with a word for the number of the weight.
    parameters: Vec<u32>,
    /// Place of that word; none if the kernel reports nothing.
    weight: Option<usize>,
    inputs: Vec<wgpu::Buffer>,
    groups: [usize; 3],
}

/// How a matrix is divided into tiles.
struct Tiling {
    tile: Tile,
    shape: [usize; 2],
}

impl Tiling {
    fn words(&self) -> [u32; 4] {
        let [rows, cols] = self.shape;
        let across = cols.div_ceil(self.tile.cols);
        [rows as u32, self.tile.rows.min(rows) as u32, self.tile.cols.min(cols) as u32, across as u32]
    }

    fn in_rows_order(&self) -> bool {
        self.tile.order == LaneOrder::Rows
    }

    /// Returns whether each lane has whole rows.
    fn has_whole_rows(&self) -> bool {
        self.in_rows_order() && self.tile.cols >= self.shape[1]
    }
}

impl Streams {
    /// Copies a tensor to the GPU; `packed` is the form to which it is decoded.
    ///
    /// # Errors
    /// If a part other than the stream is corrupt, or the device cannot hold or decode it.
    pub(crate) fn load(gpu: &Gpu, tensor: &EncodedTensor, packed: &PackedMatrix) -> Result<Self> {
        let CodesEntry { coding, alphabet, tile, grid, .. } = CodesEntry::of(tensor)?;
        let [rows, cols] = packed.shape;
        let levels = match grid {
            GridEntry::TrellisRows { zero, lag, restart, .. } => Levels { zero, lag, restart },
            _ => Levels { restart: 1, ..Levels::default() },
        };
        if levels.lag > LONGEST_LAG {
            let (found, expected) = (levels.lag.into(), "at most 1024 on the wgpu device");
            return Err(CoreError::Parameter { what: "trellis lag", found, expected }.into());
        }
        let stride = cols.next_multiple_of(ROW_ALIGNMENT);
        let unpacked_bytes = (rows * stride) as u64;
        let tiling = Tiling { tile, shape: [rows, cols] };
        let whole = tiling.has_whole_rows() && matches!(coding, Coding::Rans | Coding::Prefix);
        let shape = Shape { rows, cols, bits: packed.kind.bits };
        let sink = Sink { shape, stride, base: packed.base(), packs: whole, levels };
        let stages = match coding {
            Coding::Rans => vec![rans::stage(gpu, tensor, &tiling, &sink)?],
            Coding::Prefix => prefix::stages(gpu, tensor, &tiling, &sink)?,
            Coding::Tuples => vec![tuples::stage(gpu, tensor, &sink)?],
            Coding::Packed => Vec::new(),
            Coding::Archive => {
                let (found, expected) = (coding.name(), "a coding that decodes tile by tile");
                return Err(CodecError::Content { found, expected }.into());
            }
        };
        let pack = match coding {
            Coding::Packed => {
                let stream = gpu.filled("the packed codes", &words_of(tensor.part(TensorPart::Stream)?))?;
                let bits = code_bits(alphabet);
                Some(sink.pack(Some(stream), bits as usize, packed_row_bytes(cols, bits)))
            }
            _ if whole => None,
            _ => Some(sink.pack(None, 0, stride)),
        };
        Ok(Self { tensor: tensor.clone(), stages, pack, unpacked_bytes })
    }

    /// Returns the bytes of GPU memory.
    pub(crate) fn bytes(&self) -> u64 {
        let all = self.stages.iter().chain(&self.pack).flat_map(|stage| &stage.inputs);
        all.map(wgpu::Buffer::size).sum()
    }

    /// Returns the work that decodes the matrix to `words`; kernels report it as `weight` if it is bad.
    ///
    /// # Errors
    /// If memory is exhausted.
    pub(crate) fn work(
        &self,
        gpu: &Gpu,
        weight: u32,
        words: &wgpu::Buffer,
        report: &wgpu::Buffer,
        active: &ActiveRows,
    ) -> Result<Vec<Work>> {
        let dispatch = |stage: &Stage, inputs: Option<&wgpu::Buffer>, to: &wgpu::Buffer| {
            let mut parameters = stage.parameters.clone();
            if let Some(place) = stage.weight {
                parameters[place] = weight;
            }
            let mut buffers = stage.inputs.clone();
            buffers.extend(inputs.into_iter().flat_map(|bytes| [bytes.clone(), bytes.clone()]));
            buffers.push(to.clone());
            if stage.weight.is_some() {
                buffers.push(report.clone());
            }
            let (kernel, groups) = (stage.kernel.clone(), stage.groups);
            Work::Dispatch(Dispatch { kernel, parameters, buffers, groups, active: active.clone() })
        };
        let Some(pack) = &self.pack else {
            return Ok(self.stages.iter().map(|stage| dispatch(stage, None, words)).collect());
        };
        if self.stages.is_empty() {
            return Ok(vec![dispatch(pack, None, words)]);
        }
        let bytes = gpu.buffer("decoded codes", self.unpacked_bytes)?;
        let mut all = vec![Work::Clear(bytes.clone())];
        all.extend(self.stages.iter().map(|stage| dispatch(stage, None, &bytes)));
        all.push(dispatch(pack, Some(&bytes), words));
        Ok(all)
    }

    /// Returns why a stream that a kernel calls bad is bad.
    pub(crate) fn error(&self) -> RuntimeError {
        match decode_codes(&self.tensor) {
            Err(error) => error.into(),
            Ok(_) => {
                let why = "a kernel calls a stream bad that the host decodes".to_owned();
                RuntimeError::Device { device: "wgpu", why }
            }
        }
    }
}

/// Where kernels put what they decode.
struct Sink {
    shape: Shape,
    stride: usize,
    base: u32,
    /// Whether elements are packed, not written as codes to bytes.
    packs: bool,
    levels: Levels,
}

impl Sink {
    fn words(&self) -> [u32; 4] {
        let Shape { cols, .. } = self.shape;
        [cols as u32, self.shape.blocks() as u32, self.stride as u32, self.base]
    }

    /// Returns workgroups in two directions.
    fn groups(count: usize) -> [usize; 3] {
        [count.min(MOST_GROUPS), count.div_ceil(MOST_GROUPS), 1]
    }

    /// Returns a kernel that decodes; `branches` tells whether it needs the branch bits of a trellis grid.
    fn kernel(&self, entry: &'static str, text: &'static str, branches: bool) -> Kernel {
        let lag = if branches { self.levels.lag } else { 0 };
        let sink = if self.packs { source::SINK_PACK } else { source::SINK_BYTES };
        let mut kernel = Kernel::new(entry, &[source::LEVELS, sink, text], "rrww");
        kernel.constants = vec![("LAG", lag.into())];
        kernel.reads_files = true;
        if self.packs {
            kernel.constants.push(("BITS", self.shape.bits));
            kernel.generated = store_text(self.shape.bits);
        }
        kernel
    }

    /// Returns the stage that packs codes of `code_bits` bits, or bytes (0), in rows of `row_bytes` bytes.
    fn pack(&self, stream: Option<wgpu::Buffer>, code_bits: usize, row_bytes: usize) -> Stage {
        let Shape { rows, bits, .. } = self.shape;
        let Levels { zero, lag, restart } = self.levels;
        let sink = [source::LEVELS, source::SINK_PACK, source::PACK];
        // Binding 3 is that of the tables of the kernels that decode.
        let mut kernel = Kernel::new("pack", &sink, "rrw");
        kernel.generated = store_text(bits);
        kernel.constants = vec![("LAG", lag.into()), ("BITS", bits), ("CODE_BITS", code_bits)];
        let blocks = if lag == 0 { self.shape.blocks() } else { 1 };
        let mut parameters = self.words().to_vec();
        parameters[2] = row_bytes as u32;
        parameters.extend([rows as u32, zero.into(), restart]);
        Stage {
            kernel,
            parameters,
            weight: None,
            inputs: stream.into_iter().flat_map(|stream| [stream.clone(), stream]).collect(),
            groups: [rows.div_ceil(THREADS), blocks, 1],
        }
    }
}

/// Returns bytes as words, with zeros behind the last.
fn words_of(bytes: &[u8]) -> Vec<u32> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    let mut words: Vec<u32> = bytes.chunks(4).map(word).collect();
    // A code may be read with the word behind it.
    words.push(0);
    words
}

/// Adds words and returns the place of the first one.
fn push(data: &mut Vec<u32>, words: impl IntoIterator<Item = u32>) -> u32 {
    let at = data.len();
    data.extend(words);
    at as u32
}

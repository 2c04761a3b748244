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
use crate::layout::{Shape, constants, store_text};
use crate::program::Work;
use crate::tuples::TupleStream;
use ecq_codec::{CodecError, CodesEntry, decode_codes};
use ecq_core::{
    Coding, CoreError, EncodedTensor, GridEntry, LaneOrder, TensorPart, Tile, code_bits, packed_row_bytes,
};
use ecq_kernels::gpu::{MatrixKind, PackedMatrix};
use ecq_runtime::RuntimeError;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Rows of bytes begin at multiples of this.
const ROW_ALIGNMENT: usize = 4;
/// The longest lag of a trellis, whose history a thread holds.
const LONGEST_LAG: u16 = 1024;
/// Threads of a workgroup that packs, and the fewest of one that decodes lanes without each other.
const THREADS: usize = 64;
/// The most threads of a workgroup that shares a table, which every adapter has, and the workgroups that are
/// enough: about as many as a large GPU has cores.
const MOST_THREADS: usize = 256;
const ENOUGH_GROUPS: usize = 128;
/// Bytes of workgroup memory that every adapter has.
const WORKGROUP_BYTES: usize = 16 << 10;
/// Most workgroups in a direction, as kernels have it.
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
    form: Form,
    /// Codes at the bits of their alphabet in rows of bytes, which need no stage.
    packed: Option<(wgpu::Buffer, usize, usize)>,
    /// Whether each lane has whole rows, so that kernels can use elements where they decode them.
    whole_rows: bool,
    /// What products that decode tuples know of them.
    tuples: Option<TupleStream>,
}

/// The work of one kernel for one matrix, whatever becomes of the codes.
struct Stage {
    text: StageText,
    /// Parameters behind those of the sink, with a word for the number of the weight.
    parameters: Vec<u32>,
    /// Place of that word.
    weight: usize,
    inputs: [wgpu::Buffer; 2],
    groups: [usize; 3],
    /// Whether the kernel needs the branch bits of a trellis grid itself.
    needs_branches: bool,
    /// Whether lanes have rows, whose columns they decode in order.
    in_rows: bool,
    /// How the tiles of some rows are decoded; none if all are.
    lookup: Option<Lookup>,
}

/// How a stage decodes the tiles of some rows.
#[derive(Debug, Clone, Copy)]
struct Lookup {
    /// Threads of a tile, and of a workgroup.
    tile_threads: usize,
    threads: usize,
    /// Place of the number of tiles among the parameters, if the kernel counts them.
    count: Option<usize>,
}

/// The form of elements.
#[derive(Debug, Clone, Copy)]
struct Form {
    kind: MatrixKind,
    shape: Shape,
    /// What is subtracted from elements.
    base: u32,
    levels: Levels,
}

impl Form {
    /// Returns the bytes of a row of codes at a byte each.
    fn stride(&self) -> usize {
        self.shape.cols.next_multiple_of(ROW_ALIGNMENT)
    }

    /// Returns the words of a sink for rows of `stride` bytes.
    fn words(&self, stride: usize) -> [u32; 4] {
        [self.shape.cols as u32, self.shape.blocks() as u32, stride as u32, self.base]
    }
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

    fn in_rows(&self) -> bool {
        self.tile.order == LaneOrder::Rows
    }

    /// Returns whether each lane has whole rows.
    fn has_whole_rows(&self) -> bool {
        self.in_rows() && self.tile.cols >= self.shape[1]
    }
}

/// What becomes of decoded codes.
pub(crate) enum Target<'a> {
    /// All elements are packed.
    Words(&'a wgpu::Buffer),
    /// The elements of the tiles of some rows are packed, where kernels can; else all.
    Rows(&'a wgpu::Buffer, &'a wgpu::Buffer, usize),
    /// They are multiplied: number of rows of activations, parameters of the product, and the buffers digits,
    /// side data, activations, biases and results.
    Product(usize, &'a [u32], [&'a wgpu::Buffer; 5]),
}

/// What the dispatches of a program share.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) gpu: &'a Gpu,
    /// What kernels report if a stream is bad, and where.
    pub(crate) weight: u32,
    pub(crate) report: &'a wgpu::Buffer,
    pub(crate) active: &'a ActiveRows,
}

impl Streams {
    /// Copies a tensor to the GPU; `packed` is the form to which it is decoded. `products` says whether
    /// products may decode it, too.
    ///
    /// # Errors
    /// If a part other than the stream is corrupt, or the device cannot hold or decode it.
    pub(crate) fn load(
        gpu: &Gpu,
        tensor: &EncodedTensor,
        packed: &PackedMatrix,
        products: bool,
    ) -> Result<Self> {
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
        let tiling = Tiling { tile, shape: [rows, cols] };
        let shape = Shape { rows, cols, bits: packed.kind.bits };
        let form = Form { kind: packed.kind, shape, base: packed.base(), levels };
        let mut whole_rows = tiling.has_whole_rows();
        let (mut codes, mut of_tuples) = (None, None);
        let stages = match coding {
            Coding::Rans => vec![rans::stage(gpu, tensor, &tiling, levels)?],
            Coding::Prefix => prefix::stages(gpu, tensor, &tiling, levels)?,
            Coding::Tuples => {
                whole_rows = false;
                let (stage, stream) = tuples::stage(gpu, tensor, products)?;
                of_tuples = stream;
                vec![stage]
            }
            Coding::Packed => {
                whole_rows = false;
                let bits = code_bits(alphabet);
                let stream = gpu.filled("the packed codes", &words_of(tensor.part(TensorPart::Stream)?))?;
                codes = Some((stream, bits as usize, packed_row_bytes(cols, bits)));
                Vec::new()
            }
            Coding::Archive => {
                let (found, expected) = (coding.name(), "a coding that decodes tile by tile");
                return Err(CodecError::Content { found, expected }.into());
            }
        };
        Ok(Self { tensor: tensor.clone(), stages, form, packed: codes, whole_rows, tuples: of_tuples })
    }

    /// Returns the bytes of GPU memory.
    pub(crate) fn bytes(&self) -> u64 {
        let stages = self.stages.first().into_iter().flat_map(|stage| &stage.inputs);
        let streams = stages.chain(self.packed.as_ref().map(|(stream, ..)| stream));
        streams.map(wgpu::Buffer::size).sum::<u64>() + self.tuples.as_ref().map_or(0, TupleStream::bytes)
    }

    /// Returns the bytes of the decoded matrix.
    pub(crate) fn decoded_bytes(&self) -> usize {
        self.form.shape.bytes()
    }

    /// Returns the tuples, if products decode them.
    pub(crate) fn tuples(&self) -> Option<&TupleStream> {
        self.tuples.as_ref()
    }

    /// Returns whether kernels multiply where they decode.
    pub(crate) fn multiplies(&self) -> bool {
        self.whole_rows && self.form.kind.is_integer()
    }

    /// Returns the work that decodes the matrix.
    ///
    /// # Errors
    /// If memory is exhausted.
    pub(crate) fn work(&self, context: Context, target: &Target) -> Result<Vec<Work>> {
        let words = match target {
            Target::Words(words) | Target::Rows(words, ..) => *words,
            Target::Product(..) => {
                return Ok(self.stages.iter().map(|stage| self.dispatch(stage, context, target)).collect());
            }
        };
        if let Some((stream, bits, row_bytes)) = &self.packed {
            return Ok(vec![self.pack(context, stream, [*bits, *row_bytes], words)]);
        }
        if self.whole_rows {
            return Ok(self.stages.iter().map(|stage| self.dispatch(stage, context, target)).collect());
        }
        let stride = self.form.stride();
        let bytes = context.gpu.buffer("decoded codes", (self.form.shape.rows * stride) as u64)?;
        let mut all = vec![Work::Clear(bytes.clone())];
        all.extend(self.stages.iter().map(|stage| self.dispatch(stage, context, &Target::Words(&bytes))));
        all.push(self.pack(context, &bytes, [0, stride], words));
        Ok(all)
    }

    /// Returns the dispatch of a stage, which writes codes to bytes unless lanes have whole rows.
    fn dispatch(&self, stage: &Stage, context: Context, target: &Target) -> Work {
        let Form { kind, levels, .. } = self.form;
        let needs_branches = self.whole_rows || stage.needs_branches;
        let lag = if stage.in_rows && needs_branches { usize::from(levels.lag) } else { 0 };
        let mut parameters = self.form.words(self.form.stride()).to_vec();
        let mut buffers = stage.inputs.to_vec();
        let mut groups = stage.groups;
        let sink = match *target {
            Target::Product(rows, product, [digits, side, x, bias, y]) => {
                parameters.extend(product);
                buffers.extend([digits, context.report, side, x, bias, y].map(wgpu::Buffer::clone));
                Sink::Product { rows, values: !context.gpu.report().dots }
            }
            Target::Words(to) | Target::Rows(to, ..) => {
                buffers.extend([to.clone(), context.report.clone()]);
                if self.whole_rows { Sink::Words { looked_up: false } } else { Sink::Bytes }
            }
        };
        let sink = match (target, stage.lookup) {
            (Target::Rows(_, rows, most), Some(lookup)) => {
                buffers.push((*rows).clone());
                groups = groups_of((most * lookup.tile_threads).div_ceil(lookup.threads));
                Sink::Words { looked_up: true }
            }
            _ => sink,
        };
        let kernel = stage.text.kernel(sink, kind, lag);
        let mut own = stage.parameters.clone();
        own[stage.weight] = context.weight;
        if let (Target::Rows(_, _, most), Some(Lookup { count, .. })) = (target, stage.lookup) {
            // A number of lanes, or of tiles behind which there is none.
            count.into_iter().for_each(|place| own[place] = *most as u32);
        }
        parameters.extend(own);
        Work::Dispatch(Dispatch { kernel, parameters, buffers, groups, active: context.active.clone() })
    }

    /// Returns the dispatch that packs codes of `bits` bits, or bytes (0), in rows of `row_bytes` bytes.
    fn pack(&self, context: Context, bytes: &wgpu::Buffer, row: [usize; 2], words: &wgpu::Buffer) -> Work {
        let Form { shape, levels: Levels { zero, lag, restart }, .. } = self.form;
        let [code_bits, row_bytes] = row;
        let kernel = pack_kernel(shape.bits, lag.into(), code_bits);
        let mut parameters = self.form.words(row_bytes).to_vec();
        parameters.extend([shape.rows as u32, zero.into(), restart]);
        let blocks = if lag == 0 { shape.blocks() } else { 1 };
        Work::Dispatch(Dispatch {
            kernel,
            parameters,
            buffers: vec![bytes.clone(), bytes.clone(), words.clone()],
            groups: [shape.rows.div_ceil(THREADS), blocks, 1],
            active: context.active.clone(),
        })
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

/// The tile of a row that is looked up.
const LOOKUP: &str = "@group(0) @binding(6) var<storage, read> looked_up: array<u32>;\n\n\
    fn tile_number(i: u32) -> u32 {\n    if (i >= active_rows[0]) { return 0xffffffffu; }\n    \
    return looked_up[i] / p.tile_rows;\n}\n\n";
/// Tiles in order.
const ALL_TILES: &str = "fn tile_number(i: u32) -> u32 {\n    return i;\n}\n\n";

/// Returns workgroups in two directions.
fn groups_of(count: usize) -> [usize; 3] {
    [count.min(MOST_GROUPS), count.div_ceil(MOST_GROUPS), 1]
}

/// Returns the threads of a workgroup that shares a table, `least` times a power of two, if there are `all`
/// threads: many, so that few copy the table and it takes little memory, in enough workgroups.
fn threads_of_group(all: usize, least: usize) -> usize {
    let mut threads = least;
    while 2 * threads <= MOST_THREADS && all >= ENOUGH_GROUPS * 2 * threads {
        threads *= 2;
    }
    threads
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

/// Returns the kernel that packs codes of `code_bits` bits, or bytes (0), to `bits` bits.
pub(crate) fn pack_kernel(bits: usize, lag: usize, code_bits: usize) -> Kernel {
    // Binding 3 is that of the tables of the kernels that decode.
    let sources = [source::LEVELS, source::SINK, source::SINK_BLOCKS, source::SINK_PACK, source::PACK];
    let mut kernel = Kernel::new("pack", &sources, "rrw");
    kernel.generated = store_text(bits);
    kernel.constants = vec![("LAG", lag), ("BITS", bits), ("CODE_BITS", code_bits)];
    kernel
}

/// What becomes of codes, for the text of a kernel.
#[derive(Debug, Clone, Copy)]
enum Sink {
    Bytes,
    Words {
        looked_up: bool,
    },
    /// `values` says whether activations are values or bytes.
    Product {
        rows: usize,
        values: bool,
    },
}

/// The text of a stage, whatever the matrix.
#[derive(Debug, Clone)]
struct StageText {
    entry: &'static str,
    sources: Vec<&'static str>,
    constants: Vec<(&'static str, usize)>,
    /// The function that tells which tile a number means.
    listed: &'static str,
}

impl StageText {
    /// Returns the kernel of a sink; `lag` is 0 where branch bits are not needed.
    fn kernel(&self, sink: Sink, kind: MatrixKind, lag: usize) -> Kernel {
        let (sources, access): (&[&'static str], &str) = match sink {
            Sink::Bytes => (&[source::SINK, source::SINK_BYTES], "rrww"),
            Sink::Words { looked_up: false } => {
                (&[source::SINK, source::SINK_BLOCKS, source::SINK_PACK], "rrww")
            }
            Sink::Words { looked_up: true } => {
                (&[source::SINK, source::SINK_BLOCKS, source::SINK_PACK], "rrwwr")
            }
            Sink::Product { .. } => {
                let product = &[
                    source::MATRIX,
                    source::RESULTS,
                    source::SUMS,
                    source::SINK_BLOCKS,
                    source::SINK_PRODUCT,
                ];
                (product, "rrrwrrrw")
            }
        };
        let mut kernel =
            Kernel::new(self.entry, &[sources, &[source::LEVELS], &self.sources].concat(), access);
        kernel.reads_files = true;
        kernel.constants = vec![("LAG", lag)];
        kernel.constants.extend(&self.constants);
        match sink {
            Sink::Bytes => {}
            Sink::Words { .. } => {
                kernel.constants.push(("BITS", kind.bits));
                kernel.generated += &store_text(kind.bits);
            }
            Sink::Product { rows, values } => {
                kernel.constants.extend(constants(kind));
                kernel.constants.extend([("ROWS", rows), ("VALUES", usize::from(values))]);
            }
        }
        let looked_up = matches!(sink, Sink::Words { looked_up: true });
        kernel.generated += if looked_up { LOOKUP } else { self.listed };
        kernel
    }
}

/// Returns the kernels that decode, for the check of translations.
pub(crate) fn checked_decoders(kind: MatrixKind) -> Vec<(String, Kernel)> {
    let mut all = Vec::new();
    let mut add = |name: &str, stage: &StageText, lag: usize| {
        let sinks = [
            ("bytes", Sink::Bytes),
            ("words", Sink::Words { looked_up: false }),
            ("lookup", Sink::Words { looked_up: true }),
            ("product", Sink::Product { rows: 1, values: false }),
        ];
        let sinks = sinks.into_iter().take(if stage.listed.is_empty() { 1 } else { 4 });
        all.extend(sinks.map(|(sink, of)| (format!("{name}_{sink}"), stage.kernel(of, kind, lag))));
    };
    use rans::{Table, Threads};
    let (one_tile, teams) = (Threads { group: 32, tile: 32 }, Threads { group: 128, tile: 32 });
    add("rans", &rans::text(one_tile, true, 0, Table::Global, false), 0);
    add("rans_subgroups", &rans::text(teams, true, 0, Table::Local { entries: 4096 }, true), 0);
    add("rans_trellis", &rans::text(one_tile, true, 2, Table::Local { entries: 1024 }, false), 12);
    add("rans_wide", &rans::text(Threads { group: 64, tile: 64 }, true, 1, Table::Wide, false), 0);
    add("prefix", &prefix::text(3, true, Some(128)), 0);
    add("prefix_trellis", &prefix::text(4, true, None), 12);
    add("tuples", &tuples::text(4, 10), 0);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workgroups_grow_where_there_are_enough() {
        for (all, least, threads) in [
            (1, 64, 64),
            (8192, 64, 64),
            (16384 - 1, 64, 64),
            (16384, 64, 128),
            (32768, 64, 256),
            (1 << 24, 64, 256),
            (4096, 32, 32),
            (8192, 32, 64),
            (32768, 32, 256),
        ] {
            assert_eq!(threads_of_group(all, least), threads, "{all} threads, at least {least}");
        }
    }
}

//! Weight matrices and slots on the GPU.

use crate::backend::Shared;
use crate::decode::Streams;
use crate::error::WgpuError;
use crate::gpu::Gpu;
use crate::layout::{Shape, TILE_ROWS};
use crate::side::Side;
use ecq_codec::{CodesEntry, decode_codes, decode_grid};
use ecq_core::{Coding, CoreError, EncodedTensor};
use ecq_kernels::gpu::{MatrixKind, PackedMatrix, SideData, float_elements, float_kind};
use ecq_runtime::backend::{Slot, Weight};
use ecq_runtime::{Matrix, MatrixStorage, Mode, Residence, RuntimeError};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Codings whose streams a product decodes.
pub(crate) const FUSED_CODINGS: &[Coding] = &[Coding::Packed, Coding::Rans, Coding::Prefix, Coding::Tuples];

/// A weight matrix on the GPU.
pub(crate) struct WgpuWeight {
    /// Number of the backend that loaded it.
    backend: u64,
    /// Unique identifier.
    pub(crate) number: u64,
    name: String,
    pub(crate) kind: MatrixKind,
    shape: [usize; 2],
    /// Ranges of rows, each with elements and side data of its own; one, unless elements exceed a binding.
    parts: Vec<Part>,
    /// What is decoded before each use, or in the product.
    streams: Option<Streams>,
    /// Whether it is decoded into a slot.
    in_slot: bool,
}

/// A range of rows of a matrix.
pub(crate) struct Part {
    pub(crate) rows: Range<usize>,
    /// Elements; none if they are in a slot.
    words: Option<wgpu::Buffer>,
    pub(crate) side: Side,
}

/// A part with its elements.
#[derive(Clone)]
pub(crate) struct Operand<'a> {
    pub(crate) part: &'a Part,
    pub(crate) words: wgpu::Buffer,
}

/// A matrix as products and lookups read it.
pub(crate) enum Operands<'a> {
    /// Packed elements.
    Packed(Vec<Operand<'a>>),
    /// Streams, which a product decodes.
    Streams(&'a Streams, &'a Part),
}

impl WgpuWeight {
    pub(crate) fn load(shared: &Shared, matrix: &Matrix, residence: Residence) -> Result<Weight> {
        let gpu = &shared.gpu;
        match (residence, &matrix.storage) {
            (Residence::Dense, _) => {
                let (dtype, bytes) = matrix.floats()?;
                let row_bytes = matrix.shape[1] * dtype.bytes();
                let expected = matrix.shape[0] * row_bytes;
                if bytes.len() != expected {
                    let (what, found) = ("bytes of floats", bytes.len());
                    return Err(CoreError::Length { what, found, expected }.into());
                }
                let row = |row: usize, out: &mut [u32]| {
                    float_elements(dtype, &bytes[row * row_bytes..(row + 1) * row_bytes], out);
                };
                let parts = upload(gpu, matrix, float_kind(dtype), &SideData::default(), &row)?;
                Ok(Self::weight(shared, matrix, float_kind(dtype), parts, None, false))
            }
            (Residence::Packed | Residence::Streams, MatrixStorage::Codes(tensor)) => {
                let coding = CodesEntry::of(tensor)?.coding;
                if residence == Residence::Streams && coding != Coding::Packed {
                    if !FUSED_CODINGS.contains(&coding) {
                        return Err(RuntimeError::Mode {
                            mode: Mode::Fused.name(),
                            why: format!(
                                "the wgpu device decodes rans, prefix and tuples streams for a product, not \
                                 {} streams; use cached",
                                coding.name()
                            ),
                        });
                    }
                    return Self::load_streams(shared, matrix, tensor, false);
                }
                let codes = decode_codes(tensor)?;
                let packed = PackedMatrix::of(&codes, &decode_grid(tensor)?)?;
                let cols = matrix.shape[1];
                let row = |row: usize, out: &mut [u32]| {
                    packed.elements(&codes.symbols()[row * cols..(row + 1) * cols], out);
                };
                let parts = upload(gpu, matrix, packed.kind, &packed.side, &row)?;
                Ok(Self::weight(shared, matrix, packed.kind, parts, None, false))
            }
            (Residence::Slot, MatrixStorage::Codes(tensor)) => {
                Self::load_streams(shared, matrix, tensor, true)
            }
            _ => {
                let what = format!("{} has no codes, which {residence:?} requires", matrix.name);
                Err(RuntimeError::Binding(what))
            }
        }
    }

    fn load_streams(
        shared: &Shared,
        matrix: &Matrix,
        tensor: &EncodedTensor,
        in_slot: bool,
    ) -> Result<Weight> {
        let gpu = &shared.gpu;
        // Decoded once, so that bits and outliers, and with them the results, are those of `Packed`.
        let packed = PackedMatrix::of(&decode_codes(tensor)?, &decode_grid(tensor)?)?;
        let [rows, cols] = matrix.shape;
        let shape = Shape { rows, cols, bits: packed.kind.bits };
        let most = gpu.binding_bytes();
        if shape.bytes() as u64 > most {
            let (what, bytes) = ("the decoded matrix".to_owned(), shape.bytes() as u64);
            return Err(WgpuError::Limit { what, bytes, limit: "the largest buffer", most }.into());
        }
        let streams = Streams::load(gpu, tensor, &packed, !in_slot)?;
        let side = Side::new(gpu, packed.kind, &packed.side, shape, 0..rows)?;
        let parts = vec![Part { rows: 0..rows, words: None, side }];
        Ok(Self::weight(shared, matrix, packed.kind, parts, Some(streams), in_slot))
    }

    fn weight(
        shared: &Shared,
        matrix: &Matrix,
        kind: MatrixKind,
        parts: Vec<Part>,
        streams: Option<Streams>,
        in_slot: bool,
    ) -> Weight {
        static LOADED: AtomicU64 = AtomicU64::new(0);
        let slot_bytes = streams.as_ref().filter(|_| in_slot).map_or(0, Streams::decoded_bytes);
        let of_part = |part: &Part| part.side.bytes() + part.words.as_ref().map_or(0, wgpu::Buffer::size);
        let stored: u64 = parts.iter().map(of_part).sum();
        let bytes = stored + streams.as_ref().map_or(0, Streams::bytes);
        let weight = Self {
            backend: shared.number,
            number: LOADED.fetch_add(1, Ordering::Relaxed),
            name: matrix.name.clone(),
            kind,
            shape: matrix.shape,
            parts,
            streams,
            in_slot,
        };
        Weight::new(matrix.shape, bytes, slot_bytes, Arc::new(weight))
    }

    /// Returns the matrix for products, read from a slot if it needs one.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if it needs a slot and there is none, or the reverse.
    pub(crate) fn operands(&self, slot: Option<&WgpuSlot>) -> Result<Operands<'_>> {
        if slot.is_some() != self.in_slot {
            let why =
                if self.in_slot { "must be multiplied from a slot" } else { "is not decoded into slots" };
            return Err(RuntimeError::Binding(format!("{} {why}", self.name)));
        }
        let words = |part: &Part| slot.map(|slot| &slot.words).or(part.words.as_ref()).cloned();
        match (&self.streams, &self.parts[..]) {
            (Some(streams), [part]) if !self.in_slot => Ok(Operands::Streams(streams, part)),
            (_, parts) => {
                let all = parts.iter().filter_map(|part| Some(Operand { part, words: words(part)? }));
                Ok(Operands::Packed(all.collect()))
            }
        }
    }

    /// Returns `[rows, cols]`.
    pub(crate) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Returns the coded matrix, if it is decoded by kernels.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if it is not.
    pub(crate) fn streams(&self) -> Result<&Streams> {
        let error = || RuntimeError::Binding(format!("{} is not decoded by kernels", self.name));
        self.streams.as_ref().ok_or_else(error)
    }

    /// Returns whether the matrix is decoded into a slot before each use.
    pub(crate) fn needs_slot(&self) -> bool {
        self.in_slot
    }

    /// Adds the tensor's name to an error.
    pub(crate) fn named(&self, error: impl Into<RuntimeError>) -> RuntimeError {
        RuntimeError::in_tensor(&self.name, error)
    }
}

/// Uploads a matrix in as few parts as bindings allow.
fn upload(
    gpu: &Gpu,
    matrix: &Matrix,
    kind: MatrixKind,
    side: &SideData,
    row: &(dyn Fn(usize, &mut [u32]) + Sync),
) -> Result<Vec<Part>> {
    let [rows, cols] = matrix.shape;
    let bytes = 4 * Shape { rows: TILE_ROWS, cols, bits: kind.bits }.tile_words() as u64;
    let most = gpu.binding_bytes();
    if bytes > most {
        let what = format!("{TILE_ROWS} rows");
        return Err(WgpuError::Limit { what, bytes, limit: "the largest buffer", most }.into());
    }
    // A part has one tile at least.
    let tiles = (gpu.part_bytes() / bytes).max(1) as usize;
    let mut parts = Vec::new();
    for first in (0..rows).step_by(tiles * TILE_ROWS) {
        let range = first..rows.min(first + tiles * TILE_ROWS);
        let shape = Shape { rows: range.len(), cols, bits: kind.bits };
        let words = shape.pack(|i, out| row(first + i, out));
        let words = Some(gpu.filled("the matrix", &words)?);
        let side = Side::new(gpu, kind, side, Shape { rows, ..shape }, range.clone())?;
        parts.push(Part { rows: range, words, side });
    }
    Ok(parts)
}

/// Memory for one decoded matrix at a time.
pub(crate) struct WgpuSlot {
    backend: u64,
    pub(crate) words: wgpu::Buffer,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    /// Identifier of the decoded weight.
    content: Option<u64>,
    /// Logical time of the last use.
    used: u64,
}

impl WgpuSlot {
    pub(crate) fn new(shared: &Shared, bytes: usize) -> Result<Self> {
        let words = shared.gpu.buffer("a slot", bytes as u64)?;
        Ok(Self { backend: shared.number, words, state: Mutex::default() })
    }

    /// Records which weight is decoded in the slot.
    pub(crate) fn set_content(&self, content: Option<u64>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).content = content;
    }

    /// Returns whether the slot holds the decoded weight.
    pub(crate) fn holds(&self, weight: &WgpuWeight) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).content == Some(weight.number)
    }

    /// Records the time of a use.
    pub(crate) fn mark_used(&self, time: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).used = time;
    }

    /// Returns the time of the last use.
    pub(crate) fn last_use(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).used
    }
}

pub(crate) fn wgpu_weight(weight: &Weight, backend: u64) -> Result<Arc<WgpuWeight>> {
    let weight = weight.inner::<WgpuWeight>().filter(|weight| weight.backend == backend);
    weight.ok_or_else(|| RuntimeError::Binding("a weight of another backend".to_owned()))
}

pub(crate) fn wgpu_slot(slot: &Slot, backend: u64) -> Result<Arc<WgpuSlot>> {
    let slot = slot.inner::<WgpuSlot>().filter(|slot| slot.backend == backend);
    slot.ok_or_else(|| RuntimeError::Binding("a slot of another backend".to_owned()))
}

//! Weight matrices and slots on the GPU.

use crate::backend::Shared;
use crate::decode::DeviceStreams;
use crate::error::Result as CudaResult;
use crate::layout::Shape;
use crate::memory::DeviceMemory;
use crate::parameters::{CodesMatrix, MatrixParameters};
use crate::tuples::TupleMatrix;
use ecq_codec::{CodesEntry, TupleLayout, decode_codes, decode_grid};
use ecq_core::{Coding, EncodedTensor, TensorPart};
use ecq_kernels::gpu::{MatrixKind, PackedMatrix, SideData, float_elements, float_kind, side_of_rows};
use ecq_runtime::backend::{Slot, Weight};
use ecq_runtime::{Matrix, MatrixStorage, Mode, Residence, RuntimeError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Returns the codings whose streams a product reads on a GPU of a compute capability (times ten).
pub(crate) fn fused_codings(capability: u32) -> &'static [Coding] {
    if capability >= crate::tuples::CAPABILITY {
        &[Coding::Packed, Coding::Tuples]
    } else {
        &[Coding::Packed]
    }
}

/// A weight matrix on the GPU.
pub(crate) struct CudaWeight {
    /// Number of the backend that loaded it.
    pub(crate) backend: u64,
    /// Unique identifier.
    pub(crate) number: u64,
    name: String,
    /// The address of the elements is 0 if they are in a slot.
    matrix: DeviceMatrix,
    shape: [usize; 2],
    /// What is decoded into a slot before each use.
    streams: Option<DeviceStreams>,
    /// Elements and side data.
    _memory: Vec<DeviceMemory>,
}

/// A matrix as kernels read it.
#[derive(Debug, Clone)]
pub(crate) enum DeviceMatrix {
    /// For `codes.cu`.
    Codes(MatrixKind, CodesMatrix),
    /// For `linear.cu`.
    Linear(MatrixKind, MatrixParameters),
    /// For `tuple_product.cu`.
    Tuples(Arc<TupleMatrix>),
}

/// Parts of an allocation, each at a multiple of 256 bytes.
#[derive(Default)]
struct Arena(Vec<u8>);

impl Arena {
    /// Adds bytes and returns their offset; `None` if there are none.
    fn push(&mut self, bytes: &[u8]) -> Option<u64> {
        if bytes.is_empty() {
            return None;
        }
        let at = self.0.len().next_multiple_of(256);
        self.0.resize(at, 0);
        self.0.extend_from_slice(bytes);
        Some(at as u64)
    }
}

impl CudaWeight {
    pub(crate) fn load(shared: &Shared, matrix: &Matrix, residence: Residence) -> Result<Weight> {
        match (residence, &matrix.storage) {
            (Residence::Dense, _) => {
                let (dtype, bytes) = matrix.floats()?;
                let expected = matrix.shape[0] * matrix.shape[1] * dtype.bytes();
                if bytes.len() != expected {
                    let (what, found) = ("bytes of floats", bytes.len());
                    return Err(ecq_core::CoreError::Length { what, found, expected }.into());
                }
                let kind = float_kind(dtype);
                let (shape, row_bytes) = (Shape::new(kind, matrix.shape), matrix.shape[1] * dtype.bytes());
                let row = |row: usize| &bytes[row * row_bytes..(row + 1) * row_bytes];
                let words = shape.pack(|i, out| float_elements(dtype, row(i), out));
                let elements = DeviceMemory::with(&shared.gpu, bytemuck::cast_slice(&words))?;
                Self::upload(shared, matrix, kind, shape, SideData::default(), Some(elements), None)
            }
            (Residence::Packed | Residence::Streams, MatrixStorage::Codes(tensor)) => {
                let coding = CodesEntry::of(tensor)?.coding;
                let codings = fused_codings(shared.gpu.properties().capability);
                if residence == Residence::Streams && coding == Coding::Tuples && codings.contains(&coding) {
                    return Self::load_tuples(shared, matrix, tensor);
                }
                if residence == Residence::Streams && !codings.contains(&coding) {
                    return Err(RuntimeError::Mode {
                        mode: Mode::Fused.name(),
                        why: format!(
                            "the CUDA device decodes {} inside a product, not {} streams; use cached, or \
                             quantize with --coding tuples",
                            codings.iter().map(|coding| coding.name()).collect::<Vec<_>>().join(" and "),
                            coding.name()
                        ),
                    });
                }
                if DeviceStreams::decodes(coding) {
                    let (mut streams, elements) = DeviceStreams::load(shared, tensor, true)?;
                    let (kind, shape, side) = taken(streams.packed_mut());
                    return Self::upload(shared, matrix, kind, shape, side, elements, None);
                }
                let (codes, cols) = (decode_codes(tensor)?, matrix.shape[1]);
                let mut packed = PackedMatrix::of(&codes, &decode_grid(tensor)?)?;
                let row = |row: usize| &codes.symbols()[row * cols..(row + 1) * cols];
                let words = Shape::of(&packed).pack(|i, out| packed.elements(row(i), out));
                let elements = DeviceMemory::with(&shared.gpu, bytemuck::cast_slice(&words))?;
                let (kind, shape, side) = taken(&mut packed);
                Self::upload(shared, matrix, kind, shape, side, Some(elements), None)
            }
            (Residence::Slot, MatrixStorage::Codes(tensor)) => {
                // Decoded once, so that bits and outliers, and with them the results, are those of `Packed`.
                let (mut streams, _) = DeviceStreams::load(shared, tensor, false)?;
                let (kind, shape, side) = taken(streams.packed_mut());
                Self::upload(shared, matrix, kind, shape, side, None, Some(streams))
            }
            _ => {
                let what = format!("{} has no codes, which {residence:?} requires", matrix.name);
                Err(RuntimeError::Binding(what))
            }
        }
    }

    fn load_tuples(shared: &Shared, matrix: &Matrix, tensor: &EncodedTensor) -> Result<Weight> {
        let layout = TupleLayout::of(tensor)?;
        let parts = [tensor.part(TensorPart::Index)?, tensor.part(TensorPart::Stream)?];
        let side = side_of_rows(&decode_grid(tensor)?, matrix.shape)?;
        let [index, stream] = parts.map(|part| &part[..]);
        let tuples = TupleMatrix::load(&shared.gpu, &layout.code, layout.shape, [index, stream], &side)?;
        let bytes = tuples.bytes() as u64;
        let weight = Self::new(shared, matrix, DeviceMatrix::Tuples(Arc::new(tuples)), None, Vec::new());
        Ok(Weight::new(matrix.shape, bytes, 0, Arc::new(weight)))
    }

    fn new(
        shared: &Shared,
        matrix: &Matrix,
        parameters: DeviceMatrix,
        streams: Option<DeviceStreams>,
        memory: Vec<DeviceMemory>,
    ) -> Self {
        static LOADED: AtomicU64 = AtomicU64::new(0);
        Self {
            backend: shared.number,
            number: LOADED.fetch_add(1, Ordering::Relaxed),
            name: matrix.name.clone(),
            matrix: parameters,
            shape: matrix.shape,
            streams,
            _memory: memory,
        }
    }

    fn upload(
        shared: &Shared,
        matrix: &Matrix,
        kind: MatrixKind,
        shape: Shape,
        mut side: SideData,
        elements: Option<DeviceMemory>,
        streams: Option<DeviceStreams>,
    ) -> Result<Weight> {
        if let Shape::Tiles(tiles) = shape {
            tiles.arrange(kind, &mut side);
        }
        let mut arena = Arena::default();
        let offsets = [
            arena.push(&side.scales),
            arena.push(&side.biases),
            arena.push(&side.group_scales),
            arena.push(&side.group_minima),
            arena.push(bytemuck::cast_slice(&side.levels)),
            arena.push(bytemuck::cast_slice(&side.col_scales)),
            arena.push(bytemuck::cast_slice(&side.outlier_starts)),
            arena.push(bytemuck::cast_slice(&side.outliers)),
        ];
        let memory = DeviceMemory::with(&shared.gpu, &arena.0)?;
        let address = elements.as_ref().map_or(0, DeviceMemory::address);
        let [scales, biases, group_scales, group_minima, levels, col_scales, starts, outliers] =
            offsets.map(|offset| offset.map_or(0, |offset| memory.address() + offset));
        let parameters = match shape {
            Shape::Tiles(shape) => DeviceMatrix::Codes(
                kind,
                CodesMatrix {
                    units: address,
                    scales,
                    group_scales,
                    group_minima,
                    col_scales,
                    outlier_starts: starts,
                    outliers,
                    rows: shape.rows as u32,
                    cols: shape.cols as u32,
                    unit_count: shape.units as u32,
                    groups: side.groups as u32,
                    group_size: side.group_size as u32,
                    zero: side.zero,
                },
            ),
            Shape::Lanes(shape) => DeviceMatrix::Linear(
                kind,
                MatrixParameters {
                    words: address,
                    scales,
                    biases,
                    levels,
                    col_scales,
                    outlier_starts: starts,
                    outliers,
                    rows: shape.rows as u32,
                    cols: shape.cols as u32,
                    lanes: shape.lanes as u32,
                    chunks: shape.chunks as u32,
                    groups: side.groups as u32,
                    group_size: side.group_size as u32,
                    zero: side.zero,
                    padding: 0,
                },
            ),
        };
        let slot_bytes = if streams.is_some() { shape.bytes() } else { 0 };
        let stored = streams.as_ref().map_or(0, |streams| streams.bytes() as u64);
        let memory: Vec<DeviceMemory> = elements.into_iter().chain([memory]).collect();
        let bytes = memory.iter().map(|memory| memory.bytes() as u64).sum::<u64>() + stored;
        let weight = Self::new(shared, matrix, parameters, streams, memory);
        Ok(Weight::new(matrix.shape, bytes.max(1), slot_bytes, Arc::new(weight)))
    }

    /// Returns the matrix for products, read from a slot if it needs one.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if it needs a slot and there is none.
    pub(crate) fn matrix(&self, slot: Option<&CudaSlot>) -> Result<DeviceMatrix> {
        match (slot, self.needs_slot()) {
            (Some(slot), true) => Ok(match self.matrix.clone() {
                DeviceMatrix::Codes(kind, matrix) => {
                    DeviceMatrix::Codes(kind, CodesMatrix { units: slot.memory.address(), ..matrix })
                }
                DeviceMatrix::Linear(kind, matrix) => {
                    DeviceMatrix::Linear(kind, MatrixParameters { words: slot.memory.address(), ..matrix })
                }
                tuples @ DeviceMatrix::Tuples(_) => tuples,
            }),
            (None, false) => Ok(self.matrix.clone()),
            (None, true) => {
                Err(RuntimeError::Binding(format!("{} must be multiplied from a slot", self.name)))
            }
            (Some(_), false) => {
                Err(RuntimeError::Binding(format!("{} is not decoded into slots", self.name)))
            }
        }
    }

    /// Returns `[rows, cols]`.
    pub(crate) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Returns the bytes of digits of up to `rows` rows of activations, if the product decodes tuples.
    pub(crate) fn digit_bytes(&self, rows: usize) -> usize {
        let DeviceMatrix::Tuples(matrix) = &self.matrix else { return 0 };
        matrix.digits(rows).bytes(rows).next_multiple_of(256)
    }

    /// Returns the coded matrix, if it is decoded into a slot before each use.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if it is not.
    pub(crate) fn streams(&self) -> Result<&DeviceStreams> {
        let error = || RuntimeError::Binding(format!("{} is not decoded into slots", self.name));
        self.streams.as_ref().ok_or_else(error)
    }

    /// Returns whether the matrix is decoded into a slot before each use.
    pub(crate) fn needs_slot(&self) -> bool {
        self.streams.is_some()
    }

    /// Adds the tensor's name to an error.
    pub(crate) fn named(&self, error: impl Into<RuntimeError>) -> RuntimeError {
        RuntimeError::in_tensor(&self.name, error)
    }
}

/// Takes the side data of a matrix; returns kind and shape too.
fn taken(packed: &mut PackedMatrix) -> (MatrixKind, Shape, SideData) {
    (packed.kind, Shape::of(packed), packed.take_side())
}

/// Memory for one decoded matrix at a time.
pub(crate) struct CudaSlot {
    pub(crate) backend: u64,
    memory: DeviceMemory,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    /// Identifier of the decoded weight.
    content: Option<u64>,
    /// Logical time of the last use.
    used: u64,
}

impl CudaSlot {
    pub(crate) fn new(shared: &Shared, bytes: usize) -> CudaResult<Self> {
        let memory = DeviceMemory::zeroed(&shared.gpu, bytes)?;
        Ok(Self { backend: shared.number, memory, state: Mutex::default() })
    }

    /// Returns the address of the elements.
    pub(crate) fn address(&self) -> u64 {
        self.memory.address()
    }

    /// Records which weight is decoded in the slot.
    pub(crate) fn set_content(&self, content: Option<u64>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).content = content;
    }

    /// Returns whether the slot holds the decoded weight.
    pub(crate) fn holds(&self, weight: &CudaWeight) -> bool {
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

pub(crate) fn cuda_weight(weight: &Weight, backend: u64) -> Result<Arc<CudaWeight>> {
    let weight = weight.inner::<CudaWeight>().filter(|weight| weight.backend == backend);
    weight.ok_or_else(|| RuntimeError::Binding("a weight of another backend".to_owned()))
}

pub(crate) fn cuda_slot(slot: &Slot, backend: u64) -> Result<Arc<CudaSlot>> {
    let slot = slot.inner::<CudaSlot>().filter(|slot| slot.backend == backend);
    slot.ok_or_else(|| RuntimeError::Binding("a slot of another backend".to_owned()))
}

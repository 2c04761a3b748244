//! Matrices on NVIDIA GPUs, for products on the streams and in the memory of other libraries.

use super::Linear;
use crate::error::{Error, ErrorKind, Result};
use ecq_core::Element;
use ecq_cuda::{LayerMatrix, LayerProduct, Layers};
use ecq_runtime::backend::DeviceInfo;
use ecq_runtime::{MatrixInfo, Mode, Residence, RuntimeError, StorageKind, residence};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Where a matrix is loaded on GPUs, and what decides how.
pub(super) struct OnGpus {
    mode: Mode,
    info: MatrixInfo,
    /// By the number of the GPU.
    loaded: Mutex<BTreeMap<usize, Weak<Loaded>>>,
}

struct Loaded {
    matrix: LayerMatrix,
    reason: String,
}

impl OnGpus {
    pub(super) fn new(mode: Mode, info: MatrixInfo) -> Self {
        Self { mode, info, loaded: Mutex::default() }
    }

    /// Returns where the matrix can be on a GPU, in the order of preference, each with the reason.
    ///
    /// # Errors
    /// The reason why it cannot be multiplied from codes.
    fn choices(&self, device: &DeviceInfo) -> std::result::Result<Vec<(Residence, String)>, String> {
        let mode = if self.mode == Mode::Cached { Mode::Cached } else { Mode::Fused };
        let decision = residence(&self.info, mode, false, device);
        let StorageKind::Codes { coding, .. } = self.info.storage else { return Err(decision.reason) };
        let reason = match self.mode {
            Mode::Lru | Mode::Prefetch | Mode::Async => {
                let name = self.mode.name();
                format!("layers on a GPU have no slots for {name}, so as fused: {}", decision.reason)
            }
            _ => decision.reason,
        };
        let packed = |why: &str| (Residence::Packed, format!("decoded once at load: {why}"));
        Ok(match decision.choice {
            Residence::Streams if device.fused_codings.contains(&coding) => {
                vec![(Residence::Streams, reason), packed("products with its streams do not fit this GPU")]
            }
            Residence::Streams => {
                let name = coding.name();
                vec![packed(&format!("products on this GPU do not decode {name} streams"))]
            }
            other => vec![(other, reason)],
        })
    }
}

/// Returns a GPU. It stays open, with the kernels that are loaded.
fn gpu(ordinal: usize) -> Result<Arc<Layers>> {
    static OPEN: Mutex<BTreeMap<usize, Arc<Layers>>> = Mutex::new(BTreeMap::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(gpu) = open.get(&ordinal) {
        return Ok(gpu.clone());
    }
    let gpu = Arc::new(Layers::new(ordinal)?);
    open.insert(ordinal, gpu.clone());
    Ok(gpu)
}

impl Linear {
    /// Loads the matrix to an NVIDIA GPU, where products read its codes. The modes [`Cached`](Mode::Cached)
    /// packs them; others leave them as streams where products on the GPU decode these, and pack them where
    /// they do not: the GPU has no slots for matrices. A matrix is on a GPU once, while a result of this
    /// function exists.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) with the reason if the matrix has no codes,
    /// [`Device`](ErrorKind::Device) if there is no such GPU, no driver or no compiler, or it fails;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory), [`Damaged`](ErrorKind::Damaged).
    pub fn to_cuda(&self, ordinal: usize) -> Result<CudaLinear> {
        let gpus = &self.0.gpus;
        let mut loaded = gpus.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = loaded.get(&ordinal).and_then(Weak::upgrade) {
            return Ok(CudaLinear { linear: self.clone(), ordinal, loaded });
        }
        let gpu = gpu(ordinal)?;
        let choices = gpus
            .choices(gpu.info())
            .map_err(|reason| Error::of_kind(ErrorKind::Unsupported, reason).in_tensor(self.name()))?;
        let mut refused: Option<RuntimeError> = None;
        for (choice, reason) in choices {
            match gpu.load(&self.0.matrix, choice) {
                Ok(matrix) => {
                    let reason = refused.map_or(reason.clone(), |error| format!("{reason} ({error})"));
                    let found = Arc::new(Loaded { matrix, reason });
                    loaded.insert(ordinal, Arc::downgrade(&found));
                    return Ok(CudaLinear { linear: self.clone(), ordinal, loaded: found });
                }
                Err(error @ RuntimeError::OutOfMemory { .. }) => return Err(error.into()),
                Err(error) => refused = Some(error),
            }
        }
        let nothing = || RuntimeError::Binding("a matrix with nowhere to be".to_owned());
        Err(refused.unwrap_or_else(nothing).into())
    }
}

/// A matrix on an NVIDIA GPU. Clones share it; its memory is freed with the last one.
#[derive(Clone)]
pub struct CudaLinear {
    linear: Linear,
    ordinal: usize,
    loaded: Arc<Loaded>,
}

impl CudaLinear {
    /// The matrix.
    pub fn linear(&self) -> &Linear {
        &self.linear
    }

    /// Number of the GPU.
    pub fn ordinal(&self) -> usize {
        self.ordinal
    }

    /// Bytes of the matrix on the GPU.
    pub fn bytes(&self) -> u64 {
        self.loaded.matrix.bytes()
    }

    /// Where the matrix is on the GPU: as streams, or packed.
    pub fn residence(&self) -> Residence {
        self.loaded.matrix.residence()
    }

    /// Why it is there.
    pub fn reason(&self) -> &str {
        &self.loaded.reason
    }

    /// For each row, its row in the matrix on the GPU, whose order products and lookups have; `None` if that
    /// is the order of the Hugging Face checkpoint.
    pub fn row_order(&self) -> Option<&[usize]> {
        self.linear.0.row_order.as_deref()
    }

    /// Whether products take activations and give results of a type; all take f32.
    pub fn takes(&self, element: Element) -> bool {
        self.loaded.matrix.takes(element)
    }

    /// Bytes of scratch memory of a product with `rows` rows.
    ///
    /// # Errors
    /// [`Device`](ErrorKind::Device) if the GPU fails.
    pub fn scratch_bytes(&self, rows: usize) -> Result<usize> {
        Ok(self.loaded.matrix.scratch_bytes(rows)?)
    }

    /// Enqueues a product on a stream of the GPU, a `CUstream` as a number. It neither waits nor allocates,
    /// so a graph can capture it.
    ///
    /// # Errors
    /// [`Device`](ErrorKind::Device) if the GPU fails, [`Internal`](ErrorKind::Internal) for a type that is
    /// not [taken](Self::takes).
    ///
    /// # Safety
    /// Stream and operands must be of this GPU, have the lengths that [`LayerProduct`] names, and exist, with
    /// this matrix, until the product is complete; other work on them must be ordered by the stream.
    pub unsafe fn multiply(&self, stream: u64, product: LayerProduct) -> Result<()> {
        // SAFETY: the caller's conditions.
        Ok(unsafe { self.loaded.matrix.multiply(stream, product) }?)
    }

    /// Enqueues the decoding of `rows` rows, whose numbers are 32-bit integers at `index`, to `y`, which is
    /// `[rows, inputs]` in f32. Rows that do not exist are left as they are.
    ///
    /// # Errors
    /// [`Device`](ErrorKind::Device) if the GPU fails.
    ///
    /// # Safety
    /// As [`multiply`](Self::multiply).
    pub unsafe fn rows(&self, stream: u64, index: u64, rows: usize, y: u64) -> Result<()> {
        // SAFETY: the caller's conditions.
        Ok(unsafe { self.loaded.matrix.rows(stream, index, rows, y) }?)
    }
}

impl fmt::Debug for CudaLinear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CudaLinear({:?} on cuda:{}, {:?})", self.linear, self.ordinal, self.residence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Coding;
    use ecq_runtime::MatrixLocation;

    fn choices(mode: Mode, storage: StorageKind, fused: &'static [Coding]) -> Vec<(Residence, String)> {
        let info = MatrixInfo {
            shape: [64, 64],
            storage,
            location: MatrixLocation::Block,
            stored_bytes: 1000,
            packed_bytes: 2000,
        };
        let device = DeviceInfo {
            name: "a GPU".to_owned(),
            kind: "cuda",
            threads: 1,
            overlaps_decode: true,
            batch_invariant: true,
            fused_codings: fused,
            memory_bytes: None,
        };
        let none = |reason| vec![(Residence::Dense, reason)];
        OnGpus::new(mode, info).choices(&device).unwrap_or_else(none)
    }

    #[test]
    fn the_mode_the_coding_and_the_gpu_decide() {
        use Residence::{Dense, Packed, Streams};
        const HOPPER: &[Coding] = &[Coding::Packed, Coding::Tuples];
        const AMPERE: &[Coding] = &[Coding::Packed];
        let codes = |coding| StorageKind::Codes { coding, alphabet: 16 };
        let tuples = codes(Coding::Tuples);
        let check = |mode, storage, fused, expected: &[Residence], reason: &str| {
            let found = choices(mode, storage, fused);
            let residences: Vec<Residence> = found.iter().map(|(residence, _)| *residence).collect();
            assert_eq!(residences, expected, "{mode} {storage:?}");
            assert!(found[0].1.contains(reason), "{mode} {storage:?}: {}", found[0].1);
        };
        check(Mode::Auto, tuples, HOPPER, &[Streams, Packed], "decoded inside the product");
        check(Mode::Fused, tuples, HOPPER, &[Streams, Packed], "decoded inside the product");
        check(Mode::Fused, tuples, AMPERE, &[Packed], "do not decode tuples streams");
        check(Mode::Cached, tuples, HOPPER, &[Packed], "decoded once at load");
        check(Mode::Lru, tuples, HOPPER, &[Streams, Packed], "no slots for lru");
        check(Mode::Prefetch, codes(Coding::Rans), HOPPER, &[Packed], "do not decode rans streams");
        check(Mode::Fused, codes(Coding::Archive), HOPPER, &[Packed], "archive coding");
        check(Mode::Auto, codes(Coding::Packed), AMPERE, &[Streams, Packed], "stored packed");
        check(Mode::Cached, StorageKind::Floats, HOPPER, &[Dense], "it has no codes");
    }
}

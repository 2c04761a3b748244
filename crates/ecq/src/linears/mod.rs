//! Matrices for products in layers of other libraries.

#[cfg(feature = "cuda")]
mod cuda;
mod names;
mod slots;

#[cfg(feature = "cuda")]
pub use cuda::CudaLinear;

use crate::error::{Error, ErrorKind, Result};
use crate::size::ByteSize;
use ecq_core::{Limits, TensorContent, TensorKind};
use ecq_format::container::EcqFile;
use ecq_runtime::backend::{Backend, Cpu, CpuOptions, Slot, Weight};
use ecq_runtime::{
    DecodedSizes, Matrix, MatrixInfo, MatrixLocation, MatrixStorage, Mode, Residence, free_bytes,
    pinned_blocks, residence, resolve,
};
use names::{StoredTensor, stored_tensors};
use slots::Slots;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Options for opening [`Linears`].
#[derive(Debug, Clone)]
pub struct LinearOptions {
    mode: Mode,
    memory: Option<ByteSize>,
    threads: usize,
}

impl Default for LinearOptions {
    fn default() -> Self {
        Self { mode: Mode::Auto, memory: None, threads: 0 }
    }
}

impl LinearOptions {
    /// Decode mode. By default, [`Mode::Auto`] selects one that fits the memory budget.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Memory budget of decoded weights in bytes, a `u64` or text such as `"4GiB"`: half of the free memory
    /// by default.
    #[must_use]
    pub fn memory(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.memory = Some(bytes.into());
        self
    }

    /// Number of threads; 0, the default, for one per core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Opens an `.ecq` file, which must not change while its matrices are in use.
    ///
    /// # Errors
    /// As [`File::open`](crate::File::open); [`InvalidOption`](ErrorKind::InvalidOption) if the mode cannot
    /// run on the CPU or in the memory budget; [`Unsupported`](ErrorKind::Unsupported) if the file comes from
    /// a GGUF file of an architecture whose names are not known.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Linears> {
        let path = path.as_ref();
        let budget = self.memory.as_ref().map(|memory| memory.bytes("memory")).transpose()?;
        crate::file::check_format(path)?;
        let file = EcqFile::open(path, &Limits::default()).map_err(|e| Error::from(e).in_file(path))?;
        let tensors = stored_tensors(&file)?;
        let options = CpuOptions { threads: self.threads, ..CpuOptions::default() };
        let cpu = Arc::new(Cpu::new(options)?);
        let mut packed = BTreeMap::new();
        let mut outer = 0;
        for (name, stored) in &tensors {
            let Some(entry) = file.entry(&stored.name) else { continue };
            if !matches!(entry.content, TensorContent::Codes { .. }) {
                continue;
            }
            let storage = MatrixStorage::Codes(file.encoded(&stored.name)?);
            let bytes = Matrix { name: name.clone(), shape: entry.shape, storage }.packed_bytes();
            match entry.kind {
                TensorKind::Embedding => outer += bytes,
                _ => drop(packed.insert(name.clone(), bytes)),
            }
        }
        // Each matrix is decoded on its own: other libraries call layers, not blocks.
        let sizes = DecodedSizes {
            blocks: packed.values().copied().collect(),
            embedding_and_head: outer,
            largest_expert: 0,
            expert_count: 0,
        };
        let (mode, reason) = resolve(self.mode, &cpu.info(), &sizes, budget, free_bytes())?;
        let limit = budget.or(free_bytes().map(|free| free / 2)).unwrap_or(0);
        let pinned = pinned_blocks(&sizes.blocks, limit);
        let pinned = packed.keys().zip(pinned).filter(|(_, pinned)| *pinned).map(|(name, _)| name.clone());
        let pinned = if mode == Mode::Lru { pinned.collect() } else { HashSet::new() };
        let slots = Slots::new(mode, sizes.minimum() as usize, cpu.clone())?;
        let slots = slots.map(Arc::new);
        Ok(Linears {
            file,
            tensors,
            cpu,
            #[cfg(feature = "cuda")]
            requested: self.mode,
            mode,
            reason,
            pinned,
            slots,
            loaded: Mutex::default(),
        })
    }
}

/// The tensors of an `.ecq` file by the names of a Hugging Face checkpoint, and its matrices prepared for
/// products on the CPU.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
/// let linears = ecq::Linears::options().mode(ecq::Mode::Fused).open(path)?;
/// let up = linears.linear("model.layers.0.mlp.up_proj.weight")?;
/// let [rows, cols] = up.shape();
/// let mut y = vec![0.0; rows];
/// up.multiply(&vec![1.0; cols], &mut y)?;
/// # Ok::<(), ecq::Error>(())
/// ```
pub struct Linears {
    file: EcqFile,
    tensors: BTreeMap<String, StoredTensor>,
    cpu: Arc<Cpu>,
    /// The mode of the options, which decides for GPUs.
    #[cfg(feature = "cuda")]
    requested: Mode,
    mode: Mode,
    reason: String,
    /// Names of the matrices that stay decoded in the mode `lru`.
    pinned: HashSet<String>,
    slots: Option<Arc<Slots>>,
    /// Matrices by name in the file: a tied embedding and head are one.
    loaded: Mutex<HashMap<String, Linear>>,
}

impl Linears {
    /// Options for opening a file.
    pub fn options() -> LinearOptions {
        LinearOptions::default()
    }

    /// Names of all tensors, sorted. For a file that comes from a GGUF file they are those of the Hugging
    /// Face checkpoint.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The decode mode and the reason for it.
    pub fn mode(&self) -> (Mode, &str) {
        (self.mode, &self.reason)
    }

    /// The shape of a tensor in the Hugging Face checkpoint.
    ///
    /// # Errors
    /// [`UnknownTensor`](ErrorKind::UnknownTensor) if the file has no tensor with this name.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>> {
        let stored = self.find(name)?;
        let shape = match self.file.entry(&stored.name) {
            Some(entry) => {
                let shape = self.file.model().shapes.get(&stored.name).cloned();
                shape.unwrap_or_else(|| entry.shape.to_vec())
            }
            None => self.file.plain(&stored.name)?.shape,
        };
        Ok(stored.shape(shape))
    }

    /// Whether a tensor is stored as codes.
    ///
    /// # Errors
    /// As [`shape`](Self::shape).
    pub fn is_coded(&self, name: &str) -> Result<bool> {
        let entry = self.file.entry(&self.find(name)?.name);
        Ok(entry.is_some_and(|entry| matches!(entry.content, TensorContent::Codes { .. })))
    }

    /// Decodes a tensor to f32, row-major, with the values of the Hugging Face checkpoint.
    ///
    /// # Errors
    /// [`UnknownTensor`](ErrorKind::UnknownTensor), [`Damaged`](ErrorKind::Damaged), or
    /// [`Unsupported`](ErrorKind::Unsupported) for integers.
    pub fn values(&self, name: &str) -> Result<Vec<f32>> {
        let stored = self.find(name)?;
        let (matrix, _) = self.read(name, stored)?;
        stored.values(matrix.to_f32()?, matrix.shape)
    }

    /// Returns a matrix, which is prepared at its first product on the CPU, once, and read once.
    ///
    /// # Errors
    /// [`UnknownTensor`](ErrorKind::UnknownTensor), [`Damaged`](ErrorKind::Damaged) by its checksum, or
    /// [`Unsupported`](ErrorKind::Unsupported) if the tensor is not a matrix `[outputs, inputs]`.
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let stored = self.find(name)?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(linear) = loaded.get(&stored.name) {
            return Ok(linear.clone());
        }
        let (matrix, kind) = self.read(name, stored)?;
        let row_order = stored.row_order(matrix.shape[0])?;
        let info = MatrixInfo {
            shape: matrix.shape,
            storage: matrix.storage_kind(),
            location: match kind {
                TensorKind::Embedding => MatrixLocation::EmbeddingOrHead,
                _ => MatrixLocation::Block,
            },
            stored_bytes: matrix.stored_bytes(),
            packed_bytes: matrix.packed_bytes(),
        };
        let choice = residence(&info, self.mode, self.pinned.contains(name), &self.cpu.info()).choice;
        let slots = self.slots.clone().filter(|_| choice == Residence::Slot);
        let name = name.to_owned();
        let (cpu, number) = (self.cpu.clone(), loaded.len());
        let linear = Linear(Arc::new(Prepared {
            name,
            matrix,
            weight: OnceLock::new(),
            loading: Mutex::default(),
            row_order,
            slots,
            cpu,
            number,
            choice,
            #[cfg(feature = "cuda")]
            gpus: cuda::OnGpus::new(self.requested, info),
        }));
        loaded.insert(stored.name.clone(), linear.clone());
        Ok(linear)
    }

    fn find(&self, name: &str) -> Result<&StoredTensor> {
        self.tensors.get(name).ok_or_else(|| {
            let what = format!("the file has no tensor {name:?}");
            Error::of_kind(ErrorKind::UnknownTensor, what).in_tensor_named(name)
        })
    }

    /// Reads a tensor as a matrix.
    fn read(&self, name: &str, stored: &StoredTensor) -> Result<(Matrix, TensorKind)> {
        let (storage, shape) = MatrixStorage::read(&self.file, &stored.name)?;
        let cols = shape.last().copied().unwrap_or(1);
        let matrix =
            Matrix { name: name.to_owned(), shape: [shape.iter().rev().skip(1).product(), cols], storage };
        let kind = self.file.entry(&stored.name).map_or(TensorKind::Other, |entry| entry.kind);
        Ok((matrix, kind))
    }
}

impl fmt::Debug for Linears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linears").field("tensors", &self.tensors.len()).field("mode", &self.mode).finish()
    }
}

/// A matrix that is ready for products on the CPU. Clones share it.
#[derive(Clone)]
pub struct Linear(Arc<Prepared>);

struct Prepared {
    name: String,
    matrix: Matrix,
    /// Prepared at the first use: a matrix on a GPU needs no other form.
    weight: OnceLock<Weight>,
    /// Held while it is prepared.
    loading: Mutex<()>,
    /// For each row, its row in the stored matrix.
    row_order: Option<Vec<usize>>,
    /// Where the matrix is decoded before each use, if it is.
    slots: Option<Arc<Slots>>,
    cpu: Arc<Cpu>,
    /// Identifies the matrix among those of its file.
    number: usize,
    choice: Residence,
    #[cfg(feature = "cuda")]
    gpus: cuda::OnGpus,
}

impl Linear {
    /// Name in the Hugging Face checkpoint.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `[rows, cols]` (output features, input features).
    pub fn shape(&self) -> [usize; 2] {
        self.0.matrix.shape
    }

    /// Bytes held for this matrix, mapped bytes included, without shared slots; before its first use on the
    /// CPU those in the file.
    pub fn bytes(&self) -> u64 {
        self.0.weight.get().map_or_else(|| self.0.matrix.stored_bytes(), Weight::bytes)
    }

    /// Bytes with the codes packed at their full width, the most that the matrix takes on a GPU; 0 without
    /// codes.
    pub fn packed_bytes(&self) -> u64 {
        self.0.matrix.packed_bytes()
    }

    /// Where the matrix is: as streams, packed, as floats, or decoded into a slot before each use.
    pub fn residence(&self) -> Residence {
        self.0.choice
    }

    /// Computes `y = x W^T` for rows `x` of `[rows, inputs]`; `y` is `[rows, outputs]`. The results do not
    /// depend on the mode, the number of rows or threads.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) if lengths do not match, [`Damaged`](ErrorKind::Damaged) if the
    /// stream is corrupt.
    pub fn multiply(&self, x: &[f32], y: &mut [f32]) -> Result<()> {
        let Prepared { cpu, row_order, .. } = &*self.0;
        let Some(order) = row_order else {
            return self.with_weight(|weight, slot| Ok(cpu.multiply(weight, slot, x, y)?));
        };
        let mut stored = vec![0.0; y.len()];
        self.with_weight(|weight, slot| Ok(cpu.multiply(weight, slot, x, &mut stored)?))?;
        for (y, stored) in y.chunks_exact_mut(order.len()).zip(stored.chunks_exact(order.len())) {
            y.iter_mut().zip(order).for_each(|(y, &row)| *y = stored[row]);
        }
        Ok(())
    }

    /// Computes the weights of rows (an embedding), `[rows.len(), inputs]`.
    ///
    /// # Errors
    /// As [`multiply`](Self::multiply), and [`InvalidOption`](ErrorKind::InvalidOption) for a row that does
    /// not exist.
    pub fn rows(&self, rows: &[u32], y: &mut [f32]) -> Result<()> {
        let Prepared { cpu, row_order, .. } = &*self.0;
        let ordered: Vec<u32>;
        let rows = match row_order {
            None => rows,
            Some(order) => {
                // A row that does not exist is refused below.
                let stored = |&row: &u32| order.get(row as usize).map_or(row, |&row| row as u32);
                ordered = rows.iter().map(stored).collect();
                &ordered
            }
        };
        self.with_weight(|weight, slot| Ok(cpu.rows(weight, slot, rows, y)?))
    }

    /// Decodes all weights to f32, `[outputs, inputs]`.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) if the matrix does not decode.
    pub fn values(&self) -> Result<Vec<f32>> {
        let values = self.0.matrix.to_f32()?;
        Ok(match &self.0.row_order {
            None => values,
            Some(order) => names::ordered_rows(&values, order, self.shape()[1]),
        })
    }

    /// Runs `work` with the prepared matrix, and the slot that holds it if it needs one.
    fn with_weight<T>(&self, work: impl FnOnce(&Weight, Option<&Slot>) -> Result<T>) -> Result<T> {
        let weight = self.0.weight()?;
        match &self.0.slots {
            None => work(weight, None),
            Some(slots) => slots.with(self.0.number, weight, |slot| work(weight, Some(slot))),
        }
    }
}

impl Prepared {
    fn weight(&self) -> Result<&Weight> {
        if let Some(weight) = self.weight.get() {
            return Ok(weight);
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(weight) = self.weight.get() {
            return Ok(weight);
        }
        let weight = self.cpu.load(&self.matrix, self.choice)?;
        Ok(self.weight.get_or_init(|| weight))
    }
}

impl fmt::Debug for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linear({} {:?})", self.0.name, self.shape())
    }
}

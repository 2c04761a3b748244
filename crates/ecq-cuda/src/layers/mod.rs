//! Matrices of layers of other libraries, whose products run on the streams and in the memory of those.

mod plan;

use crate::backend::{Cuda, Shared};
use crate::commands::{ActiveRows, Launch, Lookup};
use crate::gpu::ThreadState;
use crate::kernels::element;
use crate::library::require_driver;
use crate::memory::{DeviceMemory, PinnedMemory};
use crate::products::{Product, ProductInput};
use crate::tuples::{self, LevelsRoom, TupleInput, TupleMatrix, TupleOperand, TupleProduct};
use crate::weight::{CudaWeight, DeviceMatrix, cuda_weight};
use ecq_core::Element;
use ecq_runtime::backend::{Backend, DeviceInfo};
use ecq_runtime::{Matrix, Residence, RuntimeError};
use plan::{Operands, Plan, run, stream_of};
use std::sync::Arc;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Rows that are multiplied together; scratch memory is for as many.
const MOST_ROWS: usize = 4096;
/// Rows of activations from which on the kernels depend on how many passes of so many rows there are.
const PASS_ROWS: usize = 64;
/// Rows of steps of generation.
const PLANNED_ROWS: usize = 8;

/// A GPU with the matrices of layers.
///
/// The context is the primary one of the GPU, which PyTorch and others use too. Their threads keep their own
/// current GPU.
pub struct Layers {
    shared: Arc<LayersShared>,
    info: DeviceInfo,
}

struct LayersShared {
    backend: Arc<Shared>,
    /// The numbers from 1 on, where kernels find how many rows there are.
    counts: DeviceMemory,
    /// Where lookups report a number that is no row.
    report: PinnedMemory,
}

impl Layers {
    /// Opens a GPU by its number.
    ///
    /// # Errors
    /// As [`Cuda::new`].
    pub fn new(ordinal: usize) -> Result<Self> {
        require_driver()?;
        let _state = ThreadState::keep();
        let cuda = Cuda::new(ordinal)?;
        let counts: Vec<u32> = (1..=MOST_ROWS as u32).collect();
        let counts = DeviceMemory::with(cuda.gpu(), bytemuck::cast_slice(&counts))?;
        let report = PinnedMemory::zeroed(cuda.gpu(), 8)?;
        let info = cuda.info();
        Ok(Self { shared: Arc::new(LayersShared { backend: cuda.shared().clone(), counts, report }), info })
    }

    /// Returns what the GPU can do.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Copies a matrix to the GPU and compiles the kernels of its products, so that products allocate and
    /// compile nothing.
    ///
    /// # Errors
    /// If the matrix is corrupt or has no kernels, or the GPU fails or has too little memory.
    pub fn load(&self, matrix: &Matrix, residence: Residence) -> Result<LayerMatrix> {
        let _state = ThreadState::keep();
        let named = |error| RuntimeError::in_tensor(&matrix.name, error);
        let weight = CudaWeight::load(&self.shared.backend, matrix, residence).map_err(named)?;
        let bytes = weight.bytes();
        let weight = cuda_weight(&weight, self.shared.backend.number)?;
        let mut loaded = LayerMatrix {
            matrix: weight.matrix(None)?,
            shape: matrix.shape,
            bytes,
            residence,
            plans: Vec::new(),
            _weight: weight,
            shared: self.shared.clone(),
        };
        loaded.compile()?;
        let types =
            || [Element::F32, Element::F16, Element::Bf16].into_iter().filter(|&own| loaded.takes(own));
        let plan = |rows| Plan::new(types(), |operands| loaded.launches(rows, operands));
        loaded.plans = (1..=PLANNED_ROWS).map(plan).collect::<Result<_>>()?;
        Ok(loaded)
    }
}

/// A matrix on a GPU.
pub struct LayerMatrix {
    matrix: DeviceMatrix,
    shape: [usize; 2],
    bytes: u64,
    residence: Residence,
    /// Those of the numbers of rows up to [`PLANNED_ROWS`], with which the host's time matters.
    plans: Vec<Plan>,
    _weight: Arc<CudaWeight>,
    shared: Arc<LayersShared>,
}

/// The operands of a product `y = x W^T`, by their addresses on the GPU. Rows follow each other.
#[derive(Debug, Clone, Copy)]
pub struct LayerProduct {
    /// `[rows, inputs]` of `element`, at a multiple of its bytes.
    pub x: u64,
    /// `[rows, outputs]` of `element`.
    pub y: u64,
    /// [`scratch_bytes`](LayerMatrix::scratch_bytes), at a multiple of 256.
    pub scratch: u64,
    /// Number of rows.
    pub rows: usize,
    /// Type of activations and results.
    pub element: Element,
}

impl LayerMatrix {
    /// Returns `[rows, cols]` (output features, input features).
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Returns the bytes on the GPU.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns where the matrix is.
    pub fn residence(&self) -> Residence {
        self.residence
    }

    /// Returns whether products take activations and give results of a type; all take f32.
    pub fn takes(&self, element: Element) -> bool {
        match element {
            Element::F32 => true,
            Element::F16 | Element::Bf16 => matches!(self.matrix, DeviceMatrix::Tuples(_)),
            Element::I8 | Element::U32 => false,
        }
    }

    /// Returns the bytes of scratch memory of a product with `rows` rows.
    ///
    /// # Errors
    /// If kernels do not compile.
    pub fn scratch_bytes(&self, rows: usize) -> Result<usize> {
        if let Some(plan) = self.plan(rows) {
            return Ok(plan.scratch_bytes);
        }
        let _state = ThreadState::keep();
        Ok(self.launches(rows.min(MOST_ROWS), Operands::default())?.1)
    }

    /// Enqueues a product on a stream, 0 for the default one. Neither waits, allocates nor compiles, so a
    /// graph can capture it. Streams may multiply at the same time, each with its own scratch memory.
    ///
    /// # Errors
    /// If the type is not [taken](Self::takes), or the GPU fails.
    ///
    /// # Safety
    /// The stream must be one of this GPU. Operands must be memory of this GPU with the lengths that
    /// [`LayerProduct`] names, and exist, with this matrix, until the product is complete. Other work on them
    /// must be ordered by the stream.
    pub unsafe fn multiply(&self, stream: u64, product: LayerProduct) -> Result<()> {
        let LayerProduct { x, y, scratch, rows, element } = product;
        if !self.takes(element) {
            let what = format!("products with {:?} of this matrix take f32, not {element:?}", self.residence);
            return Err(RuntimeError::Binding(what));
        }
        let _state = ThreadState::keep();
        let (stream, [outputs, inputs]) = (stream_of(stream), self.shape);
        self.shared.backend.gpu.bind()?;
        for first in (0..rows).step_by(MOST_ROWS) {
            let operands = Operands {
                x: x + (first * inputs * element.bytes()) as u64,
                y: y + (first * outputs * element.bytes()) as u64,
                scratch,
                element,
            };
            let rows = (rows - first).min(MOST_ROWS);
            // SAFETY: the caller's conditions.
            unsafe {
                match self.plan(rows) {
                    Some(plan) => plan.run(stream, operands)?,
                    None => run(&self.launches(rows, operands)?.0, stream)?,
                }
            }
        }
        Ok(())
    }

    /// Enqueues the decoding of rows (an embedding): `y` is `[rows, inputs]` in f32, and `index` has their
    /// numbers as 32-bit integers. Rows that do not exist are left as they are.
    ///
    /// # Errors
    /// If the GPU fails.
    ///
    /// # Safety
    /// As [`multiply`](Self::multiply).
    pub unsafe fn rows(&self, stream: u64, index: u64, rows: usize, y: u64) -> Result<()> {
        let _state = ThreadState::keep();
        let shared = &self.shared;
        shared.backend.gpu.bind()?;
        for first in (0..rows).step_by(MOST_ROWS) {
            let most = (rows - first).min(MOST_ROWS);
            let lookup = Lookup {
                index: index + 4 * first as u64,
                y: y + (4 * first * self.shape[1]) as u64,
                active: shared.count(most),
                report: shared.report.address(),
                scale: 1.0,
                add: 0,
            };
            let launch = shared.backend.lookup(&self.matrix, lookup, most)?;
            // SAFETY: the caller's conditions.
            unsafe { run(&[launch], stream_of(stream))? };
        }
        Ok(())
    }

    fn plan(&self, rows: usize) -> Option<&Plan> {
        self.plans.get(rows.checked_sub(1)?)
    }

    /// Compiles what products with any number of rows, and lookups, launch.
    fn compile(&self) -> Result<()> {
        let few = [1, 2, 4, 8, 16, 32].into_iter();
        for rows in few.chain((PASS_ROWS..=MOST_ROWS).step_by(PASS_ROWS)) {
            self.launches(rows, Operands::default())?;
        }
        let lookup = Lookup { index: 0, y: 0, active: 0, report: 0, scale: 1.0, add: 0 };
        self.shared.backend.lookup(&self.matrix, lookup, 1)?;
        Ok(())
    }

    /// Returns the launches of a product of up to [`MOST_ROWS`] rows, and the bytes of its scratch memory.
    fn launches(&self, rows: usize, operands: Operands) -> Result<(Vec<Launch>, usize)> {
        if rows == 0 {
            return Ok((Vec::new(), 0));
        }
        let (shared, [outputs, inputs]) = (&self.shared, self.shape);
        match &self.matrix {
            DeviceMatrix::Tuples(matrix) => tuple_launches(&shared.backend, matrix, rows, operands),
            matrix => {
                let Operands { x, y, scratch, .. } = operands;
                let rows = ActiveRows { address: shared.count(rows), which: 0, most: rows };
                let input = ProductInput { x, cols: inputs, rows };
                let matrix = matrix.clone();
                let own = Product { matrix, in_slot: false, y, bias: 0, sum: None, first: 0, count: outputs };
                let mut bytes = 0;
                let launches = shared.backend.products(input, &[own], &mut |room| {
                    bytes = bytes.max(room);
                    Ok(scratch)
                })?;
                Ok((launches, bytes))
            }
        }
    }
}

impl LayersShared {
    /// Returns the address of a number from 1 to [`MOST_ROWS`].
    fn count(&self, rows: usize) -> u64 {
        self.counts.address() + 4 * (rows - 1) as u64
    }
}

/// Returns the launches of a product with a matrix of tuples, and the bytes of its scratch memory: digits,
/// and levels behind them.
fn tuple_launches(
    shared: &Shared,
    matrix: &TupleMatrix,
    rows: usize,
    Operands { x, y, scratch, element }: Operands,
) -> Result<(Vec<Launch>, usize)> {
    let [outputs, inputs] = [matrix.shape().rows(), matrix.shape().cols()];
    let element = match element {
        Element::F16 => element::F16,
        Element::Bf16 => element::BF16,
        _ => element::F32,
    };
    let input = TupleInput::new(x, rows, inputs, element);
    let layout = matrix.digits(rows);
    let digit_bytes = layout.bytes(rows).next_multiple_of(256);
    let next = layout.activations(rows, &[(matrix.col_scales(), scratch)]);
    let (gpu, modules) = (&shared.gpu, &shared.modules);
    let digits = tuples::prepare(gpu, modules, input, next)?;
    let operand = TupleOperand {
        matrix,
        digits: next.outputs[0].digits,
        exponents: next.outputs[0].exponents,
        output: y,
        output_stride: outputs,
        output_element: element,
        bias: 0,
        sum: None,
        first: 0,
        count: outputs,
    };
    let level_bytes = if matrix.decodes_to_levels(rows) { matrix.level_bytes(1) } else { 0 };
    let room = LevelsRoom { address: scratch + digit_bytes as u64, bytes: level_bytes };
    let room = (level_bytes > 0).then_some(room);
    let product = TupleProduct::of(gpu, modules, &[operand], input, (None, room))?;
    Ok(([vec![digits], product.into_launches()].concat(), digit_bytes + level_bytes))
}

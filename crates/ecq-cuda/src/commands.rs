//! Translation of commands to launches of kernels.

use crate::backend::Shared;
use crate::compiler::Program as KernelProgram;
use crate::error::Result as CudaResult;
use crate::kernels::{ATTENTION, ROWS, TOKENS, element};
use crate::memory::DeviceMemory;
use crate::module::{Grid, Kernel, words_of};
use crate::parameters::{
    ActivateParameters, ActivateProductParameters, AddParameters, AdvanceParameters, AnglesParameters,
    AppendParameters, ArgmaxParameters, AttentionParameters, CacheParameters, CopyParameters,
    EmbedCodesParameters, EmbedParameters, EmbedTuplesParameters, GatherParameters, PrepareTuplesParameters,
    RotateParameters, RouteParameters, SampleParameters,
};
use crate::products::{Prepared, Product, ProductInput};
use crate::program::Resources;
use crate::tuples::TupleLaunch;
use crate::weight::{CudaWeight, DeviceMatrix};
use bytemuck::{NoUninit, Zeroable};
use cudarc::driver::CudaStream;
use cudarc::driver::sys::CUstream;
use ecq_core::{Activation, Element, RotaryPairs};
use ecq_runtime::RuntimeError;
use ecq_runtime::program::{Attention, BufferId, CacheView, Command, Operand, Output, Program, Rows};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Threads of most kernels.
pub(crate) const THREADS: usize = 256;
/// Least positions of a split of attention.
const MIN_SPLIT: usize = 128;
/// Most splits of a row.
const MAX_SPLITS: usize = 64;
/// Rows of one sequence that share a block of attention, and the least rows of a program in which there may
/// be such rows.
const SHARED_ROWS: usize = 4;
const LEAST_PROMPT_ROWS: usize = 16;
/// Threads of a block that looks up a row of a matrix of tuples.
const EMBED_THREADS: usize = 128;

/// A kernel with its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    kernel: Kernel,
    grid: Grid,
    parameters: Vec<u64>,
    /// What a product with tuples reads, so that the product before it can fetch that.
    tuples: Option<Box<TupleLaunch>>,
}

impl Launch {
    pub(crate) fn new<T: NoUninit>(kernel: Kernel, grid: Grid, parameters: &T) -> Self {
        Self { kernel, grid, parameters: words_of(parameters), tuples: None }
    }

    /// Creates a launch from the words of its parameter.
    pub(crate) fn of_words(kernel: Kernel, grid: Grid, parameters: Vec<u64>) -> Self {
        Self { kernel, grid, parameters, tuples: None }
    }

    /// Creates the launch of a product with tuples.
    pub(crate) fn of_tuples(kernel: Kernel, grid: Grid, tuples: TupleLaunch) -> Self {
        let launch = Self::new(kernel, grid, &tuples.parameters);
        Self { tuples: Some(Box::new(tuples)), ..launch }
    }

    /// Returns the launch for the place behind an edge from another stream.
    pub(crate) fn after_wait(self) -> Self {
        Self { kernel: self.kernel.after_wait(), ..self }
    }

    /// Changes a product with tuples; returns whether it is one.
    pub(crate) fn change_tuples(&mut self, change: impl FnOnce(&mut TupleLaunch)) -> bool {
        let Some(tuples) = &mut self.tuples else { return false };
        change(tuples);
        self.parameters = words_of(&tuples.parameters);
        true
    }

    /// Returns the product with tuples that this launch is.
    pub(crate) fn tuples(&self) -> Option<&TupleLaunch> {
        self.tuples.as_deref()
    }

    /// Returns the name of the kernel.
    pub(crate) fn name(&self) -> &'static str {
        self.kernel.name()
    }

    /// Enqueues the kernel.
    pub(crate) fn run(&self, stream: &CudaStream) -> CudaResult<()> {
        // SAFETY: parameters were built from a checked program, whose buffers, weights and slots the
        // program keeps; submissions are ordered by their stream and by edges.
        unsafe { self.kernel.launch(stream, self.grid, &self.parameters) }
    }

    /// Returns the words of the parameter.
    pub(crate) fn parameters(&self) -> &[u64] {
        &self.parameters
    }

    /// Enqueues the kernel on a stream of another library, with other addresses in its parameter; `early`
    /// before the previous kernel is done.
    ///
    /// # Safety
    /// As [`Kernel::launch_on`].
    pub(crate) unsafe fn run_with(
        &self,
        stream: CUstream,
        parameters: &[u64],
        early: bool,
    ) -> CudaResult<()> {
        // SAFETY: the caller's conditions.
        unsafe { self.kernel.launch_on(stream, self.grid, parameters, early) }
    }
}

/// Where kernels find the number of rows in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActiveRows {
    /// Address of two numbers.
    pub(crate) address: u64,
    /// The number that counts.
    pub(crate) which: u32,
    /// Most rows.
    pub(crate) most: usize,
}

/// What a lookup of rows reads and writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup {
    /// Address of the numbers of rows.
    pub(crate) index: u64,
    /// Address of the results in f32.
    pub(crate) y: u64,
    /// Address of the number of rows in use.
    pub(crate) active: u64,
    /// Where a number that is no row is reported.
    pub(crate) report: u64,
    /// Factor of the results.
    pub(crate) scale: f32,
    /// Whether results are added (1) or stored (0).
    pub(crate) add: u32,
}

/// Translates the commands of a program.
pub(crate) struct Builder<'a> {
    program: &'a Program,
    pub(crate) resources: &'a Resources,
    scratch: Vec<DeviceMemory>,
    /// Address and bytes of the largest shared scratch memory.
    shared: (u64, usize),
}

impl<'a> Builder<'a> {
    pub(crate) fn new(program: &'a Program, resources: &'a Resources) -> Self {
        Self { program, resources, scratch: Vec::new(), shared: (0, 0) }
    }

    /// Returns the memory that the launches use beside their operands.
    pub(crate) fn into_scratch(self) -> Vec<DeviceMemory> {
        self.scratch
    }

    /// Allocates memory that lives as long as the program.
    pub(crate) fn scratch(&mut self, bytes: usize) -> Result<u64> {
        let memory = DeviceMemory::zeroed(&self.resources.shared.gpu, bytes)?;
        let address = memory.address();
        self.scratch.push(memory);
        Ok(address)
    }

    /// Returns memory that launches of other commands use too, before or after.
    pub(crate) fn shared_scratch(&mut self, bytes: usize) -> Result<u64> {
        if bytes > self.shared.1 {
            self.shared = (self.scratch(bytes)?, bytes);
        }
        Ok(self.shared.0)
    }

    /// Returns the rows in use of a kind.
    pub(crate) fn rows(&self, rows: Rows) -> ActiveRows {
        ActiveRows {
            address: self.resources.active.address(),
            which: u32::from(rows == Rows::Logits),
            most: self.program.capacity(rows),
        }
    }

    pub(crate) fn address(&self, id: BufferId) -> u64 {
        self.resources.address(id)
    }

    /// Returns the launches of a command.
    pub(crate) fn command(&mut self, command: &Command) -> Result<Vec<Launch>> {
        let (batch, logits_rows) = (self.rows(Rows::Batch), self.rows(Rows::Logits));
        let active = batch.address;
        let launch = match *command {
            Command::Embed { table, index, scale, add, y } => {
                let matrix = self.resources.weight(table).matrix(None)?;
                let (report, add) = (self.resources.report.address(), u32::from(add));
                let (index, y) = (self.address(index), self.address(y));
                let lookup = Lookup { index, y, active, report, scale, add };
                self.resources.shared.lookup(&matrix, lookup, batch.most)?
            }
            Command::Norm { .. } => self.norm(command, None, Prepared::None)?,
            Command::Linear { rows, x, ref outputs } => {
                let products =
                    outputs.iter().map(|output| self.product(output)).collect::<Result<Vec<_>>>()?;
                let (resources, rows, x) = (self.resources, self.rows(rows), self.address(x));
                let [_, cols] = outputs.first().map_or([0, 0], |output| self.weight_of(output).shape());
                let input = ProductInput { x, cols, rows };
                return resources.shared.products(input, &products, &mut |bytes| self.shared_scratch(bytes));
            }
            Command::RotaryAngles { positions, frequencies, count, per_row, scale, table } => {
                let parameters = AnglesParameters {
                    positions: self.address(positions),
                    frequencies: self.address(frequencies),
                    table: self.address(table),
                    active,
                    count: count as u32,
                    per_row: u32::from(per_row),
                    scale,
                    padding: 0,
                };
                self.resources.shared.rows_kernel("angles", [batch.most, 1], &parameters)?
            }
            Command::Rotate { heads, frequencies, .. } => {
                let parameters = self.rotation(command);
                let blocks = [(heads * frequencies).div_ceil(THREADS), batch.most];
                self.resources.shared.rows_kernel("rotate", blocks, &parameters)?
            }
            Command::Append { heads, .. } => {
                let blocks = [heads.div_ceil(THREADS / 32), batch.most];
                self.resources.shared.rows_kernel("append", blocks, &self.append(command))?
            }
            Command::Attention(ref attention) => return self.attention(attention),
            Command::Activate { activation, x, up, width } => {
                let up = up.map_or(0, |up| self.address(up));
                self.resources.activate(activation, self.address(x), up, width, batch)?
            }
            Command::Route { logits, experts, routing, choices, weights } => {
                if experts > MAX_EXPERTS {
                    let what = format!("a router of {experts} experts; kernels allow {MAX_EXPERTS}");
                    return Err(RuntimeError::Device { device: "cuda", why: what });
                }
                let parameters = RouteParameters {
                    logits: self.address(logits),
                    choices: self.address(choices),
                    weights: self.address(weights),
                    active,
                    experts: experts as u32,
                    top_k: routing.top_k as u32,
                    renormalize: u32::from(routing.renormalize),
                    padding: 0,
                };
                self.resources.tokens_kernel("route", batch.most, 32, &parameters)?
            }
            Command::Add { x, scale, y, width } => {
                let (x, y) = (self.address(x), self.address(y));
                let parameters = AddParameters { x, y, active, width: width as u32, scale };
                self.resources.shared.rows_kernel("add", [blocks_of(batch.most * width), 1], &parameters)?
            }
            Command::Gather { x, index, width, y } => {
                let (x, index, y) = (self.address(x), self.address(index), self.address(y));
                self.resources.gather("gather", x, index, y, 0, width, logits_rows)?
            }
            Command::Argmax { logits, width, y } => {
                let (logits, y) = (self.address(logits), self.address(y));
                let parameters = ArgmaxParameters { logits, y, active, width: width as u32, padding: 0 };
                self.resources.tokens_kernel("argmax", logits_rows.most, 1024, &parameters)?
            }
            Command::Sample { logits, width, params, y } => {
                let room = width.next_power_of_two();
                let keys = self.shared_scratch(12 * room * logits_rows.most)?;
                let weights = keys + 8 * (room * logits_rows.most) as u64;
                let parameters = SampleParameters {
                    logits: self.address(logits),
                    parameters: self.address(params),
                    y: self.address(y),
                    active,
                    keys,
                    weights,
                    width: width as u32,
                    room: room as u32,
                };
                self.resources.tokens_kernel("sample", logits_rows.most, 1024, &parameters)?
            }
            Command::Advance { chosen, index, tokens, positions, history, count } => {
                let parameters = AdvanceParameters {
                    chosen: self.address(chosen),
                    index: self.address(index),
                    tokens: self.address(tokens),
                    positions: self.address(positions),
                    history: self.address(history),
                    count: self.address(count),
                    active,
                    history_len: self.resources.len(history) as u64,
                    capacity: self.resources.len(chosen) as u32,
                    padding: 0,
                };
                self.resources.shared.rows_kernel("advance", [1, 1], &parameters)?
            }
            Command::CopyBlocks { pairs, block_positions, heads, head_dim, cache } => {
                let copy = |data: BufferId, width: usize| {
                    let block_bytes = block_positions * width * self.resources.element(data).bytes();
                    let parameters = CopyParameters {
                        pairs: self.address(pairs),
                        data: self.address(data),
                        active,
                        block_bytes: block_bytes as u64,
                    };
                    self.resources.shared.rows_kernel("copy_blocks", [blocks_of(block_bytes), 1], &parameters)
                };
                let mut launches = vec![copy(cache.data, heads * head_dim)?];
                if let Some(scales) = cache.scales {
                    launches.push(copy(scales, heads)?);
                }
                return Ok(launches);
            }
            Command::Experts(_) | Command::Decode { .. } => {
                unreachable!("the host takes part in these, so that the program has segments for them")
            }
        };
        Ok(vec![launch])
    }

    /// Returns the parameters of a rotation; zeros for another command.
    pub(crate) fn rotation(&self, command: &Command) -> RotateParameters {
        let &Command::Rotate { x, heads, head_dim, table, frequencies, pairs } = command else {
            return RotateParameters::zeroed();
        };
        RotateParameters {
            x: self.address(x),
            table: self.address(table),
            active: self.rows(Rows::Batch).address,
            heads: heads as u32,
            head_dim: head_dim as u32,
            frequencies: frequencies as u32,
            neighbours: u32::from(pairs == RotaryPairs::Neighbours),
        }
    }

    pub(crate) fn weight_of(&self, output: &Output) -> &CudaWeight {
        let (Operand::Weight(weight) | Operand::Slot(_, weight)) = output.operand;
        self.resources.weight(weight)
    }

    pub(crate) fn product(&self, output: &Output) -> Result<Product> {
        let slot = match output.operand {
            Operand::Weight(_) => None,
            Operand::Slot(slot, _) => Some(self.resources.slot(slot)),
        };
        Ok(Product {
            matrix: self.weight_of(output).matrix(slot)?,
            in_slot: slot.is_some(),
            y: self.address(output.y),
            bias: output.bias.map_or(0, |bias| self.address(bias)),
            sum: None,
            first: output.range.start,
            count: output.range.len(),
        })
    }

    /// Returns the parameters of storing keys or values; zeros for another command.
    pub(crate) fn append(&self, command: &Command) -> AppendParameters {
        let &Command::Append { x, heads, head_dim, positions, tables, cache } = command else {
            return AppendParameters::zeroed();
        };
        AppendParameters {
            x: self.address(x),
            positions: self.address(positions),
            tables: self.address(tables.tables),
            sequences: self.address(tables.sequences),
            cache: self.cache(cache),
            active: self.rows(Rows::Batch).address,
            report: self.resources.report.address(),
            heads: heads as u32,
            head_dim: head_dim as u32,
            width: tables.width as u32,
            block_positions: tables.block_positions as u32,
        }
    }

    fn cache(&self, view: CacheView) -> CacheParameters {
        CacheParameters {
            data: self.address(view.data),
            scales: view.scales.map_or(0, |scales| self.address(scales)),
            element: element_of(self.resources.element(view.data)) as u32,
            padding: 0,
        }
    }

    fn attention(&mut self, attention: &Attention) -> Result<Vec<Launch>> {
        let &Attention { heads, kv_heads, head_dim, tables, .. } = attention;
        let rows = self.rows(Rows::Batch);
        let positions = tables.width * tables.block_positions;
        // Depends on the model's context alone, as the order of sums does.
        let split = positions.div_ceil(MAX_SPLITS).next_power_of_two().max(MIN_SPLIT);
        let splits = positions.div_ceil(split).max(1);
        let busy = 2 * self.resources.shared.gpu.properties().multiprocessors;
        // Rows of a prompt are enough blocks.
        let parallel = splits > 1 && rows.most * heads < busy;
        // Rows of a prompt are of one sequence.
        let shared = !parallel && rows.most >= LEAST_PROMPT_ROWS;
        let parts =
            if parallel { self.shared_scratch(4 * rows.most * heads * splits * (head_dim + 2))? } else { 0 };
        let parameters = AttentionParameters {
            queries: self.address(attention.queries),
            y: self.address(attention.y),
            keys: self.cache(attention.keys),
            values: self.cache(attention.values),
            tables: self.address(tables.tables),
            sequences: self.address(tables.sequences),
            positions: self.address(attention.positions),
            active: rows.address,
            parts,
            heads: heads as u32,
            kv_heads: kv_heads as u32,
            width: tables.width as u32,
            block_positions: tables.block_positions as u32,
            window: attention.window.map_or(0, |window| u32::try_from(window).unwrap_or(0)),
            split: split as u32,
            splits: splits as u32,
            scale: attention.scale,
            shared: u32::from(shared),
            padding: 0,
        };
        let kind = element_of(self.resources.element(attention.keys.data));
        let program = KernelProgram::new(ATTENTION, &[("HEAD_DIM", head_dim), ("CACHE_ELEMENT", kind)]);
        let blocks = [heads, rows.most, if parallel { splits } else { 1 }];
        let attend = self.resources.shared.kernel(&program, "attend")?;
        let mut launches = vec![Launch::new(attend, Grid::new(blocks, 128), &parameters)];
        if parallel {
            let combine = self.resources.shared.kernel(&program, "combine")?;
            launches.push(Launch::new(combine, Grid::new([heads, rows.most, 1], 32), &parameters));
        }
        if shared {
            let attend_shared = self.resources.shared.kernel(&program, "attend_shared")?;
            let blocks = [heads, rows.most.div_ceil(SHARED_ROWS), 1];
            launches.push(Launch::new(attend_shared, Grid::new(blocks, 128), &parameters));
        }
        Ok(launches)
    }
}

/// Most experts of a router.
const MAX_EXPERTS: usize = 1024;

impl Shared {
    pub(crate) fn kernel(&self, program: &KernelProgram, name: &'static str) -> Result<Kernel> {
        Ok(self.modules.kernel(&self.gpu, program, name)?)
    }

    pub(crate) fn rows_kernel<T: NoUninit>(
        &self,
        name: &'static str,
        [x, y]: [usize; 2],
        parameters: &T,
    ) -> Result<Launch> {
        let kernel = self.kernel(&KernelProgram::new(ROWS, &[]), name)?;
        Ok(Launch::new(kernel, Grid::new([x, y, 1], THREADS), parameters))
    }

    /// Returns the launch that looks up to `most` rows of a matrix up.
    pub(crate) fn lookup(&self, matrix: &DeviceMatrix, lookup: Lookup, most: usize) -> Result<Launch> {
        let Lookup { index, y, active, report, scale, add } = lookup;
        let grid = Grid::new([most, 1, 1], THREADS);
        Ok(match matrix {
            &DeviceMatrix::Codes(kind, matrix) => {
                let parameters = EmbedCodesParameters { matrix, index, y, active, report, scale, add };
                Launch::new(self.codes(kind, None, "embed")?, grid, &parameters)
            }
            &DeviceMatrix::Linear(kind, matrix) => {
                let parameters = EmbedParameters { matrix, index, y, active, report, scale, add };
                Launch::new(self.linear(kind, None, "embed")?, grid, &parameters)
            }
            DeviceMatrix::Tuples(matrix) => {
                let own = matrix.lookup();
                let parameters =
                    EmbedTuplesParameters { tokens: index, y, active, report, scale, add, ..own };
                let kernel = self.kernel(&matrix.kind.lookup(), "embed_tuples")?;
                Launch::new(kernel, Grid { threads: EMBED_THREADS, ..grid }, &parameters)
            }
        })
    }
}

impl Resources {
    fn tokens_kernel<T: NoUninit>(
        &self,
        name: &'static str,
        blocks: usize,
        threads: usize,
        parameters: &T,
    ) -> Result<Launch> {
        let kernel = self.shared.kernel(&KernelProgram::new(TOKENS, &[]), name)?;
        Ok(Launch::new(kernel, Grid::new([blocks, 1, 1], threads), parameters))
    }

    /// Returns the launch of an activation function.
    pub(crate) fn activate(
        &self,
        activation: Activation,
        x: u64,
        up: u64,
        width: usize,
        rows: ActiveRows,
    ) -> Result<Launch> {
        let (active, width_u32, function) = (rows.address, width as u32, function_of(activation));
        let parameters = ActivateParameters { x, up, active, width: width_u32, function };
        self.shared.rows_kernel("activate", [blocks_of(rows.most * width), 1], &parameters)
    }

    /// Returns the launch of an activation function that also writes what the products after it read.
    pub(crate) fn activate_for_products(
        &self,
        activation: Activation,
        x: u64,
        up: u64,
        rows: ActiveRows,
        next: Prepared,
    ) -> Result<Launch> {
        let (active, function) = (rows.address, function_of(activation));
        match next {
            Prepared::None => Err(RuntimeError::Binding("products of no activations".to_owned())),
            Prepared::Blocks(next) => {
                let parameters = ActivateProductParameters { x, up, active, function, padding: 0, next };
                let blocks = [(next.blocks as usize).div_ceil(THREADS / 32), rows.most];
                self.shared.rows_kernel("activate_for_product", blocks, &parameters)
            }
            Prepared::Tuples(next) => {
                let parameters = PrepareTuplesParameters {
                    x,
                    up,
                    y: x,
                    active,
                    which: rows.which,
                    rows: rows.most as u32,
                    stride: next.cols,
                    element: element::F32 as u32,
                    function,
                    padding: 0,
                    next,
                };
                self.shared.rows_kernel("prepare_tuples", [next.segments as usize, rows.most], &parameters)
            }
        }
    }

    /// Returns the launch of `gather` or `scatter`.
    #[expect(clippy::too_many_arguments, reason = "the parameters of the kernel")]
    pub(crate) fn gather(
        &self,
        name: &'static str,
        x: u64,
        index: u64,
        y: u64,
        weights: u64,
        width: usize,
        rows: ActiveRows,
    ) -> Result<Launch> {
        let (active, which, width_u32) = (rows.address, rows.which, width as u32);
        let parameters = GatherParameters { x, index, y, active, weights, which, width: width_u32 };
        self.shared.rows_kernel(name, [width.div_ceil(THREADS), rows.most], &parameters)
    }

    /// Returns the launch that sets rows to zero.
    pub(crate) fn clear(&self, y: u64, width: usize, rows: ActiveRows) -> Result<Launch> {
        let parameters = AddParameters { x: 0, y, active: rows.address, width: width as u32, scale: 0.0 };
        self.shared.rows_kernel("clear", [blocks_of(rows.most * width), 1], &parameters)
    }
}

/// Returns the blocks of a kernel in which each thread works on several values.
fn blocks_of(values: usize) -> usize {
    values.div_ceil(THREADS).clamp(1, 1024)
}

/// Returns the number of an activation function in kernels.
fn function_of(activation: Activation) -> u32 {
    match activation {
        Activation::Silu => 1,
        Activation::GeluTanh => 2,
    }
}

fn element_of(element: Element) -> usize {
    match element {
        Element::F16 => element::F16,
        Element::Bf16 => element::BF16,
        Element::I8 => element::I8,
        Element::F32 | Element::U32 => element::F32,
    }
}

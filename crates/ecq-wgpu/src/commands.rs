//! Translation of commands to dispatches of kernels.

use crate::decode::Target;
use crate::dispatch::{ActiveRows, Dispatch};
use crate::kernel::{Kernel, source};
use crate::products::{Product, ProductInput};
use crate::program::{Resources, Work};
use crate::weight::{Operands, Part, WgpuWeight};
use ecq_core::{Activation, Element, RotaryPairs};
use ecq_kernels::gpu::element;
use ecq_runtime::RuntimeError;
use ecq_runtime::program::{Attention, BufferId, CacheView, Command, Norm, Operand, Output, Program, Rows};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Threads of most kernels.
const THREADS: usize = 256;
/// Threads of kernels over few values per row.
const FEW_THREADS: usize = 64;
/// Most workgroups of a kernel in which each thread works on several values.
const MOST_GROUPS: usize = 1024;
/// Most experts of a router, as `tokens.wgsl` has it.
const MAX_EXPERTS: usize = 1024;

/// Rows that a kernel works on.
#[derive(Debug, Clone)]
pub(crate) struct RowsInUse {
    pub(crate) active: ActiveRows,
    /// The number that counts.
    pub(crate) which: u32,
    /// Most rows.
    pub(crate) most: usize,
}

/// Translates the commands of a program.
pub(crate) struct Builder<'a> {
    program: &'a Program,
    pub(crate) resources: &'a Resources,
    scratch: Scratch,
}

/// Memory that dispatches of several commands use, one after the other.
#[derive(Default)]
pub(crate) struct Scratch(Option<wgpu::Buffer>);

impl Scratch {
    /// Returns memory of at least the given bytes.
    pub(crate) fn at_least(&mut self, resources: &Resources, bytes: usize) -> Result<wgpu::Buffer> {
        match &self.0 {
            Some(buffer) if buffer.size() >= bytes as u64 => Ok(buffer.clone()),
            _ => {
                let buffer = resources.shared.gpu.buffer("scratch memory", bytes as u64)?;
                Ok(self.0.insert(buffer).clone())
            }
        }
    }
}

impl<'a> Builder<'a> {
    pub(crate) fn new(program: &'a Program, resources: &'a Resources) -> Self {
        Self { program, resources, scratch: Scratch::default() }
    }

    /// Returns the rows in use of a kind.
    pub(crate) fn rows(&self, rows: Rows) -> RowsInUse {
        let active = ActiveRows { buffer: self.resources.active.clone(), at: 0 };
        RowsInUse { active, which: u32::from(rows == Rows::Logits), most: self.program.capacity(rows) }
    }

    fn buffer(&self, id: BufferId) -> wgpu::Buffer {
        self.resources.buffer(id).clone()
    }

    /// Returns the dispatches of a command.
    pub(crate) fn command(&mut self, command: &Command) -> Result<Vec<Work>> {
        let (batch, logits_rows) = (self.rows(Rows::Batch), self.rows(Rows::Logits));
        let resources = self.resources;
        let buffer = |id: BufferId| resources.buffer(id).clone();
        let rows_kernel = |entry, access| Kernel::new(entry, &[source::ROWS], access);
        let dispatch = |kernel, parameters, buffers, groups| Dispatch {
            kernel,
            parameters,
            buffers,
            groups,
            active: batch.active.clone(),
        };
        let one = match *command {
            Command::Embed { table, index, scale, add, y } => {
                let weight = resources.weight(table);
                let kernel = resources.matrix_kernel(weight.kind, "embed", &[source::EMBED], "rrrww");
                let of_part = |part: &Part, words: &wgpu::Buffer| {
                    let mut parameters = part.side.matrix().to_vec();
                    parameters.extend([part.rows.start as u32, weight.shape()[0] as u32]);
                    parameters.extend([scale.to_bits(), u32::from(add)]);
                    let (side, report) = (part.side.buffer.clone(), resources.report.clone());
                    let buffers = vec![words.clone(), side, buffer(index), buffer(y), report];
                    Work::Dispatch(dispatch(kernel.clone(), parameters, buffers, [batch.most, 1, 1]))
                };
                return match weight.operands(None)? {
                    Operands::Packed(all) => {
                        Ok(all.iter().map(|operand| of_part(operand.part, &operand.words)).collect())
                    }
                    Operands::Streams(streams, part) => {
                        let words = resources.shared.decoded(streams.decoded_bytes())?;
                        let target = Target::Rows(&words, resources.buffer(index), batch.most);
                        let mut work = streams.work(resources.context(table, &batch.active), &target)?;
                        work.push(of_part(part, &words));
                        Ok(work)
                    }
                };
            }
            Command::Norm { ref norm, rows, heads, x, y } => {
                let rows = self.rows(rows);
                let width = resources.len(norm.weight()) as u32;
                let (bias, layer, eps) = match *norm {
                    Norm::Rms { weight, eps } => (weight, 0, eps),
                    Norm::Layer { bias, eps, .. } => (bias, 1, eps),
                };
                let parameters = vec![rows.which, heads as u32, width, layer, eps.to_bits()];
                let buffers = vec![buffer(x), buffer(norm.weight()), buffer(bias), buffer(y)];
                dispatch(rows_kernel("norm", "wrrw"), parameters, buffers, [rows.most * heads, 1, 1])
            }
            Command::Linear { rows, x, ref outputs } => {
                let products =
                    outputs.iter().map(|output| self.product(output)).collect::<Result<Vec<_>>>()?;
                let [_, cols] = outputs.first().map_or([0, 0], |output| self.weight_of(output).shape());
                let input = ProductInput { x: buffer(x), cols, rows: self.rows(rows) };
                return resources.products(&input, &products, &mut self.scratch);
            }
            Command::RotaryAngles { positions, frequencies, count, per_row, scale, table } => {
                let parameters = vec![count as u32, u32::from(per_row), scale.to_bits()];
                let buffers = vec![buffer(positions), buffer(frequencies), buffer(table)];
                let groups = [count.div_ceil(FEW_THREADS), batch.most, 1];
                dispatch(rows_kernel("angles", "rrw"), parameters, buffers, groups)
            }
            Command::Rotate { x, heads, head_dim, table, frequencies, pairs } => {
                let neighbours = u32::from(pairs == RotaryPairs::Neighbours);
                let parameters = vec![heads as u32, head_dim as u32, frequencies as u32, neighbours];
                let groups = [(heads * frequencies).div_ceil(FEW_THREADS), batch.most, 1];
                dispatch(rows_kernel("rotate", "rw"), parameters, vec![buffer(table), buffer(x)], groups)
            }
            Command::Append { x, heads, head_dim, positions, tables, cache } => {
                let element = element_of(resources.element(cache.data));
                let parameters = vec![
                    heads as u32,
                    head_dim as u32,
                    tables.width as u32,
                    tables.block_positions as u32,
                    element as u32,
                ];
                let scales = cache.scales.map_or_else(|| resources.nothing.clone(), buffer);
                let buffers = vec![
                    buffer(x),
                    buffer(positions),
                    buffer(tables.tables),
                    buffer(tables.sequences),
                    buffer(cache.data),
                    scales,
                    resources.report.clone(),
                ];
                // A head may begin and end within a word.
                let words = (head_dim * resources.element(cache.data).bytes()).div_ceil(4) + 1;
                let groups = [words.div_ceil(FEW_THREADS), batch.most, heads];
                let kernel = Kernel::new("append", &[source::CACHE], "rrrrwww");
                dispatch(kernel, parameters, buffers, groups)
            }
            Command::Attention(ref attention) => self.attention(attention),
            Command::Activate { activation, x, up, width } => {
                let up = up.map(buffer);
                resources.activate(activation, buffer(x), up, width, &batch)
            }
            Command::Route { logits, experts, routing, choices, weights } => {
                if experts > MAX_EXPERTS {
                    let why = format!("a router of {experts} experts; kernels allow {MAX_EXPERTS}");
                    return Err(RuntimeError::Device { device: "wgpu", why });
                }
                let renormalize = u32::from(routing.renormalize);
                let parameters = vec![experts as u32, routing.top_k as u32, renormalize];
                let buffers = vec![buffer(logits), buffer(choices), buffer(weights)];
                let kernel = Kernel::new("route", &[source::TOKENS], "rww");
                dispatch(kernel, parameters, buffers, [batch.most, 1, 1])
            }
            Command::Add { x, scale, y, width } => {
                let groups = [groups_of(batch.most * width), 1, 1];
                let parameters = vec![width as u32, scale.to_bits()];
                dispatch(rows_kernel("add", "rw"), parameters, vec![buffer(x), buffer(y)], groups)
            }
            Command::Gather { x, index, width, y } => {
                resources.gather(buffer(x), buffer(index), buffer(y), width, &logits_rows)
            }
            Command::Argmax { logits, width, y } => {
                let kernel = Kernel::new("argmax", &[source::TOKENS], "rw");
                let buffers = vec![buffer(logits), buffer(y)];
                dispatch(kernel, vec![width as u32, 0], buffers, [logits_rows.most, 1, 1])
            }
            Command::Sample { logits, width, params, y } => {
                let room = width.next_power_of_two();
                let gpu = &resources.shared.gpu;
                let keys = gpu.buffer("candidates of sampling", (8 * room * logits_rows.most) as u64)?;
                let weights = gpu.buffer("weights of sampling", (4 * room * logits_rows.most) as u64)?;
                let kernel = Kernel::new("sample", &[source::TOKENS], "rwrww");
                let buffers = vec![buffer(logits), buffer(y), buffer(params), keys, weights];
                let parameters = vec![width as u32, room as u32];
                dispatch(kernel, parameters, buffers, [logits_rows.most, 1, 1])
            }
            Command::Advance { chosen, index, tokens, positions, history, count } => {
                let parameters = vec![resources.len(history) as u32, resources.len(chosen) as u32];
                let buffers = [chosen, index, tokens, positions, history, count].map(buffer).to_vec();
                dispatch(rows_kernel("advance", "rrwwww"), parameters, buffers, [1, 1, 1])
            }
            Command::CopyBlocks { pairs, block_positions, heads, head_dim, cache } => {
                let copy = |data: BufferId, width: usize| {
                    let bytes = block_positions * width * resources.element(data).bytes();
                    let kernel = Kernel::new("copy_blocks", &[source::CACHE], "rw");
                    let groups = [groups_of(bytes.div_ceil(4)), 1, 1];
                    let buffers = vec![buffer(pairs), buffer(data)];
                    Work::Dispatch(dispatch(kernel, vec![bytes as u32], buffers, groups))
                };
                let scales = cache.scales.map(|scales| copy(scales, heads));
                return Ok([copy(cache.data, heads * head_dim)].into_iter().chain(scales).collect());
            }
            Command::Experts(_) | Command::Decode { .. } => {
                unreachable!("a program has steps of its own for these")
            }
        };
        Ok(vec![Work::Dispatch(one)])
    }

    fn weight_of(&self, output: &Output) -> &'a WgpuWeight {
        self.resources.weight(output.operand.weight())
    }

    fn product(&self, output: &Output) -> Result<Product<'a>> {
        let slot = match output.operand {
            Operand::Weight(_) => None,
            Operand::Slot(slot, _) => Some(self.resources.slot(slot)),
        };
        let weight = self.weight_of(output);
        Ok(Product {
            weight,
            id: output.operand.weight(),
            operands: weight.operands(slot)?,
            y: self.buffer(output.y),
            bias: output.bias.map(|bias| self.buffer(bias)),
            rows: output.range.clone(),
        })
    }

    fn attention(&self, attention: &Attention) -> Dispatch {
        let &Attention { heads, kv_heads, head_dim, tables, .. } = attention;
        let rows = self.rows(Rows::Batch);
        let element = self.resources.element(attention.keys.data);
        let parameters = vec![
            heads as u32,
            kv_heads as u32,
            tables.width as u32,
            tables.block_positions as u32,
            attention.window.map_or(0, |window| u32::try_from(window).unwrap_or(0)),
            attention.scale.to_bits(),
        ];
        let ids = [attention.queries, attention.keys.data, attention.values.data];
        let more = [tables.tables, tables.sequences, attention.positions, attention.y];
        let mut buffers: Vec<wgpu::Buffer> = ids.into_iter().chain(more).map(|id| self.buffer(id)).collect();
        let scales = |view: CacheView| view.scales.map(|scales| self.buffer(scales));
        buffers.extend(scales(attention.keys).into_iter().chain(scales(attention.values)));
        let kernel = attention_kernel(head_dim, element);
        Dispatch { kernel, parameters, buffers, groups: [heads, rows.most, 1], active: rows.active }
    }
}

/// Returns the kernel of attention for a width of heads and an element type of the cache.
pub(crate) fn attention_kernel(head_dim: usize, element: Element) -> Kernel {
    let number = element_of(element);
    let access = if number == element::I8 { "rrrrrrwrr" } else { "rrrrrrw" };
    let mut kernel = Kernel::new("attend", &[source::ATTENTION], access);
    for (binding, name) in [(9, "key"), (10, "value")] {
        kernel.generated += &match number {
            element::I8 => format!(
                "@group(0) @binding({binding}) var<storage, read> {name}_scales: array<u32>;\n\n\
                 fn {name}_scale(at: u32) -> f32 {{\n    return float_of_pair(BF16, {name}_scales[at / 2u], \
                 at);\n}}\n\n"
            ),
            _ => format!("fn {name}_scale(at: u32) -> f32 {{\n    return 1.0;\n}}\n\n"),
        };
    }
    kernel.with(&[("HEAD_DIM", head_dim), ("ELEMENT", number)])
}

impl Resources {
    /// Returns the dispatch of an activation function.
    pub(crate) fn activate(
        &self,
        activation: Activation,
        x: wgpu::Buffer,
        up: Option<wgpu::Buffer>,
        width: usize,
        rows: &RowsInUse,
    ) -> Dispatch {
        let gelu = u32::from(matches!(activation, Activation::GeluTanh));
        let parameters = vec![width as u32, gelu, u32::from(up.is_some())];
        let up = up.unwrap_or_else(|| self.nothing.clone());
        let kernel = Kernel::new("activate", &[source::ROWS], "rw");
        let groups = [groups_of(rows.most * width), 1, 1];
        Dispatch { kernel, parameters, buffers: vec![up, x], groups, active: rows.active.clone() }
    }

    /// Returns the dispatch that gathers rows.
    pub(crate) fn gather(
        &self,
        x: wgpu::Buffer,
        index: wgpu::Buffer,
        y: wgpu::Buffer,
        width: usize,
        rows: &RowsInUse,
    ) -> Dispatch {
        let kernel = Kernel::new("gather", &[source::ROWS], "rrw");
        let groups = [width.div_ceil(THREADS), rows.most, 1];
        let (parameters, active) = (vec![rows.which, width as u32], rows.active.clone());
        Dispatch { kernel, parameters, buffers: vec![x, index, y], groups, active }
    }
}

/// Returns the workgroups of a kernel in which each thread works on several values.
pub(crate) fn groups_of(values: usize) -> usize {
    values.div_ceil(THREADS).clamp(1, MOST_GROUPS)
}

fn element_of(element: Element) -> usize {
    match element {
        Element::F16 => element::F16,
        Element::Bf16 => element::BF16,
        Element::I8 => element::I8,
        Element::F32 | Element::U32 => element::F32,
    }
}

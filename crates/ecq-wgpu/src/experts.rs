//! Mixture-of-experts layers. The host reads the router's choices and enqueues the products of the chosen
//! experts, which may have to be decoded into slots first.

use crate::commands::{Builder, RowsInUse, Scratch, groups_of};
use crate::dispatch::{ActiveRows, Dispatch, PARAMETER_BYTES};
use crate::kernel::{Kernel, source};
use crate::products::{Product, ProductInput};
use crate::program::{Resources, Work, run_now};
use crate::weight::{WgpuSlot, WgpuWeight};
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::Timing;
use ecq_runtime::program::{BufferId, ExpertWeights, Experts, Rows, SlotId, WeightId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// A layer with its scratch memory.
pub(crate) struct HostExperts {
    command: Experts,
    /// Rows of an expert, and results of its products: `[rows, width]` each.
    gathered: wgpu::Buffer,
    gates: wgpu::Buffer,
    ups: wgpu::Buffer,
    /// Activations as integers.
    integers: Mutex<Scratch>,
    rows: usize,
}

/// Rows of one expert and their weights.
type Chosen = BTreeMap<u32, Vec<(u32, f32)>>;

impl HostExperts {
    pub(crate) fn new(command: &Experts, builder: &Builder) -> Result<Self> {
        let rows = builder.rows(Rows::Batch).most;
        let resources = builder.resources;
        let widths = command.experts.iter().flat_map(ExpertWeights::all);
        let width = widths.flat_map(|id| resources.weight(id).shape()).max().unwrap_or(0);
        let scratch = || resources.shared.gpu.buffer("activations of experts", (4 * rows * width) as u64);
        let (gathered, gates, ups) = (scratch()?, scratch()?, scratch()?);
        Ok(Self { command: command.clone(), gathered, gates, ups, integers: Mutex::default(), rows })
    }

    /// Enqueues the layer for the first `rows` rows.
    pub(crate) fn run(&self, resources: &Resources, rows: usize, timing: &mut Timing) -> Result<()> {
        let chosen = self.chosen(resources, rows)?;
        let Some(first) = self.command.experts.first() else { return Ok(()) };
        let hidden = resources.weight(first.up).shape()[1];
        let gpu = &resources.shared.gpu;
        let y = resources.buffer(self.command.y);
        run_now(
            resources,
            vec![Work::Dispatch(Dispatch {
                kernel: Kernel::new("clear", &[source::ROWS], "w"),
                parameters: vec![hidden as u32],
                buffers: vec![y.clone()],
                groups: [groups_of(self.rows * hidden), 1, 1],
                active: ActiveRows { buffer: resources.active.clone(), at: 0 },
            })],
        )?;
        // Numbers of rows of all experts, which kernels find where those of the batch are for others.
        let mut counts = vec![0u8; PARAMETER_BYTES * chosen.len().max(1)];
        for (block, rows) in counts.chunks_exact_mut(PARAMETER_BYTES).zip(chosen.values()) {
            block[..4].copy_from_slice(&(rows.len() as u32).to_le_bytes());
        }
        let counts = gpu.parameters(&counts)?;
        // In ascending order of experts, so that a row's sum does not depend on the other rows.
        for (index, (&expert, rows)) in chosen.iter().enumerate() {
            let Some(weights) = self.command.experts.get(expert as usize) else {
                let why = format!("the router has chosen expert {expert}, which does not exist");
                return Err(RuntimeError::Device { device: "wgpu", why });
            };
            let indices: Vec<u32> = rows.iter().map(|&(row, _)| row).collect();
            let row_weights: Vec<u32> = rows.iter().map(|&(_, weight)| weight.to_bits()).collect();
            let active = ActiveRows { buffer: counts.clone(), at: (index * PARAMETER_BYTES) as u64 };
            let place = Place {
                rows: gpu.filled("rows of an expert", &indices)?,
                weights: gpu.filled("weights of an expert", &row_weights)?,
                in_use: RowsInUse { active, which: 0, most: rows.len() },
            };
            self.expert(resources, weights, &place, hidden, timing)?;
        }
        Ok(())
    }

    /// Waits for the router and returns its choices.
    fn chosen(&self, resources: &Resources, rows: usize) -> Result<Chosen> {
        let entries = rows * self.command.top_k;
        let gpu = &resources.shared.gpu;
        let read = |id: BufferId| -> Result<Vec<u32>> {
            let reading = gpu.start_read(resources.buffer(id), 0, 4 * entries as u64)?;
            Ok(gpu.finish_read(reading, bytemuck::pod_collect_to_vec::<u8, u32>)?)
        };
        let (choices, weights) = (read(self.command.choices)?, read(self.command.weights)?);
        let mut chosen = Chosen::new();
        for (i, (&expert, &weight)) in choices.iter().zip(&weights).enumerate() {
            let row = (i / self.command.top_k) as u32;
            chosen.entry(expert).or_default().push((row, f32::from_bits(weight)));
        }
        Ok(chosen)
    }

    fn expert(
        &self,
        resources: &Resources,
        weights: &ExpertWeights,
        place: &Place,
        hidden: usize,
        timing: &mut Timing,
    ) -> Result<()> {
        let (set, mut work) = self.prepare(resources, weights, timing)?;
        let rows = &place.in_use;
        let mut integers = self.integers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut product = |id: WeightId, index: usize, x: &wgpu::Buffer, y: &wgpu::Buffer| {
            let weight = resources.weight(id);
            let slot = set.filter(|_| weight.needs_slot()).map(|set| resources.slot(set[index]));
            let [outputs, cols] = weight.shape();
            let operands = weight.operands(slot)?;
            let product = Product { weight, id, operands, y: y.clone(), bias: None, rows: 0..outputs };
            let input = ProductInput { x: x.clone(), cols, rows: rows.clone() };
            resources.products(&input, &[product], &mut integers)
        };
        let x = resources.buffer(self.command.x).clone();
        let (gathered, gates, ups) = (&self.gathered, &self.gates, &self.ups);
        let gather = resources.gather(x, place.rows.clone(), gathered.clone(), hidden, rows);
        work.push(Work::Dispatch(gather));
        let inner = resources.weight(weights.up).shape()[0];
        let first_place = usize::from(weights.gate.is_some());
        work.extend(product(weights.up, first_place, gathered, ups)?);
        let activation = self.command.activation;
        let middle = match weights.gate {
            Some(gate) => {
                work.extend(product(gate, 0, gathered, gates)?);
                let ups = Some(ups.clone());
                work.push(Work::Dispatch(resources.activate(activation, gates.clone(), ups, inner, rows)));
                gates
            }
            None => {
                let activate = resources.activate(activation, ups.clone(), None, inner, rows);
                work.push(Work::Dispatch(activate));
                ups
            }
        };
        work.extend(product(weights.down, first_place + 1, middle, gathered)?);
        let y = resources.buffer(self.command.y).clone();
        let last = |entry, access, buffers| {
            Work::Dispatch(Dispatch {
                kernel: Kernel::new(entry, &[source::ROWS], access),
                parameters: vec![rows.which, hidden as u32],
                buffers,
                groups: [hidden.div_ceil(256), rows.most, 1],
                active: rows.active.clone(),
            })
        };
        work.push(last("weigh", "rw", vec![place.weights.clone(), gathered.clone()]));
        work.push(last("scatter", "rrw", vec![gathered.clone(), place.rows.clone(), y]));
        run_now(resources, work)
    }

    /// Returns the expert's set of slots, if it needs one: one that holds it already, or the least recently
    /// used one, and the work that decodes it.
    fn prepare(
        &self,
        resources: &Resources,
        weights: &ExpertWeights,
        timing: &mut Timing,
    ) -> Result<(Option<&[SlotId]>, Vec<Work>)> {
        static CLOCK: AtomicU64 = AtomicU64::new(1);
        let coded: Vec<(&WgpuWeight, WeightId, usize)> = weights
            .all()
            .enumerate()
            .map(|(index, id)| (resources.weight(id), id, index))
            .filter(|(weight, ..)| weight.needs_slot())
            .collect();
        if coded.is_empty() {
            return Ok((None, Vec::new()));
        }
        timing.expert_uses += 1;
        let now = CLOCK.fetch_add(1, Ordering::Relaxed);
        let slot = |set: &[SlotId], index: usize| -> Option<&WgpuSlot> {
            set.get(index).map(|&slot| resources.slot(slot))
        };
        let holds = |set: &&Vec<SlotId>| {
            coded.iter().all(|&(weight, _, index)| slot(set, index).is_some_and(|slot| slot.holds(weight)))
        };
        let used = |set: &&Vec<SlotId>| set.iter().map(|slot| resources.slot(*slot).last_use()).max();
        let mut work = Vec::new();
        let set = match self.command.slots.iter().find(holds) {
            Some(set) => {
                timing.expert_hits += 1;
                Some(set)
            }
            None => {
                let set = self.command.slots.iter().min_by_key(used);
                if let Some(set) = set {
                    for &(weight, id, index) in &coded {
                        work.extend(resources.decoding(id, set[index])?);
                        resources.slot(set[index]).set_content(Some(weight.number));
                    }
                }
                set
            }
        };
        set.into_iter().flatten().for_each(|slot| resources.slot(*slot).mark_used(now));
        Ok((set.map(Vec::as_slice), work))
    }
}

/// Where an expert's rows are listed.
struct Place {
    rows: wgpu::Buffer,
    weights: wgpu::Buffer,
    in_use: RowsInUse,
}

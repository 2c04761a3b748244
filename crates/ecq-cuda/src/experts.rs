//! Mixture-of-experts layers. The host reads the router's choices and enqueues the products of the chosen
//! experts, which may have to be decoded into slots first.

use crate::commands::{ActiveRows, Builder};
use crate::kernels::MOST_GEMM_ROWS;
use crate::layout::UNIT_COLUMNS;
use crate::memory::DeviceMemory;
use crate::products::{Product, ProductInput};
use crate::program::Resources;
use crate::weight::{CudaSlot, CudaWeight};
use cudarc::driver::CudaStream;
use ecq_core::Activation;
use ecq_kernels::gpu::BLOCK;
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::Timing;
use ecq_runtime::program::{BufferId, ExpertWeights, Experts, Queue, Rows, SlotId, WeightId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

type Result<T> = std::result::Result<T, RuntimeError>;

/// A layer with its scratch memory.
pub(crate) struct HostExperts {
    command: Experts,
    /// Rows of an expert, and results of its products: `[rows, width]` each.
    gathered: u64,
    gates: u64,
    ups: u64,
    /// Activations as integers, and the bytes there are.
    integers: (u64, usize),
    /// For each expert its rows, their weights, and the number of rows.
    lists: DeviceMemory,
    rows: usize,
}

/// Rows of one expert and their weights.
type Chosen = BTreeMap<u32, Vec<(u32, f32)>>;

impl HostExperts {
    pub(crate) fn new(command: &Experts, builder: &mut Builder) -> Result<Self> {
        let rows = builder.rows(Rows::Batch).most;
        let (mut width, mut digit_bytes) = (0, 0);
        for expert in &command.experts {
            for id in expert.all() {
                let weight = builder.resources.weight(id);
                width = width.max(weight.shape().into_iter().max().unwrap_or(0));
                digit_bytes = digit_bytes.max(weight.digit_bytes(rows));
            }
        }
        let bytes = 4 * rows * width;
        let (gathered, gates, ups) =
            (builder.scratch(bytes)?, builder.scratch(bytes)?, builder.scratch(bytes)?);
        // At most two bytes per value and 16 per block and row, and four per value for outliers, in whole
        // units and passes.
        let room = rows.next_multiple_of(MOST_GEMM_ROWS) * width.next_multiple_of(UNIT_COLUMNS);
        let integer_bytes = ((64 + 16) * room / BLOCK + 4 * room).max(digit_bytes);
        let integers = (builder.scratch(integer_bytes)?, integer_bytes);
        // Two words per row and expert, and two numbers of rows per expert.
        let entries = rows * command.top_k;
        let list_bytes = 4 * (2 * entries + 2 * entries.max(1));
        let lists = DeviceMemory::zeroed(&builder.resources.shared.gpu, list_bytes)?;
        Ok(Self { command: command.clone(), gathered, gates, ups, integers, lists, rows })
    }

    /// Enqueues the layer for the first `rows` rows.
    pub(crate) fn run(
        &self,
        resources: &Resources,
        stream: &CudaStream,
        rows: usize,
        timing: &mut Timing,
    ) -> Result<()> {
        let chosen = self.chosen(resources, stream, rows)?;
        let Some(first) = self.command.experts.first() else { return Ok(()) };
        let hidden = resources.weight(first.up).shape()[1];
        let all = ActiveRows { address: resources.active.address(), which: 0, most: self.rows };
        resources.clear(resources.address(self.command.y), hidden, all)?.run(stream)?;
        // Lists of all experts in one copy: rows, then weights, then numbers of rows.
        let entries: usize = chosen.values().map(Vec::len).sum();
        let mut lists: Vec<u32> = chosen.values().flatten().map(|&(row, _)| row).collect();
        lists.extend(chosen.values().flatten().map(|&(_, weight)| weight.to_bits()));
        lists.extend(chosen.values().flat_map(|rows| [rows.len() as u32; 2]));
        self.lists.write(stream, 0, bytemuck::cast_slice(&lists))?;
        let mut start = 0;
        // In ascending order of experts, so that a row's sum does not depend on the other rows.
        for (index, (&expert, rows)) in chosen.iter().enumerate() {
            let place = Place {
                rows: self.lists.address() + 4 * start as u64,
                weights: self.lists.address() + 4 * (entries + start) as u64,
                active: ActiveRows {
                    address: self.lists.address() + 4 * (2 * entries + 2 * index) as u64,
                    which: 0,
                    most: rows.len(),
                },
            };
            start += rows.len();
            let Some(weights) = self.command.experts.get(expert as usize) else {
                let what = format!("the router has chosen expert {expert}, which does not exist");
                return Err(RuntimeError::Device { device: "cuda", why: what });
            };
            self.expert(resources, stream, weights, &place, hidden, timing)?;
        }
        Ok(())
    }

    /// Waits for the router and returns its choices.
    fn chosen(&self, resources: &Resources, stream: &CudaStream, rows: usize) -> Result<Chosen> {
        let entries = rows * self.command.top_k;
        let (mut choices, mut weights) = (vec![0u32; entries], vec![0f32; entries]);
        let read = |id: BufferId, into: &mut [u8]| resources.buffer(id).read(stream, 0, into);
        read(self.command.choices, bytemuck::cast_slice_mut(&mut choices))?;
        read(self.command.weights, bytemuck::cast_slice_mut(&mut weights))?;
        let mut chosen = Chosen::new();
        for (i, (&expert, &weight)) in choices.iter().zip(&weights).enumerate() {
            chosen.entry(expert).or_default().push(((i / self.command.top_k) as u32, weight));
        }
        Ok(chosen)
    }

    fn expert(
        &self,
        resources: &Resources,
        stream: &CudaStream,
        weights: &ExpertWeights,
        place: &Place,
        hidden: usize,
        timing: &mut Timing,
    ) -> Result<()> {
        let set = self.prepare(resources, stream, weights, timing)?;
        let rows = place.active;
        let product = |id: WeightId, index: usize, x: u64, y: u64| -> Result<()> {
            let weight = resources.weight(id);
            let slot = set.filter(|_| weight.needs_slot()).map(|set| resources.slot(set[index]));
            let matrix = weight.matrix(slot)?;
            let product = Product {
                matrix,
                in_slot: slot.is_some(),
                y,
                bias: 0,
                sum: None,
                first: 0,
                count: weight.shape()[0],
            };
            let input = ProductInput { x, cols: weight.shape()[1], rows };
            let launches = resources.shared.products(input, &[product], &mut |bytes| self.room(bytes))?;
            Ok(launches.iter().try_for_each(|launch| launch.run(stream))?)
        };
        let activate = |activation: Activation, x: u64, up: u64, width: usize| -> Result<()> {
            Ok(resources.activate(activation, x, up, width, rows)?.run(stream)?)
        };
        let x = resources.address(self.command.x);
        resources.gather("gather", x, place.rows, self.gathered, 0, hidden, rows)?.run(stream)?;
        let inner = resources.weight(weights.up).shape()[0];
        let first_place = usize::from(weights.gate.is_some());
        product(weights.up, first_place, self.gathered, self.ups)?;
        let middle = match weights.gate {
            Some(gate) => {
                product(gate, 0, self.gathered, self.gates)?;
                activate(self.command.activation, self.gates, self.ups, inner)?;
                self.gates
            }
            None => {
                activate(self.command.activation, self.ups, 0, inner)?;
                self.ups
            }
        };
        product(weights.down, first_place + 1, middle, self.gathered)?;
        let y = resources.address(self.command.y);
        let scatter =
            resources.gather("scatter", self.gathered, place.rows, y, place.weights, hidden, rows)?;
        Ok(scatter.run(stream)?)
    }

    /// Returns the memory for activations as integers.
    fn room(&self, bytes: usize) -> Result<u64> {
        let (address, room) = self.integers;
        match bytes <= room {
            true => Ok(address),
            false => Err(RuntimeError::OutOfMemory { bytes }),
        }
    }

    /// Makes sure that an expert is decoded, if it needs slots, and returns its set of slots: one that holds
    /// it already, or the least recently used one.
    fn prepare(
        &self,
        resources: &Resources,
        stream: &CudaStream,
        weights: &ExpertWeights,
        timing: &mut Timing,
    ) -> Result<Option<&[SlotId]>> {
        static CLOCK: AtomicU64 = AtomicU64::new(1);
        let coded: Vec<(&CudaWeight, WeightId, usize)> = weights
            .all()
            .enumerate()
            .map(|(index, id)| (resources.weight(id), id, index))
            .filter(|(weight, ..)| weight.needs_slot())
            .collect();
        if coded.is_empty() {
            return Ok(None);
        }
        timing.expert_uses += 1;
        let now = CLOCK.fetch_add(1, Ordering::Relaxed);
        let slot = |set: &[SlotId], index: usize| -> Option<&CudaSlot> {
            set.get(index).map(|&slot| resources.slot(slot))
        };
        let holds = |set: &&Vec<SlotId>| {
            coded.iter().all(|&(weight, _, index)| slot(set, index).is_some_and(|slot| slot.holds(weight)))
        };
        let used = |set: &&Vec<SlotId>| set.iter().map(|slot| resources.slot(*slot).last_use()).max();
        let set = match self.command.slots.iter().find(holds) {
            Some(set) => {
                timing.expert_hits += 1;
                Some(set)
            }
            None => {
                let set = self.command.slots.iter().min_by_key(used);
                if let Some(set) = set {
                    let decodings = coded.iter().map(|&(_, id, index)| resources.decoding(id, set[index]));
                    let decodings = decodings.collect::<Result<Vec<_>>>()?;
                    let (launches, _) = resources.decode(Queue::Compute, &decodings)?;
                    launches.iter().try_for_each(|launch| launch.run(stream))?;
                    for &(weight, _, index) in &coded {
                        resources.slot(set[index]).set_content(Some(weight.number));
                    }
                }
                set
            }
        };
        set.into_iter().flatten().for_each(|slot| resources.slot(*slot).mark_used(now));
        Ok(set.map(Vec::as_slice))
    }
}

/// Where an expert's rows are listed.
struct Place {
    rows: u64,
    weights: u64,
    active: ActiveRows,
}

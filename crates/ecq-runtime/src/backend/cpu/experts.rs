//! Mixture-of-experts layers.

use super::linear::{Source, multiply};
use super::lock::{read, write};
use super::program::Resources;
use crate::arch::Routing;
use crate::error::Result;
use crate::program::{ExpertWeights, Experts, SlotId, WeightId};
use ecq_kernels::cpu::{activate, glu};
use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::atomic::{AtomicU64, Ordering};

/// Chooses experts by their logits: ascending indices, and weights from a softmax over all logits.
pub(super) fn route(logits: &[f32], routing: Routing, choices: &mut [u32], weights: &mut [f32]) {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let score = |expert: &u32| logits[*expert as usize];
    // The sort is stable, so of equal logits the first is chosen. NaN sorts last and gets no weight below.
    let rank = |expert: &u32| if score(expert).is_nan() { f32::NEG_INFINITY } else { score(expert) };
    order.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
    order.truncate(routing.top_k);
    order.sort_unstable();
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let all: f32 = logits.iter().map(|logit| (logit - max).exp()).sum();
    for ((choice, weight), expert) in choices.iter_mut().zip(weights.iter_mut()).zip(&order) {
        (*choice, *weight) = (*expert, (score(expert) - max).exp() / all);
    }
    if routing.renormalize {
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

/// For each chosen expert its rows and their weights.
type Chosen = BTreeMap<u32, Vec<(usize, f32)>>;

pub(super) fn run(resources: &Resources, rows: usize, command: &Experts) -> Result<()> {
    let &Experts { top_k, activation, ref experts, .. } = command;
    let mut chosen = Chosen::new();
    {
        let choices = read(resources.buffer(command.choices).u32s()?);
        let weights = read(resources.buffer(command.weights).f32s()?);
        let all = choices.iter().zip(weights.iter()).take(rows * top_k).enumerate();
        all.for_each(|(i, (&expert, &weight))| chosen.entry(expert).or_default().push((i / top_k, weight)));
    }
    let hidden = resources.shape(experts[0].up)[1];
    let x = read(resources.buffer(command.x).f32s()?);
    let mut y = write(resources.buffer(command.y).f32s()?);
    let y = &mut y[..rows * hidden];
    y.fill(0.0);
    let shared = &*resources.shared;
    let mut scratch = shared.scratch.experts.take();
    let [gathered, gates, ups] = &mut *scratch;
    // In ascending order of experts, so that a row's sum does not depend on the other rows.
    for (expert, rows) in chosen {
        let weights = experts[expert as usize];
        let set = prepare(resources, command, &weights)?;
        let source = |id: WeightId, index: usize| {
            let slot = set.filter(|_| resources.weight(id).needs_slot()).map(|set| set[index]);
            Source::new(resources, id, slot)
        };
        let first_place = usize::from(weights.gate.is_some());
        let inner = resources.shape(weights.up)[0];
        gathered.set_len(rows.len() * hidden);
        for (to, &(row, _)) in gathered.chunks_exact_mut(hidden).zip(&rows) {
            to.copy_from_slice(&x[row * hidden..(row + 1) * hidden]);
        }
        ups.set_len(rows.len() * inner);
        let up = source(weights.up, first_place)?;
        match weights.gate {
            Some(gate) => {
                gates.set_len(rows.len() * inner);
                let sources = [source(gate, 0)?, up];
                let (ranges, mut ys) = ([0..inner, 0..inner], [&mut gates[..], &mut ups[..]]);
                multiply(shared, gathered, rows.len(), &sources, &ranges, &mut ys)?;
                glu(activation, gates, ups);
                std::mem::swap(gates, ups);
            }
            None => {
                multiply(shared, gathered, rows.len(), &[up], from_ref(&(0..inner)), &mut [&mut ups[..]])?;
                activate(activation, ups);
            }
        }
        let down = source(weights.down, first_place + 1)?;
        gathered.set_len(rows.len() * hidden);
        multiply(shared, ups, rows.len(), &[down], from_ref(&(0..hidden)), &mut [&mut gathered[..]])?;
        for (&(row, weight), out) in rows.iter().zip(gathered.chunks_exact(hidden)) {
            let y = &mut y[row * hidden..(row + 1) * hidden];
            y.iter_mut().zip(out).for_each(|(y, out)| *y += weight * out);
        }
    }
    Ok(())
}

/// Makes sure that an expert is decoded, if it needs slots, and returns its set of slots: one that holds it
/// already, or the least recently used one.
fn prepare<'a>(
    resources: &Resources,
    command: &'a Experts,
    weights: &ExpertWeights,
) -> Result<Option<&'a [SlotId]>> {
    static CLOCK: AtomicU64 = AtomicU64::new(1);
    let coded = || weights.all().zip(0..).filter(|(id, _)| resources.weight(*id).needs_slot());
    if coded().next().is_none() {
        return Ok(None);
    }
    resources.expert_uses.fetch_add(1, Ordering::Relaxed);
    let now = CLOCK.fetch_add(1, Ordering::Relaxed);
    let holds = |set: &&Vec<SlotId>| {
        coded().all(|(id, index): (_, usize)| resources.slot(set[index]).holds(resources.weight(id)))
    };
    let used =
        |set: &&Vec<SlotId>| set.iter().map(|slot| resources.slot(*slot).last_use()).max().unwrap_or(0);
    let set = match command.slots.iter().find(holds) {
        Some(set) => {
            resources.expert_hits.fetch_add(1, Ordering::Relaxed);
            Some(set)
        }
        None => {
            let set = command.slots.iter().min_by_key(used);
            for (id, index) in coded() {
                if let Some(set) = set {
                    resources.slot(set[index]).decode(resources.weight(id))?;
                }
            }
            set
        }
    };
    set.into_iter().flatten().for_each(|slot| resources.slot(*slot).mark_used(now));
    Ok(set.map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_logits_are_chosen_and_weighted() {
        let logits = [0.1f32, 0.4, 0.2, 0.3].map(f32::ln);
        let routed = |top_k, renormalize, logits: &[f32]| {
            let (mut choices, mut weights) = (vec![9; top_k], vec![9.0; top_k]);
            route(logits, Routing { top_k, renormalize }, &mut choices, &mut weights);
            (choices, weights)
        };
        let near = |found: &[f32], expected: &[f32]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        let (choices, weights) = routed(2, false, &logits);
        assert_eq!(choices, [1, 3]);
        near(&weights, &[0.4, 0.3]);
        let (choices, weights) = routed(3, true, &logits);
        assert_eq!(choices, [1, 2, 3]);
        near(&weights, &[0.4 / 0.9, 0.2 / 0.9, 0.3 / 0.9]);
        // Of equal logits the first.
        assert_eq!(routed(1, true, &[2.0, 5.0, 5.0]).0, [1]);
    }
}

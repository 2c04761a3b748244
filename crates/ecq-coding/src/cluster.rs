//! Groups similar distributions, so that a few tables serve many tiles or contexts.

use crate::table::Counts;

/// Rounds of reassignment. The cost hardly changes after a few.
const ROUNDS: usize = 12;

/// Assigns each of `counts` to one of at most `max_groups` (1 to 256) groups such that coding every member
/// with its group's distribution takes few bits; returns the group of each, numbered from 0 without gaps.
///
/// Lloyd's algorithm under the Kullback-Leibler divergence, started from quantiles of the mean symbol. The
/// result is deterministic.
pub fn cluster(counts: &[Counts], max_groups: usize) -> Vec<u8> {
    let mut order: Vec<usize> = (0..counts.len()).filter(|&i| counts[i].total() > 0).collect();
    let groups = max_groups.clamp(1, 256).min(order.len().max(1));
    let mut assigned = vec![0u8; counts.len()];
    if groups == 1 {
        return assigned;
    }
    let mean = |c: &Counts| {
        let sum: f64 = c.as_array().iter().enumerate().map(|(s, &n)| s as f64 * n as f64).sum();
        sum / c.total() as f64
    };
    let means: Vec<f64> = counts.iter().map(mean).collect();
    order.sort_by(|&a, &b| means[a].total_cmp(&means[b]).then(a.cmp(&b)));
    let total: u64 = counts.iter().map(Counts::total).sum();
    let mut before = 0;
    for &i in &order {
        let middle = before + counts[i].total() / 2;
        assigned[i] = (u128::from(middle) * groups as u128 / u128::from(total)) as u8;
        before += counts[i].total();
    }
    for _ in 0..ROUNDS {
        let bits = bits_per_symbol(counts, &assigned, groups);
        let mut moved = false;
        for &i in &order {
            let cost = |group: &usize| -> f64 {
                counts[i].as_array().iter().zip(&bits[*group]).map(|(&n, b)| n as f64 * b).sum()
            };
            let costs: Vec<f64> = (0..groups).map(|group| cost(&group)).collect();
            let current = usize::from(assigned[i]);
            let best = (0..groups).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap_or(current);
            if costs[best] < costs[current] {
                assigned[i] = best as u8;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    renumber(&mut assigned, &order);
    assigned
}

/// Returns the cost in bits of each symbol in each group. Half a count is added, so that no symbol is
/// impossible.
fn bits_per_symbol(counts: &[Counts], assigned: &[u8], groups: usize) -> Vec<Vec<f64>> {
    let mut sums = vec![Counts::default(); groups];
    for (c, &group) in counts.iter().zip(assigned) {
        sums[usize::from(group)].merge(c);
    }
    let bits = |sum: &Counts| {
        let total = sum.total() as f64 + 128.0;
        sum.as_array().iter().map(|&n| (total / (n as f64 + 0.5)).log2()).collect()
    };
    sums.iter().map(bits).collect()
}

/// Numbers the groups in use from 0 in the order of their first member. Members without counts join group 0.
fn renumber(assigned: &mut [u8], used: &[usize]) {
    let mut number = [None; 256];
    let mut next = 0u8;
    let mut in_use = used.to_vec();
    in_use.sort_unstable();
    let mut renumbered = vec![0u8; assigned.len()];
    for i in in_use {
        renumbered[i] = *number[usize::from(assigned[i])].get_or_insert_with(|| {
            next = next.wrapping_add(1);
            next.wrapping_sub(1)
        });
    }
    assigned.copy_from_slice(&renumbered);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_distributions_share_a_group() {
        let low = Counts::of(&[0, 0, 0, 1, 1, 2]);
        let high = Counts::of(&[14, 15, 15, 15]);
        let all = [low.clone(), high.clone(), low.clone(), Counts::default(), high, low];
        assert_eq!(cluster(&all, 2), [0, 1, 0, 0, 1, 0]);
        assert_eq!(cluster(&all, 1), [0; 6]);
        let many = cluster(&all, 200);
        assert!(many.iter().all(|&g| g < 6));
        assert_eq!(cluster(&[], 4), Vec::<u8>::new());
    }
}

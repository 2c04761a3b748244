//! Random operations, compared with a naive model of the device memory.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::hash::{BlockKey, ChainHash, extend_hashes};
use super::super::pool::needed_blocks;
use super::super::{BlockPool, GroupSpec, GroupUsage, NO_BLOCK, Sequence};

const B: usize = 4;
const WINDOWS: [Option<usize>; 2] = [None, Some(5)];

#[derive(Clone, Debug)]
enum Operation {
    /// Runs a prompt over two distinct tokens, so that prefixes coincide by chance.
    New {
        salt: u64,
        tokens: Vec<u32>,
    },
    /// Runs the start of an earlier prompt followed by other tokens.
    NewLike {
        of: usize,
        len: usize,
        tokens: Vec<u32>,
    },
    Reserve {
        of: usize,
        more: usize,
    },
    /// Commits `parts` one after the other within one reservation.
    Commit {
        of: usize,
        parts: Vec<Vec<u32>>,
    },
    Fork {
        of: usize,
    },
    /// Removes the last `back` tokens.
    Truncate {
        of: usize,
        back: usize,
    },
    Drop {
        of: usize,
    },
}

fn tokens(max: usize) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0u32..2, 0..=max)
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let of = || 0..1000usize;
    prop_oneof![
        2 => (0..2u64, tokens(14)).prop_map(|(salt, tokens)| New { salt, tokens }),
        3 => (of(), 0..30usize, tokens(9)).prop_map(|(of, len, tokens)| NewLike { of, len, tokens }),
        1 => (of(), 0..12usize).prop_map(|(of, more)| Reserve { of, more }),
        6 => (of(), prop::collection::vec(tokens(6), 1..3)).prop_map(|(of, parts)| Commit { of, parts }),
        2 => of().prop_map(|of| Fork { of }),
        4 => (of(), 0..20usize).prop_map(|(of, back)| Truncate { of, back }),
        3 => of().prop_map(|of| Drop { of }),
    ]
}

/// Stands for the keys and values of the last token, which depend on all tokens and the salt.
fn content(salt: u64, tokens: &[u32]) -> u64 {
    let mix = |state: u64, token: &u32| {
        (state ^ (u64::from(*token) + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
    };
    tokens.iter().fold(salt.wrapping_mul(0x1234_5678_9abc_def1), mix)
}

struct Model {
    pool: BlockPool,
    sequences: Vec<Sequence>,
    /// For each group the content of each position of each block.
    device: Vec<Vec<Option<u64>>>,
    /// Expected content of the block with this hash.
    expected_content: HashMap<ChainHash, Vec<u64>>,
    /// Salts and tokens of all prompts so far.
    prompts: Vec<(u64, Vec<u32>)>,
    /// Counts of rare cases that the random operations must reach.
    coverage: Coverage,
}

#[derive(Default)]
struct Coverage {
    prefixes: usize,
    copies: usize,
    exhausted: usize,
    reshared: usize,
    cut_short: usize,
}

impl Model {
    fn new(blocks: [usize; 2], slack: usize) -> Self {
        let groups = WINDOWS.iter().zip(blocks).map(|(&window, blocks)| GroupSpec { window, blocks });
        Self {
            pool: BlockPool::new(B, slack, groups.collect()),
            sequences: Vec::new(),
            device: blocks.iter().map(|blocks| vec![None; blocks * B]).collect(),
            expected_content: HashMap::new(),
            prompts: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    fn apply(&mut self, operation: Operation) {
        // With more sequences the pool is nearly always full, and few other cases occur.
        if self.sequences.len() > 4 {
            self.sequences.remove(0);
        }
        let pick = |of: usize, sequences: &[Sequence]| (!sequences.is_empty()).then(|| of % sequences.len());
        match operation {
            Operation::New { salt, tokens } => self.new_sequence(salt, tokens),
            Operation::NewLike { of, len, tokens } => {
                let Some((salt, prompt)) = self.prompts.get(of % self.prompts.len().max(1)) else { return };
                let tokens = prompt.iter().copied().take(len).chain(tokens).collect();
                self.new_sequence(*salt, tokens);
            }
            Operation::Reserve { of, more } => {
                let Some(of) = pick(of, &self.sequences) else { return };
                self.reserve(of, more);
            }
            Operation::Commit { of, parts } => {
                let Some(of) = pick(of, &self.sequences) else { return };
                self.commit(of, &parts);
            }
            Operation::Fork { of } => {
                let Some(of) = pick(of, &self.sequences) else { return };
                let fork = self.sequences[of].fork();
                assert_eq!(fork.tokens(), self.sequences[of].tokens());
                self.sequences.push(fork);
            }
            Operation::Truncate { of, back } => {
                let Some(of) = pick(of, &self.sequences) else { return };
                self.truncate(of, self.sequences[of].len().saturating_sub(back));
            }
            Operation::Drop { of } => {
                let Some(of) = pick(of, &self.sequences) else { return };
                self.sequences.swap_remove(of);
            }
        }
    }

    /// Returns whether the group has a cached block with the content of the full block `index` of the tokens.
    fn is_cached(&self, group: usize, salt: u64, tokens: &[u32], index: usize) -> bool {
        let mut hashes = vec![];
        extend_hashes(&mut hashes, salt, &tokens[..(index + 1) * B], B);
        let parent = if index == 0 { ChainHash::ROOT } else { hashes[index - 1] };
        let tokens = &tokens[index * B..(index + 1) * B];
        self.pool.lock()[group].find(BlockKey { hash: hashes[index], parent, salt, tokens }).is_some()
    }

    fn new_sequence(&mut self, salt: u64, tokens: Vec<u32>) {
        let longest = (0..=tokens.len().saturating_sub(1) / B).rev().map(|blocks| blocks * B).find(|&len| {
            WINDOWS.iter().enumerate().all(|(group, window)| {
                let first = window.map_or(0, |window| (len + 1).saturating_sub(window));
                (first..len).all(|position| self.is_cached(group, salt, &tokens, position / B))
            })
        });
        let sequence = self.pool.sequence_with_prefix(salt, &tokens);
        assert_eq!(Some(sequence.len()), longest);
        assert_eq!(sequence.tokens(), &tokens[..sequence.len()]);
        self.coverage.prefixes += usize::from(!sequence.is_empty());
        let rest = tokens[sequence.len()..].to_vec();
        self.sequences.push(sequence);
        self.check();
        self.commit(self.sequences.len() - 1, &[rest]);
        self.prompts.push((salt, tokens));
    }

    fn reserve(&mut self, of: usize, more: usize) -> bool {
        let sequence = &mut self.sequences[of];
        let (needed, free) = (sequence.blocks_needed(more), self.pool.free_blocks());
        let before = (format!("{:?}", *self.pool.lock()), format!("{sequence:?}"));
        match sequence.reserve(more) {
            Ok(copies) => {
                let left: Vec<usize> = free.iter().zip(&needed).map(|(free, needed)| free - needed).collect();
                assert_eq!(self.pool.free_blocks(), left);
                self.coverage.copies += copies.len();
                for copy in copies {
                    let (from, to) = (copy.from as usize * B, copy.to as usize * B);
                    self.device[copy.group].copy_within(from..from + copy.positions, to);
                    self.device[copy.group][to + copy.positions..to + B].fill(None);
                }
                true
            }
            Err(error) => {
                assert_eq!((needed[error.group], free[error.group]), (error.needed, error.free));
                assert!(error.needed > error.free);
                assert_eq!(before, (format!("{:?}", *self.pool.lock()), format!("{sequence:?}")));
                self.coverage.exhausted += 1;
                false
            }
        }
    }

    fn commit(&mut self, of: usize, parts: &[Vec<u32>]) {
        if !self.reserve(of, parts.iter().map(Vec::len).sum()) {
            return;
        }
        for part in parts {
            let sequence = &mut self.sequences[of];
            let tokens = [sequence.tokens(), part].concat();
            for (group, device) in self.device.iter_mut().enumerate() {
                for position in sequence.len()..tokens.len() {
                    let block = sequence.table(group)[position / B] as usize;
                    device[block * B + position % B] = Some(content(sequence.salt, &tokens[..=position]));
                }
            }
            sequence.commit(part);
            assert_eq!(sequence.tokens(), tokens);
            for (index, &hash) in sequence.hashes.iter().enumerate() {
                let positions = index * B..(index + 1) * B;
                let held = positions.map(|position| content(sequence.salt, &tokens[..=position])).collect();
                let held: &Vec<u64> = &held;
                assert_eq!(self.expected_content.entry(hash).or_insert_with(|| held.clone()), held);
            }
            self.check_released(of);
        }
    }

    /// Checks that a windowed group has released exactly the blocks before the window and the slack.
    fn check_released(&self, of: usize) {
        let sequence = &self.sequences[of];
        for (group, window) in WINDOWS.iter().enumerate() {
            for (index, &block) in sequence.table(group).iter().enumerate() {
                let seen = |window| sequence.len() as isize + 1 - window as isize;
                let last = ((index + 1) * B - 1) as isize;
                if window.is_some_and(|window| last < seen(window + self.pool.slack())) {
                    assert_eq!(block, NO_BLOCK);
                } else if window.is_none_or(|window| last >= seen(window)) {
                    assert_ne!(block, NO_BLOCK);
                }
            }
        }
    }

    fn truncate(&mut self, of: usize, len: usize) {
        let sequence = &self.sequences[of];
        let before = sequence.tokens().to_vec();
        let available = |len: &usize| {
            WINDOWS.iter().enumerate().all(|(group, &window)| {
                needed_blocks(*len, window, B).all(|index| {
                    sequence.table(group)[index] != NO_BLOCK
                        || self.is_cached(group, sequence.salt, &before, index)
                })
            })
        };
        let longest = std::iter::once(len).chain((0..len).rev().filter(|len| len % B == 0)).find(available);
        let table = sequence.table(1).to_vec();
        let sequence = &mut self.sequences[of];
        assert_eq!(Some(sequence.truncate(len)), longest);
        assert_eq!(sequence.tokens(), &before[..sequence.len()]);
        self.coverage.cut_short += usize::from(sequence.len() < len);
        let mut entries = sequence.table(1).iter().zip(&table);
        self.coverage.reshared += usize::from(entries.any(|(now, before)| now != before));
        for group in 0..WINDOWS.len() {
            assert_eq!(sequence.table(group).len(), sequence.len().div_ceil(B));
        }
    }

    fn check(&self) {
        for sequence in &self.sequences {
            let mut hashes = vec![];
            extend_hashes(&mut hashes, sequence.salt, sequence.tokens(), B);
            assert_eq!(sequence.hashes, hashes);
            for (group, window) in WINDOWS.iter().enumerate() {
                let first = window.map_or(0, |window| (sequence.len() + 1).saturating_sub(window));
                for position in first..sequence.len() {
                    let block = sequence.table(group)[position / B];
                    assert_ne!(block, NO_BLOCK, "group {group} position {position}");
                    let held = self.device[group][block as usize * B + position % B];
                    assert_eq!(held, Some(content(sequence.salt, &sequence.tokens()[..=position])));
                }
                let released = sequence.table(group).partition_point(|&block| block == NO_BLOCK);
                assert!(!sequence.table(group)[released..].contains(&NO_BLOCK));
            }
        }
        let usage = self.pool.usage();
        let groups = self.pool.lock();
        for (index, group) in groups.iter().enumerate() {
            let mut references = vec![0; self.device[index].len() / B];
            let tables = self.sequences.iter().flat_map(|sequence| sequence.table(index));
            tables.filter(|&&block| block != NO_BLOCK).for_each(|&block| references[block as usize] += 1);
            assert_eq!(group.references(), references);
            let mut free = group.free_order();
            free.sort_unstable();
            let unused = (0u32..).zip(&references).filter(|(_, count)| **count == 0).map(|(block, _)| block);
            assert!(free.iter().copied().eq(unused));
            let registered = group.registered();
            for (hash, block) in &registered {
                let start = *block as usize * B;
                let held = self.device[index][start..start + B].iter().copied();
                assert!(held.eq(self.expected_content[hash].iter().copied().map(Some)), "block {block}");
            }
            let cached = registered.iter().filter(|(_, block)| references[*block as usize] == 0).count();
            let used = references.iter().filter(|&&count| count > 0).count();
            let (window, total) = (WINDOWS[index], references.len());
            assert_eq!(usage[index], GroupUsage { window, total, used, cached });
            assert_eq!(free.len() + used, total);
        }
    }
}

/// Runs the operations with a check after each, and returns the counts.
fn check_all(blocks: [usize; 2], slack: usize, operations: Vec<Operation>) -> Coverage {
    let mut model = Model::new(blocks, slack);
    for operation in operations {
        model.apply(operation);
        model.check();
    }
    model.sequences.clear();
    model.check();
    assert_eq!(model.pool.free_blocks(), blocks);
    model.coverage
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_sequence_keeps_its_own_content(
        blocks in [3..32usize, 3..16usize],
        slack in 0..6usize,
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        check_all(blocks, slack, operations);
    }
}

#[test]
fn random_operations_reach_the_rare_cases() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let operations = prop::collection::vec(operation(), 2000..2001).new_tree(&mut runner).unwrap().current();
    let coverage = check_all([20, 11], 1, operations);
    let Coverage { prefixes, copies, exhausted, reshared, cut_short } = coverage;
    let all = [prefixes, copies, exhausted, reshared, cut_short];
    assert!(all.iter().all(|&count| count >= 10), "{all:?}");
}

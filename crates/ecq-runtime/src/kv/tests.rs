//! Each rule of the bookkeeping by itself; `model` checks them together against a naive model.

mod model;

use std::collections::VecDeque;

use super::free_list::FreeList;
use super::hash::{Chain, ChainHash, extend_hashes};
use super::pool::needed_blocks;
use super::*;

const B: usize = 4;

fn pool(slack: usize, groups: &[(Option<usize>, usize)]) -> BlockPool {
    BlockPool::new(B, slack, groups.iter().map(|&(window, blocks)| GroupSpec { window, blocks }).collect())
}

fn full_pool(blocks: usize) -> BlockPool {
    pool(0, &[(None, blocks)])
}

fn run(sequence: &mut Sequence, tokens: &[u32]) -> Vec<BlockCopy> {
    let copies = sequence.reserve(tokens.len()).unwrap();
    sequence.commit(tokens);
    copies
}

fn sequence_of(pool: &BlockPool, salt: u64, tokens: &[u32]) -> Sequence {
    let mut sequence = pool.sequence_with_prefix(salt, tokens);
    let found = sequence.len();
    run(&mut sequence, &tokens[found..]);
    sequence
}

fn state(pool: &BlockPool) -> String {
    format!("{:?}", *pool.lock())
}

fn free_order(pool: &BlockPool, group: usize) -> Vec<u32> {
    pool.lock()[group].free_order()
}

fn count(from: u32, len: u32) -> Vec<u32> {
    (from..from + len).collect()
}

#[test]
fn free_list_acts_like_a_deque() {
    let (mut list, mut deque) = (FreeList::with_all(6), (0..6).collect::<VecDeque<u32>>());
    let mut random = 1u32;
    for _ in 0..2000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let block = (random >> 16) % 6;
        match (random >> 28) % 3 {
            _ if deque.contains(&block) && random >> 31 == 0 => {
                list.remove(block);
                deque.retain(|&other| other != block);
            }
            0 => assert_eq!(list.pop_front(), deque.pop_front()),
            _ if deque.contains(&block) => {}
            1 => {
                list.push_front(block);
                deque.push_front(block);
            }
            _ => {
                list.push_back(block);
                deque.push_back(block);
            }
        }
        assert!(list.blocks().iter().eq(&deque));
        assert_eq!(list.len(), deque.len());
        (0..6).for_each(|block| assert_eq!(list.contains(block), deque.contains(&block)));
    }
    assert_eq!(FreeList::with_all(0).pop_front(), None);
}

#[test]
fn hashes_depend_on_everything_before_and_on_the_salt() {
    let hashes = |salt, tokens: &[u32]| {
        let mut hashes = Vec::new();
        extend_hashes(&mut hashes, salt, tokens, 2);
        hashes
    };
    let all = hashes(7, &[1, 2, 3, 4, 5]);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1], ChainHash::ROOT.child(7, &[1, 2]).child(7, &[3, 4]));
    assert_ne!(all[1], hashes(7, &[0, 2, 3, 4])[1]);
    assert_ne!(all[0], hashes(8, &[1, 2])[0]);
    let mut extended = hashes(7, &[1, 2, 3]);
    extend_hashes(&mut extended, 7, &[1, 2, 3, 4, 5], 2);
    assert_eq!(extended, all);
}

#[test]
fn needed_blocks_are_those_that_the_next_position_sees() {
    assert_eq!(needed_blocks(9, None, B), 0..3);
    assert_eq!(needed_blocks(0, Some(3), B), 0..0);
    // The next position 8 sees 4..=8.
    assert_eq!(needed_blocks(8, Some(5), B), 1..2);
    assert_eq!(needed_blocks(8, Some(6), B), 0..2);
    assert_eq!(needed_blocks(9, Some(1), B), 2..3);
    assert_eq!(needed_blocks(8, Some(1), B), 2..2);
}

#[test]
fn reserve_and_needed_count_new_blocks() {
    let pool = full_pool(4);
    let mut sequence = pool.sequence(0);
    assert!(sequence.is_empty());
    assert_eq!(sequence.needed(0), [0]);
    assert_eq!(sequence.needed(5), [2]);
    assert_eq!(run(&mut sequence, &count(0, 5)), []);
    assert_eq!(sequence.table(0), [0, 1]);
    assert_eq!((sequence.needed(3), sequence.needed(4)), (vec![0], vec![1]));
    assert_eq!(sequence.reserve(7), Ok(vec![]));
    assert_eq!(sequence.needed(7), [0]);
    sequence.commit(&[5]);
    sequence.commit(&count(6, 6));
    assert_eq!((sequence.len(), sequence.tokens()), (12, &count(0, 12)[..]));
    assert_eq!(pool.free_blocks(), [1]);
    assert_eq!(sequence.needed(usize::MAX), [usize::MAX.div_ceil(B) - 3]);
    drop(sequence);
    assert_eq!(pool.usage(), [GroupUsage { window: None, total: 4, used: 0, cached: 3 }]);
}

#[test]
fn a_failed_reservation_changes_nothing() {
    let pool = pool(0, &[(None, 4), (Some(4), 3)]);
    let mut sequence = sequence_of(&pool, 0, &count(0, 8));
    assert_eq!(sequence.truncate(7), 7);
    let fork = sequence.fork();
    let before = (state(&pool), format!("{sequence:?}"));
    // Group 1 gave block 0 back: 2 of 3 are free, and the shared last block needs one of them.
    assert_eq!(sequence.needed(6), [3, 3]);
    assert_eq!(sequence.reserve(6), Err(OutOfBlocks { group: 0, wanted: 3, free: 2 }));
    assert_eq!(before, (state(&pool), format!("{sequence:?}")));
    drop(fork);
    // Not shared any more, so that only the number of new blocks matters.
    let registered = state(&pool);
    assert_eq!(sequence.reserve(14), Err(OutOfBlocks { group: 0, wanted: 4, free: 2 }));
    assert_eq!(registered, state(&pool), "the last block is still registered");
    let message = OutOfBlocks { group: 1, wanted: 4, free: 2 }.to_string();
    assert_eq!(message, "key/value cache group 1 has 2 free blocks, but 4 are needed");
}

#[test]
fn a_failure_in_a_later_group_takes_nothing_from_an_earlier_one() {
    let pool = pool(0, &[(None, 9), (Some(4), 2)]);
    let mut sequence = pool.sequence(0);
    let before = state(&pool);
    assert_eq!(sequence.reserve(9), Err(OutOfBlocks { group: 1, wanted: 3, free: 2 }));
    assert_eq!(before, state(&pool));
    assert!(sequence.table(0).is_empty());
}

#[test]
#[should_panic(expected = "not reserved")]
fn commit_without_room_panics() {
    let pool = full_pool(4);
    let mut sequence = pool.sequence(0);
    sequence.reserve(4).unwrap();
    sequence.commit(&count(0, 5));
}

#[test]
#[should_panic(expected = "reserve again")]
fn commit_to_a_block_that_a_fork_shares_panics() {
    let pool = full_pool(4);
    let mut sequence = sequence_of(&pool, 0, &[1, 2]);
    sequence.reserve(1).unwrap();
    let _fork = sequence.fork();
    sequence.commit(&[3]);
}

#[test]
#[should_panic(expected = "reserve again")]
fn commit_to_a_cut_block_that_is_found_by_its_hash_panics() {
    let pool = full_pool(4);
    let mut sequence = sequence_of(&pool, 0, &[1, 2, 3, 4]);
    sequence.truncate(2);
    sequence.commit(&[3]);
}

#[test]
fn prefix_is_found_in_whole_blocks_and_leaves_a_token() {
    let pool = full_pool(8);
    let first = sequence_of(&pool, 0, &count(0, 10));
    let table = first.table(0).to_vec();
    let found = |salt, tokens: &[u32]| pool.sequence_with_prefix(salt, tokens).len();
    assert_eq!(found(0, &[]), 0);
    assert_eq!(found(0, &count(0, 4)), 0);
    assert_eq!(found(0, &count(0, 5)), 4);
    assert_eq!(found(0, &count(0, 8)), 4);
    assert_eq!(found(0, &count(0, 20)), 8);
    assert_eq!(found(0, &[0, 1, 2, 3, 9, 9, 9, 9, 9]), 4);
    assert_eq!(found(1, &count(0, 20)), 0);
    let second = pool.sequence_with_prefix(0, &count(0, 20));
    assert_eq!((second.table(0), second.tokens()), (&table[..2], &count(0, 8)[..]));
    drop((first, second));
    assert_eq!(pool.usage()[0], GroupUsage { window: None, total: 8, used: 0, cached: 2 });
    let third = pool.sequence_with_prefix(0, &count(0, 20));
    assert_eq!(third.table(0), &table[..2]);
    assert_eq!(pool.usage()[0], GroupUsage { window: None, total: 8, used: 2, cached: 0 });
}

#[test]
fn a_hash_collision_finds_nothing() {
    let pool = full_pool(4);
    let _first = sequence_of(&pool, 0, &count(0, 5));
    // The key of that block with one part changed at a time, as a collision would give it.
    let mut hashes = Vec::new();
    extend_hashes(&mut hashes, 0, &count(0, 4), B);
    let tokens = count(0, 4);
    let key = Chain { salt: 0, tokens: &tokens, hashes: &hashes, block_positions: B }.key(0);
    let groups = pool.lock();
    assert_eq!(groups[0].find(key), Some(0));
    assert_eq!(groups[0].find(hash::BlockKey { salt: 1, ..key }), None);
    assert_eq!(groups[0].find(hash::BlockKey { parent: key.hash, ..key }), None);
    assert_eq!(groups[0].find(hash::BlockKey { tokens: &[0, 1, 2, 4], ..key }), None);
}

#[test]
fn the_first_registration_stays() {
    let pool = full_pool(4);
    let (mut first, mut second) = (pool.sequence(0), pool.sequence(0));
    run(&mut first, &count(0, 4));
    run(&mut second, &count(0, 4));
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 5)).table(0), first.table(0));
    drop(second);
    // The copy without a hash is taken first.
    assert_eq!(free_order(&pool, 0), [1, 2, 3]);
    drop(first);
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 5)).table(0), [0]);
}

#[test]
fn the_longest_unused_content_and_the_end_of_a_chain_go_first() {
    let pool = full_pool(5);
    let first = sequence_of(&pool, 0, &count(0, 9));
    let second = sequence_of(&pool, 0, &count(50, 8));
    drop(first);
    drop(second);
    // Block 2 was partial, then the chains from their ends: 0, 1 of the first and 3, 4 of the second.
    assert_eq!(free_order(&pool, 0), [2, 1, 0, 4, 3]);
    let third = sequence_of(&pool, 0, &count(90, 8));
    assert_eq!(third.table(0), [2, 1]);
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 9)).len(), 4);
    assert_eq!(pool.sequence_with_prefix(0, &count(50, 9)).len(), 8);
    // Looking them up made them the ones used last.
    assert_eq!(free_order(&pool, 0), [0, 4, 3]);
}

#[test]
fn fork_shares_and_reserve_copies_a_partial_block() {
    let pool = full_pool(6);
    let mut first = sequence_of(&pool, 0, &count(0, 6));
    first.reserve(3).unwrap();
    let mut second = first.fork();
    assert_eq!((first.table(0), second.table(0)), (&[0, 1, 2][..], &[0, 1][..]));
    assert_eq!(pool.usage()[0].used, 3);
    assert_eq!((second.needed(0), second.needed(2), second.needed(3)), (vec![0], vec![1], vec![2]));
    assert_eq!(second.reserve(0), Ok(vec![]));
    assert_eq!(run(&mut second, &[7, 8]), [BlockCopy { group: 0, from: 1, to: 3, positions: 2 }]);
    assert_eq!(second.table(0), [0, 3]);
    assert_eq!(run(&mut first, &[9, 9]), [], "nobody shares the block any more");
    assert_eq!(first.tokens(), [0, 1, 2, 3, 4, 5, 9, 9]);
    // Both ends are found.
    assert_eq!(pool.sequence_with_prefix(0, &[0, 1, 2, 3, 4, 5, 7, 8, 0]).table(0), [0, 3]);
    assert_eq!(pool.sequence_with_prefix(0, &[0, 1, 2, 3, 4, 5, 9, 9, 0]).table(0), [0, 1]);
}

#[test]
fn a_full_block_is_shared_without_a_copy() {
    let pool = full_pool(4);
    let first = sequence_of(&pool, 0, &count(0, 4));
    let mut second = first.fork();
    assert_eq!(run(&mut second, &[7]), []);
    assert_eq!(second.table(0), [0, 1]);
}

#[test]
fn truncation_into_a_full_block_keeps_what_its_hash_promises() {
    let pool = full_pool(4);
    let mut first = sequence_of(&pool, 0, &count(0, 8));
    first.reserve(4).unwrap();
    assert_eq!(first.truncate(100), 8);
    assert_eq!(first.table(0).len(), 2, "truncate drops the reservation");
    assert_eq!(first.truncate(6), 6);
    // Nothing is overwritten yet, so that the block is still found.
    let second = pool.sequence_with_prefix(0, &count(0, 9));
    assert_eq!(second.len(), 8);
    assert_eq!(run(&mut first, &[9, 9]), [BlockCopy { group: 0, from: 1, to: 2, positions: 2 }]);
    drop(second);
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 9)).len(), 8);
    // Not shared: the block is written in place and not found by the old tokens from the reservation on.
    assert_eq!(first.truncate(6), 6);
    assert_eq!(pool.sequence_with_prefix(0, &[0, 1, 2, 3, 4, 5, 9, 9, 0]).len(), 8);
    assert_eq!(first.reserve(1), Ok(vec![]));
    assert_eq!(pool.sequence_with_prefix(0, &[0, 1, 2, 3, 4, 5, 9, 9, 0]).len(), 4);
    assert_eq!((first.truncate(0), first.is_empty(), first.table(0).len()), (0, true, 0));
    assert_eq!(pool.free_blocks(), [4]);
}

#[test]
fn windowed_groups_give_blocks_back() {
    // Position n sees n-4..=n; with slack 2 positions below n-6 are not needed.
    let pool = pool(2, &[(None, 8), (Some(5), 8)]);
    let mut sequence = sequence_of(&pool, 0, &count(0, 9));
    assert_eq!(sequence.table(1)[0], 0);
    run(&mut sequence, &[9]);
    assert_eq!(sequence.table(1), [NO_BLOCK, 1, 2]);
    assert_eq!(sequence.table(0), [0, 1, 2]);
    assert_eq!(pool.free_blocks(), [5, 6]);
    assert_eq!(pool.usage()[1], GroupUsage { window: Some(5), total: 8, used: 2, cached: 1 });
    run(&mut sequence, &count(10, 14));
    assert_eq!(sequence.table(1)[..4], [NO_BLOCK; 4]);
    assert_eq!(sequence.table(1)[4..].len(), 2);
    let fork = sequence.fork();
    assert_eq!(fork.table(1), sequence.table(1));
    drop((sequence, fork));
    assert_eq!(pool.free_blocks(), [8, 8]);
}

#[test]
fn a_prefix_needs_only_the_window_of_windowed_groups() {
    let pool = pool(0, &[(None, 9), (Some(5), 5)]);
    let first = sequence_of(&pool, 0, &count(0, 16));
    let second = pool.sequence_with_prefix(0, &count(0, 20));
    assert_eq!(second.len(), 16);
    assert_eq!(second.table(1), [NO_BLOCK, NO_BLOCK, NO_BLOCK, 3]);
    drop((first, second));
    // Takes block 4, then 0, the one that was given back first, then 1 and 2; 3 was used last.
    let other = sequence_of(&pool, 0, &count(50, 15));
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 20)).len(), 16);
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 16)).len(), 0);
    drop(other);
}

#[test]
fn truncation_takes_given_back_blocks_up_again() {
    let pool = pool(0, &[(None, 9), (Some(5), 5)]);
    let mut sequence = sequence_of(&pool, 0, &count(0, 16));
    assert_eq!(sequence.table(1), [NO_BLOCK, NO_BLOCK, NO_BLOCK, 3]);
    assert_eq!(sequence.truncate(10), 10);
    assert_eq!(sequence.table(1), [NO_BLOCK, 1, 2]);
    assert_eq!(pool.free_blocks(), [6, 3]);
    // The block taken up is still found by its hash, until it is written.
    assert_eq!(sequence.reserve(1), Ok(vec![]));
    sequence.commit(&[77]);
    assert_eq!(sequence.tokens().last(), Some(&77));
    assert_eq!(pool.sequence_with_prefix(0, &count(0, 13)).len(), 8);
}

#[test]
fn truncation_keeps_less_where_blocks_are_gone() {
    let pool = pool(0, &[(None, 20), (Some(5), 6)]);
    let mut sequence = sequence_of(&pool, 0, &count(0, 20));
    let window = |sequence: &Sequence| sequence.table(1).to_vec();
    assert_eq!(window(&sequence), [NO_BLOCK, NO_BLOCK, NO_BLOCK, NO_BLOCK, 4]);
    // Free are 5, 0, 1, 2, 3 in this order; the other sequence takes three and keeps the last two.
    let mut other = pool.sequence(0);
    run(&mut other, &count(50, 12));
    assert_eq!(free_order(&pool, 1), [2, 3, 5, 0]);
    // Position 10 sees 6..: block 1 is gone. Length 8 needs it too, 4 needs block 0, which is gone.
    let mut fork = sequence.fork();
    assert_eq!(fork.truncate(10), 0);
    // Position 14 sees 10..: blocks 2 and 3 can be taken up.
    let mut fork = sequence.fork();
    assert_eq!(fork.truncate(14), 14);
    assert_eq!(window(&fork), [NO_BLOCK, NO_BLOCK, 2, 3]);
    drop(fork);
    // Without block 3, length 18, which needs it, falls to 12, which needs block 2 alone.
    pool.lock()[1].unregister(3);
    assert_eq!(sequence.truncate(18), 12);
    assert_eq!(window(&sequence), [NO_BLOCK, NO_BLOCK, 2]);
    assert_eq!((sequence.len(), sequence.table(0).len()), (12, 3));
}

#[test]
#[should_panic(expected = "at least one position")]
fn blocks_without_positions_panic() {
    BlockPool::new(0, 0, Vec::new());
}

#[test]
#[should_panic(expected = "the position itself")]
fn an_empty_window_panics() {
    pool(0, &[(Some(0), 1)]);
}

#[test]
fn handles_can_be_sent_and_outlive_the_pool() {
    fn sendable<T: Send + Sync>(_: &T) {}
    let pool = full_pool(2);
    let mut sequence = pool.sequence(0);
    sendable(&sequence);
    assert_eq!(format!("{pool:?}"), "BlockPool { block_positions: 4, slack: 0, .. }");
    drop(pool);
    run(&mut sequence, &[1]);
}

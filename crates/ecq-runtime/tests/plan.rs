//! Plans are data: tables of what is asked and what must be decided, no device needed.

use ecq_core::Coding;
use ecq_runtime::backend::DeviceInfo;
use ecq_runtime::{
    Consumption, DecodedSizes, MatrixInfo, MatrixLocation, Mode, Residence, RuntimeError, StorageKind,
    consumption, pinned, residence, resolve,
};

fn device(decodes_aside: bool) -> DeviceInfo {
    let name = "a device".to_owned();
    DeviceInfo { name, kind: "test", threads: 2, decodes_aside, same_bits: true, memory_bytes: None }
}

fn codes(coding: Coding) -> StorageKind {
    StorageKind::Codes { coding, alphabet: 16 }
}

#[test]
fn every_form_and_mode_has_a_residence_with_a_reason() {
    let (block, ends) = (MatrixLocation::Block, MatrixLocation::EmbeddingOrHead);
    let (rans, packed, archive) = (codes(Coding::Rans), codes(Coding::Packed), codes(Coding::Archive));
    let prefix = codes(Coding::Prefix);
    // StorageKind, place, mode, whether its block is kept decoded, where it lives, why.
    let table = [
        (rans, block, Mode::Fused, false, Residence::Streams, "inside the product"),
        (prefix, ends, Mode::Fused, false, Residence::Streams, "inside the product"),
        (rans, block, Mode::Cached, false, Residence::Packed, "once at load"),
        (archive, block, Mode::Cached, false, Residence::Packed, "once at load"),
        (archive, block, Mode::Fused, false, Residence::Packed, "for storage"),
        (archive, block, Mode::Lru, false, Residence::Packed, "for storage"),
        (packed, block, Mode::Cached, false, Residence::Packed, "once at load"),
        (packed, block, Mode::Fused, false, Residence::Streams, "stored packed"),
        (packed, block, Mode::Prefetch, false, Residence::Streams, "stored packed"),
        (packed, block, Mode::Lru, true, Residence::Streams, "stored packed"),
        (rans, block, Mode::Lru, false, Residence::Slot, "no room to keep its layer"),
        (rans, block, Mode::Lru, true, Residence::Packed, "the budget has room"),
        (rans, block, Mode::Prefetch, false, Residence::Slot, "while the layer before computes"),
        (rans, block, Mode::Async, false, Residence::Slot, "while the layer before computes"),
        (rans, ends, Mode::Lru, false, Residence::Streams, "larger than a block"),
        (rans, ends, Mode::Prefetch, false, Residence::Streams, "larger than a block"),
        (StorageKind::Floats, block, Mode::Fused, false, Residence::Dense, "no codes"),
        (StorageKind::Blocks, block, Mode::Lru, false, Residence::Dense, "half precision"),
        (StorageKind::InputMajor, block, Mode::Cached, false, Residence::Dense, "transposed"),
    ];
    for (form, place, mode, kept, expected, reason) in table {
        let found = residence(&MatrixInfo { shape: [64, 96], form, place }, mode, kept);
        assert_eq!(found.choice, expected, "{form:?} {place:?} {mode} {kept}");
        assert!(found.reason.contains(reason), "{form:?} {mode}: {}", found.reason);
    }
}

#[test]
fn every_residence_and_number_of_rows_has_a_product_with_a_reason() {
    let (a_row, none) = (2 * 96, 0);
    let table = [
        (Residence::Streams, 1, Consumption::FusedGemv, a_row, "inside the product"),
        (Residence::Streams, 2, Consumption::FusedGemm, a_row, "all 2 rows"),
        (Residence::Streams, 256, Consumption::FusedGemm, a_row, "all 256 rows"),
        (Residence::Packed, 1, Consumption::PackedGemv, none, "into registers"),
        (Residence::Packed, 8, Consumption::PackedGemm, a_row, "all 8 rows"),
        (Residence::Slot, 1, Consumption::PackedGemv, none, "into registers"),
        (Residence::Slot, 33, Consumption::PackedGemm, a_row, "all 33 rows"),
        (Residence::Dense, 1, Consumption::Dense, none, "floats"),
        (Residence::Dense, 64, Consumption::Dense, none, "floats"),
    ];
    for (residence, rows, expected, scratch, reason) in table {
        let found = consumption(residence, [64, 96], &device(true), rows);
        assert_eq!((found.choice, found.scratch_bytes), (expected, scratch), "{residence:?} {rows}");
        assert!(found.reason.contains(reason), "{residence:?} {rows}: {}", found.reason);
    }
}

#[test]
fn modes_are_resolved_or_refused_with_a_reason() {
    let sizes = DecodedSizes { blocks: vec![100, 120, 100], ends: 80, expert: 0, experts: 0 };
    let of = |mode, aside, budget, free| resolve(mode, &device(aside), &sizes, budget, free);
    let chosen = |budget, free| of(Mode::Auto, false, budget, free).unwrap().0;
    assert_eq!(chosen(Some(400), None), Mode::Cached);
    assert_eq!(chosen(Some(399), Some(1 << 40)), Mode::Lru);
    assert_eq!(chosen(Some(239), None), Mode::Fused);
    assert_eq!(chosen(Some(0), None), Mode::Fused);
    assert_eq!(chosen(None, Some(800)), Mode::Cached);
    assert_eq!(chosen(None, Some(799)), Mode::Lru);
    assert_eq!(chosen(None, None), Mode::Fused);
    assert_eq!(of(Mode::Lru, false, Some(120), None).unwrap().0, Mode::Lru);
    assert_eq!(of(Mode::Async, true, None, None).unwrap().0, Mode::Async);
    let refused = |mode, budget| match of(mode, false, budget, None) {
        Err(RuntimeError::Mode { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(Mode::Async, None).contains("nearest is prefetch"));
    assert!(refused(Mode::Lru, None).contains("memory budget"));
    assert!(refused(Mode::Lru, Some(119)).contains("fused needs none"));
    assert!(refused(Mode::Lru, Some(0)).contains("0 bytes"));
}

#[test]
fn some_blocks_stay_and_the_rest_take_turns() {
    let blocks = [10, 10, 10, 10];
    let kept = |budget| pinned(&blocks, budget).iter().filter(|&&p| p).count();
    assert_eq!([9, 10, 19, 20, 29, 30, 39, 40, 99].map(kept), [0, 0, 0, 1, 1, 2, 2, 4, 4]);
    // Room for the largest of all is left to those that take turns.
    assert_eq!(pinned(&[10, 50, 10], 65), [true, false, false]);
    assert!(pinned(&[], 5).is_empty());
}

#[test]
fn experts_have_what_a_budget_leaves() {
    let sizes = DecodedSizes { blocks: vec![10, 10, 10, 10], ends: 5, expert: 7, experts: 12 };
    assert_eq!((sizes.all(), sizes.least()), (129, 17));
    let within = |budget| {
        let (kept, experts) = sizes.within(budget);
        (kept.iter().filter(|&&kept| kept).count(), experts)
    };
    // One expert and one block that passes, then blocks, then more experts.
    assert_eq!(
        [17, 26, 27, 37, 47, 53, 54].map(within),
        [(0, 1), (0, 2), (1, 1), (2, 1), (4, 1), (4, 1), (4, 2)]
    );
    assert_eq!(within(1000), (4, 12));
    let expert = |mode, coding| {
        let facts = MatrixInfo { shape: [64, 96], form: codes(coding), place: MatrixLocation::Expert };
        residence(&facts, mode, true).choice
    };
    assert_eq!(expert(Mode::Lru, Coding::Rans), Residence::Slot);
    assert_eq!(expert(Mode::Prefetch, Coding::Prefix), Residence::Slot);
    assert_eq!(expert(Mode::Fused, Coding::Rans), Residence::Streams);
    assert_eq!(expert(Mode::Cached, Coding::Rans), Residence::Packed);
    assert_eq!(expert(Mode::Lru, Coding::Packed), Residence::Streams);
}

#[test]
fn modes_have_names_both_ways() {
    for mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
    }
    assert!("turbo".parse::<Mode>().unwrap_err().contains("fused, cached, lru, prefetch, async, auto"));
}

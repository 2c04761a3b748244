//! Tables of inputs and expected plans; no device is needed.

use ecq_core::Coding;
use ecq_runtime::backend::DeviceInfo;
use ecq_runtime::{
    Consumption, DecodedSizes, MatrixInfo, MatrixLocation, Mode, Residence, RuntimeError, StorageKind,
    consumption, pinned_blocks, residence, resolve,
};

fn device(overlaps_decode: bool) -> DeviceInfo {
    let name = "a device".to_owned();
    DeviceInfo {
        name,
        kind: "test",
        threads: 2,
        overlaps_decode,
        batch_invariant: true,
        fused_codings: &[Coding::Packed, Coding::Rans, Coding::Prefix],
        memory_bytes: None,
    }
}

/// A device whose products read packed codes only.
fn unpacking_device() -> DeviceInfo {
    DeviceInfo { fused_codings: &[Coding::Packed], ..device(false) }
}

fn codes(coding: Coding) -> StorageKind {
    StorageKind::Codes { coding, alphabet: 16 }
}

/// A matrix whose packed codes take a fifth more than its streams.
fn matrix(storage: StorageKind, location: MatrixLocation) -> MatrixInfo {
    MatrixInfo { shape: [64, 96], storage, location, stored_bytes: 2560, packed_bytes: 3072 }
}

#[test]
fn a_head_that_coding_makes_little_smaller_stays_packed() {
    for (location, stored_bytes, expected) in [
        (MatrixLocation::EmbeddingOrHead, 2793, Residence::Packed),
        (MatrixLocation::EmbeddingOrHead, 2792, Residence::Streams),
        (MatrixLocation::Block, 2793, Residence::Streams),
    ] {
        let info = MatrixInfo { stored_bytes, ..matrix(codes(Coding::Rans), location) };
        assert_eq!(residence(&info, Mode::Fused, false, &device(false)).choice, expected, "{info:?}");
    }
    let info =
        MatrixInfo { stored_bytes: 3000, ..matrix(codes(Coding::Prefix), MatrixLocation::EmbeddingOrHead) };
    for mode in [Mode::Lru, Mode::Prefetch, Mode::Async, Mode::Fused] {
        let found = residence(&info, mode, false, &device(false));
        assert!(found.choice == Residence::Packed && found.reason.contains("a tenth"), "{mode}");
    }
}

#[test]
fn every_storage_kind_and_mode_has_a_residence() {
    let (block, ends) = (MatrixLocation::Block, MatrixLocation::EmbeddingOrHead);
    let (rans, packed, archive) = (codes(Coding::Rans), codes(Coding::Packed), codes(Coding::Archive));
    let prefix = codes(Coding::Prefix);
    // Storage, location, mode, whether the block is pinned, expected residence, part of the reason.
    let table = [
        (rans, block, Mode::Fused, false, Residence::Streams, "inside the product"),
        (prefix, ends, Mode::Fused, false, Residence::Streams, "inside the product"),
        (rans, block, Mode::Cached, false, Residence::Packed, "once at load"),
        (archive, block, Mode::Cached, false, Residence::Packed, "once at load"),
        (archive, block, Mode::Fused, false, Residence::Packed, "archive coding"),
        (archive, block, Mode::Lru, false, Residence::Packed, "archive coding"),
        (packed, block, Mode::Cached, false, Residence::Packed, "once at load"),
        (packed, block, Mode::Fused, false, Residence::Streams, "stored packed"),
        (packed, block, Mode::Prefetch, false, Residence::Streams, "stored packed"),
        (packed, block, Mode::Lru, true, Residence::Streams, "stored packed"),
        (rans, block, Mode::Lru, false, Residence::Slot, "does not fit the budget"),
        (rans, block, Mode::Lru, true, Residence::Packed, "fits the budget"),
        (rans, block, Mode::Prefetch, false, Residence::Slot, "while the previous layer computes"),
        (rans, block, Mode::Async, false, Residence::Slot, "while the previous layer computes"),
        (rans, ends, Mode::Lru, false, Residence::Streams, "larger than a block"),
        (rans, ends, Mode::Prefetch, false, Residence::Streams, "larger than a block"),
        (StorageKind::Floats, block, Mode::Fused, false, Residence::Dense, "no codes"),
        (StorageKind::Blocks, block, Mode::Lru, false, Residence::Dense, "half-precision"),
        (StorageKind::InputMajor, block, Mode::Cached, false, Residence::Dense, "transposed"),
    ];
    for (form, place, mode, kept, expected, reason) in table {
        let found = residence(&matrix(form, place), mode, kept, &device(false));
        assert_eq!(found.choice, expected, "{form:?} {place:?} {mode} {kept}");
        assert!(found.reason.contains(reason), "{form:?} {mode}: {}", found.reason);
    }
}

#[test]
fn every_residence_and_row_count_has_a_consumption() {
    let (row_scratch, none) = (2 * 96, 0);
    let table = [
        (Residence::Streams, 1, Consumption::FusedGemv, row_scratch, "inside the product"),
        (Residence::Streams, 2, Consumption::FusedGemm, row_scratch, "all 2 rows"),
        (Residence::Streams, 256, Consumption::FusedGemm, row_scratch, "all 256 rows"),
        (Residence::Packed, 1, Consumption::PackedGemv, none, "into registers"),
        (Residence::Packed, 8, Consumption::PackedGemm, row_scratch, "all 8 rows"),
        (Residence::Slot, 1, Consumption::PackedGemv, none, "into registers"),
        (Residence::Slot, 33, Consumption::PackedGemm, row_scratch, "all 33 rows"),
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
    let sizes = DecodedSizes {
        blocks: vec![100, 120, 100],
        embedding_and_head: 80,
        largest_expert: 0,
        expert_count: 0,
    };
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
    assert!(refused(Mode::Async, None).contains("use prefetch"));
    assert!(refused(Mode::Lru, None).contains("memory budget"));
    assert!(refused(Mode::Lru, Some(119)).contains("use fused"));
    assert!(refused(Mode::Lru, Some(0)).contains("0 bytes"));
}

#[test]
fn some_blocks_are_pinned_and_the_rest_streamed() {
    let blocks = [10, 10, 10, 10];
    let kept = |budget| pinned_blocks(&blocks, budget).iter().filter(|&&p| p).count();
    assert_eq!([9, 10, 19, 20, 29, 30, 39, 40, 99].map(kept), [0, 0, 0, 1, 1, 2, 2, 4, 4]);
    // Room for the largest block is left for the streamed blocks.
    assert_eq!(pinned_blocks(&[10, 50, 10], 65), [true, false, false]);
    assert!(pinned_blocks(&[], 5).is_empty());
}

#[test]
fn experts_use_the_rest_of_the_budget() {
    let sizes = DecodedSizes {
        blocks: vec![10, 10, 10, 10],
        embedding_and_head: 5,
        largest_expert: 7,
        expert_count: 12,
    };
    assert_eq!((sizes.total(), sizes.minimum()), (129, 17));
    let within = |budget| {
        let (kept, experts) = sizes.fit(budget);
        (kept.iter().filter(|&&kept| kept).count(), experts)
    };
    // One expert and one streamed block, then pinned blocks, then more experts.
    assert_eq!(
        [17, 26, 27, 37, 47, 53, 54].map(within),
        [(0, 1), (0, 2), (1, 1), (2, 1), (4, 1), (4, 1), (4, 2)]
    );
    assert_eq!(within(1000), (4, 12));
    let expert = |mode, coding| {
        residence(&matrix(codes(coding), MatrixLocation::Expert), mode, true, &device(false)).choice
    };
    assert_eq!(expert(Mode::Lru, Coding::Rans), Residence::Slot);
    assert_eq!(expert(Mode::Prefetch, Coding::Prefix), Residence::Slot);
    assert_eq!(expert(Mode::Fused, Coding::Rans), Residence::Streams);
    assert_eq!(expert(Mode::Cached, Coding::Rans), Residence::Packed);
    assert_eq!(expert(Mode::Lru, Coding::Packed), Residence::Streams);
}

#[test]
fn devices_without_fused_products_decode_at_load() {
    let device = unpacking_device();
    for mode in [Mode::Fused, Mode::Prefetch] {
        let ends = |coding| {
            let info = matrix(codes(coding), MatrixLocation::EmbeddingOrHead);
            residence(&info, mode, false, &device).choice
        };
        assert_eq!(ends(Coding::Rans), Residence::Packed, "{mode}");
        assert_eq!(ends(Coding::Packed), Residence::Streams, "{mode}");
    }
    let sizes =
        DecodedSizes { blocks: vec![10; 4], embedding_and_head: 5, largest_expert: 0, expert_count: 0 };
    let auto = |budget| resolve(Mode::Auto, &device, &sizes, budget, None);
    assert_eq!(auto(None).unwrap().0, Mode::Cached);
    assert_eq!(auto(Some(45)).unwrap().0, Mode::Cached);
    assert_eq!(auto(Some(44)).unwrap().0, Mode::Lru);
    let error = auto(Some(19)).unwrap_err();
    assert!(error.to_string().contains("does not decode all codings inside products"), "{error}");
}

#[test]
fn mode_names_round_trip() {
    for mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
    }
    assert!("turbo".parse::<Mode>().unwrap_err().contains("fused, cached, lru, prefetch, async, auto"));
}

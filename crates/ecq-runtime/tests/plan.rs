//! Plans are data: tables of what is asked and what must be decided, no device needed.

use ecq_core::Coding;
use ecq_runtime::backend::Facts;
use ecq_runtime::{Form, How, MatrixFacts, Mode, Place, RuntimeError, Sizes, pinned, plan, resolve};

fn device(decodes_aside: bool) -> Facts {
    let name = "a device".to_owned();
    Facts { name, kind: "test", threads: 2, decodes_aside, same_bits: true, memory_bytes: None }
}

fn codes(coding: Coding) -> Form {
    Form::Codes { coding, alphabet: 16 }
}

#[test]
fn every_form_and_mode_has_a_plan_with_a_reason() {
    let (block, ends) = (Place::Block, Place::Ends);
    let (rans, packed, archive) = (codes(Coding::Rans), codes(Coding::Packed), codes(Coding::Archive));
    let table = [
        (rans, block, Mode::Fused, 1, How::FusedGemv, "inside the product"),
        (rans, block, Mode::Fused, 33, How::TileThenGemm, "all 33 rows"),
        (codes(Coding::Prefix), ends, Mode::Fused, 1, How::FusedGemv, "inside the product"),
        (rans, block, Mode::Cached, 1, How::Resident, "once at load"),
        (archive, block, Mode::Cached, 1, How::Resident, "once at load"),
        (archive, block, Mode::Fused, 1, How::Resident, "for storage"),
        (archive, block, Mode::Lru, 1, How::Resident, "for storage"),
        (packed, block, Mode::Cached, 1, How::Resident, "once at load"),
        (packed, block, Mode::Fused, 1, How::FusedGemv, "stored packed"),
        (packed, block, Mode::Prefetch, 1, How::FusedGemv, "stored packed"),
        (rans, block, Mode::Lru, 1, How::Host, "while the budget has room"),
        (rans, block, Mode::Prefetch, 9, How::Host, "while the layer before computes"),
        (rans, block, Mode::Async, 1, How::Host, "while the layer before computes"),
        (rans, ends, Mode::Lru, 1, How::FusedGemv, "larger than a block"),
        (rans, ends, Mode::Prefetch, 7, How::TileThenGemm, "larger than a block"),
        (Form::Floats, block, Mode::Fused, 1, How::Resident, "no codes"),
        (Form::Blocks, block, Mode::Lru, 1, How::Resident, "half precision"),
        (Form::InputMajor, block, Mode::Fused, 1, How::Resident, "transposed"),
    ];
    for (form, place, mode, rows, how, reason) in table {
        let plan = plan(&MatrixFacts { shape: [64, 96], form, place }, &device(true), mode, rows);
        assert_eq!(plan.how, how, "{form:?} {place:?} {mode} {rows}");
        assert!(plan.reason.contains(reason), "{form:?} {mode}: {}", plan.reason);
        assert_eq!(plan.scratch_bytes > 0, how != How::Resident, "{form:?} {mode}");
    }
}

#[test]
fn modes_are_resolved_or_refused_with_a_reason() {
    let sizes = Sizes { blocks: vec![100, 120, 100], ends: 80 };
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
    assert!(refused(Mode::Lru, None).contains("--memory"));
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
fn modes_have_names_both_ways() {
    for mode in Mode::ALL {
        assert_eq!(mode.name().parse(), Ok(mode));
    }
    assert!("turbo".parse::<Mode>().unwrap_err().contains("fused, cached, lru, prefetch, async, auto"));
}

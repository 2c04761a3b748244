//! Damaged parts of tensors of codes and of raw tensors.

use super::draft::{COLS, Draft, ROWS, bytes, edited, set_shape, tensor};
use ecq_codec::{CodecError, decode_codes, decode_codes_into, decode_grid, decode_raw};
use ecq_core::{Coding, CoreError, RawEntry, TensorContent, TensorPart};

#[test]
fn the_sound_tensor_decodes() {
    let tensor = tensor().tensor().unwrap();
    let codes = decode_codes(&tensor).unwrap();
    assert!(codes.symbols().iter().enumerate().all(|(i, &q)| usize::from(q) == i * i % 11));
    assert!(decode_grid(&tensor).is_ok());
}

#[test]
fn every_lie_has_its_own_error() {
    use CodecError as E;
    let decode = |edit: &dyn Fn(&mut Draft)| edited(edit).tensor().and_then(|tensor| decode_codes(&tensor));
    for part in [TensorPart::Stream, TensorPart::Index, TensorPart::Table, TensorPart::Scales] {
        let missing = decode(&|t| drop(t.parts.remove(&part)));
        assert_eq!(missing, Err(E::Core(CoreError::MissingPart(part))));
    }
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Index, |b| b.truncate(7))),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Index, .. }))
    ));
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Index, |b| b[0] ^= 1)),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Stream, .. }))
    ));
    assert!(matches!(decode(&|t| bytes(t, TensorPart::Stream, |b| b[300] ^= 1)), Err(E::Tile { .. })));
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Table, |b| b.clear())),
        Err(E::Part { part: TensorPart::Table, .. })
    ));
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Table, |b| b.push(0))),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Table, .. }))
    ));
    let last = |b: &mut Vec<u8>| *b.last_mut().unwrap() = 2;
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Table, last)),
        Err(E::TableId { tile: 1, table: 2, tables: 2 })
    ));
    let wider = |t: &mut Draft| {
        if let TensorContent::Codes { alphabet, .. } = &mut t.entry.content {
            *alphabet = 15;
        }
    };
    assert!(matches!(decode(&wider), Err(E::TableAlphabet { found: 16, expected: 15, .. })));
    // Packed codes above the alphabet.
    let packed = |t: &mut Draft| {
        if let TensorContent::Codes { coding, alphabet, .. } = &mut t.entry.content {
            (*coding, *alphabet) = (Coding::Packed, 9);
        }
        [TensorPart::Table, TensorPart::Index].iter().for_each(|part| drop(t.parts.remove(part)));
        t.parts.insert(TensorPart::Stream, vec![0xff; ROWS * COLS / 2].into());
    };
    assert!(matches!(decode(&packed), Err(E::Core(CoreError::SymbolOutsideAlphabet { .. }))));
    let sound = tensor().tensor().unwrap();
    assert!(matches!(decode_codes_into(&sound, &mut [0; 7]), Err(E::Core(CoreError::Length { .. }))));
    // A matrix of 2^34 weights in a kilobyte.
    let huge = decode(&|t| set_shape(t, [1 << 20, 1 << 14]));
    assert!(matches!(huge, Err(E::Core(CoreError::PartLength { part: TensorPart::Stream, .. }))));
    let raw = |bytes: u64| {
        let raw = edited(|t| {
            t.entry.content = TensorContent::Raw(RawEntry { dtype: "f32".to_owned(), bytes });
            t.parts.retain(|&part, _| part == TensorPart::Stream);
        });
        raw.tensor()
    };
    assert!(matches!(raw(u64::MAX), Err(E::Core(CoreError::Parameter { what: "raw bytes", .. }))));
    let raw = raw(8 * (ROWS * COLS) as u64).unwrap();
    assert!(matches!(decode_raw(&raw), Err(E::Part { part: TensorPart::Stream, .. })));
    assert!(matches!(decode_codes(&raw), Err(E::Content { .. })));
    assert!(matches!(decode_raw(&sound), Err(E::Content { .. })));
}

//! The models of archives.

use super::draft::{Draft, edited, set_shape};
use ecq_codec::{CodecError, decode_codes};
use ecq_coding::{Counts, FrequencyTable, planes};
use ecq_core::{Coding, FloatType, GridEntry, LaneOrder, TensorContent, TensorPart, Tile};

#[test]
fn archives_check_their_model_before_they_grow_it() {
    use CodecError as E;
    let archive = |t: &mut Draft| {
        if let TensorContent::Codes { coding, .. } = &mut t.entry.content {
            *coding = Coding::Archive;
        }
    };
    let with_table = |table: &[u8]| {
        let table = table.to_vec();
        let draft = edited(|t| {
            archive(t);
            t.parts.insert(TensorPart::Table, table.clone().into());
        });
        decode_codes(&draft.tensor()?)
    };
    assert!(matches!(with_table(&[]), Err(E::Part { part: TensorPart::Table, .. })));
    assert!(matches!(with_table(&[4, 0, 1, 0]), Err(E::Part { .. })));
    assert!(matches!(with_table(&[0, 0, 17, 0]), Err(E::Part { .. })));
    let coarse = FrequencyTable::new(&Counts::of(&[1, 2, 3]), 16, 12).unwrap().to_bytes();
    assert!(matches!(with_table(&[&[0, 0, 1, 0][..], &coarse].concat()), Err(E::TableAlphabet { .. })));
    // 256 bases for groups of 8192 codes would be millions of tables.
    let many = edited(|t| {
        archive(t);
        set_shape(t, [1, 8192]);
        t.entry.content = match t.entry.content.clone() {
            TensorContent::Codes { coding, alphabet, .. } => TensorContent::Codes {
                coding,
                alphabet,
                tile: Tile { rows: 32, cols: 8192, lanes: 32, order: LaneOrder::Rows },
                classes: None,
                branch_tables: false,
                grid: GridEntry::AffineGroups {
                    bits: 4,
                    group_size: 8192,
                    dtype: FloatType::F16,
                    zero: Some(8),
                    zeros: false,
                },
            },
            raw => raw,
        };
        t.parts.insert(TensorPart::Table, vec![0, 255, 1, 0].into());
        t.parts.insert(TensorPart::Scales, planes::encode(&[0; 2], &[1, 1]).unwrap().into());
    });
    assert!(matches!(decode_codes(&many.tensor().unwrap()), Err(E::Part { part: TensorPart::Table, .. })));
    let narrow = edited(|t| {
        archive(t);
        if let TensorContent::Codes { tile, .. } = &mut t.entry.content {
            tile.cols = 32;
        }
        t.parts.insert(TensorPart::Index, vec![0; 4 * 4].into());
    });
    assert!(matches!(decode_codes(&narrow.tensor().unwrap()), Err(E::Content { .. })));
}

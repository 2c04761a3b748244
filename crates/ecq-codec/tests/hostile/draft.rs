//! A sound tensor on affine groups, whose entry and parts the tests damage.

use bytes::Bytes;
use ecq_codec::CodecError;
use ecq_coding::{Counts, FrequencyTable, Layout, planes, rans};
use ecq_core::{
    Coding, EncodedTensor, FloatType, GridEntry, LaneOrder, TensorContent, TensorEntry, TensorKind,
    TensorPart, TensorParts, Tile,
};

pub const ROWS: usize = 40;
pub const COLS: usize = 64;

/// What a tensor is made of, before anything is checked.
#[derive(Clone)]
pub struct Draft {
    pub entry: TensorEntry,
    pub parts: TensorParts,
}

impl Draft {
    pub fn tensor(self) -> Result<EncodedTensor, CodecError> {
        Ok(EncodedTensor::new(self.entry, self.parts)?)
    }
}

/// A sound tensor in two tiles with two tables.
pub fn tensor() -> Draft {
    let symbols: Vec<u8> = (0..ROWS * COLS).map(|i| (i * i % 11) as u8).collect();
    let tables = [&symbols[..32 * COLS], &symbols[32 * COLS..]]
        .map(|half| FrequencyTable::new(&Counts::of(half), 16, 12).unwrap());
    let tile = |rows, table: &FrequencyTable, symbols: &[u8]| {
        let layout = Layout::new(rows, COLS, 32, ecq_coding::Order::Rows).unwrap();
        rans::Encoder::new(table).encode(symbols, COLS, layout).unwrap()
    };
    let streams = [tile(32, &tables[0], &symbols), tile(8, &tables[1], &symbols[32 * COLS..])];
    let index: Vec<u8> = streams.iter().flat_map(|s| (s.len() as u32).to_le_bytes()).collect();
    let table = [vec![1], tables[0].to_bytes(), tables[1].to_bytes(), vec![0, 1]].concat();
    let scales = planes::encode(&[0; ROWS * COLS / 32 * 2], &[1, 1]).unwrap();
    let content = TensorContent::Codes {
        coding: Coding::Rans,
        alphabet: 16,
        tile: Tile { rows: 32, cols: COLS, lanes: 32, order: LaneOrder::Rows },
        classes: None,
        branch_tables: false,
        grid: GridEntry::AffineGroups {
            bits: 4,
            group_size: 32,
            dtype: FloatType::F16,
            zero: Some(8),
            zeros: false,
        },
    };
    Draft {
        entry: TensorEntry { kind: TensorKind::Linear, shape: [ROWS, COLS], content },
        parts: TensorParts::from([
            (TensorPart::Stream, Bytes::from(streams.concat())),
            (TensorPart::Index, index.into()),
            (TensorPart::Table, table.into()),
            (TensorPart::Scales, scales.into()),
        ]),
    }
}

pub fn edited(edit: impl Fn(&mut Draft)) -> Draft {
    let mut tensor = tensor();
    edit(&mut tensor);
    tensor
}

pub fn bytes(tensor: &mut Draft, part: TensorPart, edit: impl Fn(&mut Vec<u8>)) {
    let mut bytes = tensor.parts[&part].to_vec();
    edit(&mut bytes);
    tensor.parts.insert(part, bytes.into());
}

/// Another shape, in one tile.
pub fn set_shape(draft: &mut Draft, shape @ [rows, cols]: [usize; 2]) {
    draft.entry.shape = shape;
    let TensorContent::Codes { tile, .. } = &mut draft.entry.content else { panic!() };
    (tile.rows, tile.cols) = (rows, cols);
    draft.parts.insert(TensorPart::Index, vec![0; 4].into());
}

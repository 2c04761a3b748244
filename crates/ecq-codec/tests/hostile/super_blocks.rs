//! Super-blocks of GGUF.

use super::draft::{Draft, bytes, set_shape};
use bytes::Bytes;
use ecq_codec::encode::{CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_codec::{CodecError, decode_codes, decode_grid};
use ecq_coding::planes;
use ecq_core::{
    Codes, Coding, CoreError, FloatType, FloatVec, Grid, GridEntry, Minima, SuperBlockLayout, SuperBlocks,
    TensorContent, TensorKind, TensorPart,
};

/// Codes and a grid of super-blocks.
fn super_blocks(layout: SuperBlockLayout, rows: usize, cols: usize) -> (Codes, SuperBlocks) {
    let alphabet = layout.alphabet();
    let symbols = (0..rows * cols).map(|i| (i * i % 97 % usize::from(alphabet)) as u8).collect();
    let (blocks, groups) = (rows * cols / 256, rows * cols / layout.group_size());
    // Every bit pattern of a step comes back, NaN too.
    let steps = |first: u16| {
        let bytes = (0..blocks).flat_map(|i| first.wrapping_add((997 * i) as u16).to_le_bytes()).collect();
        FloatVec::new(FloatType::F16, bytes).unwrap()
    };
    let (lowest, highest) = (i64::from(*layout.scales().start()), i64::from(*layout.scales().end()));
    let scale = |i: usize| (lowest + (i * 31) as i64 % (highest - lowest + 1)) as i8;
    let minima = layout.largest_minimum().map(|largest| Minima {
        steps: steps(0x7c01),
        values: (0..groups).map(|i| (i * 29 % (usize::from(largest) + 1)) as u8).collect(),
    });
    let scales = (0..groups).map(scale).collect();
    let codes = Codes::new(rows, cols, alphabet, symbols).unwrap();
    (codes, SuperBlocks { layout, steps: steps(0x2c00), scales, minima })
}

#[test]
fn super_blocks_come_back_in_every_coding_and_tile() {
    for layout in SuperBlockLayout::ALL {
        let (codes, grid) = super_blocks(layout, 40, 512);
        let grid = Grid::SuperBlocks(grid);
        for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
            for tile in [TileChoice::Auto, TileChoice::Matrix, TileChoice::Row, TileChoice::Block(16, 48)] {
                let coding = CodingChoice::Only(coding);
                let options = EncodeOptions { coding, tile, hybrid_percent: 0.0, ..EncodeOptions::default() };
                let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
                assert_eq!(decode_codes(&tensor).unwrap(), codes, "{} {options:?}", layout.name());
                assert_eq!(decode_grid(&tensor).unwrap(), grid, "{} {options:?}", layout.name());
            }
        }
        // The archive coding has no model for super-blocks: rANS is chosen instead.
        let coding = CodingChoice::Only(Coding::Archive);
        let options = EncodeOptions { coding, hybrid_percent: 0.0, ..EncodeOptions::default() };
        let (tensor, plan) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
        assert_eq!((plan.coding, decode_codes(&tensor).unwrap()), (Coding::Rans, codes));
    }
}

#[test]
fn lies_of_super_blocks_have_their_own_errors() {
    use CodecError as E;
    let (rows, cols) = (6, 512);
    let parameter = |refused: Result<(), CoreError>| match refused {
        Err(CoreError::Parameter { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    for layout in SuperBlockLayout::ALL {
        let (codes, valid) = super_blocks(layout, rows, cols);
        let alphabet = layout.alphabet();
        let check = |change: &dyn Fn(&mut SuperBlocks)| {
            let mut grid = valid.clone();
            change(&mut grid);
            Grid::SuperBlocks(grid).check(rows, cols, alphabet)
        };
        assert_eq!(check(&|_| {}), Ok(()));
        // Defects of the grid.
        let length = |what| Err(CoreError::Length { what, found: 0, expected: 0 });
        let of = |result: Result<(), CoreError>| match result {
            Err(CoreError::Length { what, .. }) => length(what),
            other => other,
        };
        assert_eq!(of(check(&|grid| grid.scales.truncate(1))), length("scales"));
        let short = FloatVec::from_f32(FloatType::F16, &[1.0; 11]);
        assert_eq!(of(check(&|grid| grid.steps = short.clone())), length("steps of scales"));
        let wide = FloatVec::from_f32(FloatType::F32, &[1.0; 12]);
        assert_eq!(parameter(check(&|grid| grid.steps = wide.clone())), "bits of a step");
        if layout != SuperBlockLayout::Q6K {
            let above = layout.scales().end() + 1;
            let below = layout.scales().start() - 1;
            for scale in [above, below] {
                assert_eq!(parameter(check(&|grid| grid.scales[7] = scale)), "byte of a scale");
            }
        }
        match layout.largest_minimum() {
            Some(largest) => {
                let with =
                    |change: &dyn Fn(&mut Minima)| check(&|grid| grid.minima.iter_mut().for_each(change));
                assert_eq!(parameter(with(&|minima| minima.values[9] = largest + 1)), "minimum");
                assert_eq!(of(with(&|minima| minima.values.truncate(1))), length("minima"));
                assert_eq!(of(with(&|minima| minima.steps = short.clone())), length("steps of minima"));
                assert_eq!(parameter(with(&|minima| minima.steps = wide.clone())), "bits of a step");
                assert_eq!(parameter(check(&|grid| grid.minima = None)), "number of minima");
            }
            None => {
                let values = vec![0; valid.scales.len()];
                let minima = Minima { steps: valid.steps.clone(), values };
                let refused = check(&|grid| grid.minima = Some(minima.clone()));
                assert_eq!(parameter(refused), "number of minima");
            }
        }
        let grid = Grid::SuperBlocks(valid.clone());
        assert_eq!(parameter(grid.check(rows, cols, alphabet - 1)), "alphabet");
        assert_eq!(parameter(grid.check(rows, cols - 1, alphabet)), "columns");

        // Defects of the entry.
        let options = EncodeOptions::default();
        let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
        let (entry, parts) = tensor.into_parts();
        let sound = Draft { entry, parts };
        let with = |edit: &dyn Fn(&mut Draft)| {
            let mut draft = sound.clone();
            edit(&mut draft);
            decode_grid(&draft.tensor()?)
        };
        assert_eq!(with(&|_| {}), Ok(grid.clone()));
        let set = |draft: &mut Draft, size: u16, width: SuperBlockLayout| {
            if let TensorContent::Codes { alphabet, grid, .. } = &mut draft.entry.content {
                *alphabet = size;
                *grid = GridEntry::SuperBlocks { layout: width };
            }
        };
        let refused = |result: Result<Grid, CodecError>| match result {
            Err(E::Core(CoreError::Parameter { what, .. })) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(with(&|draft| set(draft, alphabet - 1, layout))), "alphabet");
        assert_eq!(refused(with(&|draft| draft.entry.shape = [rows, cols - 32])), "columns");
        for other in SuperBlockLayout::ALL.into_iter().filter(|other| *other != layout) {
            assert_eq!(refused(with(&|draft| set(draft, alphabet, other))), "alphabet");
            // With its alphabet, the parts or their lengths are wrong, unless both have the same groups.
            if (other.groups(), other.largest_minimum().is_some())
                != (layout.groups(), layout.largest_minimum().is_some())
            {
                let both = with(&|draft| set(draft, other.alphabet(), other));
                assert!(both.is_err(), "{} as {}", layout.name(), other.name());
            }
        }

        // Defects of the side data.
        let mut of_grid = vec![TensorPart::Scales];
        if layout.largest_minimum().is_some() {
            of_grid.push(TensorPart::Biases);
        }
        for part in of_grid {
            let missing = with(&|draft| drop(draft.parts.remove(&part)));
            assert_eq!(missing, Err(E::Core(CoreError::MissingPart(part))));
            let cut = with(&|draft| bytes(draft, part, |b| b.truncate(b.len() - 1)));
            assert!(matches!(cut, Err(E::Part { part: p, .. }) if p == part), "{part:?} {cut:?}");
            let longer = with(&|draft| bytes(draft, part, |b| b.push(0)));
            assert!(matches!(longer, Err(E::Part { part: p, .. }) if p == part), "{part:?} {longer:?}");
            if layout != SuperBlockLayout::Q6K {
                // Integers outside the range of the layout.
                let fields = [1, 1, layout.groups()];
                let out = vec![0x77; 12 * (2 + layout.groups())];
                let coded = planes::encode(&out, &fields).unwrap();
                let outside = with(&|draft| drop(draft.parts.insert(part, coded.clone().into())));
                let what = if part == TensorPart::Scales { "byte of a scale" } else { "minimum" };
                assert_eq!(refused(outside), what);
            }
        }
        if layout.largest_minimum().is_none() {
            let stray = with(&|draft| drop(draft.parts.insert(TensorPart::Biases, Bytes::new())));
            assert_eq!(stray, Err(E::Core(CoreError::StrayPart(TensorPart::Biases))));
        }
    }
    // A matrix of 2^34 weights whose side data are a few bytes.
    let (codes, grid) = super_blocks(SuperBlockLayout::Q4K, rows, cols);
    let coding = CodingChoice::Only(Coding::Rans);
    let options = EncodeOptions { coding, hybrid_percent: 0.0, ..EncodeOptions::default() };
    let (tensor, _) = encode(TensorKind::Linear, &codes, &Grid::SuperBlocks(grid), &options).unwrap();
    let (entry, parts) = tensor.into_parts();
    let mut huge = Draft { entry, parts };
    set_shape(&mut huge, [1 << 25, cols]);
    let refused = decode_grid(&huge.tensor().unwrap());
    assert!(matches!(refused, Err(E::Part { part: TensorPart::Scales, .. })), "before room is made for it");
}

//! Golden files of the first release of the schema: `small_gguf(2, 256)` in every coding, whose matrix in
//! Q4_K is raw bytes, and `k_types_gguf(24, 512)`, whose matrices are codes on super-blocks. They are never
//! rewritten, and must decode as long as the version of the schema is 1.

use ecq_codec::{decode_codes, decode_grid};
use ecq_core::{
    Codes, Coding, FloatType, FloatVec, Grid, Limits, Outlier, TensorContent, TensorPart, TrellisRows,
    UniformRows,
};
use ecq_format::container::EcqFile;
use ecq_pack::{GgufOptions, export_gguf, source, verify};

#[test]
fn golden_files_decode_to_their_source() {
    let folder = tempfile::tempdir().unwrap();
    let gguf = folder.path().join("small.gguf");
    std::fs::write(&gguf, ecq_fixtures::small_gguf(2, 256)).unwrap();
    let limits = Limits::default();
    let original = source::open(&gguf, &limits).unwrap();
    for coding in ["packed", "rans", "prefix", "archive"] {
        let golden = format!("{}/tests/data/{coding}-v1.ecq", env!("CARGO_MANIFEST_DIR"));
        let verified = verify(golden.as_ref(), Some(&*original), &limits, &()).unwrap();
        assert!(verified.ok, "{coding}: {:?}", verified.mismatches);
        let exported = folder.path().join(coding);
        export_gguf(golden.as_ref(), &exported, &GgufOptions::default(), &limits, &()).unwrap();
        assert!(std::fs::read(&exported).unwrap() == std::fs::read(&gguf).unwrap(), "{coding}");
    }
}

#[test]
fn the_golden_file_with_super_blocks_decodes_to_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let gguf = folder.path().join("k-types.gguf");
    std::fs::write(&gguf, ecq_fixtures::k_types_gguf(24, 512)).unwrap();
    let limits = Limits::default();
    let original = source::open(&gguf, &limits).unwrap();
    let golden = format!("{}/tests/data/super-blocks-v1.ecq", env!("CARGO_MANIFEST_DIR"));
    let verified = verify(golden.as_ref(), Some(&*original), &limits, &()).unwrap();
    assert!(verified.ok, "{:?}", verified.mismatches);
    assert_eq!(verified.codes_checked, 5 * 24 * 512);
    let exported = folder.path().join("back.gguf");
    export_gguf(golden.as_ref(), &exported, &GgufOptions::default(), &limits, &()).unwrap();
    assert!(std::fs::read(&exported).unwrap() == std::fs::read(&gguf).unwrap());
}

/// Returns the codes of `classes-v1.ecq`: a matrix of shape `[96, 120]` with an alphabet of 19, on a uniform
/// grid with step 1 and zero 9, in rANS with three row classes and four column classes. The spread of the
/// codes depends on row and column.
fn symbols_in_classes() -> Vec<u8> {
    let mut state = 12345u32;
    let mut symbol = |row: i32, col: i32| {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        let noise = (0..4).map(|i| (state >> (24 + 2 * i) & 3) as i32).sum::<i32>() - 6;
        (9 + noise * (1 + row % 3) * (1 + col % 4) / 8) as u8
    };
    (0..96 * 120).map(|i| symbol(i / 120, i % 120)).collect()
}

#[test]
fn the_golden_file_with_classes_decodes_to_its_codes() {
    let golden = format!("{}/tests/data/classes-v1.ecq", env!("CARGO_MANIFEST_DIR"));
    let file = EcqFile::open(golden.as_ref(), &Limits::default()).unwrap();
    file.verify_seal(|_| {}).unwrap();
    file.check("w").unwrap();
    let tensor = file.encoded("w").unwrap();
    assert!(matches!(tensor.entry().content, TensorContent::Codes { classes: Some([3, 4]), .. }));
    assert!(tensor.part(TensorPart::Table).unwrap()[0] >= 3, "expected more than two tables");
    let codes = decode_codes(&tensor).unwrap();
    assert_eq!((codes.rows(), codes.cols(), codes.alphabet()), (96, 120, 19));
    assert_eq!(codes.symbols(), symbols_in_classes());
}

/// Returns the codes and the grid of a tensor of `trellis-v1.ecq`: shape `[40, 200]`, an alphabet of 17.
fn trellis_codes(lag: u16, restart: u32, zero: u8) -> (Codes, Grid) {
    let (rows, cols) = (40, 200);
    let mut state = u32::from(lag);
    let mut symbol = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (0..4).map(|i| (state >> (24 + 2 * i) & 3) as u8).sum::<u8>() + zero - 6
    };
    let symbols = (0..rows * cols).map(|_| symbol()).collect();
    let uniform = UniformRows {
        zero,
        steps: FloatVec::from_f32(FloatType::Bf16, &(1..=40).map(|i| i as f32 / 64.0).collect::<Vec<_>>()),
        col_scales: Some(FloatVec::from_f32(FloatType::Bf16, &[0.5; 200])),
        levels: None,
        outliers: vec![Outlier { index: 3, delta: -20 }, Outlier { index: 7999, delta: 1000 }],
    };
    let grid = Grid::TrellisRows(TrellisRows { uniform, lag, restart });
    (Codes::new(rows, cols, 17, symbols).unwrap(), grid)
}

#[test]
fn the_golden_file_with_trellis_grids_decodes_to_its_codes_and_damage_is_refused() {
    let golden = format!("{}/tests/data/trellis-v1.ecq", env!("CARGO_MANIFEST_DIR"));
    let limits = Limits::default();
    let file = EcqFile::open(golden.as_ref(), &limits).unwrap();
    file.verify_seal(|_| {}).unwrap();
    for (name, coding, branch_tables, (lag, restart, zero)) in [
        ("branches", Coding::Rans, true, (4, 200, 7)),
        ("restarts", Coding::Rans, true, (12, 72, 8)),
        ("prefix", Coding::Prefix, false, (12, 24, 7)),
        ("packed", Coding::Packed, false, (8, 208, 10)),
    ] {
        file.check(name).unwrap();
        let tensor = file.encoded(name).unwrap();
        let TensorContent::Codes { coding: found, branch_tables: by_branch, .. } = tensor.entry().content
        else {
            panic!("{name} holds codes");
        };
        assert_eq!((found, by_branch), (coding, branch_tables), "{name}");
        let (codes, grid) = trellis_codes(lag, restart, zero);
        assert_eq!(decode_codes(&tensor).unwrap(), codes, "{name}");
        assert_eq!(decode_grid(&tensor).unwrap(), grid, "{name}");
    }
    let bytes = std::fs::read(&golden).unwrap();
    let accepted = |bytes: Vec<u8>| {
        let file = EcqFile::parse(bytes.into(), &limits);
        file.is_ok_and(|file| file.verify_seal(|_| {}).is_ok())
    };
    assert!(accepted(bytes.clone()));
    for at in 0..bytes.len() {
        assert!(!accepted(bytes[..at].to_vec()), "cut at {at}");
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(!accepted(flipped), "flipped bit {} of byte {at}", at % 8);
    }
}

//! Golden files of the first release of the schema: `small_gguf(2, 256)` in every coding, whose matrix in
//! Q4_K is raw bytes, and `k_types_gguf(24, 512)`, whose matrices are codes on super-blocks. They are never
//! rewritten, and must decode as long as the version of the schema is 1.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use ecq_codec::decode_codes;
use ecq_core::{Limits, TensorContent, TensorPart};
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

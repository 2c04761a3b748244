//! Round trips from GGUF to `.ecq` and back, with every coding, tile and number of lanes.

use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice};
use ecq_core::{Coding, Limits};
use ecq_pack::source::{self, EcqSource};
use ecq_pack::{GgufOptions, PackOptions, export_gguf, pack, verify};
use std::path::{Path, PathBuf};

struct Model {
    folder: tempfile::TempDir,
    gguf: PathBuf,
}

fn model(width: u64) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let gguf = folder.path().join("small.gguf");
    std::fs::write(&gguf, ecq_fixtures::small_gguf(width, width)).unwrap();
    Model { folder, gguf }
}

fn pack_to(model: &Model, dest: &Path, encode: EncodeOptions) -> ecq_pack::PackReport {
    let source = source::open(&model.gguf, &Limits::default()).unwrap();
    let options = PackOptions { encode, ..PackOptions::default() };
    pack(&*source, "small.gguf", Some(dest), &options, &()).unwrap()
}

fn options(coding: Coding) -> EncodeOptions {
    EncodeOptions { coding: CodingChoice::Only(coding), hybrid_percent: 0.0, ..EncodeOptions::default() }
}

#[test]
fn every_coding_and_tile_exports_to_the_original_bytes() {
    let model = model(256);
    let limits = Limits::default();
    let original = source::open(&model.gguf, &limits).unwrap();
    let tiles = [
        TileChoice::Auto,
        TileChoice::Matrix,
        TileChoice::Row,
        TileChoice::Rows(32),
        TileChoice::Rows(50),
        TileChoice::Block(64, 100),
    ];
    let mut cases = Vec::new();
    // Every pair of a coding, a tile and a number of lanes.
    for (c, coding) in [Coding::Packed, Coding::Rans, Coding::Prefix].into_iter().enumerate() {
        for (t, tile) in tiles.into_iter().enumerate() {
            for (l, lanes) in [None, Some(1), Some(7), Some(64), Some(256)].into_iter().enumerate() {
                if (c + t + l) % 3 == 0 {
                    cases.push(EncodeOptions { tile, lanes, ..options(coding) });
                }
            }
        }
    }
    for (tile, classes) in tiles.into_iter().zip([[1, 1], [1, 8], [8, 1], [2, 3], [4, 4], [8, 8]]) {
        cases.push(EncodeOptions { tile, classes: ClassChoice::Only(classes), ..options(Coding::Rans) });
    }
    cases.push(options(Coding::Archive));
    cases.push(EncodeOptions { lanes: Some(5), tile: TileChoice::Rows(40), ..options(Coding::Archive) });
    cases.push(EncodeOptions::default());
    for encode in cases {
        let dest = model.folder.path().join("x.ecq");
        let report = pack_to(&model, &dest, encode);
        assert_eq!(report.file_bytes, std::fs::metadata(&dest).unwrap().len(), "{encode:?}");
        let verified = verify(&dest, Some(&*original), &limits, &()).unwrap();
        assert!(verified.ok, "{encode:?}: {:?}", verified.mismatches);
        // Seven matrices of shape [256, 256] have codes; the three in Q4_1 or Q5_1 have biases. That in Q4_K
        // has a super-block a row, with two steps, eight scales and eight minima.
        assert_eq!(verified.codes_checked, 7 * 256 * 256);
        assert_eq!(verified.side_values_checked, 9 * 256 * 256 / 32 + 18 * 256);
        let exported = model.folder.path().join("back.gguf");
        export_gguf(&dest, &exported, &GgufOptions::default(), &limits, &()).unwrap();
        assert!(std::fs::read(&exported).unwrap() == std::fs::read(&model.gguf).unwrap(), "{encode:?}");
    }
}

#[test]
fn an_ecq_file_can_be_packed_again() {
    let model = model(256);
    let limits = Limits::default();
    let (first, second) = (model.folder.path().join("1.ecq"), model.folder.path().join("2.ecq"));
    pack_to(&model, &first, options(Coding::Packed));
    let source = source::open(&first, &limits).unwrap();
    let again = PackOptions { encode: options(Coding::Archive), ..PackOptions::default() };
    let report = pack(&*source, "1.ecq", Some(&second), &again, &()).unwrap();
    assert!(report.file_bytes < std::fs::metadata(&first).unwrap().len());
    let original = source::open(&model.gguf, &limits).unwrap();
    assert!(verify(&second, Some(&*original), &limits, &()).unwrap().ok);
    // The attached header and the origin are those of the first source.
    let origin = |path| EcqSource::open(path, &limits).unwrap().file().model().source.clone();
    assert_eq!(origin(&second), origin(&first));
}

#[test]
fn the_report_counts_every_byte_of_the_file() {
    let model = model(512);
    let dest = model.folder.path().join("x.ecq");
    let report = pack_to(&model, &dest, EncodeOptions::default());
    let tensors: u64 = report.tensors.iter().map(|t| t.bytes).sum();
    let file = ecq_format::container::EcqFile::open(&dest, &Limits::default()).unwrap();
    let summary = file.summary();
    assert_eq!(summary.file_bytes, report.file_bytes);
    assert_eq!(summary.tensors.values().map(|t| t.total()).sum::<u64>(), tensors);
    let dry = PackOptions::default();
    let source = source::open(&model.gguf, &Limits::default()).unwrap();
    let dry = pack(&*source, "small.gguf", None, &dry, &()).unwrap();
    let of = |report: &ecq_pack::PackReport| report.bpw_linear.unwrap();
    assert!((of(&dry) / of(&report) - 1.0).abs() < 0.05, "{} {}", of(&dry), of(&report));
}

#[test]
fn overrides_hybrid_and_auto_choose_codings() {
    let model = model(512);
    let source = source::open(&model.gguf, &Limits::default()).unwrap();
    let coding = |options: &PackOptions, name: &str| {
        let report = pack(&*source, "small.gguf", None, options, &()).unwrap();
        report.tensors.iter().find(|t| t.name == name).unwrap().coding.clone()
    };
    let mut options = PackOptions::default();
    // Random 4-bit codes have no redundancy.
    assert_eq!(coding(&options, "blk.0.attn_k.weight").as_deref(), Some("packed"));
    assert_eq!(coding(&options, "blk.0.attn_q.weight").as_deref(), Some("rans"));
    options.encode.hybrid_percent = 20.0;
    assert_eq!(coding(&options, "blk.0.attn_q.weight").as_deref(), Some("packed"));
    options.add_override("attn_q=coding:prefix,hybrid:0").unwrap();
    assert_eq!(coding(&options, "blk.0.attn_q.weight").as_deref(), Some("prefix"));
    // The archive coding does not support this tile: it is refused if requested, and skipped if optional.
    options.add_override("attn_q=tile:row,coding:archive").unwrap();
    let refused = pack(&*source, "small.gguf", None, &options, &()).unwrap_err();
    assert_eq!((refused.kind(), refused.tensor()), ("option", Some("blk.0.attn_q.weight")));
    options.add_override("attn_q=lanes:1,slowest:archive").unwrap();
    assert_eq!(coding(&options, "blk.0.attn_q.weight").as_deref(), Some("rans"));
    // Tensors without codes have no coding.
    assert_eq!(coding(&options, "blk.0.ffn_up.weight"), None);
}

#[test]
fn errors_name_the_format_of_files_that_are_not_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"PK\x03\x04zip", "zip archive"),
        (b"\xfe\x01", "starts with"),
        (b"\x02\0\0\0\0\0\0\0{}", "no tensors"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = source::open(&path, &Limits::default()).err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
    }
    let error = source::open(folder.path(), &Limits::default()).err().unwrap().to_string();
    assert!(error.contains("expected model.safetensors, an index, or one file"), "{error}");
}

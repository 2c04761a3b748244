//! Checkpoints: what is sound is read, and each way to be malformed has an error that says what and where.

use ecq_core::Limits;
use ecq_format::checkpoint::{Checkpoint, CheckpointError as E, Quantization};
use ecq_format::header::HeaderError as H;
use safetensors::Dtype;
use std::fs;
use std::path::{Path, PathBuf};

/// A safetensors file from a JSON header and its data.
fn file(json: &str, data: &[u8]) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), data].concat()
}

/// A file of tensors, one after the other.
fn tensors(list: &[(&str, &str, &[usize], &[u8])]) -> Vec<u8> {
    let (mut json, mut data) = (String::new(), Vec::new());
    for (name, dtype, shape, bytes) in list {
        let start = data.len();
        data.extend(*bytes);
        let comma = if json.is_empty() { "" } else { "," };
        json += &format!(
            r#"{comma}"{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{start},{}]}}"#,
            data.len()
        );
    }
    file(&format!("{{{json}}}"), &data)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, bytes)| folder.write(name, bytes));
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> Result<Checkpoint, E> {
        Checkpoint::open(self.0.path(), &Limits::default())
    }
}

const INDEX: &str = "model.safetensors.index.json";
const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";

fn first() -> Vec<u8> {
    tensors(&[
        ("lm_head.weight", "BF16", &[3, 2], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ("n", "F32", &[1], &[13; 4]),
    ])
}

fn second() -> Vec<u8> {
    tensors(&[("e", "I8", &[2, 2, 3], &(20..32).collect::<Vec<u8>>()), ("s", "F64", &[], &[9; 8])])
}

fn index(map: &[(&str, &str)]) -> String {
    let entries: Vec<String> = map.iter().map(|(tensor, shard)| format!("{tensor:?}: {shard:?}")).collect();
    format!(r#"{{"metadata": {{"total_size": 36}}, "weight_map": {{{}}}}}"#, entries.join(", "))
}

const SOUND: [(&str, &str); 4] = [("e", SECOND), ("lm_head.weight", FIRST), ("n", FIRST), ("s", SECOND)];

fn sharded(map: &[(&str, &str)]) -> Folder {
    Folder::new(&[(FIRST, &first()), (SECOND, &second()), (INDEX, index(map).as_bytes())])
}

#[test]
fn shards_are_read_through_their_index() {
    let folder = sharded(&SOUND);
    folder.write("config.json", br#"{"model_type": "llama"}"#);
    folder.write("tokenizer.json", b"{}");
    folder.write("1_Pooling/config.json", b"[1]");
    folder.write("README.md", b"not needed to run");
    for path in [folder.path(""), folder.path(INDEX)] {
        let checkpoint = Checkpoint::open(&path, &Limits::default()).unwrap();
        let names: Vec<_> = checkpoint.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["lm_head.weight", "n", "e", "s"]);
        assert_eq!(checkpoint.shards().iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), [FIRST, SECOND]);
        assert_eq!(checkpoint.shards()[1].file_bytes, second().len() as u64);
        assert_eq!(
            [checkpoint.shards()[0].header.as_slice(), &[1, 2]].concat(),
            first()[..first().len() - 14]
        );
        let head = checkpoint.find("lm_head.weight").unwrap();
        assert_eq!((head.dtype, head.rows(), head.cols(), head.bytes), (Dtype::BF16, 3, 2, 12));
        assert_eq!(checkpoint.read(head).unwrap(), (1..=12).collect::<Vec<u8>>());
        assert_eq!(checkpoint.read_rows(head, 1, 2).unwrap(), (5..=12).collect::<Vec<u8>>());
        let experts = checkpoint.find("e").unwrap();
        assert_eq!((experts.rows(), experts.cols()), (4, 3));
        assert_eq!(checkpoint.read_rows(experts, 3, 1).unwrap(), [29, 30, 31]);
        let scalar = checkpoint.find("s").unwrap();
        assert_eq!((scalar.rows(), scalar.cols()), (1, 1));
        assert_eq!(checkpoint.read(scalar).unwrap(), [9; 8]);
        assert!(matches!(checkpoint.read_rows(head, 2, 2), Err(E::Rows { first: 2, count: 2, rows: 3, .. })));
        assert!(matches!(checkpoint.read_rows(head, usize::MAX, 2), Err(E::Rows { .. })));
        assert_eq!(checkpoint.index().unwrap(), (INDEX, index(&SOUND).as_bytes()));
        let ride_along: Vec<_> = checkpoint
            .attached_files()
            .unwrap()
            .into_iter()
            .map(|(name, bytes)| (name, bytes.len()))
            .collect();
        let expected = [("config.json", 23), ("tokenizer.json", 2), ("1_Pooling/config.json", 3)];
        assert_eq!(ride_along, expected.map(|(name, bytes)| (name.to_owned(), bytes)));
        assert_eq!(checkpoint.quantization().unwrap(), Quantization::None);
    }
    // One of the shards alone is a checkpoint too.
    let alone = Checkpoint::open(&folder.path(SECOND), &Limits::default()).unwrap();
    assert_eq!((alone.tensors().len(), alone.index()), (2, None));
}

#[test]
fn a_folder_has_one_checkpoint() {
    assert!(matches!(Folder::new(&[]).open(), Err(E::Folder { found: 0, indices: 0, .. })));
    let folder = Folder::new(&[("a.safetensors", &first())]);
    assert_eq!(folder.open().unwrap().tensors().len(), 2);
    folder.write("b.safetensors", &second());
    assert!(matches!(folder.open(), Err(E::Folder { found: 2, .. })));
    folder.write(
        "a.safetensors.index.json",
        index(&[("e", "b.safetensors"), ("s", "b.safetensors")]).as_bytes(),
    );
    assert_eq!(folder.open().unwrap().tensors().len(), 2);
    folder.write("c.safetensors.index.json", b"{}");
    assert!(matches!(folder.open(), Err(E::Folder { found: 2, indices: 2, .. })));
    folder.write("model.safetensors", &first());
    assert_eq!(folder.open().unwrap().shards()[0].name, "model.safetensors");
    let nowhere = Checkpoint::open(Path::new("no such file.safetensors"), &Limits::default());
    assert!(matches!(nowhere, Err(E::Io { .. })));
    let nowhere = Checkpoint::open(Path::new("no such index.json"), &Limits::default());
    assert!(matches!(nowhere, Err(E::Io { .. })));
}

#[test]
fn an_index_that_lies_is_named() {
    let opened = |map: &[(&str, &str)]| sharded(map).open();
    assert!(opened(&SOUND).is_ok());
    let mut map = SOUND;
    map[0].1 = "model-00003-of-00003.safetensors";
    match opened(&map) {
        Err(E::MissingShard { shard, tensor, .. }) => {
            assert_eq!((shard.as_str(), tensor.as_str()), (map[0].1, "e"))
        }
        other => panic!("{other:?}"),
    }
    // A tensor that is nowhere, one listed twice.
    let more = [&SOUND[..], &[("x", FIRST)]].concat();
    assert!(matches!(opened(&more), Err(E::NotInShard { tensor, .. }) if tensor == "x"));
    let twice = [&SOUND[..], &[("n", SECOND)]].concat();
    assert!(matches!(opened(&twice), Err(E::ListedTwice { tensor, .. }) if tensor == "n"));
    for name in [
        "../x.safetensors",
        "/etc/x.safetensors",
        "a\\\\b.safetensors",
        "c:x.safetensors",
        "x",
        ".safetensors",
        "",
    ] {
        let index = format!(r#"{{"weight_map": {{"n": "{name}"}}}}"#);
        let folder = Folder::new(&[(INDEX, index.as_bytes())]);
        assert!(matches!(folder.open(), Err(E::ShardName { tensor, .. }) if tensor == "n"), "{name}");
    }
    for json in ["[]", "{}", r#"{"weight_map": 1}"#, r#"{"weight_map": {"n": 1}}"#, r#"{"weight_map": {}}"#] {
        assert!(matches!(Folder::new(&[(INDEX, json.as_bytes())]).open(), Err(E::Json { .. })), "{json}");
    }
    let empty = Folder::new(&[(INDEX, b"")]).open();
    assert!(matches!(empty, Err(E::NotTheFile { what, .. }) if what == "an empty file"));
    let not_utf8 = Folder::new(&[(INDEX, b"{\"weight_map\": {\"\xff\": \"a.safetensors\"}}")]);
    assert!(matches!(not_utf8.open(), Err(E::Json { why, .. }) if why.contains("UTF-8 at byte 17")));
}

/// An index is a list that another save may have left behind; transformers loads what the shards hold.
#[test]
fn shards_are_right_where_an_index_is_stale() {
    let mut map = SOUND;
    map[0].1 = FIRST;
    for map in [&map[..], &SOUND[1..]] {
        let checkpoint = sharded(map).open().unwrap();
        let e = checkpoint.find("e").unwrap();
        assert_eq!(checkpoint.read(e).unwrap(), (20..32).collect::<Vec<u8>>());
        assert_eq!(checkpoint.tensors().len(), 4);
    }
    // A whole file goes before an index beside it, whatever that says.
    for stale in [index(&[("x", "model-00001-of-00002.safetensors")]), "no JSON".to_owned()] {
        let folder = Folder::new(&[("model.safetensors", &first()), (INDEX, stale.as_bytes())]);
        let checkpoint = folder.open().unwrap();
        assert_eq!((checkpoint.tensors().len(), checkpoint.index()), (2, None));
    }
    // Of two shards that hold a tensor, nobody knows which is meant.
    let twice = tensors(&[("n", "F32", &[1], &[1; 4]), ("e", "I8", &[1], &[1]), ("s", "I8", &[1], &[1])]);
    let folder = Folder::new(&[(FIRST, &first()), (SECOND, &twice), (INDEX, index(&SOUND).as_bytes())]);
    match folder.open() {
        Err(E::InTwoShards { tensor, first, second }) => {
            assert_eq!((tensor.as_str(), first.as_str(), second.as_str()), ("n", FIRST, SECOND));
        }
        other => panic!("{other:?}"),
    }
    // All that is missing is counted.
    let folder = Folder::new(&[(INDEX, index(&SOUND).as_bytes())]);
    match folder.open() {
        Err(error @ E::MissingShard { missing: 2, shards: 2, .. }) => {
            assert!(error.to_string().contains("2 of 2 shards are missing, first"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_are_no_checkpoint_are_named_for_what_they_are() {
    let said = |name: &str, bytes: &[u8]| {
        let folder = Folder::new(&[(name, bytes)]);
        folder.open().map(|_| ()).unwrap_err().to_string()
    };
    for (bytes, what) in [
        (
            &b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4613\n"[..],
            "model.safetensors is a Git LFS pointer, not the file itself (run `git lfs pull`",
        ),
        (b"<!DOCTYPE html><html><body>Sign in", "is a web page"),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "is an XML document"),
        (b"{\"error\":\"Repository not found\"}", "is an error message in JSON, \"{"),
        (b"Entry not found", "is a text, \"Entry not found\""),
        (b"\x80\x02}q\0X", "is a PyTorch checkpoint"),
        (b"PK\x03\x04", "is a zip archive"),
        (b"\x1f\x8b\x08\0", "is a gzip archive"),
        (b"\x08\x07\x12\x07pytorch", "is an ONNX model"),
        (b"GGUF\x03\0\0\0", "is a GGUF file"),
        (b"", "is an empty file"),
    ] {
        let error = said("model.safetensors", bytes);
        assert!(error.contains(what) && error.contains("expected a safetensors file"), "{error}");
    }
    let error = said(INDEX, b"version https://git-lfs.github.com/spec/v1\noid");
    assert!(error.contains("index.json is a Git LFS pointer"), "{error}");
    for name in ["pytorch_model.bin", "tf_model.h5", "model.onnx"] {
        assert!(said(name, b"x").contains(&format!("but {name:?}, of a format that is not read")));
    }
    // What lies beside may be a pointer too: it must not ride along as if it were a tokenizer.
    let folder = sharded(&SOUND);
    folder.write("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\noid");
    let error = folder.open().unwrap().attached_files().unwrap_err().to_string();
    assert!(error.contains("tokenizer.json is a Git LFS pointer"), "{error}");
    folder.write("config.json", b"<html>");
    let error = folder.open().unwrap().json("config.json").unwrap_err().to_string();
    assert!(error.contains("config.json is a web page") && error.contains("expected a JSON file"), "{error}");
    // Broken JSON is told with its place, Python's numbers are read.
    folder.write("config.json", b"{\"a\": 1,}");
    assert!(
        matches!(folder.open().unwrap().json("config.json"), Err(E::Json { why, .. }) if why.contains("column"))
    );
    folder.write("config.json", b"{\"time_step_limit\": [0.0, Infinity], \"x\": NaN}");
    let config = folder.open().unwrap().json("config.json").unwrap().unwrap();
    assert_eq!(ecq_format::python_json::as_f64(&config["time_step_limit"][1]), Some(f64::INFINITY));
}

#[test]
fn a_tensor_without_elements_is_carried() {
    let all =
        [("a", "F32", &[2][..], &[1; 8][..]), ("none", "F16", &[0, 4], &[]), ("more", "I8", &[3, 0], &[])];
    let folder = Folder::new(&[("model.safetensors", &tensors(&all))]);
    let checkpoint = folder.open().unwrap();
    let none = checkpoint.find("none").unwrap();
    assert_eq!((none.rows(), none.cols(), none.bytes), (0, 4, 0));
    assert_eq!(checkpoint.read(none).unwrap(), Vec::<u8>::new());
    assert_eq!(checkpoint.weights(&Quantization::None).unwrap().len(), 3);
}

#[test]
fn a_shard_that_lies_is_named() {
    let opened = |bytes: &[u8]| Folder::new(&[("model.safetensors", bytes)]).open();
    let header = |json: &str, data: usize| match opened(&file(json, &vec![0; data])) {
        Err(E::Header { file, source }) => {
            assert_eq!(file, "model.safetensors");
            source
        }
        other => panic!("{json}: {other:?}"),
    };
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    // Types, lengths, places.
    assert!(
        matches!(header(&one("F17", "[4]", "[0,8]"), 8), H::Dtype { tensor, found } if tensor == "w" && found == "F17")
    );
    assert!(matches!(header(&one("F16", "[4]", "[0,4]"), 4), H::Length { found: 4, expected: 8, .. }));
    assert!(matches!(header(&one("F16", "[4]", "[8,0]"), 8), H::Backwards { .. }));
    assert!(matches!(header(&one("F16", "[4]", "[2,10]"), 10), H::Hole { .. }));
    let overlapping = r#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}}"#;
    assert!(
        matches!(header(overlapping, 12), H::Overlap { tensor, other, .. } if tensor == "b" && other == "a")
    );
    assert!(matches!(header(&one("F16", "[4]", "[0,8]"), 9), H::FileLength { .. }));
    let cut = file(&one("F16", "[4]", "[0,8]"), &[0; 7]);
    let expected = cut.len() as u64 + 1;
    assert!(
        matches!(opened(&cut), Err(E::Truncated { found, expected: e, .. }) if (found, e) == (expected - 1, expected))
    );
    // Dimensions: negative, too large to multiply, too large to hold.
    assert!(matches!(header(&one("F16", "[-4]", "[0,8]"), 8), H::Json(_)));
    assert!(
        matches!(header(&one("F16", "[9223372036854775807,4]", "[0,8]"), 8), H::Shape { tensor, .. } if tensor == "w")
    );
    assert!(matches!(header(&one("F16", "[4611686018427387904]", "[0,8]"), 8), H::Shape { .. }));
    let limits = Limits { tensor_weights: 3, ..Limits::default() };
    let folder = Folder::new(&[("model.safetensors", &file(&one("F16", "[4]", "[0,8]"), &[0; 8]))]);
    let most = Checkpoint::open(&folder.path(""), &limits);
    assert!(matches!(most, Err(E::TooManyWeights { found: 4, most: 3, .. })));
    // Names.
    let mut bytes = file(r#"{"wXw":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}}"#, &[0; 8]);
    bytes[11] = 0xc3;
    assert!(matches!(opened(&bytes), Err(E::Header { source: H::Utf8 { at: 11 }, .. })));
    let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
    assert!(matches!(header(twice, 2), H::Duplicate { name } if name == "a"));
    // Headers: none, cut, endless.
    assert!(matches!(opened(&[1, 2, 3]), Err(E::Truncated { found: 3, expected: 8, .. })));
    assert!(matches!(opened(&[]), Err(E::NotTheFile { .. })));
    assert!(matches!(opened(&[0xff; 16]), Err(E::Header { source: H::TooLarge { .. }, .. })));
    assert!(matches!(header("{", 0), H::Json(_)));
    let whole = first();
    for len in 1..whole.len() {
        let found = opened(&whole[..len]);
        assert!(
            matches!(found, Err(E::Truncated { found, .. }) if found == len as u64),
            "cut to {len} bytes"
        );
    }
}

#[test]
fn no_flipped_bit_of_a_header_or_index_panics() {
    let limits = Limits { tensors: 8, header_bytes: 1 << 16, ..Limits::default() };
    let (a, b, json) = (first(), second(), index(&SOUND).into_bytes());
    let parse = |json: &[u8], a: &[u8]| {
        let shards = [(FIRST, a, a.len() as u64), (SECOND, &b[..], b.len() as u64)];
        Checkpoint::parse(Some(json), &shards, &limits).is_ok()
    };
    assert!(parse(&json, &a));
    let mut sound = 0;
    for bit in 0..8 * json.len() {
        let mut flipped = json.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        sound += usize::from(parse(&flipped, &a));
    }
    // Such as in "total_size", which nobody needs.
    assert!(sound < 8 * 48, "{sound}");
    for bit in 0..8 * (a.len() - 16) {
        let mut flipped = a.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        parse(&json, &flipped);
    }
}

#[test]
fn files_beside_are_capped() {
    let folder = sharded(&SOUND);
    folder.write("tokenizer.json", &[b' '; 2000]);
    let limits = Limits { file_bytes: 1000, ..Limits::default() };
    let checkpoint = Checkpoint::open(&folder.path(""), &limits).unwrap();
    assert!(matches!(checkpoint.attached_files(), Err(E::FileTooLarge { found: 2000, most: 1000, .. })));
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    assert!(matches!(Checkpoint::open(&folder.path(""), &limits), Err(E::FileTooLarge { .. })));
    let limits = Limits { tensors: 3, ..Limits::default() };
    assert!(matches!(Checkpoint::open(&folder.path(""), &limits), Err(E::TooManyTensors { most: 3 })));
    folder.write("config.json", b"[]");
    assert!(
        matches!(folder.open().unwrap().json("config.json"), Err(E::Json { file, .. }) if file == "config.json")
    );
    let file_as_folder = Checkpoint::open(&folder.path("config.json/x.safetensors"), &Limits::default());
    assert!(matches!(file_as_folder, Err(E::Io { .. })));
}

#[test]
fn floats_of_eight_bits_are_refused_by_name() {
    for dtype in ["F8_E4M3", "F8_E5M2", "F8_E8M0"] {
        let folder = Folder::new(&[("model.safetensors", &tensors(&[("w", dtype, &[2, 4], &[0; 8])]))]);
        let checkpoint = folder.open().unwrap();
        let weights = checkpoint.weights(&Quantization::None);
        assert!(matches!(weights, Err(E::Dtype { tensor, .. }) if tensor == "w"), "{dtype}");
    }
}

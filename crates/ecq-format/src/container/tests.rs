use super::*;
use crate::safetensors_header::HeaderError;
use bytes::Bytes;
use ecq_core::{
    Coding, CoreError, EncodedTensor, FloatType, GridEntry, LaneOrder, Limits, RawEntry, TensorContent,
    TensorEntry, TensorKind, TensorPart, TensorParts, Tile,
};
use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};

/// Entry and parts of the golden file. The lengths of the parts are arbitrary: they do not match the entry.
fn encoded(seed: u8, coding: Coding) -> (TensorEntry, TensorParts) {
    let content = TensorContent::Codes {
        coding,
        alphabet: 16,
        tile: Tile { rows: 32, cols: 64, lanes: 32, order: LaneOrder::Rows },
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
    let wanted = match coding {
        Coding::Packed => vec![TensorPart::Stream, TensorPart::Scales],
        _ => vec![TensorPart::Stream, TensorPart::Scales, TensorPart::Table, TensorPart::Index],
    };
    let bytes = |i: usize| Bytes::from((0..20 + i).map(|j| (j * 31 + i) as u8 ^ seed).collect::<Vec<_>>());
    let parts = wanted.into_iter().enumerate().map(|(i, part)| (part, bytes(i))).collect();
    (TensorEntry { kind: TensorKind::Linear, shape: [32, 64], content }, parts)
}

fn raw() -> (TensorEntry, TensorParts) {
    let content = TensorContent::Raw(RawEntry { dtype: "q4_k".to_owned(), bytes: 144 });
    let parts = TensorParts::from([(TensorPart::Stream, Bytes::from_static(b"coded"))]);
    (TensorEntry { kind: TensorKind::Embedding, shape: [1, 256], content }, parts)
}

/// An encoded tensor with the same entry and parts of the required lengths.
fn valid(coding: Coding) -> EncodedTensor {
    let (entry, mut parts) = encoded(3, coding);
    let (part, bytes) = match coding {
        Coding::Packed => (TensorPart::Stream, 32 * 64 / 2),
        _ => (TensorPart::Index, 4),
    };
    parts.insert(part, vec![7; bytes].into());
    EncodedTensor::new(entry, parts).unwrap()
}

fn model() -> ModelEntry {
    ModelEntry {
        source: SourceRecord { format: "gguf".to_owned(), file: "small.gguf".to_owned(), bytes: 12345 },
        order: ["b.weight", "norm.weight", "a.weight", "k.weight", "half"].map(str::to_owned).into(),
        writer: "ecq test".to_owned(),
        shapes: std::collections::BTreeMap::new(),
        recipe: None,
        measured_kl: Vec::new(),
    }
}

/// Pushes the tensors and files of `steps` that were not pushed before.
fn push(writer: &mut EcqWriter, steps: &[usize]) {
    for step in steps {
        match step {
            0 if !writer.is_done("a.weight") => push_parts(writer, "a.weight", encoded(1, Coding::Rans)),
            1 if !writer.is_done("b.weight") => push_parts(writer, "b.weight", encoded(2, Coding::Packed)),
            2 if !writer.is_done("norm.weight") => {
                writer.push_plain("norm.weight", Dtype::F32, &[3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
            }
            3 if !writer.is_done("k.weight") => push_parts(writer, "k.weight", raw()),
            4 if !writer.is_done("half") => writer.push_plain("half", Dtype::F16, &[1, 1], &[0, 60]),
            5 if !writer.is_done("ecq.file/config.json") => writer.push_file("config.json", &[b'x'; 300]),
            6 if !writer.is_done("ecq.file/tiny") => writer.push_file("tiny", b"y"),
            _ => Ok(()),
        }
        .unwrap();
    }
}

fn push_parts(writer: &mut EcqWriter, name: &str, (entry, parts): (TensorEntry, TensorParts)) -> Result<()> {
    writer.push_parts(name, &entry, &parts)
}

fn parts_of(file: &EcqFile, name: &str) -> Result<(TensorEntry, TensorParts)> {
    file.entry_and_parts(name).map(|(entry, parts)| (entry.clone(), parts))
}

const ALL: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn written(dest: &Path) -> (Vec<u8>, SizeSummary) {
    let mut writer = EcqWriter::create(dest, "key", false).unwrap();
    push(&mut writer, &ALL);
    let summary = writer.finish(&model()).unwrap();
    (std::fs::read(dest).unwrap(), summary)
}

fn parse(bytes: &[u8]) -> Result<EcqFile> {
    EcqFile::parse(Bytes::copy_from_slice(bytes), &Limits::default())
}

#[test]
fn pushed_tensors_and_files_are_read_back() {
    let folder = Folder::new();
    let (bytes, summary) = written(&folder.path("x.ecq"));
    assert!(!folder.path("x.ecq.partial").exists());
    let file = EcqFile::open(&folder.path("x.ecq"), &Limits::default()).unwrap();
    file.verify_seal(|_| {}).unwrap();
    assert_eq!(file.model(), &model());
    assert_eq!(parts_of(&file, "a.weight").unwrap(), encoded(1, Coding::Rans));
    assert_eq!(parts_of(&file, "b.weight").unwrap(), encoded(2, Coding::Packed));
    assert_eq!(file.encoded("k.weight").unwrap().into_parts(), raw());
    ["a.weight", "b.weight", "k.weight"].iter().for_each(|name| file.check(name).unwrap());
    let norm = file.plain("norm.weight").unwrap();
    assert_eq!((norm.dtype, &norm.shape[..], norm.bytes.len()), (Dtype::F32, &[3][..], 12));
    assert_eq!(file.file("config.json").unwrap(), [b'x'; 300]);
    assert_eq!(file.file("tiny").unwrap(), b"y");
    assert_eq!(file.files().collect::<Vec<_>>(), ["config.json", "tiny"]);
    assert_eq!(file.summary(), summary);
    assert_eq!(summary.file_bytes, bytes.len() as u64);
    assert!(summary.files["config.json"] < 300, "compressed");
}

#[test]
fn a_replaced_part_is_in_the_file_and_not_in_a_run_that_resumes() {
    let folder = Folder::new();
    let dest = folder.path("x.ecq");
    let mut writer = EcqWriter::create(&dest, "key", false).unwrap();
    push(&mut writer, &ALL);
    writer.push_encoded("v", &valid(Coding::Rans)).unwrap();
    // The new part is shorter; what follows it in the file moves.
    let replacement = Bytes::from_static(b"new");
    writer.replace_part("a.weight", TensorPart::Scales, replacement.clone()).unwrap();
    writer.replace_part("v", TensorPart::Table, replacement.clone()).unwrap();
    assert_eq!(writer.encoded("v").unwrap().unwrap(), valid(Coding::Rans), "as it was pushed");
    for (name, part) in [("a.weight", TensorPart::Outliers), ("norm.weight", TensorPart::Scales)] {
        let error = writer.replace_part(name, part, Bytes::new()).unwrap_err();
        assert!(
            matches!(&error, ContainerError::Missing { name: found, .. } if found.contains(name)),
            "{error}"
        );
    }
    writer.commit().unwrap();
    drop(writer);
    let mut writer = EcqWriter::create(&dest, "key", true).unwrap();
    assert_eq!(writer.encoded("v").unwrap().unwrap(), valid(Coding::Rans), "as it was pushed");
    writer.replace_part("a.weight", TensorPart::Scales, replacement.clone()).unwrap();
    let order = [&model().order[..], &["v".to_owned()]].concat();
    let summary = writer.finish(&ModelEntry { order, ..model() }).unwrap();
    let file = EcqFile::open(&dest, &Limits::default()).unwrap();
    file.verify_seal(|_| {}).unwrap();
    let (entry, mut parts) = encoded(1, Coding::Rans);
    parts.insert(TensorPart::Scales, replacement);
    assert_eq!(parts_of(&file, "a.weight").unwrap(), (entry, parts));
    assert_eq!(file.encoded("v").unwrap(), valid(Coding::Rans));
    ["a.weight", "b.weight", "k.weight", "v"].iter().for_each(|name| file.check(name).unwrap());
    assert_eq!(file.summary(), summary);
    assert_eq!(summary.file_bytes, std::fs::metadata(&dest).unwrap().len());
}

#[test]
fn part_lengths_that_do_not_match_the_entry_are_refused() {
    let folder = Folder::new();
    let dest = folder.path("x.ecq");
    let mut writer = EcqWriter::create(&dest, "key", false).unwrap();
    writer.push_encoded("a", &valid(Coding::Rans)).unwrap();
    writer.push_encoded("b", &valid(Coding::Packed)).unwrap();
    push_parts(&mut writer, "c", encoded(1, Coding::Rans)).unwrap();
    push_parts(&mut writer, "d", encoded(2, Coding::Packed)).unwrap();
    let order = ["a", "b", "c", "d"].map(str::to_owned).into();
    writer.finish(&ModelEntry { order, ..model() }).unwrap();
    let file = EcqFile::open(&dest, &Limits::default()).unwrap();
    file.verify_seal(|_| {}).unwrap();
    assert_eq!(file.encoded("a").unwrap(), valid(Coding::Rans));
    assert_eq!(file.encoded("b").unwrap(), valid(Coding::Packed));
    for (name, part, found, expected) in
        [("c", TensorPart::Index, 23, 4), ("d", TensorPart::Stream, 20, 1024)]
    {
        match file.encoded(name) {
            Err(ContainerError::Entry { tensor, source }) => {
                assert_eq!(tensor, name);
                assert_eq!(source, CoreError::PartLength { part, found, expected });
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_file_is_a_safetensors_file_with_aligned_data() {
    let folder = Folder::new();
    let (bytes, summary) = written(&folder.path("x.ecq"));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("norm.weight").unwrap().dtype(), Dtype::F32);
    assert_eq!(
        file.tensor("a.weight.ecq.stream").unwrap().data(),
        &encoded(1, Coding::Rans).1[&TensorPart::Stream]
    );
    assert_eq!(summary.header_bytes % 64, 0);
    // Plain tensors are sorted by descending element size, which aligns them.
    assert_eq!(bytes[summary.header_bytes as usize..][..4], [1, 2, 3, 4]);
}

#[test]
fn the_file_does_not_depend_on_the_order_of_pushes() {
    let folder = Folder::new();
    let (expected, _) = written(&folder.path("x.ecq"));
    let mut writer = EcqWriter::create(&folder.path("y.ecq"), "other", false).unwrap();
    push(&mut writer, &[6, 4, 2, 0, 5, 3, 1]);
    writer.finish(&model()).unwrap();
    assert_eq!(std::fs::read(folder.path("y.ecq")).unwrap(), expected);
}

#[test]
fn a_run_interrupted_anywhere_resumes_to_the_same_bytes() {
    let folder = Folder::new();
    let (expected, _) = written(&folder.path("x.ecq"));
    let dest = folder.path("y.ecq");
    let partial = folder.path("y.ecq.partial");
    let mut writer = EcqWriter::create(&dest, "key", false).unwrap();
    push(&mut writer, &ALL);
    writer.commit().unwrap();
    drop(writer);
    let (journal, data) =
        (std::fs::read(partial.join("journal")).unwrap(), std::fs::read(partial.join("data")).unwrap());
    let mut kept = std::collections::BTreeSet::new();
    let cuts =
        (0..=journal.len()).map(|j| (j, data.len())).chain((0..=data.len()).map(|d| (journal.len(), d)));
    let whole = [(journal.len(), data.len())];
    for (journal_bytes, data_bytes) in cuts.step_by(7).chain(whole) {
        std::fs::create_dir_all(&partial).unwrap();
        std::fs::write(partial.join("journal"), &journal[..journal_bytes]).unwrap();
        std::fs::write(partial.join("data"), &data[..data_bytes]).unwrap();
        let mut writer = EcqWriter::create(&dest, "key", true).unwrap();
        kept.insert(ALL.len() - [0, 1, 2, 3, 4, 5, 6].iter().filter(|&&s| !done(&writer, s)).count());
        push(&mut writer, &ALL);
        writer.finish(&model()).unwrap();
        assert_eq!(std::fs::read(&dest).unwrap(), expected, "journal {journal_bytes}, data {data_bytes}");
    }
    assert_eq!(
        kept.into_iter().collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 7],
        "every number of finished tensors"
    );
}

fn done(writer: &EcqWriter, step: usize) -> bool {
    let names =
        ["a.weight", "b.weight", "norm.weight", "k.weight", "half", "ecq.file/config.json", "ecq.file/tiny"];
    writer.is_done(names[step])
}

#[test]
fn a_writer_refuses_other_keys_other_processes_and_bad_names() {
    let folder = Folder::new();
    let dest = folder.path("x.ecq");
    let mut writer = EcqWriter::create(&dest, "one", false).unwrap();
    push(&mut writer, &[0]);
    writer.commit().unwrap();
    assert!(matches!(EcqWriter::create(&dest, "one", true), Err(ContainerError::InUse { .. })));
    for name in ["", "ecq.seal", "x.ecq.stream", "__metadata__"] {
        assert!(matches!(push_parts(&mut writer, name, raw()), Err(ContainerError::Name { .. })), "{name:?}");
    }
    assert!(matches!(push_parts(&mut writer, "a.weight", raw()), Err(ContainerError::Name { .. })));
    assert!(matches!(writer.push_plain("n", Dtype::F32, &[2], &[0; 7]), Err(ContainerError::Name { .. })));
    drop(writer);
    assert!(matches!(EcqWriter::create(&dest, "two", true), Err(ContainerError::JournalKey { .. })));
    assert!(EcqWriter::create(&dest, "one", true).unwrap().is_done("a.weight"));
    // Without `resume` the existing work folder is discarded.
    let mut writer = EcqWriter::create(&dest, "two", false).unwrap();
    assert!(!writer.is_done("a.weight"));
    push(&mut writer, &[0, 1]);
    let mut wrong = model();
    wrong.order = vec!["a.weight".to_owned()];
    assert!(matches!(writer.finish(&wrong), Err(ContainerError::Name { .. })));
    for order in [["a.weight", "a.weight"], ["a.weight", "ecq.file/tiny"]] {
        let mut writer = EcqWriter::create(&dest, "two", true).unwrap();
        push(&mut writer, &[6]);
        wrong.order = order.map(str::to_owned).into();
        // The order has as many names as there are tensors, but does not list all of them.
        assert!(writer.finish(&wrong).is_err(), "{order:?}");
    }
    assert!(!dest.exists());
    let writer = EcqWriter::create(&dest, "two", true).unwrap();
    assert!(matches!(writer.finish(&model()), Err(ContainerError::Missing { .. })));
    let nowhere = EcqWriter::create(&folder.path("x.ecq.partial/journal/y"), "k", false);
    assert!(matches!(nowhere, Err(ContainerError::Io { .. })));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused() {
    let folder = Folder::new();
    let (bytes, _) = written(&folder.path("x.ecq"));
    let refused = |bytes: &[u8]| parse(bytes).and_then(|file| file.verify_seal(|_| {})).is_err();
    assert!(!refused(&bytes));
    for len in 0..bytes.len() {
        assert!(refused(&bytes[..len]), "cut to {len} bytes");
    }
    let mut flipped = bytes.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            assert!(refused(&flipped), "byte {at}, bit {bit}");
            flipped[at] ^= 1 << bit;
        }
    }
    flipped.push(0);
    assert!(refused(&flipped), "one byte more");
}

#[test]
fn errors_name_the_damaged_part() {
    let folder = Folder::new();
    let (mut bytes, summary) = written(&folder.path("x.ecq"));
    let stream = encoded(1, Coding::Rans).1[&TensorPart::Stream].clone();
    let at = bytes.windows(stream.len()).position(|window| window == &stream[..]).unwrap();
    bytes[at + 3] ^= 1;
    let file = parse(&bytes).unwrap();
    match file.check("a.weight") {
        Err(ContainerError::Checksum { name, offset, .. }) => {
            assert_eq!((name.as_str(), offset), ("a.weight.ecq.stream", at as u64));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(file.verify_seal(|_| {}), Err(ContainerError::Seal(_))));
    assert!(matches!(file.encoded("zzz"), Err(ContainerError::Missing { .. })));
    assert!(matches!(file.plain("a.weight"), Err(ContainerError::Missing { .. })));
    assert!(matches!(file.check("norm.weight"), Err(ContainerError::Missing { .. })));
    assert!(matches!(file.file("zzz"), Err(ContainerError::Missing { .. })));
    let small = Limits { header_bytes: 100, ..Limits::default() };
    let limited = |limits| EcqFile::parse(Bytes::copy_from_slice(&bytes), &limits);
    assert!(matches!(limited(small), Err(ContainerError::Header(HeaderError::TooLarge { .. }))));
    let few = Limits { tensors: 3, ..Limits::default() };
    assert!(matches!(limited(few), Err(ContainerError::Header(HeaderError::TooManyTensors { .. }))));
    let tiny = Limits { file_bytes: 10, ..Limits::default() };
    assert!(matches!(limited(tiny).unwrap().file("config.json"), Err(ContainerError::Inflate { .. })));
    let light = Limits { tensor_weights: 100, ..Limits::default() };
    assert!(matches!(limited(light), Err(ContainerError::Entry { .. })));
    assert!(matches!(
        EcqFile::open(&folder.path("none"), &Limits::default()),
        Err(ContainerError::Io { .. })
    ));
    assert!(summary.file_bytes > 0);
}

/// Returns a file whose header was changed by `edit`, with a valid seal.
fn with_header(edit: impl Fn(String) -> String) -> Vec<u8> {
    let folder = Folder::new();
    let (bytes, summary) = written(&folder.path("x.ecq"));
    let json = String::from_utf8(bytes[8..summary.header_bytes as usize].to_vec()).unwrap();
    let edited = edit(json);
    let mut out = (edited.len() as u64).to_le_bytes().to_vec();
    out.extend(edited.as_bytes());
    out.extend(&bytes[summary.header_bytes as usize..bytes.len() - 32]);
    let seal = blake3::hash(&out);
    out.extend(seal.as_bytes());
    out
}

#[test]
fn every_invalid_entry_is_refused() {
    let edited_header = |from: &str, to: &str| {
        parse(&with_header(|json| {
            assert!(json.contains(from), "{from} is not in {json}");
            json.replace(from, to)
        }))
    };
    assert!(parse(&with_header(|json| json)).is_ok());
    assert!(matches!(parse(b"short"), Err(ContainerError::Header(HeaderError::TooShort { .. }))));
    assert!(matches!(
        edited_header("\"format\":\"ecq\"", "\"format\":\"pt\""),
        Err(ContainerError::NotEcq(Some(_)))
    ));
    assert!(matches!(
        edited_header("\"ecq.version\":\"1\"", "\"ecq.version\":\"2\""),
        Err(ContainerError::Version { .. })
    ));
    assert!(matches!(
        edited_header("\"ecq.version\":\"1\"", "\"ecq.version\":\"x\""),
        Err(ContainerError::Version { .. })
    ));
    assert!(matches!(edited_header("\"ecq.model\"", "\"ecq.nodel\""), Err(ContainerError::Missing { .. })));
    assert!(matches!(edited_header("\\\"writer\\\"", "\\\"water\\\""), Err(ContainerError::Metadata { .. })));
    assert!(matches!(
        edited_header("\"a.weight.ecq\"", "\"z.weight.ecq\""),
        Err(ContainerError::Tensor { .. })
    ));
    assert!(matches!(
        edited_header("a.weight.ecq.index", "a.weight.ecq.indox"),
        Err(ContainerError::Tensor { .. })
    ));
    assert!(matches!(
        edited_header("\\\"alphabet\\\":16", "\\\"alphabet\\\":99"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(
        edited_header("\\\"alphabet\\\":16", "\\\"alphabet\\\":1"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(
        edited_header("\\\"lanes\\\":32", "\\\"lanes\\\":0"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(
        edited_header("\\\"lanes\\\":32", "\\\"lanes\\\":257"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(
        edited_header("\\\"group_size\\\":32", "\\\"group_size\\\":0"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(
        edited_header("\\\"group_size\\\":32", "\\\"group_size\\\":33"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(edited_header("\\\"bits\\\":4", "\\\"bits\\\":9"), Err(ContainerError::Entry { .. })));
    assert!(matches!(edited_header("\\\"zero\\\":8", "\\\"zero\\\":16"), Err(ContainerError::Entry { .. })));
    assert!(matches!(
        edited_header("\\\"shape\\\":[32,64]", "\\\"shape\\\":[0,64]"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(edited_header("\\\"rans\\\"", "\\\"zip\\\""), Err(ContainerError::Metadata { .. })));
    assert!(matches!(edited_header("\\\"rans\\\"", "\\\"packed\\\""), Err(ContainerError::Tensor { .. })));
    assert!(matches!(
        edited_header("\\\"bytes\\\":144", "\\\"bytes\\\":99999"),
        Err(ContainerError::Entry { .. })
    ));
    assert!(matches!(
        edited_header("\\\"bytes\\\":300", "\\\"bytes\\\":301").unwrap().file("config.json"),
        Err(ContainerError::Inflate { .. })
    ));
    assert!(matches!(
        edited_header("\\\"bytes\\\":300", "\\\"bytes\\\":299").unwrap().file("config.json"),
        Err(ContainerError::Inflate { .. })
    ));
    assert!(matches!(
        edited_header("\\\"half\\\"]", "\\\"norm.weight\\\"]"),
        Err(ContainerError::Tensor { .. })
    ));
    assert!(matches!(edited_header("\"ecq.seal\":", "\"ecq.seel\":"), Err(ContainerError::Tensor { .. })));
    assert!(matches!(edited_header("\"half\":", "\"norm.weight\":"), Err(ContainerError::Header(_))));
    assert!(matches!(
        edited_header("\"dtype\":\"F32\"", "\"dtype\":\"F64\""),
        Err(ContainerError::Header(_))
    ));
    assert!(matches!(
        edited_header("{\"__metadata__\"", "[\"__metadata__\""),
        Err(ContainerError::Header(_))
    ));
    assert!(matches!(
        edited_header("ecq.file/tiny\":\"", "stray\":\""),
        Err(ContainerError::Metadata { .. })
    ));
}

/// The file that the first release of schema version 1 writes for these tensors. It must never be replaced:
/// as long as the schema version is 1, readers must read it and writers must write it.
const GOLDEN: &[u8] = include_bytes!("../../tests/data/golden-v1.ecq");

#[test]
fn the_golden_file_is_read_and_written() {
    let file = parse(GOLDEN).unwrap();
    file.verify_seal(|_| {}).unwrap();
    assert_eq!(parts_of(&file, "a.weight").unwrap(), encoded(1, Coding::Rans));
    let folder = Folder::new();
    let (bytes, _) = written(&folder.path("x.ecq"));
    // Compressed bytes depend on the compressor, so the attached files are not compared.
    let header = |bytes: &[u8]| u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(header(&bytes), header(GOLDEN));
    let read_again = parse(&bytes).unwrap();
    for name in file.names() {
        assert_eq!(parts_of(&file, name).ok(), parts_of(&read_again, name).ok());
        assert_eq!(file.plain(name).ok(), read_again.plain(name).ok());
    }
}

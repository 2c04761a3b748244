//! Split models: opening any part reads all parts as one file.

use ecq_core::Limits;
use ecq_format::gguf::{
    GgmlType, Gguf, GgufError, GgufModel, TensorToWrite, Value, write, write_with_header,
};
use std::fs;
use std::path::PathBuf;

const PARTS: [&str; 3] = ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"];

fn tensor(name: &str) -> TensorToWrite {
    TensorToWrite { name: name.to_owned(), ty: GgmlType::F32, dims: vec![3] }
}

fn bytes_of(name: &str) -> Vec<u8> {
    [name.as_bytes()[0]; 12].to_vec()
}

fn file(metadata: &[(&str, Value)], names: &[&str]) -> Vec<u8> {
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let tensors: Vec<_> = names.iter().map(|name| tensor(name)).collect();
    let mut file = Vec::new();
    write(&mut file, &metadata, &tensors, |i| Ok::<_, GgufError>(bytes_of(names[i]))).expect("written");
    file
}

fn of_split(number: u16, count: u16, tensors: i32) -> Vec<(&'static str, Value)> {
    vec![
        ("split.no", Value::U16(number)),
        ("split.count", Value::U16(count)),
        ("split.tensors.count", Value::I32(tensors)),
    ]
}

fn model() -> Vec<(&'static str, Value)> {
    vec![("general.architecture", Value::String("llama".to_owned())), ("general.alignment", Value::U32(64))]
}

/// The parts as gguf-split writes them: only the first part has the keys of the model.
fn parts() -> [Vec<u8>; 3] {
    [
        file(&[model(), of_split(0, 3, 4)].concat(), &["a", "b"]),
        file(&[of_split(1, 3, 4), vec![("late.key", Value::U8(7))]].concat(), &["c"]),
        file(&of_split(2, 3, 4), &["d"]),
    ]
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn of(parts: &[Vec<u8>; 3]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        PARTS.iter().zip(parts).for_each(|(name, part)| fs::write(folder.path(name), part).expect("written"));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) -> Result<GgufModel, GgufError> {
        GgufModel::open(&self.path(name), &Limits::default())
    }
}

#[test]
fn opening_any_part_reads_all_parts() {
    let folder = Folder::of(&parts());
    for name in PARTS {
        let model = folder.open(name).expect("valid");
        assert_eq!(model.files().len(), 3);
        let whole = model.merged();
        let names: Vec<_> = whole.tensors().iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(model.read_tensor(index).expect("read"), bytes_of(name));
        }
        // The merged model has no split.* keys. Keys of later parts are kept.
        let keys: Vec<_> = whole.metadata().iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["general.architecture", "general.alignment", "late.key"]);
        assert!(model.padding(&Limits::default()).expect("zeros").is_empty());
        // The file that is written with the merged header has the same contents.
        let (mut out, mut next) = (Vec::new(), 0..4);
        let read = |_: &_| next.next().map_or(Ok(Vec::new()), |index| model.read_tensor(index));
        write_with_header(&mut out, whole, &Default::default(), read).expect("written");
        let again = Gguf::parse(&out, out.len() as u64, &Limits::default()).expect("valid");
        assert_eq!((again.metadata(), again.tensors()), (whole.metadata(), whole.tensors()));
        assert!(again.tensors().iter().all(|tensor| tensor.offset % 64 == 0));
    }
}

#[test]
fn the_first_part_may_have_no_tensor() {
    let parts = [
        file(&[model(), of_split(0, 3, 3)].concat(), &[]),
        file(&of_split(1, 3, 3), &["c"]),
        file(&of_split(2, 3, 3), &["d", "e"]),
    ];
    let model = Folder::of(&parts).open(PARTS[0]).expect("valid");
    assert_eq!(model.merged().tensors().len(), 3);
}

#[test]
fn a_split_of_one_part_is_a_plain_file() {
    let folder = Folder::of(&parts());
    for keys in [model(), [model(), of_split(0, 1, 1)].concat(), [model(), of_split(0, 0, 1)].concat()] {
        let bytes = file(&keys, &["a"]);
        fs::write(folder.path("any name.gguf"), &bytes).expect("written");
        let model = folder.open("any name.gguf").expect("valid");
        assert_eq!((model.files().len(), model.merged().metadata().len()), (1, keys.len()));
        assert_eq!(model.read_tensor(0).expect("read"), bytes_of("a"));
    }
}

#[test]
fn mismatched_parts_are_refused() {
    // A part is missing.
    for name in [PARTS[0], PARTS[2]] {
        let folder = Folder::of(&parts());
        fs::remove_file(folder.path(PARTS[1])).expect("removed");
        match folder.open(name) {
            Err(error @ GgufError::MissingPart { number: 2, count: 3, .. }) => {
                let error = error.to_string();
                assert!(error.contains(PARTS[1]) && error.contains("part 2 of 3"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    // A part was renamed.
    let folder = Folder::of(&parts());
    fs::rename(folder.path(PARTS[0]), folder.path("model.gguf")).expect("renamed");
    let error = folder.open("model.gguf").expect_err("no name of a part").to_string();
    assert!(error.contains("part 1 of 3") && error.contains("-00001-of-00003.gguf"), "{error}");
    let wrong = |change: &dyn Fn(&mut [Vec<u8>; 3]), words: &str| {
        let mut all = parts();
        change(&mut all);
        match Folder::of(&all).open(PARTS[0]) {
            Err(error @ (GgufError::Part { .. } | GgufError::Key { .. })) => {
                assert!(error.to_string().contains(words), "{error}");
            }
            other => panic!("{words}: {other:?}"),
        }
    };
    wrong(&|all| all.swap(1, 2), "is part 3 of 3, expected part 2 of 3");
    wrong(&|all| all[1] = file(&of_split(1, 2, 4), &["c"]), "is part 2 of 2, expected part 2 of 3");
    wrong(&|all| all[1] = file(&model(), &["c"]), "split.count is missing");
    wrong(
        &|all| all[1] = file(&of_split(1, 3, 5), &["c"]),
        "split.tensors.count is 5, expected 4 as in another part",
    );
    wrong(
        &|all| all[1] = file(&of_split(1, 3, 4), &[]),
        "all parts hold 3 tensors, expected 4 by split.tensors.count",
    );
    wrong(&|all| all[2] = file(&of_split(2, 3, 4), &["a"]), "tensor \"a\" is also in");
    wrong(&|all| all[0] = file(&of_split(3, 3, 4), &["a", "b"]), "split.no");
    // A truncated part and a Git LFS pointer are reported as for a single file.
    let mut all = parts();
    let len = all[2].len();
    all[2].truncate(len - 24);
    match Folder::of(&all).open(PARTS[0]) {
        Err(GgufError::FileTruncated { path, .. }) => assert!(path.ends_with(PARTS[2])),
        other => panic!("{other:?}"),
    }
    all[2] = b"version https://git-lfs.github.com/spec/v1".to_vec();
    let pointer = Folder::of(&all).open(PARTS[1]);
    assert!(matches!(pointer, Err(GgufError::NotGguf { path, .. }) if path.ends_with(PARTS[2])));
    // The merged file cannot represent bytes after the tensors of a part.
    let mut all = parts();
    all[1].extend(b"junk");
    let error = Folder::of(&all).open(PARTS[0]).expect("read").padding(&Limits::default()).expect_err("junk");
    assert!(error.to_string().contains("cannot be kept"), "{error}");
    // The limit applies to all parts together.
    let limits = Limits { tensors: 3, ..Limits::default() };
    let error = GgufModel::open(&Folder::of(&parts()).path(PARTS[0]), &limits).expect_err("four tensors");
    assert!(matches!(error, GgufError::TooMany { found: 4, most: 3, .. } | GgufError::Io { .. }), "{error}");
}

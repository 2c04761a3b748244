//! Reader of GGUF headers: valid headers are read, and each kind of invalid header has its own error.

use ecq_core::Limits;
use ecq_format::gguf::{GgmlType, Gguf, GgufError, Value};
use std::io::Write;

/// Builder of header bytes, which may be invalid; the writer of the crate refuses invalid headers.
#[derive(Default)]
struct Header(Vec<u8>);

impl Header {
    fn new(tensors: u64, keys: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(3).u64(tensors).u64(keys)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn string(self, value: &[u8]) -> Self {
        self.u64(value.len() as u64).raw(value)
    }

    /// Adds a tensor of type `ty`.
    fn tensor(self, name: &str, dims: &[u64], ty: u32, offset: u64) -> Self {
        let start = self.string(name.as_bytes()).u32(dims.len() as u32);
        dims.iter().fold(start, |all, &dim| all.u64(dim)).u32(ty).u64(offset)
    }

    /// Pads and appends `data` zeros.
    fn data(mut self, alignment: usize, data: usize) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(alignment) + data, 0);
        self.0
    }
}

fn parse(bytes: &[u8]) -> Result<Gguf, GgufError> {
    Gguf::parse(bytes, bytes.len() as u64, &Limits::default())
}

/// A valid file: every value type, a nested and an empty array, an alignment of 64, and two tensors of 4 and
/// 2 f32.
fn valid_file() -> Vec<u8> {
    Header::new(2, 16)
        .string(b"a.u8")
        .u32(0)
        .raw(&[200])
        .string(b"a.i8")
        .u32(1)
        .raw(&[200])
        .string(b"a.u16")
        .u32(2)
        .raw(&[1, 2])
        .string(b"a.i16")
        .u32(3)
        .raw(&[255, 255])
        .string(b"a.u32")
        .u32(4)
        .u32(7)
        .string(b"a.i32")
        .u32(5)
        .u32(u32::MAX)
        .string(b"a.f32")
        .u32(6)
        .raw(&1.5f32.to_le_bytes())
        .string(b"a.bool")
        .u32(7)
        .raw(&[1])
        .string(b"a.string")
        .u32(8)
        .string("grün".as_bytes())
        .string(b"a.strings")
        .u32(9)
        .u32(8)
        .u64(2)
        .string(b"x")
        .string(b"")
        .string(b"a.nested")
        .u32(9)
        .u32(9)
        .u64(2)
        .u32(0)
        .u64(2)
        .raw(&[1, 2])
        .u32(7)
        .u64(1)
        .raw(&[0])
        .string(b"a.empty")
        .u32(9)
        .u32(12)
        .u64(0)
        .string(b"a.u64")
        .u32(10)
        .u64(u64::MAX)
        .string(b"a.i64")
        .u32(11)
        .u64(u64::MAX)
        .string(b"a.f64")
        .u32(12)
        .raw(&2.5f64.to_le_bytes())
        .string(b"general.alignment")
        .u32(4)
        .u32(64)
        .tensor("second", &[2, 2], 0, 64)
        .tensor("first", &[2], 0, 0)
        .data(64, 64 + 16)
}

#[test]
fn values_and_tensors_are_read_in_file_order() {
    let file = valid_file();
    let gguf = parse(&file).expect("a valid file");
    assert_eq!((gguf.version(), gguf.file_bytes()), (3, file.len() as u64));
    let nested = [vec![Value::U8(1), Value::U8(2)], vec![Value::Bool(false)]].map(Value::Array);
    let expected = [
        ("a.u8", Value::U8(200)),
        ("a.i8", Value::I8(-56)),
        ("a.u16", Value::U16(513)),
        ("a.i16", Value::I16(-1)),
        ("a.u32", Value::U32(7)),
        ("a.i32", Value::I32(-1)),
        ("a.f32", Value::F32(1.5)),
        ("a.bool", Value::Bool(true)),
        ("a.string", Value::String("grün".to_owned())),
        ("a.strings", Value::Array(["x", ""].map(|s| Value::String(s.to_owned())).into())),
        ("a.nested", Value::Array(nested.into())),
        ("a.empty", Value::Array(Vec::new())),
        ("a.u64", Value::U64(u64::MAX)),
        ("a.i64", Value::I64(-1)),
        ("a.f64", Value::F64(2.5)),
        ("general.alignment", Value::U32(64)),
    ];
    let found: Vec<_> = gguf.metadata().iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    assert_eq!(found, expected);
    assert_eq!(gguf.get("a.u32").and_then(Value::as_u64), Some(7));
    assert_eq!(gguf.get("absent"), None);
    let start = gguf.header_bytes().len();
    assert!(start.is_multiple_of(64) && gguf.header_bytes() == &file[..start]);
    let [second, first] = gguf.tensors() else { panic!("two tensors") };
    assert_eq!((second.name.as_str(), second.rows(), second.cols()), ("second", 2, 2));
    assert_eq!((second.ty, second.offset, second.bytes), (GgmlType::F32, start as u64 + 64, 16));
    assert_eq!((first.rows(), first.cols(), first.offset, first.bytes), (1, 2, start as u64, 8));
}

#[test]
fn version_2_is_read() {
    let mut file = valid_file();
    file[4] = 2;
    assert_eq!(parse(&file).map(|gguf| gguf.version()).ok(), Some(2));
}

#[test]
fn a_file_without_tensors_needs_no_padding() {
    let file = Header::new(0, 0).0;
    assert_eq!(parse(&file).map(|gguf| gguf.header_bytes().len()).ok(), Some(24));
}

#[test]
fn a_file_truncated_at_any_byte_is_refused() {
    let file = valid_file();
    let header = parse(&file).expect("valid").header_bytes().len();
    for len in 0..file.len() {
        let error = parse(&file[..len]).expect_err("a cut file");
        if len < header {
            // Counts and lengths are checked against the remaining bytes before anything is read.
            let named = matches!(error, GgufError::Truncated { .. } | GgufError::TooMany { .. });
            assert!(named, "cut at {len}: {error}");
            let whole = Gguf::parse(&file[..len], file.len() as u64, &Limits::default());
            assert!(matches!(whole, Err(GgufError::Truncated { .. })), "cut at {len}");
        } else {
            assert!(matches!(error, GgufError::PastEnd { .. }), "cut at {len}: {error}");
        }
    }
}

#[test]
fn no_flipped_bit_panics() {
    let file = valid_file();
    let mut refused = 0;
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match parse(&flipped) {
            Ok(gguf) => assert!(gguf.tensors().iter().all(|t| t.offset + t.bytes <= file.len() as u64)),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

/// Asserts that parsing fails with an error that matches the pattern.
macro_rules! refused {
    ($bytes:expr, $pattern:pat $(if $guard:expr)?) => {
        match parse(&$bytes) {
            Err($pattern) $(if $guard)? => {}
            other => panic!("{other:?}"),
        }
    };
}

#[test]
fn magic_and_version() {
    refused!(*b"GGML\x03\0\0\0", GgufError::Magic { found } if found == *b"GGML");
    for version in [0, 1, 4, 3 << 24] {
        refused!(Header(b"GGUF".to_vec()).u32(version).0, GgufError::Version(v) if v == version);
    }
}

#[test]
fn counts_that_exceed_the_file() {
    refused!(Header::new(u64::MAX, 0).0, GgufError::TooMany { at: 8, found: u64::MAX, .. });
    refused!(Header::new(1, 0).0, GgufError::TooMany { at: 8, found: 1, most: 0, .. });
    refused!(Header::new(0, u64::MAX).0, GgufError::TooMany { at: 16, found: u64::MAX, most: 0, .. });
    let array = |ty, count| Header::new(0, 1).string(b"k").u32(9).u32(ty).u64(count).raw(&[0; 16]).0;
    refused!(array(0, 17), GgufError::TooMany { found: 17, most: 16, .. });
    refused!(array(8, 3), GgufError::TooMany { found: 3, most: 2, .. });
    refused!(array(9, 2), GgufError::TooMany { found: 2, most: 1, .. });
    refused!(array(12, u64::MAX / 8 + 2), GgufError::TooMany { most: 2, .. });
    let string = Header::new(0, 1).string(b"k").u32(8).u64(u64::MAX).0;
    refused!(string, GgufError::TooMany { found: u64::MAX, most: 0, .. });
}

#[test]
fn the_total_size_of_arrays_is_limited() {
    let array = |header: Header, key: &[u8], count: usize| {
        header.string(key).u32(9).u32(0).u64(count as u64).raw(&vec![0; count])
    };
    let two = |a, b| array(array(Header::new(0, 2), b"a", a), b"b", b).0;
    assert!(parse(&two(1 << 22, 1 << 22)).is_ok());
    refused!(two(1 << 22, (1 << 22) + 1), GgufError::TooMany { found: 4194305, most: 4194304, .. });
}

#[test]
fn more_tensors_than_the_limit() {
    let limits = Limits { tensors: 1, ..Limits::default() };
    let file = valid_file();
    let error = Gguf::parse(&file, file.len() as u64, &limits).expect_err("two tensors");
    assert!(matches!(error, GgufError::TooMany { found: 2, most: 1, .. }), "{error}");
}

#[test]
fn names_and_strings() {
    let key = |key: &[u8]| Header::new(0, 1).string(key).u32(0).raw(&[0; 8]).0;
    refused!(key(b""), GgufError::NameLength { found: 0, .. });
    refused!(key(&[b'k'; 65536]), GgufError::NameLength { found: 65536, most: 65535, .. });
    assert!(parse(&key(&[b'k'; 65535])).is_ok());
    refused!(key(b"\xff"), GgufError::Utf8 { at: 32, .. });
    let name = "n".repeat(256);
    let tensor = |name: &str| Header::new(1, 0).tensor(name, &[1], 0, 0).data(32, 4);
    refused!(tensor(&name), GgufError::NameLength { found: 256, most: 255, .. });
    assert!(parse(&tensor(&name[1..])).is_ok());
    refused!(tensor(""), GgufError::NameLength { found: 0, .. });
    // A value that is not UTF-8 is kept as bytes, also in an array.
    let value = Header::new(0, 1).string(b"k").u32(8).string(b"\xc3(").0;
    assert_eq!(parse(&value).expect("valid").get("k"), Some(&Value::Bytes(b"\xc3(".to_vec())));
    let array = Header::new(0, 1).string(b"k").u32(9).u32(8).u64(2).string(b"a").string(b"\xff").0;
    let expected = Value::Array(vec![Value::String("a".to_owned()), Value::Bytes(vec![0xff])]);
    assert_eq!(parse(&array).expect("valid").get("k"), Some(&expected));
}

#[test]
fn values() {
    let value = |ty, bytes: &[u8]| Header::new(0, 1).string(b"k").u32(ty).raw(bytes).0;
    refused!(value(13, &[0; 8]), GgufError::ValueType { key, at: 37, found: 13 } if key == "k");
    refused!(value(9, &[13, 0, 0, 0, 0, 0, 0, 0]), GgufError::ValueType { found: 13, .. });
    refused!(value(7, &[2]), GgufError::Bool { key, at: 37, found: 2 } if key == "k");
    refused!(value(9, &[7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 3]), GgufError::Bool { at: 50, found: 3, .. });
    let nested = |depth| {
        let start = Header::new(0, 1).string(b"k").u32(9);
        (0..depth).fold(start, |all, _| all.u32(9).u64(1)).u32(0).u64(0).0
    };
    assert!(parse(&nested(3)).is_ok());
    for depth in [4, 5, 10_000] {
        refused!(nested(depth), GgufError::Nesting { key, most: 4, .. } if key == "k");
    }
}

#[test]
fn duplicates() {
    let keys = Header::new(0, 2).string(b"k").u32(0).raw(&[1]).string(b"k").u32(1).raw(&[0; 9]).0;
    refused!(keys, GgufError::Duplicate { what: "metadata key", name } if name == "k");
    let tensors = Header::new(2, 0).tensor("t", &[1], 0, 0).tensor("t", &[1], 0, 32).data(32, 64);
    refused!(tensors, GgufError::Duplicate { what: "tensor", name } if name == "t");
}

#[test]
fn alignments() {
    let with = |alignment: u32| Header::new(0, 1).string(b"general.alignment").u32(4).u32(alignment).0;
    for bad in [0, 1, 4, 24, 33, 1 << 21, u32::MAX] {
        refused!(with(bad), GgufError::Alignment(found) if found == u64::from(bad));
    }
    for good in [8, 32, 1 << 20] {
        assert!(parse(&with(good)).is_ok());
    }
    let float = Header::new(0, 1).string(b"general.alignment").u32(6).u32(0).0;
    refused!(float, GgufError::Key { key, .. } if key == "general.alignment");
}

#[test]
fn shapes_and_types() {
    let tensor = |dims: &[u64], ty| Header::new(1, 0).tensor("t", dims, ty, 0).data(32, 64);
    let count = |found| Header::new(1, 0).string(b"t").u32(found).data(32, 64);
    for bad in [0, 5, u32::MAX] {
        refused!(count(bad), GgufError::DimensionCount { tensor, found } if tensor == "t" && found == bad);
    }
    for bad in [
        &[1 << 35][..],
        &[0, 1 << 20, 1 << 20],
        &[0, u64::MAX, u64::MAX],
        &[1 << 32, 1 << 32],
        &[u64::MAX, 1, 1, u64::MAX],
    ] {
        refused!(tensor(bad, 0), GgufError::Dimensions { tensor, dims, .. } if tensor == "t" && dims == bad);
    }
    for bad in [4, 5, 31, 33, 36, 38, 42, u32::MAX] {
        refused!(
            tensor(&[32], bad),
            GgufError::TensorType { tensor, found } if tensor == "t" && found == bad
        );
    }
    // 2 x 16 weights are a whole block, but a row is not.
    refused!(tensor(&[16, 2], 2), GgufError::Blocks { tensor, cols: 16, block: 32 } if tensor == "t");
    assert!(parse(&tensor(&[32, 1, 1, 2], 2)).is_ok());
    // A tensor with a zero dimension is empty, for every type.
    for (dims, ty) in [(&[0][..], 0), (&[4, 0], 0), (&[0, 4], 2), (&[32, 0, 1, 7], 39)] {
        let gguf = parse(&tensor(dims, ty)).expect("valid");
        assert_eq!((gguf.tensors()[0].bytes, &gguf.tensors()[0].dims[..]), (0, dims));
    }
    refused!(tensor(&[16, 0], 2), GgufError::Blocks { cols: 16, .. });
}

#[test]
fn offsets() {
    let one = |offset| Header::new(1, 0).tensor("t", &[4], 0, offset).data(32, 16);
    assert!(parse(&one(0)).is_ok());
    refused!(one(8), GgufError::Misaligned { tensor, offset: 8, alignment: 32 } if tensor == "t");
    refused!(one(32), GgufError::PastEnd { tensor, bytes: 16, .. } if tensor == "t");
    refused!(one(u64::MAX - 31), GgufError::PastEnd { bytes: 16, .. });
    let two = |a, b| Header::new(2, 0).tensor("a", &[16], 0, a).tensor("b", &[1], 0, b).data(32, 128);
    assert!(parse(&two(0, 64)).is_ok());
    assert!(parse(&two(32, 0)).is_ok());
    refused!(two(0, 32), GgufError::Overlap { first, second, .. } if first == "a" && second == "b");
    refused!(two(0, 0), GgufError::Overlap { .. });
    // An empty tensor does not overlap, in either order of the two tensors.
    for (first, second) in [(0, 16), (16, 0)] {
        let file = Header::new(2, 0).tensor("a", &[first], 0, 0).tensor("b", &[second], 0, 0).data(32, 128);
        assert!(parse(&file).is_ok(), "{first} {second}");
    }
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}

#[test]
fn tensors_and_rows_are_read_at_their_offsets() {
    let mut bytes = valid_file();
    let start = bytes.len() - 80;
    bytes[start..].iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
    let file = file_of(&bytes);
    let gguf = Gguf::open(file.path(), &Limits::default()).expect("valid");
    let [second, first] = gguf.tensors() else { panic!("two tensors") };
    assert_eq!(gguf.read_tensor(first).expect("read"), (0..8).collect::<Vec<u8>>());
    assert_eq!(gguf.read_tensor(second).expect("read"), (64..80).collect::<Vec<u8>>());
    assert_eq!(gguf.read_rows(second, 1, 1).expect("read"), (72..80).collect::<Vec<u8>>());
    assert_eq!(gguf.read_rows(second, 2, 0).expect("read"), Vec::<u8>::new());
    for (row, rows) in [(0, 3), (2, 1), (usize::MAX, 2)] {
        let error = gguf.read_rows(second, row, rows).expect_err("no such rows");
        assert!(
            matches!(error, GgufError::Rows { first, count, rows: 2, .. } if (first, count) == (row, rows))
        );
    }
}

#[test]
fn a_header_longer_than_the_first_read_is_read_up_to_the_limit() {
    let long = "x".repeat(5 << 20);
    let bytes =
        Header::new(1, 1).string(b"k").u32(8).string(long.as_bytes()).tensor("t", &[4], 0, 0).data(32, 16);
    let file = file_of(&bytes);
    let gguf = Gguf::open(file.path(), &Limits::default()).expect("valid");
    assert_eq!(gguf.get("k").and_then(Value::as_str), Some(long.as_str()));
    for header_bytes in [0, 100, 1 << 20, 5 << 20] {
        let error = Gguf::open(file.path(), &Limits { header_bytes, ..Limits::default() }).expect_err("long");
        assert!(matches!(error, GgufError::HeaderTooLong { limit } if limit == header_bytes), "{error}");
    }
    let cut = file_of(&bytes[..3 << 20]);
    assert!(matches!(Gguf::open(cut.path(), &Limits::default()), Err(GgufError::TooMany { .. })));
}

#[test]
fn truncated_files_and_files_of_other_types_are_described() {
    let open = |bytes: &[u8]| {
        let file = file_of(bytes);
        Gguf::open(file.path(), &Limits::default()).expect_err("no GGUF file")
    };
    let whole = Header::new(2, 0).tensor("a", &[16], 0, 0).tensor("b", &[32], 0, 64).data(32, 192);
    let len = whole.len() as u64;
    for cut in [len - 1, len - 128, len - 192] {
        match open(&whole[..cut as usize]) {
            GgufError::FileTruncated { found, expected, .. } => assert_eq!((found, expected), (cut, len)),
            other => panic!("{other}"),
        }
    }
    let error = open(&whole[..whole.len() - 100]);
    assert!(
        error.to_string().contains(&format!("is truncated: {} of {len} bytes (tensor \"b\"", len - 100)),
        "{error}"
    );
    let error = open(&whole[..95]);
    assert!(matches!(error, GgufError::HeaderCut { found: 95, .. }), "{error}");
    for (bytes, what) in [
        (&b"version https://git-lfs.github.com/spec/v1\n"[..], "Git LFS pointer"),
        (b"<!doctype html><html>", "web page"),
        (b"", "empty file"),
        (b"ggjt\x03\0\0\0", "predecessor of GGUF"),
        (b"PK\x03\x04", "zip archive"),
    ] {
        let error = open(bytes);
        assert!(matches!(error, GgufError::NotGguf { .. }) && error.to_string().contains(what), "{error}");
    }
    assert!(matches!(open(&[0, 1, 2, 3, 4, 5, 6, 7]), GgufError::Magic { .. }));
}

#[test]
fn unreadable_tensors_are_refused() {
    let absent = std::path::Path::new("no such file.gguf");
    let error = Gguf::open(absent, &Limits::default()).expect_err("absent");
    assert!(matches!(error, GgufError::Io { path, .. } if path == absent));
    let parsed = parse(&valid_file()).expect("valid");
    let error = parsed.read_tensor(&parsed.tensors()[1]).expect_err("no file");
    assert!(matches!(error, GgufError::HeaderOnly { tensor } if tensor == "first"));
    // A tensor of another, longer file.
    let short = file_of(&Header::new(1, 0).tensor("t", &[1], 0, 0).data(32, 4));
    let short = Gguf::open(short.path(), &Limits::default()).expect("valid");
    let error = short.read_tensor(&parsed.tensors()[0]).expect_err("another file's tensor");
    assert!(matches!(error, GgufError::PastEnd { tensor, .. } if tensor == "second"));
}

//! Writer of GGUF files: the reader reads its output, and files are reproduced byte for byte.

use ecq_core::Limits;
use ecq_format::gguf::{
    GgmlType, Gguf, GgufError, NonzeroPadding, TensorToWrite, Value, write, write_with_header,
};
use std::io::{self, Write};

fn metadata() -> Vec<(String, Value)> {
    let values = [
        Value::U8(1),
        Value::I8(-1),
        Value::U16(2),
        Value::I16(-2),
        Value::U32(3),
        Value::I32(-3),
        Value::F32(0.5),
        Value::Bool(true),
        Value::String("s".to_owned()),
        Value::Bytes(vec![b'c', 0xe9]),
        Value::U64(4),
        Value::I64(-4),
        Value::F64(0.25),
    ];
    let text = |s: &str| Value::String(s.to_owned());
    let nested = [vec![Value::U8(1)], vec![text("b"), text("c")]].map(Value::Array);
    let arrays = values.clone().map(|value| Value::Array(vec![value.clone(), value]));
    let arrays = arrays.into_iter().chain([Value::Array(vec![]), Value::Array(nested.into())]);
    let all = values.into_iter().chain(arrays);
    all.enumerate().map(|(i, value)| (format!("key.{i}"), value)).collect()
}

fn tensor(name: &str, ty: GgmlType, dims: &[u64]) -> TensorToWrite {
    TensorToWrite { name: name.to_owned(), ty, dims: dims.to_vec() }
}

fn tensors() -> [TensorToWrite; 3] {
    [
        tensor("a", GgmlType::Q4_0, &[32, 3]),
        tensor("b", GgmlType::F32, &[5]),
        tensor("c", GgmlType::F16, &[2, 3, 2, 2]),
    ]
}

fn write_all(metadata: &[(String, Value)], tensors: &[TensorToWrite]) -> Result<Vec<u8>, GgufError> {
    let mut file = Vec::new();
    let bytes = [54, 20, 48];
    write(&mut file, metadata, tensors, |i| {
        Ok::<_, GgufError>(vec![tensors[i].name.as_bytes()[0]; bytes[i]])
    })?;
    Ok(file)
}

#[test]
fn written_files_are_read_back() {
    let alignment = ("general.alignment".to_owned(), Value::U32(8));
    for extra in [None, Some(alignment)] {
        let metadata: Vec<_> = metadata().into_iter().chain(extra.clone()).collect();
        let file = write_all(&metadata, &tensors()).expect("written");
        let gguf = Gguf::parse(&file, file.len() as u64, &Limits::default()).expect("valid");
        assert_eq!((gguf.version(), gguf.metadata()), (3, &metadata[..]));
        let alignment = if extra.is_some() { 8 } else { 32 };
        assert_eq!(file.len() % alignment, 0);
        for (info, expected) in gguf.tensors().iter().zip(tensors()) {
            assert_eq!((&info.name, info.ty, &info.dims), (&expected.name, expected.ty, &expected.dims));
            let data = &file[info.offset as usize..][..info.bytes as usize];
            assert!(data.iter().all(|&byte| byte == info.name.as_bytes()[0]));
        }
        assert_eq!(gguf.tensors().iter().map(|t| t.bytes).collect::<Vec<_>>(), [54, 20, 48]);
    }
}

#[test]
fn a_file_without_tensors_is_its_header() {
    let file = write_all(&metadata(), &[]).expect("written");
    let gguf = Gguf::parse(&file, file.len() as u64, &Limits::default()).expect("valid");
    assert!(gguf.header_bytes() == file && gguf.tensors().is_empty());
}

#[test]
fn header_and_tensors_reproduce_the_file() {
    let mut bytes = write_all(&metadata(), &tensors()).expect("written");
    // Files of other writers end with the last tensor or with more padding.
    for len in [bytes.len() - 16, bytes.len(), bytes.len() + 100] {
        bytes.resize(len, 0);
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(&bytes).expect("written");
        let gguf = Gguf::open(file.path(), &Limits::default()).expect("valid");
        let mut out = Vec::new();
        write_with_header(&mut out, &gguf, &NonzeroPadding::default(), |info| gguf.read_tensor(info))
            .expect("written");
        assert!(out == bytes, "{len}");
    }
}

#[test]
fn tensors_out_of_order_are_written_at_their_offsets() {
    let two = [tensor("a", GgmlType::F32, &[8]), tensor("b", GgmlType::F32, &[8])];
    let mut bytes = Vec::new();
    write(&mut bytes, &[], &two, |_| Ok::<_, GgufError>(vec![0; 32])).expect("written");
    // The offset is the last field of a tensor: 24 bytes of counts, then 9 + 4 + 8 + 4 to the first offset.
    bytes[49] = 32;
    bytes[49 + 33] = 0;
    let start = bytes.len() - 64;
    bytes[start..start + 32].fill(b'b');
    bytes[start + 32..].fill(b'a');
    let gguf = Gguf::parse(&bytes, bytes.len() as u64, &Limits::default()).expect("valid");
    assert!(gguf.tensors()[0].offset > gguf.tensors()[1].offset);
    let mut out = Vec::new();
    write_with_header(&mut out, &gguf, &NonzeroPadding::default(), |info| {
        Ok::<_, GgufError>(vec![info.name.as_bytes()[0]; 32])
    })
    .expect("written");
    assert!(out == bytes);
}

#[test]
fn invalid_headers_are_not_written() {
    let refused = |metadata: &[(String, Value)], tensors: &[TensorToWrite]| {
        let mut file = Vec::new();
        let error =
            write(&mut file, metadata, tensors, |_| -> Result<_, GgufError> { panic!("not asked for") });
        assert!(file.is_empty());
        error.expect_err("refused")
    };
    let f32s = |dims: &[u64]| tensor("t", GgmlType::F32, dims);
    assert!(matches!(refused(&[], &[f32s(&[])]), GgufError::DimensionCount { found: 0, .. }));
    assert!(matches!(refused(&[], &[f32s(&[1; 5])]), GgufError::DimensionCount { found: 5, .. }));
    assert!(matches!(refused(&[], &[f32s(&[0, u64::MAX, 2])]), GgufError::Dimensions { .. }));
    for dims in [&[u64::MAX][..], &[1 << 40, 1 << 40]] {
        let error = refused(&[], &[f32s(dims), tensor("u", GgmlType::F32, dims)]);
        assert!(matches!(error, GgufError::Dimensions { .. }), "{error}");
    }
    let ragged = refused(&[], &[tensor("t", GgmlType::Q4_0, &[16, 2])]);
    assert!(matches!(ragged, GgufError::Blocks { cols: 16, block: 32, .. }));
    assert!(matches!(refused(&[], &[f32s(&[1]), f32s(&[1])]), GgufError::Duplicate { what: "tensor", .. }));
    for mixed in [vec![Value::U8(1), Value::I8(1)], vec![Value::Array(vec![Value::U8(1), Value::Bool(true)])]]
    {
        let error = refused(&[("k".to_owned(), Value::Array(mixed))], &[]);
        assert!(matches!(error, GgufError::MixedArray { key } if key == "k"));
    }
    let key = |value| [("general.alignment".to_owned(), value)];
    assert!(matches!(refused(&key(Value::U32(12)), &[f32s(&[1])]), GgufError::Alignment(12)));
    assert!(matches!(refused(&key(Value::Bool(true)), &[]), GgufError::Key { .. }));
    // The value must have 8 bytes, because with a shorter one the count of keys exceeds the file.
    let empty = [(String::new(), Value::U64(0))];
    assert!(matches!(refused(&empty, &[]), GgufError::NameLength { found: 0, .. }));
}

#[test]
fn data_of_another_length_is_refused() {
    let error =
        write(&mut Vec::new(), &[], &tensors(), |_| Ok::<_, GgufError>(vec![0; 53])).expect_err("short");
    assert!(matches!(error, GgufError::Length { found: 53, expected: 54, .. }), "{error}");
}

/// Output that fails after `0` bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.min(bytes.len()) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            len => {
                self.0 -= len;
                Ok(len)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn errors_of_the_output_are_returned() {
    let whole = write_all(&[], &tensors()).expect("written").len();
    for room in 0..whole {
        let data = |i: usize| Ok(vec![0; [54, 20, 48][i]]);
        let error: GgufError = write(&mut Full(room), &[], &tensors(), data).expect_err("full");
        assert!(matches!(error, GgufError::Write(_)), "{room}: {error}");
    }
}

#[test]
fn nonzero_padding_is_reproduced() {
    for alignment in [8u32, 16, 32, 64, 256, 4096] {
        let metadata: Vec<_> =
            metadata().into_iter().chain([("general.alignment".to_owned(), Value::U32(alignment))]).collect();
        let empty = tensor("none", GgmlType::Q4_0, &[32, 0]);
        let all = [&tensors()[..2], &[empty], &tensors()[2..]].concat();
        let sizes = [54, 20, 0, 48];
        let mut bytes = Vec::new();
        let data = |i: usize| Ok::<_, GgufError>(vec![all[i].name.as_bytes()[0]; sizes[i]]);
        write(&mut bytes, &metadata, &all, data).expect("written");
        let whole = bytes.len();
        for (len, seed) in [(whole - 48 % alignment as usize, 1u8), (whole, 7), (whole + 77, 5)] {
            let mut bytes = bytes.clone();
            bytes.resize(
                len.max(whole - (alignment as usize - 48 % alignment as usize) % alignment as usize),
                0,
            );
            let parsed = Gguf::parse(&bytes, bytes.len() as u64, &Limits::default()).expect("valid");
            // All bytes that are of no tensor become others, some of them zero.
            let mut of_tensor = vec![false; bytes.len()];
            of_tensor[..parsed.header_bytes().len()].fill(true);
            for info in parsed.tensors() {
                of_tensor[info.offset as usize..(info.offset + info.bytes) as usize].fill(true);
            }
            for (i, byte) in bytes.iter_mut().enumerate().filter(|(i, _)| !of_tensor[*i]) {
                *byte = (i as u8).wrapping_mul(seed) & 0x3f;
            }
            let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
            file.write_all(&bytes).expect("written");
            let gguf = Gguf::open(file.path(), &Limits::default()).expect("valid");
            let gaps = NonzeroPadding::read(&gguf, &Limits::default()).expect("read");
            let kept = NonzeroPadding::parse(&gaps.to_bytes(), &gguf).expect("what was kept is read");
            assert_eq!(kept, gaps);
            let mut out = Vec::new();
            write_with_header(&mut out, &gguf, &kept, |info| gguf.read_tensor(info)).expect("written");
            assert!(out == bytes, "alignment {alignment}, {len} bytes");
        }
    }
}

#[test]
fn invalid_padding_is_refused() {
    let mut bytes = write_all(&metadata(), &tensors()).expect("written");
    bytes.resize(bytes.len() + 100, 0);
    let gguf = Gguf::parse(&bytes, bytes.len() as u64, &Limits::default()).expect("valid");
    let first = &gguf.tensors()[0];
    let (gap, len) = (first.offset + first.bytes, bytes.len() as u64);
    let run = |offset: u64, claimed: u64, data: &[u8]| {
        [&offset.to_le_bytes()[..], &claimed.to_le_bytes(), data].concat()
    };
    assert!(NonzeroPadding::parse(&run(gap, 2, &[1, 2]), &gguf).is_ok());
    assert!(NonzeroPadding::parse(&run(len - 1, 1, &[1]), &gguf).is_ok());
    assert!(NonzeroPadding::parse(&[], &gguf).expect("nothing").is_empty());
    for (offset, claimed) in [
        (gap - 1, 2),
        (0, 1),
        (first.offset, 1),
        (gap, 11),
        (len, 1),
        (len - 1, 2),
        (u64::MAX, 1),
        (gap, 0),
        (gap, u64::MAX),
    ] {
        let error = NonzeroPadding::parse(&run(offset, claimed, &[1, 2]), &gguf).expect_err("no gap");
        assert!(matches!(error, GgufError::MisplacedPadding { .. }), "{offset} {claimed}: {error}");
    }
    let twice = [run(gap, 2, &[1, 2]), run(gap + 1, 1, &[3])].concat();
    assert!(matches!(NonzeroPadding::parse(&twice, &gguf), Err(GgufError::MisplacedPadding { .. })));
    for cut in [1, 15, 17] {
        let cut = &run(gap, 2, &[1, 2])[..cut];
        assert!(matches!(NonzeroPadding::parse(cut, &gguf), Err(GgufError::Truncated { .. })));
    }
    // More padding than the limit.
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    bytes.fill(1);
    let good = write_all(&metadata(), &tensors()).expect("written");
    bytes[..good.len()].copy_from_slice(&good);
    file.write_all(&bytes).expect("written");
    let gguf = Gguf::open(file.path(), &Limits::default()).expect("valid");
    let limits = Limits { file_bytes: 200, ..Limits::default() };
    assert!(matches!(NonzeroPadding::read(&gguf, &limits), Err(GgufError::TooMuchPadding { most: 100, .. })));
}

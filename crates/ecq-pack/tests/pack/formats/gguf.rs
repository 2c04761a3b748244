//! GGUF files with unusual headers, values and padding.

use super::models::{Folder, Made, comes_back, nll, nll_of, open, packed, to_folder};
use ecq_codec::encode::EncodeOptions;
use ecq_core::Limits;
use ecq_format::gguf::{GgmlType, Gguf, Value};
use ecq_pack::source;
use ecq_pack::{CheckpointFormat, GgufOptions, analyze, export_gguf, verify};
use ecq_runtime::Checkpoint;
use std::fs;
use std::path::Path;

/// Must-show 3 of issue 12: bytes that belong to no tensor, alignments, tensors without elements.
#[test]
fn odd_gguf_files_come_back_byte_for_byte() {
    let plain = Made::llama();
    comes_back(&plain.file());
    // H4: bytes behind the last tensor.
    for tail in [&b"junkdata"[..], &[0; 5000], &[0xff], &[&[0; 100][..], b"end"].concat()] {
        comes_back(&[&plain.file()[..], tail].concat());
    }
    let sum = |made: &Made| {
        let folder = Folder::new();
        let source = open(&folder.put("m.gguf", &made.file()));
        analyze(&*source, &EncodeOptions::default(), &()).unwrap().total
    };
    for alignment in [8u32, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] {
        let odd = plain
            .clone()
            .key("general.alignment", Value::U32(alignment))
            .tensor("odd.weight", GgmlType::F32, &[3], vec![1; 12])
            .tensor("none.weight", GgmlType::F32, &[0], vec![])
            .tensor("blk.0.ffn_none.weight", GgmlType::Q4_K, &[256, 0], vec![])
            .tensor("blk.0.ffn_up_exps.weight", GgmlType::Q4_0, &[0, 4, 2], vec![])
            .tensor("half.weight", GgmlType::F16, &[5], vec![2; 10]);
        let bytes = odd.file();
        comes_back(&bytes);
        let total = sum(&odd);
        assert!(total.weights > 0 && total.bpw.is_finite() && total.entropy_bits.is_finite(), "{total:?}");
        // The same with padding that is not zero, with and without padding behind the last tensor.
        let gguf = Gguf::parse(&bytes, bytes.len() as u64, &Limits::default()).unwrap();
        let mut filled = vec![0xa5; bytes.len()];
        filled[..gguf.header_bytes().len()].copy_from_slice(gguf.header_bytes());
        let mut end = 0;
        for info in gguf.tensors() {
            let range = info.offset as usize..(info.offset + info.bytes) as usize;
            filled[range.clone()].copy_from_slice(&bytes[range.clone()]);
            end = end.max(range.end);
        }
        comes_back(&filled);
        comes_back(&filled[..end]);
        comes_back(&[&filled[..], &[0, 0, 7, 0]].concat());
    }
}

#[test]
fn verify_tells_of_bytes_that_are_not_kept() {
    let folder = Folder::new();
    let bytes = Made::llama().file();
    let (clean, junk) =
        (folder.put("clean.gguf", &bytes), folder.put("junk.gguf", &[&bytes[..], b"junk"].concat()));
    let against =
        |file: &Path, source: &Path| verify(file, Some(&*open(source)), &Limits::default(), &()).unwrap();
    let (a, b) = (packed(&clean, &folder.path("a.ecq")), packed(&junk, &folder.path("b.ecq")));
    assert!(against(&a, &clean).ok && against(&b, &junk).ok);
    let [first, second] = [against(&a, &junk), against(&b, &clean)];
    assert!(
        !first.ok && first.mismatches[0].what.contains("only in the second model"),
        "{:?}",
        first.mismatches
    );
    assert!(
        !second.ok && second.mismatches[0].what.contains("only in the first model"),
        "{:?}",
        second.mismatches
    );
    // Other bytes in the same place, and another key of the header.
    let other = folder.put("other.gguf", &[&bytes[..], b"jumk"].concat());
    let found = against(&b, &other);
    assert!(!found.ok && found.mismatches[0].what.contains("differs"), "{:?}", found.mismatches);
    let renamed =
        folder.put("renamed.gguf", &Made::llama().of_model("context_length", Value::U32(65)).file());
    let found = against(&a, &renamed);
    assert!(!found.ok && found.mismatches[0].tensor == "gguf.header", "{:?}", found.mismatches);
}

#[test]
fn values_that_are_not_utf8_are_kept() {
    // C6: a description in Latin-1; relatives: in an array, tags, a name.
    let latin = || Value::Bytes(b"caf\xe9 model".to_vec());
    comes_back(&Made::llama().key("general.description", latin()).file());
    let tags = Value::Array(vec![Value::String("x".to_owned()), latin()]);
    let made = Made::llama().key("general.tags", tags).key("general.name", latin());
    comes_back(&made.file());
    assert_eq!(nll_of(&made), nll_of(&Made::llama()));
    // Where text is needed it is asked for by name.
    let folder = Folder::new();
    let bad = folder.put("bad.gguf", &Made::llama().key("general.architecture", latin()).file());
    let error = Checkpoint::open(&packed(&bad, &folder.path("bad.ecq")), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("general.architecture"), "{error}");
}

#[test]
fn split_models_are_read_whole() {
    let made = Made::llama();
    let count = made.tensors.len();
    let folder = Folder::new();
    let of_split = |number: u16| {
        [
            ("split.no", Value::U16(number)),
            ("split.count", Value::U16(2)),
            ("split.tensors.count", Value::I32(count as i32)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
    };
    let first = made.file_of(&[&made.metadata[..], &of_split(0)].concat(), 0..8);
    let paths = [
        folder.put("m-00001-of-00002.gguf", &first),
        folder.put("m-00002-of-00002.gguf", &made.file_of(&of_split(1), 8..count)),
    ];
    let whole = folder.put("whole.gguf", &made.file());
    let expected = nll_of(&made);
    for path in &paths {
        let file = packed(path, &folder.path("m.ecq"));
        assert_eq!(nll(&file), expected);
        for other in &paths {
            assert!(verify(&file, Some(&*open(other)), &Limits::default(), &()).unwrap().ok);
        }
        // Written back it is one file: the model before it was split.
        let back = folder.path("back.gguf");
        export_gguf(&file, &back, &GgufOptions::default(), &Limits::default(), &()).unwrap();
        assert!(fs::read(&back).unwrap() == fs::read(&whole).unwrap());
    }
    assert_eq!(open(&paths[0]).fingerprint(), open(&paths[1]).fingerprint());
    assert_eq!(open(&paths[0]).bytes(), paths.iter().map(|path| path.metadata().unwrap().len()).sum::<u64>());
    fs::remove_file(&paths[0]).unwrap();
    let error = source::open(&paths[1], &Limits::default()).err().unwrap().to_string();
    assert!(error.contains("m-00001-of-00002.gguf is missing"), "{error}");
}

#[test]
fn keys_that_are_not_implemented_are_no_damage() {
    let folder = Folder::new();
    let made = Made::llama().of_model("final_logit_softcapping", Value::F32(30.0));
    comes_back(&made.file());
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let error = Checkpoint::open(&file, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), "unsupported");
    assert!(error.to_string().contains("\"llama.final_logit_softcapping\" is 30"), "{error}");
    let error = to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap_err();
    assert_eq!(error.kind(), "unsupported");
}

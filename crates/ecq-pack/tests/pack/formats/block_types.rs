//! Block types of GGUF beyond the simple ones: K types, which are codes on super-blocks, and types without
//! codes.

use super::models::{Folder, Made, comes_back, open, packed, packed_with, to_folder};
use ecq_core::{FloatType, FloatVec, Limits, SuperBlockLayout};
use ecq_fixtures::Numbers;
use ecq_format::gguf::{GgmlType, type_of_layout};
use ecq_pack::source::Tensor;
use ecq_pack::{CheckpointFormat, GridChoice, PackOptions, pack};
use ecq_runtime::{Checkpoint, StorageKind};

#[test]
fn small_block_types_run() {
    // C5, and types of the same kind.
    let cols = 256;
    for ty in [GgmlType::Iq4Nl, GgmlType::Iq4Xs, GgmlType::Mxfp4, GgmlType::Tq1_0, GgmlType::Tq2_0] {
        let (rows, mut numbers) = (8, Numbers::new(ty.id().into()));
        let blocks = rows * cols / ty.block_weights();
        let mut bytes = numbers.bytes(blocks * ty.block_bytes());
        for block in bytes.chunks_exact_mut(ty.block_bytes()) {
            // Factors of ordinary size, wherever they lie.
            match ty {
                GgmlType::Iq4Nl | GgmlType::Iq4Xs => block[1] = 0x20 | block[1] & 3,
                GgmlType::Tq1_0 => block[53] = 0x20 | block[53] & 3,
                GgmlType::Tq2_0 => block[65] = 0x20 | block[65] & 3,
                _ => block[0] = 110 + block[0] % 16,
            }
        }
        let made =
            Made::llama().tensor("blk.0.ffn_down.weight", ty, &[cols as u64, rows as u64], bytes.clone());
        comes_back(&made.file());
        let folder = Folder::new();
        let path = folder.put("m.gguf", &made.file());
        let name = "blk.0.ffn_down.weight";
        let mut expected = vec![0f32; rows * cols];
        ecq_format::gguf::dequantize(ty, &bytes, &mut expected).unwrap();
        // Kept it runs from its own bytes, and on a grid it is near them.
        let mut options = PackOptions::default();
        let kept = packed_with(&path, &folder.path("kept.ecq"), &options);
        let checkpoint = Checkpoint::open(&kept, &Limits::default()).unwrap();
        let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [rows, cols]).unwrap();
        assert_eq!(matrix.to_f32().unwrap(), expected, "{}", ty.name());
        if ty == GgmlType::Mxfp4 {
            // Without loss: each value has one bit behind the point.
            let (dtype, floats) = matrix.floats().unwrap();
            let exact = FloatVec::new(dtype, floats).unwrap();
            assert_eq!(exact.to_f32(), expected);
        }
        options.linear = GridChoice::parse("absmax:8:row").unwrap();
        let report = pack(&*open(&path), "m", Some(&folder.path("q.ecq")), &options, &()).unwrap();
        let tensor = report.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        assert!(tensor.sqnr_db.unwrap() > 20.0, "{}: {:?}", ty.name(), tensor.sqnr_db);
    }
}

#[test]
fn k_types_are_codes_with_the_weights_of_their_blocks() {
    let (rows, cols) = (24, 512);
    for layout in SuperBlockLayout::ALL {
        let (ty, mut numbers) = (type_of_layout(layout), Numbers::new(layout.bits().into()));
        let mut bytes = numbers.bytes(rows * cols / 256 * ty.block_bytes());
        for block in bytes.chunks_exact_mut(ty.block_bytes()) {
            // Steps of ordinary size, wherever they lie.
            let steps: &[usize] = match layout {
                SuperBlockLayout::Q2K => &[81, 83],
                SuperBlockLayout::Q3K => &[109],
                SuperBlockLayout::Q4K | SuperBlockLayout::Q5K => &[1, 3],
                SuperBlockLayout::Q6K => &[209],
            };
            steps.iter().for_each(|&at| block[at] = 0x20 | block[at] & 3);
        }
        let name = "blk.0.ffn_down.weight";
        let made = Made::llama().tensor(name, ty, &[cols as u64, rows as u64], bytes.clone());
        comes_back(&made.file());
        let folder = Folder::new();
        let path = folder.put("m.gguf", &made.file());
        let mut expected = vec![0f32; rows * cols];
        ecq_format::gguf::dequantize(ty, &bytes, &mut expected).unwrap();
        let mut options = PackOptions::default();
        let kept = packed_with(&path, &folder.path("kept.ecq"), &options);
        let checkpoint = Checkpoint::open(&kept, &Limits::default()).unwrap();
        let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [rows, cols]).unwrap();
        let alphabet = layout.alphabet();
        assert!(
            matches!(matrix.storage_kind(), StorageKind::Codes { alphabet: found, .. } if found == alphabet)
        );
        assert_eq!(matrix.to_f32().unwrap(), expected, "{}", ty.name());
        // Floats of a checkpoint are the same numbers in half precision.
        let floats = folder.path("floats");
        to_folder(&kept, &floats, CheckpointFormat::Safetensors).unwrap();
        let source = open(&floats);
        let at = source.tensors().iter().position(|t| t.name.ends_with("mlp.down_proj.weight")).unwrap();
        let Tensor::Raw { dtype, bytes: halves, .. } = source.load(at).unwrap() else { panic!() };
        let rounded = FloatVec::from_f32(FloatType::F16, &expected);
        assert!((dtype.as_str(), &halves[..]) == ("f16", rounded.as_bytes()), "{} as {dtype}", ty.name());
        options.linear = GridChoice::parse("absmax:8:row").unwrap();
        let report = pack(&*open(&path), "m", Some(&folder.path("q.ecq")), &options, &()).unwrap();
        let tensor = report.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        assert!(tensor.sqnr_db.unwrap() > 20.0, "{}: {:?}", ty.name(), tensor.sqnr_db);
    }
}

#[test]
fn block_types_past_half_precision_still_run() {
    // Factors near the end of half precision: products with codes pass it.
    let bytes: Vec<u8> =
        (0..8 * 2).flat_map(|i| [[0xff, 0x7b].as_slice(), &[i * 16 + 15; 16]].concat()).collect();
    let made = Made::llama().tensor("blk.0.ffn_down.weight", GgmlType::Iq4Nl, &[64, 8], bytes);
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [8, 64]).unwrap();
    let (dtype, floats) = matrix.floats().unwrap();
    let floats = FloatVec::new(dtype, floats).unwrap().to_f32();
    let expected = matrix.to_f32().unwrap();
    assert!(expected.iter().any(|w| w.abs() > 65504.0));
    assert!(floats.iter().zip(&expected).all(|(a, b)| (a / b - 1.0).abs() < 0.005), "{dtype:?}");
}

#[test]
fn block_types_that_do_not_run_are_no_damage() {
    let made = Made::llama().tensor("blk.0.ffn_down.weight", GgmlType::Iq2Xxs, &[256, 2], vec![7; 132]);
    comes_back(&made.file());
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [2, 256]).unwrap();
    let error = matrix.to_f32().unwrap_err();
    assert_eq!((error.kind(), error.tensor()), ("unsupported", Some("model.layers.0.mlp.down_proj.weight")));
    assert!(error.to_string().contains("iq2_xxs"), "{error}");
    let error = to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap_err().to_string();
    assert!(error.contains("blk.0.ffn_down.weight") && error.contains("iq2_xxs"), "{error}");
}

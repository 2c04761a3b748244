//! Checkpoint folders of floats.

use super::models::{
    Folder, HIDDEN, config_of, nll, open, packed, packed_with, put_tensors, small_folder, tensors_of,
    to_folder,
};
use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits};
use ecq_pack::{
    CalibrationOptions, CalibrationText, CheckpointFormat, OwnText, PackOptions, pack_calibrated, verify,
};
use ecq_runtime::{Checkpoint, RuntimeError};
use safetensors::Dtype;
use std::fs;

#[test]
fn biases_of_zeros_and_tensors_without_elements_change_nothing() {
    // G3, G4.
    let folder = Folder::new();
    let mut tensors = small_folder(&folder, "m");
    let expected = nll(&packed(&folder.path("m"), &folder.path("m.ecq")));
    let halves = |len: usize, bytes: Vec<u8>| (Dtype::F16, vec![len], bytes);
    tensors.push(("model.layers.0.self_attn.q_proj.bias".to_owned(), halves(HIDDEN, vec![0; 2 * HIDDEN])));
    // Minus zero is zero.
    let minus = [0u8, 0x80].repeat(HIDDEN);
    tensors.push(("model.layers.1.mlp.down_proj.bias".to_owned(), halves(HIDDEN, minus)));
    tensors.push(("model.layers.0.scratch".to_owned(), (Dtype::F32, vec![0], vec![])));
    tensors.push(("model.layers.0.mlp.extra.weight".to_owned(), (Dtype::BF16, vec![4, 0, 2], vec![])));
    put_tensors(&folder, "m", &tensors);
    let source = open(&folder.path("m"));
    for (name, options) in [
        ("kept", PackOptions::default()),
        ("coded", {
            let encode = EncodeOptions {
                coding: CodingChoice::Only(Coding::Rans),
                hybrid_percent: 0.0,
                ..EncodeOptions::default()
            };
            PackOptions { encode, ..PackOptions::default() }
        }),
    ] {
        let file = packed_with(&folder.path("m"), &folder.path(&format!("{name}.ecq")), &options);
        assert!(verify(&file, Some(&*source), &Limits::default(), &()).unwrap().ok);
        assert_eq!(nll(&file), expected);
        // They come back too.
        let out = folder.path(&format!("{name}-out"));
        to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
        let (mut back, mut before) = (tensors_of(&out), tensors.clone());
        back.sort();
        before.sort();
        assert!(back == before);
    }
    // A bias that is not zero is a part of the model that must not be left out.
    tensors[0] =
        ("model.layers.0.self_attn.k_proj.bias".to_owned(), halves(16, [&[0; 30][..], &[1, 0]].concat()));
    put_tensors(&folder, "stray", &tensors);
    folder.put("stray/config.json", &fs::read(folder.path("m/config.json")).unwrap());
    let file = packed(&folder.path("stray"), &folder.path("stray.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let error = checkpoint.check_unused_tensors().unwrap_err();
    assert!(matches!(error, RuntimeError::UnexpectedTensor { .. }), "{error}");
}

#[test]
fn infinity_in_a_configuration_is_kept() {
    // A6; relatives: NaN, -Infinity, numbers that are none of a double, in other files that ride along.
    let folder = Folder::new();
    small_folder(&folder, "m");
    let mut text = fs::read_to_string(folder.path("m/config.json")).unwrap();
    let end = text.rfind('}').unwrap();
    text.truncate(end);
    text += ",\n\"time_step_limit\": [0.0, Infinity], ";
    text += "\"x\": -Infinity, \"y\": NaN, \"z\": 1e400, \"s\": \"NaN\"}";
    folder.put("m/config.json", text.as_bytes());
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    let out = folder.path("out");
    to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
    assert_eq!(config_of(&out), config_of(&folder.path("m")));
    let text = fs::read_to_string(out.join("config.json")).unwrap();
    let squeezed: String = text.split_whitespace().collect();
    assert!(
        squeezed.contains("[0.0,Infinity]")
            && squeezed.contains("\"y\":NaN")
            && squeezed.contains("\"s\":\"NaN\"")
    );
}

#[test]
fn a_folder_without_a_configuration_says_so_before_the_work() {
    let folder = Folder::new();
    small_folder(&folder, "m");
    fs::remove_file(folder.path("m/config.json")).unwrap();
    // Without loss it is packed all the same; what runs it needs to know how.
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    let error = Checkpoint::open(&file, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("no config.json"), "{error}");
    let calibration = CalibrationOptions {
        text: CalibrationText { documents: Vec::new(), own: OwnText::Yes },
        tokens: 64,
        distillation_tokens: 0,
        sequence_length: 16,
        seed: 0,
        reference_grid: None,
        reuse: false,
    };
    let (source, work) = (open(&folder.path("m")), folder.path("work"));
    let options = PackOptions::quantizing();
    let error = pack_calibrated(&*source, "m", None, &work, options, &calibration, &()).unwrap_err();
    assert!(error.kind() == "calibration" && error.to_string().contains("m has no config.json"), "{error}");
    assert!(!work.exists(), "nothing was done before it");
}

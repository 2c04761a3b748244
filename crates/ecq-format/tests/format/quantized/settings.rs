//! Settings of quantization in configuration files.

use super::golden::Edited;
use ecq_format::checkpoint::{CheckpointError as E, MlxGroups, Quantization};
use ecq_format::gptq;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn quantization_settings_are_read_or_refused() {
    let of = |config: serde_json::Value| {
        let mut edited = Edited::of("awq-tiny");
        edited.config = config;
        edited.open().quantization()
    };
    let gptq = |bits, group_size, version, dynamic| Quantization::Gptq { bits, group_size, version, dynamic };
    let (first, second) = (gptq::GptqVersion::V1, gptq::GptqVersion::V2);
    assert_eq!(of(json!({})).unwrap(), Quantization::None);
    assert_eq!(
        of(json!({"quantization_config": {"quant_method": "gptq", "bits": 3, "group_size": -1}})).unwrap(),
        gptq(3, None, first, false)
    );
    let nested = json!({"text_config": {"quantization_config": {
        "quant_method": "gptq", "bits": 8, "group_size": 64, "checkpoint_format": "gptq_v2", "dynamic": {}
    }}});
    assert_eq!(of(nested).unwrap(), gptq(8, Some(64), second, true));
    let old = json!({"quantization_config": {
        "quant_method": "awq", "w_bit": 4, "q_group_size": 64, "version": "GEMM"
    }});
    assert_eq!(of(old).unwrap(), Quantization::Awq { group_size: Some(64) });
    let default = MlxGroups { bits: 4, group_size: 64 };
    let mlx = json!({"quantization_config": {"bits": 4, "group_size": 64, "a.b": false}});
    assert_eq!(of(mlx).unwrap(), Quantization::Mlx { default, layers: BTreeMap::new() });
    for (quantization, word) in [
        (json!({"quantization": {"bits": 4, "group_size": 32, "mode": "mxfp4"}}), "mxfp4"),
        (json!({"quantization": {"bits": 4, "group_size": 16, "mode": "nvfp4"}}), "nvfp4"),
        (json!({"quantization": {"bits": 4, "group_size": 64, "a.b": {"mode": "mxfp8"}}}), "\"a.b\""),
        (json!({"quantization": {"bits": 7, "group_size": 64}}), "7 bits"),
        (json!({"quantization_config": {"quant_method": "fp8"}}), "\"fp8\""),
        (json!({"quantization_config": {"quant_method": "bitsandbytes"}}), "bitsandbytes"),
        (json!({"quantization_config": {"quant_method": 7}}), "unnamed"),
        (json!({"quantization_config": {"quant_method": "gptq", "bits": 5}}), "5 bits"),
        (json!({"quantization_config": {"quant_method": "gptq", "checkpoint_format": "marlin"}}), "marlin"),
        (json!({"quantization_config": {"quant_method": "awq", "version": "gemv"}}), "gemv"),
        (json!({"quantization_config": {"quant_method": "awq", "bits": 3}}), "3 bits"),
    ] {
        match of(quantization.clone()) {
            Err(E::Quantization { file, what }) => {
                assert!(file == "config.json" && what.contains(word), "{quantization}: {what}");
            }
            other => panic!("{quantization}: {other:?}"),
        }
    }
    for bad in [json!(0), json!(-4), json!(4.5), json!("4"), json!(1u64 << 40)] {
        let config = json!({"quantization_config": {"quant_method": "gptq", "group_size": bad}});
        assert!(matches!(of(config), Err(E::Json { why, .. }) if why.contains("group_size")), "{bad}");
    }
    // Older quantizers write a separate file.
    for (name, method) in [("quantize_config.json", "gptq"), ("quant_config.json", "awq")] {
        let edited = Edited::of("awq-tiny").set("", json!({}));
        fs::write(edited.folder.path().join(name), r#"{"bits": 4, "group_size": 128}"#).unwrap();
        let found = edited.open().quantization().unwrap();
        assert_eq!(matches!(found, Quantization::Gptq { .. }), method == "gptq", "{name}");
        assert_eq!(matches!(found, Quantization::Awq { .. }), method == "awq", "{name}");
    }
}

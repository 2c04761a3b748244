//! Arbitrary bytes as a config.json: Python's JSON, quantization settings, architecture.
#![no_main]
#![allow(clippy::expect_used, reason = "a panic is a finding")]

use ecq::format::checkpoint::Quantization;
use ecq::format::python_json::{as_f64, from_f64, parse, parse_object, to_string, to_string_pretty};
use ecq::runtime::arch::Config;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Maximum number of layers: every layer takes memory.
const MAX_LAYERS: f64 = 1024.0;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = parse(bytes) {
        // What is written is read again, on one line and on many.
        for text in [to_string(&value), to_string_pretty(&value)] {
            assert_eq!(parse(text.as_bytes()).expect("written JSON parses"), value);
        }
        numbers(&value);
        if layers(&value) <= MAX_LAYERS
            && let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(config) = Config::from_json(text)
        {
            for rope in [&config.rope, &config.local_rope].into_iter().flatten() {
                let _ = (rope.frequencies(1), rope.frequencies(config.context));
            }
            for block in &config.blocks {
                let _ = (block.linears().len(), block.tensors().len());
            }
        }
    }
    if let Ok(config) = parse_object(bytes) {
        let _ = Quantization::of_config(&config);
    }
});

/// Numbers keep their place, those that JSON does not have too.
fn numbers(value: &Value) {
    match value {
        Value::Array(list) => list.iter().for_each(numbers),
        Value::Object(object) => object.values().for_each(numbers),
        other => {
            if let Some(number) = as_f64(other) {
                let back = as_f64(&from_f64(number)).expect("a number");
                assert!(back == number || back.is_nan() && number.is_nan());
            }
        }
    }
}

/// The most layers that any key claims.
fn layers(value: &Value) -> f64 {
    match value {
        Value::Array(list) => list.iter().map(layers).fold(0.0, f64::max),
        Value::Object(object) => {
            let own = |(key, value): (&String, &Value)| match key.contains("layer") || key.contains("expert")
            {
                true => as_f64(value).unwrap_or_default().max(layers(value)),
                false => layers(value),
            };
            object.iter().map(own).fold(0.0, f64::max)
        }
        _ => 0.0,
    }
}

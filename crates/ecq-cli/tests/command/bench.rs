//! Tests of `ecq bench`: rows of tables, options and refusals. Times are never compared.

use super::run::{ecq, object, refusal};
use serde_json::Value;

/// A quick look at the tables of the prototype.
const ORIGINAL: [&str; 12] = [
    "bench",
    "original",
    "--divide",
    "16",
    "--seconds",
    "0",
    "--shape",
    "smollm2-135m",
    "--layers",
    "2",
    "--threads",
    "1",
];

fn texts(rows: &Value, name: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tables_of_the_prototype_have_their_rows_and_reasons() {
    let tables = object(&ORIGINAL);
    let matrices = tables["matrices"].as_array().unwrap();
    assert_eq!(matrices.len(), 4 * 6);
    for row in matrices {
        for name in ["seconds", "memory_bytes", "faster_than_v1", "over_cached"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name} in {row}");
        }
        // Sizes are not those of the prototype.
        assert!(row["published_over_cached"].is_null(), "{row}");
        assert!(row["why"].is_null(), "the CPU decodes every coding inside a product: {row}");
    }
    let stacks = &tables["stacks"];
    assert_eq!(texts(stacks, "mode"), ["cached", "fused", "async"].repeat(2));
    assert!(stacks[2]["measured"].as_str().unwrap().starts_with("prefetch"), "{stacks}");
    assert!(stacks[2]["why"].as_str().unwrap().contains("second queue"), "{stacks}");
    let lanes: Vec<Option<u64>> =
        tables["lanes"].as_array().unwrap().iter().map(|row| row["lanes"].as_u64()).collect();
    assert_eq!(lanes[..6], [Some(64), Some(128), Some(256), Some(8), Some(32), None]);
    let token = &tables["token"];
    let rows = &token["rows"];
    assert_eq!(texts(rows, "mode"), ["cached", "lru", "fused", "prefetch", "async"]);
    let seconds = |row: usize| rows[row]["seconds"].as_f64();
    assert!((0..4).all(|row| seconds(row).unwrap() > 0.0) && seconds(4).is_none(), "{rows}");
    assert_eq!(rows[0]["overhead_seconds"], 0.0);
    let bytes = |row: usize, name: &str| rows[row][name].as_u64().unwrap();
    assert!(bytes(2, "weight_bytes") < bytes(0, "weight_bytes"), "streams are smaller than packed: {rows}");
    assert_eq!(bytes(3, "slot_bytes"), 2 * bytes(1, "slot_bytes"), "two sets of slots: {rows}");
    assert!((0.0..=1.0).contains(&rows[3]["waiting"].as_f64().unwrap()), "{rows}");
}

#[test]
fn tables_of_the_prototype_show_what_a_device_lacks() {
    let output = ecq(&ORIGINAL);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["V1", "Stacks of layers", "256", "G symbols/s", "over cached", "second queue", "[1]"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn benchmarks_refuse_options_of_other_devices() {
    let said = refusal(&["bench", "original", "--timeline", "x.svg"], 2, "option");
    assert!(said.contains("--device cuda"), "{said}");
    refusal(&["bench", "original", "--shape", "gpt-5", "--divide", "64", "--seconds", "0"], 4, "io");
    refusal(&["bench", "original", "--device", "tpu"], 2, "option");
    let said = refusal(&["bench", "gemv", "--trellis"], 2, "option");
    assert!(said.contains("--device cuda"), "{said}");
    refusal(&["bench", "gemv", "--shape", "16384", "--device", "cuda"], 2, "usage");
    refusal(&["bench", "gemv", "--device", "cuda", "--threads", "2"], 2, "option");
}

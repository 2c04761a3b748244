//! Dequantization against golden files of the reference implementation (made by
//! `data/make_gguf_fixtures.py`).

use ecq_format::gguf::{GgmlType, GgufError, dequantize};

const FIXTURES: [(&str, &[u8]); 18] = [
    ("f32", include_bytes!("../data/gguf_f32.bin")),
    ("f16", include_bytes!("../data/gguf_f16.bin")),
    ("bf16", include_bytes!("../data/gguf_bf16.bin")),
    ("q4_0", include_bytes!("../data/gguf_q4_0.bin")),
    ("q4_1", include_bytes!("../data/gguf_q4_1.bin")),
    ("q5_0", include_bytes!("../data/gguf_q5_0.bin")),
    ("q5_1", include_bytes!("../data/gguf_q5_1.bin")),
    ("q8_0", include_bytes!("../data/gguf_q8_0.bin")),
    ("q2_k", include_bytes!("../data/gguf_q2_k.bin")),
    ("q3_k", include_bytes!("../data/gguf_q3_k.bin")),
    ("q4_k", include_bytes!("../data/gguf_q4_k.bin")),
    ("q5_k", include_bytes!("../data/gguf_q5_k.bin")),
    ("q6_k", include_bytes!("../data/gguf_q6_k.bin")),
    ("iq4_nl", include_bytes!("../data/gguf_iq4_nl.bin")),
    ("iq4_xs", include_bytes!("../data/gguf_iq4_xs.bin")),
    ("mxfp4", include_bytes!("../data/gguf_mxfp4.bin")),
    ("tq1_0", include_bytes!("../data/gguf_tq1_0.bin")),
    ("tq2_0", include_bytes!("../data/gguf_tq2_0.bin")),
];

#[test]
fn weights_are_bit_identical_to_the_reference() {
    for (name, fixture) in FIXTURES {
        let ty = GgmlType::from_name(name).expect("a known name");
        let count = u32::from_le_bytes(*fixture.first_chunk().expect("a count")) as usize;
        let (blocks, weights) = fixture[4..].split_at(count * ty.block_bytes());
        let expected: Vec<u32> = weights.as_chunks().0.iter().map(|&b| u32::from_le_bytes(b)).collect();
        assert_eq!(expected.len(), count * ty.block_weights(), "{name}");
        let mut found = vec![f32::NAN; expected.len()];
        dequantize(ty, blocks, &mut found).expect("a type that is dequantized");
        for (i, (found, expected)) in found.iter().map(|f| f.to_bits()).zip(expected).enumerate() {
            assert_eq!(found, expected, "{name}, weight {i}");
        }
    }
}

#[test]
fn nan_halves_stay_nan() {
    for bits in [0x7c00u16, 0xfc00, 0x7e00, 0x7c01] {
        let mut found = [0.0];
        dequantize(GgmlType::F16, &bits.to_le_bytes(), &mut found).expect("one half");
        assert_eq!((found[0].is_infinite(), found[0].is_nan()), (bits & 0x3ff == 0, bits & 0x3ff != 0));
    }
    let mut found = [0.0];
    dequantize(GgmlType::Bf16, &[0x81, 0x7f], &mut found).expect("one");
    assert_eq!(found[0].to_bits(), 0x7f81_0000);
}

#[test]
fn wrong_lengths_and_unsupported_types_are_refused() {
    for (weights, bytes) in [(32, 17), (32, 19), (31, 18), (33, 18), (0, 18), (64, 18)] {
        let error = dequantize(GgmlType::Q4_0, &vec![0; bytes], &mut vec![0.0; weights]).expect_err("wrong");
        assert!(matches!(error, GgufError::Length { found, .. } if found == bytes as u64), "{error}");
    }
    for (ty, bytes, weights) in
        [(GgmlType::Nvfp4, 36, 64), (GgmlType::Iq2Xxs, 66, 256), (GgmlType::Q8_1, 36, 32)]
    {
        let error = dequantize(ty, &vec![0; bytes], &mut vec![0.0; weights]).expect_err("not dequantized");
        assert!(matches!(error, GgufError::Unsupported { found, .. } if found == ty.name()), "{error}");
        assert!(error.to_string().contains("iq4_nl"), "{error}");
    }
}

#[test]
fn every_value_of_mxfp4_is_exact_in_bfloat16() {
    // All bytes as codes, and all scales whose values are finite in single precision.
    for scale in 0..=250 {
        for codes in 0..=255u8 {
            let mut block = [codes; 17];
            block[0] = scale;
            let mut weights = [0.0f32; 32];
            dequantize(GgmlType::Mxfp4, &block, &mut weights).expect("one block");
            // Skips numbers that are subnormal in single precision.
            let whole = scale > 2 || weights.iter().all(|w| *w == 0.0);
            assert!(!whole || weights.iter().all(|w| w.to_bits() & 0xffff == 0), "{scale} {codes}");
        }
    }
}

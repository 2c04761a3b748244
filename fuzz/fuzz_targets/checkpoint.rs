//! Arbitrary bytes as the index, headers and configuration of a checkpoint, and as quantized layers.
#![no_main]
#![allow(clippy::expect_used, reason = "a panic is a finding")]

use ecq::Limits;
use ecq::format::checkpoint::{Checkpoint, MlxGroups, Quantization, tensor_kind};
use ecq::format::{awq, gptq, mlx, mxfp4};
use ecq::{FloatType, FloatVec};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[a, b, c, d, e, f, g, h, i, j, k, l], rest)) = bytes.split_first_chunk::<12>() else { return };
    let (index, rest) = rest.split_at(rest.len().min(u16::from_le_bytes([a, b]).into()));
    let (first, second) = rest.split_at(rest.len().min(u16::from_le_bytes([c, d]).into()));
    let lens = [[e, f, g, h], [i, j, k, l]].map(|len| u64::from(u32::from_le_bytes(len)));
    let limits = Limits { tensor_weights: 1 << 30, tensors: 64, header_bytes: 1 << 16, file_bytes: 1 << 16 };

    let shards = [("1.safetensors", first, lens[0]), ("2.safetensors", second, lens[1])];
    let parsed = match index {
        [] => Checkpoint::parse(None, &shards[..1], &limits),
        index => Checkpoint::parse(Some(index), &shards, &limits),
    };
    if let Ok(checkpoint) = parsed {
        for tensor in checkpoint.tensors() {
            let _ = (tensor.rows(), tensor.cols(), tensor_kind(&tensor.name));
            assert!(tensor.offset + tensor.bytes <= checkpoint.shards()[tensor.shard].file_bytes);
        }
        let group_size = usize::from(a).max(1);
        let default = MlxGroups { bits: b % 9, group_size };
        let of_gptq = |version, dynamic| Quantization::Gptq {
            bits: if dynamic { 4 } else { b % 9 },
            group_size: Some(group_size),
            version,
            dynamic,
        };
        for quantization in [
            Quantization::None,
            Quantization::Mlx { default, layers: BTreeMap::new() },
            of_gptq(gptq::GptqVersion::V1, true),
            of_gptq(gptq::GptqVersion::V2, false),
            Quantization::Awq { group_size: None },
            Quantization::Mxfp4,
        ] {
            let _ = (checkpoint.weights(&quantization), checkpoint.weights_as_floats(&quantization));
        }
    }
    if let Ok(config) = serde_json::from_slice(index) {
        let _ = Quantization::of_config(&config);
    }
    layers(first, second, [a, b, e, f]);
});

/// What a layout takes apart it puts together again.
fn layers(codes: &[u8], zeros: &[u8], [bits, group_size, inputs, outputs]: [u8; 4]) {
    if let Ok(unpacked) = mlx::unpack(bits, group_size.into(), codes)
        && unpacked.cols().is_multiple_of(32)
    {
        assert_eq!(mlx::pack(bits, &unpacked).expect("unpacked codes pack"), codes);
    }
    let (group_size, inputs, outputs) = (usize::from(group_size), inputs.into(), outputs.into());
    let groups = inputs / group_size.max(1);
    let scales =
        FloatVec::new(FloatType::F16, vec![0; 2 * groups * outputs]).expect("an even number of bytes");
    let take = |bytes: &[u8], bits: usize| bytes.get(..bits / 8).unwrap_or(bytes).to_vec();
    let (weights, points) = (inputs * outputs, groups * outputs);
    for version in [gptq::GptqVersion::V1, gptq::GptqVersion::V2] {
        let layer = gptq::GptqLayer { bits, group_size, inputs, outputs, version };
        let width = usize::from(bits);
        let (qweight, qzeros) = (take(codes, weights * width), take(zeros, points * width));
        let packed = gptq::GptqTensors { qweight, qzeros, scales: scales.clone() };
        if let Ok((codes, grid)) = layer.unpack(&packed) {
            assert_eq!(layer.pack(&codes, &grid).expect("unpacked codes pack"), packed);
        }
        // Columns of any group, some of groups that are not there.
        let layer = gptq::GptqActOrderLayer { bits, groups, inputs, outputs, version };
        let group_of: Vec<u32> = codes.iter().take(inputs).map(|&group| u32::from(group >> 5)).collect();
        let _ = layer.dequantize(&packed, &group_of);
    }
    if let Ok(joined) = mxfp4::to_gguf_blocks(codes, zeros) {
        assert_eq!(
            mxfp4::from_gguf_blocks(&joined).expect("joined blocks split"),
            (codes.to_vec(), zeros.to_vec())
        );
    }
    if let Ok((blocks, scales)) = mxfp4::from_gguf_blocks(codes) {
        assert_eq!(mxfp4::to_gguf_blocks(&blocks, &scales).expect("split blocks join"), codes);
    }
    let layer = awq::AwqLayer { group_size, inputs, outputs };
    let packed =
        awq::AwqTensors { qweight: take(codes, weights * 4), qzeros: take(zeros, points * 4), scales };
    if let Ok((codes, grid)) = layer.unpack(&packed) {
        assert_eq!(layer.pack(&codes, &grid).expect("unpacked codes pack"), packed);
    }
}

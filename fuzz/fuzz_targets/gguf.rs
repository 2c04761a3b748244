//! Any bytes as a GGUF header, and as the blocks of a tensor.
#![no_main]

use ecq::Limits;
use ecq::format::gguf::{GgmlType, Gguf, chat_template, config, dequantize, join, split, tokenizer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { tensor_weights: 1 << 20, tensors: 64, header_bytes: 1 << 20, file_bytes: 1 << 20 };
    if let Ok(gguf) = Gguf::parse(bytes, 1 << 20, &limits) {
        let _ = (config(&gguf), tokenizer(&gguf), chat_template(&gguf));
    }
    let Some((&id, blocks)) = bytes.split_first() else { return };
    let Some(ty) = GgmlType::from_id(id.into()) else { return };
    let rows = blocks.len() / ty.block_bytes();
    let blocks = &blocks[..rows * ty.block_bytes()];
    if rows == 0 {
        return;
    }
    let _ = dequantize(ty, blocks, &mut vec![0.0; rows * ty.block_weights()]);
    if let Ok((codes, grid)) = split(ty, rows, ty.block_weights(), blocks) {
        assert_eq!(join(ty, &codes, &grid).expect("what was split joins"), blocks);
    }
});

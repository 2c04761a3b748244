//! Arbitrary bytes as a GGUF header, as the gaps between tensors, as parts of a split model, and as the
//! blocks of a tensor.
#![no_main]
#![allow(clippy::expect_used, reason = "a panic is a finding")]

use ecq::Limits;
use ecq::format::file_type::describe_file_type;
use ecq::format::gguf::{
    GgmlType, Gguf, NonzeroPadding, chat_template, dequantize, merge_parts, model_config, pack_blocks,
    pack_super_blocks, super_block_layout, tokenizer_metadata, unpack_blocks, unpack_super_blocks,
};
use ecq::format::hf::{config_json, hf_tensor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { tensor_weights: 1 << 20, tensors: 64, header_bytes: 1 << 20, file_bytes: 1 << 20 };
    if let Ok(gguf) = Gguf::parse(bytes, 1 << 20, &limits) {
        let _ = (tokenizer_metadata(&gguf), chat_template(&gguf));
        if let Ok(config) = model_config(&gguf) {
            // Layers are listed one by one: as many as a header of these caps can hold tensors of.
            if config.num_hidden_layers < 1 << 10 {
                let _ = config_json(&config, None, "float16");
            }
            for tensor in gguf.tensors() {
                let _ = hf_tensor(&config, &tensor.name);
            }
        }
        if let Ok(gaps) = NonzeroPadding::parse(bytes, &gguf) {
            assert_eq!(gaps.to_bytes(), bytes);
        }
        for tensor in gguf.tensors() {
            let _ = (tensor.rows(), tensor.cols(), tensor.row_bytes());
        }
        let parts = [("a".to_owned(), &gguf), ("b".to_owned(), &gguf)];
        for parts in [&parts[..1], &parts] {
            if let Ok((whole, places)) = merge_parts(parts, &limits) {
                assert_eq!(whole.tensors().len(), places.len());
            }
        }
    }
    let _ = describe_file_type(bytes, bytes.len() as u64);
    let Some((&id, blocks)) = bytes.split_first() else { return };
    let Some(ty) = GgmlType::from_id(id.into()) else { return };
    let rows = blocks.len() / ty.block_bytes();
    let blocks = &blocks[..rows * ty.block_bytes()];
    if rows == 0 {
        return;
    }
    let _ = dequantize(ty, blocks, &mut vec![0.0; rows * ty.block_weights()]);
    if let Ok((codes, grid)) = unpack_blocks(ty, rows, ty.block_weights(), blocks) {
        assert_eq!(pack_blocks(ty, &codes, &grid).expect("split blocks join"), blocks);
    }
    if let Some(layout) = super_block_layout(ty) {
        let (codes, grid) = unpack_super_blocks(layout, rows, 256, blocks).expect("whole super-blocks");
        assert_eq!(pack_super_blocks(&codes, &grid).expect("split super-blocks join"), blocks);
    }
});

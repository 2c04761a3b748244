//! MXFP4 in safetensors files, as in gpt-oss: four-bit floats in blocks of 32 that share a power of two.
//!
//! `X_blocks` holds 16 bytes per block, `X_scales` one. Byte `i` of a block holds weights `2i` (low four
//! bits) and `2i + 1`. The GGUF block of the same type stores the scale first; its byte `i` then holds
//! weights `i` and `i + 16`. Sources: `convert_moe_packed_tensors` in `integrations/mxfp4.py` of
//! huggingface/transformers; `block_mxfp4` in ggml's `ggml-common.h`; OCP Microscaling Formats (MX)
//! Specification 1.0.

use crate::packed_layer::check_length;
use ecq_core::CoreError;

/// Number of weights in a block.
pub const BLOCK: usize = 32;
/// Size of the weights of a block in bytes.
pub const PACKED_BYTES: usize = BLOCK / 2;
/// Size of a GGUF block in bytes: one scale and the weights.
const BLOCK_BYTES: usize = 1 + PACKED_BYTES;

/// Combines the bytes of `X_blocks` and `X_scales` into GGUF blocks; the exact inverse of
/// [`from_gguf_blocks`].
///
/// # Errors
/// [`CoreError::Length`] if there is not one scale per 16 bytes of blocks.
pub fn to_gguf_blocks(blocks: &[u8], scales: &[u8]) -> Result<Vec<u8>, CoreError> {
    check_length("bytes of blocks", blocks.len(), scales.len().saturating_mul(PACKED_BYTES))?;
    let mut joined = vec![0; scales.len() * BLOCK_BYTES];
    let blocks = blocks.as_chunks::<PACKED_BYTES>().0.iter().zip(scales);
    for ((block, &scale), out) in blocks.zip(joined.as_chunks_mut::<BLOCK_BYTES>().0) {
        out[0] = scale;
        let code = |at: usize| block[at / 2] >> (at % 2 * 4) & 15;
        for (i, byte) in out[1..].iter_mut().enumerate() {
            *byte = code(i) | code(i + PACKED_BYTES) << 4;
        }
    }
    Ok(joined)
}

/// Splits GGUF blocks into the bytes of `X_blocks` and `X_scales`.
///
/// # Errors
/// [`CoreError::Length`] if the length is not a whole number of blocks.
pub fn from_gguf_blocks(joined: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CoreError> {
    let count = joined.len() / BLOCK_BYTES;
    check_length("bytes of blocks", joined.len(), count * BLOCK_BYTES)?;
    let (mut blocks, mut scales) = (vec![0; count * PACKED_BYTES], Vec::with_capacity(count));
    for (block, out) in
        joined.as_chunks::<BLOCK_BYTES>().0.iter().zip(blocks.as_chunks_mut::<PACKED_BYTES>().0)
    {
        scales.push(block[0]);
        let code = |at: usize| block[1 + at % PACKED_BYTES] >> (at / PACKED_BYTES * 4) & 15;
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = code(2 * i) | code(2 * i + 1) << 4;
        }
    }
    Ok((blocks, scales))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{GgmlType, dequantize};
    use proptest::prelude::*;

    #[test]
    fn weights_keep_their_order() {
        // Weight i has code i % 16.
        let blocks: Vec<u8> = (0..16).map(|i| (2 * i % 16) | ((2 * i + 1) % 16) << 4).collect();
        let joined = to_gguf_blocks(&blocks, &[128]).unwrap();
        let mut weights = [0.0; 32];
        dequantize(GgmlType::Mxfp4, &joined, &mut weights).unwrap();
        let of_codes = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
        for (i, weight) in weights.into_iter().enumerate() {
            let sign = if i % 16 < 8 { 2.0 } else { -2.0 };
            assert_eq!(weight, sign * of_codes[i % 8], "{i}");
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(to_gguf_blocks(&[0; 15], &[0]).is_err() && to_gguf_blocks(&[0; 16], &[]).is_err());
        assert!(from_gguf_blocks(&[0; 16]).is_err());
        assert_eq!(to_gguf_blocks(&[], &[]).unwrap(), Vec::<u8>::new());
    }

    proptest! {
        #[test]
        fn gguf_blocks_are_restored(blocks in prop::collection::vec(any::<[u8; 17]>(), 0..9)) {
            let joined = blocks.concat();
            let (blocks, scales) = from_gguf_blocks(&joined).unwrap();
            prop_assert_eq!(to_gguf_blocks(&blocks, &scales).unwrap(), joined);
        }
    }
}

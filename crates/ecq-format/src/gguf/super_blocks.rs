//! The bytes of K-quant super-blocks. Layouts: `block_q4_K`, `block_q5_K` and `block_q6_K` of ggml's
//! `ggml-common.h`; the inverse is [`dequantize`](super::dequantize()).

use super::Result;
use super::error::GgufError;
use super::types::GgmlType;
use ecq_core::SuperBlock;

/// Writes `block` to `bytes` in the layout of `ty` (Q4_K, Q5_K or Q6_K). Codes, scales and minima are cut to
/// the bits that the layout has for them.
///
/// # Errors
/// When `ty` is another type, or `bytes` is not one block long.
pub fn put_super_block(ty: GgmlType, block: &SuperBlock, bytes: &mut [u8]) -> Result<()> {
    if bytes.len() != ty.block_bytes() {
        let (found, expected) = (bytes.len() as u64, ty.block_bytes() as u64);
        return Err(GgufError::Length { what: "bytes of a super-block", found, expected });
    }
    bytes.fill(0);
    match ty {
        GgmlType::Q4_K => {
            put_steps(block, bytes);
            put_nibbles(block, &mut bytes[16..]);
        }
        GgmlType::Q5_K => {
            put_steps(block, bytes);
            for (group, codes) in block.codes.chunks_exact(32).enumerate() {
                let fifth_bits = bytes[16..48].iter_mut().zip(codes);
                fifth_bits.for_each(|(byte, code)| *byte |= (code >> 4 & 1) << group);
            }
            put_nibbles(block, &mut bytes[48..]);
        }
        GgmlType::Q6_K => {
            put_six_bits(block, bytes);
            bytes[192..208].iter_mut().zip(block.scales).for_each(|(byte, scale)| *byte = scale as u8);
            bytes[208..].copy_from_slice(&block.step.to_le_bytes());
        }
        _ => return Err(GgufError::Unsupported { found: ty.name(), why: "is none of q4_k, q5_k and q6_k" }),
    }
    Ok(())
}

/// Two steps, then eight 6-bit scales and minima in twelve bytes: the first four of each have six bits of a
/// byte, the others four bits of a byte and the two bits that the first four leave free.
fn put_steps(block: &SuperBlock, bytes: &mut [u8]) {
    bytes[..2].copy_from_slice(&block.step.to_le_bytes());
    bytes[2..4].copy_from_slice(&block.minimum_step.to_le_bytes());
    let packed = &mut bytes[4..16];
    for group in 0..8 {
        let (scale, minimum) = (block.scales[group] as u8 & 63, block.minima[group] & 63);
        if group < 4 {
            packed[group] |= scale;
            packed[group + 4] |= minimum;
        } else {
            packed[group + 4] = scale & 15 | minimum << 4;
            packed[group - 4] |= scale >> 4 << 6;
            packed[group] |= minimum >> 4 << 6;
        }
    }
}

/// The low four bits of each code: 32 bytes hold the codes of two groups.
fn put_nibbles(block: &SuperBlock, bytes: &mut [u8]) {
    for (codes, bytes) in block.codes.chunks_exact(64).zip(bytes.chunks_exact_mut(32)) {
        let (low, high) = codes.split_at(32);
        bytes.iter_mut().zip(low.iter().zip(high)).for_each(|(byte, (l, h))| *byte = l & 15 | h << 4);
    }
}

/// The low four bits of each code in 128 bytes, the high two in 64. Each half of the codes is four quarters
/// of 32 weights: quarters 0 and 2, and 1 and 3, share bytes of low bits; all four share bytes of high bits.
fn put_six_bits(block: &SuperBlock, bytes: &mut [u8]) {
    for (i, &code) in block.codes.iter().enumerate() {
        let (half, quarter, at) = (i / 128, i % 128 / 32, i % 32);
        bytes[64 * half + quarter % 2 * 32 + at] |= (code & 15) << (quarter / 2 * 4);
        bytes[128 + 32 * half + at] |= (code >> 4 & 3) << (2 * quarter);
    }
}

#[cfg(test)]
mod tests {
    use super::super::dequantize;
    use super::*;
    use half::f16;

    /// Numbers that use every bit of the fields of `ty`.
    fn block(ty: GgmlType) -> SuperBlock {
        let (step, mut block) = (f16::from_f32(0.25), SuperBlock::default());
        let code_mask = match ty {
            GgmlType::Q4_K => 15,
            GgmlType::Q5_K => 31,
            _ => 63,
        };
        block.step = step;
        for i in 0..256u32 {
            block.codes[i as usize] = (i.wrapping_mul(2_654_435_761) >> 13) as u8 & code_mask;
        }
        for group in 0..16u8 {
            if ty == GgmlType::Q6_K {
                block.scales[usize::from(group)] = group.wrapping_mul(37) as i8;
            } else if group < 8 {
                block.scales[usize::from(group)] = (group * 23 % 64) as i8;
                block.minima[usize::from(group)] = (63 - group * 17 % 64) & 63;
            }
        }
        if ty != GgmlType::Q6_K {
            block.minimum_step = f16::from_f32(0.125);
        }
        block
    }

    #[test]
    fn the_dequantizer_reads_what_is_written() {
        for ty in [GgmlType::Q4_K, GgmlType::Q5_K, GgmlType::Q6_K] {
            let block = block(ty);
            let mut bytes = vec![0xff; ty.block_bytes()];
            put_super_block(ty, &block, &mut bytes).unwrap();
            let mut weights = [0.0; 256];
            dequantize(ty, &bytes, &mut weights).unwrap();
            let (group_size, zero) = if ty == GgmlType::Q6_K { (16, 32) } else { (32, 0) };
            for (i, weight) in weights.into_iter().enumerate() {
                let group = i / group_size;
                let step = block.step.to_f32() * f32::from(block.scales[group]);
                let minimum = block.minimum_step.to_f32() * f32::from(block.minima[group]);
                let expected = step * (i32::from(block.codes[i]) - zero) as f32 - minimum;
                assert_eq!(weight, expected, "{} {i}", ty.name());
            }
        }
    }

    #[test]
    fn other_types_and_lengths_are_refused() {
        let block = SuperBlock::default();
        assert!(put_super_block(GgmlType::Q4_K, &block, &mut [0; 143]).is_err());
        assert!(put_super_block(GgmlType::Q3_K, &block, &mut [0; 110]).is_err());
    }
}

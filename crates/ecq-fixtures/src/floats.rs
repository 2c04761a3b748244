//! Floats that are difficult to quantize.

use crate::Numbers;

/// Returns values for fake quantization in `[-1, 1]`: zeros, ones, infinities, NaNs, subnormals and the
/// places halfway between levels of every number of bits with their neighbours; then numbers in and around
/// the range, more such places, and random bits.
pub fn fake_quant_values(count: usize, seed: u64) -> Vec<f32> {
    let mut all = vec![0.0, 1.0, 0.5, 2.0, f32::MAX, f32::INFINITY, f32::MIN_POSITIVE, f32::EPSILON];
    // Subnormals, NaNs that are quiet and not, neighbours of one.
    all.extend(
        [1, 0x7f_ffff, 0x7fc0_0000, 0x7f80_0001, 0x7fff_ffff, 0x3f7f_ffff, 0x3f80_0001].map(f32::from_bits),
    );
    all.extend((2..=16).flat_map(|bits| near_half(bits, 0)));
    let mut numbers = Numbers::new(seed);
    while all.len() < count {
        let random = numbers.next_u64();
        match random % 4 {
            0 => all.push(f32::from_bits((random >> 32) as u32)),
            1 => all.extend(near_half(2 + (random >> 8) as u32 % 15, (random >> 32) as u32)),
            _ => all.push((random >> 40) as f32 / (1u64 << 23) as f32 * 1.05 - 1.05),
        }
    }
    all.truncate(count);
    // Half of them are negative, the special ones among them.
    (0..count / 2).for_each(|i| all[count - 1 - i] = if i < 64 { -all[i] } else { -all[count - 1 - i] });
    all
}

/// Returns a place halfway between two levels, with the neighbours.
fn near_half(bits: u32, random: u32) -> [f32; 3] {
    let largest = (1u32 << (bits - 1)) - 1;
    let half = ((f64::from(random % largest) + 0.5) / f64::from(largest)) as f32;
    [half.next_down(), half, half.next_up()]
}

//! Rotary position embedding (Su et al., 2021).

use ecq_coding::multiversion;
use ecq_core::RotaryPairs;

/// Writes for each position `frequencies.len()` cosines, then as many sines, all multiplied by `scale`.
pub fn angles(positions: &[u32], frequencies: &[f32], scale: f32, table: &mut [f32]) {
    let n = frequencies.len();
    for (&position, row) in positions.iter().zip(table.chunks_exact_mut(2 * n)) {
        let (cos, sin) = row.split_at_mut(n);
        for ((cos, sin), &frequency) in cos.iter_mut().zip(sin).zip(frequencies) {
            let (s, c) = (position as f32 * frequency).sin_cos();
            (*cos, *sin) = (c * scale, s * scale);
        }
    }
}

multiversion! {
    /// Rotates the first `2 * frequencies` values of each head of `x`, rows of `heads * head_dim`, by the
    /// [`angles`] of its row.
    pub fn rotate(
        x: &mut [f32],
        table: &[f32],
        frequencies: usize,
        heads: usize,
        head_dim: usize,
        pairs: RotaryPairs,
    ) {
        for (x, angles) in x.chunks_exact_mut(heads * head_dim).zip(table.chunks_exact(2 * frequencies)) {
            let (cos, sin) = angles.split_at(frequencies);
            for head in x.chunks_exact_mut(head_dim) {
                let rotated = &mut head[..2 * frequencies];
                match pairs {
                    RotaryPairs::Halves => {
                        let (a, b) = rotated.split_at_mut(frequencies);
                        for i in 0..frequencies {
                            (a[i], b[i]) = (a[i] * cos[i] - b[i] * sin[i], b[i] * cos[i] + a[i] * sin[i]);
                        }
                    }
                    RotaryPairs::Neighbours => {
                        for (i, pair) in rotated.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                            let [a, b] = *pair;
                            *pair = [a * cos[i] - b * sin[i], b * cos[i] + a * sin[i]];
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_turn_the_same_pairs() {
        let frequencies = [1.0, 0.1];
        let mut table = vec![0.0; 2 * 4];
        angles(&[0, 3], &frequencies, 2.0, &mut table);
        assert_eq!(table[..4], [2.0, 2.0, 0.0, 0.0]);
        let head = [1.0, 2.0, 3.0, 4.0, 9.0];
        let mut halves = [head, head].concat();
        rotate(&mut halves, &table, 2, 1, 5, RotaryPairs::Halves);
        let shuffled = [1.0, 3.0, 2.0, 4.0, 9.0];
        let mut neighbours = [shuffled, shuffled].concat();
        rotate(&mut neighbours, &table, 2, 1, 5, RotaryPairs::Neighbours);
        assert_eq!(halves[..5], [2.0, 4.0, 6.0, 8.0, 9.0]);
        let turned = |a: f64, b: f64, angle: f64| {
            [2.0 * (a * angle.cos() - b * angle.sin()), 2.0 * (b * angle.cos() + a * angle.sin())]
        };
        let ([a, c], [b, d]) = (turned(1.0, 3.0, 3.0), turned(2.0, 4.0, 0.3));
        for (found, expected) in halves[5..].iter().zip([a, b, c, d, 9.0]) {
            assert!((f64::from(*found) - expected).abs() < 1e-5);
        }
        for (n, h) in [(0, 0), (1, 2), (2, 1), (3, 3), (4, 4)] {
            assert_eq!(neighbours[5 + n], halves[5 + h]);
        }
    }
}

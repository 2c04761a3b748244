//! Normalization of rows.

use super::vector::{squares, sum};
use ecq_coding::multiversion;

multiversion! {
    /// Computes `y = x / sqrt(mean(x^2) + eps) * weight` for each row of `weight.len()` values (Zhang and
    /// Sennrich, 2019).
    pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, y: &mut [f32]) {
        let cols = weight.len();
        for (x, y) in x.chunks_exact(cols).zip(y.chunks_exact_mut(cols)) {
            let scale = 1.0 / (squares(x) / cols as f32 + eps).sqrt();
            for ((y, &x), &w) in y.iter_mut().zip(x).zip(weight) {
                *y = x * scale * w;
            }
        }
    }
}

multiversion! {
    /// Computes `y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias` for each row of `weight.len()`
    /// values (Ba et al., 2016).
    pub fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, y: &mut [f32]) {
        let cols = weight.len();
        for (x, y) in x.chunks_exact(cols).zip(y.chunks_exact_mut(cols)) {
            let mean = sum(x) / cols as f32;
            for (y, &x) in y.iter_mut().zip(x) {
                *y = x - mean;
            }
            let scale = 1.0 / (squares(y) / cols as f32 + eps).sqrt();
            for ((y, &w), &b) in y.iter_mut().zip(weight).zip(bias) {
                *y = *y * scale * w + b;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_normalized_independently() {
        let x: Vec<f32> = (0..66).map(|i| (i * 37 % 19) as f32 - 7.0).collect();
        let weight: Vec<f32> = (0..33).map(|i| 1.0 + i as f32 / 33.0).collect();
        let bias: Vec<f32> = (0..33).map(|i| i as f32 / 10.0).collect();
        let (mut rms, mut layer) = (vec![0.0; 66], vec![0.0; 66]);
        rms_norm(&x, &weight, 1e-5, &mut rms);
        layer_norm(&x, &weight, &bias, 1e-5, &mut layer);
        for row in 0..2 {
            let x: Vec<f64> = x[33 * row..33 * (row + 1)].iter().map(|&x| f64::from(x)).collect();
            let mean = x.iter().sum::<f64>() / 33.0;
            let square = x.iter().map(|x| x * x).sum::<f64>() / 33.0;
            for i in 0..33 {
                let (w, b) = (f64::from(weight[i]), f64::from(bias[i]));
                let expected = x[i] / (square + 1e-5).sqrt() * w;
                assert!((f64::from(rms[33 * row + i]) - expected).abs() < 1e-5);
                let expected = (x[i] - mean) / (square - mean * mean + 1e-5).sqrt() * w + b;
                assert!((f64::from(layer[33 * row + i]) - expected).abs() < 1e-5);
            }
        }
    }
}

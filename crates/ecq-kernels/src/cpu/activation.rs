//! Activation functions of feed-forward layers.

use super::vector::exp;
use ecq_coding::multiversion;
use ecq_core::Activation;

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let inner = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    // (1 + tanh(y)) / 2 = 1 / (1 + e^-2y)
    x / (1.0 + exp(-2.0 * inner))
}

multiversion! {
    /// Applies an activation function: `x = f(x)`.
    pub fn activate(activation: Activation, x: &mut [f32]) {
        match activation {
            Activation::Silu => x.iter_mut().for_each(|x| *x = silu(*x)),
            Activation::GeluTanh => x.iter_mut().for_each(|x| *x = gelu_tanh(*x)),
        }
    }
}

multiversion! {
    /// Applies a gated linear unit: `gate = f(gate) * up` (Shazeer, 2020).
    pub fn glu(activation: Activation, gate: &mut [f32], up: &[f32]) {
        let pairs = gate.iter_mut().zip(up);
        match activation {
            Activation::Silu => pairs.for_each(|(gate, &up)| *gate = silu(*gate) * up),
            Activation::GeluTanh => pairs.for_each(|(gate, &up)| *gate = gelu_tanh(*gate) * up),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_their_formulas() {
        let x: Vec<f32> = (-60..=60).map(|i| i as f32 / 5.0).chain([-1e4, 1e4, 0.0]).collect();
        let (mut s, mut g) = (x.clone(), x.clone());
        activate(Activation::Silu, &mut s);
        activate(Activation::GeluTanh, &mut g);
        for ((x, s), g) in x.iter().zip(&s).zip(&g) {
            let x = f64::from(*x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            let scale = 1.0 + x.abs();
            assert!((f64::from(*s) - x / (1.0 + (-x).exp())).abs() < 1e-6 * scale, "{x}");
            assert!((f64::from(*g) - 0.5 * x * (1.0 + inner.tanh())).abs() < 1e-6 * scale, "{x}");
        }
        let mut product = x.clone();
        glu(Activation::Silu, &mut product, &x);
        assert!(product.iter().zip(&s).zip(&x).all(|((p, s), x)| *p == s * x));
    }
}

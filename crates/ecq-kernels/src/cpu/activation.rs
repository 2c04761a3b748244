//! Activation functions of feed-forward layers.

use super::vector::exp;
use ecq_coding::multiversion;
use ecq_core::Activation;

const SQRT_2_OVER_PI: f32 = 0.797_884_6;

#[inline(always)]
fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    let inner = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    // (1 + tanh(y)) / 2 = 1 / (1 + e^-2y)
    x / (1.0 + exp(-2.0 * inner))
}

/// Returns value and derivative.
#[inline(always)]
fn silu_with_slope(x: f32) -> (f32, f32) {
    let s = 1.0 / (1.0 + exp(-x));
    (x * s, s * (1.0 + x * (1.0 - s)))
}

/// Returns value and derivative.
#[inline(always)]
fn gelu_tanh_with_slope(x: f32) -> (f32, f32) {
    let inner = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    let slope_of_inner = SQRT_2_OVER_PI * (1.0 + 3.0 * 0.044_715 * x * x);
    let s = 1.0 / (1.0 + exp(-2.0 * inner));
    (x * s, s + 2.0 * x * s * (1.0 - s) * slope_of_inner)
}

/// Computes `f` by index, because adapters that return pairs are not inlined in functions that are compiled
/// for an instruction set.
#[inline(always)]
fn glu_gradients_of(
    f: impl Fn(f32) -> (f32, f32),
    gate: &[f32],
    up: &[f32],
    d_gate: &mut [f32],
    d_up: &mut [f32],
) {
    let n = gate.len();
    let (up, d_gate, d_up) = (&up[..n], &mut d_gate[..n], &mut d_up[..n]);
    for i in 0..n {
        let (value, slope) = f(gate[i]);
        let dy = d_up[i];
        d_gate[i] = dy * up[i] * slope;
        d_up[i] = dy * value;
    }
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

multiversion! {
    /// Computes the gradients of a gated linear unit `f(gate) * up`: `d_up` holds the gradient of the product
    /// before and that of `up` after; `d_gate` receives that of `gate`. All have the length of `gate`.
    pub fn glu_gradients(
        activation: Activation,
        gate: &[f32],
        up: &[f32],
        d_gate: &mut [f32],
        d_up: &mut [f32],
    ) {
        match activation {
            Activation::Silu => glu_gradients_of(silu_with_slope, gate, up, d_gate, d_up),
            Activation::GeluTanh => glu_gradients_of(gelu_tanh_with_slope, gate, up, d_gate, d_up),
        }
    }
}

multiversion! {
    /// Multiplies a gradient by the derivative of an activation function at `x`: `d = d * f'(x)`.
    pub fn activation_gradient(activation: Activation, x: &[f32], d: &mut [f32]) {
        let n = d.len().min(x.len());
        match activation {
            Activation::Silu => (0..n).for_each(|i| d[i] *= silu_with_slope(x[i]).1),
            Activation::GeluTanh => (0..n).for_each(|i| d[i] *= gelu_tanh_with_slope(x[i]).1),
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
        // Gradients against differences of the values.
        for kind in [Activation::Silu, Activation::GeluTanh] {
            let near = |step: f32| {
                let mut y: Vec<f32> = x.iter().map(|x| x + step).collect();
                activate(kind, &mut y);
                y
            };
            let (above, below, mut value) = (near(1e-2), near(-1e-2), x.clone());
            activate(kind, &mut value);
            let (up, dy) = (vec![0.7; x.len()], vec![1.5; x.len()]);
            let (mut d, mut d_gate, mut d_up) = (dy.clone(), vec![0.0; x.len()], dy);
            activation_gradient(kind, &x, &mut d);
            glu_gradients(kind, &x, &up, &mut d_gate, &mut d_up);
            for i in (0..x.len()).filter(|&i| x[i].abs() < 100.0) {
                let slope = (above[i] - below[i]) / 2e-2;
                assert!((d[i] - 1.5 * slope).abs() < 2e-3, "{kind:?} {}: {} {slope}", x[i], d[i]);
                assert!((d_gate[i] - 0.7 * d[i]).abs() < 1e-6);
                assert!((d_up[i] - 1.5 * value[i]).abs() < 1e-5 * (1.0 + x[i].abs()));
            }
        }
        let mut product = x.clone();
        glu(Activation::Silu, &mut product, &x);
        assert!(product.iter().zip(&s).zip(&x).all(|((p, s), x)| *p == s * x));
    }
}

//! Products with matrices of floats.

use super::matrices::{activations, floats};
use super::products::{bits, check, product, product_in_pieces};
use ecq_core::FloatType;
use ecq_fixtures::Numbers;
use ecq_kernels::cpu::linear::{Activations, DenseLinear, Isa, Linear, Precision, Scratch};

#[test]
fn dense_products_are_near_the_oracle_and_the_same_everywhere() {
    let mut numbers = Numbers::new(5);
    for (rows, cols, dtype) in [
        (33, 100, FloatType::F16),
        (16, 577, FloatType::Bf16),
        (1, 3, FloatType::F32),
        (50, 256, FloatType::F16),
    ] {
        let values = floats(rows * cols, dtype, &mut numbers, |x| 0.02 * x);
        let weights = values.to_f32();
        for x_rows in [1, 2, 17] {
            let x = activations(x_rows, cols, &mut numbers);
            let dense = |isa| DenseLinear::with_isa([rows, cols], dtype, values.as_bytes(), isa).unwrap();
            let expected = product(&dense(Isa::Portable), &Activations::f32(&x, x_rows, cols));
            let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
            check(&expected, &weights, &wide, cols, 1e-6, "dense");
            for isa in Isa::supported() {
                let found = product(&dense(isa), &Activations::i8(&x, x_rows, cols));
                assert_eq!(bits(&found), bits(&expected), "{isa:?}");
                let pieces = product_in_pieces(&dense(isa), Precision::F32, &x);
                assert_eq!(bits(&pieces), bits(&expected), "{isa:?}");
            }
        }
        let dense = DenseLinear::new([rows, cols], dtype, values.as_bytes()).unwrap();
        let mut row = vec![0.0; cols];
        dense.row(rows - 1, &mut row, &mut Scratch::new()).unwrap();
        assert_eq!(row, weights[(rows - 1) * cols..]);
    }
}

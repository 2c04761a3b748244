//! Products outside of programs, in memory of the caller.

use super::harness::Harness;
use super::matrices::{every_nth_matrix, super_block_matrices};
use super::{Subject, bits, random};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Command, Rows};
use ecq_runtime::{Matrix, Residence};

/// Multiplies rows, of which the number is given, with a matrix that is loaded.
pub type LayerProduct = Box<dyn Fn(&[f32], usize) -> Vec<f32>>;

/// Numbers of rows that kernels treat differently.
const ROWS: [usize; 8] = [1, 2, 5, 8, 9, 17, 40, 130];

/// Compares products of layers bit for bit with those of programs, for some matrices of different storage.
/// `load` loads a matrix for a layer.
pub fn layers(subject: &Subject, load: &dyn Fn(&Matrix, Residence) -> LayerProduct) -> usize {
    let mut numbers = Numbers::new(41);
    let mut all = every_nth_matrix(&mut numbers, 17, 33, 12);
    all.extend(every_nth_matrix(&mut numbers, 130, 96, 15));
    all.extend(super_block_matrices(&mut numbers, 50, 512).into_iter().take(1));
    let mut cases = 0;
    for case in all {
        let [outputs, cols] = case.matrix.shape;
        let residences = case.residences(subject);
        for &residence in residences.iter().filter(|&&residence| residence != Residence::Slot) {
            let layer = load(&case.matrix, residence);
            for rows in ROWS {
                let x = random(&mut numbers, rows * cols);
                let mut harness = Harness::new(subject);
                let loaded = harness.load_operand(&case.matrix, residence);
                let (buffer, y) = (harness.filled(&x), harness.results(rows * outputs));
                let output = harness.output(loaded.operand, rows, 0..outputs, y);
                let command = Command::Linear { rows: Rows::Batch, x: buffer, outputs: vec![output] };
                harness.run([rows, 0], vec![command]);
                let (found, expected) = (layer(&x, rows), harness.read::<f32>(y));
                assert_eq!(bits(&found), bits(&expected), "{} {residence:?}, {rows} rows", case.name());
                cases += 1;
            }
        }
    }
    cases
}

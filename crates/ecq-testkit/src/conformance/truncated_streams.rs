//! Matrices with truncated parts.

use super::Subject;
use super::harness::Harness;
use super::matrices::{TestMatrix, matrices};
use super::queues::assert_names_tensor;
use ecq_core::{CoreError, EncodedTensor, TensorPart};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Command, Rows};
use ecq_runtime::{Matrix, MatrixStorage, Residence, RuntimeError};

/// A truncated matrix must be rejected at load or when decoded, with its name. Missing parts and wrong
/// lengths are already rejected by the constructor of `EncodedTensor`.
pub fn truncated_streams(subject: &Subject) -> usize {
    let mut cases = 0;
    for case in matrices(&mut Numbers::new(8), 50, 96) {
        for (matrix, what) in broken(&case) {
            for &residence in case.residences(subject) {
                assert_names_tensor(
                    load_and_multiply(subject, &matrix, residence),
                    &matrix,
                    &format!("{what}, {residence:?}"),
                );
                cases += 1;
            }
        }
    }
    cases
}

/// Returns copies of a matrix with one part cut in half, where a tensor can be constructed.
fn broken(case: &TestMatrix) -> Vec<(Matrix, String)> {
    let mut all = Vec::new();
    let mut with = |storage: MatrixStorage, what: String| {
        let matrix = Matrix { name: format!("{} broken", case.name()), storage, ..case.matrix.clone() };
        all.push((matrix, what));
    };
    match &case.matrix.storage {
        MatrixStorage::Codes(tensor) => {
            for &part in tensor.parts().keys() {
                if let Ok(cut) = halved(tensor, part) {
                    with(MatrixStorage::Codes(cut), format!("half of {part:?}"));
                }
            }
        }
        MatrixStorage::Bytes { dtype, tensor } => {
            let cut =
                halved(tensor, TensorPart::Stream).expect("how long a stream is, only its decoder knows");
            with(MatrixStorage::Bytes { dtype: dtype.clone(), tensor: cut }, "half of it".to_owned());
        }
        MatrixStorage::Plain { dtype, bytes } => {
            let bytes = bytes.slice(..bytes.len() / 2);
            with(MatrixStorage::Plain { dtype: *dtype, bytes }, "half of it".to_owned());
        }
        MatrixStorage::Transposed(_) => {}
    }
    all
}

fn halved(tensor: &EncodedTensor, part: TensorPart) -> Result<EncodedTensor, CoreError> {
    let (entry, mut parts) = tensor.clone().into_parts();
    parts.entry(part).and_modify(|bytes| bytes.truncate(bytes.len() / 2));
    EncodedTensor::new(entry, parts)
}

fn load_and_multiply(subject: &Subject, matrix: &Matrix, residence: Residence) -> Result<(), RuntimeError> {
    let [rows, cols] = matrix.shape;
    let mut harness = Harness::new(subject);
    harness.try_load(matrix, residence)?;
    let loaded = harness.load_operand(matrix, residence);
    let (x, y) = (harness.filled(&vec![1.0f32; cols]), harness.results(rows));
    let output = harness.output(loaded.operand, 1, 0..rows, y);
    let mut commands: Vec<Command> = loaded.decode.into_iter().collect();
    commands.push(Command::Linear { rows: Rows::Batch, x, outputs: vec![output] });
    harness.submit(&harness.compile([1, 0], super::harness::compute(commands)), [1, 0], &[])
}

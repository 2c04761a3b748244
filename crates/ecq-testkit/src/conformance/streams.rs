//! Matrices of which a part is cut short.

use super::Joined;
use super::matrices::{Case, matrices};
use super::queues::names;
use super::rig::Rig;
use ecq_core::{CoreError, EncodedTensor, Part};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Command, Rows};
use ecq_runtime::{Matrix, MatrixStorage, Residence, RuntimeError};

/// A matrix that is cut short is refused when it is loaded, or when it is decoded, with its name. One that
/// lacks a part, or has one of another length than its entry asks for, cannot be made.
pub fn cut_streams(joined: &Joined) -> usize {
    let mut cases = 0;
    for case in matrices(&mut Numbers::new(8), 50, 96) {
        for (matrix, what) in broken(&case) {
            for &residence in case.residences() {
                names(multiplied(joined, &matrix, residence), &matrix, &format!("{what}, {residence:?}"));
                cases += 1;
            }
        }
    }
    cases
}

/// A matrix with each of its parts cut to a half, as far as a tensor can be made of that.
fn broken(case: &Case) -> Vec<(Matrix, String)> {
    let mut all = Vec::new();
    let mut with = |stored: MatrixStorage, what: String| {
        let matrix = Matrix { name: format!("{} broken", case.name()), stored, ..case.matrix.clone() };
        all.push((matrix, what));
    };
    match &case.matrix.stored {
        MatrixStorage::Codes(tensor) => {
            for &part in tensor.parts().keys() {
                if let Ok(cut) = halved(tensor, part) {
                    with(MatrixStorage::Codes(cut), format!("half of {part:?}"));
                }
            }
        }
        MatrixStorage::Bytes { dtype, tensor } => {
            let cut = halved(tensor, Part::Stream).expect("how long a stream is, only its decoder knows");
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

fn halved(tensor: &EncodedTensor, part: Part) -> Result<EncodedTensor, CoreError> {
    let (entry, mut parts) = tensor.clone().into_parts();
    parts.entry(part).and_modify(|bytes| bytes.truncate(bytes.len() / 2));
    EncodedTensor::new(entry, parts)
}

fn multiplied(joined: &Joined, matrix: &Matrix, residence: Residence) -> Result<(), RuntimeError> {
    let [rows, cols] = matrix.shape;
    let mut rig = Rig::new(joined);
    rig.try_load(matrix, residence)?;
    let held = rig.hold(matrix, residence);
    let (x, y) = (rig.filled(&vec![1.0f32; cols]), rig.results(rows));
    let output = rig.output(held.operand, 1, 0..rows, y);
    let mut commands: Vec<Command> = held.decode.into_iter().collect();
    commands.push(Command::Linear { rows: Rows::Batch, x, outputs: vec![output] });
    rig.submit(&rig.compile([1, 0], super::rig::compute(commands)), [1, 0], &[])
}

//! Matrices of which a part is cut short or missing.

use super::Joined;
use super::matrices::{Case, matrices};
use super::queues::names;
use super::rig::Rig;
use crate::Numbers;
use ecq_core::Part;
use ecq_runtime::program::{Command, Rows};
use ecq_runtime::{Matrix, Residence, RuntimeError, Stored};

/// A matrix that is cut short is refused when it is loaded, or when it is decoded, with its name; so is one
/// that lacks a part.
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

/// A matrix with each of its parts cut to a half, and without it.
fn broken(case: &Case) -> Vec<(Matrix, String)> {
    let mut all = Vec::new();
    let mut with = |stored: Stored, what: String| {
        let matrix = Matrix { name: format!("{} broken", case.name()), stored, ..case.matrix.clone() };
        all.push((matrix, what));
    };
    match &case.matrix.stored {
        Stored::Codes(tensor) => {
            for part in tensor.parts.keys() {
                let (mut cut, mut without) = (tensor.clone(), tensor.clone());
                cut.parts.entry(*part).and_modify(|bytes| bytes.truncate(bytes.len() / 2));
                without.parts.remove(part);
                with(Stored::Codes(cut), format!("half of {part:?}"));
                with(Stored::Codes(without), format!("no {part:?}"));
            }
        }
        Stored::Bytes { dtype, tensor } => {
            let mut cut = tensor.clone();
            cut.parts.entry(Part::Stream).and_modify(|bytes| bytes.truncate(bytes.len() / 2));
            with(Stored::Bytes { dtype: dtype.clone(), tensor: cut }, "half of it".to_owned());
        }
        Stored::Plain { dtype, bytes } => {
            let bytes = bytes.slice(..bytes.len() / 2);
            with(Stored::Plain { dtype: *dtype, bytes }, "half of it".to_owned());
        }
        Stored::Transposed(_) => {}
    }
    all
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

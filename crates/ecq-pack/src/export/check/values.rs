//! Comparison of tensors.

use super::super::checkpoint::{Outgoing, OutputEncoding, biases};
use super::super::weights_of;
use crate::error::Result;
use crate::source::{SourceTensor, Tensor};
use crate::weights::weights;
use ecq_core::{Biases, FloatType, FloatVec, Grid};
use ecq_format::hf::GgufTransform;
use rayon::prelude::*;

/// Returns how a tensor of the export (`theirs`) differs from that of the file (`ours`).
pub(super) fn tensor_differs(
    out: &Outgoing,
    ours: &Tensor,
    facts: &SourceTensor,
    theirs: &Tensor,
    found: &SourceTensor,
) -> Result<Option<String>> {
    let differs = |what: &str| Ok(Some(what.to_owned()));
    match (out.encoding, ours, theirs) {
        (OutputEncoding::Zeros(_), _, Tensor::Raw { bytes, .. }) => {
            if bytes.iter().all(|&byte| byte == 0) {
                Ok(None)
            } else {
                differs("is not zero")
            }
        }
        (
            OutputEncoding::Packed { .. } | OutputEncoding::Requantized { .. },
            Tensor::Coded(q, Grid::AffineGroups(grid)),
            Tensor::Coded(p, Grid::AffineGroups(other)),
        ) => {
            if (q.rows(), q.cols()) != (p.rows(), p.cols()) {
                return differs("has another shape");
            }
            let rows = rows_of(out.change, facts);
            let groups = q.cols() / grid.group_size.max(1);
            let Biases::PerGroup(theirs) = &other.biases else { return differs("has another grid") };
            let expected = biases(grid)?;
            let same_floats = |a: &FloatVec, b: &FloatVec, ours: usize, theirs: usize| {
                let width = a.dtype().bytes() * groups;
                a.dtype() == b.dtype()
                    && a.as_bytes().get(ours * width..(ours + 1) * width)
                        == b.as_bytes().get(theirs * width..(theirs + 1) * width)
            };
            let cols = q.cols();
            for row in 0..q.rows() {
                let from = rows(row);
                if q.symbols()[from * cols..(from + 1) * cols] != p.symbols()[row * cols..(row + 1) * cols] {
                    return Ok(Some(format!("has other codes in row {row}")));
                }
                if !same_floats(&grid.scales, &other.scales, from, row)
                    || !same_floats(&expected, theirs, from, row)
                {
                    return Ok(Some(format!("has other scales or biases in row {row}")));
                }
            }
            Ok(None)
        }
        (
            OutputEncoding::Mxfp4 | OutputEncoding::Bytes,
            Tensor::Raw { bytes, .. },
            Tensor::Raw { bytes: other, .. },
        ) if out.change == GgufTransform::None => {
            if bytes == other {
                Ok(None)
            } else {
                differs("has other bytes")
            }
        }
        (OutputEncoding::Experts(_), _, Tensor::Raw { dtype, .. }) => {
            let Some(dtype) = float_type(dtype) else { return differs("is no tensor of floats") };
            experts_differ(dtype, (ours, facts), (theirs, found))
        }
        (OutputEncoding::Bytes | OutputEncoding::Floats(_), _, Tensor::Raw { dtype, .. }) => {
            let Some(dtype) = float_type(dtype) else { return differs("is no tensor of floats") };
            values_differ(out.change, dtype, (ours, facts), (theirs, found))
        }
        _ => differs("has another form"),
    }
}

fn float_type(dtype: &str) -> Option<FloatType> {
    match dtype {
        "f16" => Some(FloatType::F16),
        "bf16" => Some(FloatType::Bf16),
        "f32" => Some(FloatType::F32),
        _ => None,
    }
}

/// Returns the map from rows of the export to rows of the file.
fn rows_of(change: GgufTransform, facts: &SourceTensor) -> impl Fn(usize) -> usize + Sync + use<> {
    let all = if facts.rows == 1 { facts.cols } else { facts.rows };
    move |row: usize| match change {
        GgufTransform::InterleavedHeadRows { heads } => {
            // llama.cpp rotates pairs of neighbouring rows of a head, Hugging Face pairs that are half a head
            // apart.
            let width = all / heads.max(1);
            let (head, at) = (row / width.max(1), row % width.max(1));
            let half = (width / 2).max(1);
            head * width + 2 * (at % half) + at / half
        }
        _ => row,
    }
}

/// Compares floats of the export with the weights of the file after `change`, rounded to `dtype`.
pub(super) fn values_differ(
    change: GgufTransform,
    dtype: FloatType,
    (ours, facts): (&Tensor, &SourceTensor),
    (theirs, found): (&Tensor, &SourceTensor),
) -> Result<Option<String>> {
    if facts.weights() == 0 {
        return Ok((found.weights() != 0).then(|| "has another shape".to_owned()));
    }
    let (Some(ours), Some(theirs)) = (weights(ours, facts, "ecq"), weights(theirs, found, "ecq")) else {
        return Ok(Some("holds no weights".to_owned()));
    };
    let transposed = change == GgufTransform::Transposed;
    let expected = if transposed { [facts.cols, facts.rows] } else { [facts.rows, facts.cols] };
    if [found.rows, found.cols] != expected {
        return Ok(Some(format!(
            "is {}x{}, expected {}x{}",
            found.rows, found.cols, expected[0], expected[1]
        )));
    }
    let from = rows_of(change, facts);
    let all = match transposed || facts.rows == 1 {
        true => {
            let mut all = vec![0f32; facts.rows * facts.cols];
            ours.read(0..facts.rows, &mut all)?;
            Some(all)
        }
        false => None,
    };
    let one = |buffers: &mut (Vec<f32>, Vec<f32>), row: usize| -> Result<Option<String>> {
        let (a, b) = buffers;
        a.resize(found.cols, 0.0);
        b.resize(found.cols, 0.0);
        theirs.read(row..row + 1, b)?;
        match &all {
            Some(all) if transposed => {
                a.iter_mut().enumerate().for_each(|(col, a)| *a = all[col * facts.cols + row])
            }
            // A vector: its elements are the rows.
            Some(all) => a.iter_mut().enumerate().for_each(|(col, a)| *a = all[from(col)]),
            None => ours.read(from(row)..from(row) + 1, a)?,
        }
        if change == GgufTransform::PlusOne {
            a.iter_mut().for_each(|value| *value -= 1.0);
        }
        let rounded = FloatVec::from_f32(dtype, a);
        let differs = |(col, found): (usize, &f32)| {
            let expected = rounded.get(col);
            expected.to_bits() != found.to_bits() && !(expected.is_nan() && found.is_nan())
        };
        Ok(b.iter().enumerate().find(|&(col, found)| differs((col, found))).map(|(col, found)| {
            format!("is {found} at row {row}, column {col}, expected {}", rounded.get(col))
        }))
    };
    let rows = (0..found.rows).into_par_iter();
    let found = rows.map_init(Default::default, one).find_map_any(Result::transpose);
    found.transpose()
}

/// Compares the matrices of experts, each transposed in the export, with those of the file.
fn experts_differ(
    dtype: FloatType,
    (ours, facts): (&Tensor, &SourceTensor),
    (theirs, found): (&Tensor, &SourceTensor),
) -> Result<Option<String>> {
    let [experts, rows, cols] = facts.shape[..] else { return Ok(Some("has no experts".to_owned())) };
    if found.shape != [experts, cols, rows] {
        return Ok(Some(format!("has the shape {:?}, expected {:?}", found.shape, [experts, cols, rows])));
    }
    if facts.weights() == 0 {
        return Ok(None);
    }
    let (ours, theirs) = (weights_of(ours, facts)?, weights_of(theirs, found)?);
    let one = |expert: usize| -> Result<Option<String>> {
        let (mut a, mut b) = (vec![0f32; rows * cols], vec![0f32; rows * cols]);
        ours.read(expert * rows..(expert + 1) * rows, &mut a)?;
        theirs.read(expert * cols..(expert + 1) * cols, &mut b)?;
        let rounded = FloatVec::from_f32(dtype, &a);
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        let differs = |&at: &usize| !same(rounded.get(at), b[at % cols * rows + at / cols]);
        Ok((0..rows * cols)
            .find(differs)
            .map(|at| format!("differs in expert {expert} at row {}, column {}", at % cols, at / cols)))
    };
    (0..experts).into_par_iter().map(one).find_map_any(Result::transpose).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::TensorKind;

    fn facts(rows: usize, cols: usize, dtype: &str) -> SourceTensor {
        SourceTensor {
            name: "x".to_owned(),
            kind: TensorKind::Linear,
            rows,
            cols,
            shape: vec![rows, cols],
            dtype: dtype.to_owned(),
            bytes: 0,
            note: None,
        }
    }

    fn raw(dtype: FloatType, values: &[f32]) -> Tensor {
        let bytes = FloatVec::from_f32(dtype, values).as_bytes().to_vec();
        let (dtype, width) = if dtype == FloatType::F32 { ("f32", 4) } else { ("f16", 2) };
        Tensor::Raw { dtype: dtype.to_owned(), fields: vec![1; width], bytes }
    }

    /// Compares `ours` (`[rows, cols]`) with an export `theirs` in half precision.
    fn differs(
        change: GgufTransform,
        [rows, cols]: [usize; 2],
        ours: &[f32],
        theirs: &[f32],
    ) -> Option<String> {
        let turned = change == GgufTransform::Transposed;
        let (r, c) = if turned { (cols, rows) } else { (rows, cols) };
        let (ours, theirs) = (raw(FloatType::F32, ours), raw(FloatType::F16, theirs));
        values_differ(
            change,
            FloatType::F16,
            (&ours, &facts(rows, cols, "f32")),
            (&theirs, &facts(r, c, "f16")),
        )
        .unwrap()
    }

    #[test]
    fn values_are_compared_after_the_change() {
        let values: Vec<f32> = (0..8).map(|i| 0.1 + i as f32).collect();
        assert_eq!(differs(GgufTransform::None, [2, 4], &values, &values), None);
        let turned = [0.1, 4.1, 1.1, 5.1, 2.1, 6.1, 3.1, 7.1];
        assert_eq!(differs(GgufTransform::Transposed, [2, 4], &values, &turned), None);
        assert!(differs(GgufTransform::Transposed, [2, 4], &values, &values).is_some());
        let less: Vec<f32> = values.iter().map(|v| v - 1.0).collect();
        assert_eq!(differs(GgufTransform::PlusOne, [1, 8], &values, &less), None);
        assert!(differs(GgufTransform::PlusOne, [1, 8], &values, &values).is_some());
        // Two heads of four rows, and the same for a vector of biases.
        let heads = GgufTransform::InterleavedHeadRows { heads: 2 };
        let halves = [0.1, 2.1, 1.1, 3.1, 4.1, 6.1, 5.1, 7.1];
        for shape in [[8, 1], [1, 8]] {
            assert_eq!(differs(heads, shape, &values, &halves), None, "{shape:?}");
            assert!(differs(heads, shape, &values, &values).is_some(), "{shape:?}");
        }
        let mut wrong = values.clone();
        wrong[5] = 5.2;
        let told = differs(GgufTransform::None, [2, 4], &values, &wrong).unwrap();
        assert!(told.contains("row 1, column 1"), "{told}");
        wrong[5] = f32::NAN;
        assert!(differs(GgufTransform::None, [2, 4], &values, &wrong).is_some());
        assert_eq!(differs(GgufTransform::None, [2, 4], &wrong, &wrong), None);
    }
}

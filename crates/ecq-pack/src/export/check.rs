//! Reading an export again, before it gets its name: it holds the values of the file, and its configuration
//! computes the same with them.

use super::checkpoint::{Outgoing, OutputEncoding, biases};
use crate::error::{PackError, Result};
use crate::progress::{self, Progress};
use crate::source::{CheckpointSource, EcqSource, GgufSource, Source, SourceTensor, Tensor};
use crate::verify::{difference, other_bytes};
use crate::weights::weights;
use ecq_core::{Biases, FloatType, FloatVec, Grid, Limits};
use ecq_format::hf::Change;
use ecq_runtime::arch::{Config, Rope};
use ecq_runtime::{Checkpoint, RuntimeError};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

const STAGE: &str = "checking the export";

/// What is wrong with a tensor of an export, as an error.
fn wrong(name: &str, what: &str) -> PackError {
    let name = format!("tensor {name:?} of the export {what}");
    PackError::Export(format!("{name}; this is a fault of ecq or of the disk, and nothing was written"))
}

/// Compares a checkpoint folder with the file that it was made of.
///
/// # Errors
/// When it cannot be read, or names the first tensor or part of the configuration that is not the model's.
pub(super) fn folder(
    file: &Path,
    source: &EcqSource,
    outgoing: &[Outgoing],
    folder: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<()> {
    let exported = CheckpointSource::open(folder, limits)?;
    progress.begin(STAGE, outgoing.iter().map(|out| source.tensors()[out.index].bytes).sum());
    let places: HashMap<&str, usize> =
        exported.tensors().iter().enumerate().map(|(i, facts)| (facts.name.as_str(), i)).collect();
    let expected = outgoing.len();
    if exported.tensors().len() != expected {
        let found = exported.tensors().len();
        let what =
            format!("the export reads as {found} tensors, {expected} were written; its config.json is wrong");
        return Err(PackError::Export(what));
    }
    for out in outgoing {
        progress::check(progress)?;
        let facts = &source.tensors()[out.index];
        let Some(&place) = places.get(out.name.as_str()) else { return Err(wrong(&out.name, "is missing")) };
        let (theirs, found) = (exported.load(place)?, &exported.tensors()[place]);
        let ours = source.load(out.index)?;
        if let Some(what) = tensor_differs(out, &ours, facts, &theirs, found)? {
            return Err(wrong(&out.name, &what));
        }
        progress.advance(facts.bytes, &out.name);
    }
    configuration(file, &exported, limits)?;
    progress.end();
    Ok(())
}

/// How a tensor of the export is not that of the file.
fn tensor_differs(
    out: &Outgoing,
    ours: &Tensor,
    facts: &SourceTensor,
    theirs: &Tensor,
    found: &SourceTensor,
) -> Result<Option<String>> {
    let said = |what: &str| Ok(Some(what.to_owned()));
    match (out.form, ours, theirs) {
        (OutputEncoding::Zeros(_), _, Tensor::Raw { bytes, .. }) => {
            if bytes.iter().all(|&byte| byte == 0) {
                Ok(None)
            } else {
                said("is not zero")
            }
        }
        (
            OutputEncoding::Packed { .. },
            Tensor::Coded(q, Grid::AffineGroups(grid)),
            Tensor::Coded(p, Grid::AffineGroups(other)),
        ) => {
            if (q.rows(), q.cols()) != (p.rows(), p.cols()) {
                return said("has another shape");
            }
            let rows = rows_of(out.change, facts);
            let groups = q.cols() / grid.group_size.max(1);
            let Biases::PerGroup(theirs) = &other.biases else { return said("has another grid") };
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
        ) if out.change == Change::None => {
            if bytes == other {
                Ok(None)
            } else {
                said("has other bytes")
            }
        }
        (OutputEncoding::Bytes | OutputEncoding::Floats(_), _, Tensor::Raw { dtype, .. }) => {
            let Some(dtype) = float_type(dtype) else { return said("is no tensor of floats") };
            values_differ(out.change, dtype, (ours, facts), (theirs, found))
        }
        _ => said("has another form"),
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

/// For each row of the export, its row in the file.
fn rows_of(change: Change, facts: &SourceTensor) -> impl Fn(usize) -> usize + Sync + use<> {
    let all = if facts.rows == 1 { facts.cols } else { facts.rows };
    move |row: usize| match change {
        Change::HeadRows { heads } => {
            // llama.cpp rotates neighbours, Hugging Face halves of a head.
            let width = all / heads.max(1);
            let (head, at) = (row / width.max(1), row % width.max(1));
            let half = (width / 2).max(1);
            head * width + 2 * (at % half) + at / half
        }
        _ => row,
    }
}

/// Compares floats of the export with the weights of the file, rounded as the export rounds them.
fn values_differ(
    change: Change,
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
    let transposed = change == Change::Transposed;
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
        if change == Change::PlusOne {
            a.iter_mut().for_each(|value| *value -= 1.0);
        }
        let rounded = FloatVec::of(dtype, a);
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

/// Compares what both configurations compute, where the runtime knows the architecture.
fn configuration(file: &Path, exported: &CheckpointSource, limits: &Limits) -> Result<()> {
    let Some(json) = exported.attached_files()?.into_iter().find(|(name, _)| name == "config.json") else {
        return Ok(());
    };
    let before = match Checkpoint::open(file, limits) {
        Ok(checkpoint) => checkpoint.config().clone(),
        // What does not run cannot be compared; its tensors were.
        Err(
            RuntimeError::Architecture { .. } | RuntimeError::Absent { .. } | RuntimeError::Config { .. },
        ) => {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let after = Config::from_json(&String::from_utf8_lossy(&json.1))?;
    match config_differs(before, after) {
        None => Ok(()),
        Some(what) => Err(PackError::Export(format!(
            "config.json cannot say what the model computes ({what}); export to the format that it came from"
        ))),
    }
}

/// How two configurations differ.
fn config_differs(mut a: Config, mut b: Config) -> Option<&'static str> {
    let same_rope = |a: &Option<Rope>, b: &Option<Rope>, context: usize| match (a, b) {
        (Some(a), Some(b)) => {
            let ((a, a_scale), (b, b_scale)) = (a.frequencies(context), b.frequencies(context));
            let near = |(a, b): (&f32, &f32)| (a / b - 1.0).abs() < 1e-4;
            a.len() == b.len() && a.iter().zip(&b).all(near) && near((&a_scale, &b_scale))
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    if !same_rope(&a.rope, &b.rope, a.context) || !same_rope(&a.local_rope, &b.local_rope, a.context) {
        return Some("rotary frequencies");
    }
    for config in [&mut a, &mut b] {
        (config.rope, config.local_rope) = (None, None);
        config.end_tokens.clear();
    }
    (a != b).then_some("layers, widths or scales")
}

/// Compares a GGUF file with the file that it was made of; `exact` where every byte is the source's.
///
/// # Errors
/// When it cannot be read, or names the first tensor that is not the model's.
pub(super) fn gguf(
    source: &EcqSource,
    path: &Path,
    exact: bool,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<()> {
    let exported = GgufSource::open(path, limits)?;
    progress.begin(STAGE, source.tensors().iter().map(|facts| facts.bytes).sum());
    let places: HashMap<&str, usize> =
        exported.tensors().iter().enumerate().map(|(i, facts)| (facts.name.as_str(), i)).collect();
    for (index, facts) in source.tensors().iter().enumerate() {
        progress::check(progress)?;
        let Some(&place) = places.get(facts.name.as_str()) else {
            return Err(wrong(&facts.name, "is missing"));
        };
        let (ours, theirs) = (source.load(index)?, exported.load(place)?);
        let differs = match difference(&ours, &theirs) {
            Some(_) if !exact && matches!(ours, Tensor::Coded(..)) => values_differ(
                Change::None,
                FloatType::F16,
                (&ours, facts),
                (&theirs, &exported.tensors()[place]),
            )?,
            differs => differs,
        };
        if let Some(what) = differs {
            return Err(wrong(&facts.name, &what));
        }
        progress.advance(facts.bytes, &facts.name);
    }
    if let (true, Some(other)) = (exact, other_bytes(source, &exported)?.first()) {
        return Err(wrong(&other.tensor, &other.what));
    }
    progress.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Kind;

    fn facts(rows: usize, cols: usize, dtype: &str) -> SourceTensor {
        SourceTensor {
            name: "x".to_owned(),
            kind: Kind::Linear,
            rows,
            cols,
            shape: vec![rows, cols],
            dtype: dtype.to_owned(),
            bytes: 0,
            note: None,
        }
    }

    fn raw(dtype: FloatType, values: &[f32]) -> Tensor {
        let bytes = FloatVec::of(dtype, values).as_bytes().to_vec();
        let (dtype, width) = if dtype == FloatType::F32 { ("f32", 4) } else { ("f16", 2) };
        Tensor::Raw { dtype: dtype.to_owned(), fields: vec![1; width], bytes }
    }

    /// What is told of an export of `ours` (`[rows, cols]`) as the halves `theirs`.
    fn differs(change: Change, [rows, cols]: [usize; 2], ours: &[f32], theirs: &[f32]) -> Option<String> {
        let turned = change == Change::Transposed;
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
    fn values_are_held_to_what_the_change_makes_of_them() {
        let values: Vec<f32> = (0..8).map(|i| 0.1 + i as f32).collect();
        assert_eq!(differs(Change::None, [2, 4], &values, &values), None);
        let turned = [0.1, 4.1, 1.1, 5.1, 2.1, 6.1, 3.1, 7.1];
        assert_eq!(differs(Change::Transposed, [2, 4], &values, &turned), None);
        assert!(differs(Change::Transposed, [2, 4], &values, &values).is_some());
        let less: Vec<f32> = values.iter().map(|v| v - 1.0).collect();
        assert_eq!(differs(Change::PlusOne, [1, 8], &values, &less), None);
        assert!(differs(Change::PlusOne, [1, 8], &values, &values).is_some());
        // Two heads of four rows, and the same for a vector of biases.
        let heads = Change::HeadRows { heads: 2 };
        let halves = [0.1, 2.1, 1.1, 3.1, 4.1, 6.1, 5.1, 7.1];
        for shape in [[8, 1], [1, 8]] {
            assert_eq!(differs(heads, shape, &values, &halves), None, "{shape:?}");
            assert!(differs(heads, shape, &values, &values).is_some(), "{shape:?}");
        }
        let mut wrong = values.clone();
        wrong[5] = 5.2;
        let told = differs(Change::None, [2, 4], &values, &wrong).unwrap();
        assert!(told.contains("row 1, column 1"), "{told}");
        wrong[5] = f32::NAN;
        assert!(differs(Change::None, [2, 4], &values, &wrong).is_some());
        assert_eq!(differs(Change::None, [2, 4], &wrong, &wrong), None);
    }

    #[test]
    fn configurations_are_held_to_the_same_frequencies() {
        let config = |scaling: &str| {
            let json = format!(
                r#"{{"model_type": "llama", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
                "num_attention_heads": 2, "vocab_size": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-5
                {scaling}}}"#
            );
            Config::from_json(&json).unwrap()
        };
        let linear = config(r#", "rope_scaling": {"rope_type": "linear", "factor": 2.0}"#);
        assert_eq!(config_differs(linear.clone(), linear.clone()), None);
        assert_eq!(config_differs(linear.clone(), config("")), Some("rotary frequencies"));
        let mut divided = config("");
        if let Some(rope) = &mut divided.rope {
            rope.scaling = ecq_runtime::arch::Scaling::Divisors(vec![2.0; 16]);
        }
        assert_eq!(config_differs(linear, divided), None);
        assert!(config_differs(config(""), config(r#", "attention_bias": true"#)).is_some());
    }
}

//! Quantization of checkpoints and of arrays in memory.

use crate::error::OrRaise;
use crate::job::{self, Job};
use crate::model::Size;
use crate::named::named;
use crate::report::QuantizationReport;
use ecq::{ArrayInfo, Coding, Quantizer, Text};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A path of a checkpoint, or arrays by name.
#[derive(FromPyObject)]
pub enum Source<'py> {
    Path(PathBuf),
    Arrays(Bound<'py, PyMapping>),
}

/// A path, a name of a text, or several.
#[derive(FromPyObject)]
pub enum Texts {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

/// The content of an attached file.
#[derive(FromPyObject)]
pub enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

/// Quantizes a checkpoint, or arrays in memory, and writes it as an `.ecq` file.
#[pyfunction]
#[pyo3(signature = (model, out, *, bpw=None, size=None, lossless=false, calibrate=None,
    calibration_texts=None, calibration_tokens=None, distillation_tokens=None, calibration_window=None,
    calibration_folder=None, match_grid=None, grid=None, embedding=None, trellis=None, coding=None,
    overrides=None, seed=None, files=None, resume=false, replace=false, progress=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub fn quantize(
    py: Python<'_>,
    model: Source<'_>,
    out: Option<PathBuf>,
    bpw: Option<f64>,
    size: Option<Size>,
    lossless: bool,
    calibrate: Option<Texts>,
    calibration_texts: Option<Vec<String>>,
    calibration_tokens: Option<usize>,
    distillation_tokens: Option<usize>,
    calibration_window: Option<usize>,
    calibration_folder: Option<PathBuf>,
    match_grid: Option<String>,
    grid: Option<String>,
    embedding: Option<String>,
    trellis: Option<String>,
    coding: Option<&str>,
    overrides: Option<&Bound<'_, PyDict>>,
    seed: Option<u64>,
    files: Option<BTreeMap<String, Content>>,
    resume: bool,
    replace: bool,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<QuantizationReport> {
    if bpw.is_some() && size.is_some() {
        return Err(PyValueError::new_err("bpw and size exclude each other"));
    }
    let codings = [Coding::Packed, Coding::Rans, Coding::Prefix, Coding::Archive, Coding::Tuples];
    let coding = coding.map(|name| named("coding", name, &codings, Coding::name)).transpose()?;
    let text = text(calibrate, calibration_texts)?;
    let overrides: Vec<(String, String)> =
        overrides.into_iter().flatten().map(pair).collect::<PyResult<_>>()?;
    let open = open(model, files)?;
    let report = job::run(py, progress, move |job| {
        let mut quantizer = open(job)?.replace(replace).resume(resume);
        quantizer = match text {
            Calibrate::ByDefault => quantizer.calibrate_by_default(),
            Calibrate::Off => quantizer,
            Calibrate::On(text) => quantizer.calibrate(text),
        };
        if lossless {
            quantizer = quantizer.lossless();
        }
        quantizer = set(quantizer, bpw, Quantizer::bpw);
        quantizer = set(quantizer, size, Quantizer::size);
        quantizer = set(quantizer, calibration_tokens, Quantizer::calibration_tokens);
        quantizer = set(quantizer, distillation_tokens, Quantizer::distillation_tokens);
        quantizer = set(quantizer, calibration_window, Quantizer::calibration_window);
        quantizer = set(quantizer, calibration_folder, Quantizer::calibration_folder);
        quantizer = set(quantizer, match_grid.as_deref(), Quantizer::match_grid);
        quantizer = set(quantizer, grid.as_deref(), Quantizer::grid);
        quantizer = set(quantizer, embedding.as_deref(), Quantizer::embedding);
        quantizer = set(quantizer, trellis.as_deref(), Quantizer::trellis);
        quantizer = set(quantizer, coding, Quantizer::coding);
        quantizer = set(quantizer, seed, Quantizer::seed);
        for (pattern, options) in &overrides {
            quantizer = quantizer.override_tensors(pattern, options);
        }
        let job = job.clone();
        let quantizer = quantizer.progress(move |update| job.report(update));
        match out {
            Some(out) => quantizer.write(out),
            None => quantizer.dry_run(),
        }
    })?;
    Ok(report.or_raise()?.into())
}

/// Sets an option that is given.
fn set<T>(quantizer: Quantizer, value: Option<T>, set: impl FnOnce(Quantizer, T) -> Quantizer) -> Quantizer {
    match value {
        Some(value) => set(quantizer, value),
        None => quantizer,
    }
}

fn pair((key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)) -> PyResult<(String, String)> {
    Ok((key.extract()?, value.extract()?))
}

enum Calibrate {
    ByDefault,
    Off,
    On(Text),
}

fn text(calibrate: Option<Texts>, documents: Option<Vec<String>>) -> PyResult<Calibrate> {
    let paths = match (calibrate, documents) {
        (Some(_), Some(_)) => {
            return Err(PyValueError::new_err("calibrate and calibration_texts exclude each other"));
        }
        (None, Some(texts)) => return Ok(Calibrate::On(Text::Documents(texts))),
        (None, None) => return Ok(Calibrate::ByDefault),
        (Some(Texts::One(path)), None) => vec![path],
        (Some(Texts::Several(paths)), None) => paths,
    };
    if paths == [Path::new("off")] {
        return Ok(Calibrate::Off);
    }
    let text = |path: PathBuf| match path.to_str() {
        Some("default") => Text::Default,
        Some("text") => Text::Included,
        Some("self") => Text::SelfGenerated,
        _ => Text::Files(vec![path]),
    };
    Ok(Calibrate::On(Text::Mixture(paths.into_iter().map(text).collect())))
}

type Open = Box<dyn FnOnce(&Job) -> ecq::Result<Quantizer> + Send>;

/// Returns what opens the source, in the thread of the job: arrays are read at once.
fn open(model: Source<'_>, files: Option<BTreeMap<String, Content>>) -> PyResult<Open> {
    let arrays = match (model, &files) {
        (Source::Path(path), None) => return Ok(Box::new(|_| Quantizer::new(path))),
        (Source::Path(_), Some(_)) => {
            let why = "files are attached to arrays; a checkpoint brings its own";
            return Err(PyValueError::new_err(why));
        }
        (Source::Arrays(arrays), _) => arrays,
    };
    let (mut infos, mut objects) = (Vec::new(), Vec::new());
    let module = arrays.py().import("ecq._arrays")?;
    for item in arrays.items()?.iter() {
        let (name, array): (String, Bound<'_, PyAny>) = item.extract()?;
        let (dtype, shape) = module.call_method1("describe", (&array,))?.extract()?;
        infos.push(ArrayInfo { name, dtype, shape });
        objects.push(array.unbind());
    }
    let content = |content| match content {
        Content::Text(text) => text.into_bytes(),
        Content::Bytes(bytes) => bytes,
    };
    let files = files.into_iter().flatten().map(|(name, file)| (name, content(file))).collect();
    let (read, objects) = (Arc::new(module.getattr("elements")?.unbind()), Arc::new(objects));
    Ok(Box::new(|job| {
        let job = job.clone();
        Quantizer::from_arrays(infos, files, move |index| {
            let (read, objects) = (read.clone(), objects.clone());
            let bytes = job.python(move |py| bytes(read.bind(py), objects[index].bind(py)));
            Ok(bytes.ok_or("the operation was interrupted")??)
        })
    }))
}

fn bytes(read: &Bound<'_, PyAny>, array: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(read.call1((array,))?.cast_into::<PyBytes>().map_err(PyErr::from)?.as_bytes().to_vec())
}

//! Models that generate text.

use crate::array::array;
use crate::error::OrRaise;
use crate::generation::{Completion, Stream};
use crate::job;
use crate::named::named;
use crate::sampling::sampling;
use ecq::{ActivationType, Element, Message, Mode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::PathBuf;

/// A size in bytes, as a number or text.
#[derive(FromPyObject)]
pub enum Size {
    Bytes(u64),
    Text(String),
}

impl From<Size> for ecq::ByteSize {
    fn from(size: Size) -> Self {
        match size {
            Size::Bytes(bytes) => bytes.into(),
            Size::Text(text) => text.into(),
        }
    }
}

/// A prompt: text, or tokens that are used as they are.
#[derive(FromPyObject)]
enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// Loads a model from an `.ecq` file.
#[pyfunction]
#[pyo3(signature = (path, *, device="cpu", mode="auto", memory=None, threads=None, context=None,
    sequences=None, activations="f32", cache="f16", draft=None, draft_tokens=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of Python")]
pub fn load(
    py: Python<'_>,
    path: PathBuf,
    device: &str,
    mode: &str,
    memory: Option<Size>,
    threads: Option<usize>,
    context: Option<usize>,
    sequences: Option<usize>,
    activations: &str,
    cache: &str,
    draft: Option<PathBuf>,
    draft_tokens: Option<usize>,
) -> PyResult<Model> {
    let elements = [Element::F32, Element::F16, Element::Bf16, Element::I8];
    let unknown =
        || format!("activations is {activations:?}, expected f32, i8 or fake:BITS with 1 to 16 bits");
    let activations = activations.parse::<ActivationType>().map_err(|_| PyValueError::new_err(unknown()))?;
    let mut options = ecq::Model::options()
        .device(device)
        .mode(mode.parse::<Mode>().map_err(PyValueError::new_err)?)
        .activations(activations)
        .cache(named("cache", cache, &elements, Element::name)?);
    if let Some(memory) = memory {
        options = options.memory(memory);
    }
    if let Some(threads) = threads {
        options = options.threads(threads);
    }
    if let Some(context) = context {
        options = options.context(context);
    }
    if let Some(sequences) = sequences {
        options = options.sequences(sequences);
    }
    if let Some(draft) = draft {
        options = options.draft(draft);
    }
    if let Some(tokens) = draft_tokens {
        options = options.draft_tokens(tokens);
    }
    Ok(Model { model: job::run(py, None, move |_| options.open(path))?.or_raise()? })
}

/// A loaded model.
#[pyclass(frozen, module = "ecq")]
pub struct Model {
    model: ecq::Model,
}

impl Model {
    fn begin(
        &self,
        py: Python<'_>,
        prompt: Prompt,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<ecq::Generation> {
        let sampling = sampling(options)?;
        py.detach(|| match prompt {
            Prompt::Text(text) => self.model.generate(&text, sampling),
            Prompt::Tokens(tokens) => self.model.generate_tokens(tokens, sampling),
        })
        .or_raise()
    }

    fn begin_chat(
        &self,
        py: Python<'_>,
        messages: &[Bound<'_, PyDict>],
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<ecq::Generation> {
        let sampling = sampling(options)?;
        let messages: Vec<Message> = messages.iter().map(message).collect::<PyResult<_>>()?;
        py.detach(|| self.model.chat(&messages, sampling)).or_raise()
    }
}

#[pymethods]
impl Model {
    #[pyo3(signature = (prompt, **options))]
    fn generate(
        &self,
        py: Python<'_>,
        prompt: Prompt,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Completion> {
        Completion::read(py, self.begin(py, prompt, options)?)
    }

    #[pyo3(signature = (prompts, **options))]
    fn generate_batch(
        &self,
        py: Python<'_>,
        prompts: Vec<Prompt>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Completion>> {
        // All begin before the first one is read: reading one advances all.
        let begin = |prompt| self.begin(py, prompt, options);
        let generations: Vec<ecq::Generation> = prompts.into_iter().map(begin).collect::<PyResult<_>>()?;
        generations.into_iter().map(|generation| Completion::read(py, generation)).collect()
    }

    #[pyo3(signature = (prompt, **options))]
    fn stream(
        &self,
        py: Python<'_>,
        prompt: Prompt,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Stream> {
        Ok(Stream::new(self.begin(py, prompt, options)?))
    }

    #[pyo3(signature = (messages, **options))]
    fn chat(
        &self,
        py: Python<'_>,
        messages: Vec<Bound<'_, PyDict>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Completion> {
        Completion::read(py, self.begin_chat(py, &messages, options)?)
    }

    #[pyo3(signature = (messages, **options))]
    fn stream_chat(
        &self,
        py: Python<'_>,
        messages: Vec<Bound<'_, PyDict>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Stream> {
        Ok(Stream::new(self.begin_chat(py, &messages, options)?))
    }

    /// Logits after each token, a float32 array `[tokens, vocabulary]`.
    fn forward<'py>(&self, py: Python<'py>, tokens: Vec<u32>) -> PyResult<Bound<'py, PyAny>> {
        let (model, rows) = (self.model.clone(), tokens.len());
        let logits = job::run(py, None, move |job| {
            let mut all = Vec::with_capacity(tokens.len() * model.vocabulary());
            let taken = model.forward_with(&tokens, |logits| {
                all.extend_from_slice(logits);
                job.check()
            });
            taken.map(|()| all)
        })?;
        array(py, logits.or_raise()?, &[rows, self.model.vocabulary()])
    }

    /// Log-probability of each token after the first, a float32 array `[tokens - 1]`.
    fn log_probs<'py>(&self, py: Python<'py>, tokens: Vec<u32>) -> PyResult<Bound<'py, PyAny>> {
        let (model, scores) = (self.model.clone(), tokens.len().saturating_sub(1));
        let log_probs = job::run(py, None, move |_| model.log_probs(&tokens))?;
        array(py, log_probs.or_raise()?, &[scores])
    }

    fn tokenize(&self, py: Python<'_>, text: &str) -> PyResult<Vec<u32>> {
        py.detach(|| self.model.tokenize(text)).or_raise()
    }

    fn detokenize(&self, py: Python<'_>, tokens: Vec<u32>) -> PyResult<String> {
        py.detach(|| self.model.detokenize(&tokens)).or_raise()
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.model.path().to_owned()
    }

    #[getter]
    fn vocabulary(&self) -> usize {
        self.model.vocabulary()
    }

    #[getter]
    fn context(&self) -> usize {
        self.model.context()
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.model.mode().0.name()
    }

    #[getter]
    fn mode_reason(&self) -> &str {
        self.model.mode().1
    }

    #[getter]
    fn weight_bytes(&self) -> u64 {
        self.model.weight_bytes()
    }

    fn __repr__(&self) -> String {
        let (path, mode) = (self.model.path().display(), self.model.mode().0);
        format!("<ecq.Model {path}: mode {mode}, context {}>", self.model.context())
    }
}

/// Converts `{"role": ..., "content": ...}`.
fn message(message: &Bound<'_, PyDict>) -> PyResult<Message> {
    let field = |name: &str| -> PyResult<String> {
        let missing = || PyValueError::new_err(format!("a message has no {name:?}; expected role, content"));
        message.get_item(name)?.ok_or_else(missing)?.extract()
    };
    Ok(Message::new(&field("role")?, &field("content")?))
}

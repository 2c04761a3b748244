use super::engine::Loaded;
use crate::args::{EngineArgs, ServeArgs};
use crate::exit::ExitCode;
use crate::out::errln;
use crate::{json, sources, texts, warnings};
use anyhow::Context;
use ecq::runtime::{ChatTemplate, SampleOptions, Sampler};
use ecq_serve::{ModelParts, ModelSource, Options, ServeError, Stop, listen, serve};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Default context in tokens: the KV cache has room for this many in each sequence.
const CONTEXT: usize = 8192;

pub fn run(args: &ServeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let options = options(args)?;
    let template = args.chat_template.as_deref().map(texts::read).transpose()?;
    let failure = Arc::new(Mutex::new(None));
    let models = std::iter::once(&args.engine.model).chain(&args.others);
    let models = models.map(|model| source(model, args, template.clone(), failure.clone()));
    let models: Vec<ModelSource> = models.collect::<anyhow::Result<_>>()?;
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    if let Some(name) =
        names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)).map(|(_, name)| name)
    {
        let why = format!("two models have the name {name:?}; rename one with NAME=MODEL");
        return Err(super::engine::option("name", name)(why).into());
    }
    // Before the model is loaded, which takes long: a port in use is an error at once.
    let listener = listen(SocketAddr::new(args.host, args.port))?;
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() && options.api_keys.is_empty() {
        warnings::note(&format!(
            "other machines can use this server at {address} without a key; set one with --api-key-file"
        ));
    }
    let url = format!("http://{address}");
    if !json {
        errln!("loading {}; {url}/health tells when it is ready", names[0]);
    }
    let ready = || match json {
        // Nobody else could report that standard output is closed.
        true => drop(json::print(&json!({ "url": url, "models": names }))),
        false => errln!("{} at {url} (chat page) and {url}/v1 (API); Ctrl-C stops", names.join(", ")),
    };
    match serve(listener, models, options, Stop::Signals, ready) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(ServeError::Model { name, why }) => {
            // The error itself has a kind and an exit code.
            let error = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
            Err(error.unwrap_or_else(|| ServeError::Model { name, why }.into()))
        }
        Err(error) => Err(error.into()),
    }
}

fn options(args: &ServeArgs) -> anyhow::Result<Options> {
    let mut api_keys = args.api_key.clone();
    if let Some(file) = &args.api_key_file {
        let text = texts::read(file)?;
        api_keys.extend(text.lines().map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned));
        if api_keys.is_empty() {
            return Err(super::engine::option("api-key-file", &file.display().to_string())(
                "the file has no key; expected one per line".to_owned(),
            )
            .into());
        }
    }
    let sampling = SampleOptions {
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
        ..SampleOptions::GREEDY
    };
    Sampler::new(sampling)?;
    Ok(Options {
        sampling,
        api_keys,
        pooling: args.pooling,
        cors: args.cors.clone(),
        parallel: args.parallel,
        queue: args.queue,
        body_bytes: usize::try_from(args.body).unwrap_or(usize::MAX),
        grace: Duration::from_secs(args.grace),
        memory: args.models_memory,
        ..Options::default()
    })
}

/// Returns how to open a model: a path, or NAME=PATH if there is no such path.
fn source(
    model: &Path,
    args: &ServeArgs,
    template: Option<String>,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
) -> anyhow::Result<ModelSource> {
    let named = model.to_str().filter(|_| !model.exists()).and_then(|text| text.split_once('='));
    let (name, path) = match named {
        Some((name, path)) => (name.to_owned(), PathBuf::from(path)),
        None => {
            let stem = if model.is_dir() { model.file_name() } else { model.file_stem() };
            (stem.map_or("model".into(), |stem| stem.to_string_lossy().into_owned()), model.to_owned())
        }
    };
    // Missing files of models that are loaded later are reported now.
    let bytes = sources::bytes_of(&path)?;
    let engine = EngineArgs { model: path, ..args.engine.clone() };
    let (draft, parallel) = (args.draft.clone(), args.parallel);
    let open = move || {
        let opened = || -> anyhow::Result<ModelParts> {
            let loaded = Loaded::open(&engine)?;
            let longest = loaded.model.config().context;
            let context = engine.context.unwrap_or(CONTEXT).min(longest);
            let mut options = loaded.engine_options(parallel, context);
            options.executor.context = Some(context);
            options.draft_tokens = draft.draft_tokens;
            let template = match &template {
                Some(text) => Some(chat_template(text, &loaded)?),
                None if loaded.checkpoint.chat_template()?.is_none() => None,
                None => Some(ChatTemplate::from_checkpoint(&loaded.checkpoint)?),
            };
            Ok(ModelParts {
                draft: loaded.draft(&draft)?,
                template,
                engine: options,
                tokenizer: loaded.tokenizer,
                model: loaded.model,
            })
        };
        opened().map_err(|error| {
            let why = format!("{error:#}");
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            why
        })
    };
    Ok(ModelSource { name, bytes, open: Box::new(open) })
}

/// Parses a template of the user, which can name the model's special tokens.
fn chat_template(text: &str, loaded: &Loaded) -> anyhow::Result<ChatTemplate> {
    let mut template = ChatTemplate::new(text, String::new(), String::new())?;
    for (name, token) in loaded.checkpoint.special_tokens().context("special tokens")? {
        if let Some(token) = token.as_str() {
            template = template.with_special_token(&name, token);
        }
    }
    Ok(template)
}

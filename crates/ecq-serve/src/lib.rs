//! A server for `.ecq` models with the interfaces of OpenAI and Anthropic.
//!
//! One thread owns the engines of all loaded models; requests reach it through channels and their events come
//! back through others. A request is read into a common form, prepared (template, tokens, grammar) in a
//! thread of its own, and submitted. One state machine turns its events into outputs (text, reasoning, tool
//! calls, end); adapters write them in the form of each API. An answer that is not streamed is the fold of
//! the same outputs.
//!
//! Dropping an answer cancels its request before the next step, whether it runs or waits. The tokens of a
//! request with a seed do not depend on other requests.

mod api;
mod app;
mod driver;
mod error;
mod fields;
mod grammar;
mod http;
mod mask;
mod metrics;
mod models;
mod output;
mod page;
mod pooling;
mod run;
mod sampling;
mod turn;

pub use app::Options;
pub use error::ServeError;
pub use models::{ModelParts, ModelSource, Open};
pub use pooling::Pooling;

use app::App;
use driver::Driver;
use metrics::Metrics;
use models::Models;
use std::future::IntoFuture;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use std::{future, io};
use tokio::sync::{mpsc, oneshot};

/// Listens on an address.
///
/// # Errors
/// [`ServeError::Listen`], for instance if the port is in use.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What shuts a server down.
pub enum Stop {
    /// Ctrl-C and SIGTERM.
    Signals,
    /// A message. A second one ends all requests at once.
    Messages(mpsc::UnboundedReceiver<()>),
}

/// Time that connections get after their requests have ended.
const CLOSING: Duration = Duration::from_secs(5);

/// Runs a server until it is stopped. `ready` is called when the first model is loaded.
///
/// When it is stopped, it refuses new requests, lets the others end for [`Options::grace`], and then ends
/// them with an error.
///
/// # Errors
/// [`ServeError::Model`] if the first model cannot be loaded.
pub fn serve(
    listener: TcpListener,
    sources: Vec<ModelSource>,
    options: Options,
    stop: Stop,
    ready: impl FnOnce(),
) -> Result<(), ServeError> {
    let Some(first) = sources.first().map(|source| source.name.clone()) else {
        return Err(ServeError::Option("no model to serve".to_owned()));
    };
    let local = listener.local_addr()?.ip().is_loopback();
    // Answers are written by few threads; the cores are for the engine.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()?;
    let metrics = Arc::new(Metrics::new());
    let driver = Driver::start(metrics.clone())?;
    let models = Models::new(sources, options.memory, driver.clone(), metrics.clone());
    let app = App::new(options, models, metrics, driver, local);
    let served = runtime.block_on(run(listener, app.clone(), stop, &first, ready));
    app.stop();
    // A model that is being loaded does not delay the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn run(
    listener: TcpListener,
    app: Arc<App>,
    stop: Stop,
    first: &str,
    ready: impl FnOnce(),
) -> Result<(), ServeError> {
    let mut stop = match stop {
        Stop::Signals => signals()?,
        Stop::Messages(messages) => messages,
    };
    let (close, closed) = oneshot::channel::<()>();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = axum::serve(listener, http::router(app.clone()))
        .with_graceful_shutdown(async { drop(closed.await) })
        .into_future();
    let mut server = tokio::spawn(server);
    tokio::select! {
        loaded = app.models.get(None) => {
            let failed = |error: error::ApiError| error.message().to_owned();
            loaded.map_err(failed).map_err(|why| ServeError::Model { name: first.to_owned(), why })?;
            ready();
        }
        _ = stopped(&mut stop) => return Ok(()),
    }
    tokio::select! {
        ended = &mut server => return ended.map_err(io::Error::other)?.map_err(ServeError::Io),
        () = stopped(&mut stop) => {}
    }
    app.close();
    let _ = close.send(());
    tokio::select! {
        _ = &mut server => return Ok(()),
        () = tokio::time::sleep(app.options.grace) => {}
        () = stopped(&mut stop) => {}
    }
    app.stop();
    // Clients that do not read their errors are left.
    let _ = tokio::time::timeout(CLOSING, server).await;
    Ok(())
}

/// Waits for a message; forever if there can be none.
async fn stopped(messages: &mut mpsc::UnboundedReceiver<()>) {
    if messages.recv().await.is_none() {
        future::pending::<()>().await;
    }
}

/// Turns signals of the operating system into messages.
fn signals() -> io::Result<mpsc::UnboundedReceiver<()>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let sender = sender.clone();
        tokio::spawn(async move { while terminate.recv().await.is_some() && sender.send(()).is_ok() {} });
    }
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).is_ok() {} });
    Ok(receiver)
}

//! Answers: streamed as server-sent events, or whole.

use crate::error::ApiError;
use crate::output::{Answer, Output};
use crate::run::Run;
use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Name of the event, in the APIs that name them.
    pub(crate) event: Option<&'static str>,
    pub(crate) data: String,
}

impl Frame {
    /// An event without a name.
    pub fn data(value: &Value) -> Self {
        Self { event: None, data: value.to_string() }
    }

    /// An event with a name.
    pub fn named(event: &'static str, value: &Value) -> Self {
        Self { event: Some(event), data: value.to_string() }
    }
}

/// Writes outputs in the form of an API.
pub trait Adapter: Send + 'static {
    /// Events before the first output.
    fn start(&mut self) -> Vec<Frame>;

    /// Events of an output.
    fn output(&mut self, sequence: usize, output: Output) -> Vec<Frame>;

    /// Events after the last output.
    fn end(&mut self) -> Vec<Frame>;

    /// The event of an error after the start.
    fn error(&mut self, error: &ApiError) -> Vec<Frame>;

    /// The body of an answer that is not streamed.
    fn whole(&mut self, answers: &[Answer]) -> Value;
}

/// Answers a request.
///
/// # Errors
/// If the request fails before its answer has begun.
pub async fn respond(
    mut run: Run,
    mut adapter: impl Adapter,
    streamed: bool,
    keep_alive: Duration,
) -> Result<Response, ApiError> {
    if !streamed {
        let answers = run.answers().await?;
        return Ok(Json(adapter.whole(&answers)).into_response());
    }
    let frames = adapter.start().into();
    let state = Streaming { run: Some(run), adapter, frames };
    let events = stream::unfold(state, |mut state| async move {
        let frame = state.next().await?;
        let event = Event::default().data(frame.data);
        let event = frame.event.map_or(event.clone(), |name| event.event(name));
        Some((Ok::<_, Infallible>(event), state))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(keep_alive)).into_response())
}

/// A streamed answer. Dropping it, which the server does when the client leaves, cancels the request.
struct Streaming<A> {
    run: Option<Run>,
    adapter: A,
    frames: VecDeque<Frame>,
}

impl<A: Adapter> Streaming<A> {
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            let next = self.run.as_mut()?.next().await;
            let adapter = &mut self.adapter;
            let frames = catch_unwind(AssertUnwindSafe(|| match next {
                Ok(Some((sequence, outputs))) => {
                    let frames = outputs.into_iter().flat_map(|output| adapter.output(sequence, output));
                    (frames.collect::<Vec<_>>(), false)
                }
                Ok(None) => (adapter.end(), true),
                Err(error) => (adapter.error(&error), true),
            }));
            let (frames, ended) = frames.unwrap_or_else(|_| {
                let error = ApiError::internal("writing the answer caused a panic, which is a bug in ecq");
                (vec![Frame::data(&error.body())], true)
            });
            self.frames.extend(frames);
            if ended {
                self.run = None;
            }
        }
    }
}

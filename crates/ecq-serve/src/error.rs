//! Errors of the server, and errors that clients receive.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ecq_runtime::RuntimeError;
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use thiserror::Error;

/// Error of starting or running the server.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}{}", advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The model that is loaded at the start cannot be loaded.
    #[error("model {name:?} cannot be loaded: {why}")]
    Model {
        /// Name of the model.
        name: String,
        /// The cause.
        why: String,
    },
    /// An option has an invalid value.
    #[error("{0}")]
    Option(String),
    /// The operating system refused a thread, a socket or a signal handler.
    #[error("server: {0}")]
    Io(#[from] io::Error),
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program uses this port, choose another one with --port",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges, choose another --port",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address, choose another --host",
        _ => "",
    }
}

/// An error that a client receives: a status and the error object of the OpenAI API, which also has the form
/// of the Anthropic API.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into() }
    }

    /// A request that is not valid.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A field with an invalid value: what was found and what was expected.
    pub(crate) fn field(param: &str, found: &Value, expected: &str) -> Self {
        let mut found = found.to_string();
        if found.len() > 60 {
            let end = (0..=57).rev().find(|&i| found.is_char_boundary(i)).unwrap_or(0);
            found.truncate(end);
            found.push_str("...");
        }
        Self::invalid(format!("{param} is {found}, expected {expected}")).of(param)
    }

    /// Sets the field that the error is about.
    pub(crate) fn of(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn unauthorized() -> Self {
        let message =
            "the API key is missing or wrong; send it as `Authorization: Bearer KEY` or `x-api-key: KEY`";
        Self::new(StatusCode::UNAUTHORIZED, "authentication_error", message).with_code("invalid_api_key")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "permission_error", message)
    }

    pub(crate) fn unknown_model(name: &str, known: &str) -> Self {
        let message = format!("the model {name:?} does not exist; this server has {known}");
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message).with_code("model_not_found").of("model")
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found_error", message)
    }

    pub(crate) fn method(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the request body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    pub(crate) fn timeout() -> Self {
        let message = "the request body did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", message)
    }

    pub(crate) fn busy() -> Self {
        let message = "the queue of requests is full; try again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", message).with_code("rate_limit_exceeded")
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded_error", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", message)
    }

    /// The error of a runtime operation: 400 if the request causes it.
    pub(crate) fn of_runtime(error: &RuntimeError) -> Self {
        match error {
            RuntimeError::Shared(error) => Self::of_runtime(error),
            RuntimeError::ContextFull { .. } => {
                Self::invalid(error.to_string()).with_code("context_length_exceeded").of("messages")
            }
            RuntimeError::OutOfRange { .. }
            | RuntimeError::InvalidInput(_)
            | RuntimeError::UnknownToken { .. }
            | RuntimeError::TokenWithoutEmbedding { .. }
            | RuntimeError::ChatTemplate(_) => Self::invalid(error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The body: valid for clients of both APIs.
    pub(crate) fn body(&self) -> Value {
        let Self { kind, code, param, message, .. } = self;
        json!({
            "type": "error",
            "error": { "message": message, "type": kind, "param": param, "code": code },
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

//! The router and what applies to all routes.

use crate::api;
use crate::app::App;
use crate::error::ApiError;
use crate::page;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Creates the router of a server.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/chat/completions", post(api::chat))
        .route("/v1/completions", post(api::completions))
        .route("/v1/embeddings", post(api::embeddings))
        .route("/v1/responses", post(api::responses))
        .route("/v1/messages", post(api::messages))
        .route("/v1/messages/count_tokens", post(api::count_tokens))
        .route("/v1/models", get(api::models))
        .route("/v1/models/{*name}", get(api::model))
        .route("/tokenize", post(api::tokenize))
        .route("/detokenize", post(api::detokenize))
        .route("/metrics", get(api::metrics))
        .route_layer(from_fn_with_state(app.clone(), authorize))
        // Without a key: probes of containers, the description, and the page, which asks for it.
        .route("/health", get(api::health))
        .route("/openapi.json", get(api::openapi))
        .route("/", get(page::page))
        .method_not_allowed_fallback(async |method: Method| {
            ApiError::method(format!("the method {method} is not allowed here"))
        })
        .fallback(async |request: Request| {
            ApiError::not_found(format!("there is no {}", request.uri().path()))
        })
        .layer(from_fn_with_state(app.clone(), same_origin))
        .layer(from_fn_with_state(app.clone(), count));
    let routes = match cors(&app.options.cors) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.layer(CatchPanicLayer::custom(panicked)).with_state(app)
}

async fn authorize(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.is_authorized(request.headers()) {
        true => next.run(request).await,
        false => ApiError::unauthorized().into_response(),
    }
}

/// Counts answers by route and status.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    app.metrics.count(path.as_ref().map_or("other", MatchedPath::as_str), response.status().as_u16());
    response
}

/// Refuses requests of web pages of other origins, which a browser sends to servers on the user's machine
/// without being asked, and of pages whose name was made to point to this machine (DNS rebinding).
async fn same_origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = text(headers, header::HOST);
    // With a key, such a page has nothing to send; a proxy may then use any name.
    let open = app.options.api_keys.is_empty() && app.options.cors.is_empty();
    if app.local && open && host.is_some_and(|host| !is_local(host)) {
        let message = "this server has no key and answers to localhost only; set --api-key or --cors";
        return ApiError::forbidden(message).into_response();
    }
    let origin = text(headers, header::ORIGIN).and_then(|origin| origin.split_once("://"));
    if let Some((_, origin)) = origin
        && app.options.cors.is_empty()
        && host != Some(origin)
    {
        let message = format!("pages of {origin} may not use this server; allow them with --cors");
        return ApiError::forbidden(message).into_response();
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the host of a request is this machine, by name or as an address.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.is_ok() || name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost")
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    let origins = match origins {
        [] => return None,
        all if all.iter().any(|origin| origin == "*") => AllowOrigin::any(),
        some => AllowOrigin::list(some.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
    };
    let methods = [Method::GET, Method::POST];
    Some(CorsLayer::new().allow_origin(origins).allow_methods(methods).allow_headers(AllowHeaders::any()))
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal("the request caused a panic, which is a bug in ecq").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_hosts_are_names_and_addresses_of_this_machine() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]", "a.localhost"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com:8080", "127.0.0.1.example.com", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}

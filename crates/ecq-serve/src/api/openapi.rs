//! `/openapi.json`: the routes and their fields, for tools and people. [docs/serve.md] explains them.
//!
//! [docs/serve.md]: https://github.com/ecq-rs/ecq/blob/main/docs/serve.md

use axum::Json;
use serde_json::{Map, Value, json};

/// A route: method, path, summary, fields of the request.
type Route = (&'static str, &'static str, &'static str, &'static [&'static [Field]]);

/// A field: name, type, meaning. A name that ends in `!` must be there.
type Field = (&'static str, &'static str, &'static str);

const SAMPLING: &[Field] = &[
    ("model", "string", "Name of the model; the first one by default"),
    ("stream", "boolean", "Answer as server-sent events"),
    ("temperature", "number", "0 or more; 0 takes the most likely token"),
    ("top_p", "number", "Total probability of the tokens to sample from"),
    ("top_k", "integer", "Number of tokens to sample from; 0 for all"),
    ("min_p", "number", "Least probability, relative to the most likely token"),
    ("frequency_penalty", "number", "-2 to 2, for each occurrence of a generated token"),
    ("presence_penalty", "number", "-2 to 2, once for each generated token"),
    ("repetition_penalty", "number", "Above 0; 1 for none"),
    ("logit_bias", "object", "Token ids with numbers from -100 to 100"),
    ("seed", "integer", "The same seed gives the same text"),
    ("ignore_eos", "boolean", "Continue after end tokens"),
    ("chat_template_kwargs", "object", "Variables of the chat template"),
];
const TOOLS: &[Field] = &[
    ("tools", "array", "Functions that the model may call"),
    ("tool_choice", "", "Whether it must call one"),
];
const OPENAI: &[Field] = &[
    ("n", "integer", "Number of answers"),
    ("stop", "", "A string or a list of strings that end the text"),
    ("stream_options", "object", "include_usage"),
    ("response_format", "object", "json_object, json_schema, regex or lark"),
];
const CHAT: &[Field] = &[
    ("messages!", "array", "The conversation"),
    ("max_completion_tokens", "integer", "Maximum number of tokens"),
    ("max_tokens", "integer", "The same"),
    ("logprobs", "boolean", "Report log-probabilities"),
    ("top_logprobs", "integer", "Number of most likely tokens, at most 20"),
    ("parallel_tool_calls", "boolean", "Allow more than one call"),
    ("reasoning_effort", "string", "Variable of the chat template"),
];
const COMPLETIONS: &[Field] = &[
    ("prompt!", "", "Text or token ids"),
    ("max_tokens", "integer", "Maximum number of tokens; 16 by default"),
    ("logprobs", "integer", "Number of most likely tokens, at most 20"),
    ("echo", "boolean", "Begin with the prompt"),
];
const RESPONSES: &[Field] = &[
    ("input!", "", "Text or items"),
    ("instructions", "string", "System prompt"),
    ("max_output_tokens", "integer", "Maximum number of tokens"),
    ("text", "object", "format"),
    ("parallel_tool_calls", "boolean", "Allow more than one call"),
];
const MESSAGES: &[Field] = &[
    ("messages!", "array", "The conversation"),
    ("system", "", "System prompt"),
    ("stop_sequences", "array", "Strings that end the text"),
    ("thinking", "object", "type: enabled or disabled"),
];
const EMBEDDINGS: &[Field] = &[
    ("input!", "", "Text or token ids, or a list of them"),
    ("model", "string", "Name of the model; the first one by default"),
    ("encoding_format", "string", "float or base64"),
    ("pooling", "string", "last or mean; the option of the server by default"),
];
const LIMIT: &[Field] = &[("max_tokens!", "integer", "Maximum number of tokens")];

const ROUTES: &[Route] = &[
    ("post", "/v1/chat/completions", "Continues a conversation", &[CHAT, OPENAI, TOOLS, SAMPLING]),
    ("post", "/v1/completions", "Continues a prompt", &[COMPLETIONS, OPENAI, SAMPLING]),
    ("post", "/v1/responses", "Continues a conversation", &[RESPONSES, TOOLS, SAMPLING]),
    ("post", "/v1/messages", "Continues a conversation", &[MESSAGES, LIMIT, TOOLS, SAMPLING]),
    ("post", "/v1/messages/count_tokens", "Counts the tokens of a conversation", &[MESSAGES, TOOLS]),
    ("post", "/v1/embeddings", "Returns a vector of length 1 for each text", &[EMBEDDINGS]),
    ("get", "/v1/models", "Lists the models", &[]),
    ("get", "/v1/models/{name}", "Describes a model", &[]),
    ("post", "/tokenize", "Returns the tokens of a text", &[&[("content!", "string", "The text")]]),
    ("post", "/detokenize", "Returns the text of tokens", &[&[("tokens!", "array", "Token ids")]]),
    ("get", "/health", "Whether requests can be answered", &[]),
    ("get", "/metrics", "Metrics for Prometheus", &[]),
];

/// Returns the description of the server in the form of OpenAPI 3.1.
pub async fn openapi() -> Json<Value> {
    let mut paths = Map::new();
    for &(method, path, summary, groups) in ROUTES {
        let mut operation = json!({
            "summary": summary,
            "responses": {
                "200": { "description": "The answer" },
                "default": { "description": "An object with error: message, type, param, code" },
            },
        });
        let fields: Vec<&Field> = groups.iter().copied().flatten().collect();
        if !fields.is_empty() {
            let property = |&&(name, kind, meaning): &&Field| {
                let mut schema = json!({ "description": meaning });
                if !kind.is_empty() {
                    schema["type"] = kind.into();
                }
                (name.trim_end_matches('!').to_owned(), schema)
            };
            let required: Vec<&str> = fields.iter().filter_map(|field| field.0.strip_suffix('!')).collect();
            let schema = json!({
                "type": "object", "properties": fields.iter().map(property).collect::<Map<_, _>>(),
                "required": required,
            });
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        if path.contains('{') {
            let name =
                json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } });
            operation["parameters"] = json!([name]);
        }
        paths.insert(path.to_owned(), json!({ method: operation }));
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "ecq", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": { "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } } },
        "security": [{}, { "key": [] }],
    }))
}

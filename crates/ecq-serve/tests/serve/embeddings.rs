//! Vectors of texts.

use crate::client::Server;
use ecq_serve::{Options, Pooling};
use serde_json::{Value, json};

const PATH: &str = "/v1/embeddings";

fn vectors(answer: &Value) -> Vec<Vec<f32>> {
    let floats =
        |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
    let data = answer["data"].as_array().unwrap().iter().enumerate();
    data.map(|(index, object)| {
        assert_eq!((&object["object"], &object["index"]), (&json!("embedding"), &json!(index)));
        floats(&object["embedding"])
    })
    .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn texts_have_unit_vectors_that_do_not_depend_on_other_requests() {
    let server = Server::start(Options::default());
    let texts = ["To install a package, run apt.", "Run apt to install packages.", "😀"];
    let long = "The kernel reads the configuration file. ".repeat(20);
    let all: Vec<&str> = texts.into_iter().chain([long.as_str()]).collect();
    for pooling in ["last", "mean"] {
        let answer = server.object(PATH, &json!({ "input": all, "pooling": pooling }));
        assert_eq!((&answer["object"], &answer["pooling"]), (&json!("list"), &json!(pooling)));
        assert_eq!(
            (&answer["model"], &answer["usage"]["prompt_tokens"]),
            (&json!("tiny"), &answer["usage"]["total_tokens"])
        );
        let together = vectors(&answer);
        assert_eq!(together.len(), 4);
        for (text, vector) in all.iter().zip(&together) {
            assert!((dot(vector, vector) - 1.0).abs() < 1e-6);
            let alone = server.object(PATH, &json!({ "input": text, "pooling": pooling }));
            assert_eq!(&vectors(&alone)[0], vector, "{text}");
            // The same text as tokens.
            let tokens = server.object("/tokenize", &json!({ "content": text, "add_special": true }));
            let tokens = &tokens["tokens"];
            for input in [tokens.clone(), json!([tokens])] {
                let same = server.object(PATH, &json!({ "input": input, "pooling": pooling }));
                assert_eq!(&vectors(&same)[0], vector);
            }
        }
        // Sentences about the same thing are closer to each other than to an emoji.
        assert!(dot(&together[0], &together[1]) > dot(&together[0], &together[2]), "{pooling}");
    }
}

#[test]
fn vectors_are_also_sent_as_base64_and_the_server_chooses_the_pooling() {
    let server = Server::start(Options { pooling: Pooling::Mean, ..Options::default() });
    let floats = server.object(PATH, &json!({ "input": "a b c", "dimensions": 256 }));
    assert_eq!(floats["pooling"], "mean");
    let coded = server.object(PATH, &json!({ "input": ["a b c"], "encoding_format": "base64" }));
    let text = coded["data"][0]["embedding"].as_str().unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap();
    let values: Vec<f32> = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(values, vectors(&floats)[0]);
}

#[test]
fn invalid_inputs_name_the_field() {
    let server = Server::start(Options::default());
    let many: Vec<&str> = vec!["a"; 2049];
    for (body, param) in [
        (json!({}), "input"),
        (json!({ "input": 7 }), "input"),
        (json!({ "input": ["a", 7] }), "input"),
        (json!({ "input": [1, "a"] }), "input"),
        (json!({ "input": many }), "input"),
        (json!({ "input": "" }), "input"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": ["a", ""] }), "input"),
        (json!({ "input": "a", "pooling": "max" }), "pooling"),
        (json!({ "input": "a", "encoding_format": "int8" }), "encoding_format"),
        (json!({ "input": "a", "dimensions": 64 }), "dimensions"),
    ] {
        assert_eq!(server.error(PATH, &body, 400)["param"], param, "{body}");
    }
    server.error(PATH, &json!({ "input": [99999] }), 400);
    let long = server.error(PATH, &json!({ "input": ["a", "a ".repeat(9000)] }), 400);
    assert_eq!(long["code"], "context_length_exceeded", "{long}");
    server.wait_until_idle();
    assert_eq!(vectors(&server.object(PATH, &json!({ "input": "a" }))).len(), 1);
}

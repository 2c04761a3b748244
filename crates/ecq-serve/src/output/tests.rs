//! Texts of the model families, split in every way.

use super::{Answer, Dialect, Output, Outputs, Reasoning, Tool, ToolParser};
use crate::output::reasoning::Part;
use serde_json::{Value, json};

fn tools() -> Vec<Tool> {
    let parameters = json!({ "type": "object", "properties": {
        "city": { "type": "string" }, "days": { "type": "integer" }, "where": { "type": "object" } } });
    ["weather", "search"].map(|name| Tool { name: name.to_owned(), parameters: parameters.clone() }).to_vec()
}

/// The answer from a text in these pieces, and the number of events.
fn parse(dialect: Dialect, reasoning: Option<bool>, pieces: &[&str]) -> Answer {
    let mut parser = ToolParser::new(dialect, tools());
    let mut reasoning = reasoning.map(Reasoning::new);
    let mut answer = Answer::default();
    let take = |out: Outputs, answer: &mut Answer| out.into_vec().into_iter().for_each(|o| answer.add(o));
    for piece in pieces {
        let mut out = Outputs::default();
        match &mut reasoning {
            Some(reasoning) => reasoning.push(piece, |part| match part {
                Part::Reasoning(text) => out.push(Output::Reasoning(text)),
                Part::Answer(text) => parser.push(&text, &mut out),
            }),
            None => parser.push(piece, &mut out),
        }
        take(out, &mut answer);
    }
    let mut out = Outputs::default();
    if let Some(reasoning) = &mut reasoning {
        reasoning.finish(|part| match part {
            Part::Reasoning(text) => out.push(Output::Reasoning(text)),
            Part::Answer(text) => parser.push(&text, &mut out),
        });
    }
    parser.finish(&mut out);
    take(out, &mut answer);
    // Identifiers are random.
    answer.calls.iter_mut().for_each(|call| {
        assert!(call.id.len() == 9 && call.id.bytes().all(|b| b.is_ascii_alphanumeric()), "{}", call.id);
        call.id.clear();
    });
    answer
}

/// Pieces of `length` characters.
fn split(text: &str, length: usize) -> Vec<&str> {
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).step_by(length).collect();
    starts.push(text.len());
    starts.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect()
}

/// Parses a text at 1 to 7 characters a piece and whole; all must agree.
fn parsed(dialect: Dialect, reasoning: Option<bool>, text: &str) -> Answer {
    let whole = parse(dialect, reasoning, &[text]);
    for length in 1..=7 {
        assert_eq!(parse(dialect, reasoning, &split(text, length)), whole, "{length}: {text}");
    }
    whole
}

/// The text, and the calls with arguments as JSON.
fn check(dialect: Dialect, text: &str, expected: &str, calls: &[(&str, Value)]) {
    let answer = parsed(dialect, None, text);
    assert_eq!(answer.text, expected, "{text}");
    let found: Vec<(&str, Value)> = answer
        .calls
        .iter()
        .map(|call| {
            let arguments = serde_json::from_str(&call.arguments);
            (call.name.as_str(), arguments.unwrap_or_else(|_| panic!("{}", call.arguments)))
        })
        .collect();
    assert_eq!(found, calls, "{text}");
}

#[test]
fn calls_of_hermes_and_qwen_are_found() {
    let check = |text: &str, expected: &str, calls: &[(&str, Value)]| {
        check(Dialect::Tagged, text, expected, calls);
    };
    let oslo = json!({ "city": "Oslo" });
    let one = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
    check(one, "", &[("weather", oslo.clone())]);
    check(&format!("Let me look.\n{one}\n"), "Let me look.", &[("weather", oslo.clone())]);
    check(&format!("{one}\n{one}"), "", &[("weather", oslo.clone()), ("weather", oslo.clone())]);
    check(&format!("{one} then text"), " then text", &[("weather", oslo.clone())]);
    // Arguments first, as a string, with braces and quotes within strings, or none.
    let call = |inside: &str| format!("<tool_call>{inside}</tool_call>");
    let first = call("{\"arguments\": {\"city\": \"O}\\\"{slo\"}, \"name\": \"weather\"}");
    check(&first, "", &[("weather", json!({ "city": "O}\"{slo" }))]);
    let quoted = call("{\"name\": \"weather\", \"arguments\": \"{\\\"city\\\": \\\"Oslo\\\"}\"}");
    check(&quoted, "", &[("weather", oslo.clone())]);
    check(&call("{\"name\": \"search\"}"), "", &[("search", json!({}))]);
    check(&call("{\"name\": \"search\", \"arguments\": null, \"id\": 5}"), "", &[("search", json!({}))]);
    let nested = call("{\"type\": \"function\", \"function\": {\"name\": \"search\", \"arguments\": {}}}");
    check(&nested, "", &[("search", json!({}))]);
    let deep = json!({ "where": { "a": [1, { "b": "]" }] }, "x": "😀\n" });
    check(&call(&json!({ "name": "other", "arguments": deep }).to_string()), "", &[("other", deep)]);
    // What is no call is text.
    for text in [
        "a < b, <tool, <tool_call",
        "<tool_call>not JSON</tool_call>",
        "<tool_call>\n{\"city\": \"Oslo\"}",
        "{\"name\": \"weather\"}",
        " \n ",
        "",
    ] {
        check(text, &text.replace("</tool_call>", ""), &[]);
    }
    // Calls that are cut off keep what has been said.
    let cut = parsed(Dialect::Tagged, None, &one[..one.find("lo\"}").unwrap()]);
    assert_eq!((cut.calls[0].name.as_str(), cut.calls[0].arguments.as_str()), ("weather", "{\"city\": \"Os"));
}

#[test]
fn calls_of_qwen_coder_are_found() {
    let check = |text: &str, expected: &str, calls: &[(&str, Value)]| {
        check(Dialect::Xml, text, expected, calls);
    };
    check(
        "I look.\n<tool_call>\n<function=weather>\n<parameter=city>\n5\n</parameter>\n<parameter=days>\n3\n\
         </parameter>\n<parameter=where>\n{\"a\": [1]}\n</parameter>\n<parameter=more>\ntwo\nlines <b>\n\
         </parameter>\n</function>\n</tool_call>",
        "I look.",
        &[("weather", json!({ "city": "5", "days": 3, "where": { "a": [1] }, "more": "two\nlines <b>" }))],
    );
    check("<tool_call>\n<function=search>\n</function>\n</tool_call>", "", &[("search", json!({}))]);
}

#[test]
fn calls_of_llama_are_found() {
    let check = |text: &str, expected: &str, calls: &[(&str, Value)]| {
        check(Dialect::Bare, text, expected, calls);
    };
    let oslo = json!({ "city": "Oslo" });
    let one = "{\"name\": \"weather\", \"parameters\": {\"city\": \"Oslo\"}}";
    check(one, "", &[("weather", oslo.clone())]);
    check(&format!("<|python_tag|>{one}"), "", &[("weather", oslo.clone())]);
    check(&format!("{one}; {one}"), "", &[("weather", oslo.clone()), ("weather", oslo.clone())]);
    check("{\"type\": \"function\", \"name\": \"search\", \"parameters\": {}}", "", &[("search", json!({}))]);
    // JSON that is an answer is text, also if it looks like a call of no tool.
    for text in [
        "{\"answer\": 5}",
        "{\"name\": \"Anna\", \"parameters\": {}}",
        "{ \"type\": \"object\" }",
        "Use {\"name\": \"weather\", \"parameters\": {}}",
        "{",
        "{}",
    ] {
        check(text, text, &[]);
    }
}

#[test]
fn calls_of_mistral_are_found() {
    let check = |text: &str, expected: &str, calls: &[(&str, Value)]| {
        check(Dialect::Mistral, text, expected, calls);
    };
    let oslo = json!({ "city": "Os]lo" });
    let object = "{\"name\": \"weather\", \"arguments\": {\"city\": \"Os]lo\"}}";
    check(&format!("[TOOL_CALLS] [{object}]"), "", &[("weather", oslo.clone())]);
    let two = [("weather", oslo.clone()), ("weather", oslo.clone())];
    check(&format!("[TOOL_CALLS][{object}, {object}]"), "", &two);
    let named = "[TOOL_CALLS]weather[ARGS]{\"city\": \"Os]lo\"}";
    check(named, "", &[("weather", oslo.clone())]);
    check(&format!("Yes.{named}{named}"), "Yes.", &two);
    check("[TOOL_CALLS]weather[CALL_ID]abc123456[ARGS]{\"city\": \"Os]lo\"}", "", &two[..1]);
    check("[TOOL] [5]", "[TOOL] [5]", &[]);
}

#[test]
fn calls_of_gemma_are_found() {
    let q = "<|\"|>";
    let text = format!(
        "Sure.<|tool_call>call:weather{{city:{q}Os\"lo, {{x}}: <b>\n{q},days:3,on:true,list:[1,{q}two{q}],\
         where:{{a:-1.5,b:null}}}}<tool_call|><|tool_call>call:search{{}}<tool_call|>"
    );
    let arguments = json!({ "city": "Os\"lo, {x}: <b>\n", "days": 3, "on": true, "list": [1, "two"],
        "where": { "a": -1.5, "b": null } });
    check(Dialect::Gemma, &text, "Sure.", &[("weather", arguments), ("search", json!({}))]);
    let broken = "<|tool_call>weather{}<tool_call|>";
    check(Dialect::Gemma, broken, "<|tool_call>weather{}", &[]);
}

#[test]
fn reasoning_is_separated() {
    for (inside, text, reasoning, answer) in [
        (false, "<think>\nI think.\n</think>\n\nYes.", "I think.", "Yes."),
        (false, " \n<think>a\n\nb</think>Yes", "a\n\nb", "Yes"),
        (true, "I think.\n</think>\n\nYes. </think>", "I think.", "Yes. </think>"),
        (false, "Yes <think>no</think>", "", "Yes <think>no</think>"),
        (false, "<thin", "", "<thin"),
        (false, "  Yes", "", "  Yes"),
        (true, "cut off </thi", "cut off </thi", ""),
        (false, "<think></think>", "", ""),
        (true, "", "", ""),
    ] {
        let found = parsed(Dialect::Tagged, Some(inside), text);
        assert_eq!((found.reasoning.as_str(), found.text.as_str()), (reasoning, answer), "{text}");
    }
    let call = "<think>Hm <tool_call></think>\n<tool_call>{\"name\": \"search\"}</tool_call>";
    let found = parsed(Dialect::Tagged, Some(false), call);
    assert_eq!((found.reasoning.as_str(), found.calls.len(), found.text.as_str()), ("Hm <tool_call>", 1, ""));
}

#[test]
fn random_texts_parse_alike_in_all_pieces() {
    let parts = [
        "<tool_call>",
        "</tool_call>",
        "{\"name\": \"search\", ",
        "\"arguments\": {\"a\": [\"}\"]}",
        "}",
        "{",
        "\"",
        "[TOOL_CALLS]",
        "[ARGS]",
        "search",
        "[",
        "]",
        "<|tool_call>",
        "call:search{",
        "<|\"|>",
        "<tool_call|>",
        "<function=search>",
        "<parameter=city>",
        "</parameter>",
        "</function>",
        "text ",
        "\n",
        " ",
        "<",
        "é",
        "<|python_tag|>",
        ";",
        ",",
        ":",
        "<think>",
        "</think>",
        "\\",
    ];
    let mut state = 7u64;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let dialects = [Dialect::Tagged, Dialect::Xml, Dialect::Bare, Dialect::Mistral, Dialect::Gemma];
    let mut calls = 0;
    for round in 0..3000 {
        let starts = [
            "<tool_call>{\"name\": \"search\", ",
            "<tool_call><function=search>",
            "{\"name\": \"search\", ",
            "[TOOL_CALLS]search",
            "<|tool_call>call:search{",
        ];
        let start = if next(2) == 0 { starts[round % 5] } else { "" };
        let text: String = (0..next(14)).map(|_| parts[next(parts.len())]).collect();
        let text = format!("{start}{text}");
        let reasoning = [None, Some(false), Some(true)][round % 3];
        calls += parsed(dialects[round % 5], reasoning, &text).calls.len();
    }
    assert!(calls > 100, "{calls} calls came up");
}

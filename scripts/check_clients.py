"""Drives `ecq serve` with the clients that people use: openai, anthropic, langchain-openai and llm.

    python3 scripts/check_clients.py target/release/ecq

Serves the embedded model, whose answers are nonsense of the right form: greedy or seeded, so that a streamed
answer must be the same text as a whole one. Needs the four packages (`pip install openai anthropic
langchain-openai llm`); `bash scripts/check_clients` installs them into an environment of its own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import anthropic
import openai
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

ROOT = Path(__file__).resolve().parent.parent
KEY = "test-key"
HELLO = [{"role": "user", "content": "Hello 😀"}]
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": PARAMETERS}}


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=6)
    age: int = Field(ge=0, le=99)


class Server:
    """`ecq serve` on a free port."""

    def __init__(self, ecq, *arguments):
        """Starts it and waits until it is ready."""
        model = ROOT / "crates/ecq-cli/assets/tiny.ecq"
        command = [ecq, "serve", model, "--port", "0", "--api-key", KEY, "--json", *arguments]
        template = ["--chat-template", ROOT / "scripts/chatml.jinja"]
        self.process = subprocess.Popen([*command, *template], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Stops it, which must succeed."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        assert code == 0, f"exit code {code}"


def check_openai(url):
    """Chat, completions and responses, streamed and not."""
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    assert [model.id for model in client.models.list()] == ["tiny"]
    # The package asks for base64 and decodes it.
    embedded = client.embeddings.create(model="tiny", input=["Hello", "Hello 😀"])
    plain = client.embeddings.create(model="tiny", input="Hello 😀", encoding_format="float")
    assert [item.index for item in embedded.data] == [0, 1]
    assert len(embedded.data[1].embedding) == 256
    assert abs(sum(x * x for x in embedded.data[1].embedding) - 1) < 1e-5
    assert max(abs(a - b) for a, b in zip(embedded.data[1].embedding, plain.data[0].embedding)) < 1e-6
    create = client.chat.completions.create
    for more in [
        {},
        {"n": 3, "temperature": 1.2},
        {"stop": ["th", " the ", "e o"]},
        {"logprobs": True, "top_logprobs": 5},
        {"logit_bias": {"300": 5}, "frequency_penalty": 0.5, "presence_penalty": 0.5, "top_p": 0.9},
        {"extra_body": {"top_k": 5, "min_p": 0.05, "repetition_penalty": 1.1, "unknown": [1]}},
    ]:
        request = dict(model="tiny", messages=HELLO, max_completion_tokens=30, seed=4, **more)
        whole = create(**request)
        texts = [""] * len(whole.choices)
        tokens, usage = 0, None
        for chunk in create(**request, stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
                tokens += len(choice.logprobs.content) if choice.logprobs else 0
        assert texts == [choice.message.content for choice in whole.choices], more
        assert usage.completion_tokens == whole.usage.completion_tokens
        assert usage.prompt_tokens_details.cached_tokens > 0
        if more.get("logprobs"):
            assert tokens == whole.usage.completion_tokens
            assert all(len(token.top_logprobs) == 5 for token in whole.choices[0].logprobs.content)
        if more.get("stop"):
            assert not any(stop in texts[0] for stop in more["stop"])
    # The emoji of the prompt comes back whole.
    echoed = client.completions.create(model="tiny", prompt="😀 é 世", max_tokens=3, echo=True)
    assert echoed.choices[0].text.startswith("😀 é 世")
    for choice in ["required", {"type": "function", "function": {"name": "weather"}}]:
        request = dict(model="tiny", messages=HELLO, tools=[TOOL], tool_choice=choice, seed=1)
        call = create(**request).choices[0].message.tool_calls[0]
        arguments = json.loads(call.function.arguments)
        assert call.function.name == "weather" and set(arguments) == {"city", "days"}
        chunks = [chunk for chunk in create(**request, stream=True) if chunk.choices]
        parts = [chunk.choices[0].delta.tool_calls for chunk in chunks]
        streamed = "".join(part[0].function.arguments for part in parts if part)
        assert streamed == call.function.arguments
    history = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    assert create(model="tiny", messages=history, tools=[TOOL], max_tokens=5).choices[0].message.content
    parsed = client.chat.completions.parse(model="tiny", messages=HELLO, response_format=Person, seed=2)
    assert isinstance(parsed.choices[0].message.parsed, Person)
    request = dict(model="tiny", messages=HELLO, seed=3, max_tokens=400)
    answer = create(**request, response_format={"type": "json_object"})
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    request = dict(model="tiny", input="Hello", max_output_tokens=20, temperature=0)
    whole = client.responses.create(**request)
    with client.responses.stream(**request) as stream:
        events = list(stream)
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    final = events[-1].response
    assert final.status == whole.status == "incomplete"
    assert deltas == whole.output_text == final.output_text and deltas
    tool = {"type": "function", "strict": True, **TOOL["function"]}
    called = client.responses.create(model="tiny", input="Hello", tools=[tool], tool_choice="required")
    assert called.output[0].type == "function_call" and json.loads(called.output[0].arguments)
    for wrong, error in [
        (dict(model="other"), openai.NotFoundError),
        (dict(model="tiny", temperature=-1), openai.BadRequestError),
        (dict(model="tiny", messages=[{"role": "user", "content": "a " * 20000}]), openai.BadRequestError),
    ]:
        try:
            create(**{"messages": HELLO, **wrong})
            raise SystemExit(f"no error for {wrong}")
        except error as raised:
            assert raised.body["message"]
    try:
        openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0).models.list()
        raise SystemExit("a wrong key was accepted")
    except openai.AuthenticationError as raised:
        assert "API key" in str(raised)


def check_anthropic(url):
    """Messages, streamed and not, with tools."""
    client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
    request = dict(model="tiny", max_tokens=30, messages=HELLO, system="Be brief.")
    request["extra_body"] = {"temperature": 0}
    whole = client.messages.create(**request)
    with client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text and text
    assert whole.stop_reason == final.stop_reason == "max_tokens"
    assert final.usage.output_tokens == whole.usage.output_tokens == 30
    count = client.messages.count_tokens(model="tiny", messages=HELLO, system="Be brief.").input_tokens
    assert count == whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)
    tools = [{"name": "weather", "description": "d", "input_schema": PARAMETERS}]
    request = dict(request, tools=tools, tool_choice={"type": "any"}, max_tokens=200)
    called = client.messages.create(**request)
    with client.messages.stream(**request) as stream:
        final = stream.get_final_message()
    assert called.content[0].input == final.content[0].input and called.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": called.content[0].id, "content": "sunny"}
    call = {"role": "assistant", "content": called.content}
    messages = [*HELLO, call, {"role": "user", "content": [result]}]
    assert client.messages.create(model="tiny", max_tokens=5, messages=messages, tools=tools).content


def check_langchain(url):
    """Chat, streamed and not, tools and structured output."""
    model = ChatOpenAI(base_url=f"{url}/v1", api_key=KEY, model="tiny", max_tokens=20, seed=1, max_retries=0)
    whole = model.invoke([HumanMessage("Hello")])
    assert "".join(chunk.content for chunk in model.stream([HumanMessage("Hello")])) == whole.content
    assert whole.usage_metadata["output_tokens"] == 20
    model = ChatOpenAI(base_url=f"{url}/v1", api_key=KEY, model="tiny", seed=1, max_retries=0)
    assert isinstance(model.with_structured_output(Person, method="json_schema").invoke("Anna is 5"), Person)
    bound = model.bind_tools([TOOL], tool_choice="weather")
    assert set(bound.invoke("Weather in Oslo?").tool_calls[0]["args"]) == {"city", "days"}


def check_llm(url):
    """The command `llm`, streamed and not."""
    with tempfile.TemporaryDirectory() as folder:
        models = [{"model_id": "tiny", "model_name": "tiny", "api_base": f"{url}/v1", "api_key_name": "ecq"}]
        Path(folder, "extra-openai-models.yaml").write_text(json.dumps(models))
        Path(folder, "keys.json").write_text(json.dumps({"ecq": KEY}))
        environment = {**os.environ, "LLM_USER_PATH": folder}
        llm = Path(sys.executable).with_name("llm")
        texts = []
        for more in [[], ["--no-stream"]]:
            command = [llm, "-m", "tiny", "-o", "temperature", "0", "-o", "max_tokens", "20", *more, "Hello"]
            result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            texts.append(result.stdout)
        assert texts[0] == texts[1] and texts[0].strip(), texts


def main():
    """Runs all checks."""
    ecq = sys.argv[1]
    with Server(ecq, "--parallel", "4") as server:
        for check in [check_openai, check_anthropic, check_langchain, check_llm]:
            check(server.url)
            print(f"{check.__name__.removeprefix('check_')}: ok", flush=True)
        port = re.search(r":(\d+)$", server.url)[1]
        used = subprocess.run(
            [ecq, "serve", ROOT / "crates/ecq-cli/assets/tiny.ecq", "--port", port],
            capture_output=True,
            text=True,
        )
        assert used.returncode == 4 and "another program uses this port" in used.stderr, used
    print("port in use, stop: ok")


if __name__ == "__main__":
    main()

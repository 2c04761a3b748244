"""Measures `ecq serve`: throughput and latency of several clients, and the cost of grammars.

    python3 scripts/bench_serve.py target/release/ecq MODEL [options of ecq serve]

Needs the package openai. Throughput and time to first token are wall time, so the machine must be quiet; the
cost of a grammar is processor time of the server per token, on one thread.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai

TOKENS = 48
SCHEMA = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
                "required": ["name", "number"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["items"],
    "additionalProperties": False,
}
FORMATS = {
    "none": {},
    "regular expression (any text)": {"response_format": {"type": "regex", "regex": "(?s:.*)"}},
    "JSON schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    },
}


class Server:
    """`ecq serve` on a free port."""

    def __init__(self, ecq, model, *arguments):
        """Starts it and waits until it is ready."""
        command = [ecq, "serve", f"model={model}", "--port", "0", "--json", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url = json.loads(self.process.stdout.readline())["url"]
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=600)

    def __enter__(self):
        """Returns itself."""
        return self

    def __exit__(self, *_):
        """Stops it."""
        self.process.terminate()
        self.process.wait()

    def cpu_seconds(self):
        """Returns the processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def chat(self, text, **more):
        """Generates a fixed number of tokens."""
        messages = [{"role": "user", "content": text}]
        return self.client.chat.completions.create(
            model="model", messages=messages, max_tokens=TOKENS, extra_body={"ignore_eos": True}, **more
        )

    def first_token(self, seed):
        """Returns the seconds to the first token of a streamed answer, which is read to its end."""
        start, first = time.monotonic(), None
        for chunk in self.chat(f"Tell story number {seed}.", seed=seed, stream=True):
            if first is None and chunk.choices and chunk.choices[0].delta.content:
                first = time.monotonic() - start
        return first


def main():
    """Prints both tables."""
    ecq, model, *arguments = sys.argv[1:]
    print("| clients | tokens/s | seconds to the first token, median |\n|---|---|---|")
    with Server(ecq, model, "--parallel", "16", *arguments) as server:
        server.chat("Warm up.")
        for clients in [1, 4, 16]:
            start = time.monotonic()
            with ThreadPoolExecutor(clients) as pool:
                first = list(pool.map(server.first_token, range(2 * clients)))
            speed = 2 * clients * TOKENS / (time.monotonic() - start)
            print(f"| {clients} | {speed:.1f} | {statistics.median(first):.3f} |", flush=True)
    print("\n| grammar | processor milliseconds per token |\n|---|---|")
    with Server(ecq, model, "--threads", "1", *arguments) as server:
        for form in FORMATS.values():
            server.chat("Tell a story.", temperature=0, **form)
        costs = {name: [] for name in FORMATS}
        for _ in range(5):
            for name, form in FORMATS.items():
                before = server.cpu_seconds()
                tokens = server.chat("Tell a story.", temperature=0, **form).usage.completion_tokens
                costs[name].append(1000 * (server.cpu_seconds() - before) / tokens)
        for name, found in costs.items():
            print(f"| {name} | {statistics.median(found):.2f} |")


if __name__ == "__main__":
    main()

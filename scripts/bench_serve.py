"""Measures `ecq serve`, beside llama.cpp's server if there is one: throughput, latency, cost of grammars.

    python3 scripts/bench_serve.py target/release/ecq MODEL.ecq [--llama llama-server MODEL.gguf] [--mode ...]

Both servers run at once and get the same requests in turns, so that what a busy machine takes from one it
takes from the other; the numbers to read are the medians over rounds of the ratios within a round. Requests
differ in their first words, so no prompt is cached; answers are streamed, with the same sampling options
and length.

llama-server is built from the source that the package llama-cpp-python carries:

    pip download --no-binary llama-cpp-python --no-deps llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz
    cmake -S llama_cpp_python-*/vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF
    cmake --build build --target llama-server

The cost of a grammar is processor time of the server per token, on one thread.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOKENS = 64
CLIENTS = [1, 4, 16]
# With the chat template of SmolLM2 and the number, 142 tokens.
TEXT = (
    "The history of the old town begins long before the first written record of it. Merchants came up the"
    " river in spring, when the snow had gone, and stayed until the days grew short; they brought salt, "
    "cloth and news. In return they took furs, wax and honey, and stories of the people who lived farther"
    " north, which nobody in the south quite believed. Continue this text in the same style and describe "
    "a market day in the town, its sounds and smells, and one person who remembers it."
)
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


def free_port():
    """Returns a port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A server of the chat interface of OpenAI."""

    def __init__(self, name, command):
        """Starts it, with a port, and waits until it is ready."""
        self.name, self.port = name, free_port()
        command = [*command, "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            time.sleep(0.1)
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
        raise SystemExit(f"{name} did not start: {' '.join(map(str, command))}")

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
        """Generates TOKENS tokens. Returns the response of the server."""
        messages = [{"role": "user", "content": text}]
        sampling = {"top_k": 40, "top_p": 0.95, "min_p": 0}
        body = dict(messages=messages, max_tokens=TOKENS, ignore_eos=True, **sampling, **more)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"{self.name}: {response.status} {response.read()}")
        return response

    def stream(self, number):
        """Returns the seconds to the first text of an answer, which is read to its end, and its tokens."""
        start, first, tokens = time.monotonic(), None, None
        options = {"stream": True, "stream_options": {"include_usage": True}}
        for line in self.chat(f"Story {number}. {TEXT}", seed=number, temperature=0.8, **options):
            if first is None and b'"content":"' in line and b'"content":""' not in line:
                first = time.monotonic() - start
            if b'"completion_tokens":' in line:
                tokens = json.loads(line[len(b"data: ") :])["usage"]["completion_tokens"]
        return first, tokens

    def measure(self, clients, round_number):
        """Lets clients send two requests each. Returns tokens/s and the median time to the first token."""
        numbers = range(1000 * round_number + 100 * clients, 1000 * round_number + 102 * clients)
        start = time.monotonic()
        with ThreadPoolExecutor(clients) as pool:
            firsts, tokens = zip(*pool.map(self.stream, numbers), strict=True)
        return sum(tokens) / (time.monotonic() - start), statistics.median(firsts)


def throughput(servers, rounds):
    """Prints tokens per second and times to the first token."""
    found = {(server.name, clients): [] for server in servers for clients in CLIENTS}
    for round_number in range(rounds):
        for clients in CLIENTS:
            for server in servers if round_number % 2 == 0 else servers[::-1]:
                found[server.name, clients].append(server.measure(clients, round_number + 1))
    print("| clients | server | tokens/s | first token, s | tokens/s, ratio | first token, ratio |")
    print("|---|---|---|---|---|---|")
    for clients in CLIENTS:
        base = found[servers[-1].name, clients]
        for server in servers:
            own = found[server.name, clients]
            median = [statistics.median(column) for column in zip(*own, strict=True)]
            ratios = [[a[i] / b[i] for a, b in zip(own, base, strict=True)] for i in range(2)]
            shown = [f"{statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})" for r in ratios]
            if server is servers[-1]:
                shown = ["1", "1"]
            cells = [clients, server.name, f"{median[0]:.1f}", f"{median[1]:.3f}", *shown]
            print("|", " | ".join(map(str, cells)), "|")


def grammars(server):
    """Prints the processor time per token without and with grammars."""
    costs = {name: [] for name in FORMATS}
    for round_number in range(6):
        for name, form in FORMATS.items():
            before = server.cpu_seconds()
            answer = json.loads(server.chat("Tell a story.", temperature=0, **form).read())
            # The first round prepares prompt and grammar.
            if round_number > 0:
                tokens = answer["usage"]["completion_tokens"]
                costs[name].append(1000 * (server.cpu_seconds() - before) / tokens)
    print("\n| grammar | processor milliseconds per token |\n|---|---|")
    for name, cost in costs.items():
        print(f"| {name} | {statistics.median(cost):.2f} |")


def main():
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ecq")
    parser.add_argument("model")
    parser.add_argument("--llama", nargs=2, metavar=("SERVER", "GGUF"), help="llama-server and its model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", default=str(os.cpu_count()))
    arguments, options = parser.parse_known_args()
    ecq = [arguments.ecq, "serve", arguments.model, *options]
    servers = [Server("ecq", [*ecq, "--parallel", "16", "--context", "1024", "--threads", arguments.threads])]
    if arguments.llama:
        program, model = arguments.llama
        llama = [program, "--model", model, "--parallel", "16", "--ctx-size", str(16 * 1024)]
        threads = ["--threads", arguments.threads, "--threads-batch", arguments.threads]
        servers.append(Server("llama-server", [*llama, *threads]))
    for server in servers:
        server.measure(16, 0)
    throughput(servers, arguments.rounds)
    for server in servers:
        server.__exit__()
    with Server("ecq", [*ecq, "--threads", "1"]) as server:
        grammars(server)


if __name__ == "__main__":
    main()

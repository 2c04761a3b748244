"""Compares the speed of `ecq run` with llama.cpp, pairwise: the same cores, the same prompt, in turns.

    pip install llama-cpp-python numpy          # built for this machine, or: pip install xllamacpp
    cargo build --release -p ecq-cli
    python scripts/bench_llama.py M.gguf M.ecq:cached M.ecq:fused M.ecq:lru:40MiB [--cores 0] [--rounds 7]

Each round runs llama.cpp and then every .ecq, one process after the other, pinned to the same cores with a
thread on each. What a busy machine takes from one it takes from all, so the number to read is the median over
rounds of the ratio within a round; speeds are medians too. Both programs prefill the same text, then decode
greedily; loading is in no number. Memory is what the weights hold by each program's own account: the file for
llama.cpp.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "The history of the old town begins long before the first written record of it. Merchants came up the river in"
    " spring, when the snow had gone, and stayed until the days grew short; they brought salt, cloth and news. "
)


def llama(model, threads, prompt_tokens, tokens):
    """One run of llama.cpp in this process: the prompt, and tokens per second of prefill and of decoding."""
    import ctypes

    try:
        import llama_cpp
    except ImportError:
        return llama_server(model, threads, prompt_tokens, tokens)
    import numpy as np

    it = llama_cpp.Llama(
        model, n_ctx=1024, n_threads=threads, n_threads_batch=threads, n_batch=512, verbose=False
    )
    ids = it.tokenize((TEXT * 20).encode())[:prompt_tokens]
    vocabulary, context = it.n_vocab(), it._ctx.ctx

    def decode(tokens):
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(array, len(tokens))) != 0:
            sys.exit("llama_decode failed")
        logits = llama_cpp.llama_get_logits_ith(context, -1)
        return int(
            np.ctypeslib.as_array(ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), (vocabulary,)).argmax()
        )

    start = time.perf_counter()
    token = decode(ids)
    prefill = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(tokens):
        token = decode([token])
    seconds = time.perf_counter() - start
    text = it.detokenize(ids).decode()
    print(json.dumps({"prompt": text, "prefill": len(ids) / prefill, "decode": tokens / seconds}))


def llama_server(model, threads, prompt_tokens, tokens):
    """As `llama`, through the package xllamacpp; the prompt has about as many tokens."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.verbosity = model, 1024, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # English has four to five letters to a token.
    prompt = (TEXT * 20)[: int(4.5 * prompt_tokens)]
    request = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    answer = xllamacpp.Server(params).handle_completions(request)
    timings = (answer if isinstance(answer, dict) else json.loads(answer))["timings"]
    result = {"prompt": prompt, "prefill": timings["prompt_per_second"], "decode": timings["predicted_per_second"]}
    print(json.dumps(result), flush=True)
    os._exit(0)  # The server's threads have no other end.


def pinned(cores, command):
    result = subprocess.run(["taskset", "-c", cores, *map(str, command)], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {result.stderr or result.stdout}")
    return json.loads([line for line in result.stdout.splitlines() if line.startswith("{")][-1])


def ours(options, threads, which, prompt):
    path, mode, *memory = which.split(":")
    command = [options.ecq, "run", path, "--mode", mode, "-p", prompt, "--greedy", "--ignore-end", "--json"]
    command += ["--tokens", options.tokens, "--threads", threads, "--activations", options.activations]
    if memory:
        command += ["--memory", memory[0]]
    out = pinned(options.cores, command)
    return {
        "prefill": out["prefill_tokens_per_s"],
        "decode": out["decode_tokens_per_s"],
        "held": out["weight_bytes_resident"],
        "stored": out["weight_bytes_stored"],
        "hits": out.get("hits", 0) / max(out.get("uses", 0), 1),
        "stall": out.get("stall_s") or 0.0,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gguf")
    parser.add_argument("ecq_models", nargs="*", metavar="ECQ:MODE[:MEMORY]")
    parser.add_argument("--ecq", default=ROOT / "target/release/ecq")
    parser.add_argument("--cores", default="0")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--activations", default="i8")
    parser.add_argument("--one-llama", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.one_llama:
        return llama(options.gguf, len(os.sched_getaffinity(0)), options.prompt_tokens, options.tokens)

    threads = len(subprocess.run(
        ["taskset", "-c", options.cores, sys.executable, "-c", "import os; print('x' * len(os.sched_getaffinity(0)))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip())  # fmt: skip
    theirs, mine = [], {which: [] for which in options.ecq_models}
    for _ in range(options.rounds):
        command = [sys.executable, __file__, options.gguf, "--one-llama"]
        command += ["--tokens", options.tokens, "--prompt-tokens", options.prompt_tokens]
        theirs.append(pinned(options.cores, command))
        for which, runs in mine.items():
            runs.append(ours(options, threads, which, theirs[-1]["prompt"]))
    middle = lambda runs, key: statistics.median(run[key] for run in runs)
    results = [
        {
            "model": which, "threads": threads,
            "decode": middle(runs, "decode"), "prefill": middle(runs, "prefill"),
            "decode_ratio": statistics.median(run["decode"] / their["decode"] for run, their in zip(runs, theirs)),
            "prefill_ratio": statistics.median(run["prefill"] / their["prefill"] for run, their in zip(runs, theirs)),
            "decode_ratios": sorted(round(run["decode"] / their["decode"], 3) for run, their in zip(runs, theirs)),
            "held_to_stored": runs[0]["held"] / runs[0]["stored"], "held_bytes": runs[0]["held"],
            "hit_rate": middle(runs, "hits"), "stall_s": middle(runs, "stall"),
        }
        for which, runs in mine.items()
    ]  # fmt: skip
    llama_cpp = {"decode": middle(theirs, "decode"), "prefill": middle(theirs, "prefill")}
    if options.json:
        return print(json.dumps({"llama.cpp": llama_cpp, "results": results}))
    print(
        f"llama.cpp, {threads} thread(s): decode {llama_cpp['decode']:.1f} tokens/s, prefill {llama_cpp['prefill']:.0f}"
    )
    print(
        "| model:mode | decode tok/s | x llama.cpp (lowest to highest) | prefill tok/s | x | held MB | held / stored | hits | stall s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for r in results:
        span = f"{r['decode_ratios'][0]:.2f} to {r['decode_ratios'][-1]:.2f}"
        print(
            f"| {Path(r['model']).name} | {r['decode']:.1f} | {r['decode_ratio']:.2f} ({span}) | {r['prefill']:.0f} "
            f"| {r['prefill_ratio']:.2f} | {r['held_bytes'] / 1e6:.1f} | {r['held_to_stored']:.3f} "
            f"| {r['hit_rate']:.0%} | {r['stall_s']:.2f} |"
        )


if __name__ == "__main__":
    main()

"""Compares greedy replies: `python3 bench/texts/replies.py ECQ chatml|gemma OUT.md REFERENCE MODEL...`.

Each model answers the lines of questions.txt in the chat template, up to 192 tokens of the highest
probability, through `ecq serve`; options of `ecq serve` follow after `--`. A template with a system message
is used with four of them, so that there are four times as many replies. A reply loops if it ends with a
text of at least four words that it repeats three times or more, or with a line that it repeats; it is broken
if it has a replacement character; it ends if it has an end-of-text token within the 192. Prints how many
replies of each model do, and how many loop where the reference does not. OUT.md receives the replies to the
first ten questions side by side.
"""

import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import urllib.request

from chat import SYSTEM, TEMPLATES

TOKENS = 192
CLIENTS = 32
SYSTEMS = [
    SYSTEM,
    "You are a friendly assistant.",
    "Answer clearly and in full sentences.",
    "You are an expert. Explain your answer.",
]


def replies(ecq, model, prompts, options):
    """Returns the model's greedy replies, and for each whether it ended."""
    command = [ecq, "serve", model, "--port", "0", "--mode", "cached", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        found = (re.search(r"http://[\d.:]+", line) for line in server.stdout)
        address = next((match.group() for match in found if match), None)
        if address is None:
            sys.exit(f"the server of {model} ended: run {' '.join(command)}")

        def ask(prompt):
            body = {"prompt": prompt, "max_tokens": TOKENS, "temperature": 0}
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(f"{address}/v1/completions", json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request) as answer:
                choice = json.load(answer)["choices"][0]
            return choice["text"].strip(), choice["finish_reason"] == "stop"

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(ask, prompts))
    finally:
        server.terminate()
        server.communicate()


def loops(text):
    """Whether the text ends in a repetition."""
    words = text.split()
    # The last repetition may be cut.
    for cut in range(min(40, len(words))):
        whole = words[: len(words) - cut]
        for period in range(4, len(whole) // 3 + 1):
            if whole[-period:] == whole[-2 * period : -period] == whole[-3 * period : -2 * period]:
                return True
    lines = [line.strip() for line in text.splitlines() if len(line.split()) >= 3]
    return len(lines) >= 4 and len(set(lines[-4:-1])) == 1


def main():
    arguments, options = sys.argv[1:], []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, options = arguments[:at], arguments[at + 1 :]
    ecq, template, out, *models = arguments
    questions = (pathlib.Path(__file__).parent / "questions.txt").read_text(encoding="utf-8").splitlines()
    form = TEMPLATES[template].split("{answer}")[0]
    forms = [form.replace(SYSTEM, system) for system in SYSTEMS] if SYSTEM in form else [form]
    prompts = [form.format(question=question) for form in forms for question in questions]
    print(f"{len(prompts)} replies | loops | loops where the reference has none | ends | broken characters")
    of_models = {}
    for model in models:
        of_models[model] = replies(ecq, model, prompts, options)
        looping = [[loops(text) for text, _ in of_models[name]] for name in (models[0], model)]
        more = sum(loop and not reference for reference, loop in zip(*looping, strict=True))
        ends = sum(ended for _, ended in of_models[model])
        broken = sum("\ufffd" in text for text, _ in of_models[model])
        print(f"{pathlib.Path(model).name} | {sum(looping[1])} | {more} | {ends} | {broken}", flush=True)
    parts = []
    for number, question in enumerate(questions[:10]):
        parts.append(f"## {question}\n")
        for model, texts in of_models.items():
            parts.append(f"**{pathlib.Path(model).name}**: {texts[number][0]}\n")
    pathlib.Path(out).write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Compares greedy replies: `python3 bench/texts/replies.py ECQ chatml|gemma OUT.md REFERENCE MODEL...`.

Each model answers the lines of questions.txt in the chat template, up to 192 tokens of the highest
probability. A reply loops if it ends with a text of at least four words that it repeats three times or
more, or with a line that it repeats; it is broken if it has a replacement character. Prints how many
replies of each model do, and of those in which the reference does not. OUT.md receives the replies to the
first ten questions side by side.
"""

import json
import pathlib
import subprocess
import sys

from chat import TEMPLATES

TOKENS = 192


def reply(ecq, model, prompt):
    """Returns the model's greedy reply."""
    command = [ecq, "run", model, "-p", prompt, "-n", str(TOKENS), "--temperature", "0"]
    run = subprocess.run([*command, "--mode", "cached", "--json"], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["text"].strip()


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
    ecq, template, out, *models = sys.argv[1:]
    questions = (pathlib.Path(__file__).parent / "questions.txt").read_text(encoding="utf-8").splitlines()
    prompts = [TEMPLATES[template].split("{answer}")[0].format(question=question) for question in questions]
    replies = {model: [reply(ecq, model, prompt) for prompt in prompts] for model in models}
    print(f"{len(questions)} questions | loops | loops where the reference has none | broken characters")
    clean = [not loops(text) for text in replies[models[0]]]
    for model, texts in replies.items():
        looping = [loops(text) for text in texts]
        more = sum(loop and fine for loop, fine in zip(looping, clean, strict=True))
        broken = sum("\ufffd" in text for text in texts)
        print(f"{pathlib.Path(model).name} | {sum(looping)} | {more} | {broken}")
    parts = []
    for number, question in enumerate(questions[:10]):
        parts.append(f"## {question}\n")
        parts += [f"**{pathlib.Path(model).name}**: {texts[number]}\n" for model, texts in replies.items()]
    pathlib.Path(out).write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()

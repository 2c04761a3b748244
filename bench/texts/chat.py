"""Makes the chat text of README.md: `python3 bench/texts/chat.py ECQ MODEL chatml|gemma OUT`.

The model answers each line of questions.txt in its chat template, one `ecq run` for each.
"""

import json
import pathlib
import subprocess
import sys

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
TEMPLATES = {
    "chatml": f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
    "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n",
    "gemma": "<start_of_turn>user\n{question}<end_of_turn>\n<start_of_turn>model\n{answer}<end_of_turn>\n",
}


def answer(ecq, model, prompt, seed):
    """Returns the model's answer: up to 256 tokens at temperature 0.7."""
    command = [ecq, "run", model, "-p", prompt, "-n", "256", "--temperature", "0.7", "--seed", str(seed)]
    run = subprocess.run([*command, "--mode", "cached", "--json"], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["text"]


def main():
    ecq, model, template, out = sys.argv[1:]
    questions = (pathlib.Path(__file__).parent / "questions.txt").read_text(encoding="utf-8").splitlines()
    form = TEMPLATES[template]
    written = []
    for seed, question in enumerate(questions):
        text = answer(ecq, model, form.split("{answer}")[0].format(question=question), seed)
        written.append(form.format(question=question, answer=text.strip()))
    pathlib.Path(out).write_text("".join(written), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Writes what transformers renders for small chat templates and expressions.

    pip install transformers jinja2
    python scripts/chat_templates.py > crates/ecq-runtime/tests/data/chat_templates.json

`crates/ecq-runtime/tests/runtime/chat_templates.rs` reads the file and must render the same. The templates are
in `chat_families.py`, the expressions in `chat_expressions.py`. Where transformers raises, `expected` is null.
"""

import json

from chat_expressions import EXPRESSIONS
from chat_families import TEMPLATES
from transformers.utils.chat_template_utils import render_jinja_template

U, A, S = "user", "assistant", "system"
CONVERSATIONS = {
    "one question": [(U, "What is 2 + 2?")],
    "system": [(S, "You are terse."), (U, "Hello!")],
    "several turns": [(U, "Hi"), (A, "Hello. What can I do?"), (U, "  Count to three.  "), (A, "1, 2, 3"), (U, "And back?")],
    "system and several turns": [(S, "Be kind.\nBe brief. "), (U, "a\n\nb"), (A, "c "), (U, "d\n")],
    "empty system": [(S, ""), (U, "Hello")],
    "unicode": [(S, "Sprich Deutsch – bitte."), (U, "Grüße, 世界! 👩‍🚀 «\u00a0ça\u00a0»\u2028"), (A, "Здравствуй\u0301"), (U, "مرحبا <b>&'\"</b>")],
    "thinking": [(U, "Why?"), (A, "<think>\nBecause of this.\n</think>\n\nThat is why."), (U, "Really?")],
    "marks of templates": [(U, "{{ 1 + 1 }} {% if x %}{# no #}"), (A, "</s> [INST] \\n \\"), (U, "<|im_end|> a % b %s {0}")],
    "empty messages": [(U, ""), (A, ""), (U, " ")],
    "answer last": [(U, "Say A"), (A, "A")],
    "wrong order": [(U, "one"), (U, "two")],
    "unknown role": [("tool", "42"), (U, "So?")],
}  # fmt: skip

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def renders(template, conversation, generation):
    messages = [{"role": role, "content": content} for role, content in conversation]
    try:
        text, _ = render_jinja_template(
            [messages], chat_template=template, add_generation_prompt=generation, **TOKENS
        )
        return text[0]
    except Exception:  # noqa: BLE001
        return None


def main():
    names = list(CONVERSATIONS)
    out = {
        "conversations": [[{"role": r, "content": c} for r, c in CONVERSATIONS[name]] for name in names],
        "tokens": TOKENS,
    }
    out["templates"] = []
    for name, template in TEMPLATES.items():
        expected = [renders(template, CONVERSATIONS[c], True) for c in names]
        out["templates"].append({"name": name, "template": template, "expected": expected})
    lines, block = [], ""
    # An expression that spans lines begins with white space or a tag that trims.
    for line in EXPRESSIONS.split("\n"):
        lines.append(line)
    groups, i = [], 0
    while i < len(lines):
        j = i + 1
        if lines[i] == "  {% if true %}":
            while lines[j] != "f":
                j += 1
            j += 1
        groups.append("\n".join(lines[i:j]))
        i = j
    out["expressions"] = []
    for group in groups:
        pieces = [group] if "{%" in group or "{#" in group else [group, *group.split("|{{")]
        parts = [group] + (
            [p if p.startswith("{{") else "{{" + p for p in pieces[1:]] if len(pieces) > 2 else []
        )
        for part in parts:
            out["expressions"].append([part, renders(part, CONVERSATIONS["several turns"], True)])
    print("{")
    print(f' "conversations": {json.dumps(out["conversations"], ensure_ascii=False)},')
    print(f' "tokens": {json.dumps(TOKENS)},')
    print(' "templates": [')
    print(",\n".join("  " + json.dumps(t, ensure_ascii=False) for t in out["templates"]))
    print(' ],\n "expressions": [')
    print(",\n".join("  " + json.dumps(e, ensure_ascii=False) for e in out["expressions"]))
    print(" ]\n}")


main()

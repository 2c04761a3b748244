"""Holds the `tokenizer.json` that ecq makes from a GGUF file to another tokenizer of the same model.

    pip install tokenizers                       # and llama-cpp-python, to compare with llama.cpp
    python scripts/check_tokenizer.py FOLDER/tokenizer.json REAL/tokenizer.json
    python scripts/check_tokenizer.py FOLDER/tokenizer.json M.gguf

FOLDER is what `ecq export --format safetensors` (or mlx) wrote. The other side is the `tokenizer.json` that the model's makers
published, or the GGUF file itself as llama.cpp reads it. Hundreds of texts must become the same ids, and come back as the same text.
"""

import itertools
import random
import sys

from tokenizers import Tokenizer

WRITTEN = [
    "Hello, world!", "The capital of France is Paris.", "I'm sure they'll say we've won; it's John's, isn't it?",
    "I'M SURE THEY'LL SAY WE'VE WON", "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "for (int i = 0; i < 10; ++i) {\n\tprintf(\"%d\\n\", i);\n}", "<html>\n  <body class=\"a b\">&nbsp;</body>\n</html>",
    "SELECT * FROM t WHERE x >= 3.14 AND y LIKE '%abc%';", "https://example.org/a/b?c=d&e=%20f#g", "user.name+tag@example.co.uk",
    "1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x1F 1e-5", "2024-02-29T23:59:60Z", "a1b2c3 x86_64 utf8 4096x4096 50%",
    "Ünïcödé näïve café façade Straße ŒUVRE", "e\u0301 vs \u00e9, A\u030a vs \u00c5, \ufb01 ligature", "Привет, мир! Как дела?",
    "Γειά σου Κόσμε", "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก", "こんにちは世界。東京は日本の首都です。", "你好，世界！我喜欢编程。",
    "안녕하세요 세계", "한국어와 日本語 mixed with English", "👋🌍🚀", "👩‍👩‍👧‍👦 family, 🏳️‍🌈 flag, 👍🏽 thumb", "∀x ∈ ℝ: x² ≥ 0 ⇒ √x² = |x|",
    "½ + ¼ = ¾, x₁² − x₂³, Ⅷ ⅷ ①②③", "“Quoted” ‘text’ — with – dashes… and • bullets", "tabs\there\t\tand\t\t\tthere", "line\nline\r\nline\rline",
    "\n", "\n\n", "\n\n\n\n", "\t", " ", "  ", "   ", "     five", "trailing   ", "  both  ", " leading", "a  b   c    d     e      f",
    " \n \n ", "\n  \n", "end\n  ", "x" + " " * 40 + "y", " " * 100, "\n" * 50, "\t" * 40, "=" * 100, "-" * 33, "." * 17, "#" * 9 + " title",
    "a" * 200, "ab" * 100, "Supercalifragilisticexpialidocious", "antidisestablishmentarianism floccinaucinihilipilification",
    "snake_case camelCase PascalCase kebab-case SCREAMING_SNAKE", "don\u2019t won\u2019t it\u2019s", "''''", "'s't're'", " 's", "'S 'T", "$100 €50 £20 ¥1000",
    "(a)[b]{c}<d>", "a,b;c:d.e!f?g", "!!!???...", "C++ C# F# .NET", "\\begin{equation} E = mc^2 \\end{equation}", "@user #tag $var %fmt &amp ~tilde",
    "non\u00a0breaking\u2003em\u3000wide\u200bzero\u2060joined", "\ufeffbom", "\u0000nul\u0001\u001f\u007f", "\u2028\u2029", "\u202ertl\u202c", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𒀀 🂡",
    "▁ ▁▁ a▁b", "Ġ Ċ ĠĠ", "<0x0A>", "<unk> <s> </s> <pad> <bos> <eos>", "<|endoftext|><|im_start|>user\nHi<|im_end|>\n", "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "<think>\nHm.\n</think>\n\nYes.", "<tool_call>{\"name\": \"f\"}</tool_call>", "[INST] Hi [/INST]",
    "<repo_name>ecq<file_sep>a.rs", "<|im_start|", "im_start|>", "", "a", "é", "中", "🙂",
]  # fmt: skip

CLASSES = [
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " ", "  ", "\n", "\t", ".,;:!?", "'\"()[]{}<>", "+-*/=_%$#@&|\\~^`",
    "äöüßéèñçøå", "абвгдежзик", "αβγδε", "אבגד", "ابتث", "नमसत", "日本語中文字", "ひらカタ", "한국어", "🙂🚀👍", "½²₃Ⅷ", "\u0301\u0308\u200d", "\u00a0\u3000",
]  # fmt: skip
WORDS = "the of and to in is that it was for on are as with his they at be this from I have or by one had not but what all".split()


def texts():
    yield from WRITTEN
    rng = random.Random(20240229)
    for _ in range(400):
        runs = []
        for _ in range(rng.randint(1, 12)):
            chars = rng.choice(CLASSES)
            runs.append(
                rng.choice(WORDS) if rng.random() < 0.3 else "".join(rng.choices(chars, k=rng.randint(1, 5)))
            )
        yield rng.choice(["", " "]).join(runs)


def llama_cpp(path):
    from llama_cpp import Llama

    model = Llama(path, vocab_only=True, verbose=False)
    return lambda text: model.tokenize(text.encode(), add_bos=False, special=True)


def main():
    ours, other = sys.argv[1:3]
    ours = Tokenizer.from_file(ours)
    if other.endswith(".gguf"):
        reference = llama_cpp(other)
    else:
        real = Tokenizer.from_file(other)
        reference = lambda text: real.encode(text, add_special_tokens=False).ids  # noqa: E731
    total, differ, lost = 0, 0, 0
    for text in dict.fromkeys(texts()):
        total += 1
        found, expected = ours.encode(text, add_special_tokens=False).ids, reference(text)
        if found != expected:
            differ += 1
            at = next(i for i, (a, b) in enumerate(itertools.zip_longest(found, expected)) if a != b)
            show = lambda ids: [ours.id_to_token(i) for i in ids[max(0, at - 1) : at + 4]]  # noqa: E731
            print(f"{text!r}: ours {show(found)}, reference {show(expected)}")
        back = ours.decode(found, skip_special_tokens=False)
        if not other.endswith(".gguf") and back != real.decode(expected, skip_special_tokens=False):
            lost += 1
            print(f"{text!r} comes back as {back!r}")
    print(f"{total} texts, {differ} differ, {lost} come back otherwise")
    sys.exit(bool(differ or lost))


main()

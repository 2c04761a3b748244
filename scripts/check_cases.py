"""Runs a folder of reported situations and says which come out right.

    python scripts/check_cases.py CASES [--ecq target/debug/ecq] [--only NAME ...]

CASES holds a folder for each situation with `make.py` (makes the input), `run.sh` (runs the commands) and
`expected.txt`; they need numpy, safetensors and tokenizers. What is right is stated below, as a function of
what the commands print.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def likelihoods(text):
    """What `eval` printed, its standard errors left out."""
    text = re.sub(r'"stderrs":\{[^}]*\}', "", text)
    return [float(x) for x in re.findall(r'"nll":([0-9.eE+-]+)', text)]


def nll(expected, count=1):
    """The last `count` likelihoods that `eval` printed are this one."""

    def check(text):
        found = likelihoods(text)
        return len(found) >= count and all(abs(x - expected) < 2e-3 for x in found[-count:])

    return check


def reference(text):
    """The likelihood is the one that `make.py` computed with numpy."""
    wanted = re.search(r"reference nll\D*([0-9.]+)", text) or re.search(r"nll\D*([0-9.]+)", text)
    found = likelihoods(text)
    return bool(wanted and found) and abs(found[-1] - float(wanted[1])) < 2e-3


def has(*parts, no=()):
    def check(text):
        lower = text.lower()
        return all(p.lower() in lower for p in parts) and not any(p.lower() in lower for p in no)

    return check


def either(*checks):
    return lambda text: any(check(text) for check in checks)


def both(*checks):
    return lambda text: all(check(text) for check in checks)


def softcap(text):
    """Implemented, or refused by name."""
    return either(nll(7.32140), has("softcapping", no=('"nll"',)))(text)


def codes(text):
    return [int(x) for x in re.findall(r"rc (\d+)", text)]


def streamed(text):
    """As many lines of text as the whole has, perhaps with an end of the last one."""
    whole = re.findall(r'"text":"([^"\n]*)', text)
    lines = re.findall(r"^(\d+)$", text, re.M)
    return bool(whole and lines) and int(lines[-1]) in (24, 25) and whole[-1].count("\\n") in (23, 24)


TODAY = datetime.date.today().isoformat()
CASES = {
    "A1_gemma3_sparse_text_config": nll(7.35760),
    "A3_llama_without_max_position": reference,
    "A5_text_config_null": nll(8.37580),
    "A6_infinity_in_config": has("rc 0"),
    "B1_gemma_softcap_ignored": softcap,
    "B3_gemma3_27b_attention_scale": nll(10.8076),
    "B4_gguf_yarn_attn_factor": nll(8.34531, 2),
    "C1_gpt2_gguf": reference,
    "C2_pre_deepseek_r1_qwen": lambda text: '"nll"' in text,
    "C4_llama_gguf_attention_bias": nll(8.86480),
    "C5_iq4_nl_exit_code": either(has('"nll"', "rc 0"), has("rc 5", "unsupported")),
    "C6_gguf_value_not_utf8": has("rc 0"),
    "D1_truncation_in_tokenizer_json": has('"tokens":230', '"prompt_tokens":231'),
    "D3_token_beyond_embedding": nll(8.37580),
    "D4_eos_only_in_tokenizer_config": lambda text: re.search(r'"tokens":\[$', text, re.M),
    "D6_eval_begins_with_eos": reference,
    "E1_stream_byte_fallback_goes_silent": streamed,
    "E3_space_between_prompt_and_text": has("xa bc d"),
    "E4_chat_context_full_unsaid": has("context of 32 tokens is full", '"context_full":true'),
    "F10_chat_line_not_utf8": lambda text: codes(text) == [0],
    "F1_strftime_now": has(f"DUMP:{TODAY}:END"),
    "F2_tools_is_not_none": has("DUMP:Hello:END"),
    "F4_tojson_escapes_html": has('DUMP:{"k": "a<b & \'c\' >"}:END'),
    "F6_generation_tag": has("DUMP:user:Hello:END"),
    "F7_pad_and_unk_token": has("DUMP:[<pad>][<unk>]:END"),
    "F9_string_methods": has("DUMP:a-b bc xy:END"),
    "G10_inspect_what_is_no_ecq": has(
        "is a GGUF file; an .ecq file is expected", no=("os error", "100000000")
    ),
    "G1_stale_index": lambda text: codes(text)[-1:] == [0],
    "G3_empty_tensor": lambda text: codes(text)[-1:] == [0],
    "G4_gptq_zero_bias": lambda text: '"nll"' in text,
    "G5_gptq_act_order": either(
        both(lambda text: codes(text)[:1] == [0], lambda text: '"nll"' in text),
        both(lambda text: codes(text)[:1] == [5], has("desc_act")),
    ),
    "G6_git_lfs_pointer": both(lambda text: codes(text) == [3], has("LFS pointer")),
    "G8_split_gguf": either(lambda text: '"nll"' in text, lambda text: codes(text) == [5]),
    "H1_export_keeps_quantization_config": lambda text: text.rstrip().endswith("{}"),
    "H3_export_loses_rope_freqs": either(nll(8.36821, 2), has('cannot export: tensor "rope_freqs.weight"')),
    "H4_gguf_trailing_bytes": either(has("same"), has("not kept"), has("behind")),
    "I1_output_is_the_input": has("unharmed"),
    "I3_export_over_its_source": lambda text: not text.rstrip().endswith("GGUF"),
    "I4_output_is_a_folder": both(lambda text: codes(text) == [2], has("folder", no=("partial",))),
    "J1_panic_on_argument_not_utf8": both(lambda text: codes(text) == [2, 2], has("usage", no=("panicked",))),
    "K1_f16_cache_overflow": either(
        both(has("f16", "f32"), nll(9.22858)), both(lambda text: codes(text)[:1] == [0], nll(9.22858))
    ),
}


def run(name):
    folder = OPTIONS.cases / name
    with tempfile.TemporaryDirectory() as work:
        # Some situations write an output twice, which is refused; those of kind I are about that.
        wrapper = Path(work) / "ecq"
        force = "" if name.startswith("I") else 'case "$1" in quantize | export) set -- "$@" --force ;; esac'
        wrapper.write_text(f'#!/bin/bash\n{force}\nexec "{OPTIONS.ecq}" "$@"\n')
        wrapper.chmod(0o755)
        environment = {**os.environ, "ECQ": str(wrapper), "PYTHON": sys.executable, "HOME": work}
        command = ["bash", str(folder / "run.sh"), str(Path(work) / "case")]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=600)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path)
    parser.add_argument("--ecq", type=Path, default=Path("target/debug/ecq"))
    parser.add_argument("--only", nargs="+", default=sorted(CASES))
    parser.add_argument("--verbose", action="store_true", help="print what wrong ones print")
    OPTIONS = parser.parse_args()
    OPTIONS.ecq = OPTIONS.ecq.resolve()
    with ThreadPoolExecutor(2) as pool:
        outputs = dict(zip(OPTIONS.only, pool.map(run, OPTIONS.only)))
    wrong = [name for name in OPTIONS.only if not CASES[name](outputs[name])]
    for name in OPTIONS.only:
        lines = (line for line in outputs[name].splitlines() if line.strip())
        said = [line for line in lines if not line.startswith("reference")]
        print(f"{'WRONG' if name in wrong else 'right':6} {name:36} {(said or ['(nothing)'])[-1][-64:]}")
        if OPTIONS.verbose and name in wrong:
            print("    " + "\n    ".join(outputs[name].splitlines()[-12:]))
    print(f"{len(OPTIONS.only) - len(wrong)} of {len(OPTIONS.only)} right")
    sys.exit(bool(wrong))

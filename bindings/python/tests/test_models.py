"""Generation of text."""

from pathlib import Path

import numpy as np
import pytest

import ecq
from conftest import Command
from oracle import log_softmax

PROMPT = "The Debian project is"


@pytest.mark.parametrize("which", ["tiny", "small", "smollm2"])
def test_tokens_equal_the_command(which: str, command: Command, request: pytest.FixtureRequest) -> None:
    """Greedy tokens and log-probabilities have the bits of those that ``ecq run`` prints."""
    path = request.getfixturevalue(which)
    run = command("run", path, "-p", PROMPT, "-n", 24, "--greedy", "--log-probs", 4)
    completion = ecq.load(path).generate(PROMPT, max_tokens=24, temperature=0, log_probs=4)
    assert completion.tokens == run["tokens"]
    assert completion.text == str(completion) == run["text"]
    assert completion.finish_reason == run["finish_reason"]
    assert completion.prompt_tokens == run["prompt_tokens"]
    assert len(completion.log_probs) == len(run["log_probs"]) == len(completion.tokens)
    for found, expected in zip(completion.log_probs, run["log_probs"], strict=True):
        assert np.float32(found.log_prob) == np.float32(expected["logprob"])
        assert [token for token, _ in found.top] == [top["token"] for top in expected["top"]]
        logprobs = [np.float32(top["logprob"]) for top in expected["top"]]
        assert [np.float32(log_prob) for _, log_prob in found.top] == logprobs


def test_logits_equal_the_command(small: Path, model: ecq.Model, command: Command) -> None:
    """The softmax of ``forward`` gives the log-probabilities that ``ecq run`` prints, at each position."""
    run = command("run", small, "-p", PROMPT, "-n", 24, "--greedy", "--log-probs", model.vocabulary)
    prompt = model.tokenize(PROMPT)
    logits = model.forward(prompt + run["tokens"])
    assert logits.dtype == np.float32
    assert logits.shape == (len(prompt) + len(run["tokens"]), model.vocabulary)
    log_probs = log_softmax(logits)
    for row, expected in zip(log_probs[len(prompt) - 1 :], run["log_probs"], strict=False):
        assert row.argmax() == expected["token"]
        tokens = [top["token"] for top in expected["top"]]
        np.testing.assert_allclose(
            row[tokens], [top["logprob"] for top in expected["top"]], rtol=0, atol=1e-5
        )
    next_tokens = (prompt + run["tokens"])[1:]
    scores = model.log_probs(prompt + run["tokens"])
    np.testing.assert_allclose(scores, log_probs[np.arange(len(next_tokens)), next_tokens], rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["fused", "cached", "lru", "prefetch"])
def test_modes_agree(small: Path, model: ecq.Model, mode: str) -> None:
    """Tokens are the same in every mode."""
    loaded = ecq.load(small, mode=mode, memory="1MiB" if mode == "lru" else None, threads=1)
    assert loaded.mode == mode
    assert loaded.mode_reason
    found = loaded.generate(PROMPT, max_tokens=12, temperature=0).tokens
    assert found == model.generate(PROMPT, max_tokens=12, temperature=0).tokens


def test_a_batch_has_the_tokens_of_single_texts(model: ecq.Model) -> None:
    """Texts do not depend on their company."""
    prompts = [PROMPT, "The kernel", "In the beginning", "A package", "Users", model.tokenize("Once")]
    batch = model.generate_batch(prompts, max_tokens=10, temperature=0.8, seed=3)
    single = [model.generate(prompt, max_tokens=10, temperature=0.8, seed=3) for prompt in prompts]
    assert [completion.tokens for completion in batch] == [completion.tokens for completion in single]
    assert model.generate_batch([]) == []


def test_a_stream_has_the_text(model: ecq.Model) -> None:
    """Pieces are not empty, and their concatenation is the text."""
    stream = model.stream(PROMPT, max_tokens=20, temperature=0)
    assert stream.finish_reason is None
    pieces = list(stream)
    completion = model.generate(PROMPT, max_tokens=20, temperature=0)
    assert all(pieces)
    assert "".join(pieces) == completion.text
    assert stream.tokens == completion.tokens
    assert stream.finish_reason == "length"
    assert next(stream, None) is None


def test_a_cancelled_stream_ends(model: ecq.Model) -> None:
    """It keeps what was read."""
    stream = model.stream(PROMPT, max_tokens=None, temperature=0)
    next(stream)
    stream.cancel()
    assert next(stream, None) is None
    assert stream.finish_reason == "cancelled"
    assert len(stream.tokens) == 1


def test_sampling_options(model: ecq.Model) -> None:
    """Each option has its effect."""
    greedy = model.generate(PROMPT, max_tokens=30, temperature=0)
    assert len(model.generate(PROMPT, temperature=0).tokens) == 128
    again = [model.generate(PROMPT, seed=seed, max_tokens=30).tokens for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]
    first = greedy.tokens[0]
    assert model.generate(PROMPT, max_tokens=1, temperature=0, logit_bias={first: -1e9}).tokens != [first]
    word = greedy.text.split()[3]
    for stop in (word, [word, "never"]):
        stopped = model.generate(PROMPT, max_tokens=30, temperature=0, stop=stop)
        assert stopped.finish_reason == "stop"
        assert stopped.text == greedy.text[: greedy.text.index(word)]
    penalized = model.generate(PROMPT, max_tokens=30, temperature=0, repetition_penalty=5.0)
    assert penalized.tokens != greedy.tokens
    assert model.generate(PROMPT, max_tokens=30, top_k=1, seed=9).tokens == greedy.tokens
    assert model.generate(PROMPT, max_tokens=30, top_p=1e-6, top_k=0, min_p=0.0).tokens == greedy.tokens
    end = model.generate(PROMPT, max_tokens=None, temperature=0, ignore_end=True)
    assert end.finish_reason == "length"
    # The last token follows the last position.
    assert end.prompt_tokens + len(end.tokens) == model.context + 1


def test_tokens_and_text(model: ecq.Model) -> None:
    """Texts survive the tokenizer."""
    tokens = model.tokenize("The kernel of Debian: größer")
    assert model.detokenize(tokens) == "The kernel of Debian: größer"
    assert all(0 <= token < model.vocabulary for token in tokens)


def test_chat(smollm2: Path) -> None:
    """A chat model answers in its template."""
    model = ecq.load(smollm2)
    messages: list[ecq.Message] = [{"role": "user", "content": "What is the capital of France?"}]
    answer = model.chat(messages, temperature=0, max_tokens=24)
    assert "Paris" in answer.text
    assert "".join(model.stream_chat(messages, temperature=0, max_tokens=24)) == answer.text


def test_draft(small: Path, tiny: Path) -> None:
    """A draft model does not change the tokens."""
    plain = ecq.load(tiny).generate(PROMPT, max_tokens=16, temperature=0)
    drafted = ecq.load(tiny, draft=small, draft_tokens=3).generate(PROMPT, max_tokens=16, temperature=0)
    assert drafted.tokens == plain.tokens

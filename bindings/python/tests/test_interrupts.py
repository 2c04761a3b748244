"""Signals, callbacks and threads."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ecq

NAME = "model.embed_tokens.weight"


@contextmanager
def ctrl_c(after: float) -> Iterator[None]:
    """Sends SIGINT to this process, which must raise KeyboardInterrupt."""
    # A shell ignores SIGINT in what it starts in the background, and Python keeps that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(after, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_generation(tiny: Path) -> None:
    """Within a token; the model works afterwards."""
    model = ecq.load(tiny, mode="fused", threads=1)
    with ctrl_c(0.2):
        while True:
            model.generate("The", max_tokens=None, temperature=0, ignore_end=True)
    with ctrl_c(0.2):
        while True:
            list(model.stream("The", max_tokens=None, temperature=0, ignore_end=True))
    assert model.generate("The", max_tokens=4, temperature=0).tokens


def test_ctrl_c_ends_forward(tiny: Path) -> None:
    """Between chunks."""
    model = ecq.load(tiny, mode="fused", threads=1)
    with ctrl_c(0.2):
        while True:
            model.forward([5] * 512)


def test_ctrl_c_ends_quantization_and_it_resumes(tiny: Path, small: Path, tmp_path: Path) -> None:
    """What was done is continued, to the same file."""
    out = tmp_path / "out.ecq"
    with ctrl_c(1.5):
        while True:
            ecq.quantize(tiny, out, bpw=3, calibrate="off", replace=True)
    ecq.quantize(tiny, out, bpw=3, calibrate="off", replace=True, resume=True)
    assert out.read_bytes() == small.read_bytes()


def test_ctrl_c_ends_calibration(tiny: Path, tmp_path: Path) -> None:
    """No output is left under its name."""
    out = tmp_path / "out.ecq"
    with ctrl_c(0.5):
        ecq.quantize(tiny, out, bpw=2.5, calibrate="self", calibration_tokens=1 << 20)
    assert not out.exists()


def test_ctrl_c_ends_verification(small: Path) -> None:
    """Between tensors."""
    with ctrl_c(0.1):
        while True:
            ecq.verify(small)


def test_an_exception_of_a_callback_cancels(tiny: Path, tmp_path: Path) -> None:
    """It is raised as it is."""
    out = tmp_path / "out.ecq"
    seen = []

    def stop(update: ecq.Progress) -> None:
        seen.append((update.step, update.item, update.done, update.total, update.unit))
        if len(seen) == 5:
            message = "enough"
            raise LookupError(message)

    with pytest.raises(LookupError, match="enough"):
        ecq.quantize(tiny, out, bpw=3, calibrate="off", progress=stop)
    assert len(seen) == 5
    assert not out.exists()
    seen.clear()
    with pytest.raises(LookupError, match="enough"):
        ecq.verify(tiny, progress=stop)


def test_progress_is_called_in_this_thread(tiny: Path) -> None:
    """In order, with totals."""
    updates: list[tuple[ecq.Progress, int]] = []
    ecq.verify(tiny, progress=lambda update: updates.append((update, threading.get_ident())))
    assert {thread for _, thread in updates} == {threading.get_ident()}
    for step in {update.step for update, _ in updates}:
        done = [update.done for update, _ in updates if update.step == step]
        assert done == sorted(done)
        total = next(update.total for update, _ in updates if update.step == step)
        assert total is not None
        # The seal does not cover itself.
        assert total - 32 <= done[-1] <= total


@pytest.mark.parametrize(
    "work",
    [
        lambda file, _: file[NAME].codes(),
        lambda file, _: file[NAME].grid(),
        lambda file, _: file[NAME].dequantize(),
        lambda _, model: model.generate("The", max_tokens=4),
        lambda _, model: list(model.stream("The", max_tokens=4)),
        lambda _, model: model.forward([5, 6]),
        lambda file, _: ecq.verify(file.path),
        lambda file, _: ecq.load(file.path),
    ],
)
@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="no lock to release")
def test_other_threads_run_meanwhile(
    work: Callable[[ecq.File, ecq.Model], object], small: Path, model: ecq.Model
) -> None:
    """Work releases the lock of the interpreter."""
    file = ecq.open(small)
    work(file, model)  # What it imports is imported.
    gate, ran = threading.Semaphore(0), threading.Event()

    def other() -> None:
        gate.acquire()
        ran.set()

    thread = threading.Thread(target=other)
    interval = sys.getswitchinterval()
    thread.start()
    try:
        # The other thread runs when this one releases the lock, and not otherwise.
        sys.setswitchinterval(1000)
        gate.release()
        assert not ran.is_set()
        for _ in range(100):
            work(file, model)
            if ran.is_set():
                break
        assert ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()


def test_threads_share_a_model(model: ecq.Model) -> None:
    """Tokens of concurrent texts are those of single ones."""
    prompts = ["The", "A", "In", "Users", "Debian", "Once"]
    expected = [model.generate(prompt, max_tokens=12, temperature=0).tokens for prompt in prompts]
    found: dict[int, list[int]] = {}

    def run(i: int) -> None:
        found[i] = model.generate(prompts[i], max_tokens=12, temperature=0).tokens

    threads = [threading.Thread(target=run, args=[i]) for i in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(len(prompts))] == expected

"""Models that tests share."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ecq

COMMAND = [sys.executable, "-m", "ecq"]

Command = Callable[..., Any]


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs ``ecq ARGS --json`` in a process of its own and returns its object."""

    def run(*args: "str | Path", code: int = 0) -> Any:
        done = subprocess.run(
            [*COMMAND, *map(str, args), "--json"], check=False, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model: bfloat16, without loss."""
    return ecq.demo_model(tmp_path_factory.mktemp("tiny") / "tiny.ecq")


@pytest.fixture(scope="session")
def small(tiny: Path) -> Path:
    """The embedded model at 3 bits on trellis grids."""
    out = tiny.with_name("small.ecq")
    ecq.quantize(tiny, out, bpw=3, calibrate="off")
    return out


@pytest.fixture(scope="session")
def model(small: Path) -> ecq.Model:
    """``small``, loaded."""
    return ecq.load(small)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M in 4-bit codes, without loss; skips if ``cargo xtask models`` has not installed it."""
    cache = os.environ.get("ECQ_CACHE") or Path.home() / ".cache" / "ecq"
    source = Path(cache) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not source.exists():
        pytest.skip(f"SKIPPED: {source} is missing; `cargo xtask models` installs it")
    out = tmp_path_factory.mktemp("smollm2") / "smollm2.ecq"
    ecq.quantize(source, out, lossless=True)
    return out

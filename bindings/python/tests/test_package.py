"""The package: command, imports, types, documentation."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import ecq

ROOT = Path(__file__).parents[3]
PACKAGE = Path(ecq.__file__).parent


def python(*args: "str | Path", cwd: "Path | None" = None, code: int = 0) -> str:
    """Runs Python and returns its output."""
    done = subprocess.run(
        [sys.executable, *map(str, args)], check=False, capture_output=True, text=True, cwd=cwd
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_import_is_light() -> None:
    """Importing ecq imports no other package."""
    loaded = python("-c", "import sys; old = set(sys.modules); import ecq; print(*(set(sys.modules) - old))")
    packages = {name.partition(".")[0] for name in loaded.split()}
    assert packages - set(sys.stdlib_module_names) == {"ecq"}


def test_versions_agree() -> None:
    """Wheel, module and workspace have one version."""
    workspace = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)
    assert workspace
    assert version("ecq") == ecq.__version__ == workspace[1]


def test_the_command() -> None:
    """Both ways to start it, its exit codes and its errors."""
    script = Path(sys.executable).with_name("ecq")
    assert subprocess.run([script, "--version"], check=True, capture_output=True, text=True).stdout == python(
        "-m", "ecq", "--version"
    )
    assert '"kind":"usage"' in python("-m", "ecq", "nothing", "--json", code=2)
    assert "error" in python("-m", "ecq", "inspect", "missing.ecq", "--json", code=4)
    assert "fused" in python("-m", "ecq", "run", "--help")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_the_command(tiny: Path, tmp_path: Path) -> None:
    """A command without a handler of its own ends at once."""
    import signal
    import time

    for args in (
        ["quantize", tiny, "--bpw", "2.5", "--calibration-tokens", "100000", "-o", tmp_path / "a.ecq"],
        ["analyze", tiny, "--grids"],
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "ecq", *map(str, args)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (130, -signal.SIGINT)


def test_stubs_match_the_module() -> None:
    """Stubs name what the module has."""
    pytest.importorskip("mypy")
    configuration = ROOT / "bindings" / "python" / "pyproject.toml"
    options = ["--ignore-disjoint-bases", "--mypy-config-file", configuration]
    python("-m", "mypy.stubtest", "ecq._ecq", *options)
    python("-m", "mypy", "--config-file", configuration, "-p", "ecq")


def test_types_of_an_example() -> None:
    """Mypy and pyright accept the example and reject its wrong copy."""
    pytest.importorskip("mypy")
    example = Path(__file__).with_name("typed_example.py")
    python("-m", "mypy", "--strict", example)
    wrong = "import ecq\necq.load('a').generate('b', temprature=1)\n"
    assert "temprature" in python("-m", "mypy", "--strict", "-c", wrong, code=1)
    pytest.importorskip("pyright")
    python("-m", "pyright", "--pythonpath", sys.executable, example)


def test_all_names_are_documented() -> None:
    """Each public name has a docstring in the stubs and a place in docs/python.md."""
    page = (ROOT / "docs" / "python.md").read_text()
    for name in ecq.__all__:
        if not name.startswith("__") and not name.endswith("Error"):
            assert f"`{name}" in page or f"ecq.{name}" in page, name


@pytest.mark.parametrize("page", ["docs/python.md", "bindings/python/README.md", "docs/python-libraries.md"])
def test_examples_of_the_documentation(page: str, tmp_path: Path) -> None:
    """The examples of a page run, one after the other in one program."""
    if page.endswith("libraries.md"):
        for library in ("torch", "transformers", "mlx_lm"):
            pytest.importorskip(library, reason=f"SKIPPED: {library} is not installed")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert blocks
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks))
    python(program, cwd=tmp_path)

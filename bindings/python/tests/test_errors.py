"""Errors as exceptions."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecq
from conftest import Command

NAME = "model.layers.0.mlp.up_proj.weight"

Action = Callable[[Path, ecq.Model], object]


@pytest.mark.parametrize(
    ("action", "error", "builtin", "message"),
    [
        (lambda path, _: ecq.open(path / "no"), ecq.NotFoundError, FileNotFoundError, "no"),
        (lambda _, model: ecq.open(__file__), ecq.WrongFormatError, ValueError, "test_errors.py"),
        (lambda path, _: ecq.open(path), ecq.WrongFormatError, ValueError, "folder"),
        (lambda _, model: ecq.open(model.path)["nothing"], ecq.UnknownTensorError, KeyError, "nothing"),
        (
            lambda _, model: ecq.open(model.path)[NAME].tobytes(),
            ecq.UnsupportedError,
            NotImplementedError,
            NAME,
        ),
        (lambda _, model: ecq.open(model.path).read_attached("x"), ecq.NotFoundError, FileNotFoundError, "x"),
        (
            lambda _, model: model.generate("a", temperature=-1),
            ecq.InvalidOptionError,
            ValueError,
            "temperature",
        ),
        (lambda _, model: model.generate([]), ecq.InvalidOptionError, ValueError, "no tokens"),
        (lambda _, model: model.generate([1 << 30]), ecq.InvalidOptionError, ValueError, "1073741824"),
        (lambda _, model: model.forward([]), ecq.InvalidOptionError, ValueError, "no tokens"),
        (lambda _, model: model.generate([5] * 600), ecq.ContextFullError, ValueError, "512"),
        (lambda _, model: model.forward([5] * 600), ecq.ContextFullError, ValueError, "512"),
        (
            lambda _, model: model.chat([{"role": "user", "content": "a"}]),
            ecq.UnsupportedError,
            NotImplementedError,
            "chat template",
        ),
        (lambda _, model: ecq.load(model.path, device="tpu"), ecq.InvalidOptionError, ValueError, "cuda:N"),
        (lambda _, model: ecq.load(model.path, device="cuda:99"), ecq.DeviceError, RuntimeError, "cuda"),
        (lambda _, model: ecq.load(model.path, memory="much"), ecq.InvalidOptionError, ValueError, "memory"),
        (
            lambda _, model: ecq.load(model.path, context=1 << 40),
            ecq.InvalidOptionError,
            ValueError,
            "context",
        ),
        (
            lambda path, model: ecq.quantize(model.path, path / "a", bpw=99),
            ecq.InvalidOptionError,
            ValueError,
            "99",
        ),
        (
            lambda path, model: ecq.quantize(model.path, path / "a", grid="round"),
            ecq.InvalidOptionError,
            ValueError,
            "affine:BITS",
        ),
        (
            lambda path, model: ecq.quantize(model.path, model.path),
            ecq.InvalidOptionError,
            ValueError,
            "small.ecq",
        ),
        (
            lambda path, _: ecq.quantize({NAME: np.ones((4, 4), np.complex64)}, path / "a"),
            ecq.InvalidOptionError,
            ValueError,
            "complex64",
        ),
        (lambda path, model: ecq.verify(path / "no", model.path), ecq.NotFoundError, FileNotFoundError, "no"),
    ],
)
def test_kinds(
    action: Action,
    error: type[ecq.Error],
    builtin: type[Exception],
    message: str,
    tmp_path: Path,
    model: ecq.Model,
) -> None:
    """Each kind has a class, which is also the usual class of Python."""
    with pytest.raises(error, match=message) as raised:
        action(tmp_path, model)
    assert isinstance(raised.value, (ecq.Error, builtin))
    assert isinstance(raised.value, builtin)
    assert str(raised.value) == raised.value.message
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (copy.kind, copy.tensor, copy.message) == (
        raised.value.kind,
        raised.value.tensor,
        raised.value.message,
    )


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda model: model.generate("a", foo=1), TypeError, "foo"),
        (lambda model: model.generate("a", top_k="b"), TypeError, "str"),
        (lambda model: model.generate(3), TypeError, "int"),
        (lambda model: model.chat([{"role": "user"}]), ValueError, "content"),
        (lambda model: ecq.load(model.path, mode="fast"), ValueError, "fused"),
        (lambda model: ecq.load(model.path, cache="f64"), ValueError, "bf16"),
        (lambda model: ecq.load(model.path, activations="f16"), ValueError, "i8"),
        (lambda model: ecq.quantize(model.path, None, coding="zip"), ValueError, "prefix"),
        (lambda model: ecq.quantize(model.path, None, bpw=3, size=9), ValueError, "exclude"),
        (
            lambda model: ecq.quantize(model.path, None, calibrate="self", calibration_texts=["a"]),
            ValueError,
            "exclude",
        ),
        (lambda model: ecq.quantize(model.path, None, files={"a": "b"}), ValueError, "attached"),
    ],
)
def test_arguments(
    action: Callable[[Any], object], error: type[Exception], message: str, model: ecq.Model
) -> None:
    """Arguments of a wrong type or name."""
    with pytest.raises(error, match=message):
        action(model)


def test_fields_are_those_of_the_command(small: Path, tmp_path: Path, command: Command) -> None:
    """The exception says what ``ecq verify --json`` prints."""
    data = bytearray(small.read_bytes())
    data[len(data) // 2] ^= 4
    damaged = tmp_path / "damaged.ecq"
    damaged.write_bytes(data)
    printed = command("verify", damaged, code=3)["error"]
    with pytest.raises(ecq.Error) as raised:
        ecq.verify(damaged)
    assert printed["tensor"] in ecq.open(small)
    assert raised.value.kind == printed["kind"]
    assert raised.value.tensor == printed["tensor"]
    assert raised.value.offset == printed["offset"]


def test_arrays_that_fail_are_named(tmp_path: Path) -> None:
    """An exception of an array is part of the error."""

    class Broken:
        dtype = np.dtype(np.float32)
        shape = (2, 2)

        def __array__(self, *_: object, **__: object) -> object:
            message = "the disk of this array is gone"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="the disk of this array is gone"):
        ecq.quantize({NAME: Broken()}, tmp_path / "out.ecq")

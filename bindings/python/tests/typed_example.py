"""A program for type checkers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ecq


def report(update: ecq.Progress) -> None:
    """Prints progress."""
    print(update.step, update.done / (update.total or 1))


def quantize(source: Path, out: str) -> float:
    """Returns bits per weight."""
    done: ecq.QuantizationReport = ecq.quantize(source, out, bpw=2.5, size=None, progress=report)
    return done.bpw_linear or 0.0


def arrays(weights: dict[str, NDArray[np.float32]]) -> None:
    """Quantizes arrays."""
    ecq.quantize(weights, None, files={"config.json": "{}"}, calibrate=["a.txt", Path("b.txt")])


def run(path: str) -> list[str]:
    """Generates texts."""
    model = ecq.load(path, mode="cached", memory="1GiB")
    options: ecq.SamplingOptions = {"temperature": 0.5, "stop": ["\n"]}
    texts = [completion.text for completion in model.generate_batch(["a", [1, 2]], **options)]
    texts.extend(model.stream("b", max_tokens=3, logit_bias={5: -1.0}))
    texts.append(model.chat([{"role": "user", "content": "c"}]).text)
    logits: NDArray[np.float32] = model.forward([1, 2])
    return [*texts, str(logits.argmax())]


def read(path: str) -> NDArray[np.uint8]:
    """Reads codes."""
    file = ecq.open(path)
    try:
        return file["a"].codes()
    except ecq.UnknownTensorError as error:
        print(error.kind, error.tensor, error.offset)
        return next(iter(dict(file).values())).codes()


def multiply(path: str) -> NDArray[np.float32]:
    """Multiplies with a matrix."""
    matrix = ecq.linears(path, mode="fused", memory=1 << 30)["a"]
    return matrix.multiply(np.zeros((1, matrix.shape[1]), np.float32))

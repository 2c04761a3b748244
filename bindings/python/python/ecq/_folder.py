"""Checkpoint folders whose ``model.safetensors`` is an ``.ecq`` file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import ecq

METHOD = "ecq"
WEIGHTS = "model.safetensors"


def export(path: str | os.PathLike[str], folder: str | os.PathLike[str], *, replace: bool = False) -> Path:
    """Writes a folder that transformers, vLLM and mlx-lm load with ecq, and returns its path.

    Its ``model.safetensors`` is a hard link to the ``.ecq`` file, or a copy on another file system;
    ``config.json`` and tokenizer are those that the file has attached, or that its GGUF header describes.

    Raises FileExistsError if the folder has files, unless ``replace`` is set, and ecq.Error if the file has
    no configuration.
    """
    source, folder = Path(path), Path(folder)
    files = ecq.open(source).checkpoint_files()
    config: dict[str, Any] = json.loads(files.pop("config.json"))
    if "model_type" not in config:
        message = f"{source} has no config.json with a model_type: attach one when quantizing (files=)"
        raise ecq.ExportError(message)
    if not config.get("dtype") and not config.get("torch_dtype"):
        # Otherwise transformers takes the type of the tensors, which are bytes.
        config["dtype"] = "float32"
    config["quantization_config"] = {"quant_method": METHOD}
    if folder.exists() and any(folder.iterdir()) and not replace:
        message = f"{folder} has files; replace=True writes into it"
        raise FileExistsError(message)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    place(source, folder / WEIGHTS)
    # Last, because it makes the folder a model.
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return folder


def place(source: Path, dest: Path) -> None:
    """Links a file, or copies it to another file system."""
    if dest.exists() and dest.samefile(source):
        return
    dest.unlink(missing_ok=True)
    try:
        os.link(source, dest)
    except OSError:
        shutil.copyfile(source, dest)


def is_ecq_folder(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder was made by ``export``."""
    try:
        config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    method = config.get("quantization_config")
    return isinstance(method, dict) and method.get("quant_method") == METHOD

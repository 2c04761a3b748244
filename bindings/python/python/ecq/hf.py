"""Models of transformers whose weights are entropy-coded.

Importing this module registers the quantization method ``ecq``, without which ``from_pretrained`` ignores the
weights. ``export`` makes a folder that ``from_pretrained`` loads; its ``model.safetensors`` is the ``.ecq``
file. ``load`` does both.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from transformers.quantizers import HfQuantizer, auto, register_quantization_config, register_quantizer
from transformers.utils import logging
from transformers.utils.quantization_config import QuantizationConfigMixin

import ecq
from ecq._folder import METHOD, WEIGHTS, export, place
from ecq.torch import EcqEmbedding, EcqLinear, replace_layers

if TYPE_CHECKING:
    import os

    from torch import nn

__all__ = ["EcqConfig", "EcqQuantizer", "export", "load"]

_logger = logging.get_logger(__name__)


class EcqConfig(QuantizationConfigMixin):
    """Options of ``from_pretrained(folder, quantization_config=...)``.

    mode: decode mode on the CPU: ``fused``, ``cached``, ``lru``, ``prefetch`` or ``auto``.
    memory: budget of decoded weights, bytes or text such as ``"4GiB"``.
    threads: threads of products on the CPU; one per core by default.
    dequantize: loads ordinary layers with decoded weights.
    """

    def __init__(
        self,
        mode: str = "auto",
        memory: int | str | None = None,
        threads: int | None = None,
        dequantize: bool = False,
        **_unknown: Any,
    ) -> None:
        """Ignores unknown keys, those of later versions."""
        self.quant_method = METHOD
        self.mode = mode
        self.memory = memory
        self.threads = threads
        self.dequantize = dequantize

    def get_loading_attributes(self) -> dict[str, Any]:
        """Returns the options of this machine, which replace those of ``config.json``."""
        return {key: value for key, value in self.__dict__.items() if key != "quant_method"}

    def to_dict(self) -> dict[str, Any]:
        """Returns what ``config.json`` contains: no option of this machine."""
        return {"quant_method": METHOD}


class EcqQuantizer(HfQuantizer):
    """Loads models from ``.ecq`` files.

    Linear layers and embeddings become ``ecq.torch.EcqLinear`` and ``EcqEmbedding``. Every other parameter is
    decoded from the file, so that none is left with random values.
    """

    requires_calibration = True
    quantization_config: EcqConfig

    def validate_environment(self, *args: Any, **kwargs: Any) -> None:
        """Refuses disk offload, which reads weights that the file does not have."""
        device_map = kwargs.get("device_map")
        if isinstance(device_map, dict) and "disk" in device_map.values():
            message = "ecq cannot load layers to the device 'disk'; use the mode 'fused' to save memory"
            raise ValueError(message)

    def _process_model_before_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        refuse_experts(model)
        options = self.quantization_config
        self.path = _ecq_file(kwargs.get("checkpoint_files"))
        self.linears = ecq.linears(
            self.path, mode=options.mode, memory=options.memory, threads=options.threads
        )
        self.names = _Names(model, self.linears)
        if not options.dequantize:
            replaced = replace_layers(model, self.linears, self.names.find, dtype=kwargs.get("dtype"))
            _untie(model, {f"{path}.weight" for path in replaced})
            if isinstance(kwargs.get("device_map"), str):
                # The map that is computed next needs the most bytes that matrices have on a GPU.
                for layer in _coded_layers(model):
                    layer.weight = torch.empty(layer.matrix.packed_nbytes, dtype=torch.uint8, device="meta")
        # This class checks that every tensor has its place; loaders of transformers do not know the streams.
        self.unexpected = set(model._keys_to_ignore_on_load_unexpected or ())
        model._keys_to_ignore_on_load_missing = {"."}
        model._keys_to_ignore_on_load_unexpected = {"."}
        return model

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        for layer in _coded_layers(model):
            layer.weight = None
        for layer in _coded_layers(model):
            layer.follow_device()
        self.names.load_parameters(model)
        self.names.warn_of_unused(self.unexpected)
        if not self.quantization_config.dequantize:
            model.save_pretrained = MethodType(_save_pretrained, model)
        return model

    def is_serializable(self, *args: Any, **kwargs: Any) -> bool:
        """``save_pretrained`` writes the same file again."""
        return True

    @property
    def is_trainable(self) -> bool:
        """Adapters can be trained on top of the frozen matrices."""
        return True

    @property
    def is_compileable(self) -> bool:
        """Layers are custom operators, which ``torch.compile`` keeps in its graphs."""
        return True

    def get_state_dict_and_metadata(self, model: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """The file holds all weights: nothing else is written."""
        return {}, {}

    def _dequantize(self, model: Any, dtype: Any = None) -> Any:
        from torch import nn

        for path, module in list(model.named_modules()):
            if isinstance(module, EcqLinear):
                weight = nn.Parameter(module.dequantize().to(dtype))
                new: nn.Module = nn.Linear(1, 1, bias=False)
                new.in_features, new.out_features = module.in_features, module.out_features
                new.weight, new.bias = weight, module.bias
            elif isinstance(module, EcqEmbedding) and module.scale == 1.0:
                new = nn.Embedding.from_pretrained(module.dequantize().to(dtype), False, module.padding_idx)
            else:
                continue
            model.set_submodule(path, new)
        vars(model).pop("save_pretrained", None)
        return model


class _Names:
    """Which tensor of the file a parameter of the model is."""

    def __init__(self, model: Any, linears: ecq.Linears) -> None:
        self.linears = linears
        self.prefix = f"{model.base_model_prefix}."
        self.tied = dict(model.all_tied_weights_keys)
        self.used: set[str] = set()

    def find(self, name: str) -> str | None:
        """Returns the name in the file; a tied weight that is not there is that which it is tied to."""
        for candidate in (name, self.prefix + name, name.removeprefix(self.prefix)):
            if candidate in self.linears:
                self.used.add(candidate)
                return candidate
        source = self.tied.get(name)
        return self.find(source) if source is not None and source != name else None

    def load_parameters(self, model: Any) -> None:
        """Fills what has not become a coded layer.

        Raises ValueError with the names of parameters that the file does not have.
        """
        missing = []
        persistent = model.state_dict(keep_vars=True)
        for name, parameter in persistent.items():
            found = self.find(name)
            if found is None:
                missing.append(name)
                continue
            values = torch.from_numpy(self.linears.values(found))
            if values.shape != parameter.shape:
                message = f"{name} has shape {list(parameter.shape)}, in the file {list(values.shape)}"
                raise ValueError(message)
            with torch.no_grad():
                parameter.copy_(values)
        if missing:
            message = f"the .ecq file lacks {len(missing)} tensors of {type(model).__name__}: {missing[:8]}"
            raise ValueError(message)

    def warn_of_unused(self, expected: set[str]) -> None:
        """Warns of tensors of the file that the model has no place for."""
        pattern = re.compile("|".join([*expected, r"rotary_emb\.inv_freq$"]))
        unused = [name for name in self.linears.names() if name not in self.used and not pattern.search(name)]
        if unused:
            _logger.warning(f"{len(unused)} tensors of the .ecq file are not used: {unused[:8]}")


def _coded_layers(model: nn.Module) -> list[EcqLinear | EcqEmbedding]:
    return [module for module in model.modules() if isinstance(module, (EcqLinear, EcqEmbedding))]


def refuse_experts(model: nn.Module) -> None:
    """Raises NotImplementedError if a model has layers of experts."""
    for path, module in model.named_modules():
        if re.search(r"(Experts|MoE|MoeBlock|SparseMoe\w*)$", type(module).__name__):
            message = (
                f"{type(model).__name__} has experts ({path}: {type(module).__name__}), which ecq.hf does "
                "not load yet; ecq.load runs Mixtral and Qwen3-MoE, and `ecq export --format safetensors` "
                "writes decoded weights"
            )
            raise NotImplementedError(message)


def _untie(model: Any, gone: set[str]) -> None:
    """Forgets tied weights that coded layers replace; embedding and head share the matrix of the file."""

    def kept(keys: dict[str, str]) -> dict[str, str]:
        return {key: source for key, source in keys.items() if key not in gone and source not in gone}

    model.all_tied_weights_keys = kept(model.all_tied_weights_keys)
    for path, module in model.named_modules():
        keys = getattr(module, "_tied_weights_keys", None)
        if isinstance(keys, dict):
            prefix = f"{path}." if path else ""
            full = kept({prefix + key: prefix + source for key, source in keys.items()})
            module._tied_weights_keys = {
                key.removeprefix(prefix): source.removeprefix(prefix) for key, source in full.items()
            }


def _ecq_file(files: Any) -> Path:
    files = [Path(file) for file in ([files] if isinstance(files, str) else files or [])]
    if len(files) != 1:
        message = f"expected one file of weights, {WEIGHTS}, which is an .ecq file; found {files}"
        raise ValueError(message)
    return files[0]


def _save_pretrained(self: Any, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
    """Writes a folder with the same ``.ecq`` file. Refuses changed parameters, which it does not contain."""
    if kwargs.pop("push_to_hub", False):
        message = "save the model to a folder and upload that: push_to_hub=True would upload it too early"
        raise ValueError(message)
    quantizer = cast("EcqQuantizer", self.hf_quantizer)
    for name, parameter in self.state_dict().items():
        found = quantizer.names.find(name)
        values = None if found is None else torch.from_numpy(quantizer.linears.values(found))
        if values is None or not torch.equal(values.to(parameter.dtype), parameter.detach().cpu()):
            message = f"{name} has changed, and the .ecq file has only its old value: save it on its own"
            raise ValueError(message)
    type(self).save_pretrained(self, save_directory, **kwargs)
    place(quantizer.path, Path(save_directory) / WEIGHTS)


def load(path: str | os.PathLike[str], *args: Any, model_class: Any = None, **kwargs: Any) -> Any:
    """Loads a model of transformers from an ``.ecq`` file or a folder of ``export``.

    Arguments are those of ``from_pretrained``; ``model_class`` is ``AutoModelForCausalLM`` by default.
    """
    model_class = model_class or transformers.AutoModelForCausalLM
    if Path(path).is_dir():
        return model_class.from_pretrained(path, *args, **kwargs)
    with tempfile.TemporaryDirectory(prefix="ecq-") as folder:
        model = model_class.from_pretrained(export(path, folder, replace=True), *args, **kwargs)
    # The folder is gone.
    if hasattr(model, "hf_quantizer"):
        model.hf_quantizer.path = Path(path)
    return model


def _register() -> None:
    if auto.AUTO_QUANTIZATION_CONFIG_MAPPING.get(METHOD) is not None:
        return
    register_quantization_config(METHOD)(EcqConfig)
    register_quantizer(METHOD)(EcqQuantizer)
    # Otherwise options that are passed to `from_pretrained` are dropped.
    auto.LOADING_ATTRIBUTES_CONFIG_TYPES += (EcqConfig,)


_register()

"""The vLLM plug-in: runs folders of ``ecq.hf.export`` with ``--load-format ecq``.

vLLM finds it through the entry point ``vllm.general_plugins`` and calls ``register`` in each process. On a
CPU without tensor parallelism linear layers compute with the codes. Elsewhere the loader decodes each tensor,
and vLLM gets the floats and cuts them for its ranks: the file is small, the memory of the device is that of
floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

METHOD = "ecq"


def register() -> None:
    """Registers the quantization method and the loader ``ecq``; it may be called more than once."""
    from vllm.model_executor.layers import quantization
    from vllm.model_executor.model_loader import _LOAD_FORMAT_TO_MODEL_LOADER, register_model_loader

    if METHOD in _LOAD_FORMAT_TO_MODEL_LOADER and METHOD in quantization.QUANTIZATION_METHODS:
        return
    config, loader = _classes()
    quantization.register_quantization_config(METHOD)(config)
    register_model_loader(METHOD)(loader)


def _classes() -> tuple[type, type]:
    """Defines the classes, whose bases are known only when vLLM is imported."""
    import torch
    from torch import Tensor, nn
    from vllm.config import get_current_vllm_config_or_none
    from vllm.distributed import get_tensor_model_parallel_world_size
    from vllm.model_executor.layers.linear import LinearBase, LinearMethodBase, UnquantizedLinearMethod
    from vllm.model_executor.layers.quantization.base_config import QuantizationConfig
    from vllm.model_executor.layers.vocab_parallel_embedding import (
        ParallelLMHead,
        UnquantizedEmbeddingMethod,
        VocabParallelEmbedding,
    )
    from vllm.model_executor.model_loader.base_loader import BaseModelLoader
    from vllm.platforms import current_platform

    import ecq
    from ecq._folder import WEIGHTS
    from ecq.torch import linear

    class EcqLinearMethod(LinearMethodBase):
        """Products with codes. A layer that vLLM fuses of several has a matrix for each."""

        def __init__(self, names: list[str]) -> None:
            self.names = names

        def create_weights(
            self,
            layer: nn.Module,
            input_size_per_partition: int,
            output_partition_sizes: list[int],
            input_size: int,
            output_size: int,
            params_dtype: torch.dtype,
            **extra_weight_attrs: Any,
        ) -> None:
            """Creates none: ``EcqLoader`` sets the matrices."""
            layer.ecq_matrices = None
            layer.ecq_sizes = output_partition_sizes

        def apply(self, layer: nn.Module, x: Tensor, bias: Tensor | None = None) -> Tensor:
            """Returns the products of all parts, side by side."""
            parts = [linear(x, matrix) for matrix in layer.ecq_matrices]
            y = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
            return y if bias is None else y + bias

    class EcqConfig(QuantizationConfig):
        """Chooses how layers hold their weights; it has no options."""

        def get_name(self) -> str:
            return METHOD

        def get_supported_act_dtypes(self) -> list[torch.dtype]:
            return [torch.float32, torch.bfloat16, torch.float16]

        @classmethod
        def get_min_capability(cls) -> int:
            # Layers on GPUs are those of vLLM.
            return 0

        @staticmethod
        def get_config_filenames() -> list[str]:
            return []

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> EcqConfig:
            return cls()

        def get_quant_method(self, layer: nn.Module, prefix: str) -> Any:
            current = get_current_vllm_config_or_none()
            if current is not None and current.load_config.load_format != METHOD:
                message = "weights of ecq need their own loader: start vLLM with --load-format ecq"
                raise ValueError(message)
            if isinstance(layer, LinearBase):
                if not current_platform.is_cpu() or get_tensor_model_parallel_world_size() > 1:
                    return UnquantizedLinearMethod()
                *parents, last = prefix.split(".")
                parts = self.packed_modules_mapping.get(last, [last])
                return EcqLinearMethod([".".join([*parents, part, "weight"]) for part in parts])
            if isinstance(layer, (ParallelLMHead, VocabParallelEmbedding)):
                return UnquantizedEmbeddingMethod()
            return None

    class EcqLoader(BaseModelLoader):
        """Reads the ``.ecq`` file of a folder."""

        def download_model(self, model_config: Any) -> None:
            """Downloads the folder if it is the name of a repository."""
            _folder(model_config)

        def load_weights(self, model: nn.Module, model_config: Any) -> None:
            """Sets the matrices of coded layers, and gives all other tensors to the model."""
            linears = ecq.linears(_folder(model_config) / WEIGHTS)
            coded: set[str] = set()
            for path, layer in model.named_modules():
                method = getattr(layer, "quant_method", None)
                if not isinstance(method, EcqLinearMethod):
                    continue
                layer.ecq_matrices = _matrices(linears, path, method.names, layer)
                coded.update(method.names)
            model.load_weights(_decoded(linears, coded, model_config.dtype))

    def _matrices(linears: ecq.Linears, path: str, names: list[str], layer: nn.Module) -> list[ecq.Linear]:
        missing = [name for name in names if name not in linears]
        if missing:
            message = f"{path} consists of {names}, but the .ecq file lacks {missing}"
            raise ValueError(message)
        matrices = [linears[name] for name in names]
        found = [matrix.shape[0] for matrix in matrices]
        if sum(found) != sum(layer.ecq_sizes):
            message = f"{path} has parts of {layer.ecq_sizes} features, but in the .ecq file {found}"
            raise ValueError(message)
        return matrices

    def _decoded(linears: ecq.Linears, coded: set[str], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        for name in linears.names():
            if name not in coded:
                yield name, torch.from_numpy(linears.values(name)).to(dtype)

    return EcqConfig, EcqLoader


def _folder(model_config: Any) -> Any:
    from pathlib import Path

    folder = Path(model_config.model)
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model_config.model, revision=model_config.revision))

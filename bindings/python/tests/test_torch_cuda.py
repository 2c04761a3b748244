"""Layers of PyTorch on an NVIDIA GPU."""

import pytest

torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

from cuda_checks import CHECKS  # noqa: E402


@pytest.mark.skipif(not torch.cuda.is_available(), reason="SKIPPED: no CUDA device")
@pytest.mark.parametrize("name", CHECKS)
def test_on_a_gpu(name: str) -> None:
    """The checks of cuda_checks.py."""
    CHECKS[name]()

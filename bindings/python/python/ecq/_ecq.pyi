"""The extension module. Its classes and functions are those of the package ``ecq``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, final

import numpy
import numpy.typing
from typing_extensions import Unpack

from ecq._types import Message, SamplingOptions

__all__ = [
    "Completion",
    "CudaLinear",
    "File",
    "Grid",
    "Linear",
    "Linears",
    "Mismatch",
    "Model",
    "Progress",
    "QuantizationReport",
    "Stream",
    "Tensor",
    "TensorReport",
    "TextKl",
    "TokenLogProbs",
    "Verification",
    "__version__",
    "demo_model",
    "fake_quantize",
    "linears",
    "load",
    "main",
    "open",
    "quantize",
    "verify",
]

__version__: str

_Path = str | PathLike[str]
_Prompt = str | Sequence[int]
_GridKind = Literal["affine_groups", "uniform_rows", "trellis_rows", "super_blocks"]
_Calibration = str | PathLike[str]
_Callback = Callable[[Progress], object]

@final
class Progress:
    """The progress of a long operation."""

    @property
    def step(self) -> str:
        """Name of the current step, such as ``packing``."""
    @property
    def item(self) -> str:
        """Name of the tensor or block processed last; empty at the beginning of a step."""
    @property
    def done(self) -> int:
        """Completed work of the step, in ``unit``."""
    @property
    def total(self) -> int | None:
        """Total work of the step, if known."""
    @property
    def unit(self) -> str:
        """``bytes`` or ``tokens``."""

@final
class Grid:
    """How codes become weights."""

    @property
    def kind(self) -> _GridKind:
        """Name of the grid."""
    @property
    def parameters(self) -> dict[str, int | str]:
        """Numbers of the whole tensor, such as ``bits``, ``group_size`` or ``zero``."""
    @property
    def arrays(self) -> dict[str, numpy.typing.NDArray[Any]]:
        """Scales, biases, steps, levels and outliers, as the kind has them."""

@final
class Tensor:
    """A tensor of an open file. It is decoded when its values are asked for.

    ``numpy.asarray``, ``torch.from_dlpack`` and ``mlx.core.from_dlpack`` get ``dequantize()``.
    """

    @property
    def name(self) -> str:
        """Name in the source checkpoint."""
    @property
    def kind(self) -> Literal["linear", "embedding", "other"]:
        """Role in the model."""
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the source checkpoint. The last dimension is the input features."""
    @property
    def rows(self) -> int:
        """Rows of the stored matrix (output features); 1 for a vector."""
    @property
    def cols(self) -> int:
        """Columns of the stored matrix (input features)."""
    @property
    def dtype(self) -> str:
        """``codes``, or the type of the elements or blocks: ``f32``, ``bf16``, ``q6_k``, ..."""
    @property
    def coding(self) -> Literal["packed", "rans", "prefix", "archive", "tuples"] | None:
        """Coding of the codes; ``None`` without codes."""
    @property
    def grid_kind(self) -> _GridKind | None:
        """Kind of the grid; ``None`` without codes."""
    @property
    def alphabet(self) -> int | None:
        """Alphabet size, 2 to 256; ``None`` without codes."""
    @property
    def nbytes(self) -> int:
        """Size in the file in bytes, including its part of the header."""
    @property
    def bits_per_weight(self) -> float:
        """Size in the file in bits per weight, including its part of the header."""
    def codes(self) -> numpy.typing.NDArray[numpy.uint8]:
        """Decodes the integer codes, ``[rows, cols]``.

        Raises UnsupportedError without codes, DamagedError if the tensor does not match its checksums.
        """
    def grid(self) -> Grid:
        """Decodes the grid, which maps codes to weights. Raises as ``codes``."""
    def dequantize(self, dtype: numpy.typing.DTypeLike | None = None) -> numpy.typing.NDArray[Any]:
        """Decodes all weights to float32, of the shape of the source, or rounds them to ``dtype``.

        float32 holds bfloat16 and float16 weights exactly. ``"bfloat16"`` needs the package ml_dtypes.
        Raises DamagedError if the tensor does not match its checksums, UnsupportedError for integers.
        """
    def tobytes(self) -> bytes:
        """Decodes a tensor without codes to the bytes of the source: little-endian elements or blocks.

        Raises UnsupportedError if the tensor has codes.
        """
    def __array__(
        self, dtype: numpy.typing.DTypeLike | None = None, copy: bool | None = None
    ) -> numpy.typing.NDArray[Any]: ...
    def __dlpack__(self, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...

@final
class File:
    """An open ``.ecq`` file: a mapping of names to tensors, in the order of the source checkpoint.

    The file is mapped into memory and must not change while it is open.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __getitem__(self, name: str, /) -> Tensor: ...
    def keys(self) -> list[str]:
        """Names of all tensors."""
    def values(self) -> list[Tensor]:
        """All tensors."""
    def items(self) -> list[tuple[str, Tensor]]:
        """All names and tensors."""
    @property
    def path(self) -> Path:
        """Path of the file."""
    @property
    def file_bytes(self) -> int:
        """Size of the file in bytes."""
    @property
    def weights(self) -> int:
        """Number of weights of all tensors."""
    @property
    def bits_per_weight(self) -> float:
        """Size of the whole file in bits per weight."""
    @property
    def source_format(self) -> str:
        """Format of the source checkpoint: ``gguf``, ``safetensors``, ``mlx``, ``gptq`` or ``awq``."""
    @property
    def source_name(self) -> str:
        """File name of the source checkpoint."""
    @property
    def source_bytes(self) -> int:
        """Size of the source checkpoint in bytes."""
    @property
    def writer(self) -> str:
        """Name and version of the program that wrote the file."""
    @property
    def recipe(self) -> str | None:
        """Description of the quantization; ``None`` for a lossless conversion."""
    @property
    def attached(self) -> dict[str, int]:
        """Attached files (config.json, tokenizer.json, ...) and their sizes in the file in bytes."""
    def read_attached(self, name: str) -> bytes:
        """Returns the content of an attached file. Raises NotFoundError if there is none of this name."""
    def checkpoint_files(self) -> dict[str, bytes]:
        """Returns ``config.json``, tokenizer and other files of a checkpoint folder, without tensors.

        They are the attached files, or those that describe the same model if it comes from a GGUF file.
        Raises ExportError if ``config.json`` cannot describe the model.
        """

@final
class Mismatch:
    """A difference between a file and its source."""

    @property
    def tensor(self) -> str:
        """Name of the tensor or attached file."""
    @property
    def what(self) -> str:
        """A description of the difference, with its first position."""

@final
class Verification:
    """The result of verifying a file."""

    @property
    def ok(self) -> bool:
        """Whether there are no mismatches."""
    @property
    def tensors(self) -> int:
        """Number of decoded tensors."""
    @property
    def codes(self) -> int:
        """Number of decoded codes."""
    @property
    def mismatches(self) -> list[Mismatch]:
        """Differences from the source that the recipe of the file does not permit."""

@final
class TensorReport:
    """The result of quantizing one tensor."""

    @property
    def name(self) -> str:
        """Name of the tensor."""
    @property
    def rows(self) -> int:
        """Rows (output features)."""
    @property
    def cols(self) -> int:
        """Columns (input features)."""
    @property
    def dtype(self) -> str:
        """Element or block type in the source."""
    @property
    def source_bytes(self) -> int:
        """Bytes in the source."""
    @property
    def bytes(self) -> int:
        """Bytes in the file, with its part of the header."""
    @property
    def bpw(self) -> float:
        """``bytes`` in bits per weight."""
    @property
    def coding(self) -> str | None:
        """Coding of the codes."""
    @property
    def sqnr_db(self) -> float | None:
        """Signal to quantization noise ratio in decibels; ``None`` if not quantized."""
    @property
    def reason(self) -> str | None:
        """Reason for the coding, or for another grid than the requested one."""

@final
class TextKl:
    """The KL divergence from the source that was measured on one kind of text."""

    @property
    def text(self) -> str:
        """Kind of text."""
    @property
    def tokens(self) -> int:
        """Number of tokens."""
    @property
    def kl(self) -> float:
        """KL divergence in nats per token."""
    @property
    def stderr(self) -> float:
        """Its standard error, computed as if tokens were independent."""
    @property
    def top1(self) -> float:
        """Fraction of tokens for which the source has the same most likely token."""

@final
class QuantizationReport:
    """The result of quantizing a model."""

    @property
    def file_bytes(self) -> int:
        """Size of the file in bytes."""
    @property
    def source_bytes(self) -> int:
        """Size of the source in bytes."""
    @property
    def bpw_linear(self) -> float | None:
        """Bits per weight of the block projections, all of their bytes counted."""
    @property
    def bpw_embedding(self) -> float | None:
        """Bits per weight of embedding and head, all of their bytes counted."""
    @property
    def bpw_total(self) -> float:
        """Bits of the whole file per weight."""
    @property
    def sqnr_linear_db(self) -> float | None:
        """Signal to quantization noise ratio of the block projections in decibels."""
    @property
    def sqnr_embedding_db(self) -> float | None:
        """Signal to quantization noise ratio of embedding and head in decibels."""
    @property
    def expected_kl(self) -> float | None:
        """Expected KL divergence from the source in nats per token: a lower bound, with calibration only."""
    @property
    def measured_kl(self) -> list[TextKl]:
        """KL divergences on passages that calibration did not use, one for each kind of text."""
    @property
    def kl_before_distillation(self) -> float | None:
        """The mean of these before row steps were distilled."""
    @property
    def seconds(self) -> float:
        """Wall-clock seconds."""
    @property
    def dry_run(self) -> bool:
        """Whether nothing was written."""
    @property
    def resumed_tensors(self) -> int:
        """Number of tensors that an interrupted run had packed."""
    @property
    def tensors(self) -> list[TensorReport]:
        """All tensors, in file order."""

@final
class TokenLogProbs:
    """Natural log-probabilities at the position of a generated token."""

    @property
    def token(self) -> int:
        """The token."""
    @property
    def log_prob(self) -> float:
        """Its log-probability."""
    @property
    def top(self) -> list[tuple[int, float]]:
        """The most likely tokens with their log-probabilities, in descending order."""

@final
class Completion:
    """A generated text. ``str`` returns the text alone."""

    @property
    def text(self) -> str:
        """The text after the prompt."""
    @property
    def tokens(self) -> list[int]:
        """Its tokens, without an end token."""
    @property
    def finish_reason(self) -> Literal["stop", "length", "cancelled"]:
        """Why the text ended: at an end token or stop string, or because its length is reached."""
    @property
    def log_probs(self) -> list[TokenLogProbs]:
        """Log-probabilities of ``tokens``; empty unless requested."""
    @property
    def prompt_tokens(self) -> int:
        """Number of prompt tokens."""
    @property
    def cached_tokens(self) -> int:
        """Number of prompt tokens whose keys and values were still in memory."""
    @property
    def prefill_tokens_per_s(self) -> float:
        """Prompt tokens computed per second."""
    @property
    def decode_tokens_per_s(self) -> float:
        """New tokens per second, without the first."""

@final
class Stream(Iterator[str]):
    """A text that is being generated: an iterator of its pieces. The model runs while it is read."""

    def __iter__(self) -> Stream: ...
    def __next__(self) -> str: ...
    def cancel(self) -> None:
        """Ends the text here."""
    @property
    def tokens(self) -> list[int]:
        """The tokens read so far."""
    @property
    def log_probs(self) -> list[TokenLogProbs]:
        """Log-probabilities of ``tokens``; empty unless requested."""
    @property
    def finish_reason(self) -> Literal["stop", "length", "cancelled"] | None:
        """Why the text ended; ``None`` until its end is read."""

@final
class Model:
    """A loaded model. Threads share it: texts that are generated at the same time run in the same batches."""

    def generate(self, prompt: _Prompt, **options: Unpack[SamplingOptions]) -> Completion:
        """Generates the text after a prompt: a text, or tokens, to which no begin-of-text token is added.

        Raises InvalidOptionError if an option is out of range or the prompt has no tokens, ContextFullError
        if it exceeds the context.
        """
    def generate_batch(
        self, prompts: Sequence[_Prompt], **options: Unpack[SamplingOptions]
    ) -> list[Completion]:
        """As ``generate`` for several prompts, which share each decoded weight.

        The tokens of a text do not depend on the others. ``load(sequences=)`` says how many run at once.
        """
    def stream(self, prompt: _Prompt, **options: Unpack[SamplingOptions]) -> Stream:
        """As ``generate``, piece by piece."""
    def chat(self, messages: Sequence[Message], **options: Unpack[SamplingOptions]) -> Completion:
        """Generates the next message of a conversation in the chat template of the model.

        Raises UnsupportedError if the model has no chat template.
        """
    def stream_chat(self, messages: Sequence[Message], **options: Unpack[SamplingOptions]) -> Stream:
        """As ``chat``, piece by piece."""
    def forward(self, tokens: Sequence[int]) -> numpy.typing.NDArray[numpy.float32]:
        """Returns the logits after each token, ``[tokens, vocabulary]``."""
    def log_probs(self, tokens: Sequence[int]) -> numpy.typing.NDArray[numpy.float32]:
        """Returns the log-probability of each token after the first, given those before it."""
    def tokenize(self, text: str) -> list[int]:
        """Returns the tokens of a text, with the begin-of-text token if the model has one."""
    def detokenize(self, tokens: Sequence[int]) -> str:
        """Returns the text of tokens without special tokens."""
    @property
    def path(self) -> Path:
        """Path of the file."""
    @property
    def vocabulary(self) -> int:
        """Vocabulary size in tokens."""
    @property
    def context(self) -> int:
        """Context length in tokens, prompt and new tokens together."""
    @property
    def mode(self) -> Literal["fused", "cached", "lru", "prefetch", "async"]:
        """Decode mode."""
    @property
    def mode_reason(self) -> str:
        """Why the mode was chosen."""
    @property
    def weight_bytes(self) -> int:
        """Memory of the weights in bytes: mapped streams, tables, decoded codes."""

def open(path: _Path) -> File:
    """Opens an ``.ecq`` file. Tensors are not read.

    Raises NotFoundError, IoError, WrongFormatError if it is not an ``.ecq`` file, DamagedError.
    """

def load(
    path: _Path,
    *,
    device: str = "cpu",
    mode: str = "auto",
    memory: int | str | None = None,
    threads: int | None = None,
    context: int | None = None,
    sequences: int | None = None,
    activations: str = "f32",
    cache: str = "f16",
    draft: _Path | None = None,
    draft_tokens: int | None = None,
) -> Model:
    """Loads a model from an ``.ecq`` file.

    device: ``cpu``, ``cuda`` (the first NVIDIA GPU), ``cuda:N``, ``wgpu``, ``wgpu:N`` or ``wgpu:NAME``.
    mode: ``fused``, ``cached``, ``lru``, ``prefetch``, ``async``, or ``auto``: what fits the memory.
    memory: budget of decoded weights, bytes or text such as ``"4GiB"``; half of the free memory by default.
    threads: one per core by default.
    context: longest text in tokens, 8192 or the context of the model by default.
    sequences: number of texts that are generated at once, 4 by default; others wait.
    activations: ``f32``, ``i8``, or ``fake:BITS`` to round the inputs of products to few levels.
    cache: ``f32``, ``f16``, ``bf16`` or ``i8``, the type of the keys and values in memory.
    draft: a smaller model of the same tokenizer that proposes ``draft_tokens`` (4) tokens per step.
    """

@final
class Linear:
    """A matrix that is ready for products on the CPU. It belongs to the memory and threads of its file."""

    @property
    def name(self) -> str:
        """Name in the Hugging Face checkpoint."""
    @property
    def shape(self) -> tuple[int, int]:
        """Output features and input features."""
    @property
    def nbytes(self) -> int:
        """Bytes in memory, mapped bytes included; before the first product those in the file."""
    @property
    def packed_nbytes(self) -> int:
        """Bytes with packed codes, the most that the matrix takes on a GPU; 0 without codes."""
    @property
    def residence(self) -> Literal["streams", "packed", "dense", "slot"]:
        """Where the weights are: as coded streams, packed codes, floats, or decoded before each use."""
    def to_cuda(self, device: int) -> CudaLinear:
        """Loads the matrix to an NVIDIA GPU, where products read its codes, and compiles their kernels.

        With the mode ``cached`` of ``ecq.linears`` codes are packed. With others they stay streams where
        products on the GPU decode these (tuples on compute capability 9.x and newer), and are packed where
        they do not: a GPU has no slots for ``lru`` and ``prefetch``. A matrix is on a GPU once.

        Raises UnsupportedError with the reason if the matrix has no codes, DeviceError without a driver, GPU
        or compiler, OutOfMemoryError or DamagedError.
        """
    def multiply(
        self,
        x: numpy.typing.NDArray[numpy.float32],
        out: numpy.typing.NDArray[numpy.float32] | None = None,
    ) -> numpy.typing.NDArray[numpy.float32]:
        """Writes ``x @ W.T`` to ``out`` or to a new array ``[rows, outputs]``, and returns it.

        ``x`` is ``[rows, inputs]``; both are contiguous and float32. A result does not depend on the mode,
        the number of rows or threads. Raises ValueError if shapes do not match.
        """
    def rows(
        self,
        indices: numpy.typing.NDArray[numpy.int64],
        out: numpy.typing.NDArray[numpy.float32] | None = None,
    ) -> numpy.typing.NDArray[numpy.float32]:
        """Writes the weights of rows (an embedding) to ``out`` or to a new array, and returns it.

        Raises IndexError for a row that does not exist.
        """
    def dequantize(self) -> numpy.typing.NDArray[numpy.float32]:
        """Decodes all weights, ``[outputs, inputs]``."""
    def __copy__(self) -> Linear: ...
    def __deepcopy__(self, _memo: Any, /) -> Linear: ...

@final
class CudaLinear:
    """A matrix on an NVIDIA GPU, for products in the memory and on the streams of other libraries.

    Its memory is freed with the last object of the matrix on that GPU. ``ecq.torch`` computes with it.
    """

    @property
    def name(self) -> str:
        """Name in the Hugging Face checkpoint."""
    @property
    def shape(self) -> tuple[int, int]:
        """Output features and input features."""
    @property
    def device(self) -> int:
        """Number of the GPU."""
    @property
    def nbytes(self) -> int:
        """Bytes on the GPU."""
    @property
    def residence(self) -> Literal["streams", "packed"]:
        """Where the weights are: as coded streams or packed codes."""
    @property
    def reason(self) -> str:
        """Why they are there."""
    @property
    def row_order(self) -> list[int] | None:
        """For each row of the checkpoint, its row here; None if the order is the same."""
    def takes(self, dtype: Literal["float32", "float16", "bfloat16"]) -> bool:
        """Whether products take activations and give results of a type; all take float32."""
    def scratch_nbytes(self, rows: int) -> int:
        """Bytes of scratch memory of a product with so many rows."""
    def multiply(
        self,
        x: int,
        y: int,
        scratch: int,
        rows: int,
        *,
        dtype: Literal["float32", "float16", "bfloat16"],
        stream: int,
    ) -> None:
        """Enqueues ``y = x @ W.T`` on a ``CUstream`` of the GPU. It neither waits nor allocates.

        The others are addresses on the GPU, which are not checked: ``x`` of ``[rows, inputs]`` and ``y`` of
        ``[rows, outputs]``, contiguous and of ``dtype``, and scratch memory at a multiple of 256. They and
        this object must exist until the product is complete. Products on several streams need scratch
        memory of their own. Raises DeviceError.
        """
    def rows(self, index: int, y: int, rows: int, *, stream: int) -> None:
        """Enqueues the decoding of rows (an embedding) as ``multiply`` does.

        ``index`` is the address of their numbers in 32 bits, ``y`` that of ``[rows, inputs]`` in float32.
        Rows that do not exist are left as they are.
        """

@final
class Linears:
    """The tensors of an ``.ecq`` file by the names and with the values of a Hugging Face checkpoint.

    Layers of other libraries compute with its matrices; ``ecq.torch``, ``ecq.hf`` and ``ecq.mlx`` do.
    """

    def names(self) -> list[str]:
        """Names of all tensors, sorted."""
    def __contains__(self, name: str, /) -> bool: ...
    def __getitem__(self, name: str, /) -> Linear:
        """Returns a matrix, once; its first product prepares it. Raises UnknownTensorError, DamagedError."""
    def shape(self, name: str) -> list[int]:
        """Shape in the Hugging Face checkpoint."""
    def is_coded(self, name: str) -> bool:
        """Whether a tensor is stored as codes on a grid."""
    def values(self, name: str) -> numpy.typing.NDArray[numpy.float32]:
        """Decodes any tensor."""
    @property
    def path(self) -> Path:
        """Path of the file."""
    @property
    def mode(self) -> Literal["fused", "cached", "lru", "prefetch"]:
        """The decode mode in use."""
    @property
    def mode_reason(self) -> str:
        """Why this mode is in use."""

def linears(
    path: _Path, *, mode: str = "auto", memory: int | str | None = None, threads: int | None = None
) -> Linears:
    """Opens the matrices of an ``.ecq`` file for products on the CPU.

    mode: ``fused``, ``cached``, ``lru``, ``prefetch``, or ``auto``: what fits the memory.
    memory: budget of decoded weights, bytes or text such as ``"4GiB"``; half of the free memory by default.
    threads: one per core by default.

    Raises InvalidOptionError if the mode cannot run: ``async`` needs a GPU.
    """

def fake_quantize(
    values: numpy.typing.NDArray[numpy.float32],
    bits: int,
    *,
    rounding: Literal["half-away", "half-even"] = "half-away",
) -> numpy.typing.NDArray[numpy.float32]:
    """Rounds values, clipped to [-1, 1], to ``2^bits - 1`` levels: an array of one dimension.

    One bit gives the sign. NaNs stay as they are. Raises ValueError for other bits than 1 to 16, and for
    arrays that are not contiguous.
    """

def quantize(
    model: _Path | Mapping[str, Any],
    out: _Path | None,
    *,
    bpw: float | None = None,
    size: int | str | None = None,
    lossless: bool = False,
    calibrate: _Calibration | Sequence[_Calibration] | None = None,
    calibration_texts: Sequence[str] | None = None,
    calibration_tokens: int | None = None,
    distillation_tokens: int | None = None,
    calibration_window: int | None = None,
    calibration_folder: _Path | None = None,
    match_grid: str | None = None,
    grid: str | None = None,
    embedding: str | None = None,
    trellis: str | None = None,
    coding: str | None = None,
    overrides: Mapping[str, str] | None = None,
    seed: int | None = None,
    files: Mapping[str, str | bytes] | None = None,
    resume: bool = False,
    replace: bool = False,
    progress: _Callback | None = None,
) -> QuantizationReport:
    """Quantizes a model and writes it as an ``.ecq`` file; ``out=None`` writes nothing but the report.

    model: path of a GGUF, safetensors or ``.ecq`` file or of a checkpoint folder; or arrays by name (NumPy,
        PyTorch, MLX, bfloat16 too), which are read one at a time.
    bpw: bits per weight of the block projections, side data included; 4 by default.
    size: size of the whole file instead, in bytes or text such as ``"75MB"``.
    lossless: keeps codes and floats bit for bit.
    calibrate: text on which the model is run to measure the cost of errors: ``default``, ``text``
        (the texts of ecq), ``self`` (text that the model writes), paths of text files, several of these, or
        ``off``. By default ``default``, which is ``text`` and ``self``, below 4 bits per weight.
    calibration_texts: texts instead.
    calibration_tokens, calibration_window: number of tokens (24576) and length of a sequence (512).
    distillation_tokens: number of these tokens on which row steps are trained at the end (6144).
    calibration_folder: keeps statistics for other rates.
    match_grid: the smallest file with no larger expected error than this grid, such as ``affine:4:64``.
    grid, embedding: grids of block projections, and of embedding and head (see ``ecq quantize --help``).
    trellis: ``on``, ``off``, ``LAG`` or ``LAGxRESTART``.
    coding: ``packed``, ``rans``, ``prefix``, ``archive`` or ``tuples``; by default the smallest of the first
        three for each tensor.
    overrides: options of the tensors whose name matches a regular expression.
    seed: random seed of calibration; the same seed gives the same file.
    files: files to attach to arrays. A model needs ``config.json`` and ``tokenizer.json`` to run.
    resume: continues an interrupted run with the same options.
    replace: replaces an existing output.
    progress: is called with ``Progress``; an exception cancels the work.
    """

def verify(path: _Path, against: _Path | None = None, *, progress: _Callback | None = None) -> Verification:
    """Compares a file with its hash and decodes every tensor; compares it with the model it was made from.

    Raises DamagedError, with tensor and offset, if any bit of the file has changed.
    """

def demo_model(path: _Path) -> Path:
    """Writes the small model that is embedded in ecq to a file and returns its path."""

def main(args: Sequence[str]) -> int:
    """Runs the ecq command; the first of ``args`` is the name of the program. Returns the exit code."""

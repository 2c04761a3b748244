"""The interface that the first plans of ecq named, with NumPy.

It serves programs and files of that time: streams are byte-identical to those of the published encoder. New
programs use the package ``ecq``, whose files are smaller and whose products are faster. ``docs/python.md``
lists where results differ on purpose.
"""

from ecq.compat._decoder import DecodedWeights, SmartDecoder
from ecq.compat._linear import (
    AsyncDecodePrefetcher,
    DecodeMode,
    EntropyCodedLinear,
    entropy_quantize,
    get_prefetcher,
)
from ecq.compat._product import entropy_coded_matmul, entropy_coded_matmul_v2, entropy_decode_async
from ecq.compat._quantize import VariableQuantizationMLXKernel, quantize, variable_quantization
from ecq.compat._rans import PROB_BITS, PROB_SCALE, RANS_BYTE_L, RANSTable
from ecq.compat._streams import entropy_decode, entropy_encode, entropy_encode_v2
from ecq.compat._tiles import (
    EncodedTile,
    InterleavedEncodedTile,
    decode_tile,
    encode_tile,
    interleaved_rans_decode,
    interleaved_rans_encode,
    rans_decode,
    rans_encode,
    verify_roundtrip,
)

__all__ = [
    "PROB_BITS",
    "PROB_SCALE",
    "RANS_BYTE_L",
    "AsyncDecodePrefetcher",
    "DecodeMode",
    "DecodedWeights",
    "EncodedTile",
    "EntropyCodedLinear",
    "InterleavedEncodedTile",
    "RANSTable",
    "SmartDecoder",
    "VariableQuantizationMLXKernel",
    "decode_tile",
    "encode_tile",
    "entropy_coded_matmul",
    "entropy_coded_matmul_v2",
    "entropy_decode",
    "entropy_decode_async",
    "entropy_encode",
    "entropy_encode_v2",
    "entropy_quantize",
    "get_prefetcher",
    "interleaved_rans_decode",
    "interleaved_rans_encode",
    "quantize",
    "rans_decode",
    "rans_encode",
    "variable_quantization",
    "verify_roundtrip",
]

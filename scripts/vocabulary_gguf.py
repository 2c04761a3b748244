"""Writes a GGUF file of a tiny Llama with the vocabulary of a published `tokenizer.json`, as llama.cpp's converter stores it.

    pip install gguf numpy
    python scripts/vocabulary_gguf.py REAL/tokenizer.json PRE OUT.gguf     # PRE: llama-bpe, qwen2, smollm, gpt-2; spm for Llama 2's
    ecq quantize OUT.gguf --lossless -o OUT.ecq && ecq export OUT.ecq --format safetensors -o OUT
    python scripts/check_tokenizer.py OUT/tokenizer.json REAL/tokenizer.json

So a tokenizer can be checked where its model is too large to be had. Where llama.cpp stores scores (spm), a tokenizer.json has merges
in their order: the token that the n-th merge makes first gets score -n.
"""

import json
import re
import sys

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH = 32


def main():
    real, pre, out = sys.argv[1:4]
    with open(real, encoding="utf-8") as file:
        real = json.load(file)
    tokens = {id: token for token, id in real["model"]["vocab"].items()}
    types = {id: TokenType.NORMAL for id in tokens}
    for added in real["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    size = max(tokens) + 1
    for id in range(size):
        if id not in tokens:
            tokens[id], types[id] = f"[PAD{id}]", TokenType.UNUSED

    writer = GGUFWriter(out, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(size)
    if pre == "spm":
        pairs = (
            merge.split(" ", 1) if isinstance(merge, str) else merge for merge in real["model"]["merges"]
        )
        made = {token: n for n, token in enumerate(dict.fromkeys(map("".join, pairs)))}
        for id, token in tokens.items():
            if re.fullmatch("<0x[0-9A-F]{2}>", token):
                types[id] = TokenType.BYTE
        types[0] = TokenType.UNKNOWN
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([-float(made.get(tokens[id], len(made))) for id in range(size)])
        writer.add_unk_token_id(0)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        merges = real["model"]["merges"]
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
        writer.add_bos_token_id(min(added["id"] for added in real["added_tokens"]))
    writer.add_token_list([tokens[id] for id in range(size)])
    writer.add_token_types([types[id] for id in range(size)])
    writer.add_tensor("token_embd.weight", np.zeros((size, WIDTH), np.float16))
    for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]:
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((WIDTH, WIDTH), np.float16))
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"]:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()

"""Learns the byte-level BPE tokenizer from the training texts and writes it as Hugging Face's tokenizer.json.

python training/learn_tokenizer.py TEXTS OUT/tokenizer.json
"""

import argparse
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END = "<|endoftext|>"  # id 0: before each document, so it is both beginning and end of text


def documents(path):
    """The documents of a prepared text: paragraphs on lines, an empty line between documents."""
    return [text.strip("\n") for text in path.read_text().split("\n\n") if text.strip()]


def learn(texts, vocab):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for path in texts for text in documents(path)), trainer)
    # Every prompt begins with the token that every window of training began with.
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{END} $A", special_tokens=[(END, 0)])
    return tokenizer


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("texts", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--vocab", type=int, default=5120)
    options = arguments.parse_args()
    tokenizer = learn(sorted(options.texts.glob("*.train.txt")), options.vocab)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(options.out))
    held = [text for path in sorted(options.texts.glob("*.eval.txt")) for text in documents(path)]
    tokens = sum(len(e.ids) for e in tokenizer.encode_batch(held, add_special_tokens=False))
    size = sum(len(text.encode()) for text in held)
    print(
        f"{options.out}: {tokenizer.get_vocab_size()} tokens, {size / tokens:.3f} bytes a token on held-out text"
    )


if __name__ == "__main__":
    main()

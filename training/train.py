"""Trains the embedded model on the prepared texts: one GPU, a few minutes. Every default is the committed run's.

    python training/train.py TEXTS TOKENIZER OUT

Writes OUT as a Hugging Face directory (config.json, tokenizer.json, model.safetensors in bf16) and OUT/report.json with
held-out losses and samples. On a CPU it runs too, without compilation: use small --steps and --batch.
"""

import argparse
import json
import math
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from learn_tokenizer import documents
from model import Config, Llama
from sample import samples


def encode(path, tokenizer):
    """One text as a row of tokens, each document behind the end-of-text token."""
    encoded = tokenizer.encode_batch(documents(path))
    return torch.tensor([token for document in encoded for token in document.ids], dtype=torch.int64)


class Windows:
    """Training windows: `context` tokens that begin where a line begins, behind the end-of-text token."""

    def __init__(self, tokens, newline, context, seed):
        self.tokens, self.context = tokens, context
        line_start = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        line_start[1:] = (tokens[:-1] == newline) | (tokens[:-1] == 0)
        line_start[0] = True
        places = torch.arange(len(tokens), device=tokens.device)
        # For each place the nearest line start at or before it.
        self.start = torch.cummax(torch.where(line_start, places, torch.zeros_like(places)), 0).values
        self.random = torch.Generator(device="cpu").manual_seed(seed)

    def epoch(self):
        """A window for each stretch of `context` tokens, in a new order and phase."""
        phase = int(torch.randint(self.context, (1,), generator=self.random))
        places = torch.arange(phase, len(self.tokens) - self.context - 1, self.context)
        places = places[torch.randperm(len(places), generator=self.random)].to(self.tokens.device)
        starts = self.start[places]
        # In a line longer than half a window, stay where we are: otherwise its end would never be seen.
        return torch.where(places - starts > self.context // 2, places, starts)

    def batches(self, batch):
        span = torch.arange(self.context, device=self.tokens.device)
        while True:
            starts = self.epoch()
            for at in range(0, len(starts) - batch + 1, batch):
                targets = self.tokens[starts[at : at + batch, None] + span]
                inputs = torch.cat((torch.zeros_like(targets[:, :1]), targets[:, :-1]), dim=1)
                yield inputs, targets


@torch.no_grad()
def held_out(model, texts, context, device, autocast):
    """Nats a token and bits a byte on each held-out text, in windows of `context` tokens that do not overlap."""
    model.eval()
    result, all_nats, all_tokens, all_bytes = {}, 0.0, 0, 0
    for name, (tokens, size) in texts.items():
        nats = 0.0
        padded = torch.nn.functional.pad(tokens, (0, -len(tokens) % context), value=-100).view(-1, context)
        for targets in padded.to(device).split(64 if device == "cuda" else 4):
            inputs = torch.cat((torch.zeros_like(targets[:, :1]), targets[:, :-1].clamp(min=0)), dim=1)
            with autocast:
                nats += model.loss(inputs, targets, reduction="sum").item()
        result[name] = {
            "nats_per_token": nats / len(tokens),
            "bits_per_byte": nats / size / math.log(2),
            "tokens": len(tokens),
        }
        all_nats, all_tokens, all_bytes = all_nats + nats, all_tokens + len(tokens), all_bytes + size
    result["all"] = {
        "nats_per_token": all_nats / all_tokens,
        "bits_per_byte": all_nats / all_bytes / math.log(2),
        "tokens": all_tokens,
    }
    model.train()
    return result


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("texts", type=Path)
    arguments.add_argument("tokenizer", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--layers", type=int, default=6)
    arguments.add_argument("--hidden", type=int, default=256)
    arguments.add_argument("--feed-forward", type=int, default=640)
    arguments.add_argument("--kv-heads", type=int, default=2)
    arguments.add_argument("--context", type=int, default=512)
    arguments.add_argument("--steps", type=int, default=9000)
    arguments.add_argument("--batch", type=int, default=64, help="windows a step")
    arguments.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    arguments.add_argument("--weight-decay", type=float, default=0.1)
    arguments.add_argument("--dropout", type=float, default=0.1)
    arguments.add_argument(
        "--muon",
        type=float,
        default=6e-3,
        help="learning rate of Muon for the matrices of the layers; 0: AdamW",
    )
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()

    began = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    newline = tokenizer.encode("\n", add_special_tokens=False).ids[0]
    train = torch.cat([encode(path, tokenizer) for path in sorted(options.texts.glob("*.train.txt"))])
    held = {
        path.name.split(".")[0]: (encode(path, tokenizer), path.stat().st_size)
        for path in sorted(options.texts.glob("*.eval.txt"))
    }
    config = Config(
        tokenizer.get_vocab_size(),
        options.hidden,
        options.layers,
        options.feed_forward,
        options.hidden // 64,
        options.kv_heads,
        options.context,
        dropout=options.dropout,
    )
    model = Llama(config).to(device)
    weights = sum(weight.numel() for weight in model.parameters())
    print(
        f"{device}; {weights:,} weights; {len(train):,} tokens to learn, {sum(len(t) for t, _ in held.values()):,} held out; "
        f"{options.steps * options.batch * options.context / len(train):.1f} epochs",
        flush=True,
    )

    matrices = [w for n, w in model.named_parameters() if w.dim() == 2 and "layers" in n]
    table = [model.model.embed_tokens.weight]
    vectors = [w for w in model.parameters() if w.dim() == 1]
    decayed = table if options.muon else table + matrices
    optimizers = [
        torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": options.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=options.rate,
            betas=(0.9, 0.95),
            fused=device == "cuda",
        )
    ]
    if options.muon:
        optimizers.append(
            torch.optim.Muon(
                matrices, lr=options.muon, weight_decay=options.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    highest = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    warmup = max(1, options.steps // 25)

    loss_of = torch.compile(model.loss) if device == "cuda" else model.loss
    autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")
    batches = Windows(train.to(device), newline, options.context, options.seed).batches(options.batch)
    first, mean, log = None, None, []
    for step in range(options.steps):
        part = min(
            (step + 1) / warmup,
            0.5 * (1 + math.cos(math.pi * max(0, step - warmup) / max(1, options.steps - warmup))),
        )
        for optimizer, rates in zip(optimizers, highest):
            for group, rate in zip(optimizer.param_groups, rates):
                group["lr"] = rate * part
        inputs, targets = next(batches)
        with autocast:
            loss = loss_of(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        mean = loss.detach() if mean is None else 0.98 * mean + 0.02 * loss.detach()
        if step == 9:
            first = (mean.item(), time.time())[1]
        if (step + 1) % max(1, options.steps // 12) == 0:
            held_now = held_out(
                model,
                {"all": (torch.cat([t for t, _ in held.values()])[:131072], 1)},
                options.context,
                device,
                autocast,
            )
            log.append(
                {"step": step + 1, "train": mean.item(), "held_out": held_now["all"]["nats_per_token"]}
            )
            pace = (
                (step - 9) * options.batch * options.context / (time.time() - first)
                if first and step > 9
                else 0
            )
            print(
                f"step {step + 1:6} train {mean.item():.4f} held out {log[-1]['held_out']:.4f} nats a token, {pace / 1e6:.2f} M tokens/s",
                flush=True,
            )
    trained = time.time()

    # What is saved is bf16, so that is what is measured.
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.bfloat16().float())
    losses = held_out(model, held, options.context, device, torch.autocast(device, enabled=False))
    options.out.mkdir(parents=True, exist_ok=True)
    state = {name: weight.detach().bfloat16().cpu().contiguous() for name, weight in model.named_parameters()}
    save_file(state, str(options.out / "model.safetensors"), metadata={"format": "pt"})
    (options.out / "config.json").write_text(json.dumps(config.hugging_face(), indent=2) + "\n")
    shutil.copy(options.tokenizer, options.out / "tokenizer.json")
    shown = samples(model, tokenizer, device)
    report = {
        "options": {k: v for k, v in vars(options).items() if not isinstance(v, Path)},
        "weights": weights,
        "train_tokens": len(train),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds_total": time.time() - began,
        "seconds_training": trained - began,
        "log": log,
        "held_out": losses,
        "samples": shown,
    }
    (options.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    for name, row in losses.items():
        print(
            f"{name:22} {row['nats_per_token']:.4f} nats a token, perplexity {math.exp(row['nats_per_token']):7.2f}, {row['bits_per_byte']:.4f} bits a byte"
        )
    for row in shown:
        print(f"--- {row['prompt']!r}\n{row['text']}")
    print(f"{trained - began:.0f} s to train, {time.time() - began:.0f} s in all")


if __name__ == "__main__":
    main()

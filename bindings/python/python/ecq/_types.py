"""Types of arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SamplingOptions(TypedDict, total=False):
    """How tokens are chosen and where a text ends."""

    max_tokens: int | None
    """Maximum number of new tokens, 128 by default; ``None`` continues to the end of the context."""
    temperature: float
    """0 or more, 0.8 by default; 0 is greedy sampling: always the most likely token."""
    top_k: int
    """Samples from this many of the most likely tokens, 40 by default; 0 for all."""
    top_p: float
    """Samples from the most likely tokens with this total probability: above 0 to 1, 0.95 by default."""
    min_p: float
    """Drops tokens less likely than this times the most likely token: 0 to 1, 0 by default."""
    repetition_penalty: float
    """Divides positive logits of recent tokens and multiplies negative ones: above 0, 1 by default."""
    repetition_window: int
    """Number of recent tokens that the penalty applies to, 64 by default."""
    seed: int
    """Random seed, 0 by default; the same seed gives the same tokens."""
    stop: str | Sequence[str]
    """The text ends before these strings."""
    ignore_end: bool
    """Continues after tokens that end a text or a turn."""
    log_probs: int | None
    """Reports the log-probability of each token, and those of this many of the most likely tokens."""
    logit_bias: Mapping[int, float]
    """Values added to the logits of tokens; negative infinity forbids a token."""


class Message(TypedDict):
    """A message of a conversation."""

    role: str
    """``system``, ``user`` or ``assistant``."""
    content: str
    """Text of the message."""

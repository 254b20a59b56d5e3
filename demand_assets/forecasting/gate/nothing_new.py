"""Is there anything new to learn? One rule, for whoever asks before a training and for the gate after it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LearnedFrom:
    """What a model is made of: the same of all gives the same model."""

    data_hash: str
    """Of demand with its adjustments, and of its drivers: ``own_model.data_hash``. Empty where it is not known."""
    pooled_version: int | None
    """What it stands on, which also says how it is fitted."""
    code_version: str
    """``CODE_VERSION`` of its training."""


def is_nothing_new(now: LearnedFrom, before: LearnedFrom) -> bool:
    """Whether a training now would learn what an earlier one did; False where that is not known."""
    return bool(now.data_hash) and now == before

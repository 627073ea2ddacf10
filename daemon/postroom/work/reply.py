"""What became of one mail that was handed over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """A transport's answer: `state` is sent, deferred, failed or uncertain."""

    state: str
    response: str

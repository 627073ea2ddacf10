"""How a handler's reply addresses name him: his number, and how often they were replaced.

An address that somebody else has seen (a customer who stood in Cc of an answer) is replaced by a
new generation: the old one then grants nothing. It takes no row until that happens.
"""

from __future__ import annotations

# Past so many replacements in one request the addresses stay what they are, and grant nothing.
LAST_GENERATION = 1_023
_STEP = LAST_GENERATION + 1


def handler_number(handler_id: int, generation: int) -> int:
    """Return the participant number of a handler's tokens."""
    return handler_id * _STEP + min(generation, LAST_GENERATION)


def handler_of(number: int) -> tuple[int, int]:
    """Return whose number that is, and of which generation."""
    return divmod(number, _STEP)

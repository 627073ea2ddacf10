"""Whether each thread of a stage is alive: what it does now, and when it will be heard of again.

Promise: a thread that hangs, whatever it waits for, is known by the moment that it promised; one
that waits for something named (a database that is away, nothing to do) says so in time and is
alive.
Used by: the stages (beat), supervision (hung, beats).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

IDLE = "idle"
WITHIN = 120.0  # seconds, unless a thread knows better

# stage, what it did, seconds
Timed = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class Beat:
    """What a thread said last. `due` is by when it must say something again, on a steady clock."""

    stage: str
    state: str
    at: float
    due: float
    is_timed: bool = False


class Pulse:
    """One thread says here what it is about to do."""

    def __init__(self, stage: str, steady: Callable[[], float], timed: Timed) -> None:
        self._stage = stage
        self._steady = steady
        self._timed = timed
        now = steady()
        self.last = Beat(stage, "starting", now, now + WITHIN)

    def beat(self, state: str, within: float = WITHIN, *, is_timed: bool = False) -> None:
        """Say what comes now; the next beat comes within so many seconds.

        `is_timed`: how long it took is worth knowing.
        """
        now, before = self._steady(), self.last
        self.last = Beat(self._stage, state, now, now + within, is_timed)
        if before.is_timed:
            self._timed(self._stage.partition("-")[0], before.state, now - before.at)


class Pulses:
    """The pulses of all threads of a process."""

    def __init__(
        self, steady: Callable[[], float] = time.monotonic, timed: Timed = lambda *_: None
    ) -> None:
        self._steady = steady
        self._timed = timed
        self._pulses: dict[str, Pulse] = {}

    def start(self, stage: str) -> Pulse:
        """Watch a thread from now on; one that had this name before is forgotten."""
        pulse = self._pulses[stage] = Pulse(stage, self._steady, self._timed)
        return pulse

    def end(self, stage: str) -> None:
        """Watch it no more: it has ended as it was meant to."""
        self._pulses.pop(stage, None)

    def beats(self) -> list[Beat]:
        """Return what every thread said last, by name."""
        return sorted((each.last for each in [*self._pulses.values()]), key=lambda one: one.stage)

    def hung(self) -> list[Beat]:
        """Return those of whom nothing was heard by the moment that they promised."""
        now = self._steady()
        return [beat for beat in self.beats() if now > beat.due]

    def age(self, beat: Beat) -> float:
        """Return how many seconds ago that was."""
        return self._steady() - beat.at

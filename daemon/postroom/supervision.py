"""Whether this daemon lives, said to whom it concerns: systemd, the log, the other process.

Promise: the watchdog is fed as long as every stage is heard of in time, whatever it waits for by
name; a stage that hangs is named in the log, and feeding ends. The doors' process says by a pipe
that it lives and what it has counted.
Used by: app, doorway, doors, pages, worker.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from postroom import logs, parent, systemd
from postroom.config import Config
from postroom.pulse import Beat, Pulse, Pulses
from postroom.tally import Snapshot, Tally, merged

log = structlog.get_logger()

REPORT_EVERY = 1.0  # seconds between two lines of the doors
LONGEST_REPORT = 256 * 1024
LOOK = 5.0  # seconds between two looks at the pulses when no watchdog asks for more


@dataclass(frozen=True, slots=True)
class Distant:
    """What a thread of the doors' process said last."""

    stage: str
    state: str
    age: float  # in seconds
    is_hung: bool

    def __str__(self) -> str:
        return f"{self.stage}: {self.state}"


@dataclass(slots=True)
class Vitals:
    """What is known of this process, and of the doors' process beside it."""

    tally: Tally = field(default_factory=Tally)
    pulses: Pulses = field(init=False)
    # The doors' process: what it counted, and those before it.
    doors: Snapshot = field(default_factory=dict)
    doors_before: Snapshot = field(default_factory=dict)
    are_doors_open: bool | None = None
    stages_of_doors: tuple[Distant, ...] = ()

    def __post_init__(self) -> None:
        self.pulses = Pulses(timed=self.tally.time)

    def hung(self) -> list[Beat]:
        """Return the threads that should have been heard of."""
        return self.pulses.hung()


# ---- the doors' process


async def report(vitals: Vitals, pipe: int) -> None:
    """In the doors' process: say every second that it lives, until cancelled.

    A parent that does not read is not waited for.
    """
    os.set_blocking(pipe, False)
    while True:
        hung = vitals.hung()
        said = {
            "tally": vitals.tally.snapshot(),
            "stages": [
                [beat.stage, beat.state, round(vitals.pulses.age(beat), 1), beat in hung]
                for beat in vitals.pulses.beats()
            ],
        }
        with suppress(BlockingIOError):
            os.write(pipe, json.dumps(said).encode() + b"\n")
        await asyncio.sleep(REPORT_EVERY)


async def hear(vitals: Vitals, reader: asyncio.StreamReader, pulse: Pulse) -> None:
    """In the daemon: hear the doors until they end. A line that was cut is skipped."""
    named: list[str] = []
    while line := await _line(reader):
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        vitals.doors = said["tally"]
        vitals.stages_of_doors = tuple(Distant(*values) for values in said["stages"])
        hung = [str(one) for one in vitals.stages_of_doors if one.is_hung]
        if not hung:
            pulse.beat("listening", within=30 * REPORT_EVERY)
        elif hung != named:
            log.error("doors.hung", stages=hung)
        named = hung
    # A process that comes after it begins at nothing: what this one counted stays.
    vitals.doors_before, vitals.doors = merged([vitals.doors_before, vitals.doors]), {}
    vitals.stages_of_doors = ()


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:  # longer than its limit
        return b"\n"


# ---- the watchdog


async def feed(vitals: Vitals, status: Callable[[], str]) -> None:
    """Tell systemd that all stages live, until cancelled; tell the log of those that do not."""
    asked = systemd.watchdog_seconds()
    seconds = min(asked / 3, LOOK) if asked is not None else LOOK
    named: set[str] = set()
    while True:
        hung = vitals.hung()
        for beat in hung:
            if beat.stage not in named:
                silent = round(vitals.pulses.age(beat))
                log.error("stage.hung", stage=beat.stage, state=beat.state, seconds=silent)
        for stage in named - {beat.stage for beat in hung}:
            log.warning("stage.recovered", stage=stage)
        named = {beat.stage for beat in hung}
        if hung:
            systemd.notify(STATUS="hangs: " + ", ".join(sorted(named)))
        else:
            systemd.notify(WATCHDOG=1, STATUS=status())
        await asyncio.sleep(seconds)


# ---- from the first line of the log to the last


def begin(config: Config) -> Vitals:
    """Set up the log of this process, which ends with the one that started it."""
    vitals = Vitals()
    logs.configure(config.logs.format, config.logs.level, tally=vitals.tally)
    with suppress(OSError, ValueError):  # a stream that is no file
        faulthandler.enable()  # the watchdog's SIGABRT tells where each thread stood
    if (started_by := os.environ.get(parent.VARIABLE)) is not None:
        parent.die_with(int(started_by))
    for warning in config.warnings:
        log.warning("config.doubtful", why=warning)
    return vitals


def stop_on_signals() -> asyncio.Event:
    """Return what is set by SIGTERM and by SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do something without end while the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

"""Whether this daemon lives, said to whom it concerns: systemd, monitoring, the log.

Promise: the watchdog is fed as long as every stage is heard of in time, whatever it waits for by
name; a stage that hangs is named in the log, and feeding ends. The doors' process says by a pipe
that it lives and what it has counted.
Used by: app, doors, worker.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from postroom import systemd
from postroom.core.alarms import Figures
from postroom.core.units import write_duration
from postroom.exposition import CONTENT_TYPE, Scene, expose
from postroom.monitor import Page, Pages
from postroom.pulse import Beat, Pulse, Pulses
from postroom.shipped import shipped_version
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


def status_of(figures: Figures | None) -> str:
    """Say in a line how things stand, for `systemctl status`."""
    if figures is None:
        return "working"
    if figures.database_away:
        return f"the database is away; {figures.spool_waiting or 0} mails in the spool"
    words = [f"{figures.spool_waiting} in the spool", f"{figures.outbox_waiting} to be sent"]
    if figures.outbox_oldest and figures.outbox_waiting:
        words[-1] += f" (oldest {write_duration(int(figures.outbox_oldest))})"
    if figures.is_paused:
        words[-1] += ", paused"
    words += [f"{figures.holds} held", f"{figures.quarantined} in quarantine"]
    if figures.timers_late and figures.timers_late >= 60:
        words.append(f"timers late by {write_duration(int(figures.timers_late))}")
    return ", ".join(words)


# ---- what monitoring is told


def pages(vitals: Vitals, look: Callable[[], Figures] | None = None) -> Pages:
    """Return the pages. `look` finds out how things stand, and may take its time; None: doors."""

    async def figures() -> Figures | None:
        return await asyncio.to_thread(look) if look is not None else None

    async def healthz() -> Page:
        hung = [(beat.stage, beat.state) for beat in vitals.hung()]
        hung += [(one.stage, one.state) for one in vitals.stages_of_doors if one.is_hung]
        words = "".join(f"{stage} hangs: {state}\n" for stage, state in hung)
        return Page(503 if hung else 200, words.encode() or b"ok\n")

    async def readyz() -> Page:
        found = await figures()
        missing = []
        if vitals.are_doors_open is False:
            missing.append("the doors are closed\n")
        if found is not None and found.database_away:
            missing.append("the database is away\n")
        if found is not None and found.spool_waiting is None:
            missing.append("the spool cannot be read\n")
        return Page(503 if missing else 200, "".join(missing).encode() or b"ok\n")

    async def metrics() -> Page:
        scene = Scene(
            version=shipped_version(),
            tally=merged([vitals.tally.snapshot(), vitals.doors_before, vitals.doors]),
            **_stages(vitals),
            are_doors_open=vitals.are_doors_open,
            figures=await figures(),
        )
        return Page(200, expose(scene), CONTENT_TYPE)

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def _stages(vitals: Vitals) -> dict[str, Any]:
    """Return the threads of this process and of the doors' process."""
    beats, distant = vitals.pulses.beats(), vitals.stages_of_doors
    hung = [beat.stage for beat in vitals.hung()] + [one.stage for one in distant if one.is_hung]
    ages = {beat.stage: vitals.pulses.age(beat) for beat in beats}
    return {
        "beats": (*beats, *(Beat(one.stage, one.state, 0.0, 0.0) for one in distant)),
        "ages": ages | {one.stage: one.age for one in distant},
        "hung": frozenset(hung),
    }

"""After a reload: the clocks of all open requests follow the policy that is active now.

Promise: each request whose clocks, chain or automatic close are others under it gets one decision
with its row of history, the others are not touched. Killed in between, or overtaken by another
reload, it begins again: what is done already differs no more. The first look, at a start, is at all
of them (another release may know other holidays); a reload that says the same of time needs none.
Used by: worker (a thread); cli, to say what would differ (`look`).
Fails:   Unavailable when the database is away; a request that cannot be worked out is logged and
left as it is, and all are looked at again at the next start.

Mail goes on meanwhile: facts are read in portions beside the writer, with pauses as long as the
work, and no more than WINDOW decisions wait for the writer at a time.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from postroom.core.comparison import are_clocks_alike
from postroom.core.effects import Decision
from postroom.core.facts import RequestFact
from postroom.core.model import Policy
from postroom.core.retiming import Difference, What, differences, retime
from postroom.errors import Conflict, Unavailable
from postroom.pulse import IDLE, WITHIN, Pulse, Pulses
from postroom.store import following, policies
from postroom.store.apply import mark_followed
from postroom.store.db import Database
from postroom.work.desk import Desk, Settled

log = structlog.get_logger()

WINDOW = 16


@dataclass(frozen=True, slots=True)
class Concerned:
    """An open request for which a policy changes something."""

    request: RequestFact
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """A portion of open requests that were looked at."""

    count: int
    concerned: tuple[Concerned, ...]
    failed: tuple[int, ...] = ()


def look(
    database: Database, policy: Policy, now: Callable[[], datetime], before: str | None = None
) -> Iterator[Looked]:
    """Yield, portion by portion, what a policy would change; nothing is done about it."""
    for portion in following.portions(database):
        concerned, failed = [], []
        for request in portion:
            try:
                at = now()
                found = differences(retime(request, policy, at, before), at)
            except Exception:  # one that cannot be worked out must not hide the others
                log.exception("clocks.failed", request=request.id)
                failed.append(request.id)
                continue
            if found:
                concerned.append(Concerned(request, found))
        yield Looked(len(portion), tuple(concerned), tuple(failed))


def follow_already(database: Database, policy: Policy) -> bool:
    """Whether no clock can differ: all follow the active policy, which says the same of time."""
    with database.read() as connection:
        active = following.active(connection)
        if active is None or not active.is_followed:
            return False
        return _is_alike(connection, active.version, policy)


def _is_alike(connection: Connection, version: str | None, policy: Policy) -> bool:
    if version is None:
        return False
    return are_clocks_alike(policies.policy_files(connection, version), policy.files)


class Retimer:
    """Does it whenever woken; `run_once` is for tests, and for whoever has a thread already."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wake = threading.Event()
        self._has_looked = False

    def wake(self) -> None:
        """Say that there may be another policy, or that it is time to stop."""
        self._wake.set()

    def run(self, stop: threading.Event, pulse: Pulse | None = None) -> None:
        """Follow each policy that becomes active, until told to stop."""
        pulse = pulse or Pulses().start("retimer")
        while not stop.is_set():
            self._wake.clear()
            if self.run_once(stop, pulse):
                pulse.beat(IDLE)
                while not self._wake.wait(WITHIN / 4):
                    pulse.beat(IDLE)

    def run_once(self, stop: threading.Event | None = None, pulse: Pulse | None = None) -> bool:
        """Let all open requests follow; False when stopped, or overtaken by another policy."""
        pulse = pulse or Pulses().start("retimer")
        desk, policy = self._desk, self._desk.policy
        with desk.database.read() as connection:
            active = following.active(connection)
            if active is None or active.version != policy.version:
                return True
            if self._has_looked and active.is_followed:
                return True
            is_alike = active.is_next and _is_alike(connection, active.before, policy)
        if self._has_looked and is_alike:
            self._finish(active.id)
            return True
        before = active.before if active.before != active.version else None
        counts: Counter[str] = Counter()
        begun = time.monotonic()
        for portion in look(desk.database, policy, desk.clock, before):
            pulse.beat("recomputed")
            counts.update(looked=portion.count, failed=len(portion.failed))
            self._follow(portion, before, counts)
            if desk.policy is not policy or (stop is not None and stop.is_set()):
                return False
            if stop is not None:
                stop.wait(time.monotonic() - begun)
            begun = time.monotonic()
        if not counts["failed"]:
            self._finish(active.id)
            self._has_looked = True
        names = ("looked", "changed", "overdue", "levels", "closes", "failed")
        log.info("clocks.recomputed", policy=policy.version, **{n: counts[n] for n in names})
        return True

    def _finish(self, activation: int) -> None:
        now = self._desk.clock()
        self._desk.database.write(lambda c: mark_followed(c, activation, now))

    def _follow(self, portion: Looked, before: str | None, counts: Counter[str]) -> None:
        waiting: deque[tuple[int, Future[Settled]]] = deque()
        for one in portion.concerned:
            if len(waiting) >= WINDOW:
                self._settle(*waiting.popleft(), before, counts)
            number = one.request.id
            waiting.append((number, self._desk.submit_retiming(number, before)))
        while waiting:
            self._settle(*waiting.popleft(), before, counts)

    def _settle(
        self, request: int, future: Future[Settled], before: str | None, counts: Counter[str]
    ) -> None:
        try:
            try:
                settled = future.result()
            except Conflict:
                settled = self._desk.retime(request, before)
        except Unavailable:
            raise
        except Exception:  # the top of a loop
            log.exception("clocks.failed", request=request)
            counts["failed"] += 1
            return
        if settled.decision is not None:
            counts.update(_counted(settled.decision, self._desk.clock()))


def _counted(decision: Decision, now: datetime) -> Iterator[str]:
    yield "changed"
    acting = [one.what for one in differences(decision, now) if one.at_once]
    if any(what in (What.FIRST_REPLY, What.NEXT_REPLY, What.DEADLINE) for what in acting):
        yield "overdue"
    if What.LEVEL in acting:
        yield "levels"
    if What.CLOSE in acting:
        yield "closes"

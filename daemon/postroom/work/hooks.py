"""The stage that runs hooks: claim, run, let the result act.

Promise: a hook is run at least once after the commit that wanted it, each time with the same key
and words; one that hangs, floods or dies holds up nobody else for longer than its time limit.
Nothing of a mail is in a command line or an environment but numbers.
Used by: worker (run), tests (run_once).
Fails:   Unavailable out of run_once when the database is away: the hook is run again when its lease
is over.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from postroom import failpoints
from postroom.core.hooks import Ending, HookResult, HookRun
from postroom.errors import NotAllowed, Unavailable
from postroom.policy.hooks import fault_of
from postroom.pulse import IDLE, Pulse, Pulses
from postroom.store import hooks as queue
from postroom.work.desk import Desk, Settled
from postroom.work.programs import run_program
from postroom.work.webhooks import call, signed_headers, wait_of

LONGEST_WAIT = 1.0  # seconds; another process may have asked for a hook
LEASE_MARGIN = timedelta(minutes=1)
PATIENCE = 30  # times; the lease lasts longer
SETTLED_WITHIN = 600.0  # seconds for a result, with all that patience
TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h
GONE = 410  # Standard Webhooks: the receiver wants no more of it
_LATER_STATUS = frozenset({429, 503})  # RFC 6585 §4, RFC 9110 §15.6.4

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hook:
    """What config.toml says of a hook; without `url` it is an executable."""

    seconds: float = 30.0
    url: str | None = None
    secret: bytes = b""


class HookRunner:
    """Runs what the database says is to be run."""

    def __init__(
        self,
        desk: Desk,
        folder: Path,
        hooks: Mapping[str, Hook],
        *,
        random: Callable[[], float],
        on_mail: Callable[[], None] = lambda: None,
        threads: int = 4,
        pulses: Pulses | None = None,
    ) -> None:
        self._desk = desk
        self._folder = folder
        self._hooks = hooks
        self._random = random
        self._on_mail = on_mail  # told when there is something in the outbox
        self._threads = threads
        self._pulses = pulses or Pulses()
        longest = max(hook.seconds for hook in (Hook(), *hooks.values()))
        self._lease = timedelta(seconds=longest) + LEASE_MARGIN

    def run(self, stop: threading.Event) -> None:
        """Run hooks until `stop` is set; what does not end soon then is given back."""
        threads = [
            threading.Thread(
                target=self._loop,
                args=(stop, self._pulses.start(f"hooks-{number}")),
                name=f"hooks-{number}",
            )
            for number in range(self._threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run_once(self) -> int:
        """Run everything that is due now; return how many attempts were made."""
        never, made = threading.Event(), 0
        pulse = Pulses().start("hooks")
        while self._round(never, pulse):
            made += 1
        return made

    def _loop(self, stop: threading.Event, pulse: Pulse) -> None:
        while not stop.is_set():
            pulse.beat("claiming")
            try:
                if not self._round(stop, pulse):
                    pulse.beat(IDLE)
                    stop.wait(LONGEST_WAIT)
            except Unavailable as away:
                log.warning("hooks.waiting", why=str(away))
                stop.wait(LONGEST_WAIT)
            except Exception:  # top of the loop: what was claimed is run again after its lease
                log.exception("hooks.failed")
                stop.wait(LONGEST_WAIT)

    def _round(self, stop: threading.Event, pulse: Pulse) -> bool:
        """Run one hook; False: nothing is due."""
        now, database = self._desk.clock(), self._desk.database
        with database.read() as connection:  # a look costs no flush
            due_at = queue.next_due(connection)
        if due_at is None or due_at > now:
            return False
        run = database.write(lambda c: queue.claim(c, now, now + self._lease))
        if run is None:
            return False
        with bound_contextvars(run=run.id, hook=run.name, request=run.request_id):
            # A hook has its time limit, and its result may wait for a database that is away.
            pulse.beat("run", self._lease.total_seconds() + SETTLED_WITHIN, is_timed=True)
            self._run(run, stop)
        return True

    def _run(self, run: HookRun, stop: threading.Event) -> None:
        failpoints.hit("hook.claimed")
        result = self._result(run, stop)
        failpoints.hit("hook.ended")
        if result is None:
            self._desk.database.write(lambda c: queue.release(c, run, self._desk.clock()))
            log.info("hook.released", attempt=run.attempts)
            return
        try:
            settled = self._settled(run, result, stop)
        except NotAllowed as late:
            log.warning("hook.claim_lost", why=str(late), status=result.status)
            return
        failpoints.hit("hook.recorded")
        said = log.info if result.ending is Ending.DONE else log.warning
        said(f"hook.{result.ending.value}", attempt=run.attempts, status=result.status)
        if settled.has_mail:
            self._on_mail()

    def _settled(self, run: HookRun, result: HookResult, stop: threading.Event) -> Settled:
        """Let a result act; while the database is away, a while, for nobody else knows it."""
        for _ in range(PATIENCE):
            try:
                return self._desk.end_hook(run, result, self._random())
            except Unavailable as away:
                log.warning("hooks.waiting", why=str(away))
                if stop.wait(LONGEST_WAIT):
                    break
        return self._desk.end_hook(run, result, self._random())

    def _result(self, run: HookRun, stop: threading.Event) -> HookResult | None:
        """Run it; None when the daemon stopped it."""
        hook = self._hooks.get(run.name, Hook())
        body = json.dumps(run.payload, ensure_ascii=False).encode()
        if hook.url is not None:
            return self._call(hook, hook.url, run, body, stop)
        return self._start(hook, run, body, stop)

    def _start(
        self, hook: Hook, run: HookRun, body: bytes, stop: threading.Event
    ) -> HookResult | None:
        path = self._folder / run.name
        fault = fault_of(path)
        if fault is not None:  # it was well when the rules were loaded
            return HookResult(Ending.FAILED, "cannot be run", fault)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "POSTROOM_KEY": run.key,
            "POSTROOM_EVENT": run.event,
            "POSTROOM_REQUEST": str(run.request_id),
        }
        try:
            end = run_program(path, body, environment, hook.seconds, stop)
        except OSError as error:
            return HookResult(Ending.FAILED, "cannot be run", error.strerror or str(error))
        if end.is_stopped:
            return None
        return _result_of(end.status, _readable(end.output), hook.seconds)

    def _call(
        self, hook: Hook, url: str, run: HookRun, body: bytes, stop: threading.Event
    ) -> HookResult | None:
        headers = signed_headers(run.key, self._desk.clock(), body, hook.secret)
        end = call(url, body, headers, hook.seconds, stop)
        if end.is_stopped:
            return None
        answer = _readable(end.answer)
        if end.status is None:
            return HookResult(Ending.FAILED, "no answer", answer)
        if 200 <= end.status < 300:
            return HookResult(Ending.DONE, f"HTTP {end.status}", answer)
        ending = Ending.LATER if end.status in _LATER_STATUS else Ending.FAILED
        if end.status == GONE:
            return HookResult(Ending.REFUSED, f"HTTP {end.status}", answer)
        is_elsewhere = 300 <= end.status < 400
        status = f"HTTP {end.status}" + (", and redirects are not followed" * is_elsewhere)
        wait = wait_of(end.retry_after, self._desk.clock())
        return HookResult(ending, status, answer, wait)


def _result_of(status: int | None, output: str, seconds: float) -> HookResult:
    if status is None:
        return HookResult(Ending.FAILED, f"ended after its time limit of {seconds:g} s", output)
    if status < 0:
        return HookResult(Ending.FAILED, f"ended by {_signal_name(-status)}", output)
    ending = Ending.DONE if status == 0 else Ending.LATER if status == TRY_LATER else Ending.FAILED
    return HookResult(ending, f"exit {status}", output)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _readable(octets: bytes) -> str:
    """Return output as text without control characters but line ends and tabs."""
    text = octets.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)

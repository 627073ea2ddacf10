"""Named places where a test may stop, break or kill the process.

Promise: without a test (or `POSTROOM_FAILPOINT`) `hit` does nothing. Every place has a name in
NAMES; a test proves that each name stands in the source once and that the crash suite visits it.
`POSTROOM_FAILPOINT=apply.journal:kill` (or `:raise`, `:exit`; `name@3:kill` for the third visit)
arms one place in a child process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

NAMES = frozenset(
    {
        "spool.begun",  # the transaction is open, nothing written
        "spool.written",  # rows written, not committed
        "spool.committed",  # durable, the sender not yet told
        "spool.finished",  # rows deleted, not committed
        "spool.deferred",  # attempt counted, not committed
        "desk.decided",  # decided on facts of a moment ago, the transaction not begun
        "imap.fetched",  # mails are here, nothing handed to the spool
        "imap.told",  # the server has flagged, moved or deleted, which is not yet noted
        "apply.begun",  # the transaction is open, nothing written
        "apply.journal",  # the journal row is written
        "apply.request",  # the row of a new request is written, nothing that belongs to it
        "apply.outbox",  # outbox and deliveries are written
        "apply.written",  # everything written, not committed
        "apply.committed",  # committed, the spool still has the mail
        "timer.found",  # what is due was read, nothing decided
        "timer.begun",  # the writer's transaction is open; others of the crowd may be written
        "timer.fired",  # committed, not yet said
        "hook.claimed",  # lease committed, nothing run
        "hook.ended",  # it has run, nobody knows what came of it
        "hook.recorded",  # its result is committed
        "sender.claimed",  # lease committed, nothing composed
        "sender.composed",  # bytes made, not handed
        "sender.handed",  # `handed` committed, DATA not begun
        "sender.accepted",  # the relay said 250, not yet recorded
        "sender.recorded",  # `sent` committed
    }
)

_armed: dict[str, Callable[[], None]] = {}


class FailpointError(Exception):
    """Raised at an armed place by the action `raise`."""


def hit(name: str) -> None:
    """Visit the place `name`."""
    if _armed and (action := _armed.get(name)) is not None:
        action()


def arm(name: str, action: Callable[[], None]) -> None:
    """Let `action` run at each visit of `name`."""
    if name not in NAMES:
        raise KeyError(f"no failpoint is called {name!r}")
    _armed[name] = action


def disarm() -> None:
    """Make every place harmless again."""
    _armed.clear()


def arm_from_environment() -> None:
    """Arm the place that POSTROOM_FAILPOINT names; called by the crash tests' child processes."""
    spec = os.environ.get("POSTROOM_FAILPOINT", "")
    if not spec:
        return
    name, _, verb = spec.partition(":")
    name, _, nth = name.partition("@")
    arm(name, _counted(int(nth or 1), _ACTIONS[verb or "kill"]))


def _counted(nth: int, action: Callable[[], None]) -> Callable[[], None]:
    visits = 0

    def visit() -> None:
        nonlocal visits
        visits += 1
        if visits == nth:
            action()

    return visit


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise FailpointError


def _exit() -> None:
    os._exit(70)


_ACTIONS: dict[str, Callable[[], None]] = {"kill": _kill, "raise": _raise, "exit": _exit}

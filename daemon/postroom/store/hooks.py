"""Hooks to be run: written by the decision that wants them, claimed and recorded by work.hooks.

Promise: a hook that a committed decision asks for is run at least once. A run is claimed by one
runner at a time; one whose runner died is claimed again when its lease is over, with the same key.
Used by: store.apply (start, end), work.hooks (claim, next_due), store.background (pending).
Fails:   NotAllowed when a result comes for a claim that is no longer the sender's.

    waiting ──claim──► running ──► done
       ▲                  │ └────► failed   given up: a human is told
       └── later, failed, lease over ┘

A claim is known by its attempt number. What the hook is told (`payload`) is written once, with the
decision: every attempt says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, bindparam, case, func, insert, select, text, update

from postroom.clock import rfc3339
from postroom.core.effects import EndHookRun, PendingTransition, RunHook
from postroom.core.hooks import HookRun
from postroom.errors import NotAllowed
from postroom.store.prepared import Prepared
from postroom.store.schema import UtcDateTime, hook_run
from postroom.store.views import whole_request
from postroom.store.writing import Writing

MAX_RESULT = 500
POISON_ATTEMPTS = 50  # no other run comes so far

_IS_WAITING = text("hook_run.state = 'waiting'")
_IS_RUNNING = text("hook_run.state = 'running'")
_NOW = bindparam("now", type_=UtcDateTime)
_START = Prepared(insert(hook_run))
_picked = (
    select(hook_run.c.id)
    .where(_IS_WAITING, hook_run.c.due_at <= _NOW)
    .order_by(hook_run.c.due_at, hook_run.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer and ignores it
    .cte("picked")
    .prefix_with("MATERIALIZED")  # else PostgreSQL may take more rows than asked
)
_CLAIM = (
    update(hook_run)
    .where(hook_run.c.id.in_(select(_picked.c.id)))
    .values(
        state="running",
        attempts=hook_run.c.attempts + 1,
        lease_until=bindparam("until", type_=UtcDateTime),
    )
    .returning(hook_run)
)
_LAPSE = (
    update(hook_run)
    .where(_IS_RUNNING, hook_run.c.lease_until <= _NOW)
    .values(
        # Whoever runs it dies, or cannot say what came of it, again and again.
        state=case((hook_run.c.attempts >= POISON_ATTEMPTS, "failed"), else_="waiting"),
        due_at=_NOW,
        lease_until=None,
    )
)
_OURS = (
    hook_run.c.id == bindparam("run_id"),
    hook_run.c.attempts == bindparam("attempt"),
    # A word that comes after the lease was over still counts, if nobody has claimed it since.
    text("hook_run.state IN ('waiting', 'running')"),
)
_END = (
    update(hook_run)
    .where(*_OURS)
    .values(
        state=bindparam("set_state"),
        due_at=bindparam("set_due_at", type_=UtcDateTime),
        lease_until=None,
        last_result=bindparam("set_result"),
    )
)
_RELEASE = (
    update(hook_run)
    .where(*_OURS, _IS_RUNNING)
    .values(state="waiting", attempts=hook_run.c.attempts - 1, due_at=_NOW, lease_until=None)
)
_NEXT_DUE = select(func.min(hook_run.c.due_at)).where(_IS_WAITING)
_NEXT_LAPSE = select(func.min(hook_run.c.lease_until)).where(_IS_RUNNING)
_PENDING = Prepared(
    select(hook_run.c.transition).where(
        hook_run.c.request_id == bindparam("id"),
        hook_run.c.transition.is_not(None),
        text("hook_run.state IN ('waiting', 'running')"),
    )
)


# ---- in the transaction of a decision


def start(work: Writing, effect: RunHook) -> None:
    """Let a hook be run once this is committed; it hears how the request stands now."""
    request_id, key = work.request_id(effect.request), f"run_{uuid4().hex}"
    row = {
        "request_id": request_id,
        "name": effect.name,
        "key": key,
        "event": effect.event,
        "because": effect.because,
        "payload": _payload(work, effect, request_id, key),
        "transition": asdict(effect.transition) if effect.transition is not None else None,
        "state": "waiting",
        "attempts": 0,
        "due_at": work.now,
        "created_at": work.now,
    }
    _START.run(work.connection, row)
    work.note(effect.request, "hook", None, f"{effect.name}: on its way", effect.because)


def end(connection: Connection, effect: EndHookRun) -> None:
    """Record what came of an attempt. NotAllowed: another one has begun since."""
    values = {
        "run_id": effect.run,
        "attempt": effect.attempt,
        "set_state": effect.state,
        "set_due_at": effect.due_at,
        "set_result": effect.result[:MAX_RESULT],
    }
    if connection.execute(_END, values).rowcount != 1:
        raise NotAllowed(f"attempt {effect.attempt} of hook run {effect.run} is over")


def _payload(work: Writing, effect: RunHook, request_id: int, key: str) -> dict[str, Any]:
    whole = whole_request(work.connection, work.site.prefix, request_id)
    transition = effect.transition
    event: dict[str, Any] = {
        "kind": effect.event,
        "hook": effect.name,
        "key": key,
        "at": work.now,
        "actor": work.decision.actor,
        "because": effect.because,
        "transition": None,
    }
    if transition is not None:
        event["transition"] = {
            "name": transition.name,
            "from": transition.from_,
            "to": transition.to,
            "reason": transition.reason,
        }
    told = {**asdict(whole.request), "extracted": whole.extracted, "event": event}
    return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    """Make JSON of a value: instants as the contract has them."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


# ---- running


def claim(conn: Connection, now: datetime, lease_until: datetime) -> HookRun | None:
    """Take the run that has been due longest; those whose runner died are due again."""
    conn.execute(_LAPSE, {"now": now})
    row = conn.execute(_CLAIM, {"now": now, "until": lease_until}).first()
    if row is None:
        return None
    transition = PendingTransition(**row.transition) if row.transition is not None else None
    return HookRun(
        id=row.id,
        request_id=row.request_id,
        name=row.name,
        key=row.key,
        event=row.event,
        because=row.because,
        payload=row.payload,
        transition=transition,
        attempts=row.attempts,
        created_at=row.created_at,
    )


def release(conn: Connection, run: HookRun, now: datetime) -> bool:
    """Give a claim back, because the daemon stops: the attempt does not count."""
    keys = {"run_id": run.id, "attempt": run.attempts, "now": now}
    return conn.execute(_RELEASE, keys).rowcount == 1


def next_due(conn: Connection) -> datetime | None:
    """Return when there is next something to claim; None: never."""
    moments = (conn.execute(_NEXT_DUE).scalar(), conn.execute(_NEXT_LAPSE).scalar())
    return min((moment for moment in moments if moment is not None), default=None)


def pending(conn: Connection, request_id: int) -> str | None:
    """Return the transition of a request whose hook has not answered yet."""
    row = _PENDING.first(conn, {"id": request_id})
    return str(row[0]["name"]) if row is not None else None

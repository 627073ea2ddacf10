"""Hooks to be run: written by the decision that wants them, claimed and recorded by work.hooks.

Promise: a hook that a committed decision asks for is run at least once. A run is claimed by one
runner at a time; one whose runner died is claimed again when its lease is over, with the same key.
Used by: store.apply (start, end), work.hooks (claim, next_due), store.background (pending),
cli (entries, entry, retry).
Fails:   NotAllowed when a result comes for a claim that is no longer the sender's, and for a run
that cannot be asked for again; NotFound.

    waiting ──claim──► running ──► done
       ▲                  │ └────► failed   given up: a human is told
       ├── later, failed, lease over ┘
       └── a human asks for it: waiting, failed

A claim is known by its attempt number. What the hook is told (`payload`) is written once, with the
decision: every attempt says the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    Connection,
    bindparam,
    case,
    func,
    insert,
    literal,
    select,
    text,
    update,
)

from postroom.clock import rfc3339
from postroom.core.effects import EndHookRun, PendingTransition, RunHook
from postroom.core.hooks import HookRun
from postroom.errors import NotAllowed, NotFound
from postroom.store.prepared import Prepared
from postroom.store.schema import PlainText, UtcDateTime, history, hook_run, policy_activation
from postroom.store.views import whole_request
from postroom.store.writing import Writing

MAX_RESULT = 2_500
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
_RETRY = (
    update(hook_run)
    .where(hook_run.c.id == bindparam("run_id"), text("hook_run.state IN ('waiting', 'failed')"))
    .values(state="waiting", due_at=_NOW)
)
_NOTE = insert(history).from_select(
    ["request_id", "at", "actor", "kind", "to_value", "because", "policy_version"],
    select(
        hook_run.c.request_id,
        bindparam("at", type_=UtcDateTime),
        bindparam("actor", type_=PlainText),
        text("'hook'"),
        hook_run.c.name + literal(": to be run now"),
        text("'hooks retry'"),
        select(policy_activation.c.version)
        .order_by(policy_activation.c.id.desc())
        .limit(1)
        .scalar_subquery(),
    ).where(hook_run.c.id == bindparam("run_id")),
)
_SHOWN = "id name event state attempts due_at lease_until last_result key because created_at"
_ENTRIES = select(
    hook_run.c.request_id.label("request"), *(hook_run.c[name] for name in _SHOWN.split())
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


@dataclass(frozen=True, slots=True)
class HookEntry:
    """A hook as the operator sees it. `last_result`: exit status or answer, then what it said."""

    id: int
    request: int
    name: str
    event: str
    state: str
    attempts: int
    due_at: datetime | None
    lease_until: datetime | None
    last_result: str | None
    key: str
    because: str
    created_at: datetime


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


# ---- for the operator


def entries(conn: Connection, states: Iterable[str] = ()) -> list[HookEntry]:
    """Return the hooks that were ever asked for, oldest first; all states unless some are named."""
    wanted = list(states)
    statement = _ENTRIES.where(hook_run.c.state.in_(wanted)) if wanted else _ENTRIES
    rows = conn.execute(statement.order_by(hook_run.c.id)).mappings()
    return [HookEntry(**row) for row in rows]


def entry(conn: Connection, run_id: int) -> HookEntry:
    """Return one of them."""
    row = conn.execute(_ENTRIES.where(hook_run.c.id == run_id)).mappings().first()
    if row is None:
        raise NotFound(f"no hook run {run_id}")
    return HookEntry(**row)


def retry(conn: Connection, run_id: int, now: datetime, actor: str) -> None:
    """Run a hook now, with the same key and words; given up before, it gets one attempt more."""
    if conn.execute(_RETRY, {"run_id": run_id, "now": now}).rowcount != 1:
        state = entry(conn, run_id).state
        raise NotAllowed(f"hook run {run_id} is {state}; retry is for waiting, failed")
    conn.execute(_NOTE, {"run_id": run_id, "at": now, "actor": actor})

"""What a handler's mail or command may need of its request: messages, history, holds, commands.

Promise: only reads, in the caller's view. Loaded for handlers only: customers' mail needs none of
it. A request too large to be looked through says so (`is_whole`), so that nothing is taken for
harmless that was not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from postroom.core.facts import (
    Background,
    ChangeFact,
    CommandsFact,
    HoldFact,
    MessageFact,
)
from postroom.core.model import Direction, Outcome, Visibility
from postroom.store import schema as t

MOST_MESSAGES = 2_000
MOST_CHARACTERS = 5_000_000
_MOST_CHANGES = 2_000
_MOST_COMMANDS = 50  # mails; older ones are not undone

_MESSAGES = (
    select(t.message)
    .where(t.message.c.request_id == bindparam("id"))
    .order_by(t.message.c.id.desc())
    .limit(MOST_MESSAGES + 1)
)
_HISTORY = (
    select(t.history)
    .where(t.history.c.request_id == bindparam("id"))
    .order_by(t.history.c.id.desc())
    .limit(_MOST_CHANGES)
)
_HOLDS = (
    select(
        t.hold.c.id,
        t.hold.c.journal_id,
        t.hold.c.request_id,
        t.hold.c.state,
        t.journal.c.from_address,
        t.journal.c.subject,
        t.hold.c.reason,
    )
    .select_from(t.hold.join(t.journal, t.hold.c.journal_id == t.journal.c.id))
    .order_by(t.hold.c.id)
)
_WAITING = _HOLDS.where(t.hold.c.request_id == bindparam("id"), t.hold.c.state == "waiting")
_ONE_HOLD = _HOLDS.where(t.hold.c.id == bindparam("id"))
_COMMANDS = (
    select(t.journal.c.id, t.journal.c.explanation)
    .where(
        t.journal.c.request_id == bindparam("id"),
        t.journal.c.outcome.in_([Outcome.COMMAND.value, Outcome.APPENDED.value]),
    )
    .order_by(t.journal.c.id.desc())
    .limit(_MOST_COMMANDS)
)


def load_background(connection: Connection, request_id: int) -> Background:
    """Return all that a handler's words about a request may be checked against."""
    keys = {"id": request_id}
    rows = connection.execute(_MESSAGES, keys).all()
    kept = list(_bounded(rows))
    history = connection.execute(_HISTORY, keys).all()
    return Background(
        messages=tuple(_message(row) for row in reversed(kept)),
        is_whole=len(kept) == len(rows),
        history=tuple(
            ChangeFact(row.at, row.actor, row.kind, row.from_value, row.to_value, row.because)
            for row in reversed(history)
        ),
        holds=tuple(HoldFact(*row) for row in connection.execute(_WAITING, keys)),
        commands=tuple(_commands([tuple(row) for row in connection.execute(_COMMANDS, keys)])),
    )


def load_hold(connection: Connection, hold_id: int) -> HoldFact | None:
    """Return the hold that a token names."""
    row = connection.execute(_ONE_HOLD, {"id": hold_id}).first()
    return HoldFact(*row) if row is not None else None


def _bounded(rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
    """Pass on the newest messages until there is too much text."""
    characters = 0
    for count, row in enumerate(rows):
        characters += len(row.text)
        if count >= MOST_MESSAGES or characters > MOST_CHARACTERS:
            return
        yield row


def _message(row: Row[Any]) -> MessageFact:
    return MessageFact(
        id=row.id,
        direction=Direction(row.direction),
        visibility=Visibility(row.visibility),
        handler=row.handler,
        from_name=row.from_name,
        from_address=row.from_address,
        to=tuple(row.to_addresses),
        subject=row.subject,
        text=row.text,
        fresh=row.fresh,
        message_id=row.message_id,
        references=tuple(row.references),
        at=row.at,
        origin=row.origin,
        is_draft=row.is_draft,
        thread_index=row.thread_index,
        verdict=row.verdict,
    )


def _commands(rows: Iterable[Sequence[Any]]) -> Iterator[CommandsFact]:
    for journal_id, explanation in rows:
        changes: list[Mapping[str, Any]] = explanation.get("changes") or []
        if changes:
            yield CommandsFact(journal_id, str(explanation.get("by", "")), tuple(changes))

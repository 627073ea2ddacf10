"""What a handler's mail or command may need of its request: messages, history, holds, commands.

Promise: only reads, in the caller's view. Loaded for mail to a handler's address and for commands:
customers' mail needs none of it. A request too large to be looked through says so (`is_whole`), so
that nothing is taken for harmless that was not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, literal, select

from postroom.core.facts import (
    Background,
    ChangeFact,
    CommandsFact,
    HoldFact,
    MessageFact,
)
from postroom.core.model import Direction, Outcome, Visibility
from postroom.store import hooks
from postroom.store import schema as t
from postroom.store.prepared import Prepared, row_type

MOST_MESSAGES = 2_000
MOST_ROWS = 4_000  # of which the first 2,000 are looked at; more of them inside is too much
MOST_CHARACTERS = 5_000_000
_MOST_CHANGES = 2_000
_MOST_COMMANDS = 50  # mails; older ones are not undone
_WITH_COMMANDS = (Outcome.COMMAND, Outcome.APPENDED)

_MessageRow = row_type(t.message)
_MESSAGES = Prepared(
    select(t.message)
    .where(t.message.c.request_id == bindparam("id"))
    .order_by(t.message.c.id.desc())
    .limit(MOST_ROWS)
)
_HISTORY = Prepared(
    select(
        t.history.c.at,
        t.history.c.actor,
        t.history.c.kind,
        t.history.c.from_value,
        t.history.c.to_value,
        t.history.c.because,
    )
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
        t.journal.c.explanation,
        select(t.timer.c.kind)
        .where(
            t.timer.c.hold_id == t.hold.c.id,
            t.IS_ARMED,
            t.timer.c.kind.in_([literal("accept"), literal("refuse")]),
        )
        .limit(1)
        .scalar_subquery(),
    )
    .select_from(t.hold.join(t.journal, t.hold.c.journal_id == t.journal.c.id))
    .order_by(t.hold.c.id)
)
_WAITING = Prepared(
    _HOLDS.where(t.hold.c.request_id == bindparam("id"), t.hold.c.state == "waiting")
)
_ONE_HOLD = _HOLDS.where(t.hold.c.id == bindparam("id"))
_COMMANDS = Prepared(
    select(t.journal.c.id, t.journal.c.explanation)
    .where(
        t.journal.c.request_id == bindparam("id"),
        t.journal.c.outcome.in_([literal(one.value) for one in _WITH_COMMANDS]),
    )
    .order_by(t.journal.c.id.desc())
    .limit(_MOST_COMMANDS)
)


def load_background(connection: Connection, request_id: int) -> Background:
    """Return all that a handler's words about a request may be checked against."""
    keys = {"id": request_id}
    rows = [_MessageRow._make(row) for row in _MESSAGES.all(connection, keys)]
    kept = list(_bounded(rows))
    history = _HISTORY.all(connection, keys)
    return Background(
        messages=tuple(_message(row) for row in reversed(kept)),
        is_whole=len(kept) == len(rows),
        history=tuple(ChangeFact(*row) for row in reversed(history)),
        holds=tuple(_hold(row) for row in _WAITING.all(connection, keys)),
        commands=tuple(_commands(_COMMANDS.all(connection, keys))),
        pending=hooks.pending(connection, request_id),
    )


def load_hold(connection: Connection, hold_id: int) -> HoldFact | None:
    """Return the hold that a token names."""
    row = connection.execute(_ONE_HOLD, {"id": hold_id}).first()
    return _hold(tuple(row)) if row is not None else None


def _hold(row: Sequence[Any]) -> HoldFact:
    number, journal_id, request_id, state, from_address, subject, reason, explanation, wish = row
    passages = frozenset(explanation.get("passages") or ())
    about = (number, journal_id, request_id, state, from_address, subject, reason)
    return HoldFact(*about, passages, wish)


def _bounded(rows: Iterable[Any]) -> Iterator[Any]:
    """Pass on the newest messages, those inside until there is too much of them.

    What customers wrote never stops an answer: the text of it that is too much is left out.
    """
    characters = {Visibility.INTERNAL.value: 0, Visibility.PUBLIC.value: 0}
    for count, row in enumerate(rows):
        characters[row.visibility] += len(row.text)
        is_too_much = characters[row.visibility] > MOST_CHARACTERS
        is_inside = row.visibility == Visibility.INTERNAL
        if is_inside and (count >= MOST_MESSAGES or is_too_much):
            return
        yield row._replace(text="") if is_too_much or count >= MOST_MESSAGES else row


def _message(row: Any) -> MessageFact:
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
        attached_text=row.attached_text,
        verdict=row.verdict,
    )


def _commands(rows: Iterable[Sequence[Any]]) -> Iterator[CommandsFact]:
    for journal_id, explanation in rows:
        changes: list[Mapping[str, Any]] = explanation.get("changes") or []
        if changes:
            yield CommandsFact(journal_id, str(explanation.get("by", "")), tuple(changes))

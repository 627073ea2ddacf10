"""Requests as decisions see them: each row with its people, tags, mailboxes and history of time.

Promise: only reads; a request comes with those that it was merged into.
Used by: store.reads, store.following, work.desk, cli.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, literal, select

from postroom.core.chains import Chain, ChainState
from postroom.core.clocks import Moment, Timing
from postroom.core.facts import ParticipantFact, RequestFact
from postroom.core.model import Phase, ReadStatus
from postroom.store import schema as t
from postroom.store.prepared import Prepared, row_type

# A merged request forwards to its target; a chain longer than this is a mistake.
MERGES = 10

_FEW_REQUESTS = 4  # almost every decision is about one; more are asked for in so many steps
_ANY_OF_FEW: list[Any] = [bindparam(f"id_{n}") for n in range(_FEW_REQUESTS)]
_REQUESTS = Prepared(select(t.request).where(t.request.c.id.in_(_ANY_OF_FEW)))
_RequestRow = row_type(t.request)
_PARTICIPANTS = Prepared(
    select(
        t.participant.c.request_id,
        t.participant.c.id,
        t.participant.c.contact_id,
        t.participant.c.role,
        t.contact.c.name,
        t.address.c.key,
    )
    .select_from(t.participant.join(t.contact).join(t.address))
    .where(t.participant.c.request_id.in_(_ANY_OF_FEW))
    .order_by(t.participant.c.id, t.address.c.key)
)
_TAGS = Prepared(select(t.tag.c.request_id, t.tag.c.tag).where(t.tag.c.request_id.in_(_ANY_OF_FEW)))
MOMENT_KINDS = ("opened", "status", "message", "missed", "warned")  # what clocks look at
_MOMENTS = Prepared(
    select(t.history.c.request_id, t.history.c.at, t.history.c.kind, t.history.c.to_value)
    .where(
        t.history.c.request_id.in_(_ANY_OF_FEW),
        t.history.c.kind.in_(list(map(literal, MOMENT_KINDS))),
    )
    .order_by(t.history.c.id)
)
_MAILBOXES = Prepared(
    select(t.request_mailbox.c.request_id, t.request_mailbox.c.mailbox).where(
        t.request_mailbox.c.request_id.in_(_ANY_OF_FEW)
    )
)


def load_requests(connection: Connection, ids: Iterable[int]) -> dict[int, RequestFact]:
    """Return requests by id, and those that they were merged into."""
    rows: dict[int, Any] = {}
    wanted = set(ids)
    for _ in range(MERGES):
        wanted -= rows.keys()
        if not wanted:
            break
        found = [_RequestRow._make(row) for row in _of(connection, _REQUESTS, wanted)]
        rows.update({row.id: row for row in found})
        wanted = {row.merged_into for row in found if row.merged_into is not None}
    if not rows:
        return {}
    participants = _participants(connection, rows)
    tags = _grouped(_of(connection, _TAGS, rows))
    mailboxes = _grouped(_of(connection, _MAILBOXES, rows))
    moments: dict[int, list[Moment]] = {}
    for number, at, kind, to in _of(connection, _MOMENTS, rows):
        moments.setdefault(number, []).append(Moment(at, kind, to or ""))
    return {
        number: replace(
            request_fact(row, participants.get(number, ()), mailboxes, tags),
            moments=tuple(moments.get(number, ())),
        )
        for number, row in rows.items()
    }


def _of(connection: Connection, statement: Prepared, ids: Iterable[int]) -> list[tuple[Any, ...]]:
    """Return the rows that belong to these requests."""
    numbers, rows = sorted(ids), []
    for start in range(0, len(numbers), _FEW_REQUESTS):
        few = numbers[start : start + _FEW_REQUESTS]
        keys = {f"id_{n}": few[min(n, len(few) - 1)] for n in range(_FEW_REQUESTS)}
        rows += statement.all(connection, keys)
    return rows


def _participants(
    connection: Connection, ids: Iterable[int]
) -> dict[int, tuple[ParticipantFact, ...]]:
    found: dict[int, dict[int, ParticipantFact]] = {}
    for request_id, number, contact_id, role, name, key in _of(connection, _PARTICIPANTS, ids):
        of_request = found.setdefault(request_id, {})
        known = of_request.get(number)
        addresses = (*known.addresses, key) if known is not None else (key,)
        of_request[number] = ParticipantFact(number, contact_id, role, name, addresses)
    return {request_id: tuple(rows.values()) for request_id, rows in found.items()}


def _grouped(rows: Iterable[Sequence[Any]]) -> dict[int, tuple[str, ...]]:
    groups: dict[int, list[str]] = {}
    for number, value in map(tuple, rows):
        groups.setdefault(number, []).append(value)
    return {number: tuple(sorted(values)) for number, values in groups.items()}


def request_fact(
    row: Any,
    participants: tuple[ParticipantFact, ...],
    mailboxes: Mapping[int, tuple[str, ...]],
    tags: Mapping[int, tuple[str, ...]],
) -> RequestFact:
    """Return what a row of `request` says, with what else belongs to it but its history."""
    return RequestFact(
        id=row.id,
        version=row.version,
        type=row.type,
        subject=row.subject,
        mailbox=row.mailbox,
        category=row.category,
        priority=row.priority,
        status=row.status,
        phase=Phase(row.phase),
        owner=row.owner,
        language=row.language,
        requester_id=row.requester_id,
        created_at=row.created_at,
        replied_at=row.replied_at,
        closed_at=row.closed_at,
        merged_into=row.merged_into,
        participants=participants,
        mailboxes=mailboxes.get(row.id, ()),
        tags=tags.get(row.id, ()),
        deadline_at=row.deadline_at,
        postponed_until=row.postponed_until,
        generations=row.generations,
        chain=Chain(
            ChainState(row.chain_state),
            row.escalation_level,
            row.chain_due_at,
            row.chain_remaining,
            row.chain_since,
        ),
        timing=Timing(
            row.first_reply_due_at,
            row.next_reply_due_at,
            row.deadline_at,
            row.clock_due_at,
            row.closes_at,
        ),
        read_status=ReadStatus(row.read_status),
        auto_reply=row.auto_reply,
    )

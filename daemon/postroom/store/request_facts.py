"""Requests as decisions see them: each row with its people, tags, mailboxes and history of time.

Promise: only reads; a request comes with those that it was merged into.
Used by: store.reads, store.following, work.desk, cli.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, literal, select

from postroom.core.chains import Chain, ChainState
from postroom.core.clocks import Moment, Timing
from postroom.core.facts import ParticipantFact, RequestFact
from postroom.core.model import Phase, ReadStatus
from postroom.store import schema as t
from postroom.store.prepared import Answer, Prepared, row_type

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


@dataclass(slots=True)
class _Known:
    """What was found of requests so far, by their numbers."""

    rows: dict[int, Any] = field(default_factory=dict)
    participants: dict[int, tuple[ParticipantFact, ...]] = field(default_factory=dict)
    tags: dict[int, tuple[str, ...]] = field(default_factory=dict)
    mailboxes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    moments: dict[int, list[Moment]] = field(default_factory=dict)

    def load(self, connection: Connection, wanted: Iterable[int]) -> set[int]:
        """Load these, all of it asked together; return what they were merged into."""
        numbers = sorted(wanted)
        requests, participants, tags, mailboxes, moments = (
            _ask(connection, statement, numbers)
            for statement in (_REQUESTS, _PARTICIPANTS, _TAGS, _MAILBOXES, _MOMENTS)
        )
        found = [_RequestRow._make(row) for row in _rows(requests)]
        self.rows.update({row.id: row for row in found})
        self.participants.update(_participants(_rows(participants)))
        self.tags.update(_grouped(_rows(tags)))
        self.mailboxes.update(_grouped(_rows(mailboxes)))
        for number, at, kind, to in _rows(moments):
            self.moments.setdefault(number, []).append(Moment(at, kind, to or ""))
        return {row.merged_into for row in found if row.merged_into is not None}


def load_requests(connection: Connection, ids: Iterable[int]) -> dict[int, RequestFact]:
    """Return requests by id, and those that they were merged into."""
    known, wanted = _Known(), set(ids)
    for _ in range(MERGES):
        wanted -= known.rows.keys()
        if not wanted:
            break
        wanted = known.load(connection, wanted)
    return {
        number: request_fact(
            row,
            known.participants.get(number, ()),
            known.mailboxes,
            known.tags,
            tuple(known.moments.get(number, ())),
        )
        for number, row in known.rows.items()
    }


def _ask(connection: Connection, statement: Prepared, numbers: Sequence[int]) -> list[Answer]:
    """Ask for the rows that belong to these requests."""
    answers = []
    for start in range(0, len(numbers), _FEW_REQUESTS):
        few = numbers[start : start + _FEW_REQUESTS]
        keys = {f"id_{n}": few[min(n, len(few) - 1)] for n in range(_FEW_REQUESTS)}
        answers.append(statement.send(connection, keys))
    return answers


def _rows(answers: Iterable[Answer]) -> Iterator[tuple[Any, ...]]:
    for answer in answers:
        yield from answer.all()


def _participants(rows: Iterable[tuple[Any, ...]]) -> dict[int, tuple[ParticipantFact, ...]]:
    found: dict[int, dict[int, ParticipantFact]] = {}
    for request_id, number, contact_id, role, name, key in rows:
        of_request = found.setdefault(request_id, {})
        known = of_request.get(number)
        addresses = (*known.addresses, key) if known is not None else (key,)
        of_request[number] = ParticipantFact(number, contact_id, role, name, addresses)
    return {request_id: tuple(of_request.values()) for request_id, of_request in found.items()}


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
    moments: tuple[Moment, ...] = (),
) -> RequestFact:
    """Return what a row of `request` says, with what else belongs to it."""
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
        moments=moments,
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

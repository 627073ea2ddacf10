"""What people look at: requests with their messages and history.

Promise: only reads; each function is one consistent view when given one connection. The fields of
`RequestView`, `MessageView` and `ChangeView` are the keys of the JSON contract, in its order.
Used by: cli, store.hooks (what a hook is told), work.simulation.
Fails:   NotFound for a request, message or attachment that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, or_, select

from postroom.errors import NotFound
from postroom.store import schema as t
from postroom.store.search import PORTION


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody outside. `id` is the contact's."""

    id: int
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as lists show it."""

    id: int
    reference: str
    subject: str
    type: str
    category: str
    priority: str
    status: str
    phase: str
    owner: str | None
    requester: PersonView | None
    company: str | None
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    replied_at: datetime | None
    closed_at: datetime | None
    deadline_at: datetime | None
    first_reply_due_at: datetime | None
    next_reply_due_at: datetime | None
    escalation_level: int
    read_status: str
    postponed_until: datetime | None


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """A file of a message; `n` counts from 1, `part` is its place in the mail."""

    n: int
    name: str
    type: str
    size: int
    inline: bool
    part: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """One entry of a request. `author` is a handler's name, else the person's; `mail_id` names
    the journal row of its mail."""

    id: int
    direction: str
    visibility: str
    author: str
    from_: str
    to: tuple[str, ...]
    subject: str
    text: str
    at: datetime
    mail_id: int | None
    attachments: tuple[AttachmentView, ...]
    fresh: str
    message_id: str | None
    origin: str
    verdict: str
    because: str


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One row of a request's history."""

    at: datetime
    actor: str
    kind: str
    from_: str | None
    to: str | None
    because: str


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """Somebody outside in a request."""

    role: str
    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkView:
    """Another request that has to do with this one; `kind` is seen from here."""

    request: int
    kind: str


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A request with all that belongs to it."""

    request: RequestView
    messages: tuple[MessageView, ...]
    history: tuple[ChangeView, ...]
    participants: tuple[ParticipantView, ...]
    links: tuple[LinkView, ...]
    mailbox: str
    mailboxes: tuple[str, ...]
    extracted: dict[str, str]
    auto_reply: str
    merged_into: int | None
    owner_read_at: datetime | None
    handler_read_at: datetime | None
    customer_read_at: datetime | None
    closes_at: datetime | None  # by itself


_ADDRESS = (
    select(t.address.c.address)
    .where(t.address.c.contact_id == t.request.c.requester_id)
    .order_by(t.address.c.key)  # as core.facts has them: an answer goes to this one
    .limit(1)
    .scalar_subquery()
)
_REQUESTS = select(
    t.request,
    t.contact.c.name.label("requester_name"),
    _ADDRESS.label("requester_address"),
    t.company.c.name.label("company_name"),
).select_from(
    t.request.outerjoin(t.contact, t.request.c.requester_id == t.contact.c.id).outerjoin(
        t.company, t.request.c.company_id == t.company.c.id
    )
)
_SOME = _REQUESTS.where(t.request.c.id.in_(bindparam("ids", expanding=True)))
_TAGS = select(t.tag.c.request_id, t.tag.c.tag).order_by(t.tag.c.tag)
_SOME_TAGS = _TAGS.where(t.tag.c.request_id.in_(bindparam("ids", expanding=True)))


def requests(connection: Connection, prefix: str, ids: Sequence[int]) -> list[RequestView]:
    """Return these requests, in this order; `prefix` is that of references."""
    found: list[RequestView] = []
    for start in range(0, len(ids), PORTION):
        keys = {"ids": list(ids[start : start + PORTION])}
        tags: dict[int, list[str]] = {}
        for tagged in connection.execute(_SOME_TAGS, keys):
            tags.setdefault(tagged.request_id, []).append(tagged.tag)
        rows = {row.id: row for row in connection.execute(_SOME, keys)}
        found += [_request(rows[id_], prefix, tags.get(id_, ())) for id_ in keys["ids"]]
    return found


def whole_request(connection: Connection, prefix: str, request_id: int) -> WholeRequest:
    """Return one request with everything; NotFound if there is none."""
    row = connection.execute(_REQUESTS.where(t.request.c.id == request_id)).first()
    if row is None:
        raise NotFound(f"there is no request {prefix}{request_id}")
    tags = connection.execute(_TAGS.where(t.tag.c.request_id == request_id))
    mailboxes = connection.execute(
        select(t.request_mailbox.c.mailbox).where(t.request_mailbox.c.request_id == request_id)
    ).scalars()
    return WholeRequest(
        request=_request(row, prefix, [tag.tag for tag in tags]),
        messages=_messages(connection, request_id),
        history=history(connection, request_id),
        participants=_participants(connection, request_id),
        links=_links(connection, request_id),
        mailbox=row.mailbox,
        mailboxes=tuple(sorted(mailboxes)),
        extracted=dict(row.extracted),
        auto_reply=row.auto_reply,
        merged_into=row.merged_into,
        owner_read_at=row.owner_read_at,
        handler_read_at=row.handler_read_at,
        customer_read_at=row.customer_read_at,
        closes_at=row.closes_at,
    )


def history(connection: Connection, request_id: int) -> tuple[ChangeView, ...]:
    """Return what was ever changed on a request, oldest first."""
    rows = connection.execute(
        select(t.history).where(t.history.c.request_id == request_id).order_by(t.history.c.id)
    )
    return tuple(
        ChangeView(row.at, row.actor, row.kind, row.from_value, row.to_value, row.because)
        for row in rows
    )


def opening(connection: Connection, request_id: int) -> dict[str, Any]:
    """Return what the journal says of the mail that opened a request; nothing if no mail did."""
    found: dict[str, Any] | None = connection.execute(
        select(t.journal.c.explanation)
        .select_from(t.message.join(t.journal, t.message.c.journal_id == t.journal.c.id))
        .where(t.message.c.request_id == request_id)
        .order_by(t.message.c.id)
        .limit(1)
    ).scalar()
    return dict(found or {})


def attachment(
    connection: Connection, request_id: int, message_id: int, n: int
) -> tuple[int, AttachmentView]:
    """Return the journal row of a mail and which part of it; NotFound says what is missing."""
    row = connection.execute(
        select(t.message.c.request_id, t.message.c.journal_id).where(t.message.c.id == message_id)
    ).first()
    if row is None or row.request_id != request_id:
        raise NotFound(f"request {request_id} has no message {message_id}")
    found = _attachments(connection, [message_id]).get(message_id, [])
    if row.journal_id is None or not 1 <= n <= len(found):
        raise NotFound(f"message {message_id} has {len(found)} attachments, none numbered {n}")
    return row.journal_id, found[n - 1]


def _request(row: Row[Any], prefix: str, tags: Sequence[str]) -> RequestView:
    requester = None
    if row.requester_id is not None:
        requester = PersonView(row.requester_id, row.requester_name, row.requester_address or "")
    return RequestView(
        id=row.id,
        reference=f"{prefix}{row.id}",
        subject=row.subject,
        type=row.type,
        category=row.category,
        priority=row.priority,
        status=row.status,
        phase=row.phase,
        owner=row.owner,
        requester=requester,
        company=row.company_name,
        tags=tuple(tags),
        created_at=row.created_at,
        updated_at=row.updated_at,
        replied_at=row.replied_at,
        closed_at=row.closed_at,
        deadline_at=row.deadline_at,
        first_reply_due_at=row.first_reply_due_at,
        next_reply_due_at=row.next_reply_due_at,
        escalation_level=row.escalation_level,
        read_status=row.read_status,
        postponed_until=row.postponed_until,
    )


def _messages(connection: Connection, request_id: int) -> tuple[MessageView, ...]:
    rows = connection.execute(
        select(t.message).where(t.message.c.request_id == request_id).order_by(t.message.c.id)
    ).all()
    attached = _attachments(connection, [row.id for row in rows])
    return tuple(
        MessageView(
            id=row.id,
            direction=row.direction,
            visibility=row.visibility,
            author=row.handler or row.from_name or row.from_address,
            from_=row.from_address,
            to=tuple(row.to_addresses),
            subject=row.subject,
            text=row.text,
            at=row.at,
            mail_id=row.journal_id,
            attachments=tuple(attached.get(row.id, ())),
            fresh=row.fresh,
            message_id=row.message_id,
            origin=row.origin,
            verdict=row.verdict,
            because=row.thread_reason,
        )
        for row in rows
    )


def _attachments(
    connection: Connection, message_ids: Iterable[int]
) -> dict[int, list[AttachmentView]]:
    rows = connection.execute(
        select(t.attachment).where(t.attachment.c.message_id.in_(list(message_ids)))
    ).all()
    found: dict[int, list[AttachmentView]] = {}
    for row in sorted(rows, key=lambda row: _place(row.part)):
        of_message = found.setdefault(row.message_id, [])
        n = len(of_message) + 1
        of_message.append(AttachmentView(n, row.name, row.type, row.size, row.inline, row.part))
    return found


def _place(part: str) -> list[int]:
    return [int(number) for number in part.split(".") if number.isdigit()]


def _participants(connection: Connection, request_id: int) -> tuple[ParticipantView, ...]:
    query: Select[Any] = (
        select(t.participant.c.id, t.participant.c.role, t.contact.c.name, t.address.c.address)
        .select_from(t.participant.join(t.contact).outerjoin(t.address))
        .where(t.participant.c.request_id == request_id)
        .order_by(t.participant.c.id, t.address.c.key)
    )
    found: dict[int, ParticipantView] = {}
    for number, role, name, address in connection.execute(query):
        known = found.get(number, ParticipantView(role, name, ()))
        more = (address,) if address is not None else ()
        found[number] = ParticipantView(role, name, (*known.addresses, *more))
    return tuple(found.values())


def _links(connection: Connection, request_id: int) -> tuple[LinkView, ...]:
    link = t.request_link.c
    rows = connection.execute(
        select(link.request_id, link.other_id, link.kind)
        .where(or_(link.request_id == request_id, link.other_id == request_id))
        .order_by(link.request_id, link.other_id)
    )
    return tuple(
        LinkView(row.other_id, row.kind)
        if row.request_id == request_id
        else LinkView(row.request_id, "continued-by" if row.kind == "continues" else row.kind)
        for row in rows
    )

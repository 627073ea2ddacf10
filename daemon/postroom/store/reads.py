"""The facts: everything that a decision may look at, in one consistent view.

Promise: `load_mail_facts` only reads; versions come with the facts, so that `apply` can refuse a
decision whose facts are no longer true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from postroom.core.brakes import keys_for
from postroom.core.delayed import words_of_contact
from postroom.core.facts import (
    AppliedFact,
    Arrival,
    Background,
    BrakeFact,
    CompanyFact,
    ContactFact,
    DeliveryFact,
    Facts,
    HandlerFact,
    KnownId,
    RequestFact,
    SameMail,
    TurnFact,
)
from postroom.core.intake import SAME_WITHIN
from postroom.core.site import Site
from postroom.core.threads import handled_request, names_hold, referenced_ids
from postroom.errors import NotFound
from postroom.mail.address import domain_of
from postroom.mail.refs import find_tags
from postroom.store import schema as t
from postroom.store.background import load_background, load_hold
from postroom.store.prepared import Answer, Prepared
from postroom.store.request_facts import load_requests

_SAME_LIMIT = 20
_LATEST_REQUESTS = 20

_APPLIED_COLUMNS = (t.journal.c.id, t.journal.c.outcome, t.journal.c.request_id, t.journal.c.reason)
_APPLIED_ROW = Prepared(select(*_APPLIED_COLUMNS).where(t.journal.c.id == bindparam("id")))
_APPLIED_SPOOL = Prepared(
    select(*_APPLIED_COLUMNS).where(
        t.journal.c.spool_name == bindparam("name"), t.journal.c.spool_number == bindparam("number")
    )
)
_APPLIED_SOURCE = Prepared(
    select(*_APPLIED_COLUMNS).where(t.journal.c.source_key == bindparam("key"))
)
_SAME_COLUMNS = (
    t.journal.c.id,
    t.journal.c.mailbox,
    t.journal.c.message_id,
    t.journal.c.content_hash,
    t.journal.c.sender,
    t.journal.c.received_at,
    t.journal.c.outcome,
    t.journal.c.request_id,
)
_SAME_BY_ID = Prepared(
    select(*_SAME_COLUMNS)
    .where(
        t.journal.c.message_id == bindparam("message_id"),
        # Devices that write the same id into every mail must not crowd out the copy.
        t.journal.c.content_hash == bindparam("content_hash"),
    )
    .order_by(t.journal.c.id)
    .limit(_SAME_LIMIT)
)
_SAME_BY_CONTENT = Prepared(
    select(*_SAME_COLUMNS)
    .where(
        t.journal.c.content_hash == bindparam("content_hash"),
        t.journal.c.message_id.is_(None),
        t.journal.c.received_at >= bindparam("since"),
    )
    .order_by(t.journal.c.id)
    .limit(_SAME_LIMIT)
)
_CONTACT = Prepared(
    select(
        t.contact.c.id,
        t.contact.c.name,
        t.contact.c.language,
        t.contact.c.priority,
        t.contact.c.handler,
        t.company.c.id,
        func.coalesce(t.company.c.name, ""),
        t.company.c.priority,
        t.company.c.handler,
        t.address.c.endings,
    )
    .select_from(t.address.join(t.contact).outerjoin(t.company))
    .where(t.address.c.key == bindparam("key"))
)
_COMPANY = Prepared(
    select(t.company.c.id, t.company.c.name, t.company.c.priority, t.company.c.handler)
    .select_from(t.company_domain.join(t.company))
    .where(t.company_domain.c.domain == bindparam("domain"))
)
_FEW_IDS = 4  # most mails name no more; the others are asked for in so many steps
_KNOWN_IDS = Prepared(
    select(
        t.message_ref.c.message_id,
        t.message_ref.c.n,
        t.message_ref.c.request_id,
        t.message_ref.c.kind,
    ).where(t.message_ref.c.message_id.in_([bindparam(f"id_{n}") for n in range(_FEW_IDS)]))
)
_HANDLERS = Prepared(
    select(
        t.handler.c.name,
        t.handler.c.last_assigned_at,
        t.handler.c.last_seen_at,
        t.handler.c.away_until,
        t.handler.c.open_requests,
        t.handler.c.id,
    )
)
_TURNS = Prepared(
    select(
        t.assignment.c.category,
        t.assignment.c.weights,
        t.assignment.c.turns,
        t.assignment.c.version,
    )
)
_BRAKE_KEYS = len(keys_for("ticket-17@example.com"))  # no address has more
_BRAKES = Prepared(
    select(t.brake.c.key, t.brake.c.tokens, t.brake.c.at, t.brake.c.version).where(
        t.brake.c.key.in_([bindparam(f"key_{n}") for n in range(_BRAKE_KEYS)])
    )
)
_LAST_OWNER = Prepared(
    select(t.request.c.owner, t.request.c.created_at)
    .where(t.request.c.requester_id == bindparam("contact_id"), t.request.c.owner.is_not(None))
    .order_by(t.request.c.created_at.desc())
    .limit(1)
)
_ANSWERED = Prepared(
    select(t.request.c.replied_at)
    .where(t.request.c.requester_id == bindparam("contact_id"))
    .order_by(t.request.c.created_at.desc())
    .limit(_LATEST_REQUESTS)
)
_DELIVERIES = (
    select(
        t.delivery.c.id,
        t.outbox.c.request_id,
        t.outbox.c.kind,
        t.delivery.c.recipient,
        t.delivery.c.state,
        t.outbox.c.variables,
        t.delivery.c.last_response,
    )
    .select_from(t.delivery.join(t.outbox))
    .where(t.delivery.c.id.in_(bindparam("ids", expanding=True)))
)
_HOLD = (
    select(t.hold.c.request_id, t.hold.c.state, t.hold.c.reason, t.journal.c.explanation)
    .select_from(t.hold.join(t.journal, t.hold.c.journal_id == t.journal.c.id))
    .where(t.hold.c.journal_id == bindparam("journal_id"))
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked about every mail, sent together: none of it depends on another's answer."""

    applied: Answer | None
    same: Answer
    contact: Answer | None
    company: Answer | None
    known_ids: tuple[Answer, ...]
    handlers: Answer
    turns: Answer
    brakes: Answer


def _ask(connection: Connection, arrival: Arrival, journal_id: int | None) -> _Asked:
    sender = arrival.sender
    return _Asked(
        applied=_ask_applied(connection, arrival, journal_id),
        same=_ask_same(connection, arrival),
        contact=_CONTACT.send(connection, {"key": sender.lower()}) if sender else None,
        company=_COMPANY.send(connection, {"domain": domain_of(sender)}) if sender else None,
        known_ids=tuple(_ask_known_ids(connection, arrival)),
        handlers=_HANDLERS.send(connection, {}),
        turns=_TURNS.send(connection, {}),
        brakes=_ask_brakes(connection, sender),
    )


def load_mail_facts(
    connection: Connection, arrival: Arrival, site: Site, journal_id: int | None = None
) -> Facts:
    """Load the facts for one mail; `journal_id` when it was decided before."""
    asked = _ask(connection, arrival, journal_id)
    same = tuple(SameMail(*row) for row in asked.same.all())
    contact, company = _sender(asked)
    known = _known_ids(asked)
    deliveries = load_deliveries(connection, arrival.bounce_deliveries)
    hold_request, hold_state, hold_reason, passages = None, None, "", frozenset[str]()
    if journal_id is not None:
        held = connection.execute(_HOLD, {"journal_id": journal_id}).first()
        if held is not None:
            hold_request, hold_state, hold_reason, said = held
            passages = frozenset(said.get("passages") or ())
    wanted = {
        *(token.object_id for token in arrival.tokens if token.role != "b"),
        *arrival.own_ids.values(),
        *(row.request_id for rows in known.values() for row in rows),
        *find_tags(arrival.mail.subject, site.instance),
        *(row.request_id for row in same),
        *(delivery.request_id for delivery in deliveries.values()),
        hold_request,
    }
    keys = {"contact_id": contact.id if contact is not None else None}
    owned = _LAST_OWNER.send(connection, keys) if contact is not None else None
    replied = _ANSWERED.send(connection, keys) if contact is not None else None
    requests = load_requests(connection, (number for number in wanted if number is not None))
    last = owned.first() if owned is not None else None
    named_hold = next(
        (load_hold(connection, item.participant_id) for item in arrival.tokens if names_hold(item)),
        None,
    )
    return Facts(
        applied=(applied := _applied(asked.applied)),
        fetched_before=_fetched_before(connection, arrival) if applied is None else None,
        same=same,
        contact=contact,
        company=company,
        known_ids=known,
        requests=requests,
        handlers=_handlers(asked.handlers),
        turns=_turns(asked.turns),
        brakes=_brakes(asked.brakes),
        deliveries=deliveries,
        last_owner=last[0] if last is not None else None,
        last_owner_at=last[1] if last is not None else None,
        has_been_answered=replied is not None and any(row[0] is not None for row in replied.all()),
        hold_request=hold_request,
        hold_state=hold_state,
        hold_reason=hold_reason,
        hold_passages=passages,
        named_hold=named_hold,
        background=_background(connection, arrival, requests),
    )


def _background(
    connection: Connection, arrival: Arrival, requests: Mapping[int, RequestFact]
) -> Background:
    """Load what a handler's mail may need of the request that its token names."""
    number = handled_request(arrival, requests)
    return load_background(connection, number) if number is not None else Background(is_whole=False)


def load_command_facts(connection: Connection, request_id: int) -> Facts:
    """Load the facts for a command about one request; NotFound if there is none."""
    requests = load_requests(connection, (request_id,))
    if request_id not in requests:
        raise NotFound(f"there is no request {request_id}")
    background = load_background(connection, request_id)
    asked = next(reversed(words_of_contact(requests[request_id], background)), None)
    return Facts(
        requests=requests,
        handlers=load_handlers(connection),
        turns=load_turns(connection),
        brakes=_brakes(_ask_brakes(connection, asked.from_address if asked is not None else "")),
        background=background,
    )


def load_handlers(connection: Connection) -> dict[str, HandlerFact]:
    """Return what work has made of the handlers."""
    return _handlers(_HANDLERS.send(connection, {}))


def _handlers(answer: Answer) -> dict[str, HandlerFact]:
    return {row[0]: HandlerFact(*row) for row in answer.all()}


def load_turns(connection: Connection) -> dict[str, TurnFact]:
    """Return the states of automatic assignment, by category."""
    return _turns(_TURNS.send(connection, {}))


def _turns(answer: Answer) -> dict[str, TurnFact]:
    return {row[0]: TurnFact(*row) for row in answer.all()}


def _ask_applied(connection: Connection, arrival: Arrival, journal_id: int | None) -> Answer | None:
    if journal_id is not None:
        return _APPLIED_ROW.send(connection, {"id": journal_id})
    if arrival.spool_number is None:
        return None
    keys = {"name": arrival.spool_name, "number": arrival.spool_number}
    return _APPLIED_SPOOL.send(connection, keys)


def _applied(answer: Answer | None) -> AppliedFact | None:
    row = answer.first() if answer is not None else None
    return AppliedFact(*row) if row is not None else None


def _fetched_before(connection: Connection, arrival: Arrival) -> AppliedFact | None:
    if arrival.source_key is None:
        return None
    row = _APPLIED_SOURCE.first(connection, {"key": arrival.source_key})
    return AppliedFact(*row) if row is not None else None


def _ask_same(connection: Connection, arrival: Arrival) -> Answer:
    mail = arrival.mail
    if mail.message_id is not None:
        keys = {"message_id": mail.message_id, "content_hash": mail.content_hash}
        return _SAME_BY_ID.send(connection, keys)
    since = arrival.envelope.received_at - SAME_WITHIN
    return _SAME_BY_CONTENT.send(connection, {"content_hash": mail.content_hash, "since": since})


def _sender(asked: _Asked) -> tuple[ContactFact | None, CompanyFact | None]:
    row = asked.contact.first() if asked.contact is not None else None
    if row is not None:
        return ContactFact(*row), None
    found = asked.company.first() if asked.company is not None else None
    return None, CompanyFact(*found) if found is not None else None


def _ask_known_ids(connection: Connection, arrival: Arrival) -> Iterator[Answer]:
    bounced = arrival.mail.bounce.message_id if arrival.mail.bounce is not None else None
    named = (*referenced_ids(arrival), arrival.mail.message_id, bounced)
    ids = sorted({message_id for message_id in named if message_id is not None})
    for start in range(0, len(ids), _FEW_IDS):
        few = ids[start : start + _FEW_IDS]
        keys = {f"id_{n}": few[min(n, len(few) - 1)] for n in range(_FEW_IDS)}
        yield _KNOWN_IDS.send(connection, keys)


def _known_ids(asked: _Asked) -> dict[str, tuple[KnownId, ...]]:
    known: dict[str, list[KnownId]] = {}
    for answer in asked.known_ids:
        for row in answer.all():
            known.setdefault(row[0], []).append(KnownId(*row))
    return {message_id: tuple(found) for message_id, found in known.items()}


def load_deliveries(connection: Connection, ids: Sequence[int]) -> dict[int, DeliveryFact]:
    """Return mails of ours by the numbers of their deliveries."""
    if not ids:
        return {}
    found = {}
    for row in connection.execute(_DELIVERIES, {"ids": list(ids)}):
        text = str(row.variables.get("message", {}).get("text", ""))
        handler = str(row.variables.get("handler", {}).get("name", ""))
        known = (row.request_id, row.kind, row.recipient, row.state)
        found[row.id] = DeliveryFact(row.id, *known, text, handler, row.last_response or "")
    return found


def _ask_brakes(connection: Connection, sender: str) -> Answer:
    # Mails from nobody share a bucket, as any other address does.
    names = keys_for(sender)
    keys = {f"key_{n}": names[min(n, len(names) - 1)] for n in range(_BRAKE_KEYS)}
    return _BRAKES.send(connection, keys)


def _brakes(answer: Answer) -> dict[str, BrakeFact]:
    return {row[0]: BrakeFact(*row) for row in answer.all()}

"""The journal and the holds, read: for the command line, for review and for the ticker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from postroom.core.model import SenderVerdict, Verdict
from postroom.errors import NotFound
from postroom.mail.message import Envelope
from postroom.store import schema as t
from postroom.store.objects import Objects
from postroom.store.raw import is_kept, raw_of


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One row of the journal; the fields before `explanation` are the JSON contract."""

    id: int
    spool_id: str | None
    transport: str
    mailbox: str
    received_at: datetime
    from_: str
    to: tuple[str, ...]
    subject: str
    message_id: str | None
    outcome: str
    request: int | None
    reason: str
    explanation: Mapping[str, Any]
    origin: str
    verdict: str
    size: int
    policy_version: str


@dataclass(frozen=True, slots=True)
class JournalChange:
    """A later outcome of a mail."""

    at: datetime
    outcome: str
    request: int | None
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A journalled mail's bytes, with the envelope that they came in.

    `verdict` is what was found about the sender then; None: nothing was judged.
    """

    envelope: Envelope
    raw: bytes
    verdict: SenderVerdict | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A mail that waits, or waited, for a human."""

    id: int
    journal_id: int
    request: int | None
    since: datetime
    until: datetime | None
    reason: str
    responsible: str | None
    state: str
    from_: str
    subject: str


@dataclass(frozen=True, slots=True)
class JournalledMail:
    """A mail as it came in, and what became of it."""

    transport: str
    recipients: tuple[str, ...]
    outcome: str
    reason: str
    raw: bytes


_ENTRY = select(t.journal)
_ONE = _ENTRY.where(t.journal.c.id == bindparam("id"))
_HISTORY = (
    select(t.journal_history)
    .where(t.journal_history.c.journal_id == bindparam("id"))
    .order_by(t.journal_history.c.id)
)
_RAW = select(
    t.journal.c.sender,
    t.journal.c.recipients,
    t.journal.c.transport,
    t.journal.c.mailbox,
    t.journal.c.received_at,
    t.journal.c.peer,
    t.journal.c.verdict,
    t.journal.c.explanation,
).where(t.journal.c.id == bindparam("id"))
_BY_MESSAGE_ID = (
    select(
        t.journal.c.transport,
        t.journal.c.recipients,
        t.journal.c.outcome,
        t.journal.c.reason,
        t.journal.c.id,
    )
    .where(t.journal.c.message_id == bindparam("message_id"))
    .order_by(t.journal.c.id.desc())
    .limit(1)
)
_BY_SPOOL_ID = select(t.journal.c.id).where(
    t.journal.c.spool_name == bindparam("name"), t.journal.c.spool_number == bindparam("number")
)
_MOVED_TO = select(t.spool_move.c.to_name, t.spool_move.c.to_number).where(
    t.spool_move.c.spool_name == bindparam("name"),
    t.spool_move.c.spool_number == bindparam("number"),
)
_HOLDS = (
    select(t.hold, t.journal.c.from_address, t.journal.c.subject)
    .select_from(t.hold.join(t.journal, t.hold.c.journal_id == t.journal.c.id))
    .order_by(t.hold.c.id)
)


def entries(connection: Connection, outcome: str | None = None) -> list[JournalEntry]:
    """Return the journal, oldest first, of one outcome if named."""
    query = _ENTRY.order_by(t.journal.c.id)
    if outcome is not None:
        query = query.where(t.journal.c.outcome == outcome)
    return [_entry(row) for row in connection.execute(query)]


def entry(connection: Connection, journal_id: int) -> JournalEntry:
    """Return one row; NotFound if there is none."""
    row = connection.execute(_ONE, {"id": journal_id}).first()
    if row is None:
        raise NotFound(f"there is no journal entry {journal_id}")
    return _entry(row)


def journal_id(connection: Connection, spool_id: str) -> int:
    """Return the journal row of a mail by its spool id (also by one that it had before a backup
    was restored); NotFound if it has none."""
    wanted: str | None = spool_id
    found: int | None = None
    while found is None and wanted is not None:
        name, _, number = wanted.rpartition("-")
        key = {"name": name, "number": int(number)}
        found = connection.execute(_BY_SPOOL_ID, key).scalar()
        row = connection.execute(_MOVED_TO, key).first()
        wanted = f"{row.to_name}-{row.to_number}" if row is not None else None
    if found is None:
        raise NotFound(
            f"no mail {spool_id} was worked on yet: `postroom spool show {spool_id}` says whether "
            "it waits"
        )
    return found


def journalled_mail(
    connection: Connection, objects: Objects | None, message_id: str
) -> JournalledMail | None:
    """Return the newest mail of that Message-ID, if the journal has one."""
    row = connection.execute(_BY_MESSAGE_ID, {"message_id": message_id}).first()
    if row is None or not is_kept(connection, row.id):
        return None
    raw = raw_of(connection, objects, row.id)
    return JournalledMail(row.transport, row.recipients, row.outcome, row.reason, raw)


def changes(connection: Connection, journal_id: int) -> list[JournalChange]:
    """Return the later outcomes of a mail, oldest first."""
    return [
        JournalChange(row.at, row.outcome, row.request_id, row.actor, row.reason)
        for row in connection.execute(_HISTORY, {"id": journal_id})
    ]


def stored_mail(
    connection: Connection, objects: Objects | None, journal_id: int
) -> StoredMail | None:
    """Return a mail's bytes; None when they are not here (quarantined: still in the spool)."""
    row = connection.execute(_RAW, {"id": journal_id}).first()
    if row is None or not is_kept(connection, journal_id):
        return None
    raw = raw_of(connection, objects, journal_id)
    sender, recipients, transport, mailbox, received_at, peer, verdict, said = row
    is_import = said.get("import") is True
    envelope = Envelope(
        sender,
        tuple(recipients),
        transport,
        mailbox,
        received_at,
        peer,
        is_import=is_import,
    )
    return StoredMail(envelope, raw, _verdict(verdict, said))


def _verdict(verdict: str, explanation: Mapping[str, Any]) -> SenderVerdict | None:
    evidence = explanation.get("verdict_evidence")
    return SenderVerdict(Verdict(verdict), evidence) if isinstance(evidence, str) else None


def holds(connection: Connection, *, waiting: bool = False) -> list[Held]:
    """Return the holds, oldest first; only those that still wait, if asked."""
    query = _HOLDS.where(t.hold.c.state == "waiting") if waiting else _HOLDS
    return [_held(row) for row in connection.execute(query)]


def hold(connection: Connection, hold_id: int) -> Held:
    """Return one hold; NotFound if there is none."""
    row = connection.execute(_HOLDS.where(t.hold.c.id == hold_id)).first()
    if row is None:
        raise NotFound(f"there is no hold {hold_id}")
    return _held(row)


def _entry(row: Row[Any]) -> JournalEntry:
    spool_id = f"{row.spool_name}-{row.spool_number}" if row.spool_name is not None else None
    return JournalEntry(
        id=row.id,
        spool_id=spool_id,
        transport=row.transport,
        mailbox=row.mailbox,
        received_at=row.received_at,
        from_=row.from_address or row.sender,
        to=tuple(row.recipients),
        subject=row.subject,
        message_id=row.message_id,
        outcome=row.outcome,
        request=row.request_id,
        reason=row.reason,
        explanation=row.explanation,
        origin=row.origin,
        verdict=row.verdict,
        size=row.size,
        policy_version=row.policy_version,
    )


def _held(row: Row[Any]) -> Held:
    return Held(
        id=row.id,
        journal_id=row.journal_id,
        request=row.request_id,
        since=row.since,
        until=row.until,
        reason=row.reason,
        responsible=row.responsible,
        state=row.state,
        from_=row.from_address,
        subject=row.subject,
    )

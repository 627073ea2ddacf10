"""One decision being written: what its effects share while `apply` carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from postroom.core.effects import Decision, QueueMail, Reply, RunHook
from postroom.core.facts import Arrival
from postroom.core.model import Phase
from postroom.core.site import Site
from postroom.mail.tokens import Signer
from postroom.store import schema as t
from postroom.store.facets import AskedFacet
from postroom.store.objects import StoredObject
from postroom.store.prepared import Answer, Prepared
from postroom.store.statements import HANDLER

_CONTACT = Prepared(select(t.address.c.contact_id).where(t.address.c.key == bindparam("key")))

_HANDLERS_OWN = (Reply.ANSWER, Reply.NOTE)
_HANDLER = Prepared(select(t.handler.c.id).where(t.handler.c.name == bindparam("name")))


@dataclass(frozen=True, slots=True)
class MailRow:
    """The mail that a decision is about: what the journal and the raw table keep of it.

    `journal_id`: the row that it already has (held, quarantined, ignored before), `was` the outcome
    that was seen there. `raw` None: its bytes are kept already, or (quarantine) stay in the spool.
    """

    arrival: Arrival
    raw: bytes | StoredObject | None
    journal_id: int | None = None
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it: ids, and whether there is mail to be sent."""

    journal_id: int | None
    request_id: int | None
    has_mail: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A text for the index of words; `head` is what its request is about, as it was asked for."""

    request_id: int
    n: int  # tells the texts of a request apart
    head: Answer
    texts: Sequence[str | None]
    is_internal: bool


@dataclass(slots=True)
class HandlerChange:
    """What a decision does to the counters of a handler."""

    requests: int = 0  # more or fewer active ones
    assigned_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(slots=True)
class Writing:
    """One decision being written."""

    connection: Connection
    decision: Decision
    now: datetime
    signer: Signer
    site: Site
    mail: MailRow | None
    journal_id: int | None = None
    opened: int | None = None
    hold_id: int | None = None  # that this decision made
    history: list[dict[str, Any]] = field(default_factory=list)
    owners: dict[int, tuple[str | None, Phase]] = field(default_factory=dict)  # as written so far
    contacts: dict[str, int] = field(default_factory=dict)
    participants: dict[tuple[int, str], int] = field(default_factory=dict)
    # request and contact → participant, as made so far
    members: dict[tuple[int, int], int] = field(default_factory=dict)
    refs: list[dict[str, Any]] = field(default_factory=list)
    handlers: dict[str, HandlerChange] = field(default_factory=dict)
    counted: list[tuple[str, dict[str, Any], Answer]] = field(default_factory=list)
    # Rows of the handlers whose numbers stand in reply addresses, as they were asked for.
    asked: dict[str, Answer] = field(default_factory=dict)
    mails: int = 0  # queued so far
    to_file: set[int] = field(default_factory=set)  # requests whose facet may be another now
    # What must have changed a row, and what it means when it has not: looked at in the end.
    expected: list[tuple[Answer, Exception]] = field(default_factory=list)
    # The facet of the request that is to be opened, as it was asked for.
    asked_facet: AskedFacet | None = None
    entries: list[Entry] = field(default_factory=list)  # for the index of words
    # Written last: a hook hears how all this leaves the request.
    hooks: list[RunHook] = field(default_factory=list)

    def expect(self, change: Answer, otherwise: Exception) -> None:
        """Have the whole decision fail unless this changes a row."""
        self.expected.append((change, otherwise))

    def check(self) -> None:
        """Raise what is wrong with what was expected."""
        for change, otherwise in self.expected:
            if change.count() == 0:
                raise otherwise

    def know(self, message_id: str, n: int, request_id: int, kind: str) -> None:
        """Remember a row of message_ref."""
        row = {"message_id": message_id, "n": n, "request_id": request_id, "kind": kind}
        self.refs.append(row)

    def handler(self, name: str) -> HandlerChange:
        """Return what changes for a handler, to be added to."""
        return self.handlers.setdefault(name, HandlerChange())

    def ask_for_handlers(self) -> None:
        """Ask for the numbers of the handlers who get a reply address."""
        for effect in self.decision.effects:
            if isinstance(effect, QueueMail) and effect.reply in _HANDLERS_OWN and effect.reply_to:
                keys = {"name": effect.reply_to}
                self.asked[effect.reply_to] = _HANDLER.send(self.connection, keys)

    def handler_id(self, name: str) -> int:
        """Return the number of a handler, who gets a row when he has none."""
        asked = self.asked.pop(name, None) or _HANDLER.send(self.connection, {"name": name})
        row = asked.first()
        if row is not None:
            return int(row[0])
        return HANDLER.insert(self.connection, {"name": name, "open_requests": 0})

    def request_id(self, request: int | None) -> int:
        """Resolve "the one that this decision opens"."""
        number = request if request is not None else self.opened
        if number is None:
            raise ValueError("an effect names a request that was not opened")
        return number

    def note(
        self, request: int | None, kind: str, from_: str | None, to: str | None, because: str
    ) -> None:
        """Remember a row of history."""
        self.history.append(
            {
                "request_id": self.request_id(request),
                "at": self.now,
                "actor": self.decision.actor,
                "kind": kind,
                "from_value": from_,
                "to_value": to,
                "because": because,
                "policy_version": self.decision.policy_version,
            }
        )


def contact_id(work: Writing, address: str) -> int | None:
    """Return whose address that is; None: nobody's."""
    key = address.lower()
    if key not in work.contacts:
        row = _CONTACT.first(work.connection, {"key": key})
        if row is None:
            return None
        work.contacts[key] = row[0]
    return work.contacts[key]

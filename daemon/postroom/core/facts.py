"""What the database knows that a decision needs, as values.

Made by: store.reads, in one consistent view. Versions travel with the facts: `apply` refuses a
decision whose facts are no longer true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from postroom.core.chains import Chain
from postroom.core.clocks import Moment, Timing
from postroom.core.model import (
    Direction,
    Phase,
    ReadStatus,
    SenderVerdict,
    Verdict,
    Visibility,
)
from postroom.core.site import Mailbox
from postroom.mail.message import Envelope, Origin, ParsedMail
from postroom.mail.tokens import Token


class Wish(StrEnum):
    """What a human or a timer wants of a mail that was decided before."""

    NONE = "none"
    ACCEPT = "accept"  # the held mail belongs where it claims to
    OPEN = "open"  # the hold is over: a new request, linked to where it claimed to belong
    TAKE_IN = "take-in"  # it made no request before, and shall after all


@dataclass(frozen=True, slots=True)
class Arrival:
    """The trigger "a mail is here": all that is known of it without the database."""

    mail: ParsedMail
    envelope: Envelope
    mailbox: Mailbox
    tokens: tuple[Token, ...] = ()  # verified, found in envelope and headers
    bounce_deliveries: tuple[int, ...] = ()  # of verified `b` tokens in the envelope
    own_ids: Mapping[str, int] = field(
        default_factory=dict
    )  # referenced Message-ID of ours → request
    answers_root: bool = False  # refers to a mail that was never sent: our notices alone do
    answered_journal: int | None = None  # whose decision sent the mail that this one answers
    spool_name: str | None = None
    spool_number: int | None = None
    source_key: str | None = None
    wish: Wish = Wish.NONE
    without_rules: frozenset[str] = frozenset()
    may_auto_reply: bool = True
    is_vouched: bool = False  # a handler registers it: the sender is who he says
    by: str = ""  # the handler, or "timer", who has it decided again
    confirms: bool = False  # he asked for it by mail, and is told what came of it
    # Of a mail straight from the internet, by look-ups; of one decided before, as it was then.
    evaluated: SenderVerdict | None = None

    @property
    def sender(self) -> str:
        """The address that the mail claims to be from: From, else the envelope's."""
        return self.mail.from_.address if self.mail.from_ is not None else self.envelope.sender

    @property
    def actor(self) -> str:
        """Who the history names."""
        return self.by or self.sender or "system"


@dataclass(frozen=True, slots=True)
class ContactFact:
    """Somebody outside that we know, with what his company adds."""

    id: int
    name: str
    language: str | None
    priority: str | None
    handler: str | None
    company_id: int | None = None
    company: str = ""
    company_priority: str | None = None
    company_handler: str | None = None
    endings: Sequence[str] | None = None  # of the address: how its latest mails ended


@dataclass(frozen=True, slots=True)
class CompanyFact:
    """A company that lists the sender's domain."""

    id: int
    name: str
    priority: str | None
    handler: str | None


@dataclass(frozen=True, slots=True)
class ParticipantFact:
    """Somebody outside in a request."""

    id: int
    contact_id: int
    role: str
    name: str
    addresses: tuple[str, ...]  # in lower case


@dataclass(frozen=True, slots=True)
class RequestFact:
    """A request as a decision sees it."""

    id: int
    version: int
    type: str
    subject: str
    mailbox: str
    category: str
    priority: str
    status: str
    phase: Phase
    owner: str | None
    language: str
    requester_id: int | None
    created_at: datetime
    replied_at: datetime | None
    closed_at: datetime | None
    merged_into: int | None
    participants: tuple[ParticipantFact, ...] = ()
    mailboxes: tuple[str, ...] = ()  # beside its own
    tags: tuple[str, ...] = ()
    deadline_at: datetime | None = None
    postponed_until: datetime | None = None
    moments: tuple[Moment, ...] = ()  # its history, as far as clocks look at it
    chain: Chain = field(default_factory=Chain)
    timing: Timing = field(default_factory=Timing)
    read_status: ReadStatus = ReadStatus.RED
    auto_reply: str = ""  # "sent", or why not: what was thought of the mail that opened it
    # handler → how often his reply addresses were replaced; absent: never
    generations: Mapping[str, int] = field(default_factory=dict)

    def participant(self, address: str) -> ParticipantFact | None:
        """Return whose address that is (compared without case)."""
        wanted = address.lower()
        return next((item for item in self.participants if wanted in item.addresses), None)

    @property
    def requester(self) -> ParticipantFact | None:
        """Who asks."""
        return next((p for p in self.participants if p.contact_id == self.requester_id), None)


@dataclass(frozen=True, slots=True)
class KnownId:
    """One row of message_ref: this Message-ID was seen in that request."""

    message_id: str
    n: int
    request_id: int
    kind: str  # sent received referenced


@dataclass(frozen=True, slots=True)
class SameMail:
    """An earlier mail with the same Message-ID, or the same content."""

    journal_id: int
    mailbox: str
    message_id: str | None
    content_hash: str
    sender: str
    received_at: datetime
    outcome: str
    request_id: int | None


@dataclass(frozen=True, slots=True)
class HandlerFact:
    """What work has made of a handler."""

    name: str
    last_assigned_at: datetime | None = None
    last_seen_at: datetime | None = None
    away_until: datetime | None = None
    open_requests: int = 0
    id: int | None = None  # in tokens; None: no row yet


@dataclass(frozen=True, slots=True)
class TurnFact:
    """The state of a category's automatic assignment; version 0: no row yet."""

    category: str
    weights: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)  # handler → number of his last turn
    version: int = 0


@dataclass(frozen=True, slots=True)
class BrakeFact:
    """A token bucket as it stood at `at`; version 0: no row yet, full."""

    key: str
    tokens: float
    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class MessageFact:
    """One message of a request."""

    id: int
    direction: Direction
    visibility: Visibility
    handler: str | None
    from_name: str
    from_address: str
    to: tuple[str, ...]  # To and Cc
    subject: str
    text: str
    fresh: str
    message_id: str | None
    references: tuple[str, ...]
    at: datetime
    origin: str
    is_draft: bool
    thread_index: str | None
    attached_text: str = ""
    verdict: str = Verdict.NONE.value  # on its sender, when it came in

    @property
    def is_from_outside(self) -> bool:
        """Whether a customer wrote it, for everybody in the request to see."""
        return self.direction is Direction.IN and self.visibility is Visibility.PUBLIC

    @property
    def is_by_person(self) -> bool:
        """Whether no machine wrote it."""
        return self.origin in (Origin.PERSON.value, Origin.LIST.value)


@dataclass(frozen=True, slots=True)
class ChangeFact:
    """One row of a request's history."""

    at: datetime
    actor: str
    kind: str
    from_: str | None
    to: str | None
    because: str


@dataclass(frozen=True, slots=True)
class DeliveryFact:
    """One of our mails to one recipient."""

    id: int
    request_id: int | None
    kind: str  # of the outbox
    recipient: str
    state: str
    text: str  # of the handler's answer that it carries
    handler: str  # who wrote that
    last_response: str


@dataclass(frozen=True, slots=True)
class HoldFact:
    """A hold, of this request or named by a token."""

    id: int
    journal_id: int
    request_id: int | None
    state: str
    from_address: str
    subject: str
    reason: str
    passages: frozenset[str] = frozenset()  # what was found in an answer
    wish: str | None = None  # what somebody has said of it already, and a timer is about to do


@dataclass(frozen=True, slots=True)
class CommandsFact:
    """What a handler's mail with commands changed, for `#undo`: `changes` as its result said."""

    journal_id: int
    actor: str
    changes: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Background:
    """What a handler's mail or command may need of its request: loaded for nobody else."""

    messages: tuple[MessageFact, ...] = ()  # the oldest first
    is_whole: bool = True  # False: there was more than can be looked through
    history: tuple[ChangeFact, ...] = ()
    holds: tuple[HoldFact, ...] = ()  # that wait
    commands: tuple[CommandsFact, ...] = ()  # the latest first
    pending: str | None = None  # the transition whose hook has not answered yet

    @property
    def last_in(self) -> MessageFact | None:
        """Return the customer's message that an answer answers."""
        found = (one for one in reversed(self.messages) if one.is_from_outside and one.is_by_person)
        return next(found, None)


@dataclass(frozen=True, slots=True)
class AppliedFact:
    """The journal row that this mail already has."""

    journal_id: int
    outcome: str
    request_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything of the database that one decision may look at."""

    applied: AppliedFact | None = None
    fetched_before: AppliedFact | None = None  # the same mail of the same IMAP folder, another copy
    same: tuple[SameMail, ...] = ()
    contact: ContactFact | None = None
    company: CompanyFact | None = None  # of the sender's domain, for a new contact
    known_ids: Mapping[str, tuple[KnownId, ...]] = field(default_factory=dict)
    requests: Mapping[int, RequestFact] = field(default_factory=dict)
    handlers: Mapping[str, HandlerFact] = field(default_factory=dict)
    turns: Mapping[str, TurnFact] = field(default_factory=dict)
    brakes: Mapping[str, BrakeFact] = field(default_factory=dict)
    deliveries: Mapping[int, DeliveryFact] = field(default_factory=dict)
    last_owner: str | None = None  # of the sender's newest request
    last_owner_at: datetime | None = None
    has_been_answered: bool = False  # by a handler, in one of the sender's latest requests
    hold_request: int | None = None  # where a held mail claims to belong
    hold_state: str | None = None  # None: the mail was never held
    hold_reason: str = ""
    hold_passages: frozenset[str] = frozenset()  # what was found in an answer when it was held
    named_hold: HoldFact | None = None  # by a handler's token
    background: Background = field(default_factory=Background)

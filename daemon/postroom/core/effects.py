"""One change of the world each, asked for by a decision; `store.apply` carries them out.

`request` is the id of a request, or None for the one that this same decision opens. Every effect
that changes something visible leads to one row of history with `because`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from postroom.core.chains import Chain
from postroom.core.clocks import Timing
from postroom.core.model import Direction, Outcome, Phase, ReadStatus, Visibility
from postroom.mail.message import Address, Attachment


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message: a contact by address (made if unknown), or a handler."""

    name: str
    address: str
    handler: str | None = None


@dataclass(frozen=True, slots=True)
class LearnContact:
    """Make a contact for an address that had none when the facts were loaded."""

    address: str
    name: str
    company_id: int | None = None
    language: str | None = None
    may_exist: bool = False  # nobody looked: one that is there is as good
    endings: tuple[str, ...] = ()  # of a new one: how his mail ended (core.endings)


@dataclass(frozen=True, slots=True)
class LearnEnding:
    """Remember how the latest mails of an address ended (core.endings)."""

    address: str
    endings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A new request; at most one in a decision."""

    type: str
    subject: str
    mailbox: str
    category: str
    priority: str
    status: str
    phase: Phase
    language: str
    requester: str | None  # address; its contact exists or is learned by this decision
    because: str
    owner: str | None = None
    owner_because: str = ""
    auto_reply: str = "sent"  # or why none
    tags: tuple[str, ...] = ()
    extracted: Mapping[str, str] = field(default_factory=dict)
    company_id: int | None = None


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """A message joins a request. Its mail is the one being decided, if there is one."""

    request: int | None
    direction: Direction
    visibility: Visibility
    author: Author
    to: tuple[str, ...]
    subject: str
    text: str
    fresh: str
    message_id: str | None
    references: tuple[str, ...]
    at: datetime
    origin: str
    verdict: str
    because: str
    attachments: tuple[Attachment, ...] = ()
    is_draft: bool = False  # words for the customer that were not sent: nothing internal
    thread_index: str = ""  # Outlook's
    attached_text: str = ""  # of a message inside: what its files say, for the scan of answers
    is_old: bool = False  # of the time before Postroom: no clock counts it as a word


@dataclass(frozen=True, slots=True)
class AddParticipant:
    """Somebody outside belongs to a request now."""

    request: int | None
    address: str
    role: str
    because: str


@dataclass(frozen=True, slots=True)
class RemoveParticipant:
    """Somebody outside hears no more of a request."""

    request: int
    address: str
    because: str


@dataclass(frozen=True, slots=True)
class ReplaceAddresses:
    """A handler's reply addresses for a request were seen by others: the next ones differ."""

    request: int
    handler: str
    generation: int  # the new one
    because: str


@dataclass(frozen=True, slots=True)
class KnowIds:
    """Message-IDs that lead to a request from now on: (id, n, kind); n as in message_ref."""

    request: int | None
    ids: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class NoteMailbox:
    """Another mailbox of ours got the same mail."""

    request: int
    mailbox: str
    because: str


@dataclass(frozen=True, slots=True)
class LinkRequests:
    """Two requests have to do with each other."""

    request: int | None
    other: int
    kind: str
    because: str


@dataclass(frozen=True, slots=True)
class SetStatus:
    """A new status; `phase` is that of the status."""

    request: int | None
    from_: str
    to: str
    phase: Phase
    because: str


@dataclass(frozen=True, slots=True)
class Assign:
    """A new owner, or none."""

    request: int | None
    from_: str | None
    to: str | None
    because: str
    is_by_hand: bool = False  # somebody asked for it, for this request


@dataclass(frozen=True, slots=True)
class SetProperty:
    """A new priority, category, type or subject."""

    request: int
    name: str
    from_: str
    to: str
    because: str


@dataclass(frozen=True, slots=True)
class SetTags:
    """Tags put on and taken off."""

    request: int
    add: tuple[str, ...]
    remove: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class SetReplied:
    """The first public answer went out."""

    request: int
    at: datetime
    because: str


@dataclass(frozen=True, slots=True)
class SetPostponed:
    """A request sleeps until then (`until` None: it is awake), with the timer that wakes it."""

    request: int
    until: datetime | None
    because: str


@dataclass(frozen=True, slots=True)
class SetClocks:
    """The clocks of a request as they stand now, with the timers for what comes first and closing.

    The timer of closing is left alone unless its moment is another one than it was.
    """

    request: int | None
    was: Timing
    timing: Timing


@dataclass(frozen=True, slots=True)
class SetChain:
    """Where the escalation chain of a request stands now, with the timer of its next level."""

    request: int | None
    was: Chain
    chain: Chain
    because: str


@dataclass(frozen=True, slots=True)
class SetRead:
    """Who has read a request, and the colour that follows; None: as it was."""

    request: int
    was: ReadStatus
    status: ReadStatus
    because: str
    is_new_owner: bool = False  # what the owner before has read says nothing of this one
    owner_at: datetime | None = None
    handler_at: datetime | None = None
    customer_at: datetime | None = None


ACKNOWLEDGED = "acknowledged"  # its owner has taken an escalated request on


@dataclass(frozen=True, slots=True)
class Record:
    """A row of history that says what happened, and changes nothing else."""

    request: int | None
    kind: str  # missed, warned, escalated; mail: none, and why
    to: str
    because: str


@dataclass(frozen=True, slots=True)
class PendingTransition:
    """A transition that waits for its hook, with all that is needed to make it then."""

    name: str
    from_: str
    to: str
    reason: str
    actor: str  # who asked for it
    sends_mail: bool = False  # to the customer, with the reason


@dataclass(frozen=True, slots=True)
class RunHook:
    """A hook to be run after the commit. It is told of the request as this decision leaves it."""

    request: int | None
    name: str
    event: str  # rule, level, transition
    because: str
    transition: PendingTransition | None = None


@dataclass(frozen=True, slots=True)
class EndHookRun:
    """One attempt at running a hook is over; `due_at`: when there is to be another."""

    run: int
    attempt: int
    state: str  # waiting, done, failed
    due_at: datetime | None
    result: str


@dataclass(frozen=True, slots=True)
class AnswerHold:
    """Another mail's hold is to be ended, at once and in a transaction of its own, by a timer."""

    hold: int
    wish: str  # "accept" or "refuse"
    because: str


@dataclass(frozen=True, slots=True)
class PlanDigest:
    """A handler's next daily mail."""

    handler: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class EndTimer:
    """The timer that made this decision has fired."""

    timer: int
    because: str


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """The state of a category's assignment after a turn; `version` is that of the facts."""

    category: str
    handler: str
    weights: Mapping[str, int]
    turns: Mapping[str, int]
    version: int


@dataclass(frozen=True, slots=True)
class SpendBrake:
    """A token bucket after a token was taken; `version` is that of the facts."""

    key: str
    tokens: float
    version: int


class Reply(StrEnum):
    """Whose address the Reply-To of a mail is: the role of its token, and whom it names."""

    CUSTOMER = "c"
    ANSWER = "h"  # a handler's: what he writes there goes to the customer
    NOTE = "n"  # a handler's: what he writes there is internal
    SIDE = "s"  # of somebody inside who is no handler
    HOLD = "n-hold"  # a handler's: commands about the mail that this decision holds


@dataclass(frozen=True, slots=True)
class QueueMail:
    """A mail to be sent: the recipe, one delivery for each recipient."""

    request: int | None
    kind: str
    mailbox: str
    recipients: tuple[str, ...]
    template: str
    language: str
    variables: Mapping[str, Any]  # plain JSON; apply adds id, reference and tag of the request
    from_name: str
    because: str
    subject: str = ""  # for lists, until it is composed
    layout: str | None = None
    reply: Reply | None = None
    # Whom the token names: a participant's address, or a handler with the generation of his.
    reply_to: str | None = None
    reply_generation: int = 0
    reply_hold: int | None = None  # with Reply.HOLD; None: the hold that this decision makes
    to: tuple[Address, ...] = ()  # as shown to every recipient; empty: each sees only himself
    cc: tuple[Address, ...] = ()
    is_inside: bool = False  # joins the handlers' own thread about the request
    is_about_request: bool = True  # False: about the whole site
    thread_index: str = ""
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()  # parts of the mail being decided
    due_at: datetime | None = None  # when it is to be sent; None: at once


@dataclass(frozen=True, slots=True)
class HoldMail:
    """The mail waits for a human; `until` None: never opens by itself."""

    request: int | None  # None here: claims no request
    until: datetime | None
    reason: str
    responsible: str | None


@dataclass(frozen=True, slots=True)
class EndHold:
    """The hold of the mail being decided is over: accepted, refused or opened."""

    state: str


@dataclass(frozen=True, slots=True)
class RecordBounce:
    """A delivery of ours came back."""

    delivery: int
    diagnostic: str
    because: str


Effect = (
    LearnContact
    | LearnEnding
    | OpenRequest
    | AppendMessage
    | AddParticipant
    | RemoveParticipant
    | ReplaceAddresses
    | KnowIds
    | NoteMailbox
    | LinkRequests
    | SetStatus
    | Assign
    | SetProperty
    | SetTags
    | SetReplied
    | SetPostponed
    | SetClocks
    | SetChain
    | SetRead
    | Record
    | RunHook
    | EndHookRun
    | AnswerHold
    | PlanDigest
    | EndTimer
    | TakeTurn
    | SpendBrake
    | QueueMail
    | HoldMail
    | EndHold
    | RecordBounce
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about a trigger and why.

    `outcome` is None when no mail is concerned. `explanation` holds, as plain JSON, what was looked
    at and what did not match. `versions` are the requests whose version must still be as seen.
    """

    actor: str
    reason: str
    policy_version: str
    outcome: Outcome | None = None
    request: int | None = None  # that the mail belongs to; None with OpenRequest: the new one
    effects: tuple[Effect, ...] = ()
    versions: Mapping[int, int] = field(default_factory=dict)
    explanation: Mapping[str, Any] = field(default_factory=dict)
    seen: str | None = None  # the handler who was at work, for `active_within`

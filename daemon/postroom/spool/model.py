"""The values and errors of the spool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from postroom.errors import PostroomError, Unavailable
from postroom.mail.message import Envelope

MAX_FAILURES = 3  # of a mail's own: then it is quarantined


class DiskFull(Unavailable):
    """There is no room for a mail: the door says 452 4.3.1, and 451 4.3.0 to the rest."""


class DamagedSpoolError(PostroomError):
    """The file is not a sound spool; the text says which file and why."""


class SpoolState(StrEnum):
    """Where a spooled mail stands; `working` is known only inside the daemon."""

    NEW = "new"
    WORKING = "working"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far an IMAP folder was read; moves in the transaction of the mail that it fetched."""

    source: str
    uid_validity: int
    uid: int
    since: datetime | None = None  # when it was looked into first; kept once it is written
    start: int = 0  # mails up to this UID were there before that, and are not fetched
    border: int = 0  # mails up to this UID may be older than `since`: their dates say so
    before: tuple[int, int] | None = None  # to be written only if (UIDVALIDITY, UID) is this yet


@dataclass(frozen=True, slots=True)
class SpooledMail:
    """One claimed mail, with its bytes."""

    id: str
    number: int
    envelope: Envelope
    raw: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One mail in the spool, without its bytes; `due_at` is None unless it was deferred."""

    id: str
    number: int
    state: SpoolState
    envelope: Envelope
    size: int
    attempts: int
    why: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class SpoolNumbers:
    """What audit compares with the journal: the numbers 1 to `next` - 1 were given away."""

    name: str  # "<node>-<epoch>"
    next: int
    present: frozenset[int]
    quarantined: frozenset[int]

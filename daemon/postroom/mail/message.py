"""What one mail says, as values: the result of reading, and of nothing else.

Used by: mail.parse (makes them, in a reader process), core (decides on them), store (keeps them).
All values are picklable, frozen and bounded by `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Origin(StrEnum):
    """Who or what wrote a mail (DESIGN section 9)."""

    PERSON = "person"
    AUTOMATIC = "automatic"  # a machine's first word: monitoring, a shop's form
    AUTO_REPLY = "auto-reply"
    BOUNCE = "bounce"
    LIST = "list"
    REPORT = "report"  # feedback reports and notices of a delivery that went well
    LOOP = "loop"  # our own words came back


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of reading one mail; everything beyond is named in `defects`, never an error."""

    parts: int = 500
    depth: int = 30
    headers: int = 500  # of the whole mail's top level
    header_bytes: int = 16_384  # of one header value
    text_chars: int = 2_000_000
    addresses: int = 20_000  # of one header
    references: int = 100  # the newest count
    attached_chars: int = 200_000  # of the readable text of all attachments together


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox of RFC 5322: `address` is canonical (domain in lower case), `name` decoded."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the body of a part lies in the raw mail, and how it is encoded there."""

    encoding: str  # base64, quoted-printable, uuencode, or "": as it is
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """One MIME leaf that is not the text.

    `part` counts as IMAP does ("2", "2.1"); "0" is the whole mail, "2/1" the first file inside of
    a part (uuencoded in a text, in a winmail.dat or a .msg). `type` is the declared one.
    `place` None: it cannot be cut out without reading the mail again.
    """

    part: str
    name: str
    type: str
    size: int  # octets, decoded
    inline: bool
    content_id: str = ""
    place: Place | None = None
    looks_like: str = ""  # the type by its first octets, "" if they say nothing


class Belongs(StrEnum):
    """Whose a picture in a mail is."""

    OWN = "own"  # it stands among the new words
    BELOW = "below"  # below them: in a signature, as far as the text can tell
    SIGNATURE = "signature"  # in what the HTML names so
    OLDER = "older"  # in a quote, or in what is passed on


@dataclass(frozen=True, slots=True)
class Picture:
    """Where the HTML of a mail shows a picture of the mail's own.

    `start` and `end` say where in `fresh`: the end of the line before it, or the mark that stands
    for it there ("[cid:…]"). Both are -1 for what does not belong to the new words.
    """

    part: str
    belongs: Belongs
    start: int = -1
    end: int = -1


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient of RFC 3464's per-recipient fields."""

    address: str
    action: str = ""
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a delivery status notice reports; `message_id` is that of the mail that failed."""

    recipients: tuple[FailedRecipient, ...]
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Forward:
    """The mail that somebody passed on inside this one."""

    from_: str
    subject: str
    date: str
    text: str


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """One mail, read. Message-IDs are canonical, without `<>`; `references` from old to new."""

    message_id: str | None
    date: datetime | None
    subject: str
    from_: Address | None
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    text: str = ""  # the whole readable text
    fresh: str = ""  # what the sender newly wrote; all of the text if that is nothing
    is_all_old: bool = False  # nothing in it is new: a quote, or a mail passed on without a word
    # What is new but for answers between the lines of an older mail without quote marks, which that
    # mail's author may have written there himself; None if there are none.
    certain: str | None = None
    html: str | None = None  # as sent, unsanitised, within the limits
    attachments: tuple[Attachment, ...] = ()
    pictures: tuple[Picture, ...] = ()  # those attachments that the HTML shows
    attached_text: str = ""  # what can be read in the attachments, for the leak scan
    attached_text_is_whole: bool = True  # False: cut at a limit, so a scan of it proves nothing
    origin: Origin = Origin.PERSON
    evidence: tuple[str, ...] = ()  # why this origin, e.g. "Auto-Submitted: auto-replied"
    bounce: Bounce | None = None
    forward: Forward | None = None
    defects: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # top level, in order, unfolded and decoded
    hops: int = 0  # number of Received headers
    size: int = 0  # octets of the raw mail
    content_hash: str = ""  # hex; of From, Date, Subject and body, never of Received
    language: str = ""  # of Content-Language, lower case, or ""
    is_readable: bool = True  # False: made from the envelope, the raw mail attached

    @property
    def own_words(self) -> str:
        """What may command or answer: nothing that somebody else wrote before."""
        if self.is_all_old:
            return ""
        return self.fresh if self.certain is None else self.certain

    def header(self, name: str) -> str:
        """Return the first header of that name, or "" (names compare without case)."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def all_of(self, name: str) -> tuple[str, ...]:
        """Return every header of that name, top first."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the door saw around the bytes. `sender` is "" for the null sender."""

    sender: str
    recipients: tuple[str, ...]
    transport: str  # smtp lmtp imap cli web
    mailbox: str  # the mailbox that it is for
    received_at: datetime
    peer: str = ""  # IP address, or "unix", or "" when it did not come by network
    options: dict[str, str] = field(default_factory=dict)  # SMTPUTF8, BODY, TLS version …
    source: str = ""  # where it was fetched (server, user, folder, UIDVALIDITY, UID), else ""
    is_import: bool = False  # older than Postroom's work on its mailbox: kept, never answered

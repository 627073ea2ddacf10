"""A mail as an IMAP server keeps it → its envelope, which only its headers can tell.

Pure. The server that delivered the mail wrote Return-Path (RFC 5321 §4.4) and its like on top; what
a stranger wrote under these names stands below, and gains him no more than a From would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from postroom.core.imap import source_key
from postroom.core.site import Mailbox, Site
from postroom.core.units import write_size
from postroom.mail.address import parse_addresses
from postroom.mail.message import Envelope

HEAD = 256 * 1024  # octets of headers looked at
_MOST_RECIPIENTS = 20
_MOST_VALUE = 16_384
_WANTED = re.compile(
    rb"^(return-path|delivered-to|x-original-to|x-delivered-to|x-envelope-to|envelope-to|to|cc|from)"
    rb"[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(rb"\r?\n\r?\n")
_BODY_FIELD = re.compile(rb"^(content-[a-z0-9-]+|mime-version|lines|status)[ \t]*:", re.IGNORECASE)
_DELIVERED = (
    "delivered-to",
    "x-original-to",
    "x-delivered-to",
    "x-envelope-to",
    "envelope-to",
    "to",
    "cc",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail lies on its server."""

    source: str
    uid_validity: int
    uid: int

    @property
    def key(self) -> str:
        """Its name for ever."""
        return source_key(self.source, self.uid_validity, self.uid)


def envelope_of(
    raw: bytes,
    mailbox: Mailbox,
    site: Site,
    place: Place,
    received_at: datetime,
    *,
    is_import: bool = False,
) -> Envelope:
    """Return the envelope of a fetched mail.

    A null Return-Path stays null: such mail is never answered. Recipients are those addresses in
    its headers that are the mailbox's own, tokens and all, else the mailbox's address.
    """
    fields = _fields(_head(raw))
    return Envelope(
        sender=_sender(fields),
        recipients=tuple(_recipients(fields, mailbox, site)) or (mailbox.address,),
        transport="imap",
        mailbox=mailbox.name,
        received_at=received_at,
        source=place.key,
        is_import=is_import,
    )


def arrived_at(at: datetime | None, now: datetime) -> datetime:
    """Return when the server took the mail in, as far as it can be believed."""
    is_odd = at is None or at > now or at < now - timedelta(days=365 * 50)
    return now if at is None or is_odd else at


def stub(head: bytes, why: str, now: datetime) -> bytes:
    """Make a mail of the headers of one that was not fetched, which says so."""
    kept = [line for line in _unfolded(_head(head + b"\r\n\r\n")) if not _BODY_FIELD.match(line)]
    if not any(line.lower().startswith(b"date:") for line in kept):
        kept.append(b"Date: " + format_datetime(now).encode())
    said = f"[{why}]\r\n".encode()
    return b"\r\n".join(
        [
            *kept,
            b"MIME-Version: 1.0",
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Transfer-Encoding: 8bit",
            b"",
            said,
        ]
    )


def too_large(size: int, most: int, folder: str) -> str:
    """Say why a mail is not here. Harmless to strangers: an answer may quote it."""
    return (
        f"This mail of {write_size(size)} is larger than {write_size(most)} and was not taken in "
        f"whole: it lies on the mail server, in folder {folder}."
    )


def unreadable(folder: str) -> str:
    """Say that the server did not give the mail out."""
    return (
        f"The mail server does not give this mail out whole: it lies there, in folder {folder}. "
        "Only its headers could be read."
    )


def _head(raw: bytes) -> bytes:
    found = _END.search(raw, 0, HEAD)
    return raw[: found.start() if found else HEAD]


def _fields(head: bytes) -> list[tuple[str, str]]:
    return [
        (match[1].decode().lower(), match[2][:_MOST_VALUE].decode("utf-8", "replace"))
        for match in _WANTED.finditer(head)
    ]


def _sender(fields: Sequence[tuple[str, str]]) -> str:
    for name, value in fields:
        if name == "return-path":
            return next((one.address for one in parse_addresses(value, 1)), "")
    for name, value in fields:
        if name == "from":
            return next((one.address for one in parse_addresses(value, 1)), "")
    return ""


def _recipients(fields: Sequence[tuple[str, str]], mailbox: Mailbox, site: Site) -> Iterator[str]:
    seen = set[str]()
    for wanted in _DELIVERED:
        for name, value in fields:
            if name != wanted:
                continue
            for one in parse_addresses(" ".join(value.split()), 100):
                is_new = one.address.lower() not in seen and len(seen) < _MOST_RECIPIENTS
                if is_new and site.mailbox_for(one.address) == mailbox:
                    seen.add(one.address.lower())
                    yield one.address


def _unfolded(head: bytes) -> Iterator[bytes]:
    """Cut a header block into fields, folding kept as it is."""
    field = b""
    for line in head.replace(b"\r\n", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and field:
            field += b"\r\n" + line
            continue
        if b":" in field:
            yield field
        field = line
    if b":" in field:
        yield field

"""One mail, read: bytes to a `ParsedMail`.

Promise: any bytes give a `ParsedMail`, in time and memory linear in their number and within
`Limits`; every bound that was met and everything broken is named in `defects`. Nothing but
MemoryError gets out.
Used by: work.readers (in a reader process), cli (`mail read`), web (`read_part`).

Why not mail-parser: it reads every body into memory several times (245 MB for a mail of 24 MB),
recurses per MIME level, knows no part numbers, and is slower. It stays as the second opinion that a
test asks about the whole corpus.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from postroom.mail.address import canonical, parse_addresses
from postroom.mail.attachments import (
    UTF16_MARKS,
    is_disguised,
    list_attachments,
    name_of,
    read_attached,
    safe_name,
    type_of,
)
from postroom.mail.bodies import choose_bodies, file_name_of
from postroom.mail.charset import is_ascii_label, is_utf8
from postroom.mail.compound import MAGIC
from postroom.mail.dates import read_date
from postroom.mail.forward import find_forward, is_forward_subject, readable_sender
from postroom.mail.fresh import Fresh, split_fresh
from postroom.mail.guessing import guess_charset
from postroom.mail.message import Address, Attachment, Envelope, Forward, Limits, Origin, ParsedMail
from postroom.mail.namesakes import Author, author_of
from postroom.mail.origin import judge_origin
from postroom.mail.outlook import is_msg, mail_of_msg
from postroom.mail.pictures import find_pictures
from postroom.mail.refs import message_id_of, message_ids
from postroom.mail.reports import find_report, octets_of
from postroom.mail.secured import open_signed
from postroom.mail.structure import DEFAULTS, Fields, Node, Structure, cut, read_fields
from postroom.mail.transfer import decode_transfer
from postroom.mail.words import decode_header, decode_words

# Structured and trace headers stay as they are (RFC 2047 §5): decoding an encoded word inside them
# could turn a stranger's envelope address into a result of our own relay.
_VERBATIM = frozenset(
    {"received", "return-path", "authentication-results", "arc-authentication-results", "arc-seal"}
    | {"arc-message-signature", "dkim-signature", "received-spf", "message-id", "references"}
    | {"in-reply-to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "date"}
    | {"auto-submitted", "list-id", "content-type", "x-postroom-loop", "x-failed-recipients"}
)
_VALUE_BYTES = 1_048_576  # of one long list (recipients, references) looked at
_LISTS = frozenset({"to", "cc", "bcc", "reply-to", "references"})  # read by themselves, whole
_BLANKS = re.compile(r"[ \t\n\r\f\v]+")
_EMLX = re.compile(rb"(\d{2,9}+) *+\r?\n(?=[A-Za-z-]{2,40}+:)")  # how long the mail below is
_HINT_BYTES = 16_384
_HASH_STEP = 1 << 20
_COVER_CHARS = 300  # of a text that only accompanies the mail attached to it
_MOST_DEFECTS = 50
_ENVELOPE_BYTES = 65_536  # of a mail that could not be read


def read_mail(raw: bytes, limits: Limits = DEFAULTS) -> ParsedMail:
    """Read one mail."""
    structure = _cut(raw, limits)
    head = _Head(structure.root.fields, limits, _charset_hint(structure))
    outside, structure = structure, open_signed(structure, limits)
    bodies = choose_bodies(structure, limits)
    attached = read_attached(structure, bodies, limits)
    report = find_report(structure)
    attachments = list_attachments(structure, bodies)
    from_ = next(iter(head.addresses("from")), None)
    author = author_of(from_, head.first("from"))
    fresh = split_fresh(bodies.text, bodies.html, author)
    origin, evidence, bounce = judge_origin(
        head.decoded,
        from_,
        bodies.text,
        report,
        limits,
        own="" if fresh.is_all_old else fresh.text,
        is_whole=fresh.is_whole,
    )
    return ParsedMail(
        message_id=message_id_of(head.first("message-id")),
        date=head.date(),
        subject=head.subject(),
        from_=from_,
        reply_to=head.addresses("reply-to"),
        to=head.addresses("to"),
        cc=head.addresses("cc"),
        in_reply_to=head.ids("in-reply-to"),
        references=head.ids("references"),
        text=bodies.text,
        fresh=fresh.text,
        is_all_old=fresh.is_all_old,
        certain=fresh.own,
        html=bodies.html,
        attachments=attachments,
        pictures=find_pictures(fresh.text, bodies.html, attachments, author),
        attached_text=attached.text,
        attached_text_is_whole=attached.is_whole,
        origin=origin,
        evidence=evidence,
        bounce=bounce,
        forward=_find_forward(structure, head, author, bodies.text, fresh, origin, limits),
        # Last but one: the fields above have added theirs.
        defects=tuple(
            dict.fromkeys(
                [
                    *structure.defects,
                    *bodies.defects,
                    *attached.defects,
                    *(f"{each.name} is a program" for each in attachments if is_disguised(each)),
                    *head.defects,
                ]
            )
        )[:_MOST_DEFECTS],
        headers=head.decoded,
        hops=sum(name.lower() == "received" for name, _ in head.fields),
        size=len(raw),
        content_hash=_content_hash(outside, head),
        language=head.first("content-language").partition(",")[0].strip().lower()[:35],
    )


def read_part(raw: bytes, part: str, limits: Limits = DEFAULTS) -> tuple[str, str, bytes]:
    """Cut one attachment out: its type, its safe name and its octets; "0" is the whole mail.

    Raises KeyError if the mail has no such leaf.
    """
    if part == "0":
        return "message/rfc822", "message.eml", raw
    structure = open_signed(_cut(raw, limits), limits)
    number, slash, place = part.partition("/")
    if slash:
        files = dict(enumerate(choose_bodies(structure, limits).files.get(number, ()), 1))
        file = files[int(place) if place.isdecimal() else 0]
        return type_of(file), safe_name(file.name) or f"part-{number}-{place}.bin", file.octets
    for leaf in structure.leaves:
        if leaf.number == part:
            octets = decode_transfer(structure.slice(leaf), leaf.encoding)
            return leaf.type, name_of(structure, leaf), octets
    raise KeyError(part)


def _cut(raw: bytes, limits: Limits) -> Structure:
    """Find the parts of a mail, which may lie in a file as some program saved it."""
    mail = _unpacked(raw)
    structure = cut(raw if mail is None else mail, limits)
    structure.is_verbatim = structure.is_verbatim and mail is None
    return structure


def _unpacked(raw: bytes) -> bytes | None:
    """Take a mail out of a .msg, of Apple Mail's .emlx, or of a text that is all UTF-16."""
    if raw.startswith(MAGIC):
        return mail_of_msg(raw)
    if raw.startswith(UTF16_MARKS):
        return raw.decode("utf-16", "replace").encode("utf-8", "replace")
    if (counted := _EMLX.match(raw)) is not None:
        return raw[counted.end() :][: int(counted[1])]
    return None


def from_envelope(envelope: Envelope, raw: bytes, why: str) -> ParsedMail:
    """Make the mail that stands for one that could not be read; it is attached whole."""
    limits = Limits(headers=100, header_bytes=2_000)
    fields, _ = read_fields(raw[:_ENVELOPE_BYTES], 0, limits.headers)
    head = _Head(fields, limits, "")
    sender = Address("", canonical(envelope.sender)[:320]) if envelope.sender else None
    text = f"This mail could not be read ({why}). It is attached as it came."
    return ParsedMail(
        message_id=message_id_of(head.first("message-id")),
        date=read_date(head.first("date")),
        subject=head.subject(),
        from_=next(iter(head.addresses("from")), sender),
        to=head.addresses("to")[:100],
        in_reply_to=head.ids("in-reply-to"),
        references=head.ids("references"),
        text=text,
        fresh=text,
        attachments=(Attachment("0", "message.eml", "message/rfc822", len(raw), inline=False),),
        attached_text_is_whole=False,
        defects=(f"unreadable: {why}",),
        headers=head.decoded,
        hops=sum(name.lower() == "received" for name, _ in fields),
        size=len(raw),
        content_hash=hashlib.sha256(raw).hexdigest(),
        is_readable=False,
    )


class _Head:
    """The header of one mail: raw fields, and the same decoded and bounded."""

    def __init__(self, fields: Fields, limits: Limits, charset: str) -> None:
        self.fields = fields
        self.limits = limits
        self.charset = charset
        self.defects: dict[str, None] = {}
        self.decoded = tuple((name, self._decode(name, value)) for name, value in fields)
        self.firsts: dict[str, str] = {}
        self.values: dict[str, list[bytes]] = {}
        for (name, value), (_, text) in zip(fields, self.decoded, strict=True):
            self.firsts.setdefault(name.lower(), text)
            self.values.setdefault(name.lower(), []).append(value)
        if len(self.values.get("from", ())) > 1:
            self.defects["more than one From"] = None

    def _decode(self, name: str, value: bytes) -> str:
        most = self.limits.header_bytes
        if len(value) > most and name.lower() not in _LISTS:
            self.defects[f"header {name} longer than {most} octets"] = None
        text = decode_header(value[:most], self.charset)
        if name.lower() not in _VERBATIM:
            text = decode_words(text)
        return text[:most]

    def first(self, name: str) -> str:
        return self.firsts.get(name, "")

    def subject(self) -> str:
        return _BLANKS.sub(" ", self.first("subject")).strip(" ")

    def date(self) -> datetime | None:
        value = self.first("date")
        date = read_date(value)
        if date is None and value:
            self.defects["Date that names no moment"] = None
        return date

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Read every field of that name: some programs send several, and lists can be long."""
        value = b",".join(self.values.get(name, ()))
        if not value:
            return ()
        text = decode_header(value[:_VALUE_BYTES], self.charset)
        found = parse_addresses(text, self.limits.addresses + 1)
        if len(found) > self.limits.addresses or len(value) > _VALUE_BYTES:
            self.defects[f"more than {self.limits.addresses} addresses in {name}"] = None
        return found[: self.limits.addresses]

    def ids(self, name: str) -> tuple[str, ...]:
        value = b" ".join(self.values.get(name, ()))
        if not value:
            return ()
        text = decode_header(value[-_VALUE_BYTES:], self.charset)
        return message_ids(text, self.limits.references)


def _charset_hint(structure: Structure) -> str:
    """Guess the charset of raw 8-bit headers: that of the first text, declared or not."""
    for leaf in structure.leaves[:5]:
        charset = leaf.parameters.get("charset", "")
        if charset and not is_ascii_label(charset):
            return charset
    root = structure.root
    if all(value.isascii() or is_utf8(value) for _, value in root.fields):
        return ""
    # A name alone says little of its charset; what stands below it says more.
    values = b"\n".join(value for _, value in root.fields if not value.isascii())
    return guess_charset(values[:_HINT_BYTES] + structure.raw[root.body :][:_HINT_BYTES]) or ""


def _find_forward(
    structure: Structure,
    head: _Head,
    author: Author,
    text: str,
    fresh: Fresh,
    origin: Origin,
    limits: Limits,
) -> Forward | None:
    subject = head.subject()
    is_answer = bool(head.first("in-reply-to"))
    recipients = set[str]()
    if fresh.older is not None and fresh.older.header is not None:
        all_of_them = (*head.addresses("to"), *head.addresses("cc"))
        recipients = {one.address.lower() for one in all_of_them}
    inline = find_forward(
        subject, text, fresh.older, is_answer=is_answer, recipients=recipients, author=author
    )
    if inline is not None:
        return inline
    # A mail attached below a line or two is what it is about, whatever the subject says.
    is_cover = origin is Origin.PERSON and not is_answer and len(text) <= _COVER_CHARS
    return _attached(structure, limits) if is_cover or is_forward_subject(subject) else None


def _attached(structure: Structure, limits: Limits) -> Forward | None:
    """Read the first mail that is attached."""
    found = (raw for leaf in structure.leaves if (raw := _mail_in(structure, leaf)) is not None)
    if (raw := next(found, None)) is None:
        return None
    inner = cut(raw, limits)
    fields = _Head(inner.root.fields, limits, _charset_hint(inner))
    text = choose_bodies(inner, limits).text
    sender = readable_sender(fields.first("from"))
    return Forward(sender, fields.subject(), fields.first("date"), text)


def _mail_in(structure: Structure, leaf: Node) -> bytes | None:
    """Return the mail that a part is, if it is one."""
    if leaf.type == "message/rfc822":
        return octets_of(structure, leaf)
    if not is_msg(leaf.type, file_name_of(leaf)):
        return None
    return mail_of_msg(decode_transfer(structure.slice(leaf), leaf.encoding))


def _content_hash(structure: Structure, head: _Head) -> str:
    """Hash what makes two mails the same mail, whatever way they came."""
    digest = hashlib.sha256()
    # How the body reads is part of what it says: another encoding makes another text of it.
    for name in ("from", "date", "subject", "content-type", "content-transfer-encoding"):
        digest.update(" ".join(head.first(name).split()).encode("utf-8", "replace") + b"\n")
    body = memoryview(structure.raw)[structure.root.body :]
    end = _end_of_text(structure.raw, structure.root.body)
    for start in range(0, end - structure.root.body, _HASH_STEP):
        chunk = body[start : min(start + _HASH_STEP, end - structure.root.body)].tobytes()
        digest.update(chunk.replace(b"\r", b""))
    return digest.hexdigest()


def _end_of_text(raw: bytes, start: int) -> int:
    """Find the end of the body without the white space that some transports add or remove."""
    end = len(raw)
    while end > start:
        tail = raw[max(start, end - 4_096) : end]
        if stripped := tail.rstrip(b" \t\r\n"):
            return end - len(tail) + len(stripped)
        end -= len(tail)
    return start

"""The parts of a mail that are files: what they are called, how large they are, what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from postroom.mail.bodies import Bodies, choose_bodies, disposition_of, file_name_of
from postroom.mail.charset import decode_bytes, scrub
from postroom.mail.compound import MAGIC
from postroom.mail.cutting import place_of
from postroom.mail.embedded import File
from postroom.mail.html import html_to_text
from postroom.mail.magic import PROGRAMS, sniff
from postroom.mail.message import Attachment, Limits
from postroom.mail.outlook import is_msg, mail_of_msg
from postroom.mail.structure import Fields, Node, Structure, cut, read_fields
from postroom.mail.transfer import PLAIN, base64_size, decode_transfer
from postroom.mail.words import decode_header, decode_words

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f<>:\"|?*\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_CONTENT_ID = re.compile(r"<?\s*([^<>\s]{1,250})")
_LAST_NAME = re.compile(
    r"[^/\\:;<>\"]{1,100}\.[A-Za-z][A-Za-z0-9]{1,4}\Z"
)  # of a path or an address
_REFERENCE = re.compile(r"cid:([^\s\"'<>)]{1,250})", re.IGNORECASE)
_SOURCE = re.compile(r"\b(?:src|background)\s*+=\s*+[\"']?([^\"'\s<>]{1,2000})", re.IGNORECASE)
_HARMLESS = ("image/", "text/", "audio/", "video/", "application/pdf", "application/vnd.")
_MAGIC_BYTES = 2_000  # of a leaf, as encoded
_LONGEST_NAME = 120  # characters; file systems allow 255 octets
_OFFICE = "application/vnd.openxmlformats-officedocument"
_EXTENSIONS = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/rfc822-headers": ".txt",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "message/feedback-report": ".txt",
    "message/disposition-notification": ".txt",
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    "application/rtf": ".rtf",
    "application/xml": ".xml",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
    "application/x-pkcs7-signature": ".p7s",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "image/bmp": ".bmp",
    "image/jpg": ".jpg",
    "image/tiff": ".tif",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
    "video/mp4": ".mp4",
    "application/zip": ".zip",
    "application/json": ".json",
    "application/ms-tnef": ".dat",
    "application/pgp-signature": ".asc",
    "application/pkcs7-signature": ".p7s",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/webp": ".webp",
}
_MAILS = frozenset({"message/rfc822", "message/global", "text/rfc822-headers"})
_MAIL_NAMES = (".eml", ".mht", ".mhtml")
_MAIL_BYTES = 8 << 20  # of one attached mail, as encoded
_MSG_BYTES = 64 << 20
_MAIL_DEPTH = 5  # mails inside mails inside the mail
_MAIL_HEADERS = ("subject", "from", "to", "cc", "reply-to")
_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_MARKUP_NAMES = (".htm", ".html", ".xhtml")
_MAILTO = re.compile(r"mailto:[^\"'\s<>]{1,2000}", re.IGNORECASE)
_LOOK = 4_096  # octets that say whether an unknown file is a text
_CONTROL_OCTETS = bytes([*range(9), 11, *range(14, 27), *range(28, 32), 127])  # not ISO 2022's ESC
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def list_attachments(structure: Structure, bodies: Bodies) -> tuple[Attachment, ...]:
    """Describe every leaf that is not the text; names are safe and unique, sizes are decoded."""
    referenced = {unquote(match[1]) for match in _REFERENCE.finditer(bodies.html or "")}
    shown = _sources_of(structure, bodies)
    taken: dict[str, int] = {}
    found = []
    for leaf in structure.leaves:
        if leaf.number not in bodies.parts:
            match = _CONTENT_ID.match(leaf.text("content-id"))
            content_id = match[1] if match else ""
            found.append(
                Attachment(
                    part=leaf.number,
                    name=_unique(name_of(structure, leaf), taken),
                    type=leaf.type,
                    size=_size(structure, leaf),
                    inline=disposition_of(leaf)[0] == "inline"
                    or content_id in referenced
                    or leaf.text("content-location") in shown,
                    content_id=content_id,
                    place=place_of(structure, leaf),
                    looks_like=_sniff(structure, leaf),
                )
            )
        # Files in a text, a winmail.dat or a .msg: not leaves, but things that somebody sent.
        for n, file in enumerate(bodies.files.get(leaf.number, ()), 1):
            found.append(
                Attachment(
                    part=f"{leaf.number}/{n}",
                    name=_unique(safe_name(file.name) or f"part-{leaf.number}-{n}.bin", taken),
                    type=type_of(file),
                    size=len(file.octets),
                    inline=bool(file.content_id) and file.content_id in referenced,
                    content_id=file.content_id,
                    looks_like=sniff(file.octets),
                )
            )
    return tuple(found)


def _sources_of(structure: Structure, bodies: Bodies) -> frozenset[str]:
    """Return what the HTML shows by its address, if parts have addresses (RFC 2557)."""
    if bodies.html is None or not any(leaf.field("content-location") for leaf in structure.leaves):
        return frozenset()
    return frozenset(match[1] for match in _SOURCE.finditer(bodies.html))


def is_disguised(attachment: Attachment) -> bool:
    """Say whether a program calls itself something else."""
    return attachment.looks_like in PROGRAMS and attachment.type.startswith(_HARMLESS)


def type_of(file: File) -> str:
    """Return the type of a file that came without one: what its octets look like."""
    return file.type or sniff(file.octets) or "application/octet-stream"


def _sniff(structure: Structure, leaf: Node) -> str:
    end = min(leaf.end, leaf.body + _MAGIC_BYTES)
    return sniff(decode_transfer(structure.raw[leaf.body : end], leaf.encoding))


def name_of(structure: Structure, leaf: Node) -> str:
    """Give a leaf a safe file name: the sender's own, or one made from what it is."""
    if name := safe_name(file_name_of(leaf)) or _name_beside(leaf):
        return name
    if leaf.type == "message/rfc822":
        fields, _ = read_fields(structure.raw[leaf.body : min(leaf.end, leaf.body + 16_384)], 0, 50)
        subject = next((value for key, value in fields if key.lower() == "subject"), b"")
        title = decode_words(decode_header(subject))[:60].strip(" .")
        return safe_name(f"{title.replace('/', '-') or 'message'}.eml")
    return f"part-{leaf.number}{_EXTENSIONS.get(leaf.type, '.bin')}"


def _name_beside(leaf: Node) -> str:
    """Find a file's name where some programs write it: as what describes it, or where it was."""
    for field_name in ("content-description", "content-location"):
        found = decode_words(leaf.text(field_name)).partition("?")[0]
        last = _LAST_NAME.search(found[-_LONGEST_NAME:])
        if last is not None and (field_name == "content-location" or last[0] == found):
            return safe_name(unquote(last[0]))
    return ""


def safe_name(name: str) -> str:
    """Make a file name from what the sender wrote: no path, no controls, nothing hidden."""
    name = scrub(name[:2_000]).rstrip("/\\ ")
    # "Invoice 11/2026.pdf" is no path; what is one counts by its last name.
    is_path = "\\" in name or name.startswith(("/", "./", "../", "~"))
    name = re.split(r"[/\\]", name)[-1] if is_path else name.replace("/", "-")
    name = " ".join(_UNSAFE.sub(" ", name).split()).strip(". ")
    if len(name) > _LONGEST_NAME:
        stem, dot, extension = name.rpartition(".")
        extension = f".{extension}" if dot and len(extension) <= 10 else ""
        name = f"{(stem if extension else name)[: _LONGEST_NAME - len(extension)]}{extension}"
    return name


def _unique(name: str, taken: dict[str, int]) -> str:
    """Number the second and later attachments of one name (compared without case)."""
    if name.lower() not in taken:
        taken[name.lower()] = 1
        return name
    stem, dot, extension = name.rpartition(".")
    stem, extension = (stem, f"{dot}{extension}") if stem else (name, "")
    count = taken[name.lower()]
    while (numbered := f"{stem} ({count + 1}){extension}").lower() in taken:
        count += 1
    taken[name.lower()] = count + 1
    taken[numbered.lower()] = 1
    return numbered


def _size(structure: Structure, leaf: Node) -> int:
    match leaf.encoding:
        case "base64":
            return base64_size(structure.raw, leaf.body, leaf.end)
        case encoding if encoding in PLAIN:
            return leaf.end - leaf.body
        case encoding:
            return len(decode_transfer(structure.slice(leaf), encoding))


@dataclass(slots=True)
class Attached:
    """What can be read in the attachments; `defects` names each limit that cut something off."""

    text: str = ""
    defects: dict[str, None] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Say whether no limit was met; what cannot be read at all does not count."""
        return not self.defects


def read_attached(structure: Structure, bodies: Bodies, limits: Limits) -> Attached:
    """Read what a person could: names, texts, HTML, calendars, vCards, and mails inside the mail.

    Files of an unknown type count if their first octets are plainly text. Not read: pictures, PDF,
    archives and what is packed in them, so also docx, odt and xlsx. An mbox is read as its first
    mail, with the rest as that mail's text.
    """
    if len(bodies.parts) == len(structure.leaves) and not bodies.files:
        return Attached()
    reader = _AttachedReader(limits)
    reader.read_leaves(structure, bodies, depth=0)
    return Attached("\n\n".join(reader.pieces), reader.defects)


class _Kind:
    """What kind of thing a file is, by its name, its type and how it begins."""

    def __init__(self, name: str, declared: str, start: bytes) -> None:
        name = name.lower().strip()
        self.is_msg = is_msg(declared, name) and start.startswith(MAGIC)
        is_mail = self.is_msg or declared in _MAILS or name.endswith(_MAIL_NAMES)
        is_text = declared.startswith(("text/", "message/")) or _is_text(start)
        self.is_readable = is_mail or is_text
        self.is_mail = is_mail or (is_text and _begins_like_mail(start))
        self.is_markup = declared in _MARKUP or name.endswith(_MARKUP_NAMES)


class _AttachedReader:
    """Walks the attachments; all mails together have as many parts and characters as one may."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pieces: list[str] = []
        self.defects: dict[str, None] = {}
        self.chars = limits.attached_chars
        self.parts = limits.parts

    def read_leaves(self, structure: Structure, bodies: Bodies, depth: int) -> None:
        # What was not taken apart may hide a text in base64.
        for defect in structure.defects:
            if defect.startswith(("nested deeper", "more than")):
                self.defects[f"attachments not read whole: {defect}"] = None
        self.parts -= len(structure.leaves)
        for leaf in structure.leaves:
            if leaf.number in bodies.parts:
                for file in bodies.files.get(leaf.number, ()):
                    self._read_file(file, depth)
                continue
            if self.chars <= 0:
                self._say_full()
                return
            self._add(scrub(file_name_of(leaf)[:2_000]))
            self._add(decode_words(leaf.text("content-description"))[:2_000])
            self._read_leaf(structure, leaf, depth)

    def _say_full(self) -> None:
        most = self.limits.attached_chars
        self.defects[f"text of attachments longer than {most} characters"] = None

    def _add(self, text: str) -> None:
        if not text or text.isspace():
            return
        if len(text) > self.chars:
            self._say_full()
        if self.chars > 0:
            self.pieces.append(text[: self.chars])
            self.chars -= len(text) + 2  # the blank line

    def _read_leaf(self, structure: Structure, leaf: Node, depth: int) -> None:
        name = file_name_of(leaf)
        end = min(leaf.end, leaf.body + 2 * _LOOK)
        start = decode_transfer(structure.raw[leaf.body : end], leaf.encoding)[:_LOOK]
        kind = _Kind(name, leaf.type, start)
        if kind.is_readable:
            octets = self._octets(structure, leaf, self._most(kind))
            self._read(octets, kind, leaf.parameters.get("charset", ""), depth)

    def _read_file(self, file: File, depth: int) -> None:
        self._add(scrub(file.name[:2_000]))
        kind = _Kind(file.name, file.type, file.octets[:_LOOK])
        if kind.is_readable:
            most = self._most(kind)
            if len(file.octets) > most:
                self.defects[f"attachment read to its first {most} octets"] = None
            self._read(file.octets[:most], kind, "", depth)

    def _read(self, octets: bytes, kind: _Kind, charset: str, depth: int) -> None:
        if kind.is_msg:
            octets = mail_of_msg(octets) or b""
        if kind.is_mail:
            self._read_mail(octets, depth + 1)
            return
        # The Windows editor writes UTF-16, and mail programs do not say so.
        label = "utf-16" if octets.startswith(UTF16_MARKS) else charset
        text, _ = decode_bytes(octets, label, is_cut=True)
        if kind.is_markup:
            self._add_markup(text)
        else:
            self._add(text)

    def _most(self, kind: _Kind) -> int:
        if kind.is_msg:  # its tables may stand at the end
            return _MSG_BYTES
        return _MAIL_BYTES if kind.is_mail else self.limits.text_chars

    def _octets(self, structure: Structure, leaf: Node, most: int) -> bytes:
        if leaf.end - leaf.body > most:
            self.defects[f"attachment read to its first {most} octets"] = None
        end = min(leaf.end, leaf.body + most)
        return decode_transfer(structure.raw[leaf.body : end], leaf.encoding)

    def _add_markup(self, markup: str, known: str = "") -> None:
        """Add what HTML shows, and where its mailto links go, which it does not show."""
        if (text := html_to_text(markup)) != known:
            self._add(text)
        self._add("\n".join(dict.fromkeys(_MAILTO.findall(markup))))

    def _read_mail(self, raw: bytes, depth: int) -> None:
        if depth > _MAIL_DEPTH or self.parts <= 0:
            self.defects["too many mails inside this mail"] = None
            return
        limits = replace(self.limits, parts=self.parts)
        structure = cut(raw, limits)
        bodies = choose_bodies(structure, limits)
        if any(defect.startswith("text longer") for defect in bodies.defects):
            self._say_full()
        self._add(_header_text(structure.root.fields))
        self._add(bodies.text)
        if bodies.html is not None:
            # The HTML form may say more than the plain one, and people see that form.
            self._add_markup(bodies.html, known=bodies.text)
        self.read_leaves(structure, bodies, depth)


def _header_text(fields: Fields) -> str:
    values = (
        f"{name}: {decode_words(decode_header(value[:16_384]))}"
        for name, value in fields
        if name.lower() in _MAIL_HEADERS
    )
    return "\n".join(values)


def _is_text(start: bytes) -> bool:
    """Say whether a file that begins so is a text; UTF-16 only with its mark."""
    if start.startswith(UTF16_MARKS):
        return True
    return not start.startswith(b"%PDF") and start == start.translate(None, _CONTROL_OCTETS)


def _begins_like_mail(start: bytes) -> bool:
    names = {name.lower() for name, _ in read_fields(start, 0, 50)[0]}
    return "from" in names and not names.isdisjoint({"to", "date", "received", "mime-version"})

"""The parts of a mail that are files: what they are called and how large they are."""

from __future__ import annotations

import re

from postroom.mail.bodies import Bodies, disposition_of, file_name_of
from postroom.mail.charset import base64_size, decode_header, decode_transfer, decode_words, scrub
from postroom.mail.message import Attachment
from postroom.mail.structure import Node, Structure, read_fields

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f<>:\"|?*\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
_CONTENT_ID = re.compile(r"<?\s*([^<>\s]{1,250})")
_REFERENCE = re.compile(r"cid:([^\s\"'<>)]{1,250})", re.IGNORECASE)
_LONGEST_NAME = 120  # characters; file systems allow 255 octets
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


def list_attachments(structure: Structure, bodies: Bodies) -> tuple[Attachment, ...]:
    """Describe every leaf that is not the text; names are safe and unique, sizes are decoded."""
    referenced = {match[1] for match in _REFERENCE.finditer(bodies.html or "")}
    taken: dict[str, int] = {}
    found = []
    for leaf in structure.leaves:
        if leaf.number in bodies.parts:
            continue
        match = _CONTENT_ID.match(leaf.text("content-id"))
        content_id = match[1] if match else ""
        found.append(
            Attachment(
                part=leaf.number,
                name=_unique(name_of(structure, leaf), taken),
                type=leaf.type,
                size=_size(structure, leaf),
                inline=disposition_of(leaf)[0] == "inline" or content_id in referenced,
                content_id=content_id,
            )
        )
    return tuple(found)


def name_of(structure: Structure, leaf: Node) -> str:
    """Give a leaf a safe file name: the sender's own, or one made from what it is."""
    if name := safe_name(file_name_of(leaf)):
        return name
    if leaf.type == "message/rfc822":
        fields, _ = read_fields(structure.raw[leaf.body : min(leaf.end, leaf.body + 16_384)], 0, 50)
        subject = next((value for key, value in fields if key.lower() == "subject"), b"")
        title = decode_words(decode_header(subject))[:60].strip(" .")
        return safe_name(f"{title.replace('/', '-') or 'message'}.eml")
    return f"part-{leaf.number}{_EXTENSIONS.get(leaf.type, '.bin')}"


def safe_name(name: str) -> str:
    """Make a file name from what the sender wrote: no path, no controls, nothing hidden."""
    name = re.split(r"[/\\]", scrub(name[:2_000]).rstrip("/\\ "))[-1]
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
        case "" | "7bit" | "8bit" | "binary":
            return leaf.end - leaf.body
        case encoding:
            return len(decode_transfer(structure.slice(leaf), encoding))

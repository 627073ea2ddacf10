"""Raw mail, read from where it is kept: whole, or the octets of one file of it.

Promise: a file is cut out by where it lies, in pieces: neither the mail nor the file is ever in
memory whole. Only what was stored before places were kept, and what has none, is read as a mail.
Used by: work.sender and cli (`request attachment`), each on a reading connection.
Fails:   NotFound when the mail, or that part of it, is not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, bindparam, func, select

from postroom.errors import NotFound
from postroom.mail.cutting import decode_pieces
from postroom.mail.message import Place
from postroom.mail.parse import read_part
from postroom.store import schema as t

PIECE = 1 << 20  # octets that are read at a time

_THIS = t.raw_mail.c.journal_id == bindparam("journal_id")
_RAW = select(t.raw_mail.c.raw).where(_THIS)
_SIZE = select(func.length(t.raw_mail.c.raw)).where(_THIS)
_RANGE = select(func.substr(t.raw_mail.c.raw, bindparam("first"), bindparam("count"))).where(_THIS)
_FILE = (
    select(
        t.attachment.c.name,
        t.attachment.c.type,
        t.attachment.c.encoding,
        t.attachment.c.body_offset,
        t.attachment.c.body_length,
    )
    .join_from(t.message, t.attachment)
    .where(
        t.message.c.journal_id == bindparam("journal_id"), t.attachment.c.part == bindparam("part")
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a mail; `octets` are read as they are asked for, while the connection is open."""

    name: str
    type: str
    octets: Iterator[bytes]


def raw_of(connection: Connection, journal_id: int) -> bytes:
    """Return a mail as it came."""
    raw = connection.execute(_RAW, {"journal_id": journal_id}).scalar()
    if raw is None:
        raise _gone(journal_id)
    return bytes(raw)


def file_of(connection: Connection, journal_id: int, part: str) -> StoredFile:
    """Cut a file out of a mail; part "0" is the mail itself."""
    size = connection.execute(_SIZE, {"journal_id": journal_id}).scalar()
    if size is None:
        raise _gone(journal_id)
    if part == "0":
        whole = Place("", 0, size)
        return StoredFile("message.eml", "message/rfc822", _octets(connection, journal_id, whole))
    row = connection.execute(_FILE, {"journal_id": journal_id, "part": part}).first()
    if row is None or row.body_offset is None:
        return _read(raw_of(connection, journal_id), part)
    place = Place(row.encoding, row.body_offset, row.body_length)
    return StoredFile(row.name, row.type, _octets(connection, journal_id, place))


def _read(raw: bytes, part: str) -> StoredFile:
    try:
        mime_type, name, octets = read_part(raw, part)
    except KeyError as error:
        raise NotFound(f"the mail has no part {part}") from error
    return StoredFile(name, mime_type, iter([octets]))


def _octets(connection: Connection, journal_id: int, place: Place) -> Iterator[bytes]:
    cut = _cut_sqlite if connection.dialect.name == "sqlite" else _cut_postgresql
    return decode_pieces(cut(connection, journal_id, place), place.encoding)


def _cut_sqlite(connection: Connection, journal_id: int, place: Place) -> Iterator[bytes]:
    # SQL's substr() would load the whole value for each piece.
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    with driver.blobopen("raw_mail", "raw", journal_id, readonly=True) as blob:
        blob.seek(place.offset)
        for count in _steps(place):
            yield blob.read(count)


def _cut_postgresql(connection: Connection, journal_id: int, place: Place) -> Iterator[bytes]:
    first = place.offset + 1
    for count in _steps(place):
        keys = {"journal_id": journal_id, "first": first, "count": count}
        yield bytes(connection.execute(_RANGE, keys).scalar_one())
        first += count


def _steps(place: Place) -> Iterator[int]:
    for done in range(0, place.length, PIECE):
        yield min(PIECE, place.length - done)


def _gone(journal_id: int) -> NotFound:
    return NotFound(f"the mail of journal row {journal_id} is gone")

"""Raw mail, read from where it is kept, the database or an object store: whole, or one file of it.

Promise: a file is cut out by where it lies, in pieces: neither the mail nor the file is ever in
memory whole. Only what was stored before places were kept, and what has none, is read as a mail.
Used by: work.sender and cli (`request attachment`), each on a reading connection.
Fails:   NotFound when the mail, or that part of it, is not there; Unavailable when the object store
is away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, bindparam, func, select

from postroom.errors import NotFound, Unavailable
from postroom.mail.cutting import decode_pieces
from postroom.mail.message import Place
from postroom.mail.parse import read_part
from postroom.store import schema as t
from postroom.store.objects import Objects, StoredObject

PIECE = 1 << 20  # octets that are read at a time
OBJECT_PIECE = 4 << 20  # the same over the network

_THIS = t.raw_mail.c.journal_id == bindparam("journal_id")
_RAW = select(t.raw_mail.c.raw).where(_THIS)
_SIZE = select(func.length(t.raw_mail.c.raw)).where(_THIS)
_RANGE = select(func.substr(t.raw_mail.c.raw, bindparam("first"), bindparam("count"))).where(_THIS)
_OBJECT = select(t.raw_object.c.key, t.raw_object.c.size).where(
    t.raw_object.c.journal_id == bindparam("journal_id")
)
_KEYS = (
    select(t.raw_object.c.key)
    .where(t.raw_object.c.key > bindparam("after"))
    .order_by(t.raw_object.c.key)
)
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


def is_kept(connection: Connection, journal_id: int) -> bool:
    """Say whether a mail's bytes are here (those of a quarantined one are in the spool)."""
    return _find(connection, journal_id) is not None


def raw_of(connection: Connection, objects: Objects | None, journal_id: int) -> bytes:
    """Return a mail as it came."""
    match _find(connection, journal_id):
        case StoredObject() as stored:
            return _asked(objects, stored).get(stored)
        case int():
            raw = connection.execute(_RAW, {"journal_id": journal_id}).scalar_one()
            return bytes(raw)
        case None:
            raise NotFound(f"the mail of journal row {journal_id} is gone")


def file_of(
    connection: Connection, objects: Objects | None, journal_id: int, part: str
) -> StoredFile:
    """Cut a file out of a mail; part "0" is the mail itself."""
    found = _find(connection, journal_id)
    if found is None:
        raise NotFound(f"the mail of journal row {journal_id} is gone")
    if part == "0":
        size = found.size if isinstance(found, StoredObject) else found
        row: tuple[str, str, Place] | None = ("message.eml", "message/rfc822", Place("", 0, size))
    else:
        row = _place(connection, journal_id, part)
    if row is None:
        return _read(raw_of(connection, objects, journal_id), part)
    name, kind, place = row
    if isinstance(found, StoredObject):
        pieces = _cut_object(_asked(objects, found), found.key, place)
    elif connection.dialect.name == "sqlite":
        pieces = _cut_sqlite(connection, journal_id, place)
    else:
        pieces = _cut_postgresql(connection, journal_id, place)
    return StoredFile(name, kind, decode_pieces(pieces, place.encoding))


def keys_between(connection: Connection, after: str, last: str | None) -> Iterator[str]:
    """Return the keys of objects that rows name, in order, behind one and up to another."""
    query = _KEYS if last is None else _KEYS.where(t.raw_object.c.key <= last)
    yield from connection.execute(query, {"after": after}).scalars()


def journal_of(connection: Connection, key: str) -> int:
    """Return the journal row of an object that a row names."""
    query = select(t.raw_object.c.journal_id).where(t.raw_object.c.key == key)
    return int(connection.execute(query).scalar_one())


def _find(connection: Connection, journal_id: int) -> StoredObject | int | None:
    """Return where a mail is: an object, or (its size) the database."""
    size = connection.execute(_SIZE, {"journal_id": journal_id}).scalar()
    if size is not None:
        return int(size)
    row = connection.execute(_OBJECT, {"journal_id": journal_id}).first()
    return StoredObject(*row) if row is not None else None


def _asked(objects: Objects | None, stored: StoredObject) -> Objects:
    if objects is None:
        raise Unavailable(f"{stored.key} is in an object store, and [storage] names none")
    return objects


def _place(connection: Connection, journal_id: int, part: str) -> tuple[str, str, Place] | None:
    row = connection.execute(_FILE, {"journal_id": journal_id, "part": part}).first()
    if row is None or row.body_offset is None:
        return None
    return row.name, row.type, Place(row.encoding, row.body_offset, row.body_length)


def _read(raw: bytes, part: str) -> StoredFile:
    try:
        mime_type, name, octets = read_part(raw, part)
    except KeyError as error:
        raise NotFound(f"the mail has no part {part}") from error
    return StoredFile(name, mime_type, iter([octets]))


def _cut_sqlite(connection: Connection, journal_id: int, place: Place) -> Iterator[bytes]:
    # SQL's substr() would load the whole value for each piece.
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    with driver.blobopen("raw_mail", "raw", journal_id, readonly=True) as blob:
        blob.seek(place.offset)
        for _, count in _steps(place, PIECE):
            yield blob.read(count)


def _cut_postgresql(connection: Connection, journal_id: int, place: Place) -> Iterator[bytes]:
    for offset, count in _steps(place, PIECE):
        keys = {"journal_id": journal_id, "first": offset + 1, "count": count}
        yield bytes(connection.execute(_RANGE, keys).scalar_one())


def _cut_object(objects: Objects, key: str, place: Place) -> Iterator[bytes]:
    for offset, count in _steps(place, OBJECT_PIECE):
        yield objects.cut(key, offset, count)


def _steps(place: Place, step: int) -> Iterator[tuple[int, int]]:
    end = place.offset + place.length
    for offset in range(place.offset, end, step):
        yield offset, min(step, end - offset)

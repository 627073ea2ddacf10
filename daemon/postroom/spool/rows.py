"""The statements of the spool: mails in and out of the tables of `spool.file`.

Each function runs inside the transaction of its caller.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from postroom import failpoints
from postroom.errors import NotFound
from postroom.mail.message import Envelope
from postroom.spool.model import (
    MAX_FAILURES,
    Cursor,
    SpooledMail,
    SpoolEntry,
    SpoolNumbers,
    SpoolState,
)

_ENTRY = "SELECT number, state, due_at, attempts, why, size, envelope FROM mail"


def insert(
    db: sqlite3.Connection, mails: Sequence[tuple[Envelope, bytes]], cursor: Cursor | None
) -> list[str]:
    """Write mails and return their ids. Numbers are taken here and now: another process takes
    them from the same counter."""
    ids: list[str] = []
    if mails:
        (node, epoch, following) = db.execute(
            "UPDATE counter SET next = next + ? RETURNING node, epoch, next", (len(mails),)
        ).fetchall()[0]
        for number, (envelope, raw) in enumerate(mails, following - len(mails)):
            db.execute(
                "INSERT INTO mail (number, size, envelope) VALUES (?, ?, ?)",
                (number, len(raw), _written(envelope)),
            )
            db.execute("INSERT INTO raw VALUES (?, ?)", (number, raw))
            ids.append(f"{node}-{epoch}-{number}")
    if cursor is not None:
        db.execute(
            "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)",
            (cursor.source, cursor.uid_validity, cursor.uid),
        )
    return ids


def delete(db: sqlite3.Connection, spool_ids: Collection[str]) -> None:
    """Remove mails that have left for the journal; those already gone are nothing special."""
    rows = [(number,) for number in sorted(map(number_of, spool_ids))]
    db.executemany("DELETE FROM raw WHERE number = ?", rows)
    db.executemany("DELETE FROM mail WHERE number = ?", rows)
    failpoints.hit("spool.finished")


def defer(
    db: sqlite3.Connection, spool_id: str, why: str, due_at: datetime, *, counted: bool
) -> SpoolState:
    """Put a mail off, and count the failure if it is the mail's own."""
    rows = db.execute(
        "UPDATE mail SET why = ?, due_at = ?, attempts = attempts + ?,"
        " state = iif(attempts + ? >= ?, 'quarantined', state) WHERE number = ? RETURNING state",
        (why, due_at.timestamp(), counted, counted, MAX_FAILURES, number_of(spool_id)),
    ).fetchall()
    failpoints.hit("spool.deferred")
    return SpoolState(_only(rows, spool_id)[0])


def quarantine(db: sqlite3.Connection, spool_id: str, why: str) -> None:
    """Set a mail aside."""
    rows = db.execute(
        "UPDATE mail SET state = 'quarantined', why = ? WHERE number = ? RETURNING state",
        (why, number_of(spool_id)),
    ).fetchall()
    _only(rows, spool_id)


def retry(db: sqlite3.Connection, spool_id: str) -> None:
    """Make a mail due now, as if it had never failed."""
    _check_name(db, spool_id)
    rows = db.execute(
        "UPDATE mail SET state = 'new', due_at = 0, attempts = 0 WHERE number = ? RETURNING state",
        (number_of(spool_id),),
    ).fetchall()
    _only(rows, spool_id)


def due(db: sqlite3.Connection, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Return (number, size) of mails that are due, oldest first. Fresh mails are due at 0, so
    that a clock that was put back does not hold them up."""
    fresh = "SELECT number, size FROM mail WHERE state = 'new' AND due_at = 0"
    delayed = "SELECT number, size FROM mail WHERE state = 'new' AND due_at > 0 AND due_at <= ?"
    rows = db.execute(f"{fresh} ORDER BY number LIMIT ?", (limit,)).fetchall()
    rows += db.execute(f"{delayed} ORDER BY due_at LIMIT ?", (now.timestamp(), limit)).fetchall()
    return sorted(rows)[:limit]


def load(db: sqlite3.Connection, name: str, number: int) -> SpooledMail:
    """Read one mail whole."""
    envelope, attempts, raw = db.execute(
        "SELECT envelope, attempts, raw FROM mail JOIN raw USING (number) WHERE number = ?",
        (number,),
    ).fetchone()
    return SpooledMail(f"{name}-{number}", number, _read(envelope), raw, attempts)


def entries(db: sqlite3.Connection, claimed: Collection[int]) -> list[SpoolEntry]:
    """Return all mails in the order of their numbers."""
    name = name_of(db)
    return [_entry(name, row, claimed) for row in db.execute(f"{_ENTRY} ORDER BY number")]


def entry(db: sqlite3.Connection, spool_id: str, claimed: Collection[int]) -> SpoolEntry:
    """Return one mail without its bytes."""
    _check_name(db, spool_id)
    rows = db.execute(f"{_ENTRY} WHERE number = ?", (number_of(spool_id),)).fetchall()
    return _entry(name_of(db), _only(rows, spool_id), claimed)


def raw(db: sqlite3.Connection, spool_id: str) -> bytes:
    """Return the bytes of one mail."""
    _check_name(db, spool_id)
    rows = db.execute("SELECT raw FROM raw WHERE number = ?", (number_of(spool_id),)).fetchall()
    found: bytes = _only(rows, spool_id)[0]
    return found


def cursor(db: sqlite3.Connection, source: str) -> Cursor | None:
    """Return how far that IMAP folder was read."""
    row = db.execute("SELECT * FROM cursor WHERE source = ?", (source,)).fetchone()
    return Cursor(*row) if row else None


def numbers(db: sqlite3.Connection) -> SpoolNumbers:
    """Return the numbers given away and still here, as one statement sees them."""
    rows = db.execute(
        "SELECT node, epoch, next, number, state FROM counter LEFT JOIN mail"
    ).fetchall()
    node, epoch, following, *_ = rows[0]
    return SpoolNumbers(
        name=f"{node}-{epoch}",
        next=following,
        present=frozenset(row[3] for row in rows if row[3] is not None),
        quarantined=frozenset(row[3] for row in rows if row[4] == "quarantined"),
    )


def name_of(db: sqlite3.Connection) -> str:
    """Return "<node>-<epoch>" of this file."""
    node, epoch = db.execute("SELECT node, epoch FROM counter").fetchone()
    return f"{node}-{epoch}"


def number_of(spool_id: str) -> int:
    """Return the last part of a spool id."""
    _, _, number = spool_id.rpartition("-")
    if not (number.isascii() and number.isdigit()):
        raise NotFound(f"{spool_id} is not the id of a spooled mail")
    return int(number)


def _check_name(db: sqlite3.Connection, spool_id: str) -> None:
    if spool_id.rpartition("-")[0] != name_of(db):
        raise NotFound(f"no mail {spool_id} in the spool")


def _only(rows: list[tuple[Any, ...]], spool_id: str) -> tuple[Any, ...]:
    if not rows:
        raise NotFound(f"no mail {spool_id} in the spool")
    return rows[0]


def _entry(name: str, row: tuple[Any, ...], claimed: Collection[int]) -> SpoolEntry:
    number, state, due_at, attempts, why, size, envelope = row
    return SpoolEntry(
        id=f"{name}-{number}",
        number=number,
        state=SpoolState.WORKING if number in claimed else SpoolState(state),
        envelope=_read(envelope),
        size=size,
        attempts=attempts,
        why=why,
        due_at=datetime.fromtimestamp(due_at, UTC) if due_at else None,
    )


def _written(envelope: Envelope) -> str:
    return json.dumps(
        [
            envelope.sender,
            envelope.recipients,
            envelope.transport,
            envelope.mailbox,
            envelope.received_at.isoformat(),
            envelope.peer,
            envelope.options,
        ]
    )


def _read(text: str) -> Envelope:
    sender, recipients, transport, mailbox, received_at, peer, options = json.loads(text)
    return Envelope(
        sender=sender,
        recipients=tuple(recipients),
        transport=transport,
        mailbox=mailbox,
        received_at=datetime.fromisoformat(received_at),
        peer=peer,
        options=options,
    )

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
from postroom.errors import NotFound, Unavailable
from postroom.mail.message import Envelope
from postroom.spool.model import (
    MAX_FAILURES,
    Cursor,
    SpooledMail,
    SpoolEntry,
    SpoolNumbers,
    SpoolState,
)

MOST_COUNTED = 10_000
_ENTRY = "SELECT number, state, due_at, attempts, why, size, envelope FROM mail"


def insert(
    db: sqlite3.Connection,
    mails: Sequence[tuple[Envelope, bytes]],
    cursor: Cursor | None,
    uids: Sequence[int | None] = (),
) -> list[str]:
    """Write mails and return their ids. Numbers are taken here and now: another process takes
    them from the same counter. `uids`: of each mail, None where nothing is to be done later."""
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
        _move(db, cursor)
        db.executemany(
            "INSERT OR REPLACE INTO fetched VALUES (?, ?, ?, ?)",
            [
                (cursor.source, cursor.uid_validity, uid, number_of(spool_id))
                for uid, spool_id in zip(uids, ids, strict=bool(uids))
                if uid is not None
            ],
        )
    return ids


def _move(db: sqlite3.Connection, cursor: Cursor) -> None:
    """Move a cursor; never over mails that somebody else, or a put that failed, left out."""
    stands = db.execute(
        "SELECT uid_validity, uid FROM cursor WHERE source = ?", (cursor.source,)
    ).fetchone()
    if cursor.before is not None and stands != cursor.before:
        raise Unavailable(f"the cursor of {cursor.source} stands at {stands}, not {cursor.before}")
    since = cursor.since.timestamp() if cursor.since is not None else 0.0
    db.execute(
        "INSERT INTO cursor (source, uid_validity, uid, since, start, border)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET"
        " uid_validity = excluded.uid_validity, uid = excluded.uid,"
        " start = excluded.start, border = excluded.border",
        (cursor.source, cursor.uid_validity, cursor.uid, since, cursor.start, cursor.border),
    )


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


def waiting(db: sqlite3.Connection, now: datetime) -> tuple[int, datetime | None]:
    """Return how many mails are due, or being worked on, up to MOST_COUNTED; and since when the
    oldest of them is here."""
    some = "SELECT number FROM mail WHERE state = 'new' AND due_at <= ? ORDER BY due_at LIMIT ?"
    tried = "SELECT number FROM mail WHERE state = 'new' AND due_at > ? ORDER BY due_at LIMIT ?"
    bounds = (now.timestamp(), MOST_COUNTED)
    count, first = db.execute(f"SELECT count(*), min(number) FROM ({some})", bounds).fetchone()
    # What failed and is put off waits no less for that.
    (later,) = db.execute(f"SELECT min(number) FROM ({tried})", bounds).fetchone()
    oldest = min((number for number in (first, later) if number is not None), default=None)
    if oldest is None:
        return count, None
    row = db.execute("SELECT envelope FROM mail WHERE number = ?", (oldest,)).fetchone()
    return count, _read(row[0]).received_at


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
    row = db.execute(
        "SELECT source, uid_validity, uid, since, start, border FROM cursor WHERE source = ?",
        (source,),
    ).fetchone()
    if row is None:
        return None
    _, uid_validity, uid, since, start, border = row
    first = datetime.fromtimestamp(since, UTC) if since else None
    return Cursor(source, uid_validity, uid, first, start, border)


def journalled_uids(
    db: sqlite3.Connection, source: str, uid_validity: int, limit: int
) -> list[int]:
    """Return UIDs whose mails have left for the journal, and which the server was not told."""
    rows = db.execute(
        "SELECT uid FROM fetched LEFT JOIN mail USING (number) WHERE source = ?"
        " AND uid_validity = ? AND mail.number IS NULL ORDER BY uid LIMIT ?",
        (source, uid_validity, limit),
    )
    return [uid for (uid,) in rows]


def has_fetched(db: sqlite3.Connection, source: str) -> bool:
    """Whether something is still to be done on the server for mails of that folder."""
    return db.execute("SELECT 1 FROM fetched WHERE source = ?", (source,)).fetchone() is not None


def forget_uids(
    db: sqlite3.Connection, source: str, uid_validity: int, uids: Collection[int]
) -> None:
    """Note that the server was told."""
    db.executemany(
        "DELETE FROM fetched WHERE source = ? AND uid_validity = ? AND uid = ?",
        [(source, uid_validity, uid) for uid in uids],
    )


def forget_other_validities(db: sqlite3.Connection, source: str, uid_validity: int) -> None:
    """Give up what was to be done about UIDs that mean nothing any more."""
    db.execute("DELETE FROM fetched WHERE source = ? AND uid_validity <> ?", (source, uid_validity))


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


def unjournalled(db: sqlite3.Connection) -> tuple[int, int]:
    """Return the lowest number that is not set aside, and the next one to be given away."""
    first = "SELECT number FROM mail WHERE state = 'new' ORDER BY number LIMIT 1"
    following, lowest = db.execute(f"SELECT next, ({first}) FROM counter").fetchone()
    return (lowest if lowest is not None else following), following


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
            envelope.source,
            envelope.is_import,
        ]
    )


def _read(text: str) -> Envelope:
    # Mail of an older Postroom has neither source nor is_import.
    sender, recipients, transport, mailbox, received_at, peer, options, *more = json.loads(text)
    source, is_import = more or ("", False)
    return Envelope(
        sender=sender,
        recipients=tuple(recipients),
        transport=transport,
        mailbox=mailbox,
        received_at=datetime.fromisoformat(received_at),
        peer=peer,
        options=options,
        source=source,
        is_import=is_import,
    )

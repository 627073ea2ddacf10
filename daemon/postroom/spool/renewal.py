"""A spool out of a backup, made fit to go on: on the copy, before anything else opens it.

Promise: the file begins a new series of numbers, which its former owner has never given away; the
mails that wait are its first ones. All or nothing.
Used by: work.backup (what is in it), work.restore.

After the backup the old file went on giving numbers away: to continue its series would give them
away again, to other mails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from postroom.errors import Unavailable
from postroom.spool import rows
from postroom.spool.file import new_series, open_file
from postroom.spool.model import SpoolNumbers


@dataclass(frozen=True, slots=True)
class Renewed:
    """The names of both series, and the new number of each mail by the one that it had."""

    old: str
    new: str
    numbers: Mapping[int, int]


def numbers_in(db: sqlite3.Connection) -> SpoolNumbers:
    """Return which numbers a spool gave away, and which of them still wait."""
    return rows.numbers(db)


def look(file: Path, node: str) -> SpoolNumbers:
    """Open a copy, made current, and return what is in it."""
    with closing(open_file(file, node, 0.0, renames=False)) as db:
        return rows.numbers(db)


def renew(file: Path, node: str, applied: Collection[int]) -> Renewed:
    """Begin a new series in a copy; drop the mails that the journal has."""
    with closing(open_file(file, node, 0.0, renames=False)) as db:
        try:
            # The copy was made without a log of its own.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("BEGIN IMMEDIATE")
            old = rows.name_of(db)
            rows.delete(db, [f"{old}-{number}" for number in applied])
            moved = _renumber(db)
            new_series(db, file.parent, node, len(moved) + 1)
            renewed = Renewed(old, rows.name_of(db), moved)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise Unavailable(f"{file}: {error}") from error
    return renewed


def _renumber(db: sqlite3.Connection) -> dict[int, int]:
    """Count the mails from 1, in order, in whatever names them by number."""
    left = [number for (number,) in db.execute("SELECT number FROM mail ORDER BY number")]
    steps = [(new, number) for new, number in enumerate(left, 1)]
    # What is remembered of mails that are gone must not pass for something about other mails.
    db.execute("UPDATE fetched SET number = 0 WHERE number NOT IN (SELECT number FROM mail)")
    for table in ("mail", "raw", "fetched"):
        # Ascending, and no number grows: none is in the way of another.
        db.executemany(f"UPDATE {table} SET number = ? WHERE number = ?", steps)
    return {number: new for new, number in steps}

"""A database with as many open requests as wanted: one came by mail, the others are its copies.

Each copy has a contact, a message, history and timers of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

# Table → the columns that number rows, each counted on from the copied one's.
_NUMBERED = {
    "contact": ("id",),
    "address": ("contact_id",),
    "request": ("id", "requester_id"),
    "journal": ("id", "request_id", "spool_number"),
    "participant": ("id", "request_id", "contact_id"),
    "message": ("id", "request_id", "journal_id", "contact_id"),
    "history": ("id", "request_id"),
    "timer": ("id", "request_id"),
}
_STAMP = "%Y-%m-%d %H:%M:%S.%f"


def multiply(file: Path, count: int, tables: Sequence[str] = tuple(_NUMBERED)) -> None:
    """Copy the only request of a database until there are so many, in these tables."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA foreign_keys=OFF")
        db.execute("PRAGMA cache_size=-500000")
        db.execute("BEGIN")
        for table in tables:
            _copy(db, table, count - 1)
        owners = "SELECT count(*) FROM request WHERE owner = handler.name"
        db.execute(f"UPDATE handler SET open_requests = ({owners} AND phase = 'active')")
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("ANALYZE")


def _copy(db: sqlite3.Connection, table: str, copies: int) -> None:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    rows, last = db.execute(f"SELECT count(*), coalesce(max(rowid), 0) FROM {table}").fetchone()
    if not rows:
        return
    values = ", ".join(_value(table, column, max(last, 1)) for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    numbers = f"SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {copies}"
    select = f"SELECT {values} FROM copies, {table} AS old WHERE old.rowid <= {last}"
    db.execute(
        f"INSERT INTO {table} ({names}) WITH RECURSIVE copies(n) AS ({numbers}) {select} "
        "ORDER BY n, old.rowid"
    )


def _value(table: str, column: str, step: int) -> str:
    if column in _NUMBERED[table]:
        return f'old."{column}" + n * {step if column == "id" else 1}'
    if (table, column) in {("address", "key"), ("address", "address"), ("message", "message_id")}:
        return f"'n' || n || '.' || old.\"{column}\""
    return f'old."{column}"'


def move_timers(file: Path, due_at: datetime) -> int:
    """Let every level be due in one second; return how many there are."""
    at = due_at.strftime(_STAMP)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("BEGIN")
        # With a beginning of the wait, the rules would say when it is over.
        chain = "UPDATE request SET chain_due_at = ?, chain_since = NULL"
        db.execute(f"{chain} WHERE chain_state = 'running'", (at,))
        moved = "UPDATE timer SET due_at = ? WHERE state = 'armed' AND kind = 'level'"
        count = db.execute(moved, (at,)).rowcount
        db.execute("COMMIT")
    return count

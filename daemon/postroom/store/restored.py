"""A database out of a backup, made fit to go on: on the copy, before anything else opens it.

Promise: the journal knows every mail of the spool by the number that it has now; nothing that may
have been sent already is sent before somebody says so.
Used by: work.backup (age), work.restore.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from postroom.core.model import Outcome
from postroom.store import pause
from postroom.store import schema as t
from postroom.store.audit import journalled


@dataclass(frozen=True, slots=True)
class OutboxLeft:
    """How many deliveries wait to be sent, and of how many nobody knows whether they were."""

    waiting: int
    uncertain: int


def age(db: sqlite3.Connection) -> str:
    """Return the migration that a database file stands at, without changing the file."""
    try:
        found = db.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        found = None
    return str(found[0]) if found is not None else "none"


def applied(connection: Connection, name: str, numbers: Collection[int]) -> set[int]:
    """Return which mails of a spool the journal has: these need not be worked on any more."""
    known = journalled(connection, name, numbers)
    aside = Outcome.QUARANTINED.value
    return {number for number, (outcome, _) in known.items() if outcome != aside}


def move(connection: Connection, old: str, new: str, numbers: Mapping[int, int]) -> None:
    """Note the new numbers (by the old ones) of mails that are still in the spool."""
    for number, to_number in numbers.items():
        row = {"spool_name": old, "spool_number": number}
        connection.execute(insert(t.spool_move), row | {"to_name": new, "to_number": to_number})
        # Of a quarantined mail the journal has a row already, and the spool the bytes.
        connection.execute(
            update(t.journal)
            .where(t.journal.c.spool_name == old, t.journal.c.spool_number == number)
            .values(spool_name=new, spool_number=to_number)
        )


def stand_still(connection: Connection, now: datetime, why: str) -> OutboxLeft:
    """Pause the outbox; what was being sent at the backup is for a human to find out about."""
    connection.execute(delete(t.pause))  # the old house may have gone on since
    pause.begin(connection, now, "system", why)
    pause.doubt(connection, f"it was being sent at the time of the backup ({why})")
    state = t.delivery.c.state
    rows = connection.execute(select(state, func.count()).group_by(state))
    counts = {name: int(count) for name, count in rows}
    return OutboxLeft(counts.get("waiting", 0), counts.get("uncertain", 0))

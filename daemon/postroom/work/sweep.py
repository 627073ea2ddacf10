"""The object store and the rows that name its objects, compared.

Promise: nothing is deleted that a row names, or that is the last there is of a mail. A mail is put
before its row is committed; whoever died between leaves an object without a row. Trying again uses
the same key on the same day only, so an object of a day long past gets no row any more.
Used by: worker (every night), work.audit.
Fails:   Unavailable while store or database are away: the next night does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import structlog
from sqlalchemy import Connection

from postroom.errors import NotFound
from postroom.store import journal, raw
from postroom.store.db import Database
from postroom.store.objects import Objects, day_of

SETTLED = timedelta(days=2)  # nobody is at work any more on what was put before
# Whoever restores a backup may want the mail back that came in after it.
KEPT = timedelta(days=30)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not on both sides: an object without a row, or a row without its object."""

    key: str
    has_row: bool


def differences(connection: Connection, objects: Objects) -> Iterator[Difference]:
    """Compare one view of the rows with the objects that are listed after it."""
    last = ""
    for portion in objects.listed():
        listed = set(portion)
        named = set(raw.keys_between(connection, last, portion[-1]))
        yield from (Difference(key, has_row=True) for key in sorted(named - listed))
        yield from (Difference(key, has_row=False) for key in portion if key not in named)
        last = portion[-1]
    yield from (Difference(key, has_row=True) for key in raw.keys_between(connection, last, None))


def sweep(database: Database, today: date) -> int:
    """Delete the objects that no row names and that nobody needs; return how many."""
    if database.objects is None:
        return 0
    count = 0
    with database.read() as connection:
        found = differences(connection, database.objects)
        orphans = [one.key for one in found if not one.has_row and _is_old(one.key, today, KEPT)]
        needless = [key for key in orphans if not is_lost(connection, key)]
    for start in range(0, len(needless), 1_000):
        database.objects.delete(needless[start : start + 1_000])
        count += len(needless[start : start + 1_000])
    log.info("objects.swept", count=count, kept=len(orphans) - count)
    return count


def is_stray(connection: Connection, key: str, today: date) -> bool:
    """Whether an object without a row is all that is left of a mail that was accepted."""
    return _is_old(key, today, SETTLED) and is_lost(connection, key)


def is_lost(connection: Connection, key: str) -> bool:
    """Whether the journal does not know the mail of the spool that an object is."""
    name, _, _ = key.partition("/")[2].rpartition("-")
    if not name or name.startswith("typed-"):  # nobody was told that it was taken
        return False
    try:
        journal.journal_id(connection, name)
    except NotFound:
        return True
    return False


def _is_old(key: str, today: date, age: timedelta) -> bool:
    day = day_of(key)
    return day is not None and today - day > age

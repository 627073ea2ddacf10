"""What the database must hold if no mail was lost: each check is one query for what is not there.

Promise: reads only; every query is a set operation whose memory does not grow with the journal. A
caller who gives one connection gets all answers of one moment.
Used by: work.audit and work.reconcile, which join the answers with those of spool and servers;
store.restored.

What the schema makes impossible (a number twice, a row without its parent) is not asked again row
by row: `damage` says whether the schema still holds. What a check calls a gap, a test has made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.exc import DatabaseError

from postroom.core.model import Outcome
from postroom.store import schema as t
from postroom.store.checks import CHECKS, RESTORE

LIMIT = 1_000  # findings of one kind; whoever has more mends these first
_ASKED = 500  # values of one IN list

DAMAGED, BROKEN_REFERENCE = "database-damaged", "reference-broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One gap: `subject` is what a command takes ("journal 12"), `text` what to do about it."""

    kind: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of a spool, `first` to `last`, that the journal does not have."""

    name: str
    first: int
    last: int


_COUNTED = (
    t.journal,
    t.request,
    t.message,
    t.message_ref,
    t.history,
    t.outbox,
    t.delivery,
    t.hold,
    t.timer,
    t.hook_run,
    t.policy,
)
_spooled = t.journal.c
_GAPS = text(
    """
    SELECT spool_name, previous + 1, spool_number - 1 FROM (
        SELECT spool_name, spool_number, lag(spool_number, 1, 0)
               OVER (PARTITION BY spool_name ORDER BY spool_number) AS previous
        FROM journal WHERE spool_name IS NOT NULL AND spool_number IS NOT NULL
    ) AS numbered WHERE spool_number > previous + 1 ORDER BY spool_name, spool_number
    """
)
_MOVED = (
    select(t.spool_move.c.spool_number)
    .where(t.spool_move.c.spool_name == bindparam("name"))
    .order_by(t.spool_move.c.spool_number)
)
# A UID is digits, and ":" stands behind them in ASCII.
_SOURCE_KEYS = select(t.journal.c.source_key).where(
    t.journal.c.source_key >= bindparam("first"), t.journal.c.source_key < bindparam("last")
)
_LAST = select(func.max(_spooled.spool_number)).where(_spooled.spool_name == bindparam("name"))
_NEWEST = select(func.max(_spooled.id))
_JOURNALLED = select(_spooled.spool_number, _spooled.outcome, _spooled.id).where(
    _spooled.spool_name == bindparam("name"),
    _spooled.spool_number.in_(bindparam("numbers", expanding=True)),
)
_SET_ASIDE = (
    select(t.journal.c.id, _spooled.spool_name, _spooled.spool_number)
    .where(t.journal.c.outcome == Outcome.QUARANTINED.value)
    .order_by(t.journal.c.id)
)


def damage(connection: Connection) -> list[Finding]:
    """Ask the database whether it is sound itself. Reads the whole file."""
    if connection.dialect.name != "sqlite":
        return []
    try:
        words = connection.execute(text("PRAGMA quick_check(20)")).scalars().all()
    except DatabaseError as error:
        words = [str(error.orig)]
    advice = "stop the daemon, keep a copy of the file, and restore a backup"
    return [Finding(DAMAGED, "database", f"{said}: {advice}") for said in words if said != "ok"]


def broken_references(connection: Connection) -> list[Finding]:
    """Return the rows whose parent is not there."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.execute(text("PRAGMA foreign_key_check"))
    return [
        Finding(
            BROKEN_REFERENCE,
            f"{row[0]} {row[1]}",
            f"this row of {row[0]} belongs to a row of {row[2]} that is not there; {RESTORE}",
        )
        for row in rows.fetchmany(LIMIT)
    ]


def findings(connection: Connection) -> Iterator[Finding]:
    """Run every check, in order; at most LIMIT findings of each."""
    for check in CHECKS:
        rows = connection.execute(text(f"{check.query} ORDER BY subject LIMIT {LIMIT}"))
        for (subject,) in rows:
            yield Finding(check.kind, f"{check.noun} {subject}", check.text)


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows the checks look at, by table."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in _COUNTED
    }


def gaps(connection: Connection) -> Iterator[Gap]:
    """Return the numbers below each spool's highest journalled one that the journal lacks."""
    for name, first, last in connection.execute(_GAPS):
        yield Gap(name, first, last)


def moved(connection: Connection, name: str) -> list[int]:
    """Return the numbers of a spool whose mails a restore gave others, in order."""
    return list(connection.execute(_MOVED, {"name": name}).scalars())


def uids_of(connection: Connection, prefix: str) -> set[int]:
    """Return the UIDs of an IMAP folder that the journal has, by the beginning of their keys."""
    rows = connection.execute(_SOURCE_KEYS, {"first": prefix, "last": prefix + ":"})
    return {int(key.removeprefix(prefix)) for (key,) in rows}


def last_number(connection: Connection, name: str) -> int:
    """Return the highest number of a spool that the journal has; 0: it has none."""
    return connection.execute(_LAST, {"name": name}).scalar() or 0


def newest(connection: Connection) -> int:
    """Return the newest journal row; 0: there is none."""
    return connection.execute(_NEWEST).scalar() or 0


def journalled(
    connection: Connection, name: str, numbers: Collection[int]
) -> dict[int, tuple[str, int]]:
    """Return outcome and journal row of those numbers of a spool that the journal has."""
    wanted, found = sorted(numbers), dict[int, tuple[str, int]]()
    for start in range(0, len(wanted), _ASKED):
        keys = {"name": name, "numbers": wanted[start : start + _ASKED]}
        for number, outcome, journal_id in connection.execute(_JOURNALLED, keys):
            found[number] = (outcome, journal_id)
    return found


def set_aside(connection: Connection) -> Iterator[tuple[int, str | None, int | None]]:
    """Return (journal row, spool, number) of all quarantined mail."""
    for row in connection.execute(_SET_ASIDE):
        yield row.id, row.spool_name, row.spool_number

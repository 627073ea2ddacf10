"""Audit: proof that no mail was lost, or a list of what is missing and where.

Promise: reads only, and works beside a running daemon: a mail in flight is no finding. What is
reported was missing in one consistent view of the database, and, where the spool is concerned, in
two looks, one after the other.
Used by: cli (`postroom audit`, `postroom demo`).
Fails:   Unavailable when spool or database cannot be read.

What can be proved. Numbers are given away in order and without gaps, and a mail leaves the spool
only after its journal row is committed. So the spool is read first and the database second: a
number that was given away by then is in one of them, or lost. Of a spool file that is no more (an
older epoch) only the journal is left: a number below the highest that the journal has was given
away, and if the journal lacks it, the mail either lies in that file or is lost. Numbers above the
highest cannot be known; whoever deletes a spool file that still held mail deletes the proof too.
The spool of another node that is at work is that node's to compare: its own audit does.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from postroom import clock
from postroom.core.model import Outcome
from postroom.spool import Spool
from postroom.spool.model import SpoolNumbers
from postroom.store import audit as store
from postroom.store import leases, raw
from postroom.store.audit import Finding, Gap
from postroom.store.checks import CHECKS
from postroom.store.db import Database
from postroom.store.objects import Objects
from postroom.work import sweep
from postroom.work.pipeline import BATCH

# The pipeline takes one batch out of the spool before it journals the next: when so many rows are
# newer than a mail's own, the mail is not in flight but stuck.
STALE_ROWS = 10 * BATCH
SECOND_LOOK = 0.3  # seconds after the first, for what was in motion

LOST, LOST_WITH_SPOOL, COUNTED_BACK = "mail-lost", "mail-lost-with-spool", "numbers-counted-back"
NO_STORE, NO_OBJECT, STRAY_OBJECT = "object-store-unknown", "object-missing", "object-stray"
STALE_IN_SPOOL, NO_BYTES, NO_ROW = (
    "spool-stale",
    "quarantined-bytes-missing",
    "quarantined-row-missing",
)

KINDS = frozenset(
    {
        *(check.kind for check in CHECKS),
        store.DAMAGED,
        store.BROKEN_REFERENCE,
        LOST,
        LOST_WITH_SPOOL,
        COUNTED_BACK,
        STALE_IN_SPOOL,
        NO_BYTES,
        NO_ROW,
        NO_STORE,
        NO_OBJECT,
        STRAY_OBJECT,
    }
)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was looked at (rows by table, and `spool`: numbers given away), and what is missing."""

    checked: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is missing."""
        return not self.findings


def audit(database: Database, spool: Spool) -> AuditReport:
    """Look for every gap there can be. Takes as long as reading the whole database once."""
    numbers = spool.numbers()
    with database.read() as connection:
        damaged = store.damage(connection)
        if damaged:  # nothing else that it says can be believed
            return AuditReport({}, tuple(damaged))
        checked = {"spool": numbers.next - 1, **store.counts(connection)}
        doubts = _compare(numbers, connection)
        found = [*store.broken_references(connection), *store.findings(connection)]
        found += islice(_objects(database.objects, connection), store.LIMIT)
    return AuditReport(checked, (*_confirmed(database, spool, doubts), *found))


def _objects(objects: Objects | None, connection: Connection) -> Iterator[Finding]:
    """Compare the rows that name objects with what the object store has."""
    if objects is None:
        if (key := next(raw.keys_between(connection, "", None), None)) is not None:
            text = f"raw mail such as {key} is in an object store, and [storage] names none"
            yield Finding(NO_STORE, "database", text)
        return
    today = clock.now().date()
    for found in sweep.differences(connection, objects):
        if found.has_row:
            text = f"its bytes are gone from the object store ({found.key}); restore them there"
            yield Finding(NO_OBJECT, f"journal {raw.journal_of(connection, found.key)}", text)
        elif sweep.is_stray(connection, found.key, today):
            text = (
                "is a mail that was accepted, and the journal does not know it: fetch it from the "
                "object store, and `postroom mail inject`"
            )
            yield Finding(STRAY_OBJECT, f"object {found.key}", text)


def _confirmed(database: Database, spool: Spool, doubts: Sequence[Finding]) -> list[Finding]:
    """Look again for what may only have been between two places; what is still missing is."""
    if not doubts:
        return []
    time.sleep(SECOND_LOOK)
    numbers = spool.numbers()
    with database.read() as connection:
        again = {(finding.kind, finding.subject) for finding in _compare(numbers, connection)}
    return [finding for finding in doubts if (finding.kind, finding.subject) in again]


def _compare(numbers: SpoolNumbers, connection: Connection) -> list[Finding]:
    """Compare the spool with a later view of the journal."""
    elsewhere = _elsewhere(connection)
    return [
        *_lost(numbers, connection, elsewhere),
        *_quarantined(numbers, connection, elsewhere),
        *_both(numbers, connection),
    ]


def _elsewhere(connection: Connection) -> frozenset[str]:
    """Return the names of the spools that nodes at work have now."""
    now = leases.moment(connection, clock.now())
    found = leases.leases_below(connection, leases.SPOOL)
    return frozenset(one.name.removeprefix(leases.SPOOL) for one in found if one.until > now)


def _lost(
    numbers: SpoolNumbers, connection: Connection, elsewhere: frozenset[str]
) -> Iterator[Finding]:
    present = sorted(numbers.present)
    for gap in store.gaps(connection):
        if gap.name != numbers.name:
            if gap.name in elsewhere:
                continue
            for left in _without(gap, store.moved(connection, gap.name)):
                yield Finding(
                    LOST_WITH_SPOOL,
                    _subject(left),
                    "was accepted and is not in the journal; its spool file is not here: if that "
                    "node is stopped, start it; if the file was moved away, `postroom spool "
                    "export` from it and `mail inject`",
                )
        elif gap.last < numbers.next:
            yield from map(_is_lost, _without(gap, present))
    last = store.last_number(connection, numbers.name)
    if last >= numbers.next:
        yield Finding(
            COUNTED_BACK,
            f"{numbers.name}-{numbers.next}",
            f"the journal knows numbers up to {last}: spool.db is older than the database, and new "
            "mail would pass for mail that is known; stop the daemon, export what lies in "
            "spool.db, move it away and start again",
        )
    elif last + 1 < numbers.next:
        tail = Gap(numbers.name, last + 1, numbers.next - 1)
        yield from map(_is_lost, _without(tail, present))


def _is_lost(gap: Gap) -> Finding:
    text = (
        "was accepted, and is neither in the spool nor in the journal; ask its sender: the log "
        "of that time says who (mail.accepted)"
    )
    return Finding(LOST, _subject(gap), text)


def _without(gap: Gap, present: Sequence[int]) -> Iterator[Gap]:
    """Return what is left of a gap when the numbers that are in the spool are taken out."""
    first = gap.first
    for number in present[bisect_left(present, gap.first) :]:
        if number > gap.last:
            break
        if number > first:
            yield Gap(gap.name, first, number - 1)
        first = number + 1
    if first <= gap.last:
        yield Gap(gap.name, first, gap.last)


def _subject(gap: Gap) -> str:
    until = f" to {gap.name}-{gap.last}" if gap.last > gap.first else ""
    return f"{gap.name}-{gap.first}{until}"


def _quarantined(
    numbers: SpoolNumbers, connection: Connection, elsewhere: frozenset[str]
) -> Iterator[Finding]:
    for journal_id, name, number in store.set_aside(connection):
        if name != numbers.name and name in elsewhere:
            continue
        if name != numbers.name or number not in numbers.present:
            text = (
                f"is quarantined, and its bytes are not in the spool ({name}-{number}): the "
                "mail is lost but for its journal row; ask its sender"
            )
            yield Finding(NO_BYTES, f"journal {journal_id}", text)
    known = store.journalled(connection, numbers.name, numbers.quarantined)
    for number in sorted(numbers.quarantined - known.keys()):
        text = "is quarantined, and the journal does not say so: `postroom spool retry`"
        yield Finding(NO_ROW, f"{numbers.name}-{number}", text)


def _both(numbers: SpoolNumbers, connection: Connection) -> Iterator[Finding]:
    known = store.journalled(connection, numbers.name, numbers.present)
    newest = store.newest(connection)
    for number, (outcome, journal_id) in sorted(known.items()):
        if outcome != Outcome.QUARANTINED and newest - journal_id > STALE_ROWS:
            text = (
                f"is in the journal ({journal_id}) and still in the spool; a start of the daemon "
                "takes it away: restart it, and look into the log for why it could not"
            )
            yield Finding(STALE_IN_SPOOL, f"{numbers.name}-{number}", text)

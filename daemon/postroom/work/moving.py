"""A site moved from the database that it has into another one, and proved to be all there.

Promise: nothing is changed in the database that there is; the other one gets all rows or none, each
compared, and audit says the same of both. Mail may be accepted meanwhile: it waits in the spool.
Used by: cli (`postroom db copy`).
Fails:   NotAllowed when audit finds something before (nothing is copied), when the other database
is not empty, or when something differs afterwards; Unavailable, StaleSchema.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection

from postroom.core.place import Server
from postroom.errors import NotAllowed
from postroom.spool import Spool
from postroom.store import copying
from postroom.store.audit import Finding
from postroom.store.copying import Moved, Told
from postroom.store.db import Database
from postroom.store.migrate import open_database
from postroom.work.audit import AuditReport, audit


@dataclass(frozen=True, slots=True)
class MoveReport:
    """How many rows were copied, and what audit says of both databases."""

    moved: Moved
    before: AuditReport
    after: AuditReport


def move(
    source: Database, spool: Spool, to: Server, begin: Callable[[Moved], Told], *, anyway: bool
) -> MoveReport:
    """Copy everything; `begin` hears how much there is, and gives whoever hears of progress.

    `anyway`: also when audit finds something missing, which is missing afterwards too.
    """
    before = audit(source, spool)
    if before.findings and not anyway:
        raise NotAllowed(
            f"audit finds fault with the database that there is ({before.findings[0].kind} "
            f"{before.findings[0].subject}, {len(before.findings)} in all): see `postroom audit`; "
            "--anyway copies it as it is"
        )
    with closing(open_database(to)) as target:
        target.objects = source.objects  # they stay where they are
        with source.read() as view:
            moved = copying.count(view)
            told = begin(moved)

            def copy(connection: Connection) -> None:
                copying.copy(view, connection, told)
                copying.compare(view, connection, told)

            target.write(copy)
        after = audit(target, spool)
    if _said(after) != _said(before):
        raise NotAllowed("audit says something else of the new database: do not use it")
    return MoveReport(moved, before, after)


def _said(report: AuditReport) -> tuple[dict[str, int], tuple[Finding, ...]]:
    """Return what audit says of a database; the spool may take mail in meanwhile."""
    return {name: n for name, n in report.checked.items() if name != "spool"}, report.findings

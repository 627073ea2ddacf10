"""`postroom audit --imap`: ask the servers what they have, and compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from postroom.config import Config
from postroom.core.imap import ImapTable
from postroom.errors import Unavailable
from postroom.intake.imap_fetch import OLD
from postroom.intake.imap_login import keeper_of, open_session
from postroom.intake.imap_session import ImapSession
from postroom.spool import Spool
from postroom.spool.model import Cursor
from postroom.store.audit import Finding
from postroom.store.db import Database
from postroom.work import reconcile

UNREACHABLE = "imap-unreachable"
_CHUNK = 500


def compare_all(
    config: Config, database: Database, spool: Spool
) -> Iterator[tuple[str, int, list[Finding]]]:
    """Yield of each folder its source, how many mails it has, and what is wrong."""
    for table in config.imap:
        try:
            with closing(open_session(config, table, keeper_of(config, table))) as session:
                for folder in table.all_folders:
                    yield _compare(session, table, folder, database, spool)
        except Unavailable as trouble:
            yield table.label, 0, [Finding(UNREACHABLE, table.label, str(trouble))]


def _compare(
    session: ImapSession, table: ImapTable, folder: str, database: Database, spool: Spool
) -> tuple[str, int, list[Finding]]:
    source = table.source(folder)
    selected = session.select(folder)
    cursor = spool.cursor(source)
    if cursor is None or cursor.uid_validity != selected.uid_validity:
        return source, 0, [reconcile.never_read(source)]
    uids = session.uids_above(0)
    missing, findings = reconcile.reconcile(source, uids, cursor, database, spool)
    nowhere = _without_skipped(session, table, cursor, missing)
    return source, len(uids), [*reconcile.missed(source, nowhere), *findings]


def _without_skipped(
    session: ImapSession, table: ImapTable, cursor: Cursor, missing: list[int]
) -> list[int]:
    """Leave out what a folder that was made anew holds from before the first contact."""
    if table.first_run == "all" or cursor.since is None:
        return missing
    nowhere = []
    for start in range(0, len(missing), _CHUNK):
        few = missing[start : start + _CHUNK]
        for uid, one in session.look_up(few).items():
            is_old = one.at is not None and one.at < cursor.since - OLD
            if not is_old or uid > cursor.border:
                nowhere.append(uid)
    return nowhere

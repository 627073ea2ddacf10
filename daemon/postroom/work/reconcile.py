"""Are the mails of an IMAP folder all here? UIDs of the server against journal and spool.

Promise: reads only. What the cursor has passed and the server still has must be known by its
source key; a mail in flight is no finding, if the server was asked first.
Used by: cli (`postroom audit --imap`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from postroom.core.imap import source_key
from postroom.spool import Spool
from postroom.spool.model import Cursor
from postroom.store import audit as store
from postroom.store.audit import Finding
from postroom.store.db import Database

MISSED, DOUBLED, NEVER_READ = "imap-missed", "imap-doubled", "imap-never-read"
_SHOWN = 100


def reconcile(
    source: str, uids: Iterable[int], cursor: Cursor, database: Database, spool: Spool
) -> tuple[list[int], list[Finding]]:
    """Return the UIDs that are nowhere, and findings about those that are here twice.

    `uids` are those that the server has, looked up after the cursor was read.
    """
    prefix = source_key(source, cursor.uid_validity, 0)[:-1]
    spooled = [
        int(entry.envelope.source.removeprefix(prefix))
        for entry in spool.list()
        if entry.envelope.source.startswith(prefix)
    ]
    with database.read() as connection:
        known = store.uids_of(connection, prefix)
    missing = sorted(
        uid for uid in uids if cursor.start < uid <= cursor.uid and uid not in known | {*spooled}
    )
    return missing, list(_doubled(source, spooled))


def missed(source: str, uids: Iterable[int]) -> Iterator[Finding]:
    """Say what is missing."""
    for uid in list(uids)[:_SHOWN]:
        yield Finding(
            MISSED,
            f"{source} UID {uid}",
            "lies on the server, was passed, and is neither in the spool nor in the journal: save "
            "it from there and `postroom mail inject` it",
        )


def never_read(source: str) -> Finding:
    """Say that nothing can be compared."""
    return Finding(NEVER_READ, source, "was never read: see `postroom imap list`")


def _doubled(source: str, spooled: list[int]) -> Iterator[Finding]:
    for uid, count in sorted(Counter(spooled).items()):
        if count > 1:
            text = f"is in the spool {count} times; the second will become a duplicate"
            yield Finding(DOUBLED, f"{source} UID {uid}", text)

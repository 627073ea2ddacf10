"""What the server is told of mails that have left the spool for the journal: seen, moved, deleted.

Promise: nothing is told before the journal has the mail, whatever restarts in between; doing it
twice does no harm; a server that will not have it is asked again, and never holds up fetching.
Used by: imap.
"""

from __future__ import annotations

import structlog

from postroom import failpoints
from postroom.intake.imap_fetch import FolderSetup
from postroom.intake.imap_session import ImapSession
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.spool import Spool

log = structlog.get_logger()

_AT_ONCE = 200
_AGAIN = 60.0  # seconds after the server said no, then twice that …
_LONGEST = 3600.0


class Teller:
    """Tells the server of one folder."""

    def __init__(self, setup: FolderSetup, spool: Spool) -> None:
        self._setup = setup
        self._spool = spool
        self._not_before = 0.0
        self._refusals = 0
        self._is_warned = False
        self.refused = ""  # what the server said when it would not, and asked again will not

    def is_due(self, uid_validity: int, at: float) -> bool:
        """Whether there is something to tell now; `at` is a monotonic moment."""
        if self._setup.table.after == "keep" or at < self._not_before:
            return False
        return bool(self._spool.journalled_uids(self._setup.source, uid_validity, 1))

    @property
    def may_come(self) -> bool:
        """Whether something will be to tell, once the journal has it."""
        return self._setup.table.after != "keep" and self._spool.has_fetched(self._setup.source)

    def tell(self, session: ImapSession, uid_validity: int, at: float) -> int:
        """Tell all that is due; return of how many mails."""
        count = 0
        while self.is_due(uid_validity, at):
            uids = self._spool.journalled_uids(self._setup.source, uid_validity, _AT_ONCE)
            try:
                self._tell(session, uids)
            except ImapTrouble as trouble:
                if trouble.kind is not Kind.REFUSED:
                    raise
                self._refused(trouble, at)
                return count
            failpoints.hit("imap.told")
            self._spool.forget_uids(self._setup.source, uid_validity, uids).result(60)
            self._refusals, self.refused = 0, ""
            count += len(uids)
        return count

    def _tell(self, session: ImapSession, uids: list[int]) -> None:
        table, is_done = self._setup.table, True
        if table.moves_to is not None:
            is_done = session.move(uids, table.moves_to)
        elif table.after == "delete":
            is_done = session.delete(uids)
        elif table.after == "seen":
            session.add_flags(uids, b"\\Seen")
        if not is_done and not self._is_warned:
            self._is_warned = True
            log.warning(
                "imap.not_expunged",
                folder=self._setup.source,
                why="the server has no UIDPLUS: mails are marked \\Deleted and stay, for an "
                "EXPUNGE would remove what others have marked, too",
            )

    def _refused(self, trouble: ImapTrouble, at: float) -> None:
        self._refusals += 1
        self.refused = str(trouble)
        self._not_before = at + min(_LONGEST, _AGAIN * 2 ** min(self._refusals - 1, 10))
        if self._refusals == 1:
            log.warning("imap.after_refused", folder=self._setup.source, why=str(trouble))

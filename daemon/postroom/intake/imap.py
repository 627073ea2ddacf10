"""The IMAP door: one thread for each folder, and its life from connection to connection.

Promise: each folder is looked after by itself, so that one that is broken never holds up another;
whatever happens to the server, the thread comes back without anybody's help, and says meanwhile
what it waits for and since when.
Used by: app (the doors' process).
Fails:   never; trouble is logged once when it begins and once when it is over.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from postroom import clock
from postroom.config import Config
from postroom.core.imap import ImapTable
from postroom.errors import Unavailable
from postroom.intake.imap_after import Teller
from postroom.intake.imap_fetch import Fetcher, FolderSetup
from postroom.intake.imap_login import keeper_of, open_session
from postroom.intake.imap_session import ImapSession, Selected
from postroom.intake.imap_status import FolderStatus, read_status, write_status
from postroom.intake.imap_trouble import ImapTrouble, Kind, pause
from postroom.intake.imap_wire import Cord
from postroom.intake.oauth import WARN, TokenKeeper
from postroom.pulse import IDLE, Pulses
from postroom.spool import Spool
from postroom.spool.model import Cursor
from postroom.spool.permits import PermitFile

log = structlog.get_logger()

# RFC 2177 asks for less than 29 minutes; routers forget silent connections sooner.
IDLE_SECONDS = 540.0
_SLICE = 1.0  # seconds between two looks for what the journal has taken over
_STATUS = 1.0  # seconds between two notes of progress
_GRACE = 5.0  # seconds for a batch in hand when the daemon stops
_DOUBT = 120.0  # seconds beyond its longest wait before a thread counts as hung
_PLACING = 180.0  # seconds that the spool may take to keep a first cursor
_DAY = timedelta(days=1)


class ImapDoor:
    """All folders of the config."""

    def __init__(self, config: Config, spool: Spool, pulses: Pulses | None = None) -> None:
        permits = PermitFile(config.data) if config.database.is_shared else None
        self.folders = [
            FolderLife(setup, config, spool, keeper, pulses=pulses, permits=permits)
            for table in config.imap
            for keeper in [keeper_of(config, table)]
            for setup in setups_of(config, table)
        ]
        self._threads = [
            threading.Thread(target=folder.run, name=f"imap-{number}", daemon=True)
            for number, folder in enumerate(self.folders, 1)
        ]

    def start(self) -> None:
        """Begin to fetch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the batches in hand; whoever waits for a server is woken."""
        for folder in self.folders:
            folder.stop()
        until = time.monotonic() + _GRACE
        for folder, thread in zip(self.folders, self._threads, strict=True):
            if thread.ident is None:
                continue
            thread.join(max(0.0, until - time.monotonic()))
            folder.abort()
            thread.join(1.0)


def setups_of(config: Config, table: ImapTable) -> list[FolderSetup]:
    """Return the folders of one [[imap]]."""
    site = config.site()
    mailbox = site.mailboxes[table.mailbox]
    limits = config.limits
    return [
        FolderSetup(table, folder, mailbox, site, limits.message_size, limits.disk_reserve)
        for folder in table.all_folders
    ]


class FolderLife:
    """One folder: connect, fetch, tell, rest, for ever; `visit` is one round of it."""

    def __init__(
        self,
        setup: FolderSetup,
        config: Config,
        spool: Spool,
        keeper: TokenKeeper | None = None,
        now: Callable[[], datetime] = clock.now,
        pulses: Pulses | None = None,
        permits: PermitFile | None = None,
    ) -> None:
        self.setup = setup
        self._permits = permits  # None: no other node can read this folder
        self._stage = f"imap-{setup.table.label}/{setup.folder}"
        self._pulses = pulses or Pulses()
        self._pulse = self._pulses.start(self._stage)
        self._doing = "connecting"
        self._config = config
        self._spool = spool
        self._keeper = keeper
        self._now = now
        self._stop = threading.Event()
        self._waking, self._wakes = socket.socketpair()
        self._cord = Cord(self._waits)
        self._teller = Teller(setup, spool)
        self._fetcher = Fetcher(
            setup,
            spool,
            now,
            on_progress=self._progressed,
            is_stopping=lambda: self._stop.is_set() or not self._may_read(),
            on_wait=self._waits,
        )
        self._failures = 0
        self._trouble = ""
        self._warned_at: datetime | None = None
        self._noted = 0.0
        known = read_status(config.data, setup.source)
        self.status = FolderStatus(
            name=setup.table.label,
            mailbox=setup.mailbox.name,
            folder=setup.folder,
            source=setup.source,
            state="starting",
            since=now(),
        )
        if known is not None:
            kept = {
                name: getattr(known, name)
                for name in (
                    *("progress_at", "mail_at", "fetched", "uid_validity", "uid", "start"),
                    *("border", "cursor_since"),
                )
            }
            self.status = replace(self.status, **kept)

    def run(self) -> None:
        """Live until told to stop."""
        with structlog.contextvars.bound_contextvars(
            imap=self.setup.table.label, folder=self.setup.folder
        ):
            while not self._stop.is_set():
                if self._may_read():
                    self._live()
                else:
                    self._stand_by()
            self._say("stopped")
        self.close()

    def stop(self) -> None:
        """Come to an end after the batch in hand."""
        self._stop.set()
        with suppress(OSError):
            self._waking.send(b"!")

    def close(self) -> None:
        """Let go of what waking takes; `run` does it itself."""
        self._pulses.end(self._stage)
        self._waking.close()
        self._wakes.close()

    def abort(self) -> None:
        """Wake the thread if it waits for the server."""
        self._cord.cut()

    def visit(self, *, stays: bool = False) -> int:
        """Connect, fetch all that is new, tell the server; and rest and go on if it `stays`.

        Returns how many mails were fetched. Raises what went wrong.
        """
        count, self._doing = 0, "connecting"
        session = open_session(self._config, self.setup.table, self._keeper, self._cord)
        try:
            selected = session.select(self.setup.folder)
            cursor = self._place(session, selected)
            while True:
                self._doing = "fetching"
                self._watch_token()
                count += self._fetcher.drain(session, cursor)
                self._teller.tell(session, cursor.uid_validity, time.monotonic())
                cursor = self._spool.cursor(self.setup.source) or cursor
                self._went_well(cursor)
                if not stays or self._stop.is_set() or not self._may_read():
                    return count
                self._rest(session, cursor)
        finally:
            session.close()

    def _live(self) -> None:
        try:
            self.visit(stays=True)
        except Unavailable as trouble:
            self._wait(trouble)
        except Exception as error:
            # The top of the loop: nothing is lost, for the cursor moves with the mails.
            log.exception("imap.failed")
            self._wait(ImapTrouble(Kind.NONSENSE, f"{type(error).__name__}: {error}"[:300]))

    def _may_read(self) -> bool:
        return self._permits is None or self._permits.permit(self.setup.source) is not None

    def _stand_by(self) -> None:
        """Wait for the lease of the folder; another node has it, or the database is away."""
        node = self._permits.reader(self.setup.source) if self._permits is not None else ""
        why = f"node {node} reads this folder" if node else "the database gives no leave to read"
        if (self.status.state, self.status.why) != ("waiting", why):
            log.info("imap.standing_by", why=why)
            self._say("waiting", why, "standing by")
        self._pulse.beat("standing by")
        self._stop.wait(_SLICE)

    def _wait(self, trouble: Unavailable) -> None:
        if self._stop.is_set():
            return
        self._failures += 1
        kind = trouble.kind.value if isinstance(trouble, ImapTrouble) else "spool"
        seconds = pause(trouble, self._failures, random.random())  # noqa: S311 - jitter
        if kind != self._trouble:
            log.warning("imap.waiting", kind=kind, why=str(trouble), retry_in=round(seconds))
            self._trouble = kind
        else:
            log.debug("imap.waiting", kind=kind, why=str(trouble), retry_in=round(seconds))
        self._say("waiting", str(trouble), kind)
        self._pulse.beat(f"waiting: {kind}", seconds + _DOUBT)
        self._stop.wait(seconds)

    def _waits(self, seconds: float) -> None:
        """Say that this thread may be silent for so long, and no longer."""
        self._pulse.beat(self._doing, seconds + _DOUBT)

    def _went_well(self, cursor: Cursor) -> None:
        self._failures = 0
        if self._trouble:
            log.info("imap.recovered", after=self._trouble)
            self._trouble = ""
        until = self._keeper.until if self._keeper is not None else None
        self.status = replace(
            self.status.at_cursor(cursor),
            progress_at=self._now(),
            behind=0,
            token_until=until,
            after_refused=self._teller.refused,
        )
        self._say("idle")

    def _rest(self, session: ImapSession, cursor: Cursor) -> None:
        """Wait for news: by IDLE, else until it is time to look again."""
        validity, self._doing = cursor.uid_validity, IDLE

        def is_due() -> bool:
            self._waits(_SLICE)
            is_over = self._stop.is_set() or not self._may_read()
            return is_over or self._teller.is_due(validity, time.monotonic())

        if self.setup.table.idle and session.can_idle:
            session.rest(IDLE_SECONDS, self._wakes, is_due)
            return
        until = time.monotonic() + self.setup.table.poll.total_seconds()
        while (left := until - time.monotonic()) > 0 and not is_due():
            self._stop.wait(min(left, _SLICE))

    def _place(self, session: ImapSession, selected: Selected) -> Cursor:
        """Return where to go on; a folder that is new, or was made anew, gets its cursor here."""
        source, validity = self.setup.source, selected.uid_validity
        self._waits(_PLACING)
        known = self._spool.cursor(source)
        if known is None and (kept := self.status.cursor) is not None:
            log.warning("imap.cursor_restored", uid=kept.uid, why="the spool file is new")
            known = kept
            self._spool.put_all([], kept).result(60)
        known = self._caught_up(known, validity)
        if known is not None and known.uid_validity == validity:
            return known
        last = selected.uid_next - 1 if selected.uid_next is not None else None
        if last is None:
            last = max(session.uids_above(0), default=0)
        if known is None:
            is_all = self.setup.table.first_run == "all"
            skipped = 0 if is_all else last
            cursor = Cursor(source, validity, skipped, self._now(), skipped, last)
            log.info("imap.first_contact", first_run=self.setup.table.first_run, there=last)
        else:
            cursor = Cursor(source, validity, 0, known.since, 0, last)
            why = "the folder was made anew: it is read again; what is known counts as duplicate"
            log.warning("imap.uidvalidity_changed", was=known.uid_validity, now=validity, why=why)
        self._spool.forget_other_validities(source, validity).result(60)
        self._spool.put_all([], cursor).result(60)
        return cursor

    def _caught_up(self, known: Cursor | None, validity: int) -> Cursor | None:
        """Go on where the node that read this folder before us has got, if that is further."""
        permit = self._permits.permit(self.setup.source) if self._permits is not None else None
        theirs = permit.cursor if permit is not None else None
        if theirs is None or theirs.uid_validity != validity:
            return known
        if known is not None and known.uid_validity == validity and known.uid >= theirs.uid:
            return known
        log.info("imap.taken_over", uid=theirs.uid, ours=known.uid if known is not None else None)
        self._spool.put_all([], theirs).result(60)
        return theirs

    def _progressed(self, fetched: int, left: int) -> None:
        now = self._now()
        self.status = replace(
            self.status,
            progress_at=now,
            mail_at=now,
            fetched=self.status.fetched + fetched,
            behind=left,
        )
        if time.monotonic() - self._noted > _STATUS:
            self._say("fetching")

    def _watch_token(self) -> None:
        """Say in time that somebody will have to log in again: once a day."""
        until = self._keeper.until if self._keeper is not None else None
        now = self._now()
        if until is None or until - now > WARN:
            return
        if self._warned_at is None or now - self._warned_at >= _DAY:
            self._warned_at = now
            log.warning(
                "imap.token_ending",
                until=until,
                days=max(0, (until - now).days),
                why=f"`postroom imap login {self.setup.table.label}`, or a new client secret",
            )

    def _say(self, state: str, why: str = "", kind: str = "") -> None:
        self._noted = time.monotonic()
        is_same = (state, kind) == (self.status.state, self.status.kind)
        since = self.status.since if is_same else self._now()
        self.status = replace(self.status, state=state, why=why, kind=kind, since=since)
        write_status(self._config.data, self.status)

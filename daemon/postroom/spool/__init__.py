"""Durable store of accepted mail that is not yet worked on.

Promise: a mail whose put() is done survives a power cut; numbers have no gaps and are never used
twice, not even after somebody deleted the file; a claimed mail is not claimed again.
Used by: intake (put), work.pipeline (claim, finish, defer), cli (list, show, export, retry).
Fails:   DiskFull or another Unavailable when it cannot write, and then nothing of that put is
         kept; DamagedSpoolError when the file is not a sound spool: it is never overwritten.

    new ──claim──► working (in memory only) ──finish──► gone
     ▲                 │
     ├─ unclaim, defer, crash
     │                 └─ quarantine, or the third counted defer ──► quarantined
     └──────────────────────────── retry ───────────────────────────────┘

One thread writes everything that waits in one transaction and then tells all who wait (group
commit, `spool.writer`). Other processes may use the same file at the same time.
"""

from __future__ import annotations

import builtins
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from postroom import clock
from postroom.mail.message import Envelope
from postroom.spool import rows
from postroom.spool.file import free_bytes, open_file, translated
from postroom.spool.model import Cursor, SpooledMail, SpoolEntry, SpoolNumbers, SpoolState
from postroom.spool.writer import Job, Writer

_POLL = 0.05  # seconds between two looks for what another process has put

T = TypeVar("T")


class Spool:
    """The spool of one data folder. Usable from all threads; futures are concurrent.futures."""

    def __init__(
        self, folder: Path, node: str, *, busy_timeout: timedelta = timedelta(seconds=5)
    ) -> None:
        self.path = folder / "spool.db"
        self._reading = open_file(self.path, node, busy_timeout.total_seconds())
        self._writer = Writer(self.path, busy_timeout.total_seconds())
        self._claimed: set[int] = set()
        self._lock = threading.RLock()  # guards the reading connection and the claims
        self._arrived = threading.Event()
        self._version = self._data_version()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self._writer.close()
        with self._lock:
            self._reading.close()

    @property
    def flushes(self) -> int:
        """The number of commits so far, for the bench."""
        return self._writer.flushes

    # Taking in

    def put(self, envelope: Envelope, raw: bytes, cursor: Cursor | None = None) -> Future[str]:
        """Keep one mail; the result is its spool id, and then it is on the disk."""
        mails = [(envelope, raw)]
        return self._submit(lambda db: rows.insert(db, mails, cursor)[0], size=len(raw))

    def put_all(
        self,
        mails: Sequence[tuple[Envelope, bytes]],
        cursor: Cursor | None = None,
        uids: Sequence[int | None] = (),
    ) -> Future[list[str]]:
        """Keep all of them or none, and move the cursor; without mails only move the cursor.

        `uids`, of each mail, are remembered until forget_uids; None: not that one.
        """
        size = sum(len(raw) for _, raw in mails)
        return self._submit(lambda db: rows.insert(db, mails, cursor, uids), size=size)

    def cursor(self, source: str) -> Cursor | None:
        """Return how far that IMAP folder was read."""
        with self._read() as db:
            return rows.cursor(db, source)

    def journalled_uids(
        self, source: str, uid_validity: int, limit: int = 500
    ) -> builtins.list[int]:
        """Return UIDs whose mails have left the spool for the journal: now the server may know."""
        with self._read() as db:
            return rows.journalled_uids(db, source, uid_validity, limit)

    def has_fetched(self, source: str) -> bool:
        """Whether the server has yet to hear of mails fetched from that folder."""
        with self._read() as db:
            return rows.has_fetched(db, source)

    def forget_uids(self, source: str, uid_validity: int, uids: Iterable[int]) -> Future[None]:
        """Note that the server was told of these."""
        told = tuple(uids)
        return self._submit(lambda db: rows.forget_uids(db, source, uid_validity, told))

    def forget_other_validities(self, source: str, uid_validity: int) -> Future[None]:
        """Give up what was to be done about UIDs of an older UIDVALIDITY."""
        return self._submit(lambda db: rows.forget_other_validities(db, source, uid_validity))

    def free_bytes(self) -> int:
        """Return the room on the disk; the doors keep a reserve."""
        return free_bytes(self.path.parent)

    # Working

    def wait(self, timeout: float) -> bool:
        """Block for at most so many seconds until there may be something to claim.

        A deferred mail becomes due in silence: claim again whatever this says.
        """
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            if self._arrived.wait(min(_POLL, left)):
                self._arrived.clear()
                return True
            with self._read():
                version, self._version = self._version, self._data_version()
            if version != self._version:
                return True
        return False

    def claim(self, limit: int, max_bytes: int) -> builtins.list[SpooledMail]:
        """Take due mails to work on, oldest first; at least one, whatever its size."""
        with self._read() as db:
            picked: builtins.list[int] = []
            for number, size in rows.due(db, clock.now(), limit + len(self._claimed)):
                if number in self._claimed:
                    continue
                if len(picked) == limit or (picked and size > max_bytes):
                    break
                picked.append(number)
                max_bytes -= size
            name = rows.name_of(db) if picked else ""
            mails = [rows.load(db, name, number) for number in picked]
            self._claimed.update(picked)
            return mails

    def unclaim(self, spool_ids: Iterable[str]) -> None:
        """Give mails back untouched, such as when the database is away."""
        self._release(spool_ids)
        self._arrived.set()

    def finish(self, spool_ids: Iterable[str]) -> Future[None]:
        """Delete mails whose journal rows are committed.

        Need not be waited for, nor flushed: it is repeated until it succeeds, and a mail that comes
        back after a crash or a power cut is already applied.
        """
        gone = tuple(spool_ids)
        return self._submit_change(lambda db: rows.delete(db, gone), gone, is_promised=False)

    def defer(
        self, spool_id: str, why: str, due_at: datetime, *, counted: bool = False
    ) -> Future[SpoolState]:
        """Try a mail again later. The third failure of its own (`counted`) quarantines it
        instead: the result says which."""
        return self._submit_change(
            lambda db: rows.defer(db, spool_id, why, due_at, counted=counted), (spool_id,)
        )

    def quarantine(self, spool_id: str, why: str) -> Future[None]:
        """Set a mail aside until somebody says retry."""
        return self._submit_change(lambda db: rows.quarantine(db, spool_id, why), (spool_id,))

    def retry(self, spool_id: str) -> Future[None]:
        """Make a quarantined or deferred mail due now, as if it had never failed."""
        return self._submit(lambda db: rows.retry(db, spool_id))

    # Looking

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many mails wait (10,000 at most), and when the oldest of them came."""
        with self._read() as db:
            return rows.waiting(db, clock.now())

    def unjournalled(self) -> tuple[int, int]:
        """Return the lowest number that waits for the journal, and the next one to be given away;
        the same twice: nothing waits."""
        with self._read() as db:
            return rows.unjournalled(db)

    def list(self) -> builtins.list[SpoolEntry]:
        """Return all mails in the order of their numbers."""
        with self._read() as db:
            return rows.entries(db, self._claimed)

    def show(self, spool_id: str) -> SpoolEntry:
        """Return one mail, without its bytes."""
        with self._read() as db:
            return rows.entry(db, spool_id, self._claimed)

    def export(self, spool_id: str) -> bytes:
        """Return the bytes of one mail as they came in."""
        with self._read() as db:
            return rows.raw(db, spool_id)

    def numbers(self) -> SpoolNumbers:
        """Return which numbers were given away and which are still here, of one moment."""
        with self._read() as db:
            return rows.numbers(db)

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._reading
            except sqlite3.Error as error:
                raise translated(error, self.path) from error

    def _data_version(self) -> int:
        """Return a number that changes with each commit of another connection."""
        version: int = self._reading.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _release(self, spool_ids: Iterable[str]) -> None:
        with self._lock:
            self._claimed.difference_update(map(rows.number_of, spool_ids))

    def _submit(self, run: Callable[[sqlite3.Connection], T], size: int = 0) -> Future[T]:
        job = Job(run, after=self._arrived.set, size=size)
        self._writer.submit(job)
        return job.future

    def _submit_change(
        self,
        run: Callable[[sqlite3.Connection], T],
        spool_ids: Sequence[str],
        *,
        is_promised: bool = True,
    ) -> Future[T]:
        """Change claimed mails: they stay claimed until it is done, and it is never given up."""
        after = partial(self._release, spool_ids)
        job = Job(run, after, is_patient=True, is_promised=is_promised)
        self._writer.submit(job)
        return job.future

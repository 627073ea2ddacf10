"""Group commit: one thread that writes whatever waits in one transaction.

Promise: a job's future is done after the commit that holds it returned, never before, and all that
is promised is on the disk then; a job that fails leaves nothing behind and takes no other job with
it; the thread outlives every trouble.
Used by: spool, for all that changes its file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from postroom import failpoints
from postroom.errors import PostroomError, Unavailable
from postroom.spool.file import connect, is_everybodys, translated

_BATCH_JOBS = 500
_BATCH_BYTES = 32 * 2**20  # keeps a transaction short; a single larger mail still goes
_AGAIN = 0.5  # seconds until patient jobs that failed are tried again


@dataclass(slots=True)
class Job:
    """One change of the file; all or nothing."""

    run: Callable[[sqlite3.Connection], Any]
    after: Callable[[], None]  # called when it is durable
    size: int = 0
    is_patient: bool = False  # tried again until the trouble is over; others fail at once
    # False: a power cut may undo it, for it will be done again. Costs no flush of the disk.
    is_promised: bool = True
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """The one writing connection of this process, and its thread."""

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.flushes = 0  # of the disk so far, one for each commit that promises something
        self._path = path
        self._inode = path.stat().st_ino
        self._busy_timeout = busy_timeout
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._again: list[Job] = []
        self._db: sqlite3.Connection | None = None
        self._is_flushing = True  # as SQLite was told last
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Hand over a job; its future tells the end of it."""
        with self._lock:
            if not self._is_closed:
                self._queue.put(job)
                return
        job.future.set_exception(Unavailable("the spool is closed"))

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._lock:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while self._turn():
            pass
        for job in self._again:
            job.future.set_exception(Unavailable("the spool was closed before it could be written"))
        self._drop()

    def _turn(self) -> bool:
        """Write one batch; return whether more may come. Its mails are let go of at the end."""
        batch, is_open = self._gather()
        try:
            self._write(batch)
        except Exception as error:  # noqa: BLE001 - the thread must outlive everything
            for job in batch:
                if not job.future.done():
                    self._refuse(job, error)
        return is_open

    def _gather(self) -> tuple[list[Job], bool]:
        """Wait for work; return all that waits, and whether more may come."""
        batch, self._again = self._again, []
        size = sum(job.size for job in batch)
        try:
            job = self._queue.get(timeout=_AGAIN if batch else None)
            while job is not None:
                # False: whoever asked has gone away, and so nothing was promised.
                if job.future.set_running_or_notify_cancel():
                    batch.append(job)
                    size += job.size
                if len(batch) >= _BATCH_JOBS or size >= _BATCH_BYTES:
                    return batch, True
                job = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _write(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            results = self._transact(jobs)
        except Exception as error:  # noqa: BLE001 - any error of one job must not meet the others
            self._drop()
            if len(jobs) > 1 and not is_everybodys(error):
                for job in jobs:
                    self._write([job])
            else:
                for job in jobs:
                    self._refuse(job, error)
            return
        self.flushes += self._is_flushing
        failpoints.hit("spool.committed")
        for job, result in zip(jobs, results, strict=True):
            job.after()
            job.future.set_result(result)

    def _transact(self, jobs: list[Job]) -> list[Any]:
        """Do all jobs in one transaction; closing the connection undoes one that broke."""
        db = self._connection()
        self._flush(db, any(job.is_promised for job in jobs))
        db.execute("BEGIN IMMEDIATE")
        failpoints.hit("spool.begun")
        results = [job.run(db) for job in jobs]
        failpoints.hit("spool.written")
        db.execute("COMMIT")
        return results

    def _flush(self, db: sqlite3.Connection, wanted: bool) -> None:
        """Have the next commit flushed or not; the log keeps their order in both cases."""
        if wanted is not self._is_flushing:
            db.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}")
            self._is_flushing = wanted

    def _connection(self) -> sqlite3.Connection:
        # A file that was deleted or replaced under us takes writes in silence, and loses them.
        try:
            is_ours = self._path.stat().st_ino == self._inode
        except OSError:
            is_ours = False
        if not is_ours:
            raise Unavailable(f"{self._path} was moved away: restart to make a new one")
        if self._db is None:
            self._db = connect(self._path, self._busy_timeout)
            self._is_flushing = True
        return self._db

    def _refuse(self, job: Job, error: Exception) -> None:
        if isinstance(error, PostroomError):
            job.future.set_exception(error)
        elif job.is_patient and isinstance(error, sqlite3.OperationalError):
            self._again.append(job)
        else:
            reason = translated(error, self._path)
            reason.__cause__ = error
            job.future.set_exception(reason)

    def _drop(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

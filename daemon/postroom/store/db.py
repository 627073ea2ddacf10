"""The database: one writer with group commit, readers beside it.

Promise: work given to `write` is committed before its result is seen; a work that raises leaves no
trace, and the others of the same transaction are not harmed (each runs in a savepoint).
Used by: work (stages), cli.
Fails:   Unavailable when the database is locked, full or away; Conflict when a unique row was there
already: another decision came first.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from postroom.errors import Conflict, Unavailable

T = TypeVar("T")
Work = Callable[[Connection], T]

# A write transaction holds up every other writer: nothing joins one that is this old or this long.
TRANSACTION_SECONDS = 0.015
TRANSACTION_WORKS = 64

# SQLite's log is copied into the file beside the writer, at every so many commits; only a log that
# outgrows this many pages (80 MB) makes the writer do it himself.
_COMMITS_PER_COPY = 64
_LARGEST_LOG = 20_000

# A Prepared statement runs in the driver, whose errors nobody wraps.
_DATABASE_ERRORS = (DBAPIError, sqlite3.Error)


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    future: Future[Any]
    outcome: Any = None
    error: BaseException | None = None


class Database:
    """One database, open. `commits` counts the flushes for `bench/`."""

    def __init__(self, file: Path, *, busy_timeout: float = 10.0) -> None:
        self.file = file
        self.commits = 0
        self.engine = _sqlite_engine(file, busy_timeout)
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._copier: threading.Thread | None = None
        self._may_copy = threading.Event()
        self._starting = threading.Lock()
        self._is_closed = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view. Not for writing."""
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield connection
        except _DATABASE_ERRORS as error:
            raise _translated(error) from error

    def submit(self, work: Work[T]) -> Future[T]:
        """Let the writer run `work(connection)`; the future answers after the commit."""
        waiting = _Waiting(work, Future())
        with self._starting:  # what close() has not seen must not come behind its end mark
            self._start()
            self._waiting.put(waiting)
        return waiting.future

    def write(self, work: Work[T]) -> T:
        """Run `work(connection)` in a transaction and return its result, durable."""
        return self.submit(work).result()

    def close(self) -> None:
        """Finish what was submitted, then let go of the file."""
        with self._starting:
            self._is_closed = True
            writer, copier = self._writer, self._copier
        if writer is not None:
            self._waiting.put(None)
            writer.join()
        if copier is not None:
            self._may_copy.set()
            copier.join()
        self.engine.dispose()

    def _start(self) -> None:
        if self._is_closed:
            raise Unavailable("database: closed")
        if self._writer is None:
            self._writer = threading.Thread(target=self._run, name="database", daemon=True)
            self._copier = threading.Thread(target=self._copy_log, name="checkpoint", daemon=True)
            self._writer.start()
            self._copier.start()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            self._transaction(first)

    def _transaction(self, first: _Waiting) -> None:
        """One transaction: the first work, and whatever else waits while it is young."""
        done: list[_Waiting] = []
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                until = time.monotonic() + TRANSACTION_SECONDS
                waiting: _Waiting | None = first
                while waiting is not None:
                    done.append(waiting)
                    self._savepoint(connection, waiting)
                    waiting = self._next(done, until)
                self._commit(connection)
        except BaseException as error:  # noqa: BLE001 - nobody else could tell those who wait
            failure = _translated(error)
            for waiting in done or [first]:
                waiting.future.set_exception(waiting.error or failure)
            return
        for waiting in done:
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.outcome)

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except _DATABASE_ERRORS:
            # SQLite may keep the transaction open, and SQLAlchemy would keep the connection so.
            connection.invalidate()
            raise
        self.commits += 1
        if self.commits % _COMMITS_PER_COPY == 0:
            self._may_copy.set()

    def _copy_log(self) -> None:
        """Move what is committed from SQLite's log into the file, so that the writer need not."""
        while self._may_copy.wait() and not self._is_closed:
            self._may_copy.clear()
            with suppress(*_DATABASE_ERRORS), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def _next(self, done: list[_Waiting], until: float) -> _Waiting | None:
        if len(done) >= TRANSACTION_WORKS or time.monotonic() >= until:
            return None
        try:
            following = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if following is None:  # close() waits: let _run see it again
            self._waiting.put(None)
        return following

    @staticmethod
    def _savepoint(connection: Connection, waiting: _Waiting) -> None:
        driver: Any = connection.connection.driver_connection  # SQLAlchemy adds 15 µs to each
        driver.execute("SAVEPOINT work")
        try:
            waiting.outcome = waiting.work(connection)
        except Exception as error:
            waiting.error = _translated(error)
            if isinstance(waiting.error, Unavailable):
                raise  # full disk, lost connection: the transaction as a whole has failed
            driver.execute("ROLLBACK TO SAVEPOINT work")
        driver.execute("RELEASE SAVEPOINT work")


def _sqlite_engine(file: Path, busy_timeout: float) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": busy_timeout}, pool_size=8)

    @event.listens_for(engine, "connect")
    def _connected(dbapi: sqlite3.Connection, _record: object) -> None:
        # We say BEGIN ourselves. (A listener for "begin" would slow down every statement.)
        dbapi.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={_LARGEST_LOG}",
            "cache_size=-32000",
        ):
            dbapi.execute(f"PRAGMA {pragma}")

    return engine


def _translated(error: BaseException) -> BaseException:
    """Return our own error for one of the database's, whether SQLAlchemy has wrapped it or not."""
    if not isinstance(error, _DATABASE_ERRORS):
        return error
    driver = error.orig if isinstance(error, DBAPIError) else error
    plain = (str(driver).splitlines() or [type(error).__name__])[0]
    if isinstance(driver, sqlite3.IntegrityError):
        return Conflict(plain)
    return Unavailable(f"database: {plain}")

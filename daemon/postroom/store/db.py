"""The database: one writer with group commit, readers beside it.

Promise: work given to `write` is committed before its result is seen; a work that raises leaves no
trace, and the others of the same transaction are not harmed (they are done again without it).
Used by: work (stages), cli.
Fails:   Unavailable when the database is locked, full or away; Conflict when a unique row was there
already: another decision came first.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from postroom.core.place import Place
from postroom.errors import Unavailable
from postroom.store.engines import DATABASE_ERRORS, open_engine, translated
from postroom.store.objects import Objects
from postroom.store.unsent import is_lost, keep_session, session_of, unsent_of

T = TypeVar("T")
Work = Callable[[Connection], T]

# A write transaction holds up every other writer: nothing joins one that is this long, or too old.
TRANSACTION_WORKS = 64

# SQLite's log is copied into the file beside the writer, at every so many commits.
_COMMITS_PER_COPY = 64


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    future: Future[Any]
    outcome: Any = None
    error: BaseException | None = None


class Database:
    """One database, open. `commits` counts the flushes for `bench/`.

    `objects` is the object store that raw mail is kept in, beside it; None: in a table of its own.
    """

    def __init__(
        self, place: Place, *, busy_timeout: float = 10.0, objects: Objects | None = None
    ) -> None:
        self.place = place
        self.objects = objects
        self.commits = 0
        self._opening = open_engine(place, busy_timeout)
        self.engine = self._opening.engine
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._copier: threading.Thread | None = None
        self._may_copy = threading.Event()
        self._own: Connection | None = None  # the writer's
        self._starting = threading.Lock()
        self._is_closed = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view. Not for writing."""
        try:
            with self.engine.connect() as connection, _begun(connection, self._opening.read):
                yield connection
        except DATABASE_ERRORS as error:
            raise translated(error) from error

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
        """Finish what was submitted, then let go of the database."""
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
            self._writer.start()
            if self._opening.has_log:
                self._copier = threading.Thread(
                    target=self._copy_log, name="checkpoint", daemon=True
                )
                self._copier.start()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give the writer's own connection in a new transaction; undone if nobody commits it.

        It is the same each time: SQLite forgets the pages that it has read once another connection
        has written, and a server's session knows its statements.
        """
        if self._own is None:
            self._own = self.engine.connect()
            for statement in self._opening.own:
                self._own.exec_driver_sql(statement)
            self._own.commit()
        try:
            with _begun(self._own, self._opening.write):
                yield self._own
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        """Give the writer's connection back, whatever is under way in it undone."""
        own, self._own = self._own, None
        if own is not None:
            own.close()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            self._transaction(first)
        self._let_go()

    def _transaction(self, first: _Waiting) -> None:
        """One transaction: the first work, and whatever else waits while it is young.

        Savepoints cost a mail more than its flush, and hardly ever is one needed: so all are tried
        without, and when one of several fails, these are undone and done again, each in its own.
        """
        done: list[_Waiting] = []
        try:
            try:
                self._carry_out(self._gathered(first, done), _try)
            except Exception as error:
                if len(done) == 1 or isinstance(translated(error), Unavailable):
                    raise
                self._carry_out(done, _do)
        except BaseException as error:  # noqa: BLE001 - nobody else could tell those who wait
            failure = translated(error)
            if not done:  # not even begun: a server that is away is not asked for each of them
                done = [first, *self._all_waiting()]
            for waiting in done:
                waiting.future.set_exception(waiting.error or failure)
            return
        for waiting in done:
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.outcome)

    def _carry_out(
        self, works: Iterable[_Waiting], how: Callable[[Connection, _Waiting], None]
    ) -> None:
        with self._writing() as connection:
            for waiting in works:
                how(connection, waiting)
            _end(connection)
            self._committed()

    def _gathered(self, first: _Waiting, done: list[_Waiting]) -> Iterator[_Waiting]:
        """Give the first, then others that wait; `done` has all that were given."""
        until = time.monotonic() + self._opening.seconds
        waiting: _Waiting | None = first
        while waiting is not None:
            done.append(waiting)
            yield waiting
            waiting = self._next(done, until)

    def _committed(self) -> None:
        self.commits += 1
        if self.commits % _COMMITS_PER_COPY == 0:
            self._may_copy.set()

    def _copy_log(self) -> None:
        """Move what is committed from SQLite's log into the file, so that the writer need not."""
        while self._may_copy.wait() and not self._is_closed:
            self._may_copy.clear()
            with suppress(*DATABASE_ERRORS), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def _all_waiting(self) -> Iterator[_Waiting]:
        while (waiting := self._at_once()) is not None:
            yield waiting

    def _next(self, done: list[_Waiting], until: float) -> _Waiting | None:
        if len(done) >= TRANSACTION_WORKS or time.monotonic() >= until:
            return None
        return self._at_once()

    def _at_once(self) -> _Waiting | None:
        try:
            following = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if following is None:  # close() waits: let _run see it again
            self._waiting.put(None)
        return following


@contextmanager
def _begun(connection: Connection, begin: Sequence[str]) -> Iterator[None]:
    """Begin a transaction.

    A session that has ended meanwhile (the server was restarted) is replaced: nothing was under
    way in it.
    """
    keep_session(connection)
    try:
        _begin(connection, begin)
    except DATABASE_ERRORS:
        if not is_lost(connection):
            raise
        connection.invalidate()
        connection.rollback()
        keep_session(connection)  # a new one
        _begin(connection, begin)
    try:
        yield
    except (*DATABASE_ERRORS, Unavailable) as error:
        if isinstance(translated(error), Unavailable):
            # What state it is in nobody knows: a full disk, a lost session.
            connection.invalidate()
        raise


def _try(connection: Connection, waiting: _Waiting) -> None:
    """Do one work where nothing can be undone but all."""
    waiting.outcome = waiting.work(connection)


def _end(connection: Connection) -> None:
    """Commit; a server hears it with what was still to be said, and does not if that fails."""
    driver, unsent = session_of(connection)
    if unsent is not None:
        _put(connection, "COMMIT")
        _say(connection)
    else:
        driver.commit()
    connection.commit()  # SQLAlchemy's own notion of it


def _do(connection: Connection, waiting: _Waiting) -> None:
    """Do one work in a savepoint: whatever goes wrong with it belongs to it."""
    _put(connection, "SAVEPOINT work")
    _say(connection)  # or what is unsent of a work that fails would take the one before with it
    try:
        waiting.outcome = waiting.work(connection)
        _say(connection)
    except Exception as error:
        waiting.error = translated(error)
        if isinstance(waiting.error, Unavailable):
            raise  # full disk, lost connection: the transaction as a whole has failed
        if (unsent := unsent_of(connection)) is not None:
            unsent.clear()
        _put(connection, "ROLLBACK TO SAVEPOINT work")
    _put(connection, "RELEASE SAVEPOINT work")


def _put(connection: Connection, statement: str) -> None:
    """Tell a server with what follows, SQLite now. (SQLAlchemy adds 15 µs to each.)"""
    driver, unsent = session_of(connection)
    if unsent is not None:
        unsent.put(statement, None)
    else:
        driver.execute(statement)


def _say(connection: Connection) -> None:
    """Send a server what was put down, and wait for it."""
    if (unsent := unsent_of(connection)) is not None:
        unsent.flush()


def _begin(connection: Connection, statements: Sequence[str]) -> None:
    if (unsent := unsent_of(connection)) is not None:
        unsent.clear()  # of a transaction that was given up
    for statement in statements:
        _put(connection, statement)
    _say(connection)

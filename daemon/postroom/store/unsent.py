"""What a server is told together: statements whose answers nobody has asked for yet.

Each statement that is waited for costs a way to the server and back, and a mail has some forty. So
they are put down in their order and go out at once (`store.dialogue`), as soon as somebody asks for
an answer, runs a statement of SQLAlchemy's, or ends a savepoint or the transaction (`store.db`).
Promise: the server hears everything in the order in which it was put down; what has failed fails
whoever flushed, a later work of the same transaction perhaps, and before COMMIT in any case.
Used by: store.prepared, store.db, store.word_index. SQLite has none of it: there is no way to go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from psycopg import Connection as Driver
from sqlalchemy import Connection

from postroom.store.dialogue import Dialogue, Heard

KEY = "postroom.unsent"  # in the info of a connection
_SESSION = "postroom_session"  # among its options


class Told:
    """A statement that was put down: its parameters are $1, $2 …; `answer` is None until then."""

    __slots__ = ("answer", "sql", "unsent", "values")

    def __init__(self, unsent: Unsent, sql: str, values: Sequence[Any] | None) -> None:
        self.unsent, self.sql, self.values = unsent, sql, values
        self.answer: Heard | None = None

    def heard(self) -> Heard:
        """Return the answer, sending whatever waits if need be."""
        if self.answer is None:
            self.unsent.flush()
        return cast("Heard", self.answer)


class Unsent:
    """The statements of one session that are still to be sent, and ids that it has in reserve."""

    def __init__(self, driver: Driver[Any]) -> None:
        self._dialogue = Dialogue(driver)
        self._waiting: list[Told] = []
        self._ids: dict[str, list[int]] = {}
        self._asked: dict[str, Told] = {}

    def put(self, sql: str, values: Sequence[Any] | None = ()) -> Told:
        """Put a statement down; `values` None: it has none, and is nothing to be prepared."""
        told = Told(self, sql, values)
        self._waiting.append(told)
        return told

    def flush(self) -> None:
        """Send what was put down and wait for all of it; raises what went wrong first."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            answers = self._dialogue.say([(told.sql, told.values) for told in waiting])
            for told, answer in zip(waiting, answers, strict=True):
                told.answer = answer

    def clear(self) -> None:
        """Forget what was not sent: the work that it belongs to is undone."""
        self._waiting.clear()
        self._asked.clear()

    def ask_ids(self, table: str, count: int) -> None:
        """Put down the question for new ids of a table, unless some are in reserve."""
        if not self._ids.get(table) and table not in self._asked:
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            self._asked[table] = self.put(
                f"SELECT nextval({sequence}) FROM generate_series(1, {count})"
            )

    def take_id(self, table: str, count: int) -> int:
        """Return an id that nobody else gets; asks for `count` at a time."""
        ids = self._ids.setdefault(table, [])
        if not ids:
            self.ask_ids(table, count)
            rows = self._asked[table].heard().rows()
            del self._asked[table]
            ids += sorted((int(row[0]) for row in rows), reverse=True)
        return ids.pop()


class Session(NamedTuple):
    """What stands behind a connection of SQLAlchemy's, who takes 3 µs to say it."""

    driver: Any
    unsent: Unsent | None  # None: it sends everything at once


def session_of(connection: Connection) -> Session:
    """Return the driver's connection, and what it has still to send."""
    kept: Session | None = connection.get_execution_options().get(_SESSION)
    return kept if kept is not None else _session_of(connection)


def _session_of(connection: Connection) -> Session:
    return Session(connection.connection.driver_connection, connection.info.get(KEY))


def keep_session(connection: Connection) -> None:
    """Have it at hand until the connection is given back, or its session replaced."""
    connection.execution_options(**{_SESSION: _session_of(connection)})


def is_lost(connection: Connection) -> bool:
    """Return whether a session with a server is over."""
    driver, unsent = session_of(connection)
    return unsent is not None and bool(driver.closed)


def unsent_of(connection: Connection) -> Unsent | None:
    """Return what a connection has still to send; None: it sends everything at once."""
    return session_of(connection).unsent

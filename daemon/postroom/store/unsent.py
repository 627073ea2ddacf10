"""What a server is told together: statements whose answers nobody has asked for yet.

Each statement that is waited for costs a way to the server and back, and a mail has some forty. So
they are put down in their order and go out at once, in the driver's pipeline, as soon as somebody
asks for an answer, runs a statement of SQLAlchemy's, or ends a piece of work (`store.db`).
Promise: the server hears everything in the order in which it was put down; what has failed fails
whoever flushed, before the end of the work that it belongs to.
Used by: store.prepared, store.db. SQLite has none of it: there is no way to go.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

KEY = "postroom.unsent"  # in the info of a connection


class Told:
    """A statement that was put down; `cursor` is None until it was sent."""

    __slots__ = ("cursor", "sql", "unsent", "values")

    def __init__(self, unsent: Unsent, sql: str, values: Any) -> None:
        self.unsent, self.sql, self.values = unsent, sql, values
        self.cursor: Any = None

    def heard(self) -> Any:
        """Return the cursor with the answer."""
        if self.cursor is None:
            self.unsent.flush()
        return self.cursor


class Unsent:
    """The statements of one session that are still to be sent, and ids that it has in reserve."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._waiting: list[Told] = []
        self._ids: dict[str, list[int]] = {}
        self._asked: dict[str, Told] = {}

    def put(self, sql: str, values: Any = None) -> Told:
        """Put a statement down."""
        told = Told(self, sql, values)
        self._waiting.append(told)
        return told

    def flush(self) -> None:
        """Send what was put down and wait for all of it; raises what went wrong first."""
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            waiting[0].cursor = self._driver.execute(waiting[0].sql, waiting[0].values)
            return
        if waiting:
            with self._driver.pipeline():
                for told in waiting:
                    told.cursor = self._driver.execute(told.sql, told.values)

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
            rows = self._asked[table].heard().fetchall()
            del self._asked[table]
            ids += sorted((int(row[0]) for row in rows), reverse=True)
        return ids.pop()


def unsent_of(connection: Connection) -> Unsent | None:
    """Return what a connection has still to send; None: it sends everything at once."""
    found: Unsent | None = connection.info.get(KEY)
    return found

"""A database as large as wanted: what came in by mail is copied again and again, by the database.

A copy has everything that its original has: contacts, journal rows, messages, references, history,
timers, what was sent. What names a row by its number names the copy's; what must be unique is made
so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    column,
    false,
    func,
    insert,
    literal,
    schema,
    select,
    table,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from postroom.core.words import words_of
from postroom.store import schema as t
from postroom.store import word_index

# What a site has once, however many requests it has.
_ONCE = frozenset(
    {"facet", "policy", "policy_activation", "company", "company_domain", "handler", "assignment"}
    | {"brake", "pause", "spool_move", "lease"}
)
# Numbers of rows that no foreign key says to be such.
_NUMBERS = {
    "journal.spool_number": "journal",
    "journal_history.request_id": "request",
    "timer.hold_id": "hold",
    "timer.delivery_id": "delivery",
}
_UNIQUE = frozenset(
    {"address.key", "address.address", "message.message_id", "message_ref.message_id"}
    | {"outbox.message_id", "journal.message_id", "journal.content_hash", "hook_run.key"}
)
_PORTION = 20_000  # requests that are copied in one transaction

_words = Table(
    "bench_words",
    MetaData(),
    Column("request_id", BigInteger),
    Column("message_id", BigInteger),
    Column("words", Text),
)

Number = ColumnElement[int]
# What a copy has instead: of the original's value, and the number of the copy (1, 2, …).
Changed = Callable[[ColumnElement[Any], Number], ColumnElement[Any]]


class Herd:
    """The originals in one database, and their copies."""

    def __init__(
        self,
        engine: Engine,
        changes: Mapping[str, Changed] | None = None,
        tables: Collection[str] = (),
    ) -> None:
        """Take what there is as the originals; `changes` by column, as "request.status".

        Named, only these tables are copied.
        """
        self._engine = engine
        self._changes = changes or {}
        self._copies = 0
        self._has_words = False
        self._before = 0  # copies that were made before rows came in by themselves again
        wanted = tables or t.metadata.tables.keys() - _ONCE
        self._tables = [one for one in t.metadata.sorted_tables if one.name in wanted]
        self._steps = self._last_rows()
        self._bases = self._steps

    def grow(self, requests: int) -> None:
        """Copy until there are at least so many."""
        for _ in self.growing(requests):
            pass

    @property
    def requests(self) -> int:
        """How many there are by now."""
        return self._bases["request"] + self._steps["request"] * (self._copies - self._before)

    def growing(self, requests: int) -> Iterator[int]:
        """Copy until there are at least so many; yield how many there are, now and then."""
        step = self._steps["request"]
        self._bases, self._before = self._last_rows(), self._copies
        while (missing := requests - self.requests) > 0:
            first = self._copies + 1
            self._copies += min(-(-missing // step), max(1, _PORTION // step))
            with _filling(self._engine) as connection:
                for each in self._tables:
                    self._copy(connection, each, first)
                if "message" in {each.name for each in self._tables}:
                    self._copy_words(connection, first)
            yield self.requests
        with _filling(self._engine) as connection:
            _count_handlers(connection)
        _settle(self._engine)

    def _copy(self, connection: Connection, table: Table, first: int) -> None:
        numbered = next(column for column in table.c if self._numbered(column) is not None)
        originals = self._steps[self._numbered(numbered) or ""]
        if not originals:
            return
        copies = _copies()
        values = [self._value(column, copies.c.n).label(column.name) for column in table.c]
        rows = (
            select(*values)
            .select_from(copies.join(table, true()))
            .where(numbered <= originals)
            .order_by(copies.c.n, numbered)
        )
        names = [column.name for column in table.c]
        keys = {"first": first, "last": self._copies}
        connection.execute(insert(table).from_select(names, rows), keys)

    def _copy_words(self, connection: Connection, first: int) -> None:
        """Put the copied messages into the index of words, each with its original's."""
        if not self._has_words:
            self._keep_words(connection)
        copies = _copies()
        n = copies.c.n - self._before - 1
        request = _words.c.request_id + self._bases["request"] + n * self._steps["request"]
        message = _words.c.message_id + self._bases["message"] + n * self._steps["message"]
        key = request * 2**word_index.KEY_BITS + message % 2**word_index.KEY_BITS
        from_ = copies.join(_words, true())
        if connection.dialect.name == "sqlite":
            index = table("search_words", column("rowid"), column("public"))
            rows = select(key, _words.c.words).select_from(from_).order_by(key)
        else:
            index = table("search_words", column("id"), column("is_internal"), column("words"))
            shelf = cast(request // word_index.SHELF, Text)
            vector = cast(func.replace(_words.c.words, "~", shelf), TSVECTOR)
            rows = select(key, false(), vector).select_from(from_).order_by(key)
        names = [each.name for each in index.c]
        connection.execute(
            insert(index).from_select(names, rows), {"first": first, "last": self._copies}
        )

    def _keep_words(self, connection: Connection) -> None:
        """Keep the words of the originals for the time being, as the index takes them."""
        connection.execute(schema.CreateTable(_words))
        asked = select(
            *(t.message.c[name] for name in ("id", "request_id", "subject", "from_name", "text"))
        ).where(t.message.c.id <= self._steps["message"])
        kept = []
        for row in connection.execute(asked).all():
            words = words_of(f"{row.request_id} {row.from_name} {row.subject}\n{row.text}")
            line = " ".join(words)
            if connection.dialect.name != "sqlite":
                line = " ".join(f"'~_{word}'" for word in dict.fromkeys(words))
            kept.append({"request_id": row.request_id, "message_id": row.id, "words": line})
        connection.execute(insert(_words), kept)
        self._has_words = True

    def _value(self, column: Column[Any], n: Number) -> ColumnElement[Any]:
        if (change := self._changes.get(str(column))) is not None:
            return change(column, n)
        if (numbered := self._numbered(column)) is not None:
            return column + self._bases[numbered] + (n - self._before - 1) * self._steps[numbered]
        if str(column) in _UNIQUE:
            return literal("n").concat(cast(n, Text)).concat(literal(".")).concat(column)
        return column

    def _last_rows(self) -> dict[str, int]:
        with self._engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.max(table.c.id))).scalar() or 0
                for table in t.metadata.sorted_tables
                if "id" in table.c
            }

    def _numbered(self, column: Column[Any]) -> str | None:
        """Return the table whose rows a column numbers."""
        if column.name == "id":
            return str(column.table.name)
        found = next((key.column.table.name for key in column.foreign_keys), None)
        found = found or _NUMBERS.get(str(column))
        return found if found in self._steps and found not in _ONCE else None


def _copies() -> CTE:
    """The numbers of the copies that are made, `first` to `last`."""
    copies = select(bindparam("first", type_=Integer).label("n")).cte("copies", recursive=True)
    return copies.union_all(
        select(copies.c.n + 1).where(copies.c.n < bindparam("last", type_=Integer))
    )


@contextmanager
def _filling(engine: Engine) -> Iterator[Connection]:
    """A transaction that need not survive anything."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-1000000"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
        else:
            connection.exec_driver_sql("SET synchronous_commit = off")
        yield connection
        connection.commit()


def _count_handlers(connection: Connection) -> None:
    owned = (
        select(func.count())
        .where(t.request.c.owner == t.handler.c.name, t.request.c.phase == "active")
        .scalar_subquery()
    )
    connection.execute(update(t.handler).values(open_requests=owned))


def _settle(engine: Engine) -> None:
    """Leave a database as one that grew by mail: its log copied, its counters where they belong."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        for table in t.metadata.sorted_tables:
            if "id" in table.c:
                sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                last = f"(SELECT coalesce(max(id), 1) FROM {table.name})"
                connection.execute(text(f"SELECT setval({sequence}, {last})"))
        connection.exec_driver_sql("VACUUM ANALYZE")


def move_timers(engine: Engine, due_at: datetime) -> int:
    """Let every level be due in one second; return how many there are."""
    with engine.begin() as connection:
        # With a beginning of the wait, the rules would say when it is over.
        chain = update(t.request).where(t.request.c.chain_state == "running")
        connection.execute(chain.values(chain_due_at=due_at, chain_since=None))
        armed = (t.timer.c.state == "armed", t.timer.c.kind == "level")
        return connection.execute(update(t.timer).where(*armed).values(due_at=due_at)).rowcount

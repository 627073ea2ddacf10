"""A site moved into another database: every row as it is, in one transaction, and then compared.

Promise: the other database is whole or as it was; its rows are those of this one, each of which was
read back and compared, and its index of words is made anew of them; numbers that were given away
are never given away again.
Used by: work.moving.
Fails:   NotAllowed when the other database is not empty, or a row came out other than it went in;
Unavailable and Conflict as any transaction.

JSON travels as the text that it is. An older database may hold text that PostgreSQL refuses
(schema.PlainText): it is made harmless on the way, and in what is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import JSON, Column, Connection, Select, Table, Text, cast, func, select, text

from postroom.errors import NotAllowed
from postroom.store import indexing
from postroom.store import schema as t
from postroom.store.schema import PlainText, metadata, plain_text

_AT_ONCE = 1_000  # rows read at a time
_LARGE = 16  # of those with whole mails in them
_TOLD = 256  # rows between two words of progress

Row = tuple[Any, ...]
# step ("copied" or "compared"), table, rows since the last word
Told = Callable[[str, str, int], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows each table has."""

    rows: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.rows.values())


def tables() -> Sequence[Table]:
    """Return the tables, parents before children."""
    return metadata.sorted_tables


def count(connection: Connection) -> Moved:
    """Count the rows of every table."""
    return Moved(
        {
            table.name: int(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
            )
            for table in tables()
        }
    )


def copy(source: Connection, target: Connection, told: Told) -> None:
    """Copy every row from one view of a database into another one, which is empty."""
    for table in tables():
        if target.execute(select(table).limit(1)).first() is not None:
            raise NotAllowed(f"the other database is not empty: {table.name} has rows")
    for table in tables():
        _copy_table(source, target, table, told)
    for _ in indexing.fill(target):
        told("indexed", t.message.name, 0)
    _go_on_counting(source, target)
    target.execute(text("ANALYZE"))


def compare(source: Connection, target: Connection, told: Told) -> None:
    """Read every row of both databases; NotAllowed says which one differs first."""
    for table in tables():
        with closing(_rows(source, table)) as ours, closing(_rows(target, table)) as theirs:
            pairs = zip_longest(ours, theirs)
            for number, (before, after) in enumerate(_reported(pairs, "compared", table, told), 1):
                if before is None or after is None or not _is_same(before, after):
                    raise NotAllowed(f"row {number} of {table.name} is another one after copying")


def _copy_table(source: Connection, target: Connection, table: Table, told: Told) -> None:
    names = ", ".join(target.dialect.identifier_preparer.quote(c.name) for c in table.columns)
    cursor: Any = target.connection.cursor()
    with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as sink:
        for row in _reported(_rows(source, table), "copied", table, told):
            sink.write_row([_held(value) for value in row])


def _rows(connection: Connection, table: Table) -> Generator[Row, None, None]:
    """Yield the rows in the order of their keys, a few at a time."""
    few = _LARGE if any(c.name == "raw" for c in table.columns) else _AT_ONCE
    query = _all(table, connection.dialect.name)
    with connection.execute(query, execution_options={"yield_per": few}) as rows:
        yield from map(tuple, rows)


def _all(table: Table, kind: str) -> Select[Any]:
    columns = (
        cast(column, Text).label(column.name) if _is_json(column) else column
        for column in table.columns
    )
    return select(*columns).order_by(*(_by_octets(one, kind) for one in table.primary_key.columns))


def _by_octets(column: Column[Any], kind: str) -> Any:
    # As SQLite does by itself; a server's own order is that of a language.
    is_words = isinstance(column.type, PlainText) and kind == "postgresql"
    return column.collate("C") if is_words else column


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)


def _held(value: Any) -> Any:
    """Return what both databases can hold of a value."""
    return plain_text(value) if isinstance(value, str) else value


def _is_same(before: Row, after: Row) -> bool:
    return all(
        _known(_held(one)) == _known(other) for one, other in zip(before, after, strict=True)
    )


def _known(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC)
    return bytes(value) if isinstance(value, memoryview | bytearray) else value


def _go_on_counting(source: Connection, target: Connection) -> None:
    """Let the numbers of each table go on after all that were ever given away."""
    for table in tables():
        if table.dialect_options["sqlite"].get("autoincrement"):
            last = source.execute(
                text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
            ).scalar()
            if last:
                target.execute(
                    text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
                    {"name": table.name, "last": last},
                )


def _reported(rows: Iterator[Any], step: str, table: Table, told: Told) -> Iterator[Any]:
    since = 0
    for row in rows:
        yield row
        since += 1
        if since == _TOLD:
            told(step, table.name, since)
            since = 0
    told(step, table.name, since)

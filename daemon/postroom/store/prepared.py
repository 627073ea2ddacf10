"""Statements of the hot path: built by SQLAlchemy, compiled once, then run by the driver itself.

`Connection.execute` costs 20-60 µs a statement beside the database's own work, and a mail needs
about twenty (bench/README.md). A Prepared gives the same SQL and the same types for 5 µs. It has
no expanding lists; for those, and wherever speed is no matter, use `Connection.execute`.
On a server what is sent goes out together with what follows, as soon as an answer is asked for.
Fails:   with the driver's own errors; `store.db` translates them.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Float, Insert, Select, Table, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from postroom.store.unsent import Told, session_of, unsent_of

Processor = Callable[[Any], Any]
Parameters = Mapping[str, Any]
Row = tuple[Any, ...]
_NAMED = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """SQL, the names of its parameters in the driver's order, and what is done to values."""

    sql: str
    names: tuple[str, ...]
    conversions: tuple[tuple[int, Processor], ...]  # of parameters that need converting
    constants: tuple[tuple[int, Any], ...]  # parameters that the statement itself gives
    results: tuple[tuple[int, Processor], ...]  # columns that need converting

    def values(self, given: Parameters) -> list[Any]:
        values = list(map(given.get, self.names))
        for index, convert in self.conversions:
            values[index] = convert(values[index])
        for index, value in self.constants:
            values[index] = value
        return values

    def row(self, raw: Row) -> Row:
        if not self.results:
            return raw
        row = list(raw)
        for index, convert in self.results:
            row[index] = convert(row[index])
        return tuple(row)


class Answer:
    """What a statement gives. A server may have to be waited for, when it is asked for."""

    __slots__ = ("_compiled", "_cursor", "_rows", "_told")

    def __init__(self, compiled: _Compiled, cursor: Any = None, told: Told | None = None) -> None:
        self._compiled, self._cursor, self._told = compiled, cursor, told
        # Read at once: a statement of SQLite's that stands open would keep its transaction open.
        self._rows: list[Row] | None = cursor.fetchall() if cursor is not None else None

    def first(self) -> Row | None:
        """Return the first row, or None."""
        rows = self._raw()
        return self._compiled.row(rows[0]) if rows else None

    def all(self) -> list[Row]:
        """Return every row."""
        rows = self._raw()
        return [self._compiled.row(raw) for raw in rows] if self._compiled.results else rows

    def count(self) -> int:
        """Return how many rows were changed."""
        count: int = self._cursor.rowcount if self._told is None else self._told.heard().count()
        return count

    def number(self) -> int:
        """Return the id that SQLite gave to the row."""
        number: int = self._cursor.lastrowid
        return number

    def _raw(self) -> list[Row]:
        if self._rows is None and self._told is not None:
            self._rows = self._told.heard().rows()
        return self._rows or []


class Prepared:
    """One statement. An INSERT names its columns by the keys of its first parameters."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self._statement = statement
        self._is_insert = isinstance(statement, Insert)
        self._compiled: dict[str | tuple[str, ...], _Compiled] = {}

    def send(self, connection: Connection, given: Parameters) -> Answer:
        """Run it without waiting; what goes wrong is raised before COMMIT, at the latest."""
        compiled = self._for(connection, given)
        driver, unsent = session_of(connection)
        if unsent is not None:
            return Answer(compiled, told=unsent.put(compiled.sql, compiled.values(given)))
        return Answer(compiled, driver.execute(compiled.sql, compiled.values(given)))

    def first(self, connection: Connection, given: Parameters) -> Row | None:
        """Return the first row, or None."""
        return self.send(connection, given).first()

    def all(self, connection: Connection, given: Parameters) -> list[Row]:
        """Return every row."""
        return self.send(connection, given).all()

    def run(self, connection: Connection, given: Parameters) -> int:
        """Run it; return how many rows it changed."""
        return self.send(connection, given).count()

    def run_each(self, connection: Connection, many: Sequence[Parameters]) -> None:
        """Run it for each of many parameters, which all have the same keys; waits for nothing."""
        compiled = self._for(connection, many[0])
        values = [compiled.values(given) for given in many]
        driver, unsent = session_of(connection)
        if unsent is not None:
            for one in values:
                unsent.put(compiled.sql, one)
        else:
            driver.executemany(compiled.sql, values)

    def _for(self, connection: Connection, given: Parameters) -> _Compiled:
        name = connection.dialect.name
        key = (name, *given) if self._is_insert else name
        compiled = self._compiled.get(key)
        if compiled is None:
            columns = list(given) if self._is_insert else None
            compiled = _compile(self._statement, connection.dialect, columns)
            self._compiled[key] = compiled
        return compiled


class Numbered(Prepared):
    """An INSERT into a table with ids. `reserve`: so many of a server's are asked for at a time.

    What a decision writes names its other rows; with ids in reserve nobody waits for them. But a
    session that keeps some makes a later row the lower number: only where no order goes by it.
    """

    def __init__(self, table: Table, reserve: int = 1) -> None:
        super().__init__(table.insert())
        self._table = table.name
        self._reserve = reserve

    def expect(self, connection: Connection, count: int = 1) -> None:
        """Have so many ids at hand soon."""
        if count and (unsent := unsent_of(connection)) is not None:
            unsent.ask_ids(self._table, max(count, self._reserve))

    def insert(self, connection: Connection, row: Parameters) -> int:
        """Insert a row and return its id."""
        unsent = unsent_of(connection)
        if unsent is None:
            number = self.send(connection, row).number()
        else:
            number = unsent.take_id(self._table, self._reserve)
            self.send(connection, {**row, "id": number})
        return number


def row_type(table: Table) -> Any:
    """Return a tuple with the columns of a table by name, for a statement that selects them all."""
    return namedtuple(table.name, [column.name for column in table.c])  # noqa: PYI024


def _compile(statement: Any, dialect: Dialect, columns: list[str] | None) -> _Compiled:
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=columns)
    if expanding := [name for name, bind in compiled.binds.items() if bind.expanding]:
        raise ValueError(f"an expanding list cannot be prepared: {', '.join(expanding)}")
    # SQLite takes parameters by position ("?"), each place; PostgreSQL by number, each name once.
    sql, names = str(compiled), tuple(compiled.positiontup or ())
    if not compiled.positional:
        names = tuple(dict.fromkeys(_NAMED.findall(sql)))
        sql %= {name: f"${number}" for number, name in enumerate(names, 1)}
    conversions, constants = [], []
    for index, name in enumerate(names):
        bind = compiled.binds[name]
        convert = _impl(bind.type, dialect).bind_processor(dialect)
        if not bind.required:
            constants.append((index, convert(bind.value) if convert is not None else bind.value))
        elif convert is not None:
            conversions.append((index, convert))
    results = []
    for index, column in enumerate(statement.exported_columns):
        back = _conversion(column.type, dialect)
        if back is not None:
            results.append((index, back))
    return _Compiled(
        sql,
        names,
        tuple(conversions),
        tuple(constants),
        tuple(results),
    )


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    if isinstance(kind, Float):  # which of its kinds nobody knows before the first row
        return None  # both drivers give a float
    return _impl(kind, dialect).result_processor(dialect, None)


def _impl(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)

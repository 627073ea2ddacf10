"""Statements said to PostgreSQL by libpq's own means: each prepared once, all of them in one go.

The driver's pipeline sends and accounts for each statement by itself; for the forty of a mail that
is more than the server's own work. Here they are written into libpq's buffer, sent together and
answered together; the driver still makes the connection, waits for the socket, knows the types.
Promise: what a session has prepared is known from the server's own answers, so a statement whose
preparing was lost in a failed batch is prepared again.
Used by: store.unsent.
Fails:   with the driver's errors, the first of a batch; what stood behind it was not carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from psycopg import Connection, errors, pq
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Types
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import send
from psycopg.waiting import Wait

# With $1, $2 … for its values; None: not worth preparing (COMMIT and the like).
Statement = tuple[str, Sequence[Any] | None]

_Written = tuple[list[bytes | None], list[int]]  # values as they travel, and their formats
_TEXT, _BINARY = pq.Format.TEXT, pq.Format.BINARY


def _text(value: str) -> bytes:
    octets = value.encode()
    if b"\0" in octets:  # libpq would take it for the end, and the rest would be lost in silence
        raise errors.DataError("a text with a NUL cannot be kept")
    return octets


def _mark(sql: str) -> bytes:
    return blake2b(sql.encode(), digest_size=12).hexdigest().encode()


# How most values are written; everything else as the driver does it.
_WRITTEN: dict[type, Callable[[Any], bytes]] = {
    str: _text,
    int: lambda value: b"%d" % value,
    bool: lambda value: b"t" if value else b"f",
    datetime: lambda value: value.isoformat(" ").encode(),
}


class Heard:
    """What the server answered to one statement."""

    __slots__ = ("_result", "_types")

    def __init__(self, result: pq.abc.PGresult, types: Types) -> None:
        self._result, self._types = result, types

    def rows(self) -> list[tuple[Any, ...]]:
        """Return its rows, as values of Python's."""
        self._types.set_pgresult(self._result)
        return self._types.load_rows(0, self._result.ntuples, tuple)

    def count(self) -> int:
        """Return how many rows it changed."""
        return self._result.command_tuples or 0


class Dialogue:
    """One session's way to say many statements at once."""

    def __init__(self, driver: Connection[Any]) -> None:
        self._driver = driver
        self._types: Types = Transformer(driver)
        self._prepared: dict[str, bytes] = {}
        self._given = 0  # names, each but once

    def say(self, statements: Sequence[Statement]) -> list[Heard]:
        """Have them carried out in their order; return the answers."""
        # All values first: who cannot be written is known before anything is on its way.
        written = [
            (sql, None if values is None else self._octets(values)) for sql, values in statements
        ]
        names = self._names(statements)
        results = self._driver.wait(self._said(written, names))
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result, encoding="utf-8")
        return [Heard(result, self._types) for result in results[len(names) :]]

    def _names(self, statements: Sequence[Statement]) -> dict[str, bytes]:
        """Name those that are still to be prepared."""
        found: dict[str, bytes] = {}
        for sql, values in statements:
            if values is not None and sql not in self._prepared and sql not in found:
                self._given += 1
                # Behind a pooler that mixes sessions another's name may not mean another statement.
                found[sql] = b"postroom_%d_%s" % (self._given, _mark(sql))
        return found

    def _said(
        self, statements: Sequence[tuple[str, _Written | None]], names: dict[str, bytes]
    ) -> PQGen[list[pq.abc.PGresult]]:
        """Say them, and give what was answered to each; what was prepared is noted."""
        libpq = self._driver.pgconn
        libpq.enter_pipeline_mode()
        try:
            for sql, name in names.items():
                libpq.send_prepare(name, sql.encode())
            for sql, written in statements:
                if written is None:
                    libpq.send_query_params(sql.encode(), None)
                else:
                    libpq.send_query_prepared(self._prepared.get(sql) or names[sql], *written)
            libpq.pipeline_sync()
            yield from send(libpq)
            results = yield from _answers(libpq)
        finally:
            if libpq.status == pq.ConnStatus.OK:
                libpq.exit_pipeline_mode()
        for (sql, name), result in zip(names.items(), results, strict=False):
            if result.status == pq.ExecStatus.COMMAND_OK:
                self._prepared[sql] = name
        return results

    def _octets(self, values: Sequence[Any]) -> _Written:
        """Return values as they travel, and the format of each."""
        written: list[Any] = []
        formats: list[int] = []
        for value in values:
            kind = type(value)
            formats.append(_BINARY if kind is bytes else _TEXT)
            if value is None or kind is bytes:
                written.append(value)
            elif (write := _WRITTEN.get(kind)) is not None:
                written.append(write(value))
            else:
                written.append(self._types.get_dumper(value, PyFormat.TEXT).dump(value))
        return written, formats


def _answers(libpq: pq.abc.PGconn) -> PQGen[list[pq.abc.PGresult]]:
    """Give one result for each thing said, up to the end of the batch."""
    results: list[pq.abc.PGresult] = []
    while True:
        while libpq.is_busy():
            yield Wait.R
            libpq.consume_input()
        result = libpq.get_result()
        if result is None:  # that was all of one
            if libpq.status != pq.ConnStatus.OK:
                raise errors.OperationalError(libpq.get_error_message())
            continue
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)

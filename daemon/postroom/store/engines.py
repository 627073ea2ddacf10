"""How a database is opened, by its kind: what a session says first, and what its errors mean.

Both kinds decide the same way: **one writer at a time**. SQLite has no other; on PostgreSQL every
writing transaction takes one advisory lock first, whichever node it comes from. The facts of a
decision are loaded inside that transaction, and brakes, turns and counters are rows that nearly
every mail changes: two writers at once would only undo each other. So READ COMMITTED is enough: no
other decision is committed between its statements. What was decided outside (a command, a
handler's mail) is checked by versions and unique rows, as on SQLite.
Used by: store.db.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors as pg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sa
from sqlalchemy.pool import ConnectionPoolEntry

from postroom.core.place import Place, Server
from postroom.errors import Conflict, Unavailable
from postroom.store import jsontext, listening, unsent

# A Prepared statement runs in the driver, whose errors nobody wraps.
DATABASE_ERRORS = (sa.DBAPIError, sa.TimeoutError, sqlite3.Error, psycopg.Error)

POOL_SIZE = 8
LARGEST_LOG = 20_000  # pages (80 MB): a log that outgrows this the writer copies himself
# A write transaction holds up every other writer; but each one is a flush, and a server, whose
# readers and doors it does not hold up, is slower at each statement.
SECONDS_OF_FILE = 0.02
SECONDS_OF_SERVER = 0.05
_WRITERS = 0x706F7374  # the advisory lock of all writers: "post"
# A node that hangs inside a transaction holds up all others: the server ends its session.
_LONGEST_SILENCE = 30_000

_CONFLICTS = (
    sqlite3.IntegrityError,
    psycopg.IntegrityError,
    pg.SerializationFailure,
    pg.DeadlockDetected,
)
# A value that the database cannot hold: the mail's own failure, which no waiting mends.
_OWN_FAILURES = (sqlite3.DataError, psycopg.DataError)
# What a session has prepared is not there, or somebody else's is.
_MIXED_SESSIONS = (pg.DuplicatePreparedStatement, pg.InvalidSqlStatementName)
POOLED = "a pooler between must keep to sessions (PgBouncer: pool_mode = session)"


@dataclass(frozen=True, slots=True)
class Opening:
    """An engine, and how its transactions begin."""

    engine: Engine
    read: tuple[str, ...]
    write: tuple[str, ...]
    seconds: float  # nothing joins a write transaction that is this old
    own: tuple[str, ...] = ()  # for the writer's own connection
    has_log: bool = False  # that is to be copied into the file beside the writer


def open_engine(place: Place, busy_timeout: float) -> Opening:
    """Make the engine of a database; nothing is connected yet.

    `busy_timeout`: how long a writer waits for another one, in seconds.
    """
    if isinstance(place, Server):
        return Opening(
            _postgresql(place, busy_timeout),
            read=("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",),  # one consistent view
            write=(  # whatever the server's default is
                "BEGIN ISOLATION LEVEL READ COMMITTED",
                f"SELECT pg_advisory_xact_lock({_WRITERS})",
            ),
            seconds=SECONDS_OF_SERVER,
        )
    return Opening(
        _sqlite(place, busy_timeout),
        read=("BEGIN",),
        write=("BEGIN IMMEDIATE",),
        seconds=SECONDS_OF_FILE,
        own=("PRAGMA cache_size=-16000",),
        has_log=True,
    )


def translated(error: BaseException) -> BaseException:
    """Return our own error for one of the database's, whether SQLAlchemy has wrapped it or not."""
    if not isinstance(error, DATABASE_ERRORS):
        return error
    driver = error.orig if isinstance(error, sa.DBAPIError) else error
    plain = (str(driver).splitlines() or [type(error).__name__])[0]
    if isinstance(driver, _CONFLICTS):
        return Conflict(plain)
    if isinstance(driver, _OWN_FAILURES):
        return error
    if isinstance(driver, _MIXED_SESSIONS):
        plain += f"; {POOLED}"
    return Unavailable(f"database: {plain}")


def _sqlite(file: Path, busy_timeout: float) -> Engine:
    engine = create_engine(
        f"sqlite:///{file}",
        connect_args={"timeout": busy_timeout},
        pool_size=POOL_SIZE,
        pool_use_lifo=True,  # the warmest first
        json_serializer=jsontext.written,
        json_deserializer=jsontext.read,
    )

    @event.listens_for(engine, "connect")
    def _connected(dbapi: sqlite3.Connection, _record: object) -> None:
        # We say BEGIN ourselves. (A listener for "begin" would slow down every statement.)
        dbapi.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={LARGEST_LOG}",
            "cache_size=-4000",  # lost at the next commit of the writer, who has more
        ):
            dbapi.execute(f"PRAGMA {pragma}")

    return engine


def _postgresql(server: Server, busy_timeout: float) -> Engine:
    url = make_url(server.url)
    settings = _settings(busy_timeout)
    engine = create_engine(
        url.set(query={}),
        connect_args=_session(url, server.password),
        pool_size=POOL_SIZE,
        pool_use_lifo=True,  # the warmest first
        use_native_hstore=False,  # would be looked up in each new session
        json_serializer=jsontext.written,
        json_deserializer=jsontext.read,
    )

    @event.listens_for(engine, "do_connect")
    def _connecting(_: object, __: object, words: list[Any], told: dict[str, Any]) -> Any:
        return listening.connect(*words, **told)

    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, record: ConnectionPoolEntry) -> None:
        dbapi.autocommit = True  # we say BEGIN ourselves
        dbapi.execute(settings)
        record.info[unsent.KEY] = unsent.Unsent(dbapi)

    @event.listens_for(engine, "before_cursor_execute")
    def _executing(connection: Connection, *_: object) -> None:
        if (waiting := unsent.unsent_of(connection)) is not None:
            waiting.flush()  # the server hears everything in its order

    return engine


def _settings(busy_timeout: float) -> str:
    """Return the statement by which a session becomes ours.

    Not libpq's "options": PgBouncer refuses them, or drops them without a word.
    """
    settings = {
        "TimeZone": "UTC",
        "lock_timeout": int(busy_timeout * 1000),
        "idle_in_transaction_session_timeout": _LONGEST_SILENCE,
    }
    return "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())


def _session(url: URL, password: str | None) -> dict[str, Any]:
    """Return what libpq is told; the url's own words go before ours."""
    told: dict[str, Any] = {
        "application_name": "postroom",
        "prepare_threshold": None,  # what is asked often is prepared by store.dialogue
        "connect_timeout": "10",
        # A machine that vanished without a word is known to be away within half a minute
        # (a server that is there and says nothing: store.listening).
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "4",
        "tcp_user_timeout": "30000",
        **url.query,
        "client_encoding": "utf8",
    }
    return told if password is None else {**told, "password": password}

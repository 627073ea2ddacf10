"""Whether a PostgreSQL server and its database will do, before anything is built on them.

Promise: looks only. Used by: cli.checking.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Row, text

from postroom.core.place import Server
from postroom.errors import StaleSchema, Unavailable
from postroom.store.db import Database
from postroom.store.engines import DATABASE_ERRORS, POOLED, translated
from postroom.store.migrate import current

OLDEST = 13
LOOKS = 5

_PROCESS = text("SELECT pg_backend_pid()")

_ASKED = text(
    """
    SELECT current_setting('server_version_num')::int / 10000 AS version,
           current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS is_standby,
           current_setting('default_transaction_read_only')::bool AS is_read_only,
           current_setting('synchronous_commit') AS commits, current_setting('fsync') AS flushes,
           current_user AS role, current_schema() AS schema,
           has_schema_privilege(current_schema(), 'CREATE') AS may_create
    """
)
# Those of the tables that this role may not use as Postroom has to.
_BARRED = text(
    """
    SELECT relname FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r' AND NOT (
        has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
        AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
    ) ORDER BY relname
    """
)


def faults(server: Server) -> tuple[list[str], list[str]]:
    """Return what is wrong with it, and what is unwise, in words for the operator."""
    with closing(Database(server)) as database:
        try:
            found = current(database)
            with database.read() as connection:
                asked = connection.execute(_ASKED).one()
                barred = connection.execute(_BARRED).scalars().all()
            is_mixed = _mixes_sessions(database)
        except (StaleSchema, Unavailable) as error:
            return [str(error).removeprefix("database: ")], []
    wrong = list(_wrong(asked, is_empty=found == "none"))
    if is_mixed:
        wrong.append(f"two sessions meet in one of the server: {POOLED}")
    if barred:
        wrong.append(f"{asked.role} may not read and write the table {barred[0]} (nor others)")
    return wrong, list(_unwise(asked))


def _mixes_sessions(database: Database) -> bool:
    """Return whether somebody between gives one session of the server to two of ours."""
    try:
        with database.engine.connect() as one, database.engine.connect() as other:
            pairs = [(_process(one), _process(other)) for _ in range(LOOKS)]
    except DATABASE_ERRORS as error:
        raise translated(error) from error
    ones, others = zip(*pairs, strict=True)
    return not set(ones).isdisjoint(others)


def _process(connection: Connection) -> int:
    return int(connection.execute(_PROCESS).scalar_one())  # and no transaction is left open


def _wrong(asked: Row[Any], *, is_empty: bool) -> Iterator[str]:
    if asked.version < OLDEST:
        yield f"PostgreSQL {asked.version} is too old: {OLDEST} or newer is needed"
    if asked.encoding != "UTF8":
        yield (
            f"the database is in {asked.encoding}, and mail is in all languages: make it anew by "
            "createdb --encoding=UTF8 --template=template0"
        )
    if asked.is_standby:
        yield "the server is a standby, which only reads: name the primary"
    elif asked.is_read_only:
        yield "the server lets its sessions only read (default_transaction_read_only)"
    if asked.schema is None:
        yield f"{asked.role} finds no schema to put tables in (search_path)"
    elif is_empty and not asked.may_create:
        yield (
            f"{asked.role} may not make tables in the schema {asked.schema}: let the database "
            f"belong to it (ALTER DATABASE … OWNER TO {asked.role})"
        )


def _unwise(asked: Row[Any]) -> Iterator[str]:
    for name, value in (("fsync", asked.flushes), ("synchronous_commit", asked.commits)):
        if value == "off":
            yield (
                f"the server has {name} = off: what it says is kept may be lost when its machine "
                "stops, and mail has left the spool by then"
            )

"""The schema's age: made when there is none, checked at every start, changed only when told.

Used by: house and cli (open_database), work.restore, `postroom db upgrade|status`.
Fails:   StaleSchema when the database is older or newer than this code.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from postroom.core.buckets import Bucket
from postroom.core.place import Place
from postroom.errors import StaleSchema
from postroom.ownership import belong_to_folder
from postroom.store.db import Database
from postroom.store.objects import Objects

Progress = Callable[[int, int], None]
# The newest migration; a test compares it with the folder. (Importing Alembic takes 0.3 s.)
HEAD = "0014"


def open_database(
    place: Place, *, busy_timeout: float = 10.0, bucket: Bucket | None = None
) -> Database:
    """Open the database; make its tables when there are none. StaleSchema: it is of another age.

    A server's database itself is made by its administrator: Unavailable while it is not there.
    """
    if isinstance(place, Path):
        make_file(place)
    objects = Objects(bucket) if bucket is not None else None
    database = Database(place, busy_timeout=busy_timeout, objects=objects)
    try:
        found = current(database)
        if found == "none":
            upgrade(database)
        _refuse_other(found)
        if isinstance(place, Path):
            for suffix in ("", "-wal", "-shm"):
                belong_to_folder(place.with_name(place.name + suffix))
    except BaseException:
        database.close()
        raise
    return database


def make_file(file: Path) -> None:
    """Make an empty file for a database, if there is none."""
    if not file.exists():
        file.touch(mode=0o600)  # mail is nobody else's business; SQLite's other files follow
        belong_to_folder(file)


@contextmanager
def open_in_memory() -> Iterator[Database]:
    """Open an empty database of the newest schema that nothing is left of, whatever happens."""
    # SQLite's "memdb": all connections of this process see the same, until the last is closed.
    database = Database(Path(f"file:/{secrets.token_hex(8)}?vfs=memdb&uri=true"))
    try:
        with database.engine.connect():  # keeps it alive
            upgrade(database)
            yield database
    finally:
        database.close()


def _refuse_other(found: str) -> None:
    if found not in ("none", HEAD):
        raise StaleSchema(found, HEAD)


def current(database: Database) -> str:
    """Return the migration that a database stands at; "none" for an empty one."""
    with database.read() as connection:
        return _current(connection)


def upgrade(database: Database, progress: Progress | None = None) -> str:
    """Bring a database to the newest schema, in one transaction; return where it stood.

    `progress` is told of long work: how much is done, and how much there is.
    """
    return database.write(partial(_upgrade, progress=progress))


def _current(connection: Connection) -> str:
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        if tables:
            raise StaleSchema("unknown (tables, but no alembic_version)", HEAD)
        return "none"
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "none"


def _upgrade(connection: Connection, progress: Progress | None) -> str:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    stood = _current(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes.update(connection=connection, progress=progress)
    if stood != HEAD:
        known = {s.revision for s in ScriptDirectory.from_config(config).walk_revisions()}
        if stood != "none" and stood not in known:
            raise StaleSchema(stood, HEAD)
        command.upgrade(config, "head")
    return stood

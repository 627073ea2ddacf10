"""What commands work on, opened as far as each needs it: config, spool, database, the whole house.

`mail inject` opens the spool only: accepting mail goes on while the database is away.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

# postroom.house has it too, but takes a second to import.
DATABASE_FILE = "postroom.db"

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.house import House
    from postroom.spool import Spool
    from postroom.store.db import Database
    from postroom.work.readers import Readers


def read_config(path: Path | None) -> Config:
    """Read the config that the command names, or the one that is found."""
    from postroom.config import find_config, load_config

    return load_config(find_config(path))


@contextmanager
def open_spool(config: Config) -> Iterator[Spool]:
    """Open the spool; make it and the data folder when they are not there."""
    from postroom.errors import Unavailable
    from postroom.spool import Spool

    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unavailable(f"{config.data}: {error.strerror or error}") from error
    with Spool(config.data, config.node) as spool:
        yield spool


@contextmanager
def open_store(config: Config) -> Iterator[Database]:
    """Open the database for reading; make it, the data folder and the Maildir if absent."""
    from postroom.store.migrate import open_database

    _make_folders(config)
    database = open_database(config.data / DATABASE_FILE)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_desk(path: Path | None) -> Iterator[House]:
    """Open everything that deciding needs, with the policy of the daemon, else of the files."""
    from postroom.house import open_house

    config = read_config(path)
    quiet_logs()
    _make_folders(config)
    with open_house(config) as house:
        yield house


@contextmanager
def open_reader(config: Config) -> Iterator[Readers]:
    """Start one reader process."""
    from postroom.work.readers import Readers

    readers = Readers(
        1,
        deadline=config.limits.reader_deadline.total_seconds(),
        memory=config.limits.reader_memory,
    )
    try:
        yield readers
    finally:
        readers.close()


def quiet_logs() -> None:
    """Let only warnings through, to stderr: what a command did it says itself."""
    from postroom import logs

    logs.configure("auto", "warning", sys.stderr)


def _make_folders(config: Config) -> None:
    from postroom.errors import Unavailable

    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config.maildir is not None and not (config.maildir / "cur").is_dir():
            from postroom.work.transport import Maildir

            Maildir(config.maildir, config.instance)
    except OSError as error:
        raise Unavailable(f"{error.filename or config.data}: {error.strerror or error}") from error

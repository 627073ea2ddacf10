"""What commands work on, opened as far as each needs it: config, spool, database, the whole house.

`mail inject` opens the spool only: accepting mail goes on while the database is away.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

# For `mail read`, which has no config: room for the largest file that it takes.
_READER_DEADLINE = 20.0
_READER_MEMORY = 2 * 2**30

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from postroom.config import Config
    from postroom.core.model import Policy
    from postroom.house import House
    from postroom.spool import Spool
    from postroom.store.db import Database
    from postroom.work.readers import Readers


def read_config(path: Path | None) -> Config:
    """Read the config that the command names, or the one that is found."""
    from postroom.config import find_config, load_config

    return load_config(find_config(path))


def with_rules(config: Config, folder: Path) -> Config:
    """Return the config with the rules of another folder."""
    if not folder.is_dir():
        raise typer.BadParameter(f"--rules: {folder} is not a folder")
    paths = config.paths.model_copy(update={"rules": str(folder.resolve())})
    return config.model_copy(update={"paths": paths})


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
    """Open the database; make it, the data folder and the Maildir if absent."""
    from postroom.store.migrate import open_database

    _make_folders(config)
    database = open_database(config.database_place, bucket=config.bucket)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def open_desk(path: Path | None, *, adopts: bool = True) -> Iterator[House]:
    """Open everything that deciding needs, with the policy of the daemon, else of the files.

    `adopts` False: for looking only, that policy does not become the active one.
    """
    from postroom.house import open_house

    config = read_config(path)
    quiet_logs()
    _make_folders(config)
    with open_house(config, adopts=adopts) as house:
        yield house


@contextmanager
def open_reader(config: Config | None) -> Iterator[Readers]:
    """Start one reader process; without a config one that has room for any mail."""
    from postroom.work.readers import Readers

    if config is None:
        deadline, memory = _READER_DEADLINE, _READER_MEMORY
    else:
        deadline = config.limits.reader_deadline.total_seconds()
        memory = config.limits.reader_memory
    readers = Readers(1, deadline=deadline, memory=memory)
    try:
        yield readers
    finally:
        readers.close()


def current_policy(config: Config, connection: Connection) -> Policy:
    """Return the active policy, else (none ever was) that of the files; nothing is changed."""
    from postroom.policy.loader import load_policy, policy_from_files
    from postroom.store import policies

    version = policies.active_policy(connection)
    if version is None:
        return load_policy(config.rules, config.templates, config.webhooks)
    return policy_from_files(policies.policy_files(connection, version), version=version)


def actor_named(policy: Policy, by: str | None) -> str:
    """Return who acts, as --as says; NotAllowed if that is no handler."""
    from postroom.core.tasks import CLI, handler_named

    return CLI if by is None else handler_named(policy, by).name


@contextmanager
def open_as(path: Path | None, by: str | None) -> Iterator[tuple[Database, str]]:
    """Open the database, and find out who acts."""
    from postroom.core.tasks import CLI

    quiet_logs()
    config = read_config(path)
    with open_store(config) as database:
        actor = CLI
        if by is not None:  # else the rules may be as they are
            with database.read() as connection:
                actor = actor_named(current_policy(config, connection), by)
        yield database, actor


def quiet_logs() -> None:
    """Let only warnings through, to stderr: what a command did it says itself."""
    from postroom import logs

    logs.configure("auto", "warning", sys.stderr)


def _make_folders(config: Config) -> None:
    from postroom.errors import Unavailable
    from postroom.ownership import belong_to_folder

    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if config.maildir is not None and not (config.maildir / "cur").is_dir():
            from postroom.work.transport import Maildir

            Maildir(config.maildir, config.instance)
            for folder in (config.maildir, *config.maildir.iterdir()):
                belong_to_folder(folder)
    except OSError as error:
        raise Unavailable(f"{error.filename or config.data}: {error.strerror or error}") from error

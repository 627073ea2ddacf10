"""`postroom restore`: a backup becomes a house again, in a new folder or as data of a config.

Promise: nothing is begun before every file is proved to be as it was made; nothing that is there
is overwritten. The outbox stands still until somebody says `outbox resume`; numbers of mails go on
in a new series; mails that the journal has are not worked on again.
Used by: cli, which sees to it that no daemon runs.
Fails:   NotAllowed with what is in the way, StaleSchema for a backup of a newer Postroom.

In a new folder all is made under another name first. Into a data folder the files are put one by
one, the database last: while `.restoring` lies there, nothing starts (holding.hold_folder).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from postroom.config import Config, load_config, load_secrets
from postroom.core.files import named_files
from postroom.errors import NotAllowed, StaleSchema, is_newer
from postroom.holding import RESTORING, check_whole
from postroom.ownership import belong_to_all
from postroom.snapshot import Progress, sync
from postroom.spool import renewal
from postroom.store import migrate, restored
from postroom.store.db import Database
from postroom.store.restored import OutboxLeft
from postroom.work.manifest import (
    CONFIG,
    DATA,
    DATABASE_FILE,
    SPOOL_FILE,
    KeptFile,
    Manifest,
    made,
    verify,
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What there is now. `applied`: mails of the spool that the journal had; `schema_before`: the
    backup's; mails that wait have numbers of the series `spool`."""

    config: Path
    data: Path
    spool: str
    waiting_mails: int
    applied: int
    schema_before: str
    outbox: OutboxLeft


def restore_house(
    backup: Path, manifest: Manifest, to: Path, now: datetime, progress: Progress
) -> Restored:
    """Lay out config, rules, templates, secrets and data in a folder that is absent, or empty: then
    what root restores belongs to its owner."""
    _check_empty(to)
    _check_age(manifest)
    verify(backup, manifest, progress)
    to = to.absolute()
    to.parent.mkdir(parents=True, exist_ok=True)
    with _made_aside(to.parent / f".{to.name}.{os.getpid()}.restoring") as half:
        for file in _of(manifest, CONFIG):
            _lay(backup, file, half / file.path.removeprefix(f"{CONFIG}/"), progress)
        config = _relocated(half, manifest)
        config.data.mkdir(parents=True, exist_ok=True)  # keys may lie there already
        config.data.chmod(0o700)
        for file in _of(manifest, DATA):
            _lay(backup, file, config.data / file.path.removeprefix(f"{DATA}/"), progress)
        done = _settle(config.data, config.node, manifest, now)
        _sync_all(half)
        if to.exists():
            belong_to_all(half, to.stat())
        half.rename(to)
        sync(to.parent)
    data = to / config.data.relative_to(half)
    return _restored(to / "config.toml", data, manifest, done)


def restore_data(
    backup: Path, manifest: Manifest, config: Config, now: datetime, progress: Progress
) -> Restored:
    """Put the data into the empty data folder of a config; it must have the same keys."""
    data = config.data
    _check_free(config)
    _check_age(manifest)
    verify(backup, manifest, progress)
    _check_identity(backup, manifest, config)
    with _made_aside(data / RESTORING) as half:
        for file in _of(manifest, DATA):
            _lay(backup, file, half / file.path.removeprefix(f"{DATA}/"), progress)
        done = _settle(half, config.node, manifest, now)
        _sync_all(half)
        _check_none(half, data)
    _put(half, data)
    return _restored(config.path, data, manifest, done)


def _check_free(config: Config) -> None:
    """Refuse a data folder in which something lies that the config does not name."""
    data = config.data
    check_whole(data)
    secrets = (config.secret_path(written) for _, written in named_files(config.model_dump()))
    named = [config.path, config.rules, config.templates, *secrets]
    there = sorted(
        path.name
        for path in data.iterdir()
        if path.suffix != ".lock" and not any(one.is_relative_to(path) for one in named)
    )
    if there:
        names = ", ".join(there[:5]) + (" …" if len(there) > 5 else "")
        raise NotAllowed(f"{data} is not empty ({names}); nothing is overwritten: move it away")


@dataclass(frozen=True, slots=True)
class _Settled:
    spool: str
    waiting_mails: int
    applied: int
    outbox: OutboxLeft


def _settle(data: Path, node: str, manifest: Manifest, now: datetime) -> _Settled:
    """Make spool and database fit to go on."""
    spool_file, database_file = (data / Path(path).name for path in (SPOOL_FILE, DATABASE_FILE))
    numbers = renewal.look(spool_file, node)
    why = f"restored from the backup of {made(manifest.made_at)}"
    database = Database(database_file)
    try:
        migrate.upgrade(database)
        with database.read() as connection:
            applied = restored.applied(connection, numbers.name, numbers.present)
        series = renewal.renew(spool_file, node, applied)

        def write(connection: Connection) -> OutboxLeft:
            restored.move(connection, series.old, series.new, series.numbers)
            return restored.stand_still(connection, now, why)

        left = database.write(write)
    finally:
        database.close()
    return _Settled(series.new, len(series.numbers), len(applied), left)


def _restored(config: Path, data: Path, manifest: Manifest, done: _Settled) -> Restored:
    return Restored(
        config=config,
        data=data,
        spool=done.spool,
        waiting_mails=done.waiting_mails,
        applied=done.applied,
        schema_before=manifest.schema,
        outbox=done.outbox,
    )


def _check_age(manifest: Manifest) -> None:
    """Refuse a backup of a newer Postroom: StaleSchema."""
    if is_newer(manifest.schema, migrate.HEAD):
        raise StaleSchema(manifest.schema, migrate.HEAD)


def _check_empty(to: Path) -> None:
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise NotAllowed(f"{to} is not a folder")
    if to.is_dir() and any(to.iterdir()):
        raise NotAllowed(f"{to} is not empty; nothing is overwritten")


def _check_identity(backup: Path, manifest: Manifest, config: Config) -> None:
    """With other keys, or another name, no answer to mail that was sent would be recognised."""
    if manifest.instance != config.instance:
        words = f"the backup is of instance {manifest.instance}, {config.path} says"
        raise NotAllowed(f"{words} {config.instance}")
    mine = load_secrets(config)
    for name in manifest.keys:
        if (backup / name).read_bytes().rstrip(b"\r\n") not in mine:
            raise NotAllowed(
                f"the key {backup / name} is none of secrets_files in {config.path}: answers to "
                "mail that was sent would not be recognised; copy it, or restore all by --to"
            )


def _relocated(half: Path, manifest: Manifest) -> Config:
    """Let config.toml name the places below its own folder; ConfigError if that is not sound."""
    path = half / "config.toml"
    text = path.read_text(encoding="utf-8")
    for written, place in manifest.places.items():
        if written != place:
            text = text.replace(f'"{written}"', f'"{place}"').replace(f"'{written}'", f'"{place}"')
    path.write_text(text, encoding="utf-8")
    config = load_config(path)
    folders = {"data": config.data, "rules": config.rules, "templates": config.templates}
    for key, folder in folders.items():
        if not folder.resolve().is_relative_to(half.resolve()) or folder.resolve() == half:
            words = f"[paths] {key} of the backup's config leads to {folder}: write a config, then"
            raise NotAllowed(f"{words} restore the data alone, with --config and without --to")
    return config


def _of(manifest: Manifest, half: str) -> Iterator[KeptFile]:
    return (file for file in manifest.files if file.path.startswith(f"{half}/"))


def _lay(backup: Path, file: KeptFile, to: Path, progress: Progress) -> None:
    """Copy one file; never over another one."""
    to.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as target, (backup / file.path).open("rb") as source:
        while piece := source.read(2**20):
            target.write(piece)
            progress(len(piece))
        os.fchmod(handle, file.mode & 0o755)


@contextmanager
def _made_aside(half: Path) -> Iterator[Path]:
    half.mkdir(mode=0o700)
    try:
        yield half
    except BaseException:
        shutil.rmtree(half)
        raise


def _check_none(half: Path, data: Path) -> None:
    """A mail that was injected meanwhile made a spool of its own."""
    for path in half.iterdir():
        if (data / path.name).exists():
            raise NotAllowed(f"{data / path.name} came meanwhile; nothing is overwritten")


def _put(half: Path, data: Path) -> None:
    """Move what was made into the data folder, the database last; nothing is replaced."""
    last = Path(DATABASE_FILE).name
    for path in sorted(half.iterdir(), key=lambda path: path.name == last):
        if path.is_dir():
            path.rename(data / path.name)
        else:  # unlike a new name, a link never takes the place of something
            os.link(path, data / path.name)
            path.unlink()
        belong_to_all(data / path.name, data.stat())
    sync(data)
    half.rmdir()
    sync(data)


def _sync_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)

"""`postroom backup`: data, config, rules, templates and secrets into one folder, beside a daemon.

Promise: spool and database are of one moment: every mail that was accepted before is in one of
them, and its number below the spool's next one. The folder has its name only when it is whole and
durable; nobody but its owner can read it. Nothing there is overwritten.
Used by: cli.
Fails:   NotAllowed, NotFound, Unavailable (no room, no access); then nothing is left behind.

The moment: while nobody may write into the spool (milliseconds), a view of each file is opened. A
mail leaves the spool only after its journal row is committed, so what has left by then is in the
database's view. Copying the views takes as long as it takes, and holds up nobody.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from postroom.config import Config
from postroom.core.files import named_files
from postroom.core.place import SQLITE
from postroom.errors import NotAllowed, NotFound, Unavailable
from postroom.shipped import shipped_version
from postroom.snapshot import Progress, Snapshot, standing_still, sync
from postroom.spool.renewal import numbers_in
from postroom.store.restored import age
from postroom.work.manifest import (
    CONFIG,
    CONFIG_FILE,
    DATA,
    DATABASE_FILE,
    FORMAT,
    SPOOL_FILE,
    KeptFile,
    KeptSpool,
    Manifest,
    hash_of,
    write_manifest,
)

Begin = Callable[[int], Progress]  # told how many octets there are
_ROOM = 10 * 2**20  # octets that must be left on the disk
_STEP = 2**20


@dataclass(frozen=True, slots=True)
class _Source:
    file: Path
    path: str  # in the backup


def back_up(config: Config, to: Path, now: datetime, begin: Begin) -> Manifest:
    """Make a backup; `to` must be absent or an empty folder."""
    if config.database.url != SQLITE:
        raise NotAllowed(
            "the database is on a PostgreSQL server: save it by pg_dump, and beside it the config, "
            f"its secrets, rules, templates, and {config.data} with the daemon stopped"
        )
    _check_target(config, to)
    places = find_places(config)
    sources = list(_sources(config, places, to))
    with ExitStack() as stack:
        spool, database = _views(config, stack)
        size = spool.size + database.size + sum(source.file.stat().st_size for source in sources)
        half = stack.enter_context(_half(to, size))
        progress = begin(size)
        for source in sources:
            _copy(source, half, progress)
        for snapshot, path in ((spool, SPOOL_FILE), (database, DATABASE_FILE)):
            snapshot.copy(_made_room(half / path), progress)
        numbers = numbers_in(spool.db)
        manifest = Manifest(
            format=FORMAT,
            postroom=shipped_version(),
            made_at=now,
            instance=config.instance,
            node=config.node,
            database=SQLITE,
            schema=age(database.db),
            spool=KeptSpool(numbers.name, numbers.next, len(numbers.present)),
            places=places,
            keys=tuple(f"{CONFIG}/{places[written]}" for written in config.secrets_files),
            files=(
                *(_kept(half, source.path, source.file) for source in sources),
                *(_kept(half, path) for path in (SPOOL_FILE, DATABASE_FILE)),
            ),
        )
        write_manifest(half, manifest)
        _finish(half, to)
    return manifest


def find_places(config: Config) -> dict[str, str]:
    """Say where each path of the config is kept, below `config/` and from there in a new house.

    What lies below the config's folder keeps its place; anything else gets one there.
    """
    places: dict[str, str] = {}
    taken = {"config.toml"}
    paths = config.paths
    for written, name in (
        (paths.data, "var"),
        (paths.rules, "rules"),
        (paths.templates, "templates"),
        *((written, PurePosixPath(written).name) for written in _named(config)),
    ):
        if written not in places:
            places[written] = _place(PurePosixPath(written), name, taken)
            taken.add(places[written])
    return places


def _place(written: PurePosixPath, name: str, taken: set[str]) -> str:
    is_inside = not written.is_absolute() and ".." not in written.parts and written.parts
    place = str(written) if is_inside else name
    count = 1
    while place in taken:
        count += 1
        place = f"{name}-{count}"
    return place


def _named(config: Config) -> list[str]:
    return list(dict.fromkeys(written for _, written in named_files(config.model_dump())))


def _sources(config: Config, places: dict[str, str], to: Path) -> Iterator[_Source]:
    """Yield what is copied as it is. What the config names is kept with it, wherever it lies."""
    # A secret may lie among the rules.
    named = {source.path: source for source in _beside_config(config, places, to)}
    yield from named.values()
    elsewhere = {source.file.resolve() for source in named.values()}
    databases = [config.data / name for name in ("spool.db", "postroom.db")]
    for source in _tree(config.data, DATA, [to, *([config.maildir] if config.maildir else [])]):
        is_part = any(source.file.name.startswith(database.name) for database in databases)
        is_other = is_part or source.file.suffix == ".lock" or source.file.resolve() in elsewhere
        # The daemon makes no links; one that is there would have root hand out another's file.
        if not (is_other or source.file.is_symlink()):
            yield source


def _beside_config(config: Config, places: dict[str, str], to: Path) -> Iterator[_Source]:
    yield _Source(config.path, CONFIG_FILE)
    for written, folder in (
        (config.paths.rules, config.rules),
        (config.paths.templates, config.templates),
    ):
        out = [to, *([config.data] if _is_inside(config.data, folder) else [])]
        yield from _tree(folder, f"{CONFIG}/{places[written]}", out)
    for written in _named(config):
        file = config.secret_path(written)
        if _is_led_out(file, config.data):
            raise NotAllowed(f"{file} leads out of the data folder, by a link: nothing is copied")
        if file.is_file():
            yield _Source(file, f"{CONFIG}/{places[written]}")


def _is_led_out(file: Path, folder: Path) -> bool:
    """Whether a file seems to lie in a folder, and does not."""
    seems, place = (os.path.normpath(path.absolute()) for path in (file, folder))
    return Path(seems).is_relative_to(place) and not _is_inside(file, folder)


def _tree(folder: Path, path: str, out: list[Path]) -> Iterator[_Source]:
    """Yield the files below a folder, without hidden ones and those in folders of `out`."""
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in inner.parts)
        if file.is_file() and not is_hidden and not any(_is_inside(file, one) for one in out):
            yield _Source(file, f"{path}/{inner.as_posix()}")


def _is_inside(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def _views(config: Config, stack: ExitStack) -> tuple[Snapshot, Snapshot]:
    spool_file, database_file = config.data / "spool.db", config.data / "postroom.db"
    for file in (spool_file, database_file):
        if not file.is_file():
            raise NotFound(f"{file} is not there: nothing was ever accepted here")
    with standing_still(spool_file):
        spool = stack.enter_context(Snapshot(spool_file))
        database = stack.enter_context(Snapshot(database_file))
    return spool, database


def _check_target(config: Config, to: Path) -> None:
    if _is_inside(to, config.data):
        raise NotAllowed(
            f"{to} lies in the data folder; name a folder elsewhere, best another disk"
        )
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise NotAllowed(f"{to} is not a folder")
    if to.is_dir() and any(to.iterdir()):
        raise NotAllowed(f"{to} is not empty; nothing is overwritten")


@contextmanager
def _half(to: Path, size: int) -> Iterator[Path]:
    """Make the folder under another name; remove it unless it gets the right one."""
    to = to.absolute()
    to.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(to.parent).free
    if free < size + _ROOM:
        raise Unavailable(
            f"not enough room for {to}: it needs {size + _ROOM} octets, {free} are free"
        )
    half = to.parent / f".{to.name}.{os.getpid()}.half"
    half.mkdir(mode=0o700)
    try:
        yield half
    finally:
        if half.exists():
            shutil.rmtree(half)


def _copy(source: _Source, half: Path, progress: Progress) -> None:
    to = _made_room(half / source.path)
    mode = 0o600 | (source.file.stat().st_mode & stat.S_IXUSR)
    handle = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(handle, "wb") as target, source.file.open("rb") as file:
        while piece := file.read(_STEP):
            target.write(piece)
            progress(len(piece))
        target.flush()
        os.fsync(handle)


def _made_room(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _kept(half: Path, path: str, file: Path | None = None) -> KeptFile:
    mode = stat.S_IMODE(file.stat().st_mode) & 0o755 if file is not None else 0o600
    copy = half / path
    return KeptFile(path, copy.stat().st_size, hash_of(copy), mode)


def _finish(half: Path, to: Path) -> None:
    for folder in (half, *(path for path in half.rglob("*") if path.is_dir())):
        sync(folder)
    half.rename(to.absolute())  # over an empty folder too, never over anything else
    sync(to.absolute().parent)

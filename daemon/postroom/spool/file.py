"""The file `spool.db`: how it is made, opened and numbered.

Promise: a file is complete before it has its name, is never overwritten, and never continues the
numbers of another file.

`name` is "<node>-<epoch>". The epoch is the number of the file. It counts seconds since 2026 at
least: an operator who deletes spool.db, or a machine that starts with an empty disk beside a
database that is kept, must not give a number away twice, or a new mail would pass for one that
the journal already has.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from postroom import clock
from postroom.errors import Unavailable
from postroom.ownership import belong_to_folder
from postroom.spool.model import DamagedSpoolError, DiskFull

_APPLICATION = 0x506F7374  # "Post"
_VERSION = 2
_CHECKED_WHOLE = 16 * 2**20  # octets; a larger file is not read from end to end at every start
_CHECKPOINT = 4000  # pages of 4 KB: most mails are gone again before they are copied to the file
_YEAR_ZERO = datetime(2026, 1, 1, tzinfo=UTC)
_FULL_BELOW = 64 * 1024  # octets free; SQLite reports a full disk in several ways

_ADVICE = "not a sound spool; move it away with its -wal file, a new one is made at the next start"

_FETCHED = """
CREATE TABLE fetched (
    source TEXT NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (source, uid_validity, uid)
) WITHOUT ROWID
"""

_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
BEGIN;
CREATE TABLE counter (node TEXT NOT NULL, epoch INTEGER NOT NULL, next INTEGER NOT NULL);
CREATE TABLE mail (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'quarantined')),
    due_at REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    why TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL,
    envelope TEXT NOT NULL
);
CREATE INDEX mail_due ON mail (due_at, number, size) WHERE state = 'new';
CREATE TABLE raw (number INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE cursor (
    source TEXT PRIMARY KEY,
    uid_validity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    since REAL NOT NULL DEFAULT 0,
    start INTEGER NOT NULL DEFAULT 0,
    border INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
{_FETCHED};
COMMIT;
"""


def open_file(
    path: Path, node: str, busy_timeout: float, *, renames: bool = True
) -> sqlite3.Connection:
    """Open the spool, made if there is none; raise DamagedSpoolError if it is not sound.

    `renames` False: its numbers keep their name, whatever the node is called now.
    """
    try:
        if not path.exists():
            _make(path, node)
        db = connect(path, busy_timeout)
        try:
            _check(db, path)
            if renames:
                _rename(db, path.parent, node)
        except BaseException:
            db.close()
            raise
    except (sqlite3.Error, OSError) as error:
        if _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedSpoolError(f"{path}: {error}: {_ADVICE}") from error
        raise translated(error, path) from error
    return db


def connect(path: Path, busy_timeout: float) -> sqlite3.Connection:
    """Open the existing file; usable from any thread, one at a time."""
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_timeout,
    )
    try:
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        db.execute(f"PRAGMA journal_size_limit = {8 * _CHECKPOINT * 4096}")
    except BaseException:
        db.close()
        raise
    return db


def new_series(db: sqlite3.Connection, folder: Path, node: str, following: int) -> None:
    """Begin a new series of numbers at `following`; its mails must have been renumbered."""
    [before] = db.execute("SELECT epoch FROM counter").fetchone()
    epoch = _next_epoch(folder, before)
    values = (_node(node), epoch, following)
    db.execute("UPDATE counter SET node = ?, epoch = ?, next = ?", values)


def translated(error: Exception, path: Path) -> Unavailable:
    """Say in our own words why the file cannot be used now."""
    with suppress(OSError):
        if _code(error) == sqlite3.SQLITE_FULL or free_bytes(path.parent) < _FULL_BELOW:
            return DiskFull(f"no room on the disk of {path}")
    return Unavailable(f"{path}: {error}")


def free_bytes(folder: Path) -> int:
    """Return the room that is left on the disk of that folder."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def is_everybodys(error: Exception) -> bool:
    """Whether an error would meet every other write too, so that trying them singly is in vain."""
    return _code(error) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def _code(error: Exception) -> int:
    """Return SQLite's primary result code, 0 if the error has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _make(path: Path, node: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    epoch = _next_epoch(path.parent)
    half = path.with_name(f".{path.name}.{os.getpid()}.{epoch}")
    os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        db = sqlite3.connect(half, isolation_level=None)
        try:
            db.executescript(_SCHEMA)
            db.execute("INSERT INTO counter VALUES (?, ?, 1)", (_node(node), epoch))
        finally:
            db.close()
        belong_to_folder(half)
        # Another process may make it in the same moment: the first link wins.
        with suppress(FileExistsError):
            os.link(half, path)
    finally:
        half.unlink()
    _sync_folder(path.parent)


def _rename(db: sqlite3.Connection, folder: Path, node: str) -> None:
    """Begin a new series when the node has a new name; mails of the old one keep their ids, so
    this waits for an opening that finds the spool empty."""
    if db.execute("SELECT node FROM counter").fetchone()[0] == _node(node):
        return
    if db.execute("SELECT 1 FROM mail LIMIT 1").fetchone():
        return
    db.execute(
        "UPDATE counter SET node = ?, epoch = ?, next = 1 WHERE NOT EXISTS (SELECT 1 FROM mail)",
        (_node(node), _next_epoch(folder)),
    )


def _upgrade(db: sqlite3.Connection) -> None:
    """Bring a file of version 1 to this one, where it lies: all of it or nothing."""
    if (_pragma(db, "application_id"), _pragma(db, "user_version")) != (_APPLICATION, 1):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if _pragma(db, "user_version") == 1:  # nobody else was faster
            db.execute("ALTER TABLE cursor ADD COLUMN since REAL NOT NULL DEFAULT 0")
            db.execute("ALTER TABLE cursor ADD COLUMN start INTEGER NOT NULL DEFAULT 0")
            db.execute("ALTER TABLE cursor ADD COLUMN border INTEGER NOT NULL DEFAULT 0")
            db.execute(_FETCHED)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _check(db: sqlite3.Connection, path: Path) -> None:
    _upgrade(db)
    found = (_pragma(db, "application_id"), _pragma(db, "user_version"))
    if found != (_APPLICATION, _VERSION):
        raise DamagedSpoolError(f"{path}: application and version {found}: {_ADVICE}")
    if db.execute("SELECT count(*) FROM counter").fetchone() != (1,):
        raise DamagedSpoolError(f"{path}: it has lost its counter: {_ADVICE}")
    if path.stat().st_size <= _CHECKED_WHOLE:
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise DamagedSpoolError(f"{path}: {verdict}: {_ADVICE}")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _next_epoch(folder: Path, above: int = 0) -> int:
    """Return the number of a new file, above every one that this folder or this clock has seen."""
    path = folder / "epoch"
    try:
        last = int(path.read_text("ascii"))
    except (FileNotFoundError, ValueError):
        last = 0
    epoch = max(last + 1, above + 1, int((clock.now() - _YEAR_ZERO).total_seconds()))
    half = path.with_name(f".epoch.{os.getpid()}")
    half.unlink(missing_ok=True)
    with half.open("x", encoding="ascii") as file:  # never through a link
        file.write(f"{epoch}\n")
        file.flush()
        os.fsync(file.fileno())
    belong_to_folder(half)
    half.replace(path)
    _sync_folder(folder)
    return epoch


def _node(node: str) -> str:
    """Return the node's name in the characters that a spool id may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", node) or "node"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

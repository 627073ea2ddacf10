"""One moment of an SQLite file, copied while others read and write it.

Promise: the copy holds what was committed at that moment and nothing later, however long copying
takes; nobody waits for it. Several files can be taken at one moment: open a Snapshot of each while
`standing_still` keeps the writers of one of them waiting.
Used by: work.backup; work.restore and work.manifest (sync, Progress).
Fails:   Unavailable when the file cannot be read, or the copy cannot be written or is not sound.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from postroom.errors import NotFound, Unavailable

Progress = Callable[[int], None]  # told of so many more octets
_STEP = 1000  # pages between two reports


class Snapshot:
    """A file as it is when the block begins. Its log cannot be cut short meanwhile."""

    def __init__(self, file: Path, busy_seconds: float = 10.0) -> None:
        if not file.is_file():
            raise NotFound(f"{file} is not there")
        self.file = file
        with _translated(file):
            self.db = _open(file, busy_seconds)
            try:
                self.db.execute("BEGIN")
                # Only reading something fixes the moment.
                pages = self.db.execute("PRAGMA page_count").fetchone()[0]
                self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                self._page = self.db.execute("PRAGMA page_size").fetchone()[0]
            except BaseException:
                self.db.close()
                raise
        self.size: int = pages * self._page

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.db.close()

    def copy(self, to: Path, progress: Progress) -> None:
        """Write the file anew, durable and checked; it must not be there yet."""
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        done = 0

        def told(_status: int, remaining: int, total: int) -> None:
            nonlocal done
            now = (total - remaining) * self._page
            progress(now - done)
            done = now

        with _translated(to), closing(_open(to, 0.0)) as target:
            target.execute("PRAGMA journal_mode = OFF")  # whoever finds half a copy has no backup
            target.execute("PRAGMA synchronous = OFF")
            self.db.backup(target, pages=_STEP, progress=told)
            [verdict] = target.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise Unavailable(f"{self.file} is damaged: {verdict}")
        sync(to)


@contextmanager
def standing_still(file: Path, busy_seconds: float = 10.0) -> Iterator[None]:
    """Let everybody who would write into a file wait for the end of the block. Be quick."""
    with _translated(file), closing(_open(file, busy_seconds)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open(file: Path, busy_seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(file))}?mode=rw", uri=True, isolation_level=None, timeout=busy_seconds
    )


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(f"{file}: {error}") from error

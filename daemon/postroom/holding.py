"""Who is at work on a data folder: one daemon for each part of it.

Promise: a lock ends with its process, however that ends; nothing starts on a folder into which a
restore was cut short.
Used by: app and doorway (to hold), house, worker and cli (to ask).
Fails:   Busy says who holds it; NotAllowed.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from postroom.errors import Busy, NotAllowed
from postroom.ownership import belong_to_folder

DOORS, WORK = "doors", "work"
RESTORING = ".restoring"  # into which a restore is made, within the data folder


@contextmanager
def hold_folder(data: Path, parts: tuple[str, ...]) -> Iterator[None]:
    """Be the only daemon with these parts on a data folder, or raise Busy with who is."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    check_whole(data)
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(_flock(data / f"{part}.lock"))
        yield


@contextmanager
def _flock(path: Path) -> Iterator[None]:
    # Root may be the first to come here: the file is the daemon's, and a link leads nowhere.
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "a+", encoding="ascii") as file:
        belong_to_folder(path)
        _take(file, path)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _take(file: IO[str], path: Path) -> None:
    for patience in (0.1, 0.2, 0.3, 0.0):  # somebody may just be looking who holds it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not patience:
                file.seek(0)
                who = file.read().strip() or "unknown"
                raise Busy(f"{path.parent} is in use by process {who}") from error
            time.sleep(patience)
        else:
            return


def holder(data: Path, part: str) -> str | None:
    """Return the process that runs a part on this data folder, if one does."""
    path = data / f"{part}.lock"
    try:
        with path.open("r", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
            return None
    except OSError:
        return None


def check_whole(data: Path) -> None:
    """Refuse a data folder into which a restore was cut short."""
    if (data / RESTORING).exists():
        words = f"a restore into {data} was cut short: remove everything in that folder, and"
        raise NotAllowed(f"{words} restore again")

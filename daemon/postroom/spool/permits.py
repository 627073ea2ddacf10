"""Which IMAP folders the doors of this data folder may read: said by the work, in a file.

Promise: a permit ends by itself, on the machine's steady clock, whatever happens to whoever gave
it; a file of before the last start of the machine permits nothing.
Used by: work.leases (writes), intake.imap (asks).

A file and not the pipe between work and doors: they may be services of their own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from postroom.errors import Unavailable
from postroom.spool.model import Cursor

_FILE = "imap-permits.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to read a folder until a moment of time.monotonic(); `cursor`: how far others did."""

    until: float
    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class Permits:
    """What was said last. `elsewhere`: the nodes that read the other folders, by source."""

    mine: Mapping[str, Permit]
    elsewhere: Mapping[str, str]


class PermitFile:
    """The file in a data folder. For one writer; any number of threads may ask."""

    def __init__(self, data: Path) -> None:
        self._path = data / _FILE
        self._stamp: tuple[int, int] | None = None
        self._last = Permits({}, {})

    def write(self, permits: Permits) -> None:
        """Say what is permitted now, in the place of all before. Unavailable: it cannot be."""
        said = {
            "boot": _boot(),
            "mine": {
                source: {"until": permit.until, "cursor": cursor_to_plain(permit.cursor)}
                for source, permit in permits.mine.items()
            },
            "elsewhere": dict(permits.elsewhere),
        }
        half = self._path.with_suffix(f".{os.getpid()}")
        try:
            half.write_text(json.dumps(said), encoding="utf-8")
            half.replace(self._path)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from error

    def read(self) -> Permits:
        """Return what was said last; nothing is permitted by a file that cannot be read."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp != self._stamp:
                self._last = _permits(json.loads(self._path.read_text(encoding="utf-8")))
                self._stamp = stamp
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Permits({}, {})
        return self._last

    def permit(self, source: str) -> Permit | None:
        """Return the leave to read a folder, if there is one that is not over."""
        permit = self.read().mine.get(source)
        return permit if permit is not None and time.monotonic() < permit.until else None

    def reader(self, source: str) -> str:
        """Return the node that reads a folder; "": none that is known."""
        return self.read().elsewhere.get(source, "")


def cursor_to_plain(cursor: Cursor | None) -> dict[str, Any] | None:
    """Return a cursor as JSON has it."""
    if cursor is None:
        return None
    return {
        "source": cursor.source,
        "uid_validity": cursor.uid_validity,
        "uid": cursor.uid,
        "since": cursor.since.isoformat() if cursor.since is not None else None,
        "start": cursor.start,
        "border": cursor.border,
    }


def cursor_from_plain(plain: Mapping[str, Any] | None) -> Cursor | None:
    """Return the cursor that was written so."""
    if not plain:
        return None
    since = plain["since"]
    return Cursor(
        str(plain["source"]),
        int(plain["uid_validity"]),
        int(plain["uid"]),
        datetime.fromisoformat(since) if since else None,
        int(plain["start"]),
        int(plain["border"]),
    )


def _permits(said: Mapping[str, Any]) -> Permits:
    if said["boot"] != _boot():
        return Permits({}, {})
    mine = {
        source: Permit(float(one["until"]), cursor_from_plain(one["cursor"]))
        for source, one in said["mine"].items()
    }
    return Permits(mine, {source: str(node) for source, node in said["elsewhere"].items()})


@cache
def _boot() -> str:
    """Return what names this start of the machine: its steady clock began with it."""
    with suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return ""

"""How it goes with each folder, in a file of its own: for `postroom imap`, metrics and alerts.

Promise: a file is whole or the one before; nothing that a mail's life depends on stands here but a
copy of the cursor, for the day that the spool file is made anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from postroom.spool.model import Cursor

FOLDER = "imap"  # in the data folder
_MOMENTS = frozenset({"since", "progress_at", "mail_at", "token_until", "cursor_since"})


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """One folder: `state` is one of starting, fetching, idle, waiting, stopped; `why` says for
    what it waits, `since` from when. `progress_at`: the last time that the server answered well."""

    name: str
    mailbox: str
    folder: str
    source: str
    state: str
    since: datetime
    why: str = ""
    kind: str = ""  # of the trouble
    progress_at: datetime | None = None
    mail_at: datetime | None = None  # the last mail that came
    fetched: int = 0  # mails, ever
    behind: int = 0  # mails that are known and not fetched yet
    after_refused: str = ""  # why the server does not do what `after` says
    token_until: datetime | None = None
    uid_validity: int = 0
    uid: int = 0
    start: int = 0
    border: int = 0
    cursor_since: datetime | None = None

    def at_cursor(self, cursor: Cursor) -> FolderStatus:
        """Return this with a copy of the cursor."""
        return replace(
            self,
            uid_validity=cursor.uid_validity,
            uid=cursor.uid,
            start=cursor.start,
            border=cursor.border,
            cursor_since=cursor.since,
        )

    @property
    def cursor(self) -> Cursor | None:
        """The copy of the cursor, if there is one."""
        if not self.uid_validity:
            return None
        return Cursor(
            self.source, self.uid_validity, self.uid, self.cursor_since, self.start, self.border
        )


def write_status(data: Path, status: FolderStatus) -> None:
    """Write it. What cannot be written is not worth a mail's delay."""
    path = _path(data, status.source)
    values = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(status).items()
    }
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        half = path.with_suffix(f".{os.getpid()}")
        half.write_text(json.dumps(values), encoding="utf-8")
        half.replace(path)


def read_status(data: Path, source: str) -> FolderStatus | None:
    """Return what was written about a folder last."""
    return _read(_path(data, source))


def all_statuses(data: Path) -> Iterator[FolderStatus]:
    """Return what was written about every folder that there ever was."""
    for path in sorted((data / FOLDER).glob("*.json")):
        if (status := _read(path)) is not None:
            yield status


def _path(data: Path, source: str) -> Path:
    return data / FOLDER / f"{sha256(source.encode()).hexdigest()[:20]}.json"


def _read(path: Path) -> FolderStatus | None:
    known = {field.name for field in fields(FolderStatus)}
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        read: dict[str, Any] = {
            key: datetime.fromisoformat(value) if key in _MOMENTS and value else value
            for key, value in values.items()
            if key in known
        }
        return FolderStatus(**read)
    except (OSError, ValueError, TypeError, AttributeError):
        return None

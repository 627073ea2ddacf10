"""Handing one composed mail over: what a transport promises, and which one a URL means.

Promise: the reply says what is certain. `deferred` and `failed`: the mail did not leave.
`uncertain`: the relay may have it. In a Maildir the file name is the delivery's id, so a delivery
that is tried again is there once; what `settle` has flushed survives a power cut, and before that
nothing of it shows in `new/`.
Used by: work.sender, app. `send` may be called by several threads.
Fails:   never for what relay, network or disk do. What `handed` raises gets out, nothing was sent;
OSError out of `settle`: none of the mails since the last one counts as sent.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog

from postroom.core.settings import TlsPolicy
from postroom.work.flushing import flush, is_local
from postroom.work.relay import FINAL_TIMEOUT, SmtpRelay
from postroom.work.reply import Reply

UNFIT = re.compile(r"[\x00-\x1f\x7f<>]")
MESSAGE_ID = re.compile(rb"(?im)^Message-ID: [^\r\n]+")

log = structlog.get_logger()


class Transport(Protocol):
    """A way out. `needs_handed`: sending twice is possible, so `handed` must be durable first."""

    needs_handed: bool

    def send(
        self,
        delivery_id: int,
        sender: str,
        recipient: str,
        raw: bytes,
        handed: Callable[[], None],
    ) -> Reply:
        """Send a mail to one recipient."""
        ...

    def settle(self) -> None:
        """Make durable what `send` called sent; before that it must not be recorded. OSError."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def from_url(
    url: str,
    instance: str,
    user: str = "",
    password: str = "",
    timeout: float = 60.0,
    tls: TlsPolicy = "opportunistic",
    ca_file: Path | None = None,
    final_timeout: float = FINAL_TIMEOUT,
) -> Transport:
    """Open `smtp://host:port`, `smtps://host:port` or `maildir:path`. Raises ValueError."""
    parts = urlsplit(url)
    match parts.scheme:
        case "smtp" | "smtps" if parts.hostname:
            return SmtpRelay(url, user, password, timeout, final_timeout, tls, ca_file)
        case "maildir" if parts.path and not parts.netloc:
            return Maildir(Path(unquote(parts.path)), instance)
        case _:
            raise ValueError(f"not smtp://host:port, smtps://host:port or maildir:path: {url!r}")


class _Written(threading.local):
    """What this thread wrote to tmp/ and has not yet settled: name → open file."""

    def __init__(self) -> None:
        self.files: dict[str, int] = {}
        self.is_found = False  # a mail lay there already, perhaps not flushed


class Maildir:
    """A Maildir. The envelope stands in Return-Path and Delivered-To.

    Files are flushed together, then shown together: two flushes for a batch (work.flushing).
    """

    needs_handed = False

    def __init__(self, path: Path, instance: str) -> None:
        self._tmp, self._new, self._cur = (str(path / name) for name in ("tmp", "new", "cur"))
        self._suffix = re.sub(r"[^\w.\-]", "_", instance)
        self._written = _Written()
        self._lock = threading.Lock()
        self._flushes = 0  # of the disk, so far
        self._read_at = -1  # st_mtime_ns of cur/ when its names were read
        self._read_names: dict[str, str] = {}  # without flags → with flags
        for folder in (self._tmp, self._new, self._cur):
            Path(folder).mkdir(parents=True, exist_ok=True)
        self._is_local = is_local(Path(self._tmp))

    def send(
        self,
        delivery_id: int,
        sender: str,
        recipient: str,
        raw: bytes,
        handed: Callable[[], None],
    ) -> Reply:
        """Write a mail, unless it lies there already. A full disk defers it."""
        name = f"{delivery_id}.{self._suffix}"
        head = f"Return-Path: <{_bare(sender)}>\r\nDelivered-To: {_bare(recipient)}\r\n"
        handed()
        try:
            found = self._find(name)
            if found is None:
                self._write(name, head.encode("utf-8", "replace") + raw)
            elif _is_same(found, raw):
                self._written.is_found = True
            else:
                return Reply(
                    "deferred", f"another mail lies in {name}: was the database made anew?"
                )
        except OSError as error:
            return Reply("deferred", f"451 4.3.0 {error.strerror or type(error).__name__}")
        return Reply("sent", f"250 2.0.0 {name}")

    def settle(self) -> None:
        """Flush what this thread wrote, and let it show in new/."""
        files, self._written.files = self._written.files, {}
        is_found, self._written.is_found = self._written.is_found, False
        try:
            count = flush(list(files.values()), self._is_local)
            for name in files:
                # Nobody else writes this name while the claim is ours: nothing is replaced.
                os.rename(f"{self._tmp}/{name}", f"{self._new}/{name}")  # noqa: PTH104 - hot
        finally:
            for file in files.values():
                os.close(file)
        if files or is_found:
            _flush_folder(self._new)
            with self._lock:
                self._flushes += count + 1

    def close(self) -> None:
        """Nothing is kept open; the log tells what writing has cost."""
        log.info("maildir.closed", maildir_flushes=self._flushes)

    def _write(self, name: str, raw: bytes) -> None:
        # What lies in tmp/ under this name a crash left behind.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(f"{self._tmp}/{name}", flags, 0o640)
        try:
            rest = memoryview(raw)
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            os.close(file)
            with suppress(OSError):
                Path(self._tmp, name).unlink()
            raise
        self._written.files[name] = file

    def _find(self, name: str) -> str | None:
        """Look for a mail in new/, and in cur/, where a reader has moved it and added flags."""
        new = f"{self._new}/{name}"
        if os.path.exists(new):  # noqa: PTH110 - hot
            return new
        changed_at = os.stat(self._cur).st_mtime_ns  # noqa: PTH116 - hot
        with self._lock:
            if changed_at != self._read_at:
                names = os.listdir(self._cur)  # noqa: PTH208 - names suffice
                self._read_names = {other.partition(":")[0]: other for other in names}
                self._read_at = changed_at
            moved = self._read_names.get(name)
        return f"{self._cur}/{moved}" if moved is not None else None


def _flush_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_same(found: str, raw: bytes) -> bool:
    """Whether a file holds this mail: its Message-ID, as keys of the envelope may have changed."""
    wanted = MESSAGE_ID.search(raw)
    return wanted is None or wanted.group() in Path(found).read_bytes()


def _bare(address: str) -> str:
    return UNFIT.sub("", address)

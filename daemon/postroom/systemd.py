"""What systemd is told, and how: readiness and signs of life (sd_notify), and journal entries.

Promise: without systemd nothing happens; with it, nobody waits for it longer than a moment.
Used by: app, worker and supervision (notify, watchdog), logs (Journal).
Fails:   never; `Journal.send` says whether the journal took an entry.

Both are datagrams to a unix socket, in forms that systemd documents as stable (sd_notify(3),
"Native Journal Protocol"). The libraries that send them are a C extension of which no wheels exist
(systemd-python) or cover less than half of this (sdnotify: no journal, no watchdog's process).
"""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

JOURNAL = "/run/systemd/journal/socket"
PATIENCE = 1.0  # seconds for one datagram
# Of one entry: together less than a datagram may have (net.core.wmem_default, 212,992 octets).
FIELDS = 40
LONGEST_FIELD = 4_000  # octets
_NAME = re.compile(r"[^A-Z0-9_]")
# Of the environment: nothing that we start is to speak in our name.
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def notify(**said: str | int) -> bool:
    """Tell the service manager, such as `notify(READY=1, STATUS="…")`; False: nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return False
    words = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in said.items())
    # "@": a name in the abstract name space, which begins with a zero octet.
    place = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(PATIENCE)
        with suppress(OSError):
            sock.connect(place)
            sock.send(words.encode())
            return True
    return False


def monotonic_usec() -> int:
    """Return the moment that RELOADING=1 goes with (since systemd 253)."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def watchdog_seconds() -> float | None:
    """Return how often at least this process must say WATCHDOG=1; None: nobody asks for it."""
    usec, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or not int(usec) or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1_000_000


def is_journal(stream: TextIO) -> bool:
    """Whether what is written there goes to the journal (JOURNAL_STREAM is its device:inode)."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Journal:
    """Sends entries with fields to journald; usable from all threads."""

    def __init__(self, address: str = JOURNAL) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._again_at = 0.0

    def send(self, fields: Mapping[str, str]) -> bool:
        """Send one entry; False when journald does not take it now."""
        octets = b"".join(
            _field(name, value) for name, value in list(fields.items())[:FIELDS] if name
        )
        with self._lock:
            if time.monotonic() < self._again_at:
                return False
            try:
                self._connected().send(octets)
            except OSError:
                self._drop()
                # It restarts, or hangs: not every line is to wait for it.
                self._again_at = time.monotonic() + PATIENCE
                return False
        return True

    def close(self) -> None:
        """Let go of the socket; a later entry opens it again."""
        with self._lock:
            self._drop()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.settimeout(PATIENCE)
            self._socket.connect(self._address)
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def field_name(key: str) -> str:
    """Return the journal's name for a key of an event: POSTROOM_SPOOL_ID."""
    return "POSTROOM_" + _NAME.sub("_", key.upper())[:50]


def _field(name: str, value: str) -> bytes:
    octets = value.encode("utf-8", "replace")
    if len(octets) > LONGEST_FIELD:  # not in the middle of a letter
        octets = octets[:LONGEST_FIELD].decode("utf-8", "ignore").encode()
    if b"\n" not in octets:
        return name.encode() + b"=" + octets + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(octets)) + octets + b"\n"

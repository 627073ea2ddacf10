"""Call a webhook: one signed POST, as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Promise: ends within the time limit, however slowly the other side speaks (looking its name up is
the system's own time); reads a bounded answer; follows no redirect and uses no proxy.
Used by: work.hooks.
"""

from __future__ import annotations

import hmac
import http.client
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Self
from urllib.parse import SplitResult, urlsplit

MAX_ANSWER = 64 * 1024
STOP_GRACE = 5.0  # seconds that it may go on when the daemon stops
_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class WebhookEnd:
    """What came back: the HTTP status, None without one (`answer` says why)."""

    status: int | None
    answer: bytes
    is_stopped: bool = False
    retry_after: str = ""  # the header, as it came


def signed_headers(key: str, at: datetime, body: bytes, secret: bytes) -> dict[str, str]:
    """Return the headers that say who calls; `key` is the same at every attempt."""
    moment = str(int(at.timestamp()))
    signed = b".".join((key.encode(), moment.encode(), body))
    signature = b64encode(hmac.digest(secret, signed, sha256)).decode()
    return {
        "webhook-id": key,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{signature}",
        "content-type": "application/json",
        "user-agent": "postroom",
    }


def wait_of(retry_after: str, now: datetime) -> timedelta | None:
    """Read a Retry-After: seconds or a moment (RFC 9110 §10.2.3); None: nothing that says when."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), 10**9))
    try:
        moment = parsedate_to_datetime(text)
        return max(moment.replace(tzinfo=moment.tzinfo or UTC) - now, timedelta(0))
    except (ValueError, OverflowError):
        return None


def call(
    url: str, body: bytes, headers: Mapping[str, str], seconds: float, stop: threading.Event
) -> WebhookEnd:
    """POST once and read the answer."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts, seconds)
    with _Watch(connection, seconds, stop) as watch:
        try:
            connection.connect()
            watch.held = connection.sock  # which the connection lets go of before the answer
            connection.request("POST", path, body, dict(headers))
            response = connection.getresponse()
            if watch.is_over:  # headers that were cut off look like whole ones
                raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"{type(error).__name__}: {error}" if not watch.is_over else "its time was over"
            return WebhookEnd(None, why.encode(), is_stopped=watch.is_over and stop.is_set())
        answer = b""
        with suppress(OSError, http.client.HTTPException, ValueError):
            answer = response.read(MAX_ANSWER)  # the status has said what counts
        retry_after = response.headers.get("Retry-After", "")
        return WebhookEnd(response.status, answer, retry_after=retry_after)


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)


class _Watch:
    """Shuts a connection down when its time is over: a time-out counts from octet to octet only."""

    def __init__(
        self, connection: http.client.HTTPConnection, seconds: float, stop: threading.Event
    ) -> None:
        self.held: socket.socket | None = None
        self.is_over = False
        self._connection = connection
        self._seconds = seconds
        self._stop = stop
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="webhook-watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._connection.close()
        if self.held is not None:
            self.held.close()

    def _watch(self) -> None:
        ends_at, is_stopping = time.monotonic() + self._seconds, False
        while not self._done.wait(_LOOK):
            if self._stop.is_set() and not is_stopping:
                is_stopping, ends_at = True, min(ends_at, time.monotonic() + STOP_GRACE)
            if time.monotonic() < ends_at:
                continue
            self.is_over = True
            held = self.held or self._connection.sock
            if held is not None:
                with suppress(OSError):
                    socket.socket.shutdown(held, socket.SHUT_RDWR)  # below TLS: at once

"""What monitoring asks for by HTTP: /healthz, /readyz, /metrics.

Promise: answers GET and HEAD with a few figures and nothing of any mail; whatever is sent to it,
it reads one head of HEAD_BYTES within HEAD_SECONDS, and no more than CONNECTIONS at a time. Nobody
is asked who he is: it listens where the config says, by default nowhere.
Used by: app, in its event loop; supervision makes the pages.
Fails:   OSError when its address cannot be listened on.

Three fixed pages, one request on each connection, no body: less than any server would need for its
own settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

HEAD_BYTES = 8_192
HEAD_SECONDS = 5.0
PAGE_SECONDS = 10.0  # for finding out and for sending
CONNECTIONS = 16
REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: int
    body: bytes
    type: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Awaitable[Page]]]  # path → what is found there


class Monitor:
    """A listener for those who watch."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.address: tuple[str, int] | None = None  # bound

    async def start(self, host: str, port: int) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=HEAD_BYTES)
        self.address = self._server.sockets[0].getsockname()[:2]
        log.info("monitor.opened", address=f"{self.address[0]}:{self.address[1]}")

    async def stop(self) -> None:
        """Close at once: who watches asks again."""
        if self._server is not None:
            self._server.close()
        for task in [*self._open]:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._open.add(task)
        try:
            with suppress(OSError, TimeoutError):
                page, has_body = await self._answer(reader)
                async with asyncio.timeout(PAGE_SECONDS):
                    writer.write(_written(page, has_body=has_body))
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
        finally:
            writer.transport.abort()
            self._open.discard(task)

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[Page, bool]:
        """Return the page, and whether its body is wanted."""
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            return Page(400, b"not a request\n"), True
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return Page(405, b"only GET\n"), True
        find = self._pages.get(path)
        if find is None:
            return Page(404, "".join(f"{path}\n" for path in self._pages).encode()), method == "GET"
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                return await find(), method == "GET"
        except TimeoutError:
            return Page(503, b"not found out in time\n"), True
        except Exception:  # the top of a loop
            log.exception("monitor.failed", path=path)
            return Page(500, b"see the log\n"), True


def _written(page: Page, *, has_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {page.status} {REASONS[page.status]}\r\n"
        f"Content-Type: {page.type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + page.body * has_body

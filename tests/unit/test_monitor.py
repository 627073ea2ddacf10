"""The listener for those who watch: three pages, and nothing else gets anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from postroom import monitor
from postroom.monitor import CONNECTIONS, HEAD_BYTES, Monitor, Page


async def fine() -> Page:
    return Page(200, b"ok\n")


async def broken() -> Page:
    raise ZeroDivisionError


@asynccontextmanager
async def listening(page: Callable[[], Awaitable[Page]] = fine) -> AsyncIterator[Monitor]:
    found = Monitor({"/healthz": page})
    await found.start("127.0.0.1", 0)
    try:
        yield found
    finally:
        await found.stop()


async def ask(opened: Monitor, words: bytes) -> bytes:
    assert opened.address is not None
    reader, writer = await asyncio.open_connection(*opened.address)
    try:
        writer.write(words)
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def asked(words: bytes, page: Callable[[], Awaitable[Page]] = fine) -> bytes:
    async def run() -> bytes:
        async with listening(page) as opened:
            return await ask(opened, words)

    return asyncio.run(run())


def test_a_page_is_answered() -> None:
    said = asked(b"GET /healthz?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (b"ok\n", True) == (body, b"Content-Length: 3" in head)


def test_head_has_no_body() -> None:
    assert asked(b"HEAD /healthz HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
        (b"GET\r\n\r\n", b"404"),
        (b"\x16\x03\x01\xff\x00\r\n\r\n", b"405"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 3 * HEAD_BYTES, b"400"),
    ],
)
def test_nothing_else_is(words: bytes, status: bytes) -> None:
    said = asked(words)
    # Who still sends when it is answered may lose the answer.
    assert said.startswith(b"HTTP/1.1 " + status) or (said == b"" and len(words) > HEAD_BYTES)


def test_a_page_that_fails_tells_strangers_nothing() -> None:
    said = asked(b"GET /healthz HTTP/1.1\r\n\r\n", broken)
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"Division" not in said


def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "HEAD_SECONDS", 0.05)
    assert b"" == asked(b"GET /heal")


def test_many_at_a_time_are_too_many() -> None:
    async def run() -> tuple[int, bytes]:
        async with listening() as opened:
            assert opened.address is not None
            held = [await asyncio.open_connection(*opened.address) for _ in range(CONNECTIONS)]
            while len(opened._open) < CONNECTIONS:  # noqa: ASYNC110
                await asyncio.sleep(0)
            refused = await ask(opened, b"GET /healthz HTTP/1.1\r\n\r\n")
            for _, writer in held:
                writer.close()
            while opened._open:  # noqa: ASYNC110
                await asyncio.sleep(0)
            return len(refused), await ask(opened, b"GET /healthz HTTP/1.1\r\n\r\n")

    refused, after = asyncio.run(run())
    assert 0 == refused
    assert after.startswith(b"HTTP/1.1 200 ")

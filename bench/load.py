"""A load generator for the SMTP door: the raw protocol over streams, as little work as can be.

    python -m bench.load HOST PORT MAILS CONNECTIONS [OCTETS] [RECIPIENT]

Each connection sends one mail after the other, without reconnecting and without pipelining.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RECIPIENT = "support@example.com"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a run gave; latencies in seconds from MAIL to the reply of the final dot."""

    seconds: float
    accepted: int
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LoadMail:
    """One mail to send; `stuffed` is ready for the wire: CRLF, dots doubled, with the end."""

    sender: str
    recipient: str
    stuffed: bytes


def load_mail(raw: bytes, recipient: str = RECIPIENT, sender: str = "load@example.net") -> LoadMail:
    """Make raw bytes with CRLF lines ready for the wire."""
    stuffed = (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:]
    end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
    return LoadMail(sender, recipient, stuffed + end)


async def send_many(
    host: str, port: int, mails: Sequence[LoadMail], connections: int
) -> LoadResult:
    """Send all mails over so many connections at a time."""
    waiting = iter(mails)
    latencies: list[float] = []
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(_courier(host, port, waiting, latencies))
    return LoadResult(time.perf_counter() - begin, len(latencies), tuple(latencies))


async def _courier(
    host: str, port: int, waiting: Iterator[LoadMail], latencies: list[float]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    await _expect(reader, b"220")
    writer.write(b"EHLO load.example.net\r\n")
    await _expect(reader, b"250")
    for mail in waiting:
        begin = time.perf_counter()
        writer.write(f"MAIL FROM:<{mail.sender}>\r\n".encode())
        await _expect(reader, b"250")
        writer.write(f"RCPT TO:<{mail.recipient}>\r\n".encode())
        await _expect(reader, b"250")
        writer.write(b"DATA\r\n")
        await _expect(reader, b"354")
        writer.write(mail.stuffed)
        await writer.drain()
        await _expect(reader, b"250")
        latencies.append(time.perf_counter() - begin)
    writer.write(b"QUIT\r\n")
    await _expect(reader, b"221")
    writer.close()
    await writer.wait_closed()


async def _expect(reader: asyncio.StreamReader, code: bytes) -> None:
    while True:
        line = await reader.readline()
        if not line.startswith(code):
            raise ConnectionError(f"expected {code.decode()}, got {line.decode(errors='replace')}")
        if line[3:4] != b"-":
            return


def main() -> None:
    """Send the same small mail many times, and print what it gave."""
    host, port, mails, connections = sys.argv[1], *map(int, sys.argv[2:5])
    octets = int(sys.argv[5]) if len(sys.argv) > 5 else 4096
    recipient = sys.argv[6] if len(sys.argv) > 6 else RECIPIENT
    head = f"From: load@example.net\r\nTo: {recipient}\r\nSubject: load\r\n\r\n".encode()
    text = b"The quick brown fox jumps over the lazy dog, again and again.\r\n"
    raw = (head + text * (octets // len(text) + 1))[: octets - 2] + b"\r\n"
    result = asyncio.run(send_many(host, port, [load_mail(raw, recipient)] * mails, connections))
    times = [1000 * seconds for seconds in sorted(result.latencies)]
    print(
        f"{result.accepted} mails in {result.seconds:.2f} s: "
        f"{result.accepted / result.seconds:.0f}/s, latency "
        f"median {times[len(times) // 2]:.1f} ms, 99 % {times[len(times) * 99 // 100]:.1f} ms"
    )


if __name__ == "__main__":
    main()

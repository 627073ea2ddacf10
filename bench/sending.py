"""How fast mail leaves: the outbox, the sender with its kept connections, and an SMTP sink.

    python -m bench.sending [--mails 2000] [--runs 3] [--connections 4] [--tls] [--maildir]
                            [--profile]

The outbox is filled with automatic replies as the daemon writes them: each is claimed, composed
from a template, marked as handed over before DATA, sent, and recorded. The sink is a process of its
own and answers at once. The clock runs from the first claim to the last commit. `--maildir` writes
files instead; `--profile` shows which functions take the processor.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from bench.corpus import MAILBOX, make_corpus
from bench.processes import HOST, write_config
from bench.profiling import new_profile, top

from postroom import clock, logs
from postroom.config import load_config
from postroom.house import House, load_checked_policy, open_house, open_readers, open_sender
from postroom.mail.message import Envelope
from postroom.store import queue
from postroom.work.pipeline import Pipeline
from postroom.work.sender import Sender

LOOK = 0.02  # seconds between two looks whether all has left
SECONDS = 120.0  # far more than it takes


# The sink


def _sink(pipe: Pipe, certificate: Path | None) -> None:
    """Take every mail on a free port, which is sent through the pipe; be ended from outside."""
    asyncio.run(_serve(pipe, certificate))


async def _serve(pipe: Pipe, certificate: Path | None) -> None:
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(_take, HOST, 0, ssl=context, limit=2**20)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink ESMTP\r\n")
    while line := await reader.readline():
        match line[:4].upper():
            case b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            case b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 2.0.0 taken\r\n")
            case b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            case _:
                writer.write(b"250 2.0.0 fine\r\n")
    writer.close()


@contextmanager
def running_sink(certificate: Path | None) -> Iterator[int]:
    """Run the sink and give its port."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sink, args=(theirs, certificate), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


# The outbox


def fill(house: House, count: int) -> None:
    """Let so many customers write, which asks for an automatic reply to each, and more or less."""
    corpus = make_corpus(count, seed=1)
    mails = [
        (
            Envelope(
                sender=mail.sender,
                recipients=(MAILBOX,),
                transport="smtp",
                mailbox="support",
                received_at=clock.now(),
                peer=HOST,
                options={},
            ),
            mail.raw,
        )
        for mail in corpus
    ]
    for start in range(0, count, 100):
        house.spool.put_all(mails[start : start + 100]).result()
    readers = open_readers(house.config)
    try:
        pipeline = Pipeline(house.spool, readers, house.desk)
        while pipeline.run_once():
            pass
    finally:
        readers.close()


def due(house: House) -> int:
    """Return how many deliveries should leave now; notices may wait for somebody's morning."""
    now = clock.now()
    with house.database.read() as conn:
        entries = queue.entries(conn)
    return sum(one.state == "waiting" and (one.due_at or now) <= now for one in entries)


def sent(house: House) -> int:
    """Return how many have left, for good."""
    with house.database.read() as conn:
        said = "SELECT count(*) FROM delivery WHERE state = 'sent'"
        return int(conn.exec_driver_sql(said).scalar_one())


@dataclass(frozen=True, slots=True)
class Way:
    """How the mails leave."""

    connections: int = 4
    tls: bool = False
    is_maildir: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run gave; processor time (without the readers') and flushes for each mail."""

    rate: float
    milliseconds: float
    flushes: float


def run_once(mails: int, way: Way, *, profile: bool) -> Cost | None:
    """Fill an outbox and send it; None if it was profiled instead."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = _certificate(folder) if way.tls else None
        with nullcontext(0) if way.is_maildir else running_sink(certificate) as port:
            path = write_config(folder)
            if not way.is_maildir:
                scheme = "smtps" if way.tls else "smtp"
                more = f'relay = "{scheme}://localhost:{port}"\nconnections = {way.connections}\n'
                more += f'ca_file = "{certificate}"\n' if way.tls else ""
                path.write_text(path.read_text().replace('relay = "maildir:sent"\n', more))
            config = load_config(path)
            with open_house(config, load_checked_policy(config)) as house:
                fill(house, mails)
                if profile:
                    return _profile(house)
                readers = open_readers(config)
                try:
                    return _measure(house, open_sender(house, readers=readers))
                finally:
                    readers.close()


def _measure(house: House, sender: Sender) -> Cost:
    count = due(house)
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    commits = house.database.commits
    begin, cpu = time.perf_counter(), time.process_time()
    thread.start()
    while sent(house) < count and time.perf_counter() < begin + SECONDS:
        time.sleep(LOOK)
    took, used = time.perf_counter() - begin, time.process_time() - cpu
    stop.set()
    sender.wake()
    thread.join()
    if (left := due(house)) or not count:
        raise RuntimeError(f"{left} of {count} mails have not left")
    flushes = (house.database.commits - commits) / count
    return Cost(count / took, used / count * 1000, flushes)


def _profile(house: House) -> None:
    """Show where the time goes; all is composed in this thread, for it to be seen."""
    count, profile, sender = due(house), new_profile(), open_sender(house)
    profile.runcall(sender.run_once)
    print(f"{count} mails\n{top([profile])}")


def _certificate(folder: Path) -> Path:
    path = folder / "sink.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext"),
            *("subjectAltName=DNS:localhost", "-keyout", str(path), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--maildir", action="store_true")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    logs.configure("json", "warning")
    way = Way(given.connections, given.tls, given.maildir)
    figures = []
    for number in range(given.runs):
        cost = run_once(given.mails, way, profile=given.profile)
        if cost is None:
            return
        figures.append(cost.rate)
        print(
            f"run {number + 1}: {cost.rate:,.0f} mails/s, {cost.milliseconds:.2f} ms of processor "
            f"and {cost.flushes:.2f} flushes of the database for each"
        )
    print(f"median: {statistics.median(figures):,.0f} mails/s")


if __name__ == "__main__":
    sys.exit(main())

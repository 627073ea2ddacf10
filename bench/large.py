"""How much memory all processes have while one large mail passes.

    python -m bench.large [--octets 24500000] [--mails 300] [--folder DIR]

A daemon works through some ordinary mails first: what they leave in caches is a part of it. Then
one mail with a file that cannot be compressed comes by SMTP and is read, decided, kept and told to
its handler. Physical memory is looked at all the while: what processes share counts once (PSS of
proc(5)). Beside it stands the sum of what each process ever had, where it counts for each.
"""

from __future__ import annotations

import argparse
import base64
import random
import smtplib
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.corpus import MAILBOX, SEED
from bench.growth import Sites, wait_for_outbox
from bench.processes import HOST, Daemon, Generator

LOOK = 0.01  # seconds between two looks at the memory
SECONDS = 300.0  # far more than it takes
SENDER = "ann@example.net"
LINES = 57  # octets of a line of base64, RFC 2045 6.8


def main() -> None:
    """Measure, and print."""
    options = _options()
    generator = Generator(options.mails, SEED)
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            _measure(Path(folder), generator, options.mails, large_mail(options.octets))
    finally:
        generator.close()


def large_mail(octets: int) -> bytes:
    """Return a mail of about so many octets: a line of text, and a file."""
    head = (
        f"From: {SENDER}\r\nTo: {MAILBOX}\r\nSubject: A large file\r\n"
        f"Message-ID: <large.{octets}@example.net>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n"
        "--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="plan.pdf"\r\n\r\n'
    ).encode()
    lines = octets // (LINES // 3 * 4 + 2)
    body = base64.encodebytes(random.Random(SEED).randbytes(lines * LINES))
    return head + body.replace(b"\n", b"\r\n") + b"--b--\r\n"


def _measure(folder: Path, generator: Generator, mails: int, raw: bytes) -> None:
    site = folder / "site"
    engine = Sites.engine(site, "sqlite")
    with Daemon(site) as daemon:
        generator.send(daemon.port, 10)
        daemon.wait_for("mail.worked", mails, SECONDS)
        wait_for_outbox(engine)
        before = daemon.cost()
        with _highest(daemon) as highest:
            begin = time.perf_counter()
            with smtplib.SMTP(HOST, daemon.port) as door:
                door.sendmail(SENDER, [MAILBOX], raw)
            accepted = time.perf_counter() - begin
            worked = daemon.wait_for("mail.worked", 1, SECONDS) - begin
            wait_for_outbox(engine)
        after = daemon.cost()
    print(
        f"{len(raw):,} octets: accepted after {accepted:.1f} s, worked through after {worked:.1f}"
    )
    shared_out = before.shared_out / 1e6, max(highest) / 1e6
    print("shared parts once: {:.0f} MB before, {:.0f} at most".format(*shared_out))
    print(f"sum of what each had at most: {after.octets / 1e6:.0f} MB")
    engine.dispose()


@contextmanager
def _highest(daemon: Daemon) -> Iterator[list[int]]:
    """Look at the memory until the `with` ends; gives all that was seen."""
    seen: list[int] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(LOOK):
            seen.append(daemon.cost().shared_out)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--octets", type=int, default=24_500_000, help="of the large mail")
    parser.add_argument("--mails", type=int, default=300, help="ordinary ones before it")
    parser.add_argument("--folder", type=Path, help="on whose disk to work")
    return parser.parse_args()


if __name__ == "__main__":
    main()

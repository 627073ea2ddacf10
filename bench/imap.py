"""From a real Dovecot into the spool: `python -m bench.imap [--mails N] [--profile]`.

A backlog of mails of 2 KB is drained over TLS on loopback, every mail on the disk. Then
mbsync (isync), if it is installed, fetches the same from the same server in the same minute, and is
what the figure is compared with: it flushes every mail by itself.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from tests.houses import mail
from tests.live.dovecot import PASSWORD, Dovecot, running_dovecot
from tests.live.imap_house import imap_spool

GOAL = 2500  # mails a second


def raws(count: int) -> Iterator[bytes]:
    """Mails as they come: headers of a few hops, a page of text."""
    text = "Where is my parcel? It was to be here on Monday.\n" * 25
    hops = "".join(
        f"Received: from mx{n}.example.net (mx{n}.example.net [192.0.2.{n}])\r\n"
        f"\tby mx.example.com with ESMTPS id {n:08x}; Fri, 20 Nov 2026 12:00:00 +0000\r\n"
        for n in range(4)
    ).encode()
    for number in range(count):
        body = mail(f"Parcel {number}", text, sender=f"Customer {number} <c{number}@example.net>")
        head = b"Return-Path: <c@example.net>\r\nDelivered-To: support@example.com\r\n"
        yield head + hops + body


def ours(server: Dovecot, user: str, profile: cProfile.Profile | None = None) -> float:
    """Drain it; return mails a second."""
    with (
        tempfile.TemporaryDirectory() as place,
        imap_spool(Path(place), server, user, 'after = "keep"') as folder,
    ):
        begun = time.perf_counter()
        if profile is not None:
            profile.enable()
        count = folder.visit()
        if profile is not None:
            profile.disable()
        return count / (time.perf_counter() - begun)


def mbsync(server: Dovecot, user: str, count: int) -> float | None:
    """Let mbsync fetch the same."""
    if shutil.which("mbsync") is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "mbsyncrc").write_text(
            f"IMAPAccount a\nHost 127.0.0.1\nPort {server.tls_port}\nUser {user}\n"
            f"Pass {PASSWORD}\nSSLType IMAPS\nCertificateFile {server.certificate}\n\n"
            "IMAPStore far\nAccount a\n\n"
            f"MaildirStore near\nPath {place}/\nInbox {place}/inbox\n\n"
            "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nSync Pull\nCreate Near\n"
            "SyncState *\n"
        )
        begun = time.perf_counter()
        done = subprocess.run(
            ["mbsync", "-q", "-c", f"{place}/mbsyncrc", "all"], capture_output=True, check=False
        )
        seconds = time.perf_counter() - begun
        fetched = sum(1 for _ in (Path(place) / "inbox").rglob("*U=*"))
        if done.returncode or fetched != count:
            print(f"mbsync: {fetched} of {count}: {done.stderr.decode()[:300]}")
            return None
        return count / seconds


def main() -> None:
    """Measure, print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mails", type=int, default=5000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--profile", action="store_true")
    given = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with running_dovecot() as server:
        server.deliver("bench", list(raws(given.mails)))
        with server.client("bench") as client:  # Dovecot gives out the UIDs, and knows the sizes
            client.search("ALL")
        ours(server, "bench")  # warm
        own, other = [], []
        for _ in range(given.rounds):
            own.append(ours(server, "bench"))
            theirs = mbsync(server, "bench", given.mails)
            other += [theirs] if theirs is not None else []
        rate = statistics.median(own)
        print(
            f"| drain from Dovecot into the spool, {given.mails} mails | {rate:,.0f} mails/s |",
            end="",
        )
        print(f" {min(own):,.0f} - {max(own):,.0f} | goal {GOAL:,} |")
        if other:
            beside = statistics.median(other)
            print(f"| mbsync, the same mails | {beside:,.0f} mails/s | ratio {rate / beside:.2f} |")
        if given.profile:
            profile = cProfile.Profile()
            ours(server, "bench", profile)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()

"""Where the time goes: the work part in this process, under cProfile.

Each thread has a profile of its own, whose clock is that thread's processor time: waiting (for a
flush, for another thread) does not count. Readers work in their processes as ever; what they do is
profiled apart, in this one.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from bench.corpus import MAILBOX, make_corpus
from bench.processes import free_port, write_config

from postroom.config import load_config
from postroom.house import open_house, open_readers, open_sender
from postroom.mail.message import Envelope
from postroom.mail.parse import read_mail
from postroom.work.pipeline import Pipeline

TOP = 25


def print_profile(folder: Path, mails: int) -> None:
    """Put a corpus into a spool, work it through, print what took the processor."""
    raws = [(mail.sender, mail.raw) for mail in make_corpus(mails)]
    profile = cProfile.Profile(time.thread_time)
    for _, raw in raws:
        profile.runcall(read_mail, raw)
    stats = _work(folder, raws)
    print(f"\nwork: pipeline, writer and sender, {mails} mails\n{_top(stats)}")
    print(f"\nreading, in the reader processes, {mails} mails\n{_top(pstats.Stats(profile))}")


def _work(folder: Path, raws: list[tuple[str, bytes]]) -> pstats.Stats:
    """Return the profiles of all threads, joined."""
    structlog.configure(processors=[structlog.processors.LogfmtRenderer()])
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
    config = load_config(write_config(folder / "profiled", free_port()))
    profile = cProfile.Profile(time.thread_time)
    with _profiled_threads() as profiles:
        with open_house(config) as house:
            now = datetime.now(UTC)
            house.spool.put_all(
                [(Envelope(s, (MAILBOX,), "smtp", "support", now), raw) for s, raw in raws]
            ).result()
            readers, sender = open_readers(config), open_sender(house)
            pipeline = Pipeline(house.spool, readers, house.desk)
            profile.enable()
            while pipeline.run_once():
                pass
            sender.run_once()
            profile.disable()
            readers.close()
        stats = pstats.Stats(profile)
        for other in profiles:
            stats.add(other)
    return stats


@contextmanager
def _profiled_threads() -> Iterator[list[cProfile.Profile]]:
    """Give every thread that is started meanwhile a profile."""
    profiles: list[cProfile.Profile] = []
    plain = threading.Thread.run

    def run(thread: threading.Thread) -> None:
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.runcall(plain, thread)
        finally:
            profile.create_stats()
            profiles.append(profile)

    threading.Thread.run = run  # type: ignore[method-assign, assignment]
    try:
        yield profiles
    finally:
        threading.Thread.run = plain  # type: ignore[method-assign]


def _top(stats: pstats.Stats) -> str:
    out = io.StringIO()
    stats.stream = out  # type: ignore[attr-defined]
    stats.sort_stats("tottime").print_stats(TOP)
    out.write("Our own functions, with all that they call:\n")
    stats.sort_stats("cumtime").print_stats("/postroom/", TOP)
    return re.sub(r"(?m)( )/\S*/(?=[^/\s]+/[^/\s]+:\d)", r"\1", out.getvalue().strip())

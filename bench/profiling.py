"""Where the time goes: the work part in this process, by thread, stage, statement and function.

Three passes over the same corpus: a plain one (processor time of each thread, and of the stages of
the thread that writes), one that counts what SQLite is asked, and one under cProfile. Each thread
has a profile of its own, whose clock is that thread's processor time: waiting (for a flush, for
another thread) does not count. Readers work in their processes as ever; what they do is profiled
apart, in this one.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import re
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from bench.corpus import MAILBOX, make_corpus
from bench.processes import free_port, write_config
from sqlalchemy import Engine, event

from postroom.config import load_config
from postroom.house import open_house, open_readers, open_sender
from postroom.mail.message import Envelope
from postroom.mail.parse import read_mail
from postroom.store import db
from postroom.work import desk
from postroom.work.pipeline import Pipeline

TOP = 25
STATEMENTS = 45
# What the thread that writes the database does for a mail, in its order; the rest is its own.
STAGES: tuple[tuple[Any, str, str], ...] = (
    (desk.reads, "load_mail_facts", "load facts"),
    (desk, "decide_mail", "decide"),
    (desk, "apply", "apply"),
    (db, "_end", "commit"),
)


def print_profile(folder: Path, mails: int) -> None:
    """Put a corpus into a spool, work it through, print what took the processor."""
    raws = [(mail.sender, mail.raw) for mail in make_corpus(mails)]
    stages = Took(float)
    with _timed_stages(stages):
        took, _ = _work(folder / "plain", raws, _run_timed)
    print("\nprocessor time of the threads, without a profile, in ms/mail:")
    _print_shares(took, mails)
    print("\nof the database's thread, and of who decides beside it:")
    _print_shares(stages, mails)
    with _counted_statements() as statements:
        _work(folder / "counted", raws, _run_timed)
    print(f"\nstatements: {sum(statements.values()) / mails:.1f} for a mail, of these")
    for statement, count in statements.most_common(STATEMENTS):
        print(f"  {count / mails:6.2f}  {statement}")
    _, profiles = _work(folder / "profiled", raws, _run_profiled)
    print(f"\nwork: pipeline, writer and sender, {mails} mails\n{top(profiles)}")
    reading = new_profile()
    for _, raw in raws:
        reading.runcall(read_mail, raw)
    print(f"\nreading, in the reader processes, {mails} mails\n{top([reading])}")


Took = defaultdict[str, float]  # seconds by the name of a thread or of a stage
Profiles = list[cProfile.Profile]
Run = Callable[[Callable[[], object], str, Took, Profiles], None]


def _print_shares(took: Took, mails: int) -> None:
    for name, seconds in sorted(took.items(), key=lambda item: -item[1]):
        print(f"  {name:<12} {1_000 * seconds / mails:6.2f}")


@contextmanager
def _timed_stages(took: Took) -> Iterator[None]:
    """Add up the processor time of each stage meanwhile."""
    with ExitStack() as stack:
        for owner, name, stage in STAGES:
            plain = getattr(owner, name)
            setattr(owner, name, _timed(plain, stage, took))
            stack.callback(setattr, owner, name, plain)
        yield


def _timed(function: Callable[..., Any], stage: str, took: Took) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        begin = time.thread_time()
        try:
            return function(*given, **named)
        finally:
            took[stage] += time.thread_time() - begin

    return timed


@contextmanager
def _counted_statements() -> Iterator[Counter[str]]:
    """Count what every connection to SQLite is asked meanwhile, one of `executemany` for each."""
    found: Counter[str] = Counter()

    def connected(dbapi: sqlite3.Connection, _: object) -> None:
        dbapi.set_trace_callback(lambda sql: found.update([_kind(sql)]))

    event.listen(Engine, "connect", connected)
    try:
        yield found
    finally:
        event.remove(Engine, "connect", connected)


def _kind(sql: str) -> str:
    """Name a statement by its verb and tables; an update also by the first column that it sets."""
    plain = " ".join(sql.split())
    tables = re.findall(r"\b(?:FROM|INTO|JOIN|UPDATE) (\w+)", plain)
    if not tables:
        return " ".join(plain.split()[:2])
    column = re.search(r"\bSET (\w+)", plain)
    named = [*tables, *(column.groups() if column else ())]
    return " ".join([plain.split()[0], *dict.fromkeys(named)])


def _run_timed(work: Callable[[], object], name: str, took: Took, _: Profiles) -> None:
    begin = time.thread_time()
    try:
        work()
    finally:
        took[name] += time.thread_time() - begin


def _run_profiled(work: Callable[[], object], _: str, __: Took, profiles: Profiles) -> None:
    profile = new_profile()
    try:
        profile.runcall(work)
    finally:
        profiles.append(profile)


def new_profile() -> cProfile.Profile:
    """Return a profile whose clock is the processor time of the thread that runs it."""
    return cProfile.Profile(time.thread_time)


def _work(folder: Path, raws: list[tuple[str, bytes]], run: Run) -> tuple[Took, Profiles]:
    """Work a corpus through, every thread run by `run`."""
    structlog.configure(processors=[structlog.processors.LogfmtRenderer()])
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(io.StringIO()))
    config = load_config(write_config(folder, free_port()))
    took, profiles = Took(float), Profiles()
    with _watched_threads(run, took, profiles), open_house(config) as house:
        now = datetime.now(UTC)
        house.spool.put_all(
            [(Envelope(s, (MAILBOX,), "smtp", "support", now), raw) for s, raw in raws]
        ).result()
        readers, sender = open_readers(config), open_sender(house)
        pipeline = Pipeline(house.spool, readers, house.desk)

        def all_of_it() -> None:
            while pipeline.run_once():
                pass

        run(all_of_it, "pipeline", took, profiles)
        run(sender.run_once, "sender", took, profiles)
        readers.close()
    return took, profiles


@contextmanager
def _watched_threads(run: Run, took: Took, profiles: Profiles) -> Iterator[None]:
    """Have every thread that is started meanwhile run by `run`."""
    plain = threading.Thread.run

    def watched(thread: threading.Thread) -> None:
        name = thread.name.partition("_")[0].partition("-")[0]
        run(lambda: plain(thread), name, took, profiles)

    threading.Thread.run = watched  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        threading.Thread.run = plain  # type: ignore[method-assign]


def top(profiles: Profiles) -> str:
    """Return which functions took the most, by themselves and with all that they call."""
    stats = pstats.Stats(profiles[0])
    for other in profiles[1:]:
        stats.add(other)
    out = io.StringIO()
    stats.stream = out  # type: ignore[attr-defined]
    stats.sort_stats("tottime").print_stats(TOP)
    out.write("Our own functions, with all that they call:\n")
    stats.sort_stats("cumtime").print_stats("/postroom/", TOP)
    return re.sub(r"(?m)( )/\S*/(?=[^/\s]+/[^/\s]+:\d)", r"\1", out.getvalue().strip())

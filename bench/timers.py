"""The bench of the ticker: a crowd of timers due in one second, and a look when nothing is due.

    python -m bench.timers [--timers N] [--mails N] [--requests N] [--folder DIR]

A database of copies (bench.herd), a real daemon, and mail that keeps coming in over ten
connections. The same mail is sent twice: with nothing due, and while the timers are due.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import machine
from bench.corpus import MAILBOX, SEED, make_corpus
from bench.herd import Herd, move_timers
from bench.processes import Burst, Daemon, Generator, write_config
from sqlalchemy import create_engine

from postroom.config import load_config
from postroom.house import open_house
from postroom.mail.message import Envelope
from postroom.mail.parse import read_mail
from postroom.shipped import shipped_folder
from postroom.work.readers import Readers
from postroom.work.ticker import fire_due

TIMERS, MAILS, REQUESTS = 10_000, 12_000, 1_000_000
COPIED = (
    *("contact", "address", "request", "journal", "participant", "message", "history", "timer"),
)
TICKS = 300
CONNECTIONS = 10
LONGEST = 300.0
AHEAD = timedelta(seconds=8)  # for the daemon to start before the timers are due
FAR = timedelta(days=3)

PRIORITIES = """
[[priority]]
name = "medium"
rank = 3
default = true
calendar = "always"

  [[priority.level]]
  level = 1
  after = "72h"
  notify = ["owner"]
"""

Figures = Iterator[tuple[str, str]]


def measure(folder: Path, timers: int, mails: int, requests: int) -> Figures:
    """Yield every figure as soon as it is known."""
    rules = _rules(folder)
    yield from _idle(folder / "idle", rules, requests)
    generator = Generator(mails, SEED)
    try:
        yield from _crowd(folder, rules, timers, generator)
    finally:
        generator.close()


def _rules(folder: Path) -> Path:
    rules = folder / "rules"
    shutil.copytree(shipped_folder() / "rules", rules)
    path = rules / "priorities.toml"
    head, *tables = path.read_text().split("[[priority]]")
    others = [table for table in tables if 'name = "medium"' not in table]
    path.write_text(head + PRIORITIES + "".join(f"[[priority]]{table}" for table in others))
    return rules


def _open_first(folder: Path, rules: Path) -> Path:
    """Make a site with one request; return its database."""
    config = load_config(write_config(folder, rules=rules))
    raw = make_corpus(10)[0].raw
    with open_house(config) as house:
        envelope = Envelope("first@example.net", (MAILBOX,), "smtp", "support", house.desk.clock())
        settled = house.desk.settle_mail(house.desk.arrival(read_mail(raw), envelope), raw)
        if settled.outcome != "opened":
            raise RuntimeError(f"the first mail was {settled.outcome}: {settled.reason}")
    return config.data / "postroom.db"


# ---- nothing due


def _idle(folder: Path, rules: Path, requests: int) -> Figures:
    file = _open_first(folder, rules)
    Herd(create_engine(f"sqlite:///{file}"), tables=("request", "timer")).grow(requests)
    readers = Readers(1)
    with open_house(load_config(folder / "config.toml")) as house:
        times = []
        for _ in range(TICKS):
            begin = time.perf_counter()
            if fire_due(house.desk, readers):
                raise RuntimeError("something was due")
            times.append(1_000 * (time.perf_counter() - begin))
    readers.close()
    shutil.rmtree(folder)
    times.sort()
    yield (
        f"a tick with nothing due, {requests:,} open requests, median",
        f"{times[TICKS // 2]:.2f} ms",
    )
    yield "the same, 99 %", f"{times[TICKS * 99 // 100]:.2f} ms"


# ---- a crowd


def _crowd(folder: Path, rules: Path, timers: int, generator: Generator) -> Figures:
    alone, cpu, _ = _run(folder / "alone", rules, timers, None, due_in=AHEAD)
    yield f"{timers:,} timers due in one second, no mail", f"{alone:.1f} s"
    yield "processor of the working process meanwhile", f"{cpu:.1f} s"
    _, _, before = _run(folder / "before", rules, timers, generator, due_in=FAR)
    took, cpu, during = _run(folder / "during", rules, timers, generator, due_in=AHEAD)
    yield "the timers while mail comes in", f"{took:.1f} s"
    yield "processor of the working process meanwhile", f"{cpu:.1f} s"
    rates = [burst.load.accepted / burst.load.seconds for burst in (before, during) if burst]
    yield "mail accepted, nothing due", f"{rates[0]:,.0f} mails/s"
    yield "mail accepted, timers due", f"{rates[1]:,.0f} mails/s ({rates[1] / rates[0]:.0%})"
    for words, burst in (("nothing due", before), ("timers due", during)):
        times = sorted(burst.load.latencies) if burst is not None else [0.0]
        middle, most = statistics.median(times), times[-1]
        late = times[len(times) * 99 // 100]
        figure = f"{1e3 * middle:.0f} / {1e3 * late:.0f} / {1e3 * most:.0f} ms"
        yield f"MAIL to 250, {words}: median / 99 % / longest", figure


def _run(
    folder: Path, rules: Path, timers: int, generator: Generator | None, due_in: timedelta
) -> tuple[float, float, Burst | None]:
    """Return how long the timers took (0: they were not due), and what the sender of mail saw.

    Between them: the processor time of the working process until the timers were done.
    """
    file = _open_first(folder, rules)
    engine = create_engine(f"sqlite:///{file}")
    Herd(engine, tables=COPIED).grow(timers)
    due_at = (datetime.now(UTC) + due_in).replace(microsecond=0)
    if move_timers(engine, due_at) != timers:
        raise RuntimeError("not every copy has its timer")
    is_due = due_in == AHEAD
    took, cpu = 0.0, 0.0
    sending: Future[Burst] | None = None
    with ThreadPoolExecutor(1) as senders, Daemon(folder, rules=rules) as daemon:
        if is_due:
            time.sleep(max(0.0, (due_at - datetime.now(UTC)).total_seconds()))
        if generator is not None:
            sending = senders.submit(generator.send, daemon.port, CONNECTIONS)
        if is_due:
            took = (_wait(file, timers) - due_at).total_seconds()
            cpu = daemon.cost().seconds["work"]
        burst = sending.result() if sending is not None else None
    if is_due:
        _check_order(file, timers)
    shutil.rmtree(folder)
    return took, cpu, burst


def _wait(file: Path, timers: int) -> datetime:
    """Wait until all levels were done; return when the last one was, by the daemon's own clock."""
    until = time.perf_counter() + LONGEST
    done = "SELECT count(*) FROM timer WHERE kind = 'level' AND state = 'fired'"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        while db.execute(done).fetchone()[0] < timers:
            if time.perf_counter() > until:
                raise RuntimeError(f"{timers} timers do not fire within {LONGEST:.0f} s")
            time.sleep(0.25)
        last = db.execute("SELECT max(at) FROM history WHERE kind = 'escalated'").fetchone()[0]
    return datetime.fromisoformat(last).replace(tzinfo=UTC)


def _check_order(file: Path, timers: int) -> None:
    """Each once, and in the order in which they were armed."""
    query = "SELECT request_id FROM history WHERE kind = 'escalated' ORDER BY id"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        found = [row[0] for row in db.execute(query)]
    if found != list(range(1, timers + 1)):
        raise RuntimeError(f"{len(found)} levels were done, not {timers} in order")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.timers", description=__doc__)
    parser.add_argument("--timers", type=int, default=TIMERS)
    parser.add_argument("--mails", type=int, default=MAILS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--folder", type=Path, help="measure on the disk of this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="postroom-bench-") as folder:
        for name, value in machine.describe(Path(folder)).items():
            print(f"{name}: {value}", file=sys.stderr)
        for name, value in measure(Path(folder), options.timers, options.mails, options.requests):
            print(f"| {name:<62} | {value:>24} |", flush=True)


if __name__ == "__main__":
    main()

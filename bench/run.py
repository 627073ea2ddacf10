"""The bench: how much mail one machine accepts and works through, and what each mail costs.

    python -m bench.run [--quick] [--runs N] [--mails N] [--database sqlite|postgresql]
                        [--only end-to-end] [--json FILE] [--folder DIR] [--profile]

Prints a table (Markdown) of medians with their spread. See bench/README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench import machine, postfix
from bench.books import Books, new_books
from bench.corpus import SEED, make_corpus
from bench.processes import Burst, Daemon, Generator

RUNS, MAILS = 3, 2_000
QUICK_RUNS, QUICK_MAILS = 1, 60
CONNECTIONS = (1, 10, 50)
WORKING_CONNECTIONS = 10
LONGEST = 600.0  # seconds for one measurement; only one that hangs gets there
POLL = 0.02
DATABASES = ("sqlite", "postgresql")
FLUSHES = {"spool_flushes": "spool", "database_commits": "database", "maildir_flushes": "Maildir"}
POSTFIX_ACCEPTED = "Postfix, 10 connections: accepted"
POSTFIX_DELIVERED = "Postfix, 10 connections: delivered to a Maildir"
# Our rates beside Postfix's, of the same run.
BESIDE_POSTFIX = {
    "SMTP, 10 connections: accepted": POSTFIX_ACCEPTED,
    "end to end: worked through": POSTFIX_DELIVERED,
    "PostgreSQL, end to end: worked through": POSTFIX_DELIVERED,
}
# What the ratios of mails a second are to: one SQLite commit for one mail.
YARDSTICK = "SQLite, a commit for each row of 4 KB"

Sample = Iterator[tuple["Figure", float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table; `has_ratio` are rates that compare with the yardstick."""

    name: str
    unit: str
    digits: int = 0
    has_ratio: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """All values that were measured for one figure."""

    figure: Figure
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: how many mails, how often, in which folder, with which databases."""

    mails: int
    runs: int
    folder: Path
    databases: tuple[str, ...] = DATABASES
    is_whole: bool = True  # not only from end to end


# ---- measuring


def measure(plan: Plan, tell: Callable[[str], None]) -> list[Result]:
    """Run everything `plan.runs` times, one kind after the other, so that all share the weather."""
    found: dict[Figure, list[float]] = {}
    generator = Generator(plan.mails, SEED)
    try:
        for run in range(1, plan.runs + 1):
            for what, sample in _samples(plan, generator):
                tell(f"run {run} of {plan.runs}: {what}")
                for figure, value in sample:
                    found.setdefault(figure, []).append(value)
    finally:
        generator.close()
    results = [Result(figure, tuple(values)) for figure, values in found.items()]
    return [*results, *_beside_postfix({result.figure.name: result for result in results})]


def _beside_postfix(results: Mapping[str, Result]) -> Iterator[Result]:
    for ours, theirs in BESIDE_POSTFIX.items():
        if ours in results and theirs in results:
            pairs = zip(results[ours].values, results[theirs].values, strict=True)
            figure = Figure(f"{ours}, times Postfix's", "", 2)
            yield Result(figure, tuple(mine / other for mine, other in pairs))


def _samples(plan: Plan, generator: Generator) -> Iterator[tuple[str, Sample]]:
    if plan.is_whole:
        yield "the machine itself", _reference(plan.folder)
        for connections in CONNECTIONS:
            what = f"SMTP, {connections} connection{'s' if connections > 1 else ''}"
            yield what, _accept(plan, generator, connections, what)
    if plan.is_whole and postfix.is_there(plan.folder):
        yield "Postfix", _postfix(plan, generator)
    for database in plan.databases:
        yield _end_to_end(database), _work_through(plan, generator, database)


def _end_to_end(database: str) -> str:
    return "end to end" if database == "sqlite" else "PostgreSQL, end to end"


def _reference(folder: Path) -> Sample:
    yield Figure("4 KB appended and flushed (fsync)", "/s"), machine.fsyncs(folder)
    yield Figure(YARDSTICK, "/s", 0, has_ratio=True), machine.commits(folder)
    group = machine.GROUP
    name = f"SQLite, {group} such rows in a commit"
    yield Figure(name, "rows/s", 0, has_ratio=True), machine.commits(folder, group)


def _accept(plan: Plan, generator: Generator, connections: int, what: str) -> Sample:
    """The doors alone: mail stays in the spool."""
    with tempfile.TemporaryDirectory(dir=plan.folder) as folder:
        with Daemon(Path(folder), "doors") as daemon:
            burst = generator.send(daemon.port, connections)
            cost = daemon.cost()
        _expect("mails in the spool", plan.mails, _count(Path(folder), "spool.db", "mail"))
    yield Figure(f"{what}: accepted", "mails/s", 0, has_ratio=True), _rate(plan, burst)
    yield from _latency(burst, what)
    yield Figure(f"{what}: processor", "ms/mail", 2), 1_000 * cost.all_seconds / plan.mails
    flushes = daemon.counters["spool_flushes"]
    yield Figure(f"{what}: flushes", "/mail", 2), flushes / plan.mails
    yield Figure(f"{what}: peak memory", "MB", 0), cost.octets / 1e6


def _latency(burst: Burst, what: str) -> Sample:
    times = sorted(burst.load.latencies)
    yield Figure(f"{what}: MAIL to 250, median", "ms", 1), 1_000 * times[len(times) // 2]
    yield Figure(f"{what}: MAIL to 250, 99 %", "ms", 1), 1_000 * times[len(times) * 99 // 100]


def _postfix(plan: Plan, generator: Generator) -> Sample:
    """The same mails, in the same run, on the same disk, through a real Postfix."""
    seconds = postfix.accept_seconds(plan.folder, generator, WORKING_CONNECTIONS)
    yield Figure(POSTFIX_ACCEPTED, "mails/s", 0, has_ratio=True), plan.mails / seconds
    seconds = postfix.deliver_seconds(plan.folder, generator, WORKING_CONNECTIONS, plan.mails)
    yield Figure(POSTFIX_DELIVERED, "mails/s", 0, has_ratio=True), plan.mails / seconds


def _work_through(plan: Plan, generator: Generator, database: str) -> Sample:
    """The whole daemon: SMTP in, decided, answered, the answers sent into a Maildir."""
    with (
        tempfile.TemporaryDirectory(dir=plan.folder) as folder,
        new_books(Path(folder), database) as books,
    ):
        with Daemon(books.folder, database=books.url) as daemon:
            before = books.cpu_seconds()
            burst = generator.send(daemon.port, WORKING_CONNECTIONS)
            worked_at = daemon.wait_for("mail.worked", plan.mails, LONGEST)
            sent, sent_at = _wait_for_outbox(books)
            cost, server = daemon.cost(), books.cpu_seconds() - before
        _check(plan, books, sent)
        waited = _waited(books)
    what = _end_to_end(database)
    seconds = max(worked_at, sent_at) - burst.begin
    yield Figure(f"{what}: worked through", "mails/s", 0, has_ratio=True), plan.mails / seconds
    rate = plan.mails / (worked_at - burst.begin)
    yield Figure(f"{what}: all in their requests", "mails/s", 0, has_ratio=True), rate
    yield Figure(f"{what}: accepted meanwhile", "mails/s", 0, has_ratio=True), _rate(plan, burst)
    yield from _latency(burst, what)
    yield Figure(f"{what}: answers sent", "/mail", 2), sent / plan.mails
    middle, most = waited[len(waited) // 2], waited[len(waited) * 99 // 100]
    yield Figure(f"{what}: accepted to answer handed over, median", "s", 2), middle
    yield Figure(f"{what}: accepted to answer handed over, 99 %", "s", 2), most
    all_seconds = cost.all_seconds + server
    yield Figure(f"{what}: processor", "ms/mail", 2), 1_000 * all_seconds / plan.mails
    for part, took in cost.seconds.items():
        yield Figure(f"{what}: processor, {part}", "ms/mail", 2), 1_000 * took / plan.mails
    if books.cluster is not None:
        yield Figure(f"{what}: processor, server", "ms/mail", 2), 1_000 * server / plan.mails
    yield Figure(f"{what}: cores used", "", 2), all_seconds / seconds
    flushes = {name: daemon.counters[key] / plan.mails for key, name in FLUSHES.items()}
    for name, count in flushes.items():
        yield Figure(f"{what}: flushes of the {name}", "/mail", 2), count
    yield Figure(f"{what}: flushes in all", "/mail", 2), sum(flushes.values())
    yield Figure(f"{what}: peak memory", "MB", 0), cost.octets / 1e6
    yield Figure(f"{what}: memory at the end, shared parts once", "MB", 0), cost.shared_out / 1e6
    yield Figure(f"{what}: processes", ""), cost.processes
    cpu = 1_000 * burst.cpu_seconds / plan.mails
    yield Figure(f"{what}: processor, load generator", "ms/mail", 2), cpu


def _waited(books: Books) -> list[float]:
    """Return the seconds from each mail's acceptance to what it caused being handed over."""
    moments = books.rows(
        "SELECT journal.received_at, delivery.done_at FROM delivery"
        " JOIN outbox ON outbox.id = delivery.outbox_id"
        " JOIN journal ON journal.id = outbox.journal_id WHERE delivery.state = 'sent'"
    )
    return sorted((_moment(end) - _moment(begin)).total_seconds() for begin, end in moments)


def _moment(value: datetime | str) -> datetime:
    """SQLite keeps instants as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _rate(plan: Plan, burst: Burst) -> float:
    return plan.mails / burst.load.seconds


def _wait_for_outbox(books: Books) -> tuple[int, float]:
    """Wait until nothing waits to be sent; return how much was, and when that was so."""
    unsent = (  # each by its index: asking must not cost what is measured
        "SELECT (SELECT count(*) FROM delivery WHERE state in ('waiting', 'uncertain'))"
        " + (SELECT count(*) FROM delivery WHERE state = 'sending')"
    )
    until = time.perf_counter() + LONGEST
    while books.value(unsent):
        if time.perf_counter() > until:
            raise RuntimeError("the outbox does not become empty")
        time.sleep(POLL)
    at = time.perf_counter()
    return int(books.value("SELECT count(*) FROM delivery WHERE state = 'sent'")), at


def _check(plan: Plan, books: Books, sent: int) -> None:
    """A fast daemon that loses mail is no fast daemon."""
    answers = sum(1 for mail in make_corpus(plan.mails) if mail.thread)
    outcomes = dict(books.rows("SELECT outcome, count(*) FROM journal GROUP BY outcome"))
    _expect("mails in the journal", plan.mails, sum(outcomes.values()))
    _expect("mails appended to their request", answers, outcomes.get("appended", 0))
    _expect("requests opened", plan.mails - answers, outcomes.get("opened", 0))
    _expect("mails left in the spool", 0, _count(books.folder, "spool.db", "mail"))
    maildir = books.folder / "sent" / "new"
    _expect("mails in the Maildir", sent, sum(1 for _ in maildir.iterdir()))


def _expect(what: str, expected: int, found: int) -> None:
    if expected != found:
        raise RuntimeError(f"{what}: expected {expected}, found {found}")


def _count(folder: Path, file: str, table: str) -> int:
    with closing(_open(folder, file)) as db:
        number: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return number


def _open(folder: Path, file: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder / 'var' / file}?mode=ro", uri=True)


# ---- showing


def table(results: list[Result]) -> str:
    """Return the figures as a Markdown table."""
    by_name = {result.figure.name: result for result in results}
    yardstick = by_name[YARDSTICK].median if YARDSTICK in by_name else None
    rows = [("", "median", "lowest - highest", "ratio"), ("---", "---:", "---:", "---:")]
    for result in results:
        figure, digits = result.figure, result.figure.digits
        ratio = f"{result.median / yardstick:.2f}" if figure.has_ratio and yardstick else ""
        rows.append(
            (
                figure.name,
                f"{result.median:,.{digits}f} {figure.unit}".rstrip(),
                f"{min(result.values):,.{digits}f} - {max(result.values):,.{digits}f}",
                ratio,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(cells)} |"


def describe(plan: Plan) -> Mapping[str, str]:
    """Return what stands above the table."""
    octets = sum(len(mail.raw) for mail in make_corpus(plan.mails))
    return {
        "Python": f"{platform.python_version()} in {sys.base_prefix}",
        **machine.describe(plan.folder),
        "corpus": f"{plan.mails} mails, {octets / 1e6:.1f} MB, seed {SEED}",
        "runs": str(plan.runs),
    }


def main() -> None:
    """Measure, print, and write JSON if wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--mails", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there too")
    parser.add_argument("--folder", type=Path, help="measure on the disk of this folder")
    parser.add_argument("--database", choices=DATABASES, help="only with this one; else with both")
    parser.add_argument("--only", choices=("end-to-end",), help="leave the rest of the table out")
    parser.add_argument("--profile", action="store_true", help="where the time goes, no table")
    options = parser.parse_args()
    runs = options.runs or (QUICK_RUNS if options.quick else RUNS)
    mails = options.mails or (QUICK_MAILS if options.quick else MAILS)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="postroom-bench-") as folder:
        databases = (options.database,) if options.database else DATABASES
        plan = Plan(mails, runs, Path(folder), databases, options.only is None)
        for name, value in (about := describe(plan)).items():
            print(f"{name}: {value}")
        if options.profile:
            from bench.profiling import print_profile  # noqa: PLC0415 - the daemon's code is loaded

            print_profile(plan.folder, mails)
            return
        results = measure(plan, lambda text: print(text, file=sys.stderr, flush=True))
        print("\n" + table(results))
        if options.json is not None:
            _write_json(options.json, about, results)


def _write_json(path: Path, about: Mapping[str, str], results: list[Result]) -> None:
    rows = [
        {
            "name": result.figure.name,
            "unit": result.figure.unit,
            "median": result.median,
            "values": result.values,
        }
        for result in results
    ]
    path.write_text(json.dumps({"about": about, "figures": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""The growth curve: what one machine does when its database already holds many requests.

    python -m bench.growth [--requests N,N] [--mails N] [--runs N] [--database postgresql]

A site is made by real mail through a real daemon, and then multiplied by the database itself
(bench.herd). At each size the whole daemon works through new mail, in turns with an empty site, so
that both meet the same weather. See bench/README.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import machine
from bench.corpus import SEED
from bench.herd import Changed, Herd
from bench.processes import Daemon, Generator
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    Text,
    case,
    cast,
    create_engine,
    func,
    insert,
    literal,
    null,
    select,
    text,
    update,
)
from tests.postgres import Cluster, new_cluster

from postroom.config import load_config
from postroom.house import open_house
from postroom.store import schema as t
from postroom.store import views
from postroom.store.filters import Wanted
from postroom.store.search import Order, find

SIZES = (20_000, 200_000, 1_000_000)
MAILS, RUNS, ORIGINALS = 2_000, 3, 2_000
CONNECTIONS = 10
LONGEST = 900.0
POLL = 0.02
OPEN = 50  # one copy in so many is still open
YEARS = 3  # that the requests are spread over
LOOKS = 5
LISTED = 50
RAW = b"Subject: a copy\r\n\r\nThe mails themselves are not copied: bench.raw fills a table.\r\n"
# A server as an administrator would set it up, not as tests want it.
SERVER = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}

# Lists as people ask for them who work with them.
LISTS = {
    "active, of eva": Wanted(phase="active", owner="eva"),
    "active, of nobody": Wanted(phase="active", owner="none"),
    "with a word of every sixth": Wanted(search="manual"),
    "with two rare words": Wanted(search="holidays works"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the whole daemon."""

    rate: float  # mails a second, until the last answer was handed over
    decided: float  # the same, until the last was decided and committed
    accepted: float
    slow: float  # milliseconds from MAIL to 250 of the slowest hundredth
    processor: float  # milliseconds for each mail
    megabytes: float  # the peaks of all processes, added up


@dataclass(slots=True)
class Point:
    """What was measured at one size; `empty` is the empty site, in turns with it."""

    requests: int
    octets: int = 0
    grown: list[Run] = field(default_factory=list)
    empty: list[Run] = field(default_factory=list)
    lists: dict[str, float] = field(default_factory=dict)  # milliseconds


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: at which sizes, with how much mail, how often."""

    sizes: tuple[int, ...]
    mails: int
    runs: int
    originals: int  # mails that the site is multiplied from


class Sites:
    """Folders with sites, and where their databases are."""

    def __init__(self, folder: Path, cluster: Cluster | None) -> None:
        self._folder = folder
        self._cluster = cluster

    def make(self, name: str) -> tuple[Path, str]:
        """Make a site with an empty database; return its folder, and the url of the config."""
        if self._cluster is None:
            return self._folder / name, "sqlite"
        with self._cluster.connect() as admin:
            admin.execute(f"CREATE DATABASE {name}")
        return self._folder / name, self._cluster.server(name).url

    @staticmethod
    def engine(folder: Path, url: str) -> Engine:
        """Open its database, beside Postroom."""
        return create_engine(
            f"sqlite:///{folder / 'var' / 'postroom.db'}" if url == "sqlite" else url
        )


def measure(sites: Sites, plan: Plan, progress: Progress) -> Iterator[Point]:
    """Yield what was measured at each size, the smallest first."""
    folder, url = sites.make("grown")
    task = progress.add_task("a site made by mail", total=None)
    work_through(folder, url, plan.originals, SEED - 1)
    engine = sites.engine(folder, url)
    with engine.connect() as connection:
        step = connection.execute(select(func.max(t.request.c.id))).scalar_one()
    herd = Herd(engine, aged(engine, max(plan.sizes) // step))
    for size in plan.sizes:
        progress.update(task, description=f"{size:,} requests", total=size)
        for count in herd.growing(size):
            progress.update(task, completed=count)
        point = Point(herd.requests, octets_of(engine))
        for number in range(plan.runs):
            seed = SEED + size + number
            progress.update(task, description=f"{size:,} requests: run {number + 1} of {plan.runs}")
            empty = sites.make(f"empty{size}_{number}")
            point.empty.append(work_through(*empty, plan.mails, seed))
            rest(engine)
            point.grown.append(work_through(folder, url, plan.mails, seed))
        point.lists = dict(look(folder))
        yield point


def aged(engine: Engine, copies: int) -> dict[str, Changed]:
    """Say what copies have else: spread over the years, newest last, and most of them over."""
    step = int(timedelta(days=365 * YEARS).total_seconds() / max(copies, 1))
    is_sqlite = engine.dialect.name == "sqlite"

    def earlier(column: Any, n: Any) -> Any:
        seconds = (copies - n) * step
        if is_sqlite:
            ago = literal("-").concat(cast(seconds, Text)).concat(literal(" seconds"))
            then = func.strftime("%Y-%m-%d %H:%M:%f000", column, ago)
        else:
            then = column - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        # An open one that is years old would be overdue in everything.
        return case((n % OPEN == 0, column), else_=then)

    def unless_open(value: Any) -> Changed:
        return lambda column, n: case((n % OPEN == 0, column), else_=value)

    changes: dict[str, Changed] = {
        str(column): earlier
        for table in t.metadata.tables.values()
        for column in table.c
        if isinstance(column.type, t.UtcDateTime) and column.name.endswith("_at")
    }
    changes |= {
        str(column): earlier
        for column in (t.history.c.at, t.message.c.at, t.outbox.c.at, t.hold.c.since)
    }
    for name in ("deadline", "first_reply_due", "next_reply_due", "chain_due", "clock_due"):
        changes[f"request.{name}_at"] = unless_open(null())
    changes["request.closes_at"] = unless_open(null())
    del changes["timer.due_at"]  # of those that are armed still: ahead
    changes["timer.state"] = unless_open(literal("cancelled"))
    changes["request.chain_state"] = unless_open(literal("none"))
    changes["request.status"] = changes["request.phase"] = unless_open(literal("closed"))
    changes["request.facet_id"] = unless_open(closed_facet(engine))
    changes["request.closed_at"] = lambda column, n: case(
        (n % OPEN == 0, column),
        else_=earlier(t.request.c.updated_at, n),
    )
    changes["journal.spool_name"] = lambda *_: literal("copies-1")
    changes["raw_mail.raw"] = lambda *_: literal(RAW, LargeBinary)
    return changes


def rest(engine: Engine) -> None:
    """Let no timer of the older requests be due meanwhile: a crowd of them is bench.timers' own."""
    far = datetime.now(UTC) + timedelta(days=300)
    with engine.begin() as connection:
        armed = (t.timer.c.state == "armed", t.timer.c.due_at < far)
        connection.execute(update(t.timer).where(*armed).values(due_at=far))


def closed_facet(engine: Engine) -> Any:
    """Make a facet for each that a closed copy needs; return how a request's is found."""
    over = {"phase": literal("closed"), "status": literal("closed")}
    names = [column.name for column in t.facet.c if column.name != "id"]
    twins = select(*(over.get(name, t.facet.c[name]) for name in names)).distinct()
    with engine.begin() as connection:
        connection.execute(insert(t.facet).from_select(names, twins))
    old, new = t.facet.alias("old"), t.facet.alias("new")
    is_twin = (new.c[name] == over.get(name, old.c[name]) for name in names)
    found = select(new.c.id).where(old.c.id == t.request.c.facet_id, *is_twin)
    return found.correlate(t.request).scalar_subquery()


def work_through(folder: Path, url: str, mails: int, seed: int) -> Run:
    """Let a whole daemon work through new mail; nothing may be lost, or there is no figure."""
    generator = Generator(mails, seed)
    engine = Sites.engine(folder, url)
    try:
        with Daemon(folder, database=url) as daemon:
            daemon.settle()
            before = newest(engine)
            burst = generator.send(daemon.port, CONNECTIONS)
            worked_at = daemon.wait_for("mail.worked", mails, LONGEST)
            sent_at = wait_for_outbox(engine)
            cost = daemon.cost()
            if newest(engine) - before != mails:
                raise RuntimeError(f"{newest(engine) - before} of {mails} mails in the journal")
    finally:
        generator.close()
        engine.dispose()
    times = sorted(burst.load.latencies)
    return Run(
        rate=mails / (max(worked_at, sent_at) - burst.begin),
        decided=mails / (worked_at - burst.begin),
        accepted=mails / burst.load.seconds,
        slow=1_000 * times[len(times) * 99 // 100],
        processor=1_000 * cost.all_seconds / mails,
        megabytes=cost.octets / 1e6,
    )


def newest(engine: Engine) -> int:
    """Return the newest row of the journal."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(t.journal.c.id))).scalar() or 0


def wait_for_outbox(engine: Engine) -> float:
    """Wait until nothing waits to be sent; return when that was so."""
    until = time.perf_counter() + LONGEST
    # As the partial indexes have it: a count over all deliveries would be half of the work here.
    queued, leased = (
        text(f"SELECT 1 FROM delivery WHERE state {which} LIMIT 1")
        for which in ("in ('waiting', 'uncertain')", "= 'sending'")
    )
    while time.perf_counter() < until:
        with engine.connect() as connection:
            if not (connection.execute(queued).first() or connection.execute(leased).first()):
                return time.perf_counter()
        time.sleep(POLL)
    raise RuntimeError("the outbox does not become empty")


def look(folder: Path) -> Iterator[tuple[str, float]]:
    """Time the lists of requests, and one request whole, as the command line loads them."""
    with open_house(load_config(folder / "config.toml"), adopts=False) as house:
        for name, wanted in LISTS.items():
            yield f"list {name}", _timed(house, lambda c, w=wanted: _listed(c, w))
        yield "one request", _timed(house, lambda c: views.whole_request(c, "", 7))


def _listed(connection: Connection, wanted: Wanted) -> None:
    found = find(connection, wanted, Order.UPDATED, LISTED)
    views.requests(connection, "", found.ids)


def _timed(house: Any, query: Any) -> float:
    times = []
    for _ in range(LOOKS):
        with house.database.read() as connection:
            begin = time.perf_counter()
            query(connection)
            times.append(1_000 * (time.perf_counter() - begin))
    return statistics.median(times)


def octets_of(engine: Engine) -> int:
    """Return how large the database is."""
    size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    if engine.dialect.name != "sqlite":
        size = "SELECT pg_database_size(current_database())"
    with engine.connect() as connection:
        return int(connection.execute(text(size)).scalar_one())


# ---- showing


def table(points: list[Point]) -> str:
    """Return the curve as a Markdown table, a column for each size."""
    middle = statistics.median
    head = ["requests", *(f"{point.requests:,}" for point in points)]
    rows = [head, ["---", *("---:" for _ in points)]]

    def row(name: str, *cells: str) -> None:
        rows.append([name, *cells])

    def both(name: str, key: str, digits: int = 0) -> None:
        cells = []
        for point in points:
            grown = middle(getattr(run, key) for run in point.grown)
            empty = middle(getattr(run, key) for run in point.empty)
            cells.append(f"{grown:,.{digits}f} ({empty:,.{digits}f}; {grown / empty:.0%})")
        row(name, *cells)

    row("database, GB", *(f"{point.octets / 1e9:.1f}" for point in points))
    both("worked through, mails/s", "rate")
    both("all in their requests, mails/s", "decided")
    both("accepted meanwhile, mails/s", "accepted")
    both("MAIL to 250, 99 %, ms", "slow", 1)
    both("processor, ms/mail", "processor", 2)
    both("peak memory, MB", "megabytes")
    for name in points[0].lists:
        row(f"{name}, ms", *(f"{point.lists[name]:,.1f}" for point in points))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


@contextmanager
def opened_cluster(kind: str) -> Iterator[Cluster | None]:
    """Start a PostgreSQL, if that is wanted."""
    with nullcontext() if kind == "sqlite" else new_cluster(**SERVER) as cluster:
        yield cluster


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--requests", default=",".join(map(str, SIZES)), help="sizes of the site")
    parser.add_argument("--mails", type=int, default=MAILS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--originals", type=int, default=ORIGINALS, help="mails to multiply")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="measure on the disk of this folder")
    options = parser.parse_args()
    sizes = tuple(sorted(int(size) for size in options.requests.split(",")))
    plan = Plan(sizes, options.mails, options.runs, options.originals)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(dir=options.folder, prefix="postroom-bench-")
            )
        )
        for name, value in machine.describe(folder).items():
            print(f"{name}: {value}", file=sys.stderr)
        cluster = stack.enter_context(opened_cluster(options.database))
        progress = stack.enter_context(Progress(console=Console(stderr=True)))
        sites = Sites(folder, cluster)
        points = []
        for point in measure(sites, plan, progress):
            points.append(point)
            print(f"\n{table([point])}\n", file=sys.stderr, flush=True)  # the next may take long
    print(f"\n{options.database}; in brackets the empty site, in turns\n\n{table(points)}")


if __name__ == "__main__":
    main()

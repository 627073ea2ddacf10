"""The bench of lists: how long `request list` takes among very many requests.

    python -m bench.lists [--requests N] [--url URL] [--folder DIR]

Fills a database (bench.filling), then asks what `request list --limit 50` asks: the numbers of the
requests that are wanted, and their rows. A database that is in the folder already is used again.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

from bench import filling
from sqlalchemy import Connection

from postroom.core.place import Place, Server
from postroom.store import views
from postroom.store.db import Database
from postroom.store.filters import Wanted
from postroom.store.migrate import open_database
from postroom.store.search import Order, find

LIMIT = 50
ROUNDS = 15
COMBINATIONS = 200

LISTS: dict[str, dict[str, Any]] = {
    "all": {},
    "phase": {"phase": "active"},
    "phase, the last changed": {"phase": "active", "order": Order.UPDATED},
    "status, owner": {"status": "open", "owner": "handler03"},
    "nobody's": {"phase": "active", "owner": "none"},
    "closed, owner, category, priority": {
        "status": "resolved",
        "owner": "handler07",
        "category": "area3/part2",
        "priority": "high",
    },
    "closed, tree of categories, the last changed": {
        "phase": "closed",
        "category": "area5",
        "order": Order.UPDATED,
    },
    "what nobody has": {"status": "rejected", "owner": "handler23", "mailbox": "nowhere"},
    "tag": {"tag": "tag0"},
    "tag, owner, priority": {"tag": "tag1", "owner": "handler05", "priority": "urgent"},
    "requester": {"requester": "person77@example77.net"},
    "requester of very many": {"requester": "person1@example1.net", "priority": "urgent"},
    "a month, two years ago": {
        "since": filling.END - timedelta(days=760),
        "until": filling.END - timedelta(days=730),
    },
    "changed in a week, category": {
        "changed_since": filling.END - timedelta(days=400),
        "category": "area2/part1",
        "changed_until": filling.END - timedelta(days=393),
    },
    "a word of nearly all": {"search": filling.COMMON},
    "two common words": {"search": f"{filling.COMMON} {filling.USUAL}"},
    "a common word, of two owners' open ones": {"search": filling.USUAL, "phase": "active"},
    "a common word, closed, one category": {
        "search": filling.USUAL,
        "category": "area4/part4",
        "status": "rejected",
    },
    "a common word, a month two years ago": {
        "search": filling.USUAL,
        "since": filling.END - timedelta(days=760),
        "until": filling.END - timedelta(days=730),
    },
    "a phrase": {"search": f'"kind {filling.COMMON}"'},
    "an address": {"search": "person777@example277.net"},
    "a domain": {"search": "example277.net"},
    "an order's number": {"search": "AB-0000123"},
    "the beginning of a word": {"search": "kalo*"},
    "the beginning of very many": {"search": "a*"},
    "a common word without another": {"search": f"{filling.COMMON} -{filling.USUAL}"},
    "no such word": {"search": "xylophone"},
}


@dataclass(frozen=True, slots=True)
class Taken:
    """How long one list took, in milliseconds; `processor` without a server's."""

    found: int
    wall: float
    processor: float


def measure(database: Database) -> Iterator[tuple[str, list[Taken]]]:
    """Yield each list with how long it took in each round."""
    for name, asked in LISTS.items():
        yield name, [_timed(database, asked) for _ in range(ROUNDS)]
    chance = random.Random(11)
    asked = [combination(chance) for _ in range(COMBINATIONS)]
    yield f"{COMBINATIONS} combinations", [_timed(database, one) for one in asked]


def combination(chance: random.Random, least: int = 2) -> dict[str, Any]:
    """Return `least` to five filters, whatever they are, with words or without."""
    filters: dict[str, Any] = {
        "status": chance.choice((*filling.OPEN, *filling.CLOSED)),
        "owner": chance.choice((*filling.OWNERS, "none")),
        "category": chance.choice((*filling.CATEGORIES, "area1", "area4")),
        "priority": chance.choice(filling.PRIORITIES),
        "type": chance.choice(filling.TYPES),
        "mailbox": chance.choice(filling.MAILBOXES),
        "tag": chance.choice(filling.TAGS),
        "requester": f"person{(n := chance.randint(1, 500))}@example{n % 500}.net",
        "since": filling.END - timedelta(days=chance.randint(1, 1_800)),
        "search": chance.choice((filling.COMMON, filling.USUAL, "hello", "Müller", "kalomi")),
    }
    names = chance.sample(sorted(filters), chance.randint(least, 5))
    order = chance.choice((Order.CREATED, Order.UPDATED, Order.RANK))
    return {name: filters[name] for name in names} | {"order": order}


def _timed(database: Database, asked: dict[str, Any]) -> Taken:
    wanted = dict(asked)
    order = wanted.pop("order", Order.RANK if "search" in wanted else Order.CREATED)
    begun = time.perf_counter(), time.process_time()
    with database.read() as connection:
        found = _list(connection, Wanted(**wanted), order)
    wall, processor = time.perf_counter() - begun[0], time.process_time() - begun[1]
    return Taken(found, wall * 1_000, processor * 1_000)


def _list(connection: Connection, wanted: Wanted, order: Order) -> int:
    listing = find(connection, wanted, order, LIMIT)
    return len(views.requests(connection, "", listing.ids))


def _spread(taken: list[float]) -> tuple[float, float]:
    return statistics.median(taken), sorted(taken)[ceil(0.99 * len(taken)) - 1]


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description="Measure lists among very many requests.")
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="for the file; else none is kept")
    parser.add_argument("--url", help="of an empty database, or of one that this has filled")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="postroom-lists-") as made:
        folder = options.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"lists-{options.requests}.db"
        _run(Server(options.url) if options.url else file, options.requests)


def _run(place: Place, requests: int) -> None:
    database = open_database(place)
    try:
        with database.read() as connection:
            is_empty = not find(connection, Wanted(), Order.CREATED, 1).ids
        if is_empty:
            begun = time.perf_counter()
            for done in filling.fill(database, requests):
                print(f"\r{done:,} of {requests:,} requests", end="", file=sys.stderr)
            print(f" filled in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        print(f"{requests:,} requests, lists of {LIMIT}, {database.engine.dialect.name}\n")
        print("| list | found | median | 99 % | processor, median | 99 % |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for name, taken in measure(database):
            walls, processors = [one.wall for one in taken], [one.processor for one in taken]
            figures = (*_spread(walls), *_spread(processors))
            found = statistics.median_low(one.found for one in taken)
            print(f"| {name} | {found} | {' | '.join(f'{one:.1f} ms' for one in figures)} |")
    finally:
        database.close()


if __name__ == "__main__":
    main()

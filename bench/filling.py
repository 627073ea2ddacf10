"""A database with as many requests as wanted, of five years, with realistic words and people.

Most are closed, a few customers write most of the mail, a few words stand in most messages: what
makes lists slow. Rows only, straight into the tables: nothing was ever decided about them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, insert, text

from postroom.core.words import words_of
from postroom.store import facets, word_index
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.prepared import Prepared

PORTION = 2_000
Row = dict[str, Any]
YEARS = timedelta(days=5 * 365)
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COMMON, USUAL = "regards", "invoice"  # in nearly every message, in every fourth

OWNERS = [f"handler{n:02}" for n in range(24)]
CATEGORIES = [f"area{n}/part{m}" for n in range(6) for m in range(6)]
PRIORITIES = ["low", "medium", "high", "urgent"]
TYPES = ["general", "order-claim", "complaint"]
MAILBOXES = ["support", "sales", "billing"]
CLOSED, OPEN = ("resolved", "rejected"), ("pending", "open", "waiting")
TAGS = [f"tag{n}" for n in range(40)]
_TEXTS, _WORDS = 4_000, 20_000
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ren",
    "ta",
    "su",
    "vel",
    "dor",
    "an",
    "pi",
    "no",
    "ger",
    "ost",
    "bel",
    "ü",
    "ø",
    "é",
    "ra",
    "ton",
    "ski",
]
_NAMES = [
    "Ann",
    "Bob",
    "Carla",
    "Dag",
    "Eva",
    "Finn",
    "Grete",
    "Hugo",
    "Ida",
    "Jörg",
    "Kåre",
    "Łucja",
    "Müller",
    "Nora",
    "Olé",
    "Åse",
]


@dataclass
class _World:
    chance: random.Random
    texts: list[str]
    weights: dict[int, list[float]]

    def pick(self, of: Sequence[str]) -> str:
        """Choose one; the first is the most frequent."""
        weights = self.weights.setdefault(len(of), [1 / (n + 1) for n in range(len(of))])
        return self.chance.choices(of, weights)[0]


def fill(database: Database, count: int) -> Iterator[int]:
    """Fill an empty database with so many requests; yield how many there are so far."""
    chance = random.Random(7)
    world = _World(chance, list(itertools.islice(_texts(chance), _TEXTS)), {})
    people = max(count // 5, 2)
    for start in range(1, people + 1, PORTION):
        rows = [_person(n) for n in range(start, min(start + PORTION, people + 1))]
        database.write(lambda connection, rows=rows: _write_people(connection, rows))
    for start in range(1, count + 1, PORTION):
        numbers = range(start, min(start + PORTION, count + 1))
        requests = [_request(world, n, count, people) for n in numbers]
        database.write(lambda connection, rows=requests: _write(connection, world, rows))
        yield numbers[-1]
    database.write(_finish)


def _texts(chance: random.Random) -> Iterator[str]:
    vocabulary = [
        "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(20_000)
    ]
    cumulative = list(itertools.accumulate(1 / (n + 5) for n in range(len(vocabulary))))
    while True:
        words = chance.choices(vocabulary, cum_weights=cumulative, k=chance.randint(30, 150))
        usual = f"the {USUAL} of" if chance.random() < 0.25 else "what"
        yield f"Hello,\n{usual} {' '.join(words)}.\nKind {COMMON}\n"


def _person(n: int) -> tuple[dict[str, Any], dict[str, Any]]:
    name, key = f"{_NAMES[n % len(_NAMES)]} Berg{n}", f"person{n}@example{n % 500}.net"
    contact = {"id": n, "name": name, "created_at": END - YEARS}
    return contact, {"key": key, "address": key, "contact_id": n}


def _request(world: _World, n: int, count: int, people: int) -> dict[str, Any]:
    chance = world.chance
    created = END - YEARS + YEARS * (n / (count + 1))
    is_open = chance.random() < (0.3 if n > count * 0.98 else 0.005)
    status = world.pick(OPEN if is_open else CLOSED)
    # A machine writes one in fifty, a few people most of the rest.
    person = 1 if chance.random() < 0.02 else min(int(people * chance.random() ** 3) + 1, people)
    subject = " ".join(chance.choice(world.texts).split()[2:6])
    return {
        "id": n,
        "version": 1,
        "type": world.pick(TYPES),
        "subject": f"{subject} AB-{n:07}",
        "mailbox": world.pick(MAILBOXES),
        "category": world.pick(CATEGORIES),
        "priority": world.pick(PRIORITIES),
        "status": status,
        "phase": "active" if is_open else "closed",
        "owner": None if is_open and chance.random() < 0.2 else world.pick(OWNERS),
        "requester_id": person,
        "language": "en",
        "extracted": {},
        "auto_reply": "not wanted",
        "created_at": created,
        "updated_at": min(created + timedelta(days=chance.expovariate(0.3)), END),
    }


def _write_people(
    connection: Connection, rows: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    _insert(connection, t.contact, [contact for contact, _ in rows])
    _insert(connection, t.address, [address for _, address in rows])


def _write(connection: Connection, world: _World, requests: list[dict[str, Any]]) -> None:
    known: dict[tuple[Any, ...], int] = connection.info.setdefault("bench.facets", {})
    for row in requests:
        values = tuple(row[name] for name in facets.NAMES)
        if values not in known:
            known[values] = facets.ask(connection, row).number(connection)
        row["facet_id"] = known[values]
    _insert(connection, t.request, requests)
    messages = [_message(world, row) for row in requests]
    _insert(connection, t.message, messages)
    tagged = [row["id"] for row in requests if world.chance.random() < 0.2]
    _insert(connection, t.tag, [{"request_id": n, "tag": world.pick(TAGS)} for n in tagged])
    for row in messages:
        said = f"{row['request_id']} {row['from_name']} {row['from_address']}"
        words = words_of(f"{said} {row['subject']} {row['text']}")
        word_index.add(connection, row["request_id"], row["id"], words, is_internal=False)


def _message(world: _World, request: dict[str, Any]) -> dict[str, Any]:
    said = world.chance.choice(world.texts)
    _, address = _person(request["requester_id"])
    return {
        "id": request["id"],
        "request_id": request["id"],
        "direction": "in",
        "visibility": "public",
        "contact_id": request["requester_id"],
        "from_name": _person(request["requester_id"])[0]["name"],
        "from_address": address["address"],
        "to_addresses": ["support@example.com"],
        "subject": request["subject"],
        "text": said,
        "fresh": said,
        "references": [],
        "at": request["created_at"],
        "origin": "person",
        "verdict": "none",
        "thread_reason": "new",
        "attached_text": "",
    }


_STATEMENTS = {
    table.name: Prepared(insert(table))
    for table in (t.contact, t.address, t.request, t.message, t.tag)
}


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        _STATEMENTS[table.name].run_each(connection, rows)


def _finish(connection: Connection) -> None:
    """Give the planner its statistics, and PostgreSQL's counters their numbers."""
    if connection.dialect.name == "postgresql":
        for name in ("contact", "request", "message", "facet"):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}")
            )
    connection.exec_driver_sql("ANALYZE")

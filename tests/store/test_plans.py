"""Every statement of store/ finds its rows by an index, on both databases: none reads a table that
grows with mail from one end to the other. The exceptions are named here, with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bench.lists import LISTS
from sqlalchemy import Connection, select
from sqlalchemy.exc import NoResultFound
from tests import postgres
from tests.flow.test_audit import furnish
from tests.houses import NOON, make_house
from tests.store import plans

from postroom.errors import NotAllowed, NotFound
from postroom.house import House
from postroom.store import (
    apply,
    audit,
    digests,
    due,
    figures,
    filters,
    following,
    hooks,
    indexing,
    journal,
    leases,
    pause,
    policies,
    queue,
    raw,
    reads,
    restored,
    search,
    views,
    word_index,
)
from postroom.store import schema as t
from postroom.store.filters import Wanted
from postroom.store.search import Order, find

# Never run as they are: others are made of them.
PARTS = {
    *("background._HOLDS", "hooks._ENTRIES", "journal._ENTRY", "journal._HOLDS", "queue._LAPSE"),
    *("queue.ENTRIES", "views._REQUESTS", "views._TAGS"),
    "pause._DOUBT",
}
_ALL = "the command lists all that there is, by its contract"
_NIGHTLY = "audit looks at everything, once a night"
MAY_SCAN: dict[plans.Site, str] = {
    ("audit", "findings"): _NIGHTLY,
    ("audit", "counts"): _NIGHTLY,
    ("due", "timers"): _ALL,
    ("hooks", "entries"): _ALL,
    ("journal", "entries"): _ALL,
    ("journal", "holds"): _ALL,
    ("queue", "entries"): _ALL,
    ("indexing", "count"): "for the progress of a migration",
    ("restored", "stand_still"): "in a restored copy, once",
    ("pause", "doubt"): "in a restored copy, once",
}
# A list walks along these from the newest request on, and ends when it has enough (store.search).
WALKS = {"request along request_by_creation", "request along request_by_change"}
# Run by none of the calls below: they say themselves why.
APART = {
    ("audit", "damage"): "PRAGMA",
    ("audit", "broken_references"): "PRAGMA",
    ("restored", "age"): "the driver's own connection; one row",
    ("word_index", "create"): "DDL",
    ("word_index", "matches"): "PostgreSQL: the greatest key, by its index",
    ("search", "_prepare"): "PostgreSQL: settings",
    ("word_index", "add"): "an INSERT, by the driver",
    ("request_facts", "_of"): "runs what it is given: statements that are kept",
    ("unsent", "flush"): "sends what others have put there: statements that are kept",
    ("writing", "inserted"): "runs what it is given: statements that are kept",
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    # A database that was used and emptied has other statistics, and so other plans.
    monkeypatch.setattr(postgres, "_free", [])
    with make_house(tmp_path) as opened:
        furnish(opened)
        yield opened


def test_statements_that_are_kept_find_their_rows_by_an_index(house: House) -> None:
    statements = plans.prepared_statements()
    assert len(statements) > 150
    assert statements.keys() >= PARTS
    found = {}

    def look(connection: Connection) -> None:
        for name in statements.keys() - PARTS:
            statement = statements[name]
            if plans.has_plan(statement) and (scanned := plans.scans(connection, statement)):
                found[name] = scanned

    house.database.write(look)
    assert {} == found, plans.shown(found)


def all_calls(kept: Connection) -> Iterator[Callable[[], Any]]:
    """Yield calls that together run every statement which is made on the spot."""
    policy = policies.active_policy(kept) or ""
    yield lambda: apply.activate_policy(kept, policy, {}, NOON)
    yield lambda: list(audit.findings(kept))
    yield lambda: audit.counts(kept)
    yield lambda: digests.plan(kept, {"eva": NOON, "kim": NOON}, NOON)
    yield lambda: digests.plan(kept, {"eva": NOON + timedelta(days=1)}, NOON)
    yield lambda: (due.timers(kept), due.timers(kept, "armed"))
    yield lambda: figures.brakes(kept, ["alarm:outbox"])
    yield lambda: (following.names_in_use(kept), following.count_open(kept))
    yield lambda: (hooks.entries(kept), hooks.entries(kept, ["failed"]))
    yield lambda: hooks.entry(kept, 1)
    yield lambda: indexing.count(kept)
    yield lambda: (journal.entries(kept), journal.entries(kept, "held"))
    yield lambda: (journal.holds(kept), journal.holds(kept, waiting=True))
    yield lambda: journal.hold(kept, 1)
    yield lambda: leases.take(kept, ["imap:x"], "h", "mx1", NOON, timedelta(seconds=15))
    yield lambda: (pause.waiting(kept), pause.doubt(kept, "it"))
    yield lambda: pause.begin(kept, NOON, "eva", "why")
    yield lambda: pause.end(kept, NOON, "eva", cancels=True)
    yield lambda: (policies.policies(kept), policies.policy_texts(kept, policy))
    yield lambda: (queue.entries(kept), queue.entries(kept, ["failed"]))
    yield lambda: (queue.entry(kept, 1), queue.cancel(kept, 1, NOON, "eva"))
    yield lambda: (list(raw.keys_between(kept, "", "x")), raw.journal_of(kept, "x"))
    yield lambda: restored.move(kept, "mx1-1", "mx1-2", {1: 1})
    yield lambda: restored.stand_still(kept, NOON, "why")
    yield lambda: views.attachment(kept, 1, 1, 1)
    yield lambda: (views.opening(kept, 1), views.whole_request(kept, "", 1))
    yield lambda: views.requests(kept, "", [1, 2])
    yield lambda: reads.load_command_facts(kept, 1)


def all_lists() -> Iterator[tuple[Wanted, Order]]:
    """Yield lists of every kind and order; by number, a list begins where the table does."""
    for asked in (*LISTS.values(), {"search": "ann@example.net"}, {"search": "999"}):
        wanted = {name: value for name, value in asked.items() if name != "order"}
        for order in set(Order) - {Order.NUMBER}:
            yield Wanted(**wanted), order


def test_statements_made_on_the_spot_find_their_rows_by_an_index_and_none_is_missed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(connection: Connection) -> None:
        for one in all_calls(connection):
            try:
                one()
            except (
                NotFound,
                NotAllowed,
                NoResultFound,
            ):  # it has asked
                continue

    with plans.watching(house.database) as seen:
        house.database.write(call)
        for few, looked in ((5_000, 20_000), (0, 1)):
            monkeypatch.setattr(search, "FIRST_LOOK", looked)
            monkeypatch.setattr(filters, "FEW", few)
            monkeypatch.setattr(search, "LOOKED", looked)
            with house.database.read() as connection:
                for wanted, order in all_lists():
                    find(connection, wanted, order, 5)
                    find(connection, wanted, order, 5, after=1)
    assert set() == plans.other_sites() - seen.sites - APART.keys()
    lists = seen.scans.get(("search", "_listed"), set())
    lists -= WALKS
    found = {site: scanned for site, scanned in seen.scans.items() if scanned}
    assert set() == found.keys() - MAY_SCAN.keys(), plans.shown(found)
    assert set() == MAY_SCAN.keys() - found.keys(), "these scan nothing any more"


@pytest.mark.parametrize("words", [{"subject": "x"}, {"text": "x"}])
def test_a_scan_would_be_seen(house: House, words: dict[str, str]) -> None:
    statement = select(t.message.c.id).filter_by(**words)

    def look(connection: Connection) -> set[str]:
        return plans.scans(connection, statement)

    assert {"message"} == house.database.write(look)
    assert plans.LARGE <= {*t.metadata.tables, word_index.TABLE}

"""Search and lists: what is asked is found, and the same on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import filling
from bench.lists import combination
from sqlalchemy import Connection, insert, select
from tests.houses import mail, make_house, put_in, ripe
from tests.kinds import ground

from postroom.core.changes import ChangeProperty
from postroom.core.commands import WriteAnswer, WriteNote
from postroom.core.words import read_query, stands_in, words_of
from postroom.house import House
from postroom.mail.parse import read_mail
from postroom.store import facets, filters, indexing, search, word_index
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.filters import Wanted
from postroom.store.migrate import open_database
from postroom.store.search import Listing, Order, find
from postroom.work.audit import audit

REQUESTS = 260


def found(house: House, words: str, *, is_public: bool = False) -> list[int]:
    with house.database.read() as connection:
        order = Order.NUMBER
        return list(find(connection, Wanted(words), order, prefix="R-", is_public=is_public).ids)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path) as opened:
        yield opened


def write(house: House, request_id: int, text: str, *, is_note: bool) -> None:
    raw = mail("Re: it", text, sender="Eva Berg <eva@example.com>")
    read = read_mail(raw)
    command = WriteNote(read) if is_note else WriteAnswer(read)
    house.desk.command(command, request_id, "eva", raw=raw)


def test_what_was_written_is_found_by_its_words(house: House) -> None:
    put_in(house, mail("Printer broken", "Order AB-1234: Müller says there is smoke.\n"))
    put_in(
        house, mail("発送について", "東京タワーの近くです\n", sender="Łucja <lucja@example.org>")
    )
    put_in(house, mail("Blåbær", "การบริการลูกค้า\n", sender="bob@smoke.example.net"))
    for words, expected in {
        "PRINTER smoke": [1],
        "smoke": [1, 3],
        "smoke -printer": [3],
        "printer water": [],
        "muller": [1],
        "Müller": [1],
        "AB-1234": [1],
        "1234": [1],
        '"says there"': [1],
        '"there says"': [],
        "ann@example.net": [1],
        '"Ann Berg"': [1],
        "example.net": [1, 3],
        "example.*": [1, 2, 3],
        "lucja": [2],
        "タワー": [2],
        "発送": [2],
        "送発": [],
        "บริการ": [3],
        "blabaer": [3],
        "prin*": [1],
        "rinter": [],
        "R-2": [2],
        "#3": [3],
        '"': [],
        '" AND NEAR( smoke': [],
        "smoke NOT -": [],
        "%": [],
    }.items():
        assert expected == found(house, words), words


def test_what_is_internal_is_found_by_handlers_only(house: House) -> None:
    put_in(house, mail("Broken", "It is broken.\n"))
    write(house, 1, "He never pays, a swindler.\n", is_note=True)
    write(house, 1, "We have repaired it.\n", is_note=False)
    assert [1] == found(house, "swindler") == found(house, "repaired")
    assert [] == found(house, "swindler", is_public=True)
    assert [1] == found(house, "repaired", is_public=True) == found(house, "br*", is_public=True)
    # A note is found together with whose request it is about.
    assert [1] == found(house, "swindler ann@example.net broken")
    assert [] == found(house, "repaired OR swindler", is_public=True)


def test_a_new_subject_is_found_and_the_old_one_too(house: House) -> None:
    put_in(house, mail("Broken"))
    for subject in ("Leaking pipe", "Leaking pipe again"):
        house.desk.command(ChangeProperty("subject", subject), 1, "eva")
    assert [1] == found(house, "broken") == found(house, '"leaking pipe"') == found(house, "again")


def test_of_a_reply_only_what_is_new_is_indexed_but_all_that_is_passed_on(house: House) -> None:
    put_in(house, mail("Broken", "Hello\n", message_id="first@example.net"))
    quote = "\n\nOn Friday Eva wrote:\n> quotedword\n"
    put_in(house, mail("Re: Broken", f"fresh{quote}", in_reply_to="first@example.net"))
    assert [1] == found(house, "fresh")
    assert [] == found(house, "quotedword")
    forward = "See\n\n---------- Forwarded message ---------\nFrom: x@example.org\n\npassedword\n"
    put_in(house, mail("Fwd: it", forward, in_reply_to="first@example.net"))
    assert [1] == found(house, "passedword")


def test_an_index_that_is_filled_anew_finds_the_same(house: House) -> None:
    put_in(house, mail("Broken", "Hello\n", message_id="first@example.net"))
    quote = "\n\nOn Friday Eva wrote:\n> quotedword\n"
    put_in(house, mail("Re: Broken", f"fresh{quote}", in_reply_to="first@example.net"))
    put_in(house, mail("Second", "Hello\n", sender="bob@example.net"))
    write(house, 2, "He never pays, a swindler.\n", is_note=True)

    def anew(connection: Connection) -> list[int]:
        connection.exec_driver_sql(f"DROP TABLE {word_index.TABLE}")
        word_index.create(connection)
        return list(indexing.fill(connection))

    assert [4] == house.database.write(anew)
    for words, expected in {
        "hello": [1, 2],
        "fresh": [1],
        "quotedword": [],
        "swindler bob second": [2],
        "ann": [1],
        "#2": [2],
    }.items():
        assert expected == found(house, words), words
    assert [] == found(house, "swindler", is_public=True)


def test_what_was_not_committed_is_not_found(house: House) -> None:
    arrival = ripe(house, mail("Broken", "vanishing\n"))

    def fail(connection: Connection) -> None:
        house.desk._settle_here(connection, arrival, b"")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        house.database.write(fail)
    assert [] == found(house, "vanishing")
    number = put_in(house, mail("Broken", "remaining\n")).request_id
    assert [number] == found(house, "remaining")


def test_a_request_keeps_the_facet_of_what_it_is_now(house: House) -> None:
    put_in(house, mail("Broken"))
    house.desk.command(ChangeProperty("category", "sales"), 1, "eva")
    house.desk.command(ChangeProperty("category", "support"), 1, "eva")
    assert () == audit(house.database, house.spool).findings
    with house.database.read() as connection:
        assert [1] == list(find(connection, Wanted(category="support")).ids)
        assert [] == list(find(connection, Wanted(category="sales")).ids)


# ---- many requests


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(ground().place(tmp_path / "many.db"))) as database:
        for _ in filling.fill(database, REQUESTS):
            pass
        yield database


@pytest.fixture(params=["small", "middle", "real"])
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let every way be taken: a walk, from few requests, from words."""
    sizes = {"small": (4, 15, 9), "middle": (40, 200, 60)}.get(request.param)
    if sizes is not None:
        few, several, looked = sizes
        monkeypatch.setattr(filters, "FEW", few)
        monkeypatch.setattr(filters, "MANY", several)
        monkeypatch.setattr(search, "LOOKED", looked)
        monkeypatch.setattr(search, "FIRST_LOOK", looked // 3)
        monkeypatch.setattr(search, "LOOKED_AT_ALL", looked)
        monkeypatch.setattr(search, "PORTION", 7)
    return str(request.param)


def plain_look(connection: Connection, wanted: Wanted) -> dict[int, Any]:
    """Find the same by looking at every request."""
    tags: dict[int, set[str]] = {}
    for row in connection.execute(select(t.tag)):
        tags.setdefault(row.request_id, set()).add(row.tag)
    addresses = {row.contact_id: row.key for row in connection.execute(select(t.address))}
    texts = {row.request_id: row for row in connection.execute(select(t.message))}
    query = read_query(wanted.search)
    found = {}
    for row in connection.execute(select(t.request)):
        message = texts[row.id]
        said = f"{row.id} {message.from_name} {message.from_address} {row.subject} {message.text}"
        words = words_of(said)
        if (
            all(
                (value := getattr(wanted, name)) is None
                or value == (getattr(row, name) or "none")
                or (name == "category" and row.category.startswith(f"{value}/"))
                for name in facets.NAMES
            )
            and (wanted.tag is None or wanted.tag in tags.get(row.id, ()))
            and wanted.requester in (None, addresses[row.requester_id])
            and (wanted.since is None or row.created_at >= wanted.since)
            and (wanted.until is None or row.created_at < wanted.until)
            and (wanted.changed_since is None or row.updated_at >= wanted.changed_since)
            and (wanted.changed_until is None or row.updated_at < wanted.changed_until)
            and all(stands_in(term, words) for term in query.wanted)
            and not any(stands_in(term, words) for term in query.unwanted)
        ):
            found[row.id] = row
    return found


def in_order(rows: dict[int, Any], order: Order) -> list[int]:
    keys = {
        Order.NUMBER: lambda row: row.id,
        Order.CREATED: lambda row: (-row.created_at.timestamp(), -row.id),
        Order.UPDATED: lambda row: (-row.updated_at.timestamp(), -row.id),
    }
    return [row.id for row in sorted(rows.values(), key=keys[order])]


def test_every_combination_finds_what_a_plain_look_finds(many: Database, limits: str) -> None:
    chance = random.Random(5)
    hits = 0
    for _ in range(60):
        asked = combination(chance, least=1)
        order = asked.pop("order")
        wanted = Wanted(**asked)
        with many.read() as connection:
            rows = plain_look(connection, wanted)
            got = find(connection, wanted, order)
            assert not got.is_cut
            if order is Order.RANK:
                assert set(rows) == set(got.ids)
                continue
            expected = in_order(rows, order)
            assert expected == list(got.ids), (asked, order)
            some = find(connection, wanted, order, 5)
            if not some.is_cut:
                assert expected[:5] == list(some.ids), (asked, order, limits)
                if len(expected) > 5:
                    more = find(connection, wanted, order, 5, after=some.ids[-1])
                    assert expected[5:10] == list(more.ids)
            assert set(some.ids) <= set(expected)
        hits += len(expected)
    assert hits > 50


def test_words_of_very_many_say_that_only_the_newest_were_looked_at(
    many: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOKED_AT_ALL", "FIRST_LOOK", "LOOKED"):
        monkeypatch.setattr(search, name, 50)
    with many.read() as connection:
        newest = find(connection, Wanted(filling.COMMON), Order.CREATED, 10)
        assert Listing(tuple(range(REQUESTS, REQUESTS - 10, -1)), is_cut=True) == newest
        everything = find(connection, Wanted(filling.COMMON), Order.NUMBER)
        assert Listing(tuple(range(1, REQUESTS + 1))) == everything
        monkeypatch.setattr(filters, "FEW", 3)
        wanted = Wanted(filling.COMMON, mailbox="support")
        ids = find(connection, wanted, Order.CREATED, 100)
        assert ids.is_cut
        assert min(ids.ids) > REQUESTS - 51
        # Where another filter leaves few, all of these are looked at.
        monkeypatch.setattr(filters, "FEW", 5_000)
        ids = find(connection, wanted, Order.CREATED, 500)
        assert not ids.is_cut
        assert in_order(plain_look(connection, wanted), Order.CREATED) == list(ids.ids)


def test_words_of_very_many_are_looked_for_where_the_time_is_that_is_wanted(
    many: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "FEW", 3)
    monkeypatch.setattr(search, "FIRST_LOOK", 20)
    monkeypatch.setattr(search, "LOOKED", 50)
    until = filling.END - filling.YEARS / 2
    with many.read() as connection:
        wanted = Wanted(filling.COMMON, until=until)
        found = find(connection, wanted, Order.CREATED, 10)
        assert found.is_cut
        assert in_order(plain_look(connection, wanted), Order.CREATED)[:10] == list(found.ids)


def test_subject_and_requester_weigh_more_then_what_changed_last(many: Database) -> None:
    def change(connection: Connection) -> None:
        request, contact = t.request.c, t.contact
        stamps = {3: 1, 5: 2, 9: 3, 11: 4, 12: 0}
        for number, subject, name in (
            (3, "zebra", "x"),
            (5, "x", "x"),
            (9, "x", "x"),
            (11, "x", "zebra"),
            (12, "zebra zebra", "zebra"),
        ):
            at = filling.END + timedelta(hours=stamps[number])
            who = 10_000 + number
            row = {"id": who, "name": name, "created_at": at}
            connection.execute(insert(contact), row)
            changed = {"subject": subject, "updated_at": at, "requester_id": who}
            connection.execute(t.request.update().where(request.id == number).values(changed))
            word_index.add(connection, number, 1_000 + number, ["zebra"], is_internal=False)

    many.write(change)
    with many.read() as connection:
        assert [12, 3, 11, 9, 5] == list(find(connection, Wanted("zebra"), Order.RANK, 10).ids)
        assert [11, 9, 5, 3, 12] == list(find(connection, Wanted("zebra"), Order.UPDATED, 10).ids)
        page = find(connection, Wanted("zebra"), Order.RANK, 2, after=3)
        assert [11, 9] == list(page.ids)
        assert (7,) == find(connection, Wanted("7"), Order.RANK, 1).ids


def test_a_page_behind_a_request_that_is_not_there_is_empty(many: Database) -> None:
    with many.read() as connection:
        assert () == find(connection, Wanted(), Order.UPDATED, 5, after=9_999).ids
        assert () == find(connection, Wanted(filling.COMMON), Order.RANK, 5, after=9_999).ids


HOSTILE = (
    *("x" * 100_000, "word " * 10_000, "AND OR NEAR (" * 3_000, '"' * 9_999, "a* " * 5_000),
    *("\x00' OR 1=1; --", "~_x 'y' & z:*", "\\", "{public} : x", "漢" * 50_000, "-x -y", "\ud800"),
)


def test_hostile_searches_are_answered(many: Database) -> None:
    for asked in HOSTILE:
        with many.read() as connection:
            for limit in (5, None):
                assert len(find(connection, Wanted(asked), Order.RANK, limit).ids) <= REQUESTS

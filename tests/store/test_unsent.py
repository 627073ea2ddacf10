"""What is sent without waiting is done in its order, and fails only whom it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, insert, select
from tests.kinds import ground

from postroom.errors import Conflict
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.prepared import Numbered, Prepared

AT = datetime(2026, 11, 20, tzinfo=UTC)
CONTACT = Numbered(t.contact)
ADDRESS = Prepared(insert(t.address))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(ground().place(tmp_path / "db", is_empty=True))
    opened.write(t.metadata.create_all)
    yield opened
    opened.close()


def learn(connection: Connection, key: str) -> int:
    number = CONTACT.insert(connection, {"name": key, "created_at": AT})
    ADDRESS.send(connection, {"key": key, "address": key, "contact_id": number})
    return number


def keys(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.execute(select(t.address.c.key)).scalars())


def test_what_fails_when_it_is_sent_harms_none_of_the_same_transaction(database: Database) -> None:
    database.write(lambda c: learn(c, "there@x.example"))
    go = Event()
    first = database.submit(lambda _: go.wait(30))
    works = [
        database.submit(lambda c, key=key: learn(c, key))  # type: ignore[misc]
        for key in ("a@x.example", "there@x.example", "b@x.example")
    ]
    go.set()
    assert first.result()
    assert works[0].result() < works[2].result()
    with pytest.raises(Conflict):
        works[1].result()
    assert ["a@x.example", "b@x.example", "there@x.example"] == keys(database)


def test_a_work_that_fails_before_it_says_anything_undoes_no_other(database: Database) -> None:
    def nothing(_: Connection) -> None:
        raise ValueError("changed its mind")

    go = Event()
    first = database.submit(lambda _: go.wait(30))
    one = database.submit(lambda c: learn(c, "a@x.example"))
    failing = database.submit(nothing)
    go.set()
    assert first.result()
    assert one.result()
    with pytest.raises(ValueError, match="changed its mind"):
        failing.result()
    assert ["a@x.example"] == keys(database)


def test_a_statement_of_sqlalchemys_sees_what_was_put_down_before(database: Database) -> None:
    def work(connection: Connection) -> list[str]:
        learn(connection, "a@x.example")
        return list(connection.execute(select(t.address.c.key)).scalars())

    assert ["a@x.example"] == database.write(work)


def test_a_work_that_raises_leaves_nothing_to_be_sent(database: Database) -> None:
    def work(connection: Connection) -> None:
        learn(connection, "a@x.example")
        raise ValueError("changed its mind")

    with pytest.raises(ValueError, match="changed its mind"):
        database.write(work)
    database.write(lambda c: learn(c, "b@x.example"))
    assert ["b@x.example"] == keys(database)


def test_ids_in_reserve_are_given_once_and_in_order(database: Database) -> None:
    given = database.write(lambda c: [learn(c, f"{n}@x.example") for n in range(100)])
    assert sorted(set(given)) == given
    with database.read() as connection:
        assert given == list(
            connection.execute(select(t.contact.c.id).order_by(t.contact.c.id)).scalars()
        )

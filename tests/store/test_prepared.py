"""A Prepared statement says and returns what SQLAlchemy's own execution would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, insert, select, update
from tests.kinds import ground

from postroom.errors import Conflict, Unavailable
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.migrate import open_database
from postroom.store.prepared import Prepared

AT = datetime(2026, 11, 20, 14, 0, tzinfo=timezone(timedelta(hours=1)))
NEW_CONTACT = Prepared(insert(t.contact).returning(t.contact.c.id))
NEW_TURN = Prepared(insert(t.assignment))
TURN = {"category": "support", "weights": {"eva": 1}, "turns": {}, "version": 1}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(ground().place(tmp_path / "db"))) as opened:
        yield opened


def test_values_come_back_with_their_types(database: Database) -> None:
    contact = {"name": "Ann", "created_at": AT}
    assert (1,) == database.write(lambda c: NEW_CONTACT.first(c, contact))
    assert 1 == database.write(lambda c: NEW_TURN.run(c, TURN))
    columns = (t.contact.c.created_at, t.contact.c.language, t.contact.c.name)
    found = Prepared(select(*columns).where(t.contact.c.id == bindparam("id")))
    turns = Prepared(select(t.assignment.c.weights))
    with database.read() as connection:
        assert [(AT.astimezone(UTC), None, "Ann")] == found.all(connection, {"id": 1})
        assert found.first(connection, {"id": 2}) is None
        assert ({"eva": 1},) == turns.first(connection, {})


def test_constants_of_the_statement_are_bound_too(database: Database) -> None:
    for name in ("Ann", "Bo", "Cy"):
        database.write(lambda c, n=name: NEW_CONTACT.first(c, {"name": n, "created_at": AT}))
    second = Prepared(
        select(t.contact.c.name, func.coalesce(t.contact.c.language, "en"))
        .where(t.contact.c.name != "Ann")
        .order_by(t.contact.c.id)
        .limit(1)
    )
    with database.read() as connection:
        assert [("Bo", "en")] == second.all(connection, {})


def test_changed_rows_are_counted(database: Database) -> None:
    database.write(lambda c: NEW_TURN.run(c, TURN))
    change = Prepared(
        update(t.assignment)
        .where(t.assignment.c.version == bindparam("was"))
        .values(version=t.assignment.c.version + 1)
    )
    assert [1, 0] == [database.write(lambda c: change.run(c, {"was": 1})) for _ in range(2)]


def test_an_insert_is_compiled_for_the_columns_that_it_is_given(database: Database) -> None:
    many = [{"name": name, "created_at": AT} for name in ("Ann", "Bo")]
    statement = Prepared(insert(t.contact))
    database.write(lambda c: statement.run_each(c, many))
    database.write(lambda c: statement.run(c, {**many[0], "language": "nb"}))
    languages = Prepared(select(t.contact.c.language).order_by(t.contact.c.id))
    with database.read() as connection:
        assert [(None,), (None,), ("nb",)] == languages.all(connection, {})


def test_a_row_that_is_there_already_is_a_conflict(database: Database) -> None:
    database.write(lambda c: NEW_TURN.run(c, TURN))
    with pytest.raises(Conflict, match=r"(?i)unique"):
        database.write(lambda c: NEW_TURN.run(c, TURN))


def test_a_table_that_is_gone_is_unavailable(database: Database) -> None:
    database.write(t.assignment.drop)
    with pytest.raises(Unavailable, match=r"no such table|relation .* does not exist"):
        database.write(lambda c: NEW_TURN.run(c, TURN))
    with pytest.raises(Unavailable), database.read() as connection:
        Prepared(select(t.assignment)).all(connection, {})


def test_a_naive_instant_is_refused(database: Database) -> None:
    contact = {"name": "Ann", "created_at": datetime(2026, 11, 20)}  # noqa: DTZ001
    with pytest.raises(ValueError, match="naive"):
        database.write(lambda c: NEW_CONTACT.first(c, contact))


def test_an_expanding_list_is_refused(database: Database) -> None:
    listed = Prepared(
        select(t.contact.c.id).where(t.contact.c.id.in_(bindparam("ids", expanding=True)))
    )
    with pytest.raises(ValueError, match="expanding"), database.read() as connection:
        listed.all(connection, {"ids": [1]})

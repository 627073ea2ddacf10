"""The schema's age: made when there is none, checked at every start, changed only when told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection
from tests.houses import (
    LOUD,
    NOON,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
)

from postroom import store
from postroom.core.changes import Postpone
from postroom.core.place import Place
from postroom.errors import StaleSchema, Unavailable
from postroom.store import migrate
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.migrate import HEAD, current, open_database, upgrade
from postroom.store.schema import metadata
from postroom.store.search import Wanted, find
from postroom.work.audit import audit

# The index of words is made by word_index, in each database's own way.
COMPARED = {
    "compare_type": True,
    "include_name": lambda name, kind, _: kind != "table" or not name.startswith("search_words"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "postroom.db"


def run(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def test_a_new_file_is_made(file: Path) -> None:
    database = open_database(file)
    assert current(database) == HEAD
    database.close()
    assert {"journal", "request", "outbox", "alembic_version"} <= tables(file)


def test_what_the_migrations_make_is_what_the_code_describes(file: Path) -> None:
    database = open_database(file)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts=COMPARED)
        assert compare_metadata(context, metadata) == []
    database.close()


def test_indexes_are_made_with_their_conditions(file: Path) -> None:
    open_database(file).close()
    migrated = _indexes(file)
    other = file.with_name("plain.db")
    plain = Database(other)
    plain.write(metadata.create_all)
    plain.close()
    assert migrated == _indexes(other)


def _indexes(file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        return {name: " ".join(sql.split()) for name, sql in connection.execute(query)}


def test_the_newest_migration_is_the_one_that_the_code_asks_for() -> None:
    config = Config()
    folder = Path(str(store.__file__)).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_opening_again_changes_nothing(file: Path) -> None:
    open_database(file).close()
    before = file.read_bytes()
    open_database(file).close()
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("found", "advice"), [("0000", "postroom db upgrade"), ("9999", "there is no way back")]
)
def test_another_age_is_refused_with_what_to_do(file: Path, found: str, advice: str) -> None:
    open_database(file).close()
    run(file, f"UPDATE alembic_version SET version_num = '{found}'")
    with pytest.raises(StaleSchema, match=advice) as stale:
        open_database(file)
    assert (found, HEAD) == (stale.value.found, stale.value.wanted)


def test_a_database_of_a_newer_postroom_is_not_upgraded(file: Path) -> None:
    open_database(file).close()
    run(file, "UPDATE alembic_version SET version_num = '9999'")
    database = Database(file)
    with pytest.raises(StaleSchema):
        upgrade(database)
    assert current(database) == "9999"
    database.close()


def test_somebody_elses_database_is_left_alone(file: Path) -> None:
    run(file, "CREATE TABLE ticket (id INTEGER)")
    with pytest.raises(StaleSchema, match="no alembic_version"):
        open_database(file)
    assert tables(file) == {"ticket"}


def made_by(revision: str, file: Path) -> None:
    """Make a database as it was when this migration was the newest."""

    def make(connection: Connection) -> None:
        config = Config()
        folder = Path(str(store.__file__)).parent / "migrations"
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    file.touch()
    database = Database(file)
    database.write(make)
    assert current(database) == revision
    database.close()


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def aged(revision: str, file: Path) -> dict[str, int]:
    """Make a database anew as of this migration, with what its tables hold; return the counts."""
    newer = file.with_suffix(".newer")
    file.rename(newer)
    made_by(revision, file)
    counts = {}
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(f"ATTACH '{newer}' AS newer")
        for name in sorted(tables(file) & set(metadata.tables)):
            known = ", ".join(f'"{column}"' for column in columns(db, name))
            db.execute(f"INSERT INTO {name} ({known}) SELECT {known} FROM newer.{name}")
            counts[name] = db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
    return counts


@pytest.mark.parametrize("revision", ["none", "0001"])
def test_an_older_database_is_upgraded_when_told(file: Path, revision: str) -> None:
    if revision == "none":
        file.touch()
    else:
        made_by(revision, file)
        with pytest.raises(StaleSchema, match="postroom db upgrade"):
            open_database(file)
    database = Database(file)
    assert upgrade(database) == revision
    assert upgrade(database) == HEAD  # again: where it stood, and nothing to do
    assert current(database) == HEAD
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts=COMPARED)
        assert compare_metadata(context, metadata) == []
    database.close()
    fresh = file.with_name("fresh.db")
    open_database(fresh).close()
    assert _indexes(file) == _indexes(fresh)


def test_a_house_of_the_first_schema_works_on_after_its_upgrade(tmp_path: Path) -> None:
    with make_house(tmp_path, rules={"team": LOUD}) as house:
        put_in(house, mail("How do I pay?"))
        put_in(house, mail("A lawsuit"))
        file = house.database.place
    counts = aged("0001", file)
    # What the first version wrote into the outbox led to no addresses of people inside.
    run(
        file,
        "UPDATE outbox SET reply_role = NULL, reply_participant = NULL WHERE kind <> 'auto-reply'",
    )
    assert (1, 2, 1, 1) == tuple(counts[name] for name in ("request", "journal", "hold", "timer"))
    with pytest.raises(StaleSchema):
        open_database(file)
    database = Database(file)
    told: list[tuple[int, int]] = []
    assert upgrade(database, lambda done, total: told.append((done, total))) == "0001"
    database.close()
    assert [(1, 1)] == told  # messages that can be found by their words now
    with make_house(tmp_path, rules={"team": LOUD}) as house:
        with house.database.read() as connection:
            assert (1,) == find(connection, Wanted("ann@example.net pay hello")).ids
        for name, count in counts.items():
            assert count == len(rows(house, metadata.tables[name])), name
        assert audit(house.database, house.spool).findings == ()
        request = row(house, t.request)
        assert (request.generations, request.status) == ({}, "open")
        assert [False] == [message.is_draft for message in rows(house, t.message)]
        assert ["timer"] == [timer.actor for timer in rows(house, t.timer)]
        # What waited is sent, its answer finds the request, its owner hears of it.
        [reply] = [one for one in send(house) if "ann@example.net" in one["To"]]
        assert put_in(house, reply_to(reply)).request_id == 1
        [notice] = [one for one in send(house) if one["To"] == "eva@example.com"]
        answer = mail(
            *("Re: it", "By card.\n"), sender="Eva Berg <eva@example.com>", to=notice["Reply-To"]
        )
        assert (put_in(house, answer).outcome, row(house, t.request).replied_at) == (
            *("appended", clock_of(house)()),
        )
        house.desk.command(Postpone(NOON + timedelta(hours=3)), 1, "eva")
        clock_of(house).forward(hours=4)
        assert fire(house) == 2  # the hold opens, the request is awake
        assert [("active",), ("active",)] == [(one.phase,) for one in rows(house, t.request)]
        assert audit(house.database, house.spool).findings == ()


def test_an_upgrade_of_an_older_database_that_fails_leaves_it_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_column = op.add_column

    def cut_short(table: str, column: Column[Any]) -> None:
        if table == "outbox":
            raise ZeroDivisionError
        add_column(table, column)

    made_by("0001", file)
    before = [columns_of(file, name) for name in sorted(tables(file))]
    database = Database(file)
    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.add_column", cut_short)
        with pytest.raises(ZeroDivisionError):
            upgrade(database)
    assert current(database) == "0001"
    assert before == [columns_of(file, name) for name in sorted(tables(file))]
    assert upgrade(database) == "0001"
    database.close()


def columns_of(file: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return columns(connection, table)


def test_a_first_start_that_was_cut_short_is_made_good(file: Path) -> None:
    file.touch()  # the file was made, its tables were not
    database = open_database(file)
    assert current(database) == HEAD
    database.close()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.batch_alter_table", cut_short)
        with pytest.raises(ZeroDivisionError):
            open_database(file)
    assert tables(file) == set()
    open_database(file).close()


def test_what_is_no_database_is_unavailable(file: Path) -> None:
    file.write_bytes(b"From: a mbox\n" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        open_database(file)


def test_a_database_is_closed_when_it_cannot_be_used(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(file).close()
    run(file, "UPDATE alembic_version SET version_num = '9999'")
    closed: list[Place] = []

    class Watched(Database):
        def close(self) -> None:
            closed.append(self.place)
            super().close()

    monkeypatch.setattr(migrate, "Database", Watched)
    with pytest.raises(StaleSchema):
        open_database(file)
    assert closed == [file]

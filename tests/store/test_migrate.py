"""The schema's age: made when there is none, checked at every start, changed only when told."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Table, inspect
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
from tests.kinds import ground

from postroom import store
from postroom.core.changes import Postpone
from postroom.core.place import Place, Server
from postroom.errors import StaleSchema, Unavailable
from postroom.store import migrate
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.filters import Wanted
from postroom.store.migrate import HEAD, current, open_database, upgrade
from postroom.store.schema import metadata
from postroom.store.search import find
from postroom.work.audit import audit

# The index of words is made by word_index, in each database's own way.
COMPARED = {
    "compare_type": True,
    "include_name": lambda name, kind, _: kind != "table" or not name.startswith("search_words"),
}


@pytest.fixture
def file(tmp_path: Path) -> Place:
    return another(tmp_path, "postroom.db")


def another(folder: Path, name: str) -> Place:
    return ground().place(folder / name, is_empty=True)


def run(file: Place, *statements: str) -> None:
    with closing(Database(file)) as database:
        for statement in statements:
            database.write(partial(Connection.exec_driver_sql, statement=statement))


def tables(file: Place) -> set[str]:
    with closing(Database(file)) as database, database.read() as connection:
        return set(inspect(connection).get_table_names())


def test_a_new_file_is_made(file: Place) -> None:
    database = open_database(file)
    assert current(database) == HEAD
    database.close()
    assert {"journal", "request", "outbox", "alembic_version"} <= tables(file)


def test_what_the_migrations_make_is_what_the_code_describes(file: Place) -> None:
    database = open_database(file)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts=COMPARED)
        assert compare_metadata(context, metadata) == []
    database.close()


def test_indexes_are_made_with_their_conditions(file: Place, tmp_path: Path) -> None:
    open_database(file).close()
    other = another(tmp_path, "plain.db")
    with closing(Database(other)) as plain:
        plain.write(metadata.create_all)
    assert _indexes(other) == _indexes(file)


def _indexes(file: Place) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    if isinstance(file, Server):
        # A primary key's index has a name that its migration need not have given; the index of
        # words is made by word_index.
        query = (
            "SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index"
            " JOIN pg_class ON oid = indexrelid"
            " WHERE NOT indisprimary AND relnamespace = 'public'::regnamespace"
            " AND relname !~ '^search_words'"
        )
    with closing(Database(file)) as database, database.read() as connection:
        found = connection.exec_driver_sql(query)
        return {name: " ".join(sql.split()) for name, sql in found}


def test_the_newest_migration_is_the_one_that_the_code_asks_for() -> None:
    config = Config()
    folder = Path(str(store.__file__)).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_opening_again_changes_nothing(file: Place) -> None:
    open_database(file).close()
    before = file.read_bytes()
    open_database(file).close()
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("found", "advice"), [("0000", "postroom db upgrade"), ("9999", "there is no way back")]
)
def test_another_age_is_refused_with_what_to_do(file: Place, found: str, advice: str) -> None:
    open_database(file).close()
    run(file, f"UPDATE alembic_version SET version_num = '{found}'")
    with pytest.raises(StaleSchema, match=advice) as stale:
        open_database(file)
    assert (found, HEAD) == (stale.value.found, stale.value.wanted)


def test_a_database_of_a_newer_postroom_is_not_upgraded(file: Place) -> None:
    open_database(file).close()
    run(file, "UPDATE alembic_version SET version_num = '9999'")
    database = Database(file)
    with pytest.raises(StaleSchema):
        upgrade(database)
    assert current(database) == "9999"
    database.close()


def test_somebody_elses_database_is_left_alone(file: Place) -> None:
    run(file, "CREATE TABLE ticket (id INTEGER)")
    with pytest.raises(StaleSchema, match="no alembic_version"):
        open_database(file)
    assert tables(file) == {"ticket"}


def made_by(revision: str, file: Place) -> None:
    """Make a database as it was when this migration was the newest."""

    def make(connection: Connection) -> None:
        config = Config()
        folder = Path(str(store.__file__)).parent / "migrations"
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    with closing(Database(file)) as database:
        database.write(make)
        assert current(database) == revision


def columns_of(file: Place, table: str) -> list[str]:
    with closing(Database(file)) as database, database.read() as connection:
        return [column["name"] for column in inspect(connection).get_columns(table)]


def aged(revision: str, file: Place) -> dict[str, int]:
    """Make a database anew as of this migration, with what its tables hold; return the counts."""
    with closing(Database(file)) as newer, newer.read() as connection:
        held = {
            table: [dict(row) for row in connection.execute(table.select()).mappings()]
            for table in metadata.sorted_tables
        }
    if isinstance(file, Path):
        file.rename(file.with_suffix(".newer"))
    else:
        run(file, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    made_by(revision, file)
    known = {table: columns_of(file, table.name) for table in held if table.name in tables(file)}
    with closing(Database(file)) as older:
        for table, names in known.items():
            rows = [{name: row[name] for name in names} for row in held[table]]
            if rows:
                older.write(partial(_fill, table=table, rows=rows))
    return {table.name: len(held[table]) for table in known}


def _fill(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    connection.execute(table.insert(), rows)
    if connection.dialect.name == "postgresql" and "id" in table.c:
        counter = f"pg_get_serial_sequence('{table.name}', 'id')"
        connection.exec_driver_sql(f"SELECT setval({counter}, max(id)) FROM {table.name}")


@pytest.mark.parametrize("revision", ["none", "0001"])
def test_an_older_database_is_upgraded_when_told(
    file: Place, tmp_path: Path, revision: str
) -> None:
    if revision != "none":
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
    fresh = another(tmp_path, "fresh.db")
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
    file: Place, monkeypatch: pytest.MonkeyPatch
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


def test_a_first_start_that_was_cut_short_is_made_good(file: Place) -> None:
    if isinstance(file, Path):
        file.touch()  # the file was made, its tables were not
    database = open_database(file)
    assert current(database) == HEAD
    database.close()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
    file: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.batch_alter_table", cut_short)
        with pytest.raises(ZeroDivisionError):
            open_database(file)
    assert tables(file) == set()
    open_database(file).close()


def test_what_is_no_database_is_unavailable(file: Place) -> None:
    file.write_bytes(b"From: a mbox\n" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        open_database(file)


def test_a_database_is_closed_when_it_cannot_be_used(
    file: Place, monkeypatch: pytest.MonkeyPatch
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

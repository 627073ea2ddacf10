"""The schema's age: made when there is none, checked at every start, changed only when told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from postroom import store
from postroom.errors import StaleSchema, Unavailable
from postroom.store import migrate
from postroom.store.db import Database
from postroom.store.migrate import HEAD, current, open_database, upgrade
from postroom.store.schema import metadata


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
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_indexes_are_made_with_their_conditions(file: Path) -> None:
    open_database(file).close()
    migrated = _indexes(file)
    plain = Database(file.with_name("plain.db"))
    plain.write(metadata.create_all)
    plain.close()
    assert migrated == _indexes(plain.file)


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


@pytest.mark.parametrize("found", ["0000", "9999"])
def test_another_age_is_refused_with_the_command_to_run(file: Path, found: str) -> None:
    open_database(file).close()
    run(file, f"UPDATE alembic_version SET version_num = '{found}'")
    with pytest.raises(StaleSchema, match="postroom db upgrade") as stale:
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


def test_an_older_database_is_upgraded_when_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is one migration only: an empty database is the older one.
    file.touch()
    database = Database(file)
    assert upgrade(database) == "none"
    assert upgrade(database) == HEAD  # again: where it stood, and nothing to do
    assert current(database) == HEAD
    database.close()


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
    closed: list[Path] = []

    class Watched(Database):
        def close(self) -> None:
            closed.append(self.file)
            super().close()

    monkeypatch.setattr(migrate, "Database", Watched)
    with pytest.raises(StaleSchema):
        open_database(file)
    assert closed == [file]

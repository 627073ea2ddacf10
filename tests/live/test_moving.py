"""A site moved from SQLite to PostgreSQL: all of it, compared, and at work afterwards."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from tests.flow.cli_runs import Shop
from tests.flow.test_audit import furnish
from tests.houses import mail, make_house
from tests.postgres import new_cluster, new_database

from postroom.config import load_config
from postroom.core.place import Server
from postroom.errors import NotAllowed
from postroom.store import copying, facets
from postroom.store import schema as t
from postroom.store.db import Database

ODD = "Zoë\x00 \u202e Øl \U0001f600"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a house with one of everything."""
    folder = tmp_path_factory.mktemp("furnished")
    with make_house(folder) as house:
        furnish(house)
    return folder


@pytest.fixture
def shop(furnished: Path, tmp_path: Path) -> Shop:
    """That house, with words in it that an older Postroom has kept."""
    folder = tmp_path / "shop"
    shutil.copytree(furnished, folder)
    with closing(sqlite3.connect(folder / "var/postroom.db")) as db, db:
        odd = (ODD, json.dumps({"order": 'a\\b"\n\t' + ODD}))
        db.execute("UPDATE request SET subject = ?, extracted = ?", odd)
        merged = "status = 'merged', phase = 'merged', merged_into = 2"  # a row that comes later
        db.execute(f"UPDATE request SET {merged} WHERE id = 1")
        names = ", ".join(facets.NAMES)
        values = names.replace("owner", "coalesce(owner, '')")
        db.execute(f"INSERT INTO facet ({names}) SELECT {values} FROM request WHERE id = 1")
        db.execute("UPDATE request SET facet_id = (SELECT max(id) FROM facet) WHERE id = 1")
        db.execute("UPDATE handler SET open_requests = open_requests - 1 WHERE name = 'eva'")
    return Shop(load_config(folder / "config.toml"))


@pytest.fixture
def server() -> Iterator[Server]:
    with new_database(is_empty=True) as place:
        yield place


def opened(shop: Shop) -> closing[Database]:
    return closing(Database(shop.config.data / "postroom.db"))


def rows_in(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in copying.tables()
        }


def test_every_row_is_there_and_the_site_goes_on(shop: Shop, server: Server) -> None:
    said = shop.json("db", "copy", "--to", server.url)
    assert [] == said["findings"]
    with (
        closing(Database(shop.config.data / "postroom.db")) as old,
        closing(Database(server)) as new,
    ):
        before, after = rows_in(old), rows_in(new)
        assert {name: len(found) for name, found in before.items()} == said["rows"]
        before["request"] = [
            tuple(one.replace("\x00", "\ufffd") if isinstance(one, str) else one for one in row)
            for row in before["request"]
        ]
    assert before.keys() == after.keys()
    for name in before:
        assert before[name] == after[name]
    with shop.path.open("a") as config:
        config.write(f'\n[database]\nurl = "{server.url}"\n')
    moved = Shop(load_config(shop.path))
    assert "nothing is missing" in moved.run("audit").out
    by_words = ("request", "list", "--search", "ann@example.net", "--order", "number")
    assert shop.json(*by_words) == moved.json(*by_words) != []
    moved.take_in(mail("The first after the move"))
    assert "The first after the move" in {one["subject"] for one in moved.json("request", "list")}
    said = moved.run("db", "copy", "--to", server.url)
    assert (1, True) == (said.code, "already" in said.err)


def test_numbers_that_were_given_away_are_not_given_away_again(shop: Shop, server: Server) -> None:
    with closing(Database(shop.config.data / "postroom.db")) as old:
        old.write(
            lambda c: c.execute(text("UPDATE sqlite_sequence SET seq = 70 WHERE name = 'hold'"))
        )
    shop.json("db", "copy", "--to", server.url)
    with closing(Database(server)) as new:
        assert 71 == new.write(
            lambda c: c.execute(
                text("SELECT nextval(pg_get_serial_sequence('hold', 'id'))")
            ).scalar()
        )


def test_a_database_with_rows_in_it_is_left_alone(shop: Shop, server: Server) -> None:
    shop.json("db", "copy", "--to", server.url)
    said = shop.run("db", "copy", "--to", server.url)
    assert (1, True) == (said.code, "is not empty" in said.err)


def test_a_copy_that_is_cut_off_leaves_nothing(
    shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise NotAllowed("row 3 of request is another one after copying")

    with monkeypatch.context() as broken:
        broken.setattr(copying, "compare", cut)
        assert 1 == shop.run("db", "copy", "--to", server.url).code
    with closing(Database(server)) as new, new.read() as connection:
        assert 0 == copying.count(connection).total
    shop.json("db", "copy", "--to", server.url)


def test_what_came_out_otherwise_is_found(shop: Shop, server: Server) -> None:
    shop.json("db", "copy", "--to", server.url)
    with (
        closing(Database(shop.config.data / "postroom.db")) as old,
        closing(Database(server)) as new,
    ):
        new.write(lambda c: c.execute(update(t.message).values(fresh="other words")))
        with (
            old.read() as one,
            new.read() as other,
            pytest.raises(NotAllowed, match="row 1 of message is another one"),
        ):
            copying.compare(one, other, lambda *_: None)


def test_a_site_that_is_not_sound_is_not_copied_unasked(tmp_path: Path, server: Server) -> None:
    with make_house(tmp_path) as house:
        furnish(house)
        house.database.write(lambda c: c.execute(text("DELETE FROM raw_mail WHERE journal_id = 4")))
    broken = Shop(load_config(tmp_path / "config.toml"))
    said = broken.run("db", "copy", "--to", server.url)
    assert (1, True) == (said.code, "raw-missing journal 4, 1 in all" in said.err)
    found = broken.json("db", "copy", "--anyway", "--to", server.url)["findings"]
    assert ["raw-missing"] == [one["kind"] for one in found]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite", "must be a PostgreSQL server"),
        ("postgresql://localhost/x", "postgresql+psycopg://"),
        ("mysql://x", 'must be "sqlite" or such as'),
    ],
)
def test_where_it_cannot_go(shop: Shop, url: str, words: str) -> None:
    said = shop.run("db", "copy", "--to", url)
    assert (2, True) == (said.code, words in said.err)


def test_a_server_that_is_away_is_told_of(shop: Shop) -> None:
    with new_cluster() as cluster:
        place = cluster.server("nowhere")
        said = shop.run("db", "copy", "--to", place.url)
        assert (75, True) == (said.code, "nowhere" in said.err)

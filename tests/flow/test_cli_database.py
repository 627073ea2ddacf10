"""The age of the database, told and changed at the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.flow.cli_runs import Shop, make_shop, process
from tests.houses import mail
from tests.store.test_migrate import aged

from postroom.store.migrate import HEAD


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = make_shop(tmp_path)
    shop.take_in(mail())
    return shop


def database(shop: Shop) -> Path:
    return shop.config.data / "postroom.db"


def test_a_database_that_is_current_says_so(shop: Shop) -> None:
    said = shop.json("db", "status")
    assert (HEAD, HEAD, True) == (said["found"], said["wanted"], said["is_current"])
    assert "is current" in shop.run("db", "status").out


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, has_tables=False)
    assert "none" == shop.json("db", "status")["found"]
    assert not shop.config.data.exists()


def test_an_older_database_is_refused_until_it_is_upgraded(shop: Shop) -> None:
    aged("0001", database(shop))
    said = shop.run("db", "status")
    assert (1, True) == (said.code, "postroom db upgrade" in said.out)
    refused = process("run", "--config", shop.path)
    assert 1 == refused.code
    assert "postroom db upgrade" in refused.err
    assert "Traceback" not in refused.err
    assert {"before": "0001", "now": HEAD} == shop.json("db", "upgrade")
    assert {"before": HEAD, "now": HEAD} == shop.json("db", "upgrade")
    assert ["opened"] == [entry["outcome"] for entry in shop.json("journal", "list")]


def test_a_newer_database_is_never_made_older(shop: Shop) -> None:
    with closing(sqlite3.connect(database(shop))) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    said = shop.run("db", "status")
    assert (1, True) == (said.code, "there is no way back" in said.out)
    for words in (("db", "upgrade"), ("journal", "list")):
        refused = shop.run(*words)
        assert (1, "") == (refused.code, refused.out)
        assert "install that one again" in refused.err
    assert 1 == process("run", "--config", shop.path).code

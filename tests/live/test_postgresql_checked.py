"""`postroom check` says what is wrong with a server, before the daemon has to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.flow.cli_runs import Shop, make_shop
from tests.postgres import Cluster, new_cluster

from postroom.store import server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with new_cluster(fsync="on", synchronous_commit="on") as cluster:
        yield cluster


@pytest.fixture
def role(cluster: Cluster) -> Iterator[str]:
    """A role as README makes it, with the database that it owns."""
    with cluster.connect() as admin:
        admin.execute("CREATE ROLE keeper LOGIN")
        admin.execute("CREATE DATABASE postroom OWNER keeper")
    yield "keeper"
    with cluster.connect() as admin:
        admin.execute("DROP DATABASE IF EXISTS postroom WITH (FORCE)")
        admin.execute("DROP DATABASE IF EXISTS other WITH (FORCE)")
        admin.execute("DROP ROLE keeper")


@pytest.fixture
def shop(tmp_path: Path, cluster: Cluster, role: str) -> Shop:
    url = cluster.server("postroom").url.replace("postgres@", f"{role}@")
    return make_shop(tmp_path, config_extra=f'\n[database]\nurl = "{url}"\n')


def problems(shop: Shop) -> list[str]:
    said = shop.run("check", "--json")
    assert (78 if said.json["problems"] else 0) == said.code
    return [problem["text"] for problem in said.json["problems"]]


def tell(cluster: Cluster, *words: str, name: str = "postgres") -> None:
    with cluster.connect(name) as admin:
        for word in words:
            admin.execute(word)


def test_a_server_that_will_do_is_all_well_and_gets_no_tables_by_looking(
    cluster: Cluster, shop: Shop
) -> None:
    assert [] == problems(shop)
    assert [] == [one for one in shop.json("check")["warnings"] if "database" in one]
    with cluster.connect("postroom") as admin:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert (0,) == admin.execute(tables).fetchone()
    assert "none" == shop.json("db", "status")["found"]
    assert "none" == shop.json("db", "upgrade")["before"]
    assert [] == problems(shop)
    assert shop.json("db", "status")["is_current"]


def test_a_database_that_is_not_there_is_told(cluster: Cluster, shop: Shop) -> None:
    tell(cluster, "DROP DATABASE postroom")
    assert any('database "postroom" does not exist' in one for one in problems(shop))


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://keeper@/postroom?host={tmp_path}"
    shop = make_shop(tmp_path, config_extra=f'\n[database]\nurl = "{url}"\n')
    assert any("No such file or directory" in one for one in problems(shop))


def test_a_database_of_another_encoding_is_told(cluster: Cluster, shop: Shop) -> None:
    latin = "TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
    tell(cluster, "DROP DATABASE postroom", f"CREATE DATABASE postroom OWNER keeper {latin}")
    [said] = problems(shop)
    assert "in LATIN1" in said
    assert "createdb --encoding=UTF8" in said


def test_a_role_that_may_not_make_tables_is_told(cluster: Cluster, shop: Shop) -> None:
    tell(cluster, "ALTER DATABASE postroom OWNER TO postgres")
    [said] = problems(shop)
    assert "keeper may not make tables in the schema public" in said


def test_tables_that_belong_to_another_role_are_told(cluster: Cluster, shop: Shop) -> None:
    shop.json("db", "upgrade")
    tell(cluster, "ALTER TABLE request OWNER TO postgres", name="postroom")
    [said] = problems(shop)
    assert "keeper may not read and write the table request" in said


def test_a_server_that_only_reads_is_told(cluster: Cluster, shop: Shop) -> None:
    tell(cluster, "ALTER ROLE keeper SET default_transaction_read_only = on")
    assert any("only read" in one for one in problems(shop))


def test_a_server_that_does_not_keep_its_word_is_doubted(cluster: Cluster, shop: Shop) -> None:
    tell(cluster, "ALTER ROLE keeper SET synchronous_commit = off")
    [said] = [one for one in shop.json("check")["warnings"] if "database" in one]
    assert "synchronous_commit = off" in said


def test_an_old_server_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "OLDEST", 99)
    [said] = problems(shop)
    assert "is too old: 99 or newer" in said


def test_a_password_comes_from_its_file(cluster: Cluster, tmp_path: Path, role: str) -> None:
    tell(cluster, "ALTER ROLE keeper PASSWORD 'open sesame'")
    rules = cluster.folder / "data" / "pg_hba.conf"
    trusting = rules.read_text()
    rules.write_text("local all keeper scram-sha-256\nlocal all all trust\n")
    tell(cluster, "SELECT pg_reload_conf()")
    try:
        url = cluster.server("postroom").url.replace("postgres@", f"{role}@")
        table = f'\n[database]\nurl = "{url}"\n'
        without = make_shop(tmp_path / "without", config_extra=table)
        assert any("password" in one for one in problems(without))
        for word, expected in (("open sesame\n", []), ("wrong\n", ["password authentication"])):
            folder = tmp_path / word.strip().replace(" ", "-")
            folder.mkdir()
            (folder / "word").write_text(word)
            (folder / "word").chmod(0o600)
            shop = make_shop(folder, config_extra=table + 'password_file = "word"\n')
            said = problems(shop)
            assert len(expected) == len(said)
            assert all(one in two for one, two in zip(expected, said, strict=True))
            assert not any(word.strip() in one for one in said)
    finally:
        rules.write_text(trusting)
        tell(cluster, "SELECT pg_reload_conf()")


def test_a_pooler_that_does_not_keep_to_sessions_is_found_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PROCESS", text("SELECT 7"))
    [problem] = problems(shop)
    assert "pool_mode = session" in problem

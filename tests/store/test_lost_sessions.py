"""A server that ends sessions, restarts, refuses: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors as pg
from sqlalchemy import Connection, insert, select, text
from tests.fakes.severed import SeveredLine
from tests.houses import accept, mail, outcomes, rows, send, sound_house, work
from tests.live.ports import free_port
from tests.postgres import Cluster, new_cluster
from tests.store.test_db import contact, names, together

from postroom import clock
from postroom.core.place import Server
from postroom.errors import Conflict, Unavailable
from postroom.house import House
from postroom.spool.model import SpoolState
from postroom.store import db, engines, listening, schema
from postroom.store.db import Database
from postroom.store.engines import translated
from postroom.store.migrate import open_database


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that keeps what it said it kept, and that one may mishandle."""
    port = str(free_port())
    with new_cluster(
        listen_addresses="127.0.0.1", port=port, synchronous_commit="on", deadlock_timeout="10ms"
    ) as cluster:
        yield cluster


@contextmanager
def made(cluster: Cluster) -> Iterator[str]:
    """Make a database without tables, for one test."""
    with cluster.connect() as admin:
        admin.execute("CREATE DATABASE postroom")
    try:
        yield "postroom"
    finally:
        with cluster.connect() as admin:
            admin.execute("DROP DATABASE postroom WITH (FORCE)")


@pytest.fixture
def server(cluster: Cluster) -> Iterator[Server]:
    with made(cluster) as name:
        yield cluster.server(name)


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    with closing(open_database(server)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is: what waits joins the transaction."""
    monkeypatch.setattr(engines, "SECONDS_OF_SERVER", 60)


def after(act: Callable[[], object], name: str) -> Callable[[Connection], str]:
    """A work that writes, and then something happens to its session."""

    def work(connection: Connection) -> str:
        contact(name)(connection)
        act()
        return contact(f"{name} again")(connection)

    return work


def end_sessions(cluster: Cluster) -> None:
    with cluster.connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname='postroom'"
        )


def restart(cluster: Cluster) -> None:
    cluster.stop("immediate")
    cluster.start()


def kill(cluster: Cluster) -> None:
    cluster.kill()
    cluster.start()


@pytest.mark.parametrize("happens", [end_sessions, restart, kill])
def test_a_session_that_ends_in_a_transaction_keeps_nothing_of_it(
    cluster: Cluster, database: Database, happens: Callable[[Cluster], None]
) -> None:
    one, lost, two = together(
        database, contact("one"), after(lambda: happens(cluster), "lost"), contact("two")
    )
    for future in (one, lost):
        with pytest.raises(Unavailable, match="database: "):
            future.result(20)
    assert "two" == two.result(20)  # in a transaction of its own
    assert ["two"] == names(database)


@pytest.mark.parametrize("happens", [end_sessions, restart])
def test_a_session_that_ends_between_transactions_is_replaced_unnoticed(
    cluster: Cluster, database: Database, happens: Callable[[Cluster], None]
) -> None:
    database.write(contact("before"))
    assert ["before"] == names(database)
    happens(cluster)
    assert ["before"] == names(database)
    happens(cluster)
    database.write(contact("after"))
    assert ["before", "after"] == names(database)


def test_a_reader_whose_session_ends_is_told(cluster: Cluster, database: Database) -> None:
    def look() -> None:
        with database.read() as connection:
            end_sessions(cluster)
            connection.execute(select(schema.contact))

    with pytest.raises(Unavailable, match="terminating connection"):
        look()
    assert [] == names(database)


def test_a_server_that_is_away_is_unavailable_until_it_is_back(
    cluster: Cluster, database: Database
) -> None:
    cluster.stop()
    try:
        for _ in range(2):
            with pytest.raises(Unavailable, match="connection"):
                names(database)
            with pytest.raises(Unavailable, match="connection"):
                database.write(contact("lost"))
    finally:
        cluster.start()
    database.write(contact("kept"))
    assert ["kept"] == names(database)


# ---- the answer to COMMIT is lost


@contextmanager
def severed_house(cluster: Cluster, folder: Path) -> Iterator[tuple[House, SeveredLine]]:
    """Build a house whose line to its server can be cut."""
    with SeveredLine(cluster.port) as line, made(cluster) as name:
        table = f'\n[database]\nurl = "{cluster.server(name, line.port).url}"\n'
        with sound_house(folder, config_extra=table) as house:
            yield house, line


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_mail_whose_commit_was_not_answered_is_worked_on_once(
    cluster: Cluster, tmp_path: Path, is_heard: bool
) -> None:
    with severed_house(cluster, tmp_path) as (house, line):
        accept(house, mail("How do I pay?"))
        accept(house, mail("Where is it?"))
        line.cut_at(b"COMMIT\x00", is_heard=is_heard)
        with pytest.raises(Unavailable):
            work(house)
        assert [SpoolState.NEW] * 2 == [entry.state for entry in house.spool.list()]
        assert (2 if is_heard else 0) == len(rows(house, schema.journal))
        work(house)
        assert ["opened", "opened"] == outcomes(house)
        assert [] == house.spool.list()
        assert 2 == len(rows(house, schema.message))
        assert 1 == len(send(house)[:1])


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_delivery_whose_commit_was_not_answered_is_sent_once(
    cluster: Cluster, tmp_path: Path, is_heard: bool
) -> None:
    with severed_house(cluster, tmp_path) as (house, line):
        accept(house, mail())
        work(house)
        line.cut_at(b"COMMIT\x00", is_heard=is_heard)
        with pytest.raises(Unavailable):
            send(house)  # the claim's
        # Of the claim that was heard nobody knows here: its lease, by the server's clock, is over.
        over = "UPDATE delivery SET lease_until = now() - interval '1h' WHERE state = 'sending'"
        house.database.write(lambda c: c.execute(text(over)))
        house.desk.clock = clock.now
        assert 1 == len(send(house))
        assert [] == send(house)
        assert ["sent"] == [one.state for one in rows(house, schema.delivery)]


# ---- a server that says nothing any more


@contextmanager
def mute(cluster: Cluster) -> Iterator[None]:
    """Stop the whole server in its tracks: its sockets stay open, and nobody answers."""
    children = Path(f"/proc/{cluster.process}/task/{cluster.process}/children")
    processes = [cluster.process, *map(int, children.read_text().split())]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening.Listener, "silence", 0.3)
    monkeypatch.setattr(listening, "KNOCK", 0.3)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("by", ["socket", "port"])
def test_a_server_that_is_mute_is_given_up_and_used_again_when_it_wakes(
    cluster: Cluster, by: str
) -> None:
    with made(cluster) as name, ExitStack() as stack:
        server = cluster.server(name, cluster.port if by == "port" else None)
        server = replace(server, url=f"{server.url}&connect_timeout=2")  # the driver's least
        database = stack.enter_context(closing(open_database(server)))
        database.write(contact("before"))
        silence = ExitStack()
        stack.callback(silence.close)

        one, lost, two = together(
            database,
            contact("one"),
            after(lambda: silence.enter_context(mute(cluster)), "lost"),
            contact("two"),
        )
        for future in (one, lost):
            with pytest.raises(Unavailable, match="does not answer"):
                future.result(20)
        with pytest.raises(Unavailable, match="timeout"):
            two.result(20)  # no session at all
        with pytest.raises(Unavailable, match=r"does not answer|timeout"):
            names(database)
        silence.close()
        database.write(contact("after"))
        assert ["before", "after"] == names(database)


@pytest.mark.usefixtures("_impatient")
def test_a_statement_that_takes_long_is_waited_for(cluster: Cluster, database: Database) -> None:
    database.write(lambda c: c.execute(text("SELECT pg_sleep(1.5)")))
    with database.read() as connection:
        assert 1 == connection.execute(text("SELECT 1 FROM pg_sleep(1)")).scalar_one()


@pytest.mark.usefixtures("_impatient")
def test_a_commit_whose_answer_a_mute_server_owes_is_carried_out_once(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(connection: Connection) -> None:
        silence.enter_context(mute(cluster))
        committed(connection)

    committed = db._end
    with made(cluster) as name:
        table = f'\n[database]\nurl = "{cluster.server(name).url}&connect_timeout=2"\n'
        with sound_house(tmp_path, config_extra=table) as house:
            accept(house, mail("How do I pay?"))
            with ExitStack() as silence:
                monkeypatch.setattr(db, "_end", end)
                with pytest.raises(Unavailable):
                    work(house)
                monkeypatch.setattr(db, "_end", committed)
            work(house)
            assert ["opened"] == outcomes(house)
            assert [] == house.spool.list()
            assert 1 == len(send(house)[:2])


# ---- what the server says no to


def test_what_is_the_victim_of_a_deadlock_is_done_again_and_harms_no_other(
    cluster: Cluster, database: Database
) -> None:
    """Somebody else's session, who takes no turn with us: an administrator's."""
    database.write(contact("a"))
    database.write(contact("b"))
    rename = "UPDATE contact SET name = 'x' WHERE name = '{}'"
    is_waiting = threading.Event()

    with cluster.connect("postroom") as admin, cluster.connect() as watching:
        admin.execute("SET deadlock_timeout = 60000")  # whoever finds it out is its victim: we
        admin.execute("BEGIN")
        admin.execute(rename.format("a"))

        def other() -> None:
            admin.execute(rename.format("b"))
            admin.execute("ROLLBACK")

        theirs = threading.Thread(target=other)

        def crossed(connection: Connection) -> None:
            if is_waiting.is_set():
                theirs.join(20)  # or the second time ends as the first
            connection.execute(text(rename.format("b")))
            if not is_waiting.is_set():
                theirs.start()
                while not _waits(watching, admin):
                    pass
                is_waiting.set()
            connection.execute(text(rename.format("a")))

        one, crossing, two = together(database, contact("one"), crossed, contact("two"))
        assert ("one", None, "two") == (one.result(20), crossing.result(20), two.result(20))
        theirs.join(20)
    assert is_waiting.is_set()
    assert ["x", "x", "one", "two"] == names(database)


def _waits(watching: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> bool:
    found = watching.execute(
        "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", [other.info.backend_pid]
    )
    return found.fetchone() is not None


def test_serialization_failures_are_conflicts(cluster: Cluster, server: Server) -> None:
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ"
    with closing(open_database(server)) as database:
        database.write(contact("a"))
    with cluster.connect("postroom") as one, cluster.connect("postroom") as other:
        one.execute(begin)
        one.execute("SELECT * FROM contact")
        other.execute("UPDATE contact SET name = 'b'")
        with pytest.raises(pg.SerializationFailure) as failed:
            one.execute("UPDATE contact SET name = 'c'")
        assert isinstance(translated(failed.value), Conflict)


def test_a_server_that_is_full_or_read_only_or_lacks_the_database_is_unavailable(
    cluster: Cluster, server: Server
) -> None:
    open_database(server).close()
    with cluster.connect() as admin:
        admin.execute("CREATE ROLE guest LOGIN CONNECTION LIMIT 0")
        admin.execute("CREATE ROLE reader LOGIN")
        admin.execute("ALTER ROLE reader SET default_transaction_read_only = on")
        admin.execute("GRANT pg_write_all_data TO reader")
    cases = {
        server.url.replace("postgres@", "guest@"): "too many connections",
        server.url.replace("/postroom?", "/other?"): "does not exist",
        server.url.replace("postgres@", "nobody@"): "does not exist",
        server.url.replace("postgres@", "reader@"): "read-only transaction",
    }
    try:
        for url, words in cases.items():
            other = Database(Server(url))
            with closing(other), pytest.raises(Unavailable, match=words):
                other.write(contact("lost"))
    finally:
        with cluster.connect() as admin:
            admin.execute("DROP ROLE guest")
            admin.execute("DROP ROLE reader")


def test_a_full_disk_is_unavailable() -> None:
    assert isinstance(translated(pg.DiskFull("no space left on device")), Unavailable)


def test_a_value_that_cannot_be_kept_harms_no_other_work(database: Database) -> None:
    number = {"name": "x", "open_requests": 2**40}
    one, bad, two = together(
        database,
        contact("one"),
        lambda c: c.execute(insert(schema.handler), number),
        contact("two"),
    )
    with pytest.raises(Exception, match="out of range"):
        bad.result(20)
    assert ("one", "two") == (one.result(20), two.result(20))


def test_a_session_has_our_limits_whatever_the_servers_are(
    cluster: Cluster, database: Database
) -> None:
    with cluster.connect() as admin:
        admin.execute("ALTER DATABASE postroom SET TimeZone = 'Asia/Tokyo'")
        admin.execute("ALTER DATABASE postroom SET lock_timeout = 0")
    end_sessions(cluster)
    with database.read() as connection:
        found = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("TimeZone", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert ["UTC", "10s", "30s"] == found


# ---- one writer at a time


def test_a_second_node_waits_until_the_first_has_committed(server: Server) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        contact("first")(connection)
        has_begun.set()
        assert may_end.wait(20)

    with closing(open_database(server)) as one, closing(Database(server)) as other:
        first = one.submit(slow)
        assert has_begun.wait(20)
        second = other.submit(lambda c: c.execute(select(schema.contact.c.name)).scalars().all())
        with one.read() as connection:
            while not connection.execute(
                text("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            ).first():
                pass
        assert not second.done()
        may_end.set()
        first.result(20)
        assert ["first"] == second.result(20)


def test_a_node_that_waits_too_long_for_another_is_told_so(server: Server) -> None:
    may_end, has_begun = threading.Event(), threading.Event()

    def hanging(_: Connection) -> None:
        has_begun.set()
        assert may_end.wait(20)

    one, other = open_database(server), Database(server, busy_timeout=0.05)
    with closing(one), closing(other):
        first = one.submit(hanging)
        assert has_begun.wait(20)
        with pytest.raises(Unavailable, match="lock timeout"):
            other.write(contact("late"))
        may_end.set()
        first.result(20)
        assert "next" == other.write(contact("next"))

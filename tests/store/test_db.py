"""The database's writer: group commit, works that fail alone, and what is told to whom."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text
from tests.kinds import ground

from postroom.errors import Conflict, Unavailable
from postroom.store import db, engines, schema
from postroom.store.db import Database, Work

NO_TABLE = "no such table|does not exist"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    place = ground().place(tmp_path / "postroom.db", is_empty=True)
    opened = Database(place, busy_timeout=0.05)
    opened.write(schema.metadata.create_all)
    yield opened
    opened.close()


def contact(name: str) -> Callable[[Connection], str]:
    """A work that makes a contact."""

    def work(connection: Connection) -> str:
        connection.execute(insert(schema.contact), {"name": name, "created_at": NOON})
        return name

    return work


def version(name: str) -> Work[Any]:
    """A work with a unique row."""
    return lambda c: c.execute(insert(schema.policy), {"version": name, "files": {}})


def broken(connection: Connection) -> None:
    contact("half done")(connection)
    raise ZeroDivisionError("a defect")


def names(database: Database) -> list[str]:
    with database.read() as connection:
        query = select(schema.contact.c.name).order_by(schema.contact.c.id)
        return list(connection.execute(query).scalars())


def together(database: Database, *works: Work[Any]) -> list[Future[Any]]:
    """Submit works while the writer is held up, so that one transaction takes them all."""
    is_held, may_go = threading.Event(), threading.Event()

    def hold_up(_: Connection) -> None:
        is_held.set()
        assert may_go.wait(20)

    first = database.submit(hold_up)
    assert is_held.wait(20)
    futures = [database.submit(work) for work in works]
    may_go.set()
    first.exception(20)
    return futures


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is: what waits joins the transaction."""
    monkeypatch.setattr(engines, "SECONDS_OF_FILE", 60)
    monkeypatch.setattr(engines, "SECONDS_OF_SERVER", 60)


# ---- group commit


@pytest.mark.usefixtures("patient")
def test_works_that_wait_share_one_commit(database: Database) -> None:
    before = database.commits
    futures = together(database, *(contact(str(number)) for number in range(20)))
    assert [future.result(20) for future in futures] == [str(number) for number in range(20)]
    assert names(database) == [str(number) for number in range(20)]
    assert database.commits == before + 1


@pytest.mark.usefixtures("patient")
def test_a_transaction_has_an_end(database: Database) -> None:
    before = database.commits
    for future in together(database, *(contact("x") for _ in range(2 * db.TRANSACTION_WORKS))):
        future.result(20)
    assert database.commits == before + 3  # with the work that held the writer up


@pytest.mark.usefixtures("patient")
def test_a_work_that_fails_leaves_no_trace_and_harms_nobody(database: Database) -> None:
    one, bad, two = together(database, contact("one"), broken, contact("two"))
    assert (one.result(20), two.result(20)) == ("one", "two")
    with pytest.raises(ZeroDivisionError, match="a defect"):
        bad.result(20)
    assert names(database) == ["one", "two"]


@pytest.mark.usefixtures("patient")
def test_a_unique_row_that_is_there_already_is_a_conflict(database: Database) -> None:
    first, second, other = together(database, version("1"), version("1"), contact("other"))
    first.result(20)
    with pytest.raises(Conflict, match=r"policy\.version|policy_pkey"):
        second.result(20)
    assert other.result(20) == "other"


@pytest.mark.usefixtures("patient")
def test_a_row_that_names_nothing_is_a_conflict(database: Database) -> None:
    work: Work[Any] = lambda c: c.execute(  # noqa: E731
        insert(schema.raw_mail), {"journal_id": 99, "raw": b""}
    )
    [orphan] = together(database, work)
    with pytest.raises(Conflict, match=r"(?i)foreign key"):
        orphan.result(20)


@pytest.mark.usefixtures("patient")
def test_a_transaction_that_breaks_tells_everybody_and_keeps_nothing(database: Database) -> None:
    nonsense: Work[Any] = lambda c: c.execute(text("SELECT * FROM nowhere"))  # noqa: E731
    one, bad, late = together(database, contact("one"), nonsense, contact("late"))
    for future in (one, bad):
        with pytest.raises(Unavailable, match=NO_TABLE):
            future.result(20)
    assert late.result(20) == "late"  # came when the transaction was over
    assert names(database) == ["late"]


def test_works_are_done_again_in_savepoints_when_one_of_them_fails(database: Database) -> None:
    runs: list[str] = []

    def counted(connection: Connection) -> str:
        runs.append("counted")
        return contact("one")(connection)

    def breaking(connection: Connection) -> None:
        contact("lost")(connection)
        runs.append("breaking")
        broken(connection)

    one, bad, two = together(database, counted, breaking, contact("two"))
    with pytest.raises(ZeroDivisionError):
        bad.result(20)
    assert ("one", "two") == (one.result(20), two.result(20))
    assert ["counted", "breaking"] * 2 == runs
    assert ["one", "two"] == names(database)


@pytest.mark.usefixtures("patient")
def test_a_commit_that_fails_tells_everybody(database: Database) -> None:
    def orphan(connection: Connection) -> None:
        # Looked at when the whole transaction is committed, and not before.
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(insert(schema.raw_mail), {"journal_id": 99, "raw": b""})

    for future in together(database, contact("one"), orphan, contact("two")):
        with pytest.raises(Conflict, match=r"(?i)foreign key"):
            future.result(20)
    assert names(database) == []
    assert database.write(contact("next")) == "next"


def test_a_result_is_durable_when_it_is_seen(database: Database) -> None:
    database.write(contact("one"))
    with closing(Database(database.place)) as other:
        assert names(other) == ["one"]


def test_a_file_that_somebody_else_has_locked_is_unavailable(database: Database) -> None:
    assert isinstance(database.place, Path)
    other = sqlite3.connect(database.place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="database is locked"):
        database.write(contact("one"))
    other.execute("ROLLBACK")
    other.close()
    assert database.write(contact("two")) == "two"


# ---- the end


@pytest.mark.usefixtures("patient")
def test_close_finishes_what_was_submitted(database: Database) -> None:
    is_held, may_go = threading.Event(), threading.Event()

    def hold_up(_: Connection) -> None:
        is_held.set()
        assert may_go.wait(20)

    database.submit(hold_up)
    assert is_held.wait(20)
    last = database.submit(contact("last"))
    ending = threading.Thread(target=database.close)
    ending.start()
    may_go.set()
    ending.join(20)
    assert last.result(20) == "last"
    with closing(Database(database.place)) as other:
        assert names(other) == ["last"]


def test_what_is_submitted_while_it_closes_is_answered(database: Database) -> None:
    closing = threading.Thread(target=database.close)
    plain = database._waiting

    class Slow:
        """Between the look whether it is closed and the queue, there is time to close it."""

        get, get_nowait = plain.get, plain.get_nowait

        def put(self, item: Any) -> None:
            if item is not None and not closing.is_alive():
                closing.start()
                closing.join(0.2)
            plain.put(item)

    database.write(contact("one"))
    plain.put(None)  # let the writer end, so that the next one listens to the slow queue
    database._writer.join(20)  # type: ignore[union-attr]
    database._writer, database._waiting = None, Slow()  # type: ignore[assignment]
    assert database.submit(contact("late")).result(20) == "late"
    closing.join(20)


def test_after_close_nothing_is_taken(database: Database) -> None:
    database.close()
    with pytest.raises(Unavailable, match="closed"):
        database.submit(contact("late"))
    database.close()  # twice is harmless


def test_a_database_that_was_never_written_to_closes(tmp_path: Path) -> None:
    Database(ground().place(tmp_path / "other.db")).close()


# ---- reading


def test_a_reader_sees_one_moment(database: Database) -> None:
    database.write(contact("one"))
    with database.read() as connection:
        query = select(schema.contact.c.name)
        assert connection.execute(query).scalars().all() == ["one"]
        database.write(contact("two"))
        assert connection.execute(query).scalars().all() == ["one"]
    assert names(database) == ["one", "two"]


@pytest.mark.usefixtures("patient")
def test_a_reader_sees_nothing_that_is_not_committed(database: Database) -> None:
    seen: list[list[str]] = []

    def look(connection: Connection) -> None:
        contact("one")(connection)
        seen.append(names(database))

    database.write(look)
    assert (seen, names(database)) == ([[]], ["one"])


def test_an_error_while_reading_is_translated(database: Database) -> None:
    with pytest.raises(Unavailable, match=NO_TABLE), database.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))


# ---- instants


def test_instants_come_back_aware_and_in_utc(database: Database) -> None:
    oslo = NOON.astimezone(timezone(timedelta(hours=1)))
    row = {"version": "1", "at": oslo}

    def work(connection: Connection) -> None:
        version("1")(connection)
        connection.execute(insert(schema.policy_activation), row)

    database.write(work)
    with database.read() as connection:
        [found] = connection.execute(select(schema.policy_activation.c.at)).scalars()
    assert (found, found.tzinfo) == (NOON, UTC)


def test_a_naive_instant_is_refused(database: Database) -> None:
    row = {"name": "x", "created_at": NOON.replace(tzinfo=None)}
    with pytest.raises(Exception, match="naive datetime"):
        database.write(lambda c: c.execute(insert(schema.contact), row))


def test_the_log_is_copied_into_the_file_beside_the_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    database.write(schema.metadata.create_all)
    small = database.place.stat().st_size
    row = {"name": "x" * 20_000, "created_at": datetime(2026, 11, 20, tzinfo=UTC)}
    end = time.monotonic() + 20
    while database.place.stat().st_size <= small + 400_000:
        assert time.monotonic() < end
        for _ in range(64):
            database.write(lambda c: c.execute(insert(schema.contact), row))
    database.close()

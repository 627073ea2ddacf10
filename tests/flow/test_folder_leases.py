"""Two nodes and one folder: one reads it, and when it is gone the other reads on."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import structlog
from sqlalchemy import update
from tests.fakes.lying_imap import LyingImap
from tests.flow.test_imap_lies import MAILS, Place, place
from tests.flow.test_sender import NOW, add_delivery
from tests.houses import Clock, mail, make_house, put_in

from postroom import clock
from postroom.errors import Busy
from postroom.house import House
from postroom.intake import imap
from postroom.intake.imap_status import FolderStatus
from postroom.spool.permits import Permit, PermitFile, Permits
from postroom.store import leases as rows
from postroom.store import queue
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.work.audit import audit
from postroom.work.leases import LENGTH, TAKEN_OVER, Leases


class Node:
    """A data folder with its doors, and the leases of its work."""

    def __init__(self, name: str, here: Place, database: Database, still: Clock) -> None:
        self.here = here
        self.source = here.folder.setup.source
        self.are_doors_open = True
        self.leases = Leases(
            database,
            here.spool,
            [self.source],
            name,
            still,
            are_doors_open=lambda: self.are_doors_open,
        )
        self.permits = PermitFile(here.spool.path.parent)

    @property
    def may_read(self) -> bool:
        return self.permits.permit(self.source) is not None

    def live(self, seconds: float = 0.3) -> None:
        """Let the folder's thread run for a while."""
        thread = threading.Thread(target=self.here.folder.run)
        thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.here.spool.list():
            time.sleep(0.01)
        self.here.folder.stop()
        thread.join(10)

    def journal(self) -> None:
        """Let all mails leave the spool."""
        self.here.spool.finish([one.id for one in self.here.spool.list()]).result(20)


@pytest.fixture
def still() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, still: Clock) -> Iterator[House]:
    with make_house(tmp_path / "database", clock=still) as opened:
        yield opened


@contextmanager
def node(name: str, folder: Path, server: LyingImap, house: House, still: Clock) -> Iterator[Node]:
    data = folder / name / "var"
    with place(folder / name, server, 'idle = false\npoll = "5s"\n', permits=PermitFile(data)) as p:
        yield Node(name, p, house.database, still)


def test_one_of_two_nodes_may_read_a_folder(
    tmp_path: Path, house: House, still: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        LyingImap(MAILS) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        assert {first.source} == first.leases.run_once()
        assert frozenset() == second.leases.run_once()
        assert (True, False) == (first.may_read, second.may_read)
        assert "mx1" == second.permits.reader(second.source)
        said: list[FolderStatus] = []
        monkeypatch.setattr(imap, "write_status", lambda _, status: said.append(status))
        second.live()
        assert {} == second.here.entries
        assert ["node mx1 reads this folder"] == [one.why for one in said if one.state == "waiting"]


def test_a_node_that_is_gone_is_followed_within_thirty_seconds(
    tmp_path: Path, house: House, still: Clock
) -> None:
    assert timedelta(seconds=30) >= TAKEN_OVER
    with (
        LyingImap(MAILS) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        first.leases.run_once()
        still.now += LENGTH - timedelta(seconds=1)
        assert frozenset() == second.leases.run_once()
        still.now += timedelta(seconds=1)
        assert {second.source} == second.leases.run_once()
        assert frozenset() == first.leases.run_once()
        assert not first.may_read


def test_what_a_node_that_is_gone_may_have_sent_is_told_once(
    tmp_path: Path, house: House, still: Clock
) -> None:
    with (
        LyingImap(MAILS) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        first.leases.run_once()
        over = still.now + timedelta(minutes=20)
        name = first.here.spool.numbers().name
        write = house.database.write
        for number in (1, 2):
            write(partial(add_delivery, recipient=f"p{number}@example.net", values={}))
        handed, _ = write(lambda c: queue.claim(c, NOW, 10, over, name))
        assert write(lambda c: queue.mark_handed(c, handed, still.now, over))
        still.now += LENGTH
        with structlog.testing.capture_logs() as events:
            second.leases.run_once()
            second.leases.run_once()
        assert [("node.gone", name, 2)] == [
            (one["event"], one["node"], one["claims"]) for one in events if "claims" in one
        ]
        assert [("outbox.uncertain", handed.id)] == [
            (one["event"], one["delivery"]) for one in events if "delivery" in one
        ]


def test_the_next_node_reads_on_after_what_the_journal_has(
    tmp_path: Path, house: House, still: Clock
) -> None:
    with (
        LyingImap({1: MAILS[1], 2: MAILS[2]}) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        first.leases.run_once()
        first.here.visit()
        first.journal()
        first.leases.run_once()
        server.mails = {**server.mails, 3: MAILS[3]}
        first.here.visit()  # fetched, and not in the journal when the node dies
        first.leases.run_once()
        still.now += LENGTH
        second.leases.run_once()
        second.here.visit()
        assert {3} == set(second.here.entries)


def test_a_node_that_comes_back_does_not_fetch_what_the_other_has(
    tmp_path: Path, house: House, still: Clock
) -> None:
    with (
        LyingImap({1: MAILS[1]}) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        first.leases.run_once()
        first.here.visit()
        first.journal()
        first.leases.run_once()
        still.now += LENGTH
        second.leases.run_once()
        server.mails = {**server.mails, 2: MAILS[2]}
        second.here.visit()
        second.journal()
        second.leases.run_once()
        still.now += LENGTH
        first.leases.run_once()
        server.mails = {**server.mails, 3: MAILS[3]}
        first.here.visit()
        assert {3} == set(first.here.entries)


def test_a_lease_that_is_given_back_is_free_at_once(
    tmp_path: Path, house: House, still: Clock
) -> None:
    with (
        LyingImap(MAILS) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        first.leases.run_once()
        stop = threading.Event()
        stop.set()
        first.leases.run(stop)
        assert not first.may_read
        assert {second.source} == second.leases.run_once()


def test_work_without_doors_takes_no_folder(tmp_path: Path, house: House, still: Clock) -> None:
    with LyingImap(MAILS) as server, node("mx1", tmp_path, server, house, still) as only:
        only.are_doors_open = False
        assert frozenset() == only.leases.run_once()
        assert not only.may_read


def test_a_permit_that_cannot_be_written_is_tried_again(
    tmp_path: Path, house: House, still: Clock
) -> None:
    with LyingImap(MAILS) as server, node("mx1", tmp_path, server, house, still) as only:
        in_the_way = only.leases._permits._path.with_suffix(f".{os.getpid()}")
        in_the_way.mkdir()
        assert frozenset() == only.leases.run_once()
        assert not only.may_read
        in_the_way.rmdir()
        assert {only.source} == only.leases.run_once()
        assert only.may_read


def test_a_thread_without_leave_fetches_nothing(tmp_path: Path, house: House, still: Clock) -> None:
    with LyingImap(MAILS) as server, node("mx1", tmp_path, server, house, still) as only:
        only.live()
        assert [] == server.commands
        only.leases.run_once()
    with LyingImap(MAILS) as server, node("mx2", tmp_path, server, house, still) as other:
        other.leases.run_once()
        other.live(20)
        assert {1, 2, 3} == set(other.here.entries)


def test_a_permit_ends_by_itself(tmp_path: Path) -> None:
    file = PermitFile(tmp_path)
    file.write(Permits({"a": Permit(time.monotonic() + 60, None), "b": Permit(0.0, None)}, {}))
    assert file.permit("a") is not None
    assert file.permit("b") is None
    assert file.permit("c") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot": 1}', "null", '{"boot": "x"}'])
def test_a_file_that_says_nothing_permits_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "imap-permits.json").write_text(text)
    assert PermitFile(tmp_path).permit("a") is None


def test_the_permits_of_before_the_last_start_of_the_machine_are_over(tmp_path: Path) -> None:
    file = PermitFile(tmp_path)
    file.write(Permits({"a": Permit(time.monotonic() + 60, None)}, {}))
    path = tmp_path / "imap-permits.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boot": "another"}))
    assert PermitFile(tmp_path).permit("a") is None


# ---- the names of spools


def test_two_data_folders_never_number_alike(tmp_path: Path, house: House, still: Clock) -> None:
    with (
        LyingImap(MAILS) as server,
        node("mx1", tmp_path, server, house, still) as first,
        node("mx2", tmp_path, server, house, still) as second,
    ):
        first.leases.register()
        first.leases.register()
        name = first.here.spool.numbers().name
        second.here.spool.numbers = first.here.spool.numbers  # type: ignore[method-assign]
        with pytest.raises(Busy, match=f"{name}-…"):
            second.leases.register()


def test_audit_leaves_the_spool_of_another_node_to_that_node(house: House) -> None:
    for number, subject in enumerate(("One", "Three"), 1):
        put_in(house, mail(subject))
        moved = {"spool_name": "mx2-7", "spool_number": 2 * number}
        house.database.write(
            lambda c, moved=moved, n=number: c.execute(
                update(t.journal).where(t.journal.c.id == n).values(moved)
            )
        )
    with closing(sqlite3.connect(house.spool.path)) as db:
        db.execute("UPDATE counter SET next = 1")
        db.commit()
    lost = [("mail-lost-with-spool", "mx2-7-1"), ("mail-lost-with-spool", "mx2-7-3")]
    assert lost == findings(house)
    now = clock.now()
    hold = partial(rows.take, names=["spool:mx2-7"], holder="x", node="mx2", length=LENGTH)
    house.database.write(partial(hold, now=now))
    assert [] == findings(house)
    house.database.write(partial(hold, now=now - LENGTH))
    assert lost == findings(house)  # that node is away: nobody else can know


def findings(house: House) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in audit(house.database, house.spool).findings]

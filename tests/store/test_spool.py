"""The spool: what is put is there, once, whatever happens to the disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postroom import clock, failpoints
from postroom.errors import NotFound, Unavailable
from postroom.mail.message import Envelope
from postroom.spool import Spool
from postroom.spool.model import (
    Cursor,
    DamagedSpoolError,
    DiskFull,
    SpooledMail,
    SpoolNumbers,
    SpoolState,
)

WAIT = 20  # seconds; only a hanging test gets there
ENVELOPE = Envelope(
    sender="føø@example.net",
    recipients=("support@example.com", "help@example.com"),
    transport="smtp",
    mailbox="support",
    received_at=datetime(2026, 11, 20, 13, 15, 0, 123456, tzinfo=UTC),
    peer="192.0.2.1",
    options={"HELO": "mx.example.net", "SMTPUTF8": ""},
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path, "mx1", busy_timeout=timedelta(seconds=0.05)) as opened:
        yield opened
    failpoints.disarm()


def put(spool: Spool, raw: bytes = b"Hello\r\n") -> str:
    return spool.put(ENVELOPE, raw).result(WAIT)


def claim(spool: Spool, limit: int = 100) -> list[SpooledMail]:
    return spool.claim(limit, 10**9)


def numbers(mails: list[SpooledMail]) -> list[int]:
    return [mail.number for mail in mails]


@contextmanager
def held(spool: Spool) -> Iterator[None]:
    """Hold the writer up, so that all that is asked meanwhile shares one transaction."""
    reached, go_on = threading.Event(), threading.Event()

    def stop() -> None:
        reached.set()
        assert go_on.wait(WAIT)
        failpoints.disarm()

    failpoints.arm("spool.begun", stop)
    first = spool.put_all([])
    assert reached.wait(WAIT)
    yield
    go_on.set()
    first.result(WAIT)


# Taking in


def test_a_mail_is_there_as_it_was_put(spool: Spool) -> None:
    raw = bytes(range(256)) * 100
    spool_id = put(spool, raw)
    name = spool.numbers().name
    assert spool_id == f"{name}-1"
    assert name.startswith("mx1-")
    assert claim(spool) == [SpooledMail(spool_id, 1, ENVELOPE, raw, 0)]


def test_mails_survive_the_end_of_the_process(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        first = put(spool)
    with Spool(tmp_path, "mx1") as spool:
        second = put(spool)
        assert [mail.id for mail in claim(spool)] == [first, second]


def test_waiting_mails_share_one_flush(spool: Spool) -> None:
    with held(spool):
        before = spool.flushes
        futures = [spool.put(ENVELOPE, b"%d" % number) for number in range(50)]
    ids = [future.result(WAIT) for future in futures]
    assert spool.flushes == before + 2  # the one that was held, and one for all of them
    assert [spool.export(spool_id) for spool_id in ids] == [b"%d" % number for number in range(50)]


POISON: bytes = "\ud800"  # type: ignore[assignment] # SQLite cannot keep it


def test_what_is_finished_waits_for_no_flush_and_what_is_put_does(spool: Spool) -> None:
    for _ in range(2):
        spool_id = put(spool)
        before = spool.flushes
        spool.finish([spool_id]).result(WAIT)
        assert 0 == spool.flushes - before
        with held(spool):
            futures = [spool.finish([spool_id]), spool.put(ENVELOPE, b"with it")]
        wait(futures, WAIT)
        assert 2 == spool.flushes - before  # the one that was held, and one for both of them


def test_put_all_keeps_all_or_none(spool: Spool) -> None:
    with pytest.raises(Unavailable):
        spool.put_all([(ENVELOPE, b"a"), (ENVELOPE, POISON)]).result(WAIT)
    name = spool.numbers().name
    both = spool.put_all([(ENVELOPE, b"a"), (ENVELOPE, b"b")]).result(WAIT)
    assert both == [f"{name}-1", f"{name}-2"]
    assert len(spool.list()) == 2


@pytest.mark.parametrize("poison", [POISON, b"x" * 20_000])
def test_a_poisoned_put_fails_alone(poison: bytes, spool: Spool) -> None:
    with (
        connections_of(spool, lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)),
        held(spool),
    ):
        futures = [spool.put(ENVELOPE, raw) for raw in (b"a", poison, b"b")]
    assert futures[0].result(WAIT).endswith("-1")
    with pytest.raises(Unavailable):
        futures[1].result(WAIT)
    assert futures[2].result(WAIT).endswith("-2")


def test_a_put_that_was_given_up_is_not_kept(spool: Spool) -> None:
    with held(spool):
        given_up = spool.put(ENVELOPE, b"a")
        kept = spool.put(ENVELOPE, b"b")
        assert given_up.cancel()
    assert kept.result(WAIT).endswith("-1")
    assert len(spool.list()) == 1


def test_the_cursor_moves_with_its_mail(spool: Spool) -> None:
    source = "imap.example.com/ann/INBOX"
    assert spool.cursor(source) is None
    spool.put(ENVELOPE, b"a", Cursor(source, 7, 1)).result(WAIT)
    assert spool.cursor(source) == Cursor(source, 7, 1)
    failpoints.arm("spool.written", fail)
    with pytest.raises(Unavailable):
        spool.put(ENVELOPE, b"b", Cursor(source, 7, 2)).result(WAIT)
    failpoints.disarm()
    assert spool.cursor(source) == Cursor(source, 7, 1)
    assert spool.put_all([], Cursor(source, 8, 5)).result(WAIT) == []
    assert spool.cursor(source) == Cursor(source, 8, 5)
    assert spool.numbers().next == 2


def fail() -> None:
    raise failpoints.FailpointError


# Working


def test_the_oldest_come_first_and_none_twice(spool: Spool) -> None:
    for _ in range(5):
        put(spool)
    assert numbers(claim(spool, 2)) == [1, 2]
    assert numbers(claim(spool, 2)) == [3, 4]
    assert numbers(claim(spool, 2)) == [5]
    assert claim(spool) == []


def test_a_claim_takes_no_more_octets_than_asked_but_one_mail_always(spool: Spool) -> None:
    for size in (10, 10, 100, 10):
        put(spool, b"x" * size)
    assert numbers(spool.claim(10, 25)) == [1, 2]
    assert numbers(spool.claim(10, 25)) == [3]
    assert numbers(spool.claim(10, 25)) == [4]


def test_unclaimed_mails_come_again(spool: Spool) -> None:
    put(spool)
    put(spool)
    first, _ = claim(spool)
    spool.unclaim([first.id])
    assert spool.wait(0) is False
    assert spool.wait(WAIT) is True
    assert claim(spool) == [first]


def test_finished_mails_are_gone_and_finishing_again_is_harmless(spool: Spool) -> None:
    put(spool)
    put(spool)
    first, second = claim(spool)
    spool.finish([first.id]).result(WAIT)
    spool.finish([first.id]).result(WAIT)
    assert [entry.id for entry in spool.list()] == [second.id]
    assert spool.numbers() == SpoolNumbers(
        name=first.id.rpartition("-")[0], next=3, present=frozenset({2}), quarantined=frozenset()
    )


def test_a_crash_returns_what_was_claimed(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        put(spool)
        claimed = claim(spool)
        with Spool(tmp_path, "mx1") as after:
            assert claim(after) == claimed


def test_a_deferred_mail_waits_until_it_is_due(spool: Spool) -> None:
    put(spool)
    put(spool)
    first, second = claim(spool)
    later, earlier = clock.now() + timedelta(hours=1), clock.now() - timedelta(seconds=1)
    assert spool.defer(first.id, "no database", later).result(WAIT) is SpoolState.NEW
    assert claim(spool) == []
    assert spool.show(first.id).due_at == later
    spool.defer(second.id, "no database", earlier).result(WAIT)
    assert claim(spool) == [second]
    assert spool.show(second.id).attempts == 0


def test_the_third_failure_of_its_own_quarantines(spool: Spool) -> None:
    spool_id = put(spool)
    states = []
    for attempt in range(3):
        (mail,) = claim(spool)
        assert mail.attempts == attempt
        due_at = clock.now() - timedelta(seconds=1)
        states.append(spool.defer(spool_id, "reader died", due_at, counted=True).result(WAIT))
    assert states == [SpoolState.NEW, SpoolState.NEW, SpoolState.QUARANTINED]
    assert claim(spool) == []
    assert spool.numbers().quarantined == {1}
    entry = spool.show(spool_id)
    assert (entry.state, entry.attempts, entry.why) == ("quarantined", 3, "reader died")


def test_retry_makes_a_quarantined_mail_new(spool: Spool) -> None:
    spool_id = put(spool)
    claim(spool)
    spool.quarantine(spool_id, "cannot be read").result(WAIT)
    assert claim(spool) == []
    spool.retry(spool_id).result(WAIT)
    (mail,) = claim(spool)
    assert (mail.id, mail.attempts) == (spool_id, 0)


def test_retry_makes_a_deferred_mail_due(spool: Spool) -> None:
    spool_id = put(spool)
    claim(spool)
    spool.defer(spool_id, "no database", clock.now() + timedelta(days=1)).result(WAIT)
    spool.retry(spool_id).result(WAIT)
    assert numbers(claim(spool)) == [1]


def test_a_retried_mail_goes_before_younger_ones(spool: Spool) -> None:
    old = put(spool)
    claim(spool)
    spool.defer(old, "", clock.now() - timedelta(seconds=1)).result(WAIT)
    put(spool)
    assert numbers(claim(spool)) == [1, 2]


def test_waiting_ends_when_a_mail_comes(spool: Spool) -> None:
    assert spool.wait(0.01) is False
    put(spool)
    assert spool.wait(WAIT) is True


def test_mails_and_retries_of_another_process_are_seen(spool: Spool, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from postroom.spool import Spool\n"
        "from tests.store.test_spool import ENVELOPE\n"
        "spool = Spool(Path(sys.argv[1]), 'mx1'); print(spool.put(ENVELOPE, b'x').result())\n"
        "spool.close()"
    )
    put(spool)
    assert spool.wait(WAIT)
    child = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert spool.wait(WAIT)
    assert child.stdout.strip() == f"{spool.numbers().name}-2"
    assert numbers(claim(spool)) == [1, 2]


def test_two_processes_never_take_the_same_number(spool: Spool, tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1", busy_timeout=timedelta(seconds=WAIT)) as other:
        spool._writer._busy_timeout = WAIT
        futures = [one.put(ENVELOPE, b"") for _ in range(100) for one in (spool, other)]
        ids = {future.result(WAIT) for future in futures}
    assert len(ids) == 200
    assert spool.numbers().present == set(range(1, 201))


# Looking


def test_what_is_listed(spool: Spool) -> None:
    first, second = put(spool, b"12345"), put(spool)
    spool.claim(1, 1)
    entry, other = spool.list()
    assert (entry.id, entry.state, entry.size, entry.attempts, entry.why) == (
        first,
        SpoolState.WORKING,
        5,
        0,
        "",
    )
    assert entry.envelope == ENVELOPE
    assert (other.id, other.state, other.due_at) == (second, SpoolState.NEW, None)
    assert spool.show(second) == other
    assert spool.export(first) == b"12345"


@pytest.mark.parametrize("spool_id", ["mx1-1-99", "{name}-99", "x", "", "{name}-x", "mx2-1-1"])
def test_ids_that_are_nobodys(spool_id: str, spool: Spool) -> None:
    put(spool)
    wrong = spool_id.format(name=spool.numbers().name)
    for look in (spool.show, spool.export, lambda an_id: spool.retry(an_id).result(WAIT)):
        with pytest.raises(NotFound):
            look(wrong)


# Numbers


@pytest.mark.parametrize("lost", [["spool.db*"], ["spool.db*", "epoch"]])
def test_a_new_file_never_continues_the_old_numbers(lost: list[str], tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        before = put(spool)
    for pattern in lost:
        for path in tmp_path.glob(pattern):
            path.unlink()
    if "epoch" in lost:  # then only the clock helps, which counts seconds
        begun = int(clock.now().timestamp())
        while int(clock.now().timestamp()) == begun:
            pass
    with Spool(tmp_path, "mx1") as spool:
        after = put(spool)
    assert after != before
    assert int(after.split("-")[1]) > int(before.split("-")[1])


def test_a_garbled_epoch_is_survived(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_text("what?")
    with Spool(tmp_path, "mx1") as spool:
        assert put(spool).endswith("-1")


def test_an_epoch_ahead_of_the_clock_is_passed(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_text("99999999999")
    with Spool(tmp_path, "mx1") as spool:
        assert put(spool) == "mx1-100000000000-1"


def test_a_new_name_of_the_node_waits_until_the_spool_is_empty(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        before = put(spool)
    with Spool(tmp_path, "mx2") as spool:
        assert put(spool).rpartition("-")[0] == before.rpartition("-")[0]
        spool.finish([mail.id for mail in claim(spool)]).result(WAIT)
    with Spool(tmp_path, "mx 2 ü") as spool:
        after = put(spool)
        assert after.startswith("mx-2-")
        assert after.endswith("-1")
        assert claim(spool)[0].id == after


def test_nobody_else_may_read_the_mail(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        put(spool)
        assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("spool.db*")} == {0}


# Trouble


@contextmanager
def locked(spool: Spool) -> Iterator[None]:
    other = sqlite3.connect(spool.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.close()


@contextmanager
def read_only(spool: Spool) -> Iterator[None]:
    """Every new connection is read-only, as after the kernel's remount of a failing disk."""
    with connections_of(spool, lambda db: db.execute("PRAGMA query_only = ON")):
        yield


@contextmanager
def connections_of(spool: Spool, hinder: Callable[[sqlite3.Connection], object]) -> Iterator[None]:
    """Let everything be written over connections that something is wrong with."""
    connect = spool._writer._connection

    def hindered() -> sqlite3.Connection:
        db = connect()
        hinder(db)
        return db

    spool._writer._connection = hindered  # type: ignore[method-assign]
    yield
    spool.put_all([]).exception(WAIT)  # what was asked before is over
    spool._writer._connection = connect  # type: ignore[method-assign]
    spool._writer._drop()


@contextmanager
def io_error(spool: Spool) -> Iterator[None]:
    """Writes to the log fail: the handles that this process has on it become read-only ones."""
    wal = Path(f"{spool.path}-wal").resolve()
    blind = os.open(wal, os.O_RDONLY)
    for handle in Path("/proc/self/fd").iterdir():
        if handle.is_symlink() and handle.readlink() == wal and int(handle.name) != blind:
            os.dup2(blind, int(handle.name))
    os.close(blind)
    yield


@contextmanager
def moved_away(spool: Spool) -> Iterator[None]:
    aside = spool.path.with_name("aside")
    spool.path.rename(aside)
    yield
    aside.rename(spool.path)


Trouble = Callable[[Spool], AbstractContextManager[None]]
TROUBLES: list[Trouble] = [locked, read_only, moved_away]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_fails_what_is_put_and_passes(trouble: Trouble, spool: Spool) -> None:
    before = put(spool)
    with trouble(spool):
        futures = [spool.put(ENVELOPE, b"x") for _ in range(3)]
        for future in futures:
            with pytest.raises(Unavailable) as caught:
                future.result(WAIT)
            assert not isinstance(caught.value, DiskFull)
    after = put(spool)
    assert [mail.id for mail in claim(spool)] == [before, after]
    assert spool.numbers().next == 3


def test_an_io_error_fails_what_is_put_and_passes(spool: Spool) -> None:
    before = put(spool)
    with io_error(spool), pytest.raises(Unavailable):
        put(spool)
    after = put(spool)  # over a new connection
    assert [mail.id for mail in claim(spool)] == [before, after]


@pytest.mark.parametrize("change", ["finish", "defer", "quarantine"])
def test_a_change_of_a_claimed_mail_outlives_the_trouble(change: str, spool: Spool) -> None:
    spool_id = put(spool)
    claim(spool)
    due_at = clock.now() + timedelta(hours=1)
    with locked(spool):
        future: Future[object] = {
            "finish": lambda: spool.finish([spool_id]),
            "defer": lambda: spool.defer(spool_id, "", due_at),
            "quarantine": lambda: spool.quarantine(spool_id, ""),
        }[change]()  # type: ignore[operator, assignment]
        with pytest.raises(Unavailable):  # after it in the queue: the first try is over
            put(spool)
        assert not future.done()
        assert claim(spool) == []
    future.result(WAIT)
    assert claim(spool) == []


def test_a_closed_spool_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "mx1")
    spool.close()
    with pytest.raises(Unavailable):
        put(spool)
    with pytest.raises(Unavailable):
        spool.list()
    spool.close()


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        futures = [spool.put(ENVELOPE, b"") for _ in range(20)]
    assert all(future.result(0) for future in futures)


@pytest.mark.parametrize(
    "content", [b"", b"This is not a database, but long enough to look like something. " * 200]
)
def test_a_strange_file_is_never_overwritten(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    with pytest.raises(DamagedSpoolError, match=r"spool\.db"):
        Spool(tmp_path, "mx1")
    assert path.read_bytes() == content


def test_a_damaged_file_is_never_overwritten(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        for _ in range(20):
            put(spool, b"x" * 10_000)
    path = tmp_path / "spool.db"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 8] = b"\xa5" * (4096 * 7)
    path.write_bytes(content)
    with pytest.raises(DamagedSpoolError, match=r"spool\.db"):
        Spool(tmp_path, "mx1")
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "spool.db")
    db.execute("CREATE TABLE mail (number)")
    db.close()
    with pytest.raises(DamagedSpoolError, match="application"):
        Spool(tmp_path, "mx1")


# A full disk


def _bound(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 1")  # or as many as there are: not one more


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Trouble]:
    """Return how to fill the disk of a spool in `tmp_path`/disk: really, where we may mount one,
    else with SQLite's own bound, which ends in the same error."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "none"]
    is_mounted = subprocess.run([*mount, disk], capture_output=True, check=False).returncode == 0

    @contextmanager
    def filled(spool: Spool) -> Iterator[None]:
        filling = disk / "filling"
        with suppress(OSError), filling.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        assert spool.free_bytes() == 0
        yield
        filling.unlink()

    @contextmanager
    def bounded(spool: Spool) -> Iterator[None]:
        with connections_of(spool, _bound):
            yield

    yield filled if is_mounted else bounded
    if is_mounted:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk_refuses_mail_and_loses_none(full_disk: Trouble, tmp_path: Path) -> None:
    large = b"x" * 300_000
    with Spool(tmp_path / "disk", "mx1") as spool:
        before = put(spool, large)
        with full_disk(spool):  # type: ignore[attr-defined]
            futures = [spool.put(ENVELOPE, large) for _ in range(3)]
            for future in futures:
                with pytest.raises(DiskFull):
                    future.result(WAIT)
            assert spool.export(before) == large
            (mail,) = claim(spool)
            finished = spool.finish([mail.id])
        finished.result(WAIT)
        after = put(spool, large)
        assert [entry.id for entry in spool.list()] == [after]
        assert after.endswith("-2")


def test_sqlites_own_bound_counts_as_a_full_disk(spool: Spool) -> None:
    with connections_of(spool, _bound), pytest.raises(DiskFull):
        put(spool, b"x" * 300_000)
    assert put(spool).endswith("-1")


def cursor_at(spool: Spool, uid: int, before: tuple[int, int] | None = None) -> Cursor:
    return Cursor("imap://a@b/INBOX", 7, uid, before=before)


def test_a_cursor_moves_only_from_where_it_stands(spool: Spool) -> None:
    spool.put_all([(ENVELOPE, b"1")], cursor_at(spool, 1)).result(WAIT)
    spool.put_all([(ENVELOPE, b"2")], cursor_at(spool, 2, before=(7, 1))).result(WAIT)
    for before in ((7, 1), (8, 2)):  # somebody else fetched these, or the put before this failed
        with pytest.raises(Unavailable, match="the cursor of imap://a@b/INBOX stands at"):
            spool.put_all([(ENVELOPE, b"3")], cursor_at(spool, 3, before)).result(WAIT)
    found = spool.cursor("imap://a@b/INBOX")
    assert found is not None
    assert (2, [b"1", b"2"]) == (found.uid, [mail.raw for mail in claim(spool)])


def test_uids_are_remembered_until_journalled_and_told(spool: Spool) -> None:
    source, mails = "imap://a@b/INBOX", [(ENVELOPE, b"1"), (ENVELOPE, b"2"), (ENVELOPE, b"3")]
    ids = spool.put_all(mails, cursor_at(spool, 6), [4, None, 6]).result(WAIT)
    assert [] == spool.journalled_uids(source, 7)
    spool.quarantine(ids[2], "broken").result(WAIT)
    spool.finish(ids[:2]).result(WAIT)
    assert [4] == spool.journalled_uids(source, 7)
    assert [] == spool.journalled_uids(source, 8)
    spool.forget_uids(source, 7, [4]).result(WAIT)
    assert (True, []) == (spool.has_fetched(source), spool.journalled_uids(source, 7))
    spool.forget_other_validities(source, 8).result(WAIT)
    assert not spool.has_fetched(source)


def test_a_file_of_version_1_is_brought_up_to_date_where_it_lies(tmp_path: Path) -> None:
    with Spool(tmp_path, "mx1") as spool:
        spool_id = put(spool)
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("UPDATE mail SET envelope = json_remove(envelope, '$[8]', '$[7]')")
        db.execute("DROP TABLE fetched")
        db.execute("DROP TABLE cursor")
        db.execute(
            "CREATE TABLE cursor (source TEXT PRIMARY KEY, uid_validity INTEGER NOT NULL,"
            " uid INTEGER NOT NULL) WITHOUT ROWID"
        )
        db.execute("INSERT INTO cursor VALUES ('s', 7, 9)")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with Spool(tmp_path, "mx1") as one, Spool(tmp_path, "mx1") as two:
        assert Cursor("s", 7, 9) == one.cursor("s") == two.cursor("s")
        [mail] = claim(one)
        assert (spool_id, ENVELOPE) == (mail.id, mail.envelope)
        two.put_all([(ENVELOPE, b"new")], Cursor("s", 7, 10, before=(7, 9)), [10]).result(WAIT)
        assert one.has_fetched("s")


def test_an_envelope_keeps_where_it_was_fetched(spool: Spool) -> None:
    fetched = replace(ENVELOPE, source="imap://a@b/INBOX;UIDVALIDITY=7/;UID=9", is_import=True)
    spool.put(fetched, b"x").result(WAIT)
    assert [fetched] == [mail.envelope for mail in claim(spool)]

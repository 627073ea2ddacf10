"""Audit: green where everything is, red for every single thing that can be missing.

An audit that was never red proves nothing: each kind of gap is made by hand, and must be named.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.houses import (
    NOON,
    accept,
    bounce_of,
    clock_of,
    fire,
    mail,
    make_house,
    outcomes,
    put_in,
    quarantine,
    reply_to,
    rows,
    send,
    shared_readers,
    work,
)

from postroom.core.changes import Change, ChangeStatus, ChangeTags, Close, Postpone
from postroom.house import House
from postroom.store import audit as store
from postroom.store import schema as t
from postroom.work.audit import KINDS, NO_OBJECT, NO_STORE, STALE_ROWS, STRAY_OBJECT, audit
from postroom.work.pipeline import Pipeline

EPOCH = 4711  # the spool's, so that its ids can be written down


@dataclass(frozen=True)
class Case:
    """How to make one kind of gap, and what it must be called."""

    subject: str
    break_it: Callable[[Path], None]


def sql(*statements: str, file: str = "postroom.db") -> Callable[[Path], None]:
    def break_it(data: Path) -> None:
        with closing(sqlite3.connect(data / file)) as db, db:
            for statement in statements:
                changed = db.execute(statement)
                assert changed.rowcount != 0, f"changed nothing: {statement}"

    return break_it


def damage(data: Path) -> None:
    """Write over the table of tags, which no check needs."""
    file = data / "postroom.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = db.execute("PRAGMA page_size").fetchone()[0]
        page = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'tag'").fetchone()[0]
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)


def armed(kind: str, **subject: int) -> str:
    """Return the SQL that arms a timer; it is the third of the house of `furnish`."""
    names, values = ", ".join(subject), ", ".join(map(str, subject.values()))
    return (
        f"INSERT INTO timer (kind, state, due_at, {names}) "
        f"VALUES ('{kind}', 'armed', '2026-11-20 12:00:00.000000', {values})"
    )


def asked(state: str, due_at: str = "NULL") -> str:
    """Return the SQL that asks for a hook; it is the first."""
    return (
        "INSERT INTO hook_run (request_id, name, key, event, because, payload, state, due_at, "
        f"created_at) VALUES (1, 'page', 'run_1', 'rule', '', '{{}}', '{state}', {due_at}, "
        "'2026-11-20 12:00:00.000000')"
    )


# The house of `furnish`: journal 1 opened request 1, 2 appended, 3 duplicate, 4 ignored, 5 held
# (hold 1, timer 1), 6 bounce, 7 quarantined, 8 opened request 2 by a machine, without an automatic
# reply; it is postponed (timer 2).
CASES: dict[str, Case] = {
    "outcome-unknown": Case(
        "journal 4", sql("UPDATE journal SET outcome = 'forgotten' WHERE id = 4")
    ),
    "request-missing": Case("journal 2", sql("UPDATE journal SET request_id = NULL WHERE id = 2")),
    "request-missing of a duplicate": Case(
        "journal 3", sql("UPDATE journal SET request_id = 99 WHERE id = 3")
    ),
    "message-missing": Case("journal 2", sql("DELETE FROM message WHERE journal_id = 2")),
    "message-missing of an opened request": Case(
        "journal 1", sql("DELETE FROM message WHERE journal_id = 1")
    ),
    "raw-missing": Case("journal 4", sql("DELETE FROM raw_mail WHERE journal_id = 4")),
    "history-missing": Case(
        "request 2", sql("DELETE FROM history WHERE request_id = 2 AND kind = 'opened'")
    ),
    "auto-reply-missing": Case(
        "request 2", sql("UPDATE request SET auto_reply = 'sent' WHERE id = 2")
    ),
    "auto-reply-unexplained": Case(
        "request 1", sql("UPDATE request SET auto_reply = 'not wanted' WHERE id = 1")
    ),
    "auto-reply-unexplained, no reason": Case(
        "request 2", sql("UPDATE request SET auto_reply = '' WHERE id = 2")
    ),
    "auto-reply-twice": Case(
        "request 1",
        sql("UPDATE outbox SET kind = 'auto-reply', request_id = 1 WHERE kind = 'notice'"),
    ),
    "delivery-missing": Case("outbox 1", sql("DELETE FROM delivery WHERE outbox_id = 1")),
    "delivery-stuck": Case(
        "delivery 1", sql("UPDATE delivery SET state = 'waiting', due_at = NULL WHERE id = 1")
    ),
    "sent-id-unknown": Case("outbox 1", sql("DELETE FROM message_ref WHERE kind = 'sent'")),
    "hold-missing": Case("journal 5", sql("UPDATE hold SET state = 'opened'")),
    "hold-stray": Case(
        "hold 1", sql("UPDATE journal SET outcome = 'ignored' WHERE outcome = 'held'")
    ),
    "hold-nobodys": Case("hold 1", sql("UPDATE hold SET responsible = NULL")),
    "hold-without-timer": Case(
        "hold 1", sql("UPDATE timer SET state = 'cancelled' WHERE kind = 'hold'")
    ),
    "hold-without-timer, but one that a command armed": Case(
        "hold 1", sql("UPDATE timer SET kind = 'refuse' WHERE kind = 'hold'")
    ),
    "timer-stray": Case("timer 1", sql("UPDATE hold SET state = 'refused'")),
    **{
        f"timer-stray, to {kind}": Case(
            "timer 3",
            sql(armed(kind, hold_id=1), "UPDATE hold SET state = 'opened'"),
        )
        for kind in ("accept", "refuse")
    },
    "postponed-without-timer": Case(
        "request 2", sql("UPDATE timer SET state = 'fired' WHERE kind = 'activate'")
    ),
    "postponed-without-timer, but without a moment": Case(
        "request 2", sql("UPDATE timer SET due_at = NULL WHERE kind = 'activate'")
    ),
    "activate-stray": Case("timer 2", sql("UPDATE request SET phase = 'closed' WHERE id = 2")),
    "activate-stray, of another request": Case("timer 3", sql(armed("activate", request_id=1))),
    "activate-stray, without a moment": Case(
        "timer 2", sql("UPDATE request SET postponed_until = NULL WHERE id = 2")
    ),
    "closing-without-timer": Case(
        "request 1",
        sql("UPDATE request SET closes_at = '2026-12-04 12:00:00.000000' WHERE id = 1"),
    ),
    "close-stray": Case("timer 3", sql(armed("close", request_id=1))),
    "timer-aimless": Case("timer 3", sql(armed("escalate", request_id=1))),
    "timer-aimless, for no hold": Case("timer 3", sql(armed("accept", request_id=1))),
    "timer-aimless, for no request": Case("timer 3", sql(armed("activate", hold_id=1))),
    "timer-aimless, for no delivery": Case(
        "timer 3", sql(armed("undelivered", request_id=1, delivery_id=99))
    ),
    "timer-aimless, at no moment": Case("timer 1", sql("UPDATE timer SET due_at = NULL")),
    "level-without-timer": Case(
        "request 1",
        sql(
            "UPDATE request SET chain_state = 'running', "
            "chain_due_at = '2026-12-04 12:00:00.000000' WHERE id = 1"
        ),
    ),
    "clock-without-timer": Case(
        "request 1",
        sql("UPDATE request SET clock_due_at = '2026-12-04 12:00:00.000000' WHERE id = 1"),
    ),
    "hook-stuck": Case("hook run 1", sql(asked("waiting"))),
    "hook-stuck, run by nobody": Case("hook run 1", sql(asked("running"))),
    "hook-stuck, in no state": Case("hook run 1", sql(asked("lost", "'2026-11-20'"))),
    "hook-untold": Case("hook run 1", sql(asked("done"))),
    "hook-untold, given up": Case("hook run 1", sql(asked("failed"))),
    "message-id-stray": Case(
        "message-id first@example.net",
        sql("UPDATE message_ref SET request_id = 99 WHERE message_id = 'first@example.net'"),
    ),
    "open-requests-miscounted": Case(
        "handler eva", sql("UPDATE handler SET open_requests = 7 WHERE name = 'eva'")
    ),
    "open-requests-miscounted, no row": Case(
        "handler eva", sql("DELETE FROM handler WHERE name = 'eva'")
    ),
    "facet-wrong": Case("request 2", sql("UPDATE request SET priority = 'low' WHERE id = 2")),
    "facet-wrong, nobody": Case("request 1", sql("UPDATE facet SET owner = '' WHERE id = 1")),
    "facet-wrong, none": Case("request 2", sql("UPDATE request SET facet_id = NULL WHERE id = 2")),
    "policy-missing": Case(
        "policy 000000000000",
        sql("UPDATE history SET policy_version = '000000000000' WHERE request_id = 2"),
    ),
    "merge-endless": Case(
        "request 2",
        sql(
            "UPDATE request SET merged_into = 2 WHERE id = 1",
            "UPDATE request SET merged_into = 1 WHERE id = 2",
        ),
    ),
    "reference-broken": Case(
        "participant 1", sql("UPDATE participant SET contact_id = 99 WHERE id = 1")
    ),
    "database-damaged": Case("database", damage),
    "mail-lost": Case(
        f"mx1-{EPOCH}-4",
        sql("DELETE FROM raw_mail WHERE journal_id = 4", "DELETE FROM journal WHERE id = 4"),
    ),
    "mail-lost, the newest": Case(
        f"mx1-{EPOCH}-10 to mx1-{EPOCH}-12",
        sql("UPDATE counter SET next = next + 3", file="spool.db"),
    ),
    "mail-lost, from the spool": Case(
        f"mx1-{EPOCH}-9", sql("DELETE FROM mail WHERE state = 'new'", file="spool.db")
    ),
    "mail-lost-with-spool": Case(
        "mx1-17-2 to mx1-17-3",
        sql(
            "UPDATE journal SET spool_name = 'mx1-17', spool_number = 1 WHERE id = 1",
            "UPDATE journal SET spool_name = 'mx1-17', spool_number = 4 WHERE id = 2",
        ),
    ),
    "numbers-counted-back": Case(
        f"mx1-{EPOCH}-8", sql("UPDATE counter SET next = 8", file="spool.db")
    ),
    "spool-stale": Case(
        f"mx1-{EPOCH}-7",
        sql(
            "UPDATE journal SET outcome = 'ignored' WHERE id = 7",
            f"UPDATE journal SET id = {8 + STALE_ROWS} WHERE id = 8",
        ),
    ),
    "quarantined-bytes-missing": Case(
        "journal 7", sql("DELETE FROM mail WHERE state = 'quarantined'", file="spool.db")
    ),
    "quarantined-row-missing": Case(
        f"mx1-{EPOCH}-7", sql("DELETE FROM journal WHERE outcome = 'quarantined'")
    ),
}


def furnish(house: House) -> None:
    """Put one of everything into a house."""
    first = mail("How do I pay?", message_id="first@example.net")
    put_in(house, first)
    [reply] = send(house)
    put_in(house, reply_to(reply))
    put_in(house, first)
    put_in(house, mail("You won the lottery"))
    put_in(house, mail("A lawsuit"))
    back = str(reply["Return-Path"]).strip("<>")
    put_in(house, bounce_of(reply), sender="", recipient=back)
    quarantine(house, mail("Cursed"))
    put_in(house, mail("Disk full", headers={"Auto-Submitted": "auto-generated"}))
    house.desk.command(ChangeTags(add=("billing",)), 1, "eva")
    house.desk.command(Postpone(NOON + timedelta(days=2)), 2, "eva")
    send(house)
    accept(house, mail("Not yet worked on"))


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished house, closed; tests take a copy."""
    folder = tmp_path_factory.mktemp("furnished")
    with make_house(folder):
        pass
    sql(f"UPDATE counter SET epoch = {EPOCH}", file="spool.db")(folder / "var")
    with make_house(folder) as house:
        furnish(house)
    return folder


@pytest.fixture
def folder(furnished: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "house"
    shutil.copytree(furnished, copy)
    return copy


@pytest.fixture
def house(folder: Path) -> Iterator[House]:
    with make_house(folder) as opened:
        yield opened


def test_a_house_with_one_of_everything_is_sound(house: House) -> None:
    report = audit(house.database, house.spool)
    assert report.findings == ()
    assert report.ok
    assert outcomes(house) == [
        "opened",
        "appended",
        "duplicate",
        "ignored",
        "held",
        "bounce",
        "quarantined",
        "opened",
    ]
    checked = report.checked
    assert {name: checked[name] for name in ("spool", "journal", "request", "hold", "timer")} == {
        "spool": 9,
        "journal": 8,
        "request": 2,
        "hold": 1,
        "timer": 2,
    }


@pytest.mark.parametrize("name", CASES)
def test_a_gap_is_named_with_its_subject(name: str, folder: Path) -> None:
    case = CASES[name]
    case.break_it(folder / "var")
    with make_house(folder) as house:
        report = audit(house.database, house.spool)
    kind = name.partition(" ")[0].rstrip(",")
    found = [(finding.kind, finding.subject) for finding in report.findings]
    assert (kind, case.subject) in found
    assert not report.ok
    assert all(finding.text.rstrip() for finding in report.findings)


def test_every_kind_of_finding_has_been_seen() -> None:
    # Those of objects are in test_object_store.
    seen = {name.partition(" ")[0].rstrip(",") for name in CASES}
    assert seen | {NO_STORE, NO_OBJECT, STRAY_OBJECT} == KINDS


def test_mail_in_flight_is_no_finding(house: House) -> None:
    """Journalled, and the spool not told yet; and accepted, and not yet worked on."""
    stop_at, go_on = threading.Event(), threading.Event()
    accept(house, mail())
    finish = house.spool.finish

    def late(*args: object) -> object:
        stop_at.set()
        assert go_on.wait(20)
        return finish(*args)  # type: ignore[arg-type]

    house.spool.finish = late  # type: ignore[method-assign, assignment]
    worker = threading.Thread(target=Pipeline(house.spool, shared_readers(), house.desk).run_once)
    worker.start()
    assert stop_at.wait(20)
    accept(house, mail())
    assert audit(house.database, house.spool).findings == ()
    go_on.set()
    worker.join()
    assert audit(house.database, house.spool).findings == ()


def test_audit_beside_a_busy_daemon_is_green_all_the_time(house: House) -> None:
    stop = threading.Event()
    pipeline = Pipeline(house.spool, shared_readers(), house.desk)
    worker = threading.Thread(target=pipeline.run, args=(stop,))
    worker.start()
    try:
        for number in range(8):
            for _ in range(40):
                accept(house, mail(f"Matter {number}", sender=f"ann{number}@example.net"))
            assert audit(house.database, house.spool).findings == ()
    finally:
        stop.set()
        worker.join()
    work(house)
    assert audit(house.database, house.spool).ok


def test_a_new_spool_file_begins_a_new_series_and_the_old_one_is_still_checked(
    folder: Path,
) -> None:
    """Everything of the old file but the quarantined mail had been worked on."""
    with make_house(folder) as house:
        work(house)
        assert audit(house.database, house.spool).ok
    for file in (folder / "var").glob("spool.db*"):
        file.unlink()
    with make_house(folder) as house:
        put_in(house, mail())
        report = audit(house.database, house.spool)
    assert [(finding.kind, finding.subject) for finding in report.findings] == [
        ("quarantined-bytes-missing", "journal 7")
    ]


def test_a_hold_that_never_opens_needs_no_timer(folder: Path) -> None:
    sql("DELETE FROM timer WHERE kind = 'hold'", "UPDATE hold SET until = NULL")(folder / "var")
    with make_house(folder) as house:
        assert audit(house.database, house.spool).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE timer SET due_at = '2027-01-01 00:00:00.000000'",
        armed("accept", hold_id=1),
        armed("refuse", hold_id=1),
        armed("undelivered", request_id=1, delivery_id=1),
    ],
)
def test_an_armed_timer_of_any_kind_is_no_finding(statement: str, folder: Path) -> None:
    sql(statement)(folder / "var")
    with make_house(folder) as house:
        kinds = {timer.kind for timer in rows(house, t.timer, state="armed")}
        assert kinds >= {"hold", "activate"}
        assert audit(house.database, house.spool).findings == ()


def test_a_request_that_is_postponed_without_a_moment_needs_no_timer(house: House) -> None:
    house.desk.command(ChangeStatus("postponed"), 1, "eva")
    assert rows(house, t.request, id=1, phase="postponed", postponed_until=None)
    assert audit(house.database, house.spool).findings == ()


@pytest.mark.parametrize("change", [Close(), Postpone(None), Postpone(NOON + timedelta(days=3))])
def test_whatever_becomes_of_a_postponed_request_is_no_finding(
    change: Change, house: House
) -> None:
    house.desk.command(change, 2, "eva")
    assert audit(house.database, house.spool).findings == ()
    clock_of(house).forward(days=4)
    fire(house)
    assert [] == rows(house, t.timer, state="armed")
    assert audit(house.database, house.spool).findings == ()


def test_findings_of_one_kind_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LIMIT", 3)
    with closing(sqlite3.connect(house.database.place)) as db, db:
        db.execute("DELETE FROM raw_mail")
    found = [finding.subject for finding in audit(house.database, house.spool).findings]
    assert found == ["journal 1", "journal 2", "journal 3"]
    assert len(rows(house, t.journal)) == 8

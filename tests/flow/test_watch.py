"""Monitoring looks, and the administrators hear of what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from structlog.testing import capture_logs
from tests.fakes.certificates import Authority
from tests.flow.cli_runs import ROOT
from tests.houses import (
    LOUD,
    accept,
    clock_of,
    mail,
    make_house,
    put_in,
    quarantine,
    send,
    write_house,
)

from postroom import failpoints
from postroom.errors import Unavailable
from postroom.house import House
from postroom.intake.imap_login import token_path
from postroom.intake.oauth import Tokens, keep_tokens
from postroom.pages import pages, status_of
from postroom.pulse import Pulses
from postroom.store.db import Database
from postroom.supervision import Vitals, feed, hear, report
from postroom.work.watch import Watch
from postroom.worker import Worker, _endings

MONITORING = ROOT / "systemd" / "monitoring"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, rules={"team": LOUD}) as opened:
        yield opened


class Steady:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 10  # so that each look is a new one
        return self.now


def watch_of(house: House, database: Database | None = None, **changes: object) -> Watch:
    settings: dict[str, object] = {
        "wanted": house.config.alerts,
        "reserve": house.config.limits.disk_reserve,
        "node": house.config.node,
        "steady": Steady(),
        **changes,
    }
    return Watch(database or house.database, house.spool, house.desk, **settings)  # type: ignore[arg-type]


def told(house: House) -> list[str]:
    """Return the subjects of alerts that go out now, each to eva."""
    found = [one for one in send(house) if "[postroom]" in str(one["Subject"])]
    assert {"eva@example.com"} >= {str(one["Delivered-To"]) for one in found}
    return [str(one["Subject"]).removeprefix("[postroom] ") for one in found]


def test_a_mail_in_quarantine_is_told_of_once_and_when_it_is_gone(house: House) -> None:
    watch = watch_of(house)
    watch.run_once()
    assert [] == told(house)
    spool_id = quarantine(house, mail("Broken"))
    watch.run_once()
    assert ["1 mails are in quarantine"] == told(house)
    watch.run_once()
    another = watch_of(house)  # the daemon was restarted
    another.run_once()
    assert [] == told(house)
    house.spool.retry(spool_id).result(20)
    put_in(house, mail("Another"))
    another.run_once()
    assert "over: the quarantine is empty" in told(house)


def test_old_mail_in_the_spool_is_told_of(house: House) -> None:
    house.desk.clock = clock = clock_of(house)
    accept(house, mail())
    watch = watch_of(house)
    assert (1, 0.0) == (watch.look().spool_waiting, watch.look().spool_oldest)
    clock.forward(minutes=11)
    with capture_logs() as logged:
        watch.run_once()
    assert "trouble.begun" in [one["event"] for one in logged]
    assert ["the oldest mail in the spool has waited for 11m"] == told(house)


def test_what_waits_in_the_outbox_has_an_age(house: House) -> None:
    watch = watch_of(house)
    put_in(house, mail())
    clock_of(house).forward(minutes=31)
    look = watch.look()
    assert 31 * 60 == look.outbox_oldest
    assert look.outbox_waiting
    watch.run_once()
    assert ["the oldest mail in the outbox has waited for 31m"] == told(house)
    watch.run_once()
    assert ["over: mail in the outbox is being sent again"] == told(house)


class Away(Database):
    """A database that can be taken away."""

    is_away = False

    def read(self):  # type: ignore[no-untyped-def]
        if self.is_away:
            raise Unavailable("database: away")
        return super().read()


def test_a_database_that_was_away_is_told_of_when_it_is_back(house: House) -> None:
    database = Away(house.database.place)
    house.desk.database = database
    watch = watch_of(house, database)
    try:
        watch.run_once()
        database.is_away = True
        for _ in range(40):
            watch.run_once()
        assert watch.look().database_away > 300
        assert watch.look().outbox_oldest is None
        assert "the database is away" in status_of(watch.last)
        database.is_away = False
        watch.run_once()
    finally:
        database.close()
    began, over = told(house)
    assert re.fullmatch(r"the database was away for .*", began)
    assert "over: the database is there again" == over


def test_a_mailbox_that_nobody_reads_is_told_of(house: House) -> None:
    silent = {"support": 100.0}
    watch = watch_of(house, progress=lambda: silent)
    watch.run_once()
    silent["support"] = 1000.0
    watch.run_once()
    silent["support"] = 1.0
    watch.run_once()
    assert [
        "mailbox support has not been looked into for 16m40s",
        "over: mailbox support is looked into again",
    ] == told(house)


def test_what_ends_soon_is_told_of_two_weeks_ahead(house: House) -> None:
    house.desk.clock = clock = clock_of(house)
    ends: dict[str, datetime | None] = {
        "login support": clock() + timedelta(days=15),
        "certificate our mx.pem": clock() + timedelta(days=100),
        "login sales": None,  # nobody knows
    }
    watch = watch_of(house, endings=lambda: ends)
    watch.run_once()
    assert [] == told(house)
    clock.forward(days=2)
    for _ in range(3):
        watch.run_once()
    assert ["the login of support ends on 2026-12-05"] == told(house)
    clock.forward(days=14)
    watch.run_once()
    assert [] == told(house)  # it was said
    ends["login support"] = clock() + timedelta(days=90)
    ends["certificate our mx.pem"] = clock() - timedelta(hours=1)
    another = watch_of(house, endings=lambda: ends)  # the daemon was restarted
    another.run_once()
    assert {
        "over: the login of support lasts longer again",
        "the certificate our mx.pem has ended on 2026-12-06",
    } == set(told(house))
    page = metrics(Vitals(), another)
    assert 'postroom_ends_timestamp_seconds{what="login support"}' in page
    assert 'what="login sales"' not in page


def test_logins_and_certificates_of_the_config_are_watched(tmp_path: Path) -> None:
    pair = Authority(tmp_path / "ca").issue("mx")
    expires = datetime(2027, 1, 2, tzinfo=UTC)
    extra = (
        f'[[listen]]\naddress = "127.0.0.1:2525"\ncertificate_file = "{pair.certificate}"\n'
        f'key_file = "{pair.key}"\n[[listen]]\naddress = "127.0.0.1:2526"\n'
        f'certificate_file = "{pair.certificate}"\nkey_file = "{pair.key}"\n'
        + "".join(
            f'[[imap]]\nname = "{name}"\nmailbox = "support"\nuser = "{name}"\n'
            f'url = "imaps://imap.example.com/"\noauth = {{ client_id = "c", {more} }}\n'
            for name, more in (
                ("one", 'provider = "microsoft"'),
                ("two", 'provider = "microsoft", client_secret_expires = 2027-01-02'),
                ("three", 'provider = "microsoft"'),
            )
        )
    )
    config = write_house(tmp_path / "house", config_extra=extra)
    soon = datetime(2026, 12, 1, tzinfo=UTC)
    keep_tokens(token_path(config, config.imap[0]), Tokens("x", refresh_until=soon))
    token_path(config, config.imap[2]).write_text("{broken")
    found = _endings(config)
    certificate = found.pop(f"certificate {pair.certificate}")
    assert certificate is not None
    assert {"login one": soon, "login two": expires, "login three": None} == found


def test_figures_come_from_indexes(house: House) -> None:
    """No scan of a table that grows, whatever is in it."""
    put_in(house, mail())
    watch = watch_of(house)
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        seen.append((statement, values))

    event.listen(house.database.engine, "before_cursor_execute", note)
    watch.look()
    event.remove(house.database.engine, "before_cursor_execute", note)
    seen = [one for one in seen if one[0].startswith("SELECT")]
    assert len(seen) >= 4
    for statement, values in seen:
        with house.database.read() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        for table in ("delivery", "outbox", "journal", "timer", "hold"):
            assert not [row for row in plan if row[3] == f"SCAN {table}"], (statement, plan)


# ---- pages and the watchdog


def metrics(vitals: Vitals, watch: Watch) -> str:
    page = asyncio.run(pages(vitals, watch.look)["/metrics"]())  # type: ignore[arg-type]
    assert 200 == page.status
    return page.body.decode()


def names_in(text: str) -> set[str]:
    return {
        re.sub(r"_(bucket|count|sum|total)$", "", name)
        for name in re.findall(r"postroom_[a-z_]+", text)
    }


def test_every_metric_that_rules_and_dashboard_name_exists(house: House) -> None:
    vitals = Vitals(are_doors_open=True)
    vitals.pulses.start("pipeline")
    ends = {"login support": house.desk.clock()}
    watch = watch_of(house, progress=lambda: {"support": 1.0}, endings=lambda: ends)
    told_of = metrics(vitals, watch)
    there = {family.name for family in text_string_to_metric_families(told_of)}
    assert {
        "postroom_spool_oldest_seconds",
        "postroom_outbox_oldest_seconds",
        "postroom_mailbox_silent_seconds",
        "postroom_ends_timestamp_seconds",
        "postroom_timers_late_seconds",
        "postroom_holds",
        "postroom_quarantined",
        "postroom_brakes",
        "postroom_mail_accepted",
        "postroom_mail_outcomes",
        "postroom_stage_seconds",
    } <= there
    alerts = (MONITORING / "alerts.yml").read_text()
    expressions = "\n".join(re.findall(r"expr: (.*)", alerts))
    dashboard = (MONITORING / "dashboard.json").read_text()
    json.loads(dashboard)
    known = there | {"postroom_outbox_paused"}
    assert names_in(expressions) <= known
    assert names_in(dashboard) <= known


def test_not_ready_without_database_or_doors(house: House) -> None:
    vitals = Vitals(are_doors_open=False)
    database = Away(house.database.place)
    database.is_away = True
    found = pages(vitals, watch_of(house, database).look)  # type: ignore[arg-type]
    try:
        page = asyncio.run(found["/readyz"]())
        assert (503, b"the doors are closed\nthe database is away\n") == (page.status, page.body)
        assert 200 == asyncio.run(found["/healthz"]()).status
    finally:
        database.close()


def test_a_thread_of_the_doors_that_hangs_is_seen_in_the_daemon() -> None:
    steady, doors, vitals = Turned(), Vitals(), Vitals()
    doors.pulses = Pulses(steady)
    mailbox = doors.pulses.start("imap-support/INBOX")

    def look() -> tuple[int, bytes, str]:
        found = pages(vitals)
        health, told_of = asyncio.run(found["/healthz"]()), asyncio.run(found["/metrics"]())
        return health.status, health.body, told_of.body.decode()

    def until_heard() -> None:
        deadline = time.monotonic() + 20
        while not vitals.stages_of_doors:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    async def speak() -> None:
        """Let the doors say a line, and end."""
        reading, writing = os.pipe()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
        )
        told_of = asyncio.create_task(report(doors, writing))
        hearing = asyncio.create_task(hear(vitals, reader, vitals.pulses.start("doors")))
        await asyncio.to_thread(until_heard)
        pages_then.append(await asyncio.to_thread(look))
        told_of.cancel()
        await asyncio.gather(told_of, return_exceptions=True)
        os.close(writing)
        await hearing

    pages_then: list[tuple[int, bytes, str]] = []
    mailbox.beat("waiting: login refused", within=600)
    asyncio.run(speak())
    assert () == vitals.stages_of_doors
    steady.ahead = 3_600.0
    asyncio.run(speak())
    (well, _, alive), (ill, words, dead) = pages_then
    assert (200, 503) == (well, ill)
    assert b"imap-support/INBOX hangs: waiting: login refused\n" == words
    assert 'postroom_stage_hung{stage="imap-support/INBOX"} 0.0' in alive
    assert 'postroom_stage_hung{stage="imap-support/INBOX"} 1.0' in dead
    assert 'stage="imap-support/INBOX",state="waiting: login refused"' in dead


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Be systemd: a socket that hears what is said to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "notify"))
        opened.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield opened


def until(heard: socket.socket, wanted: Callable[[str], bool]) -> str:
    """Listen until something is said that is wanted; old words are skipped."""
    while True:
        said = heard.recv(4096).decode()
        if wanted(said):
            return said


class Turned:
    """A clock that is turned by hand."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def test_a_stage_that_hangs_is_not_fed_for(tmp_path: Path, heard: socket.socket) -> None:
    """The real work, its database's writer stuck in the middle of a mail."""
    config = write_house(tmp_path / "house")
    steady, vitals = Turned(), Vitals()
    vitals.pulses = Pulses(steady)
    let_go, reached = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        let_go.wait(60)

    worker = Worker(config, vitals)
    done = threading.Event()

    async def watchdog() -> None:
        feeding = asyncio.create_task(feed(vitals, lambda: status_of(worker.watch.last)))
        await asyncio.to_thread(done.wait)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)

    feeder = threading.Thread(target=asyncio.run, args=(watchdog(),))
    try:
        worker.start()
        feeder.start()
        until(heard, lambda said: said.startswith("WATCHDOG=1\nSTATUS=0 in the spool"))
        failpoints.arm("apply.begun", hang)
        accept(worker.house, mail())
        assert reached.wait(20)
        until(heard, lambda said: "WATCHDOG=1" in said)  # it may take its time
        steady.ahead = 3_600.0
        assert "STATUS=hangs: pipeline" == until(heard, lambda said: said.endswith(": pipeline"))
        page = asyncio.run(pages(vitals)["/healthz"]())
        assert (503, b"pipeline hangs: decided\n") == (page.status, page.body)
        let_go.set()
        failpoints.disarm()
        until(heard, lambda said: "WATCHDOG=1" in said)  # and it lives again
    finally:
        let_go.set()
        done.set()
        if feeder.ident is not None:
            feeder.join()
        worker.close()

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
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from structlog.testing import capture_logs
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
from postroom.pulse import Pulses
from postroom.store.db import Database
from postroom.supervision import Vitals, feed, pages, status_of
from postroom.work.watch import Watch
from postroom.worker import Worker

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
    database = Away(house.database.file)
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
    told_of = metrics(vitals, watch_of(house, progress=lambda: {"support": 1.0}))
    there = {family.name for family in text_string_to_metric_families(told_of)}
    assert {
        "postroom_spool_oldest_seconds",
        "postroom_outbox_oldest_seconds",
        "postroom_mailbox_silent_seconds",
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
    database = Away(house.database.file)
    database.is_away = True
    found = pages(vitals, watch_of(house, database).look)  # type: ignore[arg-type]
    try:
        page = asyncio.run(found["/readyz"]())
        assert (503, b"the doors are closed\nthe database is away\n") == (page.status, page.body)
        assert 200 == asyncio.run(found["/healthz"]()).status
    finally:
        database.close()


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

"""The daemon on a PostgreSQL server that is away, restarts, or is killed in the middle of work."""

from __future__ import annotations

import signal
import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.flow.cli_runs import SECONDS, Shop, make_shop
from tests.flow.test_cli_daemon import running, until_worked
from tests.houses import mail
from tests.live.ports import free_port
from tests.postgres import Cluster, new_cluster

NO_BRAKES = """
[brakes]
answers_per_address = "off"
answers_per_day = "off"
answers_per_domain = "off"
answers_in_all = "off"
requests_per_address = "off"
"""
BATCH = 30


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with new_cluster(synchronous_commit="on") as cluster:
        with cluster.connect() as admin:
            admin.execute("CREATE DATABASE postroom")
        yield cluster


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shop(tmp_path: Path, cluster: Cluster, port: int) -> Shop:
    listen = f'\n[[listen]]\naddress = "127.0.0.1:{port}"\n'
    url = f'\n[database]\nurl = "{cluster.server("postroom").url}"\n'
    return make_shop(tmp_path, config_extra=NO_BRAKES + listen + url)


def deliver(port: int, count: int) -> None:
    """Send mails; each must be taken."""
    with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as door:
        for _ in range(count):
            door.sendmail("ann@example.net", ["support@example.com"], mail())


def sent(shop: Shop) -> int:
    folder = shop.config.maildir
    assert folder is not None
    return len(list((folder / "new").iterdir()))


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_daemon_whose_server_is_away_at_the_start_takes_mail_and_works_when_it_is_there(
    cluster: Cluster, shop: Shop, port: int
) -> None:
    cluster.stop()
    with running(shop) as daemon:
        deliver(port, 3)
        assert 75 == shop.run("journal", "list").code
        assert 3 == len(shop.json("spool", "list"))
        cluster.start()
        until(lambda: 0 == shop.run("journal", "list").code)
        assert ["opened"] * 3 == until_worked(shop, 3)
        until(lambda: 3 == sent(shop))
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(SECONDS)
    assert shop.json("audit")["ok"]


def test_a_daemon_that_waits_for_its_server_ends_when_told_to(cluster: Cluster, shop: Shop) -> None:
    cluster.stop()
    with running(shop) as daemon:
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(SECONDS)


@pytest.mark.parametrize(
    "fall", [Cluster.kill, lambda cluster: cluster.stop("immediate")], ids=["kill", "immediate"]
)
def test_a_server_that_falls_under_a_busy_daemon_loses_nothing(
    cluster: Cluster, shop: Shop, port: int, fall: Callable[[Cluster], None]
) -> None:
    with running(shop) as daemon:
        for _ in range(2):
            deliver(port, BATCH)
            fall(cluster)
            deliver(port, BATCH)  # nobody who brings mail hears of it
            cluster.start()
        until(lambda: 0 == shop.run("journal", "list").code)
        assert ["opened"] * 4 * BATCH == until_worked(shop, 4 * BATCH)
        until(lambda: 4 * BATCH == sent(shop))
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(SECONDS)
    report = shop.json("audit")
    assert ([], True) == (report["findings"], report["ok"])
    assert 4 * BATCH == len(shop.json("request", "list"))
    assert {"sent"} == {entry["state"] for entry in shop.json("outbox", "list")}

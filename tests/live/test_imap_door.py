"""The door with its threads, and the whole daemon, in front of a real Dovecot."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fakes.cutting_proxy import CuttingProxy
from tests.flow.cli_runs import Shop
from tests.flow.test_cli_daemon import running, until_worked
from tests.houses import mail, write_house
from tests.live.dovecot import PASSWORD, Dovecot, running_dovecot
from tests.live.imap_house import config_for

from postroom.intake.imap import ImapDoor
from postroom.spool import Spool

SECONDS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running_dovecot() as started:
        yield started


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    return f"d{abs(hash(request.node.nodeid)) % 10**9}"


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def prepare(folder: Path, text: str) -> Shop:
    (folder / "imap-password").write_text(PASSWORD)
    (folder / "imap-password").chmod(0o600)
    return Shop(write_house(folder, config=text))


@contextmanager
def door(folder: Path, text: str) -> Iterator[tuple[ImapDoor, Spool]]:
    config = prepare(folder, text).config
    with Spool(config.data, config.node) as spool:
        opened = ImapDoor(config, spool)
        opened.start()
        try:
            yield opened, spool
        finally:
            begun = time.monotonic()
            opened.stop()
            assert time.monotonic() - begun < SECONDS
            assert not any(thread.is_alive() for thread in opened._threads)


@pytest.mark.parametrize("extra", ["", 'idle = false\npoll = "5s"'])
def test_mail_comes_while_the_door_rests_and_the_server_hears_of_it(
    server: Dovecot, user: str, tmp_path: Path, extra: str
) -> None:
    server.deliver(user, [mail("First")])
    with door(tmp_path, config_for(server, user, extra)) as (opened, spool):
        until(lambda: opened.folders[0].status.state == "idle", "it rests")
        assert 1 == len(spool.list())
        server.deliver(user, [mail("Second")])
        until(lambda: len(spool.list()) == 2, "the second one comes")
        spool.finish([entry.id for entry in spool.list()]).result(20)
        seen = lambda: sum(b"\\Seen" in one for one in server.flags(user).values())  # noqa: E731
        until(lambda: seen() == 2, "the server hears of both")


def test_a_server_that_dies_while_fetching_and_comes_back_is_read_on_unaided(
    user: str, tmp_path: Path
) -> None:
    with running_dovecot() as server:
        server.deliver(user, [mail(f"Mail {number}") for number in range(800)])
        with door(tmp_path, config_for(server, user)) as (_, spool):
            until(lambda: len(spool.list()) > 0, "it has begun")
            server.kill()
            server.start()
            until(lambda: len(spool.list()) == 800, "all come")
            sources = {entry.envelope.source for entry in spool.list()}
            assert 800 == len(sources)


def test_a_mute_server_and_a_wrong_password_hold_up_nobody_else(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, [mail("Mine")])
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        CuttingProxy(server.port, mute_after=40, times=100) as half,
    ):
        (tmp_path / "wrong").write_text("wrong")
        (tmp_path / "wrong").chmod(0o600)
        others = "".join(
            f'\n[[imap]]\nname = "{name}"\nmailbox = "sales"\nuser = "bob"\nplain = true\n'
            f'url = "imap://127.0.0.1:{port}/"\npassword_file = "{password}"\ntimeout = "30s"\n'
            for name, port, password in (
                ("mute", mute.getsockname()[1], "imap-password"),
                ("half", half.port, "imap-password"),
                ("wrong", server.port, "wrong"),
            )
        )
        with door(tmp_path, config_for(server, user) + others) as (opened, spool):
            until(lambda: len(spool.list()) == 1, "the good one is fetched")
            wrong = opened.folders[3]
            until(lambda: wrong.status.state == "waiting", "it says so")
            assert "login refused" == wrong.status.kind


def test_the_daemon_fetches_answers_and_survives_being_killed(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    count = 25
    text = config_for(server, user, 'first_run = "from-now"')
    shop = prepare(tmp_path, text)
    with running(shop):
        until(lambda: shop.json("imap", "list")[0]["state"] == "idle", "first contact")
        senders = [f"{number}@{number}.example.net" for number in range(count)]
        server.deliver(user, [mail("Hello", sender=sender) for sender in senders])
        until_worked(shop, 5)
    # The doors are killed by the kernel, a moment after the daemon.
    until(lambda: shop.json("imap", "list")[0]["state"] == "stopped", "it says that it is not")
    with running(shop):
        until_worked(shop, count)
        seen = lambda: sum(b"\\Seen" in one for one in server.flags(user).values())  # noqa: E731
        until(lambda: seen() == count, "the server hears of all")
    assert ["opened"] * count == [entry["outcome"] for entry in shop.json("journal", "list")]
    assert {"imap"} == {entry["transport"] for entry in shop.json("journal", "list")}
    report = shop.json("audit", "--imap")
    assert report["ok"]
    assert count == report["checked"][shop.config.imap[0].source("INBOX")]
    assert shop.json("imap", "check")["ok"]


def test_audit_finds_a_mail_that_was_passed_over(
    server: Dovecot, user: str, tmp_path: Path
) -> None:
    server.deliver(user, [mail(f"Mail {number}") for number in range(3)])
    shop = prepare(tmp_path, config_for(server, user))
    with door(tmp_path, config_for(server, user)) as (opened, spool):
        until(lambda: opened.folders[0].status.state == "idle", "it rests")
        spool.finish([spool.list()[1].id]).result(20)  # lost: no journal has it
    said = shop.run("audit", "--imap", "--json")
    assert 1 == said.code
    found = [one for one in said.json["findings"] if one["kind"] == "imap-missed"]
    assert ["UID 2"] == [one["subject"].partition(" ")[2] for one in found]

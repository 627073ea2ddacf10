"""Servers that can less, or want it otherwise: what is done then, and what is said of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.fakes.lying_imap import LyingImap
from tests.flow.cli_runs import command
from tests.flow.test_imap_lies import MAILS, Place, place
from tests.houses import mail

from postroom import failpoints
from postroom.errors import Unavailable
from postroom.intake import imap
from postroom.intake.imap_trouble import ImapTrouble, Kind
from postroom.pulse import Pulses

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECONDS = 30


@pytest.fixture(autouse=True)
def harmless() -> Iterator[None]:
    yield
    failpoints.disarm()


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def journalled(here: Place) -> None:
    """Let all mails leave the spool."""
    here.spool.finish([entry.id for entry in here.spool.list()]).result(20)


def told(server: LyingImap) -> list[str]:
    """What the server was told of mails, and of folders."""
    words = ("UID COPY", "UID MOVE", "UID STORE", "UID EXPUNGE", "EXPUNGE", "CLOSE", "CREATE")
    return [one for one in server.commands if one.startswith(words)]


# ---- what is done afterwards


@pytest.mark.parametrize("no_folder", ["[TRYCREATE] none", "Mailbox doesn't exist", "Failure"])
def test_without_move_mails_are_copied_and_only_these_removed(
    tmp_path: Path, no_folder: str
) -> None:
    with (
        LyingImap(MAILS, no_folder=no_folder) as server,
        place(tmp_path, server, 'after = "move:Done"\n') as here,
    ):
        here.visit()
        assert [] == told(server)
        journalled(here)
        assert [] == here.visit(2)
    assert [
        'UID COPY 1:3 "Done"',
        'CREATE "Done"',
        'UID COPY 1:3 "Done"',
        r"UID STORE 1:3 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 1:3",
    ] == told(server)


def test_with_move_they_are_moved(tmp_path: Path) -> None:
    with (
        LyingImap(MAILS, capabilities="IMAP4rev1 MOVE", folders={"Done"}) as server,
        place(tmp_path, server, 'after = "move:Done"\n') as here,
    ):
        here.visit()
        journalled(here)
        here.visit()
    assert ['UID MOVE 1:3 "Done"'] == told(server)


@pytest.mark.parametrize("after", ["delete", "move:Done"])
def test_without_uidplus_nothing_of_others_is_expunged(tmp_path: Path, after: str) -> None:
    with (
        LyingImap(MAILS, capabilities="IMAP4rev1", folders={"Done"}) as server,
        place(tmp_path, server, f'after = "{after}"\n') as here,
        capture_logs() as logged,
    ):
        here.visit()
        journalled(here)
        here.visit(2)
    assert [r"UID STORE 1:3 +FLAGS.SILENT (\Deleted)"] == [
        one for one in told(server) if "COPY" not in one
    ]
    assert 1 == sum(one["event"] == "imap.not_expunged" for one in logged)


def test_what_the_server_will_not_do_is_said_and_holds_nothing_up(tmp_path: Path) -> None:
    mails = dict(MAILS)
    said = "[NOPERM] below INBOX only"
    with (
        LyingImap(mails, no_create=said) as server,
        place(tmp_path, server, 'after = "move:Done"\n') as here,
        capture_logs() as logged,
    ):
        here.visit()
        journalled(here)
        assert [] == here.visit()
        mails[4] = mail("Later")
        assert [] == here.visit()
        assert {4} == set(here.entries)
        assert said in here.folder.status.after_refused
        listed = command("imap", "list", "--json", "--config", tmp_path / "config.toml").json
        assert said in listed[0]["after_refused"]
        shown = command("imap", "list", "--config", tmp_path / "config.toml").out
        assert "NOPERM" in shown
        assert 1 == sum(one["event"] == "imap.after_refused" for one in logged)
        server.no_create = ""
        here.folder._teller._not_before = 0.0  # an hour later
        here.visit(2)
        assert "" == here.folder.status.after_refused
    assert "UID EXPUNGE 1:3" == told(server)[-1]


@pytest.mark.parametrize(
    ("folder", "written"),
    [
        ('He said "no"', r'SELECT "He said \"no\""'),
        ("Søknader & mer", '"S&APg-knader &- mer"'),
        ("back\\\\slash", r'"back\\slash"'),
    ],
)
def test_names_of_folders_are_quoted(tmp_path: Path, folder: str, written: str) -> None:
    quoted = folder.replace('"', '\\"')
    with (
        LyingImap(MAILS) as server,
        place(tmp_path, server, f'folders = ["{quoted}"]\n') as here,
    ):
        here.visit()
        assert {1, 2, 3} == set(here.entries)
    assert any(written in one for one in server.commands), server.commands


# ---- logging in


class Keeper:
    """Gives out one token, which ends some day."""

    def __init__(self, until: datetime | None = None) -> None:
        self.until = until

    def access_token(self, *, is_refused: str = "") -> str:
        return "token" + is_refused


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("AUTH=XOAUTH2", "AUTHENTICATE XOAUTH2"),
        ("AUTH=XOAUTH2 AUTH=OAUTHBEARER", "AUTHENTICATE OAUTHBEARER"),
        ("AUTH=PLAIN AUTH=OAUTHBEARER", "AUTHENTICATE OAUTHBEARER"),
    ],
)
def test_the_better_way_to_show_a_token_is_taken(tmp_path: Path, offered: str, chosen: str) -> None:
    with (
        LyingImap(MAILS, capabilities=f"IMAP4rev1 {offered}") as server,
        place(tmp_path, server, keeper=Keeper()) as here,
    ):
        assert [] == here.visit()
    assert [chosen] == [one for one in server.commands if one.startswith("AUTH")]
    assert not any(one.startswith("LOGIN") for one in server.commands)


def test_a_server_that_takes_no_token_never_gets_one(tmp_path: Path) -> None:
    with (
        LyingImap(MAILS, capabilities="IMAP4rev1 AUTH=PLAIN") as server,
        place(tmp_path, server, keeper=Keeper()) as here,
        pytest.raises(ImapTrouble, match="takes no tokens"),
    ):
        here.folder.visit()
    assert not any("token" in one for one in server.commands)


def test_that_a_login_ends_is_said_once_a_day(tmp_path: Path) -> None:
    clock = [NOW]
    keeper = Keeper(NOW + timedelta(days=16))

    def said() -> list[int]:
        with capture_logs() as logged:
            here.visit(2)
        return [one["days"] for one in logged if one["event"] == "imap.token_ending"]

    with (
        LyingImap(MAILS, capabilities="IMAP4rev1 AUTH=XOAUTH2") as server,
        place(tmp_path, server, keeper=keeper, now=lambda: clock[0]) as here,
    ):
        assert [] == said()
        clock[0] += timedelta(days=3)
        assert [13] == said()
        clock[0] += timedelta(hours=23)
        assert [] == said()
        clock[0] += timedelta(hours=2)
        assert [11] == said()
        clock[0] += timedelta(days=30)
        assert [0] == said()
        assert keeper.until == here.folder.status.token_until
        keeper.until = clock[0] + timedelta(days=90)  # somebody has logged in
        clock[0] += timedelta(days=2)
        assert [] == said()


def test_a_password_file_may_end_a_line_and_must_not_be_empty(tmp_path: Path) -> None:
    with LyingImap(MAILS) as server, place(tmp_path, server) as here:
        (tmp_path / "imap-password").write_text("secret \r\n")
        here.visit()
        assert 'LOGIN ann "secret "' in server.commands
        (tmp_path / "imap-password").write_text("\n")
        with pytest.raises(ImapTrouble, match="imap-password is empty") as caught:
            here.folder.visit()
    assert Kind.LOGIN is caught.value.kind
    assert 1 == server.logins


# ---- waiting


@contextmanager
def living(here: Place) -> Iterator[None]:
    """Let the folder's thread live for a while."""
    thread = threading.Thread(target=here.folder.run)
    thread.start()
    try:
        yield
    finally:
        here.folder.stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


IDLING = "IMAP4rev1 UIDPLUS IDLE"


def test_idle_has_an_end_if_the_server_never_says_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "IDLE_SECONDS", 0.2)
    mails = dict(MAILS)
    with LyingImap(mails, capabilities=IDLING) as server, place(tmp_path, server) as here:
        with living(here):
            until(lambda: server.commands.count("IDLE") >= 3, "it idles again and again")
            mails[4] = mail("Later")
            until(lambda: 4 in here.entries, "what came is found")
        assert server.commands.count("DONE") >= 3
        assert 1 == server.logins


def test_a_server_that_does_not_even_hear_the_end_of_idle_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "IDLE_SECONDS", 0.2)
    with (
        LyingImap(MAILS, capabilities=IDLING, is_mute_in_idle=True) as server,
        place(tmp_path, server) as here,
    ):
        with pytest.raises(ImapTrouble, match="silent") as caught:
            here.folder.visit(stays=True)
        assert Kind.AWAY is caught.value.kind
        assert {1, 2, 3} == set(here.entries)


def test_a_clock_that_is_set_back_stops_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "IDLE_SECONDS", 0.2)
    clock = [NOW]
    mails = dict(MAILS)
    with (
        LyingImap(mails, capabilities=IDLING) as server,
        place(tmp_path, server, now=lambda: clock[0]) as here,
        living(here),
    ):
        until(lambda: "IDLE" in server.commands, "it idles")
        clock[0] -= timedelta(days=400)
        mails[4] = mail("Later")
        until(lambda: 4 in here.entries, "what came is found")
        assert {1: True, 2: True, 3: True, 4: False} == {
            uid: entry.envelope.is_import for uid, entry in here.entries.items()
        }


@pytest.mark.parametrize("how", ["no room", "disk full"])
def test_a_full_disk_pauses_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with LyingImap(MAILS) as server, place(tmp_path, server) as here:
        if how == "no room":
            monkeypatch.setattr(here.spool, "free_bytes", lambda: 10**6)
        else:
            failpoints.arm("spool.written", full)
        for _ in range(2):
            with pytest.raises(Unavailable):
                here.folder.visit()
        assert {} == here.entries
        monkeypatch.undo()
        failpoints.disarm()
        assert [] == here.visit(2)
        assert [MAILS[uid] for uid in MAILS] == [here.raw(uid) for uid in MAILS]


# ---- whether the thread lives


class Turned:
    """A steady clock that is turned by hand."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def state(pulses: Pulses) -> str:
    [beat] = pulses.beats()
    assert "imap-support/INBOX" == beat.stage
    return beat.state


def test_a_thread_that_rests_or_waits_for_something_named_is_alive(tmp_path: Path) -> None:
    steady = Turned()
    pulses = Pulses(steady)
    with (
        LyingImap(MAILS, capabilities=IDLING) as server,
        place(tmp_path, server, pulses=pulses) as here,
    ):
        with living(here):
            until(lambda: state(pulses) == "idle", "it rests")
            assert [] == pulses.hung()
            steady.ahead = 10_000.0
            until(lambda: not pulses.hung(), "it says every second that it rests")
        assert [] == pulses.beats()  # it has ended as it was meant to
    with (
        LyingImap(MAILS, said_no="no") as server,
        place(tmp_path / "no", server, pulses=pulses) as here,
        living(here),
    ):
        until(lambda: state(pulses) == "waiting: login refused", "it waits")
        steady.ahead += 90.0  # of the two minutes, and somewhat, that it waits
        assert [] == pulses.hung()


def test_a_thread_that_hangs_is_known(tmp_path: Path) -> None:
    steady = Turned()
    pulses = Pulses(steady)
    let_go, reached = threading.Event(), threading.Event()

    def hang() -> None:
        reached.set()
        let_go.wait(SECONDS)

    with LyingImap(MAILS) as server, place(tmp_path, server, pulses=pulses) as here:
        failpoints.arm("imap.fetched", hang)
        with living(here):
            try:
                assert reached.wait(SECONDS)
                assert [] == pulses.hung()
                steady.ahead = 10_000.0
                assert [("imap-support/INBOX", "fetching")] == [
                    (one.stage, one.state) for one in pulses.hung()
                ]
            finally:
                failpoints.disarm()
                let_go.set()
            until(lambda: not pulses.hung(), "it goes on")


def test_a_slow_server_is_waited_for_as_long_as_its_octets_come(tmp_path: Path) -> None:
    steady = Turned()
    pulses = Pulses(steady)
    with LyingImap(MAILS) as server, place(tmp_path, server, pulses=pulses) as here:
        here.folder._cord.on_wait(2.0)
        [beat] = pulses.beats()
        assert 2.0 < beat.due - beat.at < 200.0  # of this wait; the next one has its own
        assert [] == here.visit()

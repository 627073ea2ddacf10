"""What systemd is told, heard at real sockets."""

import io
import logging
import os
import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from postroom import systemd
from postroom.logs import configure
from postroom.systemd import Journal
from postroom.tally import Tally


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        path = str(tmp_path / "s")
        heard.bind(path)
        heard.settimeout(10)
        yield path, heard


@pytest.fixture
def root() -> Iterator[None]:
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers, logger.level = handlers, level


def fields(datagram: bytes) -> dict[str, str]:
    """Read an entry of the native journal protocol."""
    found = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if not is_short:
            (size,) = struct.unpack("<Q", datagram[:8])
            value, datagram = datagram[8 : 8 + size], datagram[9 + size :]
        found[name.decode()] = value.decode()
    return found


def test_nobody_is_told_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify(READY=1)
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    assert not systemd.notify(READY=1)


def test_a_notice_is_one_datagram(
    place: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, heard = place
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    assert systemd.notify(READY=1, STATUS="two\nlines")
    assert b"READY=1\nSTATUS=two lines" == heard.recv(1000)


def test_the_socket_may_be_an_abstract_one(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"postroom-test-{secrets.token_hex(8)}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        assert systemd.notify(STOPPING=1)
        assert b"STOPPING=1" == heard.recv(1000)


def test_the_watchdog_is_asked_for_by_whom_it_concerns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert 60.0 == systemd.watchdog_seconds()
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert 60.0 == systemd.watchdog_seconds()
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    assert systemd.watchdog_seconds() is None


@contextmanager
def journalled(path: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[TextIO]:
    """Log to a file that is said to be the journal's stream."""
    with (folder / "stream").open("w+") as stream, closing(Journal(path)) as journal:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        configure("auto", "info", stream, journal=journal)
        yield stream


@pytest.mark.usefixtures("root")
def test_an_event_is_an_entry_with_priority_and_fields(
    place: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, heard = place
    with journalled(path, monkeypatch, tmp_path) as stream:
        structlog.get_logger().warning("outbox.deferred", request=12, response="451\nforged=1")
        found = fields(heard.recv(100_000))
        assert 0 == stream.tell()
    assert "4" == found["PRIORITY"]
    assert "postroom" == found["SYSLOG_IDENTIFIER"]
    assert ("outbox.deferred", "12") == (found["POSTROOM_EVENT"], found["POSTROOM_REQUEST"])
    assert found["MESSAGE"].startswith("event=outbox.deferred request=12 ")
    assert "forged" not in found
    assert "\n" not in found["MESSAGE"]


@pytest.mark.usefixtures("root")
def test_what_the_journal_does_not_take_is_a_line_with_its_priority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with journalled("/nowhere/at/all", monkeypatch, tmp_path) as stream:
        structlog.get_logger().error("spool.refused", why="full")
        stream.flush()
        line = (tmp_path / "stream").read_text()
    assert line.startswith("<3>at=")
    assert "event=spool.refused" in line
    assert 1 == line.count("\n")


@pytest.mark.usefixtures("root")
def test_an_entry_has_a_size(
    place: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, heard = place
    with journalled(path, monkeypatch, tmp_path):
        many = {f"key_{number}": "€" * 5_000 for number in range(200)}
        structlog.get_logger().info("mail.refused", **many)
        datagram = heard.recv(10_000_000)
    found = fields(datagram)  # no letter was cut in two
    assert systemd.FIELDS == len(found)
    assert len(datagram) < systemd.FIELDS * (systemd.LONGEST_FIELD + 100)


def test_a_field_may_hold_line_ends(place: tuple[str, socket.socket]) -> None:
    path, heard = place
    with closing(Journal(path)) as journal:
        assert journal.send({"A": "one\ntwo=3", "B": "4"})
    assert {"A": "one\ntwo=3", "B": "4"} == fields(heard.recv(1_000))


def test_a_stream_that_is_not_the_journal_gets_no_priorities(
    monkeypatch: pytest.MonkeyPatch, root: None
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    stream = io.StringIO()
    configure("logfmt", "info", stream)
    structlog.get_logger().info("daemon.ready")
    assert stream.getvalue().startswith("at=")


def test_what_the_level_keeps_out_of_the_log_is_counted(root: None) -> None:
    stream, tally = io.StringIO(), Tally()
    configure("logfmt", "error", stream, tally=tally)
    structlog.get_logger().info("mail.accepted", transport="smtp")
    structlog.get_logger().debug("mail.accepted", transport="imap")
    structlog.get_logger().exception("stage.failed")
    assert 1 == stream.getvalue().count("\n")
    assert [
        ["mail_accepted", "smtp", 1],
        ["mail_accepted", "imap", 1],
        ["log_lines", "error", 1],
    ] == tally.snapshot()["counts"]

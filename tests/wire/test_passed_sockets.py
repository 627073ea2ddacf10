"""Sockets that systemd opened: by their names, several of one name, and none of that name."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.wire.live_door import Open

from postroom.activation import VARIABLE, descriptors, take, written
from postroom.intake.listener import Listener
from postroom.spool import Spool

MAIL = b"Subject: Hello\r\n\r\nHow are you?\r\n"


def test_the_door_listens_on_what_it_was_given(
    open_door: Open, spool: Spool, tmp_path: Path
) -> None:
    path = tmp_path / "lmtp.sock"
    inet = [socket.create_server((f"127.0.0.{number}", 0)) for number in (1, 2)]
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(path))
    unix.listen()
    given = {
        "smtp": tuple(os.dup(one.fileno()) for one in inet),
        "lmtp": (os.dup(unix.fileno()),),
    }
    door = open_door([Listener("systemd:smtp"), Listener("systemd:lmtp", "lmtp")], passed=given)
    for number, hello in ((0, "EHLO"), (1, "EHLO"), (2, "LHLO")):
        with door.client(number, hello=hello) as client:
            assert client.greet().give(MAIL).startswith("250 2.0.0")
    assert ["smtp", "smtp", "lmtp"] == [entry.envelope.transport for entry in spool.list()]
    door.start_to_stop().result(20)
    # They are not ours to remove: systemd goes on listening, and whoever connects now waits.
    assert path.exists()
    with socket.create_connection(inet[0].getsockname(), 5):
        pass
    for one in (*inet, unix):
        one.close()


def test_a_name_that_was_not_passed_says_which_were(open_door: Open) -> None:
    with pytest.raises(OSError, match="systemd:smtp: systemd passed no socket of that name, but a"):
        open_door([Listener("systemd:smtp")], passed={"b": (), "a": ()})
    with pytest.raises(OSError, match="but none at all"):
        open_door([Listener("systemd:smtp")])


def test_what_does_not_listen_is_refused(open_door: Open, tmp_path: Path) -> None:
    first, second = socket.socketpair()
    with (tmp_path / "file").open("wb") as file, first, second:
        for number in (os.dup(file.fileno()), os.dup(first.fileno())):
            with pytest.raises(OSError, match="no listening stream socket"):
                open_door([Listener("systemd:smtp")], passed={"smtp": (number,)})


def test_sockets_are_taken_once_and_handed_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket() as other:
        handed = {VARIABLE: f"{one.fileno()}:smtp:{other.fileno()}:smtp", "LISTEN_PID": "1"}
        os.set_inheritable(one.fileno(), True)
        passed = take(handed)
        assert {} == handed
        assert {"smtp": (one.fileno(), other.fileno())} == passed
        assert not os.get_inheritable(one.fileno())
        assert (one.fileno(), other.fileno()) == descriptors(passed)
        assert passed == take({VARIABLE: written(passed)})


@pytest.mark.parametrize(
    "environment",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "2"}, {"LISTEN_FDS": "2"}, {VARIABLE: ""}],
)
def test_what_was_meant_for_another_process_is_left_alone(environment: dict[str, str]) -> None:
    assert {} == take(environment)
    assert {} == environment

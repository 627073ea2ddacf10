"""The daemon as systemd runs it: what it says, how it is reloaded and stopped, what it logs."""

from __future__ import annotations

import os
import re
import select
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.flow.cli_runs import SECONDS, Shop, argv, clean_env, make_shop
from tests.houses import mail
from tests.live.ports import free_port

from postroom import systemd

CONFIG = """
[[listen]]
address = "127.0.0.1:{port}"

[metrics]
address = "127.0.0.1:{metrics}"
"""


class Manager:
    """systemd, as a daemon knows it: two sockets."""

    def __init__(self, folder: Path) -> None:
        self.notify = self._bound(folder / "notify")
        self.journal = self._bound(folder / "journal")
        self.log: list[str] = []
        self.said: list[str] = []

    @staticmethod
    def _bound(path: Path) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        opened.bind(str(path))
        opened.setblocking(False)
        return opened

    def until(self, word: str, within: float = SECONDS) -> str:
        """Wait until that is said; earlier words do not count."""
        deadline = time.monotonic() + within
        seen = len(self.said)
        while True:
            for said in self.said[seen:]:
                if word in said:
                    return said
            seen = len(self.said)
            assert time.monotonic() < deadline, (word, self.said, self.log[-20:])
            self.listen(0.1)

    def listen(self, seconds: float) -> None:
        """Hear what there is, for at most so long if there is nothing."""
        ready = select.select([self.notify, self.journal], [], [], seconds)[0]
        for opened in ready:
            heard = self.said if opened is self.notify else self.log
            heard.append(opened.recv(1_000_000).decode())

    def close(self) -> None:
        self.notify.close()
        self.journal.close()


@contextmanager
def service(
    shop: Shop, folder: Path, *options: str, stop_seconds: float = 20.0
) -> Iterator[tuple[subprocess.Popen[bytes], Manager]]:
    """Run a daemon under a manager."""
    manager = Manager(folder)
    # The journal's socket has one name; a child gets that of the test.
    start = (
        "import sys; from postroom import systemd; "
        f"systemd.Journal.__init__.__defaults__ = ({str(folder / 'journal')!r},); "
        f"from postroom import app; app.STOP_SECONDS = {stop_seconds}; "
        "from postroom.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", start, *argv("run", *options, "--config", shop.path)[3:]]
    stream = (folder / "stderr").open("wb")
    found = os.fstat(stream.fileno())
    environment = {
        **clean_env(),
        "NOTIFY_SOCKET": str(folder / "notify"),
        "WATCHDOG_USEC": "1500000",
        "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}",
    }
    daemon = subprocess.Popen(words, stderr=stream, env=environment)
    try:
        yield daemon, manager
    finally:
        daemon.kill()
        daemon.wait()
        stream.close()
        manager.close()


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def shop(tmp_path: Path, ports: tuple[int, int]) -> Shop:
    config = CONFIG.format(port=ports[0], metrics=ports[1])
    return make_shop(tmp_path / "shop", config_extra=config)


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
        return str(answer.read().decode())


def until_told(manager: Manager, port: int, line: str) -> None:
    """Wait until the metrics have that line."""
    deadline = time.monotonic() + SECONDS
    while line not in page(port, "/metrics"):
        assert time.monotonic() < deadline, line
        manager.listen(0.05)


def test_a_life_under_systemd(shop: Shop, ports: tuple[int, int], tmp_path: Path) -> None:
    with service(shop, tmp_path) as (daemon, manager):
        ready = manager.until("READY=1")
        assert f"MAINPID={daemon.pid}" in ready
        with smtplib.SMTP("127.0.0.1", ports[0], timeout=SECONDS) as client:  # it listens
            client.sendmail("ann@example.net", ["support@example.com"], mail("Broken"))
        fed = manager.until("WATCHDOG=1")
        assert "\nSTATUS=" in fed
        until_told(manager, ports[1], 'postroom_mail_outcomes_total{outcome="opened"} 1.0')
        until_told(manager, ports[1], 'postroom_mail_accepted_total{transport="smtp"} 1.0')
        assert ("ok\n", "ok\n") == (page(ports[1], "/healthz"), page(ports[1], "/readyz"))

        daemon.send_signal(signal.SIGHUP)
        reloading = manager.until("RELOADING=1")
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", reloading)
        assert any("READY=1" == said for said in manager.said) or manager.until("READY=1")

        with closing(smtplib.SMTP("127.0.0.1", ports[0], timeout=SECONDS)) as in_hand:
            in_hand.ehlo()
            in_hand.mail("kim@example.net")
            in_hand.rcpt("support@example.com")
            in_hand.docmd("DATA")
            idle = smtplib.SMTP("127.0.0.1", ports[0], timeout=SECONDS)
            idle.ehlo()
            daemon.send_signal(signal.SIGTERM)
            manager.until("STOPPING=1")
            code, _ = idle.getreply()  # told without having asked
            assert 421 == code
            idle.close()
            in_hand.send(mail("In hand") + b"\r\n.\r\n")
            assert 250 == in_hand.getreply()[0]
            assert 421 == in_hand.getreply()[0]
        assert 0 == daemon.wait(SECONDS)
        manager.listen(0)
    assert 2 == len(shop.json("spool", "list")) + len(shop.json("journal", "list"))
    assert shop.json("audit")["ok"]


def test_a_stop_takes_its_time_and_no_longer(shop: Shop, tmp_path: Path) -> None:
    """A relay that never answers, and a client that never ends its mail."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        config = shop.path.read_text().replace(
            'relay = "maildir:sent"', f'relay = "smtp://127.0.0.1:{mute.getsockname()[1]}"'
        )
        shop.path.write_text(config)
        assert 0 == shop.run("mail", "inject", "-", stdin=mail("Slow")).code
        with service(shop, tmp_path, stop_seconds=3.0) as (daemon, manager):
            manager.until("READY=1")
            connection, _ = mute.accept()  # and nothing is ever said
            daemon.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            assert 0 == daemon.wait(SECONDS)
            assert time.monotonic() - begun < SECONDS
            connection.close()
            while select.select([manager.journal], [], [], 0)[0]:
                manager.listen(0)
    cut = [entry for entry in manager.log if "POSTROOM_EVENT=daemon.cut_short" in entry]
    assert cut
    assert re.search(r'stages="sender-\d: relayed', cut[0])
    assert shop.json("audit")["ok"]
    assert "opened" == shop.json("journal", "list")[0]["outcome"]
    assert [] == [one for one in shop.json("outbox", "list") if one["state"] == "sent"]


def test_nothing_secret_and_no_words_of_a_mail_are_logged(
    shop: Shop, ports: tuple[int, int], tmp_path: Path
) -> None:
    relay = "wordofthepassword"
    (shop.path.parent / "relay-password").write_text(relay)
    (shop.path.parent / "relay-password").chmod(0o600)
    text = shop.path.read_text()
    text = text.replace('relay = "maildir:sent"', _REFUSING.format(free_port()))
    shop.path.write_text(text + '\n[logs]\nlevel = "debug"\n')
    with service(shop, tmp_path) as (daemon, manager):
        manager.until("READY=1")
        body = "markedbodyword and more\n" * 50
        marked = mail("Marked", body, headers={"X-Secret": "markedheaderword"})
        with smtplib.SMTP("127.0.0.1", ports[0], timeout=SECONDS) as client:
            client.sendmail("ann@example.net", ["support@example.com"], marked)
            client.sendmail("ann@example.net", ["support@example.com"], b"\xff" + marked)
            client.docmd("AUTH PLAIN", "markedauthword")
            client.docmd("bWFya2VkbGluZXdvcmQ=")  # as a client does that goes on all the same
        deadline = time.monotonic() + SECONDS
        while not any("POSTROOM_EVENT=outbox.deferred" in one for one in manager.log):
            assert time.monotonic() < deadline
            manager.listen(0.1)
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(SECONDS)
        while select.select([manager.journal], [], [], 0)[0]:
            manager.listen(0)
    logged = "\n".join(manager.log) + (tmp_path / "stderr").read_text()
    assert "event=mail.accepted" in logged
    assert "PRIORITY=6" in logged
    secret = (shop.path.parent / "secret").read_text()
    for word in (relay, "markedbodyword", "markedheaderword", "markedauthword", "bWFya2", secret):
        assert word not in logged


_REFUSING = 'relay = "smtp://127.0.0.1:{}"\nuser = "postroom"\npassword_file = "relay-password"'


def test_doors_that_run_alone_say_so_themselves(
    shop: Shop, ports: tuple[int, int], tmp_path: Path
) -> None:
    text = shop.path.read_text()
    shop.path.write_text(text.replace("[metrics]\naddress", "[metrics]\ndoors_address"))
    with service(shop, tmp_path, "--only", "doors") as (daemon, manager):
        manager.until("READY=1")
        manager.until("WATCHDOG=1")
        with smtplib.SMTP("127.0.0.1", ports[0], timeout=SECONDS) as client:
            client.sendmail("ann@example.net", ["support@example.com"], mail())
        told = page(ports[1], "/metrics")
        assert 'postroom_mail_accepted_total{transport="smtp"} 1.0' in told
        assert "postroom_doors_open 1.0" in told
        assert "postroom_spool_mails" not in told
        daemon.send_signal(signal.SIGTERM)
        manager.until("STOPPING=1")
        assert 0 == daemon.wait(SECONDS)


def test_a_daemon_that_does_not_start_is_never_ready(shop: Shop, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", shop.config.listen[0].endpoint.port)),
        service(shop, tmp_path) as (daemon, manager),
    ):
        assert 1 == daemon.wait(SECONDS)
        manager.listen(0)
        assert [] == [said for said in manager.said if "READY" in said]
    assert systemd.JOURNAL.startswith("/run/")

"""`postroom run` under load and kill -9, again and again: what was answered 250 is there, once.

The real daemon, its doors and its readers; clients that try again until they are answered, as mail
servers do. After each kill, and at the end, the audit must be green.
"""

from __future__ import annotations

import os
import random
import re
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.houses import RULES, mail, make_house, rows, sent, write_house

from postroom.config import Config
from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 8  # kills
CLIENTS = 3
TIMED_ROUNDS = 3
WAIT = 60  # seconds; only a hanging daemon gets there
NO_BRAKES = """
[brakes]
answers_per_address = "off"
answers_per_domain = "off"
answers_per_day = "off"
answers_alike = "off"
answers_in_all = "off"
requests_per_address = "off"
"""


# Every request goes through all of it while the daemon is killed again and again.
HASTY = """
[[priority]]
name = "medium"
default = true
calendar = "always"
first_reply = "1s"

  [[priority.level]]
  level = 1
  after = "1s"
  notify = ["boss@example.com"]

  [[priority.level]]
  level = 2
  after = "1s"
  notify = ["boss@example.com"]
  run = "page"
"""
HOOK = '#!/bin/sh\necho "$POSTROOM_REQUEST $POSTROOM_KEY" >>seen\n'
TIMED = {**RULES, "priorities": HASTY}


class Client:
    """Sends one mail after the other, each until it is answered 250; every third is a reply."""

    def __init__(self, port: int, number: int, pause: float = 0.0) -> None:
        self._port = port
        self._pause = pause
        self._number = number
        self._smtp: smtplib.SMTP | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list[str] = []
        self.tries: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send no more new mails; what was not answered yet stays in doubt."""
        self._stop.set()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            self._send(count)
            self._stop.wait(self._pause)
        self._hang_up()

    def _send(self, count: int) -> None:
        matter, is_reply = divmod(count - 1, 3)[0], count % 3 == 0
        sender = f"ann-{self._number}-{matter}@example.net"
        message_id = f"m-{self._number}-{count}@example.net"
        parent = f"m-{self._number}-{count - 1}@example.net" if is_reply else None
        raw = mail(f"Matter {count}", sender=sender, message_id=message_id, in_reply_to=parent)
        while not self._stop.is_set():
            self.tries[message_id] += 1
            try:
                self._connected().sendmail(sender, ["support@example.com"], raw)
            except (OSError, smtplib.SMTPException):
                self._hang_up()
                self._stop.wait(0.05)
            else:
                self.acknowledged.append(message_id)
                return

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            self._smtp = smtplib.SMTP("127.0.0.1", self._port, "client.example.net", timeout=WAIT)
        return self._smtp

    def _hang_up(self) -> None:
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._smtp.close()
        self._smtp = None


class Daemon:
    """`postroom run` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._start = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "postroom", "run", "--config", str(folder / "config.toml")],
                env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        wait_for(lambda: "daemon.ready" in self.log(), self._is_alive)

    def kill(self) -> None:
        assert self._is_alive(), self.log()
        self._process.kill()
        assert self._process.wait(WAIT) == -signal.SIGKILL

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(WAIT) == 0, self.log()

    def log(self) -> str:
        """Return what it has said."""
        return self._log.read_bytes()[self._start :].decode("utf-8", "replace")

    def _is_alive(self) -> bool:
        return self._process.poll() is None

    def clean_up(self) -> None:
        if self._is_alive():
            self._process.kill()
            self._process.wait(WAIT)


def wait_for(is_so: Callable[[], bool], may_be: Callable[[], bool] = lambda: True) -> None:
    until = time.monotonic() + WAIT
    while not is_so():
        assert may_be(), "it ended by itself"
        assert time.monotonic() < until, "it never came to it"
        time.sleep(0.02)


@contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    started = Daemon(folder)
    try:
        yield started
    finally:
        started.clean_up()


def write(folder: Path, rules: Mapping[str, str] = RULES) -> tuple[Config, int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    listen = f'{NO_BRAKES}[[listen]]\naddress = "127.0.0.1:{port}"\n'
    return write_house(folder, rules=rules, config_extra=listen), port


@contextmanager
def looked_at(folder: Path) -> Iterator[House]:
    text = (folder / "config.toml").read_text(encoding="utf-8")
    rules = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("rules/*.toml")}
    with make_house(folder, rules=rules, config=text) as house:
        yield house


def is_drained(config: Config) -> bool:
    """Whether nothing is left to work on, to wait for or to send."""
    questions = (
        ("spool.db", "SELECT count(*) FROM mail"),
        ("postroom.db", "SELECT count(*) FROM timer WHERE state = 'armed'"),
        ("postroom.db", "SELECT count(*) FROM hook_run WHERE state <> 'done'"),
        ("postroom.db", "SELECT count(*) FROM delivery WHERE state <> 'sent'"),
    )
    for name, question in questions:
        with closing(sqlite3.connect(config.data / name, timeout=WAIT)) as db:
            if db.execute(question).fetchone() != (0,):
                return False
    return True


def check_audit(folder: Path) -> None:
    with looked_at(folder) as house:
        assert [
            (one.kind, one.subject) for one in audit(house.database, house.spool).findings
        ] == []


def test_killed_at_random_under_load(tmp_path: Path) -> None:
    dice = random.Random(20261120)
    config, port = write(tmp_path)
    clients = [Client(port, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for number in range(ROUNDS):
            with daemon(tmp_path) as running:
                if number % 4 == 3:  # while it starts
                    time.sleep(dice.uniform(0.3, 2))
                else:
                    running.wait_until_ready()
                    time.sleep(dice.uniform(0.05, 1.5))
                running.kill()
            if (config.data / "postroom.db").exists():
                check_audit(tmp_path)
        with daemon(tmp_path) as running:
            running.wait_until_ready()
            time.sleep(0.5)
            for client in clients:
                client.stop()
            wait_for(lambda: is_drained(config))
            running.stop()
    finally:
        for client in clients:
            client.stop()
    check(tmp_path, clients)


def check(folder: Path, clients: list[Client]) -> None:
    acknowledged = [one for client in clients for one in client.acknowledged]
    tries = sum((client.tries for client in clients), Counter[str]())
    with looked_at(folder) as house:
        report = audit(house.database, house.spool)
        assert [(one.kind, one.subject) for one in report.findings] == []
        entries = rows(house, t.journal)
        print(f"{ROUNDS} kills, {len(acknowledged)} mails answered 250, {report.checked}")
        taken_in = Counter(one.message_id for one in entries if one.outcome != "duplicate")
        assert {one.outcome for one in entries} <= {"opened", "appended", "duplicate"}
        assert set(taken_in.values()) == {1}
        assert len(acknowledged) > ROUNDS * CLIENTS
        assert set(acknowledged) <= taken_in.keys() <= tries.keys()
        # A copy is there only of what a client had to send again.
        copies = Counter(one.message_id for one in entries if one.outcome == "duplicate")
        assert all(copies[message_id] < tries[message_id] for message_id in copies)
        check_replies(house)


def check_replies(house: House) -> None:
    """Every request has its automatic reply in the Maildir, once."""
    requests = rows(house, t.request)
    assert {request.auto_reply for request in requests} == {"sent"}
    answered = [re.search(r"\[acme #(\d+)\]", str(one["Subject"])) for one in sent(house)]
    numbers = Counter(int(found[1]) for found in answered if found is not None)
    assert numbers == Counter(request.id for request in requests)
    assert len(answered) == len(requests)


def test_killed_at_random_while_timers_fire_and_mail_comes(tmp_path: Path) -> None:
    """A hook whose daemon was killed runs again when its lease is over: here that is at once."""
    dice = random.Random(20261121)
    hook = tmp_path / "rules/hooks/page"
    hook.parent.mkdir(parents=True)
    hook.write_text(HOOK, encoding="utf-8")
    hook.chmod(0o755)
    config, port = write(tmp_path, TIMED)
    client = Client(port, 1, pause=0.02)
    client.start()
    try:
        for _ in range(TIMED_ROUNDS):
            with daemon(tmp_path) as running:
                running.wait_until_ready()
                time.sleep(dice.uniform(0.8, 2.0))
                running.kill()
            check_audit(tmp_path)
            end_leases(config)
        with daemon(tmp_path) as running:
            running.wait_until_ready()
            client.stop()
            wait_for(lambda: is_drained(config))
            running.stop()
    finally:
        client.stop()
    with looked_at(tmp_path) as house:
        assert () == audit(house.database, house.spool).findings
        check_times(house, hook.parent / "seen")


def end_leases(config: Config) -> None:
    with closing(sqlite3.connect(config.data / "postroom.db", timeout=WAIT)) as db, db:
        db.execute("UPDATE hook_run SET lease_until = created_at WHERE state = 'running'")


def check_times(house: House, seen: Path) -> None:
    """Each level, miss and notice is there once; each hook has run, always with the same key."""
    requests = [one.id for one in rows(house, t.request)]
    assert len(requests) > TIMED_ROUNDS
    for kind, each in (("escalated", ["level 1", "level 2"]), ("missed", ["first_reply"])):
        found = Counter(
            (one.request_id, str(one.to_value).partition(" since")[0])
            for one in rows(house, t.history, kind=kind)
        )
        restarts = Counter(
            one.request_id
            for one in rows(house, t.history, kind="chain")
            if one.because == "customer-wrote"
        )
        for number in requests:
            for what in each:
                most = 1 + restarts[number] if kind == "escalated" else 1
                assert 1 <= found[number, what] <= most, (number, what, found[number, what])
    assert len(sent(house)) == len(rows(house, t.delivery))
    runs = {one.key: one for one in rows(house, t.hook_run)}
    ended = Counter(
        one.request_id for one in rows(house, t.history, kind="hook") if "exit 0" in one.to_value
    )
    assert ended == Counter(one.request_id for one in runs.values())
    calls = Counter(tuple(line.split()) for line in seen.read_text(encoding="utf-8").splitlines())
    assert calls.keys() == {(str(one.request_id), one.key) for one in runs.values()}
    assert all(count <= runs[key].attempts for (_, key), count in calls.items())
    print(f"{len(requests)} requests, {len(runs)} hook runs, {sum(calls.values())} calls")

"""The daemon as a process, and commands beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from tests.flow.cli_runs import SECONDS, Shop, argv, clean_env, make_shop, process
from tests.houses import mail


@contextmanager
def running(shop: Shop, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon until the end of the block; it must be gone then.

    Its log is a file: into a pipe that nobody reads it would stop writing, and so working.
    """
    log = log_of(shop)
    with log.open("wb") as file:
        daemon = subprocess.Popen(
            argv("run", *options, "--config", shop.path), stderr=file, env=clean_env()
        )
    try:
        ready = b"doors.ready" if "doors" in options else b"daemon.ready"
        end = time.monotonic() + SECONDS
        while ready not in log.read_bytes():
            assert daemon.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield daemon
    finally:
        daemon.kill()
        daemon.wait()


def log_of(shop: Shop) -> Path:
    """Return the file with the log of the daemon that runs, or ran last."""
    return shop.path.with_name("daemon.log")


def until_worked(shop: Shop, count: int) -> list[str]:
    """Wait until so many mails are in the journal; return their outcomes."""
    deadline = time.monotonic() + SECONDS
    while True:
        outcomes = [entry["outcome"] for entry in shop.json("journal", "list")]
        if len(outcomes) >= count:
            return outcomes
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_daemon_works_beside_commands_and_ends_with_0(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    with running(shop) as daemon:
        assert 0 == shop.run("mail", "inject", "-", stdin=mail("Broken")).code
        assert ["opened"] == until_worked(shop, 1)
        second = process("run", "--config", shop.path)
        assert (1, "") == (second.code, second.out)
        assert str(daemon.pid) in second.err
        assert "Traceback" not in second.err
        assert 1 == shop.run("db", "upgrade").code
        assert "waiting" == shop.json("request", "set", 1, "status=waiting")["status"]
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(SECONDS)
    assert shop.json("audit")["ok"]


@pytest.mark.parametrize("part", ["doors", "work"])
def test_one_part_runs_alone(tmp_path: Path, part: str) -> None:
    shop = make_shop(tmp_path)
    with running(shop, "--only", part) as daemon:
        daemon.send_signal(signal.SIGINT)
        assert 0 == daemon.wait(SECONDS)


def test_commands_follow_the_policy_of_the_daemon(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    with running(shop):
        (tmp_path / "rules" / "routing.toml").write_text("")
        told = shop.json("mail", "explain", "-", stdin=mail("The lottery"))
        assert "ignored" == told["outcome"]
    told = shop.json("mail", "explain", "-", stdin=mail("The lottery"))
    assert "opened" == told["outcome"]


def test_a_reload_says_that_another_config_needs_a_restart(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    with running(shop) as daemon, log_of(shop).open() as log:
        log.seek(0, os.SEEK_END)
        daemon.send_signal(signal.SIGHUP)
        assert "config.changed" not in until_said(log, "policy.activated")
        shop.path.write_text(shop.path.read_text() + "# more\n")
        daemon.send_signal(signal.SIGHUP)
        assert "restart the daemon" in until_said(log, "policy.activated")


def until_said(log: TextIO, word: str) -> str:
    """Wait until the daemon logs this; return what it logs up to there."""
    said, end = "", time.monotonic() + SECONDS
    while word not in said:
        assert time.monotonic() < end, said
        said += log.read()
        time.sleep(0.02)
    return said


def test_open_requests_follow_the_rules_of_a_reload(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    rules = tmp_path / "rules" / "priorities.toml"
    with running(shop) as daemon:
        assert 0 == shop.run("mail", "inject", "-", stdin=mail("Slow")).code
        assert ["opened"] == until_worked(shop, 1)
        assert shop.json("request", "show", 1)["deadline_at"] is None
        rules.write_text(rules.read_text() + 'deadline = "8h"\n')
        assert 1 == shop.json("policy", "diff")["counts"]["deadline"]
        daemon.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + SECONDS
        while shop.json("request", "show", 1)["deadline_at"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    [row] = [one for one in shop.json("request", "show", 1)["history"] if one["kind"] == "clocks"]
    assert ("system", True) == (row["actor"], row["to"].startswith("deadline 2"))

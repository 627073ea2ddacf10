"""The daemon as a process, and commands beside it."""

from __future__ import annotations

import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.flow.cli_runs import SECONDS, Shop, argv, clean_env, make_shop, process
from tests.houses import mail


@contextmanager
def running(shop: Shop, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon until the end of the block; it must be gone then."""
    daemon = subprocess.Popen(
        argv("run", *options, "--config", shop.path),
        stderr=subprocess.PIPE,
        env=clean_env(),
        bufsize=0,  # select must see every line
    )
    assert daemon.stderr is not None
    try:
        lines = []
        ready = "doors.ready" if "doors" in options else "daemon.ready"
        while not any(ready in line for line in lines):
            assert select.select([daemon.stderr], [], [], SECONDS)[0], lines
            line = daemon.stderr.readline().decode()
            assert line, lines
            lines.append(line)
        yield daemon
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stderr.close()


def until_worked(shop: Shop, count: int) -> list[str]:
    """Wait until so many mails are in the journal; return their outcomes."""
    deadline = time.monotonic() + SECONDS
    while True:
        outcomes = [entry["outcome"] for entry in shop.json("journal", "list")]
        if len(outcomes) >= count:
            return outcomes
        assert time.monotonic() < deadline
        select.select([], [], [], 0.05)


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
    with running(shop) as daemon:
        daemon.send_signal(signal.SIGHUP)
        assert "config.changed" not in until_said(daemon, "policy.activated")
        shop.path.write_text(shop.path.read_text() + "# more\n")
        daemon.send_signal(signal.SIGHUP)
        assert "restart the daemon" in until_said(daemon, "policy.activated")


def until_said(daemon: subprocess.Popen[bytes], word: str) -> str:
    """Wait until the daemon logs this; return all lines up to there."""
    assert daemon.stderr is not None
    lines = ""
    while word not in lines:
        assert select.select([daemon.stderr], [], [], SECONDS)[0], lines
        line = daemon.stderr.readline().decode()
        assert line, lines
        lines += line
    return lines


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
            select.select([], [], [], 0.05)
    [row] = [one for one in shop.json("request", "show", 1)["history"] if one["kind"] == "clocks"]
    assert ("system", True) == (row["actor"], row["to"].startswith("deadline 2"))

"""`postroom demo` as a user starts it: a real process, which starts a real daemon."""

from __future__ import annotations

import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60  # seconds; only a hanging demo gets there


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "postroom", "demo", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """Return one in which the demo's folder is made below `folder`."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "daemon"), "TMPDIR": str(folder)}


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def assert_in_order(text: str, phrases: Sequence[str]) -> None:
    at = 0
    for phrase in phrases:
        found = re.compile(phrase).search(text, at)
        assert found is not None, f"{phrase!r} does not come in:\n{text[at:]}"
        at = found.end()


def without_rule(name: str, folder: Path) -> Path:
    """Copy the shipped rules, except one rule."""
    rules = folder / "rules"
    shutil.copytree(ROOT / "rules", rules)
    path = rules / "routing.toml"
    pieces = re.split(r"(?m)^(?=\[\[rule\]\])", path.read_text())
    kept = [piece for piece in pieces if f'name = "{name}"' not in piece]
    assert len(kept) == len(pieces) - 1
    path.write_text("".join(kept))
    return rules


def test_the_story_is_told_in_order_and_the_folder_removed(tmp_path: Path) -> None:
    told = run_demo(tmp_path, "--once", "--json", "--config", "ignored.toml")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "✗" not in told.stdout
    assert_in_order(
        told.stdout,
        [
            r"1\. A customer writes",
            r"Kari Nordmann <kari@example\.org>",
            r"The coffee machine does not start",
            r"outcome +opened  request 1",
            r"Reply-To: support\+c",
            r"Subject: \[demo #1\]",
            r"Auto-Submitted: auto-replied",
            r"2\. She replies",
            r"outcome +appended  request 1",
            r"thread +reply-token",
            r"3\. An invoice",
            r"rule invoices +matched",
            r'category +support/billing  \(rule "invoices"\)',
            r"owner +\w+",
            r"tags +invoice",
            r"4\. The first mail comes once more",
            r"outcome +duplicate  request 1",
            r"5\. An out-of-office",
            r"outcome +ignored",
            r"6\. Nobody answers request 2",
            r"history: escalated +level 1",
            r"history: escalated +level 2",
            r"history: owner +\w+ → \w+ +\(level 2 of demo-alarm",
            r"escalation, in the Maildir",
            r"✓ two levels were done, each once and in order",
            r"✓ the second one handed it over",
            r"✓ [\w ]+ was told by mail",
            r"The journal",
            r"audit: nothing is missing",
        ],
    )
    assert list(tmp_path.iterdir()) == []


def test_a_story_that_goes_another_way_fails_and_says_where(tmp_path: Path) -> None:
    rules = without_rule("invoices", tmp_path)
    told = run_demo(tmp_path, "--once", "--rules", str(rules))
    assert told.returncode == 1, told.stdout + told.stderr
    assert_in_order(
        told.stdout,
        [
            r"3\. An invoice",
            r'✗ the rule "invoices" matched\n +there was: no rule matched',
            r"✗ its category is support/billing\n +there was: support\n",
            r"What was there:",
            r'"subject": "Invoice 1003 was charged twice"',
            r'Not as expected: the rule "invoices" matched',
        ],
    )
    assert "4. The first mail" not in told.stdout
    assert list(tmp_path.iterdir()) == [rules]


def test_rules_that_are_wrong_are_named(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", rules)
    with (rules / "routing.toml").open("a") as routing:
        routing.write('[[rule]]\nname = "new"\nthen = { category = "suport" }\n')
    told = run_demo(tmp_path, "--once", "--rules", str(rules))
    assert told.returncode == 1
    assert_in_order(told.stdout, [r"the daemon has ended with exit code 78", r"suport"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_the_story_it_shows_each_further_mail_until_it_is_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        command(), env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            port = 0
            for line in process.stdout:
                if found := re.search(r"swaks --server 127\.0\.0\.1:(\d+)", line):
                    port = int(found[1])
                if "Ctrl-C" in line:
                    break
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                raw = b"From: you@example.org\r\nSubject: \x1b[31mHi [bold]\r\n\r\nHello!\r\n"
                smtp.sendmail("you@example.org", ["support@example.com"], raw)
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "╰" in line:  # the end of the answer
                    break
            process.send_signal(number)
            lines += process.stdout.readlines()
            code = process.wait(TIMEOUT)
        finally:
            process.kill()
    told = "".join(lines)
    assert_in_order(told, [r"Mail 6", r"you@example\.org", r"\[bold\]", r"Hello!", r"opened"])
    assert "\x1b" not in told
    assert code == (0 if number == signal.SIGINT else 143)
    assert list(tmp_path.iterdir()) == []

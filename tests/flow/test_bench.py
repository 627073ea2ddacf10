"""The bench runs through: every measurement, at its smallest. No figure is judged here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = (
    "4 KB appended and flushed",
    "SQLite, a commit for each row of 4 KB",
    "SMTP, 1 connection: accepted",
    "SMTP, 10 connections: accepted",
    "SMTP, 50 connections: accepted",
    "SMTP, 50 connections: flushes",
    "end to end: worked through",
    "end to end: processor",
    "end to end: flushes of the spool",
    "end to end: flushes of the database",
    "end to end: peak memory",
)


def run_bench(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.run", "--quick", "--folder", str(folder), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_quick_run_measures_everything(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    table = run_bench(tmp_path, "--json", str(file))
    for name in ROWS:
        assert re.search(rf"(?m)^\| {re.escape(name)}[^|]*\| +[\d,.]+", table), name
    found = json.loads(file.read_text())
    figures = {item["name"]: item for item in found["figures"]}
    assert figures["SMTP, 1 connection: flushes"]["median"] == 1
    assert figures["end to end: flushes of the database"]["median"] > 0
    assert list(tmp_path.iterdir()) == [file]


def test_a_profile_names_what_takes_the_time(tmp_path: Path) -> None:
    said = run_bench(tmp_path, "--profile")
    assert "work: pipeline, writer and sender" in said
    assert re.search(r"work/desk\.py:\d+\(_settle_here\)", said)
    assert "read_mail" in said


def test_a_small_crowd_of_timers_is_measured(tmp_path: Path) -> None:
    small = ("--timers", "60", "--mails", "20", "--requests", "60", "--folder", str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-m", "bench.timers", *small],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for name in (
        "a tick with nothing due, 60",
        "60 timers due in one second",
        "timers due: median",
    ):
        assert name in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_small_site_grows(tmp_path: Path) -> None:
    small = ("--requests", "40", "--originals", "20", "--mails", "10", "--runs", "1")
    ran = subprocess.run(
        [sys.executable, "-m", "bench.growth", *small],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemon"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"(?m)^\| requests \| \d+ \|$", ran.stdout)
    assert re.search(r"(?m)^\| worked through, mails/s \| \d+ \(\d+; \d+%\) \|", ran.stdout)
    assert list(tmp_path.iterdir()) == []


def test_the_sender_empties_its_outbox_under_tls() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.sending", "--runs", "1", "--mails", "20", "--tls"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "daemon")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"^median: [\d,]+ mails/s$", ran.stdout, re.MULTILINE)

"""The spool and kill -9: whatever was acknowledged is there; numbers have no gaps, no repeats."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.spool import Spool

ROUNDS = 8  # of random kills
_CHILD = """
import sys, threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from postroom import clock, failpoints
from postroom.mail.message import Envelope
from postroom.spool import Spool

failpoints.arm_from_environment()
spool = Spool(Path(sys.argv[1]), "mx1")
told = threading.Lock()


def tell(word, spool_id):
    with told:
        print(word, spool_id, flush=True)


def put(courier):
    for count in range(100_000):
        raw = b"%d %d " % (courier, count) * 500
        envelope = Envelope("", ("a@example.com",), "cli", "support", clock.now())
        spool_id = spool.put(envelope, raw).result()
        tell(f"put {courier} {count}", spool_id)


def work():
    while True:
        for mail in spool.claim(3, 10**6):
            if mail.number % 3 == 0:
                spool.finish([mail.id]).result()
                tell("finished", mail.id)
            elif mail.number % 3 == 1:
                due_at = clock.now() + timedelta(days=1)
                spool.defer(mail.id, "why not", due_at, counted=True).result()
                tell("deferred", mail.id)
        spool.wait(0.05)


for number in range(4):
    threading.Thread(target=put, args=(number,), daemon=True).start()
threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
"""


def lines_until_death(folder: Path, failpoint: str, kill_after: int | None = None) -> list[str]:
    """Run a child until it dies of its failpoint, or is killed after so many lines."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, folder],
        stdout=subprocess.PIPE,
        text=True,
        env={
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "POSTROOM_FAILPOINT": failpoint,
        },
    )
    assert child.stdout is not None
    told = []
    for line in child.stdout:
        told.append(line)
        if len(told) == kill_after:
            child.kill()
    child.stdout.close()
    assert child.wait() == -9
    # A line that was cut off promises nothing.
    return [line for line in told if line.endswith("\n")]


def check_what_is_left(folder: Path, told: list[str]) -> None:
    put: dict[str, bytes] = {}
    deferred, finished = set(), set()
    for line in told:
        *words, spool_id = line.split()
        match words:
            case ["put", courier, count]:
                assert spool_id not in put, "a number was given twice"
                put[spool_id] = f"{courier} {count} ".encode() * 500
            case ["deferred"]:
                deferred.add(spool_id)
            case ["finished"]:
                finished.add(spool_id)
    with Spool(folder, "mx1") as spool:
        numbers = spool.numbers()
        entries = {entry.id: entry for entry in spool.list()}
        for spool_id, raw in put.items():
            if int(spool_id.rpartition("-")[2]) % 3 == 0 and spool_id not in entries:
                continue  # finished, whether or not it could still say so
            assert spool.export(spool_id) == raw
        assert not finished & entries.keys()
        assert all(entries[spool_id].attempts == 1 for spool_id in deferred)
        # Every number that was given away is here, or is one of those that were finished.
        missing = set(range(1, numbers.next)) - numbers.present
        assert all(number % 3 == 0 for number in missing)
        assert max(numbers.present, default=0) < numbers.next
        assert all(entry.size == len(spool.export(entry.id)) for entry in entries.values())
        claimable = {mail.number for mail in spool.claim(10**6, 10**9)}
        assert claimable == {entry.number for entry in entries.values() if entry.due_at is None}


@pytest.mark.parametrize("visit", [1, 2, 17])
@pytest.mark.parametrize(
    "place", ["spool.begun", "spool.written", "spool.committed", "spool.finished", "spool.deferred"]
)
def test_killed_at_a_failpoint(place: str, visit: int, tmp_path: Path) -> None:
    told = lines_until_death(tmp_path, f"{place}@{visit}:kill")
    check_what_is_left(tmp_path, told)


def test_killed_at_random_again_and_again(tmp_path: Path) -> None:
    dice = random.Random(20261120)
    told: list[str] = []
    for _ in range(ROUNDS):
        told += lines_until_death(tmp_path, "", kill_after=dice.randrange(1, 400))
        check_what_is_left(tmp_path, told)


def test_a_crash_while_the_file_is_made_leaves_no_half_spool(tmp_path: Path) -> None:
    """Killed by a file size limit while the schema is written: the next start begins afresh."""
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from postroom.spool import Spool\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "Spool(Path(sys.argv[1]), 'mx1')"
    )
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    child = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=environment, check=False, capture_output=True
    )
    assert child.returncode == -25  # SIGXFSZ
    assert not (tmp_path / "spool.db").exists()
    with Spool(tmp_path, "mx1") as spool:
        assert spool.numbers().next == 1

"""A door that is killed at every named place: the next one goes on; nothing is missing or twice.

What the child's `journal` file holds is what the database would: sources, appended before the spool
forgets, so a mail that stands there twice was journalled twice, and the journal's unique key is
what makes a duplicate of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.houses import mail, write_house
from tests.live.dovecot import PASSWORD, Dovecot, running_dovecot
from tests.live.imap_house import config_for

ROOT = Path(__file__).resolve().parents[2]
PLACES = ["imap.fetched", "imap.told", "spool.begun", "spool.written", "spool.committed"]
COUNT = 7


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running_dovecot() as running:
        yield running


def live(folder: Path, failpoint: str = "") -> int:
    return subprocess.run(
        [sys.executable, "-m", "tests.crash.imap_child", str(folder)],
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT}",
            "POSTROOM_FAILPOINT": failpoint,
        },
        cwd=ROOT,
        timeout=60,
        check=False,
    ).returncode


@pytest.mark.parametrize("how", ["kill", "raise"])
@pytest.mark.parametrize(
    ("place", "visit"),
    [(place, visit) for place in PLACES for visit in (1, 2) if (place, visit) != ("imap.told", 2)],
)
def test_a_door_that_dies_there_is_gone_on_with(
    server: Dovecot, tmp_path: Path, place: str, visit: int, how: str
) -> None:
    user = f"{place}-{visit}-{how}"
    large = mail("Large", ("y" * 76 + "\n") * 60_000)  # a batch of its own
    server.deliver(user, [*(mail(f"Mail {n}") for n in range(COUNT - 1)), large])
    (tmp_path / "imap-password").write_text(PASSWORD)
    (tmp_path / "imap-password").chmod(0o600)
    write_house(tmp_path, config=config_for(server, user, 'after = "delete"'))
    died = live(tmp_path, f"{place}@{visit}:{how}")
    assert died == -9 if how == "kill" else died in (0, 1), "nobody came by"
    assert 0 == live(tmp_path)
    journal = (tmp_path / "journal").read_text().splitlines()
    assert COUNT == len(set(journal))
    assert {} == server.flags(user)
    if place != "spool.committed" or how == "kill":
        assert COUNT == len(journal)

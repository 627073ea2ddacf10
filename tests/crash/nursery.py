"""Daemons for the crash suite, each in a process of its own that may die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """Makes daemons."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.daemon_child"],
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'daemon'}:{ROOT}"},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(
        self,
        folder: Path,
        failpoint: str = "",
        *,
        stumble: bool = False,
        now: datetime | None = None,
    ) -> Life:
        """Let a daemon live in a folder until it dies or has nothing left to do.

        With `now` it does what is due at that moment, else it takes in mail.
        """
        at = now.isoformat() if now is not None else ""
        asked = {"folder": str(folder), "failpoint": failpoint, "stumble": stumble, "now": at}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        said = json.loads(self._process.stdout.readline())
        return Life(said["code"], frozenset(said["told"]))

    def close(self) -> None:
        self._process.communicate()


@dataclass(frozen=True)
class Life:
    """How a daemon ended, and the spool ids that clients were told so far."""

    code: int
    told: frozenset[str]

"""Commands as people and programs give them: inside this process, or as a process of their own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tests.houses import send, work, write_house

from postroom.cli.main import main
from postroom.config import Config
from postroom.house import open_house

ROOT = Path(__file__).parents[2]
SECONDS = 60  # for a process; far more than it needs


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Shop:
    """A folder with config and rules, and what is done to it from outside."""

    config: Config

    @property
    def path(self) -> Path:
        return self.config.path

    def run(self, *words: object, stdin: bytes = b"") -> Said:
        """Give a command with this config, in this process."""
        return command(*words, "--config", self.path, stdin=stdin)

    def json(self, *words: object, stdin: bytes = b"") -> Any:
        """Give a command that must succeed, and return its JSON."""
        said = self.run(*words, "--json", stdin=stdin)
        assert (0, "") == (said.code, said.err), said.err
        return said.json

    def take_in(self, *raws: bytes) -> list[str]:
        """Inject mails and work on them; return their spool ids."""
        said = [self.run("mail", "inject", "-", stdin=raw) for raw in raws]
        assert [0] * len(raws) == [one.code for one in said]
        self.work()
        return [one.out.strip() for one in said]

    def work(self) -> None:
        """Do what the daemon would do now: work on the spool, send what is due."""
        with open_house(self.config) as house:
            work(house)
            send(house)


def make_shop(folder: Path, **parts: Any) -> Shop:
    """Write the files of houses.write_house."""
    return Shop(write_house(folder, **parts))


def command(*words: object, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Said:
    """Give a command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    given = mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    with redirect_stdout(out), redirect_stderr(err), given, mock.patch.dict(os.environ, env or {}):
        code = main([str(word) for word in words])
        out.flush()
        err.flush()
    return Said(code, _text(out), _text(err))


def process(*words: object, stdin: bytes = b"", cwd: Path | None = None) -> Said:
    """Give a command as a process of its own."""
    done = subprocess.run(
        argv(*words), input=stdin, capture_output=True, timeout=SECONDS, env=clean_env(), cwd=cwd,
        check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def argv(*words: object) -> list[str]:
    """Return what starts a command."""
    return [sys.executable, "-m", "postroom", *map(str, words)]


def clean_env() -> dict[str, str]:
    """Return an environment that names no config and no handler."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("POSTROOM_")}
    return {**env, "PYTHONPATH": str(ROOT / "daemon")}


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()

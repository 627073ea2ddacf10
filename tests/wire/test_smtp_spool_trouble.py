"""What a sender hears when the spool cannot write, and that nothing is promised then."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.wire.live_door import Open

from postroom import failpoints
from postroom.spool import Spool

MAIL = b"Subject: Hello\r\n\r\n" + b"How are you?\r\n" * 1000


@contextmanager
def _full(spool: Spool) -> Iterator[None]:
    connect = spool._writer._connection

    def limited() -> sqlite3.Connection:
        db = connect()
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        return db

    spool._writer._connection = limited  # type: ignore[method-assign]
    yield
    spool._writer._connection = connect  # type: ignore[method-assign]
    connect().execute("PRAGMA max_page_count = 4294967294")


@contextmanager
def _locked(spool: Spool) -> Iterator[None]:
    with sqlite3.connect(spool.path) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
    other.close()


@contextmanager
def _broken(spool: Spool) -> Iterator[None]:
    def fail() -> None:
        raise failpoints.FailpointError

    failpoints.arm("spool.written", fail)
    yield
    failpoints.disarm()


@contextmanager
def _moved(spool: Spool) -> Iterator[None]:
    aside = spool.path.with_suffix(".aside")
    spool.path.rename(aside)
    yield
    aside.rename(spool.path)


Trouble = Callable[[Spool], AbstractContextManager[None]]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [(_full, "452 4.3.1"), (_locked, "451 4.3.0"), (_broken, "451 4.3.0"), (_moved, "451 4.3.0")],
)
def test_trouble_is_temporary_and_nothing_is_kept(
    trouble: Trouble, expected: str, open_door: Open, tmp_path: Path
) -> None:
    with Spool(tmp_path / "short", "mx1", busy_timeout=timedelta(seconds=0.05)) as spool:
        door = open_door(spool=spool)
        with door.client() as client:
            client.greet()
            assert client.give(MAIL).startswith("250 2.0.0")
            with trouble(spool):
                assert client.give(MAIL).startswith(expected)
                assert client.say("NOOP").startswith("250 2.0.0")
            assert client.give(MAIL).startswith("250 2.0.0")
        door.close()
        assert [entry.number for entry in spool.list()] == [1, 2]

"""Fixtures of the dialogues: a spool, a door to it, a client that has said EHLO."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.wire.live_door import Client, LiveDoor, Open, make_site

from postroom.core.settings import LimitsTable
from postroom.core.site import Site
from postroom.spool import Spool


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    structlog.configure(
        processors=[structlog.testing.LogCapture()], cache_logger_on_first_use=False
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def events() -> list[Any]:
    """The log so far, as it grows."""
    capture = structlog.get_config()["processors"][0]
    entries: list[Any] = capture.entries
    return entries


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path, "mx1") as opened:
        yield opened


@pytest.fixture
def open_door(spool: Spool) -> Iterator[Open]:
    """Make doors with limits of the test's own; the disk's reserve is off unless asked for."""
    doors: list[LiveDoor] = []

    def open_one(
        addresses: list[str] | None = None,
        site: Site | None = None,
        spool: Spool = spool,
        **limits: Any,
    ) -> LiveDoor:
        assert limits.keys() <= LimitsTable.model_fields.keys()
        door = LiveDoor(
            spool,
            LimitsTable().model_copy(update={"disk_reserve": 0, **limits}),
            site or make_site(),
            addresses or ["127.0.0.1:0"],
        )
        doors.append(door)
        return door

    yield open_one
    for door in doors:
        door.close()


@pytest.fixture
def client(open_door: Open) -> Iterator[Client]:
    """A client that has said EHLO, at a door with the usual limits."""
    with open_door().client() as connected:
        yield connected.greet()

"""Fixtures of the dialogues: a spool, a door to it, a client that has said EHLO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.fakes.certificates import Authority, Pair
from tests.wire.live_door import Client, LiveDoor, Open, make_site

from postroom.activation import Passed
from postroom.certificates import Certificate
from postroom.core.settings import LimitsTable, TlsMode
from postroom.core.site import Site
from postroom.intake.listener import Listener
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
        listeners: Sequence[str | Listener] | None = None,
        site: Site | None = None,
        spool: Spool = spool,
        passed: Passed | None = None,
        **limits: Any,
    ) -> LiveDoor:
        assert limits.keys() <= LimitsTable.model_fields.keys()
        door = LiveDoor(
            spool,
            LimitsTable().model_copy(update={"disk_reserve": 0, **limits}),
            site or make_site(),
            listeners or ["127.0.0.1:0"],
            passed,
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


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> Pair:
    return authority.issue("mx")


@pytest.fixture(params=["smtp", "starttls", "implicit", "lmtp", "lmtp with starttls"])
def any_client(
    request: pytest.FixtureRequest, open_door: Open, authority: Authority, pair: Pair
) -> Iterator[Client]:
    """The same on each way into the door: what holds for a mail holds on all of them."""
    way = request.param
    tls: TlsMode = "starttls" if "starttls" in way else "implicit" if way == "implicit" else "none"
    listener = Listener(
        "127.0.0.1:0",
        protocol="lmtp" if "lmtp" in way else "smtp",
        tls=tls,
        certificate=None if tls == "none" else Certificate(pair.certificate, pair.key),
    )
    with open_door([listener]).client(
        tls=authority.context(),
        hello="LHLO" if "lmtp" in way else "EHLO",
        is_implicit=tls == "implicit",
    ) as connected:
        yield connected.greet()

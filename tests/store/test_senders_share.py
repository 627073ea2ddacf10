"""Several nodes share one outbox: what one is sending no other touches, whatever its clock says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from tests.flow.test_sender import NOW, SIGNER, SITE, Clock, add_delivery, render
from tests.postgres import new_database

from postroom.store import queue
from postroom.store.db import Database
from postroom.store.migrate import open_database
from postroom.work.reply import Reply
from postroom.work.sender import Sender


class Relay:
    """Takes every mail, and lets something happen while it does."""

    needs_handed = True

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def send(
        self, delivery_id: int, _from: str, _to: str, _raw: bytes, handed: Callable[[], None]
    ) -> Reply:
        handed()
        self.meanwhile()
        self.taken.append(delivery_id)
        return Reply("sent", "250 taken")

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def databases() -> Iterator[tuple[Database, Database]]:
    with (
        new_database() as place,
        closing(open_database(place)) as first,
        closing(open_database(place)) as second,
    ):
        yield first, second


def sender_of(database: Database, relay: Relay, node: str, ahead: timedelta) -> Sender:
    clock = Clock()
    clock.at += ahead
    return Sender(database, SITE, SIGNER, render, relay, clock=clock, random=lambda: 0.5, node=node)


def states(database: Database) -> list[str]:
    with database.read() as conn:
        return [entry.state for entry in queue.entries(conn)]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=400)])
def test_a_node_whose_clock_is_fast_ends_no_claim_of_another(
    databases: tuple[Database, Database], ahead: timedelta
) -> None:
    first, second = databases
    first.write(lambda conn: add_delivery(conn, "eva@example.net", {}))
    relay, idle = Relay(), Relay()
    other = sender_of(second, idle, "mx2", ahead)
    relay.meanwhile = other.run_once
    assert sender_of(first, relay, "mx1", timedelta()).run_once() == 1
    assert (relay.taken, idle.taken, states(first)) == ([1], [], ["sent"])


def test_a_claim_that_is_not_committed_holds_nobody_up(
    databases: tuple[Database, Database],
) -> None:
    first, second = databases
    for number in range(6):
        first.write(lambda conn, n=number: add_delivery(conn, f"p{n}@example.net", {}))
    until = NOW + timedelta(minutes=20)
    found = []

    def claim_inside(conn: object) -> list[queue.ClaimedDelivery]:
        mine = queue.claim(conn, NOW, 3, until, "mx1")  # type: ignore[arg-type]
        with second.engine.connect() as other:  # without the lock of all writers
            other.exec_driver_sql("BEGIN")
            found.extend(queue.claim(other, NOW, 10, until, "mx2"))
        return mine

    mine = first.write(claim_inside)
    assert [one.id for one in mine] == [1, 2, 3]
    assert [one.id for one in found] == [4, 5, 6]

"""Two daemons on one PostgreSQL, under load, one of them killed: nothing twice, nothing lost."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.crash.test_random_kill import (
    NO_BRAKES,
    Client,
    Daemon,
    daemon,
    looked_at,
    wait_for,
)
from tests.fakes.relay import FakeRelay
from tests.houses import CONFIG, RULES, rows, write_house
from tests.live.ports import free_port
from tests.postgres import new_cluster

from postroom.core.place import Server
from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit

CLIENTS = 2  # of each node
SECONDS = 3.0  # of load before the kill, and after it


def write(folder: Path, node: str, server: Server, relay: FakeRelay) -> int:
    """Write the house of one node; return the port of its door."""
    port = free_port()
    extra = f'{NO_BRAKES}notices_in_all = "off"\n[[listen]]\naddress = "127.0.0.1:{port}"\n'
    extra += f'\n[database]\nurl = "{server.url}"\n'
    config = CONFIG.replace('"mx1"', f'"{node}"').replace('"maildir:sent"', f'"{relay.url}"')
    write_house(folder, rules=RULES, config=config, config_extra=extra)
    return port


def test_two_daemons_share_the_work_and_one_is_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(new_cluster(fsync="on", synchronous_commit="on"))
        with cluster.connect() as admin:
            admin.execute("CREATE DATABASE shared")
        server = cluster.server("shared")
        relay = stack.enter_context(FakeRelay())
        first, second = tmp_path / "first", tmp_path / "second"
        ports = [write(first, "mx1", server, relay), write(second, "mx2", server, relay)]
        one = stack.enter_context(daemon(first))
        one.wait_until_ready()
        two = stack.enter_context(daemon(second))
        two.wait_until_ready()
        clients = [
            Client(port, 10 * at + number, pause=0.1)
            for at, port in enumerate(ports, 1)
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        try:
            time.sleep(SECONDS)
            one.kill()
            time.sleep(SECONDS)
            again = stack.enter_context(daemon(first))
            again.wait_until_ready()
            time.sleep(1)
        finally:
            for client in clients:
                client.stop()
        with looked_at(first) as house:
            wait_for(lambda: is_drained(house))
        again.stop()
        two.stop()
        check(first, second, clients, relay, (one, two, again))


def is_drained(house: House) -> bool:
    waiting = rows(house, t.delivery, state="waiting") + rows(house, t.delivery, state="sending")
    return not waiting and not house.spool.list()


def check(
    first: Path,
    second: Path,
    clients: list[Client],
    relay: FakeRelay,
    daemons: tuple[Daemon, ...],
) -> None:
    acknowledged = {one for client in clients for one in client.acknowledged}
    for folder in (first, second):
        with looked_at(folder) as house:
            found = audit(house.database, house.spool).findings
            assert [] == [(one.kind, one.subject) for one in found]
            entries, deliveries = rows(house, t.journal), rows(house, t.delivery)
    taken_in = Counter(one.message_id for one in entries if one.outcome != "duplicate")
    assert {1} == set(taken_in.values())
    assert acknowledged <= taken_in.keys()
    assert {"mx1", "mx2"} == {one.spool_name.rpartition("-")[0] for one in entries}
    assert {"sent"} == {one.state for one in deliveries}
    copies = Counter(_delivery_of(one.raw) for one in relay.mails)
    assert len(deliveries) == len(copies)
    doubtful = sum(daemon.log().count("outbox.uncertain") for daemon in daemons)
    assert sum(copies.values()) - len(copies) <= doubtful
    assert max(copies.values()) <= 2
    print(f"{len(acknowledged)} mails, {len(deliveries)} deliveries, {doubtful} in doubt")


def _delivery_of(raw: bytes) -> bytes:
    """Return what two copies of one delivery have in common and no other has."""
    found = re.search(rb"^Message-ID: <(.+)>", raw, re.MULTILINE | re.IGNORECASE)
    assert found is not None
    return found[1]

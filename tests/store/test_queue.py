"""The queue of deliveries: claims, outcomes and what a human may ask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Dialect, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from tests.kinds import ground

from postroom.errors import NotAllowed, NotFound
from postroom.store import queue, schema
from postroom.store.db import Database
from postroom.store.queue import ClaimedDelivery, OutboxEntry

NOW = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = timedelta(minutes=20)


class Outbox:
    """A database with deliveries, and short words for what tests do with it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, recipient: str = "eva@example.net", **values: Any) -> int:
        request_id = values.pop("request_id", None)
        return self.database.write(lambda conn: add_delivery(conn, recipient, request_id, **values))

    def do(self, function: Any, *args: Any, **named: Any) -> Any:
        return self.database.write(lambda conn: function(conn, *args, **named))

    def claim(self, now: datetime = NOW, limit: int = 10) -> list[ClaimedDelivery]:
        def work(conn: Any) -> list[ClaimedDelivery]:
            queue.lapse(conn, now)
            return queue.claim(conn, now, limit, now + LEASE, "mx1-1")

        return self.database.write(work)

    def claim_one(self, now: datetime = NOW) -> ClaimedDelivery:
        [claimed] = self.claim(now)
        return claimed

    def entry(self, delivery_id: int) -> OutboxEntry:
        with self.database.read() as conn:
            return queue.entry(conn, delivery_id)

    def history(self) -> list[tuple[Any, ...]]:
        columns = schema.history.c
        wanted = (
            columns.actor,
            columns.kind,
            columns.from_value,
            columns.to_value,
            columns.because,
        )
        with self.database.read() as conn:
            return [tuple(row) for row in conn.execute(select(*wanted).order_by(columns.id))]


def add_delivery(conn: Any, recipient: str, request_id: int | None, **values: Any) -> int:
    outbox = {
        "request_id": request_id,
        "kind": "auto-reply",
        "mailbox": "support",
        "message_id": f"m{conn.execute(select(schema.outbox.c.id)).all().__len__()}@example.com",
        "at": NOW,
        "template": "auto-reply",
        "language": "en",
        "variables": {"name": "Eva"},
        "from_name": "Acme",
        "references": [],
        "attachments": [],
        "policy_version": "p1",
    }
    outbox_id = conn.execute(insert(schema.outbox).values(outbox)).inserted_primary_key[0]
    delivery = {
        "outbox_id": outbox_id,
        "recipient": recipient,
        "state": "waiting",
        "due_at": NOW,
        "subject": "Re: Printer",
    } | values
    return int(conn.execute(insert(schema.delivery).values(delivery)).inserted_primary_key[0])


def add_request(conn: Any) -> int:
    request = {
        "version": 1,
        "type": "general",
        "subject": "Printer",
        "mailbox": "support",
        "category": "support",
        "priority": "medium",
        "status": "open",
        "phase": "active",
        "language": "en",
        "extracted": {},
        "auto_reply": "sent",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return int(conn.execute(insert(schema.request).values(request)).inserted_primary_key[0])


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    database = Database(ground().place(tmp_path / "postroom.db", is_empty=True))
    database.write(schema.metadata.create_all)
    yield Outbox(database)
    database.close()


def test_what_is_due_is_claimed_once_oldest_first(outbox: Outbox) -> None:
    late = outbox.add(due_at=NOW)
    early = outbox.add(due_at=NOW - MINUTE)
    outbox.add(due_at=NOW + MINUTE)
    assert [claimed.id for claimed in outbox.claim(limit=1)] == [early]
    assert [claimed.id for claimed in outbox.claim()] == [late]
    assert outbox.claim() == []
    entry = outbox.entry(early)
    assert (entry.state, entry.attempts) == ("sending", 1)


def test_two_threads_claim_nothing_twice(outbox: Outbox) -> None:
    ids = [outbox.add(f"p{number}@example.net") for number in range(200)]
    found: list[int] = []

    def claim_all() -> None:
        while claimed := outbox.claim(limit=3):
            found.extend(one.id for one in claimed)

    threads = [threading.Thread(target=claim_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ids


def test_a_lapsed_claim_that_was_not_handed_is_claimed_again(outbox: Outbox) -> None:
    outbox.add()
    first = outbox.claim_one()
    assert outbox.claim(NOW + LEASE - MINUTE) == []
    second = outbox.claim_one(NOW + LEASE)
    assert (second.id, second.attempts) == (first.id, 2)


def test_a_lapsed_claim_that_was_handed_is_uncertain_once_more_and_then_for_a_human(
    outbox: Outbox,
) -> None:
    delivery_id = outbox.add(request_id=outbox.do(add_request))
    assert outbox.do(queue.mark_handed, outbox.claim_one(), NOW, NOW + LEASE)

    later = NOW + LEASE
    assert len(outbox.do(queue.lapse, later)) == 1
    entry = outbox.entry(delivery_id)
    assert (entry.state, entry.due_at) == ("uncertain", later)
    assert outbox.history() == []

    again = outbox.claim_one(later)
    assert again.id == delivery_id
    assert outbox.do(queue.mark_handed, again, later, later + LEASE)
    assert len(outbox.do(queue.lapse, later + LEASE)) == 1
    entry = outbox.entry(delivery_id)
    assert (entry.state, entry.due_at) == ("uncertain", None)
    assert outbox.claim(later + timedelta(days=30)) == []
    assert outbox.history() == [
        ("system", "delivery", "sending", "uncertain", queue.NO_REPLY_KNOWN)
    ]


def test_an_uncertain_reply_is_tried_once_more_and_then_left_to_a_human(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    for retry_at in (NOW + MINUTE, None):
        claimed = outbox.claim_one(NOW + MINUTE)
        assert outbox.do(queue.uncertain, claimed, NOW, NOW + MINUTE, "lost")
        entry = outbox.entry(delivery_id)
        assert (entry.state, entry.due_at, entry.last_response) == ("uncertain", retry_at, "lost")


def test_a_doubt_survives_a_deferral(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    claimed = outbox.claim_one()
    assert outbox.do(queue.mark_handed, claimed, NOW, NOW + LEASE)
    assert outbox.do(queue.uncertain, claimed, NOW, NOW, "lost")
    assert outbox.do(queue.defer, outbox.claim_one(), NOW, "451 later")
    assert outbox.entry(delivery_id).state == "waiting"
    assert outbox.do(queue.uncertain, outbox.claim_one(), NOW, NOW, "lost again")
    assert outbox.entry(delivery_id).due_at is None


def test_a_refusal_after_data_leaves_no_doubt(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    claimed = outbox.claim_one()
    assert outbox.do(queue.mark_handed, claimed, NOW, NOW + LEASE)
    assert outbox.do(queue.defer, claimed, NOW + MINUTE, "452 full")
    entry = outbox.entry(delivery_id)
    assert (entry.state, entry.due_at, entry.handed_at) == ("waiting", NOW + MINUTE, None)


def test_sent_says_when_with_what_answer_and_subject(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    assert outbox.do(queue.mark_sent, outbox.claim_one(), NOW, "250 " + "x" * 5_000, "Re: Fire")
    entry = outbox.entry(delivery_id)
    assert (entry.state, entry.done_at, entry.due_at) == ("sent", NOW, None)
    assert entry.last_response == "250 " + "x" * 996
    assert entry.subject == "Re: Fire"


def test_a_failure_is_told_in_the_history_of_its_request(outbox: Outbox) -> None:
    outbox.add(request_id=outbox.do(add_request))
    outbox.add()
    for claimed in outbox.claim():
        assert outbox.do(queue.fail, claimed, NOW, "550 no such user")
    assert outbox.history() == [("system", "delivery", "sending", "failed", "550 no such user")]


def test_a_sender_whose_claim_went_to_another_changes_nothing(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    old = outbox.claim_one()
    outbox.claim_one(NOW + LEASE)
    assert not outbox.do(queue.mark_handed, old, NOW, NOW + LEASE)
    assert not outbox.do(queue.mark_sent, old, NOW, "250", "x")
    assert not outbox.do(queue.defer, old, NOW, "x")
    assert not outbox.do(queue.fail, old, NOW, "x")
    assert not outbox.do(queue.uncertain, old, NOW, NOW, "x")
    assert not outbox.do(queue.release, old, NOW)
    assert (outbox.entry(delivery_id).state, outbox.entry(delivery_id).attempts) == ("sending", 2)


def test_a_250_that_comes_after_the_lease_still_counts(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    claimed = outbox.claim_one()
    assert outbox.do(queue.mark_handed, claimed, NOW, NOW + LEASE)
    assert len(outbox.do(queue.lapse, NOW + LEASE)) == 1
    assert outbox.do(queue.mark_sent, claimed, NOW + LEASE, "250 fine", "x")
    assert outbox.entry(delivery_id).state == "sent"


def test_a_released_claim_was_no_attempt(outbox: Outbox) -> None:
    delivery_id = outbox.add()
    assert outbox.do(queue.release, outbox.claim_one(), NOW)
    entry = outbox.entry(delivery_id)
    assert (entry.state, entry.attempts, entry.due_at) == ("waiting", 0, NOW)


def test_the_end_of_all_leases_frees_every_claim(outbox: Outbox) -> None:
    outbox.add()
    outbox.claim_one()
    assert len(outbox.do(queue.lapse, NOW, over=datetime.max.replace(tzinfo=UTC))) == 1
    assert outbox.claim_one().attempts == 2


def test_next_due_knows_queued_rows_and_leases(outbox: Outbox) -> None:
    def next_due() -> datetime | None:
        with outbox.database.read() as conn:
            return queue.next_due(conn)

    assert next_due() is None
    outbox.add(due_at=NOW)
    assert next_due() == NOW
    outbox.claim_one()
    assert next_due() == NOW + LEASE
    outbox.add(due_at=NOW + MINUTE)
    assert next_due() == NOW + MINUTE


@pytest.mark.parametrize("state", ["waiting", "uncertain", "failed"])
def test_a_human_may_retry(outbox: Outbox, state: str) -> None:
    values = {"due_at": None, "handed_at": NOW, "attempts": 7, "done_at": NOW}
    delivery_id = outbox.add(request_id=outbox.do(add_request), state=state, **values)
    outbox.do(queue.retry, delivery_id, NOW, "anna")
    entry = outbox.entry(delivery_id)
    assert (entry.state, entry.due_at, entry.attempts) == ("waiting", NOW, 0)
    assert (entry.handed_at, entry.done_at) == (None, None)
    assert outbox.history() == [("anna", "delivery", state, "waiting", "outbox retry")]


@pytest.mark.parametrize("state", ["waiting", "uncertain"])
def test_a_human_may_cancel(outbox: Outbox, state: str) -> None:
    delivery_id = outbox.add(state=state)
    outbox.do(queue.cancel, delivery_id, NOW, "anna")
    assert outbox.entry(delivery_id).state == "cancelled"
    assert outbox.claim() == []


@pytest.mark.parametrize(
    ("wish", "state"),
    [
        (queue.retry, "sent"),
        (queue.retry, "sending"),
        (queue.retry, "cancelled"),
        (queue.cancel, "sent"),
        (queue.cancel, "sending"),
        (queue.cancel, "failed"),
        (queue.cancel, "cancelled"),
    ],
)
def test_an_illegal_wish_changes_nothing_and_says_what_is_legal(
    outbox: Outbox, wish: Any, state: str
) -> None:
    delivery_id = outbox.add(state=state)
    with pytest.raises(NotAllowed, match=f"is {state}; .* is for waiting, uncertain"):
        outbox.do(wish, delivery_id, NOW, "anna")
    assert outbox.entry(delivery_id).state == state


def test_a_wish_for_what_does_not_exist_is_not_found(outbox: Outbox) -> None:
    with pytest.raises(NotFound):
        outbox.do(queue.retry, 99, NOW, "anna")
    with pytest.raises(NotFound):
        outbox.entry(99)


def test_the_list_holds_all_rows_and_states_unless_filtered(outbox: Outbox) -> None:
    ids = [outbox.add(state=state) for state in ("sent", "waiting", "failed")]
    with outbox.database.read() as conn:
        assert [entry.id for entry in queue.entries(conn)] == ids
        assert [entry.id for entry in queue.entries(conn, ["sent", "failed"])] == ids[::2]
        entry = queue.entries(conn)[0]
    assert entry.recipient == "eva@example.net"
    assert (entry.request, entry.kind, entry.subject) == (None, "auto-reply", "Re: Printer")


def test_recipes_are_read_whole(outbox: Outbox) -> None:
    outbox.add()
    with outbox.database.read() as conn:
        [recipe] = queue.recipes(conn, {1, 77}).values()
    assert recipe.variables == {"name": "Eva"}
    assert (recipe.at, recipe.references, recipe.policy_version) == (NOW, [], "p1")


@pytest.mark.parametrize(
    ("dialect", "locks"), [(sqlite.dialect(), False), (postgresql.dialect(), True)]
)
def test_the_claim_is_written_for_both_databases(dialect: Dialect, locks: bool) -> None:
    sql = " ".join(str(queue.CLAIM.compile(dialect=dialect)).split())
    assert sql.startswith("WITH picked AS MATERIALIZED (SELECT delivery.id")
    assert ("FOR UPDATE SKIP LOCKED)" in sql) == locks
    assert "UPDATE delivery SET" in sql
    assert "RETURNING" in sql


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (queue.CLAIM, "delivery_due"),
        (queue.LAPSE, "delivery_leased"),
        (queue.NEXT_DUE, "delivery_due"),
        (queue.NEXT_LAPSE, "delivery_leased"),
    ],
)
def test_the_partial_indexes_are_used(outbox: Outbox, statement: Any, index: str) -> None:
    with outbox.database.read() as conn:
        compiled = statement.compile(dialect=conn.dialect)
        plan = conn.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}", tuple(None for _ in compiled.positiontup or ())
        )
        assert any(index in row[3] for row in plan)

"""`mail explain` says what the pipeline would do: over the whole corpus, just before it does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    accept,
    envelope,
    mail,
    make_house,
    outcomes,
    put_in,
    ripe,
    row,
    rows,
    shared_readers,
    shipped_rules,
    work,
)
from tests.kinds import Kind, ground

from postroom.core.effects import AppendMessage, Assign, Decision, HoldMail, OpenRequest, QueueMail
from postroom.house import House
from postroom.mail.message import Envelope
from postroom.store import schema as t

CORPUS = sorted((Path(__file__).parents[1] / "corpus").glob("*.eml"))
# Of one sender's mails each meets what the ones before left; the null sender's are automatic.
SENDERS = {Kind.SQLITE: "ann@example.net", Kind.POSTGRESQL: ""}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = {**shipped_rules(), "calendars": ""}
    with make_house(tmp_path, rules=rules) as opened:
        yield opened


def came(house: House, raw: bytes, sender: str) -> Envelope:
    return Envelope(
        sender, ("support@example.com",), "smtp", "support", house.desk.clock(), "127.0.0.1"
    )


def explained(house: House, raw: bytes, came_in: Envelope) -> Decision:
    [answer] = shared_readers().read([raw])
    arrival = house.desk.arrival(answer, came_in)  # type: ignore[arg-type]
    return house.desk.explain(arrival)[0]


def effects(decision: Decision, kind: type) -> list[Any]:
    return [effect for effect in decision.effects if isinstance(effect, kind)]


def compare(house: House, decision: Decision, entry: Any) -> None:
    """What was foretold is what the journal and the other tables say."""
    assert (decision.outcome, decision.reason) == (entry.outcome, entry.reason)
    assert decision.explanation == entry.explanation
    assert decision.policy_version == entry.policy_version
    if decision.request is not None:
        assert decision.request == entry.request_id
    for opened in effects(decision, OpenRequest):
        request = row(house, t.request, id=entry.request_id)
        for name in ("subject", "category", "type", "priority", "status", "owner", "auto_reply"):
            assert getattr(request, name) == getattr(opened, name)
    for message in effects(decision, AppendMessage):
        written = row(house, t.message, journal_id=entry.id)
        for name in ("direction", "visibility", "text", "fresh", "origin", "verdict"):
            assert getattr(written, name) == getattr(message, name)
    letters = effects(decision, QueueMail)
    queued = rows(house, t.outbox, journal_id=entry.id)
    assert [(q.kind, q.template) for q in letters] == [(q.kind, q.template) for q in queued]
    holds = [hold.reason for hold in rows(house, t.hold, journal_id=entry.id)]
    assert [hold.reason for hold in effects(decision, HoldMail)] == holds
    assigned = [effect.to for effect in effects(decision, Assign)]
    history = rows(house, t.history, kind="owner", request_id=entry.request_id)
    assert assigned == [line.to_value for line in history][len(history) - len(assigned) :]


def test_over_the_corpus_it_equals_the_journal(house: House) -> None:
    sender = SENDERS[ground().kind]
    # One after the other into one house, so that later mails meet what earlier ones left.
    for path in (*CORPUS, *CORPUS[:5]):
        raw = path.read_bytes()
        came_in = came(house, raw, sender)
        decision = explained(house, raw, came_in)
        _, _, number = house.spool.put(came_in, raw).result(20).rpartition("-")
        assert work(house) == 1
        compare(house, decision, row(house, t.journal, spool_number=int(number)))
    assert len(outcomes(house)) == len(CORPUS) + 5
    assert {"opened", "duplicate", "bounce", "ignored"} <= set(outcomes(house))


def test_it_equals_the_journal_for_replies_strangers_and_holds(house: House) -> None:
    put_in(house, mail(message_id="first@example.net"))
    for raw in (
        mail("Re: it", references=("first@example.net",)),
        mail("Re: it", references=("first@example.net",), sender="bob@example.org"),
        mail("Re: it", references=("first@example.net",), sender="eva@example.com"),
        mail("[acme #1] it", headers={"Auto-Submitted": "auto-replied"}),
    ):
        decision = explained(house, raw, envelope(house, raw))
        compare(house, decision, put_in(house, raw))
    assert outcomes(house) == ["opened", "appended", "held", "appended", "appended"]


def test_it_changes_nothing(house: House) -> None:
    raw = mail()
    before = {table.name: rows(house, table) for table in t.metadata.sorted_tables}
    house.desk.explain(ripe(house, raw))
    assert before == {table.name: rows(house, table) for table in t.metadata.sorted_tables}
    accept(house, raw)
    assert work(house) == 1

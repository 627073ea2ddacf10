"""Conflict, and decide again: one desk is stopped between its decision and its transaction, another
desk, with connections of its own to the same file, goes through. Both must end right.

Every test also proves that there was a conflict: a race that did not happen proves nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.houses import (
    NOON,
    ROUTING,
    accept_hold,
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    outcomes,
    put_in,
    reply_to,
    ripe,
    row,
    rows,
    send,
    shared_readers,
)
from tests.store.racing import NO_BRAKES, WatchedDesk, desk_of, meanwhile

from postroom import failpoints
from postroom.core.changes import Change, ChangeTags, Close, Postpone
from postroom.core.facts import Wish
from postroom.errors import Conflict, NotAllowed
from postroom.house import House
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.work import review, ticker
from postroom.work.audit import audit
from postroom.work.desk import ATTEMPTS, Desk, Settled

WAIT = 20  # seconds; only a hanging test gets there
ANN, BOB = "Ann Berg <ann@example.net>", "Bob Dahl <bob@example.org>"


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    with make_house(tmp_path, config_extra=getattr(request, "param", NO_BRAKES)) as opened:
        yield opened
    failpoints.disarm()


with_brakes = pytest.mark.parametrize("house", [""], indirect=True)


@pytest.fixture
def slow(house: House) -> Iterator[WatchedDesk]:
    """The desk that is stopped when it has decided."""
    with desk_of(house) as desk:
        yield desk


@pytest.fixture
def fast(house: House) -> Iterator[WatchedDesk]:
    """The desk that goes through meanwhile."""
    with desk_of(house) as desk:
        yield desk


def kinds(house: House, request_id: int) -> list[str]:
    return [entry.kind for entry in rows(house, t.history, request_id=request_id)]


def check_sound(house: House) -> None:
    assert [(one.kind, one.subject) for one in audit(house.database, house.spool).findings] == []


# ---- mail against mail


def test_two_replies_to_one_request_both_join_it(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail())
    [sent] = send(house)
    one, two = reply_to(sent, "The first word\n"), reply_to(sent, "The second word\n")
    meanwhile(lambda: fast.settle(two, house))
    settled = slow.settle(one, house)
    assert (settled.outcome, settled.request_id) == ("appended", 1)
    assert slow.conflicts == ["request 1 has changed"]
    assert outcomes(house) == ["opened", "appended", "appended"]
    assert row(house, t.request).version == 3
    assert [message.fresh.strip() for message in rows(house, t.message, request_id=1)] == [
        "Hello",
        "The second word",
        "The first word",
    ]
    assert kinds(house, 1).count("message") == 3
    check_sound(house)


def test_a_reply_that_overtakes_its_parent_gets_it_into_its_own_request(
    house: House, slow: WatchedDesk
) -> None:
    """No race at all: the parent comes when the reply was settled long ago."""
    parent, child = mail(message_id="p@example.net"), mail("Re: pay", in_reply_to="p@example.net")
    assert slow.settle(child, house).outcome == "opened"
    settled = slow.settle(parent, house)
    assert (settled.outcome, settled.request_id) == ("appended", 1)
    assert rows(house, t.message)[1].thread_reason.startswith("late-branch")
    assert len(rows(house, t.request)) == 1
    check_sound(house)


@pytest.mark.parametrize(
    ("first", "reason"), [("parent", "references"), ("child", "late-branch")], ids=str
)
def test_parent_and_reply_at_once_end_in_one_request(
    house: House, slow: WatchedDesk, fast: WatchedDesk, first: str, reason: str
) -> None:
    """Whichever goes through first: the other had decided to open a request, and joins instead."""
    parent = mail(message_id="p@example.net")
    child = mail("Re: pay", in_reply_to="p@example.net", references=("p@example.net",))
    ahead, behind = (parent, child) if first == "parent" else (child, parent)
    put_in(house, mail("So that Ann is known already"))
    meanwhile(lambda: fast.settle(ahead, house))
    settled = slow.settle(behind, house)
    assert (settled.outcome, settled.request_id) == ("appended", 2)
    [why] = slow.conflicts
    assert "message_ref" in why or "assignment" in why or "assigned" in why
    assert outcomes(house) == ["opened", "opened", "appended"]
    messages = rows(house, t.message, request_id=2)
    assert len(messages) == 2
    assert messages[1].thread_reason.startswith(reason)
    check_sound(house)


def test_only_the_message_ids_make_parent_and_reply_collide(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    """In a category that assigns nobody, nothing else could."""
    put_in(house, mail("So that Ann is known already", to="sales@example.com"))
    parent = mail(message_id="p@example.net", to="sales@example.com")
    child = mail(in_reply_to="p@example.net", to="sales@example.com")
    meanwhile(lambda: fast.settle(parent, house))
    assert slow.settle(child, house).request_id == 2
    [conflict] = slow.conflicts  # in the words of its database
    assert "message_ref" in conflict
    refs = [(ref.n, ref.request_id, ref.kind) for ref in rows(house, t.message_ref)]
    assert (0, 2, "received") in refs
    assert (
        len([ref for ref in rows(house, t.message_ref) if ref.message_id == "p@example.net"]) == 1
    )


def test_two_mails_of_somebody_unknown_make_one_contact(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    one = mail("One", sender=BOB, to="sales@example.com")
    two = mail("Two", sender=BOB, to="sales@example.com")
    meanwhile(lambda: fast.settle(two, house))
    assert slow.settle(one, house).outcome == "opened"
    [conflict] = slow.conflicts
    assert "address" in conflict
    contact = row(house, t.contact)
    assert (contact.name, row(house, t.address).contact_id) == ("Bob Dahl", contact.id)
    assert [request.requester_id for request in rows(house, t.request)] == [contact.id] * 2
    assert [request.subject for request in rows(house, t.request)] == ["Two", "One"]
    check_sound(house)


def test_one_mail_settled_by_two_desks_is_decided_once(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    """As after a crash between commit and the spool's own: the number is in the journal once."""
    raw = mail()
    arrival = ripe(house, raw, spool_name="mx1-1", spool_number=1)
    meanwhile(lambda: fast.settle_mail(arrival, raw))
    settled = slow.settle_mail(arrival, raw)
    assert (settled.outcome, settled.request_id, settled.decision) == ("opened", 1, None)
    assert len(slow.conflicts) == 1
    assert len(rows(house, t.journal)) == len(rows(house, t.request)) == 1
    assert len(rows(house, t.outbox)) == 1


def test_two_copies_of_one_mail_at_once_are_one_request_and_a_duplicate(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    raw = mail()
    meanwhile(lambda: fast.settle(raw, house))
    settled = slow.settle(raw, house)
    assert (settled.outcome, settled.request_id) == ("duplicate", 1)
    assert len(slow.conflicts) == 1
    assert len(rows(house, t.outbox)) == 1
    check_sound(house)


# ---- what mails share


@with_brakes
def test_two_mails_at_once_take_two_tokens_of_one_bucket(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail("So that Ann is known already", to="sales@example.com"))
    one, two = mail("One", to="sales@example.com"), mail("Two", to="sales@example.com")
    meanwhile(lambda: fast.settle(two, house))
    assert slow.settle(one, house).outcome == "opened"
    assert slow.conflicts == ["brake request-address:ann@example.net has changed"]
    buckets = {one.key: (one.tokens, one.version) for one in rows(house, t.brake)}
    assert buckets == {
        "request-address:ann@example.net": (17.0, 3),
        "answer-address:ann@example.net": (0.0, 2),
        "answer-day:ann@example.net": (1.0, 2),
        "answer-domain:example.net": (98.0, 2),
        "answer-all": (998.0, 2),
    }
    replies = [request.auto_reply for request in rows(house, t.request)]
    assert replies == ["sent", "sent", "brake: answer-address"]
    check_sound(house)


@pytest.mark.parametrize("house", ['[brakes]\nrequests_per_address = "2 per 10m"'], indirect=True)
def test_the_last_token_is_taken_by_one_of_two(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail("The first of two"))
    meanwhile(lambda: fast.settle(mail("Just in time"), house))
    assert slow.settle(mail("One too many"), house).outcome == "held"
    assert len(slow.conflicts) == 1
    assert outcomes(house) == ["opened", "opened", "held"]
    assert row(house, t.brake, key="request-address:ann@example.net").tokens == 0
    check_sound(house)


def test_two_assignments_at_once_go_to_two_handlers(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail("So that the turns have begun", sender="zoe@example.com.no"))
    meanwhile(lambda: fast.settle(mail("Two", sender=BOB), house))
    slow.settle(mail("One", sender=ANN), house)
    assert slow.conflicts == ["somebody else was assigned in support"]
    put_in(house, mail("And round again", sender="yan@example.com.no"))
    assert [request.owner for request in rows(house, t.request)] == ["eva", "omar", "kim", "eva"]
    turn = row(house, t.assignment)
    assert (turn.version, dict(turn.turns)) == (4, {"eva": 4, "omar": 2, "kim": 3})
    assert {one.name: one.open_requests for one in rows(house, t.handler)} == {
        "eva": 2,
        "omar": 1,
        "kim": 1,
    }
    check_sound(house)


# ---- mail against the rest


def test_a_decision_under_an_old_policy_is_made_again_under_the_new_one(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    old = slow.policy.version
    new = change_rules(house, routing=ROUTING.replace("*lottery*", "*how do i pay*"))
    meanwhile(lambda: fast.adopt(new))
    settled = slow.settle(mail("How do I pay?"), house)
    assert settled.outcome == "ignored"
    assert slow.conflicts == ["the policy was reloaded"]
    assert new.version != old
    assert row(house, t.journal).policy_version == slow.policy.version == new.version
    assert rows(house, t.request) == []
    check_sound(house)


def test_a_command_under_an_old_policy_is_decided_again_too(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail())
    new = change_rules(house, routing=ROUTING + "\n")
    meanwhile(lambda: fast.adopt(new))
    slow.command(Close(), 1, "eva")
    assert slow.conflicts == ["the policy was reloaded"]
    assert rows(house, t.history)[-1].policy_version == new.version
    assert row(house, t.request).phase == "closed"


def test_close_against_a_reply_closes_what_the_customer_wrote_last(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail())
    [sent] = send(house)
    meanwhile(lambda: fast.settle(reply_to(sent), house))
    slow.command(Close(), 1, "eva")
    assert slow.conflicts == ["request 1 has changed"]
    request = row(house, t.request)
    assert (request.phase, request.version, len(rows(house, t.message))) == ("closed", 3, 2)
    assert row(house, t.handler, name="eva").open_requests == 0
    check_sound(house)


def test_a_reply_against_close_reopens(house: House, slow: WatchedDesk, fast: WatchedDesk) -> None:
    put_in(house, mail())
    [sent] = send(house)
    meanwhile(lambda: fast.command(Close(), 1, "eva"))
    assert slow.settle(reply_to(sent), house).outcome == "appended"
    assert slow.conflicts == ["request 1 has changed"]
    request = row(house, t.request)
    assert (request.phase, request.version, request.closed_at) == ("active", 3, None)
    changes = [
        (entry.from_value, entry.to_value) for entry in rows(house, t.history, kind="status")
    ]
    assert changes == [("open", "closed"), ("closed", "open")]
    assert row(house, t.handler, name="eva").open_requests == 1
    check_sound(house)


# ---- holds


@pytest.fixture
def held(house: House) -> int:
    """The journal row of a stranger's mail that claims to belong to request 1; its time is over."""
    put_in(house, mail(message_id="first@example.net"))
    put_in(house, mail("So that Bob is known already", sender=BOB, to="sales@example.com"))
    stranger = mail("Re: pay", sender=BOB, in_reply_to="first@example.net")
    journal_id: int = put_in(house, stranger).id
    assert outcomes(house) == ["opened", "opened", "held"]
    clock_of(house).forward(days=7)
    return journal_id


def end(kind: str, desk: Desk, journal_id: int) -> Any:
    """End a hold in one of three ways."""
    match kind:
        case "accepted":
            return accept_hold_by(desk, journal_id)
        case "refused":
            return review.refuse_hold(desk, shared_readers(), journal_id, "eva")
        case _:
            return ticker.fire_due(desk, shared_readers())


def accept_hold_by(desk: Desk, journal_id: int) -> Settled:
    return review.end_hold(desk, shared_readers(), journal_id, Wish.ACCEPT, "eva")


ENDS = {
    "accepted": ("appended", 1, "cancelled"),
    "refused": ("ignored", 1, "cancelled"),
    "opened": ("opened", 3, "fired"),
}


@pytest.mark.parametrize(
    ("wins", "loses"),
    [(one, two) for one in ENDS for two in ENDS if one != two],
)
def test_a_hold_ends_in_one_way_only(
    house: House, slow: WatchedDesk, fast: WatchedDesk, held: int, wins: str, loses: str
) -> None:
    meanwhile(lambda: end(wins, fast, held))
    if loses == "opened":
        assert end(loses, slow, held) == 0  # the timer gives way in silence
    else:
        with pytest.raises(NotAllowed, match=f"the hold is over: {wins}"):
            end(loses, slow, held)
    assert len(slow.conflicts) == 1
    outcome, request_id, timer = ENDS[wins]
    journal = row(house, t.journal, id=held)
    assert (journal.outcome, journal.request_id) == (outcome, request_id)
    assert (row(house, t.hold).state, row(house, t.timer).state) == (wins, timer)
    assert len(rows(house, t.journal_history)) == 1
    assert len(rows(house, t.message)) == (2 if wins == "refused" else 3)
    check_sound(house)


@pytest.mark.parametrize(
    ("change", "phase"),
    [
        (Postpone(NOON + timedelta(hours=9)), "postponed"),
        (Postpone(None), "active"),
        (Close(), "closed"),
    ],
)
def test_a_timer_that_was_cancelled_just_then_wakes_nothing_in_silence(
    house: House, slow: WatchedDesk, fast: WatchedDesk, change: Change, phase: str
) -> None:
    put_in(house, mail())
    house.desk.command(Postpone(NOON + timedelta(hours=1)), 1, "eva")
    clock_of(house).forward(hours=2)
    meanwhile(lambda: fast.command(change, 1, "eva"))
    with capture_logs() as logged:
        assert ticker.fire_due(slow, shared_readers()) == 0
    assert ["timer.obsolete"] == [event["event"] for event in logged]
    assert slow.conflicts == ["request 1 has changed"]
    assert row(house, t.request).phase == phase
    assert rows(house, t.timer)[0].state == "cancelled"
    check_sound(house)


def test_accepting_a_hold_against_a_reply_to_its_request(
    house: House, slow: WatchedDesk, fast: WatchedDesk, held: int
) -> None:
    reply = mail("Re: pay", in_reply_to="first@example.net")
    meanwhile(lambda: fast.settle(reply, house))
    assert accept_hold_by(slow, held).outcome == "appended"
    assert slow.conflicts == ["request 1 has changed"]
    assert len(rows(house, t.message, request_id=1)) == 3
    check_sound(house)


def test_an_ended_hold_stays_ended(house: House, held: int) -> None:
    """No race: the same, one after the other."""
    assert accept_hold(house, held).outcome == "appended"
    assert fire(house) == 0
    with pytest.raises(NotAllowed, match="the hold is over: accepted"):
        accept_hold(house, held)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_mail_that_two_take_in_after_all_is_taken_in_once(
    house: House, slow: WatchedDesk, fast: WatchedDesk, is_known: bool
) -> None:
    if is_known:
        put_in(house, mail("So that Ann is known already", to="sales@example.com"))
    journal_id = put_in(house, mail("A lottery", to="sales@example.com")).id
    before = len(rows(house, t.request))

    def take_in(desk: Desk) -> Settled:
        return review.retry(desk, shared_readers(), journal_id, frozenset({"spam"}), "eva")

    meanwhile(lambda: take_in(fast))
    with pytest.raises(NotAllowed):
        take_in(slow)
    assert len(slow.conflicts) == 1
    assert len(rows(house, t.request)) == before + 1
    assert row(house, t.journal, id=journal_id).outcome == "opened"
    assert len(rows(house, t.journal_history)) == 1
    check_sound(house)


# ---- storms


def test_a_desk_that_waits_for_the_transaction_of_another_sees_what_it_did(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    """Here the other is stopped inside its transaction, with everything written."""
    put_in(house, mail())
    written, decided, go_on = threading.Event(), threading.Event(), threading.Event()

    def stopped() -> None:
        failpoints.disarm()
        written.set()
        failpoints.arm("desk.decided", decided.set)
        assert go_on.wait(WAIT)

    failpoints.arm("apply.written", stopped)
    with ThreadPoolExecutor() as pool:
        tagged = pool.submit(fast.command, ChangeTags(add=("one",)), 1, "eva")
        assert written.wait(WAIT)
        closed = pool.submit(slow.command, Close(), 1, "omar")
        assert decided.wait(WAIT)
        go_on.set()
        tagged.result(WAIT)
        closed.result(WAIT)
    assert (fast.conflicts, slow.conflicts) == ([], ["request 1 has changed"])
    assert row(house, t.request).version == 3
    assert row(house, t.tag).tag == "one"


@pytest.mark.parametrize("count", [2, 5])
def test_all_decide_at_once_and_all_are_settled(house: House, tmp_path: Path, count: int) -> None:
    put_in(house, mail())
    [sent] = send(house)
    gate, passed = threading.Barrier(count), threading.local()

    def stopped() -> None:
        if not getattr(passed, "once", False):
            passed.once = True
            gate.wait(WAIT)

    plain = house.desk
    desks = [
        WatchedDesk(
            Database(house.database.place), plain.site, plain.signer, plain.policy, plain.clock
        )
        for _ in range(count)
    ]
    replies = [reply_to(sent, f"Word {number}\n") for number in range(count)]
    arrivals = [ripe(house, raw) for raw in replies]
    failpoints.arm("desk.decided", stopped)
    with ThreadPoolExecutor(count) as pool:
        jobs = [
            pool.submit(desk.settle_mail, arrival, raw)
            for desk, arrival, raw in zip(desks, arrivals, replies, strict=True)
        ]
        settled = [job.result(WAIT) for job in jobs]
    for desk in desks:
        desk.database.close()
    assert [(one.outcome, one.request_id) for one in settled] == [("appended", 1)] * count
    assert row(house, t.request).version == 1 + count
    assert {message.fresh.strip() for message in rows(house, t.message)} == {
        "Hello",
        *(f"Word {number}" for number in range(count)),
    }
    # At most one of those that decided at once got through with it.
    assert sum(bool(desk.conflicts) for desk in desks) >= count - 1
    check_sound(house)


def test_a_decision_that_never_comes_to_rest_is_given_up(
    house: House, slow: WatchedDesk, fast: WatchedDesk
) -> None:
    put_in(house, mail())
    changed = iter(range(1000))

    def stopped() -> None:
        failpoints.disarm()
        fast.command(ChangeTags(add=(f"tag-{next(changed)}",)), 1, "eva")
        failpoints.arm("desk.decided", stopped)

    failpoints.arm("desk.decided", stopped)
    with pytest.raises(Conflict, match="request 1 has changed"):
        slow.command(Close(), 1, "omar")
    assert len(slow.conflicts) == ATTEMPTS
    assert row(house, t.request).phase == "active"
    assert clock_of(house).forward() - row(house, t.request).created_at == timedelta(0)

"""Mail that waits for a human: who is told, and every way in which a hold ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.houses import (
    RULES,
    accept_hold,
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    row,
    rows,
    send,
    shared_readers,
)

from postroom import failpoints
from postroom.errors import NotAllowed
from postroom.house import House
from postroom.store import journal
from postroom.store import schema as t
from postroom.work import review

BOB = "Bob Dahl <bob@example.org>"
EVA = "Eva Berg <eva@example.com>"
TRUST = """
[trust]
authserv_id = ["mx.example.com"]
"""
FAIL = {
    "Authentication-Results": "mx.example.com; dmarc=fail header.from=example.com",
    "Received": "from x.example (x.example [203.0.113.9]) by mx.example.com; x",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, config_extra=TRUST) as opened:
        yield opened
    failpoints.disarm()


def held(house: House, text: str = "What did she say?\n") -> Any:
    """Ann opens request 1; a stranger answers her mail. Return his journal row."""
    put_in(house, mail(message_id="first@example.net"))
    entry = put_in(house, mail("Re: Hello", text, sender=BOB, references=("first@example.net",)))
    assert entry.outcome == "held"
    return entry


def refuse(house: House, journal_id: int) -> None:
    review.refuse_hold(house.desk, shared_readers(), journal_id, "eva")


def again(house: House, entry: Any) -> Any:
    return row(house, t.journal, id=entry.id)


# ---- held


def test_a_stranger_is_held_and_the_owner_is_told(house: House) -> None:
    entry = held(house)
    hold = row(house, t.hold)
    assert (hold.journal_id, hold.request_id, hold.state) == (entry.id, 1, "waiting")
    assert hold.responsible == row(house, t.request).owner == "eva"
    assert hold.until == clock_of(house)() + timedelta(hours=4)
    assert row(house, t.timer).due_at == hold.until
    assert len(rows(house, t.message)) == 1
    told = [reply for reply in send(house) if reply["To"] == "eva@example.com"]
    assert {"Re: How do I pay? [acme #1]"} == {notice["Subject"] for notice in told}
    bodies = [body.get_content() for notice in told if (body := notice.get_body(("plain",)))]
    [asked] = [body for body in bodies if body.startswith("A mail waits for your decision: ")]
    assert "\n    What did she say?" in asked
    [line] = rows(house, t.history, kind="hold")
    assert (line.to_value, line.because) == ("waiting", entry.reason)


def test_a_stranger_is_not_answered(house: House) -> None:
    held(house)
    assert "bob@example.org" not in [notice["To"] for notice in send(house)]


def test_a_rule_may_hold(house: House) -> None:
    entry = put_in(house, mail("A lawsuit"))
    assert (entry.outcome, entry.reason) == ("held", "a human looks at these first")
    assert row(house, t.hold).responsible == "eva"
    assert rows(house, t.request) == []


def test_the_intake_brake_holds_the_rest_of_a_flood(tmp_path: Path) -> None:
    brakes = '[brakes]\nrequests_per_address = "2 per 10m"\n'
    with make_house(tmp_path, config_extra=brakes) as house:
        outcomes = [put_in(house, mail()).outcome for _ in range(4)]
        assert outcomes == ["opened", "opened", "held", "held"]


# ---- accepted


def test_an_accepted_mail_joins_and_its_sender_may_write_again(house: House) -> None:
    entry = held(house)
    settled = accept_hold(house, entry.id)
    assert (settled.outcome, settled.request_id) == ("appended", 1)
    assert row(house, t.hold).state == "accepted"
    assert row(house, t.timer).state == "cancelled"
    assert ["requester", "cc"] == [p.role for p in rows(house, t.participant)]
    assert row(house, t.message, journal_id=entry.id).from_address == "bob@example.org"
    assert again(house, entry).outcome == "appended"
    [change] = rows(house, t.journal_history)
    assert (change.outcome, change.actor, change.reason) == ("appended", "eva", "accepted")
    next_one = put_in(house, mail("Re: Hello", sender=BOB, references=("first@example.net",)))
    assert (next_one.outcome, next_one.request_id) == ("appended", 1)


def test_what_a_rule_held_becomes_a_request_when_it_is_accepted(house: House) -> None:
    entry = put_in(house, mail("A lawsuit"))
    assert accept_hold(house, entry.id).outcome == "opened"
    assert row(house, t.request).subject == "A lawsuit"


@pytest.mark.parametrize("end", [accept_hold, refuse])
def test_a_hold_ends_once(house: House, end: Any) -> None:
    entry = held(house)
    end(house, entry.id)
    with pytest.raises(NotAllowed, match="the hold is over"):
        accept_hold(house, entry.id)
    with pytest.raises(NotAllowed, match="the hold is over"):
        refuse(house, entry.id)
    assert fire(house) == 0


def test_a_mail_that_was_never_held_cannot_be_accepted(house: House) -> None:
    entry = put_in(house, mail())
    with pytest.raises(NotAllowed, match="the hold is over: there was none"):
        accept_hold(house, entry.id)
    assert len(rows(house, t.request)) == 1


# ---- refused


def test_a_refused_mail_stays_in_the_journal_with_all_that_was_known(house: House) -> None:
    entry = held(house)
    refuse(house, entry.id)
    after = again(house, entry)
    assert (after.outcome, after.reason) == ("ignored", "refused by eva")
    judged = {name: entry.explanation[name] for name in after.explanation if name != "refused_by"}
    assert after.explanation == {**judged, "refused_by": "eva"}
    assert judged["thread"] == "stranger"
    assert (row(house, t.hold).state, row(house, t.timer).state) == ("refused", "cancelled")
    assert len(rows(house, t.message)) == 1
    with house.database.read() as connection:
        assert journal.stored_mail(connection, None, entry.id) is not None


def test_a_refused_mail_may_be_taken_in_after_all(house: House) -> None:
    entry = held(house)
    refuse(house, entry.id)
    review.retry(house.desk, shared_readers(), entry.id, frozenset(), "eva")
    assert again(house, entry).outcome == "opened"
    assert row(house, t.hold).state == "refused"


# ---- opened by the timer


def test_a_hold_opens_by_itself_when_its_time_is_over(house: House) -> None:
    entry = held(house)
    clock_of(house).forward(hours=3, minutes=59)
    assert fire(house) == 0
    clock_of(house).forward(minutes=1)
    assert fire(house) == 1
    after = again(house, entry)
    assert (after.outcome, after.request_id) == ("opened", 2)
    assert (row(house, t.hold).state, row(house, t.timer).state) == ("opened", "fired")
    [link] = rows(house, t.request_link)
    assert (link.request_id, link.other_id, link.kind) == (2, 1, "continues")
    [change] = rows(house, t.journal_history)
    assert (change.outcome, change.actor) == ("opened", "timer")
    assert fire(house) == 0


def test_a_forged_handler_is_held_until_a_human_decides(house: House) -> None:
    put_in(house, mail(message_id="first@example.net"))
    raw = mail(
        "Re: Hello", "Close it.\n", sender=EVA, headers=FAIL, references=("first@example.net",)
    )
    entry = put_in(house, raw)
    assert (entry.outcome, entry.verdict, row(house, t.hold).until) == ("held", "fail", None)
    assert rows(house, t.timer) == []
    clock_of(house).forward(days=999)
    assert fire(house) == 0
    assert again(house, entry).outcome == "held"
    accept_hold(house, entry.id)
    assert row(house, t.message, journal_id=entry.id).visibility == "internal"


def test_a_hold_opens_though_the_mail_would_be_held_for_another_reason_now(house: House) -> None:
    # The rule held it; then the mail that it answers arrived, of which its sender is no part.
    entry = put_in(house, mail("A lawsuit", sender=BOB, references=("later@example.net",)))
    put_in(house, mail(message_id="later@example.net"))
    clock_of(house).forward(hours=4)
    assert fire(house) == 1
    assert again(house, entry).outcome == "opened"


def test_one_hold_that_cannot_open_does_not_keep_the_others_from_it(house: House) -> None:
    first, second = (put_in(house, mail(f"Lawsuit {number}")) for number in (1, 2))
    clock_of(house).forward(hours=4)

    def break_once() -> None:
        failpoints.disarm()
        raise ZeroDivisionError

    failpoints.arm("apply.begun", break_once)
    with capture_logs() as logged:
        assert fire(house) == 1
    assert "timer.failed" in [event["event"] for event in logged]
    assert [again(house, entry).outcome for entry in (first, second)] == ["held", "opened"]
    assert fire(house) == 0  # not every second
    clock_of(house).forward(minutes=11)
    assert fire(house) == 1


def test_a_hold_that_the_rules_now_ignore_ends(house: House) -> None:
    entry = put_in(house, mail("A lawsuit"))
    rule = '[[rule]]\nname = "out"\nwhen = { subject = "*lawsuit*" }\nthen = { ignore = true }\n'
    house.desk.adopt(change_rules(house, routing=rule))
    clock_of(house).forward(hours=4)
    assert fire(house) == 1
    assert again(house, entry).outcome == "ignored"
    assert row(house, t.hold).state == "refused"
    assert fire(house) == 0


def test_a_hold_is_found_again_by_another_start(tmp_path: Path) -> None:
    with make_house(tmp_path, rules=RULES) as house:
        entry = put_in(house, mail("A lawsuit"))
        now = clock_of(house)
    now.forward(hours=5)
    with make_house(tmp_path, clock=now) as house:
        assert fire(house) == 1
        assert again(house, entry).outcome == "opened"

"""Who inside hears of an escalation, when, and what his answer does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.flow.telling import (
    ANN,
    BOSS,
    EVA,
    KIM,
    LEVELS,
    OMAR,
    house_with,
    later,
    opened,
    proven,
    to,
)
from tests.houses import (
    LOUD,
    NOON,
    clock_of,
    mail,
    put_in,
    reply_to,
    row,
    rows,
    send,
    text_of,
    words_of,
)

from postroom.core.changes import AssignTo
from postroom.core.retry import GIVE_UP_AFTER
from postroom.house import House
from postroom.store import schema as t
from postroom.work.reply import Reply as Said

HELD = LOUD.replace('email = "eva', 'hold_notifications = true\ncalendar = "office"\nemail = "eva')
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)  # 08:00 in Oslo


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_with(tmp_path) as made:
        yield made


# ---- an address inside


def test_what_somebody_inside_without_a_name_here_answers_stays_a_note(house: House) -> None:
    opened(house)
    later(house, hours=1)
    [told] = to(later(house, hours=1), BOSS)
    assert "This is internal" in text_of(told)
    assert "#take" not in text_of(told)
    answer = reply_to(
        told, "#close\n#assign none\nTell them to wait.\n", sender="Boss <boss@x.org>"
    )
    assert "appended" == put_in(house, answer).outcome
    assert ("open", "eva", "internal") == (
        row(house, t.request, id=1).status,
        row(house, t.request, id=1).owner,
        rows(house, t.message)[-1].visibility,
    )
    assert [] == to(send(house), ANN)


# ---- who wants to hear of escalations

ROLES = LEVELS.replace('"owner", "contact", "boss@example.com"', '"owner", "members"')
QUIET_EVA = LOUD.replace('email = "eva', 'notify = ["new", "message"]\nemail = "eva')


def test_a_handler_who_does_not_want_escalations_is_not_told_by_role(tmp_path: Path) -> None:
    with house_with(tmp_path, team=QUIET_EVA, priorities=ROLES) as house:
        opened(house)
        later(house, hours=1)
        told = [str(one["Delivered-To"]) for one in later(house, hours=1)]
        assert [KIM, OMAR] == sorted(told)
        assert [] == to(later(house, hours=1), EVA)  # nor by the warning


@pytest.mark.parametrize("name", ["eva", "eva@example.com"])
def test_a_handler_whom_a_level_names_is_told_in_any_case(tmp_path: Path, name: str) -> None:
    named = ROLES.replace('"owner", "members"', f'"owner", "{name}"')
    with house_with(tmp_path, team=QUIET_EVA, priorities=named) as house:
        opened(house)
        later(house, hours=1)
        assert [EVA] == [str(one["Delivered-To"]) for one in later(house, hours=1)]


# ---- answering an escalation by mail

ADMINISTRATOR = ROLES.replace('"owner", "members"', '"omar"').replace(
    'notify = ["contact"]', 'notify = ["omar"]'
)


@pytest.fixture
def escalated(tmp_path: Path) -> Iterator[tuple[House, EmailMessage]]:
    with house_with(tmp_path, priorities=ADMINISTRATOR) as house:
        opened(house)
        [told] = to(later(house, hours=1), OMAR)
        yield house, told


def omar(told: EmailMessage, text: str) -> bytes:
    return proven(reply_to(told, text, sender=f"Omar Haddad <{OMAR}>"), domain="example.com")


def test_words_to_an_escalation_stay_inside_and_it_says_how_to_answer(
    escalated: tuple[House, EmailMessage],
) -> None:
    house, told = escalated
    assert "#take on the first line" in " ".join(text_of(told).split())
    put_in(house, omar(told, "I call them.\n"))
    assert ("internal", "note") == (
        rows(house, t.message)[-1].visibility,
        rows(house, t.message)[-1].direction,
    )
    assert "running" == row(house, t.request, id=1).chain_state
    assert [] == to(send(house), ANN)


def test_who_takes_an_escalation_by_mail_gets_the_mail_that_answers_the_customer(
    escalated: tuple[House, EmailMessage],
) -> None:
    house, told = escalated
    put_in(house, omar(told, "#take\n"))
    request = row(house, t.request, id=1)
    assert ("omar", "stopped") == (request.owner, request.chain_state)
    sent = send(house)
    [notice] = [one for one in to(sent, OMAR) if "go to the customer" in words_of(one)]
    assert "you have taken it" in text_of(notice)
    assert "Hello" in text_of(notice)
    put_in(house, omar(notice, "Done.\n"))
    assert [ANN] == [str(one["Delivered-To"]) for one in send(house)]


def test_the_owner_who_takes_what_was_escalated_to_him_stops_the_chain(tmp_path: Path) -> None:
    owners = LEVELS.replace('notify = ["contact"]', 'notify = ["owner"]', 1)
    with house_with(tmp_path, priorities=owners) as house:
        opened(house)
        [told] = to(later(house, hours=1), EVA)
        take = proven(reply_to(told, "#take\n", sender=f"Eva Berg <{EVA}>"), domain="example.com")
        put_in(house, take)
        request = row(house, t.request, id=1)
        assert ("eva", "stopped") == (request.owner, request.chain_state)
        sent = [words_of(one) for one in to(send(house), EVA)]
        assert 1 == sum("stopped: you are on it" in one for one in sent)
        assert 1 == sum("go to the customer" in one for one in sent)
        assert [] == rows(house, t.history, kind="escalated")[1:]


def test_closing_and_assigning_by_an_escalation_do_what_they_say(
    escalated: tuple[House, EmailMessage],
) -> None:
    house, told = escalated
    put_in(house, omar(told, "#assign kim\n"))
    assert "kim" == row(house, t.request, id=1).owner
    assert 1 == len([one for one in to(send(house), KIM) if "go to the customer" in words_of(one)])
    put_in(house, omar(told, "#close\n"))
    assert "closed" == row(house, t.request, id=1).status
    assert [OMAR] == [str(one["Delivered-To"]) for one in send(house)]
    assert [] == later(house, days=2)


def test_whom_a_level_makes_the_owner_gets_an_answerable_mail(tmp_path: Path) -> None:
    handed = ADMINISTRATOR.replace('notify = ["omar"]', 'assign = "omar"\n  notify = ["owner"]', 1)
    with house_with(tmp_path, priorities=handed) as house:
        opened(house)
        sent = later(house, hours=1)
        [told] = to(sent, OMAR)
        assert "Why you: it has waited long" in words_of(told)
        assert "level" not in text_of(told)
        [lost] = to(sent, EVA)
        assert "has passed from you to omar" in words_of(lost)
        put_in(house, omar(told, "We see to it.\n"))
        assert [ANN] == [str(one["Delivered-To"]) for one in send(house)]


# ---- held to somebody's hours


def test_a_notice_waits_for_the_handlers_hours_and_the_level_fires_on_time(tmp_path: Path) -> None:
    owners = LEVELS.replace('"contact"]', '"owner"]')
    with house_with(tmp_path, team=HELD, priorities=owners) as house:
        assert [EVA] == [one["Delivered-To"] for one in to(opened(house), EVA)]  # 13:00 in Oslo
        assert [] == to(later(house, hours=1), EVA)
        assert NOON + timedelta(hours=1) == row(house, t.history, kind="escalated").at
        [waiting] = [one for one in rows(house, t.delivery) if one.state == "waiting"]
        assert (MONDAY, EVA) == (waiting.due_at, waiting.recipient)
        said = [one.to_value for one in rows(house, t.history, kind="mail")]
        assert f"escalation to {EVA}, not before 2026-11-23T07:00:00Z" in said
        clock_of(house).now = MONDAY - timedelta(seconds=1)
        assert [] == send(house)
        clock_of(house).now = MONDAY
        [told] = send(house)
        assert MONDAY == told["Date"].datetime


def test_what_answers_a_handlers_own_mail_is_not_held(tmp_path: Path) -> None:
    with house_with(tmp_path, team=HELD) as house:
        [notice] = to(opened(house), EVA)
        clock_of(house).forward(hours=6)

        def sends(text: str) -> list[str]:
            raw = reply_to(notice, text, sender=f"Eva Berg <{EVA}>")
            put_in(house, proven(raw, domain="example.com"))
            return [str(one["Subject"]) for one in to(send(house), EVA)]

        assert 1 == len(sends("#show\n"))
        assert 1 == len(sends("#nonsense\n"))
        lost = mail("Re: it [acme #1]", sender=f"Eva Berg <{EVA}>")
        put_in(house, proven(lost, domain="example.com"))
        assert 1 == len(to(send(house), EVA))


def test_who_takes_a_request_at_night_can_answer_it_at_once(tmp_path: Path) -> None:
    with house_with(tmp_path, team=HELD, priorities=ROLES) as house:
        opened(house)
        [told] = to(later(house, days=2, hours=19), EVA)  # Monday, 08:00 in Oslo
        house.desk.command(AssignTo("kim"), 1, "kim")
        clock_of(house).forward(hours=12)
        taken = proven(reply_to(told, "#take\n", sender=f"Eva Berg <{EVA}>"), domain="example.com")
        put_in(house, taken)
        [notice] = [one for one in to(send(house), EVA) if "go to the customer" in words_of(one)]
        assert "you have taken it" in text_of(notice)


def test_others_of_the_same_decision_are_told_at_once(tmp_path: Path) -> None:
    both = ROLES.replace('notify = ["contact"]', 'notify = ["members"]')
    with house_with(tmp_path, team=HELD, priorities=both) as house:
        opened(house)
        assert [KIM, OMAR] == sorted(str(one["Delivered-To"]) for one in later(house, hours=2))


def test_a_held_notice_is_tried_for_five_days_from_its_own_moment(tmp_path: Path) -> None:
    owners = LEVELS.replace('"contact"]', '"owner"]')
    with house_with(tmp_path, team=HELD, priorities=owners) as house:
        opened(house)
        later(house, hours=1)
        queued = clock_of(house).now
        clock_of(house).now = MONDAY
        away = _Away()
        states = set()
        while clock_of(house).now < queued + GIVE_UP_AFTER + timedelta(days=1):
            send(house, away)
            [held] = [one for one in rows(house, t.delivery) if one.recipient == EVA][1:2]
            states.add(held.state)
            clock_of(house).forward(hours=3)
        assert {"waiting"} == states
        clock_of(house).now = MONDAY + GIVE_UP_AFTER + timedelta(hours=1)
        send(house, away)
        [held] = [one for one in rows(house, t.delivery) if one.recipient == EVA][1:2]
        assert "failed" == held.state


class _Away:
    """A relay that is away."""

    needs_handed = False

    def send(self, *_: object) -> Said:
        return Said("deferred", "451 away")

    def settle(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


def test_within_his_hours_nothing_is_held(tmp_path: Path) -> None:
    with house_with(tmp_path, team=HELD) as house:
        opened(house)
        house.desk.command(AssignTo("omar"), 1, "omar")
        assert 1 == len(to(send(house), EVA))  # taken over, at 13:00 in Oslo

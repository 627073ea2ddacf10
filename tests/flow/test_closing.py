"""Requests that close by themselves: the real pipeline, desk and ticker, and a clock to be turned.

The clock is far ahead of the real one, which commands read: what is due is to come for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.flow.cli_runs import Shop, make_shop
from tests.houses import (
    CATEGORIES,
    LOUD,
    Clock,
    another_desk,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    shared_readers,
    sound_house,
)

from postroom import failpoints
from postroom.core.changes import AssignTo, ChangeProperty, ChangeStatus, Close, Postpone, Reopen
from postroom.core.hooks import ATTEMPTS
from postroom.house import House, open_hooks
from postroom.store import schema as t
from postroom.store.apply import postpone_timer
from postroom.work import ticker
from postroom.work.audit import audit

NOON = datetime(2099, 11, 20, 12, 0, tzinfo=UTC)
ANN, EVA = "ann@example.net", "eva@example.com"
CLOSING = (
    CATEGORIES.replace(
        'name = "support"', 'name = "support"\nclose_after = "14d"\nreopen_within = "30d"'
    )
    + """
[[category]]
name = "patient"
close_after = "30d"
"""
)
STRICT = """
[[workflow]]
name = "case"
initial = "new"

  [[workflow.status]]
  name = "new"
  phase = "active"
  counts = "queue"

  [[workflow.status]]
  name = "asked"
  phase = "active"
  counts = "external"

  [[workflow.status]]
  name = "done"
  phase = "closed"

  [[workflow.status]]
  name = "given-up"
  phase = "closed"
  reopen = false

  [[workflow.transition]]
  name = "ask"
  from = ["new"]
  to = "asked"

  [[workflow.transition]]
  name = "give-up"
  from = ["asked"]
  to = "given-up"
  by = ["system"]
  mail = "canceled"
"""
TYPES = """
[[type]]
name = "case"
workflow = "case"
default = true
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with sound_house(
        tmp_path, rules={"team": LOUD, "categories": CLOSING}, clock=Clock(NOON)
    ) as made:
        yield made


def ask(house: House) -> dict[str, EmailMessage]:
    """Open request 1, and let it wait for its customer; return what was sent, by recipient."""
    assert put_in(house, mail()).outcome == "opened"
    letters = {str(one["Delivered-To"]): one for one in send(house)}
    house.desk.command(ChangeStatus("waiting"), 1, "eva")
    send(house)
    return letters


def pass_time(house: House, **by: float) -> list[str]:
    """Turn the clock, fire what is due, and return who was told."""
    clock_of(house).forward(**by)
    while fire(house):
        pass
    return sorted(str(one["Delivered-To"]) for one in send(house))


def status(house: House) -> str:
    return str(row(house, t.request, id=1).status)


def timers(house: House, state: str = "armed") -> list[timedelta]:
    """Return when the automatic closes of that state are, as times after noon."""
    return [one.due_at - NOON for one in rows(house, t.timer, kind="close", state=state)]


def days(*many: float) -> list[timedelta]:
    return [timedelta(days=one) for one in many]


# ---- silence


def test_who_stays_silent_is_closed_by_himself_without_a_word(house: House) -> None:
    ask(house)
    assert days(14) == timers(house)
    assert [] == pass_time(house, days=14, seconds=-1)
    assert "waiting" == status(house)
    assert [] == pass_time(house, seconds=1)
    request = row(house, t.request, id=1)
    assert ("closed", "closed", NOON + timedelta(days=14), None) == (
        *(request.status, request.phase),
        *(request.closed_at, request.closes_at),
    )
    last = rows(house, t.history, kind="status")[-1]
    assert ("timer", "waiting", "closed") == (last.actor, last.from_value, last.to_value)
    assert "the customer was silent for 14d (close_after of support)" == last.because
    assert ([], days(14)) == (timers(house), timers(house, "fired"))
    handler = row(house, t.handler, name="eva")
    assert 0 == handler.open_requests


def test_an_answer_and_the_customers_word_begin_the_silence_anew(house: House) -> None:
    letters = ask(house)
    clock_of(house).forward(days=10)
    put_in(house, reply_to(letters[EVA], "Did it help?\n", sender=EVA))
    assert days(24) == timers(house)
    answer = next(one for one in send(house) if one["Delivered-To"] == ANN)
    clock_of(house).forward(days=5)
    put_in(house, reply_to(answer, "Not at all.\n"))
    assert ("open", []) == (status(house), timers(house))
    send(house)
    assert [] == pass_time(house, days=60)
    house.desk.command(ChangeStatus("waiting"), 1, "eva")
    assert days(10 + 5 + 60 + 14) == timers(house)


def test_an_out_of_office_and_a_note_are_no_words_of_the_customer(house: House) -> None:
    letters = ask(house)
    clock_of(house).forward(days=3)
    away = reply_to(letters[ANN], "I am away.\n")
    away = away.replace(b"MIME-Version", b"Auto-Submitted: auto-replied\r\nMIME-Version", 1)
    assert "auto-reply" == put_in(house, away).origin
    house.desk.command(AssignTo("kim"), 1, "eva")
    assert days(14) == timers(house)


def test_whatever_ends_the_waiting_ends_the_timer(house: House) -> None:
    ask(house)
    desk = house.desk
    for ends in (
        ChangeStatus("open"),
        Postpone(NOON + timedelta(days=90)),
        Close("solved"),
        ChangeStatus("deleted"),
        ChangeProperty("category", "sales"),
    ):
        desk.command(ends, 1, "eva")
        assert [] == timers(house), ends
        if isinstance(ends, ChangeProperty):
            break
        if isinstance(ends, Close) or ends == ChangeStatus("deleted"):
            desk.command(Reopen(), 1, "eva")
        desk.command(ChangeStatus("waiting"), 1, "eva")
        assert days(14) == timers(house), ends
    desk.command(ChangeProperty("category", "patient"), 1, "eva")
    assert days(30) == timers(house)


def test_a_reply_reopens_what_closed_by_itself_or_opens_another_when_it_is_late(
    house: House,
) -> None:
    letters = ask(house)
    pass_time(house, days=14)
    put_in(house, reply_to(letters[ANN], "I was on holiday.\n"))
    assert "open" == status(house)
    house.desk.command(ChangeStatus("waiting"), 1, "eva")
    pass_time(house, days=14)
    assert "closed" == status(house)
    clock_of(house).forward(days=31)
    assert 2 == put_in(house, reply_to(letters[ANN], "I was away for long.\n")).request_id


def test_a_mail_of_the_same_moment_wins_over_the_close(house: House) -> None:
    """The mail comes between the timer's decision and its transaction: nothing is closed."""
    letters = ask(house)
    clock_of(house).forward(days=14)
    desk = another_desk(house)
    visits = []

    def write_now() -> None:
        failpoints.disarm()
        visits.append(put_in(house, reply_to(letters[ANN], "Wait!\n")).outcome)

    try:
        failpoints.arm("desk.decided", write_now)
        assert 0 == ticker.fire_due(desk, shared_readers())
    finally:
        desk.database.close()
    assert ["appended"] == visits
    assert ("open", []) == (status(house), timers(house))
    assert ["open", "waiting", "open"] == [
        one.to_value for one in rows(house, t.history) if one.kind in ("opened", "status")
    ]


def test_a_timer_that_comes_too_early_waits_on(house: House) -> None:
    """As when the clock is set back between the look and the decision."""
    ask(house)
    [timer] = rows(house, t.timer, kind="close", state="armed")
    house.database.write(lambda c: postpone_timer(c, timer.id, NOON + timedelta(days=2)))
    pass_time(house, days=2)
    assert ("waiting", days(14)) == (status(house), timers(house))
    pass_time(house, days=12)
    assert "closed" == status(house)


def test_many_that_are_silent_are_closed_after_days_of_downtime(house: House) -> None:
    for n in range(20):
        put_in(house, mail(sender=f"c{n}@example.net"))
        house.desk.command(ChangeStatus("waiting"), n + 1, "eva")
    send(house)
    assert [] == pass_time(house, days=100)
    assert {"closed"} == {one.status for one in rows(house, t.request)}
    assert 20 == len(rows(house, t.history, kind="status", to_value="closed"))


# ---- a workflow that is not free


def test_a_transition_by_the_system_closes_with_its_letter(tmp_path: Path) -> None:
    rules = {"categories": CLOSING, "workflows": STRICT, "types": TYPES}
    with make_house(tmp_path, rules=rules, clock=Clock(NOON)) as house:
        put_in(house, mail())
        house.desk.command(ChangeStatus("ask"), 1, "eva")
        send(house)
        clock_of(house).forward(days=14)
        while fire(house):
            pass
        assert "given-up" == status(house)
        [letter] = send(house)
        assert (ANN, True) == (letter["Delivered-To"], "[acme #1]" in str(letter["Subject"]))
        text = letter.get_content() if not letter.is_multipart() else str(letter.get_body())
        assert "has been canceled" in text
        assert "silent" not in text
        assert () == audit(house.database, house.spool).findings


@pytest.mark.parametrize(("exit_status", "becomes"), [(0, "given-up"), (1, "asked")])
def test_a_hook_of_the_transition_is_asked_once_for_each_silence(
    tmp_path: Path, exit_status: int, becomes: str
) -> None:
    executable = tmp_path / "rules" / "hooks" / "refund"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\nexit {exit_status}\n")
    executable.chmod(0o755)
    strict = STRICT.replace('mail = "canceled"', 'run = "refund"')
    rules = {"team": LOUD, "categories": CLOSING, "workflows": strict, "types": TYPES}
    with make_house(tmp_path, rules=rules, clock=Clock(NOON)) as house:
        put_in(house, mail())
        house.desk.command(ChangeStatus("ask"), 1, "eva")
        pass_time(house, days=14)
        assert ("asked", 1) == (status(house), len(rows(house, t.hook_run)))
        run_hooks(house)
        assert becomes == status(house)
        house.desk.command(AssignTo("kim"), 1, "eva")
        pass_time(house, days=30)
        assert (1, []) == (len(rows(house, t.hook_run)), timers(house))
        assert () == audit(house.database, house.spool).findings


def run_hooks(house: House) -> None:
    """Run what is to be run until nothing waits; a failure is told to the administrator."""
    runner = open_hooks(house)
    for _ in range(2 * ATTEMPTS):
        runner.run_once()
        if not rows(house, t.hook_run, state="waiting"):
            break
        clock_of(house).forward(hours=6)
    assert [] == rows(house, t.hook_run, state="waiting")


# ---- as people see it


def test_explain_and_timers_show_the_close(house: House) -> None:
    ask(house)
    shop = Shop(house.config)
    *_, told = shop.json("policy", "explain", 1)["clocks"]
    assert ("close_after", "running", "14d", "2099-12-04T12:00:00Z") == (
        *(told["name"], told["state"], told["within"]),
        told["due_at"],
    )
    assert [("counted", "the customer is silent")] == [
        (one["kind"], one["why"]) for one in told["segments"]
    ]
    said = shop.run("policy", "explain", 1).out
    assert "close_after: running; becomes closed, and nobody is told; 14d since 2099-11-20" in said
    listed = shop.json("timers", "list", "--state", "armed")
    assert [("close", 1, "2099-12-04T12:00:00Z")] == [
        (one["kind"], one["request"], one["due_at"]) for one in listed
    ]
    assert "the customer has been silent" in shop.run("timers", "list", "--help").out
    assert "2099-12-04T12:00:00Z" == shop.json("request", "show", 1)["closes_at"]


def test_simulate_closes_what_is_silent(house: House) -> None:
    words = ["policy", "simulate", "--priority", "medium", "--at", "2026-11-20 12:00"]
    shop = Shop(house.config)
    said: Any = shop.json(*words, "--for", "20d", "--event", "+1h status waiting")
    *_, last = said["happenings"]
    assert ("2026-12-04T13:00:00Z", "closed by itself", []) == (
        *(last["at"], last["what"]),
        last["hears"],
    )


NEVER = 'category "support".close_after: '


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({"categories": CLOSING.replace("14d", "two weeks")}, "must be a duration such as"),
        ({"categories": CLOSING.replace("14d", "0s")}, NEVER + "must be longer than nothing"),
        ({"categories": CLOSING.replace("14d", "900000d")}, "longer than a hundred years"),
        (
            {
                "categories": CLOSING,
                "types": TYPES,
                "workflows": STRICT.replace("external", "none"),
            },
            NEVER + 'would never act: no type has a status with phase = "active" and counts = ',
        ),
        (
            {
                "categories": CLOSING,
                "types": TYPES,
                "workflows": STRICT.replace("system", "handler"),
            },
            NEVER + 'would never act: from "asked" of case no transition by "system" leads to',
        ),
    ],
)
def test_check_finds_what_is_no_silence(
    tmp_path: Path, rules: dict[str, str], problem: str
) -> None:
    said = make_shop(tmp_path, rules=rules).run("check")
    assert 78 == said.code
    assert problem in re.sub(r"\s+", " ", said.err + said.out)

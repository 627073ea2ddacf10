"""policy explain, the times and the read status in request show, timers list.

The house's clock is far ahead of the real one, which the commands read: what is due is to come.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.flow.cli_runs import Shop
from tests.houses import (
    LOUD,
    Clock,
    clock_of,
    mail,
    put_in,
    reply_to,
    row,
    rows,
    send,
    sound_house,
)

from postroom.core.changes import AssignTo, ChangeStatus, ChangeTags, Close, Postpone
from postroom.house import House
from postroom.store import schema as t

NOON = datetime(2099, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
EVA, OMAR = "eva@example.com", "omar@example.com"
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "office"
first_reply = "4h"
deadline = "2wd"

  [priority.on]
  read = "stop"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]
"""
CALENDARS = """
[[calendar]]
name = "office"
time_zone = "UTC"
monday = ["08:00-14:00"]
tuesday = ["08:00-14:00"]
friday = ["08:00-14:00"]
closed = ["11-23"]
"""
CLOCK_KEYS = "name state why since within passed due_at segments"
KEYS = (
    "request at policy_version status phase calendar time_zone properties clocks chain ahead notes"
    " reference"
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = {"team": LOUD, "priorities": PRIORITIES, "calendars": CALENDARS}
    with sound_house(tmp_path, rules=rules, clock=Clock(NOON)) as made:
        yield made


def opened(house: House) -> dict[str, EmailMessage]:
    """Open request 1, Eva's; return what was sent, by recipient."""
    assert put_in(house, mail()).outcome == "opened"
    return {str(one["Delivered-To"]): one for one in send(house)}


def explained(house: House) -> Any:
    return Shop(house.config).json("policy", "explain", 1)


def shown(house: House) -> Any:
    return Shop(house.config).json("request", "show", 1)


def kinds(clock: Any) -> list[str]:
    return [one["kind"] for one in clock["segments"]]


# ---- policy explain


def test_explain_has_stable_keys_and_pieces_up_to_what_is_due(house: House) -> None:
    opened(house)
    said = explained(house)
    assert KEYS.split() == list(said)
    first, following, deadline, _ = said["clocks"]
    assert CLOCK_KEYS.split() == list(first)
    assert ("running", "4h", "2099-11-24T10:00:00Z") == (
        *(first["state"], first["within"]),
        first["due_at"],
    )
    assert ["since", "until", "kind", "why"] == list(first["segments"][0])
    assert ["closed hours", "Saturday", "Sunday", "closed 11-23", "closed hours"] == [
        one["why"] for one in first["segments"] if one["kind"] == "closed"
    ]
    assert ("off", "priority medium has no next_reply") == (following["state"], following["why"])
    assert ("2wd", "2099-11-27T12:00:00Z") == (deadline["within"], deadline["due_at"])
    assert [("owner", "round robin"), ("priority", "the default")] == [
        (one["name"], one["because"])
        for one in said["properties"]
        if one["name"] in ("owner", "priority")
    ]
    assert ["level", "missed", "missed"] == [one["what"] for one in said["ahead"]]


def test_explain_says_it_in_words_too(house: House) -> None:
    opened(house)
    clock_of(house).forward(minutes=30)
    house.desk.command(ChangeStatus("waiting"), 1, "omar")
    said = Shop(house.config).run("policy", "explain", "#1")
    assert (0, "") == (said.code, said.err)
    for words in (
        "first_reply: paused; waiting: it is the customer's turn; 4h since 2099-11-20 12:00 UTC",
        "escalation: running; since: new; level 1 is next, by the clock of office; due 2099-11-20",
        "next_reply: off; priority medium has no next_reply",
        "What is to come if nothing happens",
        "tells owner",
    ):
        assert words in said.out


def test_explain_of_a_closed_request_says_why_no_clock_runs(house: House) -> None:
    opened(house)
    house.desk.command(Close("all is well"), 1, "eva")
    said = explained(house)
    assert [("stopped", "closed: it is over")] * 2 == [
        (one["state"], one["why"]) for one in said["clocks"] if one["within"]
    ]
    assert ("stopped", "stopped by: read, closed") == (
        *(said["chain"]["state"], said["chain"]["why"]),
    )
    assert [] == said["ahead"]
    [status] = [one for one in said["properties"] if one["name"] == "status"]
    assert ("closed", "eva", "all is well") == (status["value"], status["by"], status["because"])
    assert "closed: it is over" in Shop(house.config).run("policy", "explain", 1).out


def test_explain_of_nothing_is_1(house: House) -> None:
    said = Shop(house.config).run("policy", "explain", 7)
    assert (1, "") == (said.code, said.out)
    assert "there is no request 7" in said.err


# ---- times


def test_show_accounts_for_the_time(house: House) -> None:
    letters = opened(house)
    assert {
        "queue": {"calendar": 0, "clock": 0},
        "internal": {"calendar": 0, "clock": 0},
        "external": {"calendar": 0, "clock": 0},
        "reply": None,
        "close": None,
    } == shown(house)["times"]
    clock_of(house).forward(hours=3)  # Friday 15:00
    put_in(house, reply_to(letters[EVA], "It is done.\n", sender=EVA))
    house.desk.command(ChangeStatus("waiting"), 1, "eva")
    clock_of(house).forward(hours=1)
    house.desk.command(Close(), 1, "eva")
    two_of_three = {"calendar": 2 * 3600, "clock": 3 * 3600}
    assert {
        "queue": two_of_three,
        "internal": {"calendar": 0, "clock": 0},
        "external": {"calendar": 0, "clock": 3600},
        "reply": two_of_three,
        "close": {"calendar": 2 * 3600, "clock": 4 * 3600},
    } == shown(house)["times"]
    words = " ".join(Shop(house.config).run("request", "show", 1).out.split())
    assert "time to reply 2h in opening hours, 3h round the clock" in words
    assert "external time 0s in opening hours, 1h round the clock" in words


# ---- read status


def read(house: House) -> tuple[str, str]:
    """Return the colour of request 1, and who has read it."""
    found = row(house, t.request, id=1)
    named = [one for one in ("owner", "handler", "customer") if getattr(found, f"{one}_read_at")]
    return found.read_status, " ".join(named)


def test_a_day_of_a_request_in_colours(house: House) -> None:
    letters = opened(house)
    assert ("red", "") == read(house)
    house.desk.command(ChangeTags(("hot",)), 1, "omar")
    assert ("red", "handler") == read(house)
    put_in(house, reply_to(letters[EVA], "It is done.\n", sender=EVA))
    assert ("green", "owner handler") == read(house)
    answer = next(one for one in send(house) if one["Delivered-To"] == "ann@example.net")
    put_in(house, reply_to(answer))
    assert ("yellow", "owner handler customer") == read(house)
    house.desk.command(AssignTo("kim"), 1, "eva")
    assert ("red", "handler customer") == read(house)
    house.desk.command(AssignTo("omar"), 1, "omar")
    assert ("green", "owner handler customer") == read(house)
    colours = [(one.from_value, one.to_value) for one in rows(house, t.history, kind="read")]
    assert [
        *(("red", "green"), ("green", "yellow"), ("yellow", "red"), ("red", "green")),
    ] == colours
    said = shown(house)
    assert ("green", "2099-11-20T12:00:00Z") == (said["read_status"], said["owner_read_at"])


def test_the_owners_reading_acts_on_the_chain(house: House) -> None:
    opened(house)
    house.desk.command(ChangeTags(("hot",)), 1, "omar")
    assert "running" == row(house, t.request, id=1).chain_state
    house.desk.command(ChangeTags(("cold",)), 1, "eva")
    assert "stopped" == row(house, t.request, id=1).chain_state


# ---- timers


def test_timers_of_every_kind_are_listed(house: House) -> None:
    opened(house)
    put_in(house, mail("a lawsuit", sender="bob@example.org"))
    house.desk.command(Postpone(datetime(2099, 12, 1, tzinfo=UTC)), 1, "omar")
    listed = Shop(house.config).json("timers", "list", "--state", "armed")
    found = {one["kind"]: (one["request"], one["due_at"], one["state"]) for one in listed}
    assert ["1", "2099-12-01T00:00:00Z", "armed"] == [str(x) for x in found["activate"]]
    assert {"activate", "clock", "hold"} == set(found)
    words = Shop(house.config).run("timers", "list").out
    for kind in ("activate", "clock", "hold", "level"):
        assert kind in words

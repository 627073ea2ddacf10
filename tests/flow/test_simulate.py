"""`postroom policy simulate`: the desk and the ticker themselves, on a database in memory."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.flow.cli_runs import Said, command
from tests.flow.telling import ALWAYS
from tests.houses import LOUD, write_house

from postroom.config import Config
from postroom.core import escalation, timers
from postroom.policy.loader import load_policy
from postroom.work import simulation, ticker
from postroom.work.simulation import Deed, Event, Scenario, Simulated, simulate

OFFICE = (
    ALWAYS
    + """
[[calendar]]
name = "office"
time_zone = "Europe/Oslo"
monday = ["08:00-16:00"]
tuesday = ["08:00-16:00"]
wednesday = ["08:00-16:00"]
thursday = ["08:00-16:00"]
friday = ["08:00-16:00"]
holidays = "NO"
closed = ["12-24"]
"""
)
PRIORITIES = """
[[priority]]
name = "medium"
rank = 2
default = true
calendar = "always"

[[priority]]
name = "high"
rank = 1
calendar = "office"
first_reply = "2h"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "30m"
  assign = "omar"
  notify = ["owner", "boss & sons <x>@example.com"]

  [[priority.warning]]
  of = "first_reply"
  before = "30m"
  notify = ["kim"]

[[priority]]
name = "restless"
rank = 3
calendar = "always"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]
""".replace("boss & sons <x>@", "boss@")
AT = "2026-12-23 15:40"  # a Wednesday; 20 minutes before the office closes for Christmas


@pytest.fixture
def config(tmp_path: Path) -> Config:
    rules = {"team": LOUD, "priorities": PRIORITIES, "calendars": OFFICE}
    return write_house(tmp_path, rules=rules)


def say(config: Config, *words: object, priority: str = "high", at: str = AT) -> Said:
    options = ("--config", config.path, "--priority", priority, "--at", at)
    return command("policy", "simulate", *words, *options)


def told(config: Config, *words: object, **more: str) -> list[dict[str, Any]]:
    said = say(config, *words, "--json", **more)
    assert (0, "") == (said.code, said.err)
    found: list[dict[str, Any]] = said.json["happenings"]
    return found


def whom(happening: Mapping[str, Any]) -> list[str]:
    return [one["who"] for one in happening["hears"]]


def when(happenings: list[dict[str, Any]], what: str) -> str:
    [found] = [one["local"] for one in happenings if one["what"] == what]
    return str(found)


def play(config: Config, *events: Event, **more: Any) -> Simulated:
    at = datetime(2026, 12, 23, 14, 40, tzinfo=UTC)
    priority, until = more.get("priority", "high"), more.get("until", at + timedelta(days=30))
    scenario = Scenario(at, until, priority, events=events)
    return simulate(config.site(), load_policy(config.rules), scenario)


def test_levels_wait_for_the_calendar_and_it_says_who_hears(config: Config) -> None:
    happenings = told(config, "--owner", "eva")
    assert [
        ("opened, priority high, owner eva", "Wed 2026-12-23 15:40", ["customer", "eva"]),
        ("level 1", "Mon 2026-12-28 08:40", ["eva"]),
        # What is due in one second is told at once: to who got it, who is warned, who lost it.
        ("level 2", "Mon 2026-12-28 09:10", ["omar", "kim", "boss@example.com", "eva"]),
        (
            "warning of the first reply",
            "Mon 2026-12-28 09:10",
            ["omar", "kim", "boss@example.com", "eva"],
        ),
        ("first reply missed", "Mon 2026-12-28 09:40", []),
    ] == sorted(
        ((one["what"], one["local"], whom(one)) for one in happenings),
        key=lambda one: (one[1][4:], one[0]),
    )
    assert all(one["nominal"] for one in happenings)
    assert "owner eva → omar" in next(o for o in happenings if o["what"] == "level 2")["changes"]


def test_events_go_the_way_of_commands(config: Config) -> None:
    stopped = told(config, "--event", "+5m replied")
    assert ["opened, priority high, owner eva", "replied"] == [one["what"] for one in stopped]
    again = told(config, "--event", "+5m replied", "--event", "2026-12-29 10:00 customer-wrote")
    assert "Tue 2026-12-29 11:00" == when(again, "level 1")
    closed = told(config, "--event", "+5m closed", "--event", "+6d reopened")
    assert "Wed 2026-12-30 08:40" == when(closed, "level 1")
    put_off = told(config, "--event", "+5m postponed 5d")
    assert "Mon 2026-12-28 15:45" == when(put_off, "activated")
    raised = told(config, "--event", "+1m priority high", priority="restless")
    assert "Mon 2026-12-28 08:00" == when(raised, "level 1")  # UTC, as the calendar of restless


def test_a_pause_is_seen_and_stops_the_clocks(config: Config) -> None:
    said = say(config, "--event", "+0m status waiting", "--event", "+5d status open", "--json").json
    [pause] = said["pauses"]
    assert ("2026-12-23T14:40:00Z", "2026-12-28T14:40:00Z") == (pause["since"], pause["until"])
    assert "Tue 2026-12-29 09:20" < when(said["happenings"], "first reply missed")


def test_taking_an_escalated_request_stops_its_chain(config: Config) -> None:
    taken = told(config, "--event", "2026-12-28 08:50 taken kim")
    assert "level 1" in [one["what"] for one in taken]
    assert "level 2" not in [one["what"] for one in taken]


@pytest.mark.parametrize(
    ("module", "name"),
    [(escalation, "reach_levels"), (escalation, "end_clocks"), (timers, "activate")],
)
def test_there_is_no_second_implementation(
    config: Config, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    events = [Event(datetime(2026, 12, 28, 9, 0, tzinfo=UTC), Deed.POSTPONED, "1d")]
    before = [(one.what, one.at) for one in play(config, *events).happenings]
    real = getattr(module, name)

    def broken(timer: int, *facts: Any) -> Any:
        decision = real(timer, *facts)
        return type(decision)(
            **{
                **{one: getattr(decision, one) for one in decision.__slots__},
                "effects": decision.effects[:1],  # the timer has fired, and nothing else
            }
        )

    monkeypatch.setattr(module, name, broken)
    assert before != [(one.what, one.at) for one in play(config, *events).happenings]


def test_the_tickers_own_loop_fires(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "_decider", lambda _: None)
    assert ["opened, priority high, owner eva"] == [one.what for one in play(config).happenings]


def test_nothing_of_the_site_is_touched(config: Config, tmp_path: Path) -> None:
    def files() -> set[Path]:
        return set(tmp_path.rglob("*"))

    before = files()
    assert 0 == say(config, "--json").code
    assert before == files()


def test_other_rules_can_be_tried(config: Config, tmp_path: Path) -> None:
    other = write_house(
        tmp_path / "other",
        rules={
            "team": LOUD,
            "calendars": OFFICE,
            "priorities": PRIORITIES.replace('after = "1h"', 'after = "3h"'),
        },
    )
    assert "Mon 2026-12-28 10:40" == when(told(config, "--rules", other.rules), "level 1")


def test_it_ends_though_the_policy_does_not(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "MOST_STEPS", 2)
    assert not play(config).is_whole
    said = say(config)
    assert 0 == said.code
    assert "stopped after 2 moments" in said.err


def test_people_get_a_table_and_a_chart(config: Config, tmp_path: Path) -> None:
    said = say(
        config, "--event", "+2m status waiting", "--chart", tmp_path / "c.svg", "--owner", "eva"
    )
    assert (0, "") == (said.code, said.err)
    for words in (
        "customer, eva",
        "Mon 2026-12-28",
        "holiday: Christmas Day",
        "working hours",
        "░",
        "/",
    ):
        assert words in said.out
    picture = ET.parse(tmp_path / "c.svg")
    texts = [one.text or "" for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert any("opened, priority high" in one for one in texts)
    hatched = [one for one in picture.iter() if one.get("fill") == "url(#paused)"]
    assert len(hatched) > 1  # beside the legend


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--priority", "hihg"), 'did you mean "high"?'),
        (("--at", "tomorrow"), "write such as"),
        (("--event", "replied"), "begin with a time"),
        (("--event", "+2h replyed"), 'did you mean "replied"?'),
        (("--event", "+2x replied"), "must be a duration"),
        (("--event", "+60d replied"), "look further with --for"),
        (("--event", "2026-01-01 10:00 replied"), "before the request comes"),
        (("--event", "+2h owner"), "say whom"),
        (("--event", "+2h owner eav"), 'did you mean "eva"?'),
        (("--event", "+2h activated now"), "comes nothing more"),
        (("--for", "9000d"), "at most 5 years"),
        (("--rules", "/nowhere"), "is not a folder"),
        (("--owner", "nobody"), "there is no 'nobody'"),
        (("--category", "suport"), 'did you mean "support"?'),
    ],
)
def test_what_is_mistyped_is_explained(config: Config, words: tuple[str, ...], says: str) -> None:
    said = say(config, *words)
    if words[0] in ("--priority", "--at"):  # given twice, the last one counts
        options = {"--priority": "high", "--at": AT, words[0]: words[1]}
        flat = [one for pair in options.items() for one in pair]
        said = command("policy", "simulate", "--config", config.path, *flat)
    assert 2 == said.code
    assert says in " ".join(said.err.split())


def test_an_event_that_is_not_possible_then_says_so(config: Config) -> None:
    said = say(config, "--event", "+2h reopened")
    assert 1 == said.code
    assert '"reopened" at 2026-12-23T16:40:00Z: request 1 is open' in said.err

"""When the administrators are told that something is wrong, and when that it is over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.houses import CATEGORIES, LOUD, PRIORITIES
from tests.unit.core.builders import site

from postroom.core.alarms import Figures, decide_alarms, troubles
from postroom.core.effects import Decision, QueueMail, SpendBrake
from postroom.core.facts import BrakeFact, Facts
from postroom.core.settings import AlertsTable
from postroom.policy.loader import policy_from_files

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POLICY = policy_from_files(
    {
        f"rules/{name}.toml": text
        for name, text in (("team", LOUD), ("categories", CATEGORIES), ("priorities", PRIORITIES))
    }
)
SITE = site()
WELL = Figures(NOON, 0.0, 0, 10**10, 0.0, 0.0, 0, 0, 0.0, 0, 0)


_PAUSED = (
    "the oldest mail in the outbox has waited for 2h: the outbox is paused (postroom outbox resume)"
)


@pytest.mark.parametrize(
    ("changes", "cause", "words"),
    [
        ({"spool_oldest": 601.0}, "spool mx1", "the oldest mail in the spool has waited for 10m1s"),
        ({"outbox_oldest": 7200.0}, "outbox", "the oldest mail in the outbox has waited for 2h"),
        (
            {"outbox_oldest": 7200.0, "is_paused": True},
            "outbox",
            _PAUSED,
        ),
        ({"timers_late": 301.0}, "timers", "timers are late by 5m1s"),
        ({"database_away": 301.0}, "database mx1", "the database has been away for 5m1s"),
        ({"quarantined": 2}, "quarantine", "2 mails are in quarantine"),
        (
            {"uncertain": 1},
            "uncertain",
            "of 1 deliveries it is not known if they arrived",
        ),
        (
            {"mailboxes": {"support": 1000.0, "sales": 3.0}},
            "mailbox support mx1",
            "mailbox support has not been looked into for 16m40s",
        ),
    ],
)
def test_what_is_wrong(changes: Mapping[str, object], cause: str, words: str) -> None:
    figures = replace(WELL, **changes)  # type: ignore[arg-type]
    assert {cause: words} == troubles(figures, AlertsTable(), 10**8, "mx1")


def test_little_room_on_the_disk_is_told_before_the_doors_close() -> None:
    [(cause, words)] = troubles(
        replace(WELL, free_bytes=199_000_000), AlertsTable(), 10**8, "mx1"
    ).items()
    assert "disk mx1" == cause
    assert words.startswith("199MB are left")


def test_nothing_is_wrong_with_what_is_not_known_or_not_asked_for() -> None:
    assert {} == troubles(WELL, AlertsTable(), 10**8, "mx1")
    assert {} == troubles(Figures(NOON), AlertsTable(), 10**8, "mx1")
    off = AlertsTable(spool_age=None, quarantine=False)
    assert {} == troubles(replace(WELL, spool_oldest=9e9, quarantined=3), off, 10**8, "mx1")


class Brakeman:
    """Keeps the brakes that decisions leave behind."""

    def __init__(self) -> None:
        self.brakes: dict[str, BrakeFact] = {}
        self.now = NOON

    def decide(self, *wrong: str) -> list[str]:
        """Decide at `now`; return the subjects of the mails to eva, the administrator."""
        found = {cause: f"{cause} is wrong" for cause in wrong}
        facts = Facts(brakes=self.brakes)
        decision = decide_alarms(found, ("outbox", "timers"), facts, POLICY, SITE, self.now)
        return [] if decision is None else self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> list[str]:
        told = []
        for effect in decision.effects:
            match effect:
                case SpendBrake(key, tokens, version):
                    self.brakes[key] = BrakeFact(key, tokens, self.now, version + 1)
                case QueueMail(recipients=("eva@example.com",), kind="alert"):
                    told.append(str(effect.variables["reason"]))
        return told


def test_it_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    brakeman = Brakeman()
    assert [] == brakeman.decide()
    assert ["outbox is wrong"] == brakeman.decide("outbox")
    for _ in range(10):
        brakeman.now += timedelta(hours=5)
        assert [] == brakeman.decide("outbox")
    assert ["over: mail in the outbox is being sent again"] == brakeman.decide()
    assert [] == brakeman.decide()


def test_what_comes_and_goes_is_told_of_once_an_hour() -> None:
    brakeman, told = Brakeman(), 0
    for minute in range(240):
        brakeman.now = NOON + timedelta(minutes=minute)
        told += len(brakeman.decide(*(("outbox",) if minute % 2 else ())))
    assert 4 * 2 == told


def test_what_was_braked_is_told_when_it_lasts() -> None:
    brakeman = Brakeman()
    brakeman.decide("outbox")
    brakeman.decide()
    brakeman.now += timedelta(minutes=30)
    assert [] == brakeman.decide("outbox")
    brakeman.now += timedelta(minutes=31)
    assert ["outbox is wrong"] == brakeman.decide("outbox")


def test_causes_do_not_hide_each_other() -> None:
    brakeman = Brakeman()
    assert ["outbox is wrong"] == brakeman.decide("outbox")
    assert ["timers is wrong"] == brakeman.decide("outbox", "timers")
    assert ["over: mail in the outbox is being sent again"] == brakeman.decide("timers")

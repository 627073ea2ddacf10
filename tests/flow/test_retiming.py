"""Clocks, chains and automatic closes by rules that have changed: once, and from the history."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection
from tests.flow.reloads import (
    HOUR,
    NOON,
    PRIORITIES,
    URGENT,
    armed,
    follow,
    house_of_levels,
    reasons,
    reload,
)
from tests.houses import (
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    row,
    rows,
)

from postroom import failpoints
from postroom.core.changes import ChangeStatus, Postpone
from postroom.house import House
from postroom.store import following
from postroom.store import schema as t
from postroom.work.desk import Settled
from postroom.work.retiming import Retimer, follow_already


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_of_levels(tmp_path) as made:
        yield made


# ---- clocks


def test_clocks_are_those_of_the_new_rules_and_the_history_says_why(house: House) -> None:
    before = house.desk.policy.version
    put_in(house, mail())
    said = reload(house, priorities=PRIORITIES.replace('"4h"', '"6h"').replace('"48h"', '"72h"'))
    request = row(house, t.request)
    assert (NOON + 6 * HOUR, NOON + 72 * HOUR) == (request.first_reply_due_at, request.deadline_at)
    assert [NOON + 6 * HOUR] == armed(house, "clock")
    [(what, because)] = reasons(house, "clocks")
    assert (
        "first_reply 2099-11-20T18:00:00Z (was 2099-11-20T16:00:00Z); "
        "deadline 2099-11-23T12:00:00Z (was 2099-11-22T12:00:00Z)"
    ) == what
    assert f"policy {house.desk.policy.version} instead of {before}" == because
    assert said is not None
    assert (1, 1, 0) == (said["looked"], said["changed"], said["overdue"])


def test_what_does_not_differ_is_not_touched(house: House) -> None:
    put_in(house, mail())
    before = row(house, t.request)
    said = reload(house, priorities=PRIORITIES + URGENT)
    assert said is not None
    assert (1, 0) == (said["looked"], said["changed"])
    assert before == row(house, t.request)
    assert not reasons(house, "clocks")


def test_rules_that_have_nothing_to_do_with_time_are_followed_without_a_look(house: House) -> None:
    put_in(house, mail())
    categories = (house.config.rules / "categories.toml").read_text()
    retimer = Retimer(house.desk)
    assert follow(house, retimer) is not None  # the first look is at all of them
    house.desk.adopt(change_rules(house, categories=categories.replace('"Support"', '"Help"')))
    assert follow(house, retimer) is None
    with house.database.read() as connection:
        active = following.active(connection)
    assert active is not None
    assert active.is_followed


def test_a_clock_that_is_overdue_by_the_change_alone_is_missed_then_and_the_history_says_so(
    house: House,
) -> None:
    put_in(house, mail())
    clock_of(house).forward(minutes=90)
    said = reload(house, priorities=PRIORITIES.replace('"4h"', '"1h"'))
    assert said is not None
    assert (1, 1, 0) == (said["changed"], said["overdue"], said["levels"])
    assert 1 == fire(house)
    [missed] = rows(house, t.history, kind="missed")
    assert NOON + timedelta(minutes=90) == missed.at
    assert "the first reply is missed, due 2099-11-20T13:00:00Z" == missed.because


def test_a_clock_that_was_missed_is_not_missed_again_by_other_rules(house: House) -> None:
    put_in(house, mail())
    clock_of(house).forward(hours=5)
    fire(house)
    reload(house, priorities=PRIORITIES.replace('"4h"', '"9h"'))
    said = reload(house, priorities=PRIORITIES.replace('"4h"', '"3h"'))
    assert said is not None
    assert 0 == said["overdue"]
    fire(house)
    assert 1 == len(rows(house, t.history, kind="missed"))


def test_closed_requests_are_left_alone(house: House) -> None:
    put_in(house, mail())
    house.desk.command(ChangeStatus("closed", ""), 1, "eva")
    before = row(house, t.request)
    said = reload(house, priorities=PRIORITIES.replace('"4h"', '"1h"'))
    assert said is not None
    assert 0 == said["looked"]
    assert before == row(house, t.request)


def test_a_silence_that_is_over_by_the_new_rules_closes_at_once(house: House) -> None:
    put_in(house, mail())
    house.desk.command(ChangeStatus("waiting", ""), 1, "eva")
    clock_of(house).forward(days=3)
    fire(house)
    categories = (house.config.rules / "categories.toml").read_text()
    closing = categories.replace('assign = "round-robin"', 'close_after = "2d"')
    said = reload(house, categories=closing)
    assert said is not None
    assert (1, 1) == (said["changed"], said["closes"])
    fire(house)
    assert "closed" == row(house, t.request).status


# ---- the chain


def test_the_level_reached_stays_and_the_wait_for_the_next_counts_from_its_beginning(
    house: House,
) -> None:
    put_in(house, mail())
    clock_of(house).forward(hours=2, minutes=10)
    fire(house)
    request = row(house, t.request)
    assert (1, NOON + 4 * HOUR) == (request.escalation_level, request.chain_due_at)
    before = house.desk.policy.version
    said = reload(house, priorities=PRIORITIES.replace('after = "2h"', 'after = "5h"'))
    request = row(house, t.request)
    # From noon + 2 h, when level 1 was due, not from when it was done.
    assert (1, NOON + 7 * HOUR) == (request.escalation_level, request.chain_due_at)
    assert [NOON + 7 * HOUR] == armed(house, "level")
    assert said is not None
    assert (1, 0) == (said["changed"], said["levels"])
    *_, (what, because) = reasons(house, "chain")
    assert "after level 1, next at 2099-11-20T19:00:00Z" == what
    assert f"policy {house.desk.policy.version} instead of {before}" == because


def test_one_change_of_the_rules_does_not_run_through_all_levels(house: House) -> None:
    put_in(house, mail())
    clock_of(house).forward(minutes=110)
    said = reload(house, priorities=PRIORITIES.replace('after = "2h"', 'after = "10m"'))
    assert said is not None
    assert 1 == said["levels"]
    assert 1 == fire(house)
    request = row(house, t.request)
    assert 1 == request.escalation_level
    # Due by the new rules an hour and 40 minutes ago: done now, and the next one counts from now.
    assert NOON + 2 * HOUR == request.chain_due_at


def test_a_level_that_is_gone_ends_the_chain_and_new_ones_do_not_wake_it(house: House) -> None:
    put_in(house, mail())
    clock_of(house).forward(hours=2)
    fire(house)
    reload(house, priorities=PRIORITIES.partition("  [[priority.level]]\n  level = 2")[0])
    request = row(house, t.request)
    assert (1, "none", None) == (
        *(request.escalation_level, request.chain_state),
        request.chain_due_at,
    )
    assert not armed(house, "level")
    said = reload(house, priorities=PRIORITIES)
    assert said is not None
    assert 0 == said["changed"]


def test_a_stopped_chain_keeps_what_was_left(house: House) -> None:
    put_in(house, mail())
    clock_of(house).forward(hours=1)
    house.desk.command(Postpone(NOON + 49 * HOUR), 1, "eva")
    stopped = row(house, t.request)
    assert ("stopped", 3600) == (stopped.chain_state, stopped.chain_remaining)
    reload(house, priorities=PRIORITIES.replace('after = "2h"', 'after = "5h"'))
    request = row(house, t.request)
    assert ("stopped", 3600) == (request.chain_state, request.chain_remaining)
    clock_of(house).forward(days=2)
    fire(house)
    awake = row(house, t.request)
    assert ("running", clock_of(house)() + HOUR) == (awake.chain_state, awake.chain_due_at)
    # What was left counts on by another calendar, too, but not by another length of the level.
    reload(house, priorities=PRIORITIES)
    assert awake.chain_due_at == row(house, t.request).chain_due_at


def test_a_level_whose_rules_changed_a_moment_ago_is_not_done_by_the_old_ones(
    house: House,
) -> None:
    put_in(house, mail())
    house.desk.adopt(change_rules(house, priorities=PRIORITIES.replace('"2h"', '"5h"')))
    clock_of(house).forward(hours=2)
    assert 1 == fire(house)
    request = row(house, t.request)
    assert (0, NOON + 5 * HOUR) == (request.escalation_level, request.chain_due_at)
    assert not rows(house, t.history, kind="escalated")


# ---- interrupted


def test_an_error_or_a_crash_in_the_middle_is_made_good_at_the_next_start(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        put_in(house, mail(sender=f"ann{number}@example.net"))
    house.desk.adopt(
        change_rules(house, priorities=PRIORITIES.replace('"4h"', '"6h"').replace('"2h"', '"3h"'))
    )
    retime = house.desk._retime_here

    def fail(connection: Connection, request_id: int, before: str | None) -> Settled:
        if request_id in (3, 4):
            raise failpoints.FailpointError
        return retime(connection, request_id, before)

    monkeypatch.setattr(house.desk, "_retime_here", fail)
    said = follow(house)
    assert said is not None
    assert (3, 2) == (said["changed"], said["failed"])
    assert not follow_already(house.database, house.desk.policy)
    with make_house(tmp_path, rules={}) as again:
        again.desk.adopt(house.desk.policy)
        said = follow(again)
    assert said is not None
    assert (2, 0) == (said["changed"], said["failed"])
    assert follow_already(house.database, house.desk.policy)
    for request in range(1, 6):
        assert 1 == len(reasons(house, "clocks", request))
        assert NOON + 6 * HOUR == row(house, t.request, id=request).first_reply_due_at


def test_a_policy_that_not_all_followed_is_none_that_clocks_come_from(house: House) -> None:
    put_in(house, mail())
    first, stop = house.desk.policy, threading.Event()
    stop.set()
    house.desk.adopt(change_rules(house, priorities=PRIORITIES.replace('"4h"', '"6h"')))
    assert not Retimer(house.desk).run_once(stop)
    assert 1 == len(reasons(house, "clocks"))
    # Back again: the clocks differ from those of the policy that all followed last.
    house.desk.adopt(change_rules(house, priorities=PRIORITIES))
    assert first.version == house.desk.policy.version
    assert follow(house) is not None
    assert NOON + 4 * HOUR == row(house, t.request).first_reply_due_at


def test_a_second_reload_in_the_middle_overtakes_the_first(house: House) -> None:
    for number in range(4):
        put_in(house, mail(sender=f"ann{number}@example.net"))
    house.desk.adopt(change_rules(house, priorities=PRIORITIES.replace('"4h"', '"6h"')))
    later = change_rules(house, priorities=PRIORITIES.replace('"4h"', '"9h"'))
    visits = count(1)

    reloading = threading.Thread(target=house.desk.adopt, args=(later,))

    def reload_meanwhile() -> None:
        if next(visits) == 2:  # the writer is busy: the other policy comes right behind
            reloading.start()

    failpoints.arm("apply.written", reload_meanwhile)
    try:
        retimer = Retimer(house.desk)
        retimer.run_once()
        reloading.join()
        assert retimer.run_once()
    finally:
        failpoints.disarm()
    assert follow_already(house.database, later)
    for request in rows(house, t.request):
        assert NOON + 9 * HOUR == request.first_reply_due_at
        assert f"policy {later.version} instead of " in reasons(house, "clocks", request.id)[-1][1]

"""A policy is reloaded: its rules act from then on, and every old one can be read for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.houses import (
    ROUTING,
    accept,
    another_desk,
    change_rules,
    mail,
    make_house,
    put_in,
    row,
    rows,
    shared_readers,
    work,
)

from postroom.errors import ConfigError
from postroom.house import House
from postroom.policy.loader import policy_from_files
from postroom.store import policies
from postroom.store import schema as t
from postroom.work import review

VIP = """
[[rule]]
name = "vip"
when = { from = "*@example.net" }
then = { tags = ["vip"] }
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path) as opened:
        yield opened


def tags(house: House) -> list[tuple[int, str]]:
    return [(tag.request_id, tag.tag) for tag in rows(house, t.tag)]


def test_new_rules_act_on_new_mail(house: House) -> None:
    put_in(house, mail())
    house.desk.adopt(change_rules(house, routing=VIP))
    put_in(house, mail())
    assert tags(house) == [(2, "vip")]


def test_what_was_spooled_before_is_decided_by_the_rules_of_now(house: House) -> None:
    accept(house, mail())
    house.desk.adopt(change_rules(house, routing=VIP))
    work(house)
    assert tags(house) == [(1, "vip")]


def test_every_decision_names_its_policy_and_the_text_of_each_is_kept(house: House) -> None:
    old = house.desk.policy
    first = put_in(house, mail())
    new = change_rules(house, routing=VIP)
    house.desk.adopt(new)
    second = put_in(house, mail())
    assert (first.policy_version, second.policy_version) == (old.version, new.version)
    assert old.version != new.version
    with house.database.read() as connection:
        assert policies.active_policy(connection) == new.version
        kept = policies.policy_files(connection, old.version)
    assert kept["rules/routing.toml"] == ROUTING
    # Years later: the text alone makes the same policy again.
    again = policy_from_files(kept, version=old.version)
    assert (again.rules, again.categories) == (old.rules, old.categories)


def test_activations_are_a_history_and_each_text_is_kept_once(house: House) -> None:
    old = house.desk.policy
    for text in (VIP, ROUTING, ROUTING, VIP):
        house.desk.adopt(change_rules(house, routing=text))
    versions = [activation.version for activation in rows(house, t.policy_activation)]
    assert versions == [old.version, house.desk.policy.version] * 2
    assert len(rows(house, t.policy)) == 2


def test_rules_that_are_wrong_change_nothing(house: House) -> None:
    old = house.desk.policy
    with pytest.raises(ConfigError, match="no-such-category"):
        change_rules(
            house, routing=VIP.replace("tags", "category").replace('["vip"]', '"no-such-category"')
        )
    assert house.desk.policy is old
    assert put_in(house, mail()).policy_version == old.version


def test_a_policy_that_another_process_activated_is_followed(house: House) -> None:
    other = another_desk(house)
    other.adopt(change_rules(house, routing=VIP))
    other.database.close()
    entry = put_in(house, mail())
    assert entry.policy_version == house.desk.policy.version == other.policy.version
    assert tags(house) == [(1, "vip")]


def test_a_hold_is_refused_under_a_policy_that_another_process_activated(house: House) -> None:
    entry = put_in(house, mail("A lawsuit"))
    other = another_desk(house)
    other.adopt(change_rules(house, routing=VIP))
    other.database.close()
    review.refuse_hold(house.desk, shared_readers(), entry.id, "eva")
    assert row(house, t.hold).state == "refused"


def test_what_a_rule_ignored_is_taken_in_without_that_rule(house: House) -> None:
    entry = put_in(house, mail("A lottery"))
    assert entry.outcome == "ignored"
    settled = review.retry(house.desk, shared_readers(), entry.id, frozenset({"spam"}), "eva")
    assert (settled.outcome, settled.request_id) == ("opened", 1)
    after = row(house, t.journal)
    assert after.explanation["rules"][0]["why"] == "left out by hand"
    assert row(house, t.journal_history).actor == "eva"

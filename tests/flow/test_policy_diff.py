"""postroom policy diff, and what check and policy explain say of rules that have changed.

What a reload changes is the same as what `postroom policy diff` has said before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.flow.cli_runs import Shop
from tests.flow.reloads import (
    OFFICE,
    PRIORITIES,
    URGENT,
    house_of_levels,
    reload,
)
from tests.houses import (
    Clock,
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    row,
    rows,
    write_house,
)

from postroom.clock import now, rfc3339
from postroom.core.changes import ChangeStatus
from postroom.house import House
from postroom.store import following
from postroom.store import schema as t


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_of_levels(tmp_path) as made:
        yield made


def test_explain_agrees_with_what_is_stored_after_a_reload(house: House) -> None:
    put_in(house, mail())
    house.desk.command(ChangeStatus("waiting", ""), 1, "eva")
    put_in(house, mail(sender="bob@example.org"))
    clock_of(house).forward(hours=3)
    fire(house)
    changed = PRIORITIES.replace('"always"', '"office"').replace('"2h"', '"4h"')
    reload(house, priorities=changed, calendars=OFFICE)
    for request in rows(house, t.request):
        said = Shop(house.config).json("policy", "explain", request.id)
        due = [one["due_at"] for one in said["clocks"][:3]]
        stored = (request.first_reply_due_at, request.next_reply_due_at, request.deadline_at)
        assert due == [rfc3339(at) if at is not None else None for at in stored]
        at = request.chain_due_at
        assert said["chain"]["due_at"] == (rfc3339(at) if at is not None else None)
        *_, last = said["chain"]["segments"] or [{"until": None}]
        assert last["until"] == said["chain"]["due_at"]


def test_moments_that_differ_by_seconds_are_shown_so(house: House) -> None:
    shop = Shop(house.config)
    put_in(house, mail())
    change_rules(house, priorities=PRIORITIES.replace('"4h"', '"4h5s"'))
    [line] = [one for one in shop.run("policy", "diff").out.splitlines() if "first_reply " in one]
    assert ("16:00", "16:00:05") == tuple(line.split()[i] for i in (3, 6))
    reload(house, priorities=PRIORITIES.replace('"4h"', '"4h5s"'))
    assert "16:00:05 UTC" in shop.run("policy", "explain", 1).out
    assert "16:00:05Z" in shop.run("timers", "list").out


def test_what_diff_says_is_what_the_reload_does(house: House) -> None:
    shop = Shop(house.config)
    for number in range(3):
        put_in(house, mail(sender=f"ann{number}@example.net"))
    house.desk.command(ChangeStatus("closed", ""), 3, "eva")
    before = rows(house, t.request)
    change_rules(house, priorities=PRIORITIES.replace('"4h"', '"6h"').replace('"2h"', '"3h"'))
    said = shop.json("policy", "diff")
    assert before == rows(house, t.request)
    assert [
        ('priority "medium".first_reply', "changed", '"4h"', '"6h"'),
        *((f'priority "medium".level {n}.after', "changed", '"2h"', '"3h"') for n in (1, 2, 3)),
    ] == [(one["key"], one["kind"], one["from"], one["to"]) for one in said["changes"]]
    assert (2, 2, 2, 0) == tuple(
        said["counts"][key] for key in ("open", "looked", "concerned", "at_once")
    )
    assert [1, 2] == [one["id"] for one in said["requests"]]
    told = reload(house)
    assert told is not None
    assert said["counts"]["concerned"] == told["changed"]
    for one in said["requests"]:
        request = row(house, t.request, id=one["id"])
        due = {each["what"]: each["to"] for each in one["differences"]}
        assert {
            "first_reply": rfc3339(request.first_reply_due_at),
            "level": rfc3339(request.chain_due_at),
        } == due
    again = shop.json("policy", "diff")
    assert ([], 0) == (again["changes"], again["counts"]["concerned"])


def test_diff_counts_first_and_prints_a_few_unless_all_are_wanted(tmp_path: Path) -> None:
    rules = {"priorities": PRIORITIES.replace('"4h"', '"2000h"')}
    a_month_ago = Clock(now() - timedelta(days=30))
    with make_house(tmp_path, rules=rules, clock=a_month_ago) as house:
        for number in range(23):
            put_in(house, mail(sender=f"ann{number}@example.net"))
        shop = Shop(house.config)
        change_rules(house, priorities=PRIORITIES.replace('after = "2h"', 'after = "2000h"', 1))
        some, whole = shop.run("policy", "diff"), shop.run("policy", "diff", "--all")
    assert (0, 0) == (some.code, whole.code)
    text = " ".join(some.out.split())
    assert (
        "23 of 23 open requests get other times; of 23 something would act at once another "
        "first_reply: 23, 23 act at once another moment of the next level: 23 Times in UTC" in text
    )
    assert "and 3 more requests: --all prints them" in some.out
    assert 'rules/priorities.toml priority "medium".first_reply: "2000h" → "4h"' in text
    assert 20 == some.out.count("overdue at once")
    assert 23 == whole.out.count("overdue at once")
    assert some.out.index("get other times") < some.out.index("overdue at once")


def test_diff_takes_another_folder_and_says_what_is_wrong_in_it(
    house: House, tmp_path: Path
) -> None:
    shop = Shop(house.config)
    other = tmp_path / "other"
    shutil.copytree(house.config.rules, other)
    (other / "priorities.toml").write_text(PRIORITIES.replace("office", "x") + URGENT)
    said = shop.json("policy", "diff", "--rules", other)
    assert [('priority "urgent"', "added")] == [(c["key"], c["kind"]) for c in said["changes"]]
    (other / "priorities.toml").write_text('[[priority]]\nname = "medium"\ncalendar = "no"\n')
    wrong = shop.run("policy", "diff", "--rules", other)
    assert (78, "") == (wrong.code, wrong.out)
    assert "calendar" in wrong.err
    assert "default = true" in wrong.err
    assert 2 == shop.run("policy", "diff", "--rules", tmp_path / "nowhere").code


def test_diff_without_a_policy_says_so(tmp_path: Path) -> None:
    said = Shop(write_house(tmp_path)).run("policy", "diff")
    assert (1, "postroom: no policy was ever active: `postroom run` makes one active\n") == (
        *(said.code, said.err),
    )


def test_check_counts_the_requests_that_a_reload_concerns(house: House) -> None:
    shop = Shop(house.config)
    put_in(house, mail())
    assert [] == shop.json("check")["warnings"]
    change_rules(house, priorities=PRIORITIES.replace('"4h"', '"6h"'))
    said = shop.json("check")
    assert said["ok"]
    [warning] = said["warnings"]
    assert warning.startswith("a reload gives 1 of 1 open requests other times, and of 0 something")
    assert (1, 1) == (said["found"]["open requests"], said["found"]["of them with other times"])


def test_a_portion_is_found_without_sorting_all_that_are_open(house: House) -> None:
    query = following.PORTION_QUERY.params(after=5, limit=200)
    with house.database.read() as connection:
        literal = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {literal}").all()
    said = " ".join(row.detail for row in plan)
    assert "USING INTEGER PRIMARY KEY" in said
    assert "TEMP B-TREE" not in said

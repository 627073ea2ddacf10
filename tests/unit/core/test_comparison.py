"""Two policies compared, in the words of their files."""

from __future__ import annotations

import pytest

from postroom.core.comparison import are_clocks_alike, compare

TEAM = "rules/team.toml"
PRIORITIES = "rules/priorities.toml"
ROUTING = "rules/routing.toml"
HIGH = """
[[priority]]
name = "high"
deadline = "8h"
on = { new = "restart" }
  [[priority.level]]
  level = 1
  after = "1h"
  [[priority.warning]]
  of = "deadline"
  before = "30m"
"""
LOW = '[[priority]]\nname = "low"\n'


def changed(old: str, new: str, file: str = PRIORITIES) -> list[tuple[str, ...]]:
    found = compare({file: old}, {file: new})
    assert {file} == {one.file for one in found} | {file}
    return [(one.key, one.kind.value, one.from_ or "", one.to or "") for one in found]


@pytest.mark.parametrize(
    ("new", "key", "kind", "from_", "to"),
    [
        (HIGH.replace('"8h"', '"9h"'), 'priority "high".deadline', "changed", '"8h"', '"9h"'),
        (HIGH.replace('deadline = "8h"\n', ""), 'priority "high".deadline', "removed", '"8h"', ""),
        (HIGH.replace("new =", "read ="), 'priority "high".on.read', "added", "", '"restart"'),
        (HIGH.replace('"1h"', '"2h"'), 'priority "high".level 1.after', "changed", '"1h"', '"2h"'),
        (HIGH.replace('"30m"', '"5m"'), 'priority "high".warning[1].before', "changed", "", ""),
        (HIGH + LOW, 'priority "low"', "added", "", '{ name = "low" }'),
        (LOW, 'priority "high"', "removed", "", ""),
        (HIGH + "# why\n", "", "changed", "", "comments and spaces only"),
    ],
)
def test_each_key_that_differs_is_named(new: str, key: str, kind: str, from_: str, to: str) -> None:
    found = {(one[0], one[1]): one for one in changed(HIGH, new)}
    assert (key, kind) in found
    _, _, was, is_ = found[key, kind]
    assert not from_ or from_ == was
    assert not to or to == is_


def test_the_same_says_nothing() -> None:
    assert [] == compare({PRIORITIES: HIGH, "x.j2": "a"}, {"x.j2": "a", PRIORITIES: HIGH})


def test_an_entry_that_moved_is_the_same_at_another_place() -> None:
    rules = '[[rule]]\nname = "a"\n[[rule]]\nname = "b"\n[[rule]]\nname = "c"\n'
    moved = '[[rule]]\nname = "b"\n[[rule]]\nname = "a"\n[[rule]]\nname = "c"\n'
    assert [("rule", "moved", 'rule "a", rule "b"', 'rule "b", rule "a"')] == changed(
        rules, moved, ROUTING
    )


def test_a_template_says_how_many_lines_differ() -> None:
    file = "templates/mail/note.en.j2"
    assert [("", "changed", "", "2 lines added, 1 removed")] == changed("a\nb", "a\nc\nd", file)
    [gone] = compare({file: "a\nb"}, {})
    assert ("removed", "2 lines", None) == (gone.kind.value, gone.from_, gone.to)


def test_a_long_value_is_cut() -> None:
    [(_, _, _, to)] = changed("[[priority]]\n", f'[[priority]]\nname = "{"x" * 5000}"\n')[1:]
    assert 200 == len(to)


def test_two_entries_of_one_name_are_two() -> None:
    assert [('priority "low" again 2', "added", "", '{ name = "low" }')] == changed(LOW, LOW + LOW)


@pytest.mark.parametrize(
    ("file", "old", "new", "is_alike"),
    [
        (TEAM, '[[handler]]\nname = "eva"', "", True),
        (PRIORITIES, HIGH, HIGH + "# why\n", True),
        (PRIORITIES, HIGH, HIGH + LOW, False),
        ("rules/workflows.toml", "", '[[workflow]]\nname = "x"', False),
        (
            *("rules/categories.toml", '[[category]]\nname = "a"'),
            *('[[category]]\nname = "a"\nassign = "none"', True),
        ),
        (
            *("rules/categories.toml", '[[category]]\nname = "a"'),
            *('[[category]]\nname = "a"\nclose_after = "3d"', False),
        ),
    ],
)
def test_only_what_times_are_worked_out_from_makes_clocks_differ(
    file: str, old: str, new: str, *, is_alike: bool
) -> None:
    assert is_alike == are_clocks_alike({file: old}, {file: new})

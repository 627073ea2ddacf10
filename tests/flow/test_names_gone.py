"""Names that open requests have and the rules have not any more: nothing fails, and it is said."""

from __future__ import annotations

from pathlib import Path

from tests.flow.cli_runs import Shop
from tests.flow.reloads import (
    HOUR,
    NOON,
    PRIORITIES,
    URGENT,
    URGENT_LEVEL,
    armed,
    reload,
)
from tests.houses import (
    CATEGORIES,
    LOUD,
    Clock,
    change_rules,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    send,
)

from postroom.core.changes import AssignTo, ChangeProperty, ChangeStatus, ChangeTags
from postroom.store import schema as t
from postroom.work.audit import audit
from postroom.work.retiming import Retimer

STRICT = """
[[type]]
name = "general"
default = true
workflow = "request"

[[type]]
name = "claim"
workflow = "strict"
"""
STRICT_FLOW = """
[[workflow]]
name = "request"
initial = "open"
free = true

  [[workflow.status]]
  name = "open"
  phase = "active"

  [[workflow.status]]
  name = "done"
  phase = "closed"
"""
WAITING = """
  [[workflow.status]]
  name = "waiting"
  phase = "active"
  counts = "external"

  [[workflow.status]]
  name = "solved"
  phase = "closed"

[[workflow]]
name = "strict"
initial = "fresh"
free = true

  [[workflow.status]]
  name = "fresh"
  phase = "active"

  [[workflow.status]]
  name = "ended"
  phase = "closed"
"""
BILLING = """
[[category]]
name = "billing"
administrator = "kim"
close_after = "3d"
"""


def test_names_that_are_gone_stop_nobody_and_are_said(tmp_path: Path) -> None:
    rules = {
        "team": LOUD,
        "priorities": PRIORITIES + URGENT + URGENT_LEVEL,
        "types": STRICT,
        "workflows": STRICT_FLOW + WAITING,
        "categories": CATEGORIES.replace(
            'assign = "round-robin"', 'assign = "round-robin"\nnotify_members = true'
        )
        + BILLING,
    }
    with make_house(tmp_path, rules=rules, clock=Clock(NOON)) as house:
        Retimer(house.desk).run_once()
        desk, shop = house.desk, Shop(house.config)
        put_in(house, mail("First", sender="ann@example.net"))
        put_in(house, mail("Second", sender="bob@example.net"))
        put_in(house, mail("Third", sender="cat@example.net"))
        replies = {str(one["Delivered-To"]): one for one in send(house)}
        for name, value in (("type", "claim"), ("category", "billing"), ("priority", "urgent")):
            desk.command(ChangeProperty(name, value), 1, "eva")
        desk.command(AssignTo("kim"), 1, "eva")
        desk.command(AssignTo("kim"), 2, "eva")
        desk.command(ChangeStatus("waiting", ""), 2, "eva")
        desk.command(ChangeStatus("solved", ""), 3, "eva")
        change_rules(
            house,
            team=LOUD.partition('\n[[handler]]\nname = "kim"')[0],
            priorities=PRIORITIES,
            types=STRICT.partition('\n[[type]]\nname = "claim"')[0],
            workflows=STRICT_FLOW,
            categories=rules["categories"].removesuffix(BILLING).replace(', "kim"', ""),
        )
        said = shop.json("policy", "diff")
        gone = {(one["kind"], one["name"]): one["then"] for one in said["vanished"]}
        assert {
            ("priority", "urgent"): "it counts as medium",
            ("category", "billing"): "nobody administers it, nobody is assigned by it",
            ("type", "claim"): "it counts as general",
            ("owner", "kim"): "who hears of a request without owner hears of these",
            ("status", "fresh"): "nothing pauses clocks in it, as nobody knows whose turn it is",
            ("status", "waiting"): "nothing pauses clocks in it, as nobody knows whose turn it is",
        } == gone
        warnings = shop.json("check")["warnings"]
        assert (
            "1 open request has the priority urgent, which is gone: it counts as medium" in warnings
        )
        assert 7 == len(warnings)
        told = reload(house)
        assert told is not None
        assert (2, 2, 0) == (told["looked"], told["changed"], told["failed"])
        first = row(house, t.request, id=1)
        assert NOON + 4 * HOUR == first.first_reply_due_at  # as medium has it
        assert NOON + 48 * HOUR == first.deadline_at
        send(house)
        # Mail to each of them, and what is due of each.
        for address in ("ann@example.net", "bob@example.net", "cat@example.net"):
            put_in(house, reply_to(replies[address], sender=address))
        assert {"eva@example.com", "omar@example.com"} == {
            str(one["Delivered-To"]) for one in send(house) if "Second" in str(one["Subject"])
        }
        clock_of(house).forward(days=4)
        while fire(house):
            clock_of(house).forward(days=1)
        assert not [one for one in armed(house, "level") if one <= clock_of(house)()]
        for number in (1, 2, 3):
            assert shop.run("policy", "explain", number).code == 0
        notes = " ".join(shop.json("policy", "explain", 1)["notes"])
        assert "no priority urgent any more: it counts as medium" in notes
        assert "no handler kim any more" in notes
        # And out of it again.
        desk.command(AssignTo("omar"), 1, "eva")
        desk.command(ChangeProperty("type", "general"), 1, "eva")
        desk.command(ChangeProperty("priority", "medium"), 1, "eva")
        assert "open" == row(house, t.request, id=1).status
        assert () == audit(house.database, house.spool).findings


def test_what_was_closed_stays_so_when_its_status_is_gone(tmp_path: Path) -> None:
    rules = {"team": LOUD, "priorities": PRIORITIES, "workflows": STRICT_FLOW + WAITING}
    with make_house(tmp_path, rules={**rules, "types": STRICT}, clock=Clock(NOON)) as house:
        put_in(house, mail())
        house.desk.command(ChangeStatus("solved", ""), 1, "eva")
        only = STRICT.partition('\n[[type]]\nname = "claim"')[0]
        reload(house, workflows=STRICT_FLOW, types=only)
        house.desk.command(ChangeTags(add=("late",)), 1, "eva")
        request = row(house, t.request)
        assert (None, None) == (request.first_reply_due_at, request.deadline_at)
        assert not armed(house, "clock")
        said = Shop(house.config).json("policy", "explain", 1)
        assert ["stopped", "off", "stopped"] == [one["state"] for one in said["clocks"][:3]]

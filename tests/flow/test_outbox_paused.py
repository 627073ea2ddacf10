"""A paused outbox sends nothing, whatever else goes on."""

from __future__ import annotations

from pathlib import Path

from tests.flow.cli_runs import Shop, make_shop
from tests.houses import mail


def states(shop: Shop) -> list[str]:
    return [entry["state"] for entry in shop.run("outbox", "list", "--json").json]


def test_what_waits_is_sent_when_the_outbox_goes_on(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    assert shop.json("outbox", "pause", "--reason", "a new relay")["paused"]
    shop.take_in(mail())
    assert ["waiting"] == states(shop)
    said = shop.run("outbox", "list")
    assert "a new relay" in said.err
    assert "postroom outbox resume" in said.err
    assert {"paused": False, "cancelled": 0, "waiting": 1} == shop.json("outbox", "resume")
    shop.work()
    assert ["sent"] == states(shop)
    assert "" == shop.run("outbox", "list").err


def test_only_what_was_there_before_the_pause_is_cancelled(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.json("outbox", "pause", "--as", "eva")
    again = shop.json("outbox", "pause", "--reason", "another")
    assert ("eva", "paused by hand") == (again["by"], again["why"])
    shop.take_in(mail())
    shop.json("outbox", "resume")
    shop.json("outbox", "pause")
    shop.take_in(mail())
    assert 1 == shop.json("outbox", "resume", "--cancel-waiting")["cancelled"]
    shop.work()
    assert ["cancelled", "sent"] == states(shop)


def test_what_is_not_paused_cannot_be_resumed(tmp_path: Path) -> None:
    said = make_shop(tmp_path).run("outbox", "resume")
    assert (1, "") == (said.code, said.out)
    assert "is not paused" in said.err

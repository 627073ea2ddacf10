"""init lays out what check approves and run runs."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest
from tests.flow.cli_runs import Shop, command
from tests.houses import mail

from postroom.config import load_config
from postroom.policy.loader import load_policy


def test_what_init_writes_passes_check_and_takes_mail_in(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    said = command("init", folder)
    assert 0 == said.code
    for step in ("postroom check", "postroom run", "swaks"):
        assert step in said.out
    shop = Shop(load_config(folder / "config.toml"))
    checked = shop.json("check")
    assert (True, [], []) == (checked["ok"], checked["problems"], checked["warnings"])
    assert checked["found"]["rules"]
    assert checked["found"]["templates rendered"]
    shop.take_in(mail())
    assert ["opened"] == [entry["outcome"] for entry in shop.json("journal", "list")]
    sent = [(entry["kind"], entry["state"]) for entry in shop.json("outbox", "list")]
    assert [("auto-reply", "sent"), ("notice", "sent")] == sent
    assert 2 == len(list((folder / "var" / "sent" / "new").iterdir()))


def test_the_key_and_the_data_are_for_nobody_else(tmp_path: Path) -> None:
    command("init", tmp_path / "shop")
    command("init", tmp_path / "other")
    assert 0o600 == stat.S_IMODE((tmp_path / "shop" / "secret").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "shop" / "var").stat().st_mode)
    assert (tmp_path / "shop" / "secret").read_text() != (tmp_path / "other" / "secret").read_text()


def test_options_reach_the_files(tmp_path: Path) -> None:
    said = command(
        *("init", tmp_path, "--address", "help@shop.example", "--relay", "smtp://mail.example:587"),
        *("--listen", "127.0.0.1:2526", "--handler", "Ann Lee <ann@shop.example>", "--templates"),
    )
    assert 0 == said.code
    document = tomllib.loads((tmp_path / "config.toml").read_text())
    assert "shop" == document["instance"]
    assert "help@shop.example" == document["mailbox"][0]["address"]
    assert "help+{token}@shop.example" == document["mailbox"][0]["reply_address"]
    assert "smtp://mail.example:587" == document["outgoing"]["relay"]
    assert ["127.0.0.1:2526"] == [table["address"] for table in document["listen"]]
    policy = load_policy(tmp_path / "rules")
    assert {"ann": "ann@shop.example"} == {h.name: h.email for h in policy.handlers.values()}
    assert (tmp_path / "templates" / "mail" / "answer.en.j2").is_file()
    assert 0 == command("check", "--config", tmp_path / "config.toml").code
    texts = "".join(path.read_text() for path in (tmp_path / "rules").glob("*.toml"))
    assert "eva" not in texts
    assert "omar" not in texts
    assert "kim" not in texts


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    mine = tmp_path / "rules" / "routing.toml"
    mine.write_text("# mine\n")
    said = command("init", tmp_path)
    assert (1, "") == (said.code, said.out)
    assert str(mine) in said.err
    assert "# mine\n" == mine.read_text()
    assert [mine.parent] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--address", "nobody"),
        ("--instance", "Two Words"),
        ("--relay", "http://mail.example"),
        ("--listen", "2525"),
        ("--handler", "Ann <support@example.com>"),
    ],
)
def test_what_is_not_sound_is_told_before_anything_is_written(
    tmp_path: Path, option: str, value: str
) -> None:
    folder = tmp_path / "shop"
    said = command("init", folder, option, value)
    assert 78 == said.code
    assert not folder.exists()


def test_check_names_all_problems_of_all_files(tmp_path: Path) -> None:
    command("init", tmp_path)
    rules = tmp_path / "rules"
    routing = (
        (rules / "routing.toml")
        .read_text()
        .replace('category = "support/billing"', 'category = "suport"')
    )
    (rules / "routing.toml").write_text(routing)
    (tmp_path / "templates" / "mail").mkdir()
    (tmp_path / "templates" / "mail" / "answer.en.j2").write_text(
        "{% block text %}{{ nobody }}{% endblock %}"
    )
    said = command("check", "--config", tmp_path / "config.toml")
    assert 78 == said.code
    assert "routing.toml" in said.err
    assert "did you mean" in said.err
    said = command("check", "--json", "--config", tmp_path / "config.toml")
    assert (78, False) == (said.code, said.json["ok"])
    assert {"file", "key", "text"} == set(said.json["problems"][0])

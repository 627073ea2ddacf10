"""Exit codes and what is said on the way out: DESIGN section 9."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from tests.flow.cli_runs import argv, clean_env, command, make_shop, process
from tests.houses import mail

GROUPS = ("mail", "request", "journal", "hold", "outbox", "timers", "spool", "policy", "db")


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["mail"],
        ["mail", "no-such-command"],
        ["mail", "inject"],
        ["mail", "read"],
        ["run", "--only", "web"],
        ["request", "list", "--no-such-option"],
        ["request", "list", "words"],
        ["request", "show", "twelve"],
        ["request", "set", "1"],
        ["request", "set", "1", "priority"],
        ["request", "open"],
        ["journal", "list", "--outcome", "lost"],
        ["journal", "show", "first"],
        ["journal", "retry", "mx1-27955001-x"],
        ["outbox", "retry", "first"],
        ["init"],
    ],
)
def test_wrong_usage_is_2_and_never_a_traceback(words: list[str]) -> None:
    said = command(*words)
    assert 2 == said.code
    assert "" == said.out or "Usage" in said.out
    assert "Usage" in said.out + said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["spol", "list"], "spool"),
        (["mail", "injct"], "inject"),
        (["request", "list", "--serch", "x"], "--search"),
    ],
)
def test_a_slip_of_the_pen_is_told_what_was_meant(words: list[str], meant: str) -> None:
    assert meant in command(*words).err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["spool", "list", "--state", "quarantine"], "quarantined"),
        (["journal", "list", "--outcome", "apended"], "appended"),
        (["outbox", "list", "--state", "wait"], "waiting"),
        (["timers", "list", "--state", "arm"], "armed"),
        (["request", "list", "--phase", "close"], "closed"),
    ],
)
def test_a_state_that_there_is_not_is_wrong_usage(
    tmp_path: Path, words: list[str], meant: str
) -> None:
    said = make_shop(tmp_path).run(*words)
    assert (2, "") == (said.code, said.out)
    assert meant in said.err


@pytest.mark.parametrize("words", [[], *([group] for group in GROUPS)])
def test_help_names_every_command_of_the_group(words: list[str]) -> None:
    said = command(*words, "--help")
    assert 0 == said.code
    assert "Commands:" in said.out


def test_version_is_printed() -> None:
    said = command("--version")
    assert (0, True) == (said.code, said.out.startswith("postroom "))


def test_every_problem_of_the_configuration_is_a_line_and_78(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.path.write_text('instance = "A B"\nnonsense = 1\n[[mailbox]]\nname = "x"\n')
    for words in (
        ["check"],
        ["run"],
        ["request", "list"],
        ["mail", "inject", "mail.eml"],
        ["db", "status"],
    ):
        said = shop.run(*words)
        assert 78 == said.code
        assert 5 == len(said.err.splitlines())
        assert "4 problems in the configuration" in said.err
        assert str(shop.path) in said.err


def test_an_mda_says_try_later_to_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    # A mail server bounces the customer's mail on 78.
    shop = make_shop(tmp_path)
    shop.path.write_text("nonsense = 1\n")
    said = shop.run("mail", "inject", "-")
    assert 75 == said.code
    assert "nonsense" in said.err


def test_an_absent_config_is_78(tmp_path: Path) -> None:
    said = command("request", "list", "--config", tmp_path / "nowhere.toml")
    assert (78, "") == (said.code, said.out)


@pytest.mark.parametrize("place", ["before", "after", "environment", "folder"])
def test_config_is_found_wherever_it_is_named(tmp_path: Path, place: str) -> None:
    shop = make_shop(tmp_path)
    words = ["--json", "request", "list"]
    if place == "before":
        said = command("--config", shop.path, *words)
    elif place == "after":
        said = command("request", "list", "--json", "--config", shop.path)
    elif place == "environment":
        said = command(*words, env={"POSTROOM_CONFIG": str(shop.path)})
    else:
        said = process(*words, cwd=tmp_path)
    assert (0, []) == (said.code, said.json)


def test_a_stale_database_is_1_and_names_the_command(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    assert [] == shop.json("request", "list")
    database = sqlite3.connect(tmp_path / "var" / "postroom.db")
    database.execute("UPDATE alembic_version SET version_num = '0000'")
    database.commit()
    database.close()
    for words in (["request", "list"], ["run"], ["audit"]):
        said = process(*words, "--config", shop.path)
        assert (1, "") == (said.code, said.out)
        assert "postroom db upgrade" in said.err
        assert "Traceback" not in said.err
    assert 1 == shop.run("db", "status").code
    assert 0 == shop.run("mail", "inject", "-", stdin=mail()).code


def test_an_unusable_data_folder_is_75(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, has_tables=False)
    (tmp_path / "var").write_text("a file")
    for words in (["request", "list"], ["mail", "inject", "-"]):
        said = shop.run(*words)
        assert (75, "") == (said.code, said.out)
        assert "try again later" in said.err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    for _ in range(3):
        shop.run("mail", "inject", "-", stdin=mail())
    line = " ".join(argv("spool", "list", "--json", "--config", shop.path)) + " | true"
    done = subprocess.run(line, shell=True, capture_output=True, env=clean_env(), check=False)
    assert b"" == done.stderr

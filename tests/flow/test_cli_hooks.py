"""`postroom hooks`: what the operator sees of hooks, and asks for again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.flow.cli_runs import Said, command
from tests.flow.hooking import NOTE_DOWN, OUTAGE, hook, opened, pass_retries, run_hooks, seen, told
from tests.houses import LOUD, clock_of, mail, put_in, rows

from postroom.core.hooks import ATTEMPTS
from postroom.house import House
from postroom.store import schema as t

FAILING = "#!/bin/sh\necho no paper\nprintf '\\033[31mred'\nexit 3\n"


def say(house: House, *words: object) -> Said:
    return command("hooks", *words, "--config", house.config.path)


def read(house: House, *words: object) -> Any:
    said = say(house, *words, "--json")
    assert (0, "") == (said.code, said.err)
    return said.json


def test_hooks_are_listed_with_what_came_of_them(tmp_path: Path) -> None:
    with opened(tmp_path, FAILING) as house:
        assert "no hook was asked for" in say(house, "list").err
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        [listed] = read(house, "list")
        assert [] == read(house, "list", "--state", "done", "--state", "failed")
        shown = read(house, "show", 1)
        for_people, in_full = say(house, "list").out, say(house, "show", 1).out
    assert ["id", "request", "name", "event", "state", "attempts"] == list(listed)[:6]
    assert (1, 1, "page", "rule", "waiting", 1) == tuple(listed.values())[:6]
    assert listed["due_at"].startswith("2026-11-20T12:0")
    assert "exit 3\nno paper\n\ufffd[31mred" == listed["last_result"]
    assert listed.items() <= shown.items()
    assert shown["key"].startswith("run_")
    assert 'rule "outage"' == shown["because"]
    assert "exit 3" in for_people
    assert "paper" not in for_people
    assert "no paper\n" in in_full


def test_one_that_was_given_up_is_run_once_more_with_the_same_words(tmp_path: Path) -> None:
    with opened(tmp_path, FAILING, rules={"team": LOUD}) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        pass_retries(house, ATTEMPTS)
        assert ["failed"] == [one["state"] for one in read(house, "list")]
        hook(tmp_path, NOTE_DOWN)
        said = say(house, "retry", 1, "--as", "omar")
        assert (0, "hook page of request 1: waiting, to be run now\n") == (said.code, said.out)
        clock_of(house).forward(days=9_999)  # the command has the true time
        assert 1 == run_hooks(house)
        assert ("done", ATTEMPTS + 1) == tuple(
            read(house, "show", 1)[x] for x in ("state", "attempts")
        )
        assert ["page: to be run now", "page: exit 0"] == told(house)[-2:]
        [asked] = rows(house, t.history, to_value="page: to be run now")
        assert ("omar", "hooks retry") == (asked.actor, asked.because)
        assert seen(tmp_path)[0]["event"]["key"] == read(house, "show", 1)["key"]


def test_what_is_done_or_unknown_is_not_run_again(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        said = say(house, "retry", 1)
        assert 1 == said.code
        assert "hook run 1 is done; retry is for waiting, failed" in said.err
        for verb in ("show", "retry"):
            said = say(house, verb, 7)
            assert (1, "postroom: no hook run 7\n") == (said.code, said.err)
        assert 2 == say(house, "list", "--state", "lost").code
        assert 2 == len(told(house))

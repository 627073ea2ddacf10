"""Mistakes about hooks are found by `postroom check` and at a reload, never at the first firing."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from tests.flow.hooking import (
    CLAIMS,
    NOTE_DOWN,
    PRIORITIES,
    RULE,
    hook,
)
from tests.houses import (
    LOUD,
    write_house,
)

from postroom.config import load_config
from postroom.errors import ConfigError
from postroom.house import load_checked_policy


def problems(folder: Path, extra: str = "") -> list[str]:
    try:
        config = write_house(folder, rules={"team": LOUD, "routing": RULE}, config_extra=extra)
        load_checked_policy(config)
    except ConfigError as error:
        return [str(one).replace(f"{folder}/", "") for one in error.problems]
    return []


def test_a_hook_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN, "paging")
    words = 'there is no hook "page"; did you mean "paging"?'
    assert [f'rules/routing.toml: rule "outage".then.run: {words}'] == problems(tmp_path)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (0o644, 'hook "page" is not executable: chmod +x rules/hooks/page'),
        (0o757, 'hook "page" can be written by everybody on this machine: chmod o-w'),
    ],
)
def test_a_hook_that_cannot_be_run_is_found(tmp_path: Path, mode: int, words: str) -> None:
    hook(tmp_path, NOTE_DOWN).chmod(mode)
    [found] = problems(tmp_path)
    assert words in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo hello\n", "is no program, and does not begin with #!"),
        ("", "is no program, and does not begin with #!"),
        ("\ufeff#!/bin/sh\n", "is no program, and does not begin with #!"),
        ("#!\n", "names an interpreter that is not there: none"),
        ("#!/no/such/shell -e\n", "names an interpreter that is not there: /no/such/shell"),
        ("#!python3\n", "names an interpreter that is not there: python3"),
        ("#!/bin/sh\r\n", "has lines that end with CR LF"),
        ("#! /usr/bin/env -S sh -e\n", ""),
        ("#!/bin/sh", ""),
    ],
)
def test_a_hook_that_the_system_could_not_start_is_found(
    text: str, words: str, tmp_path: Path
) -> None:
    hook(tmp_path, "").write_text(text, encoding="utf-8", newline="")
    found = problems(tmp_path)
    assert bool(words) == bool(found)
    assert all(words in one for one in found)


def test_a_program_without_an_interpreter_is_a_hook(tmp_path: Path) -> None:
    hook(tmp_path, "").write_bytes(Path("/bin/true").read_bytes())
    assert [] == problems(tmp_path)


def test_a_link_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    path = hook(tmp_path, NOTE_DOWN)
    outside = path.rename(tmp_path / "outside")
    path.symlink_to(outside)
    assert "is a link to" in problems(tmp_path)[0]
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    assert "cannot be looked at: No such file" in problems(tmp_path)[0]
    path.unlink()
    path.symlink_to(hook(tmp_path, NOTE_DOWN, "page-2").name)
    assert [] == problems(tmp_path)


def test_a_hook_that_is_no_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "rules/hooks/page").mkdir(parents=True)
    assert ['rules/routing.toml: rule "outage".then.run: hook "page" is not a regular file'] == (
        problems(tmp_path)
    )


def test_a_folder_that_everybody_can_write_is_found(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN).parent.chmod(0o777)
    assert 'hook "page" lies where everybody can write' in problems(tmp_path)[0]


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN)
    hook(tmp_path, NOTE_DOWN, "../page")
    write_house(tmp_path, rules={"team": LOUD, "routing": RULE})
    path = tmp_path / "rules/routing.toml"
    for name in ("../page", "hooks/page", ".", "/bin/true", "Page"):
        path.write_text(RULE.replace('"page"', f'"{name}"'))
        with pytest.raises(ConfigError, match="must be lower-case words"):
            load_checked_policy(load_config(tmp_path / "config.toml"))


def test_a_level_and_a_transition_are_checked_as_well(tmp_path: Path) -> None:
    rules = {**CLAIMS, "priorities": PRIORITIES, "routing": ""}
    with pytest.raises(ConfigError) as caught:
        load_checked_policy(write_house(tmp_path, rules=rules))
    keys = [one.key for one in caught.value.problems]
    assert [
        'priority "medium".level[1].run',
        'workflow "claim".transition "refund".run',
    ] == keys


def test_a_reload_with_a_bad_hook_is_refused_and_a_good_one_is_taken(tmp_path: Path) -> None:
    path = hook(tmp_path, NOTE_DOWN)
    assert [] == problems(tmp_path)
    path.chmod(0o600)
    assert 1 == len(problems(tmp_path))


def test_what_the_config_says_of_hooks_is_checked(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN)
    (tmp_path / "s").write_bytes(b"0123456789abcdef0123")
    (tmp_path / "short").write_bytes(b"whsec_" + base64.b64encode(b"short"))
    (tmp_path / "bad").write_bytes(b"whsec_" + b"no base64, is it?")
    both = 'url = "https://example.com/x"\nsecret_file = "s"\n'
    cases = {
        "[hooks.page]\n" + both: "hooks.page: has a url, and is an executable",
        '[hooks.pager]\ntimeout = "5s"\n': "hooks.pager: has no url, and rules/hooks/ no such",
        '[hooks.x]\nurl = "https://example.com/x"\n': "needs both url and secret_file",
        "[hooks.x]\n" + both.replace("https", "http"): "hooks.x.url: must be https://",
        "[hooks.x]\n" + both.replace("https", "ftp"): "must be such as",
        "[hooks.x]\n" + both.replace("example", "u:p@example"): "without user",
        "[hooks.x]\n" + both.replace('"s"', '"gone"'): "hooks.x.secret_file: ",
        "[hooks.x]\n" + both.replace('"s"', '"short"'): "holds a key of 5 octets",
        "[hooks.x]\n" + both.replace('"s"', '"bad"'): "must hold base64 after whsec_",
        "[hooks.x]\n" + both + 'timeout = "11m"\n': "must be ten minutes at most",
        '[hooks."../x"]\n' + both: "hooks",
        "[hooks.x]\n" + both + "retries = 3\n": "retries: is not a key here",
    }
    for text, expected in cases.items():
        found = problems(tmp_path, "\n" + text)
        assert any(expected in one for one in found), (text, found)
    plain = both.replace("https", "http") + "plain_http = true\n"
    assert [] == problems(tmp_path, "\n[hooks.x]\n" + plain)
    assert [] == problems(tmp_path, '\n[hooks.page]\ntimeout = "5s"\n')
    assert os.environ.get("POSTROOM_KEY") is None

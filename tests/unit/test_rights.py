"""What others on this machine may do is said, with the command that ends it."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flow.cli_runs import Shop, make_shop
from tests.houses import CONFIG

from postroom import rights
from postroom.policy.hooks import fault_of

STRANGERS = 54_321  # a group that nobody is in


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    # Of what lands in sales nobody hears, which is a doubt, too.
    config = CONFIG.replace('category = "sales"', 'category = "support"')
    shop = make_shop(tmp_path, config=config)
    shop.config.data.mkdir(mode=0o700)
    return shop


def warnings(shop: Shop) -> list[str]:
    checked = shop.run("check", "--json").json
    return [text.replace(f"{shop.path.parent}/", "") for text in checked["warnings"]]


@pytest.mark.parametrize(
    ("path", "mode", "expected"),
    [
        ("secret", 0o644, "chmod o-r"),
        ("secret", 0o602, "chmod o-w"),
        ("var", 0o755, "var can be entered by everybody on this machine: chmod o-rwx var"),
        ("rules", 0o777, "chmod o-w rules"),
        ("rules/team.toml", 0o666, "chmod o-w rules/team.toml"),
    ],
)
def test_what_everybody_may_is_doubted(shop: Shop, path: str, mode: int, expected: str) -> None:
    assert [] == warnings(shop)
    (shop.path.parent / path).chmod(mode)
    [said] = warnings(shop)
    assert expected in said
    assert 0 == shop.run("check").code


def stranger(path: Path, mode: int) -> bool:
    """Give a file to a group that is not ours; False if we may not."""
    try:
        os.chown(path, -1, STRANGERS)
    except PermissionError:
        return False
    path.chmod(mode)
    return True


def test_a_foreign_group_is_doubted_and_our_own_is_not(shop: Shop) -> None:
    secret = shop.path.parent / "secret"
    secret.chmod(0o640)
    assert [] == warnings(shop)
    if stranger(secret, 0o640):
        assert ["secret can be read by group 54321: chmod g-r secret"] == warnings(shop)
        assert not stranger(secret, 0o600) or [] == warnings(shop)


def test_what_lies_in_an_open_data_folder_is_named(shop: Shop) -> None:
    shop.run("outbox", "list")
    shop.config.data.chmod(0o755)
    (shop.config.data / "postroom.db").chmod(0o644)
    said = warnings(shop)
    assert 2 == len(said)
    assert "chmod o-r var/postroom.db" in said[1]


def test_a_config_that_everybody_may_write_is_refused(shop: Shop) -> None:
    shop.path.chmod(0o666)
    for words in (("check",), ("run",)):
        said = shop.run(*words)
        assert 78 == said.code
        assert f"chmod o-w {shop.path}" in said.err


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (lambda hook: hook.chmod(0o757), "chmod o-w"),
        (lambda hook: hook.parent.chmod(0o777), "lies where everybody can write"),
        (lambda hook: hook.parent.parent.chmod(0o777), "lies where everybody can write"),
    ],
)
def test_a_hook_that_others_may_write_is_no_hook(
    tmp_path: Path, harm: Callable[[Path], None], expected: str
) -> None:
    hook = tmp_path / "rules" / "hooks" / "page"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    assert fault_of(hook) is None
    harm(hook)
    assert expected in (fault_of(hook) or "")


def test_a_hook_that_a_foreign_group_may_write_is_no_hook(tmp_path: Path) -> None:
    hook = tmp_path / "hooks" / "page"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o775)
    assert fault_of(hook) is None
    if stranger(hook, 0o775):
        assert f"can be written by group 54321: chmod g-w {hook}" == fault_of(hook)


def test_what_is_not_there_harms_nobody(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert (None, None, None) == (
        rights.readers(gone, ()),
        rights.writers(gone, ()),
        rights.visitors(gone, ()),
    )
    assert not rights.is_everybodys(gone)


def test_what_the_owner_of_the_data_cannot_read_is_doubted_by_root() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own lets nobody else in
        folder = Path(name)
        folder.chmod(0o755)
        data, rules, config, secret = (folder / one for one in ("var", "rules", "toml", "secret"))
        data.mkdir(mode=0o700)
        rules.mkdir(mode=0o700)
        (rules / "team.toml").touch()
        secret.touch(mode=0o600)
        config.touch()
        config.chmod(0o644)
        try:
            os.chown(data, pwd.getpwnam("nobody").pw_uid, -1)
        except PermissionError:
            return  # who is not root finds out by reading
        words = "cannot be read by nobody, whom the data folder belongs to"
        assert [
            f"{rules} {words}",
            f"{secret} {words}, unless systemd hands it over as a credential",
        ] == list(rights.doubts(data, [secret], [rules], config))
        folder.chmod(0o700)
        assert [f"{folder} {words}"] == list(rights.doubts(data, [secret], [rules], config))


def test_check_as_root_names_every_secret_that_the_service_cannot_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        login = 'user = "u"\npassword_file = "relay-password"\n'
        relay = 'relay = "smtps://mail.example"\n' + login
        (folder / "relay-password").touch(mode=0o600)
        (folder / "relay-password").write_text("another secret")
        shop = make_shop(folder, config=CONFIG.replace('relay = "maildir:sent"', relay))
        shop.config.data.mkdir(mode=0o700)
        try:
            os.chown(shop.config.data, pwd.getpwnam("nobody").pw_uid, -1)
        except PermissionError:
            return
        said = "\n".join(warnings(shop))
        for secret in ("secret", "relay-password"):
            assert f"{secret} cannot be read by nobody, whom the data folder belongs to" in said

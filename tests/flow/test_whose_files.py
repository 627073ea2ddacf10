"""Whose the files are that root makes, and where root does not go: links, pipes, closed streams."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.flow.cli_runs import SECONDS, Shop, argv, clean_env, command, make_shop
from tests.houses import mail

from postroom.holding import DOORS, WORK, hold_folder
from postroom.ownership import belong_to

STRANGER = 54_321


def given_away(path: Path) -> bool:
    """Give a path to a stranger; only root can."""
    try:
        os.chown(path, STRANGER, STRANGER)
    except PermissionError:
        return False
    return True


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.rglob("*")}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with one mail worked on."""
    shop = make_shop(tmp_path / "shop")
    shop.take_in(mail())
    return shop


# ---- commands of root beside a daemon that is somebody else


def test_whatever_root_does_the_data_stays_the_daemons(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", has_tables=False)
    shop.config.data.mkdir()
    if not given_away(shop.config.data):
        return
    shop.take_in(mail())
    for words in (
        ("request", "list"),
        ("audit",),
        ("outbox", "pause"),
        ("db", "upgrade"),
        ("backup", tmp_path / "kept"),
    ):
        assert 0 == shop.run(*words).code
        assert {STRANGER} == owners(shop.config.data), words
    assert {0} == owners(tmp_path / "kept")


def test_data_that_root_restores_is_the_daemons_and_so_are_the_locks(
    shop: Shop, tmp_path: Path
) -> None:
    assert 0 == shop.run("backup", tmp_path / "kept").code
    shop.config.data.rename(tmp_path / "old")
    shop.config.data.mkdir()
    if not given_away(shop.config.data):
        return
    assert 0 == shop.run("restore", tmp_path / "kept").code
    assert {"work.lock", "doors.lock"} <= {path.name for path in shop.config.data.iterdir()}
    assert {STRANGER} == owners(shop.config.data)


def test_a_house_is_restored_for_the_owner_of_its_empty_folder(shop: Shop, tmp_path: Path) -> None:
    assert 0 == shop.run("backup", tmp_path / "kept").code
    new = tmp_path / "new"
    new.mkdir()
    if not given_away(new):
        return
    assert 0 == command("restore", tmp_path / "kept", "--to", new).code
    assert {STRANGER} == owners(new) | {new.stat().st_uid}
    assert 0o600 == stat.S_IMODE((new / "secret").stat().st_mode)


# ---- links that the owner of the data folder could put there


def test_a_lock_that_is_a_link_is_not_written_through(shop: Shop, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (shop.config.data / "work.lock").symlink_to(victim)
    said = shop.run("db", "upgrade")
    assert 1 == said.code
    assert "work.lock: Too many levels of symbolic links" in said.err
    assert "mine" == victim.read_text()


def test_the_number_of_a_spool_is_not_written_through_a_link(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", has_tables=False)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    shop.config.data.mkdir()
    (shop.config.data / f".epoch.{os.getpid()}").symlink_to(victim)
    shop.take_in(mail())
    assert "mine" == victim.read_text()


def test_root_gives_away_what_it_made_and_nothing_else(tmp_path: Path) -> None:
    victim, made, second = (tmp_path / name for name in ("victim", "made", "second"))
    for path in (victim, made):
        path.touch()
    (tmp_path / "link").symlink_to(victim)
    second.hardlink_to(victim)
    os.mkfifo(tmp_path / "pipe")
    folder = tmp_path / "folder"
    folder.mkdir()
    if not given_away(folder):
        return
    for name in ("link", "second", "made", "pipe", "absent"):
        belong_to(tmp_path / name, folder.stat())
    found = {path.name: path.lstat().st_uid for path in tmp_path.iterdir()}
    assert {
        "folder": STRANGER,
        "made": STRANGER,
        "victim": 0,
        "link": 0,
        "second": 0,
        "pipe": 0,
    } == (found)


def test_a_link_in_the_data_folder_is_no_part_of_a_backup(shop: Shop, tmp_path: Path) -> None:
    (shop.config.data / "mine").write_text("mine")
    (shop.config.data / "theirs").symlink_to("/etc/passwd")
    assert 0 == shop.run("backup", tmp_path / "kept").code
    assert (tmp_path / "kept" / "data" / "mine").is_file()
    assert not os.path.lexists(tmp_path / "kept" / "data" / "theirs")


@pytest.mark.parametrize("harm", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_manifest_that_is_no_file_is_refused(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    harm(kept / "manifest.json")
    said = command("restore", kept, "--to", tmp_path / "new")
    assert 1 == said.code
    assert "manifest.json is not a regular file" in said.err
    assert not (tmp_path / "new").exists()


def test_who_could_have_changed_a_backup_is_said(shop: Shop, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert 0 == shop.run("backup", kept).code
    assert "" == command("restore", kept, "--to", tmp_path / "first").err
    kept.chmod(0o777)
    said = command("restore", kept, "--to", tmp_path / "second")
    assert 0 == said.code
    assert f"warning: {kept} can be written by everybody on this machine" in said.err
    if given_away(kept):
        said = command("restore", kept, "--to", tmp_path / "third")
        assert f"warning: {kept} belongs to user {STRANGER}" in said.err


# ---- init, as root


def test_a_folder_given_to_a_group_can_be_read_by_it_under_any_umask(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o750)
    try:
        os.chown(folder, -1, STRANGER)
    except PermissionError:
        return
    before = os.umask(0o077)
    try:
        said = command("init", folder, "--data", tmp_path / "lib", "--templates")
    finally:
        os.umask(before)
    assert 0 == said.code
    for path in folder.rglob("*"):
        found = path.stat()
        mode = 0o750 if path.is_dir() else 0o640
        assert (0, STRANGER, mode) == (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def test_what_root_lays_out_in_anothers_folder_is_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    if not given_away(folder):
        return
    assert 0 == command("init", folder).code
    assert {STRANGER} == owners(folder)
    assert 0o600 == stat.S_IMODE((folder / "secret").stat().st_mode)


@pytest.mark.parametrize("name", ["rules", "templates", "secret", "config.toml"])
def test_init_writes_through_no_link(name: str, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "shop", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / name).symlink_to(elsewhere if name in ("rules", "templates") else elsewhere / "x")
    said = command("init", folder)
    assert 1 == said.code
    assert f"{folder / name} is" in said.err
    assert "nothing was written" in said.err
    assert [name] == [path.name for path in folder.iterdir()]
    assert [] == list(elsewhere.iterdir())


def test_a_name_in_another_encoding_is_refused_in_words(tmp_path: Path) -> None:
    words = ("--handler", os.fsdecode(b"\xc5se Lee <ase@shop.example>"), "--yes")
    said = command("init", tmp_path / "shop", "--address", "help@shop.example", *words)
    assert 1 == said.code
    assert "no UTF-8; nothing was written" in said.err
    assert [] == list(tmp_path.iterdir())


# ---- streams


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_command_whose_streams_are_closed_does_its_work(closed: str, shop: Shop) -> None:
    words = argv("outbox", "pause", "--config", shop.path)
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words], env=clean_env(), timeout=SECONDS,
        capture_output=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode
    assert shop.json("audit")["ok"]
    assert (
        "the outbox is paused" in shop.run("outbox", "list").err + shop.run("outbox", "pause").out
    )


def test_no_file_is_opened_as_a_standard_stream(tmp_path: Path) -> None:
    program = (
        "import os, sys; from postroom.cli.main import main\n"
        "code = main(['--version'])\n"
        f"number = os.open({str(tmp_path / 'next')!r}, os.O_CREAT | os.O_WRONLY)\n"
        "os._exit(0 if number > 2 and code == 0 and sys.stderr is not None else 1)"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *words], env=clean_env(), timeout=SECONDS,
        check=False,
    )  # fmt: skip
    assert 0 == done.returncode


def test_where_standard_error_is_no_file_the_daemon_says_its_own_error(shop: Shop) -> None:
    with hold_folder(shop.config.data, (WORK, DOORS)):
        said = shop.run("run")
    assert 1 == said.code
    assert f"is in use by process {os.getpid()}" in said.err

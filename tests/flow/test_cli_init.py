"""init lays out what check approves and run runs."""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from tests.flow.cli_runs import SECONDS, Shop, argv, clean_env, command
from tests.houses import mail

from postroom.cli import asking
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
    assert 0o600 == stat.S_IMODE((tmp_path / "secret").stat().st_mode)
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


@pytest.mark.parametrize("names", ["Ann Eva", "Omar Eva", "Ann Omar Kim", "Kim", "Eva Kim Omar"])
def test_handlers_may_be_called_like_those_that_ship(tmp_path: Path, names: str) -> None:
    people = [name.lower() for name in names.split()]
    words = [word for one in people for word in ("--handler", f"{one.title()} <{one}@b.example>")]
    said = command("init", tmp_path, *words)
    assert (0, "") == (said.code, said.err)
    policy = load_policy(tmp_path / "rules")
    assert people == list(policy.handlers)
    for category in policy.categories.values():
        assert people == [member.handler for member in category.members]
        assert people[0] == category.administrator


def test_a_second_address_reaches_somebody(tmp_path: Path) -> None:
    addresses = ("--address", "support@a.example", "--address", "sales@a.example")
    command("init", tmp_path, *addresses, "--handler", "Ann Lee <ann@b.example>")
    shop = Shop(load_config(tmp_path / "config.toml"))
    assert [] == shop.json("check")["warnings"]
    shop.take_in(mail(to="sales@a.example"))
    [request] = shop.json("request", "list")
    assert ("sales", "ann") == (request["category"], request["owner"])
    assert "ann@b.example" in [entry["recipient"] for entry in shop.json("outbox", "list")]


def test_below_etc_handlers_are_named_unless_the_address_is_an_examples() -> None:
    real = asking.Said()
    assert ["--handler"] == asking.missing(real, in_earnest=False, is_system=True)
    tried = asking.Said(addresses=("support@example.com", "help@Desk.Example"))
    assert [] == asking.missing(tried, in_earnest=False, is_system=True)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("a very secret word\n")
    return path


@pytest.mark.parametrize(
    "source",
    [
        (),
        ("--from", "smtp", "--listen", "unix:/run/postroom/smtp.sock"),
        ("--from", "lmtp"),
        ("--from", "lmtp", "--listen", "systemd:lmtp"),
        ("--imap-url", "imaps://mail.example/INBOX", "--imap-user", "u", "--imap-password-file", 0),
        (
            *("--from", "imap", "--imap-url", "imap://mail.example", "--imap-user", "u"),
            *("--imap-oauth", "microsoft", "--imap-client-id", "c"),
        ),
        (
            *("--from", "imap", "--imap-url", "imaps://mail.example", "--imap-user", "u"),
            *("--imap-oauth", "google", "--imap-client-id", "c", "--imap-client-secret-file", 0),
        ),
    ],
)
@pytest.mark.parametrize(
    "relay",
    [
        (),
        ("--maildir", "/tmp/sent-by-postroom"),
        ("--relay", "smtp://localhost:2500"),
        ("--relay", "smtps://mail.example", "--relay-user", "u", "--relay-password-file", 0),
    ],
)
def test_check_is_content_with_every_combination(
    tmp_path: Path, password: Path, source: tuple[object, ...], relay: tuple[object, ...]
) -> None:
    folder = tmp_path / "shop"
    people = ("--handler", "Ann Lee <ann@b.example>", "--handler", '"Moe, Ann" <moe@b.example>')
    addresses = ("--address", "support@a.example", "--address", "sales@a.example")
    words = [password if word == 0 else word for word in (*source, *relay)]
    zone = ("--time-zone", "Europe/Oslo", "--language", "nb")
    said = command("init", folder, *addresses, *people, *zone, *words)
    assert (0, "") == (said.code, said.err)
    shop = Shop(load_config(folder / "config.toml"))
    checked = shop.json("check")
    assert (True, []) == (checked["ok"], checked["warnings"])
    assert ["support", "sales"] == [table.category for table in shop.config.mailbox]
    assert ["ann", "moe"] == list(load_policy(shop.config.rules).handlers)
    texts = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    hiding = [path for path, text in texts.items() if "a very secret word" in text]
    assert words.count(password) == len(hiding)
    assert all(0o600 == stat.S_IMODE(path.stat().st_mode) for path in hiding)
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert "a very secret word" not in said.out


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        (("--yes",), "--address, --handler"),
        (("--from", "lmtp", "--address", "a@b.example"), "--handler"),
        (("--from", "imap"), "--imap-url, --imap-user, --imap-password-file, or --imap-oauth"),
        (("--imap-url", "imaps://x", "--imap-oauth", "google"), "--imap-client-id"),
        (("--relay", "smtp://x", "--relay-user", "u"), "--relay-password-file"),
        (("--relay", "smtp://x"), "--handler"),
        (("--address", "support@example.com", "--address", "help@shop.no"), "--handler"),
    ],
)
def test_what_is_missing_is_named_where_nobody_can_be_asked(
    tmp_path: Path, words: tuple[str, ...], lacks: str
) -> None:
    said = command("init", tmp_path / "shop", *words)
    assert (2, "") == (said.code, said.out)
    assert all(option in said.err for option in lacks.split(", "))
    assert not (tmp_path / "shop").exists()


def test_on_a_terminal_everything_is_asked_for(tmp_path: Path) -> None:
    answers = [
        ("Address that", "nobody"),
        ("must be", "help@shop.example, sales@shop.example"),
        ("Where mail comes from", "imap"),
        ("Server and folder", "imaps://mail.shop.example/INBOX"),
        ("User there", ""),
        ("Log in by", "password"),
        ("Password of the mailbox", "a very secret word"),
        ("Where mail goes out", "smtp://mail.shop.example:587"),
        ("User there", "postroom"),
        ("Password there", "another secret word"),
        ("Who handles", "Ann Lee <ann@shop.example>, Bo Ek <bo@shop.example>"),
        ("Time zone", "Europe/Oslo"),
        ("Language", "nb"),
        ("Short name", ""),
    ]
    shown = on_a_terminal(answers, "init", tmp_path / "shop")
    assert "secret word" not in shown
    assert "postroom check --online" in shown
    shop = Shop(load_config(tmp_path / "shop" / "config.toml"))
    config = shop.config
    assert ("shop", "Europe/Oslo", "nb") == (
        config.instance,
        config.mailbox[1].time_zone,
        config.mailbox[0].language,
    )
    assert "help@shop.example" == config.imap[0].user
    assert "another secret word\n" == (tmp_path / "shop" / "relay-password").read_text()
    assert ["ann", "bo"] == list(load_policy(config.rules).handlers)
    assert shop.json("check")["ok"]


def on_a_terminal(answers: list[tuple[str, str]], *words: object) -> str:
    """Give a command on a terminal, answer what it asks, and return all that was shown."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        argv(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=clean_env()
    ) as process:
        os.close(theirs)
        shown = ""
        try:
            for question, answer in answers:
                seen = len(shown)
                # The space comes last: from then on a password is not shown.
                while not (question in shown[seen:] and shown.endswith(": ")):
                    assert select.select([ours], [], [], SECONDS)[0], shown
                    shown += os.read(ours, 4096).decode()
                os.write(ours, f"{answer}\n".encode())
            with suppress(OSError):  # Linux says so when the other side is closed
                while piece := os.read(ours, 4096):
                    shown += piece.decode()
        except BaseException:
            process.kill()
            raise
        assert 0 == process.wait(SECONDS), shown
    os.close(ours)
    return shown


def test_a_folder_that_root_gave_to_a_group_is_readable_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o750)
    try:
        os.chown(folder, -1, 54_321)
    except PermissionError:
        return  # only root gives a folder to a strange group
    assert 0 == command("init", folder, "--data", tmp_path / "lib").code
    for name in ("secret", "config.toml", "rules/team.toml"):
        found = (folder / name).stat()
        assert (54_321, 0o640) == (found.st_gid, stat.S_IMODE(found.st_mode))
    assert f"{tmp_path}/lib" in (folder / "config.toml").read_text()


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
    people = () if option == "--handler" else ("--handler", "Ann Lee <ann@shop.example>")
    said = command("init", folder, option, value, *people)
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

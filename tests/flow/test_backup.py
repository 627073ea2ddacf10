"""A backup beside a daemon at work, and what is made of it: nothing lost, nothing sent twice."""

from __future__ import annotations

import json
import re
import smtplib
import sqlite3
import stat
import threading
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.relay import FakeRelay
from tests.flow.cli_runs import SECONDS, Said, Shop, command, make_shop, process
from tests.flow.test_cli_daemon import running, until_worked
from tests.houses import CONFIG, accept, mail, make_house, quarantine, work
from tests.live.ports import free_port
from tests.store.test_migrate import aged

from postroom import failpoints
from postroom.clock import now
from postroom.config import load_config
from postroom.house import open_house
from postroom.store import queue

BEFORE = 60  # mails that are acknowledged before the backup begins


def restored(backup: Path, to: Path) -> Shop:
    said = command("restore", backup, "--to", to)
    assert (0, "") == (said.code, said.err)
    assert "THE OUTBOX IS PAUSED" in said.out
    return Shop(load_config(to / "config.toml"))


def subjects(shop: Shop) -> Counter[str]:
    return Counter(entry["subject"] for entry in shop.json("journal", "list"))


class Flood(threading.Thread):
    """Sends mails until told to stop; `taken` are those that were acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(name=name)
        self.port, self.taken, self.is_over = port, list[str](), threading.Event()

    def run(self) -> None:
        with smtplib.SMTP("127.0.0.1", self.port) as smtp:
            while not self.is_over.is_set():
                subject = f"{self.name} {len(self.taken)}"
                sender = f"{self.name}-{len(self.taken)}@{self.name}.example"
                raw = mail(subject, sender=sender)
                smtp.sendmail(sender, ["support@example.com"], raw)
                self.taken.append(subject)


def test_backup_of_a_busy_daemon_loses_nothing_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    port = free_port()
    with FakeRelay() as relay:
        config = CONFIG.replace("maildir:sent", relay.url)
        listen = f'[[listen]]\naddress = "127.0.0.1:{port}"\n[brakes]\nanswers_in_all = "off"\n'
        shop = make_shop(tmp_path / "shop", config=config, config_extra=listen)
        floods = [Flood(port, name) for name in ("ann", "bob")]
        with running(shop):
            for flood in floods:
                flood.start()
            try:
                until_worked(shop, BEFORE)
                known = [*floods[0].taken, *floods[1].taken]
                made = shop.json("backup", tmp_path / "backup")
            finally:
                for flood in floods:
                    flood.is_over.set()
                    flood.join(SECONDS)
        # The daemon was killed. Its disk is gone, too.
        new = restored(tmp_path / "backup", tmp_path / "new")
        assert new.json("audit")["ok"]
        with open_house(new.config) as house:
            work(house)
        assert new.json("audit")["ok"]
        found = subjects(new)
        assert set(known) <= set(found)
        assert {1} == set(found.values())
        assert len(found) == made["spool"]["next"] - 1
        # Nothing goes out before somebody has looked; he cancels what the relay has.
        sent = [bytes(taken.raw) for taken in relay.mails]
        said = new.run("outbox", "list", "--json")
        assert "outbox resume" in said.err
        assert not [entry for entry in said.json if entry["state"] == "sending"]
        with open_house(new.config) as house, house.database.read() as connection:
            left = queue.entries(connection, ["waiting", "uncertain"])
            for entry in left:
                is_sent = any(entry.message_id.encode() in raw for raw in sent)
                wish = queue.cancel if is_sent else queue.retry
                house.database.write(partial(wish, delivery_id=entry.id, now=now(), actor="eva"))
        new.json("outbox", "resume")
    with FakeRelay() as other:
        text = new.path.read_text().replace(relay.url, other.url)
        new.path.write_text(text)
        resumed = Shop(load_config(new.path))
        with running(resumed):
            until_sent(resumed)
        ids = [message_id_of(taken.raw) for taken in (*relay.mails, *other.mails)]
        assert {1} == set(Counter(ids).values())
        assert {"sent", "cancelled"} >= {e["state"] for e in resumed.json("outbox", "list")}


def until_sent(shop: Shop) -> None:
    """Wait until nothing waits in the outbox."""
    for _ in range(600):
        states = {entry["state"] for entry in shop.json("outbox", "list")}
        if not states & {"waiting", "sending"}:
            return
        threading.Event().wait(0.1)
    raise AssertionError(states)


def message_id_of(raw: bytes) -> bytes:
    found = re.search(rb"(?im)^Message-ID: *([^\r\n]+)", raw)
    assert found is not None
    return found[1]


def test_mail_in_every_state_has_one_place_and_a_new_number(tmp_path: Path) -> None:
    with make_house(tmp_path / "shop") as house:
        accept(house, mail("worked"))
        work(house)
        failpoints.arm("apply.committed", crash)
        accept(house, mail("worked, and the spool was not told"))
        try:
            with pytest.raises(failpoints.FailpointError):
                work(house)
        finally:
            failpoints.disarm()
        quarantine(house, mail("set aside"))
        waiting = accept(house, mail("waits"))
        shop = Shop(house.config)
        shop.json("backup", tmp_path / "backup")
    new = restored(tmp_path / "backup", tmp_path / "new")
    assert ["quarantined", "new"] == [item["state"] for item in new.json("spool", "list")]
    ids = [item["id"] for item in new.json("spool", "list")]
    assert ["1", "2"] == [item.rpartition("-")[2] for item in ids]
    assert not {item.rpartition("-")[0] for item in ids} & {waiting.rpartition("-")[0]}
    assert new.json("audit")["ok"]
    new.run("spool", "retry", ids[0])
    new.take_in(mail("comes later"))
    assert ["opened"] * 5 == [entry["outcome"] for entry in new.json("journal", "list")]
    assert {1} == set(subjects(new).values())
    assert new.json("audit")["ok"]
    # Who has the old number, out of a mail server's log, still finds the mail.
    assert "waits" == new.json("journal", "show", waiting)["subject"]


def crash() -> None:
    raise failpoints.FailpointError


def test_what_was_being_sent_is_for_a_human_to_decide(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    for subject in ("waiting", "sending", "handed", "uncertain"):
        shop.run("mail", "inject", "-", stdin=mail(subject, sender=f"{subject}@example.net"))
    shop.json("outbox", "pause")
    shop.work()
    shop.json("outbox", "resume")
    shop.json("outbox", "pause", "--reason", "of the old house")
    with closing(sqlite3.connect(shop.config.data / "postroom.db")) as db, db:
        soon = "'2026-11-20 12:00:00.000000'"
        db.execute(
            f"UPDATE delivery SET state = 'sending', lease_until = {soon} WHERE id IN (2, 3)"
        )
        db.execute(f"UPDATE delivery SET handed_at = {soon} WHERE id IN (3, 4)")
        db.execute("UPDATE delivery SET state = 'uncertain' WHERE id = 4")
    shop.json("backup", tmp_path / "backup")
    new = restored(tmp_path / "backup", tmp_path / "new")
    wanted = ["waiting", "uncertain", "uncertain", "uncertain"]
    assert wanted == [entry["state"] for entry in new.run("outbox", "list", "--json").json]
    assert "restored from the backup of" in new.run("outbox", "list").err
    new.work()  # paused
    new.json("outbox", "resume")
    new.work()
    assert ["sent", *wanted[1:]] == [e["state"] for e in new.json("outbox", "list")]
    assert new.json("audit")["ok"]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    shop = make_shop(tmp_path / "shop", rules={"routing": ""})
    hook = tmp_path / "shop" / "rules" / "hooks" / "page"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    shop.take_in(mail())
    shop.json("backup", tmp_path / "kept")
    return tmp_path / "kept"


def test_only_the_owner_can_read_a_backup_and_hooks_stay_executable(
    kept: Path, tmp_path: Path
) -> None:
    for path in (kept, *kept.rglob("*")):
        assert 0 == stat.S_IMODE(path.stat().st_mode) & 0o077, path
    new = restored(kept, tmp_path / "new")
    assert 0o755 == stat.S_IMODE((new.config.rules / "hooks" / "page").stat().st_mode)
    assert 0o600 == stat.S_IMODE((tmp_path / "new" / "secret").stat().st_mode)
    assert 0o700 == stat.S_IMODE(new.config.data.stat().st_mode)
    assert 0 == new.run("check").code


def test_paths_of_another_machine_come_home(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("x" * 32)
    (elsewhere / "secret").chmod(0o600)
    keys = f'secrets_files = ["secret", "{elsewhere}/secret"]\n'
    paths = f'[paths]\ndata = "{elsewhere}/lib"\n'
    shop = make_shop(tmp_path / "shop", config=keys + CONFIG, config_extra=paths)
    shop.take_in(mail())
    shop.json("backup", tmp_path / "kept")
    new = restored(tmp_path / "kept", tmp_path / "new")
    assert tmp_path / "new" / "var" == new.config.data
    assert "x" * 32 == (tmp_path / "new" / "secret-2").read_text()
    assert 0 == new.run("check").code
    assert ["opened"] == [entry["outcome"] for entry in new.json("journal", "list")]


@pytest.mark.parametrize(
    ("place", "moved"),
    [("var/secret", "secret"), ("var/rules", "rules"), ("rules/secret", "secret")],
)
def test_what_the_config_names_may_lie_among_data_or_rules(
    tmp_path: Path, place: str, moved: str
) -> None:
    shop = make_shop(tmp_path / "shop")
    folder = shop.path.parent
    (folder / "var").mkdir(exist_ok=True)
    (folder / moved).rename(folder / place)
    written = f'secrets_files = ["{place}"]\n'
    text = shop.path.read_text()
    if moved == "rules":
        written, text = "", f'{text}\n[paths]\nrules = "{place}"\n'
    shop.path.write_text(written + text)
    with open_house(load_config(shop.path)) as house:
        accept(house, mail("before"))
        work(house)
    assert command("backup", tmp_path / "backup", "--config", shop.path).code == 0
    new = restored(tmp_path / "backup", tmp_path / "new")
    assert new.run("check").code == 0
    assert new.json("audit")["ok"]
    assert stat.S_IMODE(new.config.data.stat().st_mode) == 0o700
    # And below the config that stands: its data are gone, its keys and rules are not.
    for path in [*(folder / "var").glob("*.db*"), folder / "var" / "epoch"]:
        path.unlink()
    said = command("restore", tmp_path / "backup", "--config", shop.path)
    assert (0, "") == (said.code, said.err)
    assert ["before"] == [entry["subject"] for entry in shop.json("journal", "list")]


def test_a_key_that_a_link_leads_out_of_the_data_folder_is_not_copied(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.take_in(mail())
    (shop.config.data / "key").symlink_to(tmp_path / "shop" / "secret")
    shop.path.write_text(f'secrets_files = ["var/key"]\n{shop.path.read_text()}')
    refused(shop.run("backup", tmp_path / "backup"), "leads out of the data folder")
    assert not (tmp_path / "backup").exists()


def test_data_alone_is_restored_below_a_config_that_stands(kept: Path, tmp_path: Path) -> None:
    shop = Shop(load_config(tmp_path / "shop" / "config.toml"))
    data = shop.config.data
    refused(shop.run("restore", kept), "is not empty")
    data.rename(tmp_path / "broken")
    assert str(shop.path) == shop.json("restore", kept)["config"]
    assert ["opened"] == [entry["outcome"] for entry in shop.json("journal", "list")]
    assert shop.json("audit")["ok"]
    shop.take_in(mail())
    assert shop.json("audit")["ok"]


def test_a_restore_that_was_cut_short_lets_nothing_start(kept: Path, tmp_path: Path) -> None:
    shop = Shop(load_config(tmp_path / "shop" / "config.toml"))
    shop.config.data.rename(tmp_path / "broken")
    (shop.config.data / ".restoring").mkdir(parents=True)
    refused(shop.run("restore", kept), "cut short")
    refused(process("run", "--config", shop.path), "cut short")


def test_nothing_is_restored_where_a_daemon_runs(kept: Path, tmp_path: Path) -> None:
    shop = Shop(load_config(tmp_path / "shop" / "config.toml"))
    with running(shop):
        refused(shop.run("restore", kept), "in use by process")


def refused(said: Said, words: str) -> None:
    assert (1, "") == (said.code, said.out)
    assert words in said.err
    assert "Traceback" not in said.err


def test_another_key_or_instance_is_refused(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "shop" / "config.toml"
    (tmp_path / "shop" / "var").rename(tmp_path / "broken")
    key = tmp_path / "shop" / "secret"
    key.write_text("another secret of the tests")
    refused(command("restore", kept, "--config", path), "would not be recognised")
    path.write_text(path.read_text().replace('"acme"', '"other"'))
    refused(command("restore", kept, "--config", path), "of instance acme")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda kept: (kept / "config" / "secret").write_text("y" * 32), "instead of"),
        (lambda kept: turn_a_bit(kept / "data" / "postroom.db"), "has another content"),
        (lambda kept: (kept / "data" / "spool.db").unlink(), "data/spool.db cannot be read"),
        (lambda kept: point_to_secret(kept / "config" / "rules" / "team.toml"), "not a regular"),
        (lambda kept: (kept / "manifest.json").unlink(), "written last"),
        (lambda kept: (kept / "manifest.json").write_text("{}"), "cannot be read"),
        (lambda kept: change(kept, format=2), "install the one that made it"),
        (lambda kept: change(kept, schema="9999"), "schema 9999"),
        (lambda kept: change(kept, places={"var": "../../etc"}), "which is no file of a backup"),
        (lambda kept: change_path(kept, "config/../../x"), "which is no file of a backup"),
        (lambda kept: change_path(kept, "/etc/passwd"), "which is no file of a backup"),
    ],
)
def test_what_is_not_as_it_was_made_is_refused(
    kept: Path, tmp_path: Path, harm: Any, words: str
) -> None:
    harm(kept)
    refused(command("restore", kept, "--to", tmp_path / "new"), words)
    assert ["broken", "kept", "shop"][1:] == sorted(path.name for path in tmp_path.iterdir())


def turn_a_bit(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def point_to_secret(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def change(kept: Path, **values: Any) -> None:
    path = kept / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def change_path(kept: Path, name: str) -> None:
    document = json.loads((kept / "manifest.json").read_text())
    document["files"][1]["path"] = name
    change(kept, files=document["files"])


def test_backup_overwrites_nothing_and_leaves_nothing_half(kept: Path, tmp_path: Path) -> None:
    shop = Shop(load_config(tmp_path / "shop" / "config.toml"))
    refused(shop.run("backup", kept), "is not empty")
    refused(shop.run("backup", shop.config.data / "inside"), "lies in the data folder")
    turn_a_bit_of_a_page(shop.config.data / "postroom.db")
    refused_later = shop.run("backup", tmp_path / "second")
    assert 75 == refused_later.code
    assert ["kept", "shop"] == sorted(path.name for path in tmp_path.iterdir())


def turn_a_bit_of_a_page(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[8 * 4096 : 8 * 4096 + 100] = bytes(100)
    path.write_bytes(octets)


def test_a_backup_of_an_older_postroom_is_brought_up(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.take_in(mail())
    aged("0004", shop.config.data / "postroom.db")
    shop.json("backup", tmp_path / "kept")
    said = command("restore", tmp_path / "kept", "--to", tmp_path / "new", "--json")
    assert "0004" == said.json["schema_before"]
    new = Shop(load_config(tmp_path / "new" / "config.toml"))
    assert new.json("db", "status")["is_current"]
    assert new.json("audit")["ok"]

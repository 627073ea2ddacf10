"""journal, hold, outbox, timers, policy, db, audit."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest
from tests.flow.cli_runs import Shop, make_shop
from tests.flow.reader_functions import read_or_suffer
from tests.houses import mail

from postroom.work.readers import Readers

JOURNAL_KEYS = (
    "id spool_id transport mailbox received_at from to subject message_id outcome request reason"
)
OUTBOX_KEYS = "id request recipient kind state attempts due_at last_response subject"
HOLD_KEYS = "id journal_id request since until reason responsible"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def test_journal_names_every_mail_and_its_outcome(shop: Shop) -> None:
    raw = mail("First")
    spool_id, *_ = shop.take_in(raw, raw, mail("The lottery"), mail("A lawsuit"))
    entries = shop.json("journal", "list")
    assert JOURNAL_KEYS.split() == list(entries[0])
    assert ["opened", "duplicate", "ignored", "held"] == [entry["outcome"] for entry in entries]
    assert (spool_id, "cli", "support", "ann@example.net", ["support@example.com"]) == tuple(
        entries[0][key] for key in ("spool_id", "transport", "mailbox", "from", "to")
    )
    assert [entries[2]] == shop.json("journal", "list", "--outcome", "ignored")
    shown = shop.json("journal", "show", 3)
    assert "spam" == shown["explanation"]["rules"][0]["rule"]
    said = shop.run("journal", "show", 3)
    assert "ann@example.net" in said.out
    assert "spam" in said.out
    assert 1 == shop.run("journal", "show", 99).code


def test_a_spool_id_leads_to_the_journal(shop: Shop) -> None:
    first, second = shop.take_in(mail("First"), mail("The lottery"))
    assert shop.json("journal", "show", 1) == shop.json("journal", "show", first)
    assert "The lottery" in shop.run("journal", "show", second).out
    assert 2 == shop.json("journal", "retry", second, "--without-rule", "spam")["request"]
    waiting = shop.run("mail", "inject", "-", stdin=mail()).out.strip()
    said = shop.run("journal", "show", waiting)
    assert (1, "") == (said.code, said.out)
    assert f"postroom spool show {waiting}" in said.err
    assert 1 == shop.run("journal", "retry", "mx2-1-1").code


def test_an_ignored_mail_is_taken_in_after_all(shop: Shop) -> None:
    shop.take_in(mail("The lottery"))
    assert 1 == shop.run("journal", "retry", 1, "--without-rule", "spma").code
    entry = shop.json("journal", "retry", 1, "--without-rule", "spam", "--as", "eva")
    assert ("opened", 1) == (entry["outcome"], entry["request"])
    assert "opened" == entry["history"][-1]["outcome"]
    said = shop.run("journal", "retry", 1)
    assert (1, "") == (said.code, said.out)


def test_a_held_mail_is_accepted_or_refused(shop: Shop) -> None:
    shop.take_in(mail("A lawsuit", "Read this.\n"), mail("Second lawsuit"), mail("Third lawsuit"))
    holds = shop.json("hold", "list")
    assert HOLD_KEYS.split() == list(holds[0])[:7]
    assert ("eva", None, 1) == tuple(
        holds[0][key] for key in ("responsible", "request", "journal_id")
    )
    assert "Read this." in shop.json("hold", "show", 1)["text"]
    assert "Read this." in shop.run("hold", "show", 1).out
    assert "opened" == shop.json("hold", "accept", 1, "--as", "eva")["outcome"]
    assert "ignored" == shop.json("hold", "refuse", 2)["outcome"]
    assert "opened" in shop.run("hold", "accept", 3, "--open").out
    assert [] == shop.json("hold", "list", "--waiting")
    assert 3 == len(shop.json("hold", "list"))
    for words in (["accept", 1], ["refuse", 1], ["accept", 9], ["show", 9]):
        said = shop.run("hold", *words)
        assert (1, "") == (said.code, said.out)
    assert 3 == len(shop.json("timers", "list"))
    assert [] == shop.json("timers", "list", "--state", "armed")
    for words, empty in (
        (("timers", "list", "--state", "armed"), "no such timer"),
        (("outbox", "list", "--state", "uncertain"), "no such mail"),
        (("journal", "list", "--outcome", "bounce"), "no such mail"),
        (("spool", "list", "--state", "working"), "no such mail"),
        (("hooks", "list", "--state", "failed"), "no such hook"),
        (("hold", "list", "--waiting"), "no held mail waits"),
    ):
        said = shop.run(*words)
        assert (0, "", f"{empty}\n") == (said.code, said.out, said.err)


def test_what_strangers_wrote_is_read_in_a_reader(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail that its reader does not survive is shown all the same."""
    raw = mail("A lawsuit", "Read this.\n", headers={"X-Test": "DIE"})
    shop.take_in(raw)
    (tmp_path / "mail.eml").write_bytes(raw)
    readers = partial(Readers, function=read_or_suffer)
    monkeypatch.setattr("postroom.work.readers.Readers", readers)
    assert "Read this." not in shop.json("hold", "show", 1)["text"]
    assert "outcome" in shop.json("mail", "explain", tmp_path / "mail.eml")
    [defect] = shop.json("mail", "read", tmp_path / "mail.eml")["defects"]
    assert "crash" in defect


def test_outbox_shows_states_and_takes_wishes(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("First"))
    [sent] = shop.json("outbox", "list")
    assert OUTBOX_KEYS.split() == list(sent)
    assert ("auto-reply", "sent", "ann@example.net") == (
        sent["kind"],
        sent["state"],
        sent["recipient"],
    )
    assert [] == shop.json("outbox", "list", "--state", "failed", "--state", "waiting")
    assert 1 == shop.run("outbox", "retry", 1).code
    assert 0 == shop.run("request", "reply", 1, "--as", "eva", "--text", "Well").code
    said = shop.run("outbox", "cancel", 2, "--as", "evva")
    assert (1, "") == (said.code, said.out)
    assert 'did you mean "eva"' in said.err
    assert "waiting" == shop.json("outbox", "show", 2)["state"]
    cancelled = shop.json("outbox", "cancel", 2, "--as", "eva")
    assert ("answer", "cancelled") == (cancelled["kind"], cancelled["state"])
    assert "cancelled" in shop.run("outbox", "show", 2).out
    change = shop.json("request", "show", 1)["history"][-1]
    assert ("eva", "delivery", "cancelled") == (change["actor"], change["kind"], change["to"])
    with sqlite3.connect(tmp_path / "var" / "postroom.db") as database:
        database.execute("UPDATE delivery SET state = 'failed'")
    database.close()
    assert "waiting" in shop.run("outbox", "retry", 2).out


def test_policies_of_the_past_can_be_read(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("First"))
    routing = tmp_path / "rules" / "routing.toml"
    old = routing.read_text()
    routing.write_text(old + "# changed\n")
    shop.take_in(mail("Second"))
    first, second = shop.json("policy", "versions")
    assert (False, True) == (first["is_active"], second["is_active"])
    assert (
        old == shop.run("policy", "show", first["version"][:6], "--file", "rules/routing.toml").out
    )
    assert second["version"] == shop.json("policy", "show")["version"]
    assert 1 == shop.run("policy", "show", "zzz").code
    assert 1 == shop.run("policy", "show", "--file", "rules/nothing.toml").code


def test_explaining_makes_no_policy_the_active_one(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("First"))
    before = shop.json("policy", "versions")
    routing = tmp_path / "rules" / "routing.toml"
    routing.write_text(routing.read_text() + "# changed\n")
    assert 0 == shop.run("mail", "explain", "-", stdin=mail("Second")).code
    assert before == shop.json("policy", "versions")
    assert before[0]["version"] == shop.json("policy", "show")["version"]


def test_a_policy_that_never_was_is_1(shop: Shop) -> None:
    said = shop.run("policy", "show")
    assert (1, "") == (said.code, said.out)
    assert "postroom run" in said.err


def test_the_age_of_the_database(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, has_tables=False)
    assert "none" == shop.json("db", "status")["found"]
    assert "none" == shop.json("db", "upgrade")["before"]
    status = shop.json("db", "status")
    assert (True, status["wanted"]) == (status["is_current"], status["found"])
    assert 0 == shop.run("db", "upgrade").code


def test_audit_is_1_when_a_mail_is_missing(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("First"), mail("Second"))
    report = shop.json("audit")
    assert (["ok", "checked", "findings"], True, []) == (
        list(report),
        report["ok"],
        report["findings"],
    )
    shop.run("mail", "inject", "-", stdin=mail())
    with sqlite3.connect(tmp_path / "var" / "spool.db") as spool:
        spool.execute("DELETE FROM raw")
        spool.execute("DELETE FROM mail")
    spool.close()
    said = shop.run("audit", "--json")
    assert (1, False) == (said.code, said.json["ok"])
    assert {"kind", "subject", "text"} == set(said.json["findings"][0])
    assert 1 == shop.run("audit").code


def test_lists_are_plain_text_when_piped(shop: Shop) -> None:
    shop.take_in(mail("A very long subject that nobody wants to see cut off " * 3, "x\n"))
    said = shop.run("request", "list")
    head, row = said.out.splitlines()
    assert head.startswith("REQUEST")
    assert row.startswith("1 ")
    assert row.count("nobody wants to see") == 3
    assert said.out.isascii()


def test_every_list_of_an_empty_house_is_empty(shop: Shop) -> None:
    for group in ("request", "journal", "hold", "outbox", "timers", "spool"):
        assert [] == shop.json(group, "list")
        said = shop.run(group, "list")
        assert (0, "") == (said.code, said.out)

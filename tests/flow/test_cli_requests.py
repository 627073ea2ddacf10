"""request …: looking at requests and working on them."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from tests.flow.cli_runs import Shop, make_shop
from tests.houses import mail

KEYS = (
    "id reference subject type category priority status phase owner requester company tags"
    " created_at updated_at replied_at closed_at deadline_at first_reply_due_at next_reply_due_at"
    " escalation_level read_status postponed_until"
)
MESSAGE_KEYS = "id direction visibility author from to subject text at mail_id attachments"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def test_list_has_the_keys_of_the_contract_and_all_rows(shop: Shop) -> None:
    shop.take_in(mail("First"), mail("Second", sender="bob@example.net"))
    assert 0 == shop.run("request", "close", 1).code
    first, second = shop.json("request", "list")
    assert KEYS.split() == list(first)
    assert ("First", "closed", "1") == (first["subject"], first["phase"], first["reference"])
    assert {"id", "name", "address"} == set(first["requester"])
    assert ("Ann Berg", "ann@example.net") == (
        first["requester"]["name"],
        first["requester"]["address"],
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["created_at"])
    assert "bob@example.net" == second["requester"]["address"]


def test_show_adds_messages_and_history(shop: Shop) -> None:
    shop.take_in(mail("Broken", "It is broken.\n"))
    shown = shop.json("request", "show", "#1")
    assert [*KEYS.split(), "messages", "history"] == list(shown)[:24]
    [message] = shown["messages"]
    assert MESSAGE_KEYS.split() == list(message)[:11]
    assert ("in", "public", "Ann Berg", "ann@example.net", ["support@example.com"]) == tuple(
        message[key] for key in ("direction", "visibility", "author", "from", "to")
    )
    assert 1 == message["mail_id"]
    assert ["at", "actor", "kind", "from", "to", "because"] == list(shown["history"][0])
    said = shop.run("request", "show", 1)
    for words in ("Broken", "It is broken.", "Ann Berg <ann@example.net>", "opened"):
        assert words in said.out


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--search", "PRINTER"], [1]),
        (["--search", "printer", "smoke"], [1]),
        (["--search", "printer smoke water"], []),
        (["--search", "blåbær"], [2]),
        (["--search", "BLÅBÆR"], [2]),
        (["--search", "ann berg"], [1]),
        (["--search", "BOB@"], [2]),
        (["--search", "%"], []),
        (["--phase", "closed"], [2]),
        (["--status", "open"], [1]),
        (["--owner", "eva"], [1]),
        (["--owner", "none"], []),
        (["--category", "support"], [1, 2]),
        (["--category", "sales"], []),
        (["--tag", "hot"], [1]),
        (["--priority", "medium", "--type", "general"], [1, 2]),
        (["--requester", "Bob@example.net"], [2]),
    ],
)
def test_list_filters(shop: Shop, filters: list[str], expected: list[int]) -> None:
    shop.take_in(
        mail("Printer", "There is smoke\n"),
        mail("Water", "Blåbær\n", sender="bob@example.net"),
    )
    shop.run("request", "tag", 1, "hot")
    shop.run("request", "close", 2)
    assert expected == [item["id"] for item in shop.json("request", "list", *filters)]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        (["--phase", "wrong"], "postponed"),
        (["--status", "opne"], '"open"'),
        (["--category", "suport"], '"support"'),
        (["--priority", "meduim"], '"medium"'),
        (["--type", "genral"], '"general"'),
        (["--owner", "evva"], '"eva"'),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_a_filter_that_names_nothing_is_wrong_usage(
    shop: Shop, filters: list[str], told: str, is_new: bool
) -> None:
    if not is_new:
        shop.take_in(mail("Printer"))
    said = shop.run("request", "list", *filters)
    assert (2, "") == (said.code, said.out)
    assert told in said.err


def test_a_name_that_only_requests_know_is_still_a_filter(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("Printer"))
    with sqlite3.connect(tmp_path / "var" / "postroom.db") as database:
        for table in ("request", "facet"):
            database.execute(f"UPDATE {table} SET category = 'old/trades', owner = 'gone'")
    database.close()
    for filters in (["--category", "old"], ["--owner", "gone"]):
        assert 1 == len(shop.json("request", "list", *filters))
    assert [] == shop.json("request", "list", "--owner", "gone", "--category", "support")


def test_looking_needs_no_sound_rules_and_activates_none(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("Printer"))
    versions = shop.json("policy", "versions")
    (tmp_path / "rules" / "team.toml").write_text("nonsense =")
    for words in (
        ["audit"],
        ["policy", "show"],
        ["request", "list", "--status", "closed"],
        ["request", "show", 1],
        ["journal", "show", 1],
        ["outbox", "list"],
    ):
        assert 0 == shop.run(*words).code
    assert versions == shop.json("policy", "versions")


def test_a_reply_is_public_sent_and_has_its_file(shop: Shop, tmp_path: Path) -> None:
    shop.take_in(mail("Broken"))
    (tmp_path / "bill.pdf").write_bytes(b"%PDF-1.4\x00\xff")
    shown = shop.json(
        *("request", "reply", 1, "--as", "eva", "--text", "It is repaired."),
        *("--attach", tmp_path / "bill.pdf"),
    )
    answer = shown["messages"][-1]
    assert ("out", "public", "eva", ["ann@example.net"]) == tuple(
        answer[key] for key in ("direction", "visibility", "author", "to")
    )
    assert "It is repaired." in answer["text"]
    [attached] = answer["attachments"]
    assert ("bill.pdf", "application/pdf", 10, 1) == tuple(
        attached[key] for key in ("name", "type", "size", "n")
    )
    output = tmp_path / "out.pdf"
    assert 0 == shop.run("request", "attachment", 1, answer["id"], 1, "-o", output).code
    assert b"%PDF-1.4\x00\xff" == output.read_bytes()
    assert 1 == shop.run("request", "attachment", 1, answer["id"], 2, "-o", output).code
    assert 1 == shop.run("request", "attachment", 1, 99, 1, "-o", output).code
    shop.work()
    sent = {entry["kind"]: entry["state"] for entry in shop.json("outbox", "list")}
    assert {"auto-reply": "sent", "answer": "sent"} == sent


def test_a_note_is_internal_and_sends_nothing(shop: Shop) -> None:
    shop.take_in(mail("Broken"))
    before = len(shop.json("outbox", "list"))
    shown = shop.json("request", "note", 1, "--as", "omar", stdin="Ærlig talt\n".encode())
    note = shown["messages"][-1]
    assert ("note", "internal", "omar") == (note["direction"], note["visibility"], note["author"])
    assert "Ærlig talt" in note["text"]
    assert before == len(shop.json("outbox", "list"))


def test_who_writes_must_be_said_when_there_are_several(shop: Shop) -> None:
    shop.take_in(mail("Broken"))
    said = shop.run("request", "reply", 1, "--text", "Hello")
    assert (1, "") == (said.code, said.out)
    assert "eva, omar, kim" in said.err
    said = shop.run("request", "reply", 1, "--text", "Hello", "--as", "evva")
    assert 'did you mean "eva"' in said.err
    assert 2 == shop.run("request", "reply", 1, "--text", " \n", "--as", "eva").code


@pytest.mark.parametrize(
    ("words", "key", "expected"),
    [
        (["assign", 1, "kim"], "owner", "kim"),
        (["assign", 1, "none"], "owner", None),
        (["tag", 1, "a", "b"], "tags", ["a", "b"]),
        (["set", 1, "category=sales"], "category", "sales"),
        (["set", 1, "category", "sales"], "category", "sales"),
        (["set", 1, "--subject", "New words"], "subject", "New words"),
        (["set", 1, "status=waiting", "--reason", "parts"], "status", "waiting"),
        (["close", 1, "--reason", "done"], "phase", "closed"),
    ],
)
def test_commands_change_what_they_say(
    shop: Shop, words: list[object], key: str, expected: object
) -> None:
    shop.take_in(mail("Broken"))
    shown = shop.json("request", *words, "--as", "eva")
    assert expected == shown[key]
    assert "eva" == shown["history"][-1]["actor"]


def test_several_changes_are_all_made_or_none(shop: Shop) -> None:
    shop.take_in(mail("Broken"))
    before = shop.json("request", "show", 1)
    for pairs in (
        ["category=sales", "subject=New", "status=closd"],
        ["status=closed", "priority=hihg"],
        ["subject=New", "type=genral"],
    ):
        said = shop.run("request", "set", 1, *pairs)
        assert (1, "") == (said.code, said.out)
        assert before == shop.json("request", "show", 1)
    shown = shop.json("request", "set", 1, "category=sales", "subject=New", "status=closed")
    assert ("sales", "New", "closed") == tuple(
        shown[key] for key in ("category", "subject", "phase")
    )
    changes = shown["history"][len(before["history"]) :]
    assert ["category", "subject", "status"] == [change["kind"] for change in changes]


def test_people_are_told_what_changed_and_how_it_stands(shop: Shop) -> None:
    shop.take_in(mail("Broken"))
    shop.run("request", "tag", 1, "a", "b")
    said = shop.run("request", "untag", 1, "b")
    assert (0, 2) == (said.code, len(said.out.splitlines()))
    assert "tags" in said.out
    assert "open (active)" in said.out
    assert "nothing to change" in shop.run("request", "untag", 1, "b").out
    assert 0 == shop.run("request", "close", 1).code
    assert "open (active)" in shop.run("request", "reopen", 1).out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["show", 7], "no request 7"),
        (["close", 7], "7"),
        (["assign", 1, "nobody"], "eva"),
        (["set", 1, "priority=hihg"], "medium"),
        (["set", 1, "colour=red"], "priority"),
        (["set", 1, "status=closd"], "closed"),
        (["reopen", 1], "is open"),
    ],
)
def test_what_is_not_possible_is_1_and_says_what_is(
    shop: Shop, words: list[object], told: str
) -> None:
    shop.take_in(mail("Broken"))
    before = shop.json("request", "show", 1)
    said = shop.run("request", *words)
    assert (1, "") == (said.code, said.out)
    assert told in said.err
    assert "Traceback" not in said.err
    assert before == shop.json("request", "show", 1)


def test_a_phone_call_becomes_a_request_of_the_customer(shop: Shop) -> None:
    shown = shop.json(
        *(
            "request",
            "open",
            "--from",
            "kari@kunde.example",
            "--name",
            "Kari",
            "--subject",
            "Called",
        ),
        *("--to", "sales", "--text", "She asks for prices.", "--as", "omar"),
    )
    assert ("Called", "sales", "Kari") == (
        shown["subject"],
        shown["category"],
        shown["requester"]["name"],
    )
    assert "omar" == shown["history"][0]["actor"]
    assert [] == shop.json("outbox", "list")
    [entry] = shop.json("journal", "list")
    assert ("cli", None, 1) == (entry["transport"], entry["spool_id"], entry["request"])
    told = ("request", "open", "--from", "kari@kunde.example", "--subject", "Again", "--text", "x")
    assert 0 == shop.run(*told, "--auto-reply").code
    assert ["auto-reply"] == [item["kind"] for item in shop.json("outbox", "list")]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "kari", "--subject", "x"], 2),
        (["--from", "a@b.example", "--subject", "x", "--to", "suport"], 1),
        (["--from", "a@b.example", "--subject", "x", "--as", "nobody"], 1),
        (["--from", "a@b.example", "--subject", "x", "--attach", "/nowhere"], 1),
        (["--from", "a@b.example", "--subject", "the lottery"], 1),
    ],
)
def test_open_refuses_what_makes_no_request(shop: Shop, words: list[str], code: int) -> None:
    said = shop.run("request", "open", *words, "--text", "x")
    assert (code, "") == (said.code, said.out)
    assert [] == shop.json("request", "list")

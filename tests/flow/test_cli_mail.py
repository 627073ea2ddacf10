"""mail inject, read, html and explain; spool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.flow.cli_runs import ROOT, Said, argv, clean_env, command, make_shop, process
from tests.houses import CONFIG, accept, barred_from, mail, make_house, quarantine

from postroom.spool import Spool

CORPUS = ROOT / "tests" / "corpus"
READ_KEYS = (
    "file message_id date subject from reply_to to cc in_reply_to references text fresh has_html"
    " attachments origin evidence bounce forward defects"
)


def envelopes(folder: Path) -> list[tuple[str, tuple[str, ...], str, str]]:
    with Spool(folder / "var", "mx1") as spool:
        found = [entry.envelope for entry in spool.list()]
    return [(e.sender, e.recipients, e.mailbox, e.transport) for e in found]


@pytest.mark.parametrize(
    "raw", [mail(), b"Subject: bare\n\nlines\n", b"", b"\xff\x00nothing like mail"]
)
def test_injected_bytes_are_kept_as_they_are(tmp_path: Path, raw: bytes) -> None:
    shop = make_shop(tmp_path)
    spool_id = shop.json("mail", "inject", "-", stdin=raw)["spool_id"]
    output = tmp_path / "exported"
    assert 0 == shop.run("spool", "export", spool_id, "-o", output).code
    assert raw == output.read_bytes()
    words = argv("spool", "export", spool_id, "--config", shop.path)
    assert raw == subprocess.run(words, capture_output=True, env=clean_env(), check=True).stdout


@pytest.mark.parametrize(
    ("head", "options", "expected"),
    [
        ("To: x@y.example, HELP+abc@example.com", "", "HELP+abc@example.com support"),
        ("To: support@example.com\nDelivered-To: sales@example.com", "", "sales@example.com sales"),
        ("X-Original-To: sales@example.com\nCc: help@example.com", "", "sales@example.com sales"),
        ("To: undisclosed", "", "support@example.com support"),
        ("To: support@example.com", "--to sales@example.com", "sales@example.com sales"),
    ],
)
def test_the_mailbox_comes_from_to_else_from_headers(
    tmp_path: Path, head: str, options: str, expected: str
) -> None:
    shop = make_shop(tmp_path)
    raw = f"{head}\n\n".encode()
    assert 0 == shop.run("mail", "inject", "-", *options.split(), stdin=raw).code
    [(_, recipients, mailbox, transport)] = envelopes(tmp_path)
    assert (expected, "cli") == (f"{recipients[0]} {mailbox}", transport)


@pytest.mark.parametrize(
    ("head", "options", "expected"),
    [
        ("From: Ann <ann@x.example>", "", "ann@x.example"),
        ("Return-Path: <bob@x.example>\nFrom: ann@x.example", "", "bob@x.example"),
        ("Return-Path: <>\nFrom: ann@x.example", "", ""),
        ("From bob@x.example Fri Nov 20 2026\nFrom: ann@x.example", "", "bob@x.example"),
        ("From MAILER-DAEMON Fri Nov 20 2026\nFrom: ann@x.example", "", ""),
        ("From: ann@x.example", "--from <>", ""),
        ("From: ann@x.example", "--from c@x.example", "c@x.example"),
        ("Subject: nobody", "", ""),
    ],
)
def test_the_sender_comes_from_option_return_path_mbox_line_and_from(
    tmp_path: Path, head: str, options: str, expected: str
) -> None:
    shop = make_shop(tmp_path)
    raw = f"{head}\n\n".encode()
    assert 0 == shop.run("mail", "inject", "-", *options.split(), stdin=raw).code
    assert [expected] == [sender for sender, *_ in envelopes(tmp_path)]


def test_the_line_of_an_mbox_is_no_part_of_the_mail(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    spool_id = shop.run(
        "mail", "inject", "-", stdin=b"From a@b.example now\r\n" + mail()
    ).out.strip()
    assert 0 == shop.run("spool", "export", spool_id, "-o", tmp_path / "out").code
    assert (tmp_path / "out").read_bytes().startswith(b"From: ")


def test_many_files_are_taken_and_the_bad_ones_named(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, config_extra='message_size = "1KB"\n')
    good = [tmp_path / f"{n}.eml" for n in range(70)]
    for path in good:
        path.write_bytes(mail())
    large, absent = tmp_path / "large.eml", tmp_path / "absent.eml"
    large.write_bytes(mail(text="x" * 2_000))
    said = shop.run("mail", "inject", *good, large, absent)
    assert 1 == said.code
    assert [f"{n}" for n in range(1, 71)] == [line.rpartition("-")[2] for line in said.out.split()]
    assert ["larger than 1000 octets", "No such file"] == [
        words for words in ("larger than 1000 octets", "No such file") if words in said.err
    ]


def test_an_unknown_mailbox_is_1_and_told_the_nearest(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    said = shop.run("mail", "inject", "-", "--to", "suport@example.com", stdin=mail())
    assert (1, "") == (said.code, said.out)
    assert "support@example.com" in said.err
    assert [] == envelopes(tmp_path)


def test_inject_needs_no_database_and_no_rules(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, has_tables=False)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "postroom.db").write_bytes(b"not a database" * 1000)
    (tmp_path / "rules" / "team.toml").write_text("nonsense =")
    assert 0 == process("mail", "inject", "-", "--config", shop.path, stdin=mail()).code


def test_inject_loads_nothing_that_is_heavy(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    code = (
        "import sys; from postroom.cli.main import main;"
        f"main(['mail', 'inject', '-', '--config', {str(shop.path)!r}]);"
        "print(sorted({'alembic', 'sqlalchemy', 'apscheduler', 'jinja2', 'aiosmtpd', 'rich',"
        " 'structlog', 'pebble'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=mail(), capture_output=True, env=clean_env(), check=True
    )
    assert "[]" == done.stdout.decode().splitlines()[-1]


def test_a_damaged_spool_or_a_full_disk_is_75_for_a_mail_server(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, has_tables=False)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "spool.db").write_bytes(b"not a database" * 1000)
    assert 75 == shop.run("mail", "inject", "-", stdin=mail()).code
    (tmp_path / "var" / "spool.db").unlink()
    full = CONFIG.replace('disk_reserve = "1MB"', 'disk_reserve = "900000GB"')
    said = make_shop(tmp_path, config=full).run("mail", "inject", "-", stdin=mail())
    assert (75, "") == (said.code, said.out)


def test_a_config_that_may_not_be_read_is_75_for_a_mail_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTROOM_CONFIG", raising=False)
    monkeypatch.setattr("postroom.config.PLACES", (Path("config.toml"),))
    assert 0 == command("mail", "inject", "-", stdin=mail()).code
    with barred_from(shop.path):
        said = command("mail", "inject", "-", stdin=mail())
        assert (75, "") == (said.code, said.out)
        assert f"{shop.path}: cannot be read: Permission denied" in said.err
        assert 78 == command("mail", "inject", tmp_path / "x.eml").code


# ---- read


def test_read_answers_with_exactly_the_keys_of_the_contract() -> None:
    paths = sorted(CORPUS.glob("*.eml"))
    said = command("mail", "read", *paths, "--json")
    assert 0 == said.code
    records = [json.loads(line) for line in said.out.splitlines()]
    assert [str(path) for path in paths] == [record["file"] for record in records]
    for record in records:
        check_record(record)


def check_record(record: dict[str, Any]) -> None:
    assert READ_KEYS.split() == list(record)
    assert record["from"] is None or {"name", "address"} == set(record["from"])
    assert all({"name", "type", "size", "inline"} == set(item) for item in record["attachments"])
    assert record["origin"] in [
        "person",
        "automatic",
        "auto-reply",
        "bounce",
        "list",
        "report",
        "loop",
    ]
    assert all(isinstance(item, str) for key in ("to", "cc", "reply_to") for item in record[key])
    if record["bounce"] is not None:
        assert {"recipients", "message_id"} == set(record["bounce"])
        for recipient in record["bounce"]["recipients"]:
            assert {"address", "action", "status", "diagnostic"} == set(recipient)
    if record["forward"] is not None:
        assert {"from", "subject", "date", "text"} == set(record["forward"])


def test_read_tells_people_too(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail("Evil \x1b[31m", "Hello \x1b]0;title\x07\n"))
    said = command("mail", "read", path)
    assert 0 == said.code
    assert "Hello" in said.out
    assert "Ann Berg <ann@example.net>" in said.out
    assert "\x1b" not in said.out
    assert "\x07" not in said.out


def test_read_answers_each_path_at_once_and_never_ends_early(tmp_path: Path) -> None:
    (tmp_path / "b.eml").write_bytes(mail("Second"))
    strange = tmp_path / "a\udcff.eml"
    strange.write_bytes(mail("First"))
    driven = subprocess.Popen(
        argv("mail", "read", "--stdin", "--json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_env(),
        cwd=tmp_path,
    )
    assert driven.stdin is not None
    assert driven.stdout is not None
    asked = (str(strange), "/dev/zero", "", str(tmp_path), "absent.eml", "b.eml")
    for path in asked:
        driven.stdin.write(path.encode(errors="surrogateescape") + b"\n")
        driven.stdin.flush()
        answer = json.loads(driven.stdout.readline())
        assert path == answer["file"]
        assert ("error" in answer) is (path not in (str(strange), "b.eml"))
    driven.stdin.write(b"b.eml\nb.eml\nb.eml")
    driven.stdin.close()
    rest = [json.loads(line)["subject"] for line in driven.stdout]
    driven.stdout.close()
    assert (["Second"] * 3, 0) == (rest, driven.wait(60))


def test_read_of_a_file_that_is_not_there_is_1_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.eml").write_bytes(mail("Second"))
    said = command("mail", "read", "--json", tmp_path / "absent.eml", tmp_path / "b.eml")
    assert 1 == said.code
    first, second = [json.loads(line) for line in said.out.splitlines()]
    assert [*READ_KEYS.split(), "error"] == list(first)
    assert ["file not read: No such file or directory"] == first["defects"]
    assert "Second" == second["subject"]


# ---- explain


def test_explain_says_what_the_pipeline_then_does(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    raws = [mail("You won the lottery"), mail("A lawsuit"), mail("How?")]
    for raw in raws:
        (tmp_path / "mail.eml").write_bytes(raw)
        told = shop.json("mail", "explain", tmp_path / "mail.eml")
        assert ["outcome", "reason", "request", "explanation"] == list(told)[:4]
        (spool_id,) = shop.take_in(raw)
        [entry] = [e for e in shop.json("journal", "list") if e["spool_id"] == spool_id]
        assert (entry["outcome"], entry["reason"]) == (told["outcome"], told["reason"])
        shown = shop.json("journal", "show", entry["id"])
        assert shown["explanation"] == told["explanation"]
    assert 3 == len(shop.json("journal", "list"))


def test_explain_shows_every_rule_and_where_each_property_comes_from(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    said = shop.run("mail", "explain", "-", "--to", "sales@example.com", stdin=mail("Hello"))
    assert 0 == said.code
    for words in ("opened", "lawyers", "subject does not match", "mailbox sales", "owner"):
        assert words in said.out
    assert [] == shop.json("journal", "list")
    assert 1 == shop.run("mail", "explain", tmp_path / "absent.eml").code


# ---- spool


def test_a_quarantined_mail_is_shown_with_why_and_tried_again(tmp_path: Path) -> None:
    with make_house(tmp_path) as house:
        spool_id = quarantine(house, mail())
        accept(house, mail())
    shop = make_shop(tmp_path)
    first, second = shop.json("spool", "list")
    keys = ["id", "state", "received_at", "transport", "size", "attempts", "why"]
    assert keys == list(first)[: len(keys)]
    assert (spool_id, "quarantined", "new") == (first["id"], first["state"], second["state"])
    assert "Failpoint" in first["why"]
    assert [first] == shop.json("spool", "list", "--state", "quarantined")
    assert first == shop.json("spool", "show", spool_id)
    said = shop.run("spool", "retry", spool_id)
    assert (0, "new") == (said.code, shop.json("spool", "show", spool_id)["state"])
    for verb in ("show", "export", "retry"):
        missing: Said = shop.run("spool", verb, "mx1-1-99")
        assert (1, "") == (missing.code, missing.out)


# ---- html


HTML = (
    b"From: ann@example.net\nSubject: Look\nContent-Type: text/html\n\n<p>Hi</p><script>x</script>"
    b'<img src="https://elsewhere.example/a.png">'
)


def test_a_mail_is_written_as_a_page(tmp_path: Path) -> None:
    source, output = tmp_path / "mail.eml", tmp_path / "mail.html"
    source.write_bytes(HTML)
    said = command("mail", "html", source, "-o", output)
    assert (0, "") == (said.code, said.err)
    assert "1 references to elsewhere left out (--remote-images shows them)" in said.out
    page = output.read_text()
    assert "<p>Hi</p>" in page
    assert "elsewhere.example" not in page
    assert "script>" not in page
    said = command("mail", "html", source, "-o", output, "--remote-images", "--json")
    assert {"file": str(output), "blocked": 0, "pictures": 0} == said.json
    assert '<img src="https://elsewhere.example/a.png"' in output.read_text()


def test_a_page_goes_to_standard_output_too() -> None:
    words = argv("mail", "html", "-")
    done = subprocess.run(words, input=HTML, capture_output=True, env=clean_env(), check=True)
    assert done.stdout.startswith(b"<!DOCTYPE html>")


def test_what_is_no_mail_or_text_has_no_page(tmp_path: Path) -> None:
    source = CORPUS / "attachments.eml"
    said = command("mail", "html", source, "-o", tmp_path / "x", "--part", "3")
    assert 1 == said.code
    assert "part 3 is no mail or text of it" in said.err
    assert 1 == command("mail", "html", tmp_path / "none.eml", "-o", tmp_path / "x").code

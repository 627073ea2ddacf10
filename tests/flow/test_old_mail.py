"""Mail that is older than Postroom's work on its mailbox is kept, and does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.flow.reloads import PRIORITIES
from tests.houses import (
    LOUD,
    clock_of,
    envelope,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    sound_house,
    work,
)

from postroom.house import House
from postroom.store import schema as t
from postroom.work.retiming import Retimer

EVA = "Eva Berg <eva@example.com>"
TRUST = '[trust]\nauthserv_id = ["mx.example.com"]\nrelays = ["127.0.0.0/8"]\n'
PROVEN = (
    b"Authentication-Results: mx.example.com; dmarc=pass header.from=example.com\r\n"
    b"Received: from out.example.com (out.example.com [203.0.113.9]) by mx.example.com; x\r\n"
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, rules={"team": LOUD}, config_extra=TRUST) as opened:
        yield opened


def import_(house: House, raw: bytes) -> Any:
    """Take in an old mail as the IMAP door does; return its journal row."""
    old = replace(envelope(house, raw), transport="imap", is_import=True, peer="")
    name, _, number = house.spool.put(old, raw).result(20).rpartition("-")
    work(house)
    return row(house, t.journal, spool_name=name, spool_number=int(number))


def asked(house: House) -> EmailMessage:
    """Let Ann ask, and return the notice that Eva can answer."""
    put_in(house, mail())
    [notice] = [one for one in send(house) if one["Delivered-To"] == "eva@example.com"]
    return notice


@pytest.mark.parametrize(
    ("text", "transition"),
    [
        ("By card, please.\n", ""),
        ("#close\n", "closed"),
        ("#close\nBy card, please.\n", ""),
        ("#nonsense\n", ""),
    ],
)
def test_an_old_answer_or_command_of_a_handler_is_a_note(
    house: House, text: str, transition: str
) -> None:
    notice = asked(house)
    before = row(house, t.request)
    seen = row(house, t.handler, name="eva").last_seen_at
    entry = import_(house, PROVEN + reply_to(notice, text, sender=EVA))
    assert ("appended", before.id) == (entry.outcome, entry.request_id)
    assert [] == send(house)
    fire(house)
    assert [] == send(house)
    after = row(house, t.request)
    assert (before.status, before.owner, before.priority) == (
        after.status,
        after.owner,
        after.priority,
    )
    note = rows(house, t.message)[-1]
    assert ("note", "internal") == (note.direction, note.visibility)
    assert text.strip().splitlines()[-1] in note.text
    assert seen == row(house, t.handler, name="eva").last_seen_at
    # The same, now: it is done.
    put_in(house, PROVEN + reply_to(notice, text, sender=EVA))
    if transition:
        assert transition == row(house, t.request).status


@pytest.mark.parametrize("word", ["accept", "refuse"])
def test_an_old_word_about_a_held_mail_is_not_done(house: House, word: str) -> None:
    put_in(house, mail("A lawsuit against you"))
    [notice] = [one for one in send(house) if one["Delivered-To"] == "eva@example.com"]
    entry = import_(house, PROVEN + reply_to(notice, f"#{word}\n", sender=EVA))
    assert ("command", "not done: this is an old mail, imported") == (entry.outcome, entry.reason)
    fire(house)
    assert "waiting" == row(house, t.hold).state
    assert [] == send(house)


def test_old_mail_of_a_customer_joins_without_a_word_and_spends_no_brake(house: House) -> None:
    put_in(house, mail())
    [answer, *_] = [one for one in send(house) if one["Delivered-To"] == "ann@example.net"]
    spent = [(one.key, one.tokens) for one in rows(house, t.brake)]
    entry = import_(house, reply_to(answer))
    assert "appended" == entry.outcome
    assert [] == send(house)
    assert spent == [(one.key, one.tokens) for one in rows(house, t.brake)]


def test_no_clock_runs_for_old_mail_until_its_customer_writes_again(tmp_path: Path) -> None:
    with sound_house(tmp_path, rules={"team": LOUD, "priorities": PRIORITIES}) as house:
        _live_on(house)


def _live_on(house: House) -> None:
    entry = import_(house, mail())
    Retimer(house.desk).run_once()  # as at the next start
    about = row(house, t.request, id=entry.request_id)
    assert (None, None, "none") == (about.first_reply_due_at, about.deadline_at, about.chain_state)
    clock_of(house).forward(days=30)
    assert 0 == fire(house)
    put_in(house, mail("Re: How do I pay? [acme #1]"))
    about = row(house, t.request, id=entry.request_id)
    wrote_at = rows(house, t.message, request_id=entry.request_id)[-1].at
    assert about.deadline_at > wrote_at
    before = about.deadline_at
    Retimer(house.desk).run_once()
    assert before == row(house, t.request, id=entry.request_id).deadline_at
    assert [] == rows(house, t.history, kind="missed")

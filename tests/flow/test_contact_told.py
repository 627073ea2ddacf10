"""The customer hears of a delay: who does, in which words, and who does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.flow.telling import (
    ANN,
    LEVELS,
    MINE,
    SORRY,
    house_with,
    later,
    opened,
    proven,
    to,
)
from tests.houses import (
    CATEGORIES,
    CONFIG,
    LOUD,
    NOON,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    text_of,
)

from postroom.house import House
from postroom.store import schema as t
from postroom.work.audit import audit


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_with(tmp_path) as made:
        yield made


def why_none(house: House) -> list[str]:
    """Return why the contact was not told."""
    return [one.because for one in rows(house, t.history) if one.to_value == "none to the contact"]


# ---- the contact


def test_a_level_tells_the_contact_in_words_for_customers(house: House) -> None:
    opened(house)
    [told] = later(house, hours=1)
    assert ANN == told["Delivered-To"]
    assert "Re: How do I pay? [acme #1]" == told["Subject"]
    assert ("auto-generated", "Acme Support <support@example.com>") == (
        told["Auto-Submitted"],
        told["From"],
    )
    assert "Hello Ann Berg" in text_of(told)
    for inside in ("eva", "Eva", "level", "medium", "escalat", "open"):
        assert inside not in told.as_string()
    assert "mail-" in str(told["In-Reply-To"])
    assert ("escalation", f"escalation to {ANN}") == (
        rows(house, t.outbox)[-1].kind,
        [one.to_value for one in rows(house, t.history, kind="mail")][-1],
    )


def test_being_told_stops_nothing_and_counts_as_no_answer(house: House) -> None:
    opened(house)
    later(house, hours=1)
    request = row(house, t.request, id=1)
    assert ("running", 1, None, "red") == (
        request.chain_state,
        request.escalation_level,
        request.replied_at,
        request.read_status,
    )
    assert NOON + timedelta(hours=3) == request.first_reply_due_at
    assert 1 == len(rows(house, t.message))


def test_what_he_answers_is_his_next_message(house: House) -> None:
    opened(house)
    [told] = later(house, hours=1)
    assert "appended" == put_in(house, proven(reply_to(told, "Please hurry.\n"))).outcome
    assert ("public", "in") == (
        rows(house, t.message)[-1].visibility,
        rows(house, t.message)[-1].direction,
    )


def test_an_out_of_office_to_it_moves_nothing(house: House) -> None:
    opened(house)
    [told] = later(house, hours=1)
    absent = reply_to(told).replace(b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:", 1)
    put_in(house, proven(absent))
    assert ("running", 1) == (
        row(house, t.request, id=1).chain_state,
        row(house, t.request, id=1).escalation_level,
    )
    assert [] == send(house)


def test_nothing_is_repeated_to_whom_nobody_vouches_for(house: House) -> None:
    opened(house, mail(subject="Buy my pills", sender="Pills <victim@example.org>"))
    [told] = later(house, hours=1)
    assert "victim@example.org" == told["Delivered-To"]
    assert "[acme #1] Your request takes longer" == told["Subject"]
    assert "ills" not in told.as_string()


def test_a_template_of_the_sites_own_learns_nothing_internal(house: House) -> None:
    opened(house)
    [told] = to(later(house, hours=3), ANN)  # the last thing that was due chooses the words
    assert "Sorry How do I pay? [acme #1]" == told["Subject"]
    assert ["We are late: Ann Berg", "."] == text_of(told).splitlines()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (mail(headers={"Precedence": "list", "List-Id": "<a.example.net>"}), "the mail is list"),
        (mail(headers={"Auto-Submitted": "auto-generated"}), "the mail is automatic"),
        (mail(headers={"X-Auto-Response-Suppress": "All"}), "the mail is automatic"),
        (mail(headers={"Precedence": "bulk", "User-Agent": "Mozilla Thunderbird"}), "Precedence"),
        (mail(sender="noreply@example.net"), "the mail is automatic"),
        (mail(sender="majordomo@example.net"), "the mail is automatic"),
        (mail(subject="a quiet one"), "a rule says so"),
    ],
)
def test_who_gets_no_automatic_reply_is_not_told_either(
    tmp_path: Path, raw: bytes, why: str
) -> None:
    quiet = (
        '[[rule]]\nname = "quiet"\nwhen = { subject = "*quiet*" }\nthen = { auto_reply = false }\n'
    )
    with house_with(tmp_path, routing=quiet) as house:
        opened(house, proven(raw))
        assert [] == later(house, hours=1)
        assert [f"as with the automatic reply: {why}"] == why_none(house)


def test_a_contact_only_known_from_a_forged_mail_is_not_told(house: House) -> None:
    opened(house, proven(mail(), "fail"))
    assert [] == later(house, hours=1)
    assert ["nothing of his is known to be a person's and not forged"] == why_none(house)


def test_in_an_internal_category_nobody_outside_is_told(tmp_path: Path) -> None:
    untitled = CATEGORIES.replace('title = { en = "Support" }\n', "")
    with house_with(tmp_path, categories=untitled) as house:
        opened(house)
        assert [] == later(house, hours=1)
        assert ["the category support is internal: it has no title"] == why_none(house)


def test_a_mailbox_that_sends_no_replies_tells_of_delays_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "templates" / "mail").mkdir(parents=True)
    (tmp_path / "templates" / "mail" / "sorry.en.j2").write_text(SORRY)
    config = CONFIG.replace('name = "support"\n', 'name = "support"\nauto_reply = false\n')
    rules = {"team": LOUD, "priorities": LEVELS}
    with make_house(tmp_path, rules=rules, config=config, config_extra=MINE) as house:
        assert [] == to(opened(house), ANN)
        assert [ANN] == [one["Delivered-To"] for one in later(house, hours=1)]


def test_after_downtime_he_gets_one_mail_for_all_levels(house: House) -> None:
    opened(house)
    sent = later(house, days=2)
    assert 1 == len(to(sent, ANN))
    assert 2 == len(rows(house, t.history, kind="escalated"))


def test_the_brakes_of_automatic_answers_end_it(house: House) -> None:
    [_, told] = [*to(opened(house), ANN), *later(house, hours=1)]
    for _ in range(3):  # each message begins the chain anew
        put_in(house, proven(reply_to(told)))
        later(house, hours=1)
    assert "brake: answer-day" in why_none(house)
    assert 3 == len([one for one in rows(house, t.delivery) if one.recipient == ANN])


def test_he_is_told_in_his_language(tmp_path: Path) -> None:
    norsk = '[[rule]]\nname = "norsk"\nthen = { language = "nb" }\n'
    with house_with(tmp_path, routing=norsk) as house:
        opened(house)
        [told] = later(house, hours=1)
        assert "sak 1 tar lengre tid" in text_of(told)


def test_two_addresses_of_one_contact_do_not_stop_the_chain(house: House) -> None:
    opened(house)
    with house.database.read() as connection:
        contact = connection.execute(t.contact.select()).first()
    assert contact is not None
    house.database.write(
        lambda c: c.execute(
            t.address.insert(),
            {"key": "ann@home.example", "address": "ann@home.example", "contact_id": contact.id},
        )
    )
    from_home = mail("Re: it [acme #1]", sender="ann@home.example")
    put_in(house, proven(from_home, domain="home.example"))
    send(house)
    assert ["ann@home.example"] == [one["Delivered-To"] for one in later(house, hours=1)]
    assert 1 == row(house, t.request, id=1).escalation_level


# ---- rules that name the contact

TOLD = """
[[rule]]
name = "told"
when = { subject = "*pay*" }
then = { notify = ["contact"] }
"""


def test_a_rule_that_names_the_contact_confirms_each_of_his_mails(tmp_path: Path) -> None:
    config = CONFIG.replace('name = "support"\n', 'name = "support"\nauto_reply = false\n')
    rules = {"team": LOUD, "routing": TOLD}
    with make_house(tmp_path, rules=rules, config=config, config_extra=MINE) as house:
        [reply] = to(opened(house), ANN)
        assert "auto-replied" == reply["Auto-Submitted"]
        put_in(house, proven(reply_to(reply)))
        [again] = to(send(house), ANN)
        assert "Re: How do I pay? [acme #1]" == again["Subject"]
        assert "We have received it" in text_of(again)
        put_in(house, proven(reply_to(again)))
        assert [] == to(send(house), ANN)  # by the brakes
        said = rows(house, t.journal)[-1].explanation
        assert "brake: answer-address" == said["auto_reply"]
        assert () == audit(house.database, house.spool).findings


def test_somebody_in_copy_is_not_the_contact(tmp_path: Path) -> None:
    with house_with(tmp_path, routing=TOLD) as house:
        opened(house, proven(mail(headers={"Cc": "bob@example.net"})))
        bob = mail("Re: pay [acme #1]", sender="bob@example.net")
        assert "appended" == put_in(house, proven(bob)).outcome
        assert [] == [one for one in send(house) if "example.net" in one["Delivered-To"]]

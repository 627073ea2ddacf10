"""Reply addresses in the wrong hands: what a token grants, to whom, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.utils import parseaddr
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    CONFIG,
    LOUD,
    RULES,
    SECRET,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    ripe,
    row,
    rows,
    send,
    sound_house,
    text_of,
)

from postroom.core.addresses import handler_number
from postroom.core.changes import Close
from postroom.core.intake import decide_mail
from postroom.house import House
from postroom.mail.tokens import DIGITS_32, Signer, Token
from postroom.store import reads
from postroom.store import schema as t

ANN = "Ann Berg <ann@example.net>"
BOB = "Bob Dahl <bob@example.org>"
EVA = "Eva Berg <eva@example.com>"
OMAR = "Omar Haddad <omar@example.com>"
ALIAS = "Eva Berg <eva.berg@example.com>"
TEMPLATE = "support+{token}@example.com"
FIRST = "first@example.net"
ANSWER = "Pay by card, please.\n"

TEAM = LOUD.replace(
    'email = "eva@example.com"', 'email = "eva@example.com"\naliases = ["eva.berg@example.com"]'
)
ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')
OWNED = {"team": TEAM, "categories": ALONE}  # Eva gets everything
TRUST = '[trust]\nauthserv_id = ["mx.example.com"]\n'


def judged(verdict: str) -> dict[str, str]:
    """Return the headers by which our relay says what it found about example.com."""
    return {
        "Authentication-Results": f"mx.example.com; dmarc={verdict} header.from=example.com",
        "Received": "from out.example.com (out.example.com [203.0.113.9]) by mx.example.com; x",
    }


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with sound_house(tmp_path, rules=OWNED, config_extra=TRUST) as opened:
        ask(opened)
        yield opened


def ask(house: House) -> list[EmailMessage]:
    """Ann opens request 1; return the automatic reply and Eva's notice."""
    assert put_in(house, mail(message_id=FIRST)).outcome == "opened"
    return send(house)


def token(house: House, role: str, request: int = 1, who: str = "eva") -> Token:
    """Return what is in an address of this role, as it is given out first."""
    if role in "hn":
        return Token(role, request, handler_number(row(house, t.handler, name=who).id, 0))
    if role == "c":
        return Token(role, request, row(house, t.participant, request_id=request).id)
    return Token(role, request, 0)


def address(house: House, role: str, request: int = 1, who: str = "eva") -> str:
    return house.desk.signer.reply_address(TEMPLATE, token(house, role, request, who))


def answered_by(house: House, entry: Any) -> Any:
    """Return which handler's public answer a mail became; None: no answer of anybody's."""
    found = rows(house, t.message, journal_id=entry.id, direction="out", visibility="public")
    return found[0].handler if found else None


def kept_as(house: House, entry: Any) -> tuple[str, str]:
    message = row(house, t.message, journal_id=entry.id)
    return message.direction, message.visibility


def heard(mails: list[EmailMessage]) -> list[str]:
    """Return who gets these mails."""
    return sorted(one["Delivered-To"] for one in mails)


def decided(house: House, raw: bytes) -> Any:
    """Decide about a mail without acting."""
    arrival = ripe(house, raw)
    with house.database.read() as connection:
        facts = reads.load_mail_facts(connection, arrival, house.desk.site)
    return decide_mail(arrival, facts, house.desk.policy, house.desk.site, house.desk.clock())


# ---- tokens that are none


def mangled(house: House, kind: str) -> str:
    good = house.desk.signer.sign(token(house, "h"))
    match kind:
        case "guessed":
            return good[:-16] + "a" * 16
        case "another instance's":
            return Signer("umbrella", (SECRET.encode(),)).sign(token(house, "h"))
        case "another key's":
            return Signer("acme", (b"what the attacker has",)).sign(token(house, "h"))
        case "a note's made an answer's":
            return "h" + house.desk.signer.sign(token(house, "n"))[1:]
        case "a customer's made a handler's":
            return "h" + house.desk.signer.sign(token(house, "c"))[1:]
        case "one digit changed":
            return good[:-1] + DIGITS_32[(DIGITS_32.index(good[-1]) + 1) % 32]
    return good + "a"


@pytest.mark.parametrize("sender", [EVA, ANN, BOB], ids=["handler", "customer", "stranger"])
@pytest.mark.parametrize(
    "kind",
    [
        "guessed",
        "another instance's",
        "another key's",
        "a note's made an answer's",
        "a customer's made a handler's",
        "one digit changed",
        "one digit more",
    ],
)
def test_a_token_that_we_did_not_make_grants_nothing(house: House, kind: str, sender: str) -> None:
    to = TEMPLATE.replace("{token}", mangled(house, kind))
    entry = put_in(house, mail("Mine", f"#close\n{ANSWER}", sender=sender, to=to))
    assert (entry.outcome, entry.request_id) == ("opened", 2)  # a mail is never lost
    assert row(house, t.request, id=1).status == "open"
    assert len(rows(house, t.message, request_id=1)) == 1


def test_no_prefix_of_a_token_is_one(house: House) -> None:
    good = house.desk.signer.sign(token(house, "h"))
    for end in range(1, len(good)):
        raw = mail("Mine", ANSWER, sender=EVA, to=TEMPLATE.replace("{token}", good[:end]))
        assert ripe(house, raw).tokens == ()
        assert decided(house, raw).outcome == "opened"


def test_a_token_in_capitals_is_the_same_token(house: House) -> None:
    local, _, domain = address(house, "h").partition("@")
    entry = put_in(house, mail("Re: it", ANSWER, sender=EVA, to=f"{local.upper()}@{domain}"))
    assert "eva" == answered_by(house, entry)


# ---- whose keys


@pytest.mark.parametrize(("keys", "answers"), [(["new", "secret"], True), (["new"], False)])
def test_a_token_works_as_long_as_its_key_is_listed(
    tmp_path: Path, keys: list[str], answers: bool
) -> None:
    with make_house(tmp_path, rules=OWNED) as house:
        ask(house)
        old = address(house, "h")
    (tmp_path / "new").write_text("another secret, as long as the first", encoding="utf-8")
    (tmp_path / "new").chmod(0o600)
    with make_house(tmp_path, rules=OWNED, config=f"secrets_files = {keys}\n{CONFIG}") as house:
        assert old != address(house, "h")
        entry = put_in(house, mail("Mine", ANSWER, sender=EVA, to=old))
        assert ("eva" if answers else None) == answered_by(house, entry)
        assert (entry.request_id == 1) is answers


# ---- tokens of somebody or something else


def test_a_handler_with_a_colleagues_address_answers_as_himself(house: House) -> None:
    entry = put_in(house, mail("Re: it", ANSWER, sender=OMAR, to=address(house, "h")))
    assert "omar" == answered_by(house, entry)
    [answer] = [one for one in send(house) if one["To"] == "Ann Berg <ann@example.net>"]
    assert ("Omar at Acme Support", "support@example.com") == parseaddr(answer["From"])


def test_the_token_says_which_request_is_meant_whatever_else_the_mail_says(house: House) -> None:
    put_in(house, mail("Another matter", sender=BOB))
    to = address(house, "h", request=2)
    entry = put_in(house, mail("Re: [acme #1]", ANSWER, sender=EVA, to=to, references=(FIRST,)))
    assert (2, "eva") == (entry.request_id, answered_by(house, entry))
    assert ["bob@example.org"] == [
        one["Delivered-To"] for one in send(house) if not one["Auto-Submitted"]
    ]


@pytest.mark.parametrize("pair", list(permutations("nshc", 2)), ids="".join)
def test_of_two_tokens_the_more_internal_one_counts(house: House, pair: tuple[str, ...]) -> None:
    wins = min(pair, key="nshc".index)
    to = ", ".join(address(house, role) for role in pair)
    raw = mail("Re: it", ANSWER, sender=EVA, to=to)
    entry = put_in(house, raw, recipient=address(house, pair[0]))
    assert f"token of role {wins}" == entry.explanation["thread_evidence"]
    assert ("eva" if wins == "h" else None) == answered_by(house, entry)


@pytest.mark.parametrize("carrier", ["envelope", "To", "Cc", "Delivered-To", "X-Original-To"])
def test_a_token_is_found_in_every_carrier(house: House, carrier: str) -> None:
    own, to = address(house, "h"), "support@example.com"
    headers = {carrier: own} if carrier not in ("envelope", "To") else {}
    raw = mail("Mine", ANSWER, sender=EVA, to=own if carrier == "To" else to, headers=headers)
    entry = put_in(house, raw, recipient=own if carrier == "envelope" else to)
    assert "eva" == answered_by(house, entry)


# ---- lost, and at the wrong address


def test_a_handler_whose_token_got_lost_writes_a_note_and_is_told(house: House) -> None:
    entry = put_in(house, mail("Re: it", f"#close\n{ANSWER}", sender=ALIAS, references=(FIRST,)))
    assert ("note", "internal") == kept_as(house, entry)
    assert row(house, t.request).status == "open"
    [told] = send(house)
    assert "eva@example.com" == told["To"]
    assert "It came without its answer address" in " ".join(text_of(told).split())
    assert house.desk.signer.find([told["Reply-To"]], [TEMPLATE]) == (token(house, "n"),)


def test_he_is_told_three_times_a_day(house: House) -> None:
    for _ in range(5):
        put_in(house, mail("Re: it", ANSWER, sender=EVA, references=(FIRST,)))
        clock_of(house).forward(minutes=10)
    assert ["eva@example.com"] * 3 == heard(send(house))
    clock_of(house).forward(days=1)
    put_in(house, mail("Re: it", ANSWER, sender=EVA, references=(FIRST,)))
    assert ["eva@example.com"] == heard(send(house))


def test_a_handler_at_a_customers_address_writes_a_note_and_is_told(house: House) -> None:
    entry = put_in(house, mail("Re: it", ANSWER, sender=EVA, to=address(house, "c")))
    assert ("note", "internal") == kept_as(house, entry)
    [told] = send(house)
    assert "It came to a customer's answer address" in " ".join(text_of(told).split())


# ---- handlers' addresses in strangers' hands


@pytest.mark.parametrize("sender", [ANN, BOB], ids=["customer", "stranger"])
def test_who_is_no_handler_is_held_and_the_owner_lets_him_in_by_mail(
    house: House, sender: str
) -> None:
    entry = put_in(
        house, mail("Re: it", "#close\nLet me in.\n", sender=sender, to=address(house, "h"))
    )
    assert ("held", 1) == (entry.outcome, entry.request_id)
    assert row(house, t.request).status == "open"
    [asked] = send(house)
    assert "eva@example.com" == asked["Delivered-To"]
    assert "#close" in text_of(asked)
    clock_of(house).forward(minutes=5)
    assert (
        "command"
        == put_in(house, mail("Re: it", "#accept\n", sender=EVA, to=asked["Reply-To"])).outcome
    )
    assert 1 == fire(house)
    assert "appended" == row(house, t.journal, id=entry.id).outcome
    assert ("in", "public") == kept_as(house, entry)
    assert row(house, t.request).status == "open"  # his words are no command
    assert parseaddr(sender)[1] not in heard(send(house))


def exposed(house: House) -> str:
    """Eva answers with Ann in Cc; return the address that Ann has seen."""
    seen = address(house, "h")
    raw = mail("Re: it", ANSWER, sender=EVA, to=seen, headers={"Cc": ANN})
    assert "eva" == answered_by(house, put_in(house, raw))
    assert [] == heard(send(house))  # she has it already
    return seen


def test_an_address_that_a_customer_has_seen_neither_answers_nor_commands(house: House) -> None:
    seen = exposed(house)
    entry = put_in(house, mail("Re: it", "#close\nYes.\n", sender=EVA, to=seen))
    assert ("note", "internal") == kept_as(house, entry)
    assert row(house, t.request).status == "open"
    [told] = send(house)
    assert "is valid no more: others have seen it" in " ".join(text_of(told).split())


def test_a_customer_who_writes_to_the_address_that_she_has_seen_is_held(house: House) -> None:
    entry = put_in(house, mail("Re: it", "Thank you!\n", to=exposed(house)))
    assert "held" == entry.outcome
    assert [] == rows(house, t.message, journal_id=entry.id)


def test_the_next_notice_has_another_address_and_that_one_works(house: House) -> None:
    seen = exposed(house)
    put_in(house, mail("Re: it", "And by cheque?\n", references=(FIRST,)))
    [notice] = send(house)
    assert seen != notice["Reply-To"]
    raw = mail("Re: it", "#close\nNo cheques.\n", sender=EVA, to=notice["Reply-To"])
    assert "eva" == answered_by(house, put_in(house, raw))
    assert "closed" == row(house, t.request).status


# ---- forged handlers


def test_a_forged_handler_is_held_for_ever_and_only_the_real_one_is_told(house: House) -> None:
    headers = {**judged("fail"), "Reply-To": "evil@example.org"}
    raw = mail("Re: it", f"#close\n{ANSWER}", sender=ALIAS, to=address(house, "h"), headers=headers)
    entry = put_in(house, raw)
    assert ("held", "it claims to be from eva, and is not proven to be") == (
        entry.outcome,
        entry.reason,
    )
    assert ["eva@example.com"] == heard(send(house))
    clock_of(house).forward(days=60)
    assert (0, []) == (fire(house), heard(send(house)))
    assert "waiting" == row(house, t.hold).state
    assert "open" == row(house, t.request).status


@pytest.mark.parametrize(
    ("headers", "outcome"), [({}, "held"), (judged("pass"), "appended"), (judged("fail"), "held")]
)
def test_a_strict_site_hears_handlers_who_are_proven(
    tmp_path: Path, headers: dict[str, str], outcome: str
) -> None:
    strict = f'{TRUST}handlers = "pass"\n'
    with make_house(tmp_path, rules=OWNED, config_extra=strict) as house:
        ask(house)
        raw = mail("Re: it", ANSWER, sender=EVA, to=address(house, "h"), headers=headers)
        entry = put_in(house, raw)
        assert outcome == entry.outcome
        assert ("eva" if outcome == "appended" else None) == answered_by(house, entry)


# ---- machines


@pytest.mark.parametrize("role", "hnsc")
@pytest.mark.parametrize(
    "marks",
    [{"Auto-Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"List-Id": "<x.example.com>"}],
    ids=["auto-replied", "bulk", "list"],
)
@pytest.mark.parametrize("sender", [EVA, ANN], ids=["handler", "customer"])
def test_automatic_mail_to_a_token_moves_nothing_and_tells_nobody_outside(
    house: House, sender: str, marks: dict[str, str], role: str
) -> None:
    house.desk.command(Close(), 1, "cli")
    send(house)
    clock_of(house).forward(hours=1)
    raw = mail(
        "Re: it", "#reopen\nI am away.\n", sender=sender, to=address(house, role), headers=marks
    )
    entry = put_in(house, raw)
    assert ("appended", 1) == (entry.outcome, entry.request_id)
    request = row(house, t.request)
    # A list passes on what a person wrote: at a customer's address that is the customer.
    is_customers_list = role == "c" and "List-Id" in marks and sender == ANN
    assert ("open" if is_customers_list else "closed") == request.status
    assert request.replied_at is None
    assert {"eva@example.com"} >= set(heard(send(house)))
    if role != "c" or sender == EVA:
        assert "internal" == kept_as(house, entry)[1]


def test_an_absent_handler_is_not_told_that_his_notice_came_back(house: House) -> None:
    marks = {"Auto-Submitted": "auto-replied"}
    put_in(house, mail("Re: it", "I am away.\n", sender=EVA, to=address(house, "h"), headers=marks))
    clock_of(house).now += timedelta(days=30)
    assert (0, []) == (fire(house), send(house))

"""What handlers say by mail of held mail, and what may not happen then."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    LOUD,
    accept,
    accept_hold,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    words_of,
    work,
)

from postroom.house import House
from postroom.mail.tokens import Token
from postroom.store import schema as t

EVA, OMAR = "Eva Berg <eva@example.com>", "Omar Haddad <omar@example.com>"
TRUST = """
[trust]
authserv_id = ["mx.example.com"]
"""
FORGED = {
    "Authentication-Results": "mx.example.com; dmarc=fail header.from=example.com",
    "Received": "from evil.example ([203.0.113.9]) by mx.example.com with ESMTP",
}
SECRET = "Ann owes us money since March and must not get any credit"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path, rules={"team": LOUD}, config_extra=TRUST) as made:
        yield made


def heard(house: House, who: str) -> list[EmailMessage]:
    """Send what is due, and return what came to somebody."""
    return [one for one in send(house) if one["Delivered-To"] == who]


def held(house: House) -> EmailMessage:
    """Let a rule hold a mail, and return the notice that Eva gets."""
    put_in(house, mail("A lawsuit against you"))
    [notice] = heard(house, "eva@example.com")
    return notice


def later(house: House) -> None:
    clock_of(house).forward(seconds=1)
    fire(house)


def states(house: House) -> list[str]:
    return [one.state for one in rows(house, t.hold)]


def test_a_side_thread_stays_inside_also_when_a_human_vouches_for_it(house: House) -> None:
    put_in(house, mail())
    [notice] = heard(house, "eva@example.com")
    signer = house.desk.signer
    eva = row(house, t.handler, name="eva").id
    to_note = signer.reply_address("support+{token}@example.com", Token("n", 1, eva * 1024))
    put_in(house, mail("Re: it", f"{SECRET}.\n", sender=EVA, to=to_note))
    to_side = signer.reply_address("support+{token}@example.com", Token("s", 1, 0))
    forged = mail("Re: it", f"{SECRET}.\n", sender=EVA, to=to_side, headers=FORGED)
    entry = put_in(house, forged)
    assert "held" == entry.outcome
    send(house)
    later(house)
    accept_hold(house, entry.id)
    assert [] == heard(house, "ann@example.net")
    last = rows(house, t.message)[-1]
    assert ("note", "internal") == (last.direction, last.visibility)
    assert notice["Reply-To"] != to_side


def test_a_slip_about_a_held_mail_is_corrected_by_a_reply(house: House) -> None:
    notice = held(house)
    put_in(house, reply_to(notice, "#acept\n", sender=EVA))
    [error] = heard(house, "eva@example.com")
    assert notice["Reply-To"] == error["Reply-To"]
    assert "there is no command #acept; nearest: #accept" in words_of(error)
    put_in(house, reply_to(error, "#accept\n", sender=EVA))
    later(house)
    assert ["accepted"] == states(house)


def test_who_comes_second_is_told_that_somebody_was_first(house: House) -> None:
    notice = held(house)
    accept(house, reply_to(notice, "#refuse\n", sender=EVA))
    accept(house, reply_to(notice, "#accept\n", sender=EVA))
    work(house)
    later(house)
    told = [words_of(one) for one in heard(house, "eva@example.com")]
    [state] = states(house)  # whichever of the two was first
    wish = {"refused": "refuse", "accepted": "accept"}[state]
    assert 1 == sum(f"somebody has said #{wish} already" in one for one in told)


def test_a_command_that_changes_nothing_is_confirmed(house: House) -> None:
    put_in(house, mail())
    [notice] = heard(house, "eva@example.com")
    put_in(house, reply_to(notice, "#take\n", sender=EVA))
    [result] = heard(house, "eva@example.com")
    assert "nothing had to be changed" in words_of(result)


def test_an_error_that_speaks_of_the_request_carries_no_answer_address(house: House) -> None:
    put_in(house, mail())
    [notice] = heard(house, "eva@example.com")
    put_in(house, reply_to(notice, "#assign omra\n\nHello.\n", sender=EVA))
    [error] = heard(house, "eva@example.com")
    assert "omar" in words_of(error)
    assert role_of(house, error) == "n"


def role_of(house: House, message: EmailMessage) -> Any:
    found = house.desk.signer.find([str(message["Reply-To"])], ["support+{token}@example.com"])
    return found[0].role


def test_one_mail_moves_a_request_once(house: House) -> None:
    put_in(house, mail())
    [notice] = heard(house, "eva@example.com")
    entry = put_in(house, reply_to(notice, "#postpone 2d\n#close\n", sender=EVA))
    assert "one mail sets one status" in entry.reason
    assert "open" == row(house, t.request, id=1).status


def test_who_may_not_work_on_a_request_may_not_let_mail_into_it(tmp_path: Path) -> None:
    closed_shop = """
[[category]]
name = "support"
administrator = "eva"
members = ["eva"]
assign = "round-robin"
members_only = true
[[category]]
name = "sales"
"""
    rules = {"team": LOUD, "categories": closed_shop}
    with make_house(tmp_path, rules=rules, config_extra=TRUST) as house:
        put_in(house, mail())
        send(house)
        put_in(house, mail("Re: it [acme #1]", sender="mallory@example.org"))
        [notice] = heard(house, "eva@example.com")
        entry = put_in(house, reply_to(notice, "#accept\n", sender=OMAR))
        assert "only members of support may work on its requests" in entry.reason
        later(house)
        assert ["waiting"] == states(house)

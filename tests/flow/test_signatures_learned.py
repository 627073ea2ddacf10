"""Signatures learned per sender: in notices, in messages, in what `mail explain` says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.houses import LOUD, RULES, clock_of, mail, put_in, row, rows, send, sound_house, text_of

from postroom.house import House
from postroom.store import schema as t

ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')
OWNED = {"team": LOUD, "categories": ALONE}  # Eva gets everything
SIGNED = "Kind regards\nAnn Berg\nBerg Engineering\n"
TEXTS = (
    "How do I pay this bill?",
    "The second printer is on fire.",
    "Could you please call me back?",
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with sound_house(tmp_path, rules=OWNED) as opened:
        yield opened


def ask(house: House, text: str, **named: str) -> str:
    """Let Ann write; return how Eva is told of it."""
    clock_of(house).forward(hours=1)
    put_in(house, mail(f"About {text}", f"{text}\n\n{SIGNED}", **named))
    [notice] = [one for one in send(house) if one["Delivered-To"].startswith("eva@")]
    return text_of(notice)


def test_the_third_mail_is_told_without_the_signature(house: House) -> None:
    told = [ask(house, text) for text in TEXTS]
    assert [True, True, False] == ["Berg Engineering" in one for one in told]
    assert TEXTS[2] in told[2]
    kept = rows(house, t.message)[-1]
    assert (TEXTS[2], True) == (kept.fresh, "Berg Engineering" in kept.text)
    said = rows(house, t.journal)[-1].explanation["signature"]
    assert "3 lines at the end, as in two earlier mails of this sender" == said


def test_what_is_remembered_stands_in_the_row_of_the_address(house: House) -> None:
    ask(house, TEXTS[0])
    [first] = row(house, t.address).endings
    assert len(first) == 40
    assert "Ann" not in first  # hashes, not words
    ask(house, TEXTS[1])
    second = row(house, t.address).endings
    assert 2 == len(second)
    ask(house, TEXTS[2])
    assert second == row(house, t.address).endings  # known: nothing is written


def test_each_address_has_its_own(house: House) -> None:
    for text in TEXTS[:2]:
        ask(house, text)
    told = ask(house, TEXTS[2], sender="Bob Dahl <bob@example.org>")
    assert "Berg Engineering" in told


def test_a_handler_loses_no_word_of_an_answer(house: House) -> None:
    put_in(house, mail())
    [notice] = [one for one in send(house) if one["Delivered-To"].startswith("eva@")]
    for text in TEXTS:
        clock_of(house).forward(hours=1)
        at = str(notice["Reply-To"])
        put_in(house, mail("Re: it", f"{text}\n\n{SIGNED}", sender="eva@example.com", to=at))
        [answer] = [one for one in send(house) if one["Delivered-To"].startswith("ann@")]
        assert "Berg Engineering" in text_of(answer)

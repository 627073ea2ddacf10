"""The name of a mail's author in its text: where his signature begins."""

from __future__ import annotations

import pytest

from postroom.mail.forward import find_forward
from postroom.mail.fresh import split_fresh
from postroom.mail.message import Address
from postroom.mail.namesakes import author_of

WORDS = "Please ship to dock 4. Anita will send the order."
GERALD = Address("Gerald Pruitt", "gpruitt@kunde.example")


def fresh_of(below: str, from_: Address | None = GERALD, written: str = "") -> str:
    return split_fresh(f"{WORDS}\n\n{below}", author=author_of(from_, written)).text


@pytest.mark.parametrize(
    "below",
    [
        "Gerald Pruitt\nPurchasing\nHollander Pump & Valve\nphone 555-010-9932",
        "Gerald Pruitt\ncell. 555 010 3344",
        "Gerald Pruitt\nx4471",
        "Gerald Pruitt\nLinkWorks NOC\n24x7: 555-0100",
        "Gérald Pruıtt\nLinkWorks NOC",
        "Gerald Pruitt\nPurchasing\nGrant County Assessor's Office\n555-0119",
        "Gerald Pruitt, CPM\nHead of Purchasing",
        "Gerald Pruitt                gpruitt at kunde.example\nPurchasing      +1 555 010 2233",
        "Gerald Pruitt\n\nPurchasing\n\nPh: (555) 010-4471 x 212",
        "GERALD PRUITT | Hollander\nPh: (555) 010-4471",
        "Gerald Pruitt | 2nd Line\n\nHollander ICT | Ext. 5508",
        "Att.\n\nGerald Pruitt\nSecretaria Acadêmica\nRamal 4417",
        "Thanks,\n\nGerald Pruitt\nHollander Tool & Supply\n555-0128 ext. 12",
        "İyi çalışmalar,\n\nGerald Pruitt\nHollander San. ve Tic. Ltd. Şti.\nTel: 0 224 555 01 20",
        "Regards, Gerald\n\nGerald Pruitt\npurchasing\nHollander Pumps Oy",
        "Groetjes,\nGerald\n\nHollander\nNijverheidsweg 8\n8501 XH Joure\n0513-555010",
    ],
)
def test_below_the_authors_name_a_card_is_his_signature(below: str) -> None:
    assert WORDS == fresh_of(below)


@pytest.mark.parametrize(
    "below",
    [
        "Gerald Pruitt",
        "Gerald",
        "Kind regards\nGerald Pruitt\nPurchasing",
        "Ann Berg\nPurchasing",  # somebody else
        "Please call\nGerald Pruitt\nExt. 5508",
        "The new address is:\nGerald Pruitt\nDock Road 4\n555 010 3344",
        "Please send the other one to\n\nGerald Pruitt\nDock Road 4\nphone 555-010-9932",
        "Gerald Pruitt\nwill be there, too, at ten o'clock.",
        "Gerald Pruitt\nPurchasing\nHollander\nP.S. The code of the door is 4711.",
        "Gerald Pruitt\nI am in the office until five: 555 010 3344.\nCall me.",
    ],
)
def test_what_the_author_says_beside_his_name_stays(below: str) -> None:
    assert f"{WORDS}\n\n{below}" == fresh_of(below)


@pytest.mark.parametrize(
    ("from_", "written"),
    [
        (Address("Pruitt, Gerald (Purchasing)", "x@kunde.example"), ""),
        (Address("", "gerald.pruitt@kunde.example"), ""),
        (Address("", "pruittg@kunde.example"), ""),
        (Address("Sales", "gpruitt@kunde.example"), ""),
        (None, "gpruitt at kunde.example (Gerald Pruitt)"),
    ],
)
def test_names_as_from_has_them(from_: Address | None, written: str) -> None:
    assert WORDS == fresh_of("Gerald Pruitt\nPurchasing\n555 010 3344", from_, written)


def test_a_surname_and_another_given_name() -> None:
    bob = author_of(Address("Robert Kessler", "rk@kunde.example"))
    assert bob.signs("Bob Kessler")
    assert author_of(Address("Kessler, Robert", "rk@kunde.example")).signs("Bob J. Kessler")
    assert not bob.signs("Kessler")
    assert not author_of(Address("Kessler", "rk@kunde.example")).signs("Bob Kessler")


def test_one_word_is_no_name() -> None:
    assert not author_of(Address("Gerald", "gerald@kunde.example")).signs("Gerald")


def test_who_passes_a_mail_on_signs_below_it() -> None:
    older = "From: Ann Berg <ann@x.example>\nDate: 5 May 2026 10:00\nSubject: Offer\n\nHello."
    text = f"See below.\n\n-------- Forwarded Message --------\n{older}\n\n-- \n"
    found = split_fresh(text).older
    signed = find_forward(
        "Fwd: Offer", f"{text}Gerald Pruitt <g@x.example>", found, author=author_of(GERALD)
    )
    assert signed is not None
    assert "Hello." == signed.text
    anns = find_forward("Fwd: Offer", f"{text}Ann Berg", found, author=author_of(GERALD))
    assert anns is not None
    assert "Hello.\n\n-- \nAnn Berg" == anns.text


def test_a_postscript_below_a_signature_stays() -> None:
    card = "Gerald Pruitt\nPurchasing\nphone 555-010-9932"
    postscript = "P.S. The code of the door is 4711."
    assert f"{WORDS}\n\n{postscript}" == fresh_of(f"{card}\n\n{postscript}")

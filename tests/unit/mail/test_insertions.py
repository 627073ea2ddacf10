"""Answers between the lines of an older mail that carries no quote marks."""

from __future__ import annotations

import pytest

from postroom.mail.fresh import split_fresh
from postroom.mail.message import Address
from postroom.mail.namesakes import author_of
from postroom.mail.parse import read_mail

ANN = author_of(Address("Ann Berg", "ann@kunde.example"))
HEADER = (
    "-----Original Message-----\nFrom: Rob Tanaka\nSent: Thursday, October 06, 2011 5:40 PM\n"
    "To: Ann Berg\nSubject: Rollout\n\n"
)


def fresh_of(above: str, older: str) -> list[str]:
    return [
        line
        for line in split_fresh(f"{above}\n\n{HEADER}{older}", None, ANN).text.split("\n")
        if line
    ]


@pytest.mark.parametrize(
    ("above", "sign"),
    [
        ("See my comments below.", "[Ann]"),
        ("I hope that this tells all that you asked for, and a little more.", "[Ann Berg]"),
        ("Hi Rob,", "AB:"),
        ("Answers inline.", "Ann:"),
        ("See inline (**).", "**"),
        ("Antworten unten.", "==>"),
    ],
)
def test_what_is_marked_as_the_authors_is_new(above: str, sign: str) -> None:
    older = f"1. Both at once?\n{sign} Yes.\n\n2. Who pays?\n{sign} We do.\n\nThanks,\nRob"
    assert [above, f"{sign} Yes.", f"{sign} We do."] == fresh_of(above, older)


@pytest.mark.parametrize(
    ("above", "older"),
    [
        ("It works again, thank you very much for it.", "Ann: is it on?\nRob: it is."),
        ("See below.", "[Bob] Yes.\n\nRB: No."),
        ("See below.", "** once only"),
        ("See below.", f"Thanks.\n\n{'*' * 70}\nThis mail is secret.\n{'*' * 70}"),
        ("See below.", "Please call Ann: she knows."),
        # The mail before the last one: she said so then.
        ("See below.", f"Thanks.\n\n{HEADER}[Ann] Yes."),
    ],
)
def test_all_else_of_the_older_mail_is_old(above: str, older: str) -> None:
    assert [above] == fresh_of(above, older)


def test_what_the_older_mails_author_may_have_written_commands_and_answers_nothing() -> None:
    raw = f"From: Ann Berg <ann@kunde.example>\n\nSee below.\n\n{HEADER}[Ann] #close\n".encode()
    mail = read_mail(raw)
    assert "[Ann] #close" in mail.fresh
    assert "See below." == mail.own_words


def test_a_long_passage_goes_on_up_to_the_next_point() -> None:
    long = "[Ann] Yes, both of them at the same weekend, if nobody minds that the"
    older = f"1. Both at once?\n{long}\nlift stands still.\n2. Who pays?\n"
    assert ["See below.", long, "lift stands still."] == fresh_of("See below.", older)

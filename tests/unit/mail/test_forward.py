"""Mails that were passed on, as mail programs of the world do it."""

from __future__ import annotations

import pytest
from tests.unit.mail.quoting import read_table

from postroom.mail.forward import find_forward, is_forward_subject, readable_sender
from postroom.mail.fresh import split_fresh
from postroom.mail.message import Forward

ANN = "Ann Smith <ann@x.example>"
BODY = "Hello Bob,\n\nthe offer is below. Note: it ends soon.\n\nAnn"
COMMENT = "Please have a look."
DATE = "5. 5. 2026 10:00"
NAMES = {"Ann Smith", "Ann", "ann@x.example", "Ann <ann@x.example>"}
FOUND = Forward(ANN, "Offer", DATE, BODY)


def forward_in(subject: str, text: str, *, is_answer: bool = False) -> Forward | None:
    return find_forward(subject, text, split_fresh(text).older, is_answer=is_answer)


def quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("language", read_table("forwards"))
def test_separators_and_headers_of_many_languages(language: str) -> None:
    _, dashed, sender, date, subject, to, apple = language.split("|")
    fields = [
        f"{sender}: {ANN}",
        f"{date}: {DATE}",
        f"{subject}: Offer",
        f"{to}: Bob <b@y.example>",
    ]
    for top in (f"-------- {dashed} --------\n", f"{apple}\n\n"):
        for order in (fields, [fields[2], fields[1], fields[0], fields[3]]):
            for gap in ("\n", "\n\n"):
                block = f"{top}{gap.join(order)}\n\n"
                assert FOUND == forward_in("", f"{COMMENT}\n\n{block}{BODY}\n")
                assert FOUND == forward_in("Re: x", f"{block}{BODY}\n")
    header = "\n".join(fields)
    inner = quoted(f"{header}\n\n{BODY}")
    marked = f"{COMMENT}\n\n{apple}\n\n{inner}\n"
    assert FOUND == forward_in("Fwd: Offer", marked)
    assert COMMENT == split_fresh(marked).text
    assert FOUND == forward_in("Fwd: Offer", f"{COMMENT}\n\n{header}\n\n{BODY}")


def test_the_mark_at_which_apple_mail_lets_words_begin_is_none_of_them() -> None:
    inner = quoted(f"From: {ANN}\nSubject: Offer\nDate: {DATE}\n\n\ufeff{BODY}")
    assert FOUND == forward_in("Fwd: Offer", f"Begin forwarded message:\n\n{inner}\n")


@pytest.mark.parametrize(
    "introduction", [each for each in read_table("introductions") if "Ann" in each]
)
def test_who_and_when_of_an_introduction(introduction: str) -> None:
    found = forward_in("Fwd: Offer", f"See.\n\n{introduction}\n\n{quoted(BODY)}\n")
    assert found is not None
    assert BODY == found.text
    assert found.from_ in {ANN, "Ann Smith via Support <support@x.example>", *NAMES}
    assert ("10" in found.date) == ("10" in introduction)


HEADER = f"From: {ANN}\nDate: {DATE}\nSubject: Offer\nTo: Bob <b@y.example>"


@pytest.mark.parametrize(
    "block",
    [
        f"---------- Forwarded message ---------\n{HEADER}\n\n\n",
        f"---- Forwarded message ----\n{HEADER}, Ben\nOld <ben@y.example>\nCc: <c@y.example>\n\n",
        f"----- Forwarded message -----\n{HEADER},\nCarl <c@y.example>\nCc: d@y.example\n\n",
        f"________________________________\n{HEADER}\n\n",
        f"{HEADER}\nImportance: High\nAttachments: a.pdf; b.pdf\n\n",
        f"----- Forwarded message from {ANN} -----\n\n{HEADER}\nUser-Agent: Mutt/2.2\n\n",
        f"----- Forwarded by Bob/ACME on 6.5.2026 -----\n\n{HEADER}\n\n\n\n".replace(": ", ":\t"),
        f"===== Forwarded message =====\n{HEADER}\n===== Forwarded message =====\n\n",
        f"-----Original Message-----\n{HEADER}\n\n",
        "-------- Forwarded Message --------\n" + HEADER.replace(": ", ": \n") + "\n\n\n\n",
        f"*From:* {ANN}\n*Sent:* {DATE}\n*To:* Bob\n*Subject:* Offer\n\n",
        f"From: Ann Smith [mailto:ann@x.example]\nSent: {DATE}\nTo: Bob\nSubject: Offer\n\n",
        f'Sent: {DATE}\nFrom: "Ann Smith" <ann@x.example>\nTo: b@y.example\nSubject: Offer\n\n',
        f"   Date: {DATE}\n   From: {ANN}\nSubject: Offer\n     To: b@y.example\n\n",
        f"{DATE}, Ann Smith <ann@x.example>:\n\n",
        f"On {DATE}, Ann Smith <ann@x.example> wrote:\n\n",
        f"Ann Smith <ann@x.example> wrote on {DATE}:\n\n",
        f'Am {DATE} schrieb "Ann Smith" <ann@x.example>:\n\n',
        f"> {HEADER}\n\n".replace("\n", "\n> ").removesuffix("\n> ") + "\n",
    ],
)
def test_layouts_of_mail_programs(block: str) -> None:
    body = quoted(BODY) if block.startswith(">") else BODY
    assert FOUND == forward_in("Fwd: Offer", f"{COMMENT}\n\n{block}{body}\n", is_answer=True)
    assert FOUND == forward_in("WG: Offer", f"{block}{body}")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Offer", f"Yes.\n\nOn 5 May 2026 at 10:00, {ANN} wrote:\n\n{quoted(BODY)}"),
        ("RE: Offer", f"Yes.\n\n{HEADER}\n\n{BODY}"),
        (
            "Re: Fwd: Offer",
            f"Yes.\n\nAnn wrote:\n> ---- Forwarded message ----\n{quoted(HEADER)}",
        ),
        ("Fwd: Offer", "Please forward this to sales."),
        ("Offer", "Nothing.\nFrom: Oslo\nTo: Bergen\nDate: Monday"),
        ("", ""),
    ],
)
def test_an_answer_and_a_persons_words_are_no_forward(subject: str, text: str) -> None:
    assert forward_in(subject, text) is None


def test_without_prefix_a_header_block_is_a_forward_unless_the_mail_answers() -> None:
    text = f"{COMMENT}\n\n{HEADER}\n\n{BODY}"
    assert FOUND == forward_in("An offer", text)
    assert forward_in("An offer", text, is_answer=True) is None


def test_vs_is_an_answer_in_finnish_and_a_forward_in_danish() -> None:
    text = "Ok.\n\nLähettäjä: {0}\nLähetetty: {1}\nVastaanottaja: b\nAihe: Offer\n\n{2}"
    assert forward_in("VS: Offer", text.format(ANN, DATE, BODY)) is None
    text = "Ok.\n\nFra: {0}\nSendt: {1}\nTil: b\nEmne: Offer\n\n{2}"
    assert forward_in("VS: Offer", text.format(ANN, DATE, BODY)) == FOUND


def test_what_goes_back_to_its_author_is_an_answer() -> None:
    text = f"Yes.\n\n{HEADER}\n\n{BODY}"
    older = split_fresh(text).older
    assert find_forward("Offer", text, older, recipients={"ann@x.example"}) is None
    assert find_forward("Offer", text, older, recipients={"c@y.example"}) == FOUND
    assert find_forward("Fwd: Offer", text, older, recipients={"ann@x.example"}) == FOUND


def test_the_first_of_several_mails_counts_and_keeps_the_others() -> None:
    inner = f"See.\n\n---------- Forwarded message ---------\n{HEADER}\n\n{BODY}"
    text = (
        f"---------- Forwarded message ---------\nFrom: Zoe <z@x.example>\nDate: {DATE}\n\n{inner}"
    )
    assert Forward("Zoe <z@x.example>", "x", DATE, inner) == forward_in("Fwd: x", text)


def test_what_stands_below_the_end_of_a_forward_is_new() -> None:
    text = (
        f"Above.\n\n----- Forwarded message from Ann -----\n\n{HEADER}\n\n{BODY}\n\n"
        "----- End forwarded message -----\n\nBelow.\n"
    )
    assert "Above.\n\nBelow." == split_fresh(text).text
    assert FOUND == forward_in("Offer", text)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (ANN, "Ann Smith <ann@x.example>"),
        (ANN, '"Ann Smith" <ann@x.example>'),
        (ANN, "Ann Smith [mailto:ann@x.example]"),
        (ANN, "Ann Smith <mailto:ann@x.example>"),
        (ANN, "Ann Smith <ann@x.example<mailto:ann@x.example>>"),
        (ANN, "Ann Smith <ann@x.example <mailto:ann@x.example>>"),
        (ANN, "Ann Smith (ann@x.example)"),
        (ANN, "*Ann Smith* < ann@x.example >"),
        (ANN, "'Ann Smith' ann@x.example"),
        ("ann@x.example", "<ann@x.example>"),
        ("ann@x.example", "ann@x.example"),
        ("ann@x.example", "ann@x.example <ann@x.example>"),
        ("ann@x.example", "ann@x.example [mailto:ann@x.example]"),
        ("Ann Smith", "Ann Smith"),
        ("Smith, Ann <ann@x.example>", '"Smith, Ann" <ann@x.example>'),
        ("'Ann' via Shop <ann@x.example>", "'Ann' via Shop <ann@x.example>"),
        ("Smith, Ann", "Smith, Ann </O=KUNDE/OU=FIRST/CN=RECIPIENTS/CN=ANNS>"),
        ("", ""),
    ],
)
def test_senders_are_written_alike(expected: str, value: str) -> None:
    assert expected == readable_sender(value)


@pytest.mark.parametrize(
    "subject",
    [
        "Fwd: x",
        "FW:x",
        "WG: x",
        "TR : x",
        "[list] Fwd: x",
        "转发：x",
        "İLT: x",
        "Fwd[2]: x",
        "[Fwd: x]",
        "x (fwd)",
    ],
)
def test_subjects_of_forwards(subject: str) -> None:
    assert is_forward_subject(subject)


@pytest.mark.parametrize("subject", ["Re: Fwd: x", "x", "Forward motion: x", "I think: no", ""])
def test_other_subjects(subject: str) -> None:
    assert not is_forward_subject(subject)


NARROW = """
                    "Ann Smith"
                    <ann@x.examp         To:       <bob@x.example>
                    le>                  cc:
                    05/05/2001           Subject:  Offer
                    10:15 AM
                    Please respond
                    to ann
"""
NARROWER = """
                    "Ann Smith"
                    <ann@x.examp         To:     <bob@x.example>
                    le>                  cc:
                                         Subject:     Offer
                    05/05/2001
                    10:15 AM

"""


@pytest.mark.parametrize("header", [NARROW, NARROWER])
@pytest.mark.parametrize(
    "above", ["----- Forwarded by Bob/Acme on 05/06/2001 11:02 AM -----\n", ""]
)
def test_the_narrow_header_of_old_notes(header: str, above: str) -> None:
    text = f"{COMMENT}\n\n{above}{header}\n\n{BODY}"
    assert Forward(ANN, "Offer", "05/05/2001 10:15 AM", BODY) == forward_in("Fwd: Offer", text)
    assert COMMENT == split_fresh(text).text


def test_a_table_with_times_is_no_header() -> None:
    text = "The trains:\n\n    05/05/2001    Oslo\n    10:15         Bergen\n\nWhich one?"
    assert text == split_fresh(text).text

"""What is newly written, in the ways in which mail programs of the world quote what is not."""

from __future__ import annotations

from itertools import product
from textwrap import fill

import pytest
from tests.unit.mail.quoting import read_table

from postroom.mail.fresh import split_fresh
from postroom.mail.html import html_to_text

NEW = "Yes, please send it.\n\nSecond paragraph: with a colon."
OLD = "Hello Bob,\n\ndo you want it?\n\nAnn"
QUOTED = "> Hello Bob,\n>\n> do you want it?\n>\n> Ann"

INTRODUCTIONS = read_table("introductions")
HEADERS = read_table("headers")
SEPARATORS = read_table("separators")
OWN_WORDS = read_table("own-words")
ENDINGS = read_table("endings")  # "✂" stands where the person's words end
MARKUP = read_table("markup")


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
def test_an_introduction_is_left_out_wherever_the_answer_stands(introduction: str) -> None:
    for text in (
        f"{NEW}\n\n{introduction}\n\n{QUOTED}\n",
        f"{introduction}\n{QUOTED}\n\n{NEW}\n",
        f"Yes, please send it.\n\n{introduction}\n{QUOTED}\n\nSecond paragraph: with a colon.",
    ):
        assert NEW == split_fresh(text).text


@pytest.mark.parametrize(
    "introduction",
    [
        "[2014-04-11 18:54] Ann Berg <ann@x.example>",
        "+++ Ann Berg [11/04/14 18:54 +0200]:",
        "Ann Berg (2014-04-11 18:54:12)",
        "From Ann Berg, 11 April 2014 18:54:",
        "Ann Berg said the following on 11/04/2014 18:54:",
    ],
)
def test_what_is_only_who_and_when_introduces_quote_marks(introduction: str) -> None:
    assert NEW == split_fresh(f"{NEW}\n\n{introduction}\n{QUOTED}\n").text
    assert "Down." in split_fresh(f"Down.\n\n{introduction}\n\n{OLD}\n").text


@pytest.mark.parametrize(
    "introduction", [each for each in INTRODUCTIONS if "@" in each and each[0] != ">"]
)
def test_what_an_introduction_with_an_address_introduces_needs_no_marks(introduction: str) -> None:
    assert NEW == split_fresh(f"{NEW}\n\n{introduction}\n\n{OLD}\n").text


LONG = {
    "Ann Smith": "Dr. Wolfgang Schlegel-Steinhausen (Support)",
    "ann@x.example": "reply+abcdefghijklmnopqrstuvwxyz012345@reply.notifications.example",
}


@pytest.mark.parametrize("width", [56, 65, 72, 78])
@pytest.mark.parametrize("introduction", [each for each in INTRODUCTIONS if each[0] not in ">-"])
def test_an_introduction_is_found_wherever_it_is_broken(introduction: str, width: int) -> None:
    words = introduction.replace("\n", " ")
    for name, long in product(LONG, (False, True)):
        words = words.replace(name, LONG[name]) if long else words
        broken = fill(words, width, break_long_words=False, break_on_hyphens=False)
        assert "Yes." == split_fresh(f"Yes.\n\n{broken}\n\n{QUOTED}\n").text
        assert "Yes." == split_fresh(f"{broken}\n{QUOTED}\n\nYes.\n").text
        assert "Yes." == split_fresh(f"Yes.\n{broken}\n{QUOTED}\n").text


LAYOUTS = {
    "as it is": "\n".join,
    "below a rule": lambda lines: "\n".join(["_" * 32, *lines]),
    "below a separator": lambda lines: "\n".join(["-----Original Message-----", *lines]),
    "with gaps": "\n\n".join,
    "without To": lambda lines: "\n".join([*lines[:2], *lines[3:]]),
    "in another order": lambda lines: "\n".join([lines[3], lines[1], lines[0], lines[2]]),
    "broken": lambda lines: "\n".join(each.replace(": ", ":\n", 1) for each in lines),
}


@pytest.mark.parametrize(("header", "layout"), list(product(HEADERS, LAYOUTS)))
def test_below_a_header_block_all_is_old(header: str, layout: str) -> None:
    block = LAYOUTS[layout](header.split("\n"))
    assert NEW == split_fresh(f"{NEW}\n\n{block}\n\n{OLD}").text


@pytest.mark.parametrize("separator", SEPARATORS)
def test_below_a_separator_all_is_old_but_what_stands_below_quote_marks(separator: str) -> None:
    assert NEW == split_fresh(f"{NEW}\n\n{separator}\n\n{OLD}").text
    assert NEW == split_fresh(f"{separator}\n\n{QUOTED}\n\n{NEW}").text


@pytest.mark.parametrize("text", OWN_WORDS)
def test_a_persons_own_words_stay(text: str) -> None:
    assert text == split_fresh(text).text


@pytest.mark.parametrize("text", ENDINGS)
def test_what_programs_and_telephones_add_is_left_out(text: str) -> None:
    expected, _, added = text.partition("✂")
    assert expected == split_fresh(expected + added).text


@pytest.mark.parametrize("case", MARKUP)
def test_markup_says_where_an_older_mail_and_a_signature_begin(case: str) -> None:
    expected, _, markup = case.partition("✂")
    assert expected == split_fresh(html_to_text(markup), markup).text
    # The plain form of the same mail, with other line breaks and marks.
    text = html_to_text(markup).replace("Ann", "*Ann*")
    assert expected == split_fresh(text, markup).text


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("a\n\nb", "a\n\n> q\n\nb\n"),
        ("a", "a\n-- \nsig"),
        ("a", "a\n--\nAnn\nKunde Ltd"),
        ("x -- y", "x -- y"),
        ("From: here we go", "From: here we go"),
        ("On the roof he wrote", "On the roof he wrote"),
        ("On Tuesday Bob wrote:\nno.", "On Tuesday Bob wrote:\nno."),
        ("Note: this", "Note: this\n\n-----Original Message-----\nFrom: x\nSent: y\n\nold"),
        ("Below.", "-- \nAnn\n\nOn 5 May 2026 at 10:00, Ann wrote:\n> q\n\nBelow."),
        ("a\nb", "a\n> " + "x" * 70 + "\nand so\n> on\nb"),
        ("a\nand so\nb", "a\n> short\nand so\n> on\nb"),
        ("a", "a\n\n&gt; q\n"),
        ("yes", "yes On Wed, May 6, 2026 at 3:59 PM, ann@x.example wrote:\n> q\n"),
        ("It works!", "It works!On 5 May 2026 at 10:00, Ann <ann@x.example> wrote:\n> q\n"),
    ],
)
def test_quotes_and_signatures(expected: str, text: str) -> None:
    fresh = split_fresh(text)
    assert (expected, False) == (fresh.text, fresh.is_all_old)


@pytest.mark.parametrize(
    ("expected", "markup"),
    [
        (
            "Your site says:\n\n> Two days.\n\nIt took a week.",
            "<p>Your site says:</p><blockquote>Two days.</blockquote><p>It took a week.</p>",
        ),
        ("Your site says:", "<p>Your site says:</p><blockquote>Two days.</blockquote>"),
        (
            "No.",
            "<p>On 5 May 2026, Ann Smith wrote:</p><blockquote>Two days?</blockquote><p>No.</p>",
        ),
        ("Yes.\n\nNo.", "<p>Yes.</p><blockquote type=cite>Two days?</blockquote><p>No.</p>"),
        (
            "Print this:\n\nFragile",
            '<p>Print this:</p><div style="border-left:1px solid red;padding:8px">Fragile</div>',
        ),
        (
            "Print this.\n\nFragile\n\nThanks",
            (
                '<p>Print this.</p><div style="border-left:1px solid red;padding:8px">Fragile</div>'
                "<p>Thanks</p>"
            ),
        ),
    ],
)
def test_what_a_person_cites_in_html_is_his_own(expected: str, markup: str) -> None:
    assert expected == split_fresh(html_to_text(markup), markup).text


@pytest.mark.parametrize("answer", ["?", "???", "!", ":-)", ";)", "<3", "^^", "✓", "+1", "👍🏽"])
def test_a_sign_is_an_answer(answer: str) -> None:
    fresh = split_fresh(f"{answer}\n\nOn 5 May 2026 at 10:00, Ann wrote:\n{QUOTED}\n")
    assert (answer, False) == (fresh.text, fresh.is_all_old)


@pytest.mark.parametrize(
    "quote",
    [
        (
            "<p>On 5 May 2026, Ann Smith wrote:</p><blockquote type=cite><p>No.</p>"
            "<p>On 4 May 2026, Bob wrote:</p><blockquote type=cite>Now?</blockquote></blockquote>"
        ),
        (
            "<blockquote type=cite>On 5 May 2026, Ann Smith<br>&lt;ann@x.example&gt; wrote:"
            "<p>Now?</p></blockquote>"
        ),
        (
            "<p>[On 5 May 2026 at 10:00, Ann Smith &lt;ann@x.example&gt; wrote:]</p>"
            "<blockquote type=cite>Now?</blockquote>"
        ),
    ],
)
def test_what_a_quote_in_html_quotes_is_old_too(quote: str) -> None:
    markup = f"<p>Yes.</p>{quote}"
    assert "Yes." == split_fresh(html_to_text(markup), markup).text


def test_left_over_quoted_printable_hides_no_introduction() -> None:
    left = "On Wed=2C 4 Sep 2013=2C Ann <ann@x.example> wrote:=20\n=20\n> It shipped.=20\n"
    assert "Good=2C thanks.=20" == split_fresh(f"Good=2C thanks.=20\n=20\n{left}>=20\n").text


@pytest.mark.parametrize(
    "text", ["> q", "-- \nAnn", f"On 5 May 2026 at 10:00, Ann wrote:\n{QUOTED}"]
)
def test_where_nothing_is_new_all_is_shown(text: str) -> None:
    fresh = split_fresh(text)
    assert (text, True) == (fresh.text, fresh.is_all_old)


def test_an_empty_mail_is_not_old() -> None:
    assert not split_fresh("").is_all_old


HOSTILE = [
    *("> x\n", "> x\ny\n", "x", ":", "a:\n", "From: a@b\n", "From: a\n\n", "a@b,\n", "wrote:\n"),
    *("-", "_", "-----\n", "---- abc ----\n", "--\n", "a\n-- \nb\n> q\n", "a@", "<", "(", "wrote "),
    *(" ", "\t", "1 ", "x\nOn 5 May 2026 10:00 a@b wrote:\n> q\n", "Original Message:\n", "\u200f"),
    *("---- Forwarded message ----\nx\n", ">>> a 1 >>>\n", "confidential ", "Sent: x To: y "),
    *("sent from my iphone\n\n", "Regards,\nx\n1234567\n\n", "a: " + "b" * 390 + "\n"),
    "From: a\nTo: b\n" + "x\n" * 14,
    *("A> x\n", "a:\nA> x\n", "a@b wrote:\n| x\n", "5/5/26 10:00\n", "5/5/26 10:00\nTo\n"),
    *("5/5/26 10:00\nTo\nCc\nSubject\n", "reply above ", "-----BEGIN PGP SIGNATURE-----\n"),
    "x" + ". On 1" * 45 + " 5 May 2026 10:00 a@b.c wrote:\n> q\n",
    *("begin:vcard\n", "From: " + "Aa" * 900 + "\n", "From: a@b " + "Ab@c " * 300 + "\n"),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_comes_to_an_end(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    assert len(split_fresh(text, f"<div class=gmail_quote>{text}").text) <= len(text)


def test_more_than_a_value_is_no_quote() -> None:
    text = "Have a look at it:\n\n  > 1e-2    forget it\n  < 1e-6    fine\n\nTry the first."
    assert text == split_fresh(text).text
    assert split_fresh("  > 3 files\n  > 4 more\n\nYes.").text == "Yes."


def test_cyrillic_initials_quote_too() -> None:
    text = "Вы писали 9 марта 2005 г., 18:50:14:\n\nИФ> Не работает.\n\nПроверьте ещё раз."
    assert "Проверьте ещё раз." == split_fresh(text).text


def test_what_yahoo_groups_adds_is_nobodys() -> None:
    footer = (
        f"{'-' * 24} Yahoo! Groups Sponsor {'-' * 20}~--> \nGet fast access to your groups.\n"
        f"http://us.click.yahoo.example/x\n{'-' * 68}~-> \n\n \nYahoo! Groups Links\n\n"
        "<*> To visit your group on the web, go to:\n    http://groups.yahoo.example/group/x/\n\n"
        "<*> To unsubscribe from this group, send an email to:\n    x-unsubscribe@x.example\n\n"
        "<*> Your use of Yahoo! Groups is subject to:\n    http://docs.yahoo.example/terms/\n \n"
    )
    assert "Replace them first." == split_fresh(f"Replace them first.\n\n{footer}").text


@pytest.mark.parametrize(
    "introduction",
    [
        "Am Donnerstag, 22. Mai 2003 um 20:11 schriebst Du:",
        "Le jeudi 22 mai 2003 à 20:11, vous écriviez :",
        "El 22 de mayo de 2003, 20:11, escribiste:",
        "W dniu 22 maja 2003 20:11 pisałeś:",
        "Στις Παρασκευή 05 Νοεμβρίου 2010 09:55:02 γράψατε:",
    ],
)
def test_whom_one_answers_may_be_addressed(introduction: str) -> None:
    assert "No." == split_fresh(f"{introduction}\n\nUB> Did it work?\n\nNo.").text


def test_an_introduction_without_a_colon_may_be_broken() -> None:
    above = "In message <1@shop.example>, Model Rail\nSupplies <shop@shop.example> writes\n"
    assert "It came." == split_fresh(f"{above}> Did it come?\n\nIt came.").text


def test_a_version_is_no_moment_at_which_somebody_wrote() -> None:
    said = "Version 5.12.3, Windows XP SP2."
    assert said == split_fresh(f"> Which one?\n{said}\n\n> And the printer?").text


def test_a_long_rule_ends_what_kmail_passes_on() -> None:
    older = "From: Ann Berg <ann@x.example>\nDate: 5 May 2026 10:00\nSubject: Offer\n\nHello."
    above = "Please look.\n\n----------  Forwarded Message  ----------\n"
    text = f"{above}{older}\n\n{'-' * 55}\n-- \nBob"
    assert "Please look." == split_fresh(text).text

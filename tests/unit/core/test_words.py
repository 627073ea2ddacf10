"""Words: what of a text can be searched for, and what a search asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.words import (
    LONGEST_WORD,
    MOST_TERMS,
    MOST_WORDS,
    Query,
    Term,
    read_query,
    stands_in,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Printer, again!", "the printer again"),
        ("Müller MULLER mu\u0308ller", "muller muller muller"),
        ("Straße STRASSE Łódź søren Ærø İstanbul", "strasse strasse lodz soren aero istanbul"),
        ("ann@example.net", "ann example net"),
        ("AB-1234 [acme #123] 10:15", "ab 1234 acme 123 10 15"),
        ("soft\u00adhyphen ｆｕｌｌ ﬁne", "softhyphen full fine"),
        ("東京タワー", "東京 京タ タワ ワー ー"),
        ("大東京tower今", "大東 東京 京 tower 今"),
        ("한국어 서비스", "한국 국어 어 서비 비스 스"),
        ("हिन्दी में", "हिन्दी में"),
        ("שָׁלוֹם السَّلَامُ", "שלום السلام"),
        ("\ud800 \x00 🙂 \u0301", ""),
    ],
)
def test_words_of_a_text(text: str, expected: str) -> None:
    assert expected.split() == words_of(text)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("printer smoke", Query((Term(("printer",)), Term(("smoke",))))),
        ('"late invoice" x', Query((Term(("late", "invoice")), Term(("x",))))),
        ("inv*", Query((Term(("inv",), is_prefix=True),))),
        ("i*", Query((Term(("i",)),))),  # most words begin with some letter
        ("AB-12*", Query((Term(("ab", "12"), is_prefix=True),))),
        ("printer -smoke", Query((Term(("printer",)),), (Term(("smoke",)),))),
        ('printer -"blue smoke"', Query((Term(("printer",)),), (Term(("blue", "smoke")),))),
        ("-5", Query((Term(("5",)),))),
        ("東京", Query((Term(("東京",)),))),
        ("東京都", Query((Term(("東京", "京都")),))),
        ("京", Query((Term(("京",), is_prefix=True),))),
        ('"never closed', Query((Term(("never", "closed")),))),
        ("AND OR NEAR ( ) ^ : {", Query((Term(("and",)), Term(("or",)), Term(("near",))))),
        ("twice Twice", Query((Term(("twice",)),))),
        ('% * ** "" - -- \'', Query(())),
        ("", Query(())),
    ],
)
def test_what_a_search_asks_for(asked: str, expected: Query) -> None:
    assert expected == read_query(asked)


@pytest.mark.parametrize("part", ["東", "東京", "京タワ", "タワー", "ー", "高い"])
def test_any_part_of_a_run_without_blanks_is_found(part: str) -> None:
    [term] = read_query(part).wanted
    assert stands_in(term, words_of("大東京タワーは高い"))
    assert not stands_in(term, words_of("大きな犬"))


@pytest.mark.parametrize("part", ["example.net", "ann@example.net", "ANN", "exam*", "ann@exam*"])
def test_an_address_is_found_whole_and_in_parts(part: str) -> None:
    [term] = read_query(part).wanted
    assert stands_in(term, words_of("From: Ann Berg <ann@example.net>"))
    assert not stands_in(term, words_of("net of samples, and"))


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_what_stands_in_a_text_between_blanks_is_found_there(
    word: str, before: str, after: str
) -> None:
    for term in read_query('"' + word.replace('"', " ") + '"').wanted:
        assert stands_in(term, words_of(f"{before} {word} {after}"))


@given(st.text())
def test_words_are_of_letters_and_digits_whatever_the_text(text: str) -> None:
    for word in words_of(text):
        assert 0 < len(word) <= LONGEST_WORD
        assert not set(word) & set(" \"'\\~_*:&|!()<>\n\x00")


HOSTILE = ("x y ", "ü ", "漢", "\u0301", "ﷺ", '"', '-"', "* ", "AND OR NEAR (")


@pytest.mark.parametrize("text", [part * 100_000 for part in HOSTILE], ids=HOSTILE)
def test_hostile_texts_are_bounded(text: str) -> None:
    query = read_query(text)
    assert len(words_of(text)) <= MOST_WORDS
    assert len(query.wanted) + len(query.unwanted) <= MOST_TERMS
    assert all(len(term.words) <= MOST_TERMS for term in query.wanted)

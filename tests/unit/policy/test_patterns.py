"""Globs and RE2 expressions."""

import pickle

import pytest

from postroom.policy.patterns import read_expression, read_size_test, read_text_test


@pytest.mark.parametrize(
    ("found", "source", "text"),
    [
        (True, "*@bigcorp.example", "Pay@BigCorp.Example"),
        (False, "*@bigcorp.example", "pay@bigcorp.example.evil.net"),
        (False, "*@bigcorp.example", "pay@bigcorpxexample"),
        (True, "*", ""),
        (True, "*", "two\nlines"),
        (True, "invoice", "INVOICE"),
        (False, "invoice", "invoice 22"),
        (True, "FAKTURA ØRE", "faktura øre"),
        (True, "a+b (c)", "A+B (C)"),
        (False, "", "x"),
        (True, "/invoice|faktura/i", "Re: Faktura 7"),
        (False, "/invoice/", "INVOICE"),
        (True, "/^$/", ""),
        (True, "/a/b/", "a/b"),
        (True, "/etc", "/ETC"),
        (True, "/", "/"),
    ],
)
def test_text_test(found: bool, source: str, text: str) -> None:
    assert found is (read_text_test(source).pattern.search(text) is not None)


def test_a_text_with_lone_surrogates_is_compared_all_the_same() -> None:
    assert read_text_test("*invoice*").pattern.search("\udce6 invoice") is not None


@pytest.mark.parametrize(
    "text", ["/(/i", "/a/gi", "//", "/(?<x/", r"/\1/", "order", "/" + "a" * 10_001 + "/"]
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(ValueError, match=r"expression|only|longer"):
        read_expression(text)


def test_an_expression_that_would_hang_elsewhere_is_linear_here() -> None:
    assert read_expression("/(a+)+$/").search("a" * 50_000 + "b") is None


def test_groups_by_name() -> None:
    found = read_expression(r"/order (?P<order>\d+)/i").search("ORDER 42")
    assert found is not None
    assert found.groupdict() == {"order": "42"}


def test_expressions_are_values() -> None:
    one, other = read_expression("/a/i"), read_expression("/a/i")
    assert one == other == pickle.loads(pickle.dumps(one))
    assert hash(one) == hash(other)
    assert one != read_expression("/a/")


def test_nothing_is_printed_about_a_bad_expression(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="RE2"):
        read_expression("/(/")
    assert capfd.readouterr() == ("", "")


def test_size() -> None:
    test = read_size_test(">= 5MB")
    assert (test.operator, test.octets) == (">=", 5_000_000)
    with pytest.raises(ValueError, match="a comparison such as"):
        read_size_test("5MB")

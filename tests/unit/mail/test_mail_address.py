"""Addresses as they come."""

from __future__ import annotations

import pytest

from postroom.mail.address import canonical, domain_of, key, parse_addresses, parse_local


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ([("", "a@b.example")], "a@b.example"),
        ([("Ann", "a@b.example")], "Ann <a@b.example>"),
        ([("Ann Berg", "a@b.example")], "Ann Berg a@b.example"),
        ([("Ann", "a@b.example")], "a@b.example (Ann)"),
        ([("Ann", "a@b.example"), ("", "c@d.example")], "Ann <a@b.example>; c@d.example"),
        ([("Berg, Ann", "a@b.example")], '"Berg, Ann" <a@b.example>'),
        ([("Jö", "a@b.example")], "=?utf-8?q?J=C3=B6?= <a@b.example>"),
        ([("Jö", "a@b.example")], '"=?utf-8?q?J=C3=B6?=" <a@b.example>'),
        ([("x, y@z", "a@b.example")], "=?utf-8?q?x=2C_y=40z?= <a@b.example>"),
        ([("", "a@b.example")], "<a@b.example"),
        ([("", "a@b.example"), ("", "c@d.example")], "<a@b.example, c@d.example"),
        ([("", "a@b.example")], "a @ b.example"),
        ([("", "a@bücher.example")], "a@Bücher.example"),
        ([("a@b.example", "evil@x.example")], '"a@b.example" <evil@x.example>'),
        ([("a@b.example", "evil@x.example")], "a@b.example <evil@x.example>"),
        ([("", "a@b.example")], "Team: a@b.example;"),
        ([], "undisclosed-recipients:;"),
        ([], "root, <>, <@>, @x, x@"),
        ([("unclosed", "a@b.example")], '"unclosed a@b.example'),
        ([], '"a@b.example"'),
        ([], f"{'x' * 400}@b.example"),
        ([("nested (comment)", "a@b.example")], "a@b.example (nested (comment))"),
        ([("back\\slash", "a@b.example")], r'"back\\slash" <a@b.example>'),
        ([("(unclosed", "a@b.example")], "(unclosed <a@b.example>"),
        ([("", "a@b.example"), ("", "c@d.example")], "a@b.example c@d.example"),
        ([("A", "a@b.example"), ("C", "c@d.example")], "A <a@b.example> C <c@d.example>"),
        ([("A", "a@b.example")], "A <a@b.example> <c@d.example>"),
        ([("A", "a@b.example")], "A [mailto:a@b.example]"),
        ([("A", "a@b.example")], "A <a@b.example <a@b.example>>"),
        ([("", "a@b.example")], "a@b . example"),
        ([("5 in", "a@b.example"), ("", "c@d.example")], 'a@b.example (5" in), c@d.example'),
        ([("exe.gpj", "a@b.example")], "exe\u202e.gpj <a@b.example>"),
    ],
)
def test_lists_are_read(expected: list[tuple[str, str]], value: str) -> None:
    found = [(each.name, each.address) for each in parse_addresses(value)]
    assert [(name.replace(" ", ""), address) for name, address in expected] == [
        (name.replace(" ", ""), address) for name, address in found
    ]


def test_no_more_than_asked_for() -> None:
    assert 7 == len(parse_addresses("a@b.example, " * 1000, 7))


def test_spellings() -> None:
    assert "Ann@b.example" == canonical(" <Ann@B.Example.> ")
    assert "ann@b.example" == key("Ann@B.EXAMPLE")
    assert "b.example" == domain_of("Ann@B.example")
    assert "" == domain_of("ann")


@pytest.mark.parametrize(
    "written",
    [
        '"ann"@example.net',
        '"a\\nn"@example.net',
        "ann@ｅｘａｍｐｌｅ.net",
        "ann@example。net",
        "ann@Example.NET.",
    ],
)
def test_one_address_has_one_spelling(written: str) -> None:
    assert "ann@example.net" == canonical(written)


def test_quotes_that_are_needed_stay() -> None:
    assert '"a b"@example.net' == canonical('"a b"@example.net')


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (("", "root"), "root"),
        (("Mail Delivery System", "MAILER-DAEMON"), "MAILER-DAEMON (Mail Delivery System)"),
        (("Ann", "ann"), "Ann <ann>"),
        (("Ann Berg", ""), "Ann Berg"),
        (("Ann Berg", ""), '"Ann Berg"'),
        (None, "<>"),
        (None, "ann@x.example"),
        (None, '"undisclosed-recipients:;"'),
    ],
)
def test_sender_without_a_domain(expected: tuple[str, str] | None, value: str) -> None:
    found = parse_local(value)
    assert expected == (None if found is None else (found.name, found.address))

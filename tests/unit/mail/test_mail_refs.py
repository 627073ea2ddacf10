"""Message-IDs and subject tags."""

from __future__ import annotations

import pytest

from postroom.mail.refs import find_tags, message_id_of, message_ids


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ((), ""),
        (("a@b",), "<a@b>"),
        (("a@b", "c@d"), "<a@b><c@d>"),
        (("a@b", "c@d"), "<a@b>,\t<c@d>"),
        (("longid@host",), "<long \t id@host>"),
        (("x@y",), 'Your message of "Mon, 1 Jan" <x@y>'),
        (("a@b",), "a@b"),
        (("no-at-sign",), "<no-at-sign>"),
        (("c@d", "a@b"), "<a@b> <c@d> <a@b>"),
        (("b@c",), "<a <b@c>"),
        ((), "<>"),
        (("MiXed@Case",), "<MiXed@Case>"),
        (('"a"@c',), '"a"@c'),
        (("a@b",), '"a@b"'),
    ],
)
def test_ids_are_canonical(expected: tuple[str, ...], value: str) -> None:
    assert expected == message_ids(value)


def test_the_newest_ids_are_kept() -> None:
    value = " ".join(f"<{number}@x>" for number in range(500))
    assert tuple(f"{number}@x" for number in range(400, 500)) == message_ids(value)


def test_an_endless_id_is_none() -> None:
    assert () == message_ids(f"<{'x' * 5000}@y>")


@pytest.mark.parametrize(
    ("expected", "value"), [("a@b", "<a@b>"), ("bare", "bare"), (None, ""), (None, "<>")]
)
def test_message_id_header(expected: str | None, value: str) -> None:
    assert expected == message_id_of(value)


@pytest.mark.parametrize(
    ("expected", "subject"),
    [
        ((), "no tag"),
        ((123,), "Re: [acme #123] Printer"),
        ((123,), "AW: [ACME  #123 ]"),
        ((123, 7), "[acme #123] [acme #7] [acme #123]"),
        ((), "[other #123] [acme 123] [acme #] [acme #1x]"),
        ((), f"[acme #{'9' * 40}]"),
    ],
)
def test_tags_name_requests_of_this_instance(expected: tuple[int, ...], subject: str) -> None:
    assert expected == find_tags(subject, "acme")


def test_instance_is_no_expression() -> None:
    assert () == find_tags("[acme #1]", "a.me")

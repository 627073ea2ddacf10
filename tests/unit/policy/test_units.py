"""Durations, working time, sizes, budgets, addresses, nearest names."""

from datetime import timedelta

import pytest

from postroom.core.model import Span
from postroom.core.site import Budget
from postroom.core.units import (
    nearest,
    parse_address,
    parse_budget,
    parse_duration,
    parse_size,
    parse_span,
    show,
    write_size,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (90, "90s"),
        (1_800, "30m"),
        (28_800, "8h"),
        (172_800, "2d"),
        (5_400, "1h30m"),
        (93_784, "1d2h3m4s"),
        (0, "0m"),
    ],
)
def test_duration(seconds: int, text: str) -> None:
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "5", "h", "1.5h", "-1h", "30m1h", "1h 30m", "2wd", "١h", 5, None, True, "999999999d"],
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r"must be a duration|longer than"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"), [(Span(days=2), "2wd"), (Span(seconds=9_000), "2h30m"), (Span(), "0m")]
)
def test_span(span: Span, text: str) -> None:
    assert span == parse_span(text)


def test_a_day_is_working_time_only_where_the_calendar_never_closes() -> None:
    assert parse_span("2d", may_name_days=True) == Span(seconds=172_800)
    with pytest.raises(ValueError, match='working days \\("2wd"\\)'):
        parse_span("2d")


@pytest.mark.parametrize(
    ("octets", "text"), [(25_000_000, "25MB"), (1_000, "1KB"), (5, "5B"), (10**9, "1 gb")]
)
def test_size(octets: int, text: str) -> None:
    assert octets == parse_size(text)


@pytest.mark.parametrize("text", ["25MB", "1GB", "1500KB", "7B"])
def test_a_size_is_written_as_it_is_read(text: str) -> None:
    assert text == write_size(parse_size(text))


@pytest.mark.parametrize("text", ["25", "MB", "1.5MB", "25MiB", "-1MB", 25, "999999999999999GB"])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match=r"size|larger"):
        parse_size(text)


def test_budget() -> None:
    assert Budget(2, timedelta(minutes=20)) == parse_budget("2 per 20m")
    assert Budget(0, timedelta(0)) == parse_budget("off")


@pytest.mark.parametrize(
    "text", ["", "2", "2 per", "two per 20m", "0 per 20m", "2 per 0m", False, 0]
)
def test_what_is_no_budget(text: object) -> None:
    with pytest.raises(ValueError, match=r"2 per 20m|allows nothing|duration"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["eva@example.com", "o'hara+x@sub.example.no", "åse@blåbær.no"])
def test_address(text: str) -> None:
    assert text == parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "eva",
        "@example.com",
        "eva@",
        "a b@example.com",
        "a@b@c",
        "a@-b.no",
        "<a@b.no>",
        "a@b.no\n",
        1,
    ],
)
def test_what_is_no_address(text: object) -> None:
    with pytest.raises(ValueError, match="must be a mail address"):
        parse_address(text)


def test_nearest_name_is_found_without_case() -> None:
    assert nearest("Suport", ["sales", "support"]) == '; did you mean "support"?'


def test_without_a_near_name_the_choices_are_listed() -> None:
    assert nearest("xyz", ["b", "a"]) == "; there is: a, b"
    assert nearest("xyz", []) == ""


def test_a_long_value_is_shown_short_and_on_one_line() -> None:
    assert len(show("x\n" * 500)) < 90
    assert "\n" not in show("x\n" * 500)

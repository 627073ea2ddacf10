"""Long lines are broken so that whoever reads format=flowed sees what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mail.flowed import WIDTH, flow, unflow

WORDS = st.sampled_from(
    [
        "we",
        "are",
        "looking",
        "into",
        ">",
        ">>",
        "From",
        "--",
        "-- ",
        "",
        "  ",
        "x" * 90,
        "漢字" * 50,
        "Zoë",
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=40).map(" ".join), max_size=6)
LONG = "We have looked into the matter that you wrote about, and found that the printer is on fire."


def kept(line: str) -> str:
    """What is left of a line: blanks at its end say nothing."""
    return line if line == "-- " else line.rstrip(" ")


def shown(text: str) -> list[str]:
    """The lines that a reader shows, with marks of quoting as text writers write them."""
    return unflow(text, is_delsp=False).split("\n")


def plain(line: str) -> str:
    """A line as unflow shows it: one blank behind the marks."""
    content = line.lstrip(">")
    marks = line[: len(line) - len(content)]
    content = content.removeprefix(" ") if marks else content
    return marks + (" " if marks and content else "") + content


@given(LINES)
def test_what_is_shown_is_what_was_written(lines: list[str]) -> None:
    flowed = flow("\n".join(lines))
    assert [plain(kept(line)) for line in lines] or [""] == shown(flowed)


@given(LINES)
def test_no_line_is_longer_than_need_be(lines: list[str]) -> None:
    for line in flow("\n".join(lines)).split("\n"):
        assert len(line) <= WIDTH + 2 or line.startswith(" ") or len(line.strip("> ").split()) <= 2


def test_a_long_line_is_broken_behind_a_blank() -> None:
    first, second = flow(LONG).split("\n")
    assert first.endswith(" ")
    assert len(first) <= WIDTH
    assert LONG == first + second


@pytest.mark.parametrize("line", ["Hello", "", "> quoted", "-- ", "x" * 300])
def test_a_line_that_fits_or_cannot_be_broken_stays(line: str) -> None:
    assert line == flow(line)


@pytest.mark.parametrize("line", [" indented", " " + "indented " * 20 + "words", "From me to you"])
def test_what_would_be_taken_for_something_else_is_stuffed(line: str) -> None:
    assert f" {line}" == flow(line)


def test_a_long_quoted_line_keeps_its_mark() -> None:
    lines = flow(f"> {LONG}").split("\n")
    assert ["> ", "> "] == [line[:2] for line in lines]
    assert [f"> {LONG}"] == shown("\n".join(lines))


def test_a_line_of_a_megabyte_takes_no_time() -> None:
    assert 1_000_000 < len(flow("ab " * 400_000))
    assert 1_000_001 == len(flow("x" + " " * 999_998 + "x"))

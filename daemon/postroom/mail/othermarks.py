"""Lines that are quoted by other marks than ">": by a bar, or by who is quoted ("AB> ").

Promise: linear in the lines. Such a mark is one only if an introduction stands above its first
line; it is then one in all of the mail.
Used by: mail.fresh.
"""

from __future__ import annotations

import re

from postroom.mail.introductions import find_introduction, is_quoted

_MARK = re.compile(
    r"^[ \t]{0,8}(?:([A-ZÀ-ÞΑ-ΩЀ-Я][\w.]{0,11})>+|([|»›┃¦│])(?![^\n]*\|\s*$))", re.MULTILINE
)
_MOST_MARKS = 20  # different ones that are looked at


def with_plain_marks(text: str) -> list[str]:
    """Return the lines, with ">" in place of the other quote marks."""
    lines = text.split("\n")
    if not _may_be_marked(text) or _MARK.search(text) is None:
        return lines
    marked: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if (mark := _MARK.match(line)) is not None:
            marked.setdefault(mark[1] or mark[2], []).append(number)
    for numbers in list(marked.values())[:_MOST_MARKS]:
        if _is_introduced(lines, numbers[0]):
            for number in numbers:
                lines[number] = f"> {lines[number]}"
    return lines


def _may_be_marked(text: str) -> bool:
    return ">" in text or "|" in text or not text.isascii()


def _is_introduced(lines: list[str], position: int) -> bool:
    for number in range(position - 1, max(position - 4, -1), -1):
        line = lines[number].rstrip()
        if line:
            is_closed = line.endswith((":", "："))
            return is_closed and (
                is_quoted(line) or find_introduction(lines, number, is_marked=True) is not None
            )
    return False

"""The narrow header of old Notes, as text: all about the author below each other on the left.

    "Ann Berg"
    <ann.berg@kun        To:       Bob Dahl/Acme
    de.example>          cc:
    05/05/2001           Subject:  Offer
    10:15 AM
    Please respond
    to ann

The column on the left is some twenty characters wide, and what is longer goes on in the next line.

Promise: each call looks at `_REACH` lines on either side.
Used by: mail.notes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.fields import FIELDS
from postroom.mail.headers import Header

_REACH = 10
_WIDEST = 160
_NARROW = 30  # characters of the left column
_TIME = re.compile(r"\s{2,}(\d{1,2}[:.]\d\d(?::\d\d)?(?: ?[AP]M)?)(?:\s{2,}\S.*)?\s*$")
_DATE = re.compile(r"\s{2,}(\d{1,4}[./-]\d{1,2}[./-]\d{2,4})(?:\s{2,}\S.*)?\s*$")
_ROW = re.compile(r"\s*(?:(\S.*?)\s{2,})?([^\W\d_]{2,12}):(?:\s+(\S.*?))?\s*$")


def may_be_narrow(line: str) -> bool:
    """Say quickly whether a line may be the one with the time."""
    return len(line) <= _WIDEST and _TIME.match(line) is not None


def read_narrow(lines: Sequence[str], position: int) -> tuple[int, Header] | None:
    """Read the header whose time stands in this line: where it begins, and what it says."""
    time = _TIME.match(lines[position][:_WIDEST])
    date = _DATE.match(lines[position - 1][:_WIDEST]) if position else None
    if time is None or date is None:
        return None
    start = _edge(lines, position, -1)
    end = _edge(lines, position, 1) + 1
    left: list[str] = []
    fields: dict[str, str] = {}
    for number in range(start, end):
        row = _ROW.match(lines[number][:_WIDEST])
        kind = FIELDS.get(row[2].lower(), "") if row is not None else ""
        if row is not None and kind:
            fields.setdefault(kind, row[3] or "")
        cell = row[1] if row is not None and kind else lines[number].strip()
        if number < position - 1 and cell and len(cell) <= _NARROW:
            left.append(cell)
    if "to" not in fields or "subject" not in fields or not left:
        return None
    found = {"from": _joined(left), "date": f"{date[1]} {time[1]}", "subject": fields["subject"]}
    return start, Header(end, found)


def _edge(lines: Sequence[str], position: int, step: int) -> int:
    """Return the last line of the block in one direction."""
    number = position
    for _ in range(_REACH):
        following = number + step
        if not 0 <= following < len(lines) or not _is_row(lines[following]):
            break
        number = following
    return number


def _is_row(line: str) -> bool:
    return bool(line.strip()) and line[:2].isspace() and len(line) <= _WIDEST


def _joined(cells: Sequence[str]) -> str:
    """Join name and address; an address goes on without a blank."""
    said = ""
    for cell in cells:
        is_open = "<" in said and ">" not in said
        said = f"{said}{cell}" if is_open or not said else f"{said} {cell}"
    return said.strip('" ')

"""The header that Lotus Notes writes above an answered mail: labels without colons.

Notes draws a table of two columns: name and date on the left, "To", "cc" and "Subject" with their
values on the right. As plain text its cells stand below each other, or between wide gaps, or
between bars, or in a narrow column (`mail.narrow`).

Promise: each call looks at `_ABOVE + _BELOW` lines at most.
Used by: mail.quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.fields import FIELDS
from postroom.mail.headers import Header
from postroom.mail.narrow import may_be_narrow, read_narrow

_ABOVE = 8  # lines above the date, of name and address
_BELOW = 24  # lines of labels and values
_WIDEST = 160
_LONGEST_NAME = 80
_FRAME = " \t|>*"
_GAP = re.compile(r"\s{2,}|\t|\|")
_COPIES = frozenset(
    {"cc", "bcc", "kopie", "copie", "copia", "cópia", "kopi", "kopia", "kopio", "kopija", "kópia"}
)
# "05.05.2026 10:00", and what may stand in the other column beside it.
_STAMP = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4},? {1,3}\d{1,2}[:.]\d\d(?::\d\d)?(?: ?[AP]M)?(?: [A-Z]{2,5})?"
    r"(?:\W*|[\s|]{2,}[\w.:]{1,12}\W*|[\s|]{2,}[\w.]{1,12}:[\s|]{1,30}\S[^|]{0,80}\W*)$"
)


def may_be_notes(line: str) -> bool:
    """Say quickly whether a line may be the one with the date."""
    return may_be_narrow(line) or (len(line) <= _WIDEST and _STAMP.search(line) is not None)


def read_notes(lines: Sequence[str], position: int) -> tuple[int, Header] | None:
    """Read the header whose date stands in this line: where it begins, and what it says."""
    if (narrow := read_narrow(lines, position)) is not None:
        return narrow
    stamp = _STAMP.search(lines[position][:_WIDEST])
    if stamp is None:
        return None
    labels = _find_labels(lines, position)
    if labels is None:
        return None
    start, sender = _above(lines, min(position, labels["to"]), position)
    end, subject = _value(lines, labels["subject"])
    date = _GAP.split(stamp[0].strip())[0].strip(_FRAME)
    fields = {"from": sender, "date": date, "subject": subject}
    return start, Header(_below_frame(lines, end), fields)


def notes_below(lines: Sequence[str], position: int) -> Header | None:
    """Read the header that begins in this line, or below the name of a company."""
    for number in range(position, min(position + _ABOVE, len(lines))):
        if may_be_notes(lines[number]):
            found = read_notes(lines, number)
            return None if found is None else found[1]
    return None


def _find_labels(lines: Sequence[str], position: int) -> dict[str, int] | None:
    """Find "To", "cc" and "Subject", in this order; the first one near the date."""
    found: dict[str, int] = {}
    for number in range(max(position - 3, 0), min(position + _BELOW, len(lines))):
        kind = _kind(lines[number])
        if kind in {"from", "date"} and number != position:
            return None
        if kind == "to" and "to" not in found:
            found["to"] = number
        elif kind == "cc" and "to" in found:
            found["cc"] = number
        elif kind == "subject" and "cc" in found:
            found["subject"] = number
            return found if found["to"] <= position + 6 else None
    return None


def _kind(line: str) -> str:
    """Say which label stands in a line: alone, in the last column, or before a wide gap."""
    if len(line) > _WIDEST:
        return ""
    cells = [cell for cell in _GAP.split(line.strip(_FRAME)) if cell.strip(_FRAME)]
    if not cells:
        return ""
    for cell in (cells[-1], cells[0], *(each for each in cells[1:-1] if each.endswith(":"))):
        word = cell.strip(_FRAME + ":").lower()
        if word in _COPIES:
            return "cc"
        if word in FIELDS:
            return FIELDS[word]
    label = cells[0].partition(":")[0].lower() if ":" in cells[0] else ""
    return "cc" if label in _COPIES else FIELDS.get(label, "")


def _value(lines: Sequence[str], position: int) -> tuple[int, str]:
    """Read the subject: beside its label, or below it."""
    words = lines[position].strip(_FRAME)
    columns = _GAP.split(words)
    for number, column in enumerate(columns[1:-1], 1):  # date, "Subject:", subject
        if column.endswith(":") and FIELDS.get(column[:-1].lower()) == "subject":
            return position + 1, " ".join(columns[number + 1 :]).strip(_FRAME)
    label, colon, beside = words.partition(":")
    if not colon:
        cells = _GAP.split(words, maxsplit=1)
        label, beside = cells[0], "".join(cells[1:])
    if FIELDS.get(label.strip(_FRAME).lower()) == "subject" and beside.strip(_FRAME):
        return position + 1, beside.strip(_FRAME)
    for number in range(position + 1, min(position + 3, len(lines))):
        if lines[number].strip(_FRAME):
            return number + 1, lines[number].strip(_FRAME)
    return position + 1, ""


def _above(lines: Sequence[str], label: int, stamp: int) -> tuple[int, str]:
    """Find the first line of name and address, and read them."""
    beside = _STAMP.sub("", lines[stamp][:_WIDEST]).strip(_FRAME + ",").removesuffix(" on")
    word, _, value = beside.partition(":")
    if FIELDS.get(word.lower()) == "from":
        beside = value.strip(_FRAME)
    if len(beside) > 2:  # "Ann Berg <ann@kunde.example> on 05/05/2026 10:00:00 AM"
        return stamp, beside
    start = min(label, stamp)
    names = [] if start == stamp else _before_label(lines[start])
    lowest = max(start - _ABOVE, 0)
    for number in range(start - 1, lowest - 1, -1):
        words = lines[number].strip(_FRAME)
        if not words or not words.strip("-"):  # the frame, if it is no empty line
            if names or words:
                return (number if words else start), " ".join(names)
            continue
        if len(words) > _LONGEST_NAME or words.endswith((".", "!", "?")):
            break
        names.insert(0, words)
        start = number
        if "@" in words and not words.startswith("<"):
            break
    return start, " ".join(names)


def _before_label(line: str) -> list[str]:
    """Return what stands in the columns before the label."""
    cells = _GAP.split(line.strip(_FRAME))
    labels = (n for n, cell in enumerate(cells) if cell.strip(_FRAME + ":").lower() in FIELDS)
    return cells[: next(labels, len(cells) - 1)]


def _below_frame(lines: Sequence[str], position: int) -> int:
    for number in range(position, min(position + 4, len(lines))):
        if "---" in lines[number] and not lines[number].strip(_FRAME + "-"):
            return number + 1
    return position

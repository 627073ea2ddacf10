"""The block of header lines above an older mail, as mail programs write it into the text.

Promise: any lines are read, each call looks at `_MOST_LINES` of them at most. A block is one only
if its fields belong together: "From: Oslo", "To: Bergen", "Date: …" of a customer is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroom.mail.fields import FIELDS, SENT

_MOST_LINES = 60  # of one block: lists of recipients can be long
_NEAR = 15  # lines within which a field that goes on must meet the next one
_LOOK = 2_000  # characters of a line that are read
_MARKS = " \t>*_|#"
_MARKS_AROUND = " \t*_|"
# As a line of a field that goes on.
_INDENTED = re.compile(r"(?>(?:> ?){0,100})(?:[ \t]|<[^<>]{1,200}>)")
_MAIN = frozenset({"from", "to", "date", "subject"})
_TIME = re.compile(
    r"\d\s?[:h時点시时]|(?<![.\d])\d{1,2}\.\d\d(?![.\d])|\d ?[ap]\.?m\b", re.IGNORECASE
)
# "Oldfield <ben@x.example>, Ann": the second line of a list of recipients.
_RECIPIENT = re.compile(r"[^<>@:]{0,60}<[^\s<>@]{1,100}@[^\s<>@]{1,150}>(?:[,;]|\s*$)")
# "Wed, 16 May 2012 00:15:02 -0600": nobody types this.
_STAMP = re.compile(r"\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")
_LABEL = 60  # characters of a line that may be its label
_WRAPPED = 60  # a line of this length may go on in the next one
_MOST_CELLS = 16  # lines of a block in a table
_CELLS = re.compile(r"([^\s|]{1,20}(?: [^\s|]{1,20})??)(?: ?\||\s|$)\s*(.*)")
_FIELD_INSIDE = re.compile(
    r"(?:(?<=\s)|(?<=\*))\**([^\W\d_]{2,12}(?: el| em| le)?)\**\s?[:：]\**\s"
)
# Yahoo loses the blanks, too: "… <ann@x.example>To: Bob <bob@x.example>Sent: … PMSubject: …".
_FIELD_GLUED = re.compile(
    rf"(?<=\S)({'|'.join(re.escape(each.capitalize()) for each in FIELDS if each.isalpha())}):\s"
)


@dataclass(frozen=True, slots=True)
class Header:
    """A block that ends before line `end`; `fields` may hold from, date, to, subject, other."""

    end: int
    fields: Mapping[str, str]


def label_of(line: str) -> tuple[str, str, str] | None:
    """Return field, label and value of a line that looks like one of a header."""
    end = line.find(":", 0, _LABEL)
    wide = line.find("：", 0, _LABEL if end < 0 else end)
    end = end if wide < 0 else wide
    if end < 0:
        return None
    label = line[:end].strip(_MARKS).lower()
    kind = FIELDS.get(label)
    return None if kind is None else (kind, label, line[end + 1 : _LOOK].strip(_MARKS_AROUND))


def read_header(lines: Sequence[str], start: int, *, is_expected: bool) -> Header | None:
    """Read the block that begins in this line; None if there is none.

    `is_expected`: something above says that an older mail follows, so that less is proof enough.
    """
    first = label_of(lines[start])
    if first is None:
        return _read_cells(lines, start) if is_expected else None
    if (inline := _read_inline(first)) is not None:
        return Header(start + 1, inline)
    reader = _Reader(lines, start)
    reader.read()
    if not _belong_together(reader.fields, reader.labels, is_expected=is_expected):
        return None
    # "from: a@x.example", "to: b@x.example" of a file of settings: programs write "From".
    is_small = lines[start].lstrip(_MARKS)[:1].islower()
    if is_small and not is_expected and "date" not in reader.fields:
        return None
    return Header(reader.end, reader.fields)


class _Reader:
    """State of reading one block."""

    def __init__(self, lines: Sequence[str], start: int) -> None:
        self.lines = lines
        self.position = start
        self.end = start
        self.fields: dict[str, str] = {}
        self.labels: set[str] = set()
        self.last = ""

    def read(self) -> None:
        most = min(self.position + _MOST_LINES, len(self.lines))
        while self.position < most:
            line = self.lines[self.position]
            if not line.strip(_MARKS):
                if not self._is_label_near(2, over_blanks=True):
                    return
            elif (label := label_of(line)) is not None and self._is_new(label[0]):
                self._take(*label)
            elif label is None and self._goes_on(line):
                self.fields[self.last] = f"{self.fields[self.last]} {line.strip(_MARKS)}".strip()
                self.end = self.position + 1
            else:
                return
            self.position += 1

    def _is_new(self, kind: str) -> bool:
        return kind not in self.fields or kind == "other"

    def _take(self, kind: str, label: str, value: str) -> None:
        self.fields[kind] = value
        self.labels.add(label)
        self.last = kind
        self.end = self.position + 1

    def _goes_on(self, line: str) -> bool:
        """Say whether a line without a label still belongs to the field above it."""
        if not self.last:
            return False
        value = self.fields[self.last]
        above = self.lines[self.position - 1]
        if not value:
            return self._is_label_near(_NEAR, over_blanks=False) or self.last != "other"
        is_indented = _INDENTED.match(line) is not None
        if self._is_label_near(_NEAR, over_blanks=False):
            return True
        if self.last in {"to", "other"}:
            is_open = value.endswith((",", ";")) or (is_indented and "@" in line)
            return is_open or ("@" in value and _RECIPIENT.match(line.lstrip(_MARKS)) is not None)
        if self.last != "subject" or len(above) < _WRAPPED:
            return False
        if is_indented:
            return True
        below = self.lines[self.position + 1 : self.position + 2]
        return bool(below) and not below[0].strip(_MARKS)

    def _is_label_near(self, distance: int, *, over_blanks: bool) -> bool:
        """Say whether one of the next lines is a field that has not been seen yet."""
        last = min(self.position + 1 + distance, len(self.lines))
        for line in self.lines[self.position + 1 : last]:
            if not line.strip(_MARKS):
                if over_blanks:
                    continue
                return False
            label = label_of(line)
            if label is not None:
                is_open = label[0] != "other" or not self.fields.keys() >= _MAIN
                return self._is_new(label[0]) and is_open
            if over_blanks:
                return False
        return False


def _belong_together(fields: Mapping[str, str], labels: set[str], *, is_expected: bool) -> bool:
    kinds = fields.keys() - {"other"}
    if is_expected:
        return len(kinds) >= 2 and bool(kinds & {"from", "subject"})
    if "from" not in kinds:
        return False
    is_addressed = "@" in fields["from"] or "@" in fields.get("to", "")
    is_sent = not SENT.isdisjoint(labels)
    is_dated = any(each.isdigit() for each in fields.get("date", ""))
    if {"date", "subject"} <= kinds:
        # "From: Oslo", "Date: 5 May" and "Subject: tickets" are a customer's.
        is_timed = _TIME.search(fields["date"]) is not None
        is_named = not fields["from"][:1].isdigit()  # "From: 10 to 12"
        return is_addressed or (is_dated and is_named and (is_sent or is_timed))
    if len(kinds) >= 3:
        return is_addressed or (is_sent and is_dated)
    if "date" not in kinds or not is_addressed:
        return False
    return (is_sent and is_dated) or _STAMP.match(fields["date"]) is not None


def _read_cells(lines: Sequence[str], start: int) -> Header | None:
    """Read a block whose labels stand in the cells of a table: "| From | Ann <a@b> |"."""
    fields: dict[str, str] = {}
    end = start
    for number in range(start, min(start + _MOST_CELLS, len(lines))):
        cells = lines[number][:_LOOK].strip(_MARKS)
        found = _CELLS.match(cells)
        kind = FIELDS.get(found[1].strip().lower()) if found is not None else None
        if found is not None and kind is not None:
            fields.setdefault(kind, found[2].strip(_MARKS_AROUND))
            end = number + 1
        elif cells:
            break
    is_whole = {"from", "subject"} <= fields.keys() and len(fields) >= 3
    return Header(end, fields) if is_whole else None


def _read_inline(first: tuple[str, str, str]) -> dict[str, str] | None:
    """Read a block whose line breaks got lost: "From: … Sent: … To: … Subject: …"."""
    kind, _, value = first
    if kind != "from" or len(value) < 20:
        return None
    marks = [each for each in _FIELD_INSIDE.finditer(value) if each[1].lower() in FIELDS]
    if not marks and len(value) > _WRAPPED:
        marks = list(_FIELD_GLUED.finditer(value))
    fields = {"from": value[: marks[0].start()].strip(" *")} if marks else {}
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        end = following.start() if following is not None else len(value)
        fields.setdefault(FIELDS[mark[1].lower()], value[mark.end() : end].strip(" *"))
    is_whole = {"from", "date", "subject"} <= fields.keys() and "to" in fields
    return fields if is_whole else None

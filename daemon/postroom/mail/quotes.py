"""Where an older mail begins inside the text of a newer one.

Promise: any lines are looked at, in time linear in them. A boundary is found by what mail programs
write above a quoted mail: an introduction ("On …, Ann wrote:"), a separator between dashes, a block
of header lines. In doubt there is none: a customer's own words are never taken for a program's.
Used by: mail.fresh, mail.forward.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postroom.mail.headers import Header, label_of, read_header
from postroom.mail.introductions import (
    LOOK,
    find_introduction,
    introduction_below,
    is_introduction,
    is_quote_next,
    is_quoted,
    may_end_introduction,
    next_line,
)
from postroom.mail.notes import may_be_notes, notes_below, read_notes
from postroom.mail.phrases import (
    A_MAIL,
    END_OF_FORWARD,
    FORWARDED,
    ORDER,
    ORIGINAL,
    PASSED_ON,
    REPLY_ABOVE,
    SEPARATOR_LETTERS,
    SEPARATOR_START,
)

_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BLANKS = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_ODD = re.compile("[\u00a0\u00ad\u061c\u180e\u2000-\u200f\u202a-\u202f\u2060-\u2069\u3000\ufeff]")
_LEFT_BLANKS = re.compile(r"(?<![= ]) ?=(?:20)?(?:=20)*$", re.MULTILINE)
_LEFT_COMMA = re.compile(r"=2C", re.IGNORECASE)
_DASHES = "-‐‑‒–—―─━=_*+~#<> \t"
_RULE = re.compile(r"\s*(?:[-‐‑‒–—―─━_=*~]\s?){5,}\s*$")
_LAST_RULE = re.compile(r"-{40,80}")
_SIGNATURE = 12  # lines of one at the end
# The Bat!: "===8<==============Original message text===============".
_SCISSORS = re.compile(r"[=-]{2,20}8<[=-]")
_MOST_RAW = 60  # lines of a header that are looked at
_RAW = re.compile(
    r"(?:received(?=: (?:from|by|\())|return-path|delivered-to|authentication-results"
    r"|dkim-signature|received-spf"
    r"|arc-[a-z-]{3,40}|x-[a-z0-9-]{3,60}): ",
    re.IGNORECASE,
)
_RAW_LINE = re.compile(r"[A-Za-z][A-Za-z-]{1,60}: |[ \t]+\S")
# Orange, SFR: "Message du 05/05/26 10:00", "De : …", "A : …", "Objet : …".
_MESSAGE_OF = re.compile(r"[\s>]{0,8}message du\s?:?\s?(\d.{5,40})", re.IGNORECASE)
_LONG_DASHES = "-----"
_LONGEST_ORDER = 160  # characters of "Please type your reply above this line"
_NOTES = re.compile(r"\S.{1,80}---\d{1,4}[./-]\d{1,2}[./-]\d{2,4} \d.{4,20}---")
# Yahoo for Android: "  On Tue, 5 May 2026 at 9:14, Ann<ann@x.example> wrote:   Hello".
_GLUED = re.compile(
    r"(\s{0,4}[^\s<>][^<>]{3,300}<[^\s<>@]{1,100}@[^\s<>]{1,150}> [^\W\d_]{3,12}:) {2,4}\S"
)
# The same in Yahoo's HTML, with only one blank: the beginning, and the end.
_GLUED_START = re.compile(r"\s{0,8}(?:On|Am|Le|El|Il|Em|Op) [^<>]{0,40}\d{4}")
_GLUED_END = re.compile(r"<[^\s<>@]{1,100}@[^\s<>]{1,150}> [^\W\d_]{3,12}:(?= \S)")
# Yahoo: "----- Forwarded Message ----- From: Ann <ann@x.example>To: … Subject: Offer".
_ONE_LINE = re.compile(r"\s{0,4}(-{3,10} ?[^\s-][^-]{2,60}-{3,10})\s?([^\s-].{40,2000})")


@dataclass(frozen=True, slots=True)
class Boundary:
    """Lines `start` to `end` (without) introduce an older mail; its own text begins at `end`."""

    start: int
    end: int
    introduction: str  # the words "On …, Ann wrote:", in one line, or ""
    header: Header | None
    is_forward: bool  # it says itself that the mail was passed on
    is_quoted: bool  # the older mail carries quote marks: what stands below them is new again


def clean(text: str) -> str:
    """Return the text as it is compared: without invisible marks, with plain blanks.

    What quoted-printable left over at the ends of lines is none of their words, either.
    """
    if text.count("=20\n") > 1:
        text = _LEFT_COMMA.sub(",", _LEFT_BLANKS.sub("", text))
    if text.isascii() or _ODD.search(text) is None:
        return text
    return _BLANKS.sub(" ", _UNSEEN.sub("", text))


def is_rule(line: str) -> bool:
    """Say whether a line is nothing but a rule."""
    return _RULE.match(line) is not None


def may_be_boundary(line: str) -> bool:
    """Say quickly whether `find_boundary` has anything to look at in this line."""
    bare = line[:LOOK].strip()
    if bare[:2].strip(_DASHES) == "":
        return bare.strip(_DASHES) != ""
    return (
        bare[-1:] in ":：*_>-–—"
        or "---" in bare
        or ":  " in bare
        or (">" in bare and _GLUED_START.match(line) is not None)
        or "news:" in bare
        or "this line" in bare
        or label_of(line) is not None
        or may_be_notes(line)
    )


def find_boundary(
    lines: Sequence[str], position: int, *, is_expected: bool = False
) -> Boundary | None:
    """Find the boundary that this line belongs to: its first line, or the end of its introduction.

    `is_expected`: the markup says that an older mail begins here.
    """
    line = lines[position][:LOOK]
    bare = line.strip()
    if (kind := _separator(lines, position, bare)) is not None:
        return _complete(lines, position, position + 1, is_forward=kind == "forward")
    if bare.startswith(_LONG_DASHES) and (below := _broken_dashes(lines, position)):
        kind = _separator(lines, position + 1, f"{bare} {below}")
        if kind is not None:
            return _complete(lines, position, position + 2, is_forward=kind == "forward")
    if (one := _in_one_line(lines, position)) is not None:
        return one
    is_expected = is_expected or _is_ruled(lines, position)
    if read_header(lines, position, is_expected=is_expected) is not None:
        if not is_expected and _is_raw(lines, position):
            return None
        return _below_words(lines, position)
    if _NOTES.match(bare) is not None:
        return Boundary(position, position + 1, bare, None, is_forward=False, is_quoted=False)
    if may_be_notes(line) and (notes := read_notes(lines, position)) is not None:
        return Boundary(notes[0], notes[1].end, "", notes[1], is_forward=False, is_quoted=False)
    if may_end_introduction(bare):
        is_marked = is_quote_next(lines, position + 1)
        found = find_introduction(lines, position, is_marked=is_marked)
        if found is not None:
            start, words = found
            return Boundary(start, position + 1, words, None, is_forward=False, is_quoted=is_marked)
    if glued := _glued(line):
        return Boundary(position, position + 1, glued, None, is_forward=False, is_quoted=False)
    return None


def _glued(line: str) -> str:
    """Return the introduction that the older mail's first words follow in the same line, or ""."""
    if (found := _GLUED.match(line)) is not None:
        words = found[1]
    elif _GLUED_START.match(line) and (end := _GLUED_END.search(line)) is not None:
        words = line[: end.end()]
    else:
        return ""
    return words if is_introduction(words, is_marked=False) else ""


def _in_one_line(lines: Sequence[str], position: int) -> Boundary | None:
    """Read an order to reply above it, or a separator with the whole header behind it."""
    if _is_order(lines, position):
        return _complete(lines, _rule_above(lines, position), _below_rule(lines, position + 1))
    found = _ONE_LINE.match(lines[position])
    if found is None or (kind := _separator(lines, position, found[1])) is None:
        return None
    header = read_header([found[2]], 0, is_expected=True)
    if header is None:
        return None
    below = next_line(lines, position + 1)
    is_forward, is_marked = kind == "forward", is_quote_next(lines, below)
    return Boundary(position, below, "", Header(below, header.fields), is_forward, is_marked)


def _broken_dashes(lines: Sequence[str], position: int) -> str:
    """Return the second line of a separator that was too long for one; "" if there is none."""
    below = lines[position + 1][:LOOK].strip() if position + 1 < len(lines) else ""
    is_end = below.endswith(_LONG_DASHES) and below.strip(_DASHES) != ""
    return "" if not is_end or lines[position].rstrip().endswith("-") else below


def _complete(
    lines: Sequence[str], start: int, position: int, *, is_forward: bool = False
) -> Boundary:
    """Read on below a separator, or from the first line of a header block."""
    position = next_line(lines, position)
    header, introduction, is_marked = None, "", False
    if position < len(lines):
        header = read_header(lines, position, is_expected=True) or notes_below(lines, position)
    if header is not None:
        # What a forwarded mail quotes is its own matter.
        is_marked = is_forward and is_quoted(lines[position])
        position = _below_rule(lines, next_line(lines, header.end))
        if "from" not in header.fields and (found := introduction_below(lines, position)):
            position, introduction = found  # Yandex: who and when stand below
    elif (found := introduction_below(lines, position)) is not None:
        position, introduction = found
    if header is None or not is_forward:
        is_marked = is_quote_next(lines, position)
    return Boundary(start, position, introduction, header, is_forward, is_marked)


def _below_rule(lines: Sequence[str], position: int) -> int:
    """Pass over a rule, or the separator once more, that some programs write below a header."""
    if position < len(lines):
        bare = lines[position][:LOOK].strip()
        if _SCISSORS.match(bare) is not None:
            return next_line(lines, position + 1)
        is_again = bare[:3].strip(_DASHES) == "" and _separator(lines, position, bare) is not None
        if is_again or (is_rule(bare) and not is_quoted(bare)):
            return next_line(lines, position + 1)
    return position


def broken_introduction(lines: Sequence[str], position: int) -> Boundary | None:
    """Find the introduction whose last line only looks quoted, as in "Ann <" "a@b" "> wrote:"."""
    bare = lines[position].strip()
    above = lines[position - 1] if position else ""
    if len(bare) > 60 or not bare.endswith((":", "：")) or "@" not in above or is_quoted(above):
        return None
    is_marked = is_quote_next(lines, position + 1)
    found = find_introduction(lines, position, is_marked=is_marked)
    if found is None or found[0] == position:
        return None
    return Boundary(found[0], position + 1, found[1], None, is_forward=False, is_quoted=is_marked)


def end_of_forward(lines: Sequence[str], position: int) -> int:
    """Return the line that says that a forwarded mail is over, or the end of the text.

    KMail ends it with a long rule, below which only a signature may stand.
    """
    for number in range(position, len(lines)):
        line = lines[number][:LOOK]
        if "--" in line or "==" in line:
            words = _SCISSORS.sub("", line).strip(_DASHES).lower()
            if END_OF_FORWARD.match(words) is not None:
                return number
    end = len(lines)
    for number in range(end - 1, max(end - _SIGNATURE, position), -1):
        if lines[number] == "-- ":
            end = number
        elif _LAST_RULE.fullmatch(lines[number].rstrip()) is not None:
            return (
                number if not any(line.strip() for line in lines[number + 1 : end]) else len(lines)
            )
    return len(lines)


def _below_words(lines: Sequence[str], position: int) -> Boundary:
    """Complete a header block, with the words "This is a forwarded message" above it."""
    above = _above(lines, position)
    if (kind := _separator(lines, above, lines[above][:LOOK].strip())) is not None:
        return _complete(lines, above, position, is_forward=kind == "forward")
    found = _complete(lines, _rule_above(lines, position), position)
    dated = _MESSAGE_OF.match(lines[above][:LOOK])
    if dated is None or found.header is None or "date" in found.header.fields:
        return found
    header = Header(found.header.end, {**found.header.fields, "date": dated[1].strip()})
    return replace(found, start=_rule_above(lines, above), header=header)


def _above(lines: Sequence[str], position: int) -> int:
    """Return the next line above that is not empty, if it is near; else this line."""
    near = range(position - 1, max(position - 3, -1), -1)
    return next((number for number in near if lines[number].strip()), position)


def _is_raw(lines: Sequence[str], position: int) -> bool:
    """Say whether a block goes on a header as servers write it: the sender shows us one."""
    for number in range(position, max(position - _MOST_RAW, -1), -1):
        if _RAW.match(lines[number]) is not None:
            return True
        if _RAW_LINE.match(lines[number]) is None:
            return False
    return False


def _is_order(lines: Sequence[str], position: int) -> bool:
    """Say whether "Reply above this line" stands below a rule, or just above one."""
    if ORDER.match(lines[position][:LOOK]) is None:
        return False
    below = lines[position + 1] if position + 1 < len(lines) else ""
    return _is_ruled(lines, position) or is_rule(below)


def _is_ruled(lines: Sequence[str], position: int) -> bool:
    return _rule_above(lines, position) < position


def _rule_above(lines: Sequence[str], position: int) -> int:
    """Return the line of a rule just above, else this line."""
    for number in range(position - 1, max(position - 3, -1), -1):
        if is_rule(lines[number]):
            return number
        if lines[number].strip():
            break
    return position


def _separator(lines: Sequence[str], position: int, bare: str) -> str | None:
    """Tell "-----Original Message-----" and "Begin forwarded message:" by their words."""
    is_dashed = bare[:2].strip(_DASHES) == "" and not is_quoted(bare)
    if not is_dashed and len(bare) > 80:
        return None
    words = bare.strip(_DASHES).rstrip(" :：").lower().replace("\u0307", "")
    is_closed = is_dashed or bare.endswith((":", "："))
    if not words or not (is_closed or words in ORIGINAL or words in FORWARDED):
        return None
    if is_dashed and len(words) <= _LONGEST_ORDER and REPLY_ABOVE.search(words) is not None:
        return "original"
    found = SEPARATOR_START.match(words) if words[:2] in SEPARATOR_LETTERS else None
    if found is None:
        is_closed = bare.endswith(("---", "===", "——", "──") if is_dashed else (":", "："))
        is_short = 3 <= len(words) <= 60
        if not is_closed or not is_short:
            return None
        is_passed_on = A_MAIL.search(words) is not None and PASSED_ON.search(words) is not None
        if not (is_dashed or is_passed_on) or is_introduction(bare, is_marked=False):
            return None
        if not _is_mail_next(lines, position + 1):
            return None
        return "forward" if is_passed_on else "original"
    kind = "forward" if found[0] in FORWARDED else "original"
    if is_dashed and len(bare) - len(bare.strip(_DASHES)) >= 3 and bare.endswith(tuple(_DASHES)):
        return kind
    is_alone = words == found[0]
    return kind if is_alone and _is_mail_next(lines, position + 1) else None


def _is_mail_next(lines: Sequence[str], position: int) -> bool:
    """Say whether a header block, an introduction or quoted lines follow."""
    position = next_line(lines, position)
    if position >= len(lines):
        return False
    if is_quoted(lines[position]) or read_header(lines, position, is_expected=True) is not None:
        return True
    return introduction_below(lines, position) is not None

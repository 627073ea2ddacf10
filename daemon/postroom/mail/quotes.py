"""Where an older mail begins inside the text of a newer one.

Promise: any lines are looked at, in time linear in them. A boundary is found by what mail programs
write above a quoted mail: an introduction ("On …, Ann wrote:"), a separator between dashes, a block
of header lines. In doubt there is none: a customer's own words are never taken for a program's.
Used by: mail.fresh, mail.forward.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.mail.headers import Header, label_of, read_header
from postroom.mail.phrases import (
    END_OF_FORWARD,
    FORWARDED,
    NARRATOR,
    ORIGINAL,
    SEPARATOR_START,
    STARTS,
    WROTE,
)

_LOOK = 400  # characters of a line that are compared
_LONGEST = 600  # characters of an introduction, all its lines together
_WRAPPED = 4  # lines above the last one that may belong to an introduction
_NEAR = 3  # empty lines between what belongs together
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BLANKS = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_ODD = re.compile("[\u00a0\u00ad\u061c\u180e\u2000-\u200f\u202a-\u202f\u2060-\u2069\u3000\ufeff]")
_QUOTED = re.compile(r"\s{0,3}(?:>(?!>> .{0,200}>>>?\s*$)|&gt;)")
# What stands for ">" below an introduction: a bar, or the initials of who is quoted.
_OTHER_MARK = re.compile(r"\s{0,3}(?:\|(?!.*\|\s*$)|[A-Z][A-Za-z]{0,3}>+ )")
_DASHES = "-‐‑‒–—―─━=_*+~#<> \t"
_RULE = re.compile(r"\s*(?:[-‐‑‒–—―─━_=*~]\s?){5,}\s*$")
# A line of this shape may be the last one of an introduction.
_ENDING = re.compile(r"[:：]\W{0,3}$|[-–—]{3,}\s*$|>{2,3}\s*$")
_ADDRESS = re.compile(r"[^\s<>()\[\]@]@[^\s<>()\[\]@]")
_BRACKETED = re.compile(r"[<(\[](?:mailto:)?\s?[^\s<>()\[\]@]{1,100}@[^\s<>()\[\]@]{1,150}[\s>)\]]")
_DATE = re.compile(
    r"(?<!\d)\d{4}\W{0,3}[年년/.-]?|\d\s?[./-]\s?\d{1,2}\s?[./-]\s?\d\d(?!\d)"
    r"|[0-3]?\d\.? ?[^\W\d_]{3,10}\.? \d\d\b"
)
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時点시时]\s?\d\d(?!\d)|\d\s?[ap]\.?m\b")
_NOTES = re.compile(r"\S.{1,80}---\d{1,4}[./-]\d{1,2}[./-]\d{2,4} \d.{4,20}---")
_GROUPWISE = re.compile(r"\s{0,3}>{2,3} \S.{0,200}\d.{0,200}>{2,3}\s*$")
_ZOHO = re.compile(r"\s{0,3}-{3,}\s?\S.{0,500}-{3,}\s*$")
_SENTENCE_END = (".", "!", "?", ":", "。", "؟")


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
    """Return the text as it is compared: without invisible marks, with plain blanks."""
    if text.isascii() or _ODD.search(text) is None:
        return text
    return _BLANKS.sub(" ", _UNSEEN.sub("", text))


def is_quoted(line: str) -> bool:
    """Say whether a line carries a quote mark."""
    return _QUOTED.match(line) is not None


def is_rule(line: str) -> bool:
    """Say whether a line is nothing but a rule."""
    return _RULE.match(line) is not None


def may_be_boundary(line: str) -> bool:
    """Say quickly whether `find_boundary` has anything to look at in this line."""
    bare = line[:_LOOK].strip()
    if bare[:2].strip(_DASHES) == "":
        return bare.strip(_DASHES) != ""
    return bare[-1:] in ":：*>-–—" or "---" in bare or label_of(line) is not None


def find_boundary(
    lines: Sequence[str], position: int, *, is_expected: bool = False
) -> Boundary | None:
    """Find the boundary that this line belongs to: its first line, or the end of its introduction.

    `is_expected`: the markup says that an older mail begins here.
    """
    line = lines[position][:_LOOK]
    bare = line.strip()
    if (kind := _separator(lines, position, bare)) is not None:
        return _complete(lines, position, position + 1, is_forward=kind == "forward")
    header = read_header(lines, position, is_expected=is_expected or _is_ruled(lines, position))
    if header is not None:
        return _complete(lines, _rule_above(lines, position), position)
    if _NOTES.match(bare) is not None:
        return Boundary(position, position + 1, bare, None, is_forward=False, is_quoted=False)
    if _ENDING.search(bare[-20:]) is not None:
        found = find_introduction(lines, position)
        if found is not None:
            start, words = found
            is_marked = is_quote_next(lines, position + 1)
            return Boundary(start, position + 1, words, None, is_forward=False, is_quoted=is_marked)
    return None


def _complete(
    lines: Sequence[str], start: int, position: int, *, is_forward: bool = False
) -> Boundary:
    """Read on below a separator, or from the first line of a header block."""
    position = _next_line(lines, position)
    header, introduction = None, ""
    for _ in range(2):  # a separator may be followed by a header and that by an introduction
        if position >= len(lines):
            break
        if header is None and not introduction:
            header = read_header(lines, position, is_expected=True)
            if header is not None:
                position = _below_rule(lines, _next_line(lines, header.end))
                continue
        found = _introduction_below(lines, position)
        if found is None:
            break
        position, introduction = found
    is_marked = is_quote_next(lines, position)
    return Boundary(start, position, introduction, header, is_forward, is_marked)


def _below_rule(lines: Sequence[str], position: int) -> int:
    """Pass over a rule, or the separator once more, that some programs write below a header."""
    if position < len(lines):
        bare = lines[position][:_LOOK].strip()
        is_again = bare[:3].strip(_DASHES) == "" and _separator(lines, position, bare) is not None
        if is_again or (is_rule(bare) and not is_quoted(bare)):
            return _next_line(lines, position + 1)
    return position


def _introduction_below(lines: Sequence[str], position: int) -> tuple[int, str] | None:
    """Read an introduction that begins in this line; return the line after it, and its words."""
    joined = ""
    for end in range(position, min(position + _WRAPPED, len(lines))):
        line = lines[end][:_LOOK].strip()
        if not line:
            break
        joined = f"{joined} {line}".lstrip()
        if _ENDING.search(line[-20:]) is not None:
            is_marked = is_quote_next(lines, end + 1)
            if is_introduction(joined, is_marked=is_marked):
                return _next_line(lines, end + 1), joined
    return None


def is_quote_next(lines: Sequence[str], position: int) -> bool:
    """Say whether the next line that is not empty carries a quote mark."""
    following = next((line for line in lines[position : position + 5] if line.strip()), "")
    return is_quoted(following) or _OTHER_MARK.match(following) is not None


def below_other_marks(lines: Sequence[str], position: int) -> int:
    """Pass over lines that are quoted by other marks than ">"."""
    end = position
    for number in range(position, len(lines)):
        if _OTHER_MARK.match(lines[number]) is not None:
            end = number + 1
        elif lines[number].strip():
            break
    return end


def broken_introduction(lines: Sequence[str], position: int) -> Boundary | None:
    """Find the introduction whose last line only looks quoted, as in "Ann <" "a@b" "> wrote:"."""
    bare = lines[position].strip()
    above = lines[position - 1] if position else ""
    if len(bare) > 60 or not bare.endswith((":", "：")) or "@" not in above or is_quoted(above):
        return None
    found = find_introduction(lines, position)
    if found is None or found[0] == position:
        return None
    is_marked = is_quote_next(lines, position + 1)
    return Boundary(found[0], position + 1, found[1], None, is_forward=False, is_quoted=is_marked)


def is_bare_introduction(line: str) -> bool:
    """Say whether a line just above a quote introduces it without a colon."""
    bare = line.strip()
    if not 10 < len(bare) <= 200 or not _begins(bare.lower()):
        return False
    low = bare.lower()
    is_closed = bare.endswith((">", ")")) or WROTE.search(low[-12:]) or WROTE.match(low)
    return bool(is_closed) and is_introduction(f"{bare}:", is_marked=True)


def end_of_forward(lines: Sequence[str], position: int) -> int:
    """Return the line that says that a forwarded mail is over, or the end of the text."""
    for number in range(position, len(lines)):
        line = lines[number][:_LOOK]
        if "--" in line or "==" in line:
            words = line.strip(_DASHES).lower()
            if END_OF_FORWARD.match(words) is not None:
                return number
    return len(lines)


def _next_line(lines: Sequence[str], position: int) -> int:
    """Pass over some empty lines, but not over many: they may be all that follows."""
    for number in range(position, min(position + _NEAR + 1, len(lines))):
        if lines[number].strip():
            return number
    return min(position, len(lines))


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
    found = SEPARATOR_START.match(words)
    if found is None:
        is_closed = is_dashed and bare.endswith(("---", "===", "——", "──"))
        if is_closed and 3 <= len(words) <= 60 and _is_mail_next(lines, position + 1):
            return "original"
        return None
    kind = "forward" if found[0] in FORWARDED else "original"
    if is_dashed and len(bare) - len(bare.strip(_DASHES)) >= 3 and bare.endswith(tuple(_DASHES)):
        return kind
    is_alone = words == found[0]
    return kind if is_alone and _is_mail_next(lines, position + 1) else None


def _is_mail_next(lines: Sequence[str], position: int) -> bool:
    """Say whether a header block, an introduction or quoted lines follow."""
    position = _next_line(lines, position)
    if position >= len(lines):
        return False
    if is_quoted(lines[position]) or read_header(lines, position, is_expected=True) is not None:
        return True
    return _introduction_below(lines, position) is not None


def find_introduction(lines: Sequence[str], position: int) -> tuple[int, str] | None:
    """Find the introduction that ends in this line: its first line, and its words in one line."""
    is_marked = is_quote_next(lines, position + 1)
    joined = lines[position][:_LOOK].strip()
    found: tuple[int, str] | None = None
    for start in range(position, max(position - _WRAPPED, 0) - 1, -1):
        if start < position:
            above = lines[start][:_LOOK].strip()
            is_start = _begins(above.lower())
            if not above or is_quoted(above) or len(joined) + len(above) > _LONGEST:
                break
            if above.endswith(_SENTENCE_END) and not (is_start and _has_date(above.lower())):
                break
            joined = f"{above} {joined}"
        if is_introduction(joined, is_marked=is_marked):
            low = joined.lower()
            if _begins(low) and _has_date(low):
                return _with_start(lines, start, joined)
            if found is None or not _has_date(found[1].lower()):
                found = start, joined
    return found


def _with_start(lines: Sequence[str], start: int, joined: str) -> tuple[int, str]:
    """Add the line above if a date was broken there: "On Tue, May 5," and "2026 at …"."""
    above = lines[start - 1][:_LOOK].strip() if start else ""
    is_open = joined[:1].isdigit() and above.endswith(",") and len(above) <= 60
    if is_open and STARTS.match(above.lower()) is not None:
        return start - 1, f"{above} {joined}"
    return start, joined


def _has_date(low: str) -> bool:
    return _DATE.search(low) is not None or _TIME.search(low) is not None


def _begins(low: str) -> bool:
    """Say whether the words begin as introductions do: with "On", "Am", "Le" … or a number."""
    low = low.lstrip("\"'«“„-*> ")
    return low[:1].isdigit() or STARTS.match(low) is not None


def is_introduction(words: str, *, is_marked: bool) -> bool:
    """Say whether a line introduces a quoted mail; `is_marked`: lines with quote marks follow."""
    low = words.lower()
    core = low.rstrip(" :：-*>")
    if _GROUPWISE.match(words) is not None:
        return _has_date(low)
    verb = None
    for verb in WROTE.finditer(low):  # noqa: B007 - the last one
        pass
    has_address = _ADDRESS.search(words) is not None
    has_date, has_time = _DATE.search(low) is not None, _TIME.search(low) is not None
    if _ZOHO.match(words) is not None:
        return verb is not None and (has_date or has_address)
    if not words.rstrip("* ").endswith((":", "：")):
        return False
    is_last = verb is not None and verb.end() >= len(core) - 12
    if is_marked:
        if verb is None:
            return has_address and (has_date or has_time)
        return has_address or has_date or has_time or (is_last and len(words) <= 80)
    if NARRATOR.search(low) is not None:
        return False
    if verb is None:
        return (
            has_date and has_time and _BRACKETED.search(words[-260:]) is not None and _is_tail(core)
        )
    is_placed = is_last or len(core) - verb.end() <= 160
    if has_address:
        is_whole = has_date or has_time or _BRACKETED.search(words) is not None
        return is_placed and is_whole and (_begins(low) or has_date or is_last)
    return is_placed and has_date and (has_time or _begins(low)) and len(words) <= 200


def _is_tail(core: str) -> bool:
    """Say whether the words end with an address, as in "5 May 2026 10:00, Ann <a@b>:"."""
    return "@" in core[-160:] and " " not in core[core.rfind("@") :].strip("<>()[] ")

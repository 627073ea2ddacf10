"""What a notice says of one recipient: the words beside or below him, or in a transcript.

Promise: a reason for any recipient of a notice, in time linear in its lines and within named
bounds; "" where nothing is said of him.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from postroom.mail.bounce_text import (
    CHARS,
    ENHANCED,
    MENTIONS,
    REPLY,
    SHARED,
    TRIM,
    Named,
    Notice,
)

_SECTION_LINES = 100
_REASON_LINES = 12
_SUMMARY = re.compile(r"[45]\d\d .{1,330}\.\.\. ")
_LINK = re.compile(r"<?\bmailto:[^\s<>]{1,320}>?", re.IGNORECASE)
# Sendmail's titles, and those of its children.
_SECTION = re.compile(
    r"-----.{0,40}(?:had (?:(transient|temporary|delayed)|permanent|fatal|delivery))",
    re.IGNORECASE,
)
_TRIED = re.compile(
    r"still (?:being |be )?(?:tried|retried|trying|queued|in)|delayed|not yet|deferred|again later"
)


def reason_for(notice: Notice, name: Named) -> str:
    """Return what the server said of one recipient: beside or below it, or in the transcript."""
    own = notice.places.get(name.address.lower(), [])[:MENTIONS]
    stops = _Stops(notice.stops, frozenset(own))
    block = _below(notice.said, name, stops)
    if _tells(block):
        return block
    mentions = [
        _answer_above(notice.said, line)
        or " ".join([notice.said[line].strip(), *_following(notice.said, line + 1, stops)])
        for line in own
        if line != name.line or _tells(notice.said[line])
    ]
    return (
        next((each for each in mentions if _tells(each)), "")
        or block
        or next(iter(mentions), "")
        or _before(notice.said[name.line], name)
    )


def _answer_above(lines: list[str], number: int) -> str:
    """Return what the other server answered, where Sendmail puts its own words below it."""
    if not _SUMMARY.match(lines[number]):
        return ""
    found: list[str] = []
    for line in reversed(lines[max(0, number - _REASON_LINES) : number]):
        if not line.startswith("<<< "):
            break
        found.insert(0, line[4:])
    said = " ".join(found)
    return said if _tells(said) else ""


def section_of(notice: Notice, name: Named) -> str:
    """Return "delayed" or "failed" if the recipient stands below a title that says so."""
    for line in reversed(notice.said[max(0, name.line - _SECTION_LINES) : name.line]):
        if line.endswith(":") and "@" not in line:
            return "delayed" if _TRIED.search(line.lower()) else ""
        if (found := _SECTION.search(line[:200])) is not None:
            return "delayed" if found[1] else "failed"
    return ""


def title_of(notice: Notice, name: Named) -> str:
    """Return the line with a colon that a list of recipients stands below: "Mailbox full:"."""
    for line in reversed(notice.said[max(0, name.line - _SECTION_LINES) : name.line]):
        if line.endswith(":"):
            return line.strip()
        if line.strip() and "@" not in line and not line[0].isspace():
            break
    return ""


def shared_words(notice: Notice) -> str:
    """Return what is said of all recipients, if there are several: not of one of them."""
    if len(notice.names) < 2:
        return notice.words()
    taken: set[int] = set()
    for name in notice.names:
        end = name.line + 1 + len(_following(notice.said, name.line + 1, notice.stops))
        taken.update(range(name.line, end))
    shared = (line for number, line in enumerate(notice.said) if number not in taken)
    return " ".join(" ".join(shared).split())[:SHARED]


def _before(line: str, name: Named) -> str:
    """Seen: "Unknown user: ann@kunde.example"."""
    position = line.lower().find(name.address.lower())
    return line[: max(position, 0)].strip(TRIM)


@dataclass(frozen=True, slots=True)
class _Stops:
    """The lines where another recipient begins."""

    named: set[int]
    own: frozenset[int]

    def __contains__(self, line: object) -> bool:
        return line in self.named and line not in self.own


def first_reply(lines: list[str]) -> str:
    """Return the first paragraph that holds an SMTP reply or an enhanced code."""
    for number, line in enumerate(lines):
        if _tells(line):
            return " ".join([line.strip(), *_following(lines, number + 1)])
    return ""


def _tells(text: str) -> bool:
    return ENHANCED.search(text) is not None or REPLY.search(text) is not None


def _below(lines: list[str], name: Named, stops: _Stops) -> str:
    """Join the rest of the recipient's line with those below it, up to an empty line."""
    line = lines[name.line]
    position = line.lower().find(name.address.lower())
    rest = line[position + len(name.address) :] if position >= 0 else ""
    if name.score < 3:  # inside of a sentence, which tells as a whole
        rest = line
    rest = _LINK.sub("", rest).strip(TRIM)
    return " ".join(each for each in [rest, *_following(lines, name.line + 1, stops)] if each)


def _following(lines: list[str], start: int, stops: Container[int] = ()) -> list[str]:
    found: list[str] = []
    for number in range(start, min(start + _REASON_LINES, len(lines))):
        line = lines[number].strip()
        if not line or number in stops or line.startswith(("---", "===", "___")):
            break
        found.append(line)
    return found


def replies_in(text: str) -> list[str]:
    """Return the SMTP reply codes of a text, in its order."""
    return REPLY.findall(text[:CHARS])


def codes_in(text: str) -> list[tuple[str, str, str]]:
    """Return the enhanced codes of a text (class, subject, detail), in its order."""
    return ENHANCED.findall(text[:CHARS])

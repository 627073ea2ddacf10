"""Answers that somebody wrote between the lines of an older mail that carries no quote marks.

Promise: they are found only where they are marked as his: "[Ann] Yes", which Outlook writes, by his
initials or name before a colon, or by signs that his own words point to ("see inline, **"). Only
the newest of the older mails is looked through, in time linear in its lines.
Used by: mail.fresh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail.namesakes import Author

MOST_LINES = 200  # of the older mail, that are looked at
_LONG = 60  # characters of a line that may go on in the next one
_GREETING = 40  # characters above that say nothing: "George, Barbara,"
_LEAST_SIGNED = 2  # passages with the same sign
_BRACKETED = re.compile(
    r"\s{0,8}[\[<{(]{1,2}\s?([^\W\d_][\w .'-]{0,30}?)\s?[:>]?[\])}>]{1,2}:?\s+\S"
)
_NAMED = re.compile(r"\s{0,8}([^\W\d_][\w .'-]{0,30}?)\s?(?::|>{1,3}|-{2,3}>)\s+\S")
_SIGNED = re.compile(
    r"\s{0,8}(\*{2,5}|#{2,5}|={1,4}>{1,2}|-{1,4}>{1,2}|@{2,5}|/{2,3}|\+{2,5})\s?[\w\"'(]"
)
_NEXT = re.compile(r"\s*(?:[-*•·]|\(?\d{1,3}[.)]|\(?[a-z]\))\s")
_POINTS = re.compile(
    r"(?<!\w)(?:below|in-?line|comments?"
    r"|answers?|repl(?:y|ies)|responses?|in (?:red|blue|green|bold)"
    r"|caps|capitals|unten|untenstehend|antwort\w*|kommentar\w*|im text|ci-dessous|dessous"
    r"|réponses?|commentaires?|abajo|respuestas?|comentarios?|sotto|rispost\w+|commenti|abaixo"
    r"|respostas?|onder|hieronder|antwoord\w*|opmerking\w*|nedan|nedenfor|under|svar|kommenta\w+"
    r"|alla|vastau\w+|poniżej|odpowied\w+|níže|odpověd\w+|ниже|ответ\w*|комментари\w*)(?!\w)",
    re.IGNORECASE,
)


def find_insertions(
    lines: Sequence[str], start: int, end: int, above: str, author: Author
) -> list[slice]:
    """Return the passages of his between two lines; `above` is what he wrote above the older mail.

    `start` to `end` (without) is the text of that mail.
    """
    end = min(end, start + MOST_LINES)
    is_pointed = len(above.strip()) <= _GREETING or _POINTS.search(above) is not None
    signed: dict[str, list[int]] = {}
    found: list[int] = []
    for number in range(start, end):
        line = lines[number]
        named = _BRACKETED.match(line) or (_NAMED.match(line) if is_pointed else None)
        if named is not None and author.is_called(named[1]):
            found.append(number)
        elif is_pointed and (sign := _SIGNED.match(line)) is not None:
            signed.setdefault(sign[1], []).append(number)
    if not found:
        found = next((each for each in signed.values() if len(each) >= _LEAST_SIGNED), [])
    return [slice(number, _end_of(lines, number, end)) for number in found]


def _end_of(lines: Sequence[str], number: int, end: int) -> int:
    """Return the line below a passage: it goes on where its line was too long."""
    below = number + 1
    while below < end and len(lines[below - 1]) >= _LONG and lines[below].strip():
        if _NEXT.match(lines[below]) or _BRACKETED.match(lines[below]):
            break
        below += 1
    return below

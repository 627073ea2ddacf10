"""The names by which the author of a mail may sign it.

Promise: a line is his name only if each word of it is one of From's, and there are two at least, or
if the address is made of them ("Gerald Pruitt" is gpruitt@), or if the surname is his: Robert's
friends call him Bob.
Used by: mail.parse and mail.page (make one), mail.fresh, mail.insertions, mail.signatures,
mail.cards, mail.forward, mail.pictures.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from postroom.mail.message import Address

_LONGEST = 60  # characters of a line that is a name
_WORD = re.compile(r"[^\W\d_][^\W\d_'’]*")
_LONGEST_FROM = 200
# "Ann Berg, MSc", "Ann Berg | Berg Ltd", "Ann Berg        ann at x.example"
_CELL = re.compile(r"\s*[,|•·(/<\[]\s*|\s{3,}|\t+|\s[–—-]\s")
# Letters that names lose on the way into a header, and Unicode does not take apart.
_PLAIN = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})
_MOST_WORDS = 5
_MOST_BLANKS = 8  # in a name with initials and degrees
_MOST_BEFORE = 3  # words of "Bob J. Kessler"
_LONGEST_DEGREE = 8  # characters of "MRICS", "Ph.D"
_LEAST_SURNAME = 4  # letters


@dataclass(frozen=True, slots=True)
class Author:
    """What From says of him: words of name and address, the local part, the surname."""

    words: frozenset[str] = frozenset()
    local: str = ""
    surname: str = ""
    initials: frozenset[str] = frozenset()  # "ab" and, of "Berg, Ann", "ba"

    def signs(self, line: str) -> bool:
        """Say whether the line begins with his name, and whatever else stands in it apart."""
        bare = line[: 4 * _LONGEST].strip(" \t*_")
        if not bare[:1].isalpha():
            return False
        cell = _CELL.split(bare, maxsplit=1)[0]
        if len(cell) > _LONGEST or cell.count(" ") > _MOST_BLANKS:
            return False
        cell = self._without_degrees(cell)
        said = [word for word in _WORD.findall(_folded(cell)) if len(word) > 1]
        if not 2 <= len(said) <= _MOST_WORDS or any(map(str.isdigit, cell)):
            return False
        if self.words.issuperset(said) or self._is_made_of(said[0], said[-1]):
            return True
        return said[-1] == self.surname and len(said) <= _MOST_BEFORE

    def _without_degrees(self, name: str) -> str:
        """Leave out what stands behind a name: "Fiona Marsh BSc MRICS"."""
        words = name.split()
        while len(words) > 2 and _is_degree(words[-1]) and _folded(words[-1]) not in self.words:
            words.pop()
        return " ".join(words)

    def is_called(self, name: str) -> bool:
        """Say whether these are a name of his, in part or whole, or his initials."""
        said = _WORD.findall(_folded(name[:_LONGEST]))
        if not said:
            return False
        is_initials = name.isupper() and "".join(said) in self.initials
        return is_initials or (len(said[0]) > 2 and self.words.issuperset(said))

    def _is_made_of(self, first: str, last: str) -> bool:
        made = {first + last, last + first, first[0] + last, last + first[0], first + last[0]}
        return self.local in made


def _is_degree(word: str) -> bool:
    return len(word) <= _LONGEST_DEGREE and sum(map(str.isupper, word)) > 1


NOBODY = Author()


def author_of(from_: Address | None, written: str = "") -> Author:
    """Return by what the author of a mail may be known in its text.

    `written` is From as it stands, which archives spoil: "ann at kunde.example (Ann Berg)".
    """
    if from_ is None:
        return Author(frozenset(_WORD.findall(_folded(written[:_LONGEST_FROM]))))
    local = _folded(from_.address.partition("@")[0][:_LONGEST_FROM])
    words = {*_WORD.findall(_folded(from_.name[:_LONGEST_FROM])), *_WORD.findall(local)}
    named = [word[0] for word in _WORD.findall(_folded(from_.name[:_LONGEST_FROM]))]
    short = "".join(named)
    initials = (
        {short, short[::-1], short[:1] + short[-1:]} if 2 <= len(short) <= _MOST_WORDS else ()
    )
    return Author(
        frozenset(words),
        "".join(_WORD.findall(local)),
        _surname(from_.name),
        frozenset(initials),
    )


def _surname(name: str) -> str:
    """Return the last word of "Ann Berg", the first of "Berg, Ann"; "" where there is none."""
    head, comma, rest = _folded(name[:_LONGEST_FROM]).partition(",")
    words = _WORD.findall(head if comma else head.partition("(")[0])
    if not words or len(words) + len(_WORD.findall(rest)) < 2:
        return ""
    return words[-1] if len(words[-1]) >= _LEAST_SURNAME else ""


def _folded(text: str) -> str:
    text = text.casefold()
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text)
    return "".join(each for each in apart if not unicodedata.combining(each)).translate(_PLAIN)

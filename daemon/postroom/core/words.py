"""Words: what of a text can be searched for, and what a search asks for.

Promise: any text gives words, in linear time and with bounds; databases get words made here only,
already folded, so that a search finds the same whichever database there is.

A word is a run of letters and digits, folded: without case and without the accents that people
leave out ("Müller", "MULLER" and "muller" are one word, "Łódź" and "lodz" too). Scripts that are
written without blanks (Chinese, Japanese, Thai …), and Korean, give each two neighbouring
characters as a word, and the last of a run by itself: a phrase of such pairs finds any part of a
run. An address, a domain or "AB-1234" are phrases of their parts.
Used by: store.writing (what is written), store.search (what is asked).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 50_000  # of a message; what stands behind cannot be found
MOST_WORDS = 5_000  # of a message
LONGEST_WORD = 40  # longer ones are cut, here and in searches
MOST_TERMS = 32  # of a search; further ones are left out
MOST_ASKED = 4_000  # characters of a search
_MOST_IN_PHRASE = 32

# Letters with a stroke or tied together, which Unicode does not take apart.
_PLAIN = dict(zip("øłđðħŧıŋſ", "olddhtins", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th"}
# Thai to Tibetan, Myanmar, Khmer; Hangul; Chinese and Japanese.
_UNSPACED_CLASS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
    "\u2e80-\u2fff\u3005-\u3007\u3040-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{_UNSPACED_CLASS}]+")
_RUNS = re.compile(f"[{_UNSPACED_CLASS}]+|[^{_UNSPACED_CLASS}]+")
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand side by side (one or more); `is_prefix`: the last is a beginning."""

    words: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What a search asks for: all of `wanted`, none of `unwanted`; nothing wanted finds nothing."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...] = ()


class _Folding(dict[int, str]):
    """What becomes of each character, found when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        if code < 0x10000:  # the rest is rare, and no text shall fill the memory with it
            self[code] = folded
        return folded


_FOLDING = _Folding()
_ASCII = "".join(chr(n).lower() if chr(n).isalnum() else " " for n in range(128))


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        return _cut(text.translate(_ASCII).split())
    text = unicodedata.normalize("NFKC", text)[: 2 * MOST_CHARACTERS].translate(_FOLDING)
    words = text.split()
    if _UNSPACED.search(text) is not None:
        words = [part for word in words[:MOST_WORDS] for part in _pairs(word)]
    return _cut(words)


def read_query(asked: str) -> Query:
    """Read a search: words, "phrases", beginnings*, -unwanted. Whatever else is a word."""
    wanted: list[Term] = []
    unwanted: list[Term] = []
    for minus, phrase, word in _TERM.findall(asked[:MOST_ASKED]):
        term = _term(phrase or word)
        if term is not None:
            (unwanted if minus else wanted).append(term)
        if len(wanted) + len(unwanted) == MOST_TERMS:
            break
    if not wanted:  # "-5" alone asks for 5
        wanted, unwanted = unwanted, []
    return Query(tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(unwanted)))


def stands_in(term: Term, words: list[str]) -> bool:
    """Say whether a term is found in the words of a text."""
    size = len(term.words)
    last = term.words[-1]
    for start in range(len(words) - size + 1):
        end = words[start + size - 1]
        if (end == last or (term.is_prefix and end.startswith(last))) and (
            term.words[:-1] == tuple(words[start : start + size - 1])
        ):
            return True
    return False


def _term(text: str) -> Term | None:
    words = words_of(text)[:_MOST_IN_PHRASE]
    if not words:
        return None
    is_prefix = text.endswith("*") and text[-2:-1].isalnum()
    # The run's last character is a word of its own only where the run ends, there as here.
    is_in_run = _UNSPACED.fullmatch(words[-1]) is not None
    if is_in_run and len(words) > 1 and len(words[-2]) > 1 and words[-2][1:] == words[-1]:
        return Term(tuple(words[:-1]))
    # All words that begin with one letter are most words.
    return Term(tuple(words), is_in_run or (is_prefix and len(words[-1]) > 1))


def _pairs(word: str) -> list[str]:
    if _UNSPACED.search(word) is None:
        return [word]
    parts = []
    for run in _RUNS.findall(word):
        if _UNSPACED.match(run) is None:
            parts.append(run)
        else:
            parts += [run[n : n + 2] for n in range(len(run))]
    return parts


def _cut(words: list[str]) -> list[str]:
    return [word[:LONGEST_WORD] for word in words[:MOST_WORDS]]


def _folded(char: str) -> str:
    """Return what stands for a character: letters and digits, nothing, or a blank between words."""
    kind = unicodedata.category(char)
    if kind == "Cf":  # soft hyphens, joiners
        return ""
    if kind[0] not in "LNM":
        return " "
    small = char.casefold()
    small = _PLAIN.get(small, small)
    if char < "\u0e00" or "\u1e00" <= char < "\u2000":
        small = unicodedata.normalize("NFKD", small)
    return "".join(one for one in small if not _is_accent(one))


def _is_accent(char: str) -> bool:
    """Accents of Europe's scripts, Hebrew and Arabic points; India's vowel signs are letters."""
    place = unicodedata.combining(char)
    return place >= 200 or 10 <= place <= 35

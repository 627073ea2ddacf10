"""What must not leave the house in an answer: addresses of handlers, and passages of notes.

Promise: a passage of `WORDS` words or more of an internal text is found whatever a mail program
made of it: texts are compared as words, so wrapping, quote marks, case, accents, punctuation and
the way from HTML to text change nothing. What the customer knows already (it stands in a public
text) is no leak. Linear in the texts, and bounded: what is too long to compare is a leak. Pure.
Used by: core (decides on a handler's answer), work (says so to the handler).

What counts, of an internal text:
* any 5 words in a row: by chance, two texts on one matter share runs of 3 or 4 words, hardly of 5.
  A run of everyday words only ("if you have any questions") counts from 9 words on;
* of Chinese, Japanese, Thai and others that write no spaces: any 12 characters in a row;
* a shorter text, line or sentence that stands whole in the answer: two words or more, one of them
  no everyday word. One word must have 6 letters, and be the whole text or hold a digit;
* a piece of 39 characters of a word of 40 or more (keys): wrapping may cut such words in two.
What does not: greetings, and signatures, which stand in notes and answers alike: up to 8 lines
below "-- " or "Kind regards", as far as the next empty or long line or a postscript, and a name
alone at the end. What of a signature counts nevertheless is public once one answer was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from postroom.core.wording import (
    CLOSINGS,
    EVERYDAY,
    EVERYDAY_UNSPACED,
    GREETINGS,
    has_unspaced,
    places_of,
    unspaced_in,
    words_of,
)
from postroom.mail.tokens import Signer, TooManyTries

MAX_OUTGOING = 2_000_000  # characters
MAX_WORDS = 700_000  # of the answer, where each Chinese character is one
MAX_INTERNAL = 5_000_000  # characters of all internal texts
MAX_PUBLIC = 10_000_000  # characters looked at; public texts beyond excuse nothing
MAX_LINES = 300_000  # of all internal texts; and sentences of one

SECRET_ROLES = frozenset("hns")  # DESIGN section 6: given to handlers, colleagues, experts

WORDS = 5
UNSPACED = 12  # characters that stand for as many words
_EVERYDAY_RUN = 9
_LONG_WORD = 40
_PIECE = 20
_SHORT_PIECE = 400  # characters of a line or sentence that may have so few words
_SECRET_LETTERS = 6
_SECRET_DIGITS = 4  # characters of a whole text with a digit in it: a PIN

_SENTENCE_END = re.compile(r"[.!?;…](?=\s)|[。！？；]|\n[ \t>|]*\n")
_QUOTE_MARKS = " \t>|"
_ANY_LETTER = re.compile(r"[^\W_]")
_POSTSCRIPT = re.compile(r"p\.? ?s\b", re.IGNORECASE)
_NAME = re.compile(
    r"(?:[A-Z]|[^\W\d_a-z])[^\W\d_]*\.?(?:[ -](?:[A-Z]|[^\W\d_a-z])[^\W\d_]*\.?){0,3}"
)
_SIGNATURE_LINES = 8
_SIGNATURE_WIDTH = 60  # characters; who says more in a line says something


class LeakKind(StrEnum):
    """What was found."""

    ADDRESS = "reply-address"
    PASSAGE = "internal-passage"
    TOO_LONG = "too-long"  # nothing was found out: hold it all the same


@dataclass(frozen=True, slots=True)
class Leak:
    """Something that must not be sent, with its place in the scanned text."""

    kind: LeakKind
    start: int
    end: int


def find_leaks(
    outgoing: str,
    internal: Iterable[str],
    public: Iterable[str],
    signer: Signer,
    mailboxes: Iterable[str],
) -> tuple[Leak, ...]:
    """Find what an answer must not tell, in the order of the text.

    `internal`: the notes and side threads of the request; `public`: all that its customers wrote or
    were sent, subjects too; `mailboxes`: the `reply_address` templates.
    """
    internal = tuple(internal)
    too_long = Leak(LeakKind.TOO_LONG, 0, len(outgoing))
    if len(outgoing) > MAX_OUTGOING or sum(map(len, internal)) > MAX_INTERNAL:
        return (too_long,)
    leaks: list[Leak] = []
    try:
        leaks += [
            Leak(LeakKind.ADDRESS, found.start, found.end)
            for found in signer.find_in_text(outgoing, mailboxes)
            if found.token.role in SECRET_ROLES
        ]
        public = tuple(public)
        leaks += _find_passages(outgoing, internal, public)
        leaks += [
            key
            for key in _find_keys(outgoing, internal, public)
            if not any(leak.start <= key.start and key.end <= leak.end for leak in leaks)
        ]
    except (TooManyTries, _TooMany):
        leaks.append(too_long)
    return tuple(sorted(leaks, key=lambda leak: (leak.start, leak.end)))


# A password, an account, a serial number: letters and digits together.
_KEY = re.compile(r"(?=[^\W_]*[^\W\d_])(?=[^\W_]*\d)[^\W_]{6,}+")


def _find_keys(outgoing: str, internal: Iterable[str], public: Iterable[str]) -> Iterator[Leak]:
    """Find words of letters and digits that stand in internal texts and in no public one."""
    secret = {key.casefold() for text in internal for key in _KEY.findall(text)}
    if not secret:
        return
    known = {key.casefold() for text in public for key in _KEY.findall(text)}
    for found in _KEY.finditer(outgoing):
        if found[0].casefold() in secret - known:
            yield Leak(LeakKind.PASSAGE, found.start(), found.end())


def mark(text: str, leaks: Iterable[Leak]) -> str:
    """Put each leak between "[[[" and "]]]", for the handler to see.

    Not ">>>": at the start of a line it would be a quote, which programs hide.
    """
    spans = ((leak.start, leak.end) for leak in leaks if leak.kind is not LeakKind.TOO_LONG)
    out: list[str] = []
    position = 0
    for start, end in _merge(sorted(spans)):
        out += [text[position:start], "[[[ ", text[start:end], " ]]]"]
        position = end
    return "".join([*out, text[position:]])


class _TooMany(Exception):
    """The texts have more words or lines than can be compared."""


Run = tuple[int, int]  # from, to; of words or of characters


@dataclass(slots=True)
class _Hits:
    """What the outgoing text shares with internal ones: hashes of rows of words, by their length.

    Hashes, not the rows: millions of tuples are slow and large, and 64 bits meet by chance once
    in a million such scans.
    """

    rows: dict[int, set[int]] = field(default_factory=dict)
    whole: dict[int, set[int]] = field(default_factory=dict)  # short lines and texts
    pieces: set[str] = field(default_factory=set)  # of long words

    def __bool__(self) -> bool:
        return bool(self.pieces) or any(self.rows.values()) or any(self.whole.values())


def _find_passages(outgoing: str, internal: tuple[str, ...], public: Iterable[str]) -> list[Leak]:
    words = words_of(outgoing)
    if len(words) > MAX_WORDS:
        raise _TooMany
    hits = _compare(words, internal)
    _excuse(hits, public)
    if not hits:
        return []
    runs = [run for run in _merge(sorted(_runs(words, hits))) if _is_said(words[slice(*run)])]
    return [Leak(LeakKind.PASSAGE, *span) for span in _places(outgoing, runs)]


def _compare(words: list[str], internal: tuple[str, ...]) -> _Hits:
    """Collect what the outgoing words share with the internal texts.

    The rows of the answer are kept and those of the notes only pass by: answers are shorter.
    """
    if sum(text.count("\n") for text in internal) > MAX_LINES:
        raise _TooMany
    hits = _Hits()
    lengths = (WORDS, UNSPACED) if has_unspaced(words) else (WORDS,)
    known: dict[int, set[int]] = {length: set(_rows(words, length)) for length in lengths}
    pieces: set[str] = set()
    for text in internal:
        body = _body_of(text)
        theirs = words_of(body)
        for length in lengths:
            hits.rows.setdefault(length, set()).update(
                known[length].intersection(_rows(theirs, length))
            )
        for said in _short_pieces(body, theirs):
            length = len(said)
            if length not in known:
                known[length] = set(_rows(words, length))
            hits.whole.setdefault(length, set()).update(
                known[length].intersection(_rows(said, length))
            )
        pieces.update(piece for word in theirs if len(word) >= _LONG_WORD for piece in _cut(word))
    if pieces:
        hits.pieces = pieces.intersection(piece for word in words for piece in _pieces(word))
    return hits


def _excuse(hits: _Hits, public: Iterable[str]) -> None:
    """Take away what the customer knows."""
    left = MAX_PUBLIC
    for text in public:
        if left <= 0 or not hits:
            return
        words = words_of(text[:left])
        left -= len(text)
        for length, rows in [*hits.rows.items(), *hits.whole.items()]:
            if rows:
                rows.difference_update(_rows(words, length))
        if hits.pieces:
            hits.pieces.difference_update(piece for word in words for piece in _pieces(word))


def _runs(words: list[str], hits: _Hits) -> Iterator[Run]:
    for length, rows in hits.rows.items():
        # Five characters of a script without spaces are two words: there it takes twelve.
        positions = (
            position
            for position in _positions(rows, words, length)
            if has_unspaced(words[position : position + length]) == (length == UNSPACED)
        )
        yield from _merge((position, position + length) for position in positions)
    for length, rows in hits.whole.items():
        yield from ((position, position + length) for position in _positions(rows, words, length))
    if hits.pieces:
        for position, word in enumerate(words):
            if not hits.pieces.isdisjoint(_pieces(word)):
                yield position, position + 1


def _positions(rows: set[int], words: list[str], length: int) -> Iterator[int]:
    if rows:
        yield from (place for place, row in enumerate(_rows(words, length)) if row in rows)


def _is_said(words: list[str]) -> bool:
    """Say whether a run is more than a turn of speech."""
    if len(words) < _EVERYDAY_RUN and EVERYDAY.issuperset(words):
        return False
    return "".join(words) not in EVERYDAY_UNSPACED


# ---- what counts of an internal text


def _body_of(text: str) -> str:
    """Leave the lines of signatures out."""
    kept: list[str] = []
    left = 0  # lines that may still belong to the signature
    has_begun = has_words = False
    for line in text.split("\n"):
        bare = line.strip(_QUOTE_MARKS)
        if left:
            has_begun = has_begun or bool(bare)
            is_end = not bare if has_begun else False
            if not is_end and len(bare) <= _SIGNATURE_WIDTH and not _POSTSCRIPT.match(bare):
                left -= bool(bare)
                continue
            left = 0
        if has_words and (bare == "--" or _is_closing(bare)):
            left, has_begun = _SIGNATURE_LINES, False
            continue
        has_words = has_words or _ANY_LETTER.search(bare) is not None
        kept.append(line)
    return "\n".join(_without_name(kept))


def _is_closing(line: str) -> bool:
    if len(line) > _SIGNATURE_WIDTH or not _ANY_LETTER.match(line):
        return False
    words = words_of(line)
    return not CLOSINGS.isdisjoint(words) and EVERYDAY.issuperset(words)


def _without_name(lines: list[str]) -> list[str]:
    """Leave out a name that stands alone at the end, unless a colon announces it."""
    written = [position for position, line in enumerate(lines) if line.strip(_QUOTE_MARKS)]
    if len(written) < 2:
        return lines
    above, last = written[-2:]
    is_apart = last > above + 1 and not lines[above].rstrip().endswith((":", "：", "="))
    return lines[:last] if is_apart and _NAME.fullmatch(lines[last].strip()) else lines


def _short_pieces(body: str, words: list[str]) -> Iterator[list[str]]:
    """Return the whole texts, lines and sentences that are too short to hold a longer row."""
    if _is_short(words) and _tells(words, is_all=True):
        yield words
    pieces = {*body.split("\n"), *_SENTENCE_END.split(body)}
    if len(pieces) > MAX_LINES:
        raise _TooMany
    for piece in pieces:
        if len(piece) <= _SHORT_PIECE:
            said = words_of(piece)
            if _is_short(said) and _tells(said, is_all=False):
                yield said


def _is_short(words: list[str]) -> bool:
    most = WORDS if len(words) < WORDS or not has_unspaced(words) else UNSPACED
    return 0 < len(words) < most


def _tells(words: list[str], *, is_all: bool) -> bool:
    """Say whether so few words can be a secret; `is_all`: they are the whole text."""
    said = "".join(words)
    unspaced = unspaced_in(said)
    if EVERYDAY.issuperset(words) or said in EVERYDAY_UNSPACED:
        return False
    if len(words) == 1:
        has_digit = any(map(str.isdigit, said))
        return len(said) >= (_SECRET_DIGITS if is_all and has_digit else _SECRET_LETTERS) and (
            is_all or has_digit
        )
    if not is_all and words[0] in GREETINGS:
        return False
    return len(words) - unspaced / 2 >= 2 and (unspaced > 0 or len(said) >= _SECRET_LETTERS)


# ---- rows of words


def _rows(words: list[str], length: int) -> Iterator[int]:
    """Return the hash of each row of so many words."""
    return map(hash, zip(*(islice(words, start, None) for start in range(length)), strict=False))


def _cut(word: str) -> Iterator[str]:
    """Cut a long word; a stretch of 39 characters of it holds one of the pieces whole."""
    return (word[start : start + _PIECE] for start in range(0, len(word) - _PIECE + 1, _PIECE))


def _pieces(word: str) -> Iterator[str]:
    return (word[start : start + _PIECE] for start in range(len(word) - _PIECE + 1))


def _places(text: str, runs: list[Run]) -> Iterator[Run]:
    """Turn runs of words into places in the text."""
    if runs:
        words = places_of(text)
        yield from ((words[start][0], words[end - 1][1]) for start, end in runs)


def _merge(runs: Iterable[Run]) -> Iterator[Run]:
    """Join the runs that overlap or touch; they come in order of their start."""
    start, end = -1, -1
    for each in runs:
        if each[0] > end:
            if end >= 0:
                yield start, end
            start, end = each
        end = max(end, each[1])
    if end >= 0:
        yield start, end

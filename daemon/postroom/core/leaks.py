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
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

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

# Scripts without spaces between words: each character is a word of its own.
_NO_SPACES = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W_{_NO_SPACES}]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_UNSPACED = re.compile(rf"[{_NO_SPACES}]")

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
    words = _words(outgoing)
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
    lengths = (WORDS, UNSPACED) if _has_unspaced(words) else (WORDS,)
    known: dict[int, set[int]] = {length: set(_rows(words, length)) for length in lengths}
    pieces: set[str] = set()
    for text in internal:
        body = _body_of(text)
        theirs = _words(body)
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
        words = _words(text[:left])
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
            if _has_unspaced(words[position : position + length]) == (length == UNSPACED)
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
    if len(words) < _EVERYDAY_RUN and _EVERYDAY.issuperset(words):
        return False
    return "".join(words) not in _EVERYDAY_UNSPACED


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
    words = _words(line)
    return not _CLOSINGS.isdisjoint(words) and _EVERYDAY.issuperset(words)


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
            said = _words(piece)
            if _is_short(said) and _tells(said, is_all=False):
                yield said


def _is_short(words: list[str]) -> bool:
    most = WORDS if len(words) < WORDS or not _has_unspaced(words) else UNSPACED
    return 0 < len(words) < most


def _tells(words: list[str], *, is_all: bool) -> bool:
    """Say whether so few words can be a secret; `is_all`: they are the whole text."""
    said = "".join(words)
    unspaced = len(_UNSPACED.findall(said))
    if _EVERYDAY.issuperset(words) or said in _EVERYDAY_UNSPACED:
        return False
    if len(words) == 1:
        has_digit = any(map(str.isdigit, said))
        return len(said) >= (_SECRET_DIGITS if is_all and has_digit else _SECRET_LETTERS) and (
            is_all or has_digit
        )
    if not is_all and words[0] in _GREETINGS:
        return False
    return len(words) - unspaced / 2 >= 2 and (unspaced > 0 or len(said) >= _SECRET_LETTERS)


# ---- words


class _Folding(dict[int, str]):
    """Each character as it is compared: compatible, without case, accents and invisible marks.

    One character at a time, so that places in the folded text lead back to the text.
    """

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        self[code] = "".join(
            each for each in folded if unicodedata.category(each) not in {"Mn", "Mc", "Me", "Cf"}
        )
        return self[code]


_FOLDING = _Folding()


def _fold(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def _words(text: str) -> list[str]:
    folded = _fold(text)
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def _list(words: str) -> frozenset[str]:
    return frozenset(_fold(words).split())


def _has_unspaced(words: list[str]) -> bool:
    return _UNSPACED.search("".join(words)) is not None


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
    if not runs:
        return
    folded = _fold(text)
    words = [match.span() for match in _WORD.finditer(folded)]
    if len(folded) == len(text) and text.isascii():
        origin: Sequence[int] = range(len(text) + 1)
    else:
        origin = [place for place, letter in enumerate(text) for _ in _FOLDING[ord(letter)]]
    for start, end in runs:
        yield origin[words[start][0]], origin[words[end - 1][1] - 1] + 1


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


# Words of which anybody's texts are full, in the languages of most of our mail. A list can never be
# whole: a word too few costs a false alarm, so only words that tell nothing stand here.
_EVERYDAY = _list("""
    a about after again all already also am an and any anything are as asap ask asked at attached
    back be because been before but by call can cannot case check checked checking closed closing
    contact could customer day dear did do does doing don done fine first fixed fixing for forward
    forwarded from further fyi get give go going good got great had has have he hello help her here
    hi him his hold how however i if in information into is it its just know later let like ll look
    looks m mail may me message more much my need needs new next no not note now of off ok okay on
    once one only open or order other our out over per please possible problem question questions
    re ready received regarding regards reply request resolved s sale same see send sent she should
    so solved some soon sorry still sure t take team than thank thanks that the their them then
    there they thing this those ticket time to today tomorrow too two up us ve very via wait waiting
    was way we well were what when where which who why will wish with working would yes yesterday
    yet you your yours kind best warm sincerely cheers hesitate
    aber alle alles also am an anbei anfrage anhang antwort auch auf aus bei beim bekommen bis bitte
    bin da dabei damit danke dann das dass dem den der des dich die dies diese dir doch du durch ein
    eine einem einen einer er erhalten erledigt es euch fertig fragen fur geht gelost gern gerne
    geschickt gesendet gibt grusse grussen gruss gut guten habe haben hallo hat heute hier hilfe
    ich ihm ihn ihnen ihr ihre ihrer im in info ist ja jetzt kann kein keine kommt konnen kunde
    leider liebe lieber mal mehr mein meine melden melde mfg mich mir mit moin morgen nach nachricht
    nein nicht noch nochmal nun nur ob oder per problem ruckfrage sagen schicken sehr sein sich sie
    siehe sind so sobald soll tag um und uns unser vielen viele vom von vor war warten was wegen
    weitere weitergeleitet wenn wer werde werden wie wieder wir wird wurde zu zum zur herr frau
    freundlich freundlichen freundliche geehrte geehrter damen herren beste besten lg vg
    bonjour merci cordialement bien vous nous votre le la les un une de du et est pour pas avec
    madame monsieur salut voir joint jointe fait clos
    hola gracias saludos estimado estimada el los las por para con que adjunto hecho cerrado buenos
    dias cordiales favor ciao grazie saluti cordiali gentile allegato fatto chiuso buongiorno
    hoi dank bedankt groeten vriendelijke beste geachte bijlage gedaan gesloten graag het een van
    hei hej takk tack tak hilsen halsningar vennlig mvh ola obrigado obrigada atenciosamente
    """)
_EVERYDAY_UNSPACED = _list(
    """
    谢谢 谢谢您 好的 您好 你好 已完成 完成 已处理 见附件 请见附件 非常感谢 了解しました 承知しました
    完了 完了しました お疲れ様です お世話になっております ありがとうございます
    よろしくお願いします よろしくお願いいたします ขอบคุณครับ ขอบคุณค่ะ สวัสดีครับ สวัสดีค่ะ
    """
)
_GREETINGS = _list("""
    hi hello dear hey hallo liebe lieber guten moin sehr bonjour salut cher chere madame monsieur
    hola estimado estimada ciao buongiorno gentile caro cara hoi beste geachte hei hej ola
    """)
_CLOSINGS = _list("""
    regards sincerely cheers grusse grussen gruss mfg lg vg cordialement saludos saluti groeten
    hilsen halsningar mvh atenciosamente
    """)

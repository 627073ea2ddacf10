"""Which pictures of a mail are shown in a mail that we write, and which must stay here.

DESIGN section 6: an answer is rendered anew. What a handler quoted may be internal, and pictures
cannot be searched for that, so a picture that his HTML shows in a quote does not go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from postroom.mail.message import Attachment, Belongs, ParsedMail

MOST = 20  # pictures shown in one mail; the others are files beside it
LARGEST = 3 * 10**6  # octets of one
ALL = 8 * 10**6  # octets of all together
# Every mail program shows these, and none of them acts (SVG does).
_LOOKS = {
    "image/gif": "image/gif",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/png": "image/png",
}

_STAYING = frozenset({Belongs.OLDER, Belongs.SIGNATURE})


def in_notice(mail: ParsedMail) -> tuple[dict[str, Any], ...]:
    """Return the pictures of a customer's mail, each with its place in his fresh text.

    Those that his HTML shows among his new words; below these what is inline, but shown nowhere.
    """
    end = len(mail.fresh)
    shown = {one.part for one in mail.pictures}
    loose = (
        (one.part, end, end) for one in mail.attachments if one.inline and one.part not in shown
    )
    return tuple(_bounded(mail, [*_own(mail), *loose]))


def in_answer(mail: ParsedMail, words: str) -> tuple[dict[str, Any], ...]:
    """Return the pictures among a handler's new words, each with its place in his answer.

    `words` are what is sent of them: all, or what stands below his commands.
    """
    first, end = mail.fresh.find(words), len(words)
    places = (
        (part, end, end)
        if first < 0
        else (part, max(0, min(start - first, end)), max(0, min(stop - first, end)))
        for part, start, stop in _own(mail)
    )
    return tuple(_bounded(mail, places))


def outgoing(mail: ParsedMail) -> tuple[Attachment, ...]:
    """Return the files of a handler's answer that may go to the customer.

    A picture stays if his HTML shows it in a quote, or in what it names as his signature.
    """
    staying = {one.part for one in mail.pictures if one.belongs in _STAYING}
    return tuple(one for one in mail.attachments if one.part not in staying)


def illustrate(text: str, marks: Sequence[str], pictures: Sequence[Mapping[str, Any]]) -> str:
    """Put a mark for each picture into a text: in place of what stands for it there, else in a line
    of its own."""
    pieces: list[str] = []
    position = 0
    for mark, picture in zip(marks, pictures, strict=True):
        start = max(position, min(picture["start"], len(text)))
        end = max(start, min(picture["end"], len(text)))
        line = mark if start < end else f"\n{mark}" if start else f"{mark}\n"
        pieces += text[position:start], line
        position = end
    return "".join([*pieces, text[position:]])


def _own(mail: ParsedMail) -> Iterator[tuple[str, int, int]]:
    for one in mail.pictures:
        if one.belongs is Belongs.OWN:
            yield one.part, one.start, one.end


def _bounded(mail: ParsedMail, places: Iterable[tuple[str, int, int]]) -> Iterator[dict[str, Any]]:
    """Yield those that can be shown, as a template's variables, while there is room."""
    files = {one.part: one for one in mail.attachments}
    left, octets = MOST, ALL
    for part, start, end in places:
        file = files[part]
        if left and _LOOKS.get(file.type) == file.looks_like and file.size <= min(LARGEST, octets):
            left, octets = left - 1, octets - file.size
            yield {"part": part, "name": file.name, "start": start, "end": end}

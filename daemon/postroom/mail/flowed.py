"""Plain text as format=flowed (RFC 3676): a line that ends in a blank goes on in the next."""

from __future__ import annotations

import re

WIDTH = 76  # characters of a line, its last blank included (RFC 3676 §4.2: at most 78)
_MARKS = re.compile(r">*")
_SIGNATURE = "-- "
_WORD = re.compile(r" *[^ ]+ *")


def unflow(text: str, *, is_delsp: bool) -> str:
    """Join the soft line breaks of format=flowed (RFC 3676)."""
    out: list[str] = []
    last_depth, is_open = 0, False
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # §4.4: space-stuffing
        is_signature = content == "-- "
        if is_open and depth == last_depth and not is_signature:
            out.append(content)
        else:
            mark = ">" * depth + (" " if depth and content else "")
            out.append(f"\n{mark}{content}")
        is_open = content.endswith(" ") and not is_signature
        if is_open and is_delsp:
            out[-1] = out[-1][:-1]
        last_depth = depth
    return "".join(out).removeprefix("\n")


def flow(text: str) -> str:
    """Break long lines so that a reader joins them again; the others stay as they are.

    An indented line is not broken: behind the break its words would stand where ours do. Blanks at
    the end of a line go, for they would join it with the next (§4.2), but for those of the line
    above a signature.
    """
    return "\n".join(_flowed(line) for line in text.split("\n"))


def is_flowing(text: str, most: int) -> bool:
    """Whether a line is longer than that, and can be broken."""
    return any(
        len(line) > most and line[0] != " " and " " in line.rstrip(" ") for line in text.split("\n")
    )


def _flowed(line: str) -> str:
    if line != _SIGNATURE:
        line = line.rstrip(" ")
    marks = "" if (found := _MARKS.match(line)) is None else found[0]
    content = line[len(marks) :]
    if marks:
        content = content.removeprefix(" ")
    if len(line) <= WIDTH or line.startswith(" "):
        return _stuffed(marks, content)
    return "\n".join(_stuffed(marks, piece) for piece in _pieces(content, WIDTH - len(marks) - 1))


def _pieces(content: str, width: int) -> list[str]:
    """Cut a line behind blanks; a word that is too long stays whole."""
    pieces = [""]
    for word in _WORD.findall(content):
        is_full = len(pieces[-1]) + len(word) > width
        if is_full and pieces[-1].strip() and pieces[-1] != _SIGNATURE:
            pieces.append(word)
        else:
            pieces[-1] += word
    return pieces


def _stuffed(marks: str, content: str) -> str:
    """Put a blank before what would be taken for something else (§4.4)."""
    if marks:
        return f"{marks} {content}" if content else marks
    return f" {content}" if content.startswith((" ", ">", "From ")) else content

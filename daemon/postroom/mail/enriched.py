"""text/enriched (RFC 1896) and its ancestor text/richtext (RFC 1341) as text."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"<<|<(/?)([A-Za-z][A-Za-z0-9-]{0,59})>")
_BREAKS = re.compile(r"\n+")
_UNSEEN = frozenset({"param", "comment"})


def enriched_to_text(text: str) -> str:
    """Return the words without the commands; one line break is a space, n of them are n - 1."""
    out: list[str] = []
    position, unseen, raw = 0, 0, 0
    for match in _COMMAND.finditer(text):
        _say(out, text[position : match.start()], unseen, raw)
        position = match.end()
        if match[0] == "<<":
            _say(out, "<", unseen, raw)
            continue
        step = -1 if match[1] else 1
        name = match[2].lower()
        if name in _UNSEEN:
            unseen = max(0, unseen + step)
        elif name == "nofill":
            raw = max(0, raw + step)
        elif name in {"nl", "paragraph", "np"}:
            out.append("\n")
    _say(out, text[position:], unseen, raw)
    return "".join(out)


def _say(out: list[str], text: str, unseen: int, raw: int) -> None:
    if not unseen:
        out.append(text if raw else _BREAKS.sub(_joined, text))


def _joined(breaks: re.Match[str]) -> str:
    return "\n" * (len(breaks[0]) - 1) or " "

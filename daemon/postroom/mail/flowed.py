"""Plain text that was sent as format=flowed (RFC 3676)."""

from __future__ import annotations


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

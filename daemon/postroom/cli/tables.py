"""Values to what people and programs read: tables, lists of properties, JSON.

On a terminal tables fit its width and have colours; elsewhere they are plain text, one entry a
line and nothing cut off. What strangers wrote never reaches a terminal with its control characters.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from postroom.clock import rfc3339

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"\s+")
_FREE = frozenset({"subject", "reason", "because", "why", "last response", "text"})
_LONG = frozenset({"from", "to", "requester", "category", "by", "id", "what"})
_NARROW = 12
_COLOURED = frozenset({"outcome", "state", "phase", "status", "read", "matched"})
_COLOURS = {
    **dict.fromkeys(("opened", "sent", "accepted", "active", "green", "fired", "yes"), "green"),
    **dict.fromkeys(("appended", "command", "sending", "working"), "cyan"),
    **dict.fromkeys(("held", "waiting", "new", "postponed", "yellow", "armed"), "yellow"),
    **dict.fromkeys(("quarantined", "failed", "uncertain", "red", "refused"), "red"),
    **dict.fromkeys(("ignored", "duplicate", "cancelled", "closed", "deleted", "merged"), "dim"),
    "bounce": "magenta",
}


def plain(value: Any) -> Any:
    """Make JSON of a value: instants as the contract has them, dataclasses by their fields."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name.rstrip("_"): plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def only(value: Any, keys: str) -> dict[str, Any]:
    """Return these of a value's fields as JSON, in this order."""
    return {
        key: plain(getattr(value, key if hasattr(value, key) else f"{key}_"))
        for key in keys.split()
    }


def print_json(value: Any) -> None:
    """Print a value as JSON, for reading and for programs."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))


def print_json_line(value: Any) -> None:
    """Print a value as JSON on one line, at once."""
    print(json.dumps(plain(value), ensure_ascii=False), flush=True)


def cell(value: Any) -> str:
    """Write a value as one line for people."""
    if value is None or value in ("", ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%MZ}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple | frozenset):
        return ", ".join(map(cell, value))
    return clean(_SPACE.sub(" ", str(value)).strip())


def exact(at: datetime | None) -> str:
    """Write a moment as `cell` does, with its seconds unless there are none."""
    if at is None or not at.second:
        return cell(at)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def clean(text: str) -> str:
    """Take out what could drive a terminal; line ends and tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def print_table(titles: str, rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table; `titles` are its columns between "|"; `empty` says that there is none."""
    columns = titles.split("|")
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        print(empty, file=sys.stderr)
    elif sys.stdout.isatty():
        _print_rich(columns, cells)
    else:
        _print_plain(columns, cells)


def print_properties(pairs: Iterable[tuple[str, Any]]) -> None:
    """Print names and values below each other; what is not set is left out."""
    known = [(name, cell(value)) for name, value in pairs if value not in (None, "", (), [])]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        print(f"{name:<{width}}  {_coloured(name, value)}")


def _coloured(name: str, value: str) -> str:
    colour = _COLOURS.get(value) if name in _COLOURED and sys.stdout.isatty() else None
    codes = {"green": 32, "cyan": 36, "yellow": 33, "red": 31, "magenta": 35, "dim": 2}
    return f"\033[{codes[colour]}m{value}\033[0m" if colour else value


def _print_plain(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    lines = [[title.upper() for title in columns], *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (f"{value:<{width}}" for value, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _print_rich(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for title, width in zip(columns, _widths(columns, cells, console.width), strict=True):
        table.add_column(title, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        table.add_row(
            *(
                Text(value, _COLOURS.get(value, "") if title in _COLOURED else "")
                for title, value in zip(columns, row, strict=True)
            )
        )
    console.print(table)


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> list[int]:
    """Give each column what it needs; long words of people are cut before states and times."""
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    room -= 2 * len(columns)
    for cut in (_FREE, _FREE | _LONG, frozenset(columns)):
        may = [number for number, title in enumerate(columns) if title in cut]
        while sum(widths) > room and any(widths[number] > _NARROW for number in may):
            widths[max(may, key=lambda number: widths[number])] -= 1
    return widths

"""Two policies compared: by their texts, in the words of those who wrote them. Pure.

Entries of a file are the same when their names are (levels: their numbers), wherever they stand;
another order is a change of its own, for rules and priorities are read from top to bottom.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from postroom.core.tables import read_toml

LONGEST = 200  # characters of a value that are shown

# What times of a request are worked out from.
_OF_TIME = tuple(f"rules/{name}.toml" for name in ("calendars", "priorities", "types", "workflows"))
_CATEGORIES = "rules/categories.toml"


class Kind(StrEnum):
    """What became of a key, or of a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the same entries in another order


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of a policy; `key` "" is the file as a whole. Values as in the file, cut short."""

    file: str
    key: str
    kind: Kind
    from_: str | None
    to: str | None


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> list[Changed]:
    """Return what differs between the files of two policies, file by file."""
    found: list[Changed] = []
    for file in sorted(old.keys() | new.keys()):
        was, is_ = old.get(file), new.get(file)
        if was != is_:
            found += _of_file(file, was, is_)
    return found


def are_clocks_alike(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    """Whether two policies say the same about all that times of requests are worked out from."""
    if any(old.get(file) != new.get(file) and _differ(file, old, new) for file in _OF_TIME):
        return False
    return _closing(old) == _closing(new)


def _differ(file: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    return _parsed(file, old.get(file, "")) != _parsed(file, new.get(file, ""))


def _closing(files: Mapping[str, str]) -> dict[str, Any]:
    """Of categories only the silence after which requests are closed has to do with time."""
    entries = _parsed(_CATEGORIES, files.get(_CATEGORIES, "")).get("category", [])
    return {entry["name"]: entry.get("close_after") for entry in entries}


def _parsed(file: str, text: str) -> dict[str, Any]:
    return read_toml(file, text, []) or {}


def _of_file(file: str, was: str | None, is_: str | None) -> Iterator[Changed]:
    if was is None or is_ is None:
        kind = Kind.ADDED if was is None else Kind.REMOVED
        yield Changed(file, "", kind, _size(was), _size(is_))
    elif file.endswith(".toml"):
        found = list(_of_tables(file, "", _parsed(file, was), _parsed(file, is_)))
        yield from found or [Changed(file, "", Kind.CHANGED, None, "comments and spaces only")]
    else:
        gone, come = Counter(was.splitlines()), Counter(is_.splitlines())
        lines = f"{(come - gone).total()} lines added, {(gone - come).total()} removed"
        yield Changed(file, "", Kind.CHANGED, None, lines)


def _size(text: str | None) -> str | None:
    return f"{len(text.splitlines())} lines" if text is not None else None


def _of_tables(
    file: str, at: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Changed]:
    for key in {**old, **new}:
        path = f"{at}.{key}" if at else key
        was, is_ = old.get(key), new.get(key)
        if was == is_:
            continue
        if isinstance(was, dict) and isinstance(is_, dict):
            yield from _of_tables(file, path, was, is_)
        elif _are_entries(was) and _are_entries(is_):
            yield from _of_entries(file, path, was or [], is_ or [])
        else:
            yield _of_value(file, path, was, is_)


def _of_entries(
    file: str, at: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]
) -> Iterator[Changed]:
    before, after = dict(_identified(at, old)), dict(_identified(at, new))
    for key in {**before, **after}:
        was, is_ = before.get(key), after.get(key)
        if was is not None and is_ is not None:
            yield from _of_tables(file, key, was, is_)
        else:
            yield _of_value(file, key, was, is_)
    stayed = [key for key in before if key in after]
    moved = [key for key in after if key in before]
    if stayed != moved:
        yield Changed(file, at, Kind.MOVED, _names(stayed, moved), _names(moved, stayed))


def _names(order: Sequence[str], other: Sequence[str]) -> str:
    """Name the entries whose place differs, in their order."""
    moved = [one for one, two in zip(order, other, strict=True) if one != two]
    return _cut(", ".join(one.rpartition(".")[2] for one in moved))


def _identified(
    at: str, entries: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name each entry as problems of the policy do, a level by its number."""
    seen: Counter[str] = Counter()
    for index, entry in enumerate(entries, 1):
        if "name" in entry:
            key = f"{at} {json.dumps(entry['name'], ensure_ascii=False)}"
        elif "level" in entry:
            key = f"{at} {entry['level']}"
        else:
            key = f"{at}[{index}]"
        seen[key] += 1
        yield key if seen[key] == 1 else f"{key} again {seen[key]}", entry


def _are_entries(value: Any) -> bool:
    """Whether it may be [[entries]]; None: there are none on this side."""
    return value is None or (
        isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    )


def _of_value(file: str, key: str, was: Any, is_: Any) -> Changed:
    kind = Kind.ADDED if was is None else Kind.REMOVED if is_ is None else Kind.CHANGED
    return Changed(file, key, kind, _written(was), _written(is_))


def _written(value: Any) -> str | None:
    return _cut(_toml(value)) if value is not None else None


def _toml(value: Any) -> str:
    """Write a value as it could stand in the file, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

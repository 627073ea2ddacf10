"""Collecting problems: every fault of every file, found before any of it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from postroom.core.tables import Table, check_table, entry_label, keys_of
from postroom.core.units import nearest, show
from postroom.errors import Problem
from postroom.policy.schema import Names

Entry = TypeVar("Entry", bound=Table)


@dataclass(frozen=True, slots=True)
class Report:
    """Where the problems of one file go: `report(key, text)`."""

    file: str
    problems: list[Problem]

    def __call__(self, key: str, text: str) -> None:
        """Add a problem of this file."""
        self.problems.append(Problem(self.file, key, text))


def read_entries(
    model: type[Entry], key: str, document: dict[str, Any], report: Report, names: Names
) -> list[Entry]:
    """Read all `[[key]]` of a file. A faulty entry is reported and left out; the rest goes on."""
    entries = document.get(key, [])
    if not isinstance(entries, list):
        report(key, f"must be an array of tables: write [[{key}]], not [{key}]")
        return []
    read: list[Entry] = []
    for index, entry in enumerate(entries):
        at = key + entry_label(entry, index)
        table = check_table(model, entry, report.file, report.problems, at=at, names=names)
        if table is not None:
            read.append(table)
    _report_twins(entries, key, report)
    return read


def _report_twins(entries: list[Any], key: str, report: Report) -> None:
    """Two entries of one name: none of them can be meant."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        first = seen.setdefault(name, index)
        if first != index:
            report(f"{key}[{index + 1}].name", f"{show(name)} is already {key}[{first + 1}]")


def report_unknown_keys(model: type[Table], document: dict[str, Any], report: Report) -> None:
    """Report what stands at the top of a file and is none of its tables."""
    keys = keys_of(model)
    for key in document:
        if key not in keys:
            report(key, "is not a key here" + nearest(key, keys))


def names_in(document: dict[str, Any] | None, *path: str) -> frozenset[str] | None:
    """Collect the names of `[[a.b]]` from a file as parsed; None when it could not be parsed.

    Taken before validation, so that one faulty entry does not make every use of its name wrong.
    """
    if document is None:
        return None
    entries: Iterable[Any] = [document]
    for key in path:
        lists = (entry.get(key) for entry in entries if isinstance(entry, dict))
        entries = [item for found in lists if isinstance(found, list) for item in found]
    names = (entry.get("name") for entry in entries if isinstance(entry, dict))
    return frozenset(name for name in names if isinstance(name, str))

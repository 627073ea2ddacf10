"""`postroom policy diff`: what a reload would change, in the policy and for open requests.

Decides as the daemon does after a reload (work.retiming), without acting. Requests are read in
portions and printed as they come, so that a hundred thousand need no more memory than twenty.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from postroom import clock
from postroom.cli.access import open_store, quiet_logs, read_config, with_rules
from postroom.cli.tables import cell, plain
from postroom.core.comparison import Changed, Kind, compare
from postroom.core.moments import show_exactly
from postroom.core.retiming import Difference, What
from postroom.core.vanished import Vanished, vanished
from postroom.errors import NotFound

if TYPE_CHECKING:
    from postroom.core.model import Policy
    from postroom.store.db import Database
    from postroom.work.retiming import Concerned, Looked

MOST = 20  # requests that are printed unless all are wanted
BAR_FROM = 2_000  # open requests

_TITLES = {
    What.FIRST_REPLY: "another first_reply",
    What.NEXT_REPLY: "another next_reply",
    What.DEADLINE: "another deadline",
    What.WARNING: "another warning",
    What.LEVEL: "another moment of the next level",
    What.CLOSE: "another automatic close",
}


@dataclass(frozen=True, slots=True)
class _Policies:
    """What is compared."""

    active: str
    rules: str
    changes: list[Changed]
    vanished: list[Vanished]
    open: int


@dataclass(slots=True)
class Counts:
    """How many open requests were looked at, and what becomes of them."""

    looked: int = 0
    concerned: int = 0
    at_once: int = 0  # requests of which something would be overdue as soon as it is applied
    failed: int = 0
    differs: Counter[What] = field(default_factory=Counter)
    acts: Counter[What] = field(default_factory=Counter)

    def add(self, portion: Looked) -> None:
        """Count a portion."""
        self.looked += portion.count
        self.failed += len(portion.failed)
        self.concerned += len(portion.concerned)
        for one in portion.concerned:
            self.at_once += any(each.at_once for each in one.differences)
            self.differs.update(each.what for each in one.differences)
            self.acts.update(each.what for each in one.differences if each.at_once)


def diff(rules: Path | None, config: Path | None, *, shows_all: bool, as_json: bool) -> None:
    """Print what a reload would change."""
    from postroom.house import load_checked_policy

    quiet_logs()
    settings = read_config(config)
    if rules is not None:
        settings = with_rules(settings, rules)
    policy = load_checked_policy(settings)
    prefix, zone = settings.requests.prefix, _zone(policy)
    with open_store(settings) as database:
        both = _compared(database, policy)
        portions = looked_at(database, policy, both.open)
        if as_json:
            _print_json(both, portions, prefix)
        else:
            _print_policies(both)
            _print_requests(portions, prefix, zone, shows_all=shows_all)


def looked_at(database: Database, policy: Policy, count: int) -> Iterator[Looked]:
    """Yield what a policy would change for each portion of so many open requests."""
    from postroom.work.retiming import look

    now = clock.now()
    yield from _watched(look(database, policy, lambda: now), count)


def _watched(portions: Iterator[Looked], count: int) -> Iterable[Looked]:
    """Show a progress bar for many requests, when somebody looks on."""
    if count < BAR_FROM or not sys.stderr.isatty():
        return portions
    from rich.console import Console
    from rich.progress import track

    from postroom.store.following import PORTION

    total = -(-count // PORTION)
    console = Console(stderr=True)
    return track(portions, "open requests", total=total, console=console, transient=True)


def _compared(database: Database, policy: Policy) -> _Policies:
    from postroom.store import following, policies

    with database.read() as connection:
        active = policies.active_policy(connection)
        if active is None:
            raise NotFound("no policy was ever active: `postroom run` makes one active")
        changes = compare(policies.policy_files(connection, active), policy.files)
        gone = list(vanished(following.names_in_use(connection), policy))
        count = following.count_open(connection)
    return _Policies(active, policy.version, changes, gone, count)


def _zone(policy: Policy) -> str:
    return policy.calendars[policy.default_priority().calendar].time_zone


# ---- for programs


def _print_json(both: _Policies, portions: Iterable[Looked], prefix: str) -> None:
    """Print one object, request by request."""
    head = {"active": both.active, "rules": both.rules}
    head |= {"changes": plain(both.changes), "vanished": plain(both.vanished)}
    print(json.dumps(head, ensure_ascii=False, indent=2).removesuffix("\n}"), end=",\n")
    print('  "requests": [', end="")
    counts, comma = Counts(), ""
    for portion in portions:
        counts.add(portion)
        for one in portion.concerned:
            record = {"id": one.request.id, "reference": f"{prefix}{one.request.id}"}
            record["differences"] = plain(one.differences)
            print(f"{comma}\n    {json.dumps(record, ensure_ascii=False)}", end="")
            comma = ","
    print(f'\n  ],\n  "counts": {json.dumps(_record(counts, both.open))}\n}}')


def _record(counts: Counts, count: int) -> dict[str, object]:
    return {
        "open": count,
        "looked": counts.looked,
        "concerned": counts.concerned,
        "at_once": counts.at_once,
        "failed": counts.failed,
        **{what.value: counts.differs[what] for what in What},
    }


# ---- for people


def _print_policies(both: _Policies) -> None:
    same = " (the same)" if both.active == both.rules else ""
    print(f"active policy {both.active}, these rules {both.rules}{same}")
    if both.changes:
        print("\nWhat changes in the rules")
        for file, changes in groupby(both.changes, lambda one: one.file):
            print(f"  {file}")
            for one in changes:
                print(f"    {cell(_told(one))}")
    if both.vanished:
        print("\nWhat open requests have, and the rules have not")
        for name in both.vanished:
            print(f"  {cell(name)}")


def _told(one: Changed) -> str:
    key = f"{one.key}: " if one.key else ""
    match one.kind:
        case Kind.ADDED:
            return f"{key}added {one.to}"
        case Kind.REMOVED:
            return f"{key}removed {one.from_}"
        case Kind.MOVED:
            return f"{key}in another order: {one.from_} → {one.to}"
    return f"{key}{one.from_} → {one.to}" if one.from_ is not None else f"{key}{one.to}"


def _print_requests(portions: Iterable[Looked], prefix: str, zone: str, *, shows_all: bool) -> None:
    with TemporaryFile("w+", encoding="utf-8") as file:
        counts, rows = Counts(), _Rows(prefix, zone, file if shows_all else None)
        for portion in portions:
            counts.add(portion)
            for one in portion.concerned:
                rows.add(one)
        _print_counts(counts, zone)
        rows.print()
    left = counts.concerned - rows.shown
    if left:
        print(f"and {left} more requests: --all prints them")


def _print_counts(counts: Counts, zone: str) -> None:
    if counts.failed:
        print(f"\n{counts.failed} open requests could not be looked at (see above)")
    if not counts.concerned:
        print("\nNo open request gets other times.")
        return
    print(
        f"\n{counts.concerned} of {counts.looked} open requests get other times;"
        f" of {counts.at_once} something would act at once"
    )
    for what, title in _TITLES.items():
        if counts.differs[what]:
            acts = f", {counts.acts[what]} act at once" if counts.acts[what] else ""
            print(f"  {title}: {counts.differs[what]}{acts}")
    print(f"\nTimes in {zone}")


class _Rows:
    """The requests to be printed after the counts: a few kept here, all of them in a file."""

    def __init__(self, prefix: str, zone: str, file: IO[str] | None) -> None:
        self._prefix, self._zone, self._all = prefix, zone, file
        self._acting: list[Concerned] = []
        self._others: list[Concerned] = []
        self.shown = 0

    def add(self, one: Concerned) -> None:
        """Take one more; of those that are not all, those that act at once go first."""
        if self._all is not None:
            self._all.writelines(f"{line}\n" for line in self._lines(one))
            self.shown += 1
            return
        acts = any(each.at_once for each in one.differences)
        kept = self._acting if acts else self._others
        if len(kept) < MOST:
            kept.append(one)

    def print(self) -> None:
        """Print them, a line for each difference."""
        if self._all is not None:
            if self.shown:
                print(_line("request", "what", "from", "to", "").upper())
            self._all.seek(0)
            for line in self._all:
                print(line, end="")
            return
        kept = (self._acting + self._others)[:MOST]
        self.shown = len(kept)
        if kept:
            print(_line("request", "what", "from", "to", "").upper())
        for one in kept:
            for text in self._lines(one):
                print(text)

    def _lines(self, one: Concerned) -> Iterator[str]:
        for each in one.differences:
            moments = (self._moment(each.from_), self._moment(each.to))
            acts = _acts(each) if each.at_once else ""
            yield _line(f"{self._prefix}{one.request.id}", each.what.value, *moments, acts)

    def _moment(self, at: datetime | None) -> str:
        return show_exactly(at, self._zone) if at is not None else "-"


def _acts(one: Difference) -> str:
    match one.what:
        case What.LEVEL:
            return "is done at once"
        case What.CLOSE:
            return "closes at once"
        case What.WARNING:
            return "warns at once"
    return "overdue at once"


def _line(request: str, what: str, from_: str, to: str, acts: str) -> str:
    return f"{request:<12}  {what:<11}  {from_:<24}  {to:<24}  {acts}".rstrip()

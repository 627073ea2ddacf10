"""`postroom policy explain`, and the times in `request show`: what core says of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postroom.cli.access import current_policy, open_store, read_config
from postroom.cli.tables import cell, plain, print_json, print_properties, print_table
from postroom.core.moments import show_exactly
from postroom.core.units import write_duration

if TYPE_CHECKING:
    from postroom.core.accounting import Spent, Times
    from postroom.core.model import Policy
    from postroom.core.told import Explanation, Piece, ToldChain, ToldClock
    from postroom.store.views import WholeRequest

_TIMES = ("queue", "internal", "external", "reply", "close")


def explain(request_id: int, config: Path | None, *, as_json: bool) -> None:
    """Print why a request is as it is, and what will happen to it when."""
    from postroom import clock
    from postroom.core.explanation import explain_request
    from postroom.core.facts import ChangeFact
    from postroom.store import request_facts, views

    settings = read_config(config)
    with open_store(settings) as database, database.read() as connection:
        whole = views.whole_request(connection, settings.requests.prefix, request_id)
        request = request_facts.load_requests(connection, (request_id,))[request_id]
        opening = views.opening(connection, request_id)
        policy = current_policy(settings, connection)
    history = [
        ChangeFact(one.at, one.actor, one.kind, one.from_, one.to, one.because)
        for one in whole.history
    ]
    said = explain_request(request, history, opening, policy, clock.now())
    if as_json:
        print_json({**plain(said), "reference": whole.request.reference})
    else:
        _print(said, whole.request.reference)


def times_of_request(whole: WholeRequest, policy: Policy | None) -> Times | None:
    """Return what a request took; None when there is no policy to measure by."""
    from postroom.core.accounting import times_of
    from postroom.core.clocks import Moment

    if policy is None:
        return None
    moments = [
        Moment(one.at, one.kind, one.to or "")
        for one in whole.history
        if one.kind in ("opened", "status", "message")
    ]
    return times_of(moments, whole.request.priority, whole.request.type, policy)


def rows_of_times(times: Times | None) -> Iterator[tuple[str, str]]:
    """Write what a request took, for people: the calendar's hours first."""
    for name in _TIMES:
        spent: Spent | None = getattr(times, name, None)
        if spent is not None and (spent.clock or name in ("reply", "close")):
            title = f"time to {name}" if name in ("reply", "close") else f"{name} time"
            within, passed = write_duration(spent.calendar), write_duration(spent.clock)
            yield title, f"{within} in opening hours, {passed} round the clock"


# ---- for people


def _print(said: Explanation, reference: str) -> None:
    zone = said.time_zone
    print_properties(
        [
            ("request", reference),
            ("status", f"{said.status} ({said.phase.value})"),
            ("now", show_exactly(said.at, zone)),
            ("calendar", f"{said.calendar}, {zone}"),
            ("policy", said.policy_version),
        ]
    )
    for note in said.notes:
        print(f"note: {cell(note)}")
    print("\nWhy it is what it is")
    reasons = [
        (one.name, one.value or "nobody", show_exactly(one.at, zone), one.by, one.because)
        for one in said.properties
    ]
    print_table("what|is|since|by|because", reasons, empty="nothing is known")
    for clock in said.clocks:
        _print_clock(clock, zone)
    _print_chain(said.chain, zone)
    print("\nWhat is to come if nothing happens")
    ahead = [(show_exactly(one.at, zone), one.what, one.of, one.does) for one in said.ahead]
    if ahead:
        print_table("at|what|of|does", ahead, empty="")
    else:
        print("nothing")


def _print_clock(told: ToldClock, zone: str) -> None:
    words = [told.state.value, told.why]
    if told.since is not None:
        passed = write_duration(told.passed or 0)
        words.append(f"{told.within} since {show_exactly(told.since, zone)}, {passed} have passed")
    print(f"\n{told.name}: {cell(_joined(words, told.due_at, zone))}")
    _print_pieces(told.segments, zone)


def _print_chain(told: ToldChain, zone: str) -> None:
    words = [told.state.value, told.why]
    if told.level:
        words.append(f"level {told.level} is done")
    if told.remaining is not None and told.next_level is not None:
        words.append(f"{write_duration(told.remaining)} are left to level {told.next_level}")
    elif told.due_at is not None:
        words.append(f"level {told.next_level} is next, by the clock of {told.clock}")
    print(f"\nescalation: {cell(_joined(words, told.due_at, zone))}")
    _print_pieces(told.segments, zone)


def _joined(words: Iterable[str], due_at: datetime | None, zone: str) -> str:
    due = f"due {show_exactly(due_at, zone)}" if due_at is not None else ""
    return "; ".join(one for one in (*words, due) if one)


def _print_pieces(pieces: Sequence[Piece], zone: str) -> None:
    rows: list[tuple[Any, ...]] = []
    for one in pieces:
        until = show_exactly(one.until, zone) if one.until is not None else "…"
        length = int((one.until - one.since).total_seconds()) if one.until is not None else None
        lasts = write_duration(length) if length is not None else "…"
        rows.append((show_exactly(one.since, zone), until, lasts, one.kind.value, one.why))
    if rows:
        print_table("since|until|lasts|what|why", rows, empty="")

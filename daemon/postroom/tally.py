"""What happened in this process since its start, counted, and how long things took.

Promise: cheap enough for every mail; the number of keys is bounded, whatever strangers write.
Used by: logs (an event is counted when it is logged), supervision (times, snapshot).

Counts live in memory and begin at nothing with the process, as Prometheus expects of counters.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

# Upper bounds of the classes of times, in seconds; above the last: the rest.
BOUNDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0)
MOST_KEYS = 500  # a key more is counted as "other"

# event → (metric, the value of the event that is its label)
COUNTED: Mapping[str, tuple[str, str]] = {
    "mail.accepted": ("mail_accepted", "transport"),
    "mail.refused": ("mail_refused", "code"),
    "connection.refused": ("connections_refused", "code"),
    "mail.worked": ("mail_outcomes", "outcome"),
    "outbox.sent": ("deliveries", "event"),
    "outbox.deferred": ("deliveries", "event"),
    "outbox.failed": ("deliveries", "event"),
    "outbox.uncertain": ("deliveries", "event"),
    "timer.fired": ("timers", "kind"),
    "hook.done": ("hooks", "event"),
    "hook.failed": ("hooks", "event"),
    "hook.later": ("hooks", "event"),
    "brake.hit": ("brakes", "brake"),
}
# event → (metric, the value of the event that is the time in seconds)
TIMED: Mapping[str, tuple[str, str]] = {"mail.worked": ("mail", "seconds")}

Key = tuple[str, str]
Snapshot = dict[str, list[Any]]


class Tally:
    """Counters and classes of times; usable from all threads."""

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._times: dict[tuple[str, str, str], list[float]] = {}
        self._lock = threading.Lock()

    def count(self, metric: str, label: str, by: int = 1) -> None:
        """Count one thing, or several at once."""
        with self._lock:
            key = metric, label
            if key not in self._counts and len(self._counts) >= MOST_KEYS:
                key = metric, "other"
            self._counts[key] = self._counts.get(key, 0) + by

    def time(self, stage: str, doing: str, seconds: float) -> None:
        """Note how long something took."""
        with self._lock:
            key = "stage", stage, doing
            row = self._times.get(key)
            if row is None:
                if len(self._times) >= MOST_KEYS:
                    return
                row = self._times[key] = [0.0] * (len(BOUNDS) + 2)
            row[bisect_left(BOUNDS, seconds)] += 1
            row[-1] += seconds

    def event(self, name: str, level: str, values: Mapping[str, Any]) -> None:
        """Count an event of the log, whether it is written or not."""
        if level in ("warning", "error", "critical"):
            self.count("log_lines", level)
        if (counted := COUNTED.get(name)) is not None:
            metric, key = counted
            label = name.partition(".")[2] if key == "event" else values.get(key, "")
            self.count(metric, str(getattr(label, "value", label)), by=_number(values))
        if (timed := TIMED.get(name)) is not None:
            metric, key = timed
            seconds = values.get(key)
            if isinstance(seconds, int | float):
                self.time(metric, "settled", max(float(seconds), 0.0))

    def snapshot(self) -> Snapshot:
        """Return all of it as plain JSON."""
        with self._lock:
            return {
                "counts": [[*key, value] for key, value in self._counts.items()],
                "times": [[*key, [*row]] for key, row in self._times.items()],
            }


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Add up what several processes have counted."""
    counts: dict[tuple[Any, ...], int] = {}
    times: dict[tuple[Any, ...], list[float]] = {}
    for snapshot in snapshots:
        for *key, value in snapshot.get("counts", []):
            counts[tuple(key)] = counts.get(tuple(key), 0) + value
        for *key, row in snapshot.get("times", []):
            known = times.setdefault(tuple(key), [0.0] * len(row))
            times[tuple(key)] = [a + b for a, b in zip(known, row, strict=True)]
    return {
        "counts": [[*key, value] for key, value in sorted(counts.items())],
        "times": [[*key, row] for key, row in sorted(times.items())],
    }


def _number(values: Mapping[str, Any]) -> int:
    """Return how many mails an event stands for: one for each mailbox is taken in at once."""
    ids, count = values.get("spool_ids"), values.get("count")
    if isinstance(count, int):  # a batch that was fetched
        return max(count, 0)
    return len(ids) if isinstance(ids, list | tuple) and ids else 1

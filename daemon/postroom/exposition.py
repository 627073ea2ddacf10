"""The figures as Prometheus reads them (text format, by prometheus_client).

Promise: one family for each line of `METRICS`; labels come from our own lists of names, never from
mail. A figure that is not known is left out, so that `absent()` finds it.
Used by: supervision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from postroom.core.alarms import Figures
from postroom.pulse import Beat
from postroom.tally import BOUNDS, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Of the tally: metric → (label, help).
COUNTERS: Mapping[str, tuple[str, str]] = {
    "mail_accepted": ("transport", "Mails taken into the spool."),
    "mail_refused": ("code", "Mails refused at a door, by SMTP code."),
    "connections_refused": ("code", "Connections ended at a door, by SMTP code."),
    "mail_outcomes": ("outcome", "What became of mails."),
    "deliveries": ("event", "Attempts to deliver, by what came of them."),
    "timers": ("kind", "Timers fired."),
    "hooks": ("event", "Hooks run, by what came of them."),
    "brakes": ("brake", "Automatic answers kept back, and mails held, by a brake."),
    "log_lines": ("level", "Warnings and errors in the log."),
}
GAUGES: Mapping[str, tuple[str, str]] = {
    "spool_oldest_seconds": ("spool_oldest", "Age of the oldest mail in the spool; 0: none."),
    "spool_mails": ("spool_waiting", "Mails in the spool that are due, up to 10000."),
    "outbox_oldest_seconds": (
        "outbox_oldest",
        "Age of the oldest mail that waits to be sent; 0: none.",
    ),
    "outbox_deliveries": ("outbox_waiting", "Deliveries that wait, up to 10000."),
    "outbox_uncertain": ("uncertain", "Deliveries that only a human can decide about."),
    "timers_late_seconds": ("timers_late", "By how much the next timer is late; 0: it is not."),
    "holds": ("holds", "Held mails, up to 10000."),
    "quarantined": ("quarantined", "Mails in quarantine, up to 10000."),
    "disk_free_bytes": ("free_bytes", "Room on the disk of the data folder."),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is told at a moment. `figures` None: of doors that run alone."""

    version: str
    tally: Snapshot
    beats: tuple[Beat, ...]
    ages: Mapping[str, float]  # seconds since each beat, by stage
    hung: frozenset[str]
    are_doors_open: bool | None  # None: this daemon has none
    figures: Figures | None


def expose(scene: Scene) -> bytes:
    """Write the figures."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(scene))
    return generate_latest(registry)


class _Once(Collector):
    """Hands the families of one scene to prometheus_client."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def collect(self) -> Iterable[Metric]:
        return _families(self._scene)


def _families(scene: Scene) -> Iterator[Metric]:
    info = GaugeMetricFamily("postroom_info", "The version of this daemon.", labels=["version"])
    info.add_metric([scene.version], 1)
    yield info
    yield from _counters(scene.tally)
    yield _times(scene.tally)
    yield from _stages(scene)
    if scene.are_doors_open is not None:
        words = "Whether the doors take mail in."
        yield GaugeMetricFamily("postroom_doors_open", words, value=scene.are_doors_open)
    if scene.figures is not None:
        yield from _gauges(scene.figures)


def _counters(tally: Snapshot) -> Iterator[Metric]:
    for name, (label, words) in COUNTERS.items():
        family = CounterMetricFamily(f"postroom_{name}", words, labels=[label])
        for metric, value, count in tally.get("counts", []):
            if metric == name:
                family.add_metric([str(value)], count)
        yield family


def _times(tally: Snapshot) -> Metric:
    words = "How long a stage was at one thing; mail: from its receipt to its outcome."
    family = HistogramMetricFamily("postroom_stage_seconds", words, labels=["stage", "doing"])
    for _, stage, doing, row in tally.get("times", []):
        count, buckets = 0.0, []
        for bound, number in zip((*map(str, BOUNDS), "+Inf"), row[:-1], strict=True):
            count += number
            buckets.append((bound, count))
        family.add_metric([stage, doing], buckets, row[-1])
    return family


def _stages(scene: Scene) -> Iterator[Metric]:
    words = "Seconds since a stage was heard of."
    ages = GaugeMetricFamily("postroom_stage_silent_seconds", words, labels=["stage", "state"])
    words = "Whether nothing was heard of a stage by the moment that it had promised."
    hung = GaugeMetricFamily("postroom_stage_hung", words, labels=["stage"])
    for beat in scene.beats:
        ages.add_metric([beat.stage, beat.state], max(scene.ages[beat.stage], 0.0))
        hung.add_metric([beat.stage], beat.stage in scene.hung)
    yield ages
    yield hung


def _gauges(figures: Figures) -> Iterator[Metric]:
    for name, (attribute, words) in GAUGES.items():
        value = getattr(figures, attribute)
        if value is not None:
            yield GaugeMetricFamily(f"postroom_{name}", words, value=value)
    words = "Whether the database can be asked."
    yield GaugeMetricFamily("postroom_database_up", words, value=not figures.database_away)
    words = "Whether the outbox stands still because somebody said so."
    yield GaugeMetricFamily("postroom_outbox_paused", words, value=figures.is_paused)
    words = "Seconds since a mailbox was last looked into."
    silent = GaugeMetricFamily("postroom_mailbox_silent_seconds", words, labels=["mailbox"])
    for name, seconds in figures.mailboxes.items():
        silent.add_metric([name], seconds)
    yield silent
    words = "When a login or a certificate ends."
    ends = GaugeMetricFamily("postroom_ends_timestamp_seconds", words, labels=["what"])
    for what, at in figures.endings.items():
        if at is not None:
            ends.add_metric([what], at.timestamp())
    yield ends

"""Logs: events with ids, one line each.

Entries with fields in systemd's journal, logfmt in files, colours on a terminal, JSON on request.
Event names are `noun.past`; ids are bound by the stages with structlog.contextvars. An exception is
part of its line: what it says, and where it came from, innermost call first. Every event is
counted (`Tally`), also those that the level keeps out of the log.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from postroom.systemd import Journal, field_name, is_journal
from postroom.tally import Tally

LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
LONGEST_VALUE = 2_000
CALLS_SHOWN = 6
# Said by stages at every attempt while something is away: the same once in ten minutes is enough.
REPEATED = (".waiting", ".not_renewed")
SAID_AGAIN = 600.0  # seconds
PAUSE = 60.0  # seconds without it: whatever it was is over, and this is the next
REASONS = 200  # that are remembered
FIRST_KEYS = ("at", "level", "event")
# Of syslog(3), by our levels.
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
IDENTIFIER = "postroom"


def configure(
    format: str = "auto",  # noqa: A002
    level: str = "info",
    stream: TextIO | None = None,
    tally: Tally | None = None,
    journal: Journal | None = None,
) -> None:
    """Set up structlog, and the logging of libraries, for the whole process.

    `tally` counts the events; `journal` is systemd's, if another than this machine's is meant.
    """
    out = sys.stderr if stream is None else stream
    is_journalled = is_journal(out)
    if format == "auto":
        format = "console" if out.isatty() else "journal" if is_journalled else "logfmt"  # noqa: A001
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *_counting(tally, LEVELS[level]),
            _seldom(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True, key="at"),
            _exception_on_one_line,
            _plain_values,
            *([_to_journal(journal or Journal())] if format == "journal" else []),
            *_renderer("logfmt" if format == "journal" else format, has_priority=is_journalled),
        ],
        # What is to be counted must come as far as the processors.
        wrapper_class=structlog.make_filtering_bound_logger(
            LEVELS[level] if tally is None else logging.DEBUG
        ),
        # A line is one write: the doors and the work share this stream.
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    _take_over_libraries()


def _counting(tally: Tally | None, least: int) -> list[Processor]:
    """Count an event, then drop it if its level is not wanted in the log."""
    if tally is None:
        return []
    counting = tally

    def count(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
        level = "error" if level == "exception" else level
        counting.event(str(event.get("event", "")), level, event)
        if LEVELS.get(level, logging.ERROR) < least:
            raise structlog.DropEvent
        return event

    return [count]


def _seldom(steady: Callable[[], float] = time.monotonic) -> Processor:
    """Leave out what a stage that waits says again and again: several times a second, all of them.

    It is counted all the same; another reason, or the same after a pause, is said at once.
    """
    heard: dict[str, tuple[float, float]] = {}  # when it came last, and when it was let through

    def leave_out(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        if str(event.get("event")).endswith(REPEATED):
            now, what = steady(), repr(sorted(event.items()))
            last, said = heard.get(what, (-math.inf, -math.inf))
            is_news = now - last >= PAUSE or now - said >= SAID_AGAIN
            if len(heard) >= REASONS:
                heard.clear()
            heard[what] = (now, now if is_news else said)
            if not is_news:
                raise structlog.DropEvent
        return event

    return leave_out


def _renderer(format: str, *, has_priority: bool) -> list[Processor]:  # noqa: A002
    match format:
        case "console":
            return [structlog.dev.ConsoleRenderer(timestamp_key="at", sort_keys=False)]
        case "json":
            rendering: Processor = _as_json
        case "logfmt":
            rendering = structlog.processors.LogfmtRenderer(key_order=FIRST_KEYS, drop_missing=True)
        case _:
            raise ValueError(f"no log format is called {format!r}")
    if not has_priority:
        return [rendering]

    def with_priority(logger: WrappedLogger, name: str, event: EventDict) -> str:
        """Put "<3>" before a line: journald reads the priority from there (sd-daemon(3))."""
        priority = PRIORITIES.get(str(event.get("level")), 6)
        return f"<{priority}>" + str(rendering(logger, name, event))

    return [with_priority]


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:  # an integer over 64 bits
        return json.dumps(event, ensure_ascii=False)


def _to_journal(journal: Journal) -> Processor:
    """Give an event to journald, its values as fields; what it does not take becomes a line."""
    line = structlog.processors.LogfmtRenderer(key_order=("event",), drop_missing=True)

    def send(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        # Time and priority are the journal's own.
        said = {key: value for key, value in event.items() if key not in ("at", "level")}
        fields = {
            "MESSAGE": str(line(logger, name, dict(said))),
            "PRIORITY": str(PRIORITIES.get(str(event.get("level")), 6)),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            **{field_name(key): str(value) for key, value in said.items() if value is not None},
        }
        if journal.send(fields):
            raise structlog.DropEvent
        return event

    return send


def _exception_on_one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Turn `exc_info` into "error" and "where"; no traceback over many lines."""
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if given is True:
        given = sys.exc_info()[1]
    if isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["error"] = _chain(given)
        event["where"] = _calls(given.__traceback__)
    return event


def _chain(error: BaseException) -> str:
    """Write an error and what caused it: "Unavailable: relay < ConnectionRefusedError: …"."""
    words: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(words) < CALLS_SHOWN:
        seen.add(id(current))
        said = str(current)
        words.append(f"{type(current).__name__}: {said}" if said else type(current).__name__)
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return " < ".join(words)


def _calls(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-CALLS_SHOWN:]
    return " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )


def _plain_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make every value one bounded line that each format can write."""
    for key, value in event.items():
        kind = type(value)
        # As nearly all values are: this is done for every mail, several times.
        is_plain = kind is int or kind is float or value is None
        if is_plain or (kind is str and len(value) <= LONGEST_VALUE and value.isprintable()):
            continue
        event[key] = _plain(value)
    return event


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | float():
            return value
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case bytes():
            value = value.decode("utf-8", "backslashreplace")
        case str():
            pass
        case list() | tuple() | set() | frozenset():
            value = ", ".join(str(_plain(item)) for item in value)
        case _:
            value = str(value)
    return _one_line(value)


def _one_line(text: str) -> str:
    """Escape what would break the line or drive a terminal; words of strangers get here."""
    cut = text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
    if cut.isprintable():
        return cut
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in cut
    )


class _ToEvents(logging.Handler):
    """Hands what libraries log to structlog, as the event `library.logged`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            said = str(record.msg)
        extra: MutableMapping[str, Any] = {"logger": record.name, "said": said}
        if record.exc_info and record.exc_info[1] is not None:
            extra["exc_info"] = record.exc_info[1]
        log = structlog.get_logger()
        log.log(max(record.levelno, logging.DEBUG), "library.logged", **extra)


def _take_over_libraries() -> None:
    """Libraries speak of warnings and errors only: their other lines are not ours to promise."""
    root = logging.getLogger()
    root.handlers = [_ToEvents()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)

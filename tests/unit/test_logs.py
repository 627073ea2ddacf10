"""Log lines: one event, one line, in each format."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from postroom import logs
from postroom.core.model import Outcome
from postroom.logs import configure


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged(
    format_: str, event: str = "mail.accepted", level: str = "info", **values: object
) -> str:
    stream = io.StringIO()
    configure(format_, level, stream)
    structlog.get_logger().info(event, **values)
    return stream.getvalue()


def test_logfmt_is_one_line_with_time_level_and_event_first() -> None:
    line = logged("logfmt", spool_id="n-1-7", size=1200, subject='two\nlines "quoted" = x')
    assert line.startswith("at=20")
    assert " level=info event=mail.accepted " in line
    assert "spool_id=n-1-7 size=1200" in line
    assert line.count("\n") == 1


def test_json_is_an_object_a_line() -> None:
    line = logged("json", outcome=Outcome.OPENED, subject="é\x1b[31m\u2028")
    assert json.loads(line)["outcome"] == "opened"
    assert json.loads(line)["subject"] == "é\\x1b[31m\\u2028"


def test_a_stranger_cannot_drive_the_terminal_or_forge_a_line() -> None:
    for format_ in ("console", "logfmt"):
        line = logged(format_, subject="x\r\nat=2026 level=error event=forged\x1b]0;y\x07")
        assert line.count("\n") == 1
        assert "\x1b]" not in line


def test_values_become_short_words() -> None:
    at = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
    line = logged(
        "logfmt", due_at=at, within=timedelta(minutes=1), ids=(1, 2), raw=b"\xff", big="x" * 9000
    )
    assert "due_at=2026-11-20T13:15:00Z within=60.0 " in line
    assert 'ids="1, 2"' in line
    assert len(line) < 3_000


def test_bound_ids_are_on_the_line() -> None:
    stream = io.StringIO()
    configure("logfmt", "info", stream)
    with structlog.contextvars.bound_contextvars(request=12):
        structlog.get_logger().info("request.opened")
    assert "request=12" in stream.getvalue()


def fail() -> None:
    raise ValueError("cannot work") from OSError("disk\nfull")


@pytest.mark.parametrize("format_", ["logfmt", "json", "console"])
def test_an_exception_is_part_of_its_line(format_: str) -> None:
    stream = io.StringIO()
    configure(format_, "info", stream)
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("mail.failed")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "ValueError: cannot work < OSError: disk" in line
    assert "test_logs.py:" in line


def test_the_level_is_kept() -> None:
    assert logged("logfmt", level="warning") == ""
    with pytest.raises(ValueError, match="no log format"):
        configure("yaml")


def test_what_waits_says_why_once_and_another_reason_at_once() -> None:
    stream = io.StringIO()
    configure("logfmt", "info", stream)
    for why in ("disk full", "disk full", "refused", "disk full", "refused"):
        structlog.get_logger().warning("pipeline.waiting", why=why)
        structlog.get_logger().info("mail.worked", why=why)
    structlog.get_logger().warning("sender.waiting", why="refused")
    assert 3 == stream.getvalue().count(".waiting")
    assert 5 == stream.getvalue().count("mail.worked")


def test_what_waits_for_long_or_once_more_says_so_again() -> None:
    now = 0.0
    leave_out = logs._seldom(lambda: now)

    def is_said() -> bool:
        event = {"event": "pipeline.waiting", "why": "disk full"}
        try:
            return leave_out(None, "", event) is event
        except structlog.DropEvent:
            return False

    said_at = []
    for second in [*range(0, 1_500, 2), 1_510, 1_600, 1_602]:
        now = float(second)
        if is_said():
            said_at.append(second)
    assert [0, 600, 1_200, 1_600] == said_at


def test_auto_is_logfmt_where_there_is_no_terminal() -> None:
    assert logged("auto").startswith("at=")


def test_libraries_speak_through_the_same_lines() -> None:
    stream = io.StringIO()
    configure("logfmt", "info", stream)
    logging.getLogger("mail.log").info("chatter")
    logging.getLogger("alembic").warning("old %s", "thing")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("beware", UserWarning, stacklevel=1)
    first, second = stream.getvalue().splitlines()
    assert 'level=warning event=library.logged logger=alembic said="old thing"' in first
    assert "logger=py.warnings" in second

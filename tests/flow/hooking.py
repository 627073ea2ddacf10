"""Houses with hooks: what tests of executables and of webhooks share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.houses import (
    LOUD,
    clock_of,
    row,
    rows,
    sound_house,
)

from postroom.house import House, open_hooks
from postroom.store import schema as t

EVA = "eva@example.com"
RULE = """
[[rule]]
name = "outage"
when = { subject = "*outage*" }
extract = { host = '/outage of (?P<host>[a-z]+)/' }
then = { run = "page" }
"""
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]
  run = "page"
"""
WORKFLOWS = """
[[workflow]]
name = "claim"
initial = "pending"
on_answer = "answered"

  [[workflow.status]]
  name = "pending"
  phase = "active"

  [[workflow.status]]
  name = "answered"
  phase = "active"

  [[workflow.status]]
  name = "refunded"
  phase = "closed"

  [[workflow.transition]]
  name = "refund"
  from = ["pending"]
  to = "refunded"
  requires = ["reason"]
  mail = "approved"
  run = "page"

  [[workflow.transition]]
  name = "skip"
  from = ["pending"]
  to = "answered"
"""
TYPES = """
[[type]]
name = "claim"
workflow = "claim"
default = true
"""
CLAIMS = {"team": LOUD, "workflows": WORKFLOWS, "types": TYPES}
HOUSE = '\n[hooks.page]\ntimeout = "1s"\n'
OUTAGE = "An outage of mars"

Opened = Callable[..., AbstractContextManager[House]]


def hook(folder: Path, text: str, name: str = "page") -> Path:
    """Write an executable."""
    path = folder / "rules/hooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@contextmanager
def opened(folder: Path, script: str, **given: Any) -> Iterator[House]:
    """Open a house with the hook `page`; when it is closed nothing must be missing."""
    if script:
        hook(folder, script)
    rules = {"team": LOUD, "routing": RULE, **given.pop("rules", {})}
    with sound_house(folder, rules=rules, **given) as house:
        yield house


def run_hooks(house: House) -> int:
    return open_hooks(house).run_once()


def told(house: House) -> list[str]:
    """Return what the history says of hooks."""
    return [str(one.to_value) for one in rows(house, t.history) if one.kind == "hook"]


def why(house: House) -> str:
    """Return the reason of the last change by a hook."""
    return str([one.because for one in rows(house, t.history) if one.kind == "hook"][-1])


def state(house: House) -> tuple[str, int]:
    found = row(house, t.hook_run, id=1)
    return found.state, found.attempts


def pass_retries(house: House, times: int) -> None:
    for _ in range(times):
        clock_of(house).forward(hours=8)  # six, with jitter at most 7:12
        run_hooks(house)


def seen(folder: Path) -> list[Any]:
    """Return what the hook wrote down in its folder."""
    return [json.loads(one) for one in (folder / "rules/hooks/seen").read_text().splitlines()]


NOTE_DOWN = """#!/bin/sh
{ cat; echo; } >>seen
echo done for "$POSTROOM_EVENT $POSTROOM_REQUEST"
"""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that was killed may wait to be reaped by its new parent."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return not status.startswith(("Z", "X"))

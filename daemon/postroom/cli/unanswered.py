"""The demo's last scene: nobody answers, so a request goes through two levels and to somebody else.

The demo's rules are the shipped ones (or the user's) and a priority whose levels come after
seconds. What is shown is read back from the request's history and from the Maildir.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from postroom.cli.playback import Account
from postroom.cli.story import Check
from postroom.core.model import Policy
from postroom.errors import ConfigError
from postroom.policy.loader import load_policy

PRIORITY = "demo-alarm"
GROUP = "demo-everybody"
SECONDS = 20.0  # for two levels of two seconds each
_LAST = "level 2"
_HELD = re.compile(r"^(\s*hold_notifications\s*=\s*)true", re.MULTILINE)

_PRIORITY = """
[[priority]]
name = "{name}"
rank = 1000
calendar = "{calendar}"
clock = "always"

  [[priority.level]]
  level = 1
  after = "2s"
  notify = ["owner"]

  [[priority.level]]
  level = 2
  after = "2s"
  assign = "group:{group}"
  notify = ["owner"]
"""
_GROUP = """
[[group]]
name = "{name}"
members = {members}
"""


def with_alarm(rules: Path, folder: Path) -> Path:
    """Copy rules into a folder and add the demo's priority; rules with mistakes stay theirs.

    Nobody's notices wait for his hours there: the story is told at any hour.
    """
    try:
        policy = load_policy(rules, webhooks=None)
    except ConfigError:
        return rules  # the daemon says what is wrong, with the names of the user's own files
    own = folder / "rules"
    shutil.copytree(rules, own)
    calendar = policy.default_priority().calendar
    priority = _PRIORITY.format(name=PRIORITY, calendar=calendar, group=GROUP)
    group = _GROUP.format(name=GROUP, members=json.dumps(sorted(policy.handlers)))
    for name, text in (("priorities.toml", priority), ("team.toml", group)):
        written = _HELD.sub(r"\1false", (own / name).read_text(encoding="utf-8"))
        (own / name).write_text(written + text, encoding="utf-8")
    return own


def command(config: Path, request: int) -> list[str]:
    """Return the command that a sysadmin would type."""
    words = ["request", "set", str(request), f"priority={PRIORITY}", "--config", str(config)]
    return [sys.executable, "-m", "postroom", *words]


def raise_priority(config: Path, request: int) -> str:
    """Give the command; return what it complained of, "" if of nothing."""
    ended = subprocess.run(  # noqa: S603 - ourselves
        command(config, request), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return ended.stderr.strip() if ended.returncode else ""


def has_come_to_its_end(account: Account) -> bool:
    """Whether the last level was done."""
    history = account.whole.history if account.whole is not None else ()
    return any(one.kind == "escalated" and one.to == _LAST for one in history)


def expect(account: Account, before: Account, policy: Policy) -> Iterator[Check]:
    """Compare what came of it with what the demo's rules say."""
    done = [one.to or "" for one in account.changes if one.kind == "escalated"]
    says = "two levels were done, each once and in order"
    yield Check(says, done == ["level 1", _LAST], ", ".join(done) or "no level was done")
    first = before.whole.request.owner if before.whole is not None else None
    last = account.whole.request.owner if account.whole is not None else None
    if len(policy.handlers) > 1:
        says = "the second one handed it over"
        yield Check(says, last is not None and last != first, f"from {first} to {last}")
    kinds = ("escalation", "notice")  # to who gets it, the notice that answers the customer
    told = {item.entry.recipient for item in account.sent if item.entry.kind in kinds}
    for name in dict.fromkeys((first, last)):
        handler = policy.handlers.get(name or "")
        if handler is not None:
            found = ", ".join(sorted(told)) or "nobody was told"
            yield Check(f"{handler.full_name} was told by mail", handler.email in told, found)
    lie = all(item.path is not None for item in account.sent)
    yield Check("these mails lie in the Maildir", lie, "some are not there")

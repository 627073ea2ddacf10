"""What the administrators must hear of, out of a few figures: when it begins, and when it is over.

Promise: a mail when trouble begins and one when it is over, however often it is looked at, whoever
looks and however often the daemon is restarted; of one cause an hour at most.

That trouble was told of is a brake without time: `alarm:CAUSE` holds one token, taken with the
first mail and given back with the last. So it is known to every node, and lies in the same
transaction as the mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from postroom.core import notices
from postroom.core.brakes import ALARM_KEY, brake_alert
from postroom.core.effects import Decision, Effect, SpendBrake
from postroom.core.facts import Facts
from postroom.core.model import Policy
from postroom.core.settings import AlertsTable
from postroom.core.site import Site
from postroom.core.units import write_duration, write_size

MAILBOX = "mailbox "


@dataclass(frozen=True, slots=True)
class Figures:
    """How things stand. Ages and times in seconds; counts stop at a bound; None: not known."""

    at: datetime
    spool_oldest: float | None = None  # of mail that is worked on or due
    spool_waiting: int | None = None
    free_bytes: int | None = None
    database_away: float = 0.0  # since when it cannot be asked; 0: it can
    outbox_oldest: float | None = None  # of mail that could go now, or was tried
    outbox_waiting: int | None = None
    uncertain: int | None = None  # deliveries that only a human can decide about
    timers_late: float | None = None
    holds: int | None = None
    quarantined: int | None = None
    is_paused: bool = False  # the outbox
    mailboxes: Mapping[str, float] = field(default_factory=dict)  # since they progressed
    # When logins ("login support") and certificates ("certificate mx.pem") end, if that is known.
    endings: Mapping[str, datetime | None] = field(default_factory=dict)


def troubles(figures: Figures, wanted: AlertsTable, reserve: int, node: str) -> dict[str, str]:
    """Return what is wrong now, in words, by cause. `reserve`: octets the doors leave on the disk.

    Causes of one machine carry its name: another's must not end them.
    """
    found: dict[str, str] = {}

    def judge(cause: str, seconds: float | None, limit: timedelta | None, words: str) -> None:
        if limit is not None and seconds is not None and seconds > limit.total_seconds():
            found[cause] = words.format(write_duration(int(seconds)))

    judge(f"spool {node}", figures.spool_oldest, wanted.spool_age, _SPOOL)
    judge("outbox", figures.outbox_oldest, wanted.outbox_age, _outbox(figures))
    judge("timers", figures.timers_late, wanted.timers_late, _TIMERS)
    judge(f"database {node}", figures.database_away or None, wanted.database_away, _DATABASE)
    for name, seconds in figures.mailboxes.items():
        words = f"mailbox {name} has not been looked into for {{}}"
        judge(f"{MAILBOX}{name} {node}", seconds, wanted.mailbox_silent, words)
    for what, at in figures.endings.items():
        if at is not None and wanted.expiring is not None and at - figures.at < wanted.expiring:
            ends = "ends" if at > figures.at else "has ended"
            found[f"{what} {node}"] = f"{_shown(what)} {ends} on {at:%Y-%m-%d}"
    if wanted.quarantine and figures.quarantined:
        found["quarantine"] = f"{figures.quarantined} mails are in quarantine"
    if wanted.uncertain and figures.uncertain:
        found["uncertain"] = f"of {figures.uncertain} deliveries it is not known if they arrived"
    if wanted.disk_short and figures.free_bytes is not None and figures.free_bytes < 2 * reserve:
        words = "on the disk of the data folder; below disk_reserve no mail is taken in"
        found[f"disk {node}"] = f"{_size(figures.free_bytes)} are left {words}"
    return found


_SPOOL = "the oldest mail in the spool has waited for {}"
_TIMERS = "timers are late by {}"
_DATABASE = "the database has been away for {}"
# What helps, by the first word of the cause.
ADVICE: Mapping[str, str] = {
    "spool": "postroom spool list tells why; so does the daemon's log (mail.failed, stage.hung).",
    "outbox": "postroom outbox list has the relay's last words.",
    "timers": "The daemon's log tells why (timer.failed, stage.hung).",
    "database": "The daemon's log tells why. Mail is taken in all the same.",
    "mailbox": "The daemon's log tells why; postroom check --online tries to log in.",
    "quarantine": "postroom spool list tells why; postroom spool retry ID tries again.",
    "uncertain": "postroom outbox list --state uncertain; then postroom outbox retry or cancel.",
    "login": "postroom imap login NAME, or a new client secret: else no mail is fetched then.",
    "certificate": "Renew it, and send the daemon SIGHUP: else mail is not brought here then.",
    "disk": "Make room, or the doors ask the other side to come later.",
}


def _outbox(figures: Figures) -> str:
    words = "the oldest mail in the outbox has waited for {}"
    return f"{words}: the outbox is paused (postroom outbox resume)" * figures.is_paused or words


def _size(octets: int) -> str:
    return write_size(octets // 10**6 * 10**6) if octets >= 10**6 else f"{octets} octets"


def key_of(cause: str) -> str:
    """Name the brake that remembers that somebody was told."""
    return f"{ALARM_KEY}{cause}"


def brake_keys(causes: Iterable[str]) -> list[str]:
    """Name the brakes that a decision about these causes looks at."""
    return [key for cause in causes for key in (key_of(cause), f"alert:{cause}")]


def decide_alarms(
    found: Mapping[str, str],
    causes: Iterable[str],
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
) -> Decision | None:
    """Tell of trouble that has begun, and of what is over among `causes`; None: nothing new."""
    effects = [
        effect
        for cause in dict.fromkeys([*found, *causes])
        for effect in _told(cause, found.get(cause), facts, policy, site, now)
    ]
    if not effects:
        return None
    reason = "; ".join(found.values()) or "what was wrong is over"
    return Decision(
        actor="watch", reason=reason, policy_version=policy.version, effects=tuple(effects)
    )


def _told(
    cause: str, words: str | None, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Iterator[Effect]:
    known = facts.brakes.get(key_of(cause))
    version = known.version if known is not None else 0
    is_told = known is not None and known.tokens < 1
    if words is not None and not is_told:
        braked = brake_alert(cause, facts, now)
        letters = notices.alert_letters(policy, site, facts, now, words, _advice(cause))
        if braked.by is None and letters:
            yield SpendBrake(key_of(cause), 0.0, version)
            yield from braked.spent
            yield from letters
    elif words is None and is_told:
        yield SpendBrake(key_of(cause), 1.0, version)
        since = "" if known is None else f"It had lasted for {_since(now - known.at)}."
        yield from notices.alert_letters(policy, site, facts, now, f"over: {_name(cause)}", since)


def _advice(cause: str) -> str:
    return ADVICE.get(cause.partition(" ")[0], "")


def _name(cause: str) -> str:
    """Write a cause as the subject of a mail has it."""
    words = {
        "spool": "mail in the spool is worked on again",
        "outbox": "mail in the outbox is being sent again",
        "timers": "timers are on time again",
        "database": "the database is there again",
        "quarantine": "the quarantine is empty",
        "uncertain": "no delivery is in doubt any more",
        "disk": "there is room on the disk again",
    }
    first, _, rest = cause.partition(" ")
    if first in ("login", "certificate"):
        return f"{_shown(cause.rpartition(' ')[0])} lasts longer again"
    return words.get(first, f"mailbox {rest.partition(' ')[0]} is looked into again")


def _shown(what: str) -> str:
    """Write what ends some day as a mail has it."""
    kind, _, name = what.partition(" ")
    return f"the login of {name}" if kind == "login" else f"the {kind} {name}"


def _since(passed: timedelta) -> str:
    return write_duration(int(passed.total_seconds()))

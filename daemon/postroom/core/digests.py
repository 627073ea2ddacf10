"""The day's own mail of a handler: what of his waits, the most pressing first.

POLICY, team.toml: `digest` in `notify`. One mail a day, when his day begins (core.hours); a day
with nothing to tell has none. It is internal, and about no single request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from postroom.core import letters
from postroom.core.chains import ChainState
from postroom.core.effects import Decision, Effect, EndTimer, PlanDigest, QueueMail
from postroom.core.hours import digest_at, notified_at
from postroom.core.model import Handler, Phase, Policy, ReadStatus
from postroom.core.moments import show_moment
from postroom.core.site import Site
from postroom.errors import NotAllowed

DIGEST = "digest"  # in `notify`; the kind of the mail and of its timer; its template
_ACTOR = "timer"
MOST_LINES = 100


class Section(StrEnum):
    """Why something is in the mail, in its order; `from` of an entry of `changes`."""

    OVERDUE = "overdue"
    WAITING = "waiting"  # for an answer, or to be read
    ESCALATED = "escalated"
    OPEN = "open"
    POSTPONED = "postponed"  # and back today
    HELD = "held"


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """An open request of a handler. `dues`: what its clocks are called, and when they end."""

    id: int
    subject: str
    phase: Phase
    read_status: ReadStatus
    dues: Mapping[str, datetime | None]
    level: int  # that its chain has reached
    chain: ChainState
    postponed_until: datetime | None

    @property
    def is_escalated(self) -> bool:
        """Whether a level was reached and nobody has answered to that yet."""
        is_at_its_end = self.chain is ChainState.NONE and self.read_status is not ReadStatus.GREEN
        return self.level > 0 and (self.chain is ChainState.RUNNING or is_at_its_end)


@dataclass(frozen=True, slots=True)
class OwnHold:
    """A held mail that a handler decides about."""

    from_address: str
    subject: str
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Own:
    """All that is a handler's now."""

    requests: tuple[OwnRequest, ...] = ()
    holds: tuple[OwnHold, ...] = ()


def plan(policy: Policy, now: datetime) -> dict[str, datetime]:
    """Return when each handler who wants a daily mail gets the next one."""
    wanted = (one for one in policy.handlers.values() if DIGEST in one.notify)
    moments = {one.name: digest_at(one, policy, now) for one in wanted}
    return {name: at for name, at in moments.items() if at is not None}


def handler_of(timer_of: str, policy: Policy) -> Handler:
    """Return whose timer that is. NotAllowed: nobody wants a daily mail under that name now."""
    handler = policy.handlers.get(timer_of)
    if handler is None or DIGEST not in handler.notify:
        raise NotAllowed(f"{timer_of} wants no daily mail any more")
    return handler


def decide_digest(
    timer: int, handler: Handler, own: Own, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Send the daily mail, if there is something to tell, and plan the next one.

    After downtime that is one mail. Outside the hours of who wants to hear nothing then, none: the
    next one comes as soon as they begin.
    """
    effects: list[Effect] = [EndTimer(timer, "due")]
    lines = list(_lines(own, handler, site, now))
    if lines and notified_at(handler, policy, now) is None:
        effects.append(_letter(handler, lines, site))
    following = digest_at(handler, policy, now)
    if following is not None:
        effects.append(PlanDigest(handler.name, following))
    return Decision(
        actor=_ACTOR,
        reason=f"the daily mail of {handler.name}: {len(lines)}",
        policy_version=policy.version,
        effects=tuple(effects),
    )


def _letter(handler: Handler, lines: Sequence[dict[str, Any]], site: Site) -> QueueMail:
    mailbox = next(iter(site.mailboxes.values()))
    more = len(lines) - MOST_LINES
    return QueueMail(
        request=None,
        kind=DIGEST,
        mailbox=mailbox.name,
        recipients=(handler.email,),
        template=DIGEST,
        language=handler.language,
        variables=letters.variables(
            mailbox,
            letters.of_nothing(""),
            {"name": "", "address": ""},
            handler=handler,
            reason=f"and {more} more" if more > 0 else "",
            changes=list(lines[:MOST_LINES]),
        ),
        from_name=mailbox.from_name,
        because=f"the daily mail of {handler.name}",
        subject="Your requests",
        is_about_request=False,
    )


def _lines(own: Own, handler: Handler, site: Site, now: datetime) -> Iterator[dict[str, Any]]:
    found = [(_section(one, handler, now), one) for one in own.requests]
    for section in Section:
        for request in (one for where, one in found if where is section):
            why = _why(request, handler, now)
            yield _line(section, f"{site.prefix}{request.id}", request.subject, why)
    for hold in own.holds:
        until = show_moment(hold.until, handler.time_zone) if hold.until is not None else ""
        reasons = (hold.reason, f"opens by itself at {until}" if until else "")
        yield _line(Section.HELD, "", f"{hold.from_address or 'nobody'}: {hold.subject}", reasons)


def _line(section: Section, request: str, what: str, why: Iterable[str]) -> dict[str, Any]:
    because = "; ".join(one for one in why if one)
    return {"request": request, "what": what, "from": section.value, "to": "", "because": because}


def _section(request: OwnRequest, handler: Handler, now: datetime) -> Section | None:
    """Return where a request stands; None: it sleeps, and not until today."""
    if request.phase is Phase.POSTPONED:
        return Section.POSTPONED if _wakes_today(request, handler, now) else None
    if _missed(request, now):
        return Section.OVERDUE
    if request.read_status is not ReadStatus.GREEN or _awaited(request):
        return Section.WAITING
    return Section.ESCALATED if request.is_escalated else Section.OPEN


def _wakes_today(request: OwnRequest, handler: Handler, now: datetime) -> bool:
    zone = ZoneInfo(handler.time_zone)
    until = request.postponed_until
    return until is not None and until.astimezone(zone).date() <= now.astimezone(zone).date()


def _missed(request: OwnRequest, now: datetime) -> list[tuple[str, datetime]]:
    dues = ((name, at) for name, at in request.dues.items() if at is not None and at <= now)
    return sorted(dues, key=lambda one: one[1])


def _awaited(request: OwnRequest) -> bool:
    return any(at is not None for name, at in request.dues.items() if name.endswith("reply"))


def _why(request: OwnRequest, handler: Handler, now: datetime) -> Iterator[str]:
    zone = handler.time_zone
    if request.phase is Phase.POSTPONED and request.postponed_until is not None:
        yield f"back at {show_moment(request.postponed_until, zone)}"
        return
    dues = ((name, at) for name, at in request.dues.items() if at is not None)
    for name, at in sorted(dues, key=lambda one: one[1]):
        yield f"{name} {'was' if at <= now else 'is'} due {show_moment(at, zone)}"
    if request.is_escalated:
        yield f"level {request.level} is reached"
    if request.read_status is ReadStatus.RED:
        yield "not read yet"
    elif request.read_status is ReadStatus.YELLOW:
        yield "the customer has written"

"""The hours of people inside: when a notice may come, and when the day's own mail does.

POLICY, team.toml: `hold_notifications`, `calendar`, `digest`; pain 77. What is kept back is the
mail alone: whatever it tells of happens on time.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from postroom.core.model import Calendar, Handler, Policy
from postroom.core.worktime import first_shown, intervals, of_day

MORNING = time(7)  # of who has no hours
_DAY = timedelta(days=1)
_DAYS = 400  # a calendar that opens on none of them has no day's mail


def notified_at(handler: Handler, policy: Policy, now: datetime) -> datetime | None:
    """Return when a notice to a handler may be sent; None: at once."""
    calendar = policy.calendars.get(handler.calendar or "")
    if not handler.hold_notifications or calendar is None:
        return None
    opens, _ = next(intervals(now, calendar), (now, now))
    return opens if opens > now else None


def digest_at(handler: Handler, policy: Policy, after: datetime) -> datetime | None:
    """Return the next moment for a handler's daily mail, in UTC: when his day begins.

    That is when his calendar opens first on a date, or 07:00; None: he never works.
    """
    calendar = policy.calendars.get(handler.calendar or "")
    zone = ZoneInfo(calendar.time_zone if calendar is not None else handler.time_zone)
    today = after.astimezone(zone).date()
    for days in range(_DAYS):
        begins = _beginning(datetime.combine(today + days * _DAY, MORNING), calendar)
        at = first_shown(begins, zone) if begins is not None else after
        if at > after:
            return at
    return None


def _beginning(morning: datetime, calendar: Calendar | None) -> datetime | None:
    """Return the local moment at which a date's work begins; None: not on that date."""
    if calendar is None or calendar.is_round_the_clock:
        return morning
    return min((opens for opens, _ in of_day(morning.date(), calendar)), default=None)

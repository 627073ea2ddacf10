"""When a mail that could not be delivered is tried again: a back-off over five days.

Promise: the first tries come soon, because most failures are short; later ones at most six hours
apart (RFC 5321 4.5.4.1: at least four to five days in all). Pure: time and chance are arguments.
Used by: work.sender.
"""

from __future__ import annotations

from datetime import datetime, timedelta

GIVE_UP_AFTER = timedelta(days=5)
# A queue that lay still for a week (relay or daemon away) has had no fair chance yet.
LEAST_ATTEMPTS = 8
JITTER = 0.2
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240, 360))


def next_attempt(
    attempts: int, first_at: datetime, now: datetime, jitter: float
) -> datetime | None:
    """Return when to try again after `attempts` tries have failed; None: give up.

    `first_at` is when the mail was first to be sent; `jitter` in [0, 1) spreads the delay by
    ±20 %, so that what failed together does not come back together. The last try falls on the end
    of the five days.
    """
    ends_at = first_at + GIVE_UP_AFTER
    is_over = now >= ends_at
    if is_over and attempts >= LEAST_ATTEMPTS:
        return None
    delay = DELAYS[min(max(attempts, 1), len(DELAYS)) - 1]
    due_at = now + delay * (1 - JITTER + 2 * JITTER * jitter)
    return due_at if is_over else max(min(due_at, ends_at), now)

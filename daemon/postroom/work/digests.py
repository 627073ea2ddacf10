"""The stage of the daily mails: plans them, and sends the one that is due.

Promise: one mail a day for each handler who wants it; after downtime one, however long it was.
Used by: worker (plan, at the start and after a reload), work.ticker (send).
"""

from __future__ import annotations

from datetime import datetime

import structlog

from postroom.core.digests import decide_digest, handler_of
from postroom.core.digests import plan as planned
from postroom.core.effects import Decision
from postroom.core.model import Policy
from postroom.errors import NotAllowed
from postroom.store import digests
from postroom.work.desk import Desk, Settled

log = structlog.get_logger()


def plan(desk: Desk) -> None:
    """Arm a timer for whoever wants a daily mail by the rules of now."""
    now = desk.clock()
    wanted = planned(desk.policy, now)
    desk.database.write(lambda c: digests.plan(c, wanted, now))
    log.info("digest.planned", handlers=sorted(wanted))


def send(desk: Desk, timer: int, name: str) -> Settled:
    """Send a handler's daily mail. NotAllowed: he wants none any more."""

    def decide(policy: Policy, now: datetime) -> Decision:
        handler = handler_of(name, policy)
        with desk.database.read() as connection:
            own = digests.load_own(connection, handler.name)
        return decide_digest(timer, handler, own, policy, desk.site, now)

    settled = desk.carry_out(decide)
    if settled is None:
        raise NotAllowed(f"there is nothing to decide for {name}")
    return settled

"""What is told of deliveries whose claims were ended, since whoever had them is gone.

Used by: work.sender, work.leases; after the commit, for a work may be done twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from postroom.store.queue import NO_REPLY_KNOWN, Lapsed

log = structlog.get_logger()


def tell_lapsed(lapsed: Sequence[Lapsed]) -> None:
    """Tell of those that may have been sent already: they go out once more, or wait for a human."""
    for one in lapsed:
        if one.state == "uncertain":
            log.warning(
                "outbox.uncertain", delivery=one.id, response=NO_REPLY_KNOWN, due_at=one.due_at
            )

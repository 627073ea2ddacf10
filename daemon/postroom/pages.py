"""What monitoring and `systemctl status` are told of the daemon, and who tells it.

Used by: app, doorway.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from postroom import systemd
from postroom.core.alarms import Figures
from postroom.core.endpoints import read_endpoint
from postroom.core.units import write_duration
from postroom.errors import PostroomError
from postroom.exposition import CONTENT_TYPE, Scene, expose
from postroom.monitor import Monitor, Page, Pages
from postroom.pulse import Beat
from postroom.shipped import shipped_version
from postroom.supervision import Vitals, beside, feed
from postroom.tally import merged


def status_of(figures: Figures | None) -> str:
    """Say in a line how things stand, for `systemctl status`."""
    if figures is None:
        return "working"
    if figures.database_away:
        return f"the database is away; {figures.spool_waiting or 0} mails in the spool"
    words = [f"{figures.spool_waiting} in the spool", f"{figures.outbox_waiting} to be sent"]
    if figures.outbox_oldest and figures.outbox_waiting:
        words[-1] += f" (oldest {write_duration(int(figures.outbox_oldest))})"
    if figures.is_paused:
        words[-1] += ", paused"
    words += [f"{figures.holds} held", f"{figures.quarantined} in quarantine"]
    if figures.timers_late and figures.timers_late >= 60:
        words.append(f"timers late by {write_duration(int(figures.timers_late))}")
    return ", ".join(words)


def pages(vitals: Vitals, look: Callable[[], Figures] | None = None) -> Pages:
    """Return the pages. `look` finds out how things stand, and may take its time; None: doors."""

    async def figures() -> Figures | None:
        return await asyncio.to_thread(look) if look is not None else None

    async def healthz() -> Page:
        hung = [(beat.stage, beat.state) for beat in vitals.hung()]
        hung += [(one.stage, one.state) for one in vitals.stages_of_doors if one.is_hung]
        words = "".join(f"{stage} hangs: {state}\n" for stage, state in hung)
        return Page(503 if hung else 200, words.encode() or b"ok\n")

    async def readyz() -> Page:
        found = await figures()
        missing = []
        if vitals.are_doors_open is False:
            missing.append("the doors are closed\n")
        if found is not None and found.database_away:
            missing.append("the database is away\n")
        if found is not None and found.spool_waiting is None:
            missing.append("the spool cannot be read\n")
        return Page(503 if missing else 200, "".join(missing).encode() or b"ok\n")

    async def metrics() -> Page:
        scene = Scene(
            version=shipped_version(),
            tally=merged([vitals.tally.snapshot(), vitals.doors_before, vitals.doors]),
            **_stages(vitals),
            are_doors_open=vitals.are_doors_open,
            figures=await figures(),
        )
        return Page(200, expose(scene), CONTENT_TYPE)

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def _stages(vitals: Vitals) -> dict[str, Any]:
    """Return the threads of this process and of the doors' process."""
    beats, distant = vitals.pulses.beats(), vitals.stages_of_doors
    hung = [beat.stage for beat in vitals.hung()] + [one.stage for one in distant if one.is_hung]
    ages = {beat.stage: vitals.pulses.age(beat) for beat in beats}
    return {
        "beats": (*beats, *(Beat(one.stage, one.state, 0.0, 0.0) for one in distant)),
        "ages": ages | {one.stage: one.age for one in distant},
        "hung": frozenset(hung),
    }


@asynccontextmanager
async def watched(
    address: str,
    vitals: Vitals,
    status: Callable[[], str],
    look: Callable[[], Figures] | None = None,
) -> AsyncIterator[None]:
    """Tell systemd that this daemon is ready and lives, and answer who asks at `address`."""
    monitor = Monitor(pages(vitals, look))
    if address:
        endpoint = read_endpoint(address)
        try:
            await monitor.start(endpoint.host, endpoint.port)
        except OSError as error:
            raise PostroomError(f"metrics.address: cannot listen: {error}") from error
    try:
        systemd.notify(READY=1, STATUS=status(), MAINPID=os.getpid())
        async with beside(feed(vitals, status)):
            yield
    finally:
        await monitor.stop()

"""The daemon: starts everything, and stops it in order.

Promise: READY means that the listeners are bound and the database is of the right age, or on a
server that is away: then mail is accepted, and worked on as soon as it is back. SIGTERM refuses new
mail, finishes what is in hand and loses nothing; SIGHUP reloads rules and templates, all or
nothing, and the certificates of the doors.
Used by: cli.
Fails:   ConfigError (78), Busy and StaleSchema (1) before anything is started.

`run` is the work (`worker`: threads) and starts the doors (`doors`, `doorway`) as a process of
their own: both are Python's interpreter lock long (bench/README.md).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading

import structlog

from postroom import systemd
from postroom.config import Config
from postroom.doors import STOP_SECONDS, Doors
from postroom.errors import PostroomError
from postroom.holding import WORK, hold_folder
from postroom.pages import watched
from postroom.pulse import IDLE
from postroom.supervision import Vitals, begin, stop_on_signals
from postroom.waiting import Work

log = structlog.get_logger()

RESTING = (IDLE, "stopping")
TOLD_WITHIN = 1.0  # seconds
# The writer lets go of the interpreter's lock at each statement, some forty for a mail, and asks
# for it again: a thread that computes keeps it for so long (Python's 5 ms: up to half the rate).
SWITCH_SECONDS = 0.0002


def run(config: Config, only: str | None = None) -> None:
    """Run the daemon, or its work alone, until SIGTERM or SIGINT; doors alone are `doorway`'s."""
    vitals = begin(config)
    with hold_folder(config.data, (WORK,)):
        asyncio.run(_run_work(config, vitals, only))


async def _run_work(config: Config, vitals: Vitals, only: str | None) -> None:
    stop = stop_on_signals()
    has_doors = bool(config.listen or config.imap)
    doors = Doors(config, vitals) if only is None and has_doors else None
    work = Work(config, vitals, doors.reload if doors is not None else lambda: None)
    try:
        # Blocking, and rightly: nothing listens before the database is known to be sound, or away.
        work.open()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, work.reload)
        if doors is not None:
            await doors.start()
        work.start()
        _suit_the_threads()
        log.info("daemon.ready", instance=config.instance, pid=os.getpid())
        async with watched(config.metrics.address, vitals, work.status, work.look):
            await _until(stop, work, doors)
        log.info("daemon.stopping")
        systemd.notify(STOPPING=1)
        _end_in_time(vitals)
        work.stop()
        if doors is not None:
            await doors.stop()
    finally:
        work.close()


async def _until(stop: asyncio.Event, work: Work, doors: Doors | None) -> None:
    """Keep the doors open, and let the work come, until told to stop."""
    try:
        async with asyncio.TaskGroup() as group:
            if doors is not None:
                group.create_task(doors.keep(stop))
            group.create_task(work.come(stop))
            await stop.wait()
    except* PostroomError as several:
        raise several.exceptions[0] from None


def _suit_the_threads() -> None:
    """Have the interpreter do what suits a process of many threads that mostly wait."""
    sys.setswitchinterval(SWITCH_SECONDS)
    # What was loaded at the start stays out of the search for cycles, which is made less often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _end_in_time(vitals: Vitals) -> None:
    """End this process when its time is over, whatever still hangs.

    Nothing is lost by that: it is in the spool, leased in the outbox, or undone. A delivery that
    the relay was just taking is `uncertain`, as after a power cut.
    """

    def tell() -> None:
        beats = vitals.pulses.beats()
        busy = [f"{one.stage}: {one.state}" for one in beats if one.state not in RESTING]
        log.warning("daemon.cut_short", after=STOP_SECONDS, stages=busy)

    def cut_short() -> None:
        telling = threading.Thread(target=tell, daemon=True)
        telling.start()
        telling.join(TOLD_WITHIN)  # it may be the log that hangs, which nobody reads
        os._exit(0)

    timer = threading.Timer(STOP_SECONDS, cut_short)
    timer.daemon = True
    timer.start()

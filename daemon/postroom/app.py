"""The daemon: starts everything, and stops it in order.

Promise: READY means that the listeners are bound and the database is of the right age, or on a
server that is away: then mail is accepted, and worked on as soon as it is back. SIGTERM refuses new
mail, finishes what is in hand and loses nothing; SIGHUP reloads rules and templates, all or
nothing, and the certificates of the doors.
Used by: cli.
Fails:   ConfigError (78), Busy and StaleSchema (1) before anything is started.

`run` is the work (`worker`: threads) and starts the doors (`doors`) as a process of their own: both
are Python's interpreter lock long (bench/README.md).
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from postroom import activation, logs, parent, systemd
from postroom.config import Config
from postroom.core.alarms import Figures
from postroom.core.endpoints import read_endpoint
from postroom.doors import REPORT, STOP_SECONDS, Doors
from postroom.errors import PostroomError
from postroom.house import DOORS, WORK, hold_folder
from postroom.intake.imap import ImapDoor
from postroom.intake.listener import listeners_of
from postroom.intake.smtp import SmtpDoor
from postroom.monitor import Monitor
from postroom.pulse import IDLE
from postroom.spool import Spool
from postroom.supervision import Vitals, feed, pages, report
from postroom.waiting import Work

log = structlog.get_logger()

RESTING = (IDLE, "stopping")
# Of STOP_SECONDS, for a mail that is being taken in.
DOOR_SECONDS = STOP_SECONDS - 2


def run(config: Config, only: str | None = None) -> None:
    """Run the daemon, or one part of it, until SIGTERM or SIGINT."""
    vitals = Vitals()
    logs.configure(config.logs.format, config.logs.level, tally=vitals.tally)
    with suppress(OSError, ValueError):  # a stream that is no file
        faulthandler.enable()  # the watchdog's SIGABRT tells where each thread stood
    if (started_by := os.environ.get(parent.VARIABLE)) is not None:
        parent.die_with(int(started_by))
    for warning in config.warnings:
        log.warning("config.doubtful", why=warning)
    with hold_folder(config, (only or WORK,)):
        asyncio.run(
            _run_doors(config, vitals) if only == DOORS else _run_work(config, vitals, only)
        )


async def _run_doors(config: Config, vitals: Vitals) -> None:
    stop = _stop_on_signals()
    with Spool(config.data, config.node) as spool:
        door = SmtpDoor(config.site(), spool, config.node, config.limits)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, door.reload)
        try:
            await door.start(listeners_of(config), activation.take())
        except (OSError, ValueError) as error:
            raise PostroomError(f"cannot listen: {error}") from error
        imap = ImapDoor(config, spool, vitals.pulses)
        imap.start()
        vitals.are_doors_open = True
        log.info("doors.ready", addresses=door.addresses, pid=os.getpid())
        async with _doors_watched(config, vitals):
            await stop.wait()
        systemd.notify(STOPPING=1)
        await asyncio.gather(door.stop(DOOR_SECONDS), asyncio.to_thread(imap.stop))
        log.info("doors.stopped", spool_flushes=spool.flushes)


@asynccontextmanager
async def _doors_watched(config: Config, vitals: Vitals) -> AsyncIterator[None]:
    """Say that the doors live: to the daemon that started them, else to systemd."""
    if (descriptor := os.environ.get(REPORT)) is not None:
        os.write(int(descriptor), b"ready\n")
        async with _beside(report(vitals, int(descriptor))):
            yield
    else:
        async with _watched(config.metrics.doors_address, vitals, lambda: "listening"):
            yield


@asynccontextmanager
async def _watched(
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
        async with _beside(feed(vitals, status)):
            yield
    finally:
        await monitor.stop()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do something without end while the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _run_work(config: Config, vitals: Vitals, only: str | None) -> None:
    stop = _stop_on_signals()
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
        _spare_the_collector()
        log.info("daemon.ready", instance=config.instance, pid=os.getpid())
        async with _watched(config.metrics.address, vitals, work.status, work.look):
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


def _spare_the_collector() -> None:
    """Keep what was loaded at the start out of the search for cycles, and search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _end_in_time(vitals: Vitals) -> None:
    """End this process when its time is over, whatever still hangs.

    Nothing is lost by that: it is in the spool, leased in the outbox, or undone. A delivery that
    the relay was just taking is `uncertain`, as after a power cut.
    """

    def cut_short() -> None:
        beats = vitals.pulses.beats()
        busy = [f"{one.stage}: {one.state}" for one in beats if one.state not in RESTING]
        log.warning("daemon.cut_short", after=STOP_SECONDS, stages=busy)
        os._exit(0)

    timer = threading.Timer(STOP_SECONDS, cut_short)
    timer.daemon = True
    timer.start()

"""The doors as a process: what `run --only doors` is, and what the daemon starts beside the work.

    python -m postroom.doorway CONFIG

Imports only what doors need: no database, no rules, no command line. That is half of what the
process would take in memory otherwise.
Used by: doors (as a process), cli.
Fails:   ConfigError (78), Busy (1), PostroomError when it cannot listen.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import structlog

from postroom import activation, systemd
from postroom.config import Config, load_config
from postroom.doors import REPORT, STOP_SECONDS
from postroom.errors import PostroomError
from postroom.holding import DOORS, hold_folder
from postroom.intake.imap import ImapDoor
from postroom.intake.listener import listeners_of
from postroom.intake.smtp import SmtpDoor
from postroom.spool import Spool
from postroom.supervision import Vitals, begin, beside, report, stop_on_signals

log = structlog.get_logger()

# Of STOP_SECONDS, for a mail that is being taken in.
DOOR_SECONDS = STOP_SECONDS - 2
# Says as long as it is entered that the doors live, to whom it concerns.
Told = Callable[[Vitals], AbstractAsyncContextManager[None]]


def run_doors(config: Config, told: Told) -> None:
    """Take mail in until SIGTERM or SIGINT."""
    vitals = begin(config)
    with hold_folder(config.data, (DOORS,)):
        asyncio.run(_run(config, vitals, told))


def run_alone(config: Config) -> None:
    """Do the same as a service of its own (`run --only doors`), with pages for those who watch."""
    from postroom.pages import watched  # noqa: PLC0415 - the daemon's own doors have none

    address = config.metrics.doors_address
    run_doors(config, lambda vitals: watched(address, vitals, lambda: "listening"))


async def _run(config: Config, vitals: Vitals, told: Told) -> None:
    stop = stop_on_signals()
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
        async with told(vitals):
            await stop.wait()
        systemd.notify(STOPPING=1)
        await asyncio.gather(door.stop(DOOR_SECONDS), asyncio.to_thread(imap.stop))
        log.info("doors.stopped", spool_flushes=spool.flushes)


def _told_parent(vitals: Vitals) -> AbstractAsyncContextManager[None]:
    """Tell the daemon by its pipe: that they listen, then that they live."""
    pipe = int(os.environ[REPORT])
    os.write(pipe, b"ready\n")
    return beside(report(vitals, pipe))


def main() -> None:
    """Run the doors of the daemon that started this process; the log says why they do not open."""
    try:
        run_doors(load_config(Path(sys.argv[1])), _told_parent)
    except PostroomError as error:
        log.error("doors.failed", why=str(error))  # noqa: TRY400 - no trace is needed
        sys.exit(1)


if __name__ == "__main__":
    main()

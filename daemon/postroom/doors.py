"""The process of the doors, as the daemon starts it, hears it and ends it.

Promise: started means that it listens; when it dies it is started again; it is told to finish what
is in hand, and ended if it does not within STOP_SECONDS.
Used by: app.
Fails:   PostroomError when it does not open.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import structlog

from postroom import activation, parent, systemd
from postroom.config import Config
from postroom.errors import PostroomError
from postroom.supervision import LONGEST_REPORT, Vitals, hear

log = structlog.get_logger()

STOP_SECONDS = 20.0  # for all of the daemon
# Of the doors' process: the descriptor that hears that it listens, and then that it lives.
REPORT = "POSTROOM_REPORT_FD"


class Doors:
    """The process that runs the doors (doorway), ended with this one."""

    def __init__(self, config: Config, vitals: Vitals) -> None:
        self._vitals = vitals
        self._hearing: asyncio.Task[None] | None = None
        self._command = [
            *(sys.executable, "-m", "postroom.doorway", str(config.path)),
        ]
        self._process: asyncio.subprocess.Process | None = None
        self._vitals.are_doors_open = False
        self._passed = activation.take()  # kept open here: connections wait while it is restarted

    async def start(self) -> None:
        """Start it and return when it listens. PostroomError: it ended; its log says why."""
        self._vitals.are_doors_open = False  # it reads its certificates anyway
        pulse = self._vitals.pulses.start("doors")
        reading, writing = os.pipe()
        environment = {
            **{name: os.environ[name] for name in os.environ if name not in systemd.VARIABLES},
            parent.VARIABLE: str(os.getpid()),
            REPORT: str(writing),
            activation.VARIABLE: activation.written(self._passed),
        }
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=environment,
                pass_fds=(writing, *activation.descriptors(self._passed)),
                stdin=asyncio.subprocess.DEVNULL,
            )
        finally:
            os.close(writing)
        reader = asyncio.StreamReader(limit=LONGEST_REPORT)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
        )
        # Says "ready" when it listens, nothing when it dies.
        if await reader.readline() != b"ready\n":
            raise PostroomError(
                f"the doors do not open (see the log): exit {await self._process.wait()}"
            )
        self._vitals.are_doors_open = True
        self._hearing = asyncio.create_task(hear(self._vitals, reader, pulse))

    async def keep(self, stop: asyncio.Event) -> None:
        """Start it again whenever it dies, until told to stop."""
        while not stop.is_set():
            if self._process is None:
                raise RuntimeError("the doors were not started")
            ended = asyncio.ensure_future(self._process.wait())
            told = asyncio.ensure_future(stop.wait())
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if stop.is_set():
                ended.cancel()
                return
            self._vitals.are_doors_open = False
            log.error("doors.died", exit=self._process.returncode)
            self._vitals.pulses.start("doors").beat("restarted")
            await asyncio.sleep(1.0)
            try:
                await self.start()
            except PostroomError as error:
                log.error("doors.closed", why=str(error))  # noqa: TRY400 - no trace is needed

    def reload(self) -> None:
        """Let it read its certificates again."""
        is_open = self._vitals.are_doors_open
        if is_open and self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Let it refuse new mail and finish what is in hand."""
        self._vitals.pulses.end("doors")
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

"""The daemon: starts everything, and stops it in order.

Promise: READY means that the listeners are bound and the database is of the right age; SIGTERM
refuses new mail, finishes what is in hand and loses nothing; SIGHUP reloads rules and templates,
all or nothing.
Used by: cli.
Fails:   ConfigError (78), Busy and StaleSchema (1) before anything is started.

`run` is the work (pipeline, sender, hooks, ticker: threads) and starts the doors as a process of
their own: both are Python's interpreter lock long (bench/README.md).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from postroom import clock, logs, parent
from postroom.config import Config
from postroom.dns import Resolver
from postroom.errors import ConfigError, PostroomError, Unavailable
from postroom.house import (
    DOORS,
    WORK,
    hold_folder,
    load_checked_policy,
    open_hooks,
    open_house,
    open_readers,
    open_sender,
)
from postroom.intake.smtp import SmtpDoor
from postroom.spool import Spool
from postroom.work import ticker
from postroom.work.pipeline import Pipeline
from postroom.work.precedence import Precedence
from postroom.work.vouching import Voucher

log = structlog.get_logger()

STOP_SECONDS = 20.0
# Of the doors' process: the descriptor that hears that it listens.
_READY = "POSTROOM_READY_FD"


def run(config: Config, only: str | None = None) -> None:
    """Run the daemon, or one part of it, until SIGTERM or SIGINT."""
    logs.configure(config.logs.format, config.logs.level)
    if (started_by := os.environ.get(parent.VARIABLE)) is not None:
        parent.die_with(int(started_by))
    for warning in config.warnings:
        log.warning("config.doubtful", why=warning)
    with hold_folder(config, (only or WORK,)):
        asyncio.run(_run_doors(config) if only == DOORS else _run_work(config, only))


async def _run_doors(config: Config) -> None:
    stop = _stop_on_signals()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
    with Spool(config.data, config.node) as spool:
        door = SmtpDoor(config.site(), spool, config.node, config.limits)
        try:
            await door.start([item.address for item in config.listen])
        except OSError as error:
            raise PostroomError(f"cannot listen: {error}") from error
        if (descriptor := os.environ.get(_READY)) is not None:
            with os.fdopen(int(descriptor), "w") as ready:
                ready.write("ready")
        log.info("doors.ready", addresses=door.addresses, pid=os.getpid())
        await stop.wait()
        await door.stop(STOP_SECONDS)
        log.info("doors.stopped", spool_flushes=spool.flushes)


async def _run_work(config: Config, only: str | None) -> None:
    stop = _stop_on_signals()
    with ExitStack() as stack:
        # Blocking, and rightly: nothing listens before the database is known to be sound.
        worker = _Worker(config)
        stack.callback(worker.close)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, worker.reload)
        doors = _Doors(config) if only is None and config.listen else None
        if doors is not None:
            await doors.start()
        worker.start()
        _spare_the_collector()
        log.info("daemon.ready", instance=config.instance, pid=os.getpid())
        if doors is not None:
            await doors.keep(stop)
        await stop.wait()
        log.info("daemon.stopping")
        if doors is not None:
            await doors.stop()


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


class _Doors:
    """The process that runs the doors: `postroom run --only doors`, ended with this one."""

    def __init__(self, config: Config) -> None:
        self._command = [
            *(sys.executable, "-m", "postroom", "run", "--only", DOORS),
            *("--config", str(config.path)),
        ]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and return when it listens. PostroomError: it ended; its log says why."""
        reading, writing = os.pipe()
        environment = {**os.environ, parent.VARIABLE: str(os.getpid()), _READY: str(writing)}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=environment,
                pass_fds=(writing,),
                stdin=asyncio.subprocess.DEVNULL,
            )
        finally:
            os.close(writing)
        with os.fdopen(reading, "rb") as ready:
            # Ends with "ready" when it listens, with nothing when it dies.
            if await asyncio.to_thread(ready.read) != b"ready":
                raise PostroomError(
                    f"the doors do not open (see the log): exit {await self._process.wait()}"
                )

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
            log.error("doors.died", exit=self._process.returncode)
            await asyncio.sleep(1.0)
            try:
                await self.start()
            except PostroomError as error:
                log.error("doors.closed", why=str(error))  # noqa: TRY400 - no trace is needed

    async def stop(self) -> None:
        """Let it refuse new mail and finish what is in hand."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS + 5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _open_voucher(config: Config) -> Voucher:
    table = config.dns
    resolver = Resolver(
        table.addresses,
        query_seconds=table.timeout.total_seconds(),
        mail_seconds=table.total.total_seconds(),
    )
    return Voucher(resolver)


class _Worker:
    """Pipeline, sender, hooks and ticker, each in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._stack = ExitStack()
        self._config = config
        policy = load_checked_policy(config)
        self.house = self._stack.enter_context(open_house(config, policy))
        self._readers = open_readers(config)
        self._stack.callback(self._readers.close)
        self._precedence = Precedence()
        self._sender = open_sender(self.house, self._precedence.give_way)
        voucher = _open_voucher(config)
        self._stack.callback(voucher.close)
        self._pipeline = Pipeline(
            self.house.spool,
            self._readers,
            self.house.desk,
            on_mail=self._sender.wake,
            voucher=voucher,
            give_way=self._precedence.give_way,
        )
        self._hooks = open_hooks(self.house, self._sender.wake)
        self._stop = threading.Event()
        self._reloading = threading.Lock()
        self._ticking = threading.Lock()
        self._watch = ticker.ClockWatch(clock.now)
        self._threads = [
            threading.Thread(target=self._keep, args=(self._pipeline.run,), name="pipeline"),
            threading.Thread(target=self._keep, args=(self._sender.run,), name="sender"),
            threading.Thread(target=self._keep, args=(self._hooks.run,), name="hooks"),
        ]
        self._clock = BackgroundScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()
        # Two at a time: one that has more to do than a second's work goes on, the other gives way.
        self._clock.add_job(self._tick, "interval", seconds=1, coalesce=True, max_instances=2)
        self._clock.start()

    def reload(self) -> None:
        """Adopt the rules and templates as they are now; bad ones change nothing."""
        threading.Thread(target=self._reload, name="reload").start()

    def close(self) -> None:
        """Finish what is in hand."""
        self._stop.set()
        if self._clock.running:
            self._clock.shutdown(wait=True)
        self._sender.wake()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        log.info(
            "daemon.stopped",
            worked=self._pipeline.worked,
            spool_flushes=self.house.spool.flushes,
            database_commits=self.house.database.commits,
        )
        self._stack.close()

    def _keep(self, run: Callable[[threading.Event], None]) -> None:
        """Run a stage until told to stop, whatever happens to it."""
        while not self._stop.is_set():
            try:
                run(self._stop)
            except Unavailable as away:
                log.warning("stage.waiting", stage=threading.current_thread().name, why=str(away))
            except Exception:
                # The top of a loop: what it had in hand is in the spool, or leased in the outbox.
                log.exception("stage.failed", stage=threading.current_thread().name)
            self._stop.wait(2.0)

    def _reload(self) -> None:
        with self._reloading:  # two signals in a row: the later files win
            self._load_anew()

    def _load_anew(self) -> None:
        old = self.house.desk.policy.version
        try:
            policy = load_checked_policy(self._config)
            self.house.desk.adopt(policy)
        except ConfigError as error:
            for problem in error.problems:
                log.error("policy.refused", problem=str(problem), kept=old)  # noqa: TRY400
        except Exception:
            log.exception("policy.refused", kept=old)
        else:
            log.info("policy.activated", version=policy.version, before=old)

    def _tick(self) -> None:
        if not self._ticking.acquire(blocking=False):
            return
        try:
            self._watch.look()
            if self._fire_due():
                with self._precedence.taken():  # there may be a crowd
                    while not self._stop.is_set() and self._fire_due():
                        pass
        except Exception:
            log.exception("ticker.failed")
        finally:
            self._ticking.release()

    def _fire_due(self) -> int:
        return ticker.fire_due(self.house.desk, self._readers, self._sender.wake)

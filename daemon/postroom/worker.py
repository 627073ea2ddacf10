"""The work of the daemon: each stage in a thread of its own.

Promise: a stage that fails is started again; what was in hand when told to stop is finished or
given back.
Used by: app.
Fails:   ConfigError, Busy, StaleSchema and Unavailable before anything is started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial

import structlog

from postroom import clock, systemd
from postroom.certificates import expiry_of
from postroom.config import Config
from postroom.dns import Resolver
from postroom.errors import ConfigError, Unavailable
from postroom.holding import DOORS, holder
from postroom.house import (
    House,
    load_checked_policy,
    open_hooks,
    open_house,
    open_readers,
    open_sender,
)
from postroom.intake.imap_login import token_path
from postroom.intake.imap_status import all_statuses
from postroom.intake.oauth import login_ends
from postroom.pulse import IDLE
from postroom.spool.permits import PermitFile
from postroom.supervision import Vitals
from postroom.work import digests, sweep, ticker
from postroom.work.clockwork import Clockwork
from postroom.work.leases import Leases
from postroom.work.pipeline import Pipeline
from postroom.work.precedence import Precedence
from postroom.work.retiming import Retimer
from postroom.work.vouching import Voucher
from postroom.work.watch import Watch

log = structlog.get_logger()

TICK = 0.5  # seconds: what is due waits no longer, and a look costs a millisecond
FIRED_WITHIN = 300.0  # seconds for one portion of timers; it may hold an end of a hold, with a mail


def _open_voucher(config: Config) -> Voucher:
    table = config.dns
    resolver = Resolver(
        table.addresses,
        query_seconds=table.timeout.total_seconds(),
        mail_seconds=table.total.total_seconds(),
    )
    return Voucher(resolver)


def _silent(config: Config, started_at: datetime) -> dict[str, float]:
    """Return for how many seconds each folder of a mailbox was not read, counted from the start
    at most: nobody reads while the daemon is down."""
    if not config.imap:
        return {}
    now = clock.now()
    elsewhere = PermitFile(config.data).read().elsewhere if config.database.is_shared else {}
    read = {one.source: one.progress_at for one in all_statuses(config.data)}
    read |= dict.fromkeys(elsewhere, now)  # that node's business
    found: dict[str, float] = {}
    for table in config.imap:
        times = [read.get(table.source(folder)) or started_at for folder in table.all_folders]
        at = max(min(times), started_at)
        found[table.label] = max((now - at).total_seconds(), 0.0)
    return found


def _open_leases(config: Config, house: House) -> Leases | None:
    """Make what renews this node's leases; None: no other node can be there."""
    if not config.database.is_shared:
        return None
    sources = [table.source(folder) for table in config.imap for folder in table.all_folders]
    leases = Leases(
        house.database,
        house.spool,
        sources,
        config.node,
        clock.now,
        are_doors_open=lambda: holder(config.data, DOORS) is not None,
    )
    leases.register()
    return leases


def _endings(config: Config) -> dict[str, datetime | None]:
    """Return when logins and certificates end, by what they are called in alarms and metrics."""
    found: dict[str, datetime | None] = {}
    for listener in config.listen:
        if (written := listener.certificate_file) is not None:
            found[f"certificate {written}"] = expiry_of(config.secret_path(written))
    for table in config.imap:
        if table.oauth is not None:
            found[f"login {table.label}"] = login_ends(table.oauth, token_path(config, table))
    return found


class Worker:
    """Pipeline, sender, hooks, ticker and retimer, each in a thread of its own."""

    def __init__(self, config: Config, vitals: Vitals) -> None:
        self._stack = ExitStack()
        self._pulses = vitals.pulses
        self._config = config
        self.on_reload: Callable[[], None] = lambda: None
        try:
            self._open(config, vitals)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, config: Config, vitals: Vitals) -> None:
        policy = load_checked_policy(config)
        self.house = self._stack.enter_context(open_house(config, policy))
        self._readers = open_readers(config)
        self._stack.callback(self._readers.close)
        self._readers.begin()
        self._precedence = Precedence()
        self._sender = open_sender(
            self.house, self._precedence.give_way, vitals.pulses, self._readers
        )
        voucher = _open_voucher(config)
        self._stack.callback(voucher.close)
        self._pipeline = Pipeline(
            self.house.spool,
            self._readers,
            self.house.desk,
            on_mail=self._sender.wake,
            voucher=voucher,
            give_way=self._precedence.give_way,
            pulses=vitals.pulses,
        )
        self.watch = Watch(
            self.house.database,
            self.house.spool,
            self.house.desk,
            wanted=config.alerts,
            reserve=config.limits.disk_reserve,
            node=config.node,
            progress=partial(_silent, config, clock.now()),
            endings=partial(_endings, config),
            on_mail=self._sender.wake,
        )
        self._hooks = open_hooks(self.house, self._sender.wake, vitals.pulses)
        self._retimer = Retimer(self.house.desk)
        self._stop = threading.Event()
        self._reloading = threading.Lock()
        self._ticking = threading.Lock()
        self._threads = [
            threading.Thread(target=self._keep, args=(self._pipeline.run,), name="pipeline"),
            threading.Thread(target=self._keep, args=(self._sender.run,), name="sender"),
            threading.Thread(target=self._keep, args=(self._hooks.run,), name="hooks"),
        ]
        watch_pulse = vitals.pulses.start("watch")
        watching = partial(self.watch.run, pulse=watch_pulse)
        self._threads.append(threading.Thread(target=self._keep, args=(watching,), name="watch"))
        retiming = partial(self._retimer.run, pulse=vitals.pulses.start("retimer"))
        self._threads.append(threading.Thread(target=self._keep, args=(retiming,), name="retimer"))
        if (leases := _open_leases(config, self.house)) is not None:
            renewing = partial(leases.run, pulse=vitals.pulses.start("leases"))
            self._threads.append(
                threading.Thread(target=self._keep, args=(renewing,), name="leases")
            )
        self._ticks = vitals.pulses.start("ticker")
        self._clock = Clockwork(clock.now)

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()
        self._plan_digests()
        # Two at a time: one that has more to do than a tick's work goes on, the other gives way.
        self._clock.every(TICK, self._tick, at_once=2)
        if self.house.database.objects is not None:
            self._clock.nightly(self._sweep)
        self._clock.start()

    def reload(self) -> None:
        """Adopt the rules and templates as they are now; bad ones change nothing."""
        threading.Thread(target=self._reload, name="reload").start()
        self.on_reload()

    def stop(self) -> None:
        """Begin nothing more; to be closed, then."""
        self._stop.set()
        self._sender.wake()
        self._retimer.wake()

    def close(self) -> None:
        """Finish what is in hand."""
        self.stop()
        self._clock.stop()
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
            systemd.notify(RELOADING=1, MONOTONIC_USEC=systemd.monotonic_usec())
            try:
                self._load_anew()
            finally:
                systemd.notify(READY=1)

    def _load_anew(self) -> None:
        old = self.house.desk.policy.version
        if self._config.is_file_another():
            advice = "it is read at the start only: restart the daemon"
            log.warning("config.changed", file=str(self._config.path), advice=advice)
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
            self._retimer.wake()
            self._plan_digests()

    def _plan_digests(self) -> None:
        try:
            digests.plan(self.house.desk)
        except Exception:  # the rest of the work goes on without
            log.exception("digest.not_planned")

    def _sweep(self) -> None:
        try:
            sweep.sweep(self.house.database, clock.now().date())
        except Unavailable as away:
            log.warning("objects.not_swept", why=str(away))
        except Exception:
            log.exception("objects.not_swept")

    def _tick(self) -> None:
        if not self._ticking.acquire(blocking=False):
            return
        try:
            if self._fire_due():
                with self._precedence.taken():  # there may be a crowd
                    while not self._stop.is_set() and self._fire_due():
                        pass
        except Unavailable as away:
            log.warning("ticker.waiting", why=str(away))
        except Exception:
            log.exception("ticker.failed")
        finally:
            self._ticks.beat(IDLE)
            self._ticking.release()

    def _fire_due(self) -> int:
        self._ticks.beat("fired", FIRED_WITHIN)
        return ticker.fire_due(self.house.desk, self._readers, self._sender.wake)

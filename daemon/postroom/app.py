"""The daemon: builds everything, starts and stops it.

Promise: READY means that the listeners are bound and the database is of the right age; SIGTERM
refuses new mail, finishes what is in hand and loses nothing; SIGHUP reloads rules and templates,
all or nothing.
Used by: cli.
Fails:   ConfigError (78), Busy and StaleSchema (1) before anything is started.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from postroom import clock, logs
from postroom.config import Config, load_secrets
from postroom.core.consistency import check_mailboxes
from postroom.core.model import Policy, Site
from postroom.core.routing import match_rule
from postroom.errors import Busy, ConfigError, Problem
from postroom.intake.gate import DoorLimits
from postroom.intake.smtp import SmtpDoor
from postroom.mail.tokens import Signer
from postroom.policy.examples import run_examples
from postroom.policy.loader import load_policy, policy_from_files
from postroom.render import check_templates
from postroom.spool import Spool
from postroom.store import reads
from postroom.store.db import Database
from postroom.store.migrate import open_database
from postroom.work import ticker, transport
from postroom.work.desk import Desk
from postroom.work.pipeline import Pipeline
from postroom.work.readers import Readers
from postroom.work.sender import Sender
from postroom.work.stationery import Stationery

log = structlog.get_logger()

DATABASE_FILE = "postroom.db"
DOORS, WORK = "doors", "work"
PARTS = (DOORS, WORK)
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class House:
    """What commands need beside a running daemon, or without one."""

    config: Config
    site: Site
    database: Database
    spool: Spool
    desk: Desk


@contextmanager
def open_house(config: Config, policy: Policy | None = None) -> Iterator[House]:
    """Open database and spool (made when absent), with a policy, which becomes the active one.

    Not given, it is the running daemon's; without a daemon, the one of the files.
    """
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        database = open_database(config.data / DATABASE_FILE)
        stack.callback(database.close)
        spool = stack.enter_context(Spool(config.data, config.node))
        site = config.site()
        signer = Signer(config.instance, load_secrets(config))
        if policy is None and holder(config, WORK) is not None:
            policy = _active(database)
        policy = policy or load_checked_policy(config)
        desk = Desk(database, site, signer, policy, clock.now)
        desk.adopt(policy)
        yield House(config, site, database, spool, desk)


def _active(database: Database) -> Policy | None:
    with database.read() as connection:
        version = reads.active_policy(connection)
        if version is None:
            return None
        files = reads.policy_files(connection, version)
    return policy_from_files(files, version=version)


def load_checked_policy(config: Config) -> Policy:
    """Load rules and templates and check all there is to check: ConfigError with every problem."""
    policy = load_policy(config.rules, config.templates)
    problems: list[Problem] = [
        *check_mailboxes(config.site(), policy),
        *check_templates(policy.files),
        *run_examples(policy, match_rule),
    ]
    if problems:
        raise ConfigError(problems)
    return policy


def open_readers(config: Config) -> Readers:
    """Start the reader processes."""
    return Readers(
        config.limits.readers or max(1, min(4, (os.cpu_count() or 2) - 1)),
        deadline=config.limits.reader_deadline.total_seconds(),
        memory=config.limits.reader_memory,
    )


def open_sender(house: House) -> Sender:
    """Make the sender for the configured relay or Maildir."""
    return Sender(
        house.database,
        house.site,
        house.desk.signer,
        Stationery(house.database).render,
        _transport(house.config),
        clock.now,
        random.random,
        threads=1 if house.config.maildir is not None else house.config.outgoing.connections,
    )


def _transport(config: Config) -> transport.Transport:
    if config.maildir is not None:
        return transport.Maildir(config.maildir, config.instance)
    outgoing, password = config.outgoing, ""
    if outgoing.password_file is not None:
        path = config.secret_path(outgoing.password_file)
        password = path.read_text(encoding="utf-8").strip()
    return transport.from_url(
        outgoing.relay,
        config.instance,
        outgoing.user or "",
        password,
        outgoing.timeout.total_seconds(),
    )


@contextmanager
def hold_folder(config: Config, parts: tuple[str, ...]) -> Iterator[None]:
    """Be the only daemon with these parts on a data folder, or raise Busy with who is."""
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(_flock(config.data / f"{part}.lock"))
        yield


@contextmanager
def _flock(path: Path) -> Iterator[None]:
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            who = file.read().strip() or "unknown"
            raise Busy(f"{path.parent} is in use by process {who}") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def holder(config: Config, part: str) -> str | None:
    """Return the process that runs a part on this data folder, if one does."""
    path = config.data / f"{part}.lock"
    try:
        with path.open("r", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
            return None
    except OSError:
        return None


def run(config: Config, only: str | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    logs.configure(config.logs.format, config.logs.level)
    parts = PARTS if only is None else (only,)
    for warning in config.warnings:
        log.warning("config.doubtful", why=warning)
    with hold_folder(config, parts):
        asyncio.run(_run(config, parts))


async def _run(config: Config, parts: tuple[str, ...]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ExitStack() as stack:
        if WORK in parts:
            # Blocking, and rightly: nothing listens before the database is known to be sound.
            worker = _Worker(config)
            spool = worker.house.spool
            stack.callback(worker.close)
            loop.add_signal_handler(signal.SIGHUP, worker.reload)
        else:
            loop.add_signal_handler(signal.SIGHUP, lambda: None)
            spool = stack.enter_context(Spool(config.data, config.node))
        door = SmtpDoor(config.site(), spool, config.node, door_limits(config))
        if DOORS in parts:
            await door.start([item.address for item in config.listen])
        if WORK in parts:
            worker.start()
        log.info("daemon.ready", instance=config.instance, parts=list(parts), pid=os.getpid())
        await stop.wait()
        log.info("daemon.stopping")
        if DOORS in parts:
            await door.stop(STOP_SECONDS)
    log.info("daemon.stopped")


def door_limits(config: Config) -> DoorLimits:
    """Take the doors' limits from the config."""
    limits = config.limits
    return DoorLimits(
        message_size=limits.message_size,
        bytes_in_flight=limits.bytes_in_flight,
        connections=limits.connections,
        connections_per_address=limits.connections_per_address,
        idle=limits.idle,
        total=limits.total,
        recipients=limits.recipients,
        hops=limits.hops,
        disk_reserve=limits.disk_reserve,
        errors=limits.errors,
        commands=limits.commands,
    )


class _Worker:
    """Pipeline, sender and ticker, each in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._stack = ExitStack()
        self._config = config
        policy = load_checked_policy(config)
        self.house = self._stack.enter_context(open_house(config, policy))
        self._readers = open_readers(config)
        self._stack.callback(self._readers.close)
        self._sender = open_sender(self.house)
        self._pipeline = Pipeline(
            self.house.spool, self._readers, self.house.desk, on_mail=self._sender.wake
        )
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._pipeline.run, args=(self._stop,), name="pipeline"),
            threading.Thread(target=self._sender.run, args=(self._stop,), name="sender"),
        ]
        self._clock = BackgroundScheduler(timezone=UTC)

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()
        self._clock.add_job(self._tick, "interval", seconds=1, coalesce=True, max_instances=1)
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
        self._stack.close()

    def _reload(self) -> None:
        old = self.house.desk.policy.version
        try:
            policy = load_checked_policy(self._config)
            self.house.desk.adopt(policy)
        except ConfigError as error:
            for problem in error.problems:
                log.error("policy.refused", problem=str(problem), kept=old)
        except Exception:
            log.exception("policy.refused", kept=old)
        else:
            log.info("policy.activated", version=policy.version, before=old)

    def _tick(self) -> None:
        try:
            ticker.fire_due(self.house.desk, self._readers, self._sender.wake)
        except Exception:
            log.exception("ticker.failed")

"""What the daemon and the commands work with: config, database, spool and desk, built once.

Promise: database, data folder and Maildir are made when absent; nothing is started that would not
end with the block.
Used by: app (run), cli.
Fails:   ConfigError (78), StaleSchema (1), Unavailable (75).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from postroom import clock
from postroom.config import Config, load_hook_secrets, load_secrets, load_signing_key
from postroom.core.consistency import CONFIG, check_hooks, check_mailboxes
from postroom.core.model import Policy
from postroom.core.routing import match_rule
from postroom.core.site import Site
from postroom.errors import ConfigError, Problem
from postroom.holding import WORK, holder
from postroom.mail.signing import Seal
from postroom.mail.tokens import Signer
from postroom.policy.examples import run_examples
from postroom.policy.hooks import FOLDER, find_hooks
from postroom.policy.loader import RULES, policy_from_files, read_policy, where_it_lies
from postroom.pulse import Pulses
from postroom.render.checking import check_templates
from postroom.spool import Spool
from postroom.store import policies
from postroom.store.db import Database
from postroom.store.migrate import open_database
from postroom.work import transport
from postroom.work.desk import Desk
from postroom.work.hooks import Hook, HookRunner
from postroom.work.readers import Readers
from postroom.work.relay import FINAL_TIMEOUT
from postroom.work.sender import Sender
from postroom.work.stationery import Stationery

MAILDIR_THREADS = 3  # one is composing, one writes, one records


@dataclass(frozen=True, slots=True)
class House:
    """What commands need beside a running daemon, or without one."""

    config: Config
    site: Site
    database: Database
    spool: Spool
    desk: Desk


@contextmanager
def open_house(
    config: Config, policy: Policy | None = None, *, adopts: bool = True
) -> Iterator[House]:
    """Open database and spool (made when absent), with a policy, which becomes the active one.

    Not given, it is the running daemon's; without a daemon, the one of the files. `adopts` False
    leaves the active policy as it is: to look, not to decide.
    """
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        database = open_database(config.database_place, bucket=config.bucket)
        stack.callback(database.close)
        spool = stack.enter_context(Spool(config.data, config.node))
        site = config.site()
        signer = Signer(config.instance, load_secrets(config))
        if policy is None and holder(config.data, WORK) is not None:
            policy = _active(database)
        policy = policy or load_checked_policy(config)
        desk = Desk(database, site, signer, policy, clock.now)
        if adopts:
            desk.adopt(policy)
        yield House(config, site, database, spool, desk)


def _active(database: Database) -> Policy | None:
    with database.read() as connection:
        version = policies.active_policy(connection)
        if version is None:
            return None
        files = policies.policy_files(connection, version)
    return policy_from_files(files, version=version)


def load_checked_policy(config: Config) -> Policy:
    """Load rules and templates and check all there is to check: ConfigError with every problem."""
    draft = read_policy(config.rules, config.templates, config.webhooks)
    executables = find_hooks(config.rules)
    of_executables = config.hooks.keys() - config.webhooks
    problems = [
        *draft.problems,
        *check_mailboxes(config.site(), draft.policy, draft.names),
        *check_hooks(
            config.webhooks, of_executables, executables.names | executables.faults.keys()
        ),
        *check_templates(draft.policy.files, draft.extracted),
    ]
    # A rule that could not be read in full would not match what it is meant to.
    if not any(problem.file == RULES for problem in draft.problems):
        problems += run_examples(draft.policy, match_rule)
    if problems:
        raise ConfigError([_where_it_lies(problem, config) for problem in problems])
    return draft.policy


def _where_it_lies(problem: Problem, config: Config) -> Problem:
    if problem.file == CONFIG:
        return Problem(str(config.path), problem.key, problem.text)
    return where_it_lies(problem, config.rules, config.templates)


def open_readers(config: Config) -> Readers:
    """Start the reader processes."""
    return Readers(
        config.limits.readers or max(1, min(4, (os.cpu_count() or 2) - 1)),
        deadline=config.limits.reader_deadline.total_seconds(),
        memory=config.limits.reader_memory,
    )


def open_sender(
    house: House,
    give_way: Callable[[], None] = lambda: None,
    pulses: Pulses | None = None,
    readers: Readers | None = None,
) -> Sender:
    """Make the sender for the configured relay or Maildir; mails are composed in `readers`."""
    stationery = Stationery(house.database)
    is_maildir = house.config.maildir is not None
    return Sender(
        house.database,
        house.site,
        house.desk.signer,
        stationery.render,
        open_transport(house.config),
        clock=clock.now,
        random=random.random,
        node=house.spool.numbers().name,
        sign=open_signer(house.config),
        threads=MAILDIR_THREADS if is_maildir else house.config.outgoing.connections,
        away=partial(stationery.write_away, readers) if readers is not None else None,
        give_way=give_way,
        pulses=pulses,
    )


def open_signer(config: Config) -> Seal | None:
    """Make what signs outgoing mail; without [dkim] it is left as it is."""
    key = load_signing_key(config)
    if key is None or config.dkim is None:
        return None
    return Seal(key, frozenset(domain.lower() for domain in config.dkim.domains))


def open_hooks(
    house: House,
    on_mail: Callable[[], None] = lambda: None,
    pulses: Pulses | None = None,
) -> HookRunner:
    """Make what runs the hooks: executables in rules/hooks/, webhooks of the config."""
    secrets = load_hook_secrets(house.config)
    tables = house.config.hooks
    return HookRunner(
        house.desk,
        house.config.rules / FOLDER,
        {
            name: Hook(table.timeout.total_seconds(), table.url, secrets.get(name, b""))
            for name, table in tables.items()
        },
        random=random.random,
        on_mail=on_mail,
        pulses=pulses,
    )


def open_transport(config: Config, longest: float | None = None) -> transport.Transport:
    """Open the way out; `longest`: seconds that it waits for a word at most."""
    if config.maildir is not None:
        return transport.Maildir(config.maildir, config.instance)
    outgoing, password = config.outgoing, ""
    seconds = outgoing.timeout.total_seconds()
    if outgoing.password_file is not None:
        path = config.secret_path(outgoing.password_file)
        password = path.read_text(encoding="utf-8").strip()
    return transport.from_url(
        outgoing.relay,
        config.instance,
        outgoing.user or "",
        password,
        min(seconds, longest or seconds),
        outgoing.tls,
        config.resolve(outgoing.ca_file) if outgoing.ca_file is not None else None,
        longest or FINAL_TIMEOUT,
    )

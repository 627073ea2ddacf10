"""A request's life played in advance: which timer fires when, and who hears of it.

Promise: nothing is decided here. A request is opened and changed by the desk, timers fire by
the ticker, on a database in memory and with a clock that jumps from one moment to the next; what
came of it is read back from the history and the outbox. No file is written, no mail is sent.
Used by: cli.simulating.
Fails:   NotAllowed when an event is not possible at its moment; the text names both.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import assert_never

from sqlalchemy import Connection

from postroom.core.changes import (
    AssignTo,
    Change,
    ChangeProperty,
    ChangeStatus,
    Close,
    Postpone,
    Reopen,
)
from postroom.core.clocks import Pause, pauses_of, story_of
from postroom.core.commands import Command, WriteAnswer, WriteNote
from postroom.core.facts import RequestFact
from postroom.core.model import Actions, Handler, Phase, Policy, Rule
from postroom.core.moments import parse_moment
from postroom.core.site import Site
from postroom.core.tasks import CLI
from postroom.errors import NotAllowed, PostroomError
from postroom.mail.compose import Letter, compose
from postroom.mail.message import Address, Envelope, ParsedMail
from postroom.mail.parse import read_mail
from postroom.mail.tokens import Signer, Token
from postroom.store import queue, reads, request_facts, views
from postroom.store.due import next_due_at
from postroom.store.migrate import open_in_memory
from postroom.store.queue import OutboxEntry
from postroom.store.views import ChangeView
from postroom.work.desk import Desk
from postroom.work.readers import Readers
from postroom.work.ticker import fire_due

MOST_STEPS = 500  # moments at which something happens; a policy that needs more goes in circles
CUSTOMER = Address("A customer", "customer@simulation.invalid")
_REQUEST = 1  # of a database that was empty
_DUE = re.compile(r"\bdue (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_RECORDS = ("escalated", "missed", "warned")
_CHANGES = ("owner", "priority", "status", "category", "type", "tags", "hook")


class Deed(StrEnum):
    """What somebody may do in a simulation, as `--event` calls it."""

    CUSTOMER_WROTE = "customer-wrote"
    HANDLER_WROTE = "handler-wrote"  # a note
    REPLIED = "replied"
    CLOSED = "closed"
    REOPENED = "reopened"
    POSTPONED = "postponed"  # with a moment, such as 1d
    ACTIVATED = "activated"
    TAKEN = "taken"  # by a handler, else by another than the owner
    OWNER = "owner"  # with a handler, none or auto
    PRIORITY = "priority"
    CATEGORY = "category"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that somebody does at a moment."""

    at: datetime
    deed: Deed
    value: str = ""

    def __str__(self) -> str:
        return f"{self.deed.value} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is played: a request that is opened at a moment, and what is done to it."""

    at: datetime
    until: datetime
    priority: str
    category: str | None = None
    owner: str | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """A mail that goes out: `who` is a handler's name, "customer", or an address."""

    who: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened. `due_at`: its nominal moment, if it had one."""

    at: datetime
    what: str
    hears: tuple[Heard, ...]
    due_at: datetime | None = None
    changes: tuple[str, ...] = ()

    @property
    def is_nominal(self) -> bool:
        """Whether it came when it was due."""
        return self.due_at is None or self.due_at == self.at


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a scenario; `is_whole` False: it was stopped after MOST_STEPS moments."""

    happenings: tuple[Happening, ...]
    request: RequestFact
    pauses: tuple[Pause, ...]
    is_whole: bool


class _Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def simulate(site: Site, policy: Policy, scenario: Scenario) -> Simulated:
    """Play a scenario under a policy, which need not be the active one."""
    clock = _Clock(scenario.at)
    with _desk(site, policy, scenario, clock) as (desk, readers):
        play = _Play(desk, readers, clock)
        found = list(play.open())
        events = sorted(scenario.events, key=lambda one: one.at)
        is_whole = True
        for step, fire in enumerate(play.steps(events, scenario.until)):
            if step == MOST_STEPS:
                is_whole = False
                break
            found += fire()
        request = play.request()
    _check_priority(scenario, found, request)
    story = story_of(request.moments, request.priority, request.type, policy)
    pauses = pauses_of(story) if story is not None else []
    return Simulated(tuple(found), request, tuple(pauses), is_whole)


@contextmanager
def _desk(
    site: Site, policy: Policy, scenario: Scenario, clock: _Clock
) -> Iterator[tuple[Desk, Readers]]:
    """Make a desk whose only rule of routing is what the scenario says."""
    said = Actions(category=scenario.category, priority=scenario.priority, owner=scenario.owner)
    policy = replace(policy, rules=(Rule("simulation", said),))
    signer = Signer(site.instance, (secrets.token_bytes(32),))
    readers = Readers(1)  # starts no process before there is something to read: there never is
    try:
        with open_in_memory() as database:
            desk = Desk(database, site, signer, policy, clock)
            desk.adopt(policy)
            yield desk, readers
    finally:
        readers.close()


def _check_priority(scenario: Scenario, found: Sequence[Happening], request: RequestFact) -> None:
    opened = found[0].what
    if f"priority {scenario.priority}" not in opened:
        raise NotAllowed(
            f"a request of type {request.type} cannot have priority {scenario.priority}: "
            f"{opened}; types.toml names what it allows"
        )


class _Play:
    """One simulation while it runs: steps, and what each of them left in the database."""

    def __init__(self, desk: Desk, readers: Readers, clock: _Clock) -> None:
        self._desk = desk
        self._readers = readers
        self._clock = clock
        self._changes = 0  # rows of history that were looked at
        self._deliveries = 0
        self._mailbox = next(iter(desk.site.mailboxes.values()))
        self._letters = 0

    def open(self) -> Iterator[Happening]:
        """Let a customer write the first mail."""
        self._let_customer_write()
        request = self.request()
        what = f"opened, priority {request.priority}, owner {request.owner or 'none'}"
        _, hears = self._new()
        yield Happening(self._clock.now, what, hears)

    def steps(
        self, events: Sequence[Event], until: datetime
    ) -> Iterator[Callable[[], Iterable[Happening]]]:
        """Yield what is to be done next, with the clock set to its moment, until there is no more.

        What is due at the moment of an event fires before it, as the ticker would have done.
        """
        waiting = list(events)
        while True:
            with self._desk.database.read() as connection:
                due_at = next_due_at(connection)
            event = waiting[0] if waiting else None
            if due_at is not None and due_at <= until and (event is None or due_at <= event.at):
                self._clock.now = max(self._clock.now, due_at)
                yield self._fire
            elif event is not None:
                del waiting[0]
                self._clock.now = event.at
                yield partial(self._do, event)
            else:
                return

    def request(self) -> RequestFact:
        """Return the request as it stands."""
        with self._desk.database.read() as connection:
            return reads.load_command_facts(connection, _REQUEST).requests[_REQUEST]

    # ---- what happens

    def _fire(self) -> Iterator[Happening]:
        """Fire one timer; without a budget the ticker goes no further."""
        fire_due(self._desk, self._readers, budget=0)
        changes, hears = self._new()
        records = [one for one in changes if one.kind in _RECORDS]
        changed = tuple(_changed(changes))
        for one in records:
            yield Happening(self._clock.now, _record(one), hears, _due(one), changed)
        moved = next((one for one in changes if one.kind == "status"), None)
        if not records and moved is not None:
            is_awake = self.request().phase is Phase.ACTIVE
            what = "activated" if is_awake else f"{moved.to} by itself"
            yield Happening(self._clock.now, what, hears, self._clock.now, changed)
        elif not records and hears:
            yield Happening(self._clock.now, hears[0].kind, hears, None, changed)

    def _do(self, event: Event) -> Iterator[Happening]:
        try:
            if event.deed is Deed.CUSTOMER_WROTE:
                self._let_customer_write()
            else:
                command, actor, raw = self._command(event)
                self._desk.command(command, _REQUEST, actor, raw=raw)
        except (PostroomError, ValueError) as error:
            raise NotAllowed(f'"{event}" at {event.at:%Y-%m-%dT%H:%M:%SZ}: {error}') from error
        changes, hears = self._new()
        yield Happening(event.at, str(event), hears, None, tuple(_changed(changes)))

    def _new(self) -> tuple[Sequence[ChangeView], tuple[Heard, ...]]:
        """Return the changes and the mails that there are since the last look."""
        with self._desk.database.read() as connection:
            changes = views.history(connection, _REQUEST)[self._changes :]
            sent = [one for one in queue.entries(connection) if one.id > self._deliveries]
        self._changes += len(changes)
        self._deliveries = max([self._deliveries, *(one.id for one in sent)])
        return changes, tuple(self._heard(one) for one in sent)

    def _heard(self, sent: OutboxEntry) -> Heard:
        handler = self._desk.policy.handler_by_address(sent.recipient)
        who = handler.name if handler is not None else sent.recipient
        if sent.recipient == CUSTOMER.address:
            who = "customer"
        return Heard(who, sent.kind, max(sent.due_at or sent.created_at, sent.created_at))

    # ---- how people do it

    def _command(self, event: Event) -> tuple[Command, str, bytes | None]:
        actor = self._actor(event)
        change: Change
        match event.deed:
            case Deed.REPLIED | Deed.HANDLER_WROTE:
                handler = self._desk.policy.handlers[actor]
                mail, raw = self._letter(Address(handler.full_name, handler.email), CUSTOMER)
                is_note = event.deed is Deed.HANDLER_WROTE
                return WriteNote(mail) if is_note else WriteAnswer(mail), actor, raw
            case Deed.CLOSED:
                change = Close(event.value)
            case Deed.REOPENED:
                change = Reopen(event.value)
            case Deed.POSTPONED:
                zone = self._mailbox.time_zone
                change = Postpone(parse_moment(event.value, self._clock.now, zone))
            case Deed.ACTIVATED:
                change = Postpone(None)
            case Deed.TAKEN:
                change = AssignTo(actor)
            case Deed.OWNER:
                change = AssignTo(event.value)
            case Deed.PRIORITY | Deed.CATEGORY:
                change = ChangeProperty(event.deed.value, event.value)
            case Deed.STATUS:
                change = ChangeStatus(event.value, "simulated")
            case Deed.CUSTOMER_WROTE:
                raise NotAllowed("a customer gives no commands")
            case _:
                assert_never(event.deed)
        return change, actor, None

    def _actor(self, event: Event) -> str:
        """Return who does it: as said, else the owner; who takes it is somebody else."""
        handlers, owner = self._desk.policy.handlers, self.request().owner
        match event.deed:
            case Deed.TAKEN if event.value:
                return event.value
            case Deed.TAKEN:
                others = [one for one in _by_rights(handlers.values()) if one != owner]
                return next(iter(others), owner or CLI)
            case Deed.REPLIED | Deed.HANDLER_WROTE if event.value:
                return event.value
            case Deed.REPLIED | Deed.HANDLER_WROTE:
                return owner or next(iter(_by_rights(handlers.values())))
        return CLI

    def _let_customer_write(self) -> None:
        mailbox = self._mailbox
        mail, raw = self._letter(CUSTOMER, Address("", mailbox.address))
        envelope = Envelope(
            CUSTOMER.address, (mailbox.address,), "cli", mailbox.name, self._clock.now
        )
        arrival = replace(self._desk.arrival(mail, envelope), is_vouched=True)
        with self._desk.database.read() as connection:
            tokens = tuple(_tokens(connection))
        self._desk.settle_mail(replace(arrival, tokens=tokens), raw)

    def _letter(self, from_: Address, to: Address) -> tuple[ParsedMail, bytes]:
        self._letters += 1
        raw = compose(
            Letter(
                from_=from_,
                to=(to,),
                subject="A simulated request",
                text=f"Simulated letter {self._letters}.\n",
                message_id=f"{self._letters}@simulation.invalid",
                date=self._clock.now,
            )
        )
        return read_mail(raw), raw


def _by_rights(handlers: Iterable[Handler]) -> list[str]:
    """Return the names of handlers, administrators first."""
    return [one.name for one in sorted(handlers, key=lambda one: not one.administrator)]


def _tokens(connection: Connection) -> Iterator[Token]:
    """Yield what a reply of the customer would carry; nothing before the request is there."""
    request = request_facts.load_requests(connection, (_REQUEST,)).get(_REQUEST)
    if request is not None and request.requester is not None:
        yield Token("c", request.id, request.requester.id)


# ---- history, in words


def _record(change: ChangeView) -> str:
    name = (change.to or "").partition(" since ")[0].replace("_", " ")
    match change.kind:
        case "missed":
            return f"{name} missed"
        case "warned":
            return f"warning of the {name}"
    return change.to or change.kind


def _due(change: ChangeView) -> datetime | None:
    found = _DUE.search(change.because)
    return datetime.fromisoformat(found[1]) if found is not None else None


def _changed(changes: Iterable[ChangeView]) -> Iterator[str]:
    for one in changes:
        if one.kind in _CHANGES:
            yield f"{one.kind} {one.from_ or 'none'} → {one.to or 'none'}"
        elif one.kind == "chain":
            yield f"chain: {one.to}"

"""The desk: where facts, decision and effects meet; the one path for every change.

Promise: whatever is decided here is applied whole or not at all; a decision whose facts changed is
made again, a bounded number of times. Nothing is decided about a mail that was decided before,
unless somebody asks for it (`wish`, `without_rules`).
Used by: work.pipeline (mails), work.ticker (timers), cli (commands).
Fails:   Unavailable when the database is away; Conflict when it never came to rest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from postroom import failpoints
from postroom.core import retiming, timers
from postroom.core.commands import Command, WriteAnswer, WriteNote, decide_command
from postroom.core.effects import Decision
from postroom.core.facts import Arrival, Facts, RequestFact, Wish
from postroom.core.hooks import HookResult, HookRun, decide_result
from postroom.core.intake import decide_mail, refuse_mail
from postroom.core.model import OPEN, Outcome, Policy
from postroom.core.site import Site
from postroom.errors import ConfigError, Conflict, NotAllowed, Unavailable
from postroom.mail.message import Envelope, ParsedMail
from postroom.mail.tokens import Signer
from postroom.policy.loader import policy_from_files
from postroom.store import policies, reads, request_facts
from postroom.store.apply import activate_policy, apply
from postroom.store.db import Database
from postroom.store.objects import StoredObject
from postroom.store.writing import Applied, MailRow

# Two replies at once settle at the second try; more is a storm on one request.
ATTEMPTS = 12
# What Wish.TAKE_IN may take in after all; the others have their request, or a hold of their own.
RETRIED = frozenset({Outcome.IGNORED, Outcome.BOUNCE, Outcome.DUPLICATE})


PUTTING = 16  # mails on their way into the object store at a time

T = TypeVar("T")
Raw = bytes | StoredObject | None
# What a timer of a request decides: its number, the request, and the world.
Fire = Callable[[int, RequestFact, Facts, Policy, Site, datetime], Decision]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a trigger. `decision` None: it was applied before."""

    outcome: str | None
    reason: str
    journal_id: int | None
    request_id: int | None
    has_mail: bool
    decision: Decision | None


class Desk:
    """Holds what every decision needs: database, site, keys, and the policy that is active."""

    def __init__(
        self,
        database: Database,
        site: Site,
        signer: Signer,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self.database = database
        self.site = replace(site, signer=signer)
        self.signer = signer
        self.policy = policy
        self.clock = clock
        self._aside = ThreadPoolExecutor(2, thread_name_prefix="desk")
        self._putting = ThreadPoolExecutor(PUTTING, thread_name_prefix="objects")

    def adopt(self, policy: Policy) -> None:
        """Make a policy the active one, here and in the database."""
        now = self.clock()
        self.database.write(lambda c: activate_policy(c, policy.version, policy.files, now))
        self.policy = policy

    def arrival(
        self,
        mail: ParsedMail,
        envelope: Envelope,
        spool_name: str | None = None,
        spool_number: int | None = None,
    ) -> Arrival:
        """Gather what is known of a mail without the database: mailbox, tokens, own ids."""
        templates = [mailbox.reply_address for mailbox in self.site.mailboxes.values()]
        seen = (
            *envelope.recipients,
            *(item.address for item in (*mail.to, *mail.cc)),
            *mail.all_of("Delivered-To"),
            *mail.all_of("X-Original-To"),
        )
        # RFC 5321 §4.5.5: a notice comes to the envelope sender, so only the envelope counts.
        bounced = self.signer.find(envelope.recipients, templates)
        own, answered = {}, None
        for message_id in (*mail.in_reply_to, *mail.references):
            token = self.signer.verify_message_id(message_id)
            if token is not None and token.object_id:
                own[message_id] = token.object_id
            if token is not None and message_id in mail.in_reply_to:
                answered = token.participant_id
        return Arrival(
            mail=mail,
            envelope=envelope,
            mailbox=self.site.mailbox_named(envelope.mailbox),
            tokens=tuple(t for t in self.signer.find(seen, templates) if t.role != "b"),
            bounce_deliveries=tuple(t.object_id for t in bounced if t.role == "b"),
            own_ids=own,
            answered_journal=answered,
            answers_root=any(map(self.signer.is_thread_root, mail.in_reply_to)),
            spool_name=spool_name,
            spool_number=spool_number,
            source_key=envelope.source or None,
        )

    # Mails

    def submit_mail(self, arrival: Arrival, raw: bytes | None) -> Future[Settled]:
        """Settle a mail inside the writer's transaction, together with others.

        A handler's mail goes the long way: looking through all that was said in its request may
        take longer than others should wait for the writer.
        """
        if any(token.role in "hn" for token in arrival.tokens):
            return self._aside.submit(self.settle_mail, arrival, raw)
        if raw is not None and self.database.objects is not None:
            return self._putting.submit(self._put_and_settle, arrival, raw)
        return self.database.submit(lambda c: self._settle_here(c, arrival, raw))

    def settle_mail(
        self, arrival: Arrival, raw: bytes | None, journal_id: int | None = None
    ) -> Settled:
        """Settle one mail: facts, decision, transaction; again when the facts had changed."""
        kept = self._keep(raw, arrival)
        return self._until_settled(lambda: self._settle_mail(arrival, kept, journal_id))

    def explain(self, arrival: Arrival, policy: Policy | None = None) -> tuple[Decision, Facts]:
        """Decide without acting."""
        with self.database.read() as connection:
            facts = reads.load_mail_facts(connection, arrival, self.site)
        decision = decide_mail(arrival, facts, policy or self.policy, self.site, self.clock())
        return decision, facts

    def set_aside(self, arrival: Arrival, why: str) -> Settled:
        """Journal a mail as quarantined; its bytes stay in the spool."""
        decision = Decision(
            actor="system",
            reason=why,
            policy_version=self.policy.version,
            outcome=Outcome.QUARANTINED,
            explanation={"quarantined": why},
        )
        return self._until_settled(
            lambda: self.database.write(lambda c: self._quarantine(c, arrival, decision))
        )

    def _put_and_settle(self, arrival: Arrival, raw: bytes) -> Settled:
        kept = self._keep(raw, arrival)
        return self.database.submit(lambda c: self._settle_here(c, arrival, kept)).result()

    def _keep(self, raw: bytes | None, arrival: Arrival | None) -> Raw:
        """Put a mail into the object store, if there is one, before anything says that it is there.

        A mail of the spool has the same key each time of a day, so that trying again leaves nothing
        behind; `work.sweep` deletes what no row names after that.
        """
        objects = self.database.objects
        if raw is None or objects is None:
            return raw
        name = f"typed-{secrets.token_hex(8)}"
        if arrival is not None and arrival.spool_name is not None:
            name = f"{arrival.spool_name}-{arrival.spool_number}"
        return objects.put(name, raw, self.clock().date())

    def _settle_here(self, connection: Connection, arrival: Arrival, raw: Raw) -> Settled:
        facts = reads.load_mail_facts(connection, arrival, self.site)
        if (settled := _before(facts)) is not None:
            return settled
        now = self.clock()
        decision = decide_mail(arrival, facts, self.policy, self.site, now)
        return self._applied(connection, decision, _row(arrival, raw, facts), now)

    def _settle_mail(self, arrival: Arrival, raw: Raw, journal_id: int | None) -> Settled:
        policy, now = self.policy, self.clock()
        with self.database.read() as connection:
            facts = reads.load_mail_facts(connection, arrival, self.site, journal_id)
        if journal_id is None and (settled := _before(facts)) is not None:
            return settled
        _check_wish(arrival.wish, facts)
        decision = decide_mail(arrival, facts, policy, self.site, now)
        return self._write(decision, _row(arrival, raw, facts), now)

    def _quarantine(self, connection: Connection, arrival: Arrival, decision: Decision) -> Settled:
        facts = reads.load_mail_facts(connection, arrival, self.site)
        if (settled := _before(facts)) is not None:
            return settled
        return self._applied(connection, decision, _row(arrival, None, facts), self.clock())

    # Commands

    def command(
        self,
        command: Command,
        request_id: int,
        actor: str,
        *,
        raw: bytes | None = None,
    ) -> Settled:
        """Carry out one command of a handler. NotAllowed and NotFound say why not.

        `raw` is the mail that a note or an answer was turned into.
        """
        kept = self._keep(raw, None)
        return self._until_settled(lambda: self._command(command, request_id, actor, kept))

    def _command(self, command: Command, request_id: int, actor: str, raw: Raw) -> Settled:
        policy, now = self.policy, self.clock()
        with self.database.read() as connection:
            facts = reads.load_command_facts(connection, request_id)
        decision = decide_command(command, request_id, facts, policy, self.site, now, actor=actor)
        row = None
        if isinstance(command, WriteNote | WriteAnswer):
            request = facts.requests[request_id]
            row = MailRow(self._typed(command.mail, request.mailbox, now), raw)
        return self._write(decision, row, now)

    # Timers

    def fire(self, decide: Fire, timer: int, request_id: int) -> Settled:
        """Do what a timer of a request is for; it has fired then."""
        return self._until_settled(lambda: self._fire(decide, timer, request_id))

    def submit_fire(self, decide: Fire, timer: int, request_id: int) -> Future[Settled]:
        """Do the same inside the writer's transaction, together with others: for a crowd of them.

        Conflict: the policy was reloaded; to be fired by itself.
        """
        return self.database.submit(lambda c: self._fire_here(c, decide, timer, request_id))

    def _fire_here(
        self, connection: Connection, decide: Fire, timer: int, request_id: int
    ) -> Settled:
        failpoints.hit("timer.begun")
        policy, now = self.policy, self.clock()
        facts = reads.load_command_facts(connection, request_id)
        decision = decide(timer, facts.requests[request_id], facts, policy, self.site, now)
        return self._applied(connection, decision, None, now)

    def _fire(self, decide: Fire, timer: int, request_id: int) -> Settled:
        policy, now = self.policy, self.clock()
        with self.database.read() as connection:
            facts = reads.load_command_facts(connection, request_id)
        decision = decide(timer, facts.requests[request_id], facts, policy, self.site, now)
        return self._write(decision, None, now)

    def tell_undelivered(self, timer: int, delivery_id: int) -> Settled:
        """Tell who has to know that an answer was not delivered; its timer has fired then."""
        return self._until_settled(lambda: self._tell_undelivered(timer, delivery_id))

    def _tell_undelivered(self, timer: int, delivery_id: int) -> Settled:
        policy, now = self.policy, self.clock()
        with self.database.read() as connection:
            known = reads.load_deliveries(connection, (delivery_id,)).get(delivery_id)
            if known is None or known.request_id is None:
                raise NotAllowed(f"delivery {delivery_id} belongs to no request")
            facts = reads.load_command_facts(connection, known.request_id)
        request = facts.requests[known.request_id]
        decision = timers.tell_undelivered(timer, known, request, facts, policy, self.site, now)
        return self._write(decision, None, now)

    def end_hook(self, run: HookRun, result: HookResult, jitter: float) -> Settled:
        """Let a hook's result act on its request. NotAllowed: it has been run again since."""
        return self._until_settled(lambda: self._end_hook(run, result, jitter))

    def _end_hook(self, run: HookRun, result: HookResult, jitter: float) -> Settled:
        policy, now = self.policy, self.clock()
        with self.database.read() as connection:
            facts = reads.load_command_facts(connection, run.request_id)
        decision = decide_result(run, result, facts, policy, self.site, now, jitter=jitter)
        return self._write(decision, None, now)

    # Rules that have changed

    def submit_retiming(self, request_id: int, before: str | None) -> Future[Settled]:
        """Let a request follow the policy, inside the writer's transaction, together with others.

        Conflict: the policy was reloaded. A request that follows already is left alone.
        """
        return self.database.submit(lambda c: self._retime_here(c, request_id, before))

    def retime(self, request_id: int, before: str | None) -> Settled:
        """Do the same for one by itself, under whatever policy is the active one."""
        return self._until_settled(lambda: self.submit_retiming(request_id, before).result())

    def _retime_here(self, connection: Connection, request_id: int, before: str | None) -> Settled:
        policy, now = self.policy, self.clock()
        known = request_facts.load_requests(connection, (request_id,))[request_id]
        decision = retiming.retime(known, policy, now, before)
        if known.phase not in OPEN or not decision.effects:
            return Settled(None, decision.reason, None, request_id, False, None)
        return self._applied(connection, decision, None, now)

    # Holds that are refused

    def refuse(self, journal_id: int, arrival: Arrival, actor: str) -> Settled:
        """End a hold: the mail is not wanted, and stays in the journal."""
        return self._until_settled(lambda: self._refuse(journal_id, arrival, actor))

    def _refuse(self, journal_id: int, arrival: Arrival, actor: str) -> Settled:
        with self.database.read() as connection:
            facts = reads.load_mail_facts(connection, arrival, self.site, journal_id)
        if facts.hold_state != "waiting":
            raise NotAllowed(f"the hold is over: {facts.hold_state}")
        now = self.clock()
        decision = refuse_mail(arrival, facts, self.policy, self.site, now, actor)
        return self._write(decision, _row(arrival, None, facts), now)

    def _typed(self, mail: ParsedMail, mailbox: str, now: datetime) -> Arrival:
        sender = mail.from_.address if mail.from_ is not None else ""
        recipients = tuple(item.address for item in mail.to)
        return self.arrival(mail, Envelope(sender, recipients, "cli", mailbox, now))

    # The site as a whole

    def carry_out(self, decide: Callable[[Policy, datetime], Decision | None]) -> Settled | None:
        """Carry out what `decide` finds in facts that it loads itself; None: nothing is to do."""
        return self._until_settled(lambda: self._carry_out(decide))

    def _carry_out(self, decide: Callable[[Policy, datetime], Decision | None]) -> Settled | None:
        now = self.clock()
        decision = decide(self.policy, now)
        return self._write(decision, None, now) if decision is not None else None

    # Both

    def _write(self, decision: Decision, row: MailRow | None, now: datetime) -> Settled:
        failpoints.hit("desk.decided")
        return self.database.write(lambda c: self._applied(c, decision, row, now))

    def _applied(
        self, connection: Connection, decision: Decision, row: MailRow | None, now: datetime
    ) -> Settled:
        applied: Applied = apply(
            connection, decision, row, now=now, signer=self.signer, site=self.site
        )
        return Settled(
            outcome=decision.outcome.value if decision.outcome is not None else None,
            reason=decision.reason,
            journal_id=applied.journal_id,
            request_id=applied.request_id,
            has_mail=applied.has_mail,
            decision=decision,
        )

    def _until_settled(self, attempt: Callable[[], T]) -> T:
        for _ in range(ATTEMPTS):
            try:
                return attempt()
            except Conflict as conflict:
                last = conflict
                self._follow_policy()
        raise Conflict(f"no rest for a decision: {last}")

    def _follow_policy(self) -> None:
        """Another process made its policy active: decide by that one from now on."""
        with self.database.read() as connection:
            active = policies.active_policy(connection)
            if active is None or active == self.policy.version:
                return
            files = policies.policy_files(connection, active)
        try:
            self.policy = policy_from_files(files, version=active)
        except ConfigError as error:
            raise Unavailable(f"the active policy cannot be read here: {error}") from error


def _check_wish(wish: Wish, facts: Facts) -> None:
    """Refuse to decide again about a mail that meanwhile got what it was to get."""
    if wish in (Wish.ACCEPT, Wish.OPEN) and facts.hold_state != "waiting":
        raise NotAllowed(f"the hold is over: {facts.hold_state or 'there was none'}")
    applied = facts.applied
    if wish is Wish.TAKE_IN and applied is not None and applied.outcome not in RETRIED:
        legal = ", ".join(sorted(RETRIED))
        raise NotAllowed(
            f"journal {applied.journal_id} is {applied.outcome}; only {legal} are retried"
        )


def _before(facts: Facts) -> Settled | None:
    """Return what was decided before about this very mail, if it was."""
    applied = facts.applied
    if applied is None or applied.outcome == Outcome.QUARANTINED:
        return None
    return Settled(
        applied.outcome, applied.reason, applied.journal_id, applied.request_id, False, None
    )


def _row(arrival: Arrival, raw: Raw, facts: Facts) -> MailRow:
    if facts.applied is None:
        if facts.fetched_before is not None:  # its key belongs to the row that was there first
            arrival = replace(arrival, source_key=None)
        return MailRow(arrival, raw)
    return MailRow(arrival, raw, facts.applied.journal_id, facts.applied.outcome)

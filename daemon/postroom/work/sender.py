"""The stage that sends: claim, compose, hand over, record.

Promise: the same bytes at every attempt; nothing is recorded as sent before the transport has it
for good; nothing is claimed while the outbox is paused; a crash anywhere leaves a delivery that is
tried again, or `uncertain` when the relay may have it. A delivery that cannot be composed is parked
and holds up nobody. No mail goes to ourselves.
Used by: worker (run, wake), tests (run_once).
Fails:   Unavailable out of run_once when the database is away; what was known by then is recorded
as soon as it is back.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from postroom import failpoints
from postroom.core.retry import next_attempt
from postroom.core.site import Site
from postroom.errors import Conflict, Unavailable
from postroom.mail.compose import addr_spec, is_address
from postroom.mail.tokens import Signer, Token
from postroom.pulse import IDLE, WITHIN, Pulse, Pulses
from postroom.store import queue
from postroom.store.db import Database
from postroom.store.leases import moment
from postroom.store.pause import pause_of
from postroom.store.queue import ClaimedDelivery, Lapsed
from postroom.store.recipe import Recipe
from postroom.work.composing import Render, Sign
from postroom.work.lapses import tell_lapsed
from postroom.work.reply import Reply
from postroom.work.scribe import Answer, Away, Scribe, Unwritten
from postroom.work.transport import Transport

# Longer than the slowest relay may take over one mail (RFC 5321 4.5.3.2).
LEASE = timedelta(minutes=20)
POISON_ATTEMPTS = 3
LONGEST_WAIT = 1.0  # seconds; a clock that is set, or a wake-up that was missed
SHORTEST_WAIT = 0.05
RECORDED_WITHIN = 300.0  # seconds
COMPOSED_WITHIN = 600.0  # a portion of which each mail hangs until its reader is killed, and more

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Word:
    """What is known about one claim: a reply's state, or `released` when it was not tried."""

    claimed: ClaimedDelivery
    recipe: Recipe
    state: str
    response: str = ""
    subject: str = ""
    at: datetime | None = None  # when to try again


class Sender:
    """Sends what the outbox holds, by one transport."""

    def __init__(
        self,
        database: Database,
        site: Site,
        signer: Signer,
        render: Render,
        transport: Transport,
        *,
        clock: Callable[[], datetime],
        random: Callable[[], float],
        node: str = "",
        sign: Sign | None = None,
        batch: int = 50,
        threads: int = 1,
        away: Away | None = None,
        give_way: Callable[[], None] = lambda: None,
        pulses: Pulses | None = None,
    ) -> None:
        self._database = database
        self._site = site
        self._signer = signer
        self._scribe = Scribe(database, site, signer, render, sign=sign, away=away)
        self._transport = transport
        self._clock = clock
        self._random = random
        self._node = node  # whose claims these are
        self._batch = batch
        self._threads = threads
        self._give_way = give_way  # waits while others have precedence
        self._pulses = pulses or Pulses()
        self._pulse = threading.local()
        self._awake = threading.Event()
        self._late: deque[_Word] = deque()  # could not be recorded yet
        self._unread: deque[ClaimedDelivery] = deque()  # claimed, and then the database was away
        self._stands_still = False  # as it was told
        self._telling = threading.Lock()

    def wake(self) -> None:
        """Something may be due."""
        self._awake.set()

    def recover(self) -> int:
        """End every claim at once. Only where no other daemon can be at work (SQLite)."""
        now = self._clock()
        end_of_time = datetime.max.replace(tzinfo=now.tzinfo)
        lapsed = self._database.write(lambda conn: queue.lapse(conn, now, over=end_of_time))
        tell_lapsed(lapsed)
        return len(lapsed)

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set (then wake); claims not yet begun are given back."""
        if self._database.engine.dialect.name == "sqlite":
            self.recover()  # whoever claimed is dead: a second daemon would not have started
        threads = [
            threading.Thread(target=self._loop, args=(stop,), name=f"sender-{number}")
            for number in range(self._threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._transport.close()

    def run_once(self) -> int:
        """Send everything that is due now; return how many claims were worked on."""
        never = threading.Event()
        handled = 0
        while done := self._round(never):
            handled += done
        return handled

    def _loop(self, stop: threading.Event) -> None:
        self._pulse.own = self._pulses.start(threading.current_thread().name)
        while not stop.is_set():
            self._beat("claiming", is_timed=False)
            self._awake.clear()
            self._give_way()
            try:
                if not self._round(stop):
                    self._beat(IDLE, is_timed=False)
                    self._awake.wait(self._pause())
            except Unavailable as away:
                log.warning("sender.waiting", why=str(away))
                stop.wait(LONGEST_WAIT)
            except Exception:  # top of the loop: what was claimed is given back or runs out
                log.exception("sender.failed")
                stop.wait(LONGEST_WAIT)

    def _beat(self, state: str, within: float = WITHIN, *, is_timed: bool = True) -> None:
        """Say what this thread does now; in tests there may be no thread of ours."""
        pulse: Pulse | None = getattr(self._pulse, "own", None)
        if pulse is not None:
            pulse.beat(state, within, is_timed=is_timed)

    def _pause(self) -> float:
        with self._database.read() as conn:
            due_at = queue.next_due(conn)
            is_paused = pause_of(conn) is not None
        if due_at is None or is_paused:
            return LONGEST_WAIT
        seconds = (due_at - self._clock()).total_seconds()
        return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)

    # ---- one batch

    def _round(self, stop: threading.Event) -> int:
        self._record_late()
        self._give_back_unread()
        now = self._clock()
        with self._database.read() as conn:  # a look costs no flush
            due_at = queue.next_due(conn)
            is_paused = self._is_paused(conn)
        if due_at is None or due_at > now or is_paused:
            return 0
        claimed, lapsed = self._database.write(partial(self._claim, now=now))
        tell_lapsed(lapsed)
        if not claimed:
            return 0
        if len(claimed) == self._batch:
            self.wake()  # there may be more, for another thread
        self._work_off(claimed, self._recipes(claimed), stop)
        return len(claimed)

    def _recipes(self, claimed: Sequence[ClaimedDelivery]) -> dict[int, Recipe]:
        """Read what was claimed; if the database goes away now, nobody waits for the lease."""
        try:
            failpoints.hit("sender.claimed")
            with self._database.read() as conn:
                return queue.recipes(conn, {one.outbox_id for one in claimed})
        except Unavailable:
            self._unread.extend(claimed)
            raise

    def _is_paused(self, conn: Connection) -> bool:
        """Ask whether the outbox stands still, and tell when that changes."""
        pause = pause_of(conn)
        with self._telling:
            has_changed = (pause is None) == self._stands_still
            self._stands_still = pause is not None
        if has_changed:
            if pause is None:
                log.info("outbox.resumed")
            else:
                why = f"{pause.why}: postroom outbox resume"
                log.warning("outbox.paused", since=pause.since, by=pause.actor, why=why)
        return pause is not None

    def _claim(self, conn: Connection, now: datetime) -> tuple[list[ClaimedDelivery], list[Lapsed]]:
        leased_at = moment(conn, now)
        lapsed = queue.lapse(conn, now, over=leased_at)
        if pause_of(conn) is not None:
            return [], lapsed
        return queue.claim(conn, now, self._batch, leased_at + LEASE, self._node), lapsed

    def _work_off(
        self,
        claimed: Sequence[ClaimedDelivery],
        recipes: Mapping[int, Recipe],
        stop: threading.Event,
    ) -> None:
        waiting = deque(claimed)
        written: deque[Answer] = deque()  # for the first of those who wait
        words: list[_Word] = []
        recording: list[tuple[list[_Word], Future[None]]] = []
        try:
            while waiting and not stop.is_set():
                if not written:
                    self._beat("composed", COMPOSED_WITHIN)
                    written.extend(
                        self._scribe.write(
                            (recipes[one.outbox_id], one.recipient) for one in waiting
                        )
                    )
                    failpoints.hit("sender.composed")
                # Not begun until it is off the list: an error leaves it to its lease.
                one = waiting.popleft()
                try:
                    word = self._deliver(one, recipes[one.outbox_id], written.popleft())
                except Unavailable:
                    waiting.appendleft(one)  # raised before DATA only: nothing was sent
                    raise
                if word is not None and self._transport.needs_handed:
                    recording.append(([word], self._submit([word])))  # soon: a crash makes doubt
                elif word is not None:
                    words.append(word)
        finally:
            words = self._settled(words)
            words += [_Word(one, recipes[one.outbox_id], "released") for one in waiting]
            if words:
                recording.append((words, self._submit(words)))
            self._finish(recording)

    def _settled(self, words: list[_Word]) -> list[_Word]:
        """Make the mails of a batch durable; if that fails, none of them counts as sent."""
        try:
            self._transport.settle()
        except OSError as error:
            reply = Reply("deferred", f"451 4.3.0 {error.strerror or type(error).__name__}")
            return [
                self._word(word.claimed, word.recipe, reply, word.subject)
                if word.state == "sent"
                else word
                for word in words
            ]
        return words

    # ---- one delivery

    def _deliver(self, claimed: ClaimedDelivery, recipe: Recipe, mail: Answer) -> _Word | None:
        """Hand over what was composed; None when the claim has gone to somebody else.

        Unavailable comes from the database, before DATA.
        """
        if self._site.is_ours(claimed.recipient):
            reply = Reply("failed", "554 5.4.6 would come back to ourselves")
            return self._word(claimed, recipe, reply)
        if not is_address(claimed.recipient):
            return self._word(claimed, recipe, Reply("failed", "501 5.1.3 not an address"))
        if isinstance(mail, Unwritten):
            return self._poisoned(claimed, recipe, mail)
        template = self._site.mailboxes[recipe.mailbox].reply_address
        sender = self._signer.reply_address(template, Token("b", claimed.id, 0))
        recipient = addr_spec(claimed.recipient)
        handed = partial(self._handed, claimed)
        self._beat("relayed", LEASE.total_seconds())  # the relay may be slow, or away
        try:
            reply = self._transport.send(claimed.id, sender, recipient, mail.raw, handed)
        except Conflict:
            log.warning("outbox.claim_lost", delivery=claimed.id, attempt=claimed.attempts)
            return None
        if reply.state == "sent":
            failpoints.hit("sender.accepted")
        return self._word(claimed, recipe, reply, mail.subject)

    def _handed(self, claimed: ClaimedDelivery) -> None:
        """Make durable that DATA is about to begin."""
        if not self._transport.needs_handed:
            return
        now = self._clock()
        is_ours = self._database.write(
            lambda conn: queue.mark_handed(conn, claimed, now, moment(conn, now) + LEASE)
        )
        if not is_ours:
            raise Conflict(f"delivery {claimed.id}: the lease was over")
        failpoints.hit("sender.handed")

    # ---- what came of it

    def _word(
        self, claimed: ClaimedDelivery, recipe: Recipe, reply: Reply, subject: str = ""
    ) -> _Word:
        word = _Word(claimed, recipe, reply.state, reply.response, subject)
        if reply.state in ("sent", "failed"):
            return word
        now = self._clock()
        due_at = next_attempt(claimed.attempts, recipe.at, now, self._random())
        if due_at is None and reply.state == "deferred":
            return replace(word, state="failed", response=f"given up: {reply.response}")
        return replace(word, at=due_at or now)

    def _poisoned(self, claimed: ClaimedDelivery, recipe: Recipe, mail: Unwritten) -> _Word:
        state = "failed" if claimed.attempts >= POISON_ATTEMPTS else "deferred"
        log.error("outbox.not_composed", delivery=claimed.id, why=mail.why)
        return self._word(claimed, recipe, Reply(state, f"cannot be composed: {mail.why}"))

    def _submit(self, words: list[_Word]) -> Future[None]:
        return self._database.submit(partial(_record, words=words, now=self._clock()))

    def _finish(self, recording: list[tuple[list[_Word], Future[None]]]) -> None:
        """Wait for the commits; what could not be written is kept for later."""
        failure: Unavailable | None = None
        self._beat("recorded", RECORDED_WITHIN)
        for words, future in recording:
            try:
                future.result()
            except Unavailable as error:
                self._late.extend(words)
                failure = error
            else:
                _tell(words)
        if failure is not None:
            raise failure
        failpoints.hit("sender.recorded")

    def _give_back_unread(self) -> None:
        claimed = []
        while self._unread:
            claimed.append(self._unread.popleft())
        if not claimed:
            return
        try:
            self._database.write(partial(_release, claimed=claimed, now=self._clock()))
        except Unavailable:
            self._unread.extend(claimed)
            raise

    def _record_late(self) -> None:
        words = []
        while self._late:
            words.append(self._late.popleft())
        if words:
            self._finish([(words, self._submit(words))])


def _release(conn: Connection, claimed: Sequence[ClaimedDelivery], now: datetime) -> None:
    for one in claimed:
        queue.release(conn, one, now)


def _record(conn: Connection, words: Sequence[_Word], now: datetime) -> None:
    for word in words:
        claimed, response = word.claimed, word.response
        match word.state:
            case "sent":
                queue.mark_sent(conn, claimed, now, response, word.subject)
            case "deferred":
                queue.defer(conn, claimed, word.at or now, response)
            case "failed":
                queue.fail(conn, claimed, now, response)
            case "uncertain":
                queue.uncertain(conn, claimed, now, word.at or now, response)
            case _:
                queue.release(conn, claimed, now)


def _tell(words: Sequence[_Word]) -> None:
    for word in words:
        said = log.bind(
            delivery=word.claimed.id,
            request=word.recipe.request_id,
            recipient=word.claimed.recipient,
            attempt=word.claimed.attempts,
            response=word.response,
        )
        match word.state:
            case "sent":
                said.info("outbox.sent")
            case "deferred":
                said.info("outbox.deferred", due_at=word.at)
            case "failed":
                said.warning("outbox.failed")
            case "uncertain":
                said.warning("outbox.uncertain", due_at=word.at)

"""The pipeline: spooled mail → read → decided → applied → gone from the spool.

Promise: every spooled mail ends in one journal row, or stays in the spool with a reason. A mail
that cannot be read becomes a request from its envelope; one that fails three times by itself is
quarantined; an absent database is nobody's failure.
Used by: worker (run), tests and bench (run_once).
Fails:   never by what a mail contains; Unavailable is waited out.

    claimed → readers (other processes) → desk (the writer's transaction) → spool.finish
    Several batches are with the readers, and two at the desk, at a time. A mail straight from the
    internet waits on the way to the desk until its sender was looked up; the others overtake it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from structlog.contextvars import bound_contextvars

from postroom import clock, failpoints
from postroom.core.brakes import TOO_MANY
from postroom.core.facts import Arrival
from postroom.core.model import SenderVerdict
from postroom.core.replies import brake_of
from postroom.core.trust import needs_evaluation
from postroom.errors import Conflict, Unavailable
from postroom.mail.message import ParsedMail
from postroom.pulse import IDLE, Pulses
from postroom.spool import Spool
from postroom.spool.model import MAX_FAILURES, SpooledMail
from postroom.work.desk import Desk, Settled
from postroom.work.readers import Readers, ReadFailure, as_mail
from postroom.work.vouching import Voucher

log = structlog.get_logger()

BATCH = 32
BATCH_BYTES = 16 * 1024 * 1024
IN_FLIGHT = 3  # batches with the readers
AT_THE_DESK = 2  # batches with the database's writer
ASKED = 128  # mails whose sender is being looked up; with these, nothing more is claimed
ASKED_BYTES = 32 * 1024 * 1024
LOOK = 0.05  # seconds between two looks for other mail while senders are looked up
RETRY_IN = timedelta(seconds=30)
AWAY = 2.0  # seconds to wait for a database that is away
# Seconds that a mail may keep its reader, with all that a hostile one does to it (work.readers).
READ_WITHIN = 120.0
DECIDED_WITHIN = 300.0  # for a batch; a handler's mail is decided again at most 12 times


@dataclass(frozen=True, slots=True)
class _Batch:
    mails: Sequence[SpooledMail]
    answers: Future[list[ParsedMail | ReadFailure]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A mail that waits for the verdict on its sender."""

    mail: SpooledMail
    arrival: Arrival
    verdict: Future[SenderVerdict]


@dataclass(frozen=True, slots=True)
class _Decided:
    mails: Sequence[SpooledMail]
    arrivals: Sequence[Arrival]
    futures: Sequence[Future[Settled]]


class Pipeline:
    """Works through the spool."""

    def __init__(
        self,
        spool: Spool,
        readers: Readers,
        desk: Desk,
        *,
        on_mail: Callable[[], None] = lambda: None,
        voucher: Voucher | None = None,
        give_way: Callable[[], None] = lambda: None,
        pulses: Pulses | None = None,
    ) -> None:
        self._spool = spool
        self._readers = readers
        self._desk = desk
        self._on_mail = on_mail  # told when there is something in the outbox
        self._give_way = give_way  # waits while others have precedence
        self._voucher = voucher  # None: only our relays' word counts
        self._reading: deque[_Batch] = deque()
        self._asked: list[_Asked] = []
        self._deciding: deque[_Decided] = deque()
        self._pulse = (pulses or Pulses()).start("pipeline")
        self.worked = 0

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; a batch that was claimed is finished first."""
        while not stop.is_set():
            self._pulse.beat("working")
            self._give_way()
            try:
                if not self.run_once():
                    self._pulse.beat(IDLE)
                    self._spool.wait(0.5)
            except Unavailable as away:
                self._pulse.beat("database away")
                log.warning("pipeline.waiting", why=str(away))
                stop.wait(AWAY)
            except Exception:
                # The top of a loop: nothing was finished, so the mails are still there.
                log.exception("pipeline.failed")
                stop.wait(AWAY)
        self._pulse.beat("stopping")
        self._give_back()

    def run_once(self) -> int:
        """Take in what is due and work one batch; return how many mails were worked on."""
        self._claim()
        self._hand_on()
        while self._asked and not self._deciding:
            self._pulse.beat("senders looked up")
            wait([each.verdict for each in self._asked], LOOK, FIRST_COMPLETED)
            self._claim()
            self._hand_on()
        if not self._deciding:
            return 0
        batch = self._deciding.popleft()
        with self._given_back(batch.mails):
            self._pulse.beat("decided", DECIDED_WITHIN, is_timed=True)
            self._finish(batch)
            self._pulse.beat("working")
        return len(batch.mails)

    def _hand_on(self) -> None:
        """Hand to the desk what is ready for it."""
        while self._may_decide():
            self._decide(self._reading.popleft())
        if self._asked and len(self._deciding) < AT_THE_DESK:
            self._decide_judged()

    def _may_decide(self) -> bool:
        """Whether to hand on a batch before looking at the next one's outcome.

        With something else to wait for nobody waits for a reader: it may be hanging.
        """
        if not self._reading or len(self._deciding) >= AT_THE_DESK:
            return False
        return not (self._deciding or self._asked) or self._reading[0].answers.done()

    def _claim(self) -> None:
        while len(self._reading) < IN_FLIGHT and self._may_ask():
            mails = self._spool.claim(BATCH, BATCH_BYTES)
            if not mails:
                return
            self._reading.append(_Batch(mails, self._readers.submit([m.raw for m in mails])))

    def _decide(self, batch: _Batch) -> None:
        """Hand a batch to the desk, whose writer need not wait for us between two batches."""
        with self._given_back(batch.mails):
            self._pulse.beat("read", READ_WITHIN * (1 + len(batch.mails)), is_timed=True)
            answers = batch.answers.result()
            self._pulse.beat("working")
            arrivals = [self._arrival(*pair) for pair in zip(batch.mails, answers, strict=True)]
            pairs = list(zip(batch.mails, arrivals, strict=True))
            asked = list(self._ask(pairs))
            parked = {each.mail.id for each in asked}
            self._submit([pair for pair in pairs if pair[0].id not in parked])
        self._asked += asked

    def _ask(self, pairs: Sequence[tuple[SpooledMail, Arrival]]) -> Iterator[_Asked]:
        """Begin to look up the senders of the mails that none of our relays has judged."""
        if self._voucher is None:
            return
        for mail, arrival in pairs:
            if needs_evaluation(arrival, self._desk.site):
                future = self._voucher.submit(mail.raw, mail.envelope, arrival.mail)
                yield _Asked(mail, arrival, future)

    def _may_ask(self) -> bool:
        if len(self._asked) >= ASKED:
            return False
        return sum(len(each.mail.raw) for each in self._asked) < ASKED_BYTES

    def _decide_judged(self) -> None:
        """Hand on the mails whose sender is looked up."""
        done = [each for each in self._asked if each.verdict.done()]
        if not done:
            return
        self._asked = [each for each in self._asked if each not in done]
        with self._given_back([each.mail for each in done]):
            self._submit(
                [
                    (each.mail, replace(each.arrival, evaluated=each.verdict.result()))
                    for each in done
                ]
            )

    def _submit(self, pairs: Sequence[tuple[SpooledMail, Arrival]]) -> None:
        if not pairs:
            return
        futures = [self._desk.submit_mail(arrival, mail.raw) for mail, arrival in pairs]
        mails, arrivals = zip(*pairs, strict=True)
        self._deciding.append(_Decided(mails, arrivals, futures))

    @contextmanager
    def _given_back(self, mails: Sequence[SpooledMail]) -> Iterator[None]:
        """Let go of claimed mails when something goes wrong with them."""
        try:
            yield
        except BaseException:
            self._spool.unclaim(mail.id for mail in mails)
            raise

    def _give_back(self) -> None:
        self._spool.unclaim(each.mail.id for each in self._asked)
        self._asked = []
        while self._reading:
            self._spool.unclaim(mail.id for mail in self._reading.popleft().mails)
        while self._deciding:  # these are applied, or about to be
            with suppress(Unavailable):
                self._finish(self._deciding.popleft())

    def _finish(self, batch: _Decided) -> None:
        """See what became of each mail, and let the spool forget those that are applied."""
        done: list[str] = []
        has_mail, away = False, None
        for mail, arrival, future in zip(batch.mails, batch.arrivals, batch.futures, strict=True):
            try:
                with bound_contextvars(spool_id=mail.id):
                    settled = self._settled(mail, arrival, future)
            except Unavailable as error:
                self._spool.unclaim([mail.id])
                away = error
                continue
            if settled is not None:
                done.append(mail.id)
                has_mail = has_mail or settled.has_mail
        failpoints.hit("apply.committed")
        if done:
            self._spool.finish(done)
            self.worked += len(done)
        if has_mail:
            self._on_mail()
        if away is not None:
            raise away

    def _arrival(self, mail: SpooledMail, answer: ParsedMail | ReadFailure) -> Arrival:
        if isinstance(answer, ReadFailure):
            log.warning(
                "mail.unreadable", spool_id=mail.id, why=f"{answer.reason}: {answer.detail}"
            )
        name, _, number = mail.id.rpartition("-")
        parsed = as_mail(answer, mail.envelope, mail.raw)
        return self._desk.arrival(parsed, mail.envelope, name, int(number))

    def _settled(
        self, mail: SpooledMail, arrival: Arrival, future: Future[Settled]
    ) -> Settled | None:
        """Return what became of a mail; None when it goes back to the spool."""
        try:
            try:
                settled = future.result()
            except Conflict:
                settled = self._desk.settle_mail(arrival, mail.raw)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("mail.failed", attempt=mail.attempts + 1)
            self._failed(mail, arrival, f"{type(error).__name__}: {error}"[:500])
            return None
        log.info(
            "mail.worked",
            journal=settled.journal_id,
            outcome=settled.outcome,
            request=settled.request_id,
            reason=settled.reason,
            seconds=round((clock.now() - mail.envelope.received_at).total_seconds(), 3),
        )
        if (brake := _brake_of(settled)) is not None:
            log.info("brake.hit", brake=brake, journal=settled.journal_id)
        return settled

    def _failed(self, mail: SpooledMail, arrival: Arrival, why: str) -> None:
        """Count a failure of a mail's own; the third sets it aside, journalled first."""
        if mail.attempts + 1 >= MAX_FAILURES:
            self._set_aside(arrival, why)
        due_at: datetime = self._desk.clock() + RETRY_IN * (mail.attempts + 1)
        self._spool.defer(mail.id, why, due_at, counted=True)

    def _set_aside(self, arrival: Arrival, why: str) -> None:
        try:
            self._desk.set_aside(arrival, why)
        except Unavailable:
            raise
        except Exception:
            # What fails may be the journal row itself: the spool still knows the mail, and why.
            log.exception("mail.unjournalled")


def _brake_of(settled: Settled) -> str | None:
    """Return the brake that kept an answer back, or held the mail."""
    if settled.decision is None:
        return None
    if settled.reason == TOO_MANY:
        return "request-address"
    return brake_of(str(settled.decision.explanation.get("auto_reply", "")))

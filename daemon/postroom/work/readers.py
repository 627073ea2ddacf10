"""The reader processes: hostile bytes are read where they can do no harm.

Promise: `read` gives one answer per mail, in order, whatever the mails do to their reader: hang,
bloat or crash it. Only the guilty mail fails; the others of its batch are read all the same. There
is no reading in this process. Readers die with it, also when it is killed. `call` does the same
with any other function of one item (composing): it takes nothing of this process's interpreter.
Used by: work.pipeline, work.sender.
Fails:   Unavailable if no reader process can be started: nobody's fault, least of all a mail's.
"""

from __future__ import annotations

import fcntl
import gc
import multiprocessing
import os
import resource
import select
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import pebble
import structlog

from postroom.errors import Unavailable
from postroom.mail.message import Envelope, ParsedMail
from postroom.mail.parse import from_envelope, read_mail

log = structlog.get_logger()

_BATCH_MAILS = 16
_BATCH_BYTES = 512 * 1024
# Pebble's readers share one pipe: one that runs out of memory while it still receives its task
# leaves half of it there for the next, and nobody answers any more. So no mail is handed over that
# receiving alone (two copies of it) could bring near the limit, and silence has an end.
_SHARE_OF_MEMORY = 4
_SILENCE = 3  # deadlines that an answer may take, with all that is queued before it
# Readers ignore SIGTERM (below), so waiting for it only holds up the others.
_TERM_TIMEOUT = 0.05

T = TypeVar("T")
R = TypeVar("R")
Read = Callable[[bytes], ParsedMail]


class Reason(StrEnum):
    """Why a mail could not be read."""

    DEADLINE = "deadline"
    MEMORY = "memory"
    CRASH = "crash"


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """A mail that its reader did not survive; `detail` is for the log."""

    reason: Reason
    detail: str


Answer = ParsedMail | ReadFailure


def as_mail(answer: Answer, envelope: Envelope, raw: bytes) -> ParsedMail:
    """Return what was read; of a mail that could not be, what its envelope says."""
    if isinstance(answer, ReadFailure):
        return from_envelope(envelope, raw, f"{answer.reason}: {answer.detail}")
    return answer


class Readers:
    """A small pool of processes that turn bytes into `ParsedMail`."""

    def __init__(
        self,
        count: int = 2,
        deadline: float = 20.0,
        memory: int = 512 * 1024 * 1024,
        function: Read = read_mail,
        max_tasks: int = 2_000,
    ) -> None:
        """`deadline`: seconds for one task; `memory`: octets that reading may add to a process.

        `function` is importable and is what the readers run; `max_tasks` of it, then a new process.
        """
        self._count = count
        self._deadline = deadline
        self._memory = memory
        self._function = function
        self._max_tasks = max_tasks
        self._lock = threading.Lock()
        self._is_closed = False
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["postroom.mail.parse", "postroom.work.composing"])
        # Only this process holds the writing end, so the reading end tells when it has died.
        self._life, self._own_life = self._context.Pipe(duplex=False)
        self._pool = self._start()
        self._waiters = ThreadPoolExecutor(count + 2, thread_name_prefix="readers")

    def begin(self) -> None:
        """Start the processes now, without waiting: else the first mail does, half a second."""
        self._schedule(self._function, [])

    def read(self, raws: Sequence[bytes]) -> list[Answer]:
        """Read mails; the answers come in the order of the mails."""
        return self.call(self._function, raws, len)

    def submit(self, raws: Sequence[bytes]) -> Future[list[Answer]]:
        """Read mails without waiting for them."""
        return self._waiters.submit(self.read, raws)

    def call(
        self, function: Callable[[T], R], items: Sequence[T], size: Callable[[T], int]
    ) -> list[R | ReadFailure]:
        """Call an importable function for each item, in a reader; answers in the items' order.

        `size` says about how many octets an item has.
        """
        too_large = self._memory // _SHARE_OF_MEMORY
        sizes = list(map(size, items))
        fitting = [pair for pair in zip(items, sizes, strict=True) if pair[1] <= too_large]
        batches = [(batch, self._schedule(function, batch)) for batch in _batches(fitting)]
        answers = (
            answer for batch, task in batches for answer in self._collect(function, batch, task)
        )
        return [
            next(answers)
            if octets <= too_large
            else ReadFailure(Reason.MEMORY, f"{octets} octets are more than a reader may take in")
            for octets in sizes
        ]

    def submit_call(
        self, function: Callable[[T], R], items: Sequence[T], size: Callable[[T], int]
    ) -> Future[list[R | ReadFailure]]:
        """Call a function for each item without waiting for the answers."""
        return self._waiters.submit(self.call, function, items, size)

    def close(self) -> None:
        """Stop the readers; what they were reading is lost to its caller, not to the spool."""
        with self._lock:
            self._is_closed = True
            _stop(self._pool)
        self._pool.join()
        self._waiters.shutdown(cancel_futures=True)
        self._own_life.close()
        self._life.close()

    def _start(self) -> pebble.ProcessPool:
        pebble.CONSTS.term_timeout = _TERM_TIMEOUT
        return pebble.ProcessPool(
            max_workers=self._count,
            max_tasks=self._max_tasks,
            initializer=_prepare,
            initargs=(self._memory, self._life),
            context=self._context,
        )

    def _schedule(
        self, function: Callable[[T], R], batch: Sequence[T]
    ) -> tuple[pebble.ProcessPool, Any]:
        """Hand a batch to the pool; returns the pool too, to know later which one broke."""
        call = (_call_all, (function, batch))
        with self._lock:
            pool = self._pool
            if self._is_closed:
                raise Unavailable("the readers are stopped")
            try:
                task = pool.schedule(*call, timeout=self._deadline)
            except RuntimeError:  # broken since the last task
                self._renew(pool)
                pool = self._pool
                task = pool.schedule(*call, timeout=self._deadline)
        return pool, task

    def _renew(self, broken: pebble.ProcessPool) -> None:
        """Replace a pool that broke: pebble gives up when an idle worker dies. Holds the lock."""
        if self._pool is broken and not self._is_closed:
            _stop(broken)
            # Its threads may hang in a pipe that nobody empties: nobody waits for them either.
            threading.Thread(target=broken.join, daemon=True, name="broken-readers").start()
            self._pool = self._start()

    def _collect(
        self,
        function: Callable[[T], R],
        batch: Sequence[T],
        scheduled: tuple[pebble.ProcessPool, Any],
    ) -> list[R | ReadFailure]:
        """Wait for a batch; if it failed, do each of its items singly."""
        answer = self._wait(*scheduled)
        if isinstance(answer, list):
            return answer
        if isinstance(answer, ReadFailure) and len(batch) == 1:
            return [answer]
        return [self._single(function, item) for item in batch]

    def _single(self, function: Callable[[T], R], item: T) -> R | ReadFailure:
        """Do one item by itself; a pool that breaks twice under it breaks because of it."""
        for _ in range(2):
            answer = self._wait(*self._schedule(function, [item]))
            if isinstance(answer, list):
                found: R | ReadFailure = answer[0]
                return found
            if isinstance(answer, ReadFailure):
                return answer
        self._prove_alive()
        return ReadFailure(Reason.CRASH, "the reader died before it answered")

    def _wait(self, pool: pebble.ProcessPool, task: Any) -> list[Any] | ReadFailure | None:
        """Return the answers, what went wrong, or None if the pool itself broke."""
        try:
            answers: list[Any] = task.result(timeout=_SILENCE * self._deadline)
        except TimeoutError as error:
            if not task.done():
                self._give_up(pool, error)
                return None
            return ReadFailure(Reason.DEADLINE, f"not done within {self._deadline} s")
        except MemoryError:
            return ReadFailure(Reason.MEMORY, f"needs more than {self._memory} octets")
        except pebble.ProcessExpired as error:
            return ReadFailure(Reason.CRASH, f"reader ended with {error.exitcode}")
        except (BrokenProcessPool, CancelledError, EOFError, OSError) as error:
            self._give_up(pool, error)
            return None
        return answers

    def _give_up(self, pool: pebble.ProcessPool, error: BaseException) -> None:
        """Replace a pool that does not work any more, unless that is what was wanted."""
        with self._lock:
            if self._is_closed:
                raise Unavailable("the readers are stopped") from error
            log.warning("readers.renewed", why=f"{type(error).__name__}: {error}")
            self._renew(pool)

    def _prove_alive(self) -> None:
        """Tell a murderous mail from a machine that cannot run readers at all."""
        if not isinstance(self._wait(*self._schedule(self._function, [])), list):
            raise Unavailable("no reader process can be started")


def _stop(pool: Any) -> None:  # pebble's stop has no annotations
    pool.stop()


def _batches(items: Sequence[tuple[T, int]]) -> Iterator[list[T]]:
    """Put small items together: a task of its own costs more than reading one."""
    batch: list[T] = []
    size = 0
    for item, octets in items:
        if batch and (len(batch) >= _BATCH_MAILS or size + octets > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += octets
    if batch:
        yield batch


def _call_all(function: Callable[[T], R], items: Sequence[T]) -> list[R | ReadFailure]:
    """Runs in a reader. MemoryError fails the whole batch: who took the memory is not known."""
    return [_call_one(function, item) for item in items]


def _call_one(function: Callable[[T], R], item: T) -> R | ReadFailure:
    try:
        return function(item)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the top of a loop: a defect of ours fails one mail
        return ReadFailure(Reason.CRASH, f"{type(error).__name__}: {error}"[:500])


def _prepare(memory: int, life: Connection) -> None:
    """Runs once in each reader, before its first mail."""
    _die_with(life)
    # The whole group gets these at shutdown; the pipeline still needs its answers then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # What was loaded before stays out of the search for cycles, and shared with the others.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with(life: Connection) -> None:
    """Let the kernel kill this reader when the daemon has died, whatever the reader is doing.

    An idle reader sees its closed pipe by itself, a hanging one does not. PR_SET_PDEATHSIG does not
    help: our parent is the fork server, and it stays as long as one of its children does.
    """
    # Opened anew: the owner of the signal belongs to the open file, which all readers share.
    pipe = os.open(f"/proc/self/fd/{life.fileno()}", os.O_RDONLY | os.O_NONBLOCK)
    life.close()
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if poll.poll(0):  # already dead: the signal would not come any more
        os._exit(1)

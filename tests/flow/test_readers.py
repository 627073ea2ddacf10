"""Mails that hang, bloat or kill their reader fail alone."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flow.reader_functions import half_of, read_or_suffer, tell_process

from postroom.errors import Unavailable
from postroom.mail.message import ParsedMail
from postroom.work.readers import Readers, ReadFailure, Reason

ROOT = Path(__file__).parents[2]


def mail(number: int, mark: str = "") -> bytes:
    return f"From: a@b.example\r\nSubject: {number}\r\nX-Test: {mark}\r\n\r\nhi\r\n".encode()


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    pool = Readers(count=2, deadline=1.0, memory=256 * 1024 * 1024, function=read_or_suffer)
    yield pool
    pool.close()


def test_mails_are_answered_in_their_order(readers: Readers) -> None:
    answers = readers.read([mail(number) for number in range(100)])
    assert [str(number) for number in range(100)] == [
        answer.subject for answer in answers if isinstance(answer, ParsedMail)
    ]
    assert [] == readers.read([])


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        ("HANG", Reason.DEADLINE),
        ("BLOAT", Reason.MEMORY),
        ("DIE", Reason.CRASH),
        ("RAISE", Reason.CRASH),
    ],
)
def test_only_the_guilty_mail_fails(readers: Readers, mark: str, reason: Reason) -> None:
    raws = [mail(number, mark if number == 7 else "") for number in range(40)]
    answers = readers.read(raws)
    guilty = answers.pop(7)
    assert isinstance(guilty, ReadFailure)
    assert reason is guilty.reason
    assert all(isinstance(answer, ParsedMail) for answer in answers)


def test_mail_larger_than_the_memory_fails_alone(readers: Readers) -> None:
    huge = mail(1) + b"x" * (300 * 1024 * 1024)
    answers = readers.read([mail(0), huge, mail(2)])
    assert [ParsedMail, ReadFailure, ParsedMail] == [type(answer) for answer in answers]


def test_mails_are_read_without_waiting(readers: Readers) -> None:
    futures = [readers.submit([mail(number)]) for number in range(5)]
    found = [answer for future in futures for answer in future.result(timeout=30)]
    assert ["0", "1", "2", "3", "4"] == [
        answer.subject for answer in found if isinstance(answer, ParsedMail)
    ]


def test_readers_call_another_function_and_only_the_guilty_item_fails(readers: Readers) -> None:
    answers = readers.call(half_of, [2, 4, 5, 6], lambda _: 100)
    guilty = answers.pop(2)
    assert isinstance(guilty, ReadFailure)
    assert Reason.CRASH is guilty.reason
    assert [1, 2, 3] == answers
    assert [4] == readers.submit_call(half_of, [8], lambda _: 100).result(timeout=30)


def test_killed_and_terminated_readers_are_replaced() -> None:
    pool = Readers(count=1, deadline=5.0, function=tell_process)
    try:
        first = _reader_of(pool)
        os.kill(first, signal.SIGTERM)
        os.kill(first, signal.SIGINT)
        assert first == _reader_of(pool)  # the whole group gets these at shutdown
        os.kill(first, signal.SIGKILL)
        assert first != _reader_of(pool)
    finally:
        pool.close()


def _reader_of(pool: Readers) -> int:
    (answer,) = pool.read([mail(1)])
    assert isinstance(answer, ParsedMail)
    return int(answer.text.split()[-1])


def test_readers_are_there_before_the_first_mail_if_wanted() -> None:
    pool = Readers(count=1, function=tell_process)
    before = {each.pid for each in multiprocessing.active_children()}
    try:
        pool.begin()
        until = time.monotonic() + 20
        while not (begun := {each.pid for each in multiprocessing.active_children()} - before):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert {_reader_of(pool)} == begun
    finally:
        pool.close()


def test_closed_readers_read_nothing() -> None:
    pool = Readers(count=1)
    pool.close()
    with pytest.raises(Unavailable):
        pool.read([mail(1)])


def test_readers_die_with_the_daemon() -> None:
    script = textwrap.dedent(
        """
        import multiprocessing, sys, threading
        from postroom.work.readers import Readers
        from tests.flow.reader_functions import read_or_suffer, tell_process

        def main():
            pool = Readers(count=2, deadline=600.0, function=read_or_suffer)
            pool.read([b"Subject: warm\\r\\n\\r\\n"] * 64)
            for _ in range(2):
                pool.submit([b"X-Test: HANG\\r\\n\\r\\n"])
            while pool._pool._context.task_queue.unfinished_tasks < 2:
                pass
            workers = [str(each.pid) for each in multiprocessing.active_children()]
            print(*workers, flush=True)
            threading.Event().wait()

        if __name__ == "__main__":
            main()
        """
    )
    path = os.pathsep.join([str(ROOT / "daemon"), str(ROOT)])
    daemon = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert daemon.stdout is not None
    workers = [int(each) for each in daemon.stdout.readline().split()]
    assert 2 == len(workers)
    watched = [os.pidfd_open(pid) for pid in workers]
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    for pidfd in watched:
        assert _has_ended(pidfd)
        os.close(pidfd)


def _has_ended(pidfd: int) -> bool:
    """Wait until a process has ended, 20 s at most; a pidfd is readable then."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(20_000))

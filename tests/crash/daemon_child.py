"""Daemons that may die anywhere, for the crash suite: `python -m tests.crash.daemon_child`.

Reads one JSON object a line: `folder`, `failpoint`, `stumble`, `now`. For each it forks a daemon,
for importing takes longer than living, and answers with exit code and the spool ids clients were
told.

The daemon takes in the mails of FOLDER/in (FOLDER/told remembers which, as a client does that was
answered 250), works on them, closes request 1, sends, and ends when nothing is left to do. It dies
or meets an error where `failpoint` says; to `stumble` lets its first mail fail once and be put off.
With a moment `now` it does instead what is due then: timers, hooks, and the mail that follows.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import structlog
from sqlalchemy import func, select
from tests.houses import RULES, envelope, send

from postroom import failpoints
from postroom.config import load_config
from postroom.core.changes import Close
from postroom.errors import NotAllowed
from postroom.house import House, load_checked_policy, open_hooks, open_house, open_sender
from postroom.mail.parse import read_mail
from postroom.policy.loader import policy_from_files
from postroom.spool.model import SpoolState
from postroom.store import schema as t
from postroom.work import ticker
from postroom.work.pipeline import Pipeline

POLICY = policy_from_files({f"rules/{name}.toml": text for name, text in RULES.items()})
STILL = 1.5  # seconds without a change: what an injected error left over waits for a restart
POLL = 0.01
FAREWELL = 10.0


class ReadersInside:
    """Reads here: the reader processes take a second to start, and have tests of their own."""

    def submit(self, raws: list[bytes]) -> Future[list[Any]]:
        answers: Future[list[Any]] = Future()
        answers.set_result(self.read(raws))
        return answers

    def read(self, raws: list[bytes]) -> list[Any]:
        return [read_mail(raw) for raw in raws]


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        folder = Path(asked["folder"])
        child = os.fork()
        if child == 0:
            die_or_end(folder, asked["failpoint"], stumble=asked["stumble"], now=asked["now"])
        _, status = os.waitpid(child, 0)
        said = {"code": os.waitstatus_to_exitcode(status), "told": told(folder)}
        print(json.dumps(said), flush=True)


def die_or_end(folder: Path, failpoint: str, *, stumble: bool, now: str) -> NoReturn:
    os.environ["POSTROOM_FAILPOINT"] = failpoint
    try:
        config = load_config(folder / "config.toml")
        with open_house(config, load_checked_policy(config) if now else POLICY) as house:
            failpoints.arm_from_environment()
            if stumble:
                failpoints.arm("apply.begun", twice(fail))
            if now:
                keep_time(house, datetime.fromisoformat(now))
            else:
                live(house, folder)
            os._exit(0)  # no farewell: what is done is durable, or the suite finds out
    except BaseException:  # noqa: BLE001 - this is a copy of its parent, and must not go on as one
        traceback.print_exc()
    os._exit(1)


def keep_time(house: House, now: datetime) -> None:
    """Fire what is due, run what hooks that asks for, and send."""
    house.desk.clock = lambda: now
    hooks = open_hooks(house)
    for _ in range(2):  # a hook's result may have something to say, too
        persist(lambda: fire(house))
        persist(hooks.run_once)
        persist(lambda: send(house))


def fire(house: House) -> None:
    readers: Any = ReadersInside()
    while ticker.fire_due(house.desk, readers):
        pass


def told(folder: Path) -> list[str]:
    """Return the spool ids that clients were told so far."""
    return [path.read_text("ascii") for path in sorted((folder / "told").iterdir())]


def live(house: House, folder: Path) -> None:
    """Take mail in, work and send until nothing changes any more."""
    for path in sorted((folder / "in").glob("*.eml")):
        accept(house, folder, path)
    for entry in house.spool.list():
        if entry.due_at is not None:
            persist(lambda one=entry.id: house.spool.retry(one).result())  # type: ignore[misc]
    stop = threading.Event()
    sender = open_sender(house)
    pipeline = Pipeline(house.spool, ReadersInside(), house.desk, on_mail=sender.wake)  # type: ignore[arg-type]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in (pipeline, sender)]
    for thread in threads:
        thread.start()
    wait_until_still(house, lambda state: not state[0])
    persist(lambda: close_first(house))
    sender.wake()
    wait_until_still(house, lambda state: not any(state))
    assert all(thread.is_alive() for thread in threads), "a loop was left by an error"
    stop.set()
    sender.wake()
    for thread in threads:  # what is recorded may not be told yet: a place to die, too
        thread.join(FAREWELL)


def accept(house: House, folder: Path, path: Path) -> None:
    """Be a client: try until it was acknowledged, and then never again."""
    note = folder / "told" / path.name
    if note.exists():
        return
    raw = path.read_bytes()
    spool_id = persist(lambda: house.spool.put(envelope(house, raw), raw).result())
    note.write_text(spool_id, encoding="ascii")


def close_first(house: House) -> None:
    """Let a handler close request 1, wherever that can be done."""
    with house.database.read() as connection:
        is_there = connection.execute(select(t.request.c.id).where(t.request.c.id == 1)).first()
    if is_there:
        with suppress(NotAllowed):
            house.desk.command(Close(), 1, "eva")


def persist(act: Callable[[], Any]) -> Any:
    """Do something twice if need be: a place is armed for one visit."""
    try:
        return act()
    except Exception:  # noqa: BLE001 - whatever it was
        return act()


def wait_until_still(house: House, is_done: Callable[[tuple[int, int]], bool]) -> None:
    """Wait until nothing is left, or nothing has happened for a while."""
    before, since = left(house), time.monotonic()
    while not is_done(before) and time.monotonic() - since < STILL:
        time.sleep(POLL)
        now = left(house)
        if now != before:
            before, since = now, time.monotonic()


def left(house: House) -> tuple[int, int]:
    """Return how many mails are to be worked on now, and how many to be sent."""
    spooled = sum(entry.state is not SpoolState.QUARANTINED for entry in house.spool.list())
    unsent = select(func.count()).where(t.delivery.c.state.in_(["waiting", "sending", "uncertain"]))
    with house.database.read() as connection:
        return spooled, connection.execute(unsent).scalar_one()


def twice(act: Callable[[], None]) -> Callable[[], None]:
    """Do it at two visits: what fails once beside others is done again in a savepoint."""
    visits = iter([act, act])

    def visit() -> None:
        next(visits, lambda: None)()

    return visit


def fail() -> None:
    raise failpoints.FailpointError


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    main()

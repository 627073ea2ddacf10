"""A driver's connection that does not wait for ever for a server that says nothing.

A statement may take its time: a migration, a search through everything. So after some silence the
server is asked by another session whether it is there at all; only if that gets no answer either
is this one given up. (By TCP the kernel finds out that a machine has vanished; a server that is
stopped, or hangs with its disk, keeps its sockets open, and on a Unix socket nobody ever asks.)
Promise: a server from which nothing is heard any more is `OperationalError` within
SILENCE + 2 * KNOCK, and the session is closed: what was under way in it is undone when the server
wakes, a COMMIT that it was sent excepted.
Used by: store.engines.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

SILENCE = 20.0  # seconds without an octet, before somebody asks
KNOCK = 10.0  # seconds for an answer, and for a connection before
MUTE = "the server does not answer"

T = TypeVar("T")


class Listener(psycopg.Connection[Any]):
    """A connection whose waiting ends."""

    is_there: Callable[[], bool] | None = None  # asks the server; None: who is silent is away
    silence = SILENCE

    def wait(self, gen: PQGen[T], *args: Any, **kwargs: Any) -> T:
        """Wait for what the driver does on this connection; everything comes through here."""
        return super().wait(self._listening(gen), *args, **kwargs)

    def _listening(self, gen: PQGen[T]) -> PQGen[T]:
        """Do what `gen` does; the driver says ten times a second if nothing was heard."""
        try:
            wanted = next(gen)
            heard_at = monotonic()
            while True:
                ready = yield wanted
                if ready:
                    heard_at = monotonic()
                elif monotonic() - heard_at > self.silence:
                    if self.is_there is None or not self.is_there():
                        self.pgconn.finish()
                        raise psycopg.OperationalError(MUTE)
                    heard_at = monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def connect(*words: Any, **told: Any) -> Listener:
    """Open a session as the driver does, that listens so."""
    session = Listener.connect(*words, **told)
    session.is_there = lambda: _is_there(words, told)
    return session


def _is_there(words: tuple[Any, ...], told: dict[str, Any]) -> bool:
    """Return whether a server answers; that it has no room for another session is an answer."""
    try:
        with Listener.connect(*words, **told, autocommit=True) as knocking:
            knocking.silence = KNOCK
            knocking.execute("SELECT 1")
    except psycopg.errors.ConnectionTimeout:
        return False
    except psycopg.Error as error:
        return str(error) != MUTE
    return True

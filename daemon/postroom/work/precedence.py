"""A crowd of timers goes first: it is late already, while mail is safe in spool and outbox.

Python lets one thread run at a time, so ten thousand levels of one second would wait for all the
mail that comes meanwhile. Nobody waits longer than PATIENCE for each of his batches: mail goes on.
Used by: worker (takes it for its tick), which lets pipeline and sender give way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 2.0  # seconds


class Precedence:
    """Whether somebody goes first just now."""

    def __init__(self) -> None:
        self._is_free = threading.Event()
        self._is_free.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Go first until the end of the block."""
        self._is_free.clear()
        try:
            yield
        finally:
            self._is_free.set()

    def give_way(self) -> None:
        """Wait until nobody goes first, or patience is at its end."""
        self._is_free.wait(PATIENCE)

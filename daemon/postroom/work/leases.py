"""The leases of a node, on a database that several nodes share: its folders, and its spool's name.

Promise: a folder is read by one node at a time; when that node is gone, another reads on within
TAKEN_OVER, from a mail that the journal has, so that none is left out (one that both fetched ends
as a duplicate). Two data folders never number their mails alike.
Used by: worker.
Fails:   Busy when another data folder uses this spool's name. Never afterwards: a lease that cannot
be renewed is over, and nothing is fetched until it is ours again.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from postroom.errors import Busy, Conflict, Unavailable
from postroom.ownership import belong_to_folder
from postroom.pulse import IDLE, Pulse, Pulses
from postroom.spool import Spool
from postroom.spool.model import Cursor
from postroom.spool.permits import (
    Permit,
    PermitFile,
    Permits,
    cursor_from_plain,
    cursor_to_plain,
)
from postroom.store import leases, queue
from postroom.store.db import Database
from postroom.store.leases import FOLDER, SPOOL
from postroom.store.queue import Lapsed
from postroom.work.lapses import tell_lapsed

log = structlog.get_logger()

LENGTH = timedelta(seconds=20)
RENEWED = 5.0  # seconds between two renewals
# The permit ends before the lease: the doors may be in the middle of a batch.
PERMITTED = 15.0
TAKEN_OVER = LENGTH + timedelta(seconds=RENEWED + 1)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A cursor, and the number that the spool had reached: what it passed was spooled before."""

    cursor: Cursor
    next_number: int


class Leases:
    """Renews what this node holds. One for a data folder."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        sources: Sequence[str],
        node: str,
        clock: Callable[[], datetime],
        *,
        are_doors_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._spool = spool
        self._sources = tuple(sources)
        self._node = node
        self._clock = clock
        self._are_doors_open = are_doors_open
        self._holder = f"{node}/{secrets.token_hex(8)}"
        self._permits = PermitFile(spool.path.parent)
        self._seen: dict[str, _Seen] = {}
        self._held: frozenset[str] = frozenset()

    def register(self) -> None:
        """Take the name of this spool. Busy: another data folder numbers its mails by it."""
        name = self._spool.numbers().name
        identity = _identity(self._spool)
        lease = self._database.write(lambda c: self._take_name(c, name, identity))
        if lease.holder == identity:  # whoever sent by this name is dead: see house.hold_folder
            tell_lapsed(self._database.write(lambda c: queue.lapse_of(c, self._clock(), name)))
        else:
            raise Busy(
                f"the node {lease.node!r} of another data folder numbers its mails {name}-…, too: "
                "give each a `node` of its own in config.toml"
            )

    def run(self, stop: threading.Event, pulse: Pulse | None = None) -> None:
        """Renew until told to stop; then give back."""
        pulse = pulse or Pulses().start("leases")
        while not stop.is_set():
            pulse.beat("renewed")
            self.run_once()
            pulse.beat(IDLE)
            stop.wait(RENEWED)
        self._give_back()

    def run_once(self) -> frozenset[str]:
        """Renew once; return the sources that this node may read."""
        begun = time.monotonic()
        sources = self._sources if self._are_doors_open() else ()
        names = [FOLDER + source for source in sources]
        try:
            taken, others, gone = self._database.write(lambda c: self._renew(c, names))
            _tell_gone(gone)
            self._note(taken)
            mine = {
                lease.name.removeprefix(FOLDER): Permit(
                    begun + PERMITTED, cursor_from_plain(lease.notes)
                )
                for lease in taken.values()
            }
            elsewhere = {lease.name.removeprefix(FOLDER): lease.node for lease in others}
            self._permits.write(Permits(mine, elsewhere))
        except (Conflict, Unavailable) as error:
            log.warning("lease.not_renewed", why=str(error))
            return frozenset()  # the permits that there are end by themselves
        self._tell(frozenset(mine), elsewhere)
        return self._held

    def _renew(
        self, connection: Connection, names: Sequence[str]
    ) -> tuple[dict[str, leases.Lease], list[leases.Lease], dict[str, list[Lapsed]]]:
        now = leases.moment(connection, self._clock())
        self._take_name(connection, self._spool.numbers().name, _identity(self._spool))
        taken = leases.take(connection, names, self._holder, self._node, now, LENGTH)
        gone = _end_claims(connection, now)
        wanted = set(names) - taken.keys()
        others = [one for one in leases.leases_below(connection, FOLDER) if one.name in wanted]
        return taken, others, gone

    def _take_name(self, connection: Connection, name: str, identity: str) -> leases.Lease:
        """Hold the spool's name, as long as this data folder is worked on."""
        now = leases.moment(connection, self._clock())
        ours = leases.lease_named(connection, SPOOL + name)
        if ours is not None and ours.holder != identity:
            return ours  # for ever: its numbers are in the journal
        return leases.take(connection, [SPOOL + name], identity, self._node, now, LENGTH)[
            SPOOL + name
        ]

    def _note(self, taken: dict[str, leases.Lease]) -> None:
        """Write down how far the journal has got with each folder, where that has changed."""
        changed = {}
        for name, lease in taken.items():
            known = self._journalled(name.removeprefix(FOLDER))
            if known is not None and cursor_to_plain(known) != lease.notes:
                changed[name] = cursor_to_plain(known)

        def write(connection: Connection) -> None:
            for name, notes in changed.items():
                leases.note(connection, name, self._holder, notes or {})

        if changed:
            self._database.write(write)

    def _journalled(self, source: str) -> Cursor | None:
        """Return a cursor all of whose mails have left the spool for the journal, if one is known.

        A cursor moves with its mails: their numbers are below the next one of any later moment.
        """
        cursor = self._spool.cursor(source)
        first, following = self._spool.unjournalled()
        seen = self._seen.get(source)
        if seen is not None and first < seen.next_number:
            return None  # in time
        if cursor is not None:
            self._seen[source] = _Seen(cursor, following)
        if first == following:
            return cursor
        return seen.cursor if seen is not None else None

    def _tell(self, held: frozenset[str], elsewhere: dict[str, str]) -> None:
        for source in sorted(held - self._held):
            log.info("lease.taken", folder=source)
        for source in sorted(self._held - held):
            log.warning("lease.lost", folder=source, node=elsewhere.get(source))
        self._held = held

    def _give_back(self) -> None:
        try:
            self._permits.write(Permits({}, {}))
            self._database.write(
                lambda c: leases.give_back(c, self._holder, leases.moment(c, self._clock()))
            )
        except Unavailable as error:
            log.warning("lease.not_given_back", why=str(error))


def _end_claims(connection: Connection, now: datetime) -> dict[str, list[Lapsed]]:
    """Let others send what nodes that are gone have claimed; return what that was, by node."""
    claimants = queue.claimants(connection)
    if not claimants:
        return {}
    found = leases.leases_below(connection, SPOOL)
    alive = {one.name.removeprefix(SPOOL) for one in found if one.until > now}
    return {node: queue.lapse_of(connection, now, node) for node in sorted(claimants - alive)}


def _tell_gone(gone: dict[str, list[Lapsed]]) -> None:
    for node, lapsed in gone.items():
        log.warning("node.gone", node=node, claims=len(lapsed))
        tell_lapsed(lapsed)


def _identity(spool: Spool) -> str:
    """Return what this data folder is called for ever; made at the first use."""
    path = spool.path.with_name("identity")
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        half = path.with_name(f".identity.{os.getpid()}")
        half.unlink(missing_ok=True)
        with half.open("x", encoding="ascii") as file:  # never through a link, and whole or not
            file.write(secrets.token_hex(16))
            file.flush()
            os.fsync(file.fileno())
        belong_to_folder(half)
        half.replace(path)
        return path.read_text(encoding="ascii").strip()

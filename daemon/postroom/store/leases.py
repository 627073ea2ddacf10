"""What only one of several nodes may do at a time: read a folder by IMAP, use the name of a spool.

Promise: a lease has one holder; it is over when its holder has not renewed it, and free for others
then, or at once when he gives it back. All moments are the database's.
Used by: work.leases, work.audit.
Fails:   Conflict when another node took a lease that was free in the same moment.

A row stays when its lease is over: it says how far the last holder had read the folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from postroom.store import schema as t
from postroom.store.schema import UtcDateTime

FOLDER, SPOOL = "imap:", "spool:"  # with what the names of leases begin

# What a node says of a folder that it has read, for whoever reads it next.
Notes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may do what `name` says, by which node, until when; `notes` of the last holder."""

    name: str
    holder: str
    node: str
    until: datetime
    notes: Notes | None


_COLUMNS = tuple(t.lease.c[name] for name in Lease.__slots__)
_IS_MINE = t.lease.c.holder == bindparam("b_holder")
_TAKE = (
    update(t.lease)
    .where(
        t.lease.c.name == bindparam("b_name"),
        or_(_IS_MINE, t.lease.c.until <= bindparam("b_now", type_=UtcDateTime)),
    )
    .values(
        holder=bindparam("b_holder"),
        node=bindparam("b_node"),
        until=bindparam("b_until", type_=UtcDateTime),
    )
    .returning(*_COLUMNS)
)
_NOTE = (
    update(t.lease)
    .where(t.lease.c.name == bindparam("b_name"), _IS_MINE)
    .values(notes=bindparam("b_notes", type_=t.lease.c.notes.type))
)
_GIVE_BACK = (
    update(t.lease)
    .where(_IS_MINE, t.lease.c.until > bindparam("b_now", type_=UtcDateTime))
    .values(until=bindparam("b_now", type_=UtcDateTime))
)
_NAMED = select(*_COLUMNS).where(t.lease.c.name == bindparam("name"))
_BELOW = (
    select(*_COLUMNS)
    .where(t.lease.c.name.startswith(bindparam("prefix"), autoescape=False))
    .order_by(t.lease.c.name)
)
_CLOCK = select(func.clock_timestamp())


def moment(connection: Connection, ours: datetime) -> datetime:
    """Return the moment that leases are compared with: of a database that several nodes share,
    its own; SQLite has one node, and no other clock than `ours`."""
    if connection.dialect.name != "postgresql":
        return ours
    at: datetime = connection.execute(_CLOCK).scalar_one()
    return at


def take(
    connection: Connection,
    names: Sequence[str],
    holder: str,
    node: str,
    now: datetime,
    length: timedelta,
) -> dict[str, Lease]:
    """Take or renew leases; return those that are ours now, by name."""
    found = {}
    for name in names:
        lease = _take(connection, name, holder, node, now, now + length)
        if lease is not None:
            found[name] = lease
    return found


def _take(
    connection: Connection, name: str, holder: str, node: str, now: datetime, until: datetime
) -> Lease | None:
    keys = {"b_name": name, "b_holder": holder, "b_node": node, "b_now": now, "b_until": until}
    row = connection.execute(_TAKE, keys).first()
    if row is not None:
        return Lease(*row)
    if lease_named(connection, name) is not None:
        return None  # somebody else's, and not over
    lease = Lease(name, holder, node, until, None)
    connection.execute(insert(t.lease), asdict(lease))
    return lease


def note(connection: Connection, name: str, holder: str, notes: Notes) -> None:
    """Keep what the next holder has to know; nothing happens if the lease is another's."""
    keys = {"b_name": name, "b_holder": holder, "b_notes": dict(notes)}
    connection.execute(_NOTE, keys)


def give_back(connection: Connection, holder: str, now: datetime) -> None:
    """End all leases of a holder, so that others need not wait."""
    connection.execute(_GIVE_BACK, {"b_holder": holder, "b_now": now})


def lease_named(connection: Connection, name: str) -> Lease | None:
    """Return a lease, over or not; None: nobody ever had it."""
    row = connection.execute(_NAMED, {"name": name}).first()
    return Lease(*row) if row is not None else None


def leases_below(connection: Connection, prefix: str) -> list[Lease]:
    """Return all leases whose names begin so, over or not. The prefix has no `%` or `_`."""
    return [Lease(*row) for row in connection.execute(_BELOW, {"prefix": prefix})]

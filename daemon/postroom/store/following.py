"""What a change of the policy concerns: open requests, read in portions, and what they name.

Promise: bounded memory however many there are; nothing is written, and no transaction stays open
between two portions.
Used by: work.retiming, cli.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Integer, bindparam, func, select

from postroom.core.clocks import Moment
from postroom.core.facts import RequestFact
from postroom.core.model import OPEN
from postroom.core.vanished import Named
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.store.facets import NOBODY
from postroom.store.request_facts import MOMENT_KINDS, request_fact

PORTION = 200
_OPEN = sorted(phase.value for phase in OPEN)
_KINDS = ("priority", "category", "type", "owner")

# By their numbers: with the index on phase, every portion would sort all that are open.
PORTION_QUERY = (
    select(t.request)
    .where(t.request.c.id > bindparam("after"), func.coalesce(t.request.c.phase, "").in_(_OPEN))
    .order_by(t.request.c.id)
    .limit(bindparam("limit", type_=Integer))
)
# Counted by their facets: in an index of numbers, without looking at a request.
_FILED = t.facet.join(t.request, t.request.c.facet_id == t.facet.c.id)
_COUNT = select(func.count()).select_from(_FILED).where(t.facet.c.phase.in_(_OPEN))
_MOMENTS = (
    select(t.history.c.request_id, t.history.c.at, t.history.c.kind, t.history.c.to_value)
    .where(
        t.history.c.request_id.in_(bindparam("ids", expanding=True)),
        t.history.c.kind.in_(MOMENT_KINDS),
    )
    .order_by(t.history.c.id)
)
_LAST = (
    select(
        t.policy_activation.c.id, t.policy_activation.c.version, t.policy_activation.c.followed_at
    )
    .order_by(t.policy_activation.c.id.desc())
    .limit(1)
)
_FOLLOWED = _LAST.where(t.policy_activation.c.followed_at.is_not(None))
_BETWEEN = (
    select(func.count())
    .select_from(t.policy_activation)
    .where(
        t.policy_activation.c.id > bindparam("after"), t.policy_activation.c.id < bindparam("until")
    )
)


@dataclass(frozen=True, slots=True)
class Active:
    """The active policy, and how far the clocks of open requests follow it.

    `before` is the last one that all of them followed, itself perhaps, None: never any; then
    `is_next` says that no other one was active in between.
    """

    id: int
    version: str
    before: str | None
    is_followed: bool
    is_next: bool


def active(connection: Connection) -> Active | None:
    """Return what is known of the active policy; None when none ever was."""
    last = connection.execute(_LAST).first()
    if last is None:
        return None
    known = connection.execute(_FOLLOWED).first()
    if known is None:
        return Active(last.id, last.version, None, is_followed=False, is_next=False)
    between = connection.execute(_BETWEEN, {"after": known.id, "until": last.id}).scalar_one()
    is_followed = last.id == known.id
    return Active(last.id, last.version, known.version, is_followed, is_next=between == 0)


def count_open(connection: Connection) -> int:
    """Return how many requests are open."""
    return int(connection.execute(_COUNT).scalar_one())


def names_in_use(connection: Connection) -> list[Named]:
    """Return what open requests name of the policy, each with how many do."""
    found = []
    for kind in _KINDS:
        column = t.facet.c[kind]
        query = (
            select(column, func.count())
            .select_from(_FILED)
            .where(t.facet.c.phase.in_(_OPEN), column != NOBODY)
            .group_by(column)
            .order_by(column)
        )
        found += [Named(kind, name, count) for name, count in connection.execute(query)]
    both = (t.facet.c.status, t.facet.c.type)
    statuses = (
        select(*both, func.count())
        .select_from(_FILED)
        .where(t.facet.c.phase.in_(_OPEN))
        .group_by(*both)
        .order_by(*both)
    )
    rows = connection.execute(statuses)
    return [*found, *(Named("status", name, count, of) for name, of, count in rows)]


def portions(database: Database, size: int = PORTION) -> Iterator[list[RequestFact]]:
    """Yield all open requests in the order of their numbers, so many at a time."""
    last = 0
    while True:
        with database.read() as connection:
            found = _portion(connection, last, size)
        if not found:
            return
        yield found
        last = found[-1].id


def _portion(connection: Connection, after: int, limit: int) -> list[RequestFact]:
    rows = connection.execute(PORTION_QUERY, {"after": after, "limit": limit}).all()
    moments: dict[int, list[Moment]] = {row.id: [] for row in rows}
    for number, at, kind, to in connection.execute(_MOMENTS, {"ids": list(moments)}):
        moments[number].append(Moment(at, kind, to or ""))
    return [replace(request_fact(row, (), {}, {}), moments=tuple(moments[row.id])) for row in rows]

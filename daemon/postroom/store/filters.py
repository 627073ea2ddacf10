"""Filters of lists: which requests they leave, and from which of them a list is read.

Promise: a filter is exact in both of its forms. To count costs no more than MANY entries of an
index.
Used by: store.search; cli.requests (Wanted).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from postroom.store import facets
from postroom.store import schema as t

FEW = 5_000  # requests: so many are looked at one by one
MANY = 40_000  # requests: so many are, too, if the walk would look at more

_NEWEST = select(func.max(t.request.c.id))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests a list shows; everything that is given must hold."""

    search: str = ""  # words, "phrases", beginnings*, -unwanted
    phase: str | None = None
    status: str | None = None
    owner: str | None = None  # "none": those without
    category: str | None = None  # sub-categories included
    priority: str | None = None
    type: str | None = None
    mailbox: str | None = None
    tag: str | None = None
    requester: str | None = None  # an address
    since: datetime | None = None  # of its opening
    until: datetime | None = None  # exclusive
    changed_since: datetime | None = None
    changed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter, in two forms: the requests that it leaves, and what must hold of a request."""

    source: Select[Any]
    check: ColumnElement[bool]


def filters_of(wanted: Wanted) -> list[Filter]:
    """Return the filters that an index can be asked for; those by dates are `dates_of`."""
    request = t.request.c
    found = []
    named = _facets(wanted)
    if named:
        ids = select(t.facet.c.id).where(*named)
        own = t.request.alias("filed")
        found.append(
            # "+ 0": known to the walk along another index, and not for choosing this one.
            Filter(
                select(own.c.id).where(own.c.facet_id.in_(ids)),
                (request.facet_id + 0).in_(ids),
            )
        )
    if wanted.requester is not None:
        own = t.request.alias("asked")
        contact = (
            select(t.address.c.contact_id)
            .where(t.address.c.key == wanted.requester.lower())
            .scalar_subquery()
        )
        found.append(
            Filter(
                select(own.c.id).where(own.c.requester_id == contact),
                request.requester_id == contact,
            )
        )
    if wanted.tag is not None:
        other = t.tag.alias("tagged")
        tagged = select(other.c.request_id.label("id")).where(other.c.tag == wanted.tag)
        has_tag = (
            select(t.tag.c.tag)
            .where(t.tag.c.request_id == request.id, t.tag.c.tag == wanted.tag)
            .exists()
        )
        found.append(Filter(tagged, has_tag))
    return found


def _facets(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns, found = t.facet.c, list[ColumnElement[bool]]()
    for name in facets.NAMES:
        value = getattr(wanted, name)
        if value is None:
            continue
        if name == "category":
            below = columns.category.startswith(f"{value}/", autoescape=True)
            found.append(or_(columns.category == value, below))
        elif name == "owner" and value == "none":
            found.append(columns.owner == facets.NOBODY)
        else:
            found.append(columns[name] == value)
    return found


def dates_of(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what must hold of the moments of a request."""
    created, updated = t.request.c.created_at, t.request.c.updated_at
    found = []
    if wanted.since is not None:
        found.append(created >= wanted.since)
    if wanted.until is not None:
        found.append(created < wanted.until)
    if wanted.changed_since is not None:
        found.append(updated >= wanted.changed_since)
    if wanted.changed_until is not None:
        found.append(updated < wanted.changed_until)
    return found


def smallest(connection: Connection, filters: Sequence[Filter]) -> Filter | None:
    """Return the filter that leaves the fewest requests, if those are few."""
    counts = [(_count(connection, one.source, FEW), n) for n, one in enumerate(filters)]
    count, n = min(counts, default=(FEW + 1, 0))
    return filters[n] if count <= FEW else None


def shorter_way(
    connection: Connection, filters: Sequence[Filter], limit: int | None
) -> Filter | None:
    """Return the filter that a list is read from; None: from the newest request on.

    How far the walk would go is estimated as if filters had nothing to do with each other.
    """
    few = smallest(connection, filters)
    if few is not None or len(filters) < 2:
        return few
    counts = [_count(connection, one.source, MANY) for one in filters]
    fewest = min(counts)
    newest = connection.execute(_NEWEST).scalar() or 0
    walked = newest if limit is None else limit * math.prod(newest / count for count in counts)
    return filters[counts.index(fewest)] if fewest <= MANY and fewest < walked else None


def _count(connection: Connection, source: Any, most: int) -> int:
    some = source.limit(most + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())

"""Which requests a list shows: properties, dates, words that occur in them; in what order.

Promise: a list with a limit takes about as long at a million requests as at a thousand. It is read
from whichever of its filters leaves few requests (FEW at most, counted in an index); where none
does, there are so many that walking from the newest one on soon finds enough, unless several
filters together leave next to nothing (`_way`). Filters are exact. Of
words that stand in very many messages only the newest are looked at (LOOKED), `is_cut` says so.
Used by: store.views; cli.requests (Wanted).

Ranked are the newest RANKED requests that were found: their subject and requester weigh more than
what is in their messages; among equals the one that changed last comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
)

from postroom.core.words import Query, Term, read_query, stands_in, words_of
from postroom.store import facets, word_index
from postroom.store import schema as t

FEW = 5_000  # requests: so many are looked at one by one
MANY = 40_000  # requests: so many are, too, if the walk would look at more
LOOKED = 20_000  # messages with the words: so many are looked at, the newest,
LOOKED_AT_ALL = 2_000  # so many where there is no filter beside the words,
LOOKED_AT_FEW = 200_000  # and so many where another filter leaves few requests
RANKED = 500  # requests
PORTION = 500
_IS_NUMBER, _IN_SUBJECT, _IN_REQUESTER = 100, 3, 2  # points
_DIGITS = 18  # a longer number is no request's, and too large for a database


class Order(StrEnum):
    """How a list is sorted."""

    NUMBER = "number"  # the oldest first
    CREATED = "created"  # the newest first
    UPDATED = "updated"  # what changed last first
    RANK = "rank"  # by words


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
class Listing:
    """Numbers of requests in order. `is_cut`: there may be older ones that nobody looked at."""

    ids: tuple[int, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Filter:
    """One filter, in two forms: the requests that it leaves, and what must hold of a request."""

    source: Select[Any]
    check: ColumnElement[bool]


def find(
    connection: Connection,
    wanted: Wanted,
    order: Order = Order.NUMBER,
    limit: int | None = None,
    *,
    after: int | None = None,
    prefix: str = "",
    is_public: bool = False,
) -> Listing:
    """Return the requests that are wanted.

    `after`: those that come behind this one in the list; `prefix`: of references; `is_public`: only
    words that the customers may read count.
    """
    _prepare(connection)
    if not wanted.search.strip():
        order = Order.CREATED if order is Order.RANK else order
        return Listing(tuple(_listed(connection, wanted, order, limit, after)))
    query = _with_numbers(read_query(wanted.search), prefix)
    if not query.wanted:
        return Listing(())
    most = RANKED if limit is not None else None
    ids, is_cut = _with_words(connection, wanted, query, most, is_public=is_public)
    if order is Order.RANK:
        ids = _ranked(connection, ids, query)
    else:
        ids = _sorted(connection, ids, order)
    if after is not None:
        ids = ids[ids.index(after) + 1 :] if after in ids else []
    return Listing(tuple(ids[:limit]), is_cut)


def is_any(connection: Connection, wanted: Wanted) -> bool:
    """Say whether there is such a request."""
    return bool(find(connection, wanted, Order.CREATED, 1).ids)


_RANKING = (
    select(
        t.request.c.id,
        t.request.c.subject,
        t.request.c.updated_at,
        t.contact.c.name,
        select(func.min(t.address.c.key))
        .where(t.address.c.contact_id == t.request.c.requester_id)
        .scalar_subquery()
        .label("address"),
    )
    .select_from(t.request.outerjoin(t.contact, t.request.c.requester_id == t.contact.c.id))
    .where(t.request.c.id.in_(bindparam("ids", expanding=True)))
)
_MOMENTS = select(t.request.c.id, t.request.c.created_at, t.request.c.updated_at).where(
    t.request.c.id.in_(bindparam("ids", expanding=True))
)

_NEWEST = select(func.max(t.request.c.id))

# ---- filters


def _filters(wanted: Wanted) -> list[_Filter]:
    request = t.request.c
    found = []
    named = _facets(wanted)
    if named:
        ids = select(t.facet.c.id).where(*named)
        own = t.request.alias("filed")
        found.append(
            # "+ 0": known to the walk along another index, and not for choosing this one.
            _Filter(
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
            _Filter(
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
        found.append(_Filter(tagged, has_tag))
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


def _dates(wanted: Wanted) -> list[ColumnElement[bool]]:
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


def _smallest(connection: Connection, filters: Sequence[_Filter]) -> _Filter | None:
    """Return the filter that leaves the fewest requests, if those are few."""
    counts = [(_count(connection, one.source, FEW), n) for n, one in enumerate(filters)]
    count, n = min(counts, default=(FEW + 1, 0))
    return filters[n] if count <= FEW else None


def _way(connection: Connection, filters: Sequence[_Filter], limit: int | None) -> _Filter | None:
    """Return the filter that a list is read from; None: from the newest request on.

    How far the walk would go is estimated as if filters had nothing to do with each other.
    """
    few = _smallest(connection, filters)
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


# ---- lists without words


def _listed(
    connection: Connection, wanted: Wanted, order: Order, limit: int | None, after: int | None
) -> Iterator[int]:
    filters = _filters(wanted)
    few = _way(connection, filters, limit)
    conditions = [one.check for one in filters if one is not few] + _dates(wanted)
    query = select(t.request.c.id).where(*conditions)
    if few is not None:
        picked = few.source.cte("few").prefix_with("MATERIALIZED")
        query = query.where(t.request.c.id.in_(select(picked.c.id)))
    if after is not None:
        query = query.where(_behind(connection, order, after))
    query = query.order_by(*_sorting(order))
    yield from connection.execute(query.limit(limit)).scalars()


def _sorting(order: Order) -> list[ColumnElement[Any]]:
    request = t.request.c
    if order is Order.NUMBER:
        return [request.id]
    at = request.updated_at if order is Order.UPDATED else request.created_at
    return [at.desc(), request.id.desc()]


def _behind(connection: Connection, order: Order, after: int) -> ColumnElement[bool]:
    """Return what holds of the requests that come after one in the list."""
    request = t.request.c
    if order is Order.NUMBER:
        return request.id > after
    column = request.updated_at if order is Order.UPDATED else request.created_at
    at = connection.execute(select(column).where(request.id == after)).scalar()
    if at is None:
        return false()
    return and_(column <= at, or_(column < at, request.id < after))


# ---- words


def _with_words(
    connection: Connection, wanted: Wanted, query: Query, most: int | None, *, is_public: bool
) -> tuple[list[int], bool]:
    """Return the newest requests with these words; and whether older ones were left out."""
    filters = _filters(wanted)
    checks = [one.check for one in filters] + _dates(wanted)
    looked = (LOOKED if checks else LOOKED_AT_ALL) if most is not None else None
    hits = word_index.matches(connection, query, looked, is_public=is_public)
    is_cut = looked is not None and _count(connection, select(hits.c.id), looked) >= looked
    few = _smallest(connection, filters) if is_cut else None
    if few is not None:
        source = few.source.cte("few").prefix_with("MATERIALIZED")
        hits = word_index.among(connection, query, source, LOOKED_AT_FEW, is_public=is_public)
    found = select(hits.c.id).distinct().cte("found").prefix_with("MATERIALIZED")
    statement = (
        select(t.request.c.id)
        .where(t.request.c.id.in_(select(found.c.id)), *checks)
        .order_by(t.request.c.id.desc())
        .limit(most)
    )
    ids = list(connection.execute(statement).scalars())
    is_cut = (is_cut and few is None) or len(ids) == most
    numbered = _numbered(query)
    if numbered is not None and numbered not in ids:
        one = select(t.request.c.id).where(t.request.c.id == numbered, *checks)
        ids = [*connection.execute(one).scalars(), *ids]
    return ids, is_cut


def _with_numbers(query: Query, prefix: str) -> Query:
    """Read "R-17", a request's reference, as its number, which is what the index has."""
    before = "".join(words_of(prefix))

    def number_of(term: Term) -> Term:
        said = "".join(term.words)
        rest = said.removeprefix(before)
        return Term((rest,)) if before and rest != said and rest.isdecimal() else term

    return replace(query, wanted=tuple(map(number_of, query.wanted)))


def _numbered(query: Query) -> int | None:
    """Return the number that a search consists of, if it does."""
    if len(query.wanted) != 1 or len(query.wanted[0].words) != 1:
        return None
    word = query.wanted[0].words[0]
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= _DIGITS else None


def _ranked(connection: Connection, ids: Sequence[int], query: Query) -> list[int]:
    """Sort requests by where the words stand, then the one that changed last first."""
    number = _numbered(query)

    def points(row: Row[Any]) -> int:
        subject = words_of(row.subject)
        people = words_of(f"{row.name or ''} {row.address or ''}")
        found = sum(
            _IN_SUBJECT * stands_in(term, subject) + _IN_REQUESTER * stands_in(term, people)
            for term in query.wanted
        )
        return found + (_IS_NUMBER if row.id == number else 0)

    rows = [(points(row), row.updated_at, row.id) for row in _rows(connection, _RANKING, ids)]
    return [number for *_, number in sorted(rows, reverse=True)]


def _sorted(connection: Connection, ids: Sequence[int], order: Order) -> list[int]:
    if order is Order.NUMBER:
        return sorted(ids)
    rows = _rows(connection, _MOMENTS, ids)
    if order is Order.UPDATED:
        return [id_ for _, id_ in sorted(((row.updated_at, row.id) for row in rows), reverse=True)]
    return [id_ for _, id_ in sorted(((row.created_at, row.id) for row in rows), reverse=True)]


def _rows(connection: Connection, query: Select[Any], ids: Sequence[int]) -> Iterator[Row[Any]]:
    for start in range(0, len(ids), PORTION):
        yield from connection.execute(query, {"ids": list(ids[start : start + PORTION])})


def _prepare(connection: Connection) -> None:
    """Let PostgreSQL look rows up one by one: lists never want more than a few."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_hashjoin = off")
        connection.exec_driver_sql("SET LOCAL enable_mergejoin = off")
        connection.exec_driver_sql("SET LOCAL random_page_cost = 1.1")
        connection.exec_driver_sql("SET LOCAL jit = off")

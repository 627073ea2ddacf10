"""Which requests a list shows: properties, dates, words that occur in them; in what order.

Promise: a list with a limit takes about as long at a million requests as at a thousand. It is read
from whichever of its filters leaves few requests (FEW at most, counted in an index); where none
does, there are so many that walking from the newest one on soon finds enough, unless several
filters together leave next to nothing (`filters.shorter_way`). Filters are exact. Of
words that stand in very many messages only the newest are looked at (LOOKED; of an older time, the
newest of that), `is_cut` says so.
Used by: store.views; cli.requests (Wanted).

Ranked are the newest RANKED requests that were found: their subject and requester weigh more than
what is in their messages; among equals the one that changed last comes first.
"""

from __future__ import annotations

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
    Subquery,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
    union_all,
)

from postroom.core.words import Query, Term, read_query, stands_in, words_of
from postroom.store import schema as t
from postroom.store import word_index
from postroom.store.filters import Filter, Wanted, dates_of, filters_of, shorter_way, smallest

LOOKED = 20_000  # messages with the words: so many are looked at, the newest,
FIRST_LOOK = 4_000  # unless this few have enough that pass the filters,
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
class Listing:
    """Numbers of requests in order. `is_cut`: there may be older ones that nobody looked at."""

    ids: tuple[int, ...]
    is_cut: bool = False


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
    found = _with_words(connection, wanted, query, most, is_public=is_public)
    if order is Order.RANK:
        ids = _ranked(connection, found.ids, query)
    else:
        ids = _sorted(connection, found.ids, order)
    if after is not None:
        ids = ids[ids.index(after) + 1 :] if after in ids else []
    return Listing(tuple(ids[:limit]), found.is_cut)


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

# Some of them: where a clock was set back, a later one is the older.
_BEFORE = select(
    func.max(
        select(t.request.c.id)
        .where(t.request.c.created_at < bindparam("until", type_=t.UtcDateTime))
        .order_by(t.request.c.created_at.desc(), t.request.c.id.desc())
        .limit(1_000)
        .subquery()
        .c.id
    )
)

# ---- lists without words


def _listed(
    connection: Connection, wanted: Wanted, order: Order, limit: int | None, after: int | None
) -> Iterator[int]:
    filters = filters_of(wanted)
    few = shorter_way(connection, filters, limit)
    conditions = [one.check for one in filters if one is not few] + dates_of(wanted)
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


@dataclass(frozen=True, slots=True)
class _Words:
    """Words that are looked for, what must hold of a request besides, and how many are enough."""

    connection: Connection
    query: Query
    checks: Sequence[ColumnElement[bool]]
    most: int | None
    is_public: bool

    def newest(self, look: int | None, top: int | None = None) -> Listing:
        """Look at so many entries with the words, the newest (of requests up to `top`)."""
        hits = word_index.matches(
            self.connection, self.query, look, is_public=self.is_public, newest=top
        )
        count, ids = self._held(hits)
        return Listing(ids, (look is not None and count >= look) or len(ids) == self.most)

    def among(self, few: Filter) -> Listing:
        """Look at the entries of few requests."""
        source = few.source.cte("few").prefix_with("MATERIALIZED")
        hits = word_index.among(
            self.connection, self.query, source, LOOKED_AT_FEW, is_public=self.is_public
        )
        _, ids = self._held(hits)
        return Listing(ids, len(ids) == self.most)

    def _held(self, hits: Subquery) -> tuple[int, tuple[int, ...]]:
        """Count entries; return their newest requests that pass the checks.

        In one statement: finding the entries is most of the work.
        """
        entries = select(hits.c.id).cte("entries").prefix_with("MATERIALIZED")
        found = select(entries.c.id).distinct().cte("found").prefix_with("MATERIALIZED")
        passed = (
            select(t.request.c.id)
            .where(t.request.c.id.in_(select(found.c.id)), *self.checks)
            .order_by(t.request.c.id.desc())
            .limit(self.most)
            .subquery("passed")
        )
        counted = select(func.count().label("id"), true().label("is_count")).select_from(entries)
        rows = self.connection.execute(union_all(counted, select(passed.c.id, false()))).all()
        [count] = [row.id for row in rows if row.is_count]
        return count, tuple(sorted((row.id for row in rows if not row.is_count), reverse=True))


def _with_words(
    connection: Connection, wanted: Wanted, query: Query, most: int | None, *, is_public: bool
) -> Listing:
    """Return the newest requests with these words; and whether older ones were left out."""
    filters = filters_of(wanted)
    checks = [one.check for one in filters] + dates_of(wanted)
    words = _Words(connection, query, checks, most, is_public)
    found = words.newest(None) if most is None else _looked_for(words, filters, wanted.until)
    numbered = _numbered(query)
    if numbered is not None and numbered not in found.ids:
        one = select(t.request.c.id).where(t.request.c.id == numbered, *checks)
        found = replace(found, ids=(*connection.execute(one).scalars(), *found.ids))
    return found


def _looked_for(words: _Words, filters: Sequence[Filter], until: datetime | None) -> Listing:
    """Look at a few entries, then at those of few requests, or at more where they may be."""
    if not words.checks:
        return words.newest(LOOKED_AT_ALL)
    few = None
    if word_index.looks_up_few(words.connection):
        few = smallest(words.connection, filters)
    if few is None:
        first = words.newest(FIRST_LOOK)
        if not first.is_cut or len(first.ids) == words.most:
            return first
        few = smallest(words.connection, filters)
    if few is not None:
        return words.among(few)
    if until is None:
        return words.newest(LOOKED)
    top = words.connection.execute(_BEFORE, {"until": until}).scalar()
    older = words.newest(FIRST_LOOK, top)
    if older.is_cut and len(older.ids) != words.most:
        older = words.newest(LOOKED, top)
    ids = sorted({*first.ids, *older.ids}, reverse=True)
    return Listing(tuple(ids[: words.most]), is_cut=True)


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

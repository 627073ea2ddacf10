"""The index of words: what was written about each request, in both databases' own way.

Promise: all SQL for words that differs between SQLite and PostgreSQL stands here; both get the same
words, made by `core.words`. A text is in the index in the transaction that wrote it, and what is
internal is marked so there: a search for customers finds none of it.

One entry for each message, with its request's number and subject, its requester and its author, so
that words of all of them are found together. Its key carries the request's number, so that the
newest requests are found first and nothing has to be joined.

SQLite: FTS5 without content; column `inside` has the words that are internal, `public` the others.
PostgreSQL: tsvector and GIN. Each word begins with the number of its shelf (SHELF requests each):
a GIN index knows no order, so a search asks shelf by shelf, the newest first, and ends when it has
enough; and writing touches only the part of the index that the newest shelves are in.
Used by: store.write_request, store.search, migrations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    CTE,
    BigInteger,
    Connection,
    Subquery,
    TextClause,
    column,
    select,
    text,
)

from postroom.core.words import Query, Term
from postroom.store.unsent import unsent_of

TABLE = "search_words"
# An entry's key: the request's number and so many bits of its message's.
KEY_BITS = 24
_ALL_OF_ONE = (1 << KEY_BITS) - 1
SHELF = 4_096

# FTS5: phrases need positions (detail=full); fewer, larger merges cost a mail less (automerge).
_FTS5 = "fts5(public, inside, content='', columnsize=0, tokenize='ascii')"
_COLUMNS = "id BIGINT PRIMARY KEY, is_internal BOOLEAN NOT NULL, words TSVECTOR NOT NULL"
_CREATE = {
    "sqlite": (
        f"CREATE VIRTUAL TABLE {TABLE} USING {_FTS5}",
        f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('automerge', 8)",
    ),
    "postgresql": (
        f"CREATE TABLE {TABLE} ({_COLUMNS})",
        f"CREATE INDEX {TABLE}_by_word ON {TABLE} USING gin (words)",
    ),
}
_ADD_SQLITE = {
    False: f"INSERT INTO {TABLE} (rowid, public) VALUES (?, ?)",
    True: f"INSERT INTO {TABLE} (rowid, inside) VALUES (?, ?)",
}
_ADD_POSTGRESQL = (
    f"INSERT INTO {TABLE} (id, is_internal, words) VALUES ($1, $2, CAST($3 AS TSVECTOR))"
    f" ON CONFLICT (id) DO UPDATE SET words = {TABLE}.words || excluded.words"
)
_TOP = f"SELECT max(id) FROM {TABLE}"


def create(connection: Connection) -> None:
    """Make the index, empty. For migrations."""
    for statement in _CREATE[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def add(
    connection: Connection, request_id: int, n: int, words: Sequence[str], *, is_internal: bool
) -> None:
    """Put a text into the index; `n` tells the texts of a request apart."""
    key = (request_id << KEY_BITS) | (n & _ALL_OF_ONE)
    unsent = unsent_of(connection)
    if unsent is not None:
        unsent.put(_ADD_POSTGRESQL, (key, is_internal, _vector(request_id // SHELF, words)))
    else:
        cursor = connection.connection.cursor()
        cursor.execute(_ADD_SQLITE[is_internal], (key, " ".join(words)))


def matches(
    connection: Connection,
    query: Query,
    most: int | None,
    *,
    is_public: bool,
    newest: int | None = None,
) -> Subquery:
    """Return the newest requests (`id`, once for each entry) that have the words, up to `most`.

    `newest`: the greatest number of a request that is looked at.
    """
    over = None if newest is None else (newest + 1) << KEY_BITS
    limit = f" LIMIT {most}" if most is not None else ""
    if connection.dialect.name == "sqlite":
        below = "" if over is None else f" AND rowid < {over}"
        found = (
            f"SELECT rowid >> {KEY_BITS} AS id FROM {TABLE} WHERE {TABLE} MATCH :words{below}"
            f" ORDER BY rowid DESC{limit}"
        )
        return _requests(text(found).bindparams(words=_fts5(query, is_public=is_public)))
    below = "" if over is None else f" AND id < {over}"
    top = over or connection.exec_driver_sql(_TOP).scalar() or 0
    found = (
        f"SELECT found.id >> {KEY_BITS} AS id"
        " FROM generate_series(CAST(:shelf AS INTEGER), 0, -1) AS shelf CROSS JOIN LATERAL"
        f" (SELECT id FROM {TABLE} WHERE words @@ {_on_shelf('shelf')}{_public(is_public)}{below}"
        f" ORDER BY id DESC) AS found{limit}"
    )
    shelf = (top >> KEY_BITS) // SHELF
    return _requests(text(found).bindparams(words=_tsquery(query), shelf=shelf))


def looks_up_few(connection: Connection) -> bool:
    """Whether `among` is the short way at once: a server looks up the entries of a few requests."""
    return connection.dialect.name != "sqlite"


def among(
    connection: Connection, query: Query, few: CTE, most: int, *, is_public: bool
) -> Subquery:
    """Return those of a few requests that have the words (SQLite: in the newest `most` entries)."""
    if connection.dialect.name == "sqlite":
        hits = matches(connection, query, most, is_public=is_public)
        return select(hits.c.id).where(hits.c.id.in_(select(few.c.id))).subquery("among")
    # OFFSET 0: the entries of a request are looked up first, and then read; the index of words
    # would give all entries of a shelf, each time.
    found = (
        f"SELECT DISTINCT few.id AS id FROM few CROSS JOIN LATERAL (SELECT * FROM {TABLE}"
        f" WHERE id BETWEEN few.id << {KEY_BITS} AND (few.id << {KEY_BITS}) + {_ALL_OF_ONE}"
        f" OFFSET 0) AS own WHERE own.words @@ {_on_shelf(f'few.id / {SHELF}')}{_public(is_public)}"
    )
    asked = text(found).bindparams(words=_tsquery(query)).columns(column("id", BigInteger))
    return asked.add_cte(few).subquery("among")


def _requests(found: TextClause) -> Subquery:
    return found.columns(column("id", BigInteger)).subquery("hits")


def _on_shelf(shelf: str) -> str:
    return f"CAST(replace(:words, '~', CAST({shelf} AS TEXT)) AS TSQUERY)"


def _public(is_public: bool) -> str:
    return " AND NOT is_internal" if is_public else ""


def _fts5(query: Query, *, is_public: bool) -> str:
    """Words are letters and digits only, and stand in quotes: nothing in them is syntax."""

    def one(term: Term) -> str:
        return '"' + " ".join(term.words) + '"' + ("*" if term.is_prefix else "")

    said = " AND ".join(map(one, query.wanted))
    said = "".join(("(" * len(query.unwanted), said, *(f" NOT {one(t)})" for t in query.unwanted)))
    return f"{{public}} : ({said})" if is_public else said


def _tsquery(query: Query) -> str:
    def one(term: Term) -> str:
        words = [f"'~_{word}'" for word in term.words]
        if term.is_prefix:
            words[-1] += ":*"
        return "(" + " <-> ".join(words) + ")"

    return " & ".join((*map(one, query.wanted), *(f"!{one(term)}" for term in query.unwanted)))


def _vector(shelf: int, words: Iterable[str]) -> str:
    """Write a tsvector. PostgreSQL keeps 256 places of a word: no phrase is found beyond them."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words, 1):
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{shelf}_{word}':{','.join(of)}" for word, of in places.items())

"""Facets: the combinations of what lists ask for, each once, and which one a request has.

Promise: `request.facet_id` names the row of `facet` with that request's values, at the end of every
transaction (audit looks). So one index of numbers answers every combination of these filters, and
counts are sums over few rows; a facet that was made is never changed.
Used by: store.apply, store.write_request, store.search.
Fails:   Conflict when another node made the same facet at the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, update

from postroom.store import schema as t
from postroom.store.prepared import Answer, Numbered, Prepared

NAMES = ("phase", "status", "owner", "category", "priority", "type", "mailbox")
NOBODY = ""  # as owner

_FACET = Prepared(
    select(t.facet.c.id).where(and_(*(t.facet.c[name] == bindparam(name) for name in NAMES)))
)
_MAKE = Numbered(t.facet)
_VALUES = Prepared(
    select(
        *(
            func.coalesce(t.request.c[name], NOBODY) if name == "owner" else t.request.c[name]
            for name in NAMES
        )
    ).where(t.request.c.id == bindparam("id"))
)
_SET = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(facet_id=bindparam("b_facet_id"))
)


@dataclass(frozen=True, slots=True)
class AskedFacet:
    """The question which facet has these values of NAMES."""

    values: Mapping[str, Any]
    answer: Answer

    def number(self, connection: Connection) -> int:
        """Return the facet; make it when it is the first of its kind."""
        row = self.answer.first()
        return int(row[0]) if row is not None else _MAKE.insert(connection, self.values)


def ask(connection: Connection, values: Mapping[str, Any]) -> AskedFacet:
    """Ask which facet has these values of NAMES, without waiting for the answer."""
    named = {name: values[name] or NOBODY for name in NAMES}
    return AskedFacet(named, _FACET.send(connection, named))


def file(connection: Connection, request_id: int) -> None:
    """Name the facet of a request whose values have changed."""
    row = _VALUES.first(connection, {"id": request_id})
    if row is not None:
        facet_id = ask(connection, dict(zip(NAMES, row, strict=True))).number(connection)
        _SET.send(connection, {"b_id": request_id, "b_facet_id": facet_id})

"""Which requests a list shows: properties, and words that occur in them.

Used by: store.views; cli.requests (Wanted).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select

from postroom.store import schema as t


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests a list shows; everything that is given must hold."""

    search: tuple[str, ...] = ()  # words, each in subject, messages or requester
    phase: str | None = None
    status: str | None = None
    owner: str | None = None  # "none": those without
    category: str | None = None  # sub-categories included
    priority: str | None = None
    type: str | None = None
    tag: str | None = None
    requester: str | None = None  # an address


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what must hold of a request."""
    columns = t.request.c
    found: list[ColumnElement[bool]] = []
    for name in ("phase", "status", "priority", "type"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(columns[name] == value)
    if wanted.owner is not None:
        is_nobody = wanted.owner == "none"
        found.append(columns.owner.is_(None) if is_nobody else columns.owner == wanted.owner)
    if wanted.category is not None:
        below = columns.category.startswith(f"{wanted.category}/", autoescape=True)
        found.append(or_(columns.category == wanted.category, below))
    if wanted.tag is not None:
        tagged = select(t.tag.c.request_id).where(t.tag.c.tag == wanted.tag)
        found.append(columns.id.in_(tagged.correlate(None)))
    if wanted.requester is not None:
        found.append(_has_address(t.address.c.key == wanted.requester.lower()))
    return found + [_says(word) for word in wanted.search]


def _says(word: str) -> ColumnElement[bool]:
    """Whether a word occurs. SQLite compares only ASCII without case: other words are spelled."""
    spellings = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}

    def within(column: ColumnElement[str]) -> ColumnElement[bool]:
        return or_(*(column.icontains(spelling, autoescape=True) for spelling in spellings))

    request, contact, message = t.request.c, t.contact.c, t.message.c
    written = select(message.request_id).where(within(message.text)).correlate(None)
    named = select(contact.id).where(within(contact.name)).correlate(None)
    return or_(
        within(request.subject),
        request.id.in_(written),
        request.requester_id.in_(named),
        _has_address(within(t.address.c.key)),
    )


def _has_address(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    owners = select(t.address.c.contact_id).where(condition).correlate(None)
    return t.request.c.requester_id.in_(owners)

"""A mail that was decided before is decided again: a hold ends, a journal row is retried.

Used by: work.ticker (a hold's time is over), cli (hold accept and refuse, journal retry).
Fails:   NotFound, NotAllowed; Unavailable when its bytes cannot be read now.
"""

from __future__ import annotations

from dataclasses import replace

from postroom.core.facts import Arrival, Wish
from postroom.errors import NotFound
from postroom.store import journal
from postroom.work.desk import Desk, Settled
from postroom.work.readers import Readers, as_mail


def end_hold(
    desk: Desk,
    readers: Readers,
    journal_id: int,
    wish: Wish,
    by: str,
    *,
    confirms: bool = False,
) -> Settled:
    """Accept a held mail, or open it as a request of its own; `confirms`: by mail, to `by`."""
    arrival = _load(desk, readers, journal_id)
    again = replace(arrival, wish=wish, by=by, confirms=confirms)
    return desk.settle_mail(again, None, journal_id)


def refuse_hold(
    desk: Desk, readers: Readers, journal_id: int, by: str, *, confirms: bool = False
) -> Settled:
    """Refuse a held mail."""
    arrival = replace(_load(desk, readers, journal_id), by=by, confirms=confirms)
    return desk.refuse(journal_id, arrival, by)


def retry(
    desk: Desk, readers: Readers, journal_id: int, without_rules: frozenset[str], by: str
) -> Settled:
    """Decide again about a mail that made no request (row 71)."""
    with desk.database.read() as connection:
        journal.entry(connection, journal_id)  # NotFound
    arrival = _load(desk, readers, journal_id)
    again = replace(arrival, wish=Wish.TAKE_IN, without_rules=without_rules, by=by)
    return desk.settle_mail(again, None, journal_id)


def _load(desk: Desk, readers: Readers, journal_id: int) -> Arrival:
    """Read a journalled mail once more, in a reader process as the first time.

    Its sender was judged when it came in; by now the evidence may be gone from the DNS.
    """
    with desk.database.read() as connection:
        stored = journal.stored_mail(connection, desk.database.objects, journal_id)
    if stored is None:
        raise NotFound(f"the bytes of journal {journal_id} are not in the database")
    answer = readers.read([stored.raw])[0]
    arrival = desk.arrival(as_mail(answer, stored.envelope, stored.raw), stored.envelope)
    return replace(arrival, evaluated=stored.verdict)

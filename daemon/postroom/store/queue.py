"""The queue of deliveries: what the sender claims and records, and what a human asks of it.

Promise: a delivery is claimed by one sender at a time; a claim that ends without a word becomes
`waiting` again if the mail cannot have left, else `uncertain`. `handed` is committed before DATA.
Used by: work.sender (claims, outcomes), cli (list, show, retry, cancel).
Fails:   NotFound and NotAllowed for a human's wishes. A sender whose lease went to another is told
False and changes nothing.

    waiting ──claim──► sending ──► sent
       ▲ │                │ ├────► failed       refused, given up, or poison
       │ └─► cancelled ◄┐ │ └────► uncertain    died after `handed`: claimed once more by itself;
       ├──── defer ─────┼─┘            │        then its due_at is null and a human decides
       └──── retry ─────┴──────────────┘        (a human may retry what failed, too)

A node that is gone (its lease in store.leases is over) claims nothing more: what it had is ended at
once, not when each claim's own lease is over, which is as long as the slowest relay may take.

Two columns carry more than their names say. `handed_at`: DATA was begun in an attempt whose end is
not known (or in this one); cleared when the relay refused after all. `due_at` of a `sending` row
is null in the one more attempt after a doubt. A claim is known by its attempt number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    bindparam,
    case,
    func,
    insert,
    null,
    select,
    text,
    update,
)

from postroom.errors import NotAllowed, NotFound
from postroom.store.prepared import Prepared
from postroom.store.recipe import Recipe
from postroom.store.schema import (
    BigId,
    PlainText,
    UtcDateTime,
    delivery,
    history,
    outbox,
    timer,
)

MAX_RESPONSE = 1_000
NO_REPLY_KNOWN = "the sender stopped after DATA was begun; whether the mail arrived is not known"

# Written out, not bound: otherwise the planner cannot know that the partial indexes fit.
_IS_QUEUED = text("delivery.state IN ('waiting', 'uncertain')")
_IS_SENDING = text("delivery.state = 'sending'")
_NOW = bindparam("now", type_=UtcDateTime)
_LEASE_UNTIL = bindparam("until", type_=UtcDateTime)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One mail to one recipient, ours until the lease is over. `attempts` counts this one too."""

    id: int
    outbox_id: int
    recipient: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A delivery whose claim was ended; `due_at` None: a human decides."""

    id: int
    state: str  # waiting, uncertain
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A delivery as `outbox list` shows it; `id` is the delivery's."""

    id: int
    request: int | None
    recipient: str
    kind: str
    state: str
    attempts: int
    due_at: datetime | None
    last_response: str | None
    subject: str
    message_id: str
    mailbox: str
    created_at: datetime
    handed_at: datetime | None
    done_at: datetime | None


# ---- claiming

# What is due is asked by the caller's clock; leases are compared with the database's, which all
# nodes share (leases.moment): a node whose clock is fast must not end what another is sending.
_picked = (
    select(delivery.c.id)
    .where(_IS_QUEUED, delivery.c.due_at <= _NOW)
    .order_by(delivery.c.due_at, delivery.c.id)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer and ignores it
    .cte("picked")
    .prefix_with("MATERIALIZED")  # else PostgreSQL may take more rows than asked
)
CLAIM = (
    update(delivery)
    .where(delivery.c.id.in_(select(_picked.c.id)))
    .values(
        state="sending",
        attempts=delivery.c.attempts + 1,
        lease_until=_LEASE_UNTIL,
        claimed_by=bindparam("node", type_=PlainText),
        due_at=case((delivery.c.handed_at.is_(None), delivery.c.due_at), else_=null()),
    )
    .returning(delivery.c.id, delivery.c.outbox_id, delivery.c.recipient, delivery.c.attempts)
)
_LAPSE = (
    update(delivery)
    .values(
        state=case((delivery.c.handed_at.is_(None), "waiting"), else_="uncertain"),
        due_at=case((delivery.c.due_at.is_(None), null()), else_=_NOW),
        lease_until=None,
        last_response=case(
            (delivery.c.handed_at.is_(None), delivery.c.last_response), else_=NO_REPLY_KNOWN
        ),
    )
    .returning(delivery.c.id, delivery.c.state, delivery.c.due_at)
)
LAPSE = _LAPSE.where(_IS_SENDING, delivery.c.lease_until <= bindparam("over", type_=UtcDateTime))
LAPSE_OF = _LAPSE.where(_IS_SENDING, delivery.c.claimed_by == bindparam("node", type_=PlainText))
CLAIMANTS = select(delivery.c.claimed_by).where(_IS_SENDING).distinct()
NEXT_DUE = select(func.min(delivery.c.due_at)).where(_IS_QUEUED)
NEXT_LAPSE = select(func.min(delivery.c.lease_until)).where(_IS_SENDING)
RECIPES = select(*(outbox.c[name] for name in Recipe.__slots__)).where(
    outbox.c.id.in_(bindparam("ids", expanding=True))
)

_THIS = delivery.c.id == bindparam("delivery_id", type_=BigId)
_OURS = (_THIS, delivery.c.attempts == bindparam("attempt", type_=Integer))
# A word that comes after the lease was over still counts, if nobody has claimed the row since.
_OPEN = (*_OURS, text("delivery.state IN ('sending', 'uncertain')"))
_DONE_AT = bindparam("set_done_at", type_=UtcDateTime)
_RESPONSE = bindparam("set_response", type_=PlainText)
MARK_HANDED = (
    update(delivery)
    .where(*_OURS, _IS_SENDING)
    .values(handed_at=bindparam("set_handed_at", type_=UtcDateTime), lease_until=_LEASE_UNTIL)
)
MARK_SENT = (
    update(delivery)
    .where(*_OPEN)
    .values(
        state="sent",
        due_at=None,
        lease_until=None,
        done_at=_DONE_AT,
        last_response=_RESPONSE,
        subject=bindparam("set_subject", type_=PlainText),
    )
)
DEFER = (
    update(delivery)
    .where(*_OPEN)
    .values(
        state="waiting",
        due_at=bindparam("set_due_at", type_=UtcDateTime),
        lease_until=None,
        # Refused: this attempt leaves no doubt. An older one's stays.
        handed_at=case((delivery.c.due_at.is_(None), delivery.c.handed_at), else_=null()),
        last_response=_RESPONSE,
    )
)
FAIL = (
    update(delivery)
    .where(*_OPEN)
    .values(
        state="failed", due_at=None, lease_until=None, done_at=_DONE_AT, last_response=_RESPONSE
    )
)
UNCERTAIN = (
    update(delivery)
    .where(*_OPEN)
    .values(
        state="uncertain",
        due_at=case(
            (delivery.c.due_at.is_(None), null()),
            else_=bindparam("retry_at", type_=UtcDateTime),
        ),
        lease_until=None,
        handed_at=func.coalesce(delivery.c.handed_at, _NOW),
        last_response=_RESPONSE,
    )
    .returning(delivery.c.due_at)
)
RELEASE = (
    update(delivery)
    .where(*_OURS, _IS_SENDING)
    .values(
        state="waiting",
        attempts=delivery.c.attempts - 1,
        lease_until=None,
        due_at=func.coalesce(delivery.c.due_at, _NOW),
    )
)
STATE_OF = select(delivery.c.state).where(_THIS)
_WAS = (_THIS, delivery.c.state == bindparam("was", type_=PlainText))
RETRY = (
    update(delivery)
    .where(*_WAS)
    .values(state="waiting", attempts=0, due_at=_NOW, handed_at=None, done_at=None)
)
CANCEL = update(delivery).where(*_WAS).values(state="cancelled", due_at=None, done_at=_NOW)
WISHES = {  # statement, to which state, from which ones
    "retry": (RETRY, "waiting", ("waiting", "uncertain", "failed")),
    "cancel": (CANCEL, "cancelled", ("waiting", "uncertain")),
}
NOTE = insert(history).from_select(
    ["request_id", "at", "actor", "kind", "from_value", "to_value", "because", "policy_version"],
    select(
        outbox.c.request_id,
        bindparam("note_at", type_=UtcDateTime),
        bindparam("note_actor", type_=PlainText),
        text("'delivery'"),
        bindparam("note_was", type_=PlainText),
        bindparam("note_now", type_=PlainText),
        bindparam("note_because", type_=PlainText),
        outbox.c.policy_version,
    )
    .join_from(delivery, outbox)
    .where(_THIS, outbox.c.request_id.is_not(None)),
)
# Who answered has to know that nobody got it: the ticker tells him.
TELL = insert(timer).from_select(
    ["request_id", "delivery_id", "kind", "due_at", "state"],
    select(
        outbox.c.request_id,
        delivery.c.id,
        text("'undelivered'"),
        bindparam("set_due_at", type_=UtcDateTime),
        text("'armed'"),
    )
    .join_from(delivery, outbox)
    .where(_THIS, outbox.c.request_id.is_not(None), outbox.c.kind == "answer"),
)
# Those that every mail needs (store.prepared).
_MARK_HANDED, _MARK_SENT = Prepared(MARK_HANDED), Prepared(MARK_SENT)
_SHOWN = "id recipient state attempts due_at last_response subject handed_at done_at"
ENTRIES = select(
    outbox.c.request_id.label("request"),
    outbox.c.at.label("created_at"),
    *(outbox.c[name] for name in ("kind", "mailbox", "message_id")),
    *(delivery.c[name] for name in _SHOWN.split()),
).join_from(delivery, outbox)


def claim(
    conn: Connection, now: datetime, limit: int, lease_until: datetime, node: str
) -> list[ClaimedDelivery]:
    """Take at most `limit` deliveries that are due, oldest first; `node` says who does."""
    keys = {"now": now, "limit": limit, "until": lease_until, "node": node}
    rows = conn.execute(CLAIM, keys)
    return sorted((ClaimedDelivery(*row) for row in rows), key=lambda claimed: claimed.id)


def lapse(conn: Connection, now: datetime, over: datetime | None = None) -> list[Lapsed]:
    """End the claims whose lease was over at `over` (default now); return what they were."""
    return _lapsed(conn, now, conn.execute(LAPSE, {"now": now, "over": over or now}).all())


def lapse_of(conn: Connection, now: datetime, node: str) -> list[Lapsed]:
    """End the claims of a node that is no more, whatever their leases say."""
    return _lapsed(conn, now, conn.execute(LAPSE_OF, {"now": now, "node": node}).all())


def claimants(conn: Connection) -> set[str]:
    """Return the nodes that are sending."""
    return {name for (name,) in conn.execute(CLAIMANTS) if name}


def _lapsed(conn: Connection, now: datetime, rows: Sequence[Any]) -> list[Lapsed]:
    lapsed = [Lapsed(*row) for row in rows]
    for one in lapsed:
        if one.state == "uncertain" and one.due_at is None:
            _note(conn, one.id, now, was="sending", now="uncertain", because=NO_REPLY_KNOWN)
    return lapsed


def next_due(conn: Connection) -> datetime | None:
    """Return when there is next something to claim, a lapsed claim included; None: never."""
    moments = (conn.execute(NEXT_DUE).scalar(), conn.execute(NEXT_LAPSE).scalar())
    return min((moment for moment in moments if moment is not None), default=None)


def recipes(conn: Connection, outbox_ids: Collection[int]) -> dict[int, Recipe]:
    """Return the recipes of these outbox rows, by id. For a reading connection."""
    rows = conn.execute(RECIPES, {"ids": list(outbox_ids)})
    return {row.id: Recipe(*row) for row in rows}


# ---- outcomes


def mark_handed(
    conn: Connection, claimed: ClaimedDelivery, now: datetime, lease_until: datetime
) -> bool:
    """Note that DATA is about to begin, and hold on to the claim. False: it is no longer ours."""
    values = {"set_handed_at": now, "until": lease_until}
    return _MARK_HANDED.run(conn, _key(claimed) | values) == 1


def mark_sent(
    conn: Connection, claimed: ClaimedDelivery, now: datetime, response: str, subject: str
) -> bool:
    """The relay (or the Maildir) has it."""
    values = {"set_done_at": now, "set_response": response[:MAX_RESPONSE], "set_subject": subject}
    return _MARK_SENT.run(conn, _key(claimed) | values) == 1


def defer(conn: Connection, claimed: ClaimedDelivery, due_at: datetime, response: str) -> bool:
    """It is certain that the mail did not leave, and it may leave later."""
    values = {"set_due_at": due_at, "set_response": response[:MAX_RESPONSE]}
    return conn.execute(DEFER, _key(claimed) | values).rowcount == 1


def fail(conn: Connection, claimed: ClaimedDelivery, now: datetime, response: str) -> bool:
    """It is certain that the mail did not leave, and it never will by itself."""
    response = response[:MAX_RESPONSE]
    values = {"set_done_at": now, "set_response": response}
    is_mine = conn.execute(FAIL, _key(claimed) | values).rowcount == 1
    if is_mine:
        _note(conn, claimed.id, now, was="sending", now="failed", because=response)
        conn.execute(TELL, {"delivery_id": claimed.id, "set_due_at": now})
    return is_mine


def uncertain(
    conn: Connection,
    claimed: ClaimedDelivery,
    now: datetime,
    retry_at: datetime,
    response: str,
) -> bool:
    """It is not known whether the mail left: once more at `retry_at`, after that a human."""
    response = response[:MAX_RESPONSE]
    values = {"now": now, "retry_at": retry_at, "set_response": response}
    rows = conn.execute(UNCERTAIN, _key(claimed) | values).all()
    if rows and rows[0].due_at is None:
        _note(conn, claimed.id, now, was="sending", now="uncertain", because=response)
    return bool(rows)


def release(conn: Connection, claimed: ClaimedDelivery, now: datetime) -> bool:
    """Give a claim back untried, because the daemon stops."""
    return conn.execute(RELEASE, _key(claimed) | {"now": now}).rowcount == 1


def _key(claimed: ClaimedDelivery) -> dict[str, Any]:
    return {"delivery_id": claimed.id, "attempt": claimed.attempts}


def _note(conn: Connection, delivery_id: int, at: datetime, /, **change: str) -> None:
    """Write a history row (was, now, because, actor) for the request of a delivery, if any."""
    values = {f"note_{name}": value for name, value in ({"actor": "system"} | change).items()}
    conn.execute(NOTE, {"delivery_id": delivery_id, "note_at": at} | values)


# ---- a human's wishes


def retry(conn: Connection, delivery_id: int, now: datetime, actor: str) -> None:
    """Send a delivery again, now, with all attempts before it: a human has decided."""
    _wish(conn, delivery_id, now, actor, "retry")


def cancel(conn: Connection, delivery_id: int, now: datetime, actor: str) -> None:
    """Never send a delivery (again)."""
    _wish(conn, delivery_id, now, actor, "cancel")


def _wish(conn: Connection, delivery_id: int, now: datetime, actor: str, verb: str) -> None:
    statement, to_state, legal = WISHES[verb]
    state = conn.execute(STATE_OF, {"delivery_id": delivery_id}).scalar()
    if state is None:
        raise NotFound(f"no delivery {delivery_id}")
    values = {"delivery_id": delivery_id, "was": state, "now": now}
    # The statement asks for the state again: nothing can come between looking and doing.
    if state not in legal or conn.execute(statement, values).rowcount != 1:
        raise NotAllowed(f"delivery {delivery_id} is {state}; {verb} is for {', '.join(legal)}")
    because = f"outbox {verb}"
    _note(conn, delivery_id, now, actor=actor, was=state, now=to_state, because=because)


# ---- reading


def entries(conn: Connection, states: Iterable[str] = ()) -> list[OutboxEntry]:
    """Return the outbox, oldest first; all states unless some are named."""
    wanted = list(states)
    statement = ENTRIES.where(delivery.c.state.in_(wanted)) if wanted else ENTRIES
    rows = conn.execute(statement.order_by(delivery.c.id)).mappings()
    return [OutboxEntry(**row) for row in rows]


def entry(conn: Connection, delivery_id: int) -> OutboxEntry:
    """Return one delivery. Raises NotFound."""
    row = conn.execute(ENTRIES.where(_THIS), {"delivery_id": delivery_id}).mappings().first()
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    return OutboxEntry(**row)

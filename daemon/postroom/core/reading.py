"""Who has read a request, and the colour that its owner sees in lists. A pure function.

Rows 50, 56, 57. Nobody opens a request here to look at it: who answers, notes or commands has read
it. Red: the owner has not. Green: he has. Yellow: he had, and a customer wrote since.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from postroom.core.effects import AppendMessage, Assign, Decision, SetRead
from postroom.core.facts import RequestFact
from postroom.core.model import Direction, Outcome, Policy, ReadStatus, Verdict, Visibility
from postroom.mail.message import Origin

# What only a machine wrote was read by nobody, and moves no clock.
WRITTEN = frozenset({Origin.PERSON.value, Origin.LIST.value})


def follow_reading(
    decision: Decision, known: RequestFact, policy: Policy, now: datetime
) -> SetRead | None:
    """Return what a decision says of who has read its request; None when that is nothing new.

    `owner_at` is set when the owner, as the decision leaves him, has read it.
    """
    if known.id not in decision.versions:  # the request is left alone
        return None
    owner = _owner_after(decision, known)
    readers = set(_readers(decision, known, policy))
    is_new_owner = owner != known.owner
    before = ReadStatus.RED if is_new_owner else known.read_status
    status, because = before, f"owner is {owner or 'nobody'}" if is_new_owner else ""
    customer_at = None
    for message in _customers_messages(decision, known):
        if before is ReadStatus.GREEN:
            status, because = ReadStatus.YELLOW, "customer wrote"
        is_himself = message.verdict != Verdict.FAIL.value
        if is_himself and known.participant(message.author.address) is not None:
            customer_at = now
    if owner in readers:
        status, because = ReadStatus.GREEN, f"read by {owner}"
    read = SetRead(
        known.id,
        known.read_status,
        status,
        because,
        is_new_owner,
        owner_at=now if owner in readers else None,
        handler_at=now if readers - {owner} else None,
        customer_at=customer_at,
    )
    is_news = is_new_owner or readers or customer_at or status is not known.read_status
    return read if is_news else None


def _owner_after(decision: Decision, known: RequestFact) -> str | None:
    owner = known.owner
    for effect in decision.effects:
        if isinstance(effect, Assign) and effect.request == known.id:
            owner = effect.to
    return owner


def _readers(decision: Decision, known: RequestFact, policy: Policy) -> Iterator[str]:
    """Return the handlers who show by this decision that they have read the request.

    Who lets another's mail in acts on that mail: he need not know the request.
    """
    messages = [one for one in decision.effects if isinstance(one, AppendMessage)]
    for message in messages:
        if message.origin in WRITTEN and message.author.handler and message.request == known.id:
            yield message.author.handler
    is_command = decision.outcome in (None, Outcome.COMMAND)
    if not messages and is_command and decision.actor in policy.handlers:
        yield decision.actor


def _customers_messages(decision: Decision, known: RequestFact) -> Iterator[AppendMessage]:
    for effect in decision.effects:
        if (
            isinstance(effect, AppendMessage)
            and effect.request == known.id
            and effect.direction is Direction.IN
            and effect.visibility is Visibility.PUBLIC
            and effect.origin in WRITTEN
        ):
            yield effect

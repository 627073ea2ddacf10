"""A mail joins a request that is there: message, status, owner.

Rows 5, 32, 61-67, 77. Automatic mail is kept and touches nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroom.core import letters
from postroom.core.assignment import choose_owner, is_present
from postroom.core.effects import (
    AddParticipant,
    Assign,
    Decision,
    Effect,
    EndHold,
    KnowIds,
    RecordBounce,
    SetTags,
)
from postroom.core.facts import RequestFact
from postroom.core.judging import Case
from postroom.core.lifecycle import status_after_customer
from postroom.core.model import Direction, Outcome, Phase, Visibility
from postroom.core.opening import ids_of, learn_sender, message_of, told_by_rules
from postroom.core.threads import Joining, ThreadReason
from postroom.mail.message import Origin

# Only these may change a request; a list passes on what a person wrote.
_TOUCHES = frozenset({Origin.PERSON, Origin.LIST})


def append_mail(case: Case) -> Decision:
    """Append a mail to the request that its thread verdict names."""
    arrival, facts = case.arrival, case.facts
    request = facts.requests[case.thread.request_id or 0]
    handler = case.policy.handler_by_address(arrival.sender)
    # A handler who answers without a token: nobody knows for whom it was meant, so it stays inside.
    is_lost = handler is not None and case.thread.reason is not ThreadReason.REPLY_TOKEN
    is_note = is_lost or case.thread.is_internal
    visibility = Visibility.INTERNAL if is_note else Visibility.PUBLIC
    direction = Direction.NOTE if is_note else Direction.IN
    name = handler.name if handler is not None else None
    effects: list[Effect] = [
        *(learn_sender(arrival, facts) if handler is None else ()),
        message_of(case, request, visibility, direction, name),
        KnowIds(request.id, ids_of(arrival, facts, request.id)),
    ]
    if case.is_held:
        effects.append(EndHold("accepted"))
        if handler is None and arrival.sender and request.participant(arrival.sender) is None:
            effects.append(AddParticipant(request.id, arrival.sender, "cc", "accepted by hand"))
    if handler is not None and is_lost and case.origin in _TOUCHES:
        why = "your mail came without its answer address, so it is kept as an internal note"
        effects.append(letters.letter_to_handler(arrival, handler, request, "note", why))
    if case.origin in _TOUCHES and not is_note:
        effects.extend(_touch(case, request))
    if case.origin is not Origin.AUTO_REPLY:
        effects.extend(_ruled(case, request))
    return case.decided(
        Outcome.APPENDED,
        f"{case.thread.reason.value}: {case.thread.evidence}".rstrip(": "),
        effects,
        request=request,
        actor=arrival.by or name or "",
        visibility=visibility.value,
    )


def record_bounce(case: Case) -> Decision:
    """A delivery of ours, or somebody's, came back: kept inside, never answered (row 77)."""
    arrival, facts = case.arrival, case.facts
    bounce = arrival.mail.bounce
    recipients = bounce.recipients if bounce is not None else ()
    diagnostic = "; ".join(
        f"{item.address} {item.status} {item.diagnostic}".strip() for item in recipients[:10]
    )
    reason = (diagnostic or "no recipient named")[:500]
    # RFC 3464 §2.3.3: "delayed" is a warning, the relay still tries.
    has_failed = bounce is None or any(item.action != "delayed" for item in recipients)
    effects: list[Effect] = [
        RecordBounce(delivery, reason, "bounce")
        for delivery in arrival.bounce_deliveries
        if delivery in facts.deliveries and has_failed
    ]
    request = facts.requests.get(_bounced_request(case) or 0)
    if request is not None:
        effects.append(message_of(case, request, Visibility.INTERNAL, Direction.IN))
        effects.append(KnowIds(request.id, ids_of(arrival, facts, request.id)))
    return case.decided(Outcome.BOUNCE, reason, effects, request=request, bounce=diagnostic)


def _bounced_request(case: Case) -> int | None:
    """Find the request by token, by the failed mail's Message-ID if that was ours, by thread."""
    if case.thread.joining is Joining.JOIN:
        return case.thread.request_id
    bounce = case.arrival.mail.bounce
    failed = bounce.message_id if bounce is not None else None
    for row in case.facts.known_ids.get(failed or "", ()):
        if row.kind == "sent" and row.request_id in case.facts.requests:
            return row.request_id
    return None


def _touch(case: Case, request: RequestFact) -> Iterable[Effect]:
    """A customer's message may reopen or activate, and look for a new owner."""
    policy, facts = case.policy, case.facts
    fresh = case.arrival.mail.fresh
    status = status_after_customer(request, policy, fresh, "customer wrote")
    if status is not None:
        yield status
    phase = status.phase if status is not None else request.phase
    category = policy.categories.get(request.category)
    if category is None or not category.reassign_when_absent or phase is not Phase.ACTIVE:
        return
    if request.owner is None or is_present(facts, request.owner, case.now):
        return
    choice = choose_owner(category, policy, facts, case.now, exclude=request.owner)
    if choice.owner is not None and choice.owner != request.owner:
        if choice.turn is not None:
            yield choice.turn
        because = f"{request.owner} is away: {choice.reason}"
        yield Assign(request.id, request.owner, choice.owner, because)


def _ruled(case: Case, request: RequestFact) -> Iterable[Effect]:
    """What rules do to a mail that joins a request: tags, notices, a copy elsewhere."""
    added = tuple(tag for tag in case.actions.tags if tag not in request.tags)
    if added:
        yield SetTags(request.id, added, (), case.routing.because("tags", ""))
    yield from told_by_rules(case, request, letters.of_request(request))

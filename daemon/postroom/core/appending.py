"""A mail joins a request that is there: message, status, owner.

Rows 5, 32, 61-67, 77. Automatic mail is kept and touches nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

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
from postroom.core.facts import Arrival, Facts, RequestFact
from postroom.core.judging import Judgement
from postroom.core.lifecycle import status_after_customer
from postroom.core.model import Direction, Outcome, Phase, Policy, Visibility
from postroom.core.opening import ids_of, learn_sender, message_of, told_by_rules
from postroom.core.threads import Joining, ThreadReason
from postroom.mail.message import Origin

# Only these may change a request; a list passes on what a person wrote.
_TOUCHES = frozenset({Origin.PERSON, Origin.LIST})


def append_mail(
    arrival: Arrival,
    judgement: Judgement,
    facts: Facts,
    policy: Policy,
    now: datetime,
) -> Decision:
    """Append a mail to the request that its thread verdict names."""
    request = facts.requests[judgement.thread.request_id or 0]
    handler = policy.handler_by_address(arrival.sender)
    # A handler who answers without a token: nobody knows for whom it was meant, so it stays inside.
    is_note = handler is not None and judgement.thread.reason is not ThreadReason.REPLY_TOKEN
    visibility = Visibility.INTERNAL if is_note else Visibility.PUBLIC
    direction = Direction.NOTE if is_note else Direction.IN
    name = handler.name if handler is not None else None
    effects: list[Effect] = []
    if handler is None:
        effects.extend(learn_sender(arrival, facts))
    effects.append(message_of(arrival, judgement, request, visibility, direction, name))
    effects.append(KnowIds(request.id, ids_of(arrival, facts, request.id)))
    if facts.hold_state == "waiting":
        effects.append(EndHold("accepted"))
        if handler is None and arrival.sender and request.participant(arrival.sender) is None:
            effects.append(AddParticipant(request.id, arrival.sender, "cc", "accepted by hand"))
    if judgement.origin in _TOUCHES and not is_note:
        effects.extend(_touch(arrival, request, facts, policy, now))
    about = letters.of_request(request)
    if judgement.origin not in (Origin.AUTO_REPLY, Origin.BOUNCE):
        added = tuple(tag for tag in judgement.routing.actions.tags if tag not in request.tags)
        if added:
            because = judgement.routing.because("tags", "")
            effects.append(SetTags(request.id, added, (), because))
        effects.extend(told_by_rules(arrival, judgement.routing, policy, request, about))
    return Decision(
        actor=arrival.by or name or arrival.actor,
        reason=f"{judgement.thread.reason.value}: {judgement.thread.evidence}".rstrip(": "),
        policy_version=policy.version,
        outcome=Outcome.APPENDED,
        request=request.id,
        effects=tuple(effects),
        versions={request.id: request.version},
        explanation=judgement.explanation(visibility=visibility.value),
    )


def record_bounce(arrival: Arrival, judgement: Judgement, facts: Facts, policy: Policy) -> Decision:
    """A delivery of ours, or somebody's, came back: kept inside, never answered (row 77)."""
    bounce, thread = arrival.mail.bounce, judgement.thread
    diagnostic = "; ".join(
        f"{item.address} {item.status} {item.diagnostic}".strip()
        for item in (bounce.recipients[:10] if bounce is not None else ())
    )
    reason = diagnostic or "no recipient named"
    # RFC 3464 §2.3.3: "delayed" is a warning, the relay still tries.
    has_failed = bounce is None or any(r.action != "delayed" for r in bounce.recipients)
    effects: list[Effect] = [
        RecordBounce(delivery, reason[:500], "bounce")
        for delivery in arrival.bounce_deliveries
        if delivery in facts.deliveries and has_failed
    ]
    request = facts.requests.get(_bounced_request(arrival, judgement, facts) or 0)
    if request is not None:
        effects.append(message_of(arrival, judgement, request, Visibility.INTERNAL, Direction.IN))
        effects.append(KnowIds(request.id, ids_of(arrival, facts, request.id)))
    return Decision(
        actor=arrival.actor,
        reason=reason[:500],
        policy_version=policy.version,
        outcome=Outcome.BOUNCE,
        request=request.id if request is not None else None,
        effects=tuple(effects),
        versions={request.id: request.version} if request is not None else {},
        explanation=judgement.explanation(bounce=diagnostic, thread_request=thread.request_id),
    )


def _bounced_request(arrival: Arrival, judgement: Judgement, facts: Facts) -> int | None:
    """Find the request by token, by the failed mail's Message-ID if that was ours, by thread."""
    if judgement.thread.joining is Joining.JOIN:
        return judgement.thread.request_id
    failed = arrival.mail.bounce.message_id if arrival.mail.bounce is not None else None
    for row in facts.known_ids.get(failed or "", ()):
        if row.kind == "sent" and row.request_id in facts.requests:
            return row.request_id
    return None


def _touch(
    arrival: Arrival, request: RequestFact, facts: Facts, policy: Policy, now: datetime
) -> Iterable[Effect]:
    """A customer's message may reopen or activate, and look for a new owner."""
    status = status_after_customer(request, policy, arrival.mail.fresh, "customer wrote")
    if status is not None:
        yield status
    category = policy.categories.get(request.category)
    if (
        category is not None
        and category.reassign_when_absent
        and request.owner is not None
        and (status.phase if status is not None else request.phase) is Phase.ACTIVE
        and not is_present(facts, request.owner, now)
    ):
        choice = choose_owner(category, policy, facts, now, exclude=request.owner)
        if choice.owner is not None and choice.owner != request.owner:
            if choice.turn is not None:
                yield choice.turn
            because = f"{request.owner} is away: {choice.reason}"
            yield Assign(request.id, request.owner, choice.owner, because)

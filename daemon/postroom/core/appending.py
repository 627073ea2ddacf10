"""A mail joins a request that is there: message, status, owner.

Rows 5, 32, 61-67, 77. Automatic mail is kept and touches nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from postroom.core import letters, notices, participants
from postroom.core.assignment import choose_owner, is_present
from postroom.core.brakes import brake_lost
from postroom.core.effects import (
    AddParticipant,
    AppendMessage,
    Assign,
    Decision,
    Effect,
    EndHold,
    KnowIds,
    QueueMail,
    RecordBounce,
    Reply,
    SetTags,
)
from postroom.core.exposure import exposed
from postroom.core.facts import RequestFact
from postroom.core.judging import Case
from postroom.core.lifecycle import status_after_customer
from postroom.core.model import Direction, Handler, Outcome, Phase, Visibility
from postroom.core.notices import Scene
from postroom.core.opening import forwarded, ids_of, learn_sender, message_of, telling_of_mail
from postroom.core.replies import CONTACT, ReplyVerdict, auto_reply, judge_reply
from postroom.core.tasks import Task
from postroom.core.threads import Joining, ThreadReason
from postroom.mail.message import Origin

# Only these may change a request; a list passes on what a person wrote.
_TOUCHES = frozenset({Origin.PERSON, Origin.LIST})
# What a receipt or a notice of success says, RFC 8098 §3.2.6 and RFC 3464 §2.3.3.
_NO_NEWS = frozenset({"displayed", "deleted", "dispatched", "processed", "denied"}) | frozenset(
    {"delivered", "relayed", "expanded"}
)


def append_mail(case: Case) -> Decision:
    """Append a mail to the request that its thread verdict names.

    What a handler sends here counts as a note: his answers and commands are core.handling's.
    """
    arrival, facts, handler = case.arrival, case.facts, case.handler
    request = facts.requests[case.thread.request_id or 0]
    is_person = case.origin in _TOUCHES
    # A handler who writes to no address of his own: nobody knows for whom that was meant.
    is_lost = handler is not None and is_person and case.thread.role != "s"
    is_internal = handler is not None or case.thread.is_inside or _is_machines_word(case)
    visibility = Visibility.INTERNAL if is_internal else Visibility.PUBLIC
    direction = Direction.NOTE if is_internal and is_person else Direction.IN
    message = message_of(
        case, request, visibility, direction, handler.name if handler is not None else None
    )
    is_heard = is_person and not is_internal
    reply = judge_reply(case) if is_heard and _is_named(case, request) else None
    effects: list[Effect] = [
        *(learn_sender(arrival, facts) if handler is None else ()),
        message,
        KnowIds(request.id, ids_of(arrival, facts, request.id)),
        *(_acknowledged(case, request, reply) if reply is not None else ()),
    ]
    if case.is_held:
        effects.append(EndHold("accepted"))
        # By mail, where From is a claim, a stranger is let in once: to stay takes #cc.
        is_new = handler is None and arrival.sender and not arrival.confirms
        if is_new and request.participant(arrival.sender) is None:
            effects.append(AddParticipant(request.id, arrival.sender, "cc", "accepted by hand"))
    if is_person and case.thread.is_inside:
        effects.extend(exposed(case))
    if is_heard:
        effects.extend(_touch(case, request))
        effects.extend(participants.from_mail(case, request))
    if case.origin is not Origin.AUTO_REPLY and not case.thread.is_inside:
        effects.extend(_ruled(case, request))
    if is_person:
        effects.extend(_told(case, request, message, effects, is_lost=is_lost))
    else:
        effects.extend(_came_back(case, request))
    return case.decided(
        Outcome.APPENDED,
        f"{case.thread.reason.value}: {case.thread.evidence}".rstrip(": "),
        effects,
        request=request,
        actor=arrival.by or message.author.handler or "",
        visibility=visibility.value,
        **({"auto_reply": reply.reason} if reply is not None else {}),
    )


def _is_named(case: Case, request: RequestFact) -> bool:
    """Whether a rule wants to tell the contact of his own mail: that it has arrived."""
    requester = request.requester
    is_his = requester is not None and case.arrival.sender.lower() in requester.addresses
    return is_his and CONTACT in case.actions.notify


def _acknowledged(case: Case, request: RequestFact, reply: ReplyVerdict) -> Iterable[Effect]:
    """Say to the contact that his mail has arrived; not again and again, by the brakes."""
    if reply.template is None:
        return
    about = {**letters.of_nothing(request.subject), "category": request.category}
    letter = auto_reply(case, reply, about, request.language)
    yield from reply.spent
    yield replace(letter, request=request.id, kind="notice")


def _is_machines_word(case: Case) -> bool:
    """Whether a machine answers the envelope sender of ours, perhaps with all that it was sent.

    Mail to people inside may be passed on to an address that we know nothing of.
    """
    return case.thread.reason is ThreadReason.DELIVERY_TOKEN


def _told(
    case: Case,
    request: RequestFact,
    message: AppendMessage,
    effects: Iterable[Effect],
    *,
    is_lost: bool,
) -> Iterable[Effect]:
    """Tell people inside: of a customer's words, of a note; its author if he may have erred."""
    handler = case.handler
    task = Task(request, case.facts, case.policy, case.site, case.now, case.arrival.actor)
    owners = list(notices.of_owners(task, effects))
    for effect in effects:
        task = task.after(effect)
    scene = notices.scene_of_case(case, task.request, letters.of_request(task.request))
    if task.request.requester is not None:  # who writes may be a handler, or somebody else
        scene = replace(scene, contact=letters.of_requester(task.request))
    if message.visibility is Visibility.PUBLIC:
        news = telling_of_mail(case, scene, "message")
        yield from forwarded(case, scene)
    else:
        news = notices.of_note(scene, message)
    alarm = None
    if handler is not None and is_lost:
        braked = brake_lost(case.arrival.sender, case.facts, case.now)
        yield from braked.spent
        if braked.by is not None:
            what = f"{handler.full_name} keeps writing without an answer address"
            alarm = notices.Alarm("lost", f"{what}, and is told of it no more")
    yield from notices.tell([*owners, news], alarm)
    if handler is not None and is_lost and braked.by is None:
        yield _lost(case, scene, handler, message)


def _came_back(case: Case, request: RequestFact) -> Iterable[Effect]:
    """A machine wrote back to an answer, in words that we do not know: it may not have arrived."""
    arrival, mail = case.arrival, case.arrival.mail
    is_answer_known = mail.origin in (Origin.AUTO_REPLY, Origin.REPORT)
    if is_answer_known or arrival.envelope.sender:
        return
    task = Task(request, case.facts, case.policy, case.site, case.now, arrival.actor)
    why = f"a mail server wrote back, and this cannot be read as a notice: {mail.subject[:200]}"
    known = (case.facts.deliveries.get(number) for number in arrival.bounce_deliveries)
    news = (notices.of_undelivered(task, one, why) for one in known if one is not None)
    yield from notices.tell(one for one in news if one is not None)


def _lost(case: Case, scene: Scene, handler: Handler, message: AppendMessage) -> QueueMail:
    """Tell a handler that his mail went to no address of his own."""
    why = {
        "h": "The answer address that you wrote to is valid no more: others have seen it",
        "n": "The address that you wrote to is valid no more: others have seen it",
        "c": "It came to a customer's answer address",
    }.get(case.thread.role, "It came without its answer address")
    reason = f"{why}, so it is kept as an internal note."
    said = {"text": message.fresh, "from_name": handler.full_name}
    news = notices.News("lost", Reply.NOTE, reason, lambda _: said, reason=reason)
    return notices.notice(scene, news, handler)


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
    failed = [
        facts.deliveries[delivery]
        for delivery in arrival.bounce_deliveries
        if delivery in facts.deliveries and has_failed
    ]
    effects: list[Effect] = [RecordBounce(delivery.id, reason, "bounce") for delivery in failed]
    request = facts.requests.get(_bounced_request(case) or 0)
    if request is not None:
        effects.append(message_of(case, request, Visibility.INTERNAL, Direction.IN))
        effects.append(KnowIds(request.id, ids_of(arrival, facts, request.id)))
        task = Task(request, facts, case.policy, case.site, case.now, arrival.actor)
        news = (notices.of_undelivered(task, one, reason) for one in failed)
        effects.extend(notices.tell(one for one in news if one is not None))
    return case.decided(Outcome.BOUNCE, reason, effects, request=request, bounce=diagnostic)


def keep_receipt(case: Case) -> Decision | None:
    """Keep a receipt of a mail of ours inside, in its request, and tell nobody; None if it is no
    receipt, or of a mail that we do not know."""
    bounce = case.arrival.mail.bounce
    actions = {one.action for one in bounce.recipients} if bounce is not None else set()
    request = case.facts.requests.get(_bounced_request(case) or 0)
    if not actions or not actions <= _NO_NEWS or request is None:
        return None
    effects: list[Effect] = [
        message_of(case, request, Visibility.INTERNAL, Direction.IN),
        KnowIds(request.id, ids_of(case.arrival, case.facts, request.id)),
    ]
    reason = f"a receipt of a mail that we sent: {', '.join(sorted(actions))}"
    return case.decided(Outcome.APPENDED, reason, effects, request=request)


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
    """What rules do to a mail that joins a request; their notices are told with the others."""
    added = tuple(tag for tag in case.actions.tags if tag not in request.tags)
    if added:
        yield SetTags(request.id, added, (), case.routing.because("tags", ""))

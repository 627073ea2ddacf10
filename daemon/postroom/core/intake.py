"""What to do about a mail that arrived: the one decision behind pipeline, explain and back-test.

The way of a decision: was it here before → what wrote it → is it from whom it says → which request
→ rules → and then one of the outcomes. No I/O, no clock; every branch names its reason.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from postroom.core.appending import append_mail, record_bounce
from postroom.core.brakes import brake_request
from postroom.core.effects import Decision, Effect, EndHold, HoldMail, NoteMailbox
from postroom.core.facts import Arrival, Facts, RequestFact, SameMail, Wish
from postroom.core.judging import Judgement, judge
from postroom.core.letters import letter_to_handler
from postroom.core.model import Outcome, Policy, Site, Verdict
from postroom.core.opening import open_request
from postroom.core.threads import Joining, ThreadReason
from postroom.core.worktime import due_at
from postroom.mail.message import Origin

# DESIGN section 11: without a Message-ID, the same content and envelope sender is a copy for so long.
SAME_WITHIN = timedelta(hours=1)

# DESIGN section 6: these open no request by default.
OPENS_NONE = frozenset({Origin.BOUNCE, Origin.AUTO_REPLY, Origin.LOOP})


def decide_mail(
    arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Decide about one mail. Total: every mail gets exactly one outcome."""
    if arrival.wish is Wish.NONE:
        same = find_same(arrival, facts, site)
        if same is not None:
            return _duplicate(arrival, same, facts, policy)
    judgement = judge(arrival, facts, policy, site, now)
    actions, thread = judgement.routing.actions, judgement.thread
    if judgement.origin is Origin.BOUNCE and arrival.wish is not Wish.TAKE_IN:
        return record_bounce(arrival, judgement, facts, policy)
    if actions.ignore and arrival.wish is not Wish.ACCEPT:
        reason = judgement.routing.because("ignore", "ignored")
        is_held = facts.hold_state == "waiting"
        return _ended(
            arrival, judgement, policy, Outcome.IGNORED, f"ignored by {reason}", is_held=is_held
        )
    if judgement.origin in OPENS_NONE and arrival.wish is not Wish.TAKE_IN:
        return _automatic(arrival, judgement, facts, policy, now)
    if actions.hold and arrival.wish is Wish.NONE and thread.joining is Joining.NEW:
        words = actions.hold if isinstance(actions.hold, str) else "a rule holds such mail"
        return _hold(arrival, judgement, facts, policy, site, now, words)
    if thread.joining is Joining.HOLD:
        why = f"the sender is no participant of the request ({thread.evidence})"
        return _hold(arrival, judgement, facts, policy, site, now, why)
    if thread.joining is Joining.JOIN:
        if _is_forged_handler(arrival, judgement, policy, site):
            why = "claims to be from a handler, and is not proven to be"
            return _hold(arrival, judgement, facts, policy, site, now, why, may_open=False)
        return append_mail(arrival, judgement, facts, policy, now)
    if arrival.wish is Wish.NONE:
        braked = brake_request(arrival.sender, site.brakes, facts, now)
        if braked.by is not None:
            why = "more new requests from this address than the intake brake lets through"
            return _hold(arrival, judgement, facts, policy, site, now, why)
        return open_request(arrival, judgement, facts, policy, site, now, braked.spent)
    return open_request(arrival, judgement, facts, policy, site, now, ())


def refuse_mail(
    arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime, actor: str
) -> Decision:
    """Decide that a held mail is not wanted; it stays in the journal."""
    return Decision(
        actor=actor,
        reason=f"refused by {actor}",
        policy_version=policy.version,
        outcome=Outcome.IGNORED,
        request=facts.hold_request,
        effects=(EndHold("refused"),),
        explanation=judge(arrival, facts, policy, site, now).explanation(refused_by=actor),
    )


def find_same(arrival: Arrival, facts: Facts, site: Site) -> SameMail | None:
    """Return the earlier copy of a mail: same Message-ID *and* same content (DESIGN section 11)."""
    for same in facts.same:
        if same.content_hash != arrival.mail.content_hash or same.outcome == Outcome.QUARANTINED:
            continue
        # What the rules ignored for one mailbox may be wanted in another.
        is_shared = site.same_mail == "join" and same.outcome != Outcome.IGNORED
        if same.mailbox != arrival.mailbox.name and not is_shared:
            continue
        if arrival.mail.message_id is not None and same.message_id == arrival.mail.message_id:
            return same
        if (
            arrival.mail.message_id is None
            and same.message_id is None
            and same.sender == arrival.envelope.sender
            and abs(arrival.envelope.received_at - same.received_at) <= SAME_WITHIN
        ):
            return same
    return None


def _duplicate(arrival: Arrival, same: SameMail, facts: Facts, policy: Policy) -> Decision:
    effects: tuple[Effect, ...] = ()
    reason = f"the same mail as journal {same.journal_id}"
    if same.mailbox != arrival.mailbox.name and same.request_id is not None:
        reason = f"a copy for mailbox {arrival.mailbox.name} of journal {same.journal_id}"
        request = facts.requests.get(same.request_id)
        is_held = same.outcome == Outcome.HELD  # it may not belong there at all
        if (
            request is not None
            and not is_held
            and arrival.mailbox.name
            not in (
                request.mailbox,
                *request.mailboxes,
            )
        ):
            effects = (NoteMailbox(request.id, arrival.mailbox.name, reason),)
    return Decision(
        actor=arrival.actor,
        reason=reason,
        policy_version=policy.version,
        outcome=Outcome.DUPLICATE,
        request=same.request_id,
        effects=effects,
        explanation={"same_as": same.journal_id, "origin": arrival.mail.origin.value},
    )


def _automatic(
    arrival: Arrival,
    judgement: Judgement,
    facts: Facts,
    policy: Policy,
    now: datetime,
) -> Decision:
    """Automatic mail joins its request without touching it, or is only journalled."""
    thread = judgement.thread
    is_ours = thread.reason not in (ThreadReason.NO_EVIDENCE, ThreadReason.STRANGER)
    if judgement.origin is Origin.AUTO_REPLY and is_ours and thread.request_id is not None:
        return append_mail(arrival, judgement, facts, policy, now)
    reason = f"{judgement.origin.value} mail opens no request ({', '.join(judgement.evidence)})"
    is_held = facts.hold_state == "waiting"
    return _ended(arrival, judgement, policy, Outcome.IGNORED, reason, is_held=is_held)


def _ended(
    arrival: Arrival,
    judgement: Judgement,
    policy: Policy,
    outcome: Outcome,
    reason: str,
    *,
    is_held: bool,
) -> Decision:
    return Decision(
        actor=arrival.actor,
        reason=reason,
        policy_version=policy.version,
        outcome=outcome,
        effects=(EndHold("refused"),) if is_held else (),
        explanation=judgement.explanation(),
    )


def _is_forged_handler(arrival: Arrival, judgement: Judgement, policy: Policy, site: Site) -> bool:
    if policy.handler_by_address(arrival.sender) is None or arrival.wish is Wish.ACCEPT:
        return False
    if judgement.verdict is Verdict.FAIL:
        return True
    return site.handlers_verdict == "pass" and judgement.verdict is not Verdict.PASS


def _hold(
    arrival: Arrival,
    judgement: Judgement,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    why: str,
    *,
    may_open: bool = True,
) -> Decision:
    """Keep the mail for a human; tell whoever is responsible."""
    request = facts.requests.get(judgement.thread.request_id or 0)
    responsible = _responsible(arrival, request, policy)
    calendar = policy.calendars[policy.default_priority().calendar]
    until = due_at(now, site.hold_for, calendar) if may_open else None
    request_id = request.id if request is not None else None
    effects: list[Effect] = [HoldMail(request_id, until, why, responsible)]
    if responsible is not None:
        to = policy.handlers[responsible]
        effects.append(letter_to_handler(arrival, policy, to, request, "held", why))
    return Decision(
        actor=arrival.actor,
        reason=why,
        policy_version=policy.version,
        outcome=Outcome.HELD,
        request=request_id,
        effects=tuple(effects),
        explanation=judgement.explanation(hold=why, responsible=responsible),
    )


def _responsible(arrival: Arrival, request: RequestFact | None, policy: Policy) -> str | None:
    """Return the request's owner, else the category's administrator, else any administrator."""
    category = policy.categories.get(request.category if request else arrival.mailbox.category)
    candidates = (
        request.owner if request is not None else None,
        category.administrator if category is not None else None,
        *(handler.name for handler in policy.handlers.values() if handler.administrator),
    )
    return next((name for name in candidates if name in policy.handlers), None)

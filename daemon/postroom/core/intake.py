"""What to do about a mail that arrived: the one decision behind pipeline, explain and back-test.

The way of a decision: was it here before → what wrote it → is it from whom it says → which request
→ rules → and then one of the outcomes. No I/O, no clock; every branch names its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from postroom.core import endings, letters, notices
from postroom.core.appending import append_mail, keep_receipt, record_bounce
from postroom.core.brakes import TOO_MANY, brake_error, brake_notice, brake_request
from postroom.core.effects import (
    AppendMessage,
    Decision,
    Effect,
    EndHold,
    HoldMail,
    NoteMailbox,
    QueueMail,
    Reply,
    RunHook,
    SpendBrake,
)
from postroom.core.exposure import exposed
from postroom.core.facts import AppliedFact, Arrival, Facts, RequestFact, SameMail, Wish
from postroom.core.handling import handle_hold, handle_mail
from postroom.core.judging import Case, judge
from postroom.core.model import Handler, Outcome, Policy, Verdict
from postroom.core.notices import News
from postroom.core.opening import open_request
from postroom.core.site import Site
from postroom.core.threads import Joining, ThreadReason
from postroom.core.timing import follow
from postroom.core.worktime import due_at
from postroom.mail.message import Origin

# DESIGN section 11: without a Message-ID, same content and envelope sender make a copy so long.
SAME_WITHIN = timedelta(hours=1)

# DESIGN section 6: these open no request by default.
OPENS_NONE = frozenset({Origin.BOUNCE, Origin.AUTO_REPLY, Origin.LOOP})


def decide_mail(
    arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Decide about one mail. Total: every mail gets exactly one outcome."""
    if facts.fetched_before is not None:
        return _fetched_again(arrival, facts.fetched_before, policy)
    learned = endings.learn(arrival, facts, policy)
    arrival = learned.arrival
    decision = endings.remember(_decide(arrival, facts, policy, site, now), learned)
    if arrival.envelope.is_import:
        return _quiet(decision)
    decision = follow(decision, facts, policy, now)
    if not arrival.confirms:
        return decision
    case = judge(arrival, facts, policy, site, now)
    confirmed = tuple(_confirmed(case, f"accepted: {decision.reason}"))
    return replace(decision, effects=(*decision.effects, *confirmed))


def _decide(arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime) -> Decision:
    if arrival.wish is Wish.NONE and (same := find_same(arrival, facts, site)) is not None:
        return _duplicate(arrival, same, facts, policy)
    case = judge(arrival, facts, policy, site, now)
    if arrival.wish is not Wish.TAKE_IN and (told := _told_of_ours(case)) is not None:
        return told
    is_person = case.origin is Origin.PERSON
    # Automatic mail to an address of people inside is an internal event, whatever it says.
    if case.thread.is_inside and not is_person and case.origin is not Origin.LOOP:
        return append_mail(case)
    is_ruled = not case.thread.is_inside
    if case.actions.ignore and arrival.wish is not Wish.ACCEPT and is_ruled:
        return _ignored(case, f"ignored by {case.routing.because('ignore', 'nobody')}")
    if case.origin in OPENS_NONE and arrival.wish is not Wish.TAKE_IN:
        return _automatic(case)
    if (handler := _forged_handler(case)) is not None:
        why = f"it claims to be from {handler.name}, and is not proven to be"
        return _hold(case, why, victim=handler)
    if _is_forged_member(case):
        return _hold(case, "its domain says that it is forged, and it has no token")
    if facts.named_hold is not None and case.handler is not None and is_person:
        return handle_hold(case, facts.named_hold)
    match case.thread.joining:
        case Joining.HOLD:
            return _hold(case, _why_held(case))
        case Joining.JOIN:
            is_own = case.handler is not None and case.thread.named is not None and is_person
            # What he wanted then was done then, or not: an old answer is a note, as are commands.
            is_own = is_own and not arrival.envelope.is_import
            return handle_mail(case) if is_own else append_mail(case)
        case Joining.NEW:
            return _new(case)


def _told_of_ours(case: Case) -> Decision | None:
    """Decide about what others say of mail that we sent: that it failed, or was read."""
    match case.origin:
        case Origin.BOUNCE:
            return record_bounce(case)
        case Origin.REPORT:
            return keep_receipt(case)
        case _:
            return None


def _quiet(decision: Decision) -> Decision:
    """Keep old mail without a word to anybody, without a clock that starts now, and without taking
    its author for present."""
    loud = QueueMail | RunHook | SpendBrake
    kept = (one for one in decision.effects if not isinstance(one, loud))
    old = (replace(one, is_old=True) if isinstance(one, AppendMessage) else one for one in kept)
    return replace(decision, effects=tuple(old), seen=None)


def refuse_mail(
    arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime, actor: str
) -> Decision:
    """Decide that a held mail is not wanted; it stays in the journal."""
    case = judge(arrival, facts, policy, site, now)
    request = facts.requests.get(facts.hold_request or 0)
    return case.decided(
        Outcome.IGNORED,
        f"refused by {actor}",
        (EndHold("refused"), *_confirmed(case, "refused")),
        request=request,
        actor=actor,
        refused_by=actor,
    )


def find_same(arrival: Arrival, facts: Facts, site: Site) -> SameMail | None:
    """Return the earlier copy of a mail: same Message-ID *and* same content (DESIGN section 11)."""
    for same in facts.same:
        if same.content_hash != arrival.mail.content_hash or not _is_kept(same, arrival, facts):
            continue
        if same.mailbox != arrival.mailbox.name and site.same_mail != "join":
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


def _is_kept(same: SameMail, arrival: Arrival, facts: Facts) -> bool:
    """Whether what became of the earlier copy may stand for this one.

    Anybody who saw a mail may send a copy first, with headers that get it ignored or held, or with
    a reply address that leads it into a request of his own: such a copy must not swallow the mail.
    """
    if same.outcome == Outcome.BOUNCE:
        return arrival.mail.origin is Origin.BOUNCE
    if same.outcome in (Outcome.QUARANTINED, Outcome.IGNORED, Outcome.HELD):
        return False
    request = facts.requests.get(same.request_id or 0)
    named = {token.object_id for token in arrival.tokens}
    if request is None or not arrival.sender or request.id in named:
        return True
    return request.participant(arrival.sender) is not None


def _duplicate(arrival: Arrival, same: SameMail, facts: Facts, policy: Policy) -> Decision:
    effects: tuple[Effect, ...] = ()
    reason = f"the same mail as journal {same.journal_id}"
    if same.mailbox != arrival.mailbox.name and same.request_id is not None:
        reason = f"a copy for mailbox {arrival.mailbox.name} of journal {same.journal_id}"
        request = facts.requests.get(same.request_id)
        is_held = same.outcome == Outcome.HELD  # it may not belong there at all
        noted = (request.mailbox, *request.mailboxes) if request is not None else ()
        if request is not None and not is_held and arrival.mailbox.name not in noted:
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


def _fetched_again(arrival: Arrival, before: AppliedFact, policy: Policy) -> Decision:
    return Decision(
        actor=arrival.actor,
        reason=f"was fetched before, as journal {before.journal_id}",
        policy_version=policy.version,
        outcome=Outcome.DUPLICATE,
        request=before.request_id,
        explanation={"same_as": before.journal_id, "origin": arrival.mail.origin.value},
    )


def _new(case: Case) -> Decision:
    """A new matter, unless a rule or the intake brake wants a human to look first."""
    if case.arrival.wish is not Wish.NONE:
        return open_request(case, ())
    if case.actions.hold:
        is_said = isinstance(case.actions.hold, str)
        return _hold(case, str(case.actions.hold) if is_said else "a rule holds such mail")
    if case.arrival.envelope.is_import:  # years of one customer at once are no flood
        return open_request(case, ())
    braked = brake_request(case.arrival.sender, case.site.brakes, case.facts, case.now)
    if braked.by is not None:
        return _hold(case, TOO_MANY)
    return open_request(case, braked.spent)


def _automatic(case: Case) -> Decision:
    """Automatic mail joins its request without touching it, or is only journalled."""
    thread = case.thread
    is_ours = thread.reason not in (ThreadReason.NO_EVIDENCE, ThreadReason.STRANGER)
    if case.origin is Origin.AUTO_REPLY and is_ours and thread.request_id is not None:
        return append_mail(case)
    evidence = ", ".join(case.evidence)
    return _ignored(case, f"{case.origin.value} mail opens no request ({evidence})")


def _ignored(case: Case, reason: str) -> Decision:
    return case.decided(Outcome.IGNORED, reason, (EndHold("refused"),) if case.is_held else ())


def _why_held(case: Case) -> str:
    if case.thread.reason is ThreadReason.REPLY_TOKEN:
        return "came to a handler's answer address, from somebody who is no handler"
    return f"the sender is no participant of the request ({case.thread.evidence})"


def _is_forged_member(case: Case) -> bool:
    """Whether a mail speaks in a participant's name, found only by what others may know, too."""
    found = (ThreadReason.REFERENCES, ThreadReason.LATE_BRANCH, ThreadReason.SUBJECT_TAG)
    is_fresh = case.arrival.wish is Wish.NONE
    return is_fresh and case.verdict is Verdict.FAIL and case.thread.reason in found


def _forged_handler(case: Case) -> Handler | None:
    """Return the handler whose name a mail uses without being proven to be his."""
    handler = case.handler
    is_strict = case.site.handlers_verdict == "pass" and case.verdict is not Verdict.PASS
    if handler is None or case.arrival.wish is not Wish.NONE:
        return None
    return handler if is_strict or case.verdict is Verdict.FAIL else None


def _hold(case: Case, why: str, *, victim: Handler | None = None) -> Decision:
    """Keep the mail for a human; tell whoever is responsible, and whose name was used.

    A mail in a handler's name (`victim`) never opens by itself.
    """
    policy = case.policy
    request = case.facts.requests.get(case.thread.request_id or 0)
    responsible = _responsible(case.arrival, request, policy)
    calendar = policy.calendars[policy.default_priority().calendar]
    until = due_at(case.now, case.site.hold_for, calendar) if victim is None else None
    request_id = request.id if request is not None else None
    effects: list[Effect] = [HoldMail(request_id, until, why, responsible)]
    if case.thread.is_inside:
        effects.extend(exposed(case))
    told = brake_notice(case.facts, case.now)
    effects.extend(told.spent)
    people: list[str | Handler | None] = [responsible] if told.by is None else []
    if victim is not None:  # it never opens by itself: he has a brake of his own
        own = brake_error(case.arrival.sender, case.facts, case.now)
        effects.extend(own.spent)
        people += [victim] if own.by is None else []
    effects.extend(_told_of_hold(case, request, why, people))
    if told.by is not None:
        what = "more mail is held than is told of: see `postroom hold list`"
        effects.extend(notices.alert(_scene(case, request), notices.Alarm("held", what)))
    return case.decided(
        Outcome.HELD,
        why,
        effects,
        request=request,
        hold=why,
        responsible=responsible,
        is_told=told.by is None,
    )


def _told_of_hold(
    case: Case, request: RequestFact | None, why: str, people: Iterable[str | Handler | None]
) -> Iterator[Effect]:
    """Tell people of a held mail; by a reply they let it in or turn it away."""
    policy = case.policy
    handlers = [policy.handlers[one] if isinstance(one, str) else one for one in people if one]
    scene = _scene(case, request)
    news = News(
        "held",
        Reply.HOLD,
        why,
        lambda zone: letters.of_mail(case.arrival, zone, case.verdict.value),
        reason=why,
    )
    for handler in dict.fromkeys(handlers):
        yield notices.notice(scene, news, handler)


def _scene(case: Case, request: RequestFact | None) -> notices.Scene:
    subject = case.arrival.mail.subject
    about = letters.of_request(request) if request is not None else letters.of_nothing(subject)
    return notices.scene_of_case(case, request, about)


def _confirmed(case: Case, what: str) -> Iterator[Effect]:
    """Tell the handler who asked for it by mail what became of a held mail."""
    handler = case.policy.handlers.get(case.arrival.by)
    if handler is None or not case.arrival.confirms:
        return
    subject = case.arrival.mail.subject
    said = f"The mail of {case.arrival.sender or 'nobody'}, {subject!r}, was {what}."
    scene = _scene(case, case.facts.requests.get(case.facts.hold_request or 0))
    news = News("command-result", Reply.NOTE, what, lambda _: {"text": said}, kind="command-result")
    yield notices.notice(scene, news, handler)


def _responsible(arrival: Arrival, request: RequestFact | None, policy: Policy) -> str | None:
    """Return the request's owner, else the category's administrator, else any administrator."""
    category = policy.categories.get(request.category if request else arrival.mailbox.category)
    candidates = (
        request.owner if request is not None else None,
        category.administrator if category is not None else None,
        *(handler.name for handler in policy.handlers.values() if handler.administrator),
    )
    return next((name for name in candidates if name in policy.handlers), None)

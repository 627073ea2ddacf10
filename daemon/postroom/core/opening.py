"""A mail becomes a new request: its properties, its owner, its automatic reply.

Rows 4, 25-36, 38, 58, 65-76. Every property says where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from postroom.core import letters, notices, participants, pictures
from postroom.core.assignment import Choice, choose_owner
from postroom.core.effects import (
    AddParticipant,
    AppendMessage,
    Author,
    Decision,
    Effect,
    EndHold,
    KnowIds,
    LearnContact,
    LinkRequests,
    OpenRequest,
    QueueMail,
    Reply,
    RunHook,
    SpendBrake,
)
from postroom.core.facts import Arrival, Facts, RequestFact, Wish
from postroom.core.judging import Case
from postroom.core.lifecycle import initial_status
from postroom.core.model import (
    Category,
    Direction,
    Handler,
    Outcome,
    Phase,
    Policy,
    Priority,
    RequestType,
    Status,
    Visibility,
)
from postroom.core.notices import News, Scene, Telling
from postroom.core.people import people_named
from postroom.core.replies import ReplyVerdict, auto_reply, judge_reply
from postroom.core.routing import Routing
from postroom.core.threads import ThreadReason, ThreadVerdict, referenced_ids

# So many requests one Message-ID may lead to.
ID_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties of a new request, each with where it comes from in `because`."""

    type: RequestType
    category: Category
    priority: Priority
    status: Status
    subject: str
    language: str
    because: dict[str, str]


def open_request(case: Case, spent: tuple[SpendBrake, ...]) -> Decision:
    """Open a request for a mail; `spent` is what the intake brake takes for it."""
    arrival, facts = case.arrival, case.facts
    shape = shape_request(arrival, case.routing, facts, case.policy)
    choice = _owner(case, shape)
    reply = judge_reply(case)
    reason = _reason(case.thread)
    about = _about(shape, choice)
    effects: list[Effect] = [
        *learn_sender(arrival, facts),
        _opened(case, shape, choice, reply, reason),
        message_of(case, None, Visibility.PUBLIC, Direction.IN),
        KnowIds(None, ids_of(arrival, facts, None)),
        *_links(case),
        *((choice.turn,) if choice.turn is not None else ()),
        *spent,
        *reply.spent,
    ]
    if arrival.sender:
        effects.append(AddParticipant(None, arrival.sender, "requester", reason))
    if reply.template is not None:
        letter = auto_reply(case, reply, about, shape.language)
        effects.append(replace(letter, because="a new request by mail"))
    effects.extend(participants.from_mail(case, None))
    effects.extend(_news(case, about, choice, reply))
    if case.actions.run is not None:
        effects.append(RunHook(None, case.actions.run, "rule", case.routing.because("run", "")))
    if case.is_held:
        effects.append(EndHold("opened" if arrival.wish is Wish.OPEN else "accepted"))
    return case.decided(
        Outcome.OPENED,
        reason,
        effects,
        properties=shape.because,
        values=about | {"type": shape.type.name, "tags": " ".join(case.actions.tags)},
        owner=choice.owner,
        owner_reason=choice.reason,
        passed_over=dict(choice.passed_over),
        auto_reply=reply.reason,
    )


def shape_request(arrival: Arrival, routing: Routing, facts: Facts, policy: Policy) -> Shape:
    """Resolve type, category, priority and status of a new request (rows 4, 38, 58, 90)."""
    actions, mailbox, because = routing.actions, arrival.mailbox, dict[str, str]()
    category = policy.categories.get(actions.category or "") or policy.categories[mailbox.category]
    because["category"] = routing.because("category", f"mailbox {mailbox.name}")
    kind = policy.types.get(actions.type or mailbox.type or "") or policy.default_type()
    because["type"] = routing.because("type", f"mailbox {mailbox.name}")
    missing = [name for name in kind.requires if name not in routing.extracted]
    if missing:
        because["type"] += f"; {kind.name} needs {', '.join(missing)}, so the default type"
        kind = policy.default_type()
    priority, because["priority"] = _priority(arrival, routing, facts, policy, category, kind)
    status = initial_status(policy, kind.name, category, actions.status)
    workflow = policy.workflow_of(kind.name)
    # A strict workflow is closed by saying how (approved, rejected …), never by a rule.
    if actions.close and workflow.free and status.phase is not Phase.CLOSED:
        closed = workflow.first_in(Phase.CLOSED)
        status = workflow.statuses[closed] if closed is not None else status
        because["status"] = routing.because("close", "closed")
    else:
        because["status"] = routing.because("status", f"initial of {category.path}")
    for name in ("subject", "language", "tags"):
        if name in routing.by:
            because[name] = routing.because(name, "")
    subject = (actions.subject or arrival.mail.subject).strip() or "(no subject)"
    language = actions.language or (facts.contact.language if facts.contact else None)
    language = language or arrival.mail.language.partition("-")[0] or mailbox.language
    return Shape(kind, category, priority, status, subject[:500], language, because)


def _priority(
    arrival: Arrival,
    routing: Routing,
    facts: Facts,
    policy: Policy,
    category: Category,
    kind: RequestType,
) -> tuple[Priority, str]:
    """Strongest first: rule, contact, company, mailbox, category, default (row 38)."""
    contact, company = facts.contact, facts.company
    candidates = (
        (routing.actions.priority, routing.because("priority", "")),
        (contact.priority if contact else None, "the contact's"),
        (contact.company_priority if contact else None, "the company's"),
        (company.priority if company else None, "the company's"),
        (arrival.mailbox.priority, f"mailbox {arrival.mailbox.name}"),
        (category.priority, f"category {category.path}"),
        (policy.default_priority().name, "the default"),
    )
    for name, why in candidates:
        is_legal = not kind.priorities or name in kind.priorities
        if name is not None and name in policy.priorities and is_legal:
            return policy.priorities[name], why
    return policy.priorities[kind.priorities[0]], f"the first that {kind.name} allows"


def _owner(case: Case, shape: Shape) -> Choice:
    wanted = case.actions.owner
    if wanted is None or wanted == "auto":
        return choose_owner(shape.category, case.policy, case.facts, case.now)
    return Choice(wanted if wanted != "none" else None, case.routing.because("owner", ""))


def _reason(thread: ThreadVerdict) -> str:
    if thread.request_id is None:
        return "a new matter"
    words = {
        ThreadReason.TOO_LATE: "was closed too long ago",
        ThreadReason.NO_REOPEN: "is closed for good",
        ThreadReason.DELETED: "was deleted",
        ThreadReason.HOLD_OVER: "may have been meant, and nobody said so in time",
    }
    return f"request {thread.request_id} {words.get(thread.reason, thread.reason.value)}"


def _opened(
    case: Case, shape: Shape, choice: Choice, reply: ReplyVerdict, reason: str
) -> OpenRequest:
    contact, company = case.facts.contact, case.facts.company
    company_id = contact.company_id if contact is not None else None
    if company_id is None and company is not None:
        company_id = company.id
    return OpenRequest(
        type=shape.type.name,
        subject=shape.subject,
        mailbox=case.arrival.mailbox.name,
        category=shape.category.path,
        priority=shape.priority.name,
        status=shape.status.name,
        phase=shape.status.phase,
        language=shape.language,
        requester=case.arrival.sender or None,
        because=reason,
        owner=choice.owner,
        owner_because=case.routing.because("owner", choice.reason),
        auto_reply=reply.reason,
        tags=case.actions.tags,
        extracted=dict(case.routing.extracted),
        company_id=company_id,
    )


def learn_sender(arrival: Arrival, facts: Facts) -> Iterable[LearnContact]:
    """Make a contact of a sender that has none; his domain may lead to a company.

    Whom others named in Cc before has no name yet: this is his own.
    """
    name = arrival.mail.from_.name if arrival.mail.from_ is not None else ""
    known = facts.contact
    if known is not None and name and not known.name:
        return (LearnContact(arrival.sender, name[:200], may_exist=True),)
    if known is not None or not arrival.sender:
        return ()
    company = facts.company.id if facts.company is not None else None
    return (LearnContact(arrival.sender, name[:200], company, None),)


def message_of(
    case: Case,
    request: RequestFact | None,
    visibility: Visibility,
    direction: Direction,
    handler: str | None = None,
) -> AppendMessage:
    """Return the mail as a message of a request."""
    arrival, mail = case.arrival, case.arrival.mail
    return AppendMessage(
        request=request.id if request is not None else None,
        direction=direction,
        visibility=visibility,
        author=Author(mail.from_.name if mail.from_ else "", arrival.sender, handler),
        to=tuple(item.address for item in (*mail.to, *mail.cc)) or arrival.envelope.recipients,
        subject=mail.subject,
        text=mail.text,
        fresh=mail.fresh,
        message_id=mail.message_id,
        references=mail.references,
        at=arrival.envelope.received_at,
        origin=case.origin.value,
        verdict=case.verdict.value,
        because=f"{case.thread.reason.value} {case.thread.evidence}".strip(),
        attachments=mail.attachments,
        thread_index=mail.header("Thread-Index")[:1_000],
    )


def ids_of(
    arrival: Arrival, facts: Facts, request_id: int | None
) -> tuple[tuple[str, int, str], ...]:
    """Return the Message-IDs that this mail makes known: its own, and those nobody knew."""
    ids: list[tuple[str, int, str]] = []
    own = arrival.mail.message_id
    known = facts.known_ids.get(own or "", ())
    # Devices with a constant Message-ID: past so many requests it is evidence for none.
    is_there = any(row.request_id == request_id and row.kind == "received" for row in known)
    if own is not None and len(known) < ID_REQUESTS and not is_there:
        ids.append((own, len(known), "received"))
    ids += [
        (message_id, 0, "referenced")
        for message_id in referenced_ids(arrival)
        if message_id != own and not facts.known_ids.get(message_id)
    ]
    return tuple(ids)


def _links(case: Case) -> Iterable[LinkRequests]:
    arrival, linked = case.arrival, dict[int, LinkRequests]()
    if (other := case.thread.request_id) is not None:
        linked[other] = LinkRequests(None, other, "continues", case.thread.reason.value)
    for same in case.facts.same:
        is_copy = (
            same.message_id == arrival.mail.message_id
            and same.content_hash == arrival.mail.content_hash
        )
        if is_copy and same.mailbox != arrival.mailbox.name and same.request_id is not None:
            why = f"the same mail came to {same.mailbox}"
            linked.setdefault(same.request_id, LinkRequests(None, same.request_id, "twin", why))
    return linked.values()


def _about(shape: Shape, choice: Choice) -> dict[str, str]:
    return {
        "subject": shape.subject,
        "status": shape.status.name,
        "priority": shape.priority.name,
        "category": shape.category.path,
        "owner": choice.owner or "",
    }


def _news(
    case: Case, about: dict[str, str], choice: Choice, reply: ReplyVerdict
) -> Iterable[Effect]:
    """Tell the owner and whoever else is to hear of new requests, and of a flood."""
    scene = notices.scene_of_case(case, None, about)
    everybody = telling_of_mail(case, scene, "new")
    owner = tuple(one for one in everybody.handlers if one.name == choice.owner)
    why = replace(everybody.news, reason=choice.reason)
    flood = "automatic replies have stopped: so many would have been sent that a brake closed"
    tellings = [Telling(scene, why, owner), everybody]
    alarm = notices.Alarm("flood", flood) if reply.is_flood else None
    yield from notices.tell(tellings, alarm)
    yield from forwarded(case, scene)


def telling_of_mail(case: Case, scene: Scene, event: str) -> Telling:
    """Tell people inside of a customer's mail: the owner, the category's, and whom rules name."""
    category, is_new = scene.category, event == "new"
    owner = str(scene.about["owner"])
    named = people_named(case.actions.notify, owner, category, case.policy)
    handlers = [*notices.readers(scene, event), *(one for one in named if isinstance(one, Handler))]
    others = [*(category.notify if category is not None and is_new else ())]
    others += [one for one in named if isinstance(one, str)]
    news = News(
        event,
        Reply.ANSWER,
        case.routing.because("notify", "a new request" if is_new else "a new message"),
        lambda zone: letters.of_mail(case.arrival, zone, case.verdict.value),
        attachments=case.arrival.mail.attachments,
        pictures=pictures.in_notice(case.arrival.mail),
    )
    return Telling(scene, news, tuple(handlers), tuple(others))


def forwarded(case: Case, scene: Scene) -> Iterable[QueueMail]:
    """Pass a mail on, as a rule says."""
    if case.actions.forward_to:
        yield _forwarded(case, scene)


def _forwarded(case: Case, scene: Scene) -> QueueMail:
    """Pass a mail on, as a rule says; what is answered to it stays inside."""
    arrival, because = case.arrival, case.routing.because("forward_to", "forward_to")
    return QueueMail(
        request=scene.request.id if scene.request is not None else None,
        kind="notice",
        mailbox=arrival.mailbox.name,
        recipients=case.actions.forward_to,
        template="forward",
        language=arrival.mailbox.language,
        variables=letters.variables(
            arrival.mailbox,
            scene.about,
            letters.of_sender(arrival),
            message=letters.of_mail(arrival),
            reason=because,
            extracted=case.routing.extracted,
        ),
        from_name=arrival.mailbox.from_name,
        because=because,
        subject=arrival.mail.subject,
        reply=Reply.SIDE,
        attachments=("0",),
    )

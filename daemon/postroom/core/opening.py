"""A mail becomes a new request: its properties, its owner, its automatic reply.

Rows 4, 25-36, 38, 58, 65-76. Every property says where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from postroom.core import letters
from postroom.core.assignment import Choice, choose_owner
from postroom.core.brakes import brake_answer
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
    SpendBrake,
)
from postroom.core.facts import Arrival, Facts, RequestFact, Wish
from postroom.core.judging import Judgement
from postroom.core.lifecycle import initial_status
from postroom.core.model import (
    Category,
    Direction,
    Outcome,
    Phase,
    Policy,
    Priority,
    RequestType,
    Site,
    Status,
    Visibility,
)
from postroom.core.replies import ReplyVerdict, judge_auto_reply
from postroom.core.routing import Routing
from postroom.core.threads import ThreadReason, referenced_ids


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


def open_request(
    arrival: Arrival,
    judgement: Judgement,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    spent: tuple[SpendBrake, ...],
) -> Decision:
    """Open a request for a mail."""
    shape = shape_request(arrival, judgement.routing, facts, policy)
    choice = _owner(shape, judgement.routing, facts, policy, now)
    reply = _reply(arrival, judgement, facts, site, now)
    reason = _reason(judgement)
    effects: list[Effect] = [*learn_sender(arrival, facts)]
    effects.append(_opened(arrival, shape, judgement.routing, choice, reply, facts, reason))
    if arrival.sender:
        effects.append(AddParticipant(None, arrival.sender, "requester", reason))
    effects.append(message_of(arrival, judgement, None, Visibility.PUBLIC, Direction.IN))
    effects.append(KnowIds(None, ids_of(arrival, facts, None)))
    effects.extend(_links(arrival, judgement, facts))
    if choice.turn is not None:
        effects.append(choice.turn)
    effects.extend((*spent, *reply.spent))
    about = _about(shape, choice)
    if reply.template is not None:
        effects.append(_auto_reply(arrival, shape, policy, about, reply))
    effects.extend(told_by_rules(arrival, judgement.routing, policy, None, about))
    if facts.hold_state == "waiting":
        effects.append(EndHold("opened" if arrival.wish is Wish.OPEN else "accepted"))
    return Decision(
        actor=arrival.actor,
        reason=reason,
        policy_version=policy.version,
        outcome=Outcome.OPENED,
        effects=tuple(effects),
        explanation=judgement.explanation(
            properties=shape.because,
            owner=choice.owner,
            owner_reason=choice.reason,
            passed_over=dict(choice.passed_over),
            auto_reply=reply.reason,
        ),
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
    if actions.close and status.phase is not Phase.CLOSED:
        workflow = policy.workflow_of(kind.name)
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


def _owner(shape: Shape, routing: Routing, facts: Facts, policy: Policy, now: datetime) -> Choice:
    wanted = routing.actions.owner
    if wanted == "none":
        return Choice(None, routing.because("owner", ""))
    if wanted is not None and wanted != "auto":
        return Choice(wanted, routing.because("owner", ""))
    return choose_owner(shape.category, policy, facts, now)


def _reply(
    arrival: Arrival, judgement: Judgement, facts: Facts, site: Site, now: datetime
) -> ReplyVerdict:
    reply = judge_auto_reply(
        arrival, facts, site, judgement.verdict, judgement.origin, judgement.routing.actions
    )
    if reply.template is None:
        return reply
    braked = brake_answer(arrival.sender, site.brakes, facts, now)
    if braked.by is not None:
        return ReplyVerdict(None, f"brake: {braked.by}")
    return ReplyVerdict(reply.template, reply.reason, reply.is_neutral, braked.spent)


def _reason(judgement: Judgement) -> str:
    thread = judgement.thread
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
    arrival: Arrival,
    shape: Shape,
    routing: Routing,
    choice: Choice,
    reply: ReplyVerdict,
    facts: Facts,
    reason: str,
) -> OpenRequest:
    company = facts.contact.company_id if facts.contact else None
    if company is None and facts.company is not None:
        company = facts.company.id
    return OpenRequest(
        type=shape.type.name,
        subject=shape.subject,
        mailbox=arrival.mailbox.name,
        category=shape.category.path,
        priority=shape.priority.name,
        status=shape.status.name,
        phase=shape.status.phase,
        language=shape.language,
        requester=arrival.sender or None,
        because=reason,
        owner=choice.owner,
        owner_because=routing.because("owner", choice.reason),
        auto_reply=reply.reason,
        tags=routing.actions.tags,
        extracted=dict(routing.extracted),
        company_id=company,
    )


def learn_sender(arrival: Arrival, facts: Facts) -> Iterable[LearnContact]:
    """Make a contact of a sender that has none; his domain may lead to a company."""
    if facts.contact is not None or not arrival.sender:
        return ()
    name = arrival.mail.from_.name if arrival.mail.from_ is not None else ""
    company = facts.company.id if facts.company is not None else None
    return (LearnContact(arrival.sender, name[:200], company, None),)


def message_of(
    arrival: Arrival,
    judgement: Judgement,
    request: RequestFact | None,
    visibility: Visibility,
    direction: Direction,
    handler: str | None = None,
) -> AppendMessage:
    """Return the mail as a message of a request."""
    mail = arrival.mail
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
        origin=judgement.origin.value,
        verdict=judgement.verdict.value,
        because=f"{judgement.thread.reason.value} {judgement.thread.evidence}".strip(),
        attachments=mail.attachments,
    )


def ids_of(
    arrival: Arrival, facts: Facts, request_id: int | None
) -> tuple[tuple[str, int, str], ...]:
    """Return the Message-IDs that this mail makes known: its own, and those nobody knew."""
    ids: list[tuple[str, int, str]] = []
    own = arrival.mail.message_id
    if own is not None:
        known = facts.known_ids.get(own, ())
        if not any(row.request_id == request_id and row.kind == "received" for row in known):
            ids.append((own, len(known), "received"))
    for message_id in referenced_ids(arrival):
        if message_id != own and not facts.known_ids.get(message_id):
            ids.append((message_id, 0, "referenced"))
    return tuple(ids)


def _links(arrival: Arrival, judgement: Judgement, facts: Facts) -> Iterable[LinkRequests]:
    linked: dict[int, LinkRequests] = {}
    if judgement.thread.request_id is not None:
        other = judgement.thread.request_id
        linked[other] = LinkRequests(None, other, "continues", judgement.thread.reason.value)
    for same in facts.same:
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


def _auto_reply(
    arrival: Arrival, shape: Shape, policy: Policy, about: dict[str, str], reply: ReplyVerdict
) -> QueueMail:
    mail = arrival.mail
    return QueueMail(
        request=None,
        kind="auto-reply",
        mailbox=arrival.mailbox.name,
        recipients=(arrival.sender,),
        template=reply.template or "auto-reply",
        language=shape.language,
        layout=letters.layout_of(policy, shape.category.path),
        variables=letters.variables(
            arrival.mailbox,
            about,
            letters.of_sender(arrival),
            message=letters.of_mail(mail) if not reply.is_neutral else None,
            is_neutral=reply.is_neutral,
        ),
        from_name=arrival.mailbox.from_name,
        because="a new request by mail",
        subject=mail.subject if not reply.is_neutral else "",
        reply_role="c",
        reply_address=arrival.sender,
        in_reply_to=mail.message_id,
        references=(*mail.references, *((mail.message_id,) if mail.message_id else ())),
    )


def told_by_rules(
    arrival: Arrival,
    routing: Routing,
    policy: Policy,
    request: RequestFact | None,
    about: dict[str, str],
) -> Iterable[QueueMail]:
    """Return the mails of the actions `notify` and `forward_to`."""
    for template, addresses, action in (
        ("new", _resolve(routing.actions.notify, about, policy), "notify"),
        ("forward", routing.actions.forward_to, "forward_to"),
    ):
        if not addresses:
            continue
        because = routing.because(action, action)
        yield QueueMail(
            request=request.id if request is not None else None,
            kind="notice",
            mailbox=arrival.mailbox.name,
            recipients=tuple(addresses),
            template=template,
            language=arrival.mailbox.language,
            variables=letters.variables(
                arrival.mailbox,
                about,
                letters.of_sender(arrival),
                message=letters.of_mail(arrival.mail),
                reason=because,
            ),
            from_name=arrival.mailbox.from_name,
            because=because,
            subject=arrival.mail.subject,
            attachments=("0",) if action == "forward_to" else (),
        )


def _resolve(names: Iterable[str], about: dict[str, str], policy: Policy) -> tuple[str, ...]:
    """Turn names of people inside (owner, members, group:NAME …) and addresses into addresses."""
    category = policy.categories.get(about["category"])  # gone: nobody stands behind it
    found: dict[str, None] = {}
    for name in names:
        people: tuple[str, ...] = ()
        match name:
            case "owner":
                people = (about["owner"],)
            case "administrator":
                people = (category.administrator or "",) if category is not None else ()
            case "members":
                members = category.members if category is not None else ()
                people = tuple(member.handler for member in members)
            case _ if name.startswith("group:"):
                people = policy.groups.get(name.removeprefix("group:"), ())
            case _ if name in policy.handlers:
                people = (name,)
            case _ if "@" in name:
                found[name] = None
        for person in people:
            if person in policy.handlers:
                found[policy.handlers[person].email] = None
    return tuple(found)

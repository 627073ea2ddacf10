"""What a handler asks for a request: the same decisions whether typed, mailed or clicked.

POLICY, commands; rows 7, 14, 23, 36, 93, 101-103. A command that is not legal raises NotAllowed
with the legal choices and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from postroom.core import letters, lifecycle
from postroom.core.assignment import choose_owner
from postroom.core.effects import (
    AppendMessage,
    Assign,
    Author,
    Decision,
    Effect,
    QueueMail,
    SetProperty,
    SetReplied,
    SetStatus,
    SetTags,
)
from postroom.core.facts import Facts, RequestFact
from postroom.core.model import (
    Direction,
    Handler,
    Mailbox,
    Outcome,
    Phase,
    Policy,
    Site,
    Visibility,
)
from postroom.core.units import nearest
from postroom.errors import NotAllowed
from postroom.mail.message import ParsedMail

CLI = "cli"  # the actor when a sysadmin does not say who


@dataclass(frozen=True, slots=True)
class WriteNote:
    """An internal note; the mail is what was typed."""

    mail: ParsedMail


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """A public answer to the requester."""

    mail: ParsedMail


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """A status, or the name of a transition; `reason` where it asks for one."""

    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """The workflow's first status of phase closed."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reopen:
    """The workflow's initial status."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class AssignTo:
    """A handler, `none`, or `auto` (the category's rule again)."""

    name: str


@dataclass(frozen=True, slots=True)
class ChangeProperty:
    """A new priority, category, type or subject."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ChangeTags:
    """Tags put on and taken off."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


Command = (
    WriteNote | WriteAnswer | ChangeStatus | Close | Reopen | AssignTo | ChangeProperty | ChangeTags
)


def decide_command(
    command: Command,
    request_id: int,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    actor: str,
) -> Decision:
    """Decide about one command. NotAllowed: not legal here, with what is."""
    request = facts.requests[request_id]
    _check_access(request, policy, actor)
    if request.phase is Phase.MERGED:
        raise NotAllowed(f"request {request.id} was merged into {request.merged_into}")
    effects = tuple(_effects(command, request, facts, policy, site, now, actor))
    is_mail = isinstance(command, WriteNote | WriteAnswer)
    return Decision(
        actor=actor,
        reason=_reason(command, actor),
        policy_version=policy.version,
        outcome=Outcome.APPENDED if is_mail else None,
        request=request.id,
        effects=effects,
        versions={request.id: request.version} if effects else {},
        explanation={"command": type(command).__name__, "by": actor},
    )


def _check_access(request: RequestFact, policy: Policy, actor: str) -> None:
    category = policy.categories.get(request.category)
    handler = policy.handlers.get(actor)
    if actor == CLI or category is None or not category.members_only:
        return
    is_member = any(member.handler == actor for member in category.members)
    if not is_member and not (handler is not None and handler.administrator):
        raise NotAllowed(f"only members of {category.path} may work on its requests")


def _effects(
    command: Command,
    request: RequestFact,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    actor: str,
) -> Iterable[Effect]:
    match command:
        case WriteNote():
            return (_message(command.mail, request, policy, actor, now, is_note=True),)
        case WriteAnswer():
            return _answer(command.mail, request, facts, policy, site, now, actor)
        case ChangeStatus():
            return (lifecycle.by_hand(request, policy, command.name, "handler", command.reason),)
        case Close():
            return _close(request, policy, command)
        case Reopen():
            return _reopen(request, policy, command)
        case AssignTo():
            return _assign(command.name, request, facts, policy, now, actor)
        case ChangeProperty():
            return _property(command, request, policy, actor)
        case ChangeTags():
            return _tags(command, request, actor)
    assert_never(command)


def _reason(command: Command, actor: str) -> str:
    return f"{type(command).__name__} by {actor}"


def _message(
    mail: ParsedMail,
    request: RequestFact,
    policy: Policy,
    actor: str,
    now: datetime,
    *,
    is_note: bool,
) -> AppendMessage:
    handler = handler_named(policy, actor)
    return AppendMessage(
        request=request.id,
        direction=Direction.NOTE if is_note else Direction.OUT,
        visibility=Visibility.INTERNAL if is_note else Visibility.PUBLIC,
        author=Author(handler.full_name, handler.email, handler.name),
        to=tuple(item.address for item in mail.to),
        subject=mail.subject,
        text=mail.text,
        fresh=mail.text,  # typed here: nothing in it is quoted
        message_id=None,  # the outbox row has the one that people see
        references=(),
        at=now,
        origin=mail.origin.value,
        verdict="pass",
        because=f"written by {actor}",
        attachments=mail.attachments,
    )


def handler_named(policy: Policy, name: str) -> Handler:
    """Return a handler; NotAllowed with the nearest name."""
    if name not in policy.handlers:
        raise NotAllowed(f"no handler is called {name!r}{nearest(name, policy.handlers)}")
    return policy.handlers[name]


def _answer(
    mail: ParsedMail,
    request: RequestFact,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    actor: str,
) -> Iterable[Effect]:
    handler = handler_named(policy, actor)
    requester = request.requester
    if requester is None or not requester.addresses:
        raise NotAllowed("the request has no requester with an address to answer to")
    yield _message(mail, request, policy, actor, now, is_note=False)
    yield _letter(mail, request, facts, policy, site.mailbox_named(request.mailbox), handler)
    if request.replied_at is None:
        yield SetReplied(request.id, now, f"answered by {actor}")
    category = policy.categories.get(request.category)
    if category is not None and category.owner_on_reply and request.owner != actor:
        yield Assign(request.id, request.owner, actor, "who answers becomes owner")
    workflow = policy.workflow_of(request.type)
    if workflow.on_answer is not None and workflow.on_answer != request.status:
        yield lifecycle.change(request, policy, workflow.on_answer, "answered")


def _letter(
    mail: ParsedMail,
    request: RequestFact,
    facts: Facts,
    policy: Policy,
    mailbox: Mailbox,
    handler: Handler,
) -> QueueMail:
    requester = request.requester
    address = requester.addresses[0] if requester is not None else ""
    parent, references = facts.last_in
    name = requester.name if requester is not None else ""
    return QueueMail(
        request=request.id,
        kind="answer",
        mailbox=mailbox.name,
        recipients=(address,),
        template="answer",
        language=request.language,
        layout=letters.layout_of(policy, request.category),
        variables=letters.variables(
            mailbox,
            letters.of_request(request),
            {"name": name, "address": address},
            message={
                "text": mail.text,
                "from_name": handler.full_name,
                "subject": request.subject,
                "at": "",
            },
            handler=handler,
        ),
        from_name=_display_name(handler, mailbox),
        because=f"answered by {handler.name}",
        subject=request.subject,
        reply_role="c",
        reply_address=address,
        in_reply_to=parent,
        references=(*references, *((parent,) if parent is not None else ())),
        attachments=tuple(item.part for item in mail.attachments),
    )


def _display_name(handler: Handler, mailbox: Mailbox) -> str:
    if not mailbox.from_name:
        return handler.full_name
    return f"{handler.full_name} ({mailbox.from_name})"


def _close(request: RequestFact, policy: Policy, command: Close) -> Iterable[Effect]:
    if request.phase is Phase.CLOSED:
        raise NotAllowed(f"request {request.id} is closed already")
    workflow = policy.workflow_of(request.type)
    if workflow.free:
        name = workflow.first_in(Phase.CLOSED)
        if name is None:
            raise NotAllowed(f"workflow {workflow.name} has no status of phase closed")
        return (lifecycle.change(request, policy, name, command.reason or "closed by hand"),)
    legal = [
        transition.name
        for transition in workflow.transitions
        if request.status in transition.sources
        and workflow.statuses[transition.to].phase is Phase.CLOSED
        and "handler" in transition.by
    ]
    raise NotAllowed(f"choose how it is closed: {', '.join(legal) or 'not from here'}")


def _reopen(request: RequestFact, policy: Policy, command: Reopen) -> Iterable[Effect]:
    if request.phase is Phase.ACTIVE:
        raise NotAllowed(f"request {request.id} is open")
    workflow = policy.workflow_of(request.type)
    because = command.reason or "reopened by hand"
    if workflow.free:
        return (lifecycle.change(request, policy, workflow.initial, because),)
    return (lifecycle.by_hand(request, policy, workflow.initial, "handler", command.reason),)


def _assign(
    name: str, request: RequestFact, facts: Facts, policy: Policy, now: datetime, actor: str
) -> Iterable[Effect]:
    owner: str | None
    because = f"by hand, {actor}"
    if name == "auto":
        category = policy.categories.get(request.category)
        if category is None:
            raise NotAllowed(f"category {request.category} is gone; set another one first")
        choice = choose_owner(category, policy, facts, now)
        if choice.owner is None:
            raise NotAllowed(f"{choice.reason}: name somebody, or none")
        owner, because = choice.owner, f"{because}: {choice.reason}"
        turn: tuple[Effect, ...] = (choice.turn,) if choice.turn is not None else ()
    else:
        owner, turn = (None if name == "none" else handler_named(policy, name).name), ()
    if owner == request.owner:
        return ()
    return (*turn, Assign(request.id, request.owner, owner, because))


def _property(
    command: ChangeProperty, request: RequestFact, policy: Policy, actor: str
) -> Iterable[Effect]:
    legal = {
        "priority": policy.priorities,
        "category": policy.categories,
        "type": policy.types,
    }
    if command.name == "subject":
        if not command.value.strip():
            raise NotAllowed("a subject must not be empty")
    elif command.name not in legal:
        raise NotAllowed(
            f"no property is called {command.name!r}{nearest(command.name, [*legal, 'subject'])}"
        )
    elif command.value not in legal[command.name]:
        hint = nearest(command.value, legal[command.name])
        raise NotAllowed(f"no {command.name} is called {command.value!r}{hint}")
    kind = policy.types.get(request.type)
    allowed = kind.priorities if kind is not None and command.name == "priority" else ()
    if kind is not None and allowed and command.value not in allowed:
        raise NotAllowed(f"type {kind.name} allows only: {', '.join(allowed)}")
    old = str(getattr(request, command.name))
    value = command.value.strip()[:500]
    if old == value:
        return ()
    because = f"by hand, {actor}"
    change = SetProperty(request.id, command.name, old, value, because)
    if command.name == "type":
        workflow = policy.workflow_of(value)
        if request.status not in workflow.statuses:
            status = workflow.statuses[workflow.initial]
            why = f"initial of {workflow.name}"
            moved = SetStatus(request.id, request.status, status.name, status.phase, why)
            return (change, moved)
    return (change,)


def _tags(command: ChangeTags, request: RequestFact, actor: str) -> Iterable[Effect]:
    add = tuple(tag for tag in dict.fromkeys(command.add) if tag not in request.tags)
    remove = tuple(tag for tag in dict.fromkeys(command.remove) if tag in request.tags)
    if not add and not remove:
        return ()
    return (SetTags(request.id, add, remove, f"by hand, {actor}"),)

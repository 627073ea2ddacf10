"""What a handler asks for a request: the same decisions whether typed, mailed or clicked.

POLICY, commands; rows 7, 14, 23, 36, 93, 101-103. A command that is not legal raises NotAllowed
with the legal choices and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
    Category,
    Direction,
    Handler,
    Outcome,
    Phase,
    Policy,
    Visibility,
    Workflow,
)
from postroom.core.site import Mailbox, Site
from postroom.core.units import nearest
from postroom.errors import NotAllowed
from postroom.mail.message import Attachment, ParsedMail

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


Change = ChangeStatus | Close | Reopen | AssignTo | ChangeProperty | ChangeTags


@dataclass(frozen=True, slots=True)
class Several:
    """Changes in this order, all of them or none; each meets what those before it have made."""

    commands: tuple[Change, ...]


Command = WriteNote | WriteAnswer | Change | Several


@dataclass(frozen=True, slots=True)
class _Task:
    """One command's request, with all that deciding about it needs."""

    request: RequestFact
    facts: Facts
    policy: Policy
    site: Site
    now: datetime
    actor: str

    @property
    def category(self) -> Category | None:
        """The request's category; None when the policy has it no more."""
        return self.policy.categories.get(self.request.category)

    @property
    def workflow(self) -> Workflow:
        """The request's workflow."""
        return self.policy.workflow_of(self.request.type)

    def because(self, reason: str = "") -> str:
        """Say why, for the history."""
        return reason or f"by hand, {self.actor}"


def decide_command(
    command: Command,
    request_id: int,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    *,
    actor: str,
) -> Decision:
    """Decide about one command. NotAllowed: not legal here, with what is."""
    request = facts.requests[request_id]
    task = _Task(request, facts, policy, site, now, actor)
    _check_access(task)
    effects = tuple(_effects(command, task))
    is_mail = isinstance(command, WriteNote | WriteAnswer)
    return Decision(
        actor=actor,
        reason=f"{_name(command)} by {actor}",
        policy_version=policy.version,
        outcome=Outcome.APPENDED if is_mail else None,
        request=request.id,
        effects=effects,
        versions={request.id: request.version} if effects else {},
        explanation={"command": _name(command), "by": actor},
        seen=actor if actor in policy.handlers else None,
    )


def _name(command: Command) -> str:
    if isinstance(command, Several):
        return ", ".join(type(one).__name__ for one in command.commands)
    return type(command).__name__


def _word(command: Command | Several) -> str:
    match command:
        case WriteNote():
            return "noted"
        case WriteAnswer():
            return "answered"
    return "changed"


def _check_access(task: _Task) -> None:
    request, category = task.request, task.category
    if request.phase is Phase.MERGED:
        raise NotAllowed(f"request {request.id} was merged into {request.merged_into}")
    handler = task.policy.handlers.get(task.actor)
    if task.actor == CLI or category is None or not category.members_only:
        return
    is_member = any(member.handler == task.actor for member in category.members)
    if not is_member and not (handler is not None and handler.administrator):
        raise NotAllowed(f"only members of {category.path} may work on its requests")


def _effects(command: Command, task: _Task) -> Iterable[Effect]:
    match command:
        case WriteNote():
            return (_message(command.mail, task, Direction.NOTE, Visibility.INTERNAL),)
        case WriteAnswer():
            return _answer(command.mail, task)
        case ChangeStatus():
            return _change_status(command.name, command.reason, task)
        case Close():
            return _close(command, task)
        case Reopen():
            return _reopen(command, task)
        case AssignTo():
            return _assign(command.name, task)
        case ChangeProperty():
            return _property(command, task)
        case ChangeTags():
            return _tags(command, task)
        case Several():
            return _several(command.commands, task)
    assert_never(command)


def _several(commands: Iterable[Change], task: _Task) -> Iterable[Effect]:
    for command in commands:
        for effect in tuple(_effects(command, task)):
            yield effect
            task = replace(task, request=_after(effect, task.request))


def _after(effect: Effect, request: RequestFact) -> RequestFact:
    """Return the request as a change leaves it, as far as the next command looks at it."""
    match effect:
        case SetStatus():
            return replace(request, status=effect.to, phase=effect.phase)
        case Assign():
            return replace(request, owner=effect.to)
        case SetTags():
            kept = (tag for tag in request.tags if tag not in effect.remove)
            return replace(request, tags=(*kept, *effect.add))
        case SetProperty(name="priority"):
            return replace(request, priority=effect.to)
        case SetProperty(name="category"):
            return replace(request, category=effect.to)
        case SetProperty(name="type"):
            return replace(request, type=effect.to)
        case SetProperty(name="subject"):
            return replace(request, subject=effect.to)
    return request


def _message(
    mail: ParsedMail, task: _Task, direction: Direction, visibility: Visibility
) -> AppendMessage:
    handler = handler_named(task.policy, task.actor)
    return AppendMessage(
        request=task.request.id,
        direction=direction,
        visibility=visibility,
        author=Author(handler.full_name, handler.email, handler.name),
        to=tuple(item.address for item in mail.to),
        subject=mail.subject,
        text=mail.text,
        fresh=mail.text,  # typed here: nothing in it is quoted
        message_id=None,  # the outbox row has the one that people see
        references=(),
        at=task.now,
        origin=mail.origin.value,
        verdict="pass",
        because=f"written by {task.actor}",
        attachments=mail.attachments,
    )


def handler_named(policy: Policy, name: str) -> Handler:
    """Return a handler; NotAllowed with the nearest name."""
    if name not in policy.handlers:
        raise NotAllowed(f"no handler is called {name!r}{nearest(name, policy.handlers)}")
    return policy.handlers[name]


def _answer(mail: ParsedMail, task: _Task) -> Iterable[Effect]:
    request, actor = task.request, task.actor
    handler = handler_named(task.policy, actor)
    if request.requester is None or not request.requester.addresses:
        raise NotAllowed("the request has no requester with an address to answer to")
    yield _message(mail, task, Direction.OUT, Visibility.PUBLIC)
    yield _letter(task, "answer", handler, mail.text, mail.attachments)
    if request.replied_at is None:
        yield SetReplied(request.id, task.now, f"answered by {actor}")
    category, workflow = task.category, task.workflow
    if category is not None and category.owner_on_reply and request.owner != actor:
        yield Assign(request.id, request.owner, actor, "who answers becomes owner")
    if workflow.on_answer is not None and workflow.on_answer != request.status:
        yield lifecycle.change(request, task.policy, workflow.on_answer, "answered")


def _letter(
    task: _Task,
    template: str,
    handler: Handler | None,
    text: str = "",
    attachments: tuple[Attachment, ...] = (),
    reason: str = "",
) -> QueueMail:
    """Return a mail to the requester, worded by a template."""
    request, mailbox = task.request, task.site.mailbox_named(task.request.mailbox)
    because = f"answered by {task.actor}" if template == "answer" else task.because(reason)
    requester = request.requester
    address = requester.addresses[0] if requester is not None else ""
    parent, references = task.facts.last_in
    name = requester.name if requester is not None else ""
    return QueueMail(
        request=request.id,
        kind="answer",
        mailbox=mailbox.name,
        recipients=(address,),
        template=template,
        language=request.language,
        layout=letters.layout_of(task.policy, request.category),
        variables=letters.variables(
            mailbox,
            letters.of_request(request),
            {"name": name, "address": address},
            message={
                "text": text,
                "from_name": handler.full_name if handler is not None else "",
                "subject": request.subject,
                "at": "",
            },
            handler=handler,
            reason=reason,
        ),
        from_name=_display_name(handler, mailbox),
        because=because,
        subject=request.subject,
        reply_role="c",
        reply_address=address,
        in_reply_to=parent,
        references=(*references, *((parent,) if parent is not None else ())),
        attachments=tuple(item.part for item in attachments),
    )


def _display_name(handler: Handler | None, mailbox: Mailbox) -> str:
    if handler is None:
        return mailbox.from_name
    if not mailbox.from_name:
        return handler.full_name
    return f"{handler.full_name} ({mailbox.from_name})"


def _change_status(name: str, reason: str, task: _Task) -> Iterable[Effect]:
    """Change the status; a transition may have something to tell the requester (row 106)."""
    request, policy = task.request, task.policy
    change = lifecycle.by_hand(request, policy, name, "handler", reason)
    yield replace(change, because=task.because(reason))
    transition = lifecycle.transition_by(request, policy, name, "handler")
    if transition is None or transition.mail is None:
        return
    if request.requester is not None and request.requester.addresses:
        handler = policy.handlers.get(task.actor)
        yield _letter(task, transition.mail, handler, reason=reason)


def _close(command: Close, task: _Task) -> Iterable[Effect]:
    request, workflow = task.request, task.workflow
    if request.phase is Phase.CLOSED:
        raise NotAllowed(f"request {request.id} is closed already")
    if workflow.free:
        name = workflow.first_in(Phase.CLOSED)
        if name is None:
            raise NotAllowed(f"workflow {workflow.name} has no status of phase closed")
        return (lifecycle.change(request, task.policy, name, task.because(command.reason)),)
    legal = [
        transition.name
        for transition in workflow.transitions
        if request.status in transition.sources
        and workflow.statuses[transition.to].phase is Phase.CLOSED
        and "handler" in transition.by
    ]
    raise NotAllowed(f"choose how it is closed: {', '.join(legal) or 'not from here'}")


def _reopen(command: Reopen, task: _Task) -> Iterable[Effect]:
    request, workflow = task.request, task.workflow
    if request.phase is Phase.ACTIVE:
        raise NotAllowed(f"request {request.id} is open")
    if not workflow.free:
        return _change_status(workflow.initial, command.reason, task)
    because = task.because(command.reason)
    return (lifecycle.change(request, task.policy, workflow.initial, because),)


def _assign(name: str, task: _Task) -> Iterable[Effect]:
    request, because = task.request, task.because()
    owner: str | None = None
    turn: tuple[Effect, ...] = ()
    if name == "auto":
        if task.category is None:
            raise NotAllowed(f"category {request.category} is gone; set another one first")
        choice = choose_owner(task.category, task.policy, task.facts, task.now)
        if choice.owner is None:
            raise NotAllowed(f"{choice.reason}: name somebody, or none")
        owner, because = choice.owner, f"{because}: {choice.reason}"
        turn = (choice.turn,) if choice.turn is not None else ()
    elif name != "none":
        owner = handler_named(task.policy, name).name
    if owner == request.owner:
        return ()
    return (*turn, Assign(request.id, request.owner, owner, because))


def _property(command: ChangeProperty, task: _Task) -> Iterable[Effect]:
    _check_property(command, task)
    request = task.request
    old = str(getattr(request, command.name))
    value = command.value.strip()[:500]
    if old == value:
        return ()
    change = SetProperty(request.id, command.name, old, value, task.because())
    workflow = task.policy.workflow_of(value) if command.name == "type" else task.workflow
    if request.status in workflow.statuses:
        return (change,)
    status = workflow.statuses[workflow.initial]
    why = f"initial of {workflow.name}"
    return (change, SetStatus(request.id, request.status, status.name, status.phase, why))


def _check_property(command: ChangeProperty, task: _Task) -> None:
    """Raise NotAllowed unless the property may have that value."""
    name, value, policy = command.name, command.value, task.policy
    known = {"priority": policy.priorities, "category": policy.categories, "type": policy.types}
    if name == "subject":
        if not value.strip():
            raise NotAllowed("a subject must not be empty")
        return
    if name not in known:
        raise NotAllowed(f"no property is called {name!r}{nearest(name, [*known, 'subject'])}")
    if value not in known[name]:
        raise NotAllowed(f"no {name} is called {value!r}{nearest(value, known[name])}")
    kind = policy.types.get(task.request.type)
    allowed = kind.priorities if kind is not None and name == "priority" else ()
    if kind is not None and allowed and value not in allowed:
        raise NotAllowed(f"type {kind.name} allows only: {', '.join(allowed)}")


def _tags(command: ChangeTags, task: _Task) -> Iterable[Effect]:
    request = task.request
    add = tuple(tag for tag in dict.fromkeys(command.add) if tag not in request.tags)
    remove = tuple(tag for tag in dict.fromkeys(command.remove) if tag in request.tags)
    if not add and not remove:
        return ()
    return (SetTags(request.id, add, remove, task.because()),)

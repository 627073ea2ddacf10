"""The changes that somebody may make to a request, as commands and as effects.

POLICY, commands; rows 7, 23, 36, 93, 101-103. A change that is not legal raises NotAllowed with
what is, and changes nothing. What was changed can be said in a list, and undone by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from postroom.core import letters, lifecycle, participants
from postroom.core.answering import scan, why_held
from postroom.core.assignment import choose_owner
from postroom.core.chains import ChainState
from postroom.core.effects import (
    ACKNOWLEDGED,
    AddParticipant,
    AnswerHold,
    Assign,
    Effect,
    PendingTransition,
    Record,
    RemoveParticipant,
    RunHook,
    SetPostponed,
    SetProperty,
    SetStatus,
    SetTags,
)
from postroom.core.model import Phase, Transition
from postroom.core.moments import show_moment
from postroom.core.tasks import Task, handler_named
from postroom.core.units import nearest
from postroom.errors import NotAllowed


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


@dataclass(frozen=True, slots=True)
class Postpone:
    """Put aside until a moment; None: wake it now."""

    until: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AddCc:
    """Somebody outside who hears public answers from now on."""

    address: str


@dataclass(frozen=True, slots=True)
class RemoveCc:
    """Somebody outside who hears no more."""

    address: str


@dataclass(frozen=True, slots=True)
class EndHoldOf:
    """Let another, held mail in ("accept") or turn it away ("refuse")."""

    hold: int
    wish: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Take changes back, the last one first; each must still be as it was left."""

    changes: tuple[Mapping[str, Any], ...]


Change = (
    ChangeStatus
    | Close
    | Reopen
    | AssignTo
    | ChangeProperty
    | ChangeTags
    | Postpone
    | AddCc
    | RemoveCc
    | EndHoldOf
    | Undo
)


def effects_of(change: Change, task: Task) -> Iterable[Effect]:
    """Return what a change asks for. NotAllowed: not legal here."""
    match change:
        case ChangeStatus():
            return _change_status(change.name, change.reason, task)
        case Close():
            return _close(change, task)
        case Reopen():
            return _reopen(change, task)
        case AssignTo():
            return _assign(change.name, task)
        case ChangeProperty():
            return _property(change, task)
        case ChangeTags():
            return _tags(change, task)
        case Postpone():
            return _postpone(change, task)
        case AddCc():
            return participants.add_by_hand(change.address, task)
        case RemoveCc():
            return participants.remove_by_hand(change.address, task)
        case EndHoldOf():
            return (AnswerHold(change.hold, change.wish, task.because()),)
        case Undo():
            return _undo(change.changes, task)
    assert_never(change)


def in_order(changes: Iterable[Change], task: Task) -> Iterator[tuple[Effect, Task]]:
    """Return the effects of several changes, each with the task that it met.

    Each change meets what those before it have made.
    """
    for change in changes:
        for effect in tuple(effects_of(change, task)):
            yield effect, task
            task = task.after(effect)


# ---- what was changed, in words and for `#undo`


def said_of(effect: Effect, task: Task) -> Iterator[dict[str, Any]]:
    """Say what an effect changes in the request that it meets, as plain JSON."""
    request = task.request
    match effect:
        case SetStatus():
            yield _said("status", effect.from_, effect.to, effect.because)
            is_awake = effect.phase is not Phase.POSTPONED
            if request.postponed_until is not None and is_awake:
                yield _said("postponed until", _moment(request.postponed_until), None, "")
        case Assign():
            yield _said("owner", effect.from_, effect.to, effect.because)
        case SetProperty():
            yield _said(effect.name, effect.from_, effect.to, effect.because)
        case SetTags():
            removed, added = " ".join(effect.remove) or None, " ".join(effect.add) or None
            yield _said("tags", removed, added, effect.because)
        case SetPostponed():
            was, until = _moment(request.postponed_until), _moment(effect.until)
            yield _said("postponed until", was, until, effect.because)
        case RunHook(transition=PendingTransition() as transition):
            waits = f"{transition.to}, when its hook has succeeded"
            yield _said(f"transition {transition.name}", transition.from_, waits, effect.because)
        case AddParticipant():
            yield _said("participant", None, effect.address, effect.because)
        case RemoveParticipant():
            yield _said("participant", effect.address, None, effect.because)
        case Record(kind=kind) if kind == ACKNOWLEDGED:
            yield _said("escalation", effect.to, "stopped: you are on it", effect.because)


def shown(changes: Iterable[Mapping[str, Any]], time_zone: str) -> list[dict[str, Any]]:
    """Return changes as a person reads them: moments by his own clock."""
    return [
        {**one, "from": _local(one["from"], time_zone), "to": _local(one["to"], time_zone)}
        if one["what"] == "postponed until"
        else dict(one)
        for one in changes
    ]


def _local(moment: str | None, time_zone: str) -> str | None:
    return show_moment(datetime.fromisoformat(moment), time_zone) if moment is not None else None


def _said(what: str, from_: str | None, to: str | None, because: str) -> dict[str, Any]:
    return {"what": what, "from": from_, "to": to, "because": because}


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _undo(changes: Iterable[Mapping[str, Any]], task: Task) -> Iterator[Effect]:
    for change in _backwards(changes):
        what, was, became = str(change["what"]), change["from"], change["to"]
        effect = _taken_back(what, was, became, task)
        yield effect
        task = task.after(effect)


def _backwards(changes: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Return changes the last one first.

    Type, status and moment that one command set keep their order: a type says which statuses there
    are, and only who is postponed has a moment.
    """
    run: list[Mapping[str, Any]] = []
    for change in reversed(tuple(changes)):
        if run and not _leads_to(change, run[-1]):
            yield from reversed(run)
            run = []
        run.append(change)
    yield from reversed(run)


def _leads_to(change: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    order = ("type", "status", "postponed until")
    if change["what"] not in order or other["what"] not in order:
        return False
    is_put_aside = other["what"] == "postponed until" and other["from"] is None
    return not is_put_aside and order.index(change["what"]) < order.index(other["what"])


def _taken_back(what: str, was: str | None, became: str | None, task: Task) -> Effect:
    request, because = task.request, task.because("undone")
    match what:
        case "status":
            _check_still(what, request.status, became)
            status = task.workflow.statuses.get(was or "")
            if status is None:
                raise NotAllowed(f"there is no status {was!r} any more")
            return SetStatus(request.id, request.status, status.name, status.phase, because)
        case "owner":
            _check_still(what, request.owner, became)
            owner = handler_named(task.policy, was).name if was is not None else None
            return Assign(request.id, request.owner, owner, because, is_by_hand=True)
        case "tags":
            return _tags_back(was, became, task)
        case "postponed until":
            _check_still(what, _moment(request.postponed_until), became)
            until = datetime.fromisoformat(was) if was is not None else None
            return SetPostponed(request.id, until, because)
        case "participant" if was is None:
            return next(iter(participants.remove_by_hand(str(became), task)))
        case "participant":
            # Shows the request to somebody outside once more: all that `#cc` asks for is asked.
            [added] = [
                effect
                for effect in participants.add_by_hand(str(was), task)
                if isinstance(effect, AddParticipant)
            ]
            return replace(added, because=because)
        case "priority" | "category" | "type" | "subject":
            _check_still(what, str(getattr(request, what)), became)
            _check_property(ChangeProperty(what, str(was)), task)
            return SetProperty(request.id, what, str(became), str(was), because)
    raise NotAllowed(f"what became of the {what} cannot be undone")


def _tags_back(was: str | None, became: str | None, task: Task) -> Effect:
    added, removed = (became or "").split(), (was or "").split()
    gone = [tag for tag in added if tag not in task.request.tags]
    back = [tag for tag in removed if tag in task.request.tags]
    if gone or back:
        raise NotAllowed(f"the tags have changed since: {', '.join(gone + back)}")
    return SetTags(task.request.id, tuple(removed), tuple(added), task.because("undone"))


def _check_still(what: str, now: str | None, became: str | None) -> None:
    if now != became:
        raise NotAllowed(f"the {what} has changed since: it is {now or 'none'} now")


# ---- the changes themselves


def _postpone(change: Postpone, task: Task) -> Iterator[Effect]:
    request, workflow = task.request, task.workflow
    if change.until is None:
        if request.phase is not Phase.POSTPONED:
            raise NotAllowed(f"request {request.id} is not postponed")
        because = task.because(change.reason)
        yield lifecycle.change(request, task.policy, workflow.initial, because)
        return
    if request.phase not in (Phase.ACTIVE, Phase.POSTPONED):
        raise NotAllowed(f"request {request.id} is {request.phase.value}: reopen it first")
    name = workflow.first_in(Phase.POSTPONED)
    if name is None:
        raise NotAllowed(f"workflow {workflow.name} has no status of phase postponed")
    if request.phase is not Phase.POSTPONED:
        yield lifecycle.change(request, task.policy, name, task.because(change.reason))
    yield SetPostponed(request.id, change.until, task.because(change.reason))


def _change_status(name: str, reason: str, task: Task) -> Iterable[Effect]:
    """Change the status; a transition may have something to tell the requester (row 106)."""
    request, policy = task.request, task.policy
    change = lifecycle.by_hand(request, policy, name, "handler", reason)
    transition = lifecycle.transition_by(request, policy, name, "handler")
    pending = task.facts.background.pending
    if transition is not None and pending is not None:
        raise NotAllowed(f"{pending} is on its way: its hook has not answered yet")
    sends_mail = transition is not None and transition.mail is not None
    if sends_mail and (leaks := scan(task, reason)):
        raise NotAllowed(f"the reason goes to the customer: {why_held(leaks)}")
    yield from along(replace(change, because=task.because(reason)), transition, reason, task)


def along(
    change: SetStatus, transition: Transition | None, reason: str, task: Task
) -> Iterator[Effect]:
    """Make a change of status by its transition: the hook first, if there is one, then the letter.

    One with a hook is made when that has succeeded (row 104, core.hooks). The customer reads the
    reason, and not `because`.
    """
    sends_mail = transition is not None and transition.mail is not None
    if transition is not None and transition.run is not None:
        waiting = PendingTransition(
            transition.name, change.from_, change.to, reason, task.actor, sends_mail
        )
        yield RunHook(task.request.id, transition.run, "transition", change.because, waiting)
        return
    yield change
    if transition is not None and transition.mail is not None:
        yield from letters.letter_to_customers(task, transition.mail, reason=reason)


def _close(command: Close, task: Task) -> Iterable[Effect]:
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


def _reopen(command: Reopen, task: Task) -> Iterable[Effect]:
    request, workflow = task.request, task.workflow
    if request.phase is Phase.ACTIVE:
        raise NotAllowed(f"request {request.id} is open")
    if not workflow.free:
        return _change_status(workflow.initial, command.reason, task)
    because = task.because(command.reason)
    return (lifecycle.change(request, task.policy, workflow.initial, because),)


def _assign(name: str, task: Task) -> Iterable[Effect]:
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
        return _acknowledged(task) if owner == task.actor else ()
    return (*turn, Assign(request.id, request.owner, owner, because, is_by_hand=True))


def _acknowledged(task: Task) -> Iterable[Effect]:
    """Let the owner say that he is on it, if a level was reached: his chain stops."""
    request = task.request
    if request.chain.level > 0 and request.chain.state is ChainState.RUNNING:
        yield Record(request.id, ACKNOWLEDGED, f"level {request.chain.level}", task.because())


def _property(command: ChangeProperty, task: Task) -> Iterable[Effect]:
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


def _check_property(command: ChangeProperty, task: Task) -> None:
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


def _tags(command: ChangeTags, task: Task) -> Iterable[Effect]:
    request = task.request
    add = tuple(tag for tag in dict.fromkeys(command.add) if tag not in request.tags)
    remove = tuple(tag for tag in dict.fromkeys(command.remove) if tag in request.tags)
    if not add and not remove:
        return ()
    return (SetTags(request.id, add, remove, task.because()),)

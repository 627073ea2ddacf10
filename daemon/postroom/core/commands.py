"""What a handler asks for a request on the command line: typed here, decided as by mail.

POLICY, commands. A command that is not legal raises NotAllowed with the legal choices and changes
nothing. What may be changed is in core.changes; the way by mail is core.handling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from postroom.core import notices
from postroom.core.answering import leaks_in, message_by, why_held, write_answer
from postroom.core.changes import Change, in_order
from postroom.core.effects import AppendMessage, Decision, Effect
from postroom.core.facts import Facts
from postroom.core.model import Direction, Outcome, Policy, Visibility
from postroom.core.notices import Telling
from postroom.core.site import Site
from postroom.core.tasks import Task, check_access, handler_named
from postroom.core.timing import follow
from postroom.errors import NotAllowed
from postroom.mail.message import ParsedMail


@dataclass(frozen=True, slots=True)
class WriteNote:
    """An internal note; the mail is what was typed."""

    mail: ParsedMail


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """A public answer to the requester."""

    mail: ParsedMail


@dataclass(frozen=True, slots=True)
class Several:
    """Changes in this order, all of them or none; each meets what those before it have made."""

    commands: tuple[Change, ...]


Command = WriteNote | WriteAnswer | Change | Several


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
    task = Task(request, facts, policy, site, now, actor)
    check_access(task)
    effects = tuple(_effects(command, task))
    is_mail = isinstance(command, WriteNote | WriteAnswer)
    decision = Decision(
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
    return follow(decision, facts, policy, now)


def _name(command: Command) -> str:
    if isinstance(command, Several):
        return ", ".join(type(one).__name__ for one in command.commands)
    return type(command).__name__


def _effects(command: Command, task: Task) -> Iterable[Effect]:
    told: list[Telling] = []
    match command:
        case WriteNote():
            note = _note(command.mail, task)
            effects: tuple[Effect, ...] = (note,)
            told.append(notices.of_note(notices.scene_of_task(task), note))
        case WriteAnswer():
            effects = _answer(command.mail, task)
        case Several():
            effects = tuple(effect for effect, _ in in_order(command.commands, task))
        case _:
            effects = tuple(effect for effect, _ in in_order((command,), task))
    return (*effects, *notices.tell([*notices.of_owners(task, effects), *told]))


def _note(mail: ParsedMail, task: Task) -> AppendMessage:
    handler = handler_named(task.policy, task.actor)
    because = f"written by {task.actor}"
    return message_by(
        handler, task, mail, mail.text, Direction.NOTE, Visibility.INTERNAL, because=because
    )


def _answer(mail: ParsedMail, task: Task) -> tuple[Effect, ...]:
    handler = handler_named(task.policy, task.actor)
    if leaks := leaks_in(task, mail.text, mail):
        raise NotAllowed(f"{why_held(leaks)}; note it instead, or say it in other words")
    return tuple(write_answer(task, handler, mail, mail.text))

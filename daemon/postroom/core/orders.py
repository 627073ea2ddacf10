"""What a handler typed, as changes to his request: names understood, commands put in order.

POLICY, commands in a handler's mail; the grammar is core.typed's, doing it core.changes'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postroom.core.changes import (
    AddCc,
    AssignTo,
    Change,
    ChangeProperty,
    ChangeStatus,
    ChangeTags,
    Close,
    EndHoldOf,
    Postpone,
    RemoveCc,
    Reopen,
    Undo,
)
from postroom.core.model import Handler
from postroom.core.moments import parse_moment
from postroom.core.showing import show_history, show_request
from postroom.core.tasks import Task
from postroom.core.typed import Line, Typed, help_text
from postroom.errors import NotAllowed

# What telephones and programs put below every mail: no answer by itself.
_TAIL = re.compile(
    r"(?:sent|get|von meinem|gesendet|envoyé|enviado|inviato|skickat|sendt|verzonden|wysłane)\b"
    r".{0,60}\b(?:iphone|ipad|android|outlook|samsung|galaxy|mobile?|handy|smartphone|telefon|mail)"
    r".{0,60}",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Orders:
    """What the commands of a mail come to."""

    changes: list[Change] = field(default_factory=list)
    is_note: bool = False
    reports: list[str] = field(default_factory=list)  # what is answered by mail


class Mistyped(NotAllowed):
    """Lines that are no commands, and what would be."""

    def __init__(self, what: str, choices: tuple[str, ...]) -> None:
        super().__init__(what)
        self.choices = choices


def words_of(typed: Typed, handler: Handler) -> str:
    """Return the answer below the commands; "" if only a signature stands there.

    Without commands, a mail of few words is an answer all the same.
    """
    if not typed.lines:
        return typed.rest
    name = handler.full_name.lower()
    own = {name, name.partition(" ")[0], handler.email.lower()}
    lines = [line.strip() for line in typed.rest.splitlines()]
    is_tail = all(not line or _TAIL.fullmatch(line) or line.lower() in own for line in lines)
    return "" if is_tail else typed.rest


def check(typed: Typed) -> None:
    """Raise Mistyped if anything is wrong with the commands themselves."""
    if typed.faults:
        first = typed.faults[0]
        what = "\n".join(f"{fault.source}: {fault.what}" for fault in typed.faults[:10])
        raise Mistyped(what, first.choices)


def orders_of(task: Task, lines: tuple[Line, ...], words: str, answered: int | None) -> Orders:
    """Turn what was typed into changes. NotAllowed: something cannot be understood.

    `words` is what stands below the commands; `answered` the journal row whose decision sent the
    mail that this one answers, as `#undo` means it.
    """
    orders = Orders()
    reason = " ".join(line.argument for line in lines if line.word == "reason")
    statuses = 0
    for line in lines:
        match line.word:
            case "note":
                orders.is_note = True
            case "reason":
                pass
            case "why":
                orders.reports.append(show_history(task))
            case "show":
                orders.reports.append(show_request(task))
            case "help":
                orders.reports.append(help_text())
            case _:
                orders.changes.append(_change(task, line, reason, answered))
                moves = ChangeStatus | Close | Reopen | Postpone
                statuses += isinstance(orders.changes[-1], moves)
    if not lines:
        return orders
    if orders.is_note and len(orders.changes) + len(orders.reports) == 0 and not words:
        raise NotAllowed("#note stands alone: write the note below it")
    if reason and not orders.changes:
        raise NotAllowed("#reason belongs to a change: #close, #status, #postpone …")
    if statuses > 1:
        raise NotAllowed("one mail sets one status")
    return orders


def _change(task: Task, line: Line, reason: str, answered: int | None) -> Change:  # noqa: C901
    argument = line.argument
    match line.word:
        case "close":
            return Close(reason)
        case "reopen":
            return Reopen(reason)
        case "status":
            return ChangeStatus(argument.lower(), reason)
        case "take":
            return AssignTo(task.actor)
        case "assign":
            return AssignTo(_handler_meant(argument, task))
        case "priority" | "category" | "type":
            return ChangeProperty(line.word, argument.lower())
        case "tag":
            return ChangeTags(add=_tags(argument))
        case "untag":
            return ChangeTags(remove=_tags(argument))
        case "postpone":
            try:
                return Postpone(parse_moment(argument, task.now, task.time_zone), reason)
            except ValueError as error:
                raise NotAllowed(str(error)) from error
        case "cc":
            return AddCc(argument)
        case "uncc":
            return RemoveCc(argument)
        case "accept" | "refuse":
            return _hold_meant(line.word, task)
        case "undo":
            return _undo(task, answered)
    return ChangeStatus(line.word, reason)  # a transition


def _handler_meant(name: str, task: Task) -> str:
    """Understand a handler's name, his address, `me`."""
    name = name.removeprefix("@").lower()
    if name == "me":
        return task.actor
    found = task.policy.handler_by_address(name)
    return found.name if found is not None else name


def _tags(argument: str) -> tuple[str, ...]:
    return tuple(tag.strip("#,;").lower() for tag in argument.split() if tag.strip("#,;"))


def _hold_meant(wish: str, task: Task) -> Change:
    holds = task.facts.background.holds
    if len(holds) == 1:
        return EndHoldOf(holds[0].id, wish)
    if not holds:
        raise NotAllowed("no mail is held for this request")
    raise NotAllowed(f"{len(holds)} mails are held: answer the notice of the one that you mean")


def _undo(task: Task, answered: int | None) -> Change:
    """Find what the confirmation said that this mail answers, else the handler's last commands."""
    commands = task.facts.background.commands
    if answered is not None:
        found = next((one for one in commands if one.journal_id == answered), None)
        if found is None:
            raise NotAllowed("the mail that you answer confirms nothing that could be undone")
    else:
        found = next((one for one in commands if one.actor == task.actor), None)
        if found is None:
            raise NotAllowed("there are no commands of yours here that could be undone")
    return Undo(found.changes)

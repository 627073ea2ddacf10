"""A request by mail: its whole story, and its history with the reasons. Internal.

POLICY, `#show` and `#why`; row 93.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroom.core.facts import ChangeFact, MessageFact
from postroom.core.model import Direction, Visibility
from postroom.core.moments import show_moment
from postroom.core.tasks import Task

# A mail, not an archive: `postroom request show` has the rest.
LONGEST = 200_000
_LONGEST_MESSAGE = 20_000


def show_request(task: Task) -> str:
    """Write a request with all its messages, the oldest first."""
    request, zone = task.request, task.time_zone
    people = [
        f"{participant.role}: {participant.name} <{', '.join(participant.addresses)}>"
        for participant in request.participants
    ]
    head = [
        f"Request {request.id}: {request.subject}",
        f"{request.status}, priority {request.priority}, {request.category}, type {request.type}",
        f"owner: {request.owner or 'nobody'}",
        *people,
        *([f"tags: {' '.join(request.tags)}"] if request.tags else []),
        f"opened {show_moment(request.created_at, zone)}",
    ]
    return _bounded([*head, *_messages(task.facts.background.messages, zone)])


def show_history(task: Task) -> str:
    """Write what was changed, by whom and why, the oldest first."""
    zone = task.time_zone
    return _bounded(_change(change, zone) for change in task.facts.background.history)


def _messages(messages: Iterable[MessageFact], zone: str) -> Iterator[str]:
    for message in messages:
        who = message.handler or message.from_name or message.from_address
        kind = {Direction.IN: "from outside", Direction.OUT: "answer", Direction.NOTE: "note"}
        seen = "" if message.visibility is Visibility.PUBLIC else ", internal"
        yield f"\n--- {show_moment(message.at, zone)}, {who} ({kind[message.direction]}{seen}):"
        yield message.fresh[:_LONGEST_MESSAGE]


def _change(change: ChangeFact, zone: str) -> str:
    value = " -> ".join(part for part in (change.from_, change.to) if part)
    what = f"{change.kind}: {value}" if value else change.kind
    return f"{show_moment(change.at, zone)}  {change.actor}: {what} ({change.because})"


def _bounded(lines: Iterable[str]) -> str:
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > LONGEST:
            kept.append("[…] the rest is in `postroom request show`")
            break
        kept.append(line)
    return "\n".join(kept)

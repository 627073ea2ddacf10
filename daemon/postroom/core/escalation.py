"""What a clock or a level of the chain does when its moment has come.

POLICY, priorities.toml; rows 40-46, pains 76, 83-85. Everything that is overdue of a request is
done in one decision, in order, each thing once: after days of downtime people get one mail, not
ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from postroom.core import letters, notices
from postroom.core.assignment import choose_owner
from postroom.core.chains import Chain, ChainState, next_level, reached
from postroom.core.clocks import Story, story_of
from postroom.core.effects import (
    Assign,
    Decision,
    Effect,
    EndTimer,
    Record,
    Reply,
    RunHook,
    SetChain,
    SetProperty,
)
from postroom.core.facts import Facts, RequestFact
from postroom.core.model import Handler, Level, Policy
from postroom.core.moments import show_moment
from postroom.core.notices import News, Scene, Telling
from postroom.core.people import people_named
from postroom.core.site import Site
from postroom.core.tasks import Task
from postroom.core.timing import Due, follow, open_dues

ACTOR = "timer"


@dataclass(slots=True)
class _Heard:
    """Who is told of what, gathered over all that was overdue."""

    handlers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    template: str = "escalation"

    def add(self, people: Sequence[Handler | str], said: dict[str, Any]) -> None:
        """Tell these people one thing more."""
        for one in people:
            if isinstance(one, Handler):
                self.handlers.setdefault(one.name, []).append(said)
            else:
                self.others.setdefault(one, []).append(said)


def end_clocks(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Write down the clocks that were missed, and give the warnings that are due."""
    task = Task(request, facts, policy, site, now, ACTOR)
    effects: list[Effect] = [EndTimer(timer, "due")]
    story = story_of(request.moments, request.priority, request.type, policy)
    heard = _Heard()
    for due in _overdue(story, now):
        effects.append(_recorded(request, due))
        if due.warning is not None and story is not None:
            warning = story.priority.warnings[due.warning]
            said = _said(_words(due), due.at, task)
            heard.add(people_named(warning.notify, request.owner, task.category, policy), said)
    effects += _told(task, heard)
    return _decision(task, effects, "clocks")


def reach_levels(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Do every level that is due, in order; the next one counts from the nominal moment."""
    task = Task(request, facts, policy, site, now, ACTOR)
    effects: list[Effect] = [EndTimer(timer, "due")]
    heard = _Heard()
    chain = request.chain
    while (nominal := _reached(chain, now)) is not None:
        priority = policy.priorities.get(task.request.priority) or policy.default_priority()
        level = next_level(priority, chain.level)
        if level is None:  # the policy has changed meanwhile
            chain = Chain(ChainState.NONE, chain.level)
            break
        done = tuple(_done_at(level, nominal, task, heard))
        effects += done
        for effect in done:
            task = task.after(effect)
        chain, _ = reached(level, nominal, priority, policy)
    effects.append(SetChain(request.id, request.chain, chain, f"level {chain.level}"))
    effects += _told(task, heard)
    return _decision(replace(task, request=request), effects, f"level {chain.level}")


def _reached(chain: Chain, now: datetime) -> datetime | None:
    """Return the nominal moment of the next level if it has come."""
    is_due = chain.state is ChainState.RUNNING and chain.due_at is not None and chain.due_at <= now
    return chain.due_at if is_due else None


def _done_at(level: Level, nominal: datetime, task: Task, heard: _Heard) -> Iterator[Effect]:
    """Do one level: tell people, hand it on, raise it."""
    request, policy = task.request, task.policy
    because = f"level {level.level} of {request.priority}, due {nominal:%Y-%m-%dT%H:%M:%SZ}"
    yield Record(request.id, "escalated", f"level {level.level}", because)
    owner = request.owner
    for effect in _handed_on(level, task, because):
        owner = effect.to if isinstance(effect, Assign) else owner
        yield effect
    told = people_named(level.notify, owner, task.category, policy)
    heard.add(told, _said(f"level {level.level} is reached", nominal, task))
    heard.template = level.template
    if level.run is not None:
        yield RunHook(request.id, level.run, "level", because)
    if level.priority is not None and level.priority != request.priority:
        yield SetProperty(request.id, "priority", request.priority, level.priority, because)


def _handed_on(level: Level, task: Task, because: str) -> Iterator[Effect]:
    request, policy, category = task.request, task.policy, task.category
    wanted = level.assign
    if wanted is None:
        return
    if wanted == "category" and category is not None:
        choice = choose_owner(category, policy, task.facts, task.now, exclude=request.owner)
        if choice.turn is not None:
            yield choice.turn
        owner = choice.owner
    elif wanted.startswith("group:"):
        owner = _of_group(policy.groups.get(wanted.removeprefix("group:"), ()), task)
    else:
        owner = wanted if wanted in policy.handlers else None
    if owner is not None and owner != request.owner:
        yield Assign(request.id, request.owner, owner, because)


def _of_group(members: Sequence[str], task: Task) -> str | None:
    """Return the member with the fewest open requests who is not the owner already."""
    known = task.facts.handlers
    others = [one for one in members if one != task.request.owner]
    return min(
        others,
        key=lambda one: (known[one].open_requests if one in known else 0, one),
        default=None,
    )


def _overdue(story: Story | None, now: datetime) -> list[Due]:
    return [one for one in open_dues(story) if one.at <= now] if story is not None else []


def _recorded(request: RequestFact, due: Due) -> Record:
    kind = "missed" if due.warning is None else "warned"
    return Record(request.id, kind, due.mark, f"{_words(due)}, due {due.at:%Y-%m-%dT%H:%M:%SZ}")


def _words(due: Due) -> str:
    name = due.clock.name.value.replace("_", " ")
    return f"the {name} is missed" if due.warning is None else f"the {name} is near or over"


def _said(what: str, at: datetime, task: Task) -> dict[str, Any]:
    moment = show_moment(at, task.mailbox.time_zone)
    return {"what": what, "from": None, "to": None, "because": f"due {moment}"}


def _told(task: Task, heard: _Heard) -> Iterator[Effect]:
    scene = notices.scene_of_task(task, actor="")
    tellings = [
        _telling(scene, heard, said, (task.policy.handlers[name],), ())
        for name, said in heard.handlers.items()
    ]
    tellings += [
        _telling(scene, heard, said, (), (address,)) for address, said in heard.others.items()
    ]
    yield from notices.tell(tellings)


def _telling(
    scene: Scene,
    heard: _Heard,
    said: list[dict[str, Any]],
    handlers: tuple[Handler, ...],
    others: tuple[str, ...],
) -> Telling:
    reason = "; ".join(f"{one['what']} ({one['because']})" for one in said)
    asked = scene.facts.background.last_in
    news = News(
        heard.template,
        Reply.NOTE,
        reason[:500],
        lambda zone: letters.of_message(asked, zone),
        kind="escalation",
        reason=reason,
        changes=tuple(said),
    )
    return Telling(scene, news, handlers, others)


def _decision(task: Task, effects: list[Effect], reason: str) -> Decision:
    request = task.request
    decision = Decision(
        actor=ACTOR,
        reason=reason,
        policy_version=task.policy.version,
        request=request.id,
        effects=tuple(effects),
        versions={request.id: request.version},
        explanation={"timer": reason},
    )
    return follow(decision, task.facts, task.policy, task.now)

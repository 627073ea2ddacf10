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
from postroom.core.chains import Chain, ChainState, next_level, reached, rewaited
from postroom.core.clocks import Moment, story_of
from postroom.core.delayed import Told, tell_contact
from postroom.core.effects import (
    Assign,
    Decision,
    Effect,
    EndTimer,
    Record,
    Reply,
    RunHook,
    SetChain,
    SetClocks,
    SetProperty,
)
from postroom.core.facts import Facts, RequestFact
from postroom.core.model import OPEN, Handler, Level, Policy
from postroom.core.moments import show_moment
from postroom.core.notices import News, Scene, Telling
from postroom.core.people import people_alarmed
from postroom.core.replies import CONTACT
from postroom.core.site import Site
from postroom.core.tasks import Task
from postroom.core.timing import Due, follow, open_dues, timing_of

ACTOR = "timer"
_FLOOD = "customers are not told of delays: so many would have been that a brake closed"


@dataclass(slots=True)
class _Heard:
    """Who is told of what, gathered over all that was overdue."""

    handlers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    template: str = "escalation"
    contact_template: str | None = None  # None: he is not to be told
    contact_because: str = ""

    def add(
        self, named: Sequence[str], owner: str | None, said: dict[str, Any], task: Task
    ) -> None:
        """Tell these people one thing more."""
        for one in people_alarmed(named, owner, task.category, task.policy):
            if isinstance(one, Handler):
                self.handlers.setdefault(one.name, []).append(said)
            else:
                self.others.setdefault(one, []).append(said)


def end_clocks(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Write down the clocks that were missed, and give the warnings that are due."""
    walk = _walk(timer, Task(request, facts, policy, site, now, ACTOR))
    if walk.chain != request.chain:
        walk.effects.append(_set_chain(walk, request))
    decision = _decided(walk, request)
    if any(isinstance(effect, SetClocks) for effect in decision.effects):
        return decision
    # Not due after all (the clock was set back just now): to be waited for again.
    timing = timing_of(request, policy)
    again = SetClocks(request.id, timing, timing)
    return replace(decision, effects=(*decision.effects, again))


def reach_levels(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Do every level that is due, in order; the next one counts from the nominal moment."""
    walk = _walk(timer, Task(request, facts, policy, site, now, ACTOR))
    walk.effects.append(_set_chain(walk, request))
    return _decided(walk, request)


@dataclass(slots=True)
class _Walk:
    """A request on its way through what is overdue: as it was at the moment looked at."""

    task: Task
    chain: Chain
    dues: list[Due]  # what its clocks have overdue, in order
    effects: list[Effect]
    heard: _Heard = field(default_factory=_Heard)


def _walk(timer: int, task: Task) -> _Walk:
    """Do what is overdue, clocks and levels alike, in the order of their nominal moments.

    So the history after days of downtime reads as it would without, and people get one mail.
    """
    # The rules may have changed a moment ago: what is due, is due by those of now.
    chain = rewaited(task.request.chain, task.priority, task.policy, task.now)
    walk = _Walk(task, chain, _overdue(task, ()), [EndTimer(timer, "due")])
    while True:
        nominal = _reached(walk.chain, task.now)
        if walk.dues and (nominal is None or walk.dues[0].at <= nominal):
            _pass_due(walk)
        elif nominal is not None:
            _pass_level(walk, nominal)
        else:
            return walk


def _pass_due(walk: _Walk) -> None:
    """Write one clock down as missed, or give one warning."""
    task, due = walk.task, walk.dues.pop(0)
    walk.effects.append(_recorded(task.request, due))
    if due.warning is not None:
        warning = task.priority.warnings[due.warning]
        walk.heard.add(warning.notify, task.request.owner, _said(_words(due), due.at, task), task)
        if CONTACT in warning.notify:
            walk.heard.contact_template = warning.contact_template
            walk.heard.contact_because = _words(due)


def _pass_level(walk: _Walk, nominal: datetime) -> None:
    """Do one level; another priority has other clocks."""
    before = walk.task.priority
    level = next_level(before, walk.chain.level)
    if level is None:  # the policy has changed meanwhile
        walk.chain = Chain(ChainState.NONE, walk.chain.level)
        return
    done = tuple(_done_at(level, nominal, walk.task, walk.heard))
    walk.effects += done
    for effect in done:
        walk.task = walk.task.after(effect)
    walk.chain, _ = reached(level, nominal, before, walk.task.policy)
    if walk.task.priority != before:
        walk.dues = _overdue(walk.task, walk.effects)


def _set_chain(walk: _Walk, request: RequestFact) -> SetChain:
    has_acted = walk.chain.level != request.chain.level
    because = f"level {walk.chain.level}" if has_acted else f"policy {walk.task.policy.version}"
    return SetChain(request.id, request.chain, walk.chain, because)


def _decided(walk: _Walk, request: RequestFact) -> Decision:
    """Tell everybody, and decide. The facts are those of before: effects say what changes."""
    before = replace(walk.task, request=request)
    effects = [*walk.effects, *_told(walk.task, walk.heard, *_handed(before, walk.effects))]
    has_acted = walk.chain.level != request.chain.level
    return _decision(before, effects, f"level {walk.chain.level}" if has_acted else "clocks")


def _reached(chain: Chain, now: datetime) -> datetime | None:
    """Return the nominal moment of the next level if it has come."""
    is_due = chain.state is ChainState.RUNNING and chain.due_at is not None and chain.due_at <= now
    return chain.due_at if is_due else None


def _done_at(level: Level, nominal: datetime, task: Task, heard: _Heard) -> Iterator[Effect]:
    """Do one level: tell people, hand it on, raise it."""
    request = task.request
    because = f"level {level.level} of {request.priority}, due {nominal:%Y-%m-%dT%H:%M:%SZ}"
    yield Record(request.id, "escalated", f"level {level.level}", because)
    owner = request.owner
    for effect in _handed_on(level, task, because):
        owner = effect.to if isinstance(effect, Assign) else owner
        yield effect
    heard.add(level.notify, owner, _said(f"level {level.level} is reached", nominal, task), task)
    heard.template = level.template
    if CONTACT in level.notify:
        heard.contact_template, heard.contact_because = level.contact_template, because
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


def _overdue(task: Task, effects: Sequence[Effect]) -> list[Due]:
    """Return what the clocks have overdue, but for what these effects have written down."""
    request = task.request
    if request.phase not in OPEN:  # by its phase: the rules may have no such status any more
        return []
    done = [Moment(task.now, one.kind, one.to) for one in effects if isinstance(one, Record)]
    story = story_of((*request.moments, *done), request.priority, request.type, task.policy)
    return [one for one in open_dues(story) if one.at <= task.now] if story is not None else []


def _recorded(request: RequestFact, due: Due) -> Record:
    kind = "missed" if due.warning is None else "warned"
    return Record(request.id, kind, due.mark, f"{_words(due)}, due {due.at:%Y-%m-%dT%H:%M:%SZ}")


def _words(due: Due) -> str:
    name = due.clock.name.value.replace("_", " ")
    return f"the {name} is missed" if due.warning is None else f"the {name} is near or over"


def _said(what: str, at: datetime, task: Task) -> dict[str, Any]:
    moment = show_moment(at, task.mailbox.time_zone)
    return {"what": what, "from": None, "to": None, "because": f"due {moment}"}


def _handed(task: Task, effects: Sequence[Effect]) -> Iterator[Telling]:
    """Tell who got the request and who lost it. No level is named: the first may answer at once."""
    for telling in notices.of_owners(task, effects):
        if telling.news.reply is Reply.ANSWER:
            why = "it has waited long, and was handed on to you"
            yield replace(telling, news=replace(telling.news, reason=why))
        else:
            yield telling


def _told(task: Task, heard: _Heard, *handed: Telling) -> Iterator[Effect]:
    """Tell everybody, each in one mail: who got the request by the one that answers the customer.

    Who lost it and is named by a level as well hears of the level.
    """
    scene = notices.scene_of_task(task, actor="")
    tellings = [one for one in handed if one.news.reply is Reply.ANSWER]
    tellings += [
        _telling(scene, heard, said, (task.policy.handlers[name],), ())
        for name, said in heard.handlers.items()
    ]
    tellings += [
        _telling(scene, heard, said, (), (address,)) for address, said in heard.others.items()
    ]
    tellings += [one for one in handed if one.news.reply is not Reply.ANSWER]
    told = Told(())
    if heard.contact_template is not None:
        told = tell_contact(task, heard.contact_template, heard.contact_because)
        yield from told.effects
    alarm = notices.Alarm("flood", _FLOOD) if told.is_flood else None
    if alarm is not None and not tellings:
        tellings.append(_telling(scene, heard, [], (), ()))  # nobody, but the alarm has a scene
    yield from notices.tell(tellings, alarm)


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

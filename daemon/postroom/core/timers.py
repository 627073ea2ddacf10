"""What a timer does when it is due, holds apart: those decide about their mail (core.intake).

Row 9; POLICY. Each decision ends its timer, so that it fires once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from postroom.core import letters, lifecycle, notices
from postroom.core.changes import along
from postroom.core.clocks import Timing
from postroom.core.effects import Decision, Effect, EndTimer, Reply, SetClocks
from postroom.core.facts import DeliveryFact, Facts, RequestFact
from postroom.core.model import Phase, Policy
from postroom.core.notices import News, Telling
from postroom.core.silence import Silence, silence_of
from postroom.core.site import Site
from postroom.core.tasks import TIMER, Task
from postroom.core.timing import follow, timing_of
from postroom.core.units import write_duration

# A transition is on its way: so long its hook is waited for before it is asked again.
_HOOK_WAIT = timedelta(hours=1)


def activate(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Wake a postponed request, and tell its owner."""
    task = Task(request, facts, policy, site, now, TIMER)
    effects: list[Effect] = [EndTimer(timer, "due")]
    if request.phase is Phase.POSTPONED:
        because = "postponed until now: activated"
        effects.append(lifecycle.change(request, policy, task.workflow.initial, because))
        for effect in tuple(effects):
            task = task.after(effect)
        news = News("activated", Reply.NOTE, because, lambda zone: _asked(facts, zone))
        scene = notices.scene_of_task(task)
        handlers = tuple(notices.readers(scene, "activated"))
        effects += notices.tell([Telling(scene, news, handlers)])
    return _decision(task, effects, "activated")


def close(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Close a request whose customer was silent for `close_after`, and tell nobody.

    What is not due after all (the rules have changed, the clock was set back) is waited for again.
    """
    task = Task(request, facts, policy, site, now, TIMER)
    effects: list[Effect] = [EndTimer(timer, "due")]
    silence = silence_of(request.moments, request.category, request.type, policy)
    if silence is not None and silence.closes_at <= now and facts.background.pending is None:
        effects += _closed(silence, task)
        return _decision(task, effects, "closed by itself")
    timing = timing_of(request, policy)
    if timing.closes_at is not None and timing.closes_at <= now:
        timing = replace(timing, closes_at=now + _HOOK_WAIT)
    effects.append(SetClocks(request.id, Timing(), timing))
    return _decision(task, effects, "not to be closed now")


def _closed(silence: Silence, task: Task) -> Iterator[Effect]:
    request, way = task.request, silence.way
    within = write_duration(int(silence.within.total_seconds()), in_days=True)
    because = f"the customer was silent for {within} (close_after of {request.category})"
    change = lifecycle.change(request, task.policy, way.to.name, because)
    yield from along(change, way.transition, "", task)


def tell_undelivered(
    timer: int,
    delivery: DeliveryFact,
    request: RequestFact,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
) -> Decision:
    """Tell the owner that the relay refused an answer, or could not be reached for days."""
    task = Task(request, facts, policy, site, now, TIMER)
    telling = notices.of_undelivered(task, delivery, delivery.last_response)
    told = notices.tell([telling] if telling is not None else [])
    return _decision(task, [EndTimer(timer, "due"), *told], f"delivery {delivery.id} failed")


def _asked(facts: Facts, time_zone: str) -> dict[str, object]:
    return letters.of_message(facts.background.last_in, time_zone)


def _decision(task: Task, effects: list[Effect], reason: str) -> Decision:
    decision = Decision(
        actor=TIMER,
        reason=reason,
        policy_version=task.policy.version,
        request=task.request.id,
        effects=tuple(effects),
        versions={task.request.id: task.request.version},
        explanation={"timer": reason},
    )
    return follow(decision, task.facts, task.policy, task.now)

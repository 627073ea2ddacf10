"""What a timer does when it is due, holds apart: those decide about their mail (core.intake).

Row 9; POLICY. Each decision ends its timer, so that it fires once.
"""

from __future__ import annotations

from datetime import datetime

from postroom.core import letters, lifecycle, notices
from postroom.core.effects import Decision, Effect, EndTimer, Reply
from postroom.core.facts import DeliveryFact, Facts, RequestFact
from postroom.core.model import Phase, Policy
from postroom.core.notices import News, Telling
from postroom.core.site import Site
from postroom.core.tasks import Task
from postroom.core.timing import follow

ACTOR = "timer"


def activate(
    timer: int, request: RequestFact, facts: Facts, policy: Policy, site: Site, now: datetime
) -> Decision:
    """Wake a postponed request, and tell its owner."""
    task = Task(request, facts, policy, site, now, ACTOR)
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
    task = Task(request, facts, policy, site, now, ACTOR)
    telling = notices.of_undelivered(task, delivery, delivery.last_response)
    told = notices.tell([telling] if telling is not None else [])
    return _decision(task, [EndTimer(timer, "due"), *told], f"delivery {delivery.id} failed")


def _asked(facts: Facts, time_zone: str) -> dict[str, object]:
    return letters.of_message(facts.background.last_in, time_zone)


def _decision(task: Task, effects: list[Effect], reason: str) -> Decision:
    decision = Decision(
        actor=ACTOR,
        reason=reason,
        policy_version=task.policy.version,
        request=task.request.id,
        effects=tuple(effects),
        versions={task.request.id: task.request.version},
        explanation={"timer": reason},
    )
    return follow(decision, task.facts, task.policy, task.now)

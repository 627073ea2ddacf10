"""One request at hand: whoever works on it, with all that deciding about it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from postroom.core.effects import (
    AddParticipant,
    Assign,
    Effect,
    RemoveParticipant,
    ReplaceAddresses,
    RunHook,
    SetPostponed,
    SetProperty,
    SetStatus,
    SetTags,
)
from postroom.core.facts import Facts, ParticipantFact, RequestFact
from postroom.core.model import Category, Handler, Phase, Policy, Priority, Verdict, Workflow
from postroom.core.site import Mailbox, Site
from postroom.core.units import nearest
from postroom.errors import NotAllowed

CLI = "cli"  # the actor when a sysadmin does not say who
TIMER = "timer"  # the actor of what happens by itself


@dataclass(frozen=True, slots=True)
class Task:
    """What somebody wants of a request, and the world that it is decided in."""

    request: RequestFact
    facts: Facts
    policy: Policy
    site: Site
    now: datetime
    actor: str  # a handler's name, CLI or TIMER
    verdict: Verdict = Verdict.PASS  # whether the actor is proven to be himself

    @property
    def category(self) -> Category | None:
        """The request's category; None when the policy has it no more."""
        return self.policy.categories.get(self.request.category)

    @property
    def priority(self) -> Priority:
        """The request's priority; the default one when the policy has it no more."""
        return self.policy.priority_of(self.request.priority)

    @property
    def workflow(self) -> Workflow:
        """The request's workflow."""
        return self.policy.workflow_of(self.request.type)

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox that the request came to, and that is answered from."""
        return self.site.mailbox_named(self.request.mailbox)

    @property
    def time_zone(self) -> str:
        """The time zone of whoever acts."""
        handler = self.policy.handlers.get(self.actor)
        return handler.time_zone if handler is not None else self.mailbox.time_zone

    def because(self, reason: str = "") -> str:
        """Say why, for the history."""
        return reason or ("by itself" if self.actor == TIMER else f"by hand, {self.actor}")

    def after(self, effect: Effect) -> Task:
        """Return the task as a change leaves it, as far as the next command looks at it."""
        if isinstance(effect, RunHook) and effect.transition is not None:
            background = replace(self.facts.background, pending=effect.transition.name)
            return replace(self, facts=replace(self.facts, background=background))
        return replace(self, request=_after(effect, self.request))


def check_access(task: Task) -> None:
    """Raise NotAllowed unless the actor may work on the request."""
    request, category = task.request, task.category
    if request.phase is Phase.MERGED:
        raise NotAllowed(f"request {request.id} was merged into {request.merged_into}")
    handler = task.policy.handlers.get(task.actor)
    if task.actor == CLI or category is None or not category.members_only:
        return
    is_member = any(member.handler == task.actor for member in category.members)
    if not is_member and not (handler is not None and handler.administrator):
        raise NotAllowed(f"only members of {category.path} may work on its requests")


def handler_named(policy: Policy, name: str) -> Handler:
    """Return a handler; NotAllowed with the nearest name."""
    if name not in policy.handlers:
        raise NotAllowed(f"no handler is called {name!r}{nearest(name, policy.handlers)}")
    return policy.handlers[name]


def _after(effect: Effect, request: RequestFact) -> RequestFact:
    match effect:
        case SetStatus():
            is_awake = effect.phase is not Phase.POSTPONED
            until = None if is_awake else request.postponed_until
            return replace(request, status=effect.to, phase=effect.phase, postponed_until=until)
        case Assign():
            return replace(request, owner=effect.to)
        case SetTags():
            kept = (tag for tag in request.tags if tag not in effect.remove)
            return replace(request, tags=(*kept, *effect.add))
        case SetPostponed():
            return replace(request, postponed_until=effect.until)
        case AddParticipant():
            added = ParticipantFact(0, 0, effect.role, "", (effect.address.lower(),))
            return replace(request, participants=(*request.participants, added))
        case ReplaceAddresses():
            generations = {**request.generations, effect.handler: effect.generation}
            return replace(request, generations=generations)
        case RemoveParticipant():
            gone = request.participant(effect.address)
            left = tuple(one for one in request.participants if one is not gone)
            return replace(request, participants=left)
        case SetProperty(name="priority"):
            return replace(request, priority=effect.to)
        case SetProperty(name="category"):
            return replace(request, category=effect.to)
        case SetProperty(name="type"):
            return replace(request, type=effect.to)
        case SetProperty(name="subject"):
            return replace(request, subject=effect.to)
    return request

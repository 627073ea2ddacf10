"""How a request's status follows from what happens to it.

Rows 4-6; POLICY, workflows.toml. Transitions are data; an illegal one changes nothing and says
which are legal.
"""

from __future__ import annotations

import re

from postroom.core.effects import SetStatus
from postroom.core.facts import RequestFact
from postroom.core.model import Category, Phase, Policy, Status, Transition
from postroom.errors import NotAllowed

# ruff: noqa: SIM905 - words are words
# A thank-you needs one of these …
_GRATITUDE = frozenset(
    "thanks thank thx danke dank merci gracias grazie tack takk bedankt dziękuję obrigado obrigada "
    "kiitos cheers".split()
)
# … and may be made of these besides.
_POLITENESS = frozenset(
    "you very much many so a lot for your help the quick reply great perfect all good super vielen "
    "schön besten herzlichen beaucoup muchas mille tusen så mye mycket hartelijk wel ok okay best "
    "kind regards mvh hilsen grüße mit freundlichen grüßen".split()
)


def is_only_thanks(text: str) -> bool:
    """Whether a text says thank you and nothing else."""
    words = re.findall(r"\w+", text[:400].lower())
    is_short = len(words) <= 12 and len(text) < 200
    is_thanks = any(word in _GRATITUDE for word in words)
    return is_short and is_thanks and all(w in _GRATITUDE or w in _POLITENESS for w in words)


def status_after_customer(
    request: RequestFact, policy: Policy, fresh: str, because: str
) -> SetStatus | None:
    """Return the change that a customer's message makes to the status, if any."""
    workflow = policy.workflow_of(request.type)
    if request.phase is Phase.CLOSED:
        category = policy.categories.get(request.category)
        if category is not None and category.thanks == "note" and is_only_thanks(fresh):
            return None
        return change(request, policy, workflow.initial, f"{because}: reopened")
    if request.phase is Phase.POSTPONED:
        return change(request, policy, workflow.initial, f"{because}: activated")
    if workflow.on_customer is not None and workflow.on_customer != request.status:
        return change(request, policy, workflow.on_customer, because)
    return None


def change(request: RequestFact, policy: Policy, to: str, because: str) -> SetStatus:
    """Return the effect of a new status, by the system (no transition asked)."""
    status = policy.workflow_of(request.type).statuses[to]
    return SetStatus(request.id, request.status, to, status.phase, because)


def initial_status(
    policy: Policy, type_name: str, category: Category, wanted: str | None
) -> Status:
    """Return the status of a new request: rule, category, workflow (row 4)."""
    workflow = policy.workflow_of(type_name)
    for name in (wanted, category.status):
        if name is not None and name in workflow.statuses:
            return workflow.statuses[name]
    return workflow.statuses[workflow.initial]


def by_hand(request: RequestFact, policy: Policy, wanted: str, by: str, reason: str) -> SetStatus:
    """Return the change to a status (or by a transition's name) that somebody asks for.

    NotAllowed names the legal ones. Phase `merged` is reached by a command of its own.
    """
    workflow = policy.workflow_of(request.type)
    because = reason or "by hand"
    if workflow.free:
        names = [s.name for s in workflow.statuses.values() if s.phase is not Phase.MERGED]
        if wanted not in names:
            raise NotAllowed(_legal(f"no status is called {wanted!r}", sorted(names)))
        status = workflow.statuses[wanted]
        return SetStatus(request.id, request.status, wanted, status.phase, because)
    transition = transition_by(request, policy, wanted, by)
    if transition is None:
        legal = _legal_transitions(request, policy, by)
        names = sorted({name for t in legal for name in (t.name, t.to)})
        raise NotAllowed(_legal(f"{wanted!r} is not possible in status {request.status!r}", names))
    missing = [need for need in transition.requires if need != "reason" or not reason]
    if missing:
        raise NotAllowed(f"{transition.name} needs: {', '.join(missing)}")
    status = workflow.statuses[transition.to]
    return SetStatus(request.id, request.status, transition.to, status.phase, because)


def transition_by(request: RequestFact, policy: Policy, wanted: str, by: str) -> Transition | None:
    """Return the transition that a name, or its target's, means here; None in a free workflow."""
    legal = _legal_transitions(request, policy, by)
    return next((item for item in legal if wanted in (item.name, item.to)), None)


def _legal_transitions(request: RequestFact, policy: Policy, by: str) -> list[Transition]:
    workflow = policy.workflow_of(request.type)
    if workflow.free:
        return []
    return [t for t in workflow.transitions if request.status in t.sources and by in t.by]


def _legal(what: str, names: list[str]) -> str:
    return f"{what}; possible: {', '.join(names) or 'nothing'}"

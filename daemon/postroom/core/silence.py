"""The automatic close: a request whose customer stays silent when it is his turn.

POLICY, `close_after` in categories.toml. A pure function of the history, as the clocks are
(core.clocks); round the clock, without a calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from postroom.core.clocks import Moment, Stay, stays_of
from postroom.core.model import Counts, Phase, Policy, Status, Transition, Workflow

# What by=["system"] may need: the reason is that of the silence.
_GIVEN = frozenset({"reason"})
_ASKED, _ANSWERED = "in, public", "out, public"  # the customer's words, and ours


@dataclass(frozen=True, slots=True)
class Way:
    """How a status becomes a closed one by itself; `transition` None in a free workflow."""

    to: Status
    transition: Transition | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was said since then, in a status in which it is the customer's turn."""

    since: datetime
    within: timedelta
    way: Way

    @property
    def closes_at(self) -> datetime:
        """When the request closes by itself."""
        return self.since + self.within


def silence_of(
    moments: Sequence[Moment], category: str, type_name: str, policy: Policy
) -> Silence | None:
    """Return the silence that a request will be closed for; None when it will not.

    It begins anew with each stay in such a status and each answer. A customer who has written
    since, and waits for an answer, is not silent.
    """
    known = policy.categories.get(category)
    if known is None or known.close_after is None:
        return None
    workflow, stay = policy.workflow_of(type_name), stay_of(moments)
    if stay is None or not is_customers_turn(workflow, stay.status):
        return None
    way = way_to_close(workflow, stay.status)
    if way is None:
        return None
    last = _last_word(moments, stay.since)
    if last is not None and last.to == _ASKED:
        return None
    return Silence(last.at if last is not None else stay.since, known.close_after, way)


def _last_word(moments: Sequence[Moment], since: datetime) -> Moment | None:
    """Return what customer or handler said last since then; notes and machine mail are no words."""
    said = [
        one
        for one in moments
        if one.kind == "message" and one.to in (_ASKED, _ANSWERED) and one.at > since
    ]
    return said[-1] if said else None


def stay_of(moments: Sequence[Moment]) -> Stay | None:
    """Return the status that a request is in, and since when; None if its history says nothing."""
    stays = stays_of(moments) if moments and moments[0].kind == "opened" else []
    return stays[-1] if stays else None


def is_customers_turn(workflow: Workflow, status: str) -> bool:
    """Whether a request in that status waits for its customer, and nothing else."""
    known = workflow.statuses.get(status)
    return known is not None and known.counts is Counts.EXTERNAL and known.phase is Phase.ACTIVE


def way_to_close(workflow: Workflow, status: str) -> Way | None:
    """Return how a request gets from a status to the workflow's first closed one that it can.

    Without `free` that takes a transition by the system, which needs nothing but a reason.
    """
    closed = [one for one in workflow.statuses.values() if one.phase is Phase.CLOSED]
    if workflow.free:
        return Way(closed[0], None) if closed else None
    legal = list(_by_itself(workflow, status))
    found = ((one, each) for one in closed for each in legal if each.to == one.name)
    return next((Way(*one) for one in found), None)


def _by_itself(workflow: Workflow, status: str) -> Iterator[Transition]:
    for one in workflow.transitions:
        if "system" in one.by and status in one.sources and _GIVEN.issuperset(one.requires):
            yield one

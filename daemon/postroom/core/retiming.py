"""What other rules make of the clocks and the chain of an open request.

POLICY, priorities.toml; pain 80. Clocks and the automatic close are pure functions of the history
(core.timing), the chain keeps the level that it has reached (core.chains.rewaited). Asked again
under the same rules nothing differs: whoever was interrupted begins again, and does nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from postroom.core.chains import Chain, rewaited
from postroom.core.clocks import Timing
from postroom.core.effects import Decision, Record, SetChain, SetClocks
from postroom.core.facts import Facts, RequestFact
from postroom.core.model import Policy
from postroom.core.timing import follow

ACTOR = "system"


class What(StrEnum):
    """Whose moment is another one."""

    FIRST_REPLY = "first_reply"
    NEXT_REPLY = "next_reply"
    DEADLINE = "deadline"
    WARNING = "warning"  # the next one, when the clocks themselves are as they were
    LEVEL = "level"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Difference:
    """A moment that is another one; None: there is none. `at_once`: it acts as soon as applied."""

    what: What
    from_: datetime | None
    to: datetime | None
    at_once: bool

    def __str__(self) -> str:
        """Say it for the history."""
        return f"{self.what.value} {_moment(self.to)} (was {_moment(self.from_)})"


def retime(request: RequestFact, policy: Policy, now: datetime, before: str | None) -> Decision:
    """Let an open request follow a policy; a decision without effects when nothing differs.

    `before` is the version of the policy that it followed, as far as that is known.
    """
    because = f"policy {policy.version}" + (f" instead of {before}" if before else "")
    chain = rewaited(request.chain, policy.priority_of(request.priority), policy, now)
    moved = SetChain(request.id, request.chain, chain, because)
    bare = Decision(
        actor=ACTOR,
        reason=because,
        policy_version=policy.version,
        request=request.id,
        effects=(moved,) if chain != request.chain else (),
        versions={request.id: request.version},
    )
    decided = follow(bare, Facts(requests={request.id: request}), policy, now)
    # The chain writes a row of history of its own.
    said = [str(one) for one in differences(decided, now) if one.what is not What.LEVEL]
    if not said:
        return decided
    told = Record(request.id, "clocks", "; ".join(said), because)
    return replace(decided, effects=(*decided.effects, told))


def differences(decision: Decision, now: datetime) -> tuple[Difference, ...]:
    """Return the moments that a decision of `retime` changes, in the order of What."""
    order = list(What)
    return tuple(sorted(_differences(decision, now), key=lambda one: order.index(one.what)))


def _differences(decision: Decision, now: datetime) -> Iterator[Difference]:
    for effect in decision.effects:
        if isinstance(effect, SetClocks):
            yield from _of_clocks(effect.was, effect.timing, now)
        elif isinstance(effect, SetChain):
            yield from _of_chain(effect.was, effect.chain, now)


def _of_clocks(was: Timing, timing: Timing, now: datetime) -> Iterator[Difference]:
    # A clock that was missed before has nothing left to be done about it.
    is_due = timing.due_at is not None and timing.due_at <= now
    clocks = (What.FIRST_REPLY, What.NEXT_REPLY, What.DEADLINE)
    moved = [what for what in clocks if getattr(was, what) != getattr(timing, what)]
    for what in moved:
        before, after = getattr(was, what), getattr(timing, what)
        yield Difference(what, before, after, is_due and _acts(before, after, now))
    if was.due_at != timing.due_at and not moved:
        at_once = _acts(was.due_at, timing.due_at, now)
        yield Difference(What.WARNING, was.due_at, timing.due_at, at_once)
    if was.closes_at != timing.closes_at:
        at_once = _acts(was.closes_at, timing.closes_at, now)
        yield Difference(What.CLOSE, was.closes_at, timing.closes_at, at_once)


def _of_chain(was: Chain, chain: Chain, now: datetime) -> Iterator[Difference]:
    yield Difference(What.LEVEL, was.due_at, chain.due_at, _acts(was.due_at, chain.due_at, now))


def _acts(before: datetime | None, after: datetime | None, now: datetime) -> bool:
    """Whether a moment comes to lie in the past."""
    return after is not None and after <= now and (before is None or before > now)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at is not None else "none"

"""What open requests name and the rules do not, any more: what becomes of it, in words. Pure.

Nothing fails for it: a priority or a type that is gone counts as the default one (Policy), time
passes in a status that is gone, and what an owner who is gone should hear, the members do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postroom.core.model import Policy


@dataclass(frozen=True, slots=True)
class Named:
    """How many open requests name something of the policy; `of`: the type of a status."""

    kind: str  # priority category type status owner
    name: str
    requests: int
    of: str = ""


@dataclass(frozen=True, slots=True)
class Vanished:
    """A name that the policy does not have, how many open requests have it, and what then is."""

    kind: str
    name: str
    requests: int
    then: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        has = "open request has" if self.requests == 1 else "open requests have"
        return f"{self.requests} {has} the {self.kind} {self.name}, which is gone: {self.then}"


def vanished(named: Iterable[Named], policy: Policy) -> Iterator[Vanished]:
    """Yield those of these names that the policy does not have."""
    for one in named:
        then = then_of(one.kind, one.name, one.of, policy)
        if then is not None:
            yield Vanished(one.kind, one.name, one.requests, then)


def then_of(kind: str, name: str, type_name: str, policy: Policy) -> str | None:
    """Say what becomes of a request that names something; None: the policy has it."""
    match kind:
        case "priority" if name not in policy.priorities:
            return f"it counts as {policy.default_priority().name}"
        case "type" if name not in policy.types:
            return f"it counts as {policy.default_type().name}"
        case "category" if name not in policy.categories:
            return "nobody administers it, nobody is assigned by it"
        case "status" if name not in policy.workflow_of(type_name).statuses:
            return "nothing pauses clocks in it, as nobody knows whose turn it is"
        case "owner" if name not in policy.handlers:
            return "who hears of a request without owner hears of these"
    return None

"""Names of people inside, as rules and priorities have them, turned into people.

POLICY: `owner`, `administrator`, `members`, `group:NAME`, a handler's name, or an address. The
`contact` stands outside: core.delayed, core.replies.
"""

from __future__ import annotations

from collections.abc import Iterable

from postroom.core.model import Category, Handler, Policy

ESCALATED = "escalated"  # in a handler's `notify`


def people_named(
    names: Iterable[str], owner: str | None, category: Category | None, policy: Policy
) -> list[Handler | str]:
    """Return handlers, and addresses that are no handler's, in the order of the names."""
    found: list[Handler | str] = []
    for name in names:
        people: tuple[str, ...] = ()
        match name:
            case "owner":
                people = (owner or "",)
            case "administrator":
                people = (category.administrator or "",) if category is not None else ()
            case "members":
                members = category.members if category is not None else ()
                people = tuple(member.handler for member in members)
            case _ if name.startswith("group:"):
                people = policy.groups.get(name.removeprefix("group:"), ())
            case _ if name in policy.handlers:
                people = (name,)
            case _ if "@" in name:
                found.append(policy.handler_by_address(name) or name)
        found += [policy.handlers[person] for person in people if person in policy.handlers]
    return list(dict.fromkeys(found))


def people_alarmed(
    names: Iterable[str], owner: str | None, category: Category | None, policy: Policy
) -> list[Handler | str]:
    """Return whom a level or a warning tells.

    Who does not want to hear of escalations is left out, unless he is named himself: a role or a
    group says nothing about him, his own name does.
    """
    names = list(names)
    by_name = people_named((one for one in names if _is_own(one, policy)), owner, category, policy)
    return [
        one
        for one in people_named(names, owner, category, policy)
        if isinstance(one, str) or ESCALATED in one.notify or one in by_name
    ]


def _is_own(name: str, policy: Policy) -> bool:
    return "@" in name or name in policy.handlers

"""Do config.toml and rules/ fit together? Names across both, and mail that would go in a circle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain

from postroom.core.model import Policy
from postroom.core.site import Site
from postroom.core.units import nearest, show
from postroom.errors import Problem

CONFIG = "config.toml"


def check_mailboxes(
    site: Site, policy: Policy, names: Mapping[str, Collection[str]] | None = None
) -> list[Problem]:
    """Return what one of them names and the other does not have, and circles of mail.

    `names` by kind are given with a policy that could not be read in full: what it would have; a
    kind that is absent there is not checked.
    """
    if names is None:
        names = {
            "category": policy.categories,
            "priority": policy.priorities,
            "type": policy.types,
        }
    return [
        *_names_of_mailboxes(site, names),
        *_mailboxes_of_rules(site, policy),
        *_circles(site, policy),
    ]


def check_hooks(
    webhooks: Collection[str], others: Collection[str], executables: Collection[str]
) -> Iterator[Problem]:
    """Yield which of the [hooks.NAME] of config.toml mean nothing, or two things.

    `others` are those without a url: they say something about an executable of rules/hooks/.
    """
    for name in others:
        if name not in executables:
            text = "has no url, and rules/hooks/ no such executable" + nearest(name, executables)
            yield Problem(CONFIG, f"hooks.{name}", text)
    for name in webhooks:
        if name in executables:
            text = "has a url, and is an executable in rules/hooks/ besides: which of them?"
            yield Problem(CONFIG, f"hooks.{name}", text)


def _names_of_mailboxes(site: Site, names: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    for mailbox in site.mailboxes.values():
        named = (
            ("category", mailbox.category),
            ("priority", mailbox.priority),
            ("type", mailbox.type),
        )
        for key, name in named:
            known = names.get(key)
            if name is not None and known is not None and name not in known:
                text = f"there is no {key} {show(name)}" + nearest(name, known)
                yield Problem(CONFIG, f"mailbox {show(mailbox.name)}.{key}", text)


def _mailboxes_of_rules(site: Site, policy: Policy) -> Iterator[Problem]:
    for rule in policy.rules:
        for index, name in enumerate(rule.mailboxes):
            if name not in site.mailboxes:
                key = f"rule {show(rule.name)}.mailboxes[{index + 1}]"
                text = f"there is no mailbox {show(name)}" + nearest(name, site.mailboxes)
                yield Problem("rules/routing.toml", key, text)


def _circles(site: Site, policy: Policy) -> Iterator[Problem]:
    """Mail that we send to ourselves would open requests about itself."""
    for file, key, address in _targets(policy):
        mailbox = site.mailbox_for(address) if "@" in address else None
        if mailbox is not None:
            text = f"{show(address)} is mailbox {show(mailbox.name)}: mail to it comes back"
            yield Problem(file, key, text)


def _targets(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield every address that rules/ sends mail to, with file and key path."""
    for handler in policy.handlers.values():
        for address in (handler.email, *handler.aliases):
            yield "rules/team.toml", f"handler {show(handler.name)}", address
    for category in policy.categories.values():
        for address in category.notify:
            yield "rules/categories.toml", f"category {show(category.path)}.notify", address
    for priority in policy.priorities.values():
        told = [item.notify for item in priority.levels]
        told += [item.notify for item in priority.warnings]
        for address in chain.from_iterable(told):
            yield "rules/priorities.toml", f"priority {show(priority.name)}", address
    for rule in policy.rules:
        for address in (*rule.then.forward_to, *rule.then.notify):
            yield "rules/routing.toml", f"rule {show(rule.name)}.then", address

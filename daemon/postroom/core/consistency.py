"""Do config.toml and rules/ fit together? Names across both, and mail that would go in a circle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain

from postroom.core.model import Actions, AssignMethod, Category, Policy
from postroom.core.people import people_named
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


def unheard(site: Site, policy: Policy) -> Iterator[str]:
    """Yield a warning for each category whose new requests nobody inside is told of, of those that
    a mailbox or a rule names: whoever moves a request by hand knows where it is."""
    said: set[str] = set()
    for path, by in _opening(site, policy):
        category = policy.categories.get(path)
        if category is not None and path not in said and not _is_heard(category, policy):
            said.add(path)
            yield (
                f"rules/categories.toml: category {show(path)}: nobody hears of a new request,"
                f" and {by} opens some: give it assign, notify_members or notify"
            )


def _opening(site: Site, policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield each category that requests are opened in, and by what; not where a rule tells."""
    for mailbox in site.mailboxes.values():
        own = (rule.then for rule in policy.rules if mailbox.name in rule.mailboxes)
        if not any(_tells(then, policy) for then in own):
            yield mailbox.category, f"mailbox {show(mailbox.name)}"
    for rule in policy.rules:
        path = rule.then.category
        if path is not None and not _drops(rule.then) and not _tells(rule.then, policy):
            yield path, f"rule {show(rule.name)}"


def _tells(then: Actions, policy: Policy) -> bool:
    category = policy.categories.get(then.category or "")
    told = people_named((*then.notify, *then.forward_to), None, category, policy)
    return bool(told) or then.owner not in (None, "none", "auto")


def _drops(then: Actions) -> bool:
    """Whether nobody has to hear of an open request; what is held has a way of its own."""
    return bool(then.ignore or then.hold or then.close)


def _is_heard(category: Category, policy: Policy) -> bool:
    """Whether somebody gets a new request of a category, hears of it, or does later: who is told
    when nobody answers is told."""
    if category.notify or (category.notify_members and category.members):
        return True
    if category.assign is not AssignMethod.NONE:
        has_anybody = any(member.weight for member in category.members)
        return has_anybody or category.fallback_to_administrator
    priority = policy.priority_of(category.priority or "")
    told = [item.notify for item in priority.levels] + [item.notify for item in priority.warnings]
    assigns = any(item.assign not in (None, "category") for item in priority.levels)
    return assigns or bool(people_named(chain.from_iterable(told), None, category, policy))


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

"""Rules: which match a mail, what they say together, and why the others did not match.

POLICY, routing.toml; rows 58-76. The first matching rule acts; with `continue` later ones may add
but not overwrite.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from postroom.core.model import Actions, Condition, Extract, Policy, Rule, SizeTest, Verdict
from postroom.mail.message import Address, ParsedMail

# Expressions see at most this much of a text; RE2 is linear, but linear in what?
_TEXT_LIMIT = 200_000

_ACTIONS = fields(Actions)
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule looked at: whether it matched, and the key that decided."""

    rule: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Routing:
    """What all matching rules say together. `by` names the rule behind each action."""

    actions: Actions = field(default_factory=Actions)
    by: Mapping[str, str] = field(default_factory=dict)
    extracted: Mapping[str, str] = field(default_factory=dict)
    traces: tuple[RuleTrace, ...] = ()

    def because(self, action: str, otherwise: str) -> str:
        """Say which rule gave an action, else what did."""
        return f'rule "{self.by[action]}"' if action in self.by else otherwise


def route(
    policy: Policy,
    mail: ParsedMail,
    mailbox: str,
    verdict: Verdict,
    company: str,
    without: frozenset[str] = frozenset(),
) -> Routing:
    """Run the rules over a mail, in their order."""
    routing = Routing()
    traces: list[RuleTrace] = []
    ended_by = ""
    for rule in policy.rules:
        if ended_by:
            why = f'not looked at: "{ended_by}" has decided'
            traces.append(RuleTrace(rule.name, matched=False, why=why))
            continue
        if rule.name in without:
            traces.append(RuleTrace(rule.name, matched=False, why="left out by hand"))
            continue
        trace = match_rule(rule, mail, mailbox, verdict, company)
        traces.append(trace)
        if trace.matched:
            routing = _added(routing, rule, mail)
            if not rule.continue_:
                ended_by = rule.name
    return replace(routing, traces=tuple(traces))


def match_rule(
    rule: Rule, mail: ParsedMail, mailbox: str, verdict: Verdict, company: str
) -> RuleTrace:
    """Say whether one rule matches, and which condition decided."""
    if rule.mailboxes and mailbox not in rule.mailboxes:
        return RuleTrace(rule.name, matched=False, why=f"mailbox is {mailbox}")
    found: list[str] = []
    for condition in rule.when:
        hit = _hit(condition, mail, mailbox, verdict, company)
        if hit is None:
            return RuleTrace(rule.name, matched=False, why=f"{_key(condition)} does not match")
        found.append(f"{_key(condition)} = {hit}")
    # All of `unless` must hold to stop the rule, as all of `when` must to start it.
    unless = [_hit(condition, mail, mailbox, verdict, company) for condition in rule.unless]
    if unless and None not in unless:
        keys = ", ".join(_key(condition) for condition in rule.unless)
        return RuleTrace(rule.name, matched=False, why=f"unless: {keys}")
    return RuleTrace(rule.name, matched=True, why=", ".join(found) or "no conditions")


def _added(routing: Routing, rule: Rule, mail: ParsedMail) -> Routing:
    """Merge a matching rule: lists grow, single values stay with who set them first."""
    extracted = dict(routing.extracted)
    for item in rule.extract:
        value = _extract(item, mail)
        if value is not None:
            extracted.setdefault(item.name, value)
    merged: dict[str, Any] = {}
    by = dict(routing.by)
    for slot in _ACTIONS:
        new, old = getattr(rule.then, slot.name), getattr(routing.actions, slot.name)
        if isinstance(new, tuple):
            added = tuple(item for item in new if item not in old)
            if added:
                merged[slot.name] = (*old, *added)
                by.setdefault(slot.name, rule.name)
        elif new is not None and old is None:
            merged[slot.name] = fill(new, extracted) if slot.name == "subject" else new
            by[slot.name] = rule.name
    actions = replace(routing.actions, **merged)
    return replace(routing, actions=actions, by=by, extracted=extracted)


def fill(text: str, extracted: Mapping[str, str]) -> str:
    """Put extracted values into `{name}` places; an unknown name stays as it is."""
    return re.sub(r"\{([a-z0-9_-]+)\}", lambda m: extracted.get(m[1], m[0]), text)


def _extract(item: Extract, mail: ParsedMail) -> str | None:
    for text in (mail.subject, mail.text[:_TEXT_LIMIT]):
        match = item.pattern.search(text)
        if match is not None:
            named = match.groupdict().get(item.name)
            if named is not None:
                return named[:500]
            try:
                return (match.group(1) or "")[:500]
            except (IndexError, KeyError):
                return (match.group(0) or "")[:500]
    return None


def _key(condition: Condition) -> str:
    return f"header.{condition.header}" if condition.key == "header" else condition.key


def _hit(
    condition: Condition, mail: ParsedMail, mailbox: str, verdict: Verdict, company: str
) -> str | None:
    """Return the test that a condition's values meet, as written in the rule."""
    if condition.key == "size":
        for test in condition.tests:
            if isinstance(test, SizeTest) and _COMPARE[test.operator](mail.size, test.octets):
                return test.source
        return None
    values = _values(condition, mail, mailbox, verdict, company)
    for test in condition.tests:
        if not isinstance(test, SizeTest) and any(
            test.pattern.search(value[:_TEXT_LIMIT]) is not None for value in values
        ):
            return test.source
    return None


def _values(  # noqa: C901 - one case for each condition
    condition: Condition, mail: ParsedMail, mailbox: str, verdict: Verdict, company: str
) -> tuple[str, ...]:
    match condition.key:
        case "from":
            return _addresses((mail.from_,) if mail.from_ else ())
        case "to":
            return _addresses(mail.to)
        case "cc":
            return _addresses(mail.cc)
        case "subject":
            return (mail.subject,)
        case "text":
            return (mail.text,)
        case "header":
            return mail.all_of(condition.header)
        case "attachment":
            return tuple(item.name for item in mail.attachments)
        case "language":
            return (mail.language,)
        case "origin":
            return (mail.origin.value,)
        case "verdict":
            return (verdict.value,)
        case "mailbox":
            return (mailbox,)
        case "company":
            return (company,) if company else ()
    raise ValueError(f"no condition is called {condition.key!r}")


def _addresses(addresses: Iterable[Address]) -> tuple[str, ...]:
    return tuple(address.address for address in addresses)

"""The examples of rules: small mails that must match, or must not.

Used by: cli (`postroom check`), which hands in core's own matching.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from postroom.core.model import Policy, Rule, Verdict
from postroom.core.units import parse_size
from postroom.errors import Problem
from postroom.mail.message import Address, Attachment, Origin, ParsedMail


class Trace(Protocol):
    """What matching answers (core.routing.RuleTrace)."""

    @property
    def matched(self) -> bool:
        """Whether the rule matches."""
        ...

    @property
    def why(self) -> str:
        """Which condition decided."""
        ...


Match = Callable[[Rule, ParsedMail, str, Verdict, str], Trace]


def run_examples(policy: Policy, match: Match) -> list[Problem]:
    """Try every example with `match`; return those that do not turn out as they say."""
    problems = []
    for rule in policy.rules:
        for index, example in enumerate(rule.examples):
            said = example.mail
            mailbox = _one(said, "mailbox") or next(iter(rule.mailboxes), "")
            verdict = Verdict(_one(said, "verdict") or Verdict.NONE)
            trace = match(rule, example_mail(said), mailbox, verdict, _one(said, "company"))
            if trace.matched is not example.matches:
                found = "matches" if trace.matched else "does not match"
                key = f'rule "{rule.name}".example[{index + 1}]'
                problems.append(Problem("rules/routing.toml", key, f"{found}: {trace.why}"))
    return problems


def example_mail(said: Mapping[str, str | tuple[str, ...]]) -> ParsedMail:
    """Make the mail of an example; what it does not say is empty, and a person wrote it."""
    sender = _one(said, "from")
    size = _one(said, "size")
    text = _one(said, "text")
    return ParsedMail(
        message_id=None,
        date=None,
        subject=_one(said, "subject"),
        from_=_address(sender) if sender else None,
        to=tuple(map(_address, _all(said, "to"))),
        cc=tuple(map(_address, _all(said, "cc"))),
        text=text,
        fresh=text,
        attachments=tuple(
            Attachment(str(number), name, "application/octet-stream", 0, inline=False)
            for number, name in enumerate(_all(said, "attachment"), 2)
        ),
        origin=Origin(_one(said, "origin") or Origin.PERSON),
        headers=tuple(
            (key.removeprefix("header."), value)
            for key in said
            if key.startswith("header.")
            for value in _all(said, key)
        ),
        size=parse_size(size) if size else len(text.encode("utf-8", "replace")),
        language=_one(said, "language").lower(),
    )


def _all(said: Mapping[str, str | tuple[str, ...]], key: str) -> tuple[str, ...]:
    value = said.get(key, ())
    return (value,) if isinstance(value, str) else value


def _one(said: Mapping[str, str | tuple[str, ...]], key: str) -> str:
    return next(iter(_all(said, key)), "")


def _address(text: str) -> Address:
    """Read "Name <address>", or an address alone."""
    name, opening, rest = text.rpartition("<")
    if not opening:
        return Address("", text.strip())
    return Address(name.strip(' "'), rest.partition(">")[0].strip())

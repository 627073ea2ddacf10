"""`postroom mail explain`: a decision, told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from postroom.cli.access import open_reader
from postroom.cli.injecting import check_ours, envelope_of, read_file, without_mbox_line
from postroom.cli.tables import print_json, print_properties, print_table
from postroom.core.effects import Decision
from postroom.errors import NotFound
from postroom.house import House
from postroom.work.readers import as_mail

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def explain_file(
    house: House, file: Path, to: str | None, sender: str | None, *, as_json: bool
) -> None:
    """Decide about a mail without acting, and print all that was looked at."""
    site = house.site
    check_ours(site, to)
    try:
        raw = read_file(file)
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror or error}") from error
    envelope = envelope_of(raw, site, to, sender)
    raw = without_mbox_line(raw)
    with open_reader(house.config) as readers:
        mail = as_mail(readers.read([raw])[0], envelope, raw)
    decision, _ = house.desk.explain(house.desk.arrival(mail, envelope))
    effects = [_HUMP.sub("-", type(effect).__name__).lower() for effect in decision.effects]
    if as_json:
        print_json(
            {
                "outcome": decision.outcome,
                "reason": decision.reason,
                "request": decision.request,
                "explanation": decision.explanation,
                "mailbox": envelope.mailbox,
                "sender": envelope.sender,
                "policy_version": decision.policy_version,
                "effects": effects,
            }
        )
        return
    head = [
        ("mailbox", envelope.mailbox),
        ("envelope sender", envelope.sender or "<>"),
        ("policy", decision.policy_version),
        ("effects", effects),
    ]
    print_decision(decision, head)


def print_decision(decision: Decision, head: list[tuple[str, Any]]) -> None:
    """Print outcome and reasons for people."""
    print_properties(
        [
            ("outcome", decision.outcome),
            ("reason", decision.reason),
            ("request", decision.request),
            *head,
        ]
    )
    print_explanation(decision.explanation)


def print_explanation(explanation: Mapping[str, Any]) -> None:
    """Print what was looked at, as the journal has it."""
    rest = dict(explanation)
    rules = rest.pop("rules", [])
    properties, values = rest.pop("properties", {}), rest.pop("values", {})
    passed_over = rest.pop("passed_over", {})
    print()
    print_properties(
        (key.replace("_", " "), value) for key, value in rest.items() if not isinstance(value, dict)
    )
    print_properties(
        (key.replace("_", " "), ", ".join(f"{k} = {v}" for k, v in value.items()))
        for key, value in rest.items()
        if isinstance(value, dict)
    )
    if passed_over:
        print("\npassed over")
        print_properties((f"  {name}", why) for name, why in passed_over.items())
    if properties:
        print("\nproperties, and where each comes from")
        print_properties(
            (f"  {name}", f"{values.get(name, '')}  ({why})".lstrip())
            for name, why in properties.items()
        )
    if rules:
        print()
        rows = [(rule["rule"], rule["matched"], rule["why"]) for rule in rules]
        print_table("rule|matched|because", rows, empty="")

"""`postroom check`: everything that can be known to be wrong before the daemon starts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from postroom.config import Config, find_config, load_config
from postroom.core.model import Policy
from postroom.errors import ConfigError, Problem
from postroom.house import load_checked_policy
from postroom.policy.loader import load_policy


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, what is wrong and what is unwise."""

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()
    found: Mapping[str, int] = field(default_factory=dict)


def check_all(path: Path | None) -> Checked:
    """Check what the config names; all problems of all files at once."""
    file = find_config(path)
    try:
        config = load_config(file)
    except ConfigError as error:
        return Checked((*error.problems, *_rules_beside(file)))
    problems = list(_folders(config))
    found = {"mailboxes": len(config.mailbox), "listeners": len(config.listen)}
    try:
        policy = load_checked_policy(config)
    except ConfigError as error:
        problems += error.problems
    else:
        found |= _count(policy)
    return Checked(tuple(problems), config.warnings, found)


def _rules_beside(file: Path) -> tuple[Problem, ...]:
    """The config cannot say where its rules are: look where they usually lie."""
    rules = file.parent / "rules"
    if not rules.is_dir():
        return ()
    try:
        load_policy(rules, file.parent / "templates", webhooks=None)
    except ConfigError as error:
        return error.problems
    return ()


def _count(policy: Policy) -> dict[str, int]:
    return {
        "handlers": len(policy.handlers),
        "categories": len(policy.categories),
        "rules": len(policy.rules),
        "examples run": sum(len(rule.examples) for rule in policy.rules),
        "templates rendered": sum(path.startswith("templates/") for path in policy.files),
    }


def _folders(config: Config) -> Iterator[Problem]:
    folders = [("paths.data", config.data)]
    if config.maildir is not None:
        folders.append(("outgoing.relay", config.maildir))
    for key, folder in folders:
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir():
            yield Problem(str(config.path), key, f"{place} is not a folder")
        elif not os.access(place, os.W_OK | os.X_OK):
            yield Problem(str(config.path), key, f"{place} cannot be written to")

"""`postroom check`: everything that can be known to be wrong before the daemon starts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from postroom.config import Config, find_config, load_config
from postroom.core.consistency import unheard
from postroom.core.model import Policy
from postroom.core.place import Place
from postroom.core.vanished import vanished
from postroom.errors import ConfigError, PostroomError, Problem
from postroom.house import load_checked_policy
from postroom.policy.loader import load_policy
from postroom.store import policies


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
    problems, warnings = list(_folders(config)), config.warnings
    found = {"mailboxes": len(config.mailbox), "listeners": len(config.listen)}
    wrong, unwise = _server(config)
    problems += wrong
    warnings += unwise
    try:
        policy = load_checked_policy(config)
    except ConfigError as error:
        problems += error.problems
    else:
        found |= _count(policy)
        concerned = _concerned_by(policy, config) if not wrong else _Concerned()
        found |= concerned.found
        warnings += (*unheard(config.site(), policy), *concerned.warnings)
    return Checked(tuple(problems), warnings, found)


@dataclass(frozen=True, slots=True)
class _Concerned:
    """What open requests have to say about rules that are not at work yet."""

    warnings: tuple[str, ...] = ()
    found: Mapping[str, int] = field(default_factory=dict)


def _concerned_by(policy: Policy, config: Config) -> _Concerned:
    """Look what a reload would do to open requests; without a database to nothing."""
    from postroom.cli.differing import Counts, looked_at
    from postroom.store import following
    from postroom.store.migrate import open_database
    from postroom.work.retiming import follow_already

    try:
        if not _has_tables(config.database_place):
            return _Concerned()
        database = open_database(config.database_place)
    except (PostroomError, OSError) as error:
        return _Concerned((f"open requests are not looked at: {error}",))
    with closing(database):
        with database.read() as connection:
            is_new = policies.active_policy(connection) not in (None, policy.version)
            gone = tuple(map(str, vanished(following.names_in_use(connection), policy)))
            count = following.count_open(connection)
        counts = Counts()
        if is_new and not follow_already(database, policy):
            for portion in looked_at(database, policy, count):
                counts.add(portion)
    said = (
        f"a reload gives {counts.concerned} of {count} open requests other times, and of"
        f" {counts.at_once} something acts at once: `postroom policy diff` shows which"
    )
    found = {"open requests": count, "of them with other times": counts.concerned}
    return _Concerned((*gone, said) if counts.concerned else gone, found)


def _has_tables(place: Place) -> bool:
    """Whether there is something to look at: nothing is made by looking."""
    from postroom.store.db import Database
    from postroom.store.migrate import current

    if isinstance(place, Path):
        return place.is_file() and place.stat().st_size > 0
    with closing(Database(place)) as database:
        return current(database) != "none"


def _server(config: Config) -> tuple[list[Problem], tuple[str, ...]]:
    """Look whether the database's server will do; SQLite's file is looked at with the folders."""
    from postroom.store.server import faults

    place = config.database_place
    if isinstance(place, Path):
        return [], ()
    wrong, unwise = faults(place)
    key = "database.url"
    problems = [Problem(str(config.path), key, text) for text in wrong]
    return problems, tuple(f"{key}: {text}" for text in unwise)


def _rules_beside(file: Path) -> tuple[Problem, ...]:
    """The config cannot say where its rules are: look where they usually lie."""
    rules = file.parent / "rules"
    try:
        if rules.is_dir():
            load_policy(rules, file.parent / "templates", webhooks=None)
    except ConfigError as error:
        return error.problems
    except OSError:  # we may not look into the folder: what is wrong with the config says so
        return ()
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

"""`rules/` and `templates/` to one frozen Policy.

Promise: a Policy whose every name exists, or all problems of all files at once: as a ConfigError,
or beside what could be read of the policy (Draft), so that other checks can go on.
Used by: house (read_policy; policy_from_files for the running policy), work.desk and cli.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

from postroom.core.model import Policy
from postroom.core.tables import Table, read_toml
from postroom.core.units import nearest
from postroom.errors import ConfigError, Problem
from postroom.policy.calendars import CalendarsFile, CalendarTable, build_calendars
from postroom.policy.categories import (
    CategoriesFile,
    CategoryTable,
    build_categories,
    check_closing,
)
from postroom.policy.hooks import Hooks, find_hooks
from postroom.policy.priorities import PrioritiesFile, PriorityTable, build_priorities
from postroom.policy.problems import Report, names_in, read_entries, report_unknown_keys
from postroom.policy.routing import RoutingFile, RuleTable, build_rules
from postroom.policy.schema import Names
from postroom.policy.team import GroupTable, HandlerTable, TeamFile, build_groups, build_handlers
from postroom.policy.workflows import (
    FIXED,
    TypesFile,
    TypeTable,
    WorkflowsFile,
    WorkflowTable,
    build_types,
    build_workflows,
)
from postroom.shipped import shipped_texts

FILES: Mapping[str, type[Table]] = {
    "team": TeamFile,
    "categories": CategoriesFile,
    "routing": RoutingFile,
    "priorities": PrioritiesFile,
    "calendars": CalendarsFile,
    "workflows": WorkflowsFile,
    "types": TypesFile,
}
REQUIRED = ("team", "categories", "priorities")
# Absent, these are the shipped ones; an absent routing.toml means no rules.
SHIPPED = ("calendars", "workflows", "types")
RULES = "rules/routing.toml"

_TEMPLATE = re.compile(
    r"templates/mail/([a-z0-9]+(?:-[a-z0-9]+)*)\.([a-z]{2,3}(?:-[A-Za-z0-9]+)*)\.j2"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy as far as it could be read; not to be used while there are problems.

    `names` are all names by kind, those of faulty entries too; a kind whose file could not be read
    is absent. `extracted` are the variables of the rules; None when those could not be read.
    Problems name files as `Policy.files` does: `where_it_lies` turns that into their paths.
    """

    policy: Policy
    problems: tuple[Problem, ...]
    names: Mapping[str, Collection[str]]
    extracted: frozenset[str] | None


def load_policy(
    rules: Path, templates: Path | None = None, webhooks: Collection[str] | None = ()
) -> Policy:
    """Load `rules/*.toml` and `templates/mail/*.j2`.

    Raises ConfigError with every problem; files are named by the path given here.
    """
    draft = read_policy(rules, templates, webhooks)
    if draft.problems:
        raise ConfigError([where_it_lies(item, rules, templates) for item in draft.problems])
    return draft.policy


def read_policy(
    rules: Path, templates: Path | None = None, webhooks: Collection[str] | None = ()
) -> Draft:
    """Read `rules/*.toml` and `templates/mail/*.j2` as far as they can be read.

    `run` may name the executables in `rules/hooks/`, and the webhooks of config.toml; without
    those (None) nothing is said about it.
    """
    unread: list[Problem] = []
    files: dict[str, str] = {}
    if rules.is_dir():
        files |= _texts(rules, "*.toml", "rules", unread)
    else:
        unread += [Problem("rules/", "", "is not a folder: `postroom init` writes one")]
    if templates is not None and templates.is_dir():
        files |= _texts(templates, "mail/*.j2", "templates", unread)
    hooks = find_hooks(rules)
    hooks = replace(hooks, names=hooks.names | frozenset(webhooks or ()))
    draft = draft_policy(files, hooks=hooks if webhooks is not None else None)
    absent = {problem.file for problem in unread}
    found = (*draft.problems, *_never_closing(draft))
    return replace(
        draft,
        problems=(*unread, *(p for p in found if not _is_of(p.file, absent))),
        extracted=None if _is_of(RULES, absent) else draft.extracted,
    )


def _never_closing(draft: Draft) -> Iterator[Problem]:
    """Yield the automatic closes that cannot be; policies of the past are read as they were."""
    policy, faulty = draft.policy, {problem.file for problem in draft.problems}
    if not faulty.isdisjoint(("rules/workflows.toml", "rules/types.toml")):
        return
    used = {one.workflow for one in policy.types.values()}
    workflows = [one for one in policy.workflows.values() if one.name in used]
    for key, text in check_closing(policy.categories.values(), workflows):
        yield Problem("rules/categories.toml", key, text)


def _is_of(path: str, files: Collection[str]) -> bool:
    """Whether a file is among these, or in the folder "rules/" if that is among them."""
    return path in files or (path.startswith("rules/") and "rules/" in files)


def policy_from_files(
    files: Mapping[str, str], *, hooks: Collection[str] | None = None, version: str | None = None
) -> Policy:
    """Make a policy from texts: `rules/NAME.toml` and `templates/mail/NAME.LANGUAGE.j2`.

    `hooks=None` does not check hooks, and `version` keeps the version under which the texts were
    stored: both for policies of the past. Raises ConfigError with every problem.
    """
    draft = draft_policy(files, hooks=hooks)
    if draft.problems:
        raise ConfigError(draft.problems)
    return replace(draft.policy, version=version) if version else draft.policy


def draft_policy(
    files: Mapping[str, str], *, hooks: Hooks | Collection[str] | None = None
) -> Draft:
    """Read a policy from texts as far as it goes, with what is wrong."""
    files = effective_files(files)
    problems: list[Problem] = []
    _check_file_names(files, problems)
    documents = _Documents(files, problems)
    names = _names(documents, files, hooks)
    policy = _build(documents, names)
    policy = replace(policy, files=MappingProxyType(files), version=version_of(files))
    return Draft(policy, tuple(problems), names.of, _extracted(documents.parsed["routing"]))


def effective_files(files: Mapping[str, str]) -> dict[str, str]:
    """Add the shipped files for those that are absent."""
    shipped = {
        path: text
        for path, text in shipped_texts().items()
        if path.startswith("templates/") or path in {f"rules/{name}.toml" for name in SHIPPED}
    }
    return dict(sorted((shipped | dict(files)).items()))


def version_of(files: Mapping[str, str]) -> str:
    """Return the version of a policy: a hash of its effective files, paths and texts."""
    digest = sha256()
    for path, text in sorted(files.items()):
        for piece in (path, text):
            encoded = piece.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8) + encoded)
    return digest.hexdigest()[:12]


def _texts(
    folder: Path, pattern: str, prefix: str, problems: list[Problem]
) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob(pattern)):
        name = f"{prefix}/{path.relative_to(folder).as_posix()}"
        if path.name.startswith("."):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            problems.append(Problem(name, "", f"is not UTF-8 (octet {error.start})"))
        except OSError as error:
            problems.append(Problem(name, "", f"cannot be read: {error.strerror or error}"))
        else:
            yield name, text


def where_it_lies(problem: Problem, rules: Path, templates: Path | None) -> Problem:
    """Name a file of rules/ or templates/ as the caller would open it; others as they are."""
    kind, _, rest = problem.file.partition("/")
    folder = {"rules": rules, "templates": templates}.get(kind)
    return Problem(str(folder / rest) if folder else problem.file, problem.key, problem.text)


def _check_file_names(files: Mapping[str, str], problems: list[Problem]) -> None:
    """A file whose name is mistyped would be silently without effect."""
    expected = [f"rules/{name}.toml" for name in FILES]
    found = [_TEMPLATE.fullmatch(path) for path in files]
    in_english = {match[1] for match in found if match and match[2] == "en"}
    for path in files:
        if path.startswith("rules/") and path not in expected:
            problems.append(Problem(path, "", "is not a file of rules" + nearest(path, expected)))
        template = _TEMPLATE.fullmatch(path)
        if path.startswith("templates/") and template is None:
            problems.append(Problem(path, "", "must be named NAME.LANGUAGE.j2, in lower case"))
        if template is not None and template[1] not in in_english:
            text = f"needs {template[1]}.en.j2 beside it, for all other languages"
            problems.append(Problem(path, "", text))


@dataclass(init=False, slots=True)
class _Documents:
    """The files as parsed; None for one with a fault of syntax."""

    reports: dict[str, Report]
    parsed: dict[str, dict[str, Any] | None]

    def __init__(self, files: Mapping[str, str], problems: list[Problem]) -> None:
        self.reports, self.parsed = {}, {}
        for name, model in FILES.items():
            path = f"rules/{name}.toml"
            report = self.reports[name] = Report(path, problems)
            if name in REQUIRED and path not in files:
                report("", "is missing: `postroom init` writes one")
                self.parsed[name] = None
                continue
            document = read_toml(path, files.get(path, ""), problems)
            self.parsed[name] = document
            if document is not None:
                report_unknown_keys(model, document, report)

    def entries(self, model: type[Any], name: str, key: str, names: Names) -> list[Any]:
        return read_entries(model, key, self.parsed[name] or {}, self.reports[name], names)


def _names(
    documents: _Documents, files: Mapping[str, str], hooks: Hooks | Collection[str] | None
) -> Names:
    """Collect all names of the policy. Those of a file that cannot be parsed stay unknown."""
    parsed = documents.parsed
    templates = {match[1] for path in files if (match := _TEMPLATE.fullmatch(path))}
    statuses = names_in(parsed["workflows"], "workflow", "status")
    kinds: dict[str, Collection[str] | None] = {
        "handler": names_in(parsed["team"], "handler"),
        "group": names_in(parsed["team"], "group"),
        "category": names_in(parsed["categories"], "category"),
        "priority": names_in(parsed["priorities"], "priority"),
        "calendar": names_in(parsed["calendars"], "calendar"),
        "workflow": names_in(parsed["workflows"], "workflow"),
        "type": names_in(parsed["types"], "type"),
        "status": statuses and (statuses | {item.name for item in FIXED}) - {"merged"},
        "template": templates,
        "hook": hooks.names if isinstance(hooks, Hooks) else hooks,
    }
    faults = hooks.faults if isinstance(hooks, Hooks) else {}
    return Names({kind: names for kind, names in kinds.items() if names is not None}, faults)


def _extracted(routing: dict[str, Any] | None) -> frozenset[str] | None:
    """Collect what the rules extract, those of faulty rules too; None when there is no telling."""
    if routing is None:
        return None
    rules = routing.get("rule", [])
    tables = [rule.get("extract") for rule in rules if isinstance(rule, dict)]
    return frozenset(name for table in tables if isinstance(table, dict) for name in table)


def _build(documents: _Documents, names: Names) -> Policy:
    reports = documents.reports
    handlers = documents.entries(HandlerTable, "team", "handler", names)
    groups = build_groups(documents.entries(GroupTable, "team", "group", names))
    categories = documents.entries(CategoryTable, "categories", "category", names)
    calendars = build_calendars(
        documents.entries(CalendarTable, "calendars", "calendar", names), reports["calendars"]
    )
    priorities = documents.entries(PriorityTable, "priorities", "priority", names)
    workflows = documents.entries(WorkflowTable, "workflows", "workflow", names)
    types = documents.entries(TypeTable, "types", "type", names)
    rules = documents.entries(RuleTable, "routing", "rule", names)
    _check_defaults(documents)
    return Policy(
        version="",
        files={},
        handlers=build_handlers(handlers, reports["team"]),
        groups=groups,
        categories=build_categories(
            categories, frozenset(names.of.get("category", ())), groups, reports["categories"]
        ),
        priorities=build_priorities(
            priorities, calendars, names.of.get("calendar", ()), reports["priorities"]
        ),
        calendars=calendars,
        workflows=build_workflows(workflows, reports["workflows"]),
        types=build_types(types),
        rules=build_rules(rules, reports["routing"]),
    )


def _check_defaults(documents: _Documents) -> None:
    """Exactly one default priority and type; something of everything that a request needs."""
    for name, key in (("priorities", "priority"), ("types", "type")):
        document = documents.parsed[name]
        if document is None:
            continue
        entries = document.get(key, [])
        tables = [entry for entry in entries if isinstance(entry, dict)]
        defaults = [str(entry.get("name")) for entry in tables if entry.get("default") is True]
        if not defaults:
            documents.reports[name](key, "one of them must have default = true")
        if len(defaults) > 1:
            documents.reports[name](key, f"only one can be the default, not {', '.join(defaults)}")

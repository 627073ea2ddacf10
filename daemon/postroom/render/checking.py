"""Templates tried before they are used: every one with sample values, every branch for its names.

Used by: house.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.meta import find_undeclared_variables

from postroom.core.units import nearest, show
from postroom.core.variables import EMPTY, SAMPLE, SAMPLE_PICTURES
from postroom.errors import Problem
from postroom.render.library import FOLDER, PATH, Library, reason_of
from postroom.render.sandbox import Extracted


def check_templates(
    files: Mapping[str, str], extracted: Collection[str] | None = None
) -> list[Problem]:
    """Render every template with sample values; an unknown variable is a problem.

    `extracted` are the variables of the rules; without them any `extracted.NAME` is believed.
    """
    templates = tuple(item for item in files.items() if PATH.fullmatch(item[0]))
    return list(_problems(templates, None if extracted is None else frozenset(extracted)))


# A reload hardly ever brings other templates, and to try them takes far longer than all the rest.
@lru_cache(maxsize=8)
def _problems(
    templates: tuple[tuple[str, str], ...], extracted: frozenset[str] | None
) -> tuple[Problem, ...]:
    library = Library(dict(templates))
    problems = []
    for path, _ in templates:
        name = path.removeprefix(FOLDER)
        faults = (_fault(library, name, sample) for sample in _samples(extracted))
        problem = _unknown_variable(library, name, extracted) or next(filter(None, faults), None)
        if problem is not None:
            problems.append(Problem(path, "", problem))
    return tuple(problems)


def _samples(extracted: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """Yield full and empty values, plain and neutral: each branch of a template should be seen."""
    for values in (SAMPLE, EMPTY):
        for neutral in (False, True):
            known = {**values, "neutral": neutral, "body": "Words of the mail.\n"}
            if neutral:
                known["message"] = {**values["message"], "pictures": SAMPLE_PICTURES}
            names = dict.fromkeys(extracted, "4711") if extracted is not None else Extracted()
            yield {**known, "extracted": names}


def _fault(library: Library, path: str, sample: Mapping[str, Any]) -> str | None:
    try:
        compiled = library.compiled(path)
        texts = compiled.blocks(("subject", "text", "html"), sample)
    except Exception as error:  # noqa: BLE001 - as in renderer._blocks
        return reason_of(error)
    if texts[1] is None and not compiled.is_part(path):
        return "has no block text"
    return None


def _own_names(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template gives itself: `set`, macros, imports."""
    for name in tree.find_all(nodes.Name):
        if name.ctx == "store":
            yield name.name
    for macro in tree.find_all(nodes.Macro):
        yield macro.name
    for imported in tree.find_all(nodes.Import):
        yield imported.target
    for chosen in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in chosen.names)


def _unknown_variable(library: Library, path: str, extracted: Collection[str] | None) -> str | None:
    """Find a variable that does not exist even in a branch that no sample reaches."""
    try:
        tree = library.parse(path)
        undeclared = find_undeclared_variables(tree)
    except TemplateError:
        return None  # rendering says it better
    values = {**SAMPLE, "extracted": None if extracted is None else dict.fromkeys(extracted)}
    known = {*values, *_own_names(tree), "body"}
    for name in sorted(undeclared - known):
        return f"there is no variable {show(name)}" + nearest(name, known)
    for node in tree.find_all(nodes.Getattr):
        if not isinstance(node.node, nodes.Name):
            continue
        of = node.node.name
        keys = values.get(of)
        is_method = hasattr(dict, node.attr)  # `extracted.items()`
        if isinstance(keys, dict) and node.attr not in keys and not is_method:
            hint = nearest(f"{of}.{node.attr}", [f"{of}.{key}" for key in keys])
            return f"line {node.lineno}: there is no variable {of}.{node.attr}{hint}"
    return None

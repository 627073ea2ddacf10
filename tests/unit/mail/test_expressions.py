"""No regular expression repeats a group possessively: Python before 3.11.5 matches them wrong.

`(?:ab)*+` ends inside of a group that fails half way (gh-100061, gh-101955, gh-106052): Debian 12
ships 3.11.2. A class may be repeated so ("[a-z]*+"); a group is written `(?>(?:ab)*)`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import postroom

_parser = importlib.import_module("re._parser")
_compiler = importlib.import_module("re._compiler")
SOURCES = sorted(Path(postroom.__file__).parent.rglob("*.py"))
# A group's end, or a name in braces, then a quantifier and "+"; but no class behind a backslash.
IN_SOURCE = re.compile(r"(?<!\\)(?<!\[)\)(?:[*+?]|\{\{?\d*,?\d*\}\}?)\+(?!\])")


def groups(tree: object) -> Iterator[object]:
    """Yield the possessively repeated groups of a parsed expression."""
    if isinstance(tree, _parser.SubPattern):
        for operation, given in tree:
            if operation is _compiler.POSSESSIVE_REPEAT and not _compiler._simple(given[2]):
                yield given
            yield from groups(given)
    elif isinstance(tree, tuple | list):
        for one in tree:
            yield from groups(one)


def is_sound(pattern: str | bytes, flags: int = 0) -> bool:
    return not any(groups(_parser.parse(pattern, flags)))


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(postroom.__path__, "postroom."):
        if not found.name.endswith("__main__") and ".migrations" not in found.name:
            yield importlib.import_module(found.name)


def patterns(value: object, depth: int = 3) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        yield from patterns([*value, *value.values()], depth - 1)
    elif depth and isinstance(value, tuple | list | set | frozenset):
        for one in value:
            yield from patterns(one, depth - 1)


@pytest.mark.parametrize("bad", ["(?:ab)*+", "x(?:a|b(?!c)){0,8}+", "(a?b)++", "((?:ab?)?+c)"])
def test_a_possessive_group_is_seen(bad: str) -> None:
    assert not is_sound(bad)
    assert IN_SOURCE.search(f're.compile(r"{bad}")')


@pytest.mark.parametrize("good", ["[a-z]*+", r"\)[)*+]", "(?>(?:ab)*)", r"a++\)*+b", "(?:a|b)+"])
def test_other_repetitions_are_not(good: str) -> None:
    assert is_sound(good)
    assert IN_SOURCE.search(f're.compile(r"{good}")') is None


def test_no_module_has_one() -> None:
    found = {
        (module.__name__, name, one.pattern): is_sound(one.pattern, one.flags & ~re.DEBUG)
        for module in modules()
        for name, value in vars(module).items()
        for one in patterns(value)
    }
    assert len(found) > 300  # they were looked at
    assert [] == [key for key, sound in found.items() if not sound]


def test_no_source_writes_one() -> None:
    written = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text().splitlines()
        if IN_SOURCE.search(line)
    ]
    assert [] == written

"""The smallest policy that loads, and the shipped one with changes: what the tests begin with."""

from collections.abc import Collection

from postroom.core.model import Policy
from postroom.errors import ConfigError
from postroom.policy.loader import policy_from_files
from postroom.shipped import shipped_texts

TEAM = """
[[handler]]
name = "eva"
full_name = "Eva Berg"
email = "eva@example.com"
"""
CATEGORIES = """
[[category]]
name = "support"
"""
PRIORITIES = """
[[priority]]
name = "medium"
default = true
"""
SMALLEST = {
    "rules/team.toml": TEAM,
    "rules/categories.toml": CATEGORIES,
    "rules/priorities.toml": PRIORITIES,
}


def load(*, hooks: Collection[str] = (), **texts: str) -> Policy:
    """Load the smallest policy with some files replaced: `load(team=…, routing=…)`."""
    files = SMALLEST | {f"rules/{name}.toml": text for name, text in texts.items()}
    return policy_from_files(files, hooks=hooks)


def problems(*, hooks: Collection[str] = (), **texts: str) -> list[str]:
    """Return the problems of the smallest policy with some files replaced, as lines."""
    try:
        load(hooks=hooks, **texts)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def shipped_with(file: str, old: str, new: str) -> dict[str, str]:
    """Return the shipped files with one place changed, which must exist."""
    files = dict(shipped_texts())
    path = f"rules/{file}.toml"
    assert old in files[path], f"{path} does not hold {old!r}"
    files[path] = files[path].replace(old, new, 1)
    return files


def shipped_problems(file: str, old: str, new: str) -> list[str]:
    """Return what is wrong with the shipped files after one change."""
    try:
        policy_from_files(shipped_with(file, old, new), hooks=())
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []

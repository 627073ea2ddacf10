"""Who may change rows: what stands in daemon/ARCHITECTURE.md under "Who writes"."""

from __future__ import annotations

import ast
from pathlib import Path

import postroom

# `statements` are those of `apply` and its parts.
WRITERS = {"statements", "queue", "hooks", "pause", "digests", "facets", "leases", "restored"}
VERBS = {"insert", "update", "delete"}


def verbs_of(module: Path) -> set[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for name in node.names
    } & VERBS


def test_only_these_modules_make_statements_that_write() -> None:
    package = Path(postroom.__file__ or "").parent
    found = {path.relative_to(package) for path in package.rglob("*.py") if verbs_of(path)}
    assert {Path("store") / f"{name}.py" for name in WRITERS} == found

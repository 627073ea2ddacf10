"""The executables in rules/hooks/: which of them `run` may name.

What is wrong with one is found here, before the first firing: by `postroom check` and at a reload.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "hooks"  # below the folder of the rules


@dataclass(frozen=True, slots=True)
class Hooks:
    """What `run` may name; `faults` says of the others that are there what is wrong."""

    names: frozenset[str]
    faults: Mapping[str, str]


def find_hooks(rules: Path) -> Hooks:
    """Look through rules/hooks/; no such folder means none."""
    folder = rules / FOLDER
    found = {path.name: fault_of(path) for path in sorted(folder.glob("*"))}
    faults = {name: fault for name, fault in found.items() if fault is not None}
    return Hooks(frozenset(found.keys() - faults.keys()), faults)


def fault_of(path: Path) -> str | None:
    """Say why an executable cannot be a hook, if it cannot."""
    try:
        found, folder = path.stat(), path.parent.stat()
    except OSError as error:
        return f"cannot be looked at: {error.strerror or error}"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_mode & stat.S_IWOTH:
        return f"can be written by everybody on this machine: chmod o-w {path}"
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return f"lies where everybody can write: chmod o-w {path.parent}"
    if not found.st_mode & 0o111 or not os.access(path, os.X_OK):
        return f"is not executable: chmod +x {path}"
    return None

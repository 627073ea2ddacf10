"""The executables in rules/hooks/: which of them `run` may name.

What is wrong with one is found here, before the first firing: by `postroom check` and at a reload.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from postroom import rights

FOLDER = "hooks"  # below the folder of the rules
_LONGEST_LINE = 256  # octets of a first line that Linux looks at


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
        found = path.stat()
    except OSError as error:
        return f"cannot be looked at: {error.strerror or error}"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_mode & stat.S_IWOTH:
        return f"can be written by everybody on this machine: chmod o-w {path}"
    for place in (path.parent, path.parent.parent):  # who may replace a folder may replace the hook
        if rights.is_everybodys(place):
            return f"lies where everybody can write: chmod o-w {place}"
    group = rights.writers(path, rights.own_groups(path.parent))
    if group is not None:
        return group.removeprefix(f"{path} ")
    if not found.st_mode & 0o111 or not os.access(path, os.X_OK):
        return f"is not executable: chmod +x {path}"
    if not path.resolve().is_relative_to(path.parent.resolve()):
        return f"is a link to {path.resolve()}: the executable itself must lie in {path.parent}"
    return _fault_of_beginning(path)


def _fault_of_beginning(path: Path) -> str | None:
    """Say why the system could not start a file, as far as its first line tells."""
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if line.startswith(b"\x7fELF"):
        return None
    if not line.startswith(b"#!"):
        return "is no program, and does not begin with #! and its interpreter, such as #!/bin/sh"
    if line.endswith(b"\r\n"):
        return "has lines that end with CR LF: the system looks for an interpreter of such a name"
    interpreter = os.fsdecode((line[2:].split() or [b""])[0])
    if not Path(interpreter).is_absolute() or not os.access(interpreter, os.X_OK):
        return f"names an interpreter that is not there: {interpreter or 'none'}"
    return None

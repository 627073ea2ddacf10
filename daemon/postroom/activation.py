"""Sockets that systemd opened for us (sd_listen_fds(3)), by the names that its units give them.

Promise: what was passed is taken once, and no program that we start inherits it by accident.
Used by: app, which hands them down to the process of the doors; intake, which listens on them.
Fails:   ValueError when what stands in the environment cannot be.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

# Of the doors' environment: "3:smtp:4:lmtp". systemd's own variables name the process that it
# started, and this is its child.
VARIABLE = "POSTROOM_SOCKETS"

_FIRST = 3  # SD_LISTEN_FDS_START
_MOST = 64

# Names, each with its descriptors: a socket unit may listen on several addresses.
Passed = Mapping[str, tuple[int, ...]]


def take(environment: MutableMapping[str, str] = os.environ) -> Passed:
    """Return the sockets that were passed to this process; none is the usual answer."""
    handed = environment.pop(VARIABLE, None)
    process = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "0")
    names = environment.pop("LISTEN_FDNAMES", "")
    if handed is not None:
        fields = handed.split(":") if handed else []
        pairs = [(name, int(number)) for number, name in zip(*[iter(fields)] * 2, strict=True)]
    elif process == str(os.getpid()):
        pairs = _numbered(int(count), names)
    else:
        pairs = []
    passed: dict[str, tuple[int, ...]] = {}
    for name, descriptor in pairs:
        os.set_inheritable(descriptor, False)
        passed[name] = (*passed.get(name, ()), descriptor)
    return passed


def written(passed: Passed) -> str:
    """Write sockets for VARIABLE of a child that inherits them under the same numbers."""
    return ":".join(f"{number}:{name}" for name, numbers in passed.items() for number in numbers)


def descriptors(passed: Passed) -> tuple[int, ...]:
    """Return all descriptors."""
    return tuple(number for numbers in passed.values() for number in numbers)


def _numbered(count: int, written_names: str) -> list[tuple[str, int]]:
    if not 0 <= count <= _MOST:
        raise ValueError(f"LISTEN_FDS is {count}")
    names = written_names.split(":") if written_names else []
    names += ["unknown"] * (count - len(names))  # as sd_listen_fds_with_names(3) has it
    return [(names[index], _FIRST + index) for index in range(count)]

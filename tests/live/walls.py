"""Runs a program behind the walls of a systemd unit that can be put up without systemd.

    python walls.py UNIT PROGRAM WORD …

SystemCallFilter, RestrictAddressFamilies and MemoryDenyWriteExecute, by libseccomp, as systemd
does; its own tables (`systemd-analyze syscall-filter`) say what the sets hold. What is not allowed
is answered with EPERM, as the unit says. Namespaces and mounts stay as they are.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EPERM
MASKED_EQUAL = 7
WRITE, EXEC = 2, 4
SHM_EXEC = 0o100000
# What a call is asked for beside its name, if it is allowed: (argument, mask, value), any of these.
MEMORY = {
    "mmap": [(2, WRITE | EXEC, value) for value in (0, WRITE, EXEC)],
    "mprotect": [(2, EXEC, 0)],
    "pkey_mprotect": [(2, EXEC, 0)],
    "shmat": [(2, SHM_EXEC, 0)],
}


class Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def settings(unit: Path, key: str) -> list[str]:
    """Return the values of a key, in order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def members(name: str) -> Iterator[str]:
    """Return the system calls of a set, those of the sets in it too."""
    if not name.startswith("@"):
        yield name
        return
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for line in said.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            yield from members(word)


def allowed(unit: Path) -> set[str]:
    """Return the system calls that a unit allows: the first list, and what later ones change."""
    found = set(members("@default"))
    for value in settings(unit, "SystemCallFilter"):
        calls = {call for word in value.lstrip("~").split() for call in members(word)}
        found = found - calls if value.startswith("~") else found | calls
    return found


def put_up(unit: Path) -> None:
    """Put up the walls around this process and all that it starts."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    ]  # fmt: skip
    context = library.seccomp_init(REFUSE)
    families = " ".join(settings(unit, "RestrictAddressFamilies")).split()
    asked: dict[str, list[tuple[int, int, int]]] = {
        "socket": [(0, 0xFFFFFFFF, int(getattr(socket, name))) for name in families]
    }
    if settings(unit, "MemoryDenyWriteExecute") == ["yes"]:
        asked |= MEMORY
    calls = allowed(unit)
    if os.geteuid() == 0:  # the unit's user is not root; only root gives its files away
        calls |= set(members("@chown"))
    for name in sorted(calls):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # not of this machine
            continue
        rules = [
            (1, ctypes.byref(Comparison(argument, MASKED_EQUAL, mask, value)))
            for argument, mask, value in asked.get(name, ())
        ] or [(0, None)]
        for rule in rules:
            if library.seccomp_rule_add_array(context, ALLOW, number, *rule):
                raise OSError(f"no rule for {name}")
    if library.seccomp_load(context):
        raise OSError("the filter was not loaded")


if __name__ == "__main__":
    put_up(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])

"""Whose the files in the data folder are.

Whoever owns that folder may put links into it: root, who works there, follows none.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def belong_to_folder(path: Path) -> None:
    """Let what root makes with the command line belong to whom the daemon runs as."""
    belong_to(path, path.parent.stat())


def belong_to(path: Path, owner: os.stat_result) -> None:
    """Let root give a file or folder away; a link, or a file of several names, stays as it is."""
    if os.geteuid() != 0:
        return
    with suppress(FileNotFoundError):
        found = path.lstat()
        # Not by a descriptor: to close one of a database's file would end SQLite's locks on it.
        if stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def belong_to_all(path: Path, owner: os.stat_result) -> None:
    """Let root give away a file, or a folder with all that is in it."""
    for inner in (*sorted(path.rglob("*"), reverse=True), path):
        belong_to(inner, owner)

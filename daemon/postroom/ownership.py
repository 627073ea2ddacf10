"""Whose the files in the data folder are."""

from __future__ import annotations

import os
from pathlib import Path


def belong_to_folder(path: Path) -> None:
    """Let what root makes with the command line belong to whom the daemon runs as."""
    if os.geteuid() == 0 and path.exists():
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)

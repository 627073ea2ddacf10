"""Making many new files durable at once.

Promise: when `flush` has returned, what was written to all the files survives a power cut; OSError:
perhaps none of it does.
Used by: work.transport (Maildir).

fsync() of each of 50 files is 50 flushes of the disk; syncfs() of their file system is one, a sixth
of the time and a fifth of the processor's (bench/README.md). It is used only where it promises as
much: it must tell of errors (Linux 5.8), and over a network or in user space it need not reach a
disk.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

FEW = 4  # files that fsync() has done sooner: syncfs() writes what others left to be written, too
LOCAL = frozenset({"ext4", "xfs"})
TELLS_ERRORS = (5, 8)


def flush(files: Sequence[int], is_local: bool) -> int:
    """Flush open files of one file system, in the order in which they were opened.

    Returns how many flushes of the disk that were.
    """
    whole = _syncfs() if is_local and len(files) > FEW else None
    if whole is not None:
        whole(files[0])  # tells of errors since this one was opened: the first
        return 1
    for file in files:  # start all before waiting for each
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    for file in files:
        os.fsync(file)
    return len(files)


def is_local(path: Path) -> bool:
    """Whether a file system is known to be on a disk of this machine, by /proc (proc(5))."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    kinds = {
        line.partition(" - ")[2].split(" ")[0]
        for line in mounts.splitlines()
        if line.split(" ")[2:3] == [wanted]
    }
    return bool(kinds) and kinds <= LOCAL


@cache
def _syncfs() -> Callable[[int], None] | None:
    """Return syncfs(2) where it can be relied on."""
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if release is None or (int(release[1]), int(release[2])) < TELLS_ERRORS:
        return None
    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None

    def syncfs(file: int) -> None:
        if function(file) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return syncfs

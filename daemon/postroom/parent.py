"""Ties a child process to the life of its parent."""

from __future__ import annotations

import ctypes
import os
import signal

# Of a child's environment: the process that it shall not outlive.
VARIABLE = "POSTROOM_PARENT"

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with(parent: int) -> None:
    """Be killed by the kernel when the parent process `parent` ends, in whatever way (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGKILL)

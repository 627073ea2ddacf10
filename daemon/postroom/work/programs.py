"""Run one executable for a bounded time, and keep a bounded part of what it says.

Promise: returns soon after the time limit whatever the executable does, and leaves nothing of its
process group behind; a flood of output is read and thrown away. No shell; what it is told comes on
standard input alone.
Used by: work.hooks.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAX_OUTPUT = 64 * 1024
STOP_GRACE = 5.0  # seconds that it may go on when the daemon stops
_LOOK = 0.1  # seconds from look to look
_PIECE = 64 * 1024
_LAST_PIECES = 16  # after its end: a pipe holds one


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """How it ended: an exit status, `-N` for a signal, None when its time was over."""

    status: int | None
    output: bytes
    is_stopped: bool = False  # by the daemon that stops, not by its time limit


def run_program(
    path: Path,
    told: bytes,
    environment: Mapping[str, str],
    seconds: float,
    stop: threading.Event,
) -> ProgramEnd:
    """Run it in its folder until it ends or its time is over. OSError: it cannot be started."""
    # A file, not a pipe: an executable that does not read holds nobody up.
    with tempfile.TemporaryFile() as given:
        given.write(told)
        given.seek(0)
        process = subprocess.Popen(  # noqa: S603 - a file of the sysadmin's, no arguments
            [path],
            cwd=path.parent,
            env=dict(environment),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if process.stdout is None:
        raise ValueError("the output was to be a pipe")
    try:
        with process.stdout as said:
            return _watched(process, said, seconds, stop)
    finally:
        _end_group(process)


def _watched(
    process: subprocess.Popen[bytes], said: IO[bytes], seconds: float, stop: threading.Event
) -> ProgramEnd:
    kept = bytearray()
    ends_at, is_stopping = time.monotonic() + seconds, False
    while not _has_ended(process):
        if stop.is_set() and not is_stopping:
            is_stopping, ends_at = True, min(ends_at, time.monotonic() + STOP_GRACE)
        if time.monotonic() >= ends_at:
            return ProgramEnd(None, bytes(kept), is_stopping)
        if not _read(said, kept, _LOOK):
            time.sleep(_LOOK / 10)  # it has closed its output, and goes on
    # Its children may hold the pipe open after it, or write for ever: its own end is what counts.
    status = _end_group(process)
    for _ in range(_LAST_PIECES):
        if not _read(said, kept, 0):
            break
    return ProgramEnd(status, bytes(kept))


def _read(said: IO[bytes], kept: bytearray, patience: float) -> bool:
    """Read what there is and keep what there is room for. False: it is at its end."""
    ready, _, _ = select.select([said], [], [], patience)
    if not ready:
        return patience > 0
    piece = os.read(said.fileno(), _PIECE)
    kept += piece[: MAX_OUTPUT - len(kept)]
    return bool(piece)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is not reaped yet, so that its number stays its own."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, options) is not None


def _end_group(process: subprocess.Popen[bytes]) -> int:
    """Kill what is left of its process group, and reap it. Its own end, if it had one, stands."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()

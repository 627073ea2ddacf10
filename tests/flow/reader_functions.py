"""What a hostile mail does to its reader, on demand: functions in place of `read_mail`."""

from __future__ import annotations

import os
import time

from postroom.mail.message import ParsedMail
from postroom.mail.parse import read_mail


def read_or_suffer(raw: bytes) -> ParsedMail:
    """Read a mail; one marked HANG, BLOAT, DIE or RAISE does that to its reader first."""
    if b"X-Test: HANG" in raw:
        time.sleep(3600)
    if b"X-Test: BLOAT" in raw:
        _ = b"x" * (1 << 30)
    if b"X-Test: DIE" in raw:
        os._exit(9)
    if b"X-Test: RAISE" in raw:
        raise ValueError("not this one")
    return read_mail(raw)


def tell_process(raw: bytes) -> ParsedMail:
    """Read a mail that says which process read it."""
    return read_mail(raw + b"%d" % os.getpid())


def half_of(number: int) -> int:
    """Halve what can be halved."""
    if number % 2:
        raise ValueError("odd")
    return number // 2

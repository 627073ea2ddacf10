"""What goes wrong with an IMAP server, by what is to be done about it: wait, and how long.

Pure. Providers tell in words and in response codes (RFC 3501 §7.1, RFC 5530, RFC 9051 §7.1).
"""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from enum import StrEnum

from postroom.errors import Unavailable


class Kind(StrEnum):
    """Why nothing can be fetched just now."""

    AWAY = "away"  # not there, mute, cut off: it will come back
    THROTTLED = "throttled"  # we are too eager
    LOGIN = "login refused"  # somebody has to mend password or token
    CERTIFICATE = "certificate refused"  # somebody has to mend the server's name, or ca_file
    FOLDER = "folder missing"  # somebody has to mend the folder, or the config
    NONSENSE = "nonsense"  # it answers what nobody understands
    REFUSED = "command refused"  # NO; the connection lives


class ImapTrouble(Unavailable):
    """What a server, or the way to it, does not do for us."""

    def __init__(self, kind: Kind, text: str, retry_in: timedelta = timedelta(0)) -> None:
        super().__init__(text, retry_in)
        self.kind = kind


# First pause and longest, in seconds; each failure in a row doubles it.
_PAUSES = {
    Kind.AWAY: (1.0, 300.0),
    Kind.THROTTLED: (60.0, 3600.0),
    Kind.LOGIN: (120.0, 3600.0),
    Kind.CERTIFICATE: (120.0, 3600.0),
    Kind.FOLDER: (60.0, 3600.0),
    Kind.NONSENSE: (10.0, 3600.0),
    Kind.REFUSED: (10.0, 3600.0),
}
_LONGEST_SUGGESTED = 86_400.0
# Microsoft asks for so much: Request is throttled, suggested backoff time in milliseconds.
_SUGGESTED = re.compile(r"backoff time:\s*(\d{1,12})\s*(milliseconds|seconds)?", re.IGNORECASE)
_THROTTLED = re.compile(
    r"\[(?:THROTTLED|LIMIT|OVERQUOTA)\]|throttled|too many (?:simultaneous )?connections|"
    r"exceeded command or bandwidth|rate limit|too many login",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"\[(?:UNAVAILABLE|INUSE|SERVERBUG|CONTACTADMIN)\]|temporar|try again", re.IGNORECASE
)
_LOGIN = re.compile(
    r"\[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|PRIVACYREQUIRED)\]", re.IGNORECASE
)
# How Python writes octets: the libraries put a server's words so into theirs.
_OCTETS = re.compile(r"""\bb(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def words_of(text: str) -> str:
    """Return what a library says of a server on one line for people, the server's words as text."""
    said = _OCTETS.sub(lambda found: _decoded(found[0]), text)
    return "".join(one if one.isprintable() else "\ufffd" for one in " ".join(said.split()))


def _decoded(written: str) -> str:
    try:
        octets = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return written
    return octets.decode("utf-8", "replace") if isinstance(octets, bytes) else written


def told(text: str, otherwise: Kind) -> ImapTrouble:
    """Read what a server said when it said no."""
    said = words_of(text)[:300]
    if (found := _SUGGESTED.search(said)) is not None:
        amount = int(found[1]) / (1 if (found[2] or "").lower() == "seconds" else 1000)
        return ImapTrouble(Kind.THROTTLED, said, timedelta(seconds=min(amount, _LONGEST_SUGGESTED)))
    if _THROTTLED.search(said):
        return ImapTrouble(Kind.THROTTLED, said)
    if _LOGIN.search(said):
        return ImapTrouble(Kind.LOGIN, said)
    if _AWAY.search(said):
        return ImapTrouble(Kind.AWAY, said)
    return ImapTrouble(otherwise, said)


def pause(trouble: Unavailable, failures: int, chance: float) -> float:
    """Return the seconds to wait after so many failures in a row; `chance` (0 to 1) spreads them.

    What the server asks for is the least.
    """
    kind = trouble.kind if isinstance(trouble, ImapTrouble) else Kind.AWAY
    first, longest = _PAUSES[kind]
    wait = min(longest, first * 2.0 ** min(max(failures - 1, 0), 20))
    spread = wait * (0.75 + chance / 2)
    asked = trouble.retry_in.total_seconds() if isinstance(trouble, ImapTrouble) else 0.0
    return asked + spread / 10 if asked > spread else spread

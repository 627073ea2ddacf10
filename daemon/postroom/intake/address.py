"""The arguments of MAIL and RCPT (RFC 5321 §4.1.2, 1870, 6152, 6531).

Lenient to senders: real ones have two dots in a row, a trailing dot, more than 64 octets before
the @. Recipients are compared with the known ones anyway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroom.errors import Refused

_PATH_OCTETS = 256  # RFC 5321 §4.5.3.1.3, with the angle brackets
_LOCAL_OCTETS = 64  # RFC 5321 §4.5.3.1.1

_PATH = re.compile(
    r"""\s*<
    (?:@[^:<>\s]+:)?                                    # a source route is read and ignored
    (?P<address>(?:"(?:[^"\\]|\\.)*"|[^\s"<>@]+)@[^\s"<>@]+|(?i:postmaster)|)
    >(?:\s+(?P<options>.*))?""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Sender:
    """The envelope sender, "" for the null sender, and the parameters of MAIL."""

    address: str
    options: dict[str, str]


def read_sender(argument: str) -> Sender:
    """Read what follows MAIL; raise Refused for what we do not understand."""
    address, options = _read("MAIL FROM", argument, "5.1.7")
    for name, value in options.items():
        match name:
            case "SIZE" if value.isascii() and value.isdigit():
                pass
            case "BODY" if value.upper() in ("7BIT", "8BITMIME"):
                options[name] = value.upper()
            case "SMTPUTF8" if not value:
                pass
            case "SIZE" | "BODY" | "SMTPUTF8":
                raise Refused(501, "5.5.4", f"Bad value of {name}")
            case _:
                raise Refused(555, "5.5.4", "Parameter of MAIL FROM not implemented")
    _check_octets(address, "5.1.7", is_utf8="SMTPUTF8" in options)
    return Sender(address, options)


def read_recipient(argument: str, *, is_utf8: bool) -> str:
    """Read what follows RCPT; raise Refused for what we do not understand."""
    address, options = _read("RCPT TO", argument, "5.1.3")
    if options:
        raise Refused(555, "5.5.4", "Parameter of RCPT TO not implemented")
    if not address:
        raise Refused(501, "5.1.3", "Syntax: RCPT TO:<address>")
    if len(address.rpartition("@")[0].encode()) > _LOCAL_OCTETS:
        raise Refused(553, "5.1.3", "Local part of the address is too long")
    _check_octets(address, "5.1.3", is_utf8=is_utf8)
    return address


def declared_size(sender: Sender) -> int:
    """Return the size that MAIL announced, or 0."""
    return int(sender.options.get("SIZE", 0))


def _read(command: str, argument: str, enhanced: str) -> tuple[str, dict[str, str]]:
    word = command.partition(" ")[2] + ":"
    found = _PATH.fullmatch(argument[len(word) :])
    if argument[: len(word)].upper() != word or found is None:
        raise Refused(501, enhanced, f"Syntax: {command}:<address>")
    options: dict[str, str] = {}
    for item in (found["options"] or "").split():
        name, _, value = item.partition("=")
        options[name.upper()] = value
    return found["address"], options


def _check_octets(address: str, enhanced: str, *, is_utf8: bool) -> None:
    if not (is_utf8 or address.isascii()):
        # RFC 6531 §3.5
        raise Refused(553, "5.6.7", "Address needs SMTPUTF8")
    if len(address.encode()) + 2 > _PATH_OCTETS:
        raise Refused(553, enhanced, "Address is too long")

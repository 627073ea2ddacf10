"""The values of config.toml: listeners, relays, networks, addresses of mailboxes, names.

Pure grammar: nothing here connects or looks anything up.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from postroom.core.units import parse_address, show

TOKEN_CHARS = 32  # of a reply token (DESIGN section 6)
LOCAL_PART_OCTETS = 64  # RFC 5321 §4.5.3.1.1
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # hosts that are this machine

_INSTANCE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PORT = range(1, 65536)
_SOCKET_NAME = re.compile(r"[!-9;-~]{1,255}")  # systemd.socket(5), without blanks


def later(what: str) -> str:
    """Say that something of the design is not there yet."""
    return f"{what} comes in a later version"


class Endpoint(NamedTuple):
    """Where to listen or to connect: a Unix socket's `path`, the `name` that systemd gives to
    sockets of its own, else `host` and `port`."""

    host: str = ""
    port: int = 0
    path: str = ""
    name: str = ""


def read_endpoint(text: str) -> Endpoint:
    """Read "127.0.0.1:2525", "[::1]:2525", "unix:/path" or "systemd:NAME"."""
    if text.startswith("systemd:"):
        name = text.removeprefix("systemd:")
        if _SOCKET_NAME.fullmatch(name) is None:
            raise ValueError(
                f"must be systemd: and the FileDescriptorName= of a socket unit, not {show(text)}"
            )
        return Endpoint(name=name)
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        # sun_path of Linux holds 108 octets with the final NUL.
        if not path.startswith("/") or "\x00" in path or len(path.encode()) > 107:
            raise ValueError(
                f"must be unix: and a whole path of at most 107 octets, not {show(text)}"
            )
        return Endpoint(path=path)
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) not in _PORT:
        raise ValueError(f'must be such as "127.0.0.1:2525" or "unix:/path", not {show(text)}')
    return Endpoint(host=host, port=int(port))


def check_endpoint(text: str) -> str:
    """Check where to listen; return it as written."""
    read_endpoint(text)
    return text


def check_watched_address(text: str) -> str:
    """Check where monitoring may ask; "" is nowhere. A host name could come to mean another."""
    if not text:
        return text
    endpoint = read_endpoint(text)
    if endpoint.host == "localhost":
        return text
    try:
        ipaddress.ip_address(endpoint.host)
    except ValueError:
        raise ValueError(
            f'must be an IP address and a port such as "127.0.0.1:9025", not {show(text)}'
        ) from None
    return text


def read_name_server(text: str) -> tuple[str, int]:
    """Read "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:5353"."""
    host, port = text, "53"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = ""
    if not address or not (port.isascii() and port.isdigit()) or int(port) not in _PORT:
        raise ValueError(f'must be an IP address such as "192.0.2.1:53", not {show(text)}')
    return address, int(port)


def check_name_server(text: str) -> str:
    """Check the address of a name server; return it as written."""
    read_name_server(text)
    return text


def check_file_path(text: str) -> str:
    """Accept what can be the path of a file."""
    if not text or "\x00" in text:
        raise ValueError(f"must be the path of a file, not {show(text)}")
    return text


def check_relay(url: str) -> str:
    """Check "smtp://host:25", "smtps://host:465" or "maildir:PATH"; return it as written."""
    if url.startswith("maildir:"):
        check_file_path(url.removeprefix("maildir:"))
        return url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"{show(url)} is not an address of a relay") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0:
        wanted = '"smtp://host:25", "smtps://host:465" or "maildir:PATH"'
        raise ValueError(f"must be such as {wanted}, not {show(url)}")
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be host and port only; user and password_file are keys of their own")
    return url


def check_network(text: str) -> str:
    """Check a network, or "unix"; return it in its canonical form."""
    if text == "unix":
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            f'must be a network such as "10.0.0.0/8", or "unix", not {show(text)}'
        ) from None


def check_reply_address(text: str) -> str:
    """Check that the address holds {token} once, and stays short enough with a token in it."""
    if text.count("{token}") != 1 or "{token}" not in text.rpartition("@")[0]:
        raise ValueError(f"must hold {{token}} once, before the @, not {show(text)}")
    longest = text.replace("{token}", "x" * TOKEN_CHARS)
    octets = len(longest.rpartition("@")[0].encode())
    if octets > LOCAL_PART_OCTETS:
        raise ValueError(
            f"would have {octets} octets before the @ with its token; "
            f"mail allows {LOCAL_PART_OCTETS}: shorten it"
        )
    parse_address(longest)
    return text


def check_instance(text: str) -> str:
    """Accept lower-case letters and digits joined by "-": part of Message-IDs and tokens."""
    if _INSTANCE.fullmatch(text) is None or len(text) > 32:
        raise ValueError(f'must be lower-case letters and digits joined by "-", not {show(text)}')
    return text


def check_node(text: str) -> str:
    """Accept the name of a machine: part of spool ids."""
    if _NODE.fullmatch(text) is None:
        raise ValueError(f"must be the name of a machine, not {show(text)}")
    return text


def check_own_address(text: str) -> str:
    """Accept the address of a mailbox."""
    if "+" in parse_address(text).partition("@")[0]:
        raise ValueError(f"{show(text)} has a +: sub-addresses of a mailbox are known anyway")
    return text


def check_prefix(text: str) -> str:
    """Accept what stands before the number of a reference."""
    if len(text) > 16 or re.fullmatch(r"[\w.-]*", text) is None:
        raise ValueError(f'must be a few letters such as "R-", not {show(text)}')
    return text


def check_handler_name(text: str) -> str:
    """Check the wording of a handler's name in From: known {words} only."""
    known = ("first_name", "full_name", "from_name")
    for word in re.findall(r"\{([^{}]*)\}", text):
        if word not in known:
            raise ValueError(f"there is no {{{word}}}; possible: {', '.join(known)}")
    if not text.strip():
        raise ValueError('must not be empty, write such as "{first_name} at {from_name}"')
    return text


def check_hook_url(text: str) -> str:
    """Check where a webhook is called; whether plain http may be is said beside it."""
    try:
        parts = urlsplit(text)
        port_is_well = parts.port is None or parts.port in _PORT
    except ValueError:
        port_is_well = False
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if not port_is_well or not is_plain or parts.scheme not in ("http", "https"):
        raise ValueError(f'must be such as "https://example.com/hook", not {show(text)}')
    if not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"must name a host, without user and #fragment: {show(text)}")
    return text

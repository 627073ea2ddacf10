"""What the keys of [[listen]] and [outgoing] about TLS, passwords and proxies mean together.

Pure: pairs of a key and what is wrong with it; whether files can be read is config's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroom.core.endpoints import LOOPBACK
from postroom.core.settings import ListenTable, OutgoingTable


def check_listener(table: ListenTable) -> Iterator[tuple[str, str]]:
    """Yield the faults of a [[listen]]."""
    mode = table.tls_mode
    if mode != "none" and table.certificate_file is None:
        yield "certificate_file", f'is required with tls = "{mode}"'
    if mode == "none" and table.certificate_file is not None:
        yield "certificate_file", 'is not used with tls = "none"'
    if table.key_file is not None and table.certificate_file is None:
        yield "key_file", "goes with certificate_file"
    if mode == "none" and table.require_tls:
        yield "require_tls", "needs certificate_file"
    if table.proxy_protocol and not table.proxies:
        yield "proxies", 'is required with proxy_protocol: who may speak it, as ["192.0.2.7"]'
    if table.proxies and not table.proxy_protocol:
        yield "proxies", "is not used without proxy_protocol = true"
    if table.protocol == "lmtp" and table.endpoint.port == 25:
        # RFC 2033 §5: who speaks SMTP there would not be understood.
        yield "address", "LMTP must not be spoken on port 25"


def check_outgoing(table: OutgoingTable) -> Iterator[tuple[str, str]]:
    """Yield the faults of [outgoing]."""
    if (table.user is None) != (table.password_file is None):
        yield "", "needs both user and password_file, or none of them"
    if table.is_tls and table.tls == "none":
        yield "tls", 'must not be "none": smtps:// is TLS; write smtp://'
    if table.ca_file is not None and (table.tls == "none" or table.is_maildir):
        yield "ca_file", "is not used: there is no TLS"


def reads_password(table: OutgoingTable) -> bool:
    """Whether others can read the password on its way to the relay, as the config demands."""
    is_far = table.endpoint.host not in LOOPBACK
    return table.user is not None and table.tls == "none" and is_far

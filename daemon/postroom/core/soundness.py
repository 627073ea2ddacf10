"""What no key of config.toml can know alone: tables that contradict each other, or themselves.

Pure: pairs of a key path and what is wrong with it; what lies in files is config's business, as is
what core.encryption and core.imap say of their tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from postroom.core.buckets import DATABASE
from postroom.core.endpoints import LOOPBACK, Endpoint, read_endpoint
from postroom.core.settings import (
    HookTable,
    LimitsTable,
    ListenTable,
    MailboxTable,
    MetricsTable,
    OutgoingTable,
    StorageTable,
)
from postroom.core.units import show, write_size

SIZES_OF_A_READER = 4  # a reader takes no mail larger than this share of its memory (work.readers)
ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


def check_own_mailboxes(tables: Sequence[MailboxTable]) -> Iterator[tuple[str, str]]:
    """Yield names and addresses that are not one mailbox's only."""
    names: set[str] = set()
    owner_of: dict[str, str] = {}
    for index, table in enumerate(tables):
        at = f"mailbox {show(table.name)}"
        if table.name in names:
            yield f"mailbox[{index + 1}].name", f"{show(table.name)} is the name of two mailboxes"
        names.add(table.name)
        for address in (table.address, *table.aliases):
            other = owner_of.setdefault(address.lower(), table.name)
            if other != table.name or [table.address, *table.aliases].count(address) > 1:
                yield at, f"{show(address)} is already an address of mailbox {show(other)}"


def check_loop(
    listeners: Sequence[ListenTable], outgoing: OutgoingTable
) -> Iterator[tuple[str, str]]:
    """Yield addresses of doors that are named twice, or that what goes out would come in by."""
    endpoints = [table.endpoint for table in listeners]
    for index, endpoint in enumerate(endpoints):
        if endpoint in endpoints[:index]:
            address = listeners[index].address
            yield f"listen[{index + 1}].address", f"{show(address)} is named twice"
    for endpoint in endpoints:
        if _leads_to(outgoing.endpoint, endpoint):
            yield "outgoing.relay", f"{show(outgoing.relay)} is our own [[listen]]: a loop"


def _leads_to(relay: Endpoint, door: Endpoint) -> bool:
    """Whether who connects to the relay connects to a door of ours, as far as names tell."""
    if not relay.port or relay.port != door.port:
        return False
    is_here = relay.host in LOOPBACK and door.host in LOOPBACK | ANYWHERE
    return relay.host == door.host or is_here


def check_reader_memory(limits: LimitsTable) -> Iterator[tuple[str, str]]:
    """A mail that the doors take and no reader can read would end in quarantine."""
    size, memory = limits.message_size, limits.reader_memory
    least = SIZES_OF_A_READER * size
    if memory < least:
        text = (
            f"{write_size(memory)} is too little to read a mail of message_size "
            f"({write_size(size)}): it must be at least {SIZES_OF_A_READER} times that, "
            f"{write_size(least)}"
        )
        yield "limits.reader_memory", text


def check_watched(table: MetricsTable) -> Iterator[tuple[str, str]]:
    """Who asks for the metrics is not asked who he is: so only this machine may, unless told."""
    written = {"address": table.address, "doors_address": table.doors_address}
    for key, text in written.items():
        if text and not table.anywhere and read_endpoint(text).host not in LOOPBACK:
            why = f"{show(text)} can be asked by other machines: write 127.0.0.1, "
            yield f"metrics.{key}", why + "or say anywhere = true behind a firewall"
    if table.address and table.address == table.doors_address:
        yield "metrics.doors_address", "must be another one than address"


def check_storage(table: StorageTable) -> Iterator[tuple[str, str]]:
    """A bucket has its keys, and nobody on the way reads the mail."""
    is_bucket = table.raw != DATABASE
    if not is_bucket and (table.endpoint or table.access_key_id or table.secret_key_file):
        yield "storage.raw", 'must be such as "s3://bucket/prefix" with an endpoint or keys'
    if is_bucket and not table.access_key_id:
        yield "storage.access_key_id", "is needed with a bucket"
    if is_bucket and table.secret_key_file is None:
        yield "storage.secret_key_file", "is needed with a bucket"
    endpoint = urlsplit(table.endpoint or "")
    if endpoint.scheme == "http" and endpoint.hostname not in LOOPBACK and not table.plain_http:
        yield "storage.endpoint", "must be https://, or say plain_http = true: mail can be read"


def check_webhook(name: str, table: HookTable) -> Iterator[tuple[str, str]]:
    """A webhook is signed, and what it is told is read by nobody on the way."""
    at = f"hooks.{name}"
    if (table.url is None) != (table.secret_file is None):
        yield at, "needs both url and secret_file, or none of them"
    is_plain = table.url is not None and table.url.startswith("http:")
    if is_plain and not table.is_on_this_machine and not table.plain_http:
        yield f"{at}.url", "must be https://, or say plain_http = true: requests can be read"

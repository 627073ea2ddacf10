"""The tables of config.toml, each key with its default and the check of its value.

Pure: whether files exist and what the whole means is config's business.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from postroom.core.buckets import DATABASE, check_raw
from postroom.core.endpoints import (
    LOOPBACK,
    Endpoint,
    check_endpoint,
    check_file_path,
    check_handler_name,
    check_hook_url,
    check_instance,
    check_name_server,
    check_network,
    check_own_address,
    check_prefix,
    check_relay,
    check_reply_address,
    check_watched_address,
    read_endpoint,
    read_name_server,
)
from postroom.core.model import Span
from postroom.core.place import SQLITE, check_database_url
from postroom.core.site import Budget
from postroom.core.tables import Table
from postroom.core.units import (
    check_language,
    check_time_zone,
    parse_budget,
    parse_duration,
    parse_patience,
    parse_size,
    parse_span,
    show,
)

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # of a domain name


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than nothing")
    return value


def _some(value: int) -> int:
    if not value:
        raise ValueError("must be larger than nothing")
    return value


def _two_minutes(value: timedelta) -> timedelta:
    if value > timedelta(minutes=2):
        raise ValueError("must be two minutes at most")
    return value


def _ten_minutes(value: timedelta) -> timedelta:
    if value > timedelta(minutes=10):
        raise ValueError("must be ten minutes at most")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]
Size = Annotated[int, BeforeValidator(parse_size), AfterValidator(_some)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
# "off" is None.
Patience = Annotated[timedelta | None, BeforeValidator(parse_patience)]
FilePath = Annotated[str, AfterValidator(check_file_path)]
AnyBudget = Annotated[Budget, BeforeValidator(parse_budget)]
Network = Annotated[str, AfterValidator(check_network)]
AnyAddress = Annotated[str, AfterValidator(check_own_address)]
TlsMode = Literal["none", "starttls", "implicit"]
TlsPolicy = Literal["opportunistic", "verify", "none"]


def _selector(text: str) -> str:
    if re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", text) is None:
        raise ValueError(f'must be such as "postroom", not {show(text)}')
    return text


def _signing_domain(text: str) -> str:
    if re.fullmatch(rf"{_LABEL}(\.{_LABEL})+", text) is None:
        raise ValueError(f'must be such as "example.com", not {show(text)}')
    return text


class PathsTable(Table):
    """[paths]: as written; `Config.data` and its like are resolved."""

    data: FilePath = "var"
    rules: FilePath = "rules"
    templates: FilePath = "templates"


class DatabaseTable(Table):
    """[database]"""

    url: Annotated[str, AfterValidator(check_database_url)] = SQLITE
    password_file: FilePath | None = None

    @property
    def is_shared(self) -> bool:
        """Whether several nodes may work on it at a time."""
        return self.url != "sqlite"


class StorageTable(Table):
    """[storage]"""

    raw: Annotated[str, AfterValidator(check_raw)] = DATABASE
    endpoint: Annotated[str, AfterValidator(check_hook_url)] | None = None
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_key_file: FilePath | None = None
    timeout: Annotated[Duration, AfterValidator(_two_minutes)] = timedelta(seconds=30)
    plain_http: bool = False


class MailboxTable(Table):
    """[[mailbox]]"""

    name: Annotated[str, AfterValidator(check_instance)]
    address: AnyAddress
    aliases: list[AnyAddress] = Field(default=[])
    reply_address: Annotated[str, AfterValidator(check_reply_address)] | None = None
    category: str
    priority: str | None = None
    type: str | None = None
    auto_reply: bool = True
    auto_reply_needs: Literal["not-fail", "pass"] = "not-fail"
    from_name: str = ""
    handler_name: Annotated[str, AfterValidator(check_handler_name)] = (
        "{first_name} at {from_name}"  # in From of a handler's answer
    )
    language: Annotated[str, AfterValidator(check_language)] = "en"
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = "UTC"


class ListenTable(Table):
    """[[listen]]"""

    protocol: Literal["smtp", "lmtp"] = "smtp"
    address: Annotated[str, AfterValidator(check_endpoint)]
    tls: TlsMode | None = None
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None
    require_tls: bool = False
    proxy_protocol: bool = False
    proxies: list[Network] = Field(default=[])

    @property
    def tls_mode(self) -> TlsMode:
        """How connections are encrypted; with a certificate, STARTTLS is offered by default."""
        return self.tls or ("none" if self.certificate_file is None else "starttls")

    @property
    def endpoint(self) -> Endpoint:
        """The address, read."""
        return read_endpoint(self.address)


class OutgoingTable(Table):
    """[outgoing]"""

    relay: Annotated[str, AfterValidator(check_relay)] = "smtp://localhost:25"
    user: str | None = None
    password_file: FilePath | None = None
    tls: TlsPolicy = "opportunistic"
    ca_file: FilePath | None = None
    timeout: Duration = timedelta(seconds=60)
    connections: Annotated[int, Field(ge=1, le=100)] = 4

    @property
    def endpoint(self) -> Endpoint:
        """Host and port of the relay, or the path of the Maildir as written."""
        if self.relay.startswith("maildir:"):
            return Endpoint(path=self.relay.removeprefix("maildir:"))
        parts = urlsplit(self.relay)
        return Endpoint(parts.hostname or "", parts.port or (465 if self.is_tls else 25))

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted from its first octet (smtps://)."""
        return self.relay.startswith("smtps:")

    @property
    def is_maildir(self) -> bool:
        """Whether mail goes into a folder instead of to a relay."""
        return self.relay.startswith("maildir:")


class DkimTable(Table):
    """[dkim]: how outgoing mail is signed, for which domains (none named: all of our mailboxes)."""

    selector: Annotated[str, AfterValidator(_selector)]
    key_file: FilePath
    domains: list[Annotated[str, AfterValidator(_signing_domain)]] = Field(default=[])


class TrustTable(Table):
    """[trust]"""

    relays: list[Network] = Field(default=["127.0.0.0/8", "unix"])
    authserv_id: list[str] = Field(default=[])
    hold_for: Annotated[Span, BeforeValidator(parse_span)] = Span(seconds=4 * 3600)
    handlers: Literal["not-fail", "pass"] = "not-fail"


class DnsTable(Table):
    """[dns]: look-ups about senders of mail that comes straight from the internet."""

    servers: list[Annotated[str, AfterValidator(check_name_server)]] = Field(default=[])
    timeout: Duration = timedelta(seconds=2)  # of one look-up
    total: Duration = timedelta(seconds=5)  # of all look-ups for one mail

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The servers, read."""
        return [read_name_server(text) for text in self.servers]


class BrakesTable(Table):
    """[brakes]"""

    answers_per_address: AnyBudget = Budget(2, timedelta(minutes=20))
    answers_per_day: AnyBudget = Budget(3, timedelta(days=1))  # to one address
    answers_alike: AnyBudget = Budget(25, timedelta(days=1))  # ticket-17@, ticket-18@ …
    answers_per_domain: AnyBudget = Budget(100, timedelta(minutes=10))
    answers_in_all: AnyBudget = Budget(1000, timedelta(minutes=10))
    requests_per_address: AnyBudget = Budget(20, timedelta(minutes=10))
    notices_in_all: AnyBudget = Budget(300, timedelta(minutes=10))  # to handlers


class RequestsTable(Table):
    """[requests]"""

    prefix: Annotated[str, AfterValidator(check_prefix)] = ""
    same_mail: Literal["join", "separate"] = "join"


class LimitsTable(Table):
    """[limits]: bounds of what comes from outside. Sizes in octets."""

    message_size: Size = 25 * 10**6
    bytes_in_flight: Size = 64 * 10**6  # received and not yet in the spool, over all connections
    connections: Count = 200
    connections_per_address: Count = 20  # our own relays are exempt
    recipients: Count = 100  # of one mail
    notice_size: Size = 10 * 10**6  # attachments of a notice; above, it only names them
    hops: Count = 30  # Received headers
    errors: Count = 20  # refusals since the last mail
    commands: Count = 200  # since the last mail, recipients not counted
    idle: Duration = timedelta(minutes=5)  # without an octet from the peer
    total: Duration = timedelta(minutes=30)  # from the greeting, or the last mail, to the next
    readers: Annotated[int, Field(ge=0, le=256)] = 0
    reader_deadline: Duration = timedelta(seconds=20)
    reader_memory: Size = 10**9
    disk_reserve: Annotated[int, BeforeValidator(parse_size)] = 100 * 10**6


class LogsTable(Table):
    """[logs]"""

    format: Literal["auto", "logfmt", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class MetricsTable(Table):
    """[metrics]: what monitoring asks for by HTTP. "": nobody may."""

    address: Annotated[str, AfterValidator(check_watched_address)] = ""
    doors_address: Annotated[str, AfterValidator(check_watched_address)] = ""
    anywhere: bool = False


class AlertsTable(Table):
    """[alerts]: when the administrators are told by mail; None: never."""

    spool_age: Patience = timedelta(minutes=10)
    outbox_age: Patience = timedelta(minutes=30)
    mailbox_silent: Patience = timedelta(minutes=15)
    timers_late: Patience = timedelta(minutes=5)
    database_away: Patience = timedelta(minutes=5)
    quarantine: bool = True
    uncertain: bool = True
    disk_short: bool = True
    expiring: Patience = timedelta(days=14)  # before a login or a certificate ends


class HookTable(Table):
    """[hooks.NAME]: a webhook, or (without url) what holds for the executable of that name."""

    url: Annotated[str, AfterValidator(check_hook_url)] | None = None
    secret_file: FilePath | None = None
    timeout: Annotated[Duration, AfterValidator(_ten_minutes)] = timedelta(seconds=30)
    plain_http: bool = False

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the url leads to this machine, where nobody listens in."""
        host = urlsplit(self.url or "").hostname or ""
        return host in LOOPBACK

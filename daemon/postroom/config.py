"""config.toml: where mail comes from and goes to.

Promise: a Config whose every value was checked, or a ConfigError with all problems at once.
Used by: app and cli (load_config, load_secrets), intake and work (the values).
Fails:   ConfigError; `Config.warnings` are what is allowed but unwise.
"""

from __future__ import annotations

import os
import socket
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, PrivateAttr

from postroom.core.endpoints import check_instance, check_node, later
from postroom.core.settings import (
    BrakesTable,
    DatabaseTable,
    DnsTable,
    FilePath,
    HookTable,
    LimitsTable,
    ListenTable,
    LogsTable,
    MailboxTable,
    OutgoingTable,
    PathsTable,
    RequestsTable,
    TrustTable,
)
from postroom.core.site import Brakes, Mailbox, Site
from postroom.core.tables import Table, check_table, read_toml
from postroom.core.units import show, write_size
from postroom.errors import ConfigError, Problem

SECRET_OCTETS = 16  # fewer can be guessed
SIZES_OF_A_READER = 4  # a reader takes no mail larger than this share of its memory (work.readers)
PLACES = (Path("config.toml"), Path("/etc/postroom/config.toml"))
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class Config(Table):
    """The whole of config.toml. Folders and files are resolved from where it lies."""

    instance: Annotated[str, AfterValidator(check_instance)]
    secrets_files: Annotated[list[FilePath], Field(min_length=1)] = Field(default=["secret"])
    node: Annotated[str, AfterValidator(check_node)] = Field(default_factory=socket.gethostname)
    paths: PathsTable = PathsTable()
    database: DatabaseTable = DatabaseTable()
    mailbox: Annotated[list[MailboxTable], Field(min_length=1)]
    listen: list[ListenTable] = Field(default=[])
    outgoing: OutgoingTable = OutgoingTable()
    trust: TrustTable = TrustTable()
    dns: DnsTable = DnsTable()
    brakes: BrakesTable = BrakesTable()
    requests: RequestsTable = RequestsTable()
    hooks: dict[Annotated[str, AfterValidator(check_instance)], HookTable] = Field(default={})
    limits: LimitsTable = LimitsTable()
    logs: LogsTable = LogsTable()

    later_keys: ClassVar[Mapping[str, str]] = {
        "imap": later("IMAP"),
        "dkim": later("DKIM signing"),
        "retention": later("retention"),
        "metrics": later("metrics"),
        "alerts": later("alerts"),
    }

    _path: Path = PrivateAttr(default=Path("config.toml"))
    _warnings: list[str] = PrivateAttr(default_factory=list)

    def place_at(self, path: Path) -> None:
        """Say where the file lies; before that, paths are relative to the working folder."""
        self._path = path.absolute()

    def warn(self, text: str) -> None:
        """Add to `warnings`."""
        self._warnings.append(text)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but unwise, in words for the operator."""
        return tuple(self._warnings)

    @property
    def data(self) -> Path:
        """The folder of spool, database and lock."""
        return self.resolve(self.paths.data)

    @property
    def rules(self) -> Path:
        """The folder of the policy."""
        return self.resolve(self.paths.rules)

    @property
    def templates(self) -> Path:
        """The folder of the templates; it need not exist."""
        return self.resolve(self.paths.templates)

    @property
    def webhooks(self) -> frozenset[str]:
        """The names of the hooks that are called by a url."""
        return frozenset(name for name, table in self.hooks.items() if table.url is not None)

    @property
    def maildir(self) -> Path | None:
        """The folder that outgoing mail goes into, if it goes into one."""
        return self.resolve(self.outgoing.endpoint.path) if self.outgoing.is_maildir else None

    def resolve(self, written: str) -> Path:
        """Return a path of the file, which is relative to the file's folder."""
        return self._path.parent / written

    def secret_path(self, written: str) -> Path:
        """Return where a secret lies: a systemd credential of that name, else the file."""
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials and (Path(credentials) / written).is_file():
            return Path(credentials) / written
        return self.resolve(written)

    def site(self) -> Site:
        """Return what decisions need of all this."""
        return Site(
            instance=self.instance,
            mailboxes={table.name: _mailbox(table) for table in self.mailbox},
            brakes=Brakes(
                answers_per_address=self.brakes.answers_per_address,
                answers_per_domain=self.brakes.answers_per_domain,
                answers_in_all=self.brakes.answers_in_all,
                requests_per_address=self.brakes.requests_per_address,
                answers_per_day=self.brakes.answers_per_day,
                answers_alike=self.brakes.answers_alike,
                notices_in_all=self.brakes.notices_in_all,
            ),
            prefix=self.requests.prefix,
            same_mail=self.requests.same_mail,
            relays=tuple(self.trust.relays),
            authserv_ids=tuple(self.trust.authserv_id),
            hold_for=self.trust.hold_for,
            handlers_verdict=self.trust.handlers,
            notice_size=self.limits.notice_size,
        )


def _mailbox(table: MailboxTable) -> Mailbox:
    local, _, domain = table.address.rpartition("@")
    return Mailbox(
        name=table.name,
        address=table.address,
        reply_address=table.reply_address or f"{local}+{{token}}@{domain}",
        category=table.category,
        aliases=tuple(table.aliases),
        priority=table.priority,
        type=table.type,
        auto_reply=table.auto_reply,
        auto_reply_needs=table.auto_reply_needs,
        from_name=table.from_name,
        handler_name=table.handler_name,
        language=table.language,
        time_zone=table.time_zone,
    )


def find_config(option: Path | None) -> Path:
    """Return --config, else POSTROOM_CONFIG, ./config.toml, /etc/postroom/config.toml."""
    if option is not None:
        return option
    named = os.environ.get("POSTROOM_CONFIG")
    if named:
        return Path(named)
    return next((place for place in PLACES if place.is_file()), PLACES[0])


def load_config(path: Path) -> Config:
    """Read and check a config; raises ConfigError with every problem."""
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(file, "", f"is not UTF-8 (octet {error.start})")]) from error
    except OSError as error:
        words = "cannot be read: " + (error.strerror or str(error))
        raise ConfigError([Problem(file, "", words)]) from error
    problems: list[Problem] = []
    document = read_toml(file, text, problems)
    config = None if document is None else check_table(Config, document, file, problems)
    if config is None:
        raise ConfigError(problems)
    config.place_at(path)
    for warning in _check_whole(config, file, problems):
        config.warn(warning)
    if problems:
        raise ConfigError(problems)
    return config


def load_secrets(config: Config) -> tuple[bytes, ...]:
    """Return the keys of the tokens: the first signs, all verify."""
    return tuple(_read_secret(config.secret_path(name)) for name in config.secrets_files)


def load_hook_secrets(config: Config) -> dict[str, bytes]:
    """Return the keys that webhooks are signed with, by the names of the hooks."""
    return {
        name: _signing_key(_read_secret(config.secret_path(table.secret_file)))
        for name, table in config.hooks.items()
        if table.secret_file is not None
    }


def _signing_key(written: bytes) -> bytes:
    """Read a key as Standard Webhooks writes it (whsec_ and base64), or octets as they are."""
    if not written.startswith(b"whsec_"):
        return written
    return b64decode(written.removeprefix(b"whsec_"), validate=True)


def _read_secret(path: Path) -> bytes:
    """Read a key; the line end that an editor adds is no part of it."""
    try:
        return path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        words = "cannot be read: " + (error.strerror or str(error))
        raise ConfigError([Problem(str(path), "", words)]) from error


def _check_whole(config: Config, file: str, problems: list[Problem]) -> Iterator[str]:
    """Check what no single key can know; yield warnings."""

    def report(key: str, text: str) -> None:
        problems.append(Problem(file, key, text))

    _check_mailboxes(config, report)
    _check_loop(config, report)
    _check_reader_memory(config, report)
    yield from _check_hooks(config, report)
    outgoing = config.outgoing
    if (outgoing.user is None) != (outgoing.password_file is None):
        report("outgoing", "needs both user and password_file, or none of them")
    if outgoing.password_file is not None:
        yield from _check_secret(
            config, outgoing.password_file, "outgoing.password_file", 1, report
        )
    for index, written in enumerate(config.secrets_files):
        key = f"secrets_files[{index + 1}]"
        yield from _check_secret(config, written, key, SECRET_OCTETS, report)


def _check_mailboxes(config: Config, report: Callable[[str, str], None]) -> None:
    """Names and addresses are one mailbox's only."""
    names: set[str] = set()
    owner_of: dict[str, str] = {}
    for index, table in enumerate(config.mailbox):
        at = f"mailbox {show(table.name)}"
        if table.name in names:
            report(f"mailbox[{index + 1}].name", f"{show(table.name)} is the name of two mailboxes")
        names.add(table.name)
        for address in (table.address, *table.aliases):
            other = owner_of.setdefault(address.lower(), table.name)
            if other != table.name or [table.address, *table.aliases].count(address) > 1:
                report(at, f"{show(address)} is already an address of mailbox {show(other)}")


def _check_loop(config: Config, report: Callable[[str, str], None]) -> None:
    """What goes out must not come in at our own door."""
    endpoints = [table.endpoint for table in config.listen]
    for index, endpoint in enumerate(endpoints):
        if endpoint in endpoints[:index]:
            report(
                f"listen[{index + 1}].address",
                f"{show(config.listen[index].address)} is named twice",
            )
    relay = config.outgoing.endpoint
    is_local = relay.host in LOOPBACK
    for endpoint in endpoints:
        if (
            relay.port
            and relay.port == endpoint.port
            and (
                relay.host == endpoint.host
                or (is_local and endpoint.host in (*LOOPBACK, *ANYWHERE))
            )
        ):
            report("outgoing.relay", f"{show(config.outgoing.relay)} is our own [[listen]]: a loop")


def _check_reader_memory(config: Config, report: Callable[[str, str], None]) -> None:
    """A mail that the doors take and no reader can read would end in quarantine."""
    size, memory = config.limits.message_size, config.limits.reader_memory
    if memory < SIZES_OF_A_READER * size:
        report(
            "limits.reader_memory",
            f"{write_size(memory)} is too little to read a mail of message_size "
            f"({write_size(size)}): it must be at least {SIZES_OF_A_READER} times that, "
            f"{write_size(SIZES_OF_A_READER * size)}",
        )


def _check_hooks(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    """A webhook is signed, and what it is told is read by nobody on the way."""
    for name, table in config.hooks.items():
        at = f"hooks.{name}"
        if (table.url is None) != (table.secret_file is None):
            report(at, "needs both url and secret_file, or none of them")
        is_plain = table.url is not None and table.url.startswith("http:")
        if is_plain and not table.is_on_this_machine and not table.plain_http:
            report(f"{at}.url", "must be https://, or say plain_http = true: requests can be read")
        if table.secret_file is None:
            continue
        key = f"{at}.secret_file"
        yield from _check_secret(config, table.secret_file, key, SECRET_OCTETS, report)
        try:
            octets = len(_signing_key(_read_secret(config.secret_path(table.secret_file))))
        except ConfigError:
            continue  # said already
        except ValueError:
            report(key, "must hold base64 after whsec_")
        else:
            if octets < SECRET_OCTETS:
                report(key, f"holds a key of {octets} octets; it needs at least {SECRET_OCTETS}")


def _check_secret(
    config: Config, written: str, key: str, least: int, report: Callable[[str, str], None]
) -> Iterator[str]:
    path = config.secret_path(written)
    try:
        octets = len(_read_secret(path))
        mode = path.stat().st_mode
    except ConfigError as error:
        report(key, f"{path} {error.problems[0].text}")
        return
    if octets < least:
        report(key, f"{path} holds {octets} octets; it needs at least {least}")
    if mode & 0o004:
        yield f"{key}: {path} can be read by everybody on this machine: chmod o-r"

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

from postroom import rights
from postroom.certificates import Certificate, authorities
from postroom.core import soundness
from postroom.core.buckets import DATABASE, Bucket, bucket_and_prefix
from postroom.core.encryption import check_listener, check_outgoing, reads_password
from postroom.core.endpoints import check_instance, check_node, later
from postroom.core.files import PUBLIC, named_files
from postroom.core.imap import ImapTable, doubts_of, problems_of
from postroom.core.place import DATABASE_FILE, SQLITE, Place, Server
from postroom.core.settings import (
    AlertsTable,
    BrakesTable,
    DatabaseTable,
    DkimTable,
    DnsTable,
    FilePath,
    HookTable,
    LimitsTable,
    ListenTable,
    LogsTable,
    MailboxTable,
    MetricsTable,
    OutgoingTable,
    PathsTable,
    RequestsTable,
    StorageTable,
    TrustTable,
)
from postroom.core.site import Brakes, Mailbox, Site
from postroom.core.tables import Table, check_table, join, read_toml
from postroom.core.units import nearest
from postroom.errors import ConfigError, Problem
from postroom.mail.signing import SigningKey, read_key

SECRET_OCTETS = 16  # fewer can be guessed
PLACES = (Path("config.toml"), Path("/etc/postroom/config.toml"))


class Config(Table):
    """The whole of config.toml. Folders and files are resolved from where it lies."""

    instance: Annotated[str, AfterValidator(check_instance)]
    secrets_files: Annotated[list[FilePath], Field(min_length=1)] = Field(default=["secret"])
    node: Annotated[str, AfterValidator(check_node)] = Field(default_factory=socket.gethostname)
    paths: PathsTable = PathsTable()
    database: DatabaseTable = DatabaseTable()
    storage: StorageTable = StorageTable()
    mailbox: Annotated[list[MailboxTable], Field(min_length=1)]
    listen: list[ListenTable] = Field(default=[])
    imap: list[ImapTable] = Field(default=[])
    outgoing: OutgoingTable = OutgoingTable()
    dkim: DkimTable | None = None
    trust: TrustTable = TrustTable()
    dns: DnsTable = DnsTable()
    brakes: BrakesTable = BrakesTable()
    requests: RequestsTable = RequestsTable()
    hooks: dict[Annotated[str, AfterValidator(check_instance)], HookTable] = Field(default={})
    limits: LimitsTable = LimitsTable()
    logs: LogsTable = LogsTable()
    metrics: MetricsTable = MetricsTable()
    alerts: AlertsTable = AlertsTable()

    later_keys: ClassVar[Mapping[str, str]] = {
        "retention": later("retention"),
    }

    _path: Path = PrivateAttr(default=Path("config.toml"))
    _text: str = PrivateAttr(default="")
    _warnings: list[str] = PrivateAttr(default_factory=list)

    def place_at(self, path: Path, text: str) -> None:
        """Say where the file lies and what it holds; before, paths are the working folder's."""
        self._path, self._text = path.absolute(), text

    def is_file_another(self) -> bool:
        """Whether the file holds something else than what was loaded, or cannot be read now."""
        try:
            return self._path.read_text(encoding="utf-8") != self._text
        except (OSError, UnicodeDecodeError):
            return True

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
    def database_place(self) -> Place:
        """The file of the database, or its server. ConfigError: the password cannot be read."""
        if self.database.url == SQLITE:
            return self.data / DATABASE_FILE
        written, password = self.database.password_file, None
        if written is not None:
            password = _read_secret(self.secret_path(written)).decode("utf-8", "replace")
        return Server(self.database.url, password)

    @property
    def bucket(self) -> Bucket | None:
        """Where raw mail is kept, if not in the database. ConfigError: the key cannot be read."""
        table = self.storage
        if table.raw == DATABASE or table.secret_key_file is None:
            return None
        secret = _read_secret(self.secret_path(table.secret_key_file)).decode("utf-8", "replace")
        name, prefix = bucket_and_prefix(table.raw)
        return Bucket(
            *(name, prefix, table.endpoint, table.region, table.access_key_id, secret),
            table.timeout,
        )

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

    def certificate(self, table: ListenTable) -> Certificate | None:
        """Read the certificate of a listener, if it has one. ValueError: words for the operator."""
        if table.certificate_file is None:
            return None
        key = table.key_file or table.certificate_file  # both may lie in one file
        return Certificate(self.secret_path(table.certificate_file), self.secret_path(key))

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
            topmost_results={
                table.source(folder): tuple(table.topmost_results)
                for table in self.imap
                for folder in table.all_folders
                if table.topmost_results
            },
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
    """Return --config, else POSTROOM_CONFIG, ./config.toml, /etc/postroom/config.toml.

    One that we may not read is passed over, if there is another: `sudo -u postroom postroom …` may
    be typed in /root. If there is none, it is returned, so that somebody is told.
    """
    if option is not None:
        return option
    named = os.environ.get("POSTROOM_CONFIG")
    if named:
        return Path(named)
    found = {place: _may_read(place) for place in PLACES}
    readable = [place for place, may in found.items() if may]
    barred = [place for place, may in found.items() if may is False]
    return (*readable, *reversed(barred), PLACES[0])[0]


def _may_read(place: Path) -> bool | None:
    """Whether we may read a file; None if it is not there."""
    try:
        return os.access(place, os.R_OK, effective_ids=True) if place.is_file() else None
    except OSError:  # a folder above it may not be entered
        return False


def load_config(path: Path) -> Config:
    """Read and check a config; raises ConfigError with every problem."""
    file = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(file, "", f"is not UTF-8 (octet {error.start})")]) from error
    except OSError as error:
        words = "cannot be read: " + (error.strerror or str(error))
        raise ConfigError([Problem(os.path.abspath(path), "", words)]) from error  # noqa: PTH100
    problems: list[Problem] = []
    document = read_toml(file, text, problems)
    config = None if document is None else check_table(Config, document, file, problems)
    if config is None:
        raise ConfigError(problems)
    config.place_at(path, text)
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

    for key, text in _contradictions(config):
        report(key, text)
    yield from _check_hooks(config, report)
    yield from _check_imap(config, report)
    yield from _check_listeners(config, report)
    yield from _check_outgoing(config, report)
    yield from _check_database(config, report)
    yield from _check_dkim(config, report)
    if config.storage.secret_key_file is not None:
        written = config.storage.secret_key_file
        yield from _check_secret(config, written, "storage.secret_key_file", 1, report)
    for index, written in enumerate(config.secrets_files):
        key = f"secrets_files[{index + 1}]"
        yield from _check_secret(config, written, key, SECRET_OCTETS, report)
    if rights.is_everybodys(config.path):
        report("", f"can be written by everybody on this machine: chmod o-w {config.path}")
    secrets = [name for key, name in named_files(config.model_dump()) if key not in PUBLIC]
    yield from rights.doubts(
        config.data,
        [config.secret_path(name) for name in dict.fromkeys(secrets)],
        [config.rules, config.templates],
        config.path,
    )


def _contradictions(config: Config) -> Iterator[tuple[str, str]]:
    yield from soundness.check_own_mailboxes(config.mailbox)
    yield from soundness.check_loop(config.listen, config.outgoing)
    yield from soundness.check_reader_memory(config.limits)
    yield from soundness.check_watched(config.metrics)
    yield from soundness.check_storage(config.storage)


def _check_listeners(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    for index, table in enumerate(config.listen):
        at = f"listen[{index + 1}]"
        for key, text in check_listener(table):
            report(f"{at}.{key}", text)
        if table.certificate_file is None:
            continue
        try:
            config.certificate(table)
        except ValueError as error:
            report(f"{at}.certificate_file", str(error))
        else:
            key = table.key_file or table.certificate_file
            name = "key_file" if table.key_file else "certificate_file"
            yield from _check_secret(config, key, f"{at}.{name}", 1, report)


def _check_outgoing(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    table = config.outgoing
    for key, text in check_outgoing(table):
        report(join("outgoing", key), text)
    if reads_password(table):
        yield f"outgoing.tls: the password goes to {table.endpoint.host} in clear"
    if table.ca_file is not None:
        try:
            authorities(config.resolve(table.ca_file))
        except ValueError as error:
            report("outgoing.ca_file", str(error))
    if table.password_file is not None:
        yield from _check_secret(config, table.password_file, "outgoing.password_file", 1, report)


def _check_database(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    written = config.database.password_file
    if written is not None:
        yield from _check_secret(config, written, "database.password_file", 1, report)
        if config.database.url == SQLITE:
            yield "database.password_file: is not used, SQLite has no password"


def _check_dkim(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    table = config.dkim
    if table is None:
        return
    yield from _check_secret(config, table.key_file, "dkim.key_file", 32, report)
    try:
        load_signing_key(config)
    except ValueError as error:
        report("dkim.key_file", f"{config.secret_path(table.key_file)} {error}")
    except ConfigError:
        pass  # said already
    own = {mailbox.address.rpartition("@")[2].lower() for mailbox in config.mailbox}
    for domain in table.domains:
        if domain.lower() not in own:
            report("dkim.domains", f"no mailbox writes from {domain}{nearest(domain, own)}")


def load_signing_key(config: Config) -> SigningKey | None:
    """Read the key that mail is signed with; None: it is not. ValueError: it cannot be used."""
    if config.dkim is None:
        return None
    octets = _read_secret(config.secret_path(config.dkim.key_file))
    return read_key(octets.decode("ascii", "replace"), config.dkim.selector)


def _check_hooks(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    for name, table in config.hooks.items():
        for key, text in soundness.check_webhook(name, table):
            report(key, text)
        if table.secret_file is None:
            continue
        key = f"hooks.{name}.secret_file"
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


def _check_imap(config: Config, report: Callable[[str, str], None]) -> Iterator[str]:
    for key, text in problems_of(config.imap, [table.name for table in config.mailbox]):
        report(key, text)
    yield from doubts_of(config.imap)
    for index, table in enumerate(config.imap):
        at = f"imap[{index + 1}]"
        if table.password_file is not None:
            key = f"{at}.password_file"
            yield from _check_secret(config, table.password_file, key, 1, report)
        if table.oauth is not None and table.oauth.client_secret_file is not None:
            key = f"{at}.oauth.client_secret_file"
            yield from _check_secret(config, table.oauth.client_secret_file, key, 1, report)
        if table.ca_file is not None and not config.resolve(table.ca_file).is_file():
            report(f"{at}.ca_file", f"{config.resolve(table.ca_file)} is not a file")


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

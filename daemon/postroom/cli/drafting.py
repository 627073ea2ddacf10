"""The config.toml that `postroom init` writes: what was said, and no more.

Pure text; every other key has its default, and the example says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from postroom.mail.auth import WITHOUT_ID

SECRET, RELAY_PASSWORD, IMAP_PASSWORD = "secret", "relay-password", "imap-password"
CLIENT_SECRET = "imap-client-secret"  # noqa: S105 - names of files
_COLUMN = 42  # of the comments


class Source(StrEnum):
    """Where mail comes from."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"


class Provider(StrEnum):
    """Who gives out tokens for a hosted mailbox."""

    MICROSOFT = "microsoft"
    GOOGLE = "google"


# By which name a provider writes Authentication-Results.
_RESULTS_BY = {Provider.MICROSOFT: WITHOUT_ID, Provider.GOOGLE: "mx.google.com"}


@dataclass(frozen=True, slots=True)
class ImapPlan:
    """A mailbox on somebody's server; a password, or a provider's tokens."""

    url: str
    user: str
    password: str | None = None
    provider: Provider | None = None
    client_id: str = ""
    client_secret: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sysadmin said. Secrets are the octets themselves, as text."""

    folder: Path
    addresses: tuple[str, ...]
    source: Source
    listen: str | None  # None: mail does not come by a door
    imap: ImapPlan | None
    relay: str
    relay_user: str | None
    relay_password: str | None
    handlers: tuple[str, ...]  # none: those that ship
    time_zone: str
    language: str
    instance: str | None
    data: str = "var"
    has_templates: bool = False

    @property
    def name(self) -> str:
        """The instance: as said, else from the domain of the address."""
        if self.instance is not None:
            return self.instance
        label = self.addresses[0].rpartition("@")[2].partition(".")[0].lower()
        return re.sub(r"[^a-z0-9]+", "-", label).strip("-")[:32] or "postroom"


def config_text(plan: Plan, example: Path, categories: frozenset[str]) -> str:
    """Write it; `categories` are those that a mailbox may be named like."""
    lines = [
        f"# Postroom of {plan.name}: where mail comes from and goes to. What happens to it is in",
        "# rules/. Every key that there is, with its default, is shown in",
        f"# {example}",
        "# After a change: `postroom check`, then restart the service.",
        "",
        _line("instance", plan.name, "part of every Message-ID and token: never change it"),
        _line("secrets_files", [SECRET], "keys of the tokens: the first signs, all verify"),
        "",
        "[paths]",
        _line("data", plan.data, "spool and database: `postroom backup` copies them"),
        *_mailboxes(plan, categories),
        *_sources(plan),
        "",
        "[outgoing]",
        _line("relay", plan.relay, "smtp://, smtps://, or maildir:FOLDER for trying out"),
    ]
    if plan.relay_user is not None:
        lines.append(_line("user", plan.relay_user))
        lines.append(_line("password_file", RELAY_PASSWORD))
    if plan.source is Source.IMAP:
        lines += [
            "",
            "[trust]",
            "# Whose Authentication-Results prove who wrote: the name that your provider writes.",
            '# authserv_id = ["mx.example.com"]',
        ]
    return "\n".join(lines) + "\n"


def _mailboxes(plan: Plan, categories: frozenset[str]) -> Iterator[str]:
    names: set[str] = set()
    for address in plan.addresses:
        name = unique(slug(address.rpartition("@")[0] or address), names)
        yield ""
        yield "[[mailbox]]                               # an address that customers write to"
        yield _line("name", name)
        yield _line("address", address, "and any sub-address of it: answers come to these")
        category = name if name in categories else "support"
        yield _line("category", category, "of rules/categories.toml")
        yield _line("language", plan.language, "of what customers get")
        yield _line("time_zone", plan.time_zone)


def _sources(plan: Plan) -> Iterator[str]:
    if plan.listen is not None:
        words = "your mail server hands mail over here"
        yield ""
        yield "[[listen]]"
        yield _line("protocol", plan.source.value)
        yield _line("address", plan.listen, words)
    imap = plan.imap
    if imap is None:
        return
    yield ""
    yield "[[imap]]"
    yield _line("mailbox", slug(plan.addresses[0].rpartition("@")[0] or plan.addresses[0]))
    yield _line("url", imap.url, "server and folder; imap:// uses STARTTLS")
    yield _line("user", imap.user)
    if imap.provider is None:
        yield _line("password_file", IMAP_PASSWORD)
    else:
        believed = f'# topmost_results = ["{_RESULTS_BY[imap.provider]}"]'
        yield f"{believed}    # believe what it found out about senders: see README"
        yield "[imap.oauth]"
        yield _line("provider", imap.provider.value)
        yield _line("client_id", imap.client_id)
        if imap.client_secret is not None:
            yield _line("client_secret_file", CLIENT_SECRET)


def secret_files(plan: Plan) -> dict[str, str]:
    """Return the secrets that were said, by the names of their files."""
    imap = plan.imap
    said = {
        RELAY_PASSWORD: plan.relay_password if plan.relay_user is not None else None,
        IMAP_PASSWORD: imap.password if imap is not None else None,
        CLIENT_SECRET: imap.client_secret if imap is not None else None,
    }
    return {name: f"{text}\n" for name, text in said.items() if text is not None}


def slug(text: str) -> str:
    """Make a name of what people are called."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:32].strip("-") or "postroom"


def unique(name: str, names: set[str]) -> str:
    """Return the name with a number, if there is such a one already; note it."""
    found, number = name, 1
    while found in names:
        number += 1
        found = f"{name[:28]}-{number}"
    names.add(found)
    return found


def quoted(value: str) -> str:
    """Write a TOML string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", "", escaped) + '"'


def _line(key: str, value: str | list[str], why: str = "") -> str:
    written = quoted(value) if isinstance(value, str) else f"[{', '.join(map(quoted, value))}]"
    line = f"{key} = {written}"
    return f"{line:<{_COLUMN}}# {why}" if why else line

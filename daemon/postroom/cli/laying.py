"""The files that `postroom init` lays out: the shipped ones, with what the sysadmin said.

Promise: nothing is overwritten, and nothing is written if any file is in the way or what was said
is not sound.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from postroom.config import Config
from postroom.core.consistency import check_mailboxes
from postroom.core.tables import check_table, read_toml
from postroom.core.units import parse_address, show
from postroom.errors import ConfigError, NotAllowed, Problem
from postroom.mail.address import parse_addresses
from postroom.policy.loader import policy_from_files
from postroom.shipped import shipped_folder, shipped_texts

_SHIPPED_HANDLERS = ("eva", "omar", "kim")
TEMPLATES_README = """\
Templates of the mail that Postroom sends: mail/NAME.LANGUAGE.j2.

This folder may be empty: what is absent is the shipped template. To change one, copy it from
{shipped}
into mail/ here, edit it, run `postroom check`, and send the daemon SIGHUP.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the sysadmin said."""

    folder: Path
    address: str
    instance: str | None
    relay: str
    listen: str
    handler: str | None
    has_templates: bool = False

    @property
    def name(self) -> str:
        """The instance: as said, else from the domain of the address."""
        if self.instance is not None:
            return self.instance
        label = self.address.rpartition("@")[2].partition(".")[0].lower()
        return re.sub(r"[^a-z0-9]+", "-", label).strip("-") or "postroom"


def lay_out(plan: Plan) -> list[Path]:
    """Write everything; return the paths of the files."""
    files = _files(plan)
    _check(plan, files)
    for name in files:
        if (plan.folder / name).exists():
            raise NotAllowed(f"{plan.folder / name} is there already; nothing was written")
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / "var").mkdir(mode=0o700, exist_ok=True)
        for name, text in files.items():
            _write(plan.folder / name, text, 0o600 if name == "secret" else 0o644)
    except OSError as error:
        words = error.strerror or str(error)
        raise NotAllowed(f"{error.filename or plan.folder}: {words}") from error
    return [plan.folder / name for name in files]


def next_steps(plan: Plan) -> str:
    """Say what to type now."""
    config = plan.folder / "config.toml"
    host, _, port = plan.listen.rpartition(":")
    mail = f"--from kari@customer.example --to {plan.address} --header 'Subject: Hello'"
    send = f"  swaks --server {host} --port {port} {mail}"
    if plan.listen.startswith("unix:"):
        send = f"  swaks --socket {plan.listen.removeprefix('unix:')} {mail}"
    lines = [
        "Next:",
        f"  postroom check --config {config}",
        f"  postroom run --config {config}",
        "and while it runs, in another terminal:",
        send,
        f"  postroom request list --config {config}",
    ]
    if plan.relay.startswith("maildir:"):
        sent = plan.folder / plan.relay.removeprefix("maildir:")
        lines.append(f"What Postroom sends goes into {sent} ([outgoing] relay changes that).")
    return "\n".join(lines)


def _files(plan: Plan) -> dict[str, str]:
    key = base64.b64encode(secrets.token_bytes(32)).decode("ascii") + "\n"
    files = {"config.toml": _config(plan), "secret": key, **_rules(plan.handler)}
    mail = shipped_folder() / "templates" / "mail"
    files["templates/README"] = TEMPLATES_README.format(shipped=mail)
    if plan.has_templates:
        files |= {
            name: text for name, text in shipped_texts().items() if name.startswith("templates/")
        }
    return files


def _config(plan: Plan) -> str:
    local, _, domain = plan.address.rpartition("@")
    text = (shipped_folder() / "config.example.toml").read_text(encoding="utf-8")
    for key, value in (
        ("instance", plan.name),
        ("address", plan.address),
        ("reply_address", f"{local}+{{token}}@{domain}"),
        ("relay", plan.relay),
    ):
        text = _put(text, key, value)
    before, listen, after = text.partition("\n[[listen]]")
    return before + listen + _put(after, "address", plan.listen)


def _put(text: str, key: str, value: str) -> str:
    """Give the first line of a key another value; its comment stays where it was."""

    def line(found: re.Match[str]) -> str:
        old, comment = found[1], found[2]
        new = f"{key} = {_quoted(value)}"
        return new.ljust(len(old)) + ("  " + comment if comment else "")

    pattern = rf"^({re.escape(key)} *= *\"[^\"]*\" *?) *(#.*)?$"
    return re.sub(pattern, line, text, count=1, flags=re.MULTILINE)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", "", escaped) + '"'


def _rules(said: str | None) -> dict[str, str]:
    rules = {name: text for name, text in shipped_texts().items() if name.startswith("rules/")}
    if said is None:
        return rules
    found = parse_addresses(said)
    if len(found) != 1:
        raise NotAllowed(f"--handler must be such as Eva Berg <eva@example.com>, not {show(said)}")
    address = found[0].address
    full_name = found[0].name or address.partition("@")[0]
    name = re.sub(r"[^a-z0-9]+", "-", full_name.split()[0].lower()).strip("-") or "handler"
    rules = {path: _with_one(text, name) for path, text in rules.items()}
    rules["rules/team.toml"] = _team(name, full_name, address)
    return rules


def _with_one(text: str, name: str) -> str:
    """Put the only handler in the place of those that ship; remarks about these go."""
    text = re.sub(r"^members = \[[^\]\n]*\]", f'members = ["{name}"]', text, flags=re.MULTILINE)
    text = re.sub(rf'"({"|".join(_SHIPPED_HANDLERS)})"', f'"{name}"', text)
    remark = re.compile(r"^#.*\b(?:Eva|Omar|Kim)\b.*\n", re.MULTILINE)
    return remark.sub("", text)


def _team(name: str, full_name: str, address: str) -> str:
    return f"""\
# The people inside: handlers, and groups of them. This file must exist.
# A handler's mail address is how Postroom knows who wrote: it must be the handler's alone.

[[handler]]
name = "{name}"                       # short name: in rules, commands (#assign {name}) and history
full_name = {_quoted(full_name)}      # customers see this one
email = {_quoted(address)}            # notices go here, and answers come from here
aliases = []                          # further addresses that are recognised
language = "en"                       # of the notices
time_zone = "UTC"                     # for "#postpone 2026-12-01 09:00"; such as "Europe/Oslo"
administrator = true                  # may do anything; default false

[[group]]
name = "second-line"
members = ["{name}"]                  # named as "group:second-line" in rules
"""


def _check(plan: Plan, files: Mapping[str, str]) -> None:
    """Find out before anything is written whether `postroom check` would be content."""
    problems: list[Problem] = []
    try:
        parse_address(plan.address)
    except ValueError as error:
        problems.append(Problem("--address", "", str(error)))
    document = read_toml("config.toml", files["config.toml"], problems)
    config = document and check_table(Config, document, "config.toml", problems)
    if problems or not isinstance(config, Config):
        raise ConfigError(problems)
    policy = policy_from_files({k: v for k, v in files.items() if k.startswith("rules/")}, hooks=())
    problems += check_mailboxes(config.site(), policy)
    if problems:
        raise ConfigError(problems)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)

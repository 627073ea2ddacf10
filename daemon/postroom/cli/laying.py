"""The files that `postroom init` lays out: the shipped ones, with what the sysadmin said.

Promise: nothing is overwritten, and nothing is written if any file is in the way or what was said
is not sound: `postroom check` has nothing to say about what was written. A secret can be read by
its owner alone from its first octet on; in a folder that root has given to a group, by that group.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from postroom.cli.drafting import (
    SECRET,
    Plan,
    Source,
    config_text,
    quoted,
    secret_files,
    slug,
    unique,
)
from postroom.config import load_config
from postroom.core.units import show
from postroom.errors import ConfigError, NotAllowed, Problem
from postroom.house import load_checked_policy
from postroom.mail.address import parse_addresses
from postroom.shipped import shipped_folder, shipped_texts

_SHIPPED_HANDLERS = ("eva", "omar", "kim")
_CATEGORY = re.compile(r'^name = "([^"/]+)"$', re.MULTILINE)
TEMPLATES_README = """\
Templates of the mail that Postroom sends: mail/NAME.LANGUAGE.j2.

This folder may be empty: what is absent is the shipped template. To change one, copy it from
{shipped}
into mail/ here, edit it, run `postroom check`, and send the daemon SIGHUP.
"""


def lay_out(plan: Plan) -> list[Path]:
    """Write everything; return the paths of the files."""
    key = base64.b64encode(secrets.token_bytes(32)).decode("ascii") + "\n"
    hidden = {SECRET: key, **secret_files(plan)}
    files = {**_files(plan), **hidden}
    _check(plan, files, hidden)
    for name in files:
        if (plan.folder / name).exists():
            raise NotAllowed(f"{plan.folder / name} is there already; nothing was written")
    try:
        plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (plan.folder / plan.data).mkdir(mode=0o700, parents=True, exist_ok=True)
        group = _group_of(plan.folder)
        for name, text in files.items():
            _write(plan.folder / name, text, is_hidden=name in hidden, group=group)
    except OSError as error:
        words = error.strerror or str(error)
        raise NotAllowed(f"{error.filename or plan.folder}: {words}") from error
    return [plan.folder / name for name in files]


def next_steps(plan: Plan) -> str:
    """Say what to type now."""
    config = plan.folder / "config.toml"
    online = " --online" if plan.source is not Source.SMTP or plan.relay_user else ""
    lines = ["Next:", f"  postroom check{online} --config {config}"]
    if plan.imap is not None and plan.imap.provider is not None:
        name = slug(plan.addresses[0].rpartition("@")[0])
        lines.insert(1, f"  postroom imap login {name} --config {config}")
    lines += [
        f"  postroom run --config {config}",
        "and while it runs, in another terminal:",
        _first_mail(plan),
        f"  postroom request list --config {config}",
    ]
    if plan.relay.startswith("maildir:"):
        sent = plan.folder / plan.relay.removeprefix("maildir:")
        lines.append(f"What Postroom sends goes into {sent} ([outgoing] relay changes that).")
    return "\n".join(lines)


def _first_mail(plan: Plan) -> str:
    address = plan.addresses[0]
    if plan.listen is None:
        return f"  (write a mail to {address})"
    mail = f"--from kari@customer.example --to {address} --header 'Subject: Hello'"
    if plan.source is Source.LMTP:
        mail = f"--protocol LMTP {mail}"
    if plan.listen.startswith("unix:"):
        return f"  swaks --socket {plan.listen.removeprefix('unix:')} {mail}"
    host, _, port = plan.listen.rpartition(":")
    return f"  swaks --server {host} --port {port} {mail}"


def _files(plan: Plan) -> dict[str, str]:
    example = shipped_folder() / "config.example.toml"
    rules = _rules(plan)
    categories = frozenset(_CATEGORY.findall(rules["rules/categories.toml"]))
    files = {"config.toml": config_text(plan, example, categories), **rules}
    mail = shipped_folder() / "templates" / "mail"
    files["templates/README"] = TEMPLATES_README.format(shipped=mail)
    if plan.has_templates:
        files |= {
            name: text for name, text in shipped_texts().items() if name.startswith("templates/")
        }
    return files


def _rules(plan: Plan) -> dict[str, str]:
    rules = {name: text for name, text in shipped_texts().items() if name.startswith("rules/")}
    if not plan.handlers:
        return rules
    people = list(_people(plan.handlers))
    names = [name for name, _, _ in people]
    rules = {path: _with(text, names) for path, text in rules.items()}
    rules["rules/team.toml"] = _team(people, plan)
    return rules


def _people(said: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    names: set[str] = set()
    for text in said:
        found = parse_addresses(text)
        if len(found) != 1:
            wanted = "Eva Berg <eva@example.com>"
            raise NotAllowed(f"--handler must be such as {wanted}, not {show(text)}")
        address = found[0].address
        full_name = found[0].name or address.partition("@")[0]
        first, whole = slug(full_name.split()[0]), slug(full_name)
        yield unique(whole if first in names else first, names), full_name, address


def _with(text: str, names: list[str]) -> str:
    """Put these handlers in the place of those that ship; remarks about those go."""
    members = ", ".join(map(quoted, names))
    text = re.sub(r"^members = \[[^\]\n]*\]", f"members = [{members}]", text, flags=re.MULTILINE)
    text = re.sub(rf'"({"|".join(_SHIPPED_HANDLERS)})"', quoted(names[0]), text)
    remark = re.compile(r"^#.*\b(?:Eva|Omar|Kim)\b.*\n", re.MULTILINE)
    return remark.sub("", text)


def _team(people: list[tuple[str, str, str]], plan: Plan) -> str:
    text = """\
# The people inside: handlers, and groups of them. This file must exist.
# A handler's mail address is how Postroom knows who wrote: it must be the handler's alone.
# name: short, in rules, commands (#assign NAME) and history. full_name: customers see it.
"""
    for number, (name, full_name, address) in enumerate(people):
        text += f"""
[[handler]]
name = {quoted(name)}
full_name = {quoted(full_name)}
email = {quoted(address)}            # notices go here, and answers come from here
aliases = []                          # further addresses that are recognised
language = {quoted(plan.language)}                       # of the notices
time_zone = {quoted(plan.time_zone)}                     # for "#postpone 2026-12-01 09:00"
administrator = {str(number == 0).lower()}                  # true: may do anything
"""
    members = ", ".join(quoted(name) for name, _, _ in people)
    return f"""{text}
[[group]]
name = "second-line"
members = [{members}]                  # named as "group:second-line" in rules
"""


def _check(plan: Plan, files: Mapping[str, str], hidden: Mapping[str, str]) -> None:
    """Find out before anything is written whether `postroom check` would be content."""
    with tempfile.TemporaryDirectory(prefix="postroom-init-") as name:
        folder = Path(name)
        for path, text in files.items():
            _write(folder / path, text, is_hidden=path in hidden, group=None)
        try:
            load_checked_policy(load_config(folder / "config.toml"))
        except ConfigError as error:
            raise ConfigError(
                [_at(problem, folder, plan.folder) for problem in error.problems]
            ) from None


def _at(problem: Problem, folder: Path, target: Path) -> Problem:
    file, text = (text.replace(str(folder), str(target)) for text in (problem.file, problem.text))
    return Problem(file, problem.key, text)


def _group_of(folder: Path) -> int | None:
    """Return the group that root has given a folder to, as the service's; None: nobody's."""
    found = folder.stat()
    may = found.st_mode & stat.S_IXGRP and not found.st_mode & stat.S_IWOTH
    return found.st_gid if os.geteuid() == 0 and found.st_gid != 0 and may else None


def _write(path: Path, text: str, *, is_hidden: bool, group: int | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if is_hidden else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        if group is not None:
            os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), 0o640)
        file.write(text)

"""The files that `postroom init` lays out: the shipped ones, with what the sysadmin said.

Promise: nothing is overwritten, and nothing is written if any file is in the way or what was said
is not sound: `postroom check` has nothing to say about what was written. A secret can be read by
its owner alone from its first octet on; in a folder that root has given to a group, by that group.
What root writes in another user's folder is that user's.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

# Whole lists of members, else a handler that ships, by name.
_HANDLERS = re.compile(r'^members = \[[^\]\n]*\]|"(?:eva|omar|kim)"', re.MULTILINE)
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
    try:
        files = {name: text.encode() for name, text in {**_files(plan), **hidden}.items()}
    except UnicodeEncodeError as error:  # an argument in another encoding than the terminal's
        raise NotAllowed("what was said is no UTF-8; nothing was written") from error
    _check(plan, files, hidden)
    _check_free(plan.folder, files)
    try:
        plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = _owner_of(plan.folder)
        data = plan.folder / plan.data
        if not data.is_dir():
            data.mkdir(mode=0o700, parents=True)
            if owner is not None and owner.is_user:
                os.chown(data, owner.uid, owner.gid, follow_symlinks=False)
        for name, octets in files.items():
            _make_folder((plan.folder / name).parent, owner)
            _write(plan.folder / name, octets, is_hidden=name in hidden, owner=owner)
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
    members, first = f"members = [{', '.join(map(quoted, names))}]", quoted(names[0])
    # In one pass: these handlers may be called like those that ship.
    text = _HANDLERS.sub(lambda found: members if found[0].startswith("m") else first, text)
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


def _check_free(folder: Path, files: Iterable[str]) -> None:
    """Refuse what is there already, and links that would lead elsewhere: root may lay files out in
    a folder that is another user's."""
    for name in files:
        if os.path.lexists(folder / name):
            raise NotAllowed(f"{folder / name} is there already; nothing was written")
        for parent in Path(name).parents[:-1]:
            if (folder / parent).is_symlink():
                raise NotAllowed(f"{folder / parent} is a link; nothing was written")


def _check(plan: Plan, files: Mapping[str, bytes], hidden: Mapping[str, str]) -> None:
    """Find out before anything is written whether `postroom check` would be content."""
    with tempfile.TemporaryDirectory(prefix="postroom-init-") as name:
        folder = Path(name)
        for path, octets in files.items():
            _make_folder((folder / path).parent, None)
            _write(folder / path, octets, is_hidden=path in hidden, owner=None)
        try:
            load_checked_policy(load_config(folder / "config.toml"))
        except ConfigError as error:
            raise ConfigError(
                [_at(problem, folder, plan.folder) for problem in error.problems]
            ) from None


def _at(problem: Problem, folder: Path, target: Path) -> Problem:
    file, text = (text.replace(str(folder), str(target)) for text in (problem.file, problem.text))
    return Problem(file, problem.key, text)


@dataclass(frozen=True, slots=True)
class _Owner:
    """Who shall read what root writes: a user, or a group that root has given the folder to."""

    uid: int
    gid: int

    @property
    def is_user(self) -> bool:
        return self.uid != 0


def _owner_of(folder: Path) -> _Owner | None:
    """Return whom root works for in a folder, as the service's user or group; None: himself."""
    found = folder.stat()
    if os.geteuid() != 0:
        return None
    may = found.st_mode & stat.S_IXGRP and not found.st_mode & stat.S_IWOTH
    if found.st_uid != 0 or (found.st_gid != 0 and may):
        return _Owner(found.st_uid, found.st_gid)
    return None


def _make_folder(folder: Path, owner: _Owner | None) -> None:
    """Make a folder that whoever reads its files can enter, whatever root's umask is."""
    if folder.is_dir():
        return
    _make_folder(folder.parent, owner)
    folder.mkdir()
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid, follow_symlinks=False)
        if not owner.is_user:
            folder.chmod(0o750)


def _write(path: Path, octets: bytes, *, is_hidden: bool, owner: _Owner | None) -> None:
    mode = 0o600 if is_hidden else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        if owner is not None:
            os.fchown(file.fileno(), owner.uid, owner.gid)
            if not owner.is_user:
                os.fchmod(file.fileno(), 0o640)
        file.write(octets)

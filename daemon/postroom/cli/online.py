"""`postroom check --online`: the parts one after the other, each told as soon as it is known."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

from postroom import clock
from postroom.cli.access import open_spool, open_store
from postroom.cli.tables import clean, print_json
from postroom.config import Config, load_secrets
from postroom.core.imap import ImapTable
from postroom.errors import ConfigError, PostroomError
from postroom.holding import WORK, holder
from postroom.house import open_transport
from postroom.intake.imap_login import keeper_of, open_session
from postroom.mail.tokens import Signer
from postroom.work import inspection, roundtrip
from postroom.work.inspection import Finding, State
from postroom.work.transport import Maildir, Transport

_PATIENCE = 10.0  # seconds for one word of a server
_LOOK = 0.2  # seconds between two looks whether a mail has come
_COLOURS = {State.OK: 32, State.WARNING: 33, State.FAILED: 31}


def check_online(config: Config, seconds: float, *, as_json: bool) -> bool:
    """Look at everything, print it; False if something failed."""
    found: list[Finding] = []
    for finding in _findings(config, seconds):
        found.append(finding)
        if not as_json:
            _tell(finding)
    if as_json:
        print_json({"ok": not _has_failed(found), "findings": found})
    return not _has_failed(found)


def _has_failed(found: list[Finding]) -> bool:
    return any(finding.state is State.FAILED for finding in found)


def _findings(config: Config, seconds: float) -> Iterator[Finding]:
    yield from inspection.inspect_machine(config, clock.now())
    with _busy("asking the DNS"):
        names = list(inspection.inspect_names(config))
    yield from names
    for table in config.imap:
        with _busy(f"logging in at {table.host}"):
            finding = _login(config, table)
        yield finding
    try:
        transport = open_transport(config, _PATIENCE)
    except (OSError, ValueError) as error:
        yield Finding("relay", State.FAILED, str(error), "see [outgoing] in config.toml")
        return
    with closing(transport):
        with _busy("asking the relay"):
            relay = list(inspection.inspect_relay(config, transport, clock.now()))
        yield from relay
        if any(finding.state is State.FAILED for finding in relay):
            seen = "not looked at: the relay takes nothing"
            yield Finding("sub-addresses", State.WARNING, seen, "mend the relay first")
        else:
            yield from _roundtrip(config, transport, seconds)


def _login(config: Config, table: ImapTable) -> Finding:
    what = f"IMAP {table.label}"
    patient = min(table.timeout, timedelta(seconds=_PATIENCE))
    brief = table.model_copy(update={"timeout": patient})
    try:
        with closing(open_session(config, brief, keeper_of(config, brief))) as session:
            for folder in brief.all_folders:
                session.select(folder)
            is_made = brief.moves_to is not None and not session.has_folder(brief.moves_to)
    except (PostroomError, OSError, ConfigError) as error:
        kind = str(getattr(error, "kind", ""))
        return Finding(what, State.FAILED, str(error), _mend_imap(table, kind))
    where = f"{table.host}, {', '.join(brief.all_folders)}"
    made = f"; folder {brief.moves_to} is not there yet, and will be made" * is_made
    return Finding(what, State.OK, f"logged in at {where}{made}")


def _mend_imap(table: ImapTable, kind: str) -> str:
    if kind == "login refused":
        if table.oauth is not None:
            return f"postroom imap login {table.label}"
        return "user and password_file are not what the server knows; many providers want OAuth"
    if kind == "certificate refused":
        return "ca_file must name who signed the server's certificate, and url a host that it is of"
    if kind == "folder missing":
        return "name a folder that there is: url and folders of [[imap]]"
    return f"can this machine reach {table.host}, port {table.port}?"


def _roundtrip(config: Config, transport: Transport, seconds: float) -> Iterator[Finding]:
    what = "sub-addresses"
    if isinstance(transport, Maildir):
        yield Finding(what, State.WARNING, "not looked at: mail goes into a folder", "")
        return
    if holder(config.data, WORK) is None:
        mend = f"postroom run --config {config.path}, then this again"
        yield Finding(what, State.WARNING, "not looked at: no daemon runs to take a mail", mend)
        return
    signer = Signer(config.instance, load_secrets(config))
    with _busy("writing to ourselves"):
        believed = {
            one.mailbox: one.topmost_results[0] for one in config.imap if one.topmost_results
        }
        sent = roundtrip.send_all(config.site(), signer, transport, clock.now(), believed)
    on_way = []
    for one in sent:
        if (finding := roundtrip.refused(one)) is not None:
            yield finding
        else:
            on_way.append(one)
    yield from _await(config, on_way, seconds)


def _await(config: Config, on_way: list[roundtrip.Sent], seconds: float) -> Iterator[Finding]:
    ends_at = time.monotonic() + seconds
    with open_store(config) as database:
        while on_way and time.monotonic() < ends_at:
            with _busy(f"waiting for {len(on_way)} mails to come back"):
                time.sleep(_LOOK)
                found = {one: list(roundtrip.arrived(one, database)) for one in on_way}
            for one, findings in found.items():
                yield from findings
                if findings:
                    on_way.remove(one)
    if on_way:
        with open_spool(config) as spool:
            waiting = [entry.id for entry in spool.list()]
        for one in on_way:
            yield roundtrip.lost(one, seconds, waiting)


def _tell(finding: Finding) -> None:
    colour = _COLOURS[finding.state] if sys.stdout.isatty() else 0
    state = f"\033[{colour}m{finding.state:<8}\033[0m" if colour else f"{finding.state:<8}"
    print(f"{state} {clean(finding.what)}: {clean(finding.seen)}", flush=True)
    if finding.mend and finding.state is not State.OK:
        print(f"         → {clean(finding.mend)}", flush=True)


@contextmanager
def _busy(words: str) -> Iterator[None]:
    """Show that something goes on, if somebody looks on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(words):
        yield

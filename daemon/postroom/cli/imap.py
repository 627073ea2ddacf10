"""imap list, status, login and check: the folders that mail is fetched from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.access import quiet_logs, read_config
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import plain, print_json, print_properties, print_table
from postroom.errors import NotAllowed, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postroom.config import Config
    from postroom.core.imap import ImapTable
    from postroom.errors import Unavailable

app = typer.Typer(no_args_is_help=True, help="Folders that mail is fetched from.")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="`name` of an [[imap]], else its mailbox.")
]


def _records(config: Config) -> Iterator[dict[str, Any]]:
    from postroom.holding import DOORS, holder
    from postroom.intake.imap_status import read_status

    is_running = holder(config.data, DOORS) is not None
    for table in config.imap:
        for folder in table.all_folders:
            status = read_status(config.data, table.source(folder))
            state = "never read" if status is None else status.state
            if status is not None and not is_running:
                state = "stopped"
            yield {
                "name": table.label,
                "mailbox": table.mailbox,
                "folder": folder,
                "server": f"{table.host}:{table.port}",
                "user": table.user,
                "state": state,
                "why": status.why if status is not None and state == "waiting" else "",
                "kind": status.kind if status is not None and state == "waiting" else "",
                "after_refused": status.after_refused if status is not None else "",
                "since": plain(status.since) if status is not None else None,
                "progress_at": plain(status.progress_at) if status is not None else None,
                "mail_at": plain(status.mail_at) if status is not None else None,
                "fetched": status.fetched if status is not None else 0,
                "behind": status.behind if status is not None else 0,
                "uid_validity": status.uid_validity if status is not None else None,
                "uid": status.uid if status is not None else None,
                "token_until": plain(status.token_until) if status is not None else None,
                "source": table.source(folder),
            }


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the folders: what each does just now, or waits for, and since when."""
    records = list(_records(read_config(config)))
    if as_json:
        print_json(records)
        return
    keys = ("name", "folder", "state", "since", "progress_at", "fetched", "behind", "why")
    for record in records:
        record["why"] = record["why"] or record["after_refused"]
    rows = [[record[key] for key in keys] for record in records]
    titles = "name|folder|state|since|last progress|fetched|behind|why"
    print_table(titles, rows, empty="the config has no [[imap]]")


@app.command()
def status(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all that is known of one [[imap]]: state, cursor, tokens."""
    records = [record for record in _records(read_config(config)) if record["name"] == name]
    if not records:
        raise NotFound(f"there is no [[imap]] called {name}")
    if as_json:
        print_json(records)
        return
    for number, record in enumerate(records):
        if number:
            print()
        print_properties((key.replace("_", " "), value) for key, value in record.items())


@app.command()
def login(name: Name, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Log in to a mailbox by OAuth, in a browser on whatever machine, and keep the token.

    \b
      postroom imap login support

    Repeat it when a token is about to end; the daemon takes the new one by itself.
    """
    from postroom import clock
    from postroom.intake.imap_login import token_path
    from postroom.intake.oauth import keep_tokens

    settings = read_config(config)
    table = _named(settings, name)
    tokens = _ask(settings, table)
    path = token_path(settings, table)
    keep_tokens(path, tokens)
    until = tokens.refresh_until
    if as_json:
        print_json({"name": name, "file": str(path), "token_until": until, "at": clock.now()})
    else:
        says = f"; log in again before {until:%Y-%m-%d}" if until is not None else ""
        print(f"{name}: logged in, the token is in {path}{says}")


def _ask(config: Config, table: ImapTable) -> Any:
    import secrets
    import sys
    import time

    from postroom import clock
    from postroom.errors import PostroomError
    from postroom.errors import Unavailable as Away
    from postroom.intake import oauth_login
    from postroom.intake.imap_login import client_secret

    oauth = table.oauth
    if oauth is None:
        raise NotAllowed(f"{table.label} logs in by password_file, not by oauth")
    if oauth.way == "client-credentials":
        raise NotAllowed(f"{table.label} needs no login: it has a client secret")

    def show(url: str, code: str) -> None:
        print(f"Open {url}\nand type   {code}\n(waiting …)", file=sys.stderr, flush=True)

    def ask(url: str) -> str:
        print(f"Open\n\n{url}\n\nlog in as {table.user}, and paste the address", file=sys.stderr)
        print("that the browser ends at (a page that does not load):", file=sys.stderr, flush=True)
        return sys.stdin.readline()

    secret = client_secret(config, table)
    try:
        if oauth.way == "device":
            return oauth_login.by_device(oauth, secret, clock.now, show=show, wait=time.sleep)
        return oauth_login.by_code(
            oauth, secret, clock.now, chance=secrets.token_bytes(32), show=ask
        )
    except Away as trouble:
        raise PostroomError(f"{table.label}: {trouble}") from trouble


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Log in to every mailbox and open its folders; fetch nothing, change nothing.

    Exit code 1 when one of them cannot be used.
    """
    quiet_logs()
    settings = read_config(config)
    found = [_tried(settings, table) for table in settings.imap]
    if as_json:
        print_json({"ok": all(not one["problem"] for one in found), "found": found})
    else:
        rows = [(one["name"], one["folders"], one["idle"], one["problem"]) for one in found]
        print_table("name|folders|idle|why", rows, empty="the config has no [[imap]]")
    if any(one["problem"] for one in found):
        raise typer.Exit(1)


def _tried(config: Config, table: ImapTable) -> dict[str, Any]:
    from contextlib import closing

    from postroom.errors import Unavailable as Away
    from postroom.intake.imap_login import keeper_of, open_session

    seen: list[str] = []
    record: dict[str, Any] = {"name": table.label, "folders": seen, "idle": None, "problem": ""}
    try:
        with closing(open_session(config, table, keeper_of(config, table))) as session:
            record["idle"] = session.can_idle
            for folder in table.all_folders:
                session.select(folder)
                seen.append(folder)
    except Away as trouble:
        record["problem"] = _words(trouble)
    return record


def _words(trouble: Unavailable) -> str:
    kind = getattr(trouble, "kind", "")
    return f"{kind}: {trouble}" if kind else str(trouble)


def _named(config: Config, name: str) -> ImapTable:
    found = next((table for table in config.imap if table.label == name), None)
    if found is None:
        known = ", ".join(table.label for table in config.imap) or "none"
        raise NotFound(f"there is no [[imap]] called {name}; there are: {known}")
    return found

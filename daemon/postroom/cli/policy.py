"""policy: the rules that decide or once did, what other ones would change, why a request is so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from postroom.cli import simulating
from postroom.cli.access import open_store, read_config
from postroom.cli.options import ConfigOption, JsonOption, RequestArgument
from postroom.cli.tables import print_json, print_properties, print_table
from postroom.errors import NotFound

app = typer.Typer(no_args_is_help=True, help="The rules and templates that decide.")
app.command()(simulating.simulate)


@app.command()
def show(
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="Or its beginning; else the active one."),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Print this file of it, such as rules/routing.toml."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a policy, also one of the past: its files as they were.

    \b
      postroom policy show --file rules/routing.toml
    """
    from postroom.store import policies

    with open_store(read_config(config)) as database, database.read() as connection:
        activations = policies.policies(connection)
        if version is None and not activations:
            raise NotFound("no policy was ever active: `postroom run` makes one active")
        wanted = version or activations[-1].version
        files = policies.policy_texts(connection, wanted)
        at = [item for item in activations if item.version.startswith(wanted)]
    if file is not None and file not in files:
        raise NotFound(f"the policy has no file {file}; it has {', '.join(files)}")
    if as_json:
        print_json({"version": at[-1].version, "activated_at": at[-1].activated_at, "files": files})
    elif file is not None:
        print(files[file], end="")
    else:
        print_properties([("version", at[-1].version), ("activated", at[-1].activated_at)])
        for path, text in files.items():
            print(f"  {path}  {len(text.splitlines())} lines")


@app.command()
def explain(
    request_id: RequestArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Say why a request is as it is, and what will happen to it when.

    Prints where owner, category, priority, status and type come from; each clock (first_reply,
    next_reply, deadline), the automatic close (close_after) and the escalation chain, piece by
    piece up to the moment that is due: counted, paused (and why) or closed (and why); then the
    warnings and levels to come. A clock that does not run says why. For people in the time zone of
    the calendar, as JSON in UTC.

    \b
      postroom policy explain 12
      postroom policy explain 12 --json
    """
    from postroom.cli import clocks

    clocks.explain(request_id, config, as_json=as_json)


@app.command()
def diff(
    rules: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="Else the rules of the config."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Print every request, however many there are.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a reload would change: in the policy, and for each open request. Changes nothing.

    \b
      postroom policy diff
      postroom policy diff --rules rules.new --all

    Compares the files as they are now with the policy that is active: each key that was added,
    removed or changed; what open requests name and the new rules do not; and of each open request
    the clocks, the next level and the automatic close whose moment would be another one. "acts at
    once" is what would be overdue the moment it is applied. Exit code 78 if the new rules have
    mistakes.
    """
    from postroom.cli import differing

    differing.diff(rules, config, shows_all=all_, as_json=as_json)


@app.command()
def versions(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List when which policy became active, oldest first."""
    from postroom.store import policies

    with open_store(read_config(config)) as database, database.read() as connection:
        found = policies.policies(connection)
    if as_json:
        print_json(found)
    else:
        rows = [(item.version, item.activated_at, item.is_active) for item in found]
        print_table("version|activated|active", rows, empty="no policy was ever active")

"""hooks list, show and retry: what was run or called, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.cli.access import open_as, open_store, read_config
from postroom.cli.options import AsOption, ConfigOption, JsonOption
from postroom.cli.tables import clean, only, plain, print_json, print_properties, print_table

if TYPE_CHECKING:
    from postroom.store.hooks import HookEntry

app = typer.Typer(no_args_is_help=True, help="Hooks that were to be run, and what came of them.")

KEYS = "id request name event state attempts due_at last_result created_at"
MORE = "lease_until key because"

RunId = Annotated[int, typer.Argument(metavar="ID", help="As `hooks list` shows it.")]


class HookState(StrEnum):
    """States of a hook that was asked for."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@app.command("list")
def list_(
    state: Annotated[
        list[HookState] | None, typer.Option(help="Of these states only.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List hooks that were ever asked for, oldest first; those done too, unless --state says.

    \b
      postroom hooks list --state failed --state waiting
    """
    from postroom.store import hooks

    wanted = [item.value for item in state or ()]
    with open_store(read_config(config)) as database, database.read() as connection:
        entries = hooks.entries(connection, wanted)
    if as_json:
        print_json([only(entry, KEYS) for entry in entries])
        return
    rows = [
        (e.id, e.request, e.name, e.event, e.state, e.attempts, e.due_at, _first_line(e))
        for e in entries
    ]
    empty = "no such hook" if wanted else "no hook was asked for"
    print_table("id|request|hook|event|state|attempts|next|last result", rows, empty=empty)


@app.command()
def show(run_id: RunId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one of them with what it said last."""
    from postroom.store import hooks

    with open_store(read_config(config)) as database, database.read() as connection:
        _print(hooks.entry(connection, run_id), as_json=as_json)


@app.command()
def retry(
    run_id: RunId,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a hook now that waits or was given up, with the same key and the same words."""
    from postroom import clock
    from postroom.store import hooks

    with open_as(config, by) as (database, actor):
        database.write(lambda c: hooks.retry(c, run_id, clock.now(), actor))
        with database.read() as connection:
            entry = hooks.entry(connection, run_id)
    if as_json:
        _print(entry, as_json=True)
    else:
        print(f"hook {entry.name} of request {entry.request}: {entry.state}, to be run now")


def _first_line(entry: HookEntry) -> str:
    return (entry.last_result or "").partition("\n")[0]


def _print(entry: HookEntry, *, as_json: bool) -> None:
    record = only(entry, f"{KEYS} {MORE}")
    if as_json:
        print_json(record)
        return
    status, _, output = (entry.last_result or "").partition("\n")
    print_properties(
        (key, status if key == "last_result" else getattr(entry, key)) for key in plain(record)
    )
    if output:
        print(f"\n{clean(output)}")

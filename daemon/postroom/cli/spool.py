"""spool list, show, export and retry: accepted mail that is not worked on yet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.access import open_spool, read_config
from postroom.cli.options import ConfigOption, JsonOption, one_of
from postroom.cli.tables import plain, print_json, print_properties, print_table

if TYPE_CHECKING:
    from postroom.spool.model import SpoolEntry

app = typer.Typer(no_args_is_help=True, help="Accepted mail that is not worked on yet.")

SpoolId = Annotated[str, typer.Argument(metavar="SPOOL-ID", help="As `spool list` shows it.")]


def record_of(entry: SpoolEntry) -> dict[str, Any]:
    """Return a spooled mail in the keys of the contract, with some more."""
    return {
        "id": entry.id,
        "state": entry.state.value,
        "received_at": plain(entry.envelope.received_at),
        "transport": entry.envelope.transport,
        "size": entry.size,
        "attempts": entry.attempts,
        "why": entry.why or None,
        "due_at": plain(entry.due_at),
        "from": entry.envelope.sender,
        "to": list(entry.envelope.recipients),
        "mailbox": entry.envelope.mailbox,
        "peer": entry.envelope.peer,
    }


@app.command("list")
def list_(
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="new, working or quarantined only.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the spool. A mail leaves it when its journal row is written."""
    from postroom.spool.model import SpoolState

    one_of("--state", state, SpoolState)
    with open_spool(read_config(config)) as spool:
        entries = [item for item in spool.list() if state is None or item.state == state]
    if as_json:
        print_json([record_of(entry) for entry in entries])
        return
    rows = [
        (e.id, e.state, e.envelope.received_at, e.envelope.transport, e.size, e.attempts, e.why)
        for e in entries
    ]
    empty = "no such mail" if state is not None else "the spool is empty"
    print_table("id|state|received|by|size|attempts|why", rows, empty=empty)


@app.command()
def show(spool_id: SpoolId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one mail of the spool, and why it is still there."""
    with open_spool(read_config(config)) as spool:
        record = record_of(spool.show(spool_id))
    if as_json:
        print_json(record)
    else:
        print_properties(record.items())


@app.command()
def export(
    spool_id: SpoolId,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a mail as it came in, to a file or to standard output."""
    del as_json
    with open_spool(read_config(config)) as spool:
        raw = spool.export(spool_id)
    if output is None:
        sys.stdout.buffer.write(raw)
    else:
        output.write_bytes(raw)


@app.command()
def retry(spool_id: SpoolId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Work on a quarantined or deferred mail again, as if it had never failed."""
    with open_spool(read_config(config)) as spool:
        spool.retry(spool_id).result()
        record = record_of(spool.show(spool_id))
    if as_json:
        print_json(record)
    else:
        print(f"{spool_id}: will be worked on again")

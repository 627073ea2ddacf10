"""init: a folder with all that Postroom needs to start."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json

EXAMPLE_ADDRESS = "support@example.com"


def _said(words: str, metavar: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar=metavar, show_default=False, help=words)
    return option


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")],
    *,
    address: Annotated[str | None, _said("What customers write to.", "ADDR")] = None,
    instance: Annotated[str | None, _said("Name in tags and tokens: [acme #12].", "NAME")] = None,
    relay: Annotated[str | None, _said("Such as smtp://localhost:25.", "URL")] = None,
    maildir: Annotated[str | None, _said("A folder instead of a relay.", "PATH")] = None,
    listen: Annotated[str | None, _said("Such as 127.0.0.1:2525.", "HOST:PORT")] = None,
    handler: Annotated[
        str | None, _said('The first handler: "Eva Berg <eva@example.com>".', "NAME")
    ] = None,
    templates: Annotated[
        bool, typer.Option("--templates", help="Copy the mail templates too, to edit them.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write config.toml, a key, rules and folders, ready to run. Nothing is overwritten.

    \b
      postroom init shop --address help@shop.example --handler "Ann Lee <ann@shop.example>"

    Without --relay, what Postroom sends goes into the Maildir var/sent: for trying out. Exit code
    1 if a file is there already, 78 if what you gave does not make a sound configuration.
    """
    from postroom.cli.laying import Plan, lay_out, next_steps

    del config
    if (address, instance, relay, maildir, listen, handler) == (None,) * 6 and sys.stdin.isatty():
        address = typer.prompt("Address that customers write to", EXAMPLE_ADDRESS)
        handler = typer.prompt("First handler", "Eva Berg <eva@example.com>")
    if relay is not None and maildir is not None:
        raise typer.BadParameter("give --relay or --maildir, not both")
    plan = Plan(
        folder=folder,
        address=address or EXAMPLE_ADDRESS,
        instance=instance,
        relay=relay or f"maildir:{maildir or 'var/sent'}",
        listen=listen or "127.0.0.1:2525",
        handler=handler,
        has_templates=templates,
    )
    written = lay_out(plan)
    if as_json:
        print_json({"config": str(folder / "config.toml"), "files": [str(p) for p in written]})
    else:
        print(f"{len(written)} files in {folder}\n{next_steps(plan)}")

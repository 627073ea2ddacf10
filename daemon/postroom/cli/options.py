"""What every command accepts: --config and --json, before or after its name; request numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

_NUMBER = re.compile(r"#?(?:[A-Za-z]{1,20}[-_/]?)?(\d{1,18})")


def _config(ctx: typer.Context, value: Path | None) -> Path | None:
    return value or ctx.find_root().params.get("config")


def _json(ctx: typer.Context, value: bool) -> bool:
    return value or bool(ctx.find_root().params.get("as_json"))


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        callback=_config,
        show_default=False,
        help="config.toml; else $POSTROOM_CONFIG, ./config.toml, /etc/postroom/config.toml.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", callback=_json, help="Print JSON instead of a table.")
]
AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="HANDLER",
        envvar="POSTROOM_HANDLER",
        show_default=False,
        help="The handler who does it, as team.toml names him.",
    ),
]
BecauseOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", show_default=False, help="Why, for the history.")
]


def read_request_id(text: str) -> int:
    """Read "12", "#12" or a reference such as "R-12"."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is not the number of a request, such as 12 or #12")
    return int(found[1])


RequestArgument = Annotated[
    int,
    typer.Argument(
        metavar="ID", parser=read_request_id, help="Number or reference of the request."
    ),
]

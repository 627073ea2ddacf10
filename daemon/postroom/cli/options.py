"""What every command accepts: --config and --json, before or after its name; request numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

# "17", or a spool id: node, epoch and number. 18 digits fit into every database.
_MAIL_NAME = re.compile(r"\d{1,18}|\S+-\d{1,18}", re.ASCII)
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


def read_mail_name(text: str) -> str:
    """Read the id of a journal row, "17", or of the mail in the spool, "mx1-27955001-17"."""
    name = text.strip()
    if _MAIL_NAME.fullmatch(name) is None:
        raise typer.BadParameter(f"{text!r} is no id, such as 17, and no spool id")
    return name


def read_moment(text: str) -> datetime:
    """Read "2026-11-20" or "2026-11-20T13:15:00Z" (UTC unless it names a zone), or "30d": ago."""
    from postroom import clock
    from postroom.core.units import parse_duration

    with suppress(ValueError):
        return clock.now() - parse_duration(text.strip())
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        words = "is no moment, such as 2026-11-20, 2026-11-20T13:15:00Z or 30d (ago)"
        raise typer.BadParameter(f"{text!r} {words}") from None


def one_of(option: str, value: str | None, known: Iterable[str]) -> str | None:
    """Return the value of an option; BadParameter with the nearest if there is no such thing."""
    names = list(known)
    if value is not None and value not in names:
        from postroom.core.units import nearest

        raise typer.BadParameter(f"{option}: there is no {value!r}{nearest(value, names)}")
    return value


RequestArgument = Annotated[
    int,
    typer.Argument(
        metavar="ID", parser=read_request_id, help="Number or reference of the request."
    ),
]

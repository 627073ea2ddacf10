"""request open, reply, note, assign, tag, untag, set, close and reopen: working on requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.cli import requests
from postroom.cli.access import open_desk
from postroom.cli.options import (
    AsOption,
    BecauseOption,
    ConfigOption,
    JsonOption,
    RequestArgument,
)

if TYPE_CHECKING:
    from postroom.core.changes import Change
    from postroom.core.commands import Command

app = requests.app

TextOption = Annotated[
    str | None,
    typer.Option("--text", metavar="TEXT", show_default=False, help="Else standard input is read."),
]
AttachOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--attach", metavar="FILE", show_default=False, help="A file to go with it; repeatable."
    ),
]


@app.command("open")
def open_(
    *,
    sender: Annotated[str, typer.Option("--from", metavar="ADDR", help="The customer.")],
    subject: Annotated[str, typer.Option(metavar="TEXT")],
    name: Annotated[str, typer.Option(metavar="NAME", help="His name.", show_default=False)] = "",
    to: Annotated[
        str | None,
        typer.Option(metavar="MAILBOX", help="Its name or address.", show_default=False),
    ] = None,
    text: TextOption = None,
    attach: AttachOption = None,
    auto_reply: Annotated[
        bool, typer.Option("--auto-reply/--no-auto-reply", help="Tell the customer.")
    ] = False,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a request on behalf of a customer, such as one who called.

    \b
      postroom request open --from kari@kunde.example --subject "Printer" --text "It is on fire."

    Rules, priority and assignment work as for his own mail. Exit code 1 if it became no request.
    """
    from postroom.cli.writing import open_request, read_text

    words = read_text(text)
    with open_desk(config) as house:
        open_request(
            house,
            sender=sender,
            name=name,
            subject=subject,
            to=to,
            text=words,
            files=attach or [],
            by=by,
            may_auto_reply=auto_reply,
            as_json=as_json,
        )


@app.command()
def reply(
    request_id: RequestArgument,
    *,
    text: TextOption = None,
    attach: AttachOption = None,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer the customer: public, sent by mail.

    \b
      postroom request reply 12 --as eva --text "It is repaired." --attach bill.pdf
    """
    _write(request_id, text, attach, by, config, is_note=False, as_json=as_json)


@app.command()
def note(
    request_id: RequestArgument,
    *,
    text: TextOption = None,
    attach: AttachOption = None,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write an internal note; the customer never sees it.

    \b
      postroom request note 12 --as eva --text "He called again."
    """
    _write(request_id, text, attach, by, config, is_note=True, as_json=as_json)


@app.command()
def assign(
    request_id: RequestArgument,
    owner: Annotated[str, typer.Argument(metavar="HANDLER|none|auto")],
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a request to a handler, to nobody, or to whom the category's own method names."""
    from postroom.core.changes import AssignTo

    _act(request_id, AssignTo(owner), by, config, as_json=as_json)


@app.command()
def tag(
    request_id: RequestArgument,
    tags: Annotated[list[str], typer.Argument(metavar="TAG…")],
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put tags on a request."""
    from postroom.core.changes import ChangeTags

    _act(request_id, ChangeTags(add=tuple(tags)), by, config, as_json=as_json)


@app.command()
def untag(
    request_id: RequestArgument,
    tags: Annotated[list[str], typer.Argument(metavar="TAG…")],
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take tags off a request."""
    from postroom.core.changes import ChangeTags

    _act(request_id, ChangeTags(remove=tuple(tags)), by, config, as_json=as_json)


@app.command("set")
def set_(
    request_id: RequestArgument,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=VALUE…", help="priority, category, type, subject or status."),
    ] = None,
    *,
    priority: Annotated[str | None, typer.Option(metavar="NAME", show_default=False)] = None,
    category: Annotated[str | None, typer.Option(metavar="PATH", show_default=False)] = None,
    type_: Annotated[str | None, typer.Option("--type", metavar="NAME", show_default=False)] = None,
    subject: Annotated[str | None, typer.Option(metavar="TEXT", show_default=False)] = None,
    status: Annotated[
        str | None, typer.Option(metavar="NAME", show_default=False, help="Or a transition.")
    ] = None,
    reason: BecauseOption = "",
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change properties and status of a request: all that is named, or nothing.

    \b
      postroom request set 12 priority=high category=support/billing
      postroom request set 12 --status reject --reason "Out of warranty."
    """
    from postroom.core.changes import ChangeProperty, ChangeStatus
    from postroom.core.commands import Several

    options = {"category": category, "type": type_, "priority": priority, "subject": subject}
    wanted = {**options, "status": status, **_pairs(pairs or [])}
    changes: list[Change] = [
        ChangeStatus(value, reason) if key == "status" else ChangeProperty(key, value)
        for key, value in wanted.items()
        if value is not None
    ]
    if not changes:
        raise typer.BadParameter("say what to set, such as priority=high")
    _act(request_id, Several(tuple(changes)), by, config, as_json=as_json)


@app.command()
def close(
    request_id: RequestArgument,
    reason: BecauseOption = "",
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a request; the customer is not told."""
    from postroom.core.changes import Close

    _act(request_id, Close(reason), by, config, as_json=as_json)


@app.command()
def reopen(
    request_id: RequestArgument,
    reason: BecauseOption = "",
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reopen a closed request."""
    from postroom.core.changes import Reopen

    _act(request_id, Reopen(reason), by, config, as_json=as_json)


def _act(
    request_id: int,
    command: Command,
    by: str | None,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    from postroom.cli.writing import act

    with open_desk(config) as house:
        act(house, request_id, command, by, as_json=as_json)


def _write(
    request_id: int,
    text: str | None,
    attach: list[Path] | None,
    by: str | None,
    config: Path | None,
    *,
    is_note: bool,
    as_json: bool,
) -> None:
    from postroom.cli.writing import read_text, write

    words = read_text(text)
    with open_desk(config) as house:
        write(house, request_id, words, attach or [], by, is_note=is_note, as_json=as_json)


def _pairs(pairs: list[str]) -> dict[str, str]:
    """Read "priority=high" and "priority high"."""
    if len(pairs) == 2 and "=" not in pairs[0]:
        return {pairs[0]: pairs[1]}
    found = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"{pair!r} should be NAME=VALUE, such as priority=high")
        found[key] = value
    return found

"""mail inject, read, html and explain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from postroom.cli.access import open_desk, read_config
from postroom.cli.options import ConfigOption, JsonOption

app = typer.Typer(no_args_is_help=True, help="Take in, read, show and explain mail.")

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE…", help='Mails as files; "-" is standard input.', exists=False),
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="ADDR",
        show_default=False,
        help="Which of our addresses it is for; else Delivered-To, X-Original-To, To or Cc say,"
        " else it is for the first mailbox.",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="ADDR",
        show_default=False,
        help='Envelope sender ("" is the null sender); else Return-Path, an mbox line or From say.',
    ),
]


@app.command()
def inject(
    files: Files,
    to: ToOption = None,
    sender: FromOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take mails in, as if they had come by SMTP; print the spool id of each.

    \b
      postroom mail inject mail.eml
      |/usr/bin/postroom mail inject - --to support@example.com     (in an aliases file)

    Needs the spool only, not the database. Exit codes: 0 all of them are on the disk, 75 try again
    later, 1 a mail is too large, unreadable, or --to is none of our addresses; 78 configuration.
    For "-" a mistake in the configuration is 75, too: a mail server bounces the mail on 78.
    """
    from postroom.cli.injecting import inject_all
    from postroom.errors import ConfigError, Unavailable

    try:
        known = read_config(config)
    except (ConfigError, OSError) as error:
        if [str(name) for name in files] != ["-"]:
            raise
        raise Unavailable(f"configuration: {error}") from error
    if not inject_all(known, files, to, sender, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def read(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", show_default=False)] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read one path a line, answer each at once.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what Postroom reads in a mail, or in a .msg of Outlook. Needs no config.

    \b
      postroom mail read mail.eml
      find corpus -name '*.eml' | postroom mail read --stdin --json

    --json gives one object a line. With --stdin each path is answered by one line, with the key
    "error" if the file cannot be read. Exit code 1 if a named FILE cannot be read.
    """
    from postroom.cli.reading import read_files, read_paths

    del config
    if stdin:
        read_paths(sys.stdin.buffer)
    elif not files:
        raise typer.BadParameter("name a FILE, or give paths with --stdin")
    elif not read_files(files, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def html(
    file: Annotated[Path, typer.Argument(metavar="FILE", help='A mail; "-" is standard input.')],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", show_default=False)
    ] = None,
    *,
    part: Annotated[
        str,
        typer.Option(
            "--part",
            metavar="N",
            show_default=False,
            help='An attached mail or text instead, by its number in `mail read --json`: "2".',
        ),
    ] = "",
    remote_images: Annotated[
        bool,
        typer.Option("--remote-images", help="Show pictures from elsewhere: they tell who reads."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a mail as one page of HTML, safe to open in a browser. Needs no config.

    \b
      postroom mail html mail.eml -o mail.html
      postroom spool export ID | postroom mail html - -o mail.html

    The page has the headers, the HTML of the mail without anything that acts or is loaded from
    elsewhere, its pictures in their places, and a list of its files. Links stay; where one goes
    elsewhere than its words say, that stands behind it. Of a plain text the quotes are folded.
    """
    from postroom.cli.page import write_page

    del config
    if output is None and sys.stdout.isatty():
        raise typer.BadParameter("name a file with -o: this is no text for a terminal")
    write_page(file, output, part, allows_remote=remote_images, as_json=as_json)


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help='A mail; "-" is standard input.')],
    to: ToOption = None,
    sender: FromOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would become of a mail and why; nothing is changed.

    \b
      postroom mail explain mail.eml

    The same decision as the daemon's: request, sender, every rule with what made it match or not,
    each property with where it comes from, the owner, the automatic reply.
    """
    from postroom.cli.explaining import explain_file

    with open_desk(config, adopts=False) as house:
        explain_file(house, file, to, sender, as_json=as_json)

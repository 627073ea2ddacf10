"""init: a folder with all that Postroom needs to start."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from postroom.cli.drafting import Provider, Source
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json


def _said(words: str, metavar: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar=metavar, show_default=False, help=words)
    return option


_Secret = Annotated[
    Path | None, _said("A file that holds it, or -; it is copied, for nobody else to read.", "FILE")
]


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made if it is not there.")],
    *,
    address: Annotated[
        list[str] | None, _said("What customers write to; again for more.", "ADDR")
    ] = None,
    source: Annotated[
        Source | None,
        typer.Option("--from", help="Who brings mail: your mail server, or we fetch it (imap)."),
    ] = None,
    listen: Annotated[str | None, _said("Such as 127.0.0.1:2525.", "HOST:PORT")] = None,
    imap_url: Annotated[str | None, _said("imaps://HOST/FOLDER", "URL")] = None,
    imap_user: Annotated[str | None, _said("To log in there.", "USER")] = None,
    imap_password_file: _Secret = None,
    imap_oauth: Annotated[
        Provider | None, typer.Option(help="Tokens instead of a password.", show_default=False)
    ] = None,
    imap_client_id: Annotated[str | None, _said("Of the application there.", "ID")] = None,
    imap_client_secret_file: _Secret = None,
    relay: Annotated[str | None, _said("Such as smtp://localhost:25.", "URL")] = None,
    relay_user: Annotated[str | None, _said("To log in there.", "USER")] = None,
    relay_password_file: _Secret = None,
    maildir: Annotated[str | None, _said("A folder instead of a relay.", "PATH")] = None,
    handler: Annotated[
        list[str] | None,
        _said('"Eva Berg <eva@example.com>"; again for more. The first may do anything.', "WHO"),
    ] = None,
    time_zone: Annotated[str | None, _said("Such as Europe/Oslo.", "ZONE")] = None,
    language: Annotated[str | None, _said("Of what customers get: en, nb.", "CODE")] = None,
    instance: Annotated[str | None, _said("Name in tags and tokens: [acme #12].", "NAME")] = None,
    data: Annotated[
        str | None,
        _said("Where spool and database lie: var, or /var/lib/postroom below /etc.", "PATH"),
    ] = None,
    templates: Annotated[
        bool, typer.Option("--templates", help="Copy the mail templates too, to edit them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write config.toml, a key, rules and folders, ready to run. Nothing is overwritten.

    \b
      postroom init shop                   asks, on a terminal
      postroom init shop --address help@shop.example --handler "Ann Lee <ann@shop.example>" \\
        --from imap --imap-url imaps://mail.shop.example/INBOX --imap-user help@shop.example \\
        --imap-password-file /root/imap --relay smtp://localhost:25

    Without --relay, what Postroom sends goes into the Maildir var/sent: for trying out. With one,
    below /etc, and with an address that is not an example's, --handler must be given. Exit code
    1 if a file is there already, 2 if something is missing and nobody can be asked, 78 if what you
    gave does not make a sound configuration.
    """
    from postroom.cli import asking
    from postroom.cli.laying import lay_out, next_steps

    del config
    if relay is not None and maildir is not None:
        raise typer.BadParameter("give --relay or --maildir, not both")
    said = asking.Said(
        addresses=tuple(address or ()),
        source=source or (Source.IMAP if imap_url is not None else None),
        listen=listen,
        imap_url=imap_url,
        imap_user=imap_user,
        imap_password=asking.read_secret(imap_password_file),
        imap_oauth=imap_oauth,
        imap_client_id=imap_client_id,
        imap_client_secret=asking.read_secret(imap_client_secret_file),
        relay=relay or (f"maildir:{maildir}" if maildir is not None else None),
        relay_user=relay_user,
        relay_password=asking.read_secret(relay_password_file),
        handlers=tuple(handler or ()),
        time_zone=time_zone,
        language=language,
        instance=instance,
    )
    is_system = folder.absolute().is_relative_to("/etc")
    in_earnest = yes or said.source is not None
    if sys.stdin.isatty() and not yes:
        said = asking.ask(said)
    elif lacks := asking.missing(said, in_earnest=in_earnest, is_system=is_system):
        raise typer.BadParameter(f"nobody can be asked, and these are missing: {', '.join(lacks)}")
    if data is None:
        # A service may write nothing below /etc (systemd/postroom.service).
        data = "/var/lib/postroom" if is_system else "var"
    plan = asking.plan_of(said, folder, data=data, has_templates=templates)
    written = lay_out(plan)
    if as_json:
        print_json({"config": str(folder / "config.toml"), "files": [str(p) for p in written]})
    else:
        print(f"{len(written)} files in {folder}\n{next_steps(plan)}")

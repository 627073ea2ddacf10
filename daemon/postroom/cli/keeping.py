"""backup and restore: the whole house into a folder, and out of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.cli.access import quiet_logs, read_config
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json

if TYPE_CHECKING:
    from postroom.work.restore import Restored


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Absent, or empty.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy data, config, rules, templates and secrets into a folder; the daemon may run on.

    \b
      postroom backup /backup/postroom/$(date +%F)

    Spool and database are of one moment: every mail that was accepted before is in one of them. The
    folder appears when it is whole, and only its owner can read it: it holds your secrets. Not in
    it: mail that was sent into a Maildir, and hidden files.
    """
    from postroom import clock
    from postroom.work.backup import back_up

    quiet_logs()
    with _watched("backing up") as begin:
        manifest = back_up(read_config(config), folder, clock.now(), begin)
    if as_json:
        record = {"folder": str(folder), "size": manifest.size, "files": len(manifest.files)}
        print_json(
            {
                **record,
                "made_at": manifest.made_at,
                "schema": manifest.schema,
                "spool": manifest.spool,
            }
        )
    else:
        waiting = f"{manifest.spool.mails} mails waited in the spool"
        print(f"{len(manifest.files)} files, {manifest.size} octets in {folder}; {waiting}")


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `postroom backup` made.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            show_default=False,
            help="Lay out a whole house there: config, rules, secrets, data. Absent, or empty: "
            "then all belongs to its owner.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a house of a backup again: in a new folder, or as the data of your config.

    \b
      postroom restore /backup/postroom/2026-11-20 --to /srv/postroom
      postroom restore /backup/postroom/2026-11-20 --config /etc/postroom/config.toml

    Every file is compared with the backup's own list first. No daemon may run, and nothing is
    overwritten. THE OUTBOX IS PAUSED: what waits in it may have been sent after the backup was
    made. Look at it, cancel what was, then `postroom outbox resume`.
    """
    from postroom import clock
    from postroom.holding import DOORS, WORK, hold_folder
    from postroom.work.manifest import read_manifest
    from postroom.work.restore import restore_data, restore_house

    quiet_logs()
    manifest = read_manifest(folder)
    for words in _doubts(folder):
        print(f"warning: {words}", file=sys.stderr)
    with _watched("restoring") as begin:
        if to is not None:
            progress = begin(2 * manifest.size)
            done = restore_house(folder, manifest, to, clock.now(), progress)
        else:
            settings = read_config(config)
            with hold_folder(settings.data, (WORK, DOORS)):
                progress = begin(2 * manifest.size)
                done = restore_data(folder, manifest, settings, clock.now(), progress)
    if as_json:
        print_json({**_record(done), "made_at": manifest.made_at})
    else:
        _tell(done)


def _doubts(folder: Path) -> Iterator[str]:
    """Yield who else could have put other rules, hooks or keys into a backup: its list of files is
    no proof against whoever can write it."""
    from postroom import rights

    if (words := rights.writers(folder, rights.own_groups(folder))) is not None:
        yield words
    if (owner := folder.stat().st_uid) not in (0, os.geteuid()):
        yield f"{folder} belongs to user {owner}, who could have changed what is in it"


def _record(done: Restored) -> dict[str, object]:
    return {
        "config": str(done.config),
        "data": str(done.data),
        "spool": done.spool,
        "waiting_mails": done.waiting_mails,
        "applied": done.applied,
        "schema_before": done.schema_before,
        "outbox": {
            "paused": True,
            "waiting": done.outbox.waiting,
            "uncertain": done.outbox.uncertain,
        },
    }


def _tell(done: Restored) -> None:
    named = f"--config {done.config}"
    mails = f"{done.waiting_mails} mails wait in the spool, {done.applied} were in the journal too"
    left = f"{done.outbox.waiting} deliveries wait, {done.outbox.uncertain} are uncertain"
    print(f"restored into {done.data}; {mails}\nTHE OUTBOX IS PAUSED: {left}. Next:")
    for words, why in (
        ("postroom check", ""),
        ("postroom audit", ""),
        ("postroom outbox list --state waiting --state uncertain", "some may have been sent"),
        ("postroom outbox cancel ID", "one that was"),
        ("postroom run", "takes mail in and works; nothing goes out yet"),
        ("postroom outbox resume", "sends the others"),
    ):
        line = f"  {words} {named}"
        print(f"{line}   # {why}" if why else line)


@contextmanager
def _watched(words: str) -> Iterator[Callable[[int], Callable[[int], None]]]:
    """Give a progress bar, if somebody looks on: told the whole, then each step."""
    if not sys.stderr.isatty():
        yield lambda _: lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(words), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def begin(total: int) -> Callable[[int], None]:
            task = bar.add_task(words, total=total)
            return lambda octets: bar.advance(task, octets)

        yield begin

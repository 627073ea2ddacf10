"""db copy: a site moved to PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.cli.access import open_spool, open_store, quiet_logs, read_config
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json
from postroom.core.place import SQLITE, Server, check_database_url
from postroom.errors import NotAllowed

if TYPE_CHECKING:
    from postroom.store.copying import Moved, Told


def _url(text: str) -> str:
    try:
        url = check_database_url(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if url == SQLITE:
        raise typer.BadParameter("must be a PostgreSQL server")
    return url


def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            callback=_url,
            help="A database without tables: postgresql+psycopg://postroom@localhost/postroom.",
        ),
    ],
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file", show_default=False, help="Whose first line is the password there."
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Copy also what audit finds something missing in.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move this site from SQLite to PostgreSQL: copy every row, compare each, audit both.

    \b
      systemctl stop postroom
      postroom db copy --to postgresql+psycopg://postroom@localhost/postroom
      # then write that url into config.toml, and start it again

    The daemon must be stopped; mail is accepted meanwhile if `postroom run --only doors` runs. The
    other database gets everything or nothing. Nothing is changed in the one that you have: keep its
    file until you trust the new one.
    """
    from postroom.holding import WORK, hold_folder
    from postroom.work.moving import move

    quiet_logs()
    settings = read_config(config)
    if settings.database.url != SQLITE:
        raise NotAllowed(f"this site is on {settings.database.url} already")
    password = None
    if password_file is not None:
        password = password_file.read_text(encoding="utf-8").partition("\n")[0]
    with (
        hold_folder(settings.data, (WORK,)),
        open_store(settings) as database,
        open_spool(settings) as spool,
        _watched() as begin,
    ):
        report = move(database, spool, Server(to, password), begin, anyway=anyway)
    if as_json:
        print_json({"to": to, "rows": report.moved.rows, "findings": report.after.findings})
        return
    print(f"{report.moved.total} rows copied and compared; audit says the same of both. Next:")
    print(f'  in {settings.path}:\n\n    [database]\n    url = "{to}"\n')
    print("  postroom check\n  postroom run")


@contextmanager
def _watched() -> Iterator[Callable[[Moved], Told]]:
    """Give a progress bar, if somebody looks on: rows copied, and then compared."""
    if not sys.stderr.isatty():
        yield lambda _: lambda _step, _table, _rows: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:

        def begin(moved: Moved) -> Told:
            task = bar.add_task("rows", total=2 * moved.total)

            def told(step: str, table: str, rows: int) -> None:
                bar.update(task, advance=rows, description=f"{step}: {table}")

            return told

        yield begin

"""db upgrade and status: the age of the database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import typer

from postroom.cli.access import quiet_logs, read_config
from postroom.cli.copying import copy
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json
from postroom.core.place import Place
from postroom.errors import StaleSchema

app = typer.Typer(no_args_is_help=True, help="The age of the database, and its move.")


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which schema the database has and which one this Postroom needs; 1 if they differ.

    An older one: `postroom db upgrade`. A newer one: the Postroom that made it must be installed
    again, or a backup from before the upgrade restored; nothing is ever made older.
    """
    from postroom.store.migrate import HEAD

    quiet_logs()
    place = read_config(config).database_place
    found = _found(place)
    if as_json:
        at = {"file": str(place) if isinstance(place, Path) else None, "url": _url(place)}
        print_json({"found": found, "wanted": HEAD, "is_current": found == HEAD, **at})
    elif found == "none":
        print(f"{place}: not there yet; `postroom run` makes it")
    elif found == HEAD:
        print(f"{place}: schema {found}, is current")
    else:
        print(f"{place}: {StaleSchema(found, HEAD)}")
    if found not in (HEAD, "none"):
        raise typer.Exit(1)


def _found(place: Place) -> str:
    from postroom.store.db import Database
    from postroom.store.migrate import current

    if isinstance(place, Path) and not place.exists():
        return "none"
    with closing(Database(place)) as database:
        return current(database)


def _url(place: Place) -> str | None:
    return None if isinstance(place, Path) else place.url


@contextmanager
def _watched() -> Iterator[Callable[[int, int], None] | None]:
    """Give a progress bar, if somebody looks on: it appears when there is long work."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("messages into the index of words", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@app.command()
def upgrade(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to the schema of this Postroom, in one transaction; stop the daemon first.

    There is no way back but a backup: `postroom backup DIR` before. Mail is accepted meanwhile if
    `postroom run --only doors` runs.
    """
    from postroom.holding import WORK, hold_folder
    from postroom.store.db import Database
    from postroom.store.migrate import HEAD, make_file
    from postroom.store.migrate import upgrade as bring

    quiet_logs()
    settings = read_config(config)
    with hold_folder(settings.data, (WORK,)):
        place = settings.database_place
        if isinstance(place, Path):
            make_file(place)
        with closing(Database(place)) as database, _watched() as progress:
            stood = bring(database, progress)
    if as_json:
        print_json({"before": stood, "now": HEAD})
    else:
        print(f"schema {HEAD}, as before" if stood == HEAD else f"schema {stood} → {HEAD}")


app.command()(copy)

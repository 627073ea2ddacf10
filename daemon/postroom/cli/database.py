"""db upgrade and status: the age of the database."""

from __future__ import annotations

import typer

from postroom.cli.access import DATABASE_FILE, quiet_logs, read_config
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json
from postroom.errors import StaleSchema

app = typer.Typer(no_args_is_help=True, help="The age of the database.")


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which schema the database has and which one this Postroom needs; 1 if they differ.

    An older one: `postroom db upgrade`. A newer one: the Postroom that made it must be installed
    again, or a backup from before the upgrade restored; nothing is ever made older.
    """
    from postroom.store.db import Database
    from postroom.store.migrate import HEAD, current

    quiet_logs()
    settings = read_config(config)
    file = settings.data / DATABASE_FILE
    found = "none"
    if file.exists():
        database = Database(file)
        try:
            found = current(database)
        finally:
            database.close()
    if as_json:
        print_json({"found": found, "wanted": HEAD, "is_current": found == HEAD, "file": str(file)})
    elif found == "none":
        print(f"{file}: not there yet; `postroom run` makes it")
    elif found == HEAD:
        print(f"{file}: schema {found}, is current")
    else:
        print(f"{file}: {StaleSchema(found, HEAD)}")
    if found not in (HEAD, "none"):
        raise typer.Exit(1)


@app.command()
def upgrade(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to the schema of this Postroom, in one transaction; stop the daemon first.

    There is no way back but a backup: `postroom backup DIR` before. Mail is accepted meanwhile if
    `postroom run --only doors` runs.
    """
    from postroom.house import WORK, hold_folder
    from postroom.ownership import belong_to_folder
    from postroom.store.db import Database
    from postroom.store.migrate import HEAD
    from postroom.store.migrate import upgrade as bring

    quiet_logs()
    settings = read_config(config)
    with hold_folder(settings, (WORK,)):
        file = settings.data / DATABASE_FILE
        file.touch(mode=0o600)
        belong_to_folder(file)
        database = Database(file)
        try:
            stood = bring(database)
        finally:
            database.close()
    if as_json:
        print_json({"before": stood, "now": HEAD})
    else:
        print(f"schema {HEAD}, as before" if stood == HEAD else f"schema {stood} → {HEAD}")

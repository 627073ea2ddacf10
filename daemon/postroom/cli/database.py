"""db upgrade and status: the age of the database."""

from __future__ import annotations

import typer

from postroom.cli.access import DATABASE_FILE, quiet_logs, read_config
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import print_json

app = typer.Typer(no_args_is_help=True, help="The age of the database.")


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say which schema the database has and which one this Postroom needs; 1 if they differ."""
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
    else:
        needs = f"this Postroom needs {HEAD}: `postroom db upgrade`"
        print(f"{file}: schema {found}, {'is current' if found == HEAD else needs}")
    if found not in (HEAD, "none"):
        raise typer.Exit(1)


@app.command()
def upgrade(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to the schema of this Postroom, in one transaction; stop the daemon first.

    Mail is accepted meanwhile if `postroom run --only doors` runs. Make a backup before.
    """
    from postroom.house import WORK, hold_folder
    from postroom.store.db import Database
    from postroom.store.migrate import HEAD
    from postroom.store.migrate import upgrade as bring

    quiet_logs()
    settings = read_config(config)
    with hold_folder(settings, (WORK,)):
        database = Database(settings.data / DATABASE_FILE)
        try:
            stood = bring(database)
        finally:
            database.close()
    if as_json:
        print_json({"before": stood, "now": HEAD})
    else:
        print(f"schema {HEAD}, as before" if stood == HEAD else f"schema {stood} → {HEAD}")

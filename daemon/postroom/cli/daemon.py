"""run, check, demo, audit: the daemon and what proves it sound."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroom.cli.access import open_spool, open_store, quiet_logs, read_config
from postroom.cli.options import ConfigOption, JsonOption
from postroom.cli.tables import plain, print_json, print_table
from postroom.errors import ConfigError

if TYPE_CHECKING:
    from postroom.cli.checking import Checked


class Part(StrEnum):
    """Which half of the daemon to run."""

    DOORS = "doors"
    WORK = "work"


def run(
    only: Annotated[
        Part | None, typer.Option(help="Take mail in (doors), or work on it (work); else both.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; SIGHUP reloads rules and templates.

    \b
      postroom run --config /etc/postroom/config.toml

    Makes the data folder, the database and the Maildir when they are not there. Ends with 0 on
    SIGTERM, 1 when another daemon uses the data folder or the database needs `postroom db upgrade`,
    78 on mistakes in config or rules.
    """
    del as_json  # the form of the log is [logs] format
    if only is Part.DOORS:  # knows no database and no rules: half the memory
        from postroom import doorway

        doorway.run_alone(read_config(config))
    else:
        from postroom import app

        app.run(read_config(config), only.value if only is not None else None)


def check(
    online: Annotated[
        bool, typer.Option("--online", help="Try IMAP, relay, DNS and sub-addressing, too.")
    ] = False,
    wait: Annotated[
        int, typer.Option(metavar="SECONDS", min=1, max=3600, help="For a mail to ourselves.")
    ] = 60,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check config, rules, their examples, templates, keys and folders; change nothing.

    Prints all problems at once, each with file and key path. Exit code 78 if there are any.

    With --online, then: room on the disk, certificates; MX, SPF and DMARC of your domains; a log-in
    at each IMAP server; the relay, up to the point where it would take a mail; and, while the
    daemon runs, a mail to a sub-address of each mailbox, which must come back (it is ignored). Says
    what it saw and what to mend. Exit code 1 if something failed.
    """
    from postroom.cli.checking import check_all

    quiet_logs()
    checked = check_all(config)
    if online and not checked.problems:
        from postroom.cli.online import check_online

        for warning in checked.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        if not check_online(read_config(config), wait, as_json=as_json):
            raise typer.Exit(1)
        return
    if as_json:
        print_json(
            {
                "ok": not checked.problems,
                "problems": [plain(problem) for problem in checked.problems],
                "warnings": list(checked.warnings),
                "found": dict(checked.found),
            }
        )
    else:
        _print_checked(checked)
    if checked.problems:
        raise typer.Exit(78) if as_json else ConfigError(checked.problems)


def _print_checked(checked: Checked) -> None:
    for warning in checked.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    found = ", ".join(f"{what} {count}" for what, count in checked.found.items())
    if found:
        print(f"{'found' if checked.problems else 'all is well'}: {found}")


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False,
    rules: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Your own rules instead of the shipped ones.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Ignored: the demo writes a config of its own."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Ignored: the demo is a story for people.")
    ] = False,
) -> None:
    """Show what Postroom does, on a throw-away folder, in a minute."""
    from postroom.cli import demo as story

    del config, as_json
    raise typer.Exit(story.demo(once=once, rules=rules))


def audit(
    imap: Annotated[
        bool, typer.Option("--imap", help="Ask the IMAP servers, too, whether all was fetched.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that no mail is lost: each number given to a mail is in the spool or the journal.

    With --imap: each mail that still lies in a folder was fetched, once. Exit code 1 when
    something is missing or does not fit together. Rules are not looked at.
    """
    from postroom.work.audit import AuditReport
    from postroom.work.audit import audit as look

    quiet_logs()
    settings = read_config(config)
    with open_store(settings) as database, open_spool(settings) as spool:
        report = look(database, spool)
        if imap:
            from postroom.cli.reconciling import compare_all

            for source, count, findings in compare_all(settings, database, spool):
                report = AuditReport(
                    {**report.checked, source: count}, (*report.findings, *findings)
                )
    if as_json:
        print_json({"ok": report.ok, "checked": report.checked, "findings": report.findings})
    else:
        rows = [(item.kind, item.subject, item.text) for item in report.findings]
        if rows:
            print_table("kind|what|text", rows, empty="")
        looked = ", ".join(f"{what} {count}" for what, count in report.checked.items())
        print(f"{'nothing is missing' if report.ok else 'NOT in order'}: looked at {looked}")
    if not report.ok:
        raise typer.Exit(1)

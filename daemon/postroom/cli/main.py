"""`postroom`: the commands, and the one place where an error becomes an exit code.

0 done · 1 failed · 2 usage · 75 try later · 78 configuration · 130 interrupted
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from postroom.cli import (
    daemon,
    database,
    handling,
    hooks,
    imap,
    journal,
    keeping,
    mail,
    outbox,
    policy,
    setup,
    spool,
)
from postroom.cli.options import ConfigOption, JsonOption
from postroom.errors import ConfigError, Conflict, PostroomError, Unavailable

FAILED, TRY_LATER, CONFIGURATION = 1, 75, 78


def _version(is_asked: bool) -> None:
    if is_asked:
        from postroom.shipped import shipped_version

        print(f"postroom {shipped_version()}")
        raise typer.Exit


def _postroom(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn mail into requests and look after them until they are closed.

    \b
    Begin with:
      postroom init shop          a folder with config, rules and a key
      postroom check --config shop/config.toml
      postroom run --config shop/config.toml

    Exit codes: 0 done, 1 failed, 2 wrong usage, 75 try again later, 78 a mistake in config or
    rules. --config and --json may follow every command.
    """


_COMMANDS = (
    *(daemon.run, daemon.check, setup.init, daemon.demo, daemon.audit),
    *(keeping.backup, keeping.restore),
)
_GROUPS = {
    "mail": mail.app,
    "request": handling.app,
    "journal": journal.journal_app,
    "hold": journal.hold_app,
    "outbox": outbox.outbox_app,
    "timers": outbox.timers_app,
    "hooks": hooks.app,
    "spool": spool.app,
    "policy": policy.app,
    "imap": imap.app,
    "db": database.app,
}


def build(group: str) -> typer.Typer:
    """Make the commands; only those of a group if one is called, for a mail server's sake."""
    app = typer.Typer(
        name="postroom",
        callback=_postroom,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    )
    groups = {group: _GROUPS[group]} if group else _GROUPS
    for name, commands in groups.items():
        app.add_typer(commands, name=name)
    for command in () if group else _COMMANDS:
        app.command()(command)
    return app


@cache
def _commands(group: str) -> Callable[..., Any]:
    """Return what carries out a command."""
    return get_command(build(group)).main


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; return its exit code."""
    # pydantic would read what every installed package says of itself: 15 ms of each command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A lone surrogate (the name of a file that is not UTF-8) becomes what JSON calls it.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _open_missing_streams() -> None:
    """Let what was closed by whoever started us lead nowhere: else the next file that is opened, a
    database perhaps, would be taken for standard error."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays
            setattr(sys, name, stream)


def _run(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        group = words[0] if words and words[0] in _GROUPS else ""
        _commands(group)(args=words, prog_name="postroom")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return 130
    except ConfigError as error:
        for problem in error.problems:
            _complain(str(problem))
        count = len(error.problems)
        _complain(f"{count} problem{'' if count == 1 else 's'} in the configuration")
        return CONFIGURATION
    except (Unavailable, Conflict) as error:
        _complain(f"postroom: {error}; try again later")
        return TRY_LATER
    except PostroomError as error:
        _complain(f"postroom: {error}")
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        _complain(f"postroom: {where}{error.strerror or error}")
        return FAILED
    return 0


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

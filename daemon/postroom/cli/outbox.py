"""outbox list, show, retry, cancel, pause, resume; timers list: what will happen by itself."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.access import open_as, open_store, read_config
from postroom.cli.options import AsOption, ConfigOption, JsonOption
from postroom.cli.tables import (
    cell,
    clean,
    exact,
    only,
    plain,
    print_json,
    print_properties,
    print_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from postroom.store.pause import Pause
    from postroom.store.queue import OutboxEntry

outbox_app = typer.Typer(no_args_is_help=True, help="Mail to be sent, and what became of it.")
timers_app = typer.Typer(no_args_is_help=True, help="What becomes due.")

KEYS = "id request recipient kind state attempts due_at last_response subject"
MORE = "message_id mailbox created_at handed_at done_at"

DeliveryId = Annotated[int, typer.Argument(metavar="ID", help="As `outbox list` shows it.")]


class DeliveryState(StrEnum):
    """States of a delivery (DESIGN section 5)."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TimerState(StrEnum):
    """States of a timer."""

    ARMED = "armed"
    FIRED = "fired"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


@outbox_app.command("list")
def list_(
    state: Annotated[
        list[DeliveryState] | None, typer.Option(help="Of these states only.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, oldest first; sent ones too, unless --state says otherwise.

    \b
      postroom outbox list --state waiting --state uncertain
    """
    from postroom.store import pause, queue

    wanted = [item.value for item in state or ()]
    with open_store(read_config(config)) as database, database.read() as connection:
        entries = queue.entries(connection, wanted)
        found = pause.pause_of(connection)
    if found is not None:
        _say_paused(found)
    if as_json:
        print_json([only(entry, KEYS) for entry in entries])
        return
    rows = [
        (e.id, e.request, e.recipient, e.kind, e.state, e.attempts, e.due_at, e.subject)
        for e in entries
    ]
    empty = "no such mail" if wanted else "no mail was ever to be sent"
    print_table("id|request|to|kind|state|attempts|due|subject", rows, empty=empty)


@outbox_app.command()
def show(delivery_id: DeliveryId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one delivery with the relay's last word."""
    from postroom.store import queue

    with open_store(read_config(config)) as database, database.read() as connection:
        _print(queue.entry(connection, delivery_id), as_json=as_json)


@outbox_app.command()
def retry(
    delivery_id: DeliveryId,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a failed, uncertain or waiting delivery now, with the same bytes."""
    from postroom.store import queue

    _wish(queue.retry, delivery_id, by, config, as_json=as_json)


@outbox_app.command()
def cancel(
    delivery_id: DeliveryId,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Never send a waiting or uncertain delivery."""
    from postroom.store import queue

    _wish(queue.cancel, delivery_id, by, config, as_json=as_json)


@outbox_app.command("pause")
def pause_outbox(
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, for whoever finds it so.")
    ] = "paused by hand",
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send nothing until `outbox resume`: mail is taken in and worked on, what goes out waits.

    It outlives restarts. What the daemon had in hand at this moment is still sent.
    """
    from postroom import clock
    from postroom.store import pause

    with open_as(config, by) as (database, actor):
        found = database.write(lambda c: pause.begin(c, clock.now(), actor, reason))
    if as_json:
        print_json({"paused": True, "since": found.since, "by": found.actor, "why": found.why})
    else:
        _say_paused(found)


@outbox_app.command()
def resume(
    cancel_waiting: Annotated[
        bool,
        typer.Option(
            "--cancel-waiting",
            help="Cancel what was in the outbox when it was paused; send what came since.",
        ),
    ] = False,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a paused outbox go on and send what waits.

    After `postroom restore` mail may wait that was sent already, after the backup was made:

    \b
      postroom outbox list --state waiting --state uncertain
      postroom outbox cancel ID            one that was sent
      postroom outbox resume               send the others

    `uncertain` ones stay until somebody says retry or cancel.
    """
    from postroom import clock
    from postroom.store import pause

    with open_as(config, by) as (database, actor):
        cancelled = database.write(
            lambda c: pause.end(c, clock.now(), actor, cancels=cancel_waiting)
        )
        with database.read() as connection:
            waiting = pause.waiting(connection)
    if as_json:
        print_json({"paused": False, "cancelled": cancelled, "waiting": waiting})
    else:
        print(f"the outbox goes on: {cancelled} cancelled, {waiting} to be sent")


@timers_app.command("list")
def list_timers(
    state: Annotated[TimerState | None, typer.Option(help="Of this state only.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List timers, soonest first; fired and cancelled ones too, unless --state says otherwise.

    \b
    clock        a clock of a request is missed, or a warning of it is due
    level        the next level of its escalation chain
    activate     a postponed request wakes
    close        a request closes by itself: the customer has been silent for `close_after`
    undelivered  somebody hears that an answer did not arrive
    digest       a handler's daily mail
    hold         a held mail opens by itself
    accept, refuse  a held mail is let in or turned away, as somebody asked by mail

    `postroom policy explain ID` says how the moments of a request come about.
    """
    from postroom.store import due

    wanted = state.value if state is not None else None
    with open_store(read_config(config)) as database, database.read() as connection:
        timers = due.timers(connection, wanted)
    if as_json:
        print_json(timers)
        return
    rows = [(x.id, x.kind, x.request, x.hold, exact(x.due_at), x.state) for x in timers]
    empty = "no such timer" if wanted else "there are no timers"
    print_table("id|kind|request|hold|due|state", rows, empty=empty)


def _wish(
    wish: Callable[[Connection, int, datetime, str], None],
    delivery_id: int,
    by: str | None,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    from postroom import clock
    from postroom.store import queue

    with open_as(config, by) as (database, actor):
        database.write(lambda c: wish(c, delivery_id, clock.now(), actor))
        with database.read() as connection:
            entry = queue.entry(connection, delivery_id)
    if as_json:
        _print(entry, as_json=True)
    else:
        print(f"delivery {entry.id} to {entry.recipient}: {entry.state}")


def _say_paused(pause: Pause) -> None:
    words = f"the outbox is paused since {cell(pause.since)} by {pause.actor} ({pause.why})"
    print(f"{clean(words)}: `postroom outbox resume`", file=sys.stderr)


def _print(entry: OutboxEntry, *, as_json: bool) -> None:
    record: dict[str, Any] = only(entry, f"{KEYS} {MORE}")
    if as_json:
        print_json(record)
    else:
        print_properties((key, getattr(entry, key)) for key in plain(record))

"""journal list, show, retry; hold list, show, accept, refuse: what became of each mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.access import actor_named, open_desk, open_reader, open_store, read_config
from postroom.cli.options import AsOption, ConfigOption, JsonOption, read_mail_name
from postroom.cli.tables import clean, only, plain, print_json, print_properties, print_table
from postroom.core.model import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from postroom.config import Config
    from postroom.house import House
    from postroom.store.journal import StoredMail
    from postroom.work.desk import Settled

journal_app = typer.Typer(no_args_is_help=True, help="What became of every mail, and why.")
hold_app = typer.Typer(no_args_is_help=True, help="Mail that waits for somebody to accept it.")

JOURNAL_KEYS = (
    "id spool_id transport mailbox received_at from to subject message_id outcome request reason"
)
MORE_KEYS = "origin verdict size policy_version explanation"
HOLD_KEYS = "id journal_id request since until reason responsible state from subject"

MailName = Annotated[
    str,
    typer.Argument(
        metavar="ID", parser=read_mail_name, help="As `journal list` shows it; or a spool id."
    ),
]
HoldId = Annotated[int, typer.Argument(metavar="ID", help="As `hold list` shows it.")]


@journal_app.command("list")
def list_journal(
    outcome: Annotated[
        Outcome | None, typer.Option(help="Of this outcome only.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every mail that was worked on, oldest first, with its outcome.

    \b
      postroom journal list --outcome ignored
    """
    from postroom.store import journal

    wanted = outcome.value if outcome is not None else None
    with open_store(read_config(config)) as database, database.read() as connection:
        entries = journal.entries(connection, wanted)
    if as_json:
        print_json([only(entry, JOURNAL_KEYS) for entry in entries])
        return
    rows = [
        (e.id, e.received_at, e.mailbox, e.from_, e.outcome, e.request, e.reason, e.subject)
        for e in entries
    ]
    titles = "id|received|mailbox|from|outcome|request|reason|subject"
    empty = "no such mail" if wanted is not None else "no mail was worked on yet"
    print_table(titles, rows, empty=empty)


@journal_app.command("show")
def show_journal(name: MailName, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what became of one mail: what was looked at, every rule, later changes.

    \b
      postroom journal show 17
      postroom journal show mx1-27955001-17      (what the mail server's log has of it)
    """
    with open_store(read_config(config)) as database, database.read() as connection:
        _print_entry(connection, _journal_id(connection, name), as_json=as_json)


@journal_app.command("retry")
def retry_journal(
    name: MailName,
    without_rule: Annotated[
        list[str] | None,
        typer.Option("--without-rule", metavar="NAME", help="Leave this rule out; repeatable."),
    ] = None,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a mail in after all that made no request: ignored, duplicate or bounce.

    \b
      postroom journal retry 17 --without-rule marked-as-spam
    """
    from postroom.work import review

    with open_desk(config) as house, open_reader(house.config) as readers:
        _check_rules(house, without_rule or [])
        rules = frozenset(without_rule or ())
        with house.database.read() as connection:
            journal_id = _journal_id(connection, name)
        actor = actor_named(house.desk.policy, by)
        settled = review.retry(house.desk, readers, journal_id, rules, actor)
        _print_settled(house, journal_id, settled, as_json=as_json)


@hold_app.command("list")
def list_holds(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that still wait.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List held mails, oldest first; also those that were decided, unless --waiting."""
    from postroom.store import journal

    with open_store(read_config(config)) as database, database.read() as connection:
        holds = journal.holds(connection, waiting=waiting)
    if as_json:
        print_json([only(item, HOLD_KEYS) for item in holds])
        return
    rows = [
        (h.id, h.state, h.since, h.until, h.responsible, h.request, h.from_, h.reason)
        for h in holds
    ]
    empty = "no held mail waits" if waiting else "no mail was ever held"
    print_table("id|state|since|until|responsible|request|from|reason", rows, empty=empty)


@hold_app.command("show")
def show_hold(hold_id: HoldId, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one held mail: why it waits, for whom, and its text."""
    from postroom.store import journal

    settings = read_config(config)
    with open_store(settings) as database, database.read() as connection:
        hold = journal.hold(connection, hold_id)
        stored = journal.stored_mail(connection, database.objects, hold.journal_id)
    text = _text_of(settings, stored) if stored is not None else ""
    record = {**only(hold, HOLD_KEYS), "text": text}
    if as_json:
        print_json(record)
        return
    print_properties((key, value) for key, value in record.items() if key != "text")
    print(f"\n{clean(text).rstrip()}")


@hold_app.command("accept")
def accept(
    hold_id: HoldId,
    as_new: Annotated[
        bool, typer.Option("--open", help="As a request of its own, linked to the other.")
    ] = False,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept a held mail: it joins the request that it claims, or opens one if it claims none."""
    from postroom.core.facts import Wish
    from postroom.work import review

    wish = Wish.OPEN if as_new else Wish.ACCEPT
    with open_desk(config) as house, open_reader(house.config) as readers:
        journal_id = _held_mail(house, hold_id)
        actor = actor_named(house.desk.policy, by)
        settled = review.end_hold(house.desk, readers, journal_id, wish, actor)
        _print_settled(house, journal_id, settled, as_json=as_json)


@hold_app.command("refuse")
def refuse(
    hold_id: HoldId,
    by: AsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse a held mail: it stays in the journal, no request hears of it."""
    from postroom.work import review

    with open_desk(config) as house, open_reader(house.config) as readers:
        journal_id = _held_mail(house, hold_id)
        actor = actor_named(house.desk.policy, by)
        settled = review.refuse_hold(house.desk, readers, journal_id, actor)
        _print_settled(house, journal_id, settled, as_json=as_json)


def _held_mail(house: House, hold_id: int) -> int:
    from postroom.store import journal

    with house.database.read() as connection:
        return journal.hold(connection, hold_id).journal_id


def _journal_id(connection: Connection, name: str) -> int:
    from postroom.store import journal

    return int(name) if name.isdecimal() else journal.journal_id(connection, name)


def _text_of(config: Config, stored: StoredMail) -> str:
    from postroom.work.readers import as_mail

    with open_reader(config) as readers:
        return as_mail(readers.read([stored.raw])[0], stored.envelope, stored.raw).text


def _check_rules(house: House, names: list[str]) -> None:
    from postroom.core.units import nearest
    from postroom.errors import NotFound

    known = [rule.name for rule in house.desk.policy.rules]
    for name in names:
        if name not in known:
            raise NotFound(f"no rule is called {name!r}{nearest(name, known)}")


def _print_settled(house: House, journal_id: int, settled: Settled, *, as_json: bool) -> None:
    if as_json:
        with house.database.read() as connection:
            _print_entry(connection, journal_id, as_json=True)
        return
    about = f", request {house.site.prefix}{settled.request_id}" if settled.request_id else ""
    print(f"journal {journal_id}: {settled.outcome}{about} ({settled.reason})")


def _print_entry(connection: Connection, journal_id: int, *, as_json: bool) -> None:
    from postroom.cli.explaining import print_explanation
    from postroom.store import journal

    entry = journal.entry(connection, journal_id)
    changes = journal.changes(connection, journal_id)
    if as_json:
        record: dict[str, Any] = only(entry, f"{JOURNAL_KEYS} {MORE_KEYS}")
        print_json({**record, "history": plain(changes)})
        return
    shown = only(entry, f"{JOURNAL_KEYS} origin verdict size policy_version")
    print_properties({**shown, "received_at": entry.received_at}.items())
    print_explanation(entry.explanation)
    if changes:
        print()
        rows = [(c.at, c.outcome, c.request, c.actor, c.reason) for c in changes]
        print_table("later|outcome|request|by|reason", rows, empty="")

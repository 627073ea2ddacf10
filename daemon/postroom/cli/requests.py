"""request list, show and attachment: looking at requests."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postroom.cli.access import current_policy, open_store, read_config
from postroom.cli.options import (
    ConfigOption,
    JsonOption,
    RequestArgument,
    one_of,
    read_moment,
    read_request_id,
)
from postroom.cli.tables import (
    cell,
    clean,
    only,
    plain,
    print_json,
    print_properties,
    print_table,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from postroom.config import Config
    from postroom.core.accounting import Times
    from postroom.core.model import Policy
    from postroom.store.filters import Wanted
    from postroom.store.search import Order
    from postroom.store.views import MessageView, WholeRequest

app = typer.Typer(no_args_is_help=True, help="Requests: look at them and work on them.")

MESSAGE_KEYS = (
    "id direction visibility author from to subject text at mail_id attachments"
    " fresh message_id origin verdict because"
)


_NAMED = ("owner", "status", "category", "priority", "type")  # filters by names of the policy


def _filter(words: str, metavar: str) -> Any:
    return typer.Option(metavar=metavar, help=words, show_default=False)


def _moment(words: str) -> Any:
    return typer.Option(metavar="WHEN", parser=read_moment, help=words, show_default=False)


@app.command("list")
def list_(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD…", help="Further words of --search.", show_default=False),
    ] = None,
    *,
    search: Annotated[
        list[str] | None,
        _filter('Words in subject, messages, people; all must. "a phrase", begin*, -not.', "WORDS"),
    ] = None,
    owner: Annotated[str | None, _filter('His only; "none": without owner.', "HANDLER")] = None,
    status: Annotated[str | None, _filter("Of this status only.", "NAME")] = None,
    phase: Annotated[
        str | None, _filter("active, postponed, closed, deleted or merged only.", "PHASE")
    ] = None,
    category: Annotated[str | None, _filter("And the categories below it.", "PATH")] = None,
    priority: Annotated[str | None, _filter("Of this priority only.", "NAME")] = None,
    type_: Annotated[str | None, typer.Option("--type", metavar="NAME", show_default=False)] = None,
    mailbox: Annotated[str | None, _filter("That came to this mailbox only.", "NAME")] = None,
    tag: Annotated[str | None, _filter("With this tag only.", "TAG")] = None,
    requester: Annotated[str | None, _filter("Of this customer only.", "ADDR")] = None,
    since: Annotated[
        datetime | None,
        _moment("Opened then or later: 2026-11-20, 2026-11-20T13:15:00Z; 30d: ago."),
    ] = None,
    until: Annotated[datetime | None, _moment("Opened before.")] = None,
    changed_since: Annotated[datetime | None, _moment("Changed then or later.")] = None,
    changed_until: Annotated[datetime | None, _moment("Not changed any more since.")] = None,
    order: Annotated[
        str | None, _filter("number, created, updated (newest first), or rank.", "HOW")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many at most.", show_default=False)
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(
            metavar="ID", parser=read_request_id, help="Those behind this one.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List requests, all of them unless filtered, in the order of their numbers.

    \b
      postroom request list --phase active --owner none
      postroom request list --search invoice late --json
      postroom request list --status open --order updated --limit 50
      postroom request list --status open --order updated --limit 50 --after 1234

    With --limit the newest come first, in a search those first where the words stand in subject or
    requester: of the newest 500 that have them. --after ID turns the page. Words are found
    without regard to case and accents; so are addresses, "AB-1234", request numbers, and parts of
    them. Of each message the first 50,000 characters can be found.
    """
    from postroom.core.model import Phase
    from postroom.store import views
    from postroom.store.filters import Wanted
    from postroom.store.search import Order, find

    one_of("--phase", phase, Phase)
    one_of("--order", order, Order)
    if words and not search:
        raise typer.BadParameter(f"{words[0]!r}: words are searched with --search WORDS")
    wanted = Wanted(
        search=" ".join((*(search or ()), *(words or ()))),
        phase=phase,
        status=status,
        owner=owner,
        category=category,
        priority=priority,
        type=type_,
        mailbox=mailbox,
        tag=tag,
        requester=requester,
        since=since,
        until=until,
        changed_since=changed_since,
        changed_until=changed_until,
    )
    settings = read_config(config)
    prefix = settings.requests.prefix
    with open_store(settings) as database, database.read() as connection:
        how = Order(order) if order is not None else _order(wanted, limit)
        listing = find(connection, wanted, how, limit, after=after, prefix=prefix)
        found = views.requests(connection, prefix, listing.ids)
        if not found:
            _check_names(connection, settings, wanted)
    if listing.is_cut:
        print("very many have these words: only the newest were looked at", file=sys.stderr)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            *(r.reference, r.status, r.priority, r.category, r.owner),
            *(_who(r.requester), r.updated_at, r.subject),
        )
        for r in found
    ]
    titles = "request|status|priority|category|owner|requester|updated|subject"
    print_table(titles, rows, empty="no requests")


def _order(wanted: Wanted, limit: int | None) -> Order:
    from postroom.store.search import Order

    if wanted.search.strip():
        return Order.RANK
    return Order.NUMBER if limit is None else Order.CREATED


def _check_names(connection: Connection, settings: Config, wanted: Wanted) -> None:
    """Raise BadParameter for a name that neither a request nor the policy has."""
    from postroom.errors import ConfigError
    from postroom.store.filters import Wanted
    from postroom.store.search import is_any

    asked = {name: getattr(wanted, name) for name in _NAMED}
    strange = {
        name: value
        for name, value in asked.items()
        if value is not None and not is_any(connection, Wanted(**{name: value}))
    }
    if not strange:
        return
    try:
        policy = current_policy(settings, connection)
    except ConfigError:  # what it would know cannot be known; looking at requests goes on
        return
    statuses = {name for flow in policy.workflows.values() for name in flow.statuses}
    known = (["none", *policy.handlers], statuses, policy.categories, policy.priorities)
    for name, names in zip(_NAMED, (*known, policy.types), strict=True):
        one_of(f"--{name}", strange.get(name), names)


@app.command()
def show(
    request_id: RequestArgument, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show a request with its messages and its whole history: who, what, from, to, because.

    Times are in the opening hours of its priority's calendar, and round the clock; the status that
    it is in now counts when it ends. "read" is red until the owner has read it (he answers, notes
    or commands), yellow when a customer wrote since. `postroom policy explain ID` says the rest.
    """
    from postroom.cli.clocks import times_of_request
    from postroom.store import views

    settings = read_config(config)
    with open_store(settings) as database, database.read() as connection:
        whole = views.whole_request(connection, settings.requests.prefix, request_id)
        times = times_of_request(whole, _policy(settings, connection))
    if as_json:
        print_json(record_of(whole, times))
    else:
        print_request(whole, times)


@app.command()
def attachment(
    request_id: RequestArgument,
    message: Annotated[int, typer.Argument(metavar="MESSAGE", help="Its id in `request show`.")],
    n: Annotated[int, typer.Argument(metavar="N", help="Which file of it, counted from 1.")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cut a file out of a message, as it was sent; to a file or to standard output.

    \b
      postroom request attachment 12 31 1 -o invoice.pdf
    """
    from postroom.store import raw, views

    if output is None and sys.stdout.isatty():
        raise typer.BadParameter("name a file with -o: this is no text for a terminal")
    with open_store(read_config(config)) as database, database.read() as connection:
        journal_id, found = views.attachment(connection, request_id, message, n)
        octets = raw.file_of(connection, database.objects, journal_id, found.part).octets
        if output is None:
            sys.stdout.buffer.writelines(octets)
            return
        with output.open("wb") as file:
            size = sum(map(file.write, octets))
    if as_json:
        print_json({**plain(found), "file": str(output)})
    else:
        print(f"{output}: {cell(found.name)}, {found.type}, {size} octets")


def _policy(settings: Config, connection: Connection) -> Policy | None:
    """Return the active policy; None when its files are not sound: looking goes on without it."""
    from postroom.errors import ConfigError

    try:
        return current_policy(settings, connection)
    except ConfigError:
        return None


def record_of(whole: WholeRequest, times: Times | None) -> dict[str, Any]:
    """Return a request as `request show --json` gives it."""
    record: dict[str, Any] = plain(whole.request)
    record["messages"] = [only(message, MESSAGE_KEYS) for message in whole.messages]
    keys = (
        "history participants links mailbox mailboxes extracted auto_reply merged_into"
        " owner_read_at handler_read_at customer_read_at closes_at"
    )
    return record | only(whole, keys) | {"times": plain(times)}


def print_request(whole: WholeRequest, times: Times | None) -> None:
    """Print a request for people."""
    from postroom.cli.clocks import rows_of_times

    request = whole.request
    print_properties(
        [
            ("request", request.reference),
            ("subject", request.subject),
            ("status", request.status),
            ("requester", _who(request.requester)),
            ("company", request.company),
            ("owner", request.owner or "nobody"),
            *((key, getattr(request, key)) for key in ("category", "priority", "type", "tags")),
            ("extracted", [f"{key} = {value}" for key, value in whole.extracted.items()]),
            ("mailbox", [whole.mailbox, *whole.mailboxes]),
            ("automatic reply", whole.auto_reply),
            *((f"{key[:-3]}", getattr(request, key)) for key in ("created_at", "updated_at")),
            ("replied", request.replied_at),
            ("closed", request.closed_at),
            ("read", request.read_status),
            ("first reply due", request.first_reply_due_at),
            ("next reply due", request.next_reply_due_at),
            ("deadline", request.deadline_at),
            ("closes by itself", whole.closes_at),
            ("escalation level", request.escalation_level or None),
            *rows_of_times(times),
            ("merged into", whole.merged_into),
            ("links", [f"{link.kind} {link.request}" for link in whole.links]),
            ("participants", [f"{p.role} {cell(p.addresses)}" for p in whole.participants]),
        ]
    )
    for message in whole.messages:
        _print_message(message)
    print()
    rows = [(c.at, c.actor, c.kind, c.from_, c.to, c.because) for c in whole.history]
    print_table("at|by|what|from|to|because", rows, empty="nothing has happened yet")


def _print_message(message: MessageView) -> None:
    ways = {"in": "wrote", "out": "answered", "note": "noted"}
    words = ways.get(message.direction, message.direction)
    internal = " (internal)" if message.visibility == "internal" else ""
    who = f"{cell(message.author)} {words}{internal}"
    print(f"\n--- {message.id}: {who}, {cell(message.at)}, {cell(message.subject)}")
    print(clean(message.text).rstrip())
    for item in message.attachments:
        print(f"[{item.n}: {cell(item.name)}, {cell(item.type)}, {item.size} octets]")


def _who(requester: Any) -> str:
    if requester is None:
        return ""
    if not requester.name:
        return str(requester.address)
    return f"{requester.name} <{requester.address}>"

"""What is typed at the command line becomes a mail, and then goes the way of every mail.

Used by: cli.handling.
"""

from __future__ import annotations

import mimetypes
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from postroom import clock
from postroom.cli.access import actor_named
from postroom.cli.clocks import times_of_request
from postroom.cli.requests import record_of
from postroom.cli.tables import cell, print_json
from postroom.core.commands import Command, WriteAnswer, WriteNote
from postroom.core.model import Handler
from postroom.core.site import Mailbox
from postroom.core.tasks import handler_named
from postroom.core.units import nearest
from postroom.errors import NotAllowed, NotFound
from postroom.holding import WORK, holder
from postroom.house import House
from postroom.mail.compose import Letter, compose
from postroom.mail.message import Address, Envelope
from postroom.mail.parse import read_mail
from postroom.store import reads, views


def read_text(text: str | None) -> str:
    """Return the text of the option, else of standard input."""
    if text is None:
        if sys.stdin.isatty():
            print("The text, then Ctrl-D:", file=sys.stderr)
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    if not text.strip():
        raise typer.BadParameter("the text is empty: give --text, or write it to standard input")
    return text


def act(house: House, request_id: int, command: Command, by: str | None, *, as_json: bool) -> None:
    """Carry out a command; print what changed."""
    actor = actor_named(house.desk.policy, by)
    before = _changes(house, request_id)
    settled = house.desk.command(command, request_id, actor)
    _print_changes(house, request_id, before, has_mail=settled.has_mail, as_json=as_json)


def write(
    house: House,
    request_id: int,
    text: str,
    files: Sequence[Path],
    by: str | None,
    *,
    is_note: bool,
    as_json: bool,
) -> None:
    """Write a note or an answer."""
    handler = _writer(house, by)
    with house.database.read() as connection:
        request = reads.load_command_facts(connection, request_id).requests[request_id]
    requester = request.requester
    addresses = requester.addresses[:1] if requester is not None and not is_note else ()
    mailbox = house.site.mailboxes.get(request.mailbox) or _mailbox(house, None)
    letter = Letter(
        from_=Address(handler.full_name, handler.email),
        to=tuple(Address(requester.name if requester else "", item) for item in addresses),
        subject=request.subject,
        text=text,
        message_id=_message_id(mailbox),
        date=clock.now(),
        attachments=tuple(map(_attached, files)),
    )
    raw = compose(letter)
    mail = read_mail(raw)
    command = WriteNote(mail) if is_note else WriteAnswer(mail)
    before = _changes(house, request_id)
    settled = house.desk.command(command, request_id, handler.name, raw=raw)
    _print_changes(house, request_id, before, has_mail=settled.has_mail, as_json=as_json)


def open_request(
    house: House,
    *,
    sender: str,
    name: str,
    subject: str,
    to: str | None,
    text: str,
    files: Sequence[Path],
    by: str | None,
    may_auto_reply: bool,
    as_json: bool,
) -> None:
    """Register a request on behalf of a customer."""
    actor = actor_named(house.desk.policy, by)
    if "@" not in sender.strip("@") or any(letter.isspace() for letter in sender):
        raise typer.BadParameter(f"--from: {sender!r} is not an address")
    mailbox, now = _mailbox(house, to), clock.now()
    letter = Letter(
        from_=Address(name, sender),
        to=(Address("", mailbox.address),),
        subject=subject,
        text=text,
        message_id=_message_id(mailbox),
        date=now,
        attachments=tuple(map(_attached, files)),
    )
    raw = compose(letter)
    envelope = Envelope(sender, (mailbox.address,), "cli", mailbox.name, now)
    arrival = replace(
        house.desk.arrival(read_mail(raw), envelope),
        is_vouched=True,
        by=actor,
        may_auto_reply=may_auto_reply,
    )
    settled = house.desk.settle_mail(arrival, raw)
    if settled.request_id is None or settled.outcome == "held":
        raise NotAllowed(f"journal {settled.journal_id}: {settled.outcome}, {settled.reason}")
    _print_changes(house, settled.request_id, 0, has_mail=settled.has_mail, as_json=as_json)


def _writer(house: House, by: str | None) -> Handler:
    """Return who writes: as said, or the only one there is."""
    handlers = house.desk.policy.handlers
    if by is not None:
        return handler_named(house.desk.policy, by)
    if len(handlers) == 1:
        return next(iter(handlers.values()))
    raise NotAllowed(f"say who writes with --as or $POSTROOM_HANDLER: {', '.join(handlers)}")


def _mailbox(house: House, wanted: str | None) -> Mailbox:
    mailboxes = house.site.mailboxes
    if wanted is None:
        return next(iter(mailboxes.values()))
    found = mailboxes.get(wanted) or house.site.mailbox_for(wanted)
    if found is None:
        raise NotFound(f"there is no mailbox {wanted!r}{nearest(wanted, mailboxes)}")
    return found


def _message_id(mailbox: Mailbox) -> str:
    return f"{secrets.token_hex(16)}.cli@{mailbox.address.rpartition('@')[2]}"


def _attached(file: Path) -> tuple[str, str, bytes]:
    try:
        octets = file.read_bytes()
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror or error}") from error
    kind, encoding = mimetypes.guess_type(file.name)
    if kind is None or encoding is not None:
        kind = "application/octet-stream"
    return file.name, kind, octets


def _changes(house: House, request_id: int) -> int:
    """Return how many rows of history there are. NotFound if there is no such request."""
    with house.database.read() as connection:
        reads.load_command_facts(connection, request_id)
        return len(views.history(connection, request_id))


def _print_changes(
    house: House, request_id: int, before: int, *, has_mail: bool, as_json: bool
) -> None:
    """Print what was written to the history since, and how the request stands now."""
    with house.database.read() as connection:
        whole = views.whole_request(connection, house.site.prefix, request_id)
    if as_json:
        print_json(record_of(whole, times_of_request(whole, house.desk.policy)))
        return
    changed = [
        f"{item.kind} {cell(item.from_)} → {cell(item.to)}" if item.from_ or item.to else item.kind
        for item in whole.history[before:]
        if item.kind != "read"  # whoever changes it has read it
    ]
    request = whole.request
    print(f"{request.reference}: {'; '.join(changed) or 'nothing to change'}")
    owner = f"owner {request.owner}" if request.owner else "no owner"
    state = f"{request.status} ({request.phase})"
    print(f"now {state}, {request.priority}, {request.category}, {owner}")
    if has_mail and holder(house.config.data, WORK) is None:
        print("the mail goes out when `postroom run` runs", file=sys.stderr)

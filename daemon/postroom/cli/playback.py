"""What became of a mail, read back from journal, request and Maildir beside a running daemon.

Promise: nothing here knows what was sent; whoever believes it believes the daemon's own records.
Used by: cli.demo (shows it), cli.story (compares it with what was to be expected).
"""

from __future__ import annotations

import email
import email.policy
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from postroom.store import journal, queue, views
from postroom.store.db import Database
from postroom.store.journal import JournalEntry
from postroom.store.queue import OutboxEntry
from postroom.store.views import ChangeView, MessageView, WholeRequest

SEND_SECONDS = 15.0  # for the sender to hand over what a mail caused
POLL = 0.03


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that left: its row in the outbox, and the file that it became."""

    entry: OutboxEntry
    path: Path | None
    mail: EmailMessage


@dataclass(frozen=True, slots=True)
class Account:
    """All that one mail has caused."""

    entry: JournalEntry
    whole: WholeRequest | None
    message: MessageView | None
    changes: tuple[ChangeView, ...]
    sent: tuple[SentMail, ...]

    @property
    def explanation(self) -> Mapping[str, Any]:
        """What was looked at when the mail was decided about."""
        return self.entry.explanation

    @property
    def answer(self) -> SentMail | None:
        """The automatic answer, if there was one."""
        return next((item for item in self.sent if item.entry.kind == "auto-reply"), None)

    @property
    def matched(self) -> list[str]:
        """The rules that matched."""
        return [item["rule"] for item in self.explanation.get("rules", ()) if item["matched"]]


class Playback:
    """Gives an account of one mail after the other, in the order of the journal."""

    def __init__(self, database: Database, maildir: Path, prefix: str = "") -> None:
        self._database = database
        self._maildir = maildir
        self._prefix = prefix
        self._journal_id = 0
        self._known: set[int] = set()  # deliveries that were accounted for
        self._changes: dict[int, int] = {}  # request → changes that were accounted for

    def next(self) -> Account | None:
        """Return the account of the next mail; None: there is no further one yet."""
        with self._database.read() as connection:
            entries = journal.entries(connection)
        entry = next((item for item in entries if item.id > self._journal_id), None)
        if entry is None:
            return None
        self._journal_id = entry.id
        sent = self._sent(entry)
        with self._database.read() as connection:
            number, whole = entry.request, None
            if number is not None:
                whole = views.whole_request(connection, self._prefix, number)
        return Account(entry, whole, _message(whole, entry), self._changed(whole), sent)

    def later(self, account: Account) -> Account:
        """Return what has become of a request since its mail was accounted for."""
        sent, number, whole = self._sent(account.entry), account.entry.request, None
        if number is not None:
            with self._database.read() as connection:
                whole = views.whole_request(connection, self._prefix, number)
        return replace(account, whole=whole, changes=self._changed(whole), sent=sent)

    def now(self, account: Account) -> Account:
        """Return how its request stands, without accounting for anything."""
        with self._database.read() as connection:
            whole = views.whole_request(connection, self._prefix, account.entry.request or 0)
        return replace(account, whole=whole)

    def _sent(self, entry: JournalEntry) -> tuple[SentMail, ...]:
        """Wait for the mails of a request to leave; those that were not accounted for."""
        until = time.monotonic() + SEND_SECONDS
        while True:
            with self._database.read() as connection:
                rows = [
                    row
                    for row in queue.entries(connection)
                    if row.request == entry.request and row.id not in self._known
                ]
            is_done = all(row.state not in ("waiting", "sending") for row in rows)
            if is_done or time.monotonic() > until:
                self._known.update(row.id for row in rows)
                return tuple(self._read(row) for row in rows)
            time.sleep(POLL)

    def _read(self, row: OutboxEntry) -> SentMail:
        path = next((self._maildir / "new").glob(f"{row.id}.*"), None)
        if path is None:
            return SentMail(row, None, EmailMessage())
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        return SentMail(row, path, mail)

    def _changed(self, whole: WholeRequest | None) -> tuple[ChangeView, ...]:
        if whole is None:
            return ()
        first = self._changes.get(whole.request.id, 0)
        self._changes[whole.request.id] = len(whole.history)
        return whole.history[first:]


def _message(whole: WholeRequest | None, entry: JournalEntry) -> MessageView | None:
    messages = whole.messages if whole is not None else ()
    return next((item for item in messages if item.mail_id == entry.id), None)


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail that left."""
    part = mail.get_body(("plain",))
    if part is None or part.get_payload() is None:  # it has not left
        return ""
    return str(part.get_content())

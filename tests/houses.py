"""A whole Postroom in a folder, for tests: config, rules, database, spool, Maildir and clock.

    with make_house(tmp_path) as house:
        accept(house, mail("How do I pay?", sender="ann@example.net"))
        [settled] = work(house)
        [reply] = send(house)

Nothing is faked but the time: the readers are processes, shared by all tests of a session.
"""

from __future__ import annotations

import atexit
import email
import email.policy
import itertools
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select
from tests.kinds import ground

from postroom import failpoints
from postroom.config import Config, load_config
from postroom.core.facts import Wish
from postroom.core.model import Policy
from postroom.core.place import DATABASE_FILE, Server
from postroom.house import House, open_house
from postroom.mail.message import Envelope
from postroom.policy.loader import load_policy
from postroom.shipped import shipped_folder
from postroom.spool.model import MAX_FAILURES, SpoolState
from postroom.store import schema as t
from postroom.store.db import Database
from postroom.work import review, ticker
from postroom.work.audit import audit
from postroom.work.desk import Desk, Settled
from postroom.work.pipeline import Pipeline
from postroom.work.readers import Readers
from postroom.work.sender import Sender
from postroom.work.stationery import Stationery
from postroom.work.transport import Transport, from_url
from postroom.work.vouching import Voucher

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday; offices in Oslo close at 14:00 UTC
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
SECRET = "a secret of the tests, long enough"

CONFIG = """
instance = "acme"
node = "mx1"

[[mailbox]]
name = "support"
address = "support@example.com"
aliases = ["help@example.com"]
category = "support"
from_name = "Acme Support"

[[mailbox]]
name = "sales"
address = "sales@example.com"
category = "sales"

[outgoing]
relay = "maildir:sent"

[limits]
readers = 1
disk_reserve = "1MB"
"""

LOUD = """
[[handler]]
name = "eva"
full_name = "Eva Berg"
email = "eva@example.com"
administrator = true

[[handler]]
name = "omar"
full_name = "Omar Haddad"
email = "omar@example.com"

[[handler]]
name = "kim"
full_name = "Kim Lund"
email = "kim@example.com"
"""
# Most tests are about customers: here nobody inside wants to hear of anything.
TEAM = LOUD.replace("email =", "notify = []\nemail =")
CATEGORIES = """
[[category]]
name = "support"
title = { en = "Support" }
administrator = "eva"
members = ["eva", "omar", "kim"]
assign = "round-robin"

[[category]]
name = "sales"
title = { en = "Sales" }
administrator = "omar"
"""
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"
"""
ROUTING = """
[[rule]]
name = "spam"
when = { subject = "*lottery*" }
then = { ignore = true }

[[rule]]
name = "lawyers"
when = { subject = "*lawsuit*" }
then = { hold = "a human looks at these first" }
"""
RULES: Mapping[str, str] = {
    "team": TEAM,
    "categories": CATEGORIES,
    "priorities": PRIORITIES,
    "routing": ROUTING,
}

_numbers = itertools.count(1)


@dataclass
class Clock:
    """A clock that stands still until it is turned."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> datetime:
        """Turn it: `forward(hours=4)`."""
        self.now += timedelta(**by)
        return self.now


# ---- a house


def write_house(
    folder: Path,
    *,
    rules: Mapping[str, str] | None = None,
    config_extra: str = "",
    config: str = CONFIG,
    has_tables: bool = True,
) -> Config:
    """Write the files of a house and return its config; an empty text removes a file of rules.

    `has_tables` False: whoever opens its database first makes all that is in it.
    """
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for name, text in {**RULES, **(rules or {})}.items():
        path = folder / "rules" / f"{name}.toml"
        if text:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    (folder / "secret").chmod(0o600)
    path = folder / "config.toml"
    text = config + config_extra
    if "[database]" not in text:
        text += _database(folder, is_empty=not has_tables)
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def _database(folder: Path, *, is_empty: bool) -> str:
    """Say which database a house has, where it is another one than by default."""
    place = ground().place(folder / "var" / DATABASE_FILE, is_empty=is_empty)
    return f'\n[database]\nurl = "{place.url}"\n' if isinstance(place, Server) else ""


@contextmanager
def make_house(
    folder: Path,
    *,
    rules: Mapping[str, str] | None = None,
    config_extra: str = "",
    config: str = CONFIG,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[House]:
    """Build a house in a folder and open it; `rules` replace those of RULES, by name.

    `config_extra` is appended to CONFIG: whole tables. The clock is in `house.desk.clock`.
    """
    written = write_house(folder, rules=rules, config_extra=config_extra, config=config)
    policy = load_policy(written.rules, written.templates, webhooks=written.webhooks)
    with open_house(written, policy) as house:
        house.desk.clock = clock or Clock()
        yield house


@contextmanager
def sound_house(folder: Path, **given: Any) -> Iterator[House]:
    """Build a house as make_house does; when the test is over, audit must find nothing."""
    with make_house(folder, **given) as house:
        yield house
        failpoints.disarm()
        assert () == audit(house.database, house.spool).findings


def shipped_rules() -> dict[str, str]:
    """Return the rules that ship, for tests that want a bigger policy than RULES."""
    folder = shipped_folder() / "rules"
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.toml")}


def clock_of(house: House) -> Clock:
    """Return the clock of a house, to be turned."""
    assert isinstance(house.desk.clock, Clock)
    return house.desk.clock


def change_rules(house: House, **texts: str) -> Policy:
    """Write some files of rules anew and return the policy, not yet adopted."""
    for name, text in texts.items():
        (house.config.rules / f"{name}.toml").write_text(text, encoding="utf-8")
    return load_policy(house.config.rules, webhooks=house.config.webhooks)


def another_desk(house: House) -> Desk:
    """Return a desk with a database connection and a writer of its own; close its `database`."""
    desk = house.desk
    return Desk(Database(house.database.place), house.site, desk.signer, desk.policy, desk.clock)


@contextmanager
def barred_from(path: Path) -> Iterator[None]:
    """Let nobody read a file, root neither."""
    path.chmod(0)
    if os.geteuid():
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


# ---- mails


def mail(
    subject: str = "How do I pay?",
    text: str = "Hello\n",
    *,
    sender: str = "Ann Berg <ann@example.net>",
    to: str = "support@example.com",
    message_id: str | None = "",
    in_reply_to: str | None = None,
    references: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Build one mail as it comes over the wire.

    `message_id` "" makes a new one, None leaves it out; Message-IDs are without `<>`.
    """
    built = EmailMessage(policy=email.policy.SMTP)
    number = next(_numbers)
    built["From"] = sender
    built["To"] = to
    built["Subject"] = subject
    built["Date"] = f"Fri, 20 Nov 2026 12:00:{number % 60:02} +0000"
    if message_id is not None:
        built["Message-ID"] = f"<{message_id or f'mail-{number}@example.net'}>"
    if in_reply_to is not None:
        built["In-Reply-To"] = f"<{in_reply_to}>"
    if references:
        built["References"] = " ".join(f"<{one}>" for one in references)
    for name, value in (headers or {}).items():
        built[name] = value
    built.set_content(text)
    return built.as_bytes()


def reply_to(
    sent: EmailMessage,
    text: str = "Thanks, but how?\n",
    *,
    sender: str = "Ann Berg <ann@example.net>",
) -> bytes:
    """Build the customer's answer to a mail that Postroom sent, token and all."""
    parent = str(sent["Message-ID"]).strip("<> ")
    subject = str(sent["Subject"]).removeprefix("Re: ")
    to = str(sent["Reply-To"] or sent["From"])
    return mail(
        f"Re: {subject}", text, sender=sender, to=to, in_reply_to=parent, references=(parent,)
    )


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """Return what a mail says; it need not have an HTML part: ""."""
    body = message.get_body((kind,))
    assert body is not None or kind != "plain"
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


def words_of(message: EmailMessage) -> str:
    """Return what a mail says, on one line."""
    return " ".join(text_of(message).split())


def bounce_of(sent: EmailMessage, status: str = "5.1.1") -> bytes:
    """Build the notice that a mail which Postroom sent could not be delivered (RFC 3464)."""
    recipient = str(sent["Delivered-To"])
    number = next(_numbers)
    return (
        "From: MAILER-DAEMON@example.net\r\n"
        f"To: {sent['Return-Path']}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        f"Message-ID: <bounce-{number}@example.net>\r\n"
        "Date: Fri, 20 Nov 2026 12:30:00 +0000\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.net\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: {sent['Message-ID']}\r\nSubject: {sent['Subject']}\r\n\r\n--b--\r\n"
    ).encode()


def envelope(
    house: House,
    raw: bytes,
    sender: str | None = None,
    recipient: str | None = None,
    peer: str = "127.0.0.1",
) -> Envelope:
    """Return the envelope of a mail; by default its headers say from whom to whom."""
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    to = recipient or _address(parsed["To"])
    return Envelope(
        sender=_address(parsed["From"]) if sender is None else sender,
        recipients=(to,),
        transport="smtp",
        mailbox=_mailbox_of(house, to),
        received_at=house.desk.clock(),
        peer=peer,
    )


def accept(
    house: House,
    raw: bytes,
    sender: str | None = None,
    recipient: str | None = None,
    peer: str = "127.0.0.1",
) -> str:
    """Spool one mail, as the door would; return its spool id."""
    return house.spool.put(envelope(house, raw, sender, recipient, peer), raw).result(20)


def _address(header: Any) -> str:
    addresses = header.addresses if header is not None else ()
    return addresses[0].addr_spec if addresses else ""


def _mailbox_of(house: House, to: str) -> str:
    """Sub-addresses belong to their mailbox."""
    local, _, domain = to.lower().rpartition("@")
    plain = f"{local.partition('+')[0]}@{domain}"
    for mailbox in house.site.mailboxes.values():
        if plain in (mailbox.address, *mailbox.aliases):
            return mailbox.name
    raise ValueError(f"{to} is none of our addresses")


# ---- work


@cache
def shared_readers() -> Readers:
    """Return the reader processes of this session."""
    readers = Readers(count=1)
    atexit.register(readers.close)
    return readers


def work(house: House, voucher: Voucher | None = None) -> int:
    """Work on spooled mail until nothing is due; return how many mails left the spool."""
    pipeline = Pipeline(house.spool, shared_readers(), house.desk, voucher=voucher)
    while pipeline.run_once():
        pass
    _until_written(house)
    return pipeline.worked


def work_again(house: House) -> int:
    """Say `spool retry` to all that was put off or set aside, then work."""
    for entry in house.spool.list():
        if entry.state is SpoolState.QUARANTINED or entry.due_at is not None:
            house.spool.retry(entry.id).result(20)
    return work(house)


def put_in(
    house: House, raw: bytes, sender: str | None = None, recipient: str | None = None
) -> Any:
    """Accept one mail, work, and return its journal row."""
    name, _, number = accept(house, raw, sender, recipient).rpartition("-")
    work(house)
    return row(house, t.journal, spool_name=name, spool_number=int(number))


def quarantine(house: House, raw: bytes) -> str:
    """Let a mail fail three times, each time to be tried again at once; return its spool id."""
    visits = itertools.count(1)

    def fail() -> None:
        if next(visits) <= MAX_FAILURES:
            raise failpoints.FailpointError

    work(house)  # what fails beside others is done again: this one is to be alone
    spool_id, clock = accept(house, raw), house.desk.clock
    failpoints.arm("apply.begun", fail)
    house.desk.clock = lambda: LONG_AGO  # the spool has a clock of its own, which nobody turns
    try:
        for _ in range(MAX_FAILURES):
            work(house)
    finally:
        house.desk.clock = clock
        failpoints.disarm()
    return spool_id


def fire(house: House) -> int:
    """Fire the timers that are due."""
    return ticker.fire_due(house.desk, shared_readers())


def accept_hold(house: House, journal_id: int, by: str = "eva") -> Settled:
    """Say `hold accept`."""
    return review.end_hold(house.desk, shared_readers(), journal_id, Wish.ACCEPT, by)


def send(house: House, transport: Transport | None = None) -> list[EmailMessage]:
    """Send what is due into the Maildir (or by another transport); return what was new there."""
    before = set(_files(house))
    sender = Sender(
        house.database,
        house.site,
        house.desk.signer,
        Stationery(house.database).render,
        transport or from_url(f"maildir:{maildir(house)}", house.config.instance),
        clock=house.desk.clock,
        random=lambda: 0.5,
    )
    sender.run_once()
    return [_read(path) for path in _files(house) if path not in before]


def sent(house: House) -> list[EmailMessage]:
    """Return everything that was ever sent into the Maildir, in the order of the delivery ids."""
    return [_read(path) for path in _files(house)]


def maildir(house: House) -> Path:
    """Return where mail is sent to."""
    folder = house.config.maildir
    assert folder is not None
    return folder


def _files(house: House) -> list[Path]:
    found = (maildir(house) / "new").glob("*")
    return sorted(found, key=lambda path: int(path.name.partition(".")[0]))


def _read(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _until_written(house: House) -> None:
    """The pipeline does not wait for the spool to forget a mail; tests do."""
    house.spool.put_all([]).result(20)


# ---- looking


def rows(house: House, table: Table, **where: Any) -> list[Any]:
    """Return the rows of a table whose columns have these values, in the order of their keys."""
    query = select(table).order_by(*table.primary_key.columns)
    for name, value in where.items():
        query = query.where(table.c[name] == value)
    with house.database.read() as connection:
        return list(connection.execute(query))


def row(house: House, table: Table, **where: Any) -> Any:
    """Return the one row that has these values."""
    [found] = rows(house, table, **where)
    return found


def outcomes(house: House) -> list[str]:
    """Return the outcomes of the journal, oldest first."""
    return [entry.outcome for entry in rows(house, t.journal)]


def ripe(house: House, raw: bytes, **changes: Any) -> Any:
    """Return the arrival of a mail that never was in the spool, for the desk."""
    answer: Any = shared_readers().read([raw])[0]
    arrival = house.desk.arrival(answer, envelope(house, raw))
    return replace(arrival, **changes)

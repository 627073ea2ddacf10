"""A mail to ourselves: whether sub-addresses of each mailbox come back to us, token and all.

Promise: the pipeline ignores such a mail, by a token that only we can make (`core.judging`): no
request, no answer. It is in the journal, as every mail.
Used by: cli (`postroom check --online`).
Fails:   Unavailable when the database is away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from postroom.core.judging import CHECK
from postroom.core.model import Outcome
from postroom.core.site import Mailbox, Site
from postroom.mail.address import domain_of
from postroom.mail.auth import WITHOUT_ID
from postroom.mail.compose import Letter, compose
from postroom.mail.message import Address
from postroom.mail.structure import read_fields
from postroom.mail.tokens import Signer, Token
from postroom.store import journal
from postroom.store.db import Database
from postroom.work.inspection import Finding, State
from postroom.work.reply import Reply
from postroom.work.transport import Transport

MAILBOXES = 10  # that get a mail; more are not looked at
_HEADERS = 200
_HEAD = 256 * 1024
_SKEW = timedelta(minutes=2)
_FORGED = "forged, by `postroom check --online`"
_DELIMITER = (
    "let your mail server take any sub-address, and keep it: Postfix: recipient_delimiter = + ; "
    "at a provider: switch on plus addressing"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail on its way: to which sub-address, under which Message-ID."""

    mailbox: str
    address: str
    message_id: str
    at: datetime
    reply: Reply
    is_forging: bool = False  # it carries an Authentication-Results in the provider's name

    @property
    def what(self) -> str:
        """What it finds out."""
        return f"sub-addresses of {self.mailbox}"


def send_all(
    site: Site,
    signer: Signer,
    transport: Transport,
    now: datetime,
    believed: Mapping[str, str],
) -> list[Sent]:
    """Send a mail to a sub-address of each mailbox.

    `believed`: by mailbox, a server whose topmost results are believed there; we forge one.
    """
    return [
        _send(
            site.mailboxes[name],
            signer,
            transport,
            now + timedelta(milliseconds=index),
            believed.get(name, ""),
        )
        for index, name in enumerate(list(site.mailboxes)[:MAILBOXES])
    ]


def _send(
    mailbox: Mailbox, signer: Signer, transport: Transport, at: datetime, forged_by: str
) -> Sent:
    address = signer.reply_address(mailbox.reply_address, Token("b", CHECK, 0))
    message_id = signer.message_id(0, 0, at, domain_of(mailbox.address))
    letter = Letter(
        from_=Address("", mailbox.address),
        to=(Address("", address),),
        subject="Postroom writes to itself",
        text="`postroom check --online` looks whether this mail comes back. It will be ignored.\n",
        message_id=message_id,
        date=at,
        auto_submitted="auto-generated",
        headers=(("X-Postroom-Loop", signer.instance), *_forged(forged_by)),
    )
    reply = transport.send(0, address, address, compose(letter), lambda: None)
    return Sent(mailbox.address, address, message_id, at, reply, bool(forged_by))


def _forged(by: str) -> Iterator[tuple[str, str]]:
    if by:
        server = "" if by == WITHOUT_ID else f"{by}; "
        yield "Authentication-Results", f"{server}dmarc=none ({_FORGED})"


def refused(sent: Sent) -> Finding | None:
    """Say what the relay said, if it did not take the mail."""
    if sent.reply.state == "sent":
        return None
    seen = f"the relay did not take a mail to {sent.address}: {sent.reply.response}"
    return Finding(sent.what, State.FAILED, seen, _DELIMITER)


def arrived(sent: Sent, database: Database) -> Iterator[Finding]:
    """Yield what is known of a mail that is in the journal by now; nothing: not yet."""
    with database.read() as connection:
        found = journal.journalled_mail(connection, database.objects, sent.message_id)
    if found is None:
        return
    came = sent.address.lower() in [one.lower() for one in found.recipients]
    if not came:
        seen = f"the mail came to {', '.join(found.recipients)}: its sub-address was taken off"
        yield Finding(sent.what, State.FAILED, seen, _DELIMITER)
    elif found.outcome != Outcome.IGNORED:
        seen = f"the mail came, and was {found.outcome}: {found.reason}"
        mend = "is the daemon of the same version as this command? Restart it"
        yield Finding(sent.what, State.FAILED, seen, mend)
    else:
        seen = f"the mail came by {found.transport} and was ignored, as it should be"
        yield Finding(sent.what, State.OK, seen)
    if found.transport == "imap":
        yield from _results(sent, found.raw)
    yield from _clock(sent, found.raw)


def _results(sent: Sent, raw: bytes) -> Iterator[Finding]:
    """Say whether a stranger's Authentication-Results could pass for those of the provider."""
    if not sent.is_forging:
        return
    fields, _ = read_fields(raw[:_HEAD], 0, _HEADERS)
    found = [value for name, value in fields if name.lower() == "authentication-results"]
    what = f"topmost results of {sent.mailbox}"
    if found and _FORGED.encode() in b" ".join(found[0].split()):
        seen = (
            "the mail came with a forged Authentication-Results topmost: any sender may write one"
        )
        mend = "take topmost_results out of [[imap]], unless mail of strangers comes another way"
        yield Finding(what, State.FAILED, seen, mend)
    elif found:
        yield Finding(what, State.OK, "a forged Authentication-Results does not stand topmost")
    else:
        seen = "the provider took out a forged Authentication-Results, and wrote none of its own"
        yield Finding(what, State.OK, seen)


def _clock(sent: Sent, raw: bytes) -> Iterator[Finding]:
    """Compare our clock with that of the first server which stamped the mail."""
    stamps = list(_stamps(raw))
    if not stamps:
        return
    skew = stamps[-1] - sent.at
    if abs(skew) > _SKEW:
        seen = f"the relay's clock and ours differ by {abs(skew).total_seconds():.0f} seconds"
        mend = "let both follow a time server: timedatectl set-ntp true"
        yield Finding("clock", State.WARNING, seen, mend)
    else:
        yield Finding("clock", State.OK, "the relay's clock and ours agree")


def _stamps(raw: bytes) -> Iterator[datetime]:
    fields, _ = read_fields(raw[:_HEAD], 0, _HEADERS)
    for name, value in fields:
        if name.lower() == "received":
            try:
                found = parsedate_to_datetime(value.decode("ascii", "replace").rpartition(";")[2])
            except (ValueError, TypeError, OverflowError):
                continue
            if found.tzinfo is not None:
                yield found


def lost(sent: Sent, seconds: float, waiting: Collection[str]) -> Finding:
    """Say that a mail did not come in time; `waiting` are ids of mail in the spool."""
    seen = f"a mail to {sent.address} did not come within {seconds:.0f} seconds"
    if waiting:
        seen += f", and {len(waiting)} mails wait in the spool"
    mend = f"{_DELIMITER}. The relay's log says what became of <{sent.message_id}>"
    return Finding(sent.what, State.FAILED, seen, mend)

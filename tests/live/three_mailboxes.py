"""A customer, a handler and a colleague over one request, by real SMTP in both directions.

    python -m tests.live.three_mailboxes        # prints what lay in the three mailboxes

The daemon is a process; mail goes in by its door, and comes out to a relay that keeps it.
"""

from __future__ import annotations

import email
import email.policy
import smtplib
import tempfile
import time
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from tests.fakes.relay import FakeRelay
from tests.flow.cli_runs import SECONDS, Shop, make_shop
from tests.flow.test_cli_daemon import running
from tests.houses import CATEGORIES, CONFIG, LOUD, mail, reply_to
from tests.live.ports import free_port

ANN, EVA, OMAR = "ann@example.net", "eva@example.com", "omar@example.com"
SECRET = "Ann still owes us for March, so no discount whatever she says"
FORGED = "Please wire the money to the account in the attachment."
ABSENT = "I am climbing until Monday."
_OUTSIDE = "from mx.evil.example (mx.evil.example [203.0.113.9]) by mx.example.com with ESMTP"


@dataclass
class Story:
    """The mails of three people, in the order in which they came."""

    shop: Shop
    relay: FakeRelay
    port: int
    lines: list[str] = field(default_factory=list)
    seen: int = 0

    def write(self, who: str, what: str, raw: bytes) -> None:
        """Send somebody's mail to the door."""
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        to = [address.addr_spec for address in parsed["To"].addresses]
        with smtplib.SMTP("127.0.0.1", self.port, timeout=SECONDS) as smtp:
            smtp.sendmail(who, to, raw)
        self.lines.append(f"\n>>> {what}\n{_shown(parsed)}")

    def await_mails(self, *recipients: str) -> list[EmailMessage]:
        """Wait for one mail to each of these; return them in this order."""
        deadline = time.monotonic() + SECONDS
        while len(self.relay.mails) < self.seen + len(recipients):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.relay.mails) - self.seen} of {recipients} came")
            time.sleep(0.02)
        new = self.relay.mails[self.seen :]
        self.seen += len(recipients)
        found = []
        for recipient in recipients:
            raw = next(one.raw for one in new if recipient in one.recipient)
            parsed = email.message_from_bytes(raw, policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            self.lines.append(f"\n<<< in the mailbox of {recipient}\n{_shown(parsed)}")
            found.append(parsed)
        return found

    def await_journal(self, count: int) -> list[dict[str, object]]:
        """Wait until so many mails are in the journal."""
        deadline = time.monotonic() + SECONDS
        while len(entries := self.shop.json("journal", "list")) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(entries)} of {count} mails are in the journal")
            time.sleep(0.02)
        return list(entries)

    def mailbox(self, address: str) -> list[bytes]:
        """Return all that somebody got."""
        return [one.raw for one in self.relay.mails if address in one.recipient]


def play(folder: Path) -> Story:
    """Play the story; what came of it is in the mailboxes, and in the shop."""
    with FakeRelay() as relay:
        port = free_port()
        shop = _shop(folder, relay, port)
        with running(shop):
            story = Story(shop, relay, port)
            _tell(story)
            return story


def _tell(story: Story) -> None:
    story.write(ANN, "Ann asks", mail("A discount?", "Hello,\n\nmay I have a discount?\n\nAnn\n"))
    _, to_eva, to_omar = story.await_mails(ANN, EVA, OMAR)

    note = reply_to(to_omar, f"{SECRET}.\n", sender=f"Omar Haddad <{OMAR}>")
    story.write(OMAR, "Omar notes, to the note address", _to_note(to_omar, note))
    [noted] = story.await_mails(EVA)

    answer = reply_to(to_eva, "Dear Ann,\n\nI will see to it.\n\nEva\n", sender=f"Eva <{EVA}>")
    story.write(EVA, "Eva answers by a plain reply", _proven(answer))
    story.await_mails(ANN)

    forged = reply_to(to_eva, f"{FORGED}\n", sender=f"Eva <{EVA}>")
    story.write("eve@evil.example", "somebody writes as Eva", _judged(forged, "fail"))
    story.await_mails(EVA)

    absent = reply_to(to_omar, f"{ABSENT}\n", sender=f"Omar <{OMAR}>")
    absent = absent.replace(b"Subject:", b"Auto-Submitted: auto-replied\r\nSubject:", 1)
    story.write(OMAR, "Omar's out-of-office answers the notice", absent)
    story.await_journal(5)

    quoted = "".join(f"{line}\n" for line in _text(noted).splitlines())
    leak = reply_to(to_eva, f"No, sorry.\n\n{quoted}", sender=f"Eva <{EVA}>")
    story.write(EVA, "Eva answers, and her program copies the note below", _proven(leak))
    [held] = story.await_mails(EVA)

    story.write(EVA, "Eva turns it away", _proven(reply_to(held, "#refuse\n", sender=EVA)))
    story.await_mails(EVA)

    bye = reply_to(to_eva, "#tag discount\n#close\n\nNo, sorry.\n\nEva\n", sender=f"Eva <{EVA}>")
    story.write(EVA, "Eva answers again, and closes", _proven(bye))
    story.await_mails(ANN, EVA)


def _shop(folder: Path, relay: FakeRelay, port: int) -> Shop:
    config = CONFIG.replace('relay = "maildir:sent"', f'relay = "{relay.url}"')
    config = config.replace("Acme Support", "Example")
    config += f'\n[[listen]]\naddress = "127.0.0.1:{port}"\n'
    config += '\n[trust]\nauthserv_id = ["mx.example.com"]\n'
    categories = CATEGORIES.replace(
        'assign = "round-robin"', 'assign = "round-robin"\nnotify_members = true', 1
    ).replace('["eva", "omar", "kim"]', '["eva", "omar"]')
    return make_shop(folder, config=config, rules={"team": LOUD, "categories": categories})


def _judged(raw: bytes, verdict: str) -> bytes:
    """Put on what our own mail server writes when a mail comes in from outside."""
    results = f"mx.example.com; dmarc={verdict} header.from=example.com"
    return f"Authentication-Results: {results}\r\nReceived: {_OUTSIDE}\r\n".encode() + raw


def _proven(raw: bytes) -> bytes:
    return _judged(raw, "pass")


def _to_note(notice: EmailMessage, raw: bytes) -> bytes:
    """Address a mail to the note address that stands in a notice."""
    words = _text(notice).split()
    address = next(word for word in words if word.startswith("support+n"))
    answer = str(notice["Reply-To"])
    return raw.replace(answer.encode(), address.encode())


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _shown(message: EmailMessage) -> str:
    names = ("From", "To", "Cc", "Reply-To", "Subject", "Auto-Submitted")
    head = [f"    {name}: {message[name]}" for name in names if message[name]]
    return "\n".join([*head, "", *(f"    {line}" for line in _text(message).splitlines())])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print("\n".join(play(Path(place)).lines))

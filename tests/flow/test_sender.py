"""Outbox rows in, mails and states out: by a relay that misbehaves, and into a Maildir."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import insert, update
from tests.fakes.relay import Act, FakeRelay
from tests.kinds import ground

from postroom import failpoints
from postroom.core.site import Brakes, Budget, Mailbox, Site
from postroom.errors import Unavailable
from postroom.mail.tokens import Signer, Token
from postroom.store import queue, schema
from postroom.store.db import Database
from postroom.store.migrate import open_database
from postroom.store.queue import OutboxEntry
from postroom.work.relay import SmtpRelay
from postroom.work.reply import Reply
from postroom.work.sender import LEASE, Sender
from postroom.work.transport import Maildir, from_url

NOW = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SUPPORT = Mailbox("support", "support@example.com", "support+{token}@example.com", "support")
OFF = Budget(0, MINUTE)
SITE = Site("acme", {"support": SUPPORT}, Brakes(OFF, OFF, OFF, OFF))
SIGNER = Signer("acme", (b"key",))
MAIL = b"From: a@x\r\nSubject: hi\r\n\r\nHello\r\n"


@dataclass(frozen=True)
class Words:
    subject: str
    text: str
    html: str | None = None
    warning: str | None = None


def render(
    version: str, template: str, language: str, layout: str | None, variables: Mapping[str, Any]
) -> Words:
    if template == "broken":
        raise ValueError("no such variable")
    if template == "away":
        raise Unavailable("database: away")
    if template == "reply":
        return Words("Re: x", f"{variables['reply']['note']}\n{variables['reply']['answer']}\n")
    return Words(f"Re: {variables['subject']}", f"{template} {language} {version} {layout}\n.\n")


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


class Post:
    """A database, a transport and a sender, with short words for what tests do with them."""

    def __init__(self, database: Database, transport: Any) -> None:
        self.database = database
        self.clock = Clock()
        self.transport = transport
        self.sender = self.new_sender()

    def new_sender(self, **named: Any) -> Sender:
        return Sender(
            self.database,
            SITE,
            SIGNER,
            render,
            self.transport,
            clock=self.clock,
            random=lambda: 0.5,
            **named,
        )

    def add(self, recipient: str = "eva@example.net", **values: Any) -> int:
        return self.database.write(lambda conn: add_delivery(conn, recipient, values))

    def entry(self, delivery_id: int = 1) -> OutboxEntry:
        with self.database.read() as conn:
            return queue.entry(conn, delivery_id)

    def states(self) -> list[str]:
        with self.database.read() as conn:
            return [entry.state for entry in queue.entries(conn)]

    def change(self, table: Any, **values: Any) -> None:
        self.database.write(lambda conn: conn.execute(update(table).values(values)))


def add_delivery(conn: Any, recipient: str, values: dict[str, Any]) -> int:
    row = {
        "kind": "auto-reply",
        "mailbox": "support",
        "at": NOW,
        "template": "received",
        "language": "en",
        "variables": {"subject": "Printer"},
        "from_name": "Acme Support",
        "reply_role": "c",
        "reply_participant": 7,
        "in_reply_to": "b@x",
        "references": ["a@x", "b@x"],
        "attachments": [],
        "policy_version": "p1",
        "message_id": f"m{os.urandom(8).hex()}.acme@example.com",
    } | values
    outbox_id = conn.execute(insert(schema.outbox).values(row)).inserted_primary_key[0]
    delivery = {
        "outbox_id": outbox_id,
        "recipient": recipient,
        "state": "waiting",
        "due_at": NOW,
        "subject": "",
    }
    return int(conn.execute(insert(schema.delivery).values(delivery)).inserted_primary_key[0])


def add_mail(conn: Any) -> None:
    journal = {
        "id": 5,
        "transport": "cli",
        "mailbox": "support",
        "received_at": NOW,
        "sender": "",
        "recipients": [],
        "from_address": "",
        "to_addresses": [],
        "subject": "",
        "content_hash": "",
        "size": 1,
        "origin": "person",
        "verdict": "none",
        "outcome": "opened",
        "reason": "",
        "policy_version": "p1",
        "explanation": {},
    }
    conn.execute(insert(schema.journal).values(journal))
    conn.execute(insert(schema.raw_mail).values(journal_id=5, raw=MAIL))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(ground().place(tmp_path / "postroom.db"))) as database:
        yield database


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    with FakeRelay() as relay:
        yield relay


@pytest.fixture
def post(database: Database, relay: FakeRelay) -> Iterator[Post]:
    transport = SmtpRelay(relay.url, timeout=5, final_timeout=5)
    yield Post(database, transport)
    transport.close()


@pytest.fixture
def box(database: Database, tmp_path: Path) -> Post:
    return Post(database, Maildir(tmp_path / "sent", "acme"))


@pytest.fixture(autouse=True)
def _harmless() -> Iterator[None]:
    yield
    failpoints.disarm()


def parsed(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


# ---- what is written


def test_an_automatic_reply_says_what_it_is_and_where_to_answer(
    post: Post, relay: FakeRelay
) -> None:
    delivery_id = post.add()
    assert post.sender.run_once() == 1
    [taken] = relay.mails
    mail = parsed(taken.raw)
    assert taken.recipient == "eva@example.net"
    assert SIGNER.find([taken.sender], [SUPPORT.reply_address]) == (Token("b", delivery_id, 0),)
    assert mail["from"] == "Acme Support <support@example.com>"
    assert mail["to"] == "eva@example.net"
    assert SIGNER.find([mail["reply-to"]], [SUPPORT.reply_address]) == (Token("c", 0, 7),)
    assert mail["subject"] == "Re: Printer"
    assert (mail["in-reply-to"], mail["references"]) == ("<b@x>", "<a@x> <b@x>")
    assert mail["auto-submitted"] == "auto-replied"
    assert mail["x-auto-response-suppress"] == "All"
    assert mail["x-postroom-loop"] == "acme"
    assert mail.get_content() == "received en p1 None\r\n.\r\n"
    entry = post.entry()
    assert (entry.state, entry.subject) == ("sent", "Re: Printer")
    assert entry.last_response == "250 2.0.0 queued as 1"
    assert entry.handed_at == NOW


@pytest.mark.parametrize(
    ("kind", "auto_submitted", "suppress"),
    [
        ("answer", None, None),
        ("notice", "auto-generated", "All"),
        ("escalation", "auto-generated", "All"),
        ("side-thread", "auto-generated", "All"),
        ("digest", "auto-generated", "All"),
        ("alert", "auto-generated", "All"),
        ("command-result", "auto-generated", "All"),
    ],
)
def test_only_an_answer_is_not_automatic(
    post: Post, relay: FakeRelay, kind: str, auto_submitted: str | None, suppress: str | None
) -> None:
    post.add(kind=kind, reply_role=None)
    post.sender.run_once()
    mail = parsed(relay.mails[0].raw)
    assert mail["auto-submitted"] == auto_submitted
    assert mail["x-auto-response-suppress"] == suppress
    assert mail["x-postroom-loop"] == "acme"
    assert mail["reply-to"] == "support@example.com"


@pytest.mark.parametrize(("roles", "role"), [("nh", "h"), ("n", "n"), ("", "c")])
def test_a_template_knows_where_its_reader_may_write(
    post: Post, relay: FakeRelay, roles: str, role: str
) -> None:
    post.add(template="reply", kind="notice", reply_role=role, reply_object=3)
    post.sender.run_once()
    words = parsed(relay.mails[0].raw).get_content().split()
    expected = tuple(Token(given, 3, 7) for given in roles)
    assert expected == SIGNER.find(words, [SUPPORT.reply_address])


def test_everybody_on_an_answer_sees_the_same_to_and_cc(post: Post, relay: FakeRelay) -> None:
    shown = {"to_addresses": [["Eva", "eva@example.net"]], "cc_addresses": [["", "ola@x.no"]]}
    post.add("ola@x.no", kind="answer", thread_index="AQ" * 15 + "==", **shown)
    post.sender.run_once()
    [taken] = relay.mails
    mail = parsed(taken.raw)
    assert (taken.recipient, mail["to"], mail["cc"]) == (
        *("ola@x.no", "Eva <eva@example.net>", "ola@x.no"),
    )
    assert mail["thread-topic"] == "Printer"
    assert mail["thread-index"].startswith("AQ" * 14)


def test_attachments_are_cut_from_the_received_mail(post: Post, relay: FakeRelay) -> None:
    post.database.write(add_mail)
    post.add(attachments=[{"journal": 5, "part": "0"}])
    post.sender.run_once()
    [part] = parsed(relay.mails[0].raw).iter_attachments()
    assert (part.get_content_type(), part.get_filename()) == ("message/rfc822", "message.eml")
    assert part.get_content()["subject"] == "hi"


@pytest.mark.parametrize(
    "recipient", ["support@example.com", "SUPPORT+x@example.com", "support+cabc@EXAMPLE.com"]
)
def test_no_mail_goes_to_ourselves(post: Post, relay: FakeRelay, recipient: str) -> None:
    post.add(recipient)
    post.sender.run_once()
    assert post.entry().state == "failed"
    assert "ourselves" in (post.entry().last_response or "")
    assert relay.commands == []


def test_8bit_and_international_addresses_are_announced(post: Post, relay: FakeRelay) -> None:
    post.add("jörg@büro.example")
    post.sender.run_once()
    [taken] = relay.mails
    assert taken.recipient == "jörg@xn--bro-hoa.example"
    assert taken.options == "BODY=8BITMIME SMTPUTF8"


def test_an_international_address_fails_where_the_relay_cannot(
    post: Post, relay: FakeRelay
) -> None:
    relay.extensions = ()
    post.add("jörg@example.net")
    post.add("eva@example.net")
    post.sender.run_once()
    assert post.states() == ["failed", "sent"]


@pytest.mark.parametrize("recipient", ["a@x>\r\nRCPT TO:<spy@x", "", "a\0b@x", "a@b c", "a@", "@b"])
def test_what_is_no_address_fails_before_the_relay_hears_of_it(
    post: Post, relay: FakeRelay, recipient: str
) -> None:
    post.add(recipient)
    post.sender.run_once()
    assert post.states() == ["failed"]
    assert relay.commands == []


# ---- what the relay does


@pytest.mark.parametrize(
    ("act", "state", "taken"),
    [
        (Act.ACCEPT, "sent", 1),
        (Act.DIE_AT_MAIL, "waiting", 0),
        (Act.DIE_BEFORE_DATA, "waiting", 0),
        (Act.DIE_INSIDE_DATA, "uncertain", 0),
        (Act.DIE_AFTER_DOT, "uncertain", 1),
        (Act.DIE_AFTER_REPLY, "sent", 1),
        (Act.REFUSE_SENDER, "failed", 0),
        (Act.REFUSE_RECIPIENT, "failed", 0),
        (Act.DEFER_RECIPIENT, "waiting", 0),
        (Act.REFUSE_DATA, "failed", 0),
        (Act.REFUSE_AFTER_DOT, "failed", 0),
        (Act.DEFER_AFTER_DOT, "waiting", 0),
        (Act.BUSY, "waiting", 0),
        (Act.NEED_LOGIN, "waiting", 0),
        (Act.MUTE_AT_RCPT, "waiting", 0),
        (Act.MUTE_AFTER_DOT, "uncertain", 1),
    ],
)
def test_the_state_is_what_is_certain(
    database: Database, relay: FakeRelay, act: Act, state: str, taken: int
) -> None:
    transport = SmtpRelay(relay.url, timeout=0.5, final_timeout=0.5)
    post = Post(database, transport)
    relay.script.append(act)
    post.add()
    post.sender.run_once()
    entry = post.entry()
    assert (entry.state, len(relay.mails)) == (state, taken)
    assert entry.attempts == 1
    if state in ("waiting", "uncertain"):
        assert entry.due_at == NOW + MINUTE
    assert (entry.handed_at is not None) == (state in ("sent", "uncertain", "failed")) or (
        act in (Act.REFUSE_SENDER, Act.REFUSE_RECIPIENT)
    )
    transport.close()


@pytest.mark.parametrize(
    "act", [Act.DIE_AFTER_DOT, Act.MUTE_AFTER_DOT, Act.DEFER_AFTER_DOT, Act.DIE_BEFORE_DATA]
)
def test_a_retry_sends_the_same_bytes(database: Database, relay: FakeRelay, act: Act) -> None:
    transport = SmtpRelay(relay.url, timeout=0.5, final_timeout=0.5)
    raws: list[bytes] = []
    send = transport.send

    def noted(*args: Any) -> Reply:
        raws.append(args[3])
        return send(*args)

    transport.send = noted  # type: ignore[method-assign]
    post = Post(database, transport)
    post.database.write(add_mail)
    relay.script.append(act)
    post.add(attachments=[{"journal": 5, "part": "0"}], variables={"subject": "Größe"})
    post.sender.run_once()
    post.clock.at += MINUTE
    post.sender.run_once()
    assert post.entry().state == "sent"
    assert raws[0] == raws[1] == relay.mails[-1].raw
    transport.close()


def test_a_mail_twice_in_doubt_waits_for_a_human(post: Post, relay: FakeRelay) -> None:
    relay.script.extend([Act.DIE_AFTER_DOT, Act.DIE_AFTER_DOT])
    post.add()
    for _ in range(5):
        post.sender.run_once()
        post.clock.at += timedelta(days=1)
    assert (post.entry().state, post.entry().due_at, post.entry().attempts) == (
        "uncertain",
        None,
        2,
    )
    assert len(relay.mails) == 2
    post.database.write(lambda conn: queue.retry(conn, 1, post.clock.at, "anna"))
    post.sender.run_once()
    assert post.entry().state == "sent"


def test_an_absent_relay_defers_until_five_days_are_over(database: Database) -> None:
    with FakeRelay() as gone:
        url = gone.url
    transport = SmtpRelay(url, timeout=5)
    post = Post(database, transport)
    post.add()
    while post.entry().state == "waiting":
        assert post.sender.run_once() == 1
        post.clock.at = post.entry().due_at or post.clock.at
    assert post.entry().state == "failed"
    assert (post.entry().last_response or "").startswith("given up: ConnectionRefused")
    assert post.clock.at == NOW + timedelta(days=5)


def test_one_bad_recipient_does_not_hinder_the_others(post: Post, relay: FakeRelay) -> None:
    relay.script.extend([Act.ACCEPT, Act.REFUSE_RECIPIENT, Act.DEFER_RECIPIENT])
    for number in range(5):
        post.add(f"p{number}@example.net")
    assert post.sender.run_once() == 5
    assert post.states() == ["sent", "failed", "waiting", "sent", "sent"]
    assert relay.connections == 1


def test_an_idle_connection_that_died_is_replaced(post: Post, relay: FakeRelay) -> None:
    for _ in range(2):
        post.add()
        post.sender.run_once()
        relay.drop_connections()
    assert post.states() == ["sent", "sent"]
    assert relay.connections == 2


def test_lines_that_begin_with_a_dot_arrive_whole(post: Post, relay: FakeRelay) -> None:
    post.add()
    post.sender.run_once()
    assert b"\r\n.\r\n" in relay.mails[0].raw


# ---- what we do


@pytest.mark.parametrize(
    ("place", "taken", "later"),
    [
        ("sender.claimed", 0, "sent"),
        ("sender.composed", 0, "sent"),
        ("sender.handed", 0, "uncertain"),
        ("sender.accepted", 1, "uncertain"),
        ("sender.recorded", 1, "sent"),
    ],
)
def test_a_crash_anywhere_loses_nothing_and_says_what_is_not_known(
    post: Post, relay: FakeRelay, place: str, taken: int, later: str
) -> None:
    class Crash(BaseException):
        pass

    def crash() -> None:
        raise Crash

    failpoints.arm(place, crash)
    post.add()
    with pytest.raises(Crash):
        post.sender.run_once()
    failpoints.disarm()
    assert len(relay.mails) == taken

    post.clock.at += LEASE
    with structlog.testing.capture_logs() as events:
        post.new_sender().recover()
    expected = "waiting" if later == "sent" and taken == 0 else later
    assert post.entry().state == expected
    doubts = [one["delivery"] for one in events if one["event"] == "outbox.uncertain"]
    assert doubts == ([post.entry().id] if expected == "uncertain" else [])
    post.new_sender().run_once()
    assert post.entry().state == "sent"


def test_a_database_that_goes_away_behind_a_claim_delays_nothing(post: Post) -> None:
    def vanish() -> None:
        raise Unavailable("database: gone")

    post.add()
    failpoints.arm("sender.claimed", vanish)
    with pytest.raises(Unavailable):
        post.sender.run_once()
    failpoints.disarm()
    assert "sending" == post.entry().state
    assert 1 == post.sender.run_once()  # at once, not when the lease is over
    assert "sent" == post.entry().state


def test_a_restart_does_not_wait_for_the_lease(post: Post) -> None:
    post.add()
    post.database.write(lambda conn: queue.claim(conn, NOW, 10, NOW + LEASE, "mx1-1"))
    assert post.sender.run_once() == 0
    assert post.sender.recover() == 1
    assert post.sender.run_once() == 1


def test_what_cannot_be_composed_is_parked_after_three_attempts(
    post: Post, relay: FakeRelay
) -> None:
    post.add(template="broken")
    post.add(mailbox="gone")
    post.add()
    for _ in range(4):
        post.sender.run_once()
        post.clock.at += timedelta(hours=1)
    assert post.states() == ["failed", "failed", "sent"]
    assert post.entry(1).attempts == 3
    assert post.entry(1).last_response == "cannot be composed: ValueError: no such variable"
    assert "no mailbox 'gone'" in (post.entry(2).last_response or "")


def test_an_absent_database_is_no_failure_of_the_mail(post: Post) -> None:
    post.add(template="away")
    post.add()
    with pytest.raises(Unavailable):
        post.sender.run_once()
    assert [post.entry(number).attempts for number in (1, 2)] == [0, 0]
    assert post.states() == ["waiting", "waiting"]


def test_what_could_not_be_recorded_is_recorded_later(post: Post, relay: FakeRelay) -> None:
    real = post.database.submit
    fail = True

    def submit(work: Callable[[Any], Any]) -> Any:
        def broken(conn: Any) -> None:
            raise Unavailable("database: full")

        is_record = getattr(work, "func", None).__class__.__name__ == "function"
        return real(broken if fail and is_record else work)

    post.database.submit = submit  # type: ignore[method-assign, assignment]
    post.add()
    with pytest.raises(Unavailable):
        post.sender.run_once()
    fail = False
    assert post.sender.run_once() == 0
    assert post.states() == ["sent"]
    assert len(relay.mails) == 1


def test_each_outcome_is_an_event_with_ids(post: Post, relay: FakeRelay) -> None:
    relay.script.extend([Act.ACCEPT, Act.REFUSE_RECIPIENT, Act.DEFER_RECIPIENT, Act.DIE_AFTER_DOT])
    for _ in range(4):
        post.add()
    with structlog.testing.capture_logs() as events:
        post.sender.run_once()
    assert [(event["event"], event["delivery"]) for event in events] == [
        ("outbox.sent", 1),
        ("outbox.failed", 2),
        ("outbox.deferred", 3),
        ("outbox.uncertain", 4),
    ]


def test_several_threads_send_each_mail_once(post: Post, relay: FakeRelay) -> None:
    for number in range(40):
        post.add(f"p{number}@example.net")
    stop, all_taken = threading.Event(), threading.Event()
    sender = post.new_sender(batch=4, threads=3)
    send = post.transport.send

    def counted(*args: Any) -> Reply:
        reply: Reply = send(*args)
        if len(relay.mails) == 40:
            all_taken.set()
        return reply

    post.transport.send = counted
    running = threading.Thread(target=sender.run, args=(stop,))
    running.start()
    assert all_taken.wait(30)
    stop.set()
    sender.wake()
    running.join(30)
    assert post.states() == ["sent"] * 40
    assert sorted(mail.recipient for mail in relay.mails) == sorted(
        f"p{number}@example.net" for number in range(40)
    )


def test_claims_not_begun_are_given_back_when_the_daemon_stops(post: Post) -> None:
    stop = threading.Event()
    for _ in range(3):
        post.add()
    failpoints.arm("sender.accepted", stop.set)
    running = threading.Thread(target=post.sender.run, args=(stop,))
    running.start()
    running.join(30)
    assert post.states() == ["sent", "waiting", "waiting"]
    assert post.entry(2).attempts == 0


# ---- Maildir


def files(box: Post) -> list[str]:
    return sorted(path.name for path in Path(box.transport._new).iterdir())


def test_a_maildir_holds_each_delivery_once_with_its_envelope(box: Post) -> None:
    box.add()
    assert box.sender.run_once() == 1
    assert files(box) == ["1.acme"]
    raw = Path(box.transport._new, "1.acme").read_bytes()
    mail = parsed(raw)
    assert mail["delivered-to"] == "eva@example.net"
    assert SIGNER.find([mail["return-path"]], [SUPPORT.reply_address]) == (Token("b", 1, 0),)
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert box.states() == ["sent"]
    assert list(Path(box.transport._tmp).iterdir()) == []


@pytest.mark.parametrize("folder", ["new", "cur"])
def test_a_delivery_that_lies_there_already_is_sent(box: Post, folder: str) -> None:
    box.add()
    box.sender.run_once()
    if folder == "cur":
        Path(box.transport._new, "1.acme").rename(Path(box.transport._cur, "1.acme:2,S"))
    box.change(schema.delivery, state="waiting", due_at=NOW)
    box.sender.run_once()
    assert box.states() == ["sent"]
    assert files(box) == (["1.acme"] if folder == "new" else [])


def test_another_mail_of_the_same_name_is_not_taken_for_ours(box: Post) -> None:
    Path(box.transport._new, "1.acme").write_bytes(b"Message-ID: <other@x>\r\n\r\n")
    box.add()
    box.sender.run_once()
    assert box.states() == ["waiting"]
    assert "another mail" in (box.entry().last_response or "")


@pytest.mark.parametrize("place", ["write", "rename", "fsync"])
def test_a_full_disk_defers(box: Post, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    box.add()
    with monkeypatch.context() as broken:
        broken.setattr(os, place, full)
        box.sender.run_once()
    assert box.states() == ["waiting"]
    assert "No space left" in (box.entry().last_response or "")
    box.clock.at += MINUTE
    box.sender.run_once()
    assert (box.states(), files(box)) == (["sent"], ["1.acme"])


def test_nothing_counts_as_sent_before_the_folder_is_flushed(
    box: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError(errno.EIO, "Input/output error")

    box.add()
    with monkeypatch.context() as patch:
        patch.setattr(box.transport, "settle", broken)
        box.sender.run_once()
    assert box.states() == ["waiting"]
    box.clock.at += MINUTE
    box.sender.run_once()
    assert (box.states(), files(box)) == (["sent"], ["1.acme"])


@pytest.mark.parametrize("place", ["sender.composed", "sender.accepted"])
def test_a_crash_into_a_maildir_never_sends_twice(box: Post, place: str) -> None:
    class Crash(BaseException):
        pass

    def crash() -> None:
        raise Crash

    failpoints.arm(place, crash)
    box.add()
    with pytest.raises(Crash):
        box.sender.run_once()
    failpoints.disarm()
    box.sender.recover()
    assert box.sender.run_once() == 1
    assert (box.states(), files(box)) == (["sent"], ["1.acme"])


# ---- addresses of transports


def test_transports_come_from_urls(tmp_path: Path) -> None:
    assert isinstance(from_url("smtp://localhost:2525", "acme"), SmtpRelay)
    assert isinstance(from_url("smtps://mx.example.com", "acme", "me", "secret"), SmtpRelay)
    assert isinstance(from_url(f"maildir:{tmp_path}/sent", "acme"), Maildir)
    assert (tmp_path / "sent" / "new").is_dir()


@pytest.mark.parametrize("url", ["", "smtp:", "http://x", "maildir:", "maildir://host/x", "x"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not smtp"):
        from_url(url, "acme")

"""Behind a real Postfix: mail comes by LMTP, and leaves by submission with TLS and a password."""

from __future__ import annotations

import json
import re
import signal
import smtplib
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.certificates import Authority
from tests.fakes.lost_line import LostLine
from tests.fakes.relay import FakeRelay, Taken
from tests.flow.cli_runs import Shop, argv, clean_env, make_shop
from tests.houses import CONFIG, mail
from tests.live.dovecot import PASSWORD, running_dovecot
from tests.live.ports import free_port
from tests.live.postfix import Postfix, running_postfix

from postroom.work.relay import SmtpRelay
from postroom.work.reply import Reply

SECONDS = 60  # for what takes a few
MAILS = 1000
RESTARTS = (150, 400, 650)  # after so many mails
BRAKES = """
[brakes]
answers_per_address = "off"
answers_per_domain = "off"
answers_in_all = "off"
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that Postfix's daemons may enter, as /run/postroom is."""
    with tempfile.TemporaryDirectory(prefix="postroom-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@dataclass
class Running:
    """A daemon that can be started again."""

    shop: Shop
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        began = self.count("daemon.ready")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv("run", "--config", self.shop.path), stderr=log, stdout=log, env=clean_env()
            )
        until(lambda: self.count("daemon.ready") > began, self.log.read_text)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert 0 == self.process.wait(SECONDS), self.log.read_text()

    def count(self, event: str) -> int:
        return self.log.read_text().count(f'"{event}"') if self.log.exists() else 0


def until(condition: Callable[[], object], told: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


@contextmanager
def daemon(folder: Path, extra: str, config: str = CONFIG) -> Iterator[Running]:
    shop = make_shop(folder, config=config, config_extra=f'{extra}\n[logs]\nformat = "json"\n')
    one = Running(shop, folder / "log")
    one.start()
    try:
        yield one
        one.stop()
    finally:
        one.process.kill()
        one.process.wait()


def lmtp(address: str) -> str:
    return f'[[listen]]\nprotocol = "lmtp"\naddress = "{address}"\n'


def handed_to(address: str, **more: str) -> dict[str, str]:
    """Return Postfix's settings of the README: two addresses of a domain of ours go to Postroom."""
    return {
        "relay_domains": "example.com",
        "recipient_delimiter": "+",
        "transport_maps": "inline:{"
        + ", ".join(
            f"{{ {name}@example.com = postroom:{address} }}" for name in ("support", "sales")
        )
        + "}",
        "relay_recipient_maps": "inline:{ support@example.com=ok, sales@example.com=ok }",
        "postroom_destination_recipient_limit": "1",
        **more,
    }


def submit(server: Postfix, raws: Sequence[tuple[str, list[str], bytes]]) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as smtp:
        for sender, recipients, raw in raws:
            assert {} == smtp.sendmail(sender, recipients, raw)


def test_a_thousand_mails_while_we_are_restarted_three_times(
    tmp_path: Path, open_folder: Path
) -> None:
    socket = f"unix:{open_folder}/lmtp.sock"
    raws = [
        (
            f"customer{number}@example.net",
            ["support+old.token@example.com" if number % 7 == 0 else "support@example.com"],
            mail(f"Question {number}", sender=f"customer{number}@example.net"),
        )
        for number in range(MAILS)
    ]
    with (
        running_postfix(handed_to(socket)) as server,
        daemon(tmp_path, lmtp(socket) + BRAKES) as one,
        ThreadPoolExecutor(4) as pool,
    ):
        sent = [pool.submit(submit, server, raws[part::4]) for part in range(4)]
        for after in RESTARTS:
            until(lambda after=after: one.count("mail.accepted") >= after, one.log.read_text)  # type: ignore[misc]
            one.stop()
            one.start()
        for future in sent:
            future.result()
        until(lambda: not server.queue(), lambda: (server.queue()[:3], server.log[-2000:]))
        until(lambda: not one.shop.json("spool", "list"), one.log.read_text)
        postfix_log = server.log
    assert 0 == postfix_log.count("status=bounced")
    assert MAILS == postfix_log.count("status=sent (250 2.0.0 Ok: queued as ")
    subjects = Counter(entry["subject"] for entry in one.shop.json("request", "list"))
    assert {f"Question {number}": 1 for number in range(MAILS)} == subjects
    entries = one.shop.json("journal", "list")
    assert {("lmtp", "opened")} == {(entry["transport"], entry["outcome"]) for entry in entries}
    assert one.shop.json("audit")["ok"]


def test_one_mail_to_two_mailboxes_is_one_request(tmp_path: Path) -> None:
    port = free_port()
    both = ["support@example.com", "sales@example.com"]

    def write(subject: str, count: int) -> None:
        submit(server, [("ann@example.net", both, mail(subject, to="support@example.com"))])
        until(lambda: count == len(one.shop.json("journal", "list")), lambda: server.log)

    with (
        running_postfix(handed_to(f"inet:127.0.0.1:{port}")) as server,
        daemon(tmp_path, lmtp(f"127.0.0.1:{port}")) as one,
    ):
        write("To both", 2)
        entries = one.shop.json("journal", "list")
        assert ["duplicate", "opened"] == sorted(entry["outcome"] for entry in entries)
        assert {"support", "sales"} == {entry["mailbox"] for entry in entries}
        assert "452 4.5.3" not in server.log

        # Without the limit, Postfix names both in one transaction, and keeps the second for the
        # next run of its queue: that is minutes, usually.
        server.control("postconf", "-e", "postroom_destination_recipient_limit=50")
        server.control("postfix", "reload")
        write("To both again", 4)
        late = r"status=deferred \(.*452 4\.5\.3 Too many recipients"
        assert 1 == len(re.findall(late, server.log))
        requests = one.shop.json("request", "list")
    assert ["To both", "To both again"] == sorted(entry["subject"] for entry in requests)


# Out through Postfix


@dataclass
class Way:
    """Out through Postfix's submission port to `sink`; what it is verified with."""

    server: Postfix
    sink: FakeRelay
    authority: Authority
    url: str


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    pair = authority.issue("mx", ["DNS:localhost"])
    with running_dovecot() as dovecot, FakeRelay() as sink:
        auth = dovecot.folder / "auth"
        dovecot.kill()
        config = dovecot.folder / "dovecot.conf"
        listener = f"service auth {{\n unix_listener {auth} {{\n mode = 0666\n }}\n}}\n"
        config.write_text(config.read_text() + listener)
        dovecot.start()
        main = {
            "relayhost": f"[127.0.0.1]:{sink.port}",
            "smtpd_recipient_restrictions": "check_recipient_access inline:{"
            " { no@example.net = 550 5.1.1 no such user },"
            " { later@example.net = 450 4.7.1 come later } }",
            "smtpd_discard_ehlo_keywords": "",
            "message_size_limit": "50000000",
        }
        with running_postfix(main, auth, pair) as server:
            yield Way(server, sink, authority, f"smtp://localhost:{server.submission}")


def send(
    relay: SmtpRelay, recipient: str, number: int, raw: bytes = b"Subject: x\r\n\r\nx\r\n"
) -> Reply:
    return relay.send(number, "support+b@example.com", recipient, raw, lambda: None)


def reply_of(way: Way, *, password: str = PASSWORD, **options: Any) -> Reply:
    """Say what becomes of one mail to ann."""
    relay = SmtpRelay(options.pop("url", way.url), "postroom", password, 20.0, **options)
    try:
        return send(relay, "ann@example.net", 1)
    finally:
        relay.close()


def test_mail_leaves_by_a_verified_and_encrypted_connection_that_is_kept(way: Way) -> None:
    relay = SmtpRelay(way.url, "postroom", PASSWORD, 20.0, tls="verify", ca_file=way.authority.file)
    before = way.server.log.count("sasl_method=")
    try:
        states = [
            send(relay, recipient, number).state
            for number, recipient in enumerate(
                ["a@example.net", "no@example.net", "later@example.net", "b@example.net"]
            )
        ]
    finally:
        relay.close()
    assert ["sent", "failed", "deferred", "sent"] == states
    wanted = {"a@example.net", "b@example.net"}
    until(lambda: wanted <= {one.recipient for one in way.sink.mails}, lambda: way.server.log)
    # One connection for all four; Postfix logs the log-in with each mail that it takes.
    assert 2 == way.server.log.count("sasl_method=") - before


def test_what_is_not_safe_is_deferred_and_says_why(way: Way, tmp_path: Path) -> None:
    verified = {"tls": "verify", "ca_file": way.authority.file}
    stranger = Authority(tmp_path / "stranger")
    by_number = way.url.replace("localhost", "127.0.0.1")
    plain = f"smtp://localhost:{way.server.port}"
    expected = [
        (reply_of(way, password="wrong", **verified), "535 5.7.8"),
        (reply_of(way, tls="verify", ca_file=stranger.file), "CERTIFICATE_VERIFY_FAILED"),
        (reply_of(way, tls="verify"), "CERTIFICATE_VERIFY_FAILED"),
        (reply_of(way, url=by_number, **verified), "IP address mismatch"),
        (reply_of(way, url=plain, **verified), "the relay offers no STARTTLS"),
        (reply_of(way, tls="none"), "AUTH extension not supported"),
    ]
    for reply, words in expected:
        assert "deferred" == reply.state, reply
        assert words in reply.response
    assert "sent" == reply_of(way).state  # on this machine an unknown certificate will do


def test_a_mail_comes_in_by_postfix_and_its_answer_goes_out_by_postfix(
    way: Way, tmp_path: Path
) -> None:
    port = free_port()
    password = tmp_path / "relay-password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o600)
    outgoing = (
        f'relay = "{way.url}"\nuser = "postroom"\npassword_file = "{password}"\n'
        f'tls = "verify"\nca_file = "{way.authority.file}"\n'
    )
    config = CONFIG.replace('relay = "maildir:sent"', outgoing)
    with (
        running_postfix(handed_to(f"inet:127.0.0.1:{port}")) as server,
        daemon(tmp_path, lmtp(f"127.0.0.1:{port}"), config) as one,
    ):
        raw = mail("Where is my order?", sender="kari@example.net")
        submit(server, [("kari@example.net", ["support@example.com"], raw)])
        answers: list[Taken] = []
        until(
            lambda: (
                answers.extend(
                    taken for taken in way.sink.mails if taken.recipient == "kari@example.net"
                )
                or answers
            ),
            lambda: (one.log.read_text(), way.server.log),
        )
        until(lambda: one.count("outbox.sent"), one.log.read_text)
        [entry] = one.shop.json("outbox", "list")
    assert b"Auto-Submitted: auto-replied" in answers[0].raw
    assert answers[0].sender.startswith("support+")
    assert ("sent", "kari@example.net") == (entry["state"], entry["recipient"])
    assert "queued as" in json.dumps(entry)


def test_a_relay_that_disappears_in_the_middle_of_a_mail_leaves_no_doubt_unsaid(
    way: Way,
) -> None:
    """The connection breaks while the mail is on its way: Postfix drops what it has of it."""
    raw = b"Subject: Large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 40_000
    with LostLine(way.server.submission, after=500_000) as line:
        relay = SmtpRelay(
            f"smtp://localhost:{line.port}",
            "postroom",
            PASSWORD,
            20.0,
            tls="verify",
            ca_file=way.authority.file,
        )
        before = len(way.sink.mails)
        first = send(relay, "ann@example.net", 1, raw)
        again = send(relay, "ann@example.net", 1, raw)
        relay.close()
    assert ("uncertain", "sent") == (first.state, again.state)
    until(lambda: len(way.sink.mails) > before, lambda: way.server.log)
    assert before + 1 == len(way.sink.mails)

"""`check --online` says what it saw and what to mend; the mail to itself opens no request."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.certificates import Authority
from tests.fakes.dns_server import DnsServer, Quirk
from tests.fakes.relay import Act, FakeRelay, Taken
from tests.flow.cli_runs import SECONDS, Shop, make_shop
from tests.flow.test_cli_daemon import running
from tests.houses import CONFIG, envelope, mail, make_house, work
from tests.live.dovecot import PASSWORD, running_dovecot
from tests.live.ports import free_port

from postroom.certificates import expiry_of
from postroom.mail.auth import WITHOUT_ID
from postroom.work import roundtrip
from postroom.work.reply import Reply

ZONE = {
    "example.com": {"MX": ["10 mx.example.com."], "TXT": ["v=spf1 mx -all"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
}
STAMP = "Received: from here by mx.example.com; "


def shop_with(folder: Path, dns: DnsServer, relay: str, extra: str = "") -> Shop:
    host, port = dns.address
    return make_shop(
        folder,
        config=CONFIG.replace("maildir:sent", relay),
        config_extra=f'[dns]\nservers = ["{host}:{port}"]\ntimeout = "1s"\ntotal = "2s"\n{extra}',
    )


def looked_at(shop: Shop, *words: object) -> tuple[int, dict[str, Any]]:
    """Return the exit code, and the findings by what they are about."""
    said = shop.run("check", "--online", "--json", *words)
    assert "Traceback" not in said.err
    assert said.json["ok"] == (said.code == 0)
    return said.code, {item["what"]: item for item in said.json["findings"]}


def test_what_stands_well_is_ok(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        shop = shop_with(tmp_path, dns, relay.url)
        code, found = looked_at(shop)
        assert 0 == code
        assert [] == relay.mails
        assert {"RCPT TO:<support@example.com>", "RSET", "rset"} & set(relay.commands)
        said = shop.run("check", "--online")
    for what in ("disk", "MX of example.com", "SPF of example.com", "DMARC of example.com"):
        assert "ok" == found[what]["state"], what
    assert "ok" == found[f"relay {relay.url}"]["state"]
    assert "no daemon runs" in found["sub-addresses"]["seen"]
    assert "→ postroom run" in said.out


@pytest.mark.parametrize(
    ("zone", "what", "state", "expected"),
    [
        ({}, "SPF", "warning", 'TXT "v=spf1 mx'),
        ({"example.com": {"TXT": ["v=spf1 mx", "v=spf1 -all"]}}, "SPF", "failed", "v=spf1"),
        ({}, "DMARC", "warning", "_dmarc.example.com. TXT"),
        ({}, "MX", "warning", "example.com. MX 10"),
    ],
)
def test_what_the_dns_lacks_is_said_as_a_record(
    tmp_path: Path, zone: Any, what: str, state: str, expected: str
) -> None:
    with DnsServer(zone) as dns:
        _, found = looked_at(shop_with(tmp_path, dns, "maildir:sent"))
    finding = found[f"{what} of example.com"]
    assert state == finding["state"]
    assert expected in finding["mend"]


def test_a_dns_that_is_silent_holds_nothing_up(tmp_path: Path) -> None:
    with DnsServer(ZONE, {"example.com": Quirk.SILENT}) as dns:
        code, found = looked_at(shop_with(tmp_path, dns, "maildir:sent"))
    assert 0 == code
    assert "could not be asked" in found["DNS of example.com"]["seen"]


@pytest.mark.parametrize(
    ("act", "state", "expected"),
    [
        (Act.REFUSE_RECIPIENT, "failed", "550"),
        (Act.DEFER_RECIPIENT, "warning", "greylist"),
        (Act.NEED_LOGIN, "failed", "530"),
        (Act.DIE_AT_MAIL, "failed", "closed"),
    ],
)
def test_what_the_relay_says_is_told(tmp_path: Path, act: Act, state: str, expected: str) -> None:
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        relay.script.append(act)
        shop = shop_with(tmp_path, dns, relay.url)
        code, found = looked_at(shop)
    finding = found[f"relay {relay.url}"]
    assert state == finding["state"]
    assert expected in finding["seen"]
    assert finding["mend"]
    assert (1 if state == "failed" else 0) == code


def test_a_relay_that_is_not_there_is_told(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns:
        shop = shop_with(tmp_path, dns, f"smtp://127.0.0.1:{free_port()}")
        said = shop.run("check", "--online")
    assert 1 == said.code
    assert "is the relay running" in said.out


def test_a_password_is_not_said_without_tls_to_a_relay(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        (tmp_path / "pw").write_text("x")
        (tmp_path / "pw").chmod(0o600)
        extra = 'user = "u"\npassword_file = "pw"\ntls = "verify"\n'
        config = CONFIG.replace('relay = "maildir:sent"', f'relay = "{relay.url}"\n{extra}')
        host, port = dns.address
        shop = make_shop(
            tmp_path, config=config, config_extra=f'[dns]\nservers = ["{host}:{port}"]\n'
        )
        code, found = looked_at(shop)
    assert 1 == code
    assert "STARTTLS" in found[f"relay {relay.url}"]["mend"]


# A mail to ourselves


@contextmanager
def returning(
    relay: FakeRelay, port: int, change: Callable[[Taken], tuple[str, bytes]]
) -> Iterator[None]:
    """Bring what the relay takes back to our door, as a mail server would."""
    is_over = threading.Event()

    def bring() -> None:
        done = 0
        while not is_over.wait(0.05):
            for taken in relay.mails[done:]:
                done += 1
                recipient, raw = change(taken)
                with smtplib.SMTP("127.0.0.1", port) as smtp:
                    smtp.sendmail(taken.sender, [recipient], raw)

    thread = threading.Thread(target=bring)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(SECONDS)


def stamped(taken: Taken) -> tuple[str, bytes]:
    date = next(line for line in taken.raw.split(b"\r\n") if line.startswith(b"Date: "))
    return taken.recipient, STAMP.encode() + date.removeprefix(b"Date: ") + b"\r\n" + taken.raw


def late(taken: Taken) -> tuple[str, bytes]:
    stamp = f"{STAMP}Fri, 20 Nov 2020 12:00:00 +0000\r\n"
    return taken.recipient, stamp.encode() + taken.raw


def without_sub_address(taken: Taken) -> tuple[str, bytes]:
    local, _, domain = taken.recipient.partition("@")
    return f"{local.partition('+')[0]}@{domain}", taken.raw


@pytest.mark.parametrize(
    ("change", "state", "clock", "expected"),
    [
        (stamped, "ok", "ok", "came by smtp and was ignored"),
        (late, "ok", "warning", "came by smtp and was ignored"),
        (without_sub_address, "failed", None, "its sub-address was taken off"),
    ],
)
def test_a_mail_to_ourselves_comes_back_and_opens_nothing(
    tmp_path: Path,
    change: Callable[[Taken], tuple[str, bytes]],
    state: str,
    clock: str | None,
    expected: str,
) -> None:
    port = free_port()
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        extra = f'[[listen]]\naddress = "127.0.0.1:{port}"\n'
        shop = shop_with(tmp_path, dns, relay.url, extra)
        with running(shop), returning(relay, port, change):
            code, found = looked_at(shop, "--wait", SECONDS)
        assert 2 == len(relay.mails)
    for mailbox in ("support@example.com", "sales@example.com"):
        finding = found[f"sub-addresses of {mailbox}"]
        assert state == finding["state"]
        assert expected in finding["seen"]
    assert (0 if state == "ok" else 1) == code
    assert clock == found.get("clock", {"state": None})["state"]
    entries = shop.json("journal", "list")
    assert ["ignored", "ignored"] == [entry["outcome"] for entry in entries]
    if state == "ok":
        assert "check --online" in entries[0]["reason"]
    assert [] == shop.json("request", "list")
    assert [] == shop.json("outbox", "list")
    assert shop.json("audit")["ok"]


def test_a_mail_that_does_not_come_back_is_told_in_time(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        shop = shop_with(tmp_path, dns, relay.url)
        with running(shop):
            code, found = looked_at(shop, "--wait", 1)
    assert 1 == code
    finding = found["sub-addresses of support@example.com"]
    assert "did not come within 1 seconds" in finding["seen"]
    assert "recipient_delimiter = +" in finding["mend"]


def test_a_sub_address_that_the_relay_refuses_is_told(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns, FakeRelay() as relay:
        relay.script.extend([Act.ACCEPT, Act.REFUSE_RECIPIENT, Act.REFUSE_RECIPIENT])
        shop = shop_with(tmp_path, dns, relay.url)
        with running(shop):
            code, found = looked_at(shop, "--wait", 5)
    assert 1 == code
    assert "550 5.1.1" in found["sub-addresses of support@example.com"]["seen"]


def test_nobody_else_can_make_a_mail_that_is_ignored_so(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    forged = "support+baaaaaaaaaaaaaaaaaaaaa@example.com"
    shop.take_in(mail(to=forged))
    assert ["opened"] == [entry["outcome"] for entry in shop.json("journal", "list")]


class Kept:
    """A way out that keeps what goes there."""

    needs_handed = False

    def __init__(self) -> None:
        self.raws: list[bytes] = []

    def send(self, _delivery: int, _from: str, _to: str, raw: bytes, _handed: object) -> Reply:
        self.raws.append(raw)
        return Reply("sent", "250 ok")

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


OF_PROVIDER = b"Authentication-Results: mx.google.com; dmarc=none header.from=example.com\r\n"


@pytest.mark.parametrize("believed", ["mx.google.com", WITHOUT_ID])
@pytest.mark.parametrize(
    ("change", "state"),
    [
        (lambda raw: raw, "failed"),
        (lambda raw: OF_PROVIDER + raw, "ok"),
        (lambda raw: raw.replace(b"Authentication-Results", b"X-Original-Results"), "ok"),
    ],
)
def test_a_forged_result_that_arrives_topmost_is_said(
    tmp_path: Path, believed: str, change: Callable[[bytes], bytes], state: str
) -> None:
    kept = Kept()
    with make_house(tmp_path) as house:
        signer, now = house.desk.signer, house.desk.clock()
        on_way = roundtrip.send_all(house.site, signer, kept, now, {"support": believed})
        assert [True, False] == [one.is_forging for one in on_way]
        raw = change(kept.raws[0])
        came = replace(envelope(house, raw), transport="imap", peer="")
        house.spool.put(came, raw).result(20)
        work(house)
        found = {one.what: one for one in roundtrip.arrived(on_way[0], house.database)}
    assert "ok" == found["sub-addresses of support@example.com"].state
    assert state == found["topmost results of support@example.com"].state


# IMAP, certificates


def test_a_login_at_an_imap_server_is_tried(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns, running_dovecot() as server:
        table = (
            '[[imap]]\nmailbox = "support"\nuser = "support"\npassword_file = "imap-password"\n'
            f'ca_file = "{server.certificate}"\nurl = "imaps://127.0.0.1:{server.tls_port}/INBOX"\n'
        )
        (tmp_path / "imap-password").write_text(PASSWORD)
        (tmp_path / "imap-password").chmod(0o600)
        shop = shop_with(tmp_path, dns, "maildir:sent", table)
        _, found = looked_at(shop)
        assert "ok" == found["IMAP support"]["state"]
        trusting = shop.path.read_text()
        shop.path.write_text(trusting.replace("ca_file", "# ca_file"))
        code, found = looked_at(shop)
        assert (1, "failed") == (code, found["IMAP support"]["state"])
        assert "ca_file" in found["IMAP support"]["mend"]
        assert "ca_file" in shop.run("imap", "check").out
        shop.path.write_text(trusting)
        (tmp_path / "imap-password").write_text("another")
        code, found = looked_at(shop)
        assert (1, "failed") == (code, found["IMAP support"]["state"])
        assert "password_file" in found["IMAP support"]["mend"]
        assert "[AUTHENTICATIONFAILED]" in found["IMAP support"]["seen"]
        assert "b'" not in found["IMAP support"]["seen"]
        shop.path.write_text(shop.path.read_text().replace("/INBOX", "/Nowhere"))
        (tmp_path / "imap-password").write_text(PASSWORD)
        _, found = looked_at(shop)
        assert "name a folder that there is" in found["IMAP support"]["mend"]


def test_a_certificate_that_ends_soon_is_warned_of(tmp_path: Path) -> None:
    pair = Authority(tmp_path / "ca").issue("mx")
    assert expiry_of(pair.certificate) is not None
    assert expiry_of(tmp_path / "nothing") is None
    pair.key.chmod(0o600)
    port = free_port()
    extra = (
        f'[[listen]]\naddress = "127.0.0.1:{port}"\n'
        f'certificate_file = "{pair.certificate}"\nkey_file = "{pair.key}"\n'
    )
    with DnsServer(ZONE) as dns:
        _, found = looked_at(shop_with(tmp_path, dns, "maildir:sent", extra))
    finding = found[f"certificate of 127.0.0.1:{port}"]
    assert "warning" == finding["state"]
    assert "valid until" in finding["seen"]

"""STARTTLS and TLS from the first octet: what is protected, and what attackers get."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.certificates import Authority, Pair
from tests.wire.live_door import Client, LiveDoor, Open

from postroom.certificates import Certificate
from postroom.intake.listener import Listener
from postroom.spool import Spool

MAIL = b"From: ann@example.net\r\nSubject: Hello\r\n\r\nHow are you?\r\n"
ANY = "127.0.0.1:0"


def _starttls(pair: Pair, **more: Any) -> Listener:
    return Listener(
        ANY, tls="starttls", certificate=Certificate(pair.certificate, pair.key), **more
    )


def _implicit(pair: Pair) -> Listener:
    return Listener(ANY, tls="implicit", certificate=Certificate(pair.certificate, pair.key))


def test_a_mail_under_tls_says_so_in_its_envelope(
    open_door: Open, authority: Authority, pair: Pair, spool: Spool
) -> None:
    with open_door([_starttls(pair)]).client(tls=authority.context()) as client:
        assert client.greet().give(MAIL).startswith("250 2.0.0")
    assert "TLSv1.3" == spool.list()[0].envelope.options["TLS"]


def test_starttls_is_offered_before_and_refused_after(
    open_door: Open, authority: Authority, pair: Pair
) -> None:
    with open_door([_starttls(pair)]).client(tls=authority.context()) as client:
        client.reply()
        assert client.say("STARTTLS now").startswith("501 5.5.4")
        assert "250-STARTTLS" in client.say("EHLO me").split("\n")
        assert client.say("STARTTLS").startswith("220 2.0.0")
        client.encrypt()
        assert client.say("STARTTLS").startswith("503 5.5.1")
        assert client.say("MAIL FROM:<a@example.net>").startswith("503 5.5.1")  # EHLO again
        assert "STARTTLS" not in client.say("EHLO me")


def test_what_was_said_before_is_forgotten(
    open_door: Open, authority: Authority, pair: Pair, spool: Spool
) -> None:
    with open_door([_starttls(pair)]).client(tls=authority.context()) as client:
        client.reply()
        client.say("EHLO liar.example.net")
        client.say("MAIL FROM:<boss@example.com>")
        client.say("RCPT TO:<sales@example.com>")
        client.say("STARTTLS")
        client.encrypt()
        client.say("EHLO client.example.net")
        assert client.say("DATA").startswith("503 5.5.1")
        assert client.give(MAIL).startswith("250 2.0.0")
    envelope = spool.list()[0].envelope
    assert ("ann@example.net", "support") == (envelope.sender, envelope.mailbox)
    assert "client.example.net" == envelope.options["HELO"]


def test_commands_slipped_in_behind_starttls_are_never_obeyed(
    open_door: Open, pair: Pair, spool: Spool, events: list[Any]
) -> None:
    """CVE-2011-0411: whoever stands between puts them there, and they would run under TLS."""
    with open_door([_starttls(pair)]).client() as client:
        client.reply()
        client.say("EHLO me")
        client.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<boss@example.com>\r\n")
        assert client.reply().startswith("554 5.5.0")
        assert client.reply() == ""
    assert not spool.list()
    assert [] == [event for event in events if "boss" in str(event)]


def test_plain_commands_in_the_middle_of_the_handshake_end_the_connection(
    open_door: Open, pair: Pair, events: list[Any]
) -> None:
    door = open_door([_starttls(pair)], connections=1)
    with door.client() as client:
        client.reply()
        client.say("EHLO me")
        client.say("STARTTLS")
        client.send(b"MAIL FROM:<boss@example.com>\r\nRCPT TO:<support@example.com>\r\n")
        while client.socket.recv(1000):  # an alert
            pass
    _until_free(door, starts_with="220")
    assert 1 == len([event for event in events if event["event"] == "handshake.failed"])


def test_tls_may_be_required(
    open_door: Open, authority: Authority, pair: Pair, spool: Spool
) -> None:
    with open_door([_starttls(pair, require_tls=True)]).client(tls=authority.context()) as client:
        client.reply()
        for line in ("EHLO me", "NOOP"):
            assert client.say(line).startswith("250")
        for line in ("MAIL FROM:<a@example.net>", "VRFY a", "RSET", "DATA", "HELP"):
            assert client.say(line).startswith("530 5.7.0"), line
        client.say("STARTTLS")
        client.encrypt()
        client.say("EHLO me")
        assert client.give(MAIL).startswith("250 2.0.0")


@pytest.mark.parametrize("kind", ["starttls", "implicit"])
@pytest.mark.parametrize("silence", ["mute", "drip", "gone", "reset"])
def test_a_handshake_that_does_not_come_about_ends(
    kind: str, silence: str, open_door: Open, pair: Pair, events: list[Any]
) -> None:
    listener = _starttls(pair) if kind == "starttls" else _implicit(pair)
    door = open_door([listener], idle=timedelta(seconds=0.5), connections=1)
    with door.client() as client:
        if kind == "starttls":
            client.reply()
            client.say("EHLO me")
            client.say("STARTTLS")
        if silence == "drip":
            client.send(b"\x16\x03\x01\x02\x00\x01")
        if silence == "reset":
            linger = socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
            client.socket.setsockopt(socket.SOL_SOCKET, *linger)
        if silence in ("mute", "drip"):
            assert b"" == client.socket.recv(1000)
    _until_free(door, starts_with="220" if kind == "starttls" else None)
    assert [event["peer"] for event in events if event["event"] == "handshake.failed"][0:1] == [
        "127.0.0.1"
    ]
    assert [] == [event for event in events if event["event"] == "connection.failed"]


def _until_free(door: LiveDoor, starts_with: str | None) -> None:
    """Return when the only place at the door is free again."""
    while True:
        with door.client() as client:
            if starts_with is None:
                client.socket.settimeout(0.2)
                try:
                    if client.socket.recv(1) == b"":
                        continue  # one too many: closed without a word
                except TimeoutError:
                    return
            elif client.reply().startswith(starts_with):
                return


@pytest.mark.parametrize("kind", ["starttls", "implicit"])
def test_old_versions_are_refused(
    kind: str, open_door: Open, authority: Authority, pair: Pair, events: list[Any]
) -> None:
    door = open_door([_starttls(pair) if kind == "starttls" else _implicit(pair)])
    old = authority.context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError), door.client(tls=old, is_implicit=kind != "starttls") as one:
        one.greet()
    with door.client(tls=authority.context(), is_implicit=kind != "starttls") as client:
        client.greet()
    [failed] = [event for event in events if event["event"] == "handshake.failed"]
    assert "UNSUPPORTED_PROTOCOL" in failed["why"]


def test_a_new_certificate_is_for_new_connections_and_a_bad_one_changes_nothing(
    open_door: Open, authority: Authority, tmp_path: Path, events: list[Any], spool: Spool
) -> None:
    live = Pair(tmp_path / "live.pem", tmp_path / "live.key")
    first, second = (authority.issue(name) for name in ("first", "second"))
    _copy(first, live)
    door = open_door([_starttls(live), _implicit(live)])
    tls = authority.context()
    with door.client(tls=tls) as old:
        old.greet().start_mail().send(MAIL)
        _copy(second, live)
        _reload(door)
        with door.client(tls=tls) as new, door.client(1, tls=tls, is_implicit=True) as also:
            assert ["first", "second", "second"] == [
                _name(client) for client in (old, new.greet(), also.greet())
            ]
        old.send(b".\r\n")
        assert old.reply().startswith("250 2.0.0")
    live.key.write_text("half a ke")
    _reload(door)
    with door.client(tls=tls) as client:
        assert "second" == _name(client.greet())
    told = [event["event"] for event in events if event["event"].startswith("certificate.")]
    assert ["certificate.loaded"] * 2 + ["certificate.refused"] * 2 == told
    assert 1 == len(spool.list())


def _copy(pair: Pair, to: Pair) -> None:
    shutil.copy(pair.certificate, to.certificate)
    shutil.copy(pair.key, to.key)


def _reload(door: LiveDoor) -> None:
    async def reload() -> None:
        door.door.reload()

    door.call(reload())


def _name(client: Client) -> str:
    assert isinstance(client.socket, ssl.SSLSocket)
    certificate = client.socket.getpeercert()
    assert certificate
    return str(dict(part[0] for part in certificate["subject"])["commonName"])  # type: ignore[misc]


@pytest.mark.parametrize("kind", ["starttls", "implicit"])
def test_stop_under_tls(
    kind: str, open_door: Open, authority: Authority, pair: Pair, spool: Spool
) -> None:
    door = open_door([_starttls(pair) if kind == "starttls" else _implicit(pair)])
    way = {"tls": authority.context(), "is_implicit": kind == "implicit"}
    with door.client(**way) as idle, door.client(**way) as busy, door.client() as shaking:
        idle.greet()
        busy.greet().start_mail().send(MAIL)
        if kind == "starttls":
            shaking.reply()
            shaking.say("EHLO me")
            shaking.say("STARTTLS")
        stopped = door.start_to_stop()
        assert idle.reply().startswith("421 4.3.2")
        assert idle.reply() == ""
        idle.close()
        busy.send(b".\r\n")
        assert busy.reply().startswith("250 2.0.0")
        assert busy.reply().startswith("421 4.3.2")
        busy.close()
        stopped.result(20)
    assert 1 == len(spool.list())


def test_a_large_mail_comes_whole(
    open_door: Open, authority: Authority, pair: Pair, spool: Spool
) -> None:
    raw = b"Subject: Large\r\n\r\n" + b"0123456789abcdef" * 4 * 50_000 + b"\r\n"
    with open_door([_starttls(pair)]).client(tls=authority.context()) as client:
        assert client.greet().give(raw).startswith("250 2.0.0")
    assert raw == spool.claim(1, 1)[0].raw


def test_openssl_speaks_to_both_kinds(open_door: Open, authority: Authority, pair: Pair) -> None:
    openssl = shutil.which("openssl")
    assert openssl, "openssl is missing: apt-get install openssl (make test does)"
    door = open_door([_starttls(pair), _implicit(pair)])
    for number, more in ((0, ["-starttls", "smtp"]), (1, [])):
        done = subprocess.run(
            [
                *(openssl, "s_client", "-connect", door.door.addresses[number], *more),
                *("-CAfile", str(authority.file), "-verify_return_error"),
                *("-verify_hostname", "localhost", "-crlf", "-ign_eof"),
            ],
            input="EHLO openssl\nQUIT\n",
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert "Verify return code: 0 (ok)" in done.stdout, done.stderr
        assert "221 2.0.0 Bye" in done.stdout


def test_the_first_word_may_come_with_the_end_of_the_handshake(
    open_door: Open, authority: Authority, pair: Pair
) -> None:
    with open_door([_starttls(pair)]).client() as client:
        client.reply()
        client.say("EHLO me")
        client.say("STARTTLS")
        arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = authority.context().wrap_bio(arrived, leaving, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.send(leaving.read())
                arrived.write(client.socket.recv(65536))
        tls.write(b"EHLO me\r\n")
        client.send(leaving.read())  # both in one
        said = b""
        while b"250 ENHANCEDSTATUSCODES\r\n" not in said:
            try:
                said += tls.read(65536)
            except ssl.SSLWantReadError:
                arrived.write(client.socket.recv(65536))

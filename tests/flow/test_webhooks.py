"""Webhooks with a real HTTP server; the clock is turned by the tests."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.certificates import Authority, Pair
from tests.flow.hooking import (
    EVA,
    OUTAGE,
    opened,
    pass_retries,
    run_hooks,
    state,
    told,
    why,
)
from tests.houses import (
    clock_of,
    mail,
    put_in,
    row,
    send,
    words_of,
)

from postroom.store import schema as t

SECRET = b"0123456789abcdef0123"


@dataclass
class Peer:
    """Another system: answers what it is told to, and writes down what it got."""

    answers: list[bytes]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    pause: float = 0.0  # between the octets of an answer


@contextmanager
def peer(*answers: bytes, pause: float = 0.0, tls: Pair | None = None) -> Iterator[Peer]:
    made, over = Peer(list(answers), pause=pause), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            made.paths.append(self.path)
            self.close_connection = True
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            try:
                if not made.pause:
                    self.wfile.write(answer)
                for octet in answer * bool(made.pause):
                    self.wfile.write(bytes([octet]))
                    if over.wait(made.pause):
                        return
            except OSError:
                pass  # we were hung up on

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hook?a=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "".join(f"{one}\r\n" for one in (f"HTTP/1.1 {status}", *headers))
    return f"{head}\r\n".encode() + body


def webhook(folder: Path, url: str, timeout: str = "20s", secret: bytes = SECRET) -> dict[str, Any]:
    (folder / "hook-secret").write_bytes(secret)
    (folder / "hook-secret").chmod(0o600)
    text = f'\n[hooks.page]\nurl = "{url}"\nsecret_file = "hook-secret"\ntimeout = "{timeout}"\n'
    return {"config_extra": text}


def expected_signature(headers: dict[str, str], body: bytes, secret: bytes) -> str:
    """Compute HMAC-SHA256 as RFC 2104 defines it, without the hmac module."""
    key = secret.ljust(64, b"\0")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in key) + signed).digest()
    outer = hashlib.sha256(bytes(one ^ 0x5C for one in key) + inner).digest()
    return "v1," + base64.b64encode(outer).decode()


@pytest.mark.parametrize(
    ("written", "key"),
    [(SECRET + b"\n", SECRET), (b"whsec_" + base64.b64encode(SECRET) + b"\n", SECRET)],
)
def test_a_webhook_is_signed(tmp_path: Path, written: bytes, key: bytes) -> None:
    with (
        peer(answer("200 OK", b"thanks")) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url, secret=written)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: HTTP 200" == told(house)[-1]
        assert why(house).endswith("\nthanks")
        run = row(house, t.hook_run, id=1)
    [(headers, body)] = other.got
    assert ["/hook?a=1"] == other.paths
    assert (run.key, "application/json") == (headers["webhook-id"], headers["content-type"])
    assert str(int(clock_of(house).now.timestamp())) == headers["webhook-timestamp"]
    assert expected_signature(headers, body, key) == headers["webhook-signature"]
    assert run.payload == json.loads(body)
    assert OUTAGE == json.loads(body)["subject"]


def test_a_webhook_has_the_same_key_at_every_attempt_and_a_new_signature(tmp_path: Path) -> None:
    answers = answer("500 Oops"), answer("503 Later"), answer("204 No Content")
    with (
        peer(*answers) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        pass_retries(house, 2)
        assert ["HTTP 500", "HTTP 503", "HTTP 204"] == [
            one.removeprefix("page: ").partition(",")[0] for one in told(house)[1:]
        ]
        assert ("done", 3) == state(house)
    assert 1 == len({headers["webhook-id"] for headers, _ in other.got})
    assert 1 == len({body for _, body in other.got})
    assert 3 == len({headers["webhook-signature"] for headers, _ in other.got})
    for headers, body in other.got:
        assert expected_signature(headers, body, SECRET) == headers["webhook-signature"]


def test_a_webhook_does_not_follow_redirects(tmp_path: Path) -> None:
    with (
        peer(answer("200 OK")) as elsewhere,
        peer(answer("307 Go on", b"", f"Location: {elsewhere.url}")) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: HTTP 307, and redirects are not followed, again")
        assert [] == elsewhere.got


def test_a_slow_peer_is_hung_up_on(tmp_path: Path) -> None:
    slow = answer("200 OK", b"", "X: " + "y" * 1_000)
    with (
        peer(slow, pause=0.05) as other,  # an octet each time: no time-out of a socket sees that
        opened(tmp_path, "", **webhook(tmp_path, other.url, "1s")) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")
        assert why(house).endswith("its time was over")


def test_a_peer_whose_answer_never_ends_has_said_what_counts(tmp_path: Path) -> None:
    endless = answer("200 OK", b"x" * 3_000_000)
    with (
        peer(endless) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: HTTP 200" == told(house)[-1]
        assert "x" * 2_000 == why(house).partition("\n")[2]


@pytest.mark.parametrize("said", [b"", b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_peer_that_speaks_no_http_is_tried_again(tmp_path: Path, said: bytes) -> None:
    with peer(said) as other, opened(tmp_path, "", **webhook(tmp_path, other.url)) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")


def test_a_peer_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    extra = webhook(tmp_path, f"http://127.0.0.1:{port}/")
    with opened(tmp_path, "", **extra) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")
        assert "refused" in why(house)


def test_a_peer_that_wants_no_more_of_it_is_given_up_at_once(tmp_path: Path) -> None:
    """Standard Webhooks: 410 Gone."""
    with (
        peer(answer("410 Gone", b"moved out")) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        send(house)
        run_hooks(house)
        assert ("failed", 1) == state(house)
        assert "page: HTTP 410, given up" == told(house)[-1]
        [alert] = [one for one in send(house) if one["Delivered-To"] == EVA]
        assert "moved out" in words_of(alert)


@pytest.mark.parametrize(
    ("header", "minutes"),
    [
        ("7200", 120),
        ("Fri, 20 Nov 2026 13:30:00 GMT", 90),
        ("99999999999999999999", 24 * 60),  # at most a day
        ("Fri, 20 Nov 2020 13:30:00 GMT", 1),  # it is over: as always
        ("soon", 1),
        ("-5", 1),
        ("", 1),
    ],
)
def test_a_peer_that_says_when_is_left_alone_until_then(
    header: str, minutes: int, tmp_path: Path
) -> None:
    busy = answer("429 Too Many Requests", b"", f"Retry-After: {header}")
    with (
        peer(busy) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        due_at = row(house, t.hook_run, id=1).due_at
        assert minutes == round((due_at - house.desk.clock()) / timedelta(minutes=1))


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3_000_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
        b"HTTP/1.1 200 " + b"OK" * 1_000_000,
    ],
    ids=["many headers", "a long header", "always more to come", "a long status"],
)
def test_headers_that_never_end_are_not_read_to_their_end(said: bytes, tmp_path: Path) -> None:
    with (
        peer(said) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")
        assert len(why(house)) < 3_000


@contextmanager
def tls_peer(folder: Path) -> Iterator[tuple[str, Path]]:
    """Answer 200 to everything, by TLS; gives the address and the authority's certificate."""
    authority = Authority(folder / "authority")
    pair = authority.issue("peer")
    with peer(answer("200 OK"), tls=pair) as other:
        yield other.url.replace("http://127.0.0.1", "https://localhost"), authority.file


def test_a_peer_whose_certificate_nobody_vouches_for_hears_nothing(tmp_path: Path) -> None:
    with (
        tls_peer(tmp_path) as (url, _),
        opened(tmp_path, "", **webhook(tmp_path, url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")
        assert "certificate verify failed" in why(house)


def test_a_peer_with_a_good_certificate_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        tls_peer(tmp_path) as (url, authority),
        opened(tmp_path, "", **webhook(tmp_path, url)) as house,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: HTTP 200" == told(house)[-1]


def test_a_peer_that_never_ends_its_handshake_is_hung_up_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with opened(tmp_path, "", **webhook(tmp_path, url, "1s")) as house:
            put_in(house, mail(OUTAGE))
            run_hooks(house)
            assert told(house)[-1].startswith("page: no answer, again at")

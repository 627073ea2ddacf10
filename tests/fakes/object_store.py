"""An object store that speaks S3 (moto's server), and a proxy before it that fails as one does."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUCKET = "mail"
_LEFT_OUT = {"connection", "transfer-encoding", "content-length", "server", "date"}


@cache
def shared_store() -> int:
    """Start the store of this process, with one bucket; return its port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port: int = server.get_host_and_port()[1]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("PUT", f"/{BUCKET}")
    assert connection.getresponse().read() is not None
    connection.close()
    return port


@dataclass
class Faults:
    """What goes wrong with the next requests of a method, one after the other."""

    waiting: dict[str, list[str]] = field(default_factory=dict)
    port: int = 0
    met: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # methods of all requests

    def plan(self, method: str, *faults: str) -> None:
        self.waiting.setdefault(method, []).extend(faults)

    def next(self, method: str) -> str:
        self.seen.append(method)
        waiting = self.waiting.get(method, [])
        fault = waiting.pop(0) if waiting else ""
        if fault:
            self.met.append(fault)
        return fault


@contextmanager
def failing_store() -> Iterator[Faults]:
    """Stand before the shared store, and fail as planned."""
    faults = Faults()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(faults))
    server.daemon_threads = True
    faults.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(faults: Faults) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = faults.next(self.command)
            if fault == "mute":
                time.sleep(1.5)  # longer than the tests let the store be silent
                self.close_connection = True
                return
            if fault in ("500", "503"):
                self._answer(int(fault), {}, b"<Error><Code>SlowDown</Code></Error>")
                return
            status, headers, octets = self._ask(body)
            if fault == "cut":  # it has arrived there, and nobody hears of it
                self.close_connection = True
            elif fault == "truncated":
                self._answer(status, headers, octets, len(octets) + 100)
                self.close_connection = True
            elif fault == "other octets":
                self._answer(status, headers, octets[:-1] + bytes([octets[-1] ^ 1]))
            else:
                self._answer(status, headers, octets)

        def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            beyond = http.client.HTTPConnection("127.0.0.1", shared_store())
            beyond.request(self.command, self.path, body, dict(self.headers.items()))
            answer = beyond.getresponse()
            octets = answer.read()
            beyond.close()
            return answer.status, dict(answer.getheaders()), octets

        def _answer(
            self, status: int, headers: dict[str, str], octets: bytes, length: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _LEFT_OUT:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(octets) if length is None else length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(octets)

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler._pass_on)
    return Handler

"""A real SMTP door in a thread, and a client that speaks in raw bytes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Self

from postroom.activation import Passed
from postroom.core.settings import LimitsTable
from postroom.core.site import Brakes, Budget, Mailbox, Site
from postroom.intake.listener import Listener
from postroom.intake.smtp import SmtpDoor
from postroom.spool import Spool

TIMEOUT = 20  # seconds; only a hanging test gets there
_OFF = Budget(0, timedelta(0))


def make_site(**changes: Any) -> Site:
    mailboxes = {
        name: Mailbox(
            name, f"{name}@example.com", f"{name}+{{token}}@example.com", "all", aliases=aliases
        )
        for name, aliases in {
            "support": ("help@example.com", "grüße@example.com"),
            "sales": (),
        }.items()
    }
    return Site("acme", mailboxes, Brakes(_OFF, _OFF, _OFF, _OFF), **changes)


class Client:
    """One connection; `say` sends lines and returns one whole reply.

    `tls` is what an encrypted connection is verified with, from its first octet or, once STARTTLS
    is offered, by `greet`.
    """

    def __init__(
        self,
        address: str,
        source: str | None = None,
        tls: ssl.SSLContext | None = None,
        hello: str = "EHLO",
        is_implicit: bool = False,
    ) -> None:
        self._tls, self._hello = tls, hello
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection(
                (host.strip("[]"), int(port)), TIMEOUT, (source, 0) if source else None
            )
        if is_implicit:
            self.encrypt()
        self._file = self.socket.makefile("rb")

    def encrypt(self) -> None:
        """Shake hands."""
        assert self._tls is not None
        self.socket = self._tls.wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> str:
        """Return one whole reply; "" when the door has closed."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode().removesuffix("\r\n"))
            if line[3:4] == b" ":
                break
        return "\n".join(lines)

    def say(self, line: str | bytes) -> str:
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def greet(self) -> Self:
        assert self.reply().startswith("220 ")
        said = self.say(f"{self._hello} client.example.net")
        assert said.startswith("250-")
        if "250-STARTTLS" in said:
            assert self.say("STARTTLS")[:9] == "220 2.0.0"
            self.encrypt()
            said = self.say(f"{self._hello} client.example.net")
            assert said.startswith("250-")
            assert "STARTTLS" not in said
        return self

    def start_mail(self, *recipients: str, sender: str = "<ann@example.net>") -> Self:
        """Go as far as the 354 of DATA."""
        assert self.say(f"MAIL FROM:{sender}")[:9] == "250 2.1.0"
        for recipient in recipients or ("support@example.com",):
            assert self.say(f"RCPT TO:<{recipient}>")[:9] == "250 2.1.5"
        assert self.say("DATA")[:3] == "354"
        return self

    def give(self, raw: bytes, *recipients: str, sender: str = "<ann@example.net>") -> str:
        """Send one mail whose dots are doubled already; return the reply of the end."""
        self.start_mail(*recipients, sender=sender).send(raw + b".\r\n")
        return self.reply()


class LiveDoor:
    """A door in an event loop of its own thread."""

    def __init__(
        self,
        spool: Spool,
        limits: LimitsTable,
        site: Site,
        listeners: Sequence[str | Listener],
        passed: Passed | None = None,
    ) -> None:
        self.spool = spool
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.door = SmtpDoor(site, spool, "mx.example.com", limits)
        self._is_stopped = self._is_closed = False
        try:
            opened = [Listener(one) if isinstance(one, str) else one for one in listeners]
            self.call(self.door.start(opened, passed))
        except BaseException:
            self.close()
            raise

    def call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT)

    def start_to_stop(self, grace: float = TIMEOUT) -> Any:
        self._is_stopped = True
        return asyncio.run_coroutine_threadsafe(self.door.stop(grace), self._loop)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if not self._is_stopped:
            self.call(self.door.stop(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def client(self, number: int = 0, source: str | None = None, **way: Any) -> Client:
        return Client(self.door.addresses[number], source, **way)


Open = Callable[..., LiveDoor]

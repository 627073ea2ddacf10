"""A line to a port of loopback that breaks after so many octets from the client, once."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class LostLine:
    """Passes on to `target` while it is entered; `port` is where to connect."""

    def __init__(self, target: int, after: int) -> None:
        self._target = target
        self._rest: int | None = after  # of the connection that is to break
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, run: object, *ends: socket.socket) -> None:
        assert callable(run)
        thread = threading.Thread(target=run, args=ends)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._target), 10)
                server.settimeout(None)
                self._start(self._pass_on, client, server)
                self._start(self._pass_on, server, client, client)

    def _pass_on(self, one: socket.socket, other: socket.socket, *is_down: socket.socket) -> None:
        with suppress(OSError):
            while octets := one.recv(65536):
                if not is_down and self._rest is not None:
                    self._rest -= len(octets)
                    if self._rest < 0:
                        self._rest = None
                        break
                other.sendall(octets)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if is_down:
            one.close()
            other.close()

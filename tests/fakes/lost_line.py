"""A line to a port of loopback that breaks after so many octets from the client, once."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.fakes.server import LoopbackServer


class LostLine(LoopbackServer):
    """Passes on to `target` while it is entered; `port` is where to connect."""

    def __init__(self, target: int, after: int) -> None:
        self._target = target
        self._rest: int | None = after  # of the connection that is to break

    def _serve(self, client: socket.socket) -> None:
        server = self._beyond(client, self._target)
        if server is not None:
            self._start(self._pass_on, client, server)
            self._pass_on(server, client, client)

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
            self._let_go(one, other)

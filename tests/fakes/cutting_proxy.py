"""A TCP proxy that goes mute, or cuts the connection, after so many octets of the server.

`boundaries` are the places in what the server said where a line ended: the places to cut at.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, field

from tests.fakes.server import LoopbackServer


@dataclass
class CuttingProxy(LoopbackServer):
    """Passes on to `target` (a port of loopback) while it is entered.

    `cut_after`, `mute_after`: octets from the server in one connection; None: never. `times`: so
    many connections are treated so, then no more.
    """

    target: int
    cut_after: int | None = None
    mute_after: int | None = None
    times: int = 1
    connections: int = 0
    passed: list[int] = field(default_factory=list)  # octets from the server, by connection
    boundaries: list[list[int]] = field(default_factory=list)

    def _serve(self, client: socket.socket) -> None:
        server = self._beyond(client, self.target)
        if server is None:
            return
        with self._lock:
            number = self.connections
            self.connections += 1
            self.passed.append(0)
            self.boundaries.append([])
        self._start(self._up, client, server)
        self._down(server, client, number)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._let_go(client, server)

    def _down(self, server: socket.socket, client: socket.socket, number: int) -> None:
        is_hit = number < self.times
        with suppress(OSError):
            while data := server.recv(65536):
                before = self.passed[number]
                limit = self._limit() if is_hit else None
                if limit is not None and before + len(data) >= limit:
                    client.sendall(data[: limit - before])
                    self.passed[number] = limit
                    if self.mute_after is not None:
                        while server.recv(65536):
                            pass
                    break
                client.sendall(data)
                self.boundaries[number] += [
                    before + at + 1 for at, octet in enumerate(data) if octet == 10
                ]
                self.passed[number] += len(data)
        self._let_go(client, server)

    def _limit(self) -> int | None:
        return self.cut_after if self.cut_after is not None else self.mute_after

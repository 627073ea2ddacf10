"""A TCP proxy that goes mute, or cuts the connection, after so many octets of the server.

`boundaries` are the places in what the server said where a line ended: the places to cut at.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass
class CuttingProxy:
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

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
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
        self.drop()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def drop(self) -> None:
        """Cut what is connected."""
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self.target), 10)
            except OSError:
                return
            server.settimeout(None)
            number = self.connections
            self.connections += 1
            self.passed.append(0)
            self.boundaries.append([])
            with self._lock:
                self._open |= {client, server}
            for run in (
                threading.Thread(target=self._up, args=(client, server)),
                threading.Thread(target=self._down, args=(server, client, number)),
            ):
                self._threads.append(run)
                run.start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._end(client, server)

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
        self._end(client, server)

    def _limit(self) -> int | None:
        return self.cut_after if self.cut_after is not None else self.mute_after

    def _end(self, *sockets: socket.socket) -> None:
        with self._lock:
            for one in sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
                self._open.discard(one)

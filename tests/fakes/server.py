"""A server on a free port of loopback, a thread for each connection: what fakes have in common."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class LoopbackServer:
    """Listens while it is entered; then every thread of it must end."""

    port: int

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
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
        self._threads[0].join(10)  # now nobody else comes in
        self.drop_connections()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def drop_connections(self) -> None:
        """Cut what is connected, as an idle time-out of a server would."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        """Talk with a peer, in a thread of its own; then let go of the connection."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._keep(connection)
            self._start(self._serve, connection)

    def _start(self, run: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=run, args=given, name=type(self).__name__)
        self._threads.append(thread)
        thread.start()

    def _beyond(self, client: socket.socket, target: int) -> socket.socket | None:
        """Connect a proxy to where it passes on to; None: nobody is there, its client is let go."""
        try:
            server = socket.create_connection(("127.0.0.1", target), 10)
        except OSError:
            self._let_go(client)
            return None
        server.settimeout(None)
        self._keep(server)
        return server

    def _keep(self, *connections: socket.socket) -> None:
        with self._lock:
            self._open |= set(connections)

    def _let_go(self, *connections: socket.socket) -> None:
        with self._lock:
            for one in connections:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
                self._open.discard(one)

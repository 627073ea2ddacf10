"""A line to a port of loopback that breaks when the client says a word, once.

`is_heard`: the server hears the word and answers, and nobody hears the answer.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.fakes.server import LoopbackServer


class SeveredLine(LoopbackServer):
    """Passes on to `target` while it is entered; `port` is where to connect."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._word: bytes | None = None
        self._is_heard = False

    def cut_at(self, word: bytes, *, is_heard: bool) -> None:
        """Break the next connection whose client says this."""
        self._word, self._is_heard = word, is_heard

    def _serve(self, client: socket.socket) -> None:
        server = self._beyond(client, self._target)
        if server is not None:
            is_cut = threading.Event()
            self._start(self._up, client, server, is_cut)
            with suppress(OSError):
                while (answer := server.recv(65536)) and not is_cut.is_set():
                    client.sendall(answer)
            self._let_go(server, client)

    def _up(self, client: socket.socket, server: socket.socket, is_cut: threading.Event) -> None:
        with suppress(OSError):
            while said := client.recv(65536):
                if self._word is not None and self._word in said:
                    self._word = None
                    is_cut.set()
                    if not self._is_heard:
                        break
                server.sendall(said)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

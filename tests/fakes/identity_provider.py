"""An identity provider on a real socket: device codes, tokens that rotate, and introspection.

A refresh token is good for one use; the one that it gave out is in `refresh_tokens`. `script` holds
errors (RFC 6749 words) for the next calls of the token endpoint.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs


@dataclass
class IdentityProvider:
    """Listens on a free loopback port while it is entered. Tokens are for `user`."""

    user: str = "ann"
    lifetime: int = 3600
    pending: int = 1  # times that a device code is not typed yet
    status: int = 200  # of every answer
    script: deque[str] = field(default_factory=deque)
    refresh_tokens: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)  # in every token answer

    def __enter__(self) -> Self:
        provider = self
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                form = parse_qs(self.rfile.read(length).decode())
                sent = {key: values[0] for key, values in form.items()}
                self._answer(provider.handle(self.path.partition("?")[0], sent))

            def _answer(self, said: tuple[int, dict[str, Any]]) -> None:
                body = json.dumps(said[1]).encode()
                self.send_response(said[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def handle(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer one call."""
        with self._lock:
            self.calls.append((path, form))
            if self.status != 200:
                return self.status, {}
            match path:
                case "/device":
                    return 200, {
                        "device_code": "device-1",
                        "user_code": "ABCD-EFGH",
                        "verification_uri": f"{self.url}/activate",
                        "expires_in": 60,
                        "interval": 1,
                    }
                case "/introspect":
                    is_good = form.get("token") in self.access_tokens
                    said = {"active": is_good, "email": self.user, "username": self.user}
                    return 200, said if is_good else {"active": False}
                case "/token":
                    return self._token(form)
            return 404, {"error": "not_found"}

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.script:
            error = self.script.popleft()
            return 400, {"error": error, "error_description": f"told to say {error}"}
        grant = form.get("grant_type", "")
        if grant == "refresh_token":
            if form.get("refresh_token") not in self.refresh_tokens:
                return 400, {"error": "invalid_grant", "error_description": "used or unknown"}
            self.refresh_tokens.discard(form["refresh_token"])
        elif grant.endswith("device_code") and self.pending > 0:
            self.pending -= 1
            return 400, {"error": "authorization_pending"}
        number = next(self._numbers)
        access, refresh = f"access-{number}", f"refresh-{number}"
        self.access_tokens.add(access)
        said = {"access_token": access, "token_type": "Bearer", "expires_in": self.lifetime}
        if grant != "client_credentials":
            self.refresh_tokens.add(refresh)
            said["refresh_token"] = refresh
        return 200, said | self.extra

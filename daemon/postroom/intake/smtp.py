"""The SMTP door: listeners, and the end of them.

Promise: 250 after DATA means that the mail is in the spool, on the disk; the door needs nothing
but the spool, and goes on while the database is away.
Used by: app, in the doors' event loop.
Fails:   OSError when an address cannot be listened on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import suppress

import structlog

from postroom.core.settings import LimitsTable
from postroom.core.site import Site
from postroom.intake.gate import Gate
from postroom.intake.session import SmtpSession
from postroom.spool import Spool

log = structlog.get_logger()

_BACKLOG = 128


class SmtpDoor:
    """All SMTP listeners of the daemon. `gate` holds what their connections share."""

    def __init__(self, site: Site, spool: Spool, hostname: str, limits: LimitsTable) -> None:
        self.gate = Gate(site, spool, hostname, limits)
        self.addresses: list[str] = []  # bound, with the port that a 0 became
        self._servers: list[asyncio.Server] = []
        self._sessions: set[SmtpSession] = set()
        self._is_empty = asyncio.Event()

    async def start(self, addresses: Sequence[str]) -> None:
        """Listen on each of "host:port", "[v6]:port", or "unix:/path"."""
        # aiosmtpd tells of every command at level INFO; we have our own events.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        try:
            for address in addresses:
                server = await self._listen(address)
                self._servers.append(server)
                self.addresses += [_written(item.getsockname()) for item in server.sockets]
        except BaseException:
            await self.stop(0)
            raise
        log.info("door.opened", protocol="smtp", addresses=self.addresses)

    async def stop(self, grace: float = 20.0) -> None:
        """Refuse new mail with 421, let mails in hand finish for `grace` seconds, then close."""
        self.gate.is_closing = True
        for server in self._servers:
            server.close()
        for session in [*self._sessions]:
            session.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._emptied()
        for session in [*self._sessions]:
            session.abort()
        await self._emptied()
        for server in self._servers:
            await server.wait_closed()
        for address in self.addresses:
            if address.startswith("unix:"):
                with suppress(OSError):
                    os.unlink(address.removeprefix("unix:"))  # noqa: PTH108 - no work for a thread
        log.info("door.closed", protocol="smtp", addresses=self.addresses)

    async def _listen(self, address: str) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if address.startswith("unix:"):
            path = address.removeprefix("unix:")
            server = await loop.create_unix_server(self._session, path, backlog=_BACKLOG)
            # Who may enter the folder may send mail, as with TCP on this machine.
            os.chmod(path, 0o666)  # noqa: PTH101, S103
            return server
        host, _, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        return await loop.create_server(self._session, host, int(port), backlog=_BACKLOG)

    def _session(self) -> SmtpSession:
        session = SmtpSession(self.gate, on_end=self._ended)
        self._sessions.add(session)
        self._is_empty.clear()
        return session

    def _ended(self, session: SmtpSession) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._is_empty.set()

    async def _emptied(self) -> None:
        if self._sessions:
            await self._is_empty.wait()


def _written(name: str | tuple[str, int] | tuple[str, int, int, int]) -> str:
    if isinstance(name, str):
        return f"unix:{name}"
    host, port, *_ = name
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""The door for SMTP and LMTP: listeners, and the end of them.

Promise: 250 after DATA means that the mail is in the spool, on the disk; the door needs nothing
but the spool, and goes on while the database is away.
Used by: app, in the doors' event loop.
Fails:   OSError when an address cannot be listened on.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from postroom.activation import Passed
from postroom.core.settings import LimitsTable
from postroom.core.site import Site
from postroom.intake.gate import Gate
from postroom.intake.listener import Listener
from postroom.intake.proxied import Proxied
from postroom.intake.session import Session
from postroom.spool import Spool

log = structlog.get_logger()

_BACKLOG = 128


class SmtpDoor:
    """All listeners of the daemon. `gate` holds what their connections share."""

    def __init__(self, site: Site, spool: Spool, hostname: str, limits: LimitsTable) -> None:
        self.gate = Gate(site, spool, hostname, limits)
        self.addresses: list[str] = []  # bound, with the port that a 0 became
        self._listeners: Sequence[Listener] = ()
        self._servers: list[asyncio.Server] = []
        self._made: dict[str, int] = {}  # paths of sockets that are ours to remove, with inodes
        self._connections: set[Session | Proxied] = set()
        self._is_empty = asyncio.Event()

    async def start(self, listeners: Sequence[Listener], passed: Passed | None = None) -> None:
        """Listen on each of them; `passed` are the sockets that "systemd:NAME" means."""
        # aiosmtpd tells of every command at level INFO; we have our own events.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self._listeners = listeners
        try:
            for listener in listeners:
                for server in await self._listen(listener, passed or {}):
                    self._servers.append(server)
                    bound = [_written(item.getsockname()) for item in server.sockets]
                    self.addresses += bound
                    log.info(
                        "door.opened",
                        protocol=listener.protocol,
                        tls=listener.tls,
                        addresses=bound,
                    )
        except BaseException:
            await self.stop(0)
            raise

    def reload(self) -> None:
        """Read the certificates again, for connections to come; a bad pair keeps the old one."""
        for certificate in {item.certificate for item in self._listeners if item.certificate}:
            try:
                certificate.reload()
            except ValueError as error:
                log.error("certificate.refused", why=str(error))  # noqa: TRY400 - words suffice
            else:
                log.info("certificate.loaded", file=str(certificate))

    async def stop(self, grace: float = 20.0) -> None:
        """Refuse new mail with 421, let mails in hand finish for `grace` seconds, then close."""
        self.gate.is_closing = True
        for server in self._servers:
            server.close()
        for connection in [*self._connections]:
            connection.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._emptied()
        for connection in [*self._connections]:
            connection.abort()
        await self._emptied()
        for server in self._servers:
            await server.wait_closed()
        for path, inode in self._made.items():
            with suppress(OSError):
                if os.lstat(path).st_ino == inode:
                    os.unlink(path)  # noqa: PTH108 - no work for a thread
        log.info("door.closed", addresses=self.addresses)

    async def _listen(self, listener: Listener, passed: Passed) -> list[asyncio.Server]:
        loop = asyncio.get_running_loop()
        begin = self._beginning(listener)
        kind, _, name = listener.address.partition(":")
        if kind == "systemd":
            sockets = _passed_sockets(name, passed)
            return [await loop.create_server(begin, sock=one) for one in sockets]
        if kind == "unix":
            _refuse_taken(name)
            server = await loop.create_unix_server(begin, name, backlog=_BACKLOG)
            self._made[name] = os.lstat(name).st_ino
            # Who may enter the folder may send mail, as with TCP on this machine.
            os.chmod(name, 0o666)  # noqa: PTH101, S103
            return [server]
        host, _, port = listener.address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        return [await loop.create_server(begin, host, int(port), backlog=_BACKLOG)]

    def _beginning(self, listener: Listener) -> Callable[[], Session | Proxied]:
        """Return what makes the protocol of a new connection."""

        def direct(peer: str | None = None) -> Session:
            session = Session(self.gate, listener, self._ended, peer)
            self._begun(session)
            return session

        def proxied() -> Proxied:
            waiting = Proxied(self.gate, listener.proxies, direct, self._ended)
            self._begun(waiting)
            return waiting

        return proxied if listener.proxies else direct

    def _begun(self, connection: Session | Proxied) -> None:
        self._connections.add(connection)
        self._is_empty.clear()

    def _ended(self, connection: Session | Proxied) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._is_empty.set()

    async def _emptied(self) -> None:
        if self._connections:
            await self._is_empty.wait()


def _passed_sockets(name: str, passed: Passed) -> list[socket.socket]:
    """Return the listening sockets that systemd calls so."""
    if name not in passed:
        others = ", ".join(sorted(passed)) or "none at all"
        words = f"systemd:{name}: systemd passed no socket of that name, but {others}"
        raise OSError(errno.ENOENT, words)
    return [_listening(name, number) for number in passed[name]]


def _refuse_taken(path: str) -> None:
    """Raise OSError if somebody listens there: asyncio takes a dead socket's place, or a living
    one's, whose mail would come to us from then on."""
    with socket.socket(socket.AF_UNIX) as one:
        one.setblocking(False)
        try:
            one.connect(path)
        except BlockingIOError:
            pass  # alive, and busy
        except OSError:
            return
    raise OSError(errno.EADDRINUSE, f"unix:{path}: another process listens there")


def _listening(name: str, descriptor: int) -> socket.socket:
    words = f"systemd:{name} is no listening stream socket (Accept= must be no)"
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTSOCK, words)
    one = socket.socket(fileno=descriptor)
    is_listening = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if one.type != socket.SOCK_STREAM or not is_listening:
        one.close()
        raise OSError(errno.EINVAL, words)
    return one


def _written(name: str | bytes | tuple[str, int] | tuple[str, int, int, int]) -> str:
    if isinstance(name, bytes):  # of Linux' abstract name space
        return f"unix:@{name[1:].decode(errors='replace')}"
    if isinstance(name, str):
        return f"unix:{name}"
    host, port, *_ = name
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

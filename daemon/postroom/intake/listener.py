"""One place where mail is taken in: its address, what is spoken there, and how it is encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postroom.certificates import Certificate
from postroom.config import Config
from postroom.core.settings import ListenTable, TlsMode


@dataclass(frozen=True, slots=True)
class Listener:
    """One [[listen]]. `proxies`: who must say for whom it speaks; none: everybody for himself."""

    address: str
    protocol: Literal["smtp", "lmtp"] = "smtp"
    tls: TlsMode = "none"
    require_tls: bool = False
    certificate: Certificate | None = None
    proxies: tuple[str, ...] = ()


def listeners_of(config: Config) -> list[Listener]:
    """Return the listeners of a config. ValueError: a certificate has become unreadable."""
    return [_listener(config, table) for table in config.listen]


def _listener(config: Config, table: ListenTable) -> Listener:
    return Listener(
        address=table.address,
        protocol=table.protocol,
        tls=table.tls_mode,
        require_tls=table.require_tls,
        certificate=config.certificate(table),
        proxies=tuple(table.proxies) if table.proxy_protocol else (),
    )

"""`postroom check --online`: what only the world outside can say, each part bounded in time.

Promise: nothing is changed and nobody gets mail, but for one mail to each mailbox of ours, which
the pipeline knows and ignores (`roundtrip`). A part that cannot find out says so; none raises.
Used by: cli.
"""

from __future__ import annotations

import ipaddress
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from postroom import clock
from postroom.certificates import expiry_of
from postroom.config import Config, load_signing_key
from postroom.core.settings import ListenTable
from postroom.dns import Inquiry, Resolver
from postroom.errors import Unavailable
from postroom.mail.signing import SigningKey, record_of, sign
from postroom.work.relay import Probe, SmtpRelay
from postroom.work.signatures import check_signatures, cut_mail
from postroom.work.spf import check_host
from postroom.work.transport import Transport
from postroom.work.vouching import dmarc_records

_EXPIRES_SOON = timedelta(days=14)
_ROOM = 10  # times disk_reserve
_DOMAINS = 10  # of mailboxes that are looked at


class State(StrEnum):
    """How a part stands."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands, what was seen, and what mends it."""

    what: str
    state: State
    seen: str
    mend: str = ""


# The relay


def inspect_relay(config: Config, transport: Transport, now: datetime) -> Iterator[Finding]:
    """Say to the relay what comes before a mail, and take it back."""
    what = f"relay {config.outgoing.relay}"
    if not isinstance(transport, SmtpRelay):
        seen = "mail goes into a folder, to nobody"
        mend = '[outgoing] relay = "smtp://…" when you no longer try out'
        yield Finding(what, State.WARNING, seen, mend)
        return
    address = config.mailbox[0].address
    try:
        probe = transport.probe(address, address)
    except Unavailable as error:
        yield Finding(what, State.FAILED, str(error), _mend_relay(str(error)))
        return
    yield from _told(what, probe, address, now)


def _mend_relay(said: str) -> str:
    words = said.lower()
    for mark, mend in (
        ("refused", "is the relay running, and [outgoing] relay its host and port?"),
        ("name or service", "[outgoing] relay names a host that there is not"),
        ("no starttls", "let the relay offer STARTTLS, or use smtps://"),
        (
            "certificate",
            "name the authority in [outgoing] ca_file, or mend the relay's certificate",
        ),
        ("535", "[outgoing] user and password_file are not what the relay knows"),
        ("timed out", "a firewall may stand between; many providers block port 25: try 587"),
    ):
        if mark in words:
            return mend
    return "see [outgoing] in config.toml, and the relay's log"


def _told(what: str, probe: Probe, address: str, now: datetime) -> Iterator[Finding]:
    said = f"{probe.encryption}; {'logged in; ' if probe.is_logged_in else ''}"
    if probe.refusal is None:
        yield Finding(what, State.OK, f"{said}takes mail from and to {address}")
    elif probe.refusal.startswith("4"):
        mend = "it may do so for a while only (greylisting); see its log if it stays"
        yield Finding(what, State.WARNING, f"{said}it says {probe.refusal}", mend)
    else:
        mend = f"let the relay take mail from {address}: Postfix: mynetworks, or a log-in"
        yield Finding(what, State.FAILED, f"{said}it refuses: {probe.refusal}", mend)
    if probe.expires_at is not None:
        yield _expiry(f"certificate of {what}", probe.expires_at, now)


def _expiry(what: str, at: datetime, now: datetime) -> Finding:
    seen = f"valid until {at:%Y-%m-%d}"
    if at <= now:
        return Finding(what, State.FAILED, f"expired on {at:%Y-%m-%d}", "renew it")
    if at <= now + _EXPIRES_SOON:
        return Finding(what, State.WARNING, seen, "renew it, then send the daemon SIGHUP")
    return Finding(what, State.OK, seen)


# Names


def inspect_names(config: Config) -> Iterator[Finding]:
    """Ask the DNS what it says of the domains of our mailboxes."""
    domains = dict.fromkeys(table.address.rpartition("@")[2].lower() for table in config.mailbox)
    resolver = Resolver(
        config.dns.addresses,
        query_seconds=config.dns.timeout.total_seconds(),
        mail_seconds=config.dns.total.total_seconds(),
    )
    peer = _public_address(config)
    key = load_signing_key(config)
    signed = {domain.lower() for domain in config.dkim.domains} if config.dkim is not None else ()
    for domain in list(domains)[:_DOMAINS]:
        inquiry = resolver.inquiry()
        try:
            yield _mx(domain, inquiry)
            yield _spf(domain, peer, inquiry)
            yield _dmarc(domain, inquiry)
            if key is not None and (domain in signed or not signed):
                yield _dkim(domain, key, inquiry)
        except Unavailable as error:
            mend = "see [dns] in config.toml and /etc/resolv.conf"
            yield Finding(f"DNS of {domain}", State.WARNING, f"could not be asked: {error}", mend)


def _mx(domain: str, inquiry: Inquiry) -> Finding:
    found = [item for item in inquiry.ask(domain, "MX") if isinstance(item, tuple)]
    what = f"MX of {domain}"
    if found:
        return Finding(what, State.OK, ", ".join(host for _, host in sorted(found)))
    mend = f"{domain}. MX 10 mail.{domain}. – else customers' mail does not come"
    return Finding(what, State.WARNING, "there is no MX record", mend)


def _spf(domain: str, peer: str | None, inquiry: Inquiry) -> Finding:
    what = f"SPF of {domain}"
    texts = [text for text in inquiry.texts(domain) if text.lower().startswith(b"v=spf1")]
    where = f"ip4:{peer}" if peer is not None and ":" not in peer else "ip4:ADDRESS-OF-YOUR-RELAY"
    mend = f'{domain}. TXT "v=spf1 mx {where} -all"'
    if not texts:
        words = "there is no record: what you send may be taken for forged"
        return Finding(what, State.WARNING, words, mend)
    if len(texts) > 1:
        return Finding(what, State.FAILED, "there are two records, which count as none", mend)
    written = texts[0].decode("ascii", "replace")
    if peer is None:
        seen = f"{written} (the relay's address outside is not known here: see that it is in it)"
        return Finding(what, State.OK, seen)
    result = check_host(peer, f"postmaster@{domain}", domain, inquiry)
    if result == "pass":
        return Finding(what, State.OK, f"{written}: the relay, {peer}, is in it")
    state = State.FAILED if result in ("fail", "permerror") else State.WARNING
    return Finding(what, state, f"{written}: {result} for the relay, {peer}", mend)


def _dmarc(domain: str, inquiry: Inquiry) -> Finding:
    what = f"DMARC of {domain}"
    records, _ = dmarc_records(domain, inquiry)
    if len(records) == 1:
        return Finding(what, State.OK, f"p={records[0].policy}")
    seen = "there is no record" if not records else "there are several records: they count as none"
    mend = f'_dmarc.{domain}. TXT "v=DMARC1; p=quarantine" – else forged mail in your name passes'
    return Finding(what, State.WARNING, seen, mend)


def _dkim(domain: str, key: SigningKey, inquiry: Inquiry) -> Finding:
    """Sign a mail, and check it as whoever gets it would."""
    what = f"DKIM of {domain}"
    text = f"From: postmaster@{domain}\r\nSubject: a probe\r\n\r\nA probe.\r\n"
    cut = cut_mail(sign(text.encode("ascii"), domain, key, clock.now()))
    [found] = check_signatures(cut, lambda _: True, inquiry) if cut is not None else []
    if found.result == "pass":
        return Finding(what, State.OK, f"what {key.selector} signs is good")
    mend = f'{key.selector}._domainkey.{domain}. TXT "{record_of(key)}"'
    return Finding(what, State.FAILED, f"what {key.selector} signs is not: {found.why}", mend)


def _public_address(config: Config) -> str | None:
    """Return the address that the relay sends from, if that can be known from here."""
    host = config.outgoing.endpoint.host
    if not host:
        return None
    with suppress(OSError, ValueError):
        for *_, place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            if address.is_global:
                return str(address)
    return None


# This machine


def inspect_machine(config: Config, now: datetime) -> Iterator[Finding]:
    """Look at the disk and at our own certificates."""
    place = config.data
    while not place.exists():
        place = place.parent
    free, reserve = shutil.disk_usage(place).free, config.limits.disk_reserve
    seen = f"{free // 10**6} MB are free"
    if free <= reserve:
        mend = f"make room on the disk of {place}: mail is refused now (disk_reserve)"
        yield Finding("disk", State.FAILED, seen, mend)
    elif free <= _ROOM * reserve:
        mend = f"make room on the disk of {place}: below {reserve // 10**6} MB mail is refused"
        yield Finding("disk", State.WARNING, seen, mend)
    else:
        yield Finding("disk", State.OK, seen)
    for table in config.listen:
        if (found := _own_certificate(config, table)) is not None:
            yield _expiry(f"certificate of {table.address}", found, now)


def _own_certificate(config: Config, table: ListenTable) -> datetime | None:
    """Return until when a listener's certificate is valid."""
    if table.certificate_file is None:
        return None
    return expiry_of(config.secret_path(table.certificate_file))

"""Whether a mail is from whom it says: by the word of our own relays, or as work.vouching found.

DESIGN section 6, sender verdict. An IP address alone grants nothing: it only says whose headers
may be read.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from postroom.core.facts import Arrival
from postroom.core.imap import source_of
from postroom.core.model import SenderVerdict, Verdict
from postroom.core.site import Site
from postroom.mail.address import domain_of
from postroom.mail.auth import read_topmost, read_verdict


def judge_sender(arrival: Arrival, site: Site) -> SenderVerdict:
    """Judge the From domain of a mail.

    By the Authentication-Results of our own relays; for mail straight from the internet, and for
    one that is decided again, as was found when it came in.
    """
    if arrival.evaluated is not None:
        return arrival.evaluated
    if arrival.is_vouched:
        return SenderVerdict(Verdict.PASS, "registered by a handler")
    if arrival.mail.from_ is None:
        return SenderVerdict(Verdict.NONE, "no From")
    # What was fetched has passed our provider, who writes above all that strangers wrote.
    is_handed = arrival.envelope.transport in ("cli", "imap")
    if not is_relay(arrival.envelope.peer, site) and not is_handed:
        return SenderVerdict(Verdict.NONE, "not by one of our relays")
    headers, domain = arrival.mail.headers, domain_of(arrival.mail.from_.address)
    if believed := _topmost_believed(arrival, site):
        verdict, evidence = read_topmost(headers, domain, believed)
    else:
        verdict, evidence = read_verdict(
            headers, domain, site.authserv_ids, lambda peer: is_relay(peer, site)
        )
    return SenderVerdict(Verdict(verdict), evidence)


def _topmost_believed(arrival: Arrival, site: Site) -> tuple[str, ...]:
    """Return whose topmost results are believed where a mail was fetched; (): only the border."""
    envelope = arrival.envelope
    if envelope.transport != "imap":
        return ()
    return site.topmost_results.get(source_of(envelope.source), ())


def needs_evaluation(arrival: Arrival, site: Site) -> bool:
    """Whether nobody of ours has judged the sender: the mail comes straight from the internet."""
    if arrival.evaluated is not None or arrival.is_vouched or arrival.mail.from_ is None:
        return False
    envelope = arrival.envelope
    return (
        envelope.transport in {"smtp", "lmtp"}
        and _is_address(envelope.peer)
        and not is_relay(envelope.peer, site)
    )


def is_relay(peer: str, site: Site) -> bool:
    """Whether a peer (an IP address, or "unix") is one of our own mail servers."""
    return is_among(peer, site.relays)


@lru_cache(maxsize=4096)
def is_among(peer: str, networks: tuple[str, ...]) -> bool:
    """Whether a peer is in one of these networks, or "unix" and that is named."""
    if peer in networks:
        return True
    try:
        ip = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(_contains(network, ip) for network in networks)


def _is_address(peer: str) -> bool:
    try:
        ipaddress.ip_address(peer)
    except ValueError:
        return False
    return True


def _contains(network: str, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return ip in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False

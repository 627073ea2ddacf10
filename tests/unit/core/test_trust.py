"""Whose word counts about a sender: that of our own relays, standing where they wrote it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.core.builders import arrival, sender, site

from postroom.core.facts import Arrival
from postroom.core.imap import source_key
from postroom.core.model import SenderVerdict, Verdict
from postroom.core.site import Site
from postroom.core.trust import is_relay, judge_sender, needs_evaluation

OURS = site(
    authserv_ids=("mx.example.com",), relays=("10.0.0.0/8", "192.0.2.7", "::1", "unix", "nonsense")
)
RECEIVED = ("Received", "from out.example.net (out.example.net [203.0.113.9]) by mx.example.com; x")


def results(words: str, host: str = "mx.example.com") -> tuple[str, str]:
    return "Authentication-Results", f"{host}; {words}"


def came(*headers: tuple[str, str], peer: str = "10.0.0.1", **more: object) -> Arrival:
    return arrival(headers=headers, peer=peer, **more)


PASS = results("dmarc=pass header.from=example.net")


@pytest.mark.parametrize(
    ("verdict", "given"),
    [
        ("pass", came(PASS, RECEIVED)),
        ("pass", came(PASS, RECEIVED, peer="unix")),
        ("pass", came(PASS, RECEIVED, peer="", transport="cli")),  # fed by hand
        ("fail", came(results("dmarc=fail header.from=example.net"), RECEIVED)),
        ("none", came(results("spf=pass smtp.mailfrom=example.net"), RECEIVED)),
        ("none", came(RECEIVED)),
        ("none", came(results("dmarc=pass header.from=example.net", "mx.evil.example"), RECEIVED)),
        ("none", came(results("dmarc=pass header.from=evil.example"), RECEIVED)),
        # Below what our relay wrote, anybody may have written it.
        ("none", came(RECEIVED, PASS)),
        # From elsewhere nothing is believed, whatever it says.
        ("none", came(PASS, RECEIVED, peer="203.0.113.9")),
        ("none", came(PASS, RECEIVED, peer="")),
        ("none", came(PASS, RECEIVED, from_=None)),
        ("pass", came(RECEIVED, is_vouched=True, peer="203.0.113.9")),
    ],
)
def test_verdict(verdict: str, given: Arrival) -> None:
    assert verdict == judge_sender(given, OURS).verdict


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_was_found_when_the_mail_came_in_counts(verdict: Verdict) -> None:
    found = SenderVerdict(verdict, "evaluated here: dmarc=pass")
    assert found == judge_sender(came(PASS, RECEIVED, evaluated=found, peer="203.0.113.9"), OURS)
    # A mail of a relay that is decided again: it was judged before.
    assert found == judge_sender(came(PASS, RECEIVED, evaluated=found), OURS)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (True, came(peer="203.0.113.9")),
        (True, came(peer="2001:db8::1", transport="lmtp")),
        (False, came(peer="10.0.0.1")),
        (False, came(peer="unix")),
        (False, came(peer="")),
        (False, came(peer="203.0.113.9", transport="cli")),
        (False, came(peer="203.0.113.9", from_=None)),
        (False, came(peer="203.0.113.9", is_vouched=True)),
        (False, came(peer="203.0.113.9", evaluated=SenderVerdict(Verdict.PASS, ""))),
    ],
)
def test_only_mail_straight_from_the_internet_is_looked_up(expected: bool, given: Arrival) -> None:
    assert expected is needs_evaluation(given, OURS)


def test_an_address_alone_grants_nothing() -> None:
    assert (
        judge_sender(came(peer="10.0.0.1", from_=sender("eva@example.com")), OURS).verdict == "none"
    )


@pytest.mark.parametrize(
    ("expected", "peer"),
    [
        (True, "10.1.2.3"),
        (True, "192.0.2.7"),
        (True, "unix"),
        (True, "::1"),
        (False, "192.0.2.8"),
        (False, "::2"),
        (False, ""),
        (False, "mx.example.com"),
    ],
)
def test_relay(expected: bool, peer: str) -> None:
    assert expected is is_relay(peer, OURS)


def test_topmost_results_are_believed_where_that_was_said_and_nowhere_else() -> None:
    source = "imap://support@imap.example.com:993/INBOX"
    said = site(authserv_ids=("mx.example.com",), topmost_results={source: ("mx.google.com",)})
    given = came(RECEIVED, results("dmarc=pass header.from=example.net", "mx.google.com"), PASS)

    def verdict(transport: str, key: str) -> Verdict:
        envelope = replace(given.envelope, transport=transport, source=key, peer="127.0.0.1")
        return judge_sender(replace(given, envelope=envelope), said).verdict

    here = source_key(source, 7, 9)
    assert "pass" == verdict("imap", here)
    assert "none" == verdict("imap", source_key(source + "2", 7, 9))
    assert "none" == verdict("imap", "")
    assert "none" == verdict("smtp", here)
    assert "none" == verdict("cli", here)


def test_without_a_host_of_ours_nobody_is_believed() -> None:
    plain: Site = site()
    assert judge_sender(came(PASS, RECEIVED, peer="127.0.0.1"), plain).verdict == "none"

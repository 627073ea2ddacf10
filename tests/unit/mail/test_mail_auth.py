"""Whose word counts about the sender."""

from __future__ import annotations

import pytest

from postroom.mail.auth import read_verdict

OURS = "mx.example.com"
OUTSIDE = ("Received", "from evil.example (evil.example [203.0.113.9]) by mx.example.com; now")
INSIDE = ("Received", "from mx.example.com (mx.example.com [10.0.0.1]) by box.example.com; now")
LMTP = ("Received", "from mx.example.com by box.example.com with LMTP id 1; now")


def is_relay(peer: str) -> bool:
    return peer.startswith(("127.", "10.")) or peer == "unix"


def ar(results: str, server: str = OURS) -> tuple[str, str]:
    return ("Authentication-Results", f"{server}; {results}")


def verdict(*headers: tuple[str, str], domain: str = "kunde.example") -> str:
    return read_verdict(headers, domain, [OURS], is_relay)[0]


PASS = "dmarc=pass header.from=kunde.example"


@pytest.mark.parametrize(
    ("expected", "results"),
    [
        ("pass", PASS),
        ("pass", "DMARC=Pass (p=reject dis=none) header.from=Kunde.Example"),
        ("pass", "spf=fail smtp.mailfrom=x@y.example; dmarc = pass header.from = kunde.example"),
        ("none", "dmarc=pass header.from=other.example"),
        ("fail", "dmarc=fail (p=none) header.from=kunde.example"),
        ("none", "dmarc=none header.from=kunde.example"),
        ("none", "none"),
        ("none", ""),
        ("none", "spf=pass smtp.mailfrom=ann@kunde.example"),
        ("pass", "dkim=pass header.d=kunde.example header.s=k1"),
        ("pass", "dkim=pass header.i=@kunde.example"),
        ("none", "dkim=pass header.d=sub.kunde.example"),
        ("none", "dkim=pass header.d=example"),
        ("none", "dkim=fail header.d=kunde.example"),
        ("pass", "auth=pass smtp.auth=ann@kunde.example"),
        ("none", "auth=pass smtp.auth=ann"),
        ("pass", "auth=pass smtp.auth=ann smtp.mailfrom=ann@kunde.example"),
        ("none", "auth=pass smtp.auth=eve@other.example"),
        # What a stranger puts into his own addresses stays inside quotes and comments.
        ("none", 'spf=pass smtp.mailfrom="x; dmarc=pass header.from=kunde.example"'),
        ("none", "spf=pass (x; dmarc=pass header.from=kunde.example) smtp.mailfrom=x@y.example"),
        ("none", "spf=pass smtp.mailfrom=dmarc=pass"),
        ("none", 'x="dmarc=pass"'),
        ("none", "((((("),
        ("none", '"'),
        ("none", "=;=;==="),
    ],
)
def test_results_of_our_server(expected: str, results: str) -> None:
    assert expected == verdict(ar(results), OUTSIDE)


def test_subdomain_is_signed_by_its_parent() -> None:
    signed = ar("dkim=pass header.d=kunde.example")
    assert "pass" == verdict(signed, OUTSIDE, domain="mail.kunde.example")


def test_fail_outweighs_pass() -> None:
    assert "fail" == verdict(ar("dkim=pass header.d=kunde.example"), ar("dmarc=fail"), OUTSIDE)


def test_forged_result_below_the_border_is_nobodys_word() -> None:
    assert "none" == verdict(OUTSIDE, ar(PASS))
    assert "none" == verdict(("Received", "by mx.example.com (Postfix, from userid 33)"), ar(PASS))


def test_forged_received_below_the_border_changes_nothing() -> None:
    assert "none" == verdict(OUTSIDE, INSIDE, ar(PASS), OUTSIDE)


def test_result_stays_visible_behind_our_own_handovers() -> None:
    assert "pass" == verdict(LMTP, INSIDE, ar(PASS), OUTSIDE)


def test_name_in_helo_makes_nobody_our_relay() -> None:
    helo = ("Received", "from [10.0.0.1] (evil.example [203.0.113.9]) by mx.example.com; now")
    assert "none" == verdict(helo, ar(PASS), OUTSIDE)


def test_other_servers_do_not_count() -> None:
    assert "none" == verdict(ar(PASS, "mx.evil.example"), ar(PASS, "mx.example.com.evil"), OUTSIDE)
    assert "pass" == verdict(ar(PASS, "MX.example.com 1"), OUTSIDE)
    assert "none" == read_verdict([ar(PASS), OUTSIDE], "kunde.example", [], is_relay)[0]
    assert "none" == verdict(ar("dmarc=pass"), OUTSIDE, domain="")


def test_without_a_border_nothing_counts() -> None:
    assert "none" == verdict(ar(PASS))
    assert "none" == verdict(INSIDE, ar(PASS))


def test_evidence_names_the_result() -> None:
    found = read_verdict([ar(PASS), OUTSIDE], "kunde.example", [OURS], is_relay)
    assert ("pass", "mx.example.com: dmarc=pass header.from=kunde.example") == found

"""Who vouches for mail straight from the internet: real signatures, a real DNS on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count

import dkim
import pytest
from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.dkim_keys import Key, ed25519_key, rsa_key
from tests.fakes.dns_server import DnsServer, Quirk

from postroom.core.model import SenderVerdict
from postroom.dns import Resolver
from postroom.mail import signing
from postroom.mail.message import Envelope
from postroom.mail.parse import read_mail
from postroom.mail.signing import hash_body
from postroom.work import signatures, vouching
from postroom.work.vouching import Voucher, evaluate, organisation_of, to_ascii

HOST, ELSEWHERE = "192.0.2.1", "203.0.113.9"
SPF = "v=spf1 ip4:192.0.2.0/24 -all"
REJECT = "v=DMARC1; p=reject"
LOCAL_MAIL = (
    b"From: Ann Berg <ann@example.net>\r\n"
    b"To: support@example.com\r\n"
    b"Subject: How do I pay?\r\n"
    b"Message-ID: <1@example.net>\r\n"
    b"Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
    b"\r\n"
    b"Hello,  there\r\n\r\n\r\n"
)


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


def publish(server: DnsServer, **texts: str) -> None:
    """Set TXT records of example.net: `dmarc`, `spf`, `key`."""
    names = {
        "dmarc": "_dmarc.example.net",
        "spf": "example.net",
        "key": "k1._domainkey.example.net",
    }
    for kind, text in texts.items():
        server.zone[names[kind]] = {"TXT": [text]}


def judge(
    server: DnsServer,
    raw: bytes = LOCAL_MAIL,
    peer: str = HOST,
    sender: str = "ann@example.net",
    helo: str = "mx.example.net",
) -> SenderVerdict:
    envelope = Envelope(
        sender, ("support@example.com",), "smtp", "support", datetime.now(UTC), peer, {"HELO": helo}
    )
    resolver = Resolver([server.address], query_seconds=0.5, mail_seconds=1.0)
    return evaluate(raw, envelope, read_mail(raw), resolver.inquiry())


def from_(address: str, raw: bytes = LOCAL_MAIL) -> bytes:
    return raw.replace(b"Ann Berg <ann@example.net>", address.encode())


# ---- SPF


@pytest.mark.parametrize(
    ("expected", "dmarc", "record", "peer"),
    [
        ("pass", REJECT, SPF, HOST),
        ("pass", "", SPF, HOST),
        ("fail", REJECT, SPF, ELSEWHERE),
        ("fail", "v=DMARC1; p=quarantine", SPF, ELSEWHERE),
        ("none", "v=DMARC1; p=none", SPF, ELSEWHERE),
        ("pass", "v=DMARC1; p=none", SPF, HOST),
        ("none", "", SPF, ELSEWHERE),
        ("fail", REJECT, "v=spf1 ~all", HOST),
        ("fail", REJECT, "v=spf1 ?all", HOST),
        ("fail", REJECT, "v=spf1 nonsense -all", HOST),
        ("fail", REJECT, "not spf", HOST),
        # The percentage that the owner spares gets the next milder policy.
        ("none", "v=DMARC1; p=quarantine; pct=0", SPF, ELSEWHERE),
        ("fail", "v=DMARC1; p=reject; pct=0", SPF, ELSEWHERE),
        ("none", "v=DMARC1; p=quarantine; t=y", SPF, ELSEWHERE),
        ("fail", "v=DMARC1; p=REJECT ; x", SPF, ELSEWHERE),
        ("none", "v=DMARC1; p=nonsense", SPF, ELSEWHERE),
        ("none", "v=DMARC1", SPF, ELSEWHERE),
        ("none", "p=reject; v=DMARC1", SPF, ELSEWHERE),
        ("none", "v=DMARC10; p=reject", SPF, ELSEWHERE),
        ("fail", "v = DMARC1 ;p = reject", SPF, ELSEWHERE),
        # The domain's own servers may have other addresses.
        ("pass", REJECT, "v=spf1 ip6:2001:db8::/32 -all", "2001:db8::7"),
        ("pass", REJECT, SPF, "::ffff:192.0.2.1"),
    ],
)
def test_spf(server: DnsServer, expected: str, dmarc: str, record: str, peer: str) -> None:
    publish(server, dmarc=dmarc or "unrelated", spf=record)
    assert expected == judge(server, peer=peer).verdict


def test_spf_follows_other_names(server: DnsServer) -> None:
    server.zone |= {
        "_dmarc.example.net": {"TXT": [REJECT]},
        "example.net": {"TXT": ["v=spf1 redirect=spf.example.org"]},
        "spf.example.org": {
            "TXT": ["v=spf1 include:alias.example.org mx a:a.example.org ptr -all"]
        },
        "alias.example.org": {"CNAME": ["real.example.org."]},
        "real.example.org": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
        "spf.example.org.": {},
        "a.example.org": {"A": ["192.0.2.3"], "AAAA": ["2001:db8::3"]},
        "mx.example.org": {"A": ["192.0.2.2"], "AAAA": ["2001:db8::2"]},
        "4.2.0.192.in-addr.arpa": {"PTR": ["host.spf.example.org."]},
        "host.spf.example.org": {"A": ["192.0.2.4"]},
    }
    server.zone["spf.example.org"]["MX"] = ["10 mx.example.org."]
    verdicts = [judge(server, peer=f"192.0.2.{n}").verdict for n in (1, 2, 3, 4, 5)]
    assert ["pass", "pass", "pass", "pass", "fail"] == verdicts


@pytest.mark.parametrize(
    ("word", "record"),
    [
        ("permerror", "v=spf1 " + " ".join(f"a:a{n}.example.net" for n in range(11)) + " -all"),
        ("permerror", "v=spf1 include:loop.example.net -all"),
        ("permerror", "v=spf1 redirect=loop.example.net"),
        ("permerror", "v=spf1 a:void1.example a:void2.example a:void3.example ip4:192.0.2.1 -all"),
        ("permerror", "v=spf1 a:%{l99999}%{zz} -all"),
        ("permerror", "v=spf1 ip4:192.0.2.1/99 -all"),
        ("fail", "v=spf1 a:void1.example a:void2.example -all"),
        ("fail", "v=spf1 exists:%{ir}.%{v}.%{l1r-}.%{d2}.example exp=exp.example.net -all"),
        ("fail", "v=spf1 a:" + "%{s}" * 500 + ".example -all"),
    ],
)
def test_spf_has_limits(server: DnsServer, word: str, record: str) -> None:
    publish(server, dmarc=REJECT, spf=record)
    server.zone["loop.example.net"] = {"TXT": ["v=spf1 include:loop2.example.net -all"]}
    server.zone["loop2.example.net"] = {"TXT": ["v=spf1 include:loop.example.net -all"]}
    for number in range(11):
        server.zone[f"a{number}.example.net"] = {"A": ["198.51.100.1"]}
    found = judge(server)
    assert f"spf={word} " in found.evidence
    assert "fail" == found.verdict


def test_explanation_is_not_fetched(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, spf="v=spf1 exp=exp.example.net -all")
    judge(server)
    assert 0 == server.count("exp.example.net")


def test_null_sender_is_judged_by_helo(server: DnsServer) -> None:
    publish(server, dmarc=REJECT)
    server.zone["mx.example.net"] = {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}
    assert "pass" == judge(server, sender="").verdict
    assert "fail" == judge(server, sender="", peer=ELSEWHERE).verdict
    for helo in ("", "[192.0.2.1]", "localhost", "x" * 300, "mx..net", "ü\x7f"):
        assert "fail" == judge(server, sender="", helo=helo).verdict


def test_spf_of_another_domain_is_not_even_asked_for(server: DnsServer) -> None:
    publish(server, dmarc=REJECT)
    server.zone["evil.example"] = {"TXT": ["v=spf1 +all"]}
    found = judge(server, sender="eve@evil.example")
    assert ("fail", 0) == (found.verdict, server.count("evil.example"))
    assert "spf=unaligned" in found.evidence


# ---- DKIM


@pytest.mark.parametrize("key", [rsa_key, ed25519_key])
@pytest.mark.parametrize("canonical", ["simple", "relaxed"])
def test_signature(server: DnsServer, key: Key, canonical: str) -> None:
    signed = key().sign(LOCAL_MAIL, "example.net", canonical=canonical)  # type: ignore[operator]
    publish(server, dmarc=REJECT, key=key().record)  # type: ignore[operator]
    found = judge(server, signed, ELSEWHERE)
    assert "pass" == found.verdict
    assert (
        "evaluated here: dmarc=pass (p=reject) dkim=pass header.d=example.net"
        " header.from=example.net" == found.evidence
    )
    for broken in (
        signed.replace(b"there", b"where"),
        signed.replace(b"How do I", b"Why do I"),
        from_("bob@example.net", signed),
        signed + b"P.S.\r\n",
    ):
        assert "fail" == judge(server, broken, ELSEWHERE).verdict
    assert "pass" == judge(server, b"Received: by us\r\n" + signed + b"\r\n\r\n", ELSEWHERE).verdict


def test_signature_of_a_domain_without_dmarc(server: DnsServer) -> None:
    publish(server, key=rsa_key().record)
    signed = rsa_key().sign(LOCAL_MAIL, "example.net")
    assert "pass" == judge(server, signed, ELSEWHERE).verdict
    assert "none" == judge(server, signed + b"P.S.\r\n", ELSEWHERE).verdict
    # A parent speaks for its children, not a child for its parent.
    child = rsa_key().sign(from_("ann@sub.example.net"), "example.net")
    assert "pass" == judge(server, child, ELSEWHERE).verdict
    server.zone["k1._domainkey.sub.example.net"] = {"TXT": [rsa_key().record]}
    parent = rsa_key().sign(LOCAL_MAIL, "sub.example.net")
    assert "none" == judge(server, parent, ELSEWHERE).verdict


@pytest.mark.parametrize(
    ("expected", "signer", "dmarc"),
    [
        ("pass", "mail.example.net", REJECT),
        ("pass", "mail.example.net", f"{REJECT}; adkim=r"),
        ("fail", "mail.example.net", f"{REJECT}; adkim=s"),
        ("pass", "example.net", f"{REJECT}; adkim=s; aspf=s"),
        ("fail", "evil.example", REJECT),
        ("fail", "net", REJECT),
    ],
)
def test_alignment_of_signatures(server: DnsServer, expected: str, signer: str, dmarc: str) -> None:
    publish(server, dmarc=dmarc)
    server.zone[f"k1._domainkey.{signer}"] = {"TXT": [rsa_key().record]}
    assert expected == judge(server, rsa_key().sign(LOCAL_MAIL, signer), ELSEWHERE).verdict


@pytest.mark.parametrize(
    ("expected", "sender", "dmarc"),
    [
        ("pass", "x@bounce.example.net", REJECT),
        ("fail", "x@bounce.example.net", f"{REJECT}; aspf=s"),
        ("none", "x@bounce.example.net", "nothing"),
    ],
)
def test_alignment_of_envelope_senders(
    server: DnsServer, expected: str, sender: str, dmarc: str
) -> None:
    publish(server, dmarc=dmarc)
    server.zone["bounce.example.net"] = {"TXT": [SPF]}
    assert expected == judge(server, sender=sender).verdict


@pytest.mark.parametrize(
    ("why", "record"),
    [
        ("revoked", "v=DKIM1; k=rsa; p="),
        ("key is for tests", "{}; t=y"),
        ("not for sub-domains", "{}; t=s"),
        ("not for SHA-256", "{}; h=sha1"),
        ("not for mail", "{}; s=tlsrpt"),
        ("another kind", "v=DKIM1; k=ed25519; p=AAAA"),
        ("", "v=DKIM2; p=AAAA"),
        ("", "v=DKIM1; p=////"),
        ("", "p"),
        ("", ""),
        ("too long", "{}; n=" + "x" * 3000),
        ("too long", "{}; n=" + " " * 200),
    ],
)
def test_useless_keys(server: DnsServer, why: str, record: str) -> None:
    publish(server, dmarc=REJECT, key=record.replace("{}", rsa_key().record))
    signed = rsa_key().sign(LOCAL_MAIL, "example.net", identity=b"@sub.example.net")
    found = judge(server, signed, ELSEWHERE)
    assert "fail" == found.verdict
    assert "dkim=fail" in found.evidence
    assert why in found.evidence


def test_weak_and_huge_keys(server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(server, dmarc=REJECT, key=rsa_key(768).record)
    assert "768 bits" in judge(server, rsa_key(768).sign(LOCAL_MAIL, "example.net"), "").evidence
    publish(server, key=rsa_key().record)
    monkeypatch.setattr(signatures, "KEY_BITS", range(512, 1024))
    assert "1024 bits" in judge(server, rsa_key().sign(LOCAL_MAIL, "example.net"), "").evidence
    monkeypatch.setattr(signatures, "KEY_BITS", range(512, 4096))
    monkeypatch.setattr(signatures, "_EXPONENT", 3)
    assert "exponent" in judge(server, rsa_key().sign(LOCAL_MAIL, "example.net"), "").evidence


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("(l=)", (b"; q=dns/txt", b"; l=5")),
        ("algorithm rsa-sha1", (b"a=rsa-sha256", b"a=rsa-sha1")),
        ("", (b"v=1", b"v=2")),
        ("", (b"bh=", b"bg=")),
        ("", (b"t=1", b"t=" + b"9" * 2000)),
        ("", (b"c=relaxed/relaxed", b"c=a/b/c")),
        ("", (b"c=relaxed/relaxed", b"c=odd/relaxed")),
        ("canonicalisation", (b"c=relaxed/relaxed", b"c=relaxed/odd")),
        ("fields", (b"h=from", b"h=" + b"a:" * 300 + b"from")),
    ],
)
def test_useless_signatures(server: DnsServer, why: str, change: tuple[bytes, bytes]) -> None:
    publish(server, dmarc=REJECT, key=rsa_key().record)
    signed = rsa_key().sign(LOCAL_MAIL, "example.net")
    assert change[0] in signed
    found = judge(server, signed.replace(*change, 1), ELSEWHERE)
    assert ("fail", True) == (found.verdict, "dkim=fail" in found.evidence)
    assert why in found.evidence


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"d=example.net",
        b"d=\xff",
        b";;;=",
        b"d=example.net;" + b"\r\n " * 2000 + b"b=!",
        b"d=" * 9999,
    ],
)
def test_nonsense_signatures(server: DnsServer, signature: bytes) -> None:
    publish(server, dmarc=REJECT)
    raw = b"DKIM-Signature: " + signature + b"\r\n" + LOCAL_MAIL
    assert "fail" == judge(server, raw, ELSEWHERE).verdict


def test_signature_without_from_is_none(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, key=rsa_key().record)
    head, rest = rsa_key().sign(LOCAL_MAIL, "example.net").split(b"\r\nFrom", 1)
    raw = head.replace(b"from", b"x-ot") + b"\r\nFrom" + rest
    assert "From is not signed" in judge(server, raw, ELSEWHERE).evidence


def test_a_good_signature_counts_beside_bad_ones_up_to_a_limit(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, key=rsa_key().record)
    good = rsa_key().sign(LOCAL_MAIL, "example.net")
    bad = b"DKIM-Signature: v=1; d=example.net\r\n"
    other = b"DKIM-Signature: v=1; d=evil.example\r\n"
    most = signatures.MOST
    assert "pass" == judge(server, other * 20 + bad * (most - 1) + good, ELSEWHERE).verdict
    assert "fail" == judge(server, bad * most + good, ELSEWHERE).verdict


def test_second_from_breaks_the_signature(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, key=rsa_key().record)
    signed = b"From: eve@evil.example\r\n" + rsa_key().sign(LOCAL_MAIL, "example.net")
    assert "none" == judge(server, signed, ELSEWHERE).verdict


@given(
    body=st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\n", b"\r", b"b c"])).map(
        b"".join
    ),
    is_relaxed=st.booleans(),
    step=st.integers(1, 9),
)
def test_body_hash_is_that_of_dkimpy(body: bytes, is_relaxed: bool, step: int) -> None:
    import hashlib

    name = b"relaxed" if is_relaxed else b"simple"
    _, lines = dkim.rfc822_parse(b"A: b\r\n\r\n" + body + b"x\r\n")
    canonical = CanonicalizationPolicy.from_c_value(b"simple/" + name).canonicalize_body(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "_STEP", step)
        found = hash_body(memoryview(body + b"x\r\n"), is_relaxed=is_relaxed)
    assert hashlib.sha256(canonical).digest() == found


@pytest.mark.parametrize("is_relaxed", [True, False])
@pytest.mark.parametrize("body", [b"", b"\r\n", b"\r\n\r\n", b" \r\n", b"a", b"a\r\n\r\n \r\n"])
def test_hash_of_small_bodies(body: bytes, is_relaxed: bool) -> None:
    import hashlib

    name = b"relaxed" if is_relaxed else b"simple"
    policy = CanonicalizationPolicy.from_c_value(b"simple/" + name)
    expected = hashlib.sha256(policy.canonicalize_body(body)).digest()
    assert expected == hash_body(memoryview(body), is_relaxed=is_relaxed)


def test_body_hash_takes_linear_time() -> None:
    # By dkimpy's expression this takes hours.
    assert hash_body(memoryview(b" " * 5_000_000 + b"x\r\n"), is_relaxed=True)
    assert hash_body(memoryview(b"\r\n" * 2_000_000 + b"x\r\n"), is_relaxed=False)


# ---- the owner


def test_forged_mail(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, spf=SPF)
    found = judge(server, peer=ELSEWHERE)
    assert "fail" == found.verdict
    assert (
        "evaluated here: dmarc=fail (p=reject) dkim=none spf=fail smtp.mailfrom=example.net"
        " header.from=example.net" == found.evidence
    )


@pytest.mark.parametrize(
    ("expected", "record"),
    [
        ("fail", "v=DMARC1; p=reject"),
        ("none", "v=DMARC1; p=reject; sp=none"),
        ("fail", "v=DMARC1; p=none; sp=reject"),
        ("fail", "v=DMARC1; p=quarantine; sp=odd"),
    ],
)
def test_policy_of_subdomains(server: DnsServer, expected: str, record: str) -> None:
    server.zone["_dmarc.example.co.uk"] = {"TXT": [record]}
    raw = from_("ann@a.b.example.co.uk")
    assert expected == judge(server, raw, ELSEWHERE).verdict
    # Its own record goes first.
    server.zone["_dmarc.a.b.example.co.uk"] = {"TXT": ["v=DMARC1; p=none; sp=reject"]}
    assert "none" == judge(server, raw, ELSEWHERE).verdict


def test_nobody_speaks_for_a_public_suffix(server: DnsServer) -> None:
    server.zone["k1._domainkey.co.uk"] = {"TXT": [rsa_key().record]}
    server.zone["_dmarc.co.uk"] = {"TXT": [REJECT]}
    neighbour = rsa_key().sign(from_("ann@example.co.uk"), "co.uk")
    assert "none" == judge(server, neighbour, ELSEWHERE).verdict
    assert "fail" == judge(server, from_("ann@co.uk"), ELSEWHERE).verdict
    assert 0 == server.count("_dmarc.uk")


@pytest.mark.parametrize(
    ("expected", "domain"),
    [
        ("example.co.uk", "a.b.example.co.uk"),
        ("example.net", "example.net"),
        ("co.uk", "co.uk"),
        ("ann.github.io", "mail.ann.github.io"),
        ("example.unknown-ending", "a.example.unknown-ending"),
        ("xn--mnchen-3ya.de", "mail.xn--mnchen-3ya.de"),
    ],
)
def test_organisation(expected: str, domain: str) -> None:
    assert expected == organisation_of(domain)


@pytest.mark.parametrize(
    ("expected", "domain"),
    [
        ("example.net", "Example.NET."),
        ("xn--mnchen-3ya.de", "münchen.de"),
        ("xn--strae-oqa.de", "straße.de"),  # another domain than strasse.de
        (None, "net"),
        (None, ""),
        (None, "a..net"),
        (None, "-a.net"),
        (None, "a b.net"),
        (None, "\u2024.net"),
        (None, "x" * 64 + ".net"),
        (None, "[192.0.2.1]"),
        (None, "ü" * 300 + ".net"),
    ],
)
def test_domain_as_dns_has_it(expected: str | None, domain: str) -> None:
    assert expected == to_ascii(domain)


def test_domain_in_other_letters(server: DnsServer) -> None:
    server.zone["_dmarc.xn--mnchen-3ya.de"] = {"TXT": [REJECT]}
    server.zone["xn--mnchen-3ya.de"] = {"TXT": [SPF]}
    raw = from_("ann@münchen.de")
    assert "pass" == judge(server, raw, sender="ann@münchen.de").verdict
    assert "fail" == judge(server, raw, sender="ann@münchen.de", peer=ELSEWHERE).verdict


@pytest.mark.parametrize(
    "author",
    [
        "ann@example.net, eve@evil.example",
        "Group: ann@example.net;",
        "Group:;",
        "<@evil.example:ann@example.net>",
        "ann",
        "",
        "ann@net",
        "ann@[192.0.2.1]",
        "ann@-.net",
        "ann@example.net\r\nFrom: eve@evil.example",
        "=?utf-8?q?ann=40example.net?=",
        "x" * 5000 + " <ann@example.net>",
    ],
)
def test_no_single_author_no_verdict(server: DnsServer, author: str) -> None:
    publish(server, dmarc=REJECT)
    assert "none" == judge(server, from_(author), ELSEWHERE).verdict


@pytest.mark.parametrize(
    "author",
    ["ann@example.net", '"a: b; (" <ann@example.net> (c: d)', "=?utf-8?q?a=3A?= <ann@Example.Net>"],
)
def test_one_author_however_written(server: DnsServer, author: str) -> None:
    publish(server, dmarc=REJECT)
    assert "fail" == judge(server, from_(author), ELSEWHERE).verdict


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"no header",
        b" folded: first\r\n" + LOCAL_MAIL,
        b"bad name: x\r\n" + LOCAL_MAIL,
        b"X: " + b"y" * 300_000 + b"\r\n" + LOCAL_MAIL,
        b"X: y\r\n" * 1001 + LOCAL_MAIL,
        LOCAL_MAIL.replace(b"\r\nTo", b"\rFrom: eve@evil.example\r\nTo"),
    ],
)
def test_no_sound_header_no_verdict(server: DnsServer, raw: bytes) -> None:
    publish(server, dmarc=REJECT)
    assert "none" == judge(server, raw, ELSEWHERE).verdict


def test_several_records_are_none(server: DnsServer) -> None:
    server.zone["_dmarc.example.net"] = {"TXT": [REJECT, "v=DMARC1; p=none"]}
    publish(server, spf=SPF)
    assert "none" == judge(server).verdict
    server.zone["_dmarc.example.net"] = {"TXT": [REJECT, "something else"]}
    assert "fail" == judge(server, peer=ELSEWHERE).verdict


# ---- DNS in trouble


@pytest.mark.parametrize("quirk", [each for each in Quirk if each is not Quirk.TRUNCATED])
@pytest.mark.parametrize("name", ["_dmarc.example.net", "k1._domainkey.example.net", "example.net"])
def test_what_cannot_be_found_out_is_none(server: DnsServer, quirk: Quirk, name: str) -> None:
    publish(server, dmarc=REJECT, key=rsa_key().record, spf=SPF)
    server.quirks[name] = quirk
    signed = rsa_key().sign(LOCAL_MAIL, "example.net") + b"P.S.\r\n" * ("key" not in name)
    broken = signed if "domainkey" in name else signed.replace(b"there", b"where")
    found = judge(server, broken, ELSEWHERE)
    assert "none" == found.verdict
    assert "temperror" in found.evidence


def test_other_proof_suffices_when_one_cannot_be_found_out(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, spf=SPF)
    server.quirks["k1._domainkey.example.net"] = Quirk.SERVFAIL
    assert "pass" == judge(server, rsa_key().sign(LOCAL_MAIL, "example.net")).verdict


def test_no_second_look_up_while_an_answer_is_remembered(server: DnsServer) -> None:
    publish(server, dmarc=REJECT, spf=SPF)
    resolver = Resolver([server.address])
    envelope = Envelope(
        "ann@example.net", ("s@example.com",), "smtp", "support", datetime.now(UTC), HOST
    )
    mail = read_mail(LOCAL_MAIL)
    verdicts = [evaluate(LOCAL_MAIL, envelope, mail, resolver.inquiry()).verdict for _ in "ab"]
    assert ["pass", "pass"] == verdicts
    assert 2 == len(server.asked)


def test_voucher_ends_in_time_and_says_none(
    server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.quirks["_dmarc.example.net"] = Quirk.SILENT
    voucher = Voucher(Resolver([server.address], query_seconds=0.2, mail_seconds=0.3), threads=2)
    envelope = Envelope("", ("s@example.com",), "smtp", "support", datetime.now(UTC), HOST)
    mail = read_mail(LOCAL_MAIL)
    futures = [voucher.submit(LOCAL_MAIL, envelope, mail) for _ in range(20)]
    assert {"none"} == {future.result(10).verdict for future in futures}
    numbers = count()
    monkeypatch.setattr(vouching, "evaluate", lambda *_: next(numbers) / 0)
    found = voucher.submit(LOCAL_MAIL, envelope, mail).result(10)
    assert ("none", "evaluated here: the evaluation failed, see the log") == (
        found.verdict,
        found.evidence,
    )
    voucher.close()


def test_evidence_is_short_and_plain(server: DnsServer) -> None:
    server.quirks["_dmarc.example.net"] = Quirk.GARBAGE
    found: Mapping[str, str] = {"e": judge(server).evidence}
    assert re.fullmatch(r"[\x20-\x7e]{1,300}", found["e"])

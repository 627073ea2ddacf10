"""What we sign is good to whoever checks it, and the same at every attempt."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.mail.compose import Letter, compose
from postroom.mail.message import Address
from postroom.mail.signing import SigningKey, read_key, record_of, sign

AT = datetime(2026, 11, 20, 13, 15, tzinfo=UTC)
KINDS = ("rsa", "rsa traditional", "ed25519", "ed25519 alone")


@cache
def key_text(kind: str) -> str:
    """A key as openssl makes it; "alone": as other signers keep it."""
    algorithm, _, form = kind.partition(" ")
    options = ["-pkeyopt", "rsa_keygen_bits:2048"] if algorithm == "rsa" else []
    made = openssl("genpkey", "-algorithm", algorithm, *options)
    if form == "traditional":
        return openssl("rsa", "-traditional", stdin=made)
    return made.splitlines()[1][-44:] if form == "alone" else made


def openssl(*words: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["openssl", *words], input=stdin, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def key(kind: str = "rsa") -> SigningKey:
    text = key_text(kind)
    if kind == "ed25519 alone":  # 48 octets of PKCS#8: the last 32 are the key
        import base64

        text = base64.b64encode(
            base64.b64decode(key_text("ed25519").splitlines()[1])[-32:]
        ).decode()
    return read_key(text, "mail")


def letter(text: str = "Hello\n", **more: object) -> bytes:
    return compose(
        Letter(
            Address("Acme", "support@example.com"),
            (Address("Ann", "ann@example.net"),),
            "Your order",
            text,
            "m1@example.com",
            AT,
            **more,  # type: ignore[arg-type]
        )
    )


def is_good(raw: bytes, signer: SigningKey) -> bool:
    asked: list[bytes] = []

    def dns(name: bytes, **_: object) -> bytes:
        asked.append(name)
        return record_of(signer).encode()

    good: bool = dkim.verify(raw, dnsfunc=dns)
    assert [b"mail._domainkey.example.com."] == asked[:1]
    return good


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_mail_is_good(kind: str) -> None:
    assert is_good(sign(letter(), "example.com", key(kind), AT), key(kind))


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.booleans())
def test_any_text_is_signed_well(text: str, has_html: bool) -> None:
    raw = letter(text + " x" * 100, html="<p>Hi" if has_html else None)
    assert is_good(sign(raw, "example.com", key("ed25519"), AT), key("ed25519"))


def test_every_attempt_makes_the_same_mail() -> None:
    assert sign(letter(), "example.com", key(), AT) == sign(letter(), "example.com", key(), AT)
    later = sign(letter(), "example.com", key(), AT + timedelta(seconds=1))
    assert later != sign(letter(), "example.com", key(), AT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject: Your", b"Subject: My"),
        (b"To: Ann", b"Cc: eve@example.org\r\nTo: Ann"),
        (b"Subject: ", b"Subject: Win a prize\r\nSubject: "),
        (b"Message-ID: ", b"Reply-To: eve@example.org\r\nMessage-ID: "),
    ],
)
def test_what_was_changed_or_added_on_the_way_is_seen(before: bytes, after: bytes) -> None:
    raw = sign(letter(), "example.com", key(), AT)
    assert before in raw
    assert not is_good(raw.replace(before, after, 1), key())


def test_the_record_is_the_one_that_openssl_writes() -> None:
    public = openssl("pkey", "-pubout", stdin=key_text("rsa"))
    expected = "".join(public.splitlines()[1:-1])
    assert f"v=DKIM1; k=rsa; p={expected}" == record_of(key())


def test_no_line_of_the_signature_is_too_long() -> None:
    signature = sign(letter(), "example.com", key(), AT).partition(b"\r\nFrom:")[0]
    assert 78 >= max(map(len, signature.split(b"\r\n")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds 0 octets"),
        ("not a key!", "neither PEM nor base64"),
        ("aGVsbG8=", "holds 5 octets"),
        ("-----BEGIN RSA PRIVATE KEY-----\naGVsbG8=\n-----END RSA PRIVATE KEY-----", "neither RSA"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGk=\n-----END ENCRYPTED PRIVATE KEY-----",
            "encrypted",
        ),
    ],
)
def test_what_is_no_key(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_key(text, "mail")


def test_a_short_key_is_refused() -> None:
    short = openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:768")
    with pytest.raises(ValueError, match="has 768 bits"):
        read_key(short, "mail")

"""Keys to sign mail with, made anew in each session, and their records for the DNS."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from functools import cache

import dkim
import nacl.signing


@dataclass(frozen=True)
class Key:
    """A private key as dkimpy takes it, and the text of its public record."""

    algorithm: str
    private: bytes
    record: str

    def sign(
        self,
        raw: bytes,
        domain: str,
        selector: str = "k1",
        canonical: str = "relaxed",
        **more: object,
    ) -> bytes:
        """Return the mail with a signature on top."""
        return (
            dkim.sign(
                raw,
                selector.encode(),
                domain.encode(),
                self.private,
                canonicalize=(canonical.encode(), canonical.encode()),
                signature_algorithm=self.algorithm.encode(),
                **more,
            )
            + raw
        )


@cache
def rsa_key(bits: int = 1024) -> Key:
    """Make an RSA key."""
    e = 65_537
    p, q = _prime(bits // 2, e), _prime(bits - bits // 2, e)
    while (p * q).bit_length() != bits or p == q:
        p, q = _prime(bits // 2, e), _prime(bits - bits // 2, e)
    n, d = p * q, pow(e, -1, (p - 1) * (q - 1))
    numbers = (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    private = base64.b64encode(_sequence(numbers))
    public = base64.b64encode(_sequence((n, e))).decode()
    pem = b"-----BEGIN RSA PRIVATE KEY-----\n" + private + b"\n-----END RSA PRIVATE KEY-----\n"
    return Key("rsa-sha256", pem, f"v=DKIM1; k=rsa; p={public}")


@cache
def ed25519_key() -> Key:
    """Make an Ed25519 key (RFC 8463)."""
    key = nacl.signing.SigningKey.generate()
    public = base64.b64encode(bytes(key.verify_key)).decode()
    return Key("ed25519-sha256", base64.b64encode(bytes(key)), f"v=DKIM1; k=ed25519; p={public}")


def _prime(bits: int, e: int) -> int:
    while True:
        number = secrets.randbits(bits) | 1 | 3 << (bits - 2)
        if number % e != 1 and all(pow(a, number - 1, number) == 1 for a in (2, 3, 5, 7, 11)):
            return number


def _sequence(numbers: tuple[int, ...]) -> bytes:
    content = b"".join(
        _tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers
    )
    return _tagged(0x30, content)


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content

"""DKIM signatures of what we send (RFC 6376), by dkimpy, with a body hash of our own.

Promise: the same mail, key and moment give the same signature, so that a retry sends the same
bytes. Pure: the key is an argument, and the moment is the mail's own Date.
Used by: work.composing (through house), work.inspection; config (the key is checked at the start).
Fails:   ValueError when a key cannot be used; its text says why.

dkimpy's own `sign` writes the moment of the call, and canonicalises a body in quadratic time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dkim
import nacl.exceptions
import nacl.signing
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, UnparsableKeyError, parse_pem_private_key

LEAST_BITS, MOST_BITS = 1_024, 4_096  # RFC 8301 §3.2
# What a reader sees, and what a reply follows (RFC 6376 §5.4.1).
SIGNED = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to"),
    *("references", "mime-version", "content-type", "content-transfer-encoding"),
    *("auto-submitted", "list-id"),
)
# Signed once more than they are there: nobody can add another (§8.15).
SEALED = ("from", "to", "cc", "reply-to", "subject", "date", "message-id")
_RELAXED = b"relaxed/relaxed"
_HEADER = b"DKIM-Signature"
_BLANKS = re.compile(rb"[ \t]+")
_STEP = 65_536  # octets of the body hashed at a time
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\s*(.+?)\s*-----END \1-----", re.DOTALL)
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")  # RFC 3279 §2.3.1
_ED25519 = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410 §7, before the 32 octets


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key, the selector of its record, and how it signs."""

    selector: str
    algorithm: bytes
    key: Any


def read_key(text: str, selector: str) -> SigningKey:
    """Read a private key: PEM (RSA, Ed25519), or the 32 octets of an Ed25519 key in base64."""
    found = _PEM.search(text)
    try:
        octets = base64.b64decode("".join((found[2] if found else text).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is neither PEM nor base64") from error
    seed = octets.removeprefix(_ED25519)
    if len(seed) == 32:
        return SigningKey(selector, b"ed25519-sha256", nacl.signing.SigningKey(seed))
    if found is None:
        raise ValueError(f"holds {len(octets)} octets; a key of Ed25519 has 32, one of RSA is PEM")
    if "ENCRYPTED" in found[1]:
        raise ValueError("is encrypted; the daemon has nobody to ask for the password")
    try:
        key = parse_pem_private_key(found[0].encode())
        bits = int(key["modulus"]).bit_length()
    except (UnparsableKeyError, KeyError, ValueError, IndexError) as error:
        raise ValueError(f"holds a {found[1].lower()} that is neither RSA nor Ed25519") from error
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise ValueError(f"has {bits} bits; RSA needs {LEAST_BITS} to {MOST_BITS} (take 2048)")
    return SigningKey(selector, b"rsa-sha256", key)


def record_of(key: SigningKey) -> str:
    """Return what the TXT record of a key says (RFC 6376 §3.6.1, RFC 8463 §4)."""
    if key.algorithm == b"ed25519-sha256":
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(bytes(key.key.verify_key)).decode()}"
    numbers = _der(0x02, _integer(key.key["modulus"]))
    numbers += _der(0x02, _integer(key.key["publicExponent"]))
    public = _der(0x30, _RSA + _der(0x03, b"\0" + _der(0x30, numbers)))
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def _der(tag: int, octets: bytes) -> bytes:
    size = len(octets)
    if size < 0x80:
        return bytes((tag, size)) + octets
    written = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(written))) + written + octets


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def sign(raw: bytes, domain: str, key: SigningKey, at: datetime) -> bytes:
    """Return the mail with a signature of that domain on top. Line ends must be CRLF."""
    head, _, body = raw.partition(b"\r\n\r\n")
    signer = dkim.DKIM(head + b"\r\n\r\n", signature_algorithm=key.algorithm)
    signer.hasher = HASH_ALGORITHMS[key.algorithm]
    names = tuple(_names(signer.headers))
    fields = [
        (b"v", b"1"),
        (b"a", key.algorithm),
        (b"c", _RELAXED),
        (b"d", domain.encode("ascii")),
        (b"s", key.selector.encode("ascii")),
        (b"t", b"%d" % int(at.timestamp())),
        (b"h", b" : ".join(names)),
        (b"bh", base64.b64encode(hash_body(memoryview(body), is_relaxed=True))),
        (b"b", b"0" * 60),  # keeps its place while the header is folded
    ]
    policy = CanonicalizationPolicy.from_c_value(_RELAXED)
    signature: bytes = signer.gen_header(fields, names, policy, _HEADER, key.key)
    return b"%s: %s%s" % (_HEADER, signature, raw)


@dataclass(frozen=True, slots=True)
class Seal:
    """What signs the mail of our domains, in whatever process; no domains: of all."""

    key: SigningKey
    domains: frozenset[str]

    def __call__(self, raw: bytes, domain: str, at: datetime) -> bytes:
        """Return the mail, signed if it is from one of the domains."""
        is_ours = not self.domains or domain.lower() in self.domains
        return sign(raw, domain, self.key, at) if is_ours else raw


def _names(headers: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    present = [name.decode("ascii", "replace").lower() for name, _ in headers]
    for name in SIGNED:
        for _ in range(present.count(name)):
            yield name.encode()
    for name in SEALED:
        yield name.encode()


def hash_body(body: memoryview, *, is_relaxed: bool) -> bytes:
    """Return the SHA-256 of a body in canonical form (RFC 6376 §3.4.3, 3.4.4), piece by piece."""
    digest = hashlib.sha256()
    ends, has_text = 0, False  # line ends that count only if more text follows
    for piece in _pieces(body):
        text = piece.replace(b"\r\n", b"\n")
        if is_relaxed:
            text = _BLANKS.sub(b" ", text).replace(b" \n", b"\n")
        kept = text.rstrip(b"\n")
        if kept:
            digest.update(b"\r\n" * ends)
            digest.update(kept.replace(b"\n", b"\r\n"))
            ends, has_text = 0, True
        ends += len(text) - len(kept)
    if has_text or not is_relaxed:
        digest.update(b"\r\n")
    return digest.digest()


def _pieces(body: memoryview) -> Iterator[bytes]:
    """Cut at line ends, so that no canonical form crosses a border.

    A piece a time: other threads get the interpreter in between.
    """
    kept: list[bytes] = []
    for start in range(0, len(body), _STEP):
        piece = bytes(body[start : start + _STEP])
        end = piece.rfind(b"\n") + 1
        if not end:
            kept.append(piece)
            continue
        yield b"".join([*kept, piece[:end]])
        kept = [piece[end:]]
    yield b"".join(kept)

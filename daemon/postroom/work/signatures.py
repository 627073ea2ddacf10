"""DKIM: which domains signed a mail (RFC 6376), by dkimpy with our own look-ups and body hash.

Promise: time and memory are linear in the mail, and at most MOST signatures are looked at.
Used by: work.vouching.
Fails:   never: a signature that cannot be checked is a "fail", a key that cannot be had a
         "temperror".

The hash of the body is ours: dkimpy removes white space by an expression that needs quadratic
time (a line of 40,000 blanks: 2.4 s; one of 25 MB: weeks), holding the interpreter's lock.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from postroom.dns import Inquiry
from postroom.errors import Unavailable
from postroom.mail.signing import hash_body

MOST = 5  # signatures
HEADER_OCTETS = 262_144  # of the whole header of a mail
FIELDS = 1_000  # of that header
SIGNED_FIELDS = 200  # that one signature names; dkimpy searches the header for each
SIGNATURE_OCTETS = 4_096  # of one DKIM-Signature
KEY_OCTETS = 2_048  # of one key record: 4096 bits are 740
KEY_BITS = range(1_024, 4_097)  # RFC 8301 §3.2
ALGORITHMS = frozenset({b"rsa-sha256", b"ed25519-sha256"})  # RFC 8301 §3.1: no SHA-1
_EXPONENT = 1 << 32

_QUIET = logging.getLogger("postroom.dkimpy")  # what it says is in `why`
_QUIET.disabled = True
_END = re.compile(rb"\n\r?\n")
_LONG_GAP = re.compile(rb"\s{100}")  # dkimpy's expressions are quadratic in white space


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature that was looked at: "pass", "fail" or "temperror", and why."""

    domain: str
    result: str
    why: str = ""


class _Bad(Exception):
    """The signature proves nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A mail cut for DKIM; `headers` are dkimpy's, so that both of us see the same."""

    headers: list[tuple[bytes, bytes]]
    head: bytes
    body: memoryview

    def all_of(self, name: bytes) -> list[bytes]:
        """Return the values of every header of that name, top first, as they came."""
        return [value for key, value in self.headers if key.lower() == name]


def cut_mail(raw: bytes) -> Cut | None:
    """Cut a mail into header and body; None when its header cannot be read."""
    found = _END.search(raw, 0, HEADER_OCTETS)
    if found is None and len(raw) > HEADER_OCTETS:
        return None
    head = raw if found is None else raw[: found.start() + 1]
    body = len(raw) if found is None else found.end()
    try:
        headers, _ = dkim.rfc822_parse(head)
    except (dkim.DKIMException, IndexError):
        return None
    if len(headers) > FIELDS:
        return None
    return Cut([(name, value) for name, value in headers], head, memoryview(raw)[body:])


def check_signatures(
    cut: Cut, is_wanted: Callable[[str], bool], inquiry: Inquiry
) -> list[Signature]:
    """Check the signatures of the domains that are wanted, up to the first that is good."""
    checked: list[Signature] = []
    for index, value in enumerate(cut.all_of(b"dkim-signature")):
        domain = _domain(value)
        if not domain or not is_wanted(domain):
            continue
        checked.append(_check(cut, index, domain, inquiry))
        if checked[-1].result == "pass" or len(checked) >= MOST:
            break
    return checked


def _domain(value: bytes) -> str:
    """Return d=, or "" of a signature that is not worth a look."""
    if len(value) > SIGNATURE_OCTETS or _LONG_GAP.search(value):
        return ""
    try:
        domain: bytes = parse_tag_value(value).get(b"d", b"")
        return domain.decode("ascii").lower().rstrip(".")
    except (InvalidTagValueList, UnicodeError):
        return ""


def _check(cut: Cut, index: int, domain: str, inquiry: Inquiry) -> Signature:
    try:
        _verify(cut, index, inquiry)
    except Unavailable as error:
        return Signature(domain, "temperror", str(error))
    except _Bad as error:
        return Signature(domain, "fail", str(error))
    except Exception as error:  # noqa: BLE001 - dkimpy's parsers raise whatever they meet
        return Signature(domain, "fail", f"{type(error).__name__}: {error}"[:100])
    return Signature(domain, "pass")


def _verify(cut: Cut, index: int, inquiry: Inquiry) -> None:
    """Return if the signature is good."""
    verifier = dkim.DKIM(cut.head, logger=_QUIET, minkey=KEY_BITS.start)
    prepared = verifier.verify_headerprep(index)
    if not prepared:
        raise _Bad("no signature")
    tags, signed, headers = prepared
    if tags[b"a"] not in ALGORITHMS:
        raise _Bad(f"algorithm {tags[b'a'].decode()}")
    if b"from" not in signed:
        raise _Bad("From is not signed")
    if len(signed) > SIGNED_FIELDS:
        raise _Bad(f"signs more than {SIGNED_FIELDS} fields")
    if b"l" in tags:
        raise _Bad("signs only the beginning of the body (l=)")
    _check_body(cut.body, tags)
    key = _key(tags, inquiry)
    # Without bh= dkimpy leaves the body alone; the header that is hashed still has it.
    rest = {name: text for name, text in tags.items() if name != b"bh"}
    if not verifier.verify_sig(rest, signed, headers[index], lambda *_, **__: key):
        raise _Bad("the signature does not match")


def _check_body(body: memoryview, tags: dict[bytes, bytes]) -> None:
    _, _, of_body = tags.get(b"c", b"simple/simple").partition(b"/")
    if of_body not in {b"", b"simple", b"relaxed"}:
        raise _Bad("unknown canonicalisation")
    stated = base64.b64decode(re.sub(rb"\s+", b"", tags[b"bh"]))
    if hash_body(body, is_relaxed=of_body == b"relaxed") != stated:
        raise _Bad("the body was changed")


def _key(tags: dict[bytes, bytes], inquiry: Inquiry) -> bytes:
    """Return the key record, when it may be used for this signature (RFC 6376 §3.6.1)."""
    name = b"%s._domainkey.%s" % (tags[b"s"], tags[b"d"])
    texts = inquiry.texts(name.decode("ascii"))
    if not texts:
        raise _Bad("no key")
    # RFC 6376 §3.6.2.2: several records are undefined; dkimpy takes the first.
    text = texts[0]
    if len(text) > KEY_OCTETS or _LONG_GAP.search(text):
        raise _Bad("the key record is too long")
    record = parse_tag_value(text)
    if record.get(b"p") == b"":
        raise _Bad("the key is revoked")
    flags = {flag.strip() for flag in record.get(b"t", b"").split(b":")}
    if b"y" in flags:
        raise _Bad("the key is for tests")
    if b"s" in flags and tags.get(b"i", b"").rpartition(b"@")[2].lower() not in {
        b"",
        tags[b"d"].lower(),
    }:
        raise _Bad("the key is not for sub-domains")
    if b"h" in record and b"sha256" not in {each.strip() for each in record[b"h"].split(b":")}:
        raise _Bad("the key is not for SHA-256")
    services = {each.strip() for each in record.get(b"s", b"*").split(b":")}
    if not services & {b"*", b"email"}:
        raise _Bad("the key is not for mail")
    if record.get(b"k", b"rsa") != tags[b"a"].partition(b"-")[0]:
        raise _Bad("the key is of another kind")
    _check_strength(name, text)
    return text


def _check_strength(name: bytes, text: bytes) -> None:
    """A short key can be broken; a huge one, or a huge exponent, costs seconds."""
    key, bits, kind, _ = dkim.evaluate_pk(name, text)
    if kind != b"rsa":
        return
    if bits not in KEY_BITS:
        raise _Bad(f"a key of {bits} bits")
    if not 0 < key["publicExponent"] < _EXPONENT:
        raise _Bad("a strange exponent")

"""Signed tokens in reply addresses and Message-IDs: who may say what, and about which request.

Promise: a token that verifies was made here, for this instance, by one of our keys, and has
exactly one spelling (but for case). Anything else is None, never an error. Pure.
Used by: store and work (sign), work.desk (verifies).

A token reads `<role><n><object><participant><mac>`: the role's letter, the number of digits of the
object id, both ids (32 digits of RFC 4648 each, lower case, no leading zero, 0 is no digit at
all), and 16 digits of HMAC-SHA256 (80 bits). At most 32 characters: 14 digits for both ids.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ROLES = frozenset("chnsb")  # of addresses, DESIGN section 6
MESSAGE_ROLE = "m"  # of Message-IDs: seen by everybody, so never a right by itself

MAX_TOKEN = 32
MAC_BYTES = 10
MAC_DIGITS = 16
ID_DIGITS = MAX_TOKEN - 2 - MAC_DIGITS
MAX_ADDRESS = 1_000  # longer ones are not ours; RFC 5321 4.5.3.1.3 allows 256

DIGITS_32 = "abcdefghijklmnopqrstuvwxyz234567"
DIGITS_36 = "0123456789abcdefghijklmnopqrstuvwxyz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. `object_id` is a request (role `b`: a delivery); 0 where there is none."""

    role: str
    object_id: int
    participant_id: int


class Signer:
    """Makes and checks the tokens of one instance; the first key signs, all verify."""

    def __init__(self, instance: str, keys: tuple[bytes, ...]) -> None:
        if not keys or not all(keys):
            raise ValueError("a signer needs at least one key, and no empty one")
        self.instance = instance
        self._keys = keys

    def sign(self, token: Token) -> str:
        """Write a token, at most 32 characters. ValueError: no such role, or ids out of range."""
        if token.role not in ROLES and token.role != MESSAGE_ROLE:
            raise ValueError(f"no such token role: {token.role!r}")
        object_digits = _written(token.object_id, DIGITS_32)
        participant_digits = _written(token.participant_id, DIGITS_32)
        if len(object_digits) + len(participant_digits) > ID_DIGITS:
            raise ValueError(f"ids too large for a token: {token}")
        length = DIGITS_32[len(object_digits)]
        mac = self._mac(self._keys[0], token)
        return f"{token.role}{length}{object_digits}{participant_digits}{mac}"

    def verify(self, text: str) -> Token | None:
        """Read a token in any case; None unless one of our keys made it."""
        if not (2 + MAC_DIGITS <= len(text) <= MAX_TOKEN and text.isascii()):
            return None
        text = text.lower()
        token = _read(text[:-MAC_DIGITS])
        if token is None:
            return None
        given = text[-MAC_DIGITS:]
        # Every key is tried, so that the time says nothing about which one fits.
        fits = [hmac.compare_digest(given, self._mac(key, token)) for key in self._keys]
        return token if any(fits) else None

    def find(self, addresses: Iterable[str], mailboxes: Iterable[str]) -> tuple[Token, ...]:
        """Return the tokens in addresses that have the form of one of the `reply_address`es.

        `mailboxes` are the templates, such as `support+{token}@example.com`. In order, each once.
        """
        frames = [template.lower().partition("{token}")[::2] for template in mailboxes]
        found: dict[Token, None] = {}
        for address in addresses:
            for head, tail in frames:
                text = _between(address, head, tail)
                token = self.verify(text) if text else None
                if token is not None and token.role in ROLES:
                    found[token] = None
        return tuple(found)

    def reply_address(self, template: str, token: Token) -> str:
        """Put a signed token into a mailbox's `reply_address`."""
        return template.replace("{token}", self.sign(token))

    def message_id(self, request_id: int, outbox_id: int, at: datetime, domain: str) -> str:
        """Make the Message-ID of an outbox row, canonical, without `<>`.

        `request_id` is 0 where there is none. The moment keeps it unique for ever, even when a
        restored backup hands out the same row numbers again.
        """
        token = self.sign(Token(MESSAGE_ROLE, request_id, outbox_id))
        moment = _written((at - EPOCH) // timedelta(milliseconds=1), DIGITS_36)
        return f"{token}.{moment}.{self.instance}@{domain.lower()}"

    def verify_message_id(self, message_id: str) -> Token | None:
        """Return what a Message-ID of ours is about; None if it is not ours."""
        local, at, domain = message_id[:MAX_ADDRESS].partition("@")
        text, _, rest = local.partition(".")
        moment, _, instance = rest.lower().partition(".")
        if not at or not domain or not moment or instance != self.instance.lower():
            return None
        if moment.strip(DIGITS_36):
            return None
        token = self.verify(text)
        return token if token is not None and token.role == MESSAGE_ROLE else None

    def _mac(self, key: bytes, token: Token) -> str:
        # The instance stands last: letter and numbers before it cannot run into it.
        said = f"{token.role}:{token.object_id}:{token.participant_id}:{self.instance}"
        mac = hmac.digest(key, said.encode(errors="surrogatepass"), "sha256")[:MAC_BYTES]
        return base64.b32encode(mac).decode("ascii").lower()


def _between(address: str, head: str, tail: str) -> str:
    if len(address) > MAX_ADDRESS:
        return ""
    address = address.strip().strip("<>").lower()
    if not (address.startswith(head) and address.endswith(tail)):
        return ""
    return address[len(head) : len(address) - len(tail)]


def _written(number: int, digits: str) -> str:
    """Write a number in the given digits, without leading zeros; 0 is "". Negative: ValueError."""
    if number < 0:
        raise ValueError(f"negative number in a token: {number}")
    written = ""
    while number:
        number, rest = divmod(number, len(digits))
        written = digits[rest] + written
    return written


def _read(text: str) -> Token | None:
    """Read role and ids; None unless `sign` would write them so."""
    role, length = text[0], DIGITS_32.find(text[1])
    if (role not in ROLES and role != MESSAGE_ROLE) or not 0 <= length <= len(text) - 2:
        return None
    digits = text[2:]
    object_id = _number(digits[:length])
    participant_id = _number(digits[length:])
    if object_id is None or participant_id is None:
        return None
    return Token(role, object_id, participant_id)


def _number(text: str) -> int | None:
    if text.startswith(DIGITS_32[0]):
        return None  # a leading zero: a second spelling of the same number
    number = 0
    for digit in text:
        value = DIGITS_32.find(digit)
        if value < 0:
            return None
        number = number * 32 + value
    return number

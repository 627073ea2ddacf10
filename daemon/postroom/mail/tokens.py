"""Signed tokens in reply addresses and Message-IDs: who may say what, and about which request.

Promise: a token that verifies was made here, for this instance, by one of our keys, and has
exactly one spelling (but for case). Anything else is None, never an error. Pure.
Used by: store and work (sign), work.desk (verifies), core.leaks (find_in_text).

A token reads `<role><n><object><participant><mac>`: the role's letter, the number of digits of the
object id, both ids (32 digits of RFC 4648 each, lower case, no leading zero, 0 is no digit at
all), and 16 digits of HMAC-SHA256 (80 bits). At most 32 characters: 14 digits for both ids.
"""

from __future__ import annotations

import base64
import hmac
import html
import re
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

MAX_TRIES = 100_000  # HMACs that one text may cost, for each key: about a second
_SHORT_HEAD = 3  # characters; the fixed part before a token says something only if it is longer

# What mail programs put into an address: invisible characters, soft line ends, HTML's <wbr> …
_UNSEEN = (
    r"[\x00-\x08\x0e-\x1f\x7f\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
    r"|(?:<|&lt;)/?(?:wbr|br|span|font|b|i)\b[^<>]{0,200}?(?:>|&gt;)|&(?:shy|zwnj|zwj|nbsp|ZeroWidthSpace);"
    r"|&#(?:0*+(?:173|160|820[3-7]|8288)|[xX]0*+(?:[aA][dDoO0]|200[b-fB-F]|2060));?|%[cC]2%[aA][dD0]"
    r"|=[cC]2=[aA][dD0]|=(?=[ \t]*+\r?\n)"
)
# … a line end with quote marks below it …
_MARKS = "[\\s>|:»›│┃]"
_BREAKS = rf"(?>(?:{_UNSEEN}|[ \t\xa0]*+[\r\n\x85\u2028\u2029]{_MARKS}*+(?>(?:&gt;{_MARKS}*+)*))*)"
# … or just space, also encoded.
_GAP = rf"(?:{_UNSEEN}|{_MARKS}|&gt;|[=%](?:20|0[aAdD9]))"
_GAPS = rf"(?>(?:{_MARKS}++|{_GAP})*)"
_HEX = "(?:4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA]|3[2-7])"
_DIGIT = (
    rf"(?:[A-Za-z2-7]|%(?:25)?{_HEX}|={_HEX}"
    rf"|&#(?:0*+(?:5[0-5]|6[5-9]|[78]\d|90|9[7-9]|1[01]\d|12[0-2])|[xX]0*+{_HEX});?)"
)
# Atomic and always longest: each character is looked at a fixed number of times.
_DIGITS = rf"(?:[A-Za-z2-7]++|{_DIGIT})"
_RUN = re.compile(rf"{_DIGITS}(?>(?:{_BREAKS}{_DIGITS})*)")
_LOOSE_RUN = rf"{_DIGITS}(?>(?:{_GAPS}{_DIGITS})*)"
_STEP = re.compile(rf"{_GAP}|({_DIGIT})")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. `object_id` is a request (role `b`: a delivery); 0 where there is none."""

    role: str
    object_id: int
    participant_id: int


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A verified token in a free text, and where it stands there, whatever was put into it."""

    token: Token
    start: int
    end: int


class TooManyTries(Exception):
    """A text looks so much like tokens all over that nobody can afford to try them all."""


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

    def find_in_text(self, text: str, mailboxes: Iterable[str]) -> tuple[FoundToken, ...]:
        """Find every token of ours (of any role) in a free text, however programs mangled it.

        Two ways. A run of 18 digits or more is tried from each place in it; line ends, quote marks
        and invisible characters may stand inside. Next to the fixed part of a `reply_address`,
        before it or behind it, spaces may stand inside as well. Time is linear in the text.
        Raises TooManyTries beyond `MAX_TRIES`: then nothing is known, and the caller must not
        send the text.
        """
        search = _Search(self)
        for run in _RUN.finditer(text):
            if run.end() - run.start() >= 2 + MAC_DIGITS:
                search.try_all(*_clean(text, run.start(), run.end()))
        for template in mailboxes:
            head, _, tail = template.partition("{token}")
            if len(head) > _SHORT_HEAD:
                for match in re.finditer(f"{_loose(head)}{_GAPS}({_LOOSE_RUN})", text):
                    search.try_from(*_clean(text, match.start(1), match.end(1)))
            # Digits at the start of the tail belong to the run before it.
            fixed = tail.lstrip(DIGITS_32 + DIGITS_32.upper())
            if fixed:
                for match in re.finditer(f"({_LOOSE_RUN})({_GAPS}{_loose(fixed)})?", text):
                    if match[2] is not None:
                        search.try_before(*_clean(text, *match.span(1)), len(tail) - len(fixed))
        return tuple(sorted(search.found, key=lambda each: (each.start, each.end)))

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

    def thread_root(self, request_id: int, domain: str) -> str:
        """Make the Message-ID that all mails to handlers about a request refer to.

        No mail ever has it: it only keeps them together in a mail client.
        """
        return self.message_id(request_id, 0, EPOCH + timedelta(milliseconds=1), domain)

    def is_thread_root(self, message_id: str) -> bool:
        """Whether that is a `thread_root` of ours."""
        token = self.verify_message_id(message_id)
        is_first = message_id.partition("@")[0].split(".")[1:2] == [DIGITS_36[1]]
        return token is not None and token.participant_id == 0 and is_first

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


_Places = list[tuple[int, int]]  # where each digit of a run stands in the text


class _Search:
    """What was found in one text so far, and how many tries that took."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.found: dict[FoundToken, None] = {}
        self.tries = 0

    def try_all(self, digits: str, places: _Places) -> None:
        """Try every place of a run; a token found is passed over."""
        start = 0
        while start <= len(digits) - 2 - MAC_DIGITS:
            start += self._try_at(digits, places, start) or 1

    def try_from(self, digits: str, places: _Places) -> None:
        """Try the beginning of a run."""
        self._try_at(digits, places, 0)

    def try_before(self, digits: str, places: _Places, behind: int) -> None:
        """Try the end of a run, without its last `behind` digits."""
        end = len(digits) - behind
        for start in range(max(0, end - MAX_TOKEN), end - 1 - MAC_DIGITS):
            self._try(digits, places, start, end)

    def _try_at(self, digits: str, places: _Places, start: int) -> int:
        """Try the tokens of every length that begin here; return the length of one that is ours."""
        if digits[start] not in ROLES and digits[start] != MESSAGE_ROLE:
            return 0
        last = min(len(digits), start + MAX_TOKEN)
        for end in range(start + 2 + MAC_DIGITS, last + 1):
            if self._try(digits, places, start, end):
                return end - start
        return 0

    def _try(self, digits: str, places: _Places, start: int, end: int) -> bool:
        text = digits[start:end]
        if _read(text[:-MAC_DIGITS]) is None:
            return False  # costs no HMAC
        self.tries += 1
        if self.tries > MAX_TRIES:
            raise TooManyTries(f"more than {MAX_TRIES} tries for tokens in one text")
        token = self.signer.verify(text)
        if token is None:
            return False
        self.found[FoundToken(token, places[start][0], places[end - 1][1])] = None
        return True


def _clean(text: str, start: int, end: int) -> tuple[str, _Places]:
    """Take the digits out of a run, in lower case, with their places."""
    digits: list[str] = []
    places: _Places = []
    for step in _STEP.finditer(text, start, end):
        if (digit := step[1]) is None:
            continue
        if digit[0] == "&":
            digit = html.unescape(digit)
        elif len(digit) > 1:
            digit = chr(int(digit[-2:], 16))
        digits.append(digit.lower())
        places.append(step.span())
    return "".join(digits), places


def _loose(fixed: str) -> str:
    """Write the pattern of a fixed part of an address: any case, encoded, with gaps inside."""
    return _GAPS.join(_any_form(mark) for mark in fixed)


def _any_form(mark: str) -> str:
    named = {"@": "|&commat;", "+": "|&plus;", ".": "|&period;", "_": "|&lowbar;"}.get(mark, "")
    forms = []
    for each in {mark.lower()[0], mark.upper()[0]}:
        code = ord(each)
        forms.append(rf"{re.escape(each)}|&#(?:0*+{code}|[xX]0*+(?i:{code:x}));?")
        forms.extend(rf"{lead}(?i:{code:02x})" for lead in ("%(?:25)?", "="))
    return f"(?:{'|'.join(sorted(forms))}{named})"


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

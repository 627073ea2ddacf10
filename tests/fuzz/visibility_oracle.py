"""What may be read in a mail, and by whom: the judge of the visibility property.

Every text of a history holds a word of its own, `<kind>q<number>z`. The oracle decodes a mail in
every way that a reader could, and asks of each word, token and private address whether its reader
may know it. What somebody has sent or was sent beside us he knows already.
"""

from __future__ import annotations

import base64
import binascii
import email
import email.errors
import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from urllib.parse import unquote

from postroom.mail.tokens import Signer

# sekret: internal by design. marke: a tag. kunde: words of somebody outside.
# antwort: a public answer. betreff: a subject that a customer wrote. person: a name that somebody
# gives himself; gerufen: one that somebody else gives him. kennung: in the ids of a mail.
WORD = re.compile(r"(?:sekret|marke|kunde|antwort|betreff|person|gerufen|kennung)q\d{4}z")
_RUN = re.compile(r"[A-Za-z0-9+/\r\n]{32,}={0,2}")
_FOLD = re.compile(r"=\r?\n")
_TOKEN = re.compile(r"(?<![a-z2-7])[hns][a-z2-7]{17,31}(?![a-z2-7])")
_TOKEN_BEHIND = re.compile(r"\+([hns][a-z2-7]{17,31})@")
_GAP = re.compile(r"[\s>|]+|<[^<>]{0,80}>")
SECRET_ROLES = frozenset("hns")


def decoded(raw: bytes) -> str:
    """Return all that can be read in a mail, in lower case: every part, header, name, content."""
    pieces = [raw.decode("latin-1")]
    pieces += _pieces(email.message_from_bytes(raw))
    text = "\n".join(pieces)
    plain = html.unescape(unquote(_FOLD.sub("", text)))
    pieces = [text, plain if plain != text else ""]
    pieces += [_unbased(run) for run in _RUN.findall(text)]
    return "\n".join(pieces).lower()


def _pieces(message: Message) -> Iterator[str]:
    for part in message.walk():
        for name, value in part.items():
            yield f"{name}: {_header(str(value))}"
        if name := part.get_filename():
            yield name
        if not part.is_multipart():
            octets = part.get_payload(decode=True)
            if isinstance(octets, bytes):
                yield _text(octets, part.get_content_charset())


def _header(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, email.errors.MessageError):
        return value


def _text(octets: bytes, charset: str | None) -> str:
    try:
        return octets.decode(charset or "utf-8", "replace")
    except LookupError:
        return octets.decode("latin-1")


def _unbased(run: str) -> str:
    bare = "".join(run.split()).rstrip("=")
    try:
        return base64.b64decode(bare[: len(bare) // 4 * 4]).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that its reader must not see."""

    what: str
    reader: str
    raw: bytes


@dataclass
class Knowledge:
    """Who outside may know what. Persons are compared by `person`, which knows of joined ones."""

    signer: Signer
    templates: list[str]
    private: tuple[str, ...]  # addresses of people inside
    holders: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    about: dict[str, int] = field(default_factory=dict)  # word → the request that it belongs to
    names: dict[str, str] = field(default_factory=dict)  # word in a name or an id → whose
    members: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    excused: set[str] = field(default_factory=set)  # sent knowingly
    unheard: set[str] = field(default_factory=set)  # of mails that wait in a hold, or were refused
    heard: set[str] = field(default_factory=set)  # of mails that were let in
    joined: dict[str, str] = field(default_factory=dict)  # address → address of the same person

    def person(self, address: str) -> str:
        """Return one address for all addresses of a person."""
        address = address.lower()
        while address in self.joined:
            address = self.joined[address]
        return address

    def join(self, one: str, other: str) -> None:
        """Two addresses belong to one person."""
        one, other = self.person(one), self.person(other)
        if one != other:
            self.joined[other] = one

    def marks_in(self, raw: bytes) -> set[str]:
        """Return every word, secret token and private address in a mail."""
        text = decoded(raw)
        found = set(WORD.findall(text))
        found.update(address for address in self.private if address in text)
        found.update(self._tokens_in(text))
        return found

    def _tokens_in(self, text: str) -> Iterator[str]:
        """Find tokens of people inside: as words, and next to "+" whatever is put between.

        Not by `Signer.find_in_text`: that is looked over by this test, too, and is slow.
        """
        candidates = {*_TOKEN.findall(text), *_TOKEN_BEHIND.findall(_GAP.sub("", text))}
        for candidate in candidates:
            token = self.signer.verify(candidate)
            if token is not None and token.role in SECRET_ROLES:
                yield candidate

    def share(self, marks: Iterable[str], people: Iterable[str]) -> None:
        """These people have written, or were sent, these marks."""
        known = {address.lower() for address in people}
        for mark in marks:
            self.holders[mark] |= known

    def is_member(self, address: str, request: int) -> bool:
        """Whether somebody belongs to a request."""
        return self.person(address) in {self.person(one) for one in self.members[request]}

    def faults(self, raw: bytes, reader: str, request: int) -> Iterator[str]:
        """Say what somebody outside must not see in a mail that we sent him."""
        for mark in sorted(self.marks_in(raw) - self.excused):
            holders = {self.person(one) for one in self.holders[mark]}
            if self.person(reader) in holders:
                continue
            kind, belongs = mark.partition("q")[0], self.about.get(mark)
            if not WORD.fullmatch(mark):
                if mark in self.members[request]:
                    continue  # he asked, as a customer does: all see each other in To and Cc
                yield f"{mark}: an address of people inside"
            elif kind in ("person", "kennung"):
                if not all(self.is_member(one, request) for one in (self.names[mark], reader)):
                    yield f"{mark}: a name or an id, and not both belong to request {request}"
            elif kind in ("sekret", "marke", "kunde"):
                yield f"{mark}: a word that {reader} neither wrote nor was sent"
            elif belongs != request:
                yield f"{mark}: of request {belongs}, in a mail about request {request}"
            elif not self.is_member(reader, request):
                yield f"{mark}: of request {belongs}, and {reader} does not belong to it"
        if request and not self.is_member(reader, request):
            yield f"{reader} does not belong to request {request}, and is written to about it"

    def faults_of_notice(self, raw: bytes) -> Iterator[str]:
        """Say what must not stand in a notice that carries an answer address."""
        for mark in sorted(set(WORD.findall(decoded(raw))) - self.excused):
            if mark.startswith("sekret"):
                yield f"{mark}: internal, in a notice whose answer goes outside"
            elif mark in self.unheard:
                yield f"{mark}: not let in, but in a notice whose answer goes outside"

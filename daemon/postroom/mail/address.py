"""Mail addresses, as RFC 5322 writes them and as they really come."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.mail.charset import decode_words
from postroom.mail.message import Address

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*+)"?|([<>,;:()])|([^\s"<>,;:()]++)|\s++')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"?')
_ESCAPE = re.compile(r"\\(.)")
_ADDR_SPEC = re.compile(r'("(?:[^"\\]|\\.)*+"|[^\s"<>@]++)@([^\s"<>@]++)')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_PLAIN = re.compile(r"[^\s\"(),:;<>@\[\\\].]++(?:\.[^\s\"(),:;<>@\[\\\].]++)*+")
_LONGEST_ADDRESS = 320  # RFC 3696: 64 + 1 + 255
_LONGEST_NAME = 300
_MOST_NAME = 4_000  # characters of a name looked at, its encoded words still in
_MOST_WORDS = 2_000


def canonical(address: str) -> str:
    """Return the address with its domain in lower case; the local part belongs to its host."""
    address = _CONTROLS.sub("", address).strip().strip("<>")
    if not address.startswith('"'):
        address = "".join(address.split())
    local, at, domain = address.rpartition("@")
    if local.startswith('"') and local.endswith('"') and len(local) > 1:
        bare = _ESCAPE.sub(r"\1", local[1:-1])
        local = bare if _PLAIN.fullmatch(bare) else local
    return f"{local}{at}{_domain(domain)}"


def _domain(domain: str) -> str:
    """Write a domain as DNS compares it (RFC 3490): full-width letters and dots are plain ones."""
    before = None
    # Taking out spaces, or capitals, may leave something that is to be normalised once more.
    while not domain.isascii() and domain != before:
        before = domain
        domain = "".join(unicodedata.normalize("NFKC", domain).replace("\u3002", ".").split())
        domain = domain.lower()
    return domain.lower().rstrip(".")


def key(address: str) -> str:
    """Return what two spellings of one address have in common: all of it in lower case."""
    return canonical(address).lower()


def domain_of(address: str) -> str:
    """Return the domain in lower case, or "" if there is none."""
    return canonical(address).rpartition("@")[2] if "@" in address else ""


def parse_addresses(value: str, most: int = 1_000) -> tuple[Address, ...]:
    """Read a list of addresses from an unfolded header value with its encoded words still in.

    Groups are opened, comments become names, entries without an address are passed over.
    """
    found: list[Address] = []
    for entry in _entries(value):
        if (address := entry.address()) is not None:
            found.append(address)
            if len(found) >= most:
                break
    return tuple(found)


@dataclass(slots=True)
class _Entry:
    """What stands between two commas."""

    words: list[str] = field(default_factory=list)  # quoted strings keep their quotes
    has_at: bool = False  # outside of angle brackets
    angle: str | None = None
    comment: str = ""

    def address(self) -> Address | None:
        phrase = "".join(self.words[:_MOST_WORDS]).strip()
        if self.angle is not None:
            spec = _spec(self.angle)
        elif self.has_at:
            spec, phrase = _bare_spec(phrase)
        else:
            return None
        return None if spec is None else Address(_name(phrase) or _name(self.comment), spec)


def _bare_spec(phrase: str) -> tuple[str | None, str]:
    """Find an address without brackets: the last word, or all of it with the spaces removed."""
    before, _, last = phrase.rpartition(" ")
    if (spec := _spec(last)) is not None and not last.startswith("@"):
        return spec, before if not before.endswith('"@') else ""
    return _spec(phrase), ""


def _spec(text: str) -> str | None:
    if text.lstrip().startswith("@") and ":" in text:  # an old source route: <@a,@b:user@host>
        text = text.rpartition(":")[2]
    match = _ADDR_SPEC.fullmatch(text.strip()) or _ADDR_SPEC.fullmatch("".join(text.split()))
    if match is None or len(match[0]) > _LONGEST_ADDRESS:
        return None
    address = canonical(match[0])
    local, _, domain = address.rpartition("@")
    return address if local and domain else None


def _name(text: str) -> str:
    text = _QUOTED.sub(lambda match: _ESCAPE.sub(r"\1", match[1]), text[:_MOST_NAME])
    return " ".join(_CONTROLS.sub(" ", decode_words(text)).split()).strip("'")[:_LONGEST_NAME]


def _entries(value: str) -> Iterator[_Entry]:
    """Cut a list at its commas; one pass over its tokens."""
    entry, depth = _Entry(), 0
    angle: list[str] | None = None
    comment: list[str] = []
    for match in _TOKEN.finditer(value):
        token, special = match[0], match[2]
        if depth:
            depth += (special == "(") - (special == ")")
            comment.append(token)
            if not depth:
                entry.comment = "".join(comment[:-1])
        elif special == "(":
            depth, comment = 1, []
        elif angle is not None and (special != "," or _may_go_on(angle)):
            if special == ">":
                entry.angle, angle = "".join(angle), None
            else:
                angle.append(token)
        elif special in {",", ";"}:
            entry.angle = entry.angle if angle is None else "".join(angle)
            yield entry
            entry, angle = _Entry(), None
        elif special == "<":
            angle = []
        elif special == ":" and not entry.has_at:
            entry = _Entry()  # what stood before is the name of a group
        elif special != ">":
            entry.words.append(token)
            entry.has_at = entry.has_at or "@" in token
    if angle is not None:
        entry.angle = "".join(angle)
    yield entry


def _may_go_on(angle: list[str]) -> bool:
    """Say whether a comma belongs inside the brackets: in a source route it does."""
    return bool(angle) and angle[0].startswith("@")

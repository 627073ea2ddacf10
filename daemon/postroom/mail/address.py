"""Mail addresses, as RFC 5322 writes them and as they really come."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.mail.message import Address
from postroom.mail.words import decode_words

# An encoded word is one token, whatever stands in it: commas there are seen.
_WORD = r'=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s"]*+\?='
_ATOM = r'\\[()]|([<>,;:()])|(?>(?:[^\s"<>,;:()\\]++|\\(?![()]))+)|\s++'
_TOKEN = re.compile(rf'{_WORD}|"([^"\\]*+(?>(?:\\.[^"\\]*+)*))("?)|{_ATOM}', re.DOTALL)
_BARE_TOKEN = re.compile(rf'{_WORD}|"()()|{_ATOM}')
_QUOTED = re.compile(r'"([^"\\]*+(?>(?:\\.[^"\\]*+)*))"?')
# "Ann <ann@kunde.example>"
_ALL_QUOTED = re.compile(r'"([^"\\<]*+(?>(?:\\.[^"\\<]*+)*)<[^"\\]*+(?>(?:\\.[^"\\]*+)*))"')
_ESCAPE = re.compile(r"\\(.)")
_ADDR_SPEC = re.compile(r'("[^"\\]*+(?>(?:\\.[^"\\]*+)*)"|[^\s"<>@]++)@([^\s"<>@]++)')
_AROUND = re.compile(r" ?([@.]) ?")  # RFC 822 allowed blanks there
# As archives of lists hide addresses: "ann at kunde.example (Ann Berg)".
_HIDDEN_AT = re.compile(r"([\w.+-]{1,64}) at ([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})(?: \(([^()]*)\))?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_PLAIN = re.compile(r"[^\s\"(),:;<>@\[\\\].]++(?>(?:\.[^\s\"(),:;<>@\[\\\].]++)*)")
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
    if domain.startswith("["):  # an IP address: "[IPv6:…]" is written so
        return domain
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
    before = ""  # words before a comma that nobody put in quotes: "Berg, Ann <ann@kunde.example>"
    for entry in _entries(value):
        addresses = [each.address(before) for each in entry.apart()]
        found.extend(address for address in addresses if address is not None)
        if len(found) >= most:
            return tuple(found[:most])
        before = "" if any(addresses) else entry.phrase
    if not found and "=?" in value and "=?" not in (decoded := decode_words(value)):
        return parse_addresses(decoded, most)  # encoded as a whole, address and all
    return tuple(found)


def parse_local(value: str) -> Address | None:
    """Read a sender without a domain, as the servers of one house write, or without an address.

    For showing only: who checked the sender's domain did not see what archives write as "at", nor
    what stands in quotes with its brackets.
    """
    if (hidden := _HIDDEN_AT.fullmatch(" ".join(value[:_MOST_NAME].split()))) is not None:
        return Address(_name(hidden[3] or ""), canonical(f"{hidden[1]}@{hidden[2]}"))
    if (quoted := _ALL_QUOTED.fullmatch(value[:_MOST_NAME].strip())) is not None:
        inner = parse_addresses(_ESCAPE.sub(r"\1", quoted[1]), 2)
        if len(inner) == 1:
            return inner[0]
    for entry in _entries(value):
        bare = (entry.angle if entry.angle is not None else entry.phrase).strip()
        is_group = bare.strip('"; ').endswith(":")  # "undisclosed-recipients:" put in quotes
        if bare and not is_group and "@" not in bare and len(bare) <= _LONGEST_ADDRESS:
            if " " in bare:  # only a name
                return Address(_name(bare), "")
            is_named = entry.angle is not None and entry.phrase
            return Address(_name(entry.phrase if is_named else entry.comment), _name(bare))
    return None


@dataclass(slots=True)
class _Entry:
    """What stands between two commas."""

    words: list[str] = field(default_factory=list)  # quoted strings keep their quotes
    has_at: bool = False  # outside of angle brackets
    angle: str | None = None
    comment: str = ""
    closed_at: int = 0  # number of words before the brackets that were closed last

    @property
    def phrase(self) -> str:
        return "".join(self.words[:_MOST_WORDS]).strip()

    @property
    def may_be_group(self) -> bool:
        """Say whether a colon ends the name of a group here, and not a "[mailto"."""
        return not self.has_at and not (self.words and self.words[-1].lower().endswith("mailto"))

    def apart(self) -> Iterator[_Entry]:
        """Cut addresses that only blanks part; other words between them make them one entry."""
        words = self.phrase.split() if self.angle is None and self.has_at else []
        if len(words) > 1 and all(_ADDR_SPEC.fullmatch(word) for word in words):
            yield from (_Entry([word], has_at=True) for word in words)
        else:
            yield self

    def next(self) -> _Entry | None:
        """Begin another entry where brackets open a second time, and words stand before them."""
        words = self.words[self.closed_at :]
        if self.angle is None or "@" not in self.angle or not any(map(str.strip, words)):
            return None
        del self.words[self.closed_at :]
        return _Entry(words)

    def close(self, angle: list[str]) -> None:
        """Take what stood in brackets; of several the first address counts."""
        if self.angle is None or "@" not in self.angle:
            self.angle = "".join(angle)
        self.closed_at = len(self.words)

    def address(self, before: str = "") -> Address | None:
        phrase = self.phrase
        if self.angle is not None:
            spec = _spec(self.angle)
            phrase = f"{before}, {phrase}".rstrip(", ") if before else phrase
        elif self.has_at:
            spec, phrase = _bare_spec(phrase)
        else:
            return None
        if spec is None:
            return None
        return Address("" if phrase == spec else _name(phrase) or _name(self.comment), spec)


def _bare_spec(phrase: str) -> tuple[str | None, str]:
    """Find an address without brackets: the last word, or all of it with the spaces removed."""
    before, _, last = phrase.rpartition(" ")
    if (spec := _spec(last)) is not None and not last.startswith("@"):
        return spec, before if not before.endswith('"@') else ""
    phrase = _AROUND.sub(r"\1", " ".join(phrase.split()))
    first, _, after = phrase.partition(" ")
    return (spec, after) if (spec := _spec(first)) is not None else (_spec(phrase), "")


def _spec(text: str) -> str | None:
    text = text.strip().strip("<>()")
    if text.startswith("'") and text.endswith("'"):  # as old Outlooks write; no domain ends so
        text = text.strip("'")
    if text.startswith("["):  # "Ann [ann@kunde.example]"
        text = text.strip("[]")
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if text.startswith("@") and ":" in text:  # an old source route: <@a,@b:user@host>
        text = text.rpartition(":")[2]
    match = _ADDR_SPEC.fullmatch(text) or _ADDR_SPEC.fullmatch("".join(text.split()))
    if match is None or len(match[0]) > _LONGEST_ADDRESS:
        return None
    address = canonical(match[0])
    local, _, domain = address.rpartition("@")
    return address if local and domain else None


def _name(text: str) -> str:
    text = _QUOTED.sub(lambda match: _ESCAPE.sub(r"\1", match[1]), text[:_MOST_NAME])
    return " ".join(_CONTROLS.sub(" ", decode_words(text)).split())[:_LONGEST_NAME]


def _tokens(value: str) -> Iterator[tuple[str, str]]:
    """Cut a value into tokens, each with itself if it is a special; one pass."""
    position, pattern, depth = 0, _TOKEN, 0
    # Quotes inside of a comment are no quotes (RFC 5322 §3.2.2).
    while (match := (_BARE_TOKEN if depth else pattern).match(value, position)) is not None:
        position = match.end()
        if match[1] is None:
            depth = max(0, depth + (match[3] == "(") - (match[3] == ")"))
            yield match[0], match[3] or ""
        elif match[2]:
            yield match[0], ""
        else:  # a quote without an end is none, nor is any behind it
            position, pattern = match.start() + 1, pattern if depth else _BARE_TOKEN


def _without_comments(value: str) -> Iterator[tuple[str, str]]:
    """Put each comment, with those inside it, into one token; one without an end is none."""
    depth, comment = 0, list[tuple[str, str]]()
    for token, special in _tokens(value):
        if depth:
            depth += (special == "(") - (special == ")")
            if depth:
                comment.append((token, special))
            else:
                yield "".join(_ESCAPE.sub(r"\1", token) for token, _ in comment), "("
        elif special == "(":
            depth, comment = 1, []
        else:
            yield token, special
    if depth:
        yield "(", ""
        yield from ((token, "" if special in {"(", ")"} else special) for token, special in comment)


def _entries(value: str) -> Iterator[_Entry]:
    """Cut a list at its commas."""
    entry = _Entry()
    angle: list[str] | None = None
    for token, special in _without_comments(value):
        if special == "(":
            entry.comment = token
        elif angle is not None and (special != "," or _may_go_on(angle)):
            angle = _inside(entry, angle, token, special)
        elif special in {",", ";"}:
            if angle is not None:
                entry.close(angle)
            yield entry
            entry, angle = _Entry(), None
        elif special == "<":
            if (following := entry.next()) is not None:  # a comma was forgotten
                yield entry
                entry = following
            angle = []
        elif special == ":" and entry.may_be_group:
            entry = _Entry()  # what stood before is the name of a group
        elif special != ">":
            entry.words.append(token)
            entry.has_at = entry.has_at or "@" in token
    if angle is not None:
        entry.close(angle)
    yield entry


def _inside(entry: _Entry, angle: list[str], token: str, special: str) -> list[str] | None:
    """Read on inside of brackets; None at their end."""
    if special == ">":
        entry.close(angle)
        return None
    if special == "<":  # "Ann <a@kunde.example <a@kunde.example>>"
        return []
    angle.append(token)
    return angle


def _may_go_on(angle: list[str]) -> bool:
    """Say whether a comma belongs inside the brackets: in a source route it does."""
    return bool(angle) and angle[0].startswith("@")

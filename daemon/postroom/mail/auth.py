"""What our own mail servers found out about the sender (RFC 8601)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

WITHOUT_ID = "without-id"  # among authserv-ids: of a server that names none

_TOKEN = re.compile(r'"([^"\\]*+(?>(?:\\.[^"\\]*+)*))"?|([();=])|([^\s"();=]++)|\s++')
_ESCAPE = re.compile(r"\\(.)")
_ADDRESS_LITERAL = re.compile(r"[\[(](?:IPv6:)?([0-9A-Fa-f:.]{2,45})[\])]", re.IGNORECASE)
_LMTP = re.compile(r"\bwith\s+(?:UTF8)?LMTPS?A?\b", re.IGNORECASE)
_LONGEST = 16_384
_MOST_METHODS = 100


@dataclass(slots=True)
class _Result:
    """One `method=result` with its properties, names in lower case."""

    method: str
    result: str
    properties: dict[str, str] = field(default_factory=dict)

    def domain(self, *names: str) -> str:
        """Return the domain of the first of these properties that is there."""
        for name in names:
            if value := self.properties.get(name):
                return value.rpartition("@")[2].lower().rstrip(".")
        return ""


def read_verdict(
    headers: Sequence[tuple[str, str]],
    from_domain: str,
    authserv_ids: Sequence[str],
    is_relay: Callable[[str], bool],
) -> tuple[str, str]:
    """Say "pass", "none" or "fail" for the From domain, and on what evidence.

    `headers` stand top first, undecoded; `is_relay` is asked about IP addresses, and "unix".

    Only what our own servers wrote counts, and only its place shows that: everybody may send an
    Authentication-Results with our name in it. Servers put their headers on top, so the border is
    the Received that our relay wrote when the mail came in from outside: whatever stands below
    it, the stranger wrote. Which Received is that? The topmost was written by the server that gave
    us the mail; as long as a Received says that the mail came from one of our own servers
    (`is_relay` for every address in it, or LMTP without any, which crosses no border), that server
    wrote the next one, and so on down. The first one that names another address, or none, is
    the border. Without a border nothing counts: such a mail never came in from outside.
    """
    wanted = from_domain.lower().rstrip(".")
    ours = {each.lower() for each in authserv_ids}
    border = _border(headers, is_relay)
    if not wanted or not ours or border is None:
        return "none", "no trustworthy Authentication-Results"
    parsed = [_parse(value) for value in _results(headers[:border])]
    return _summed_up(
        [(server, each) for server, each in parsed if server and server in ours], wanted
    )


def read_topmost(
    headers: Sequence[tuple[str, str]], from_domain: str, authserv_ids: Sequence[str]
) -> tuple[str, str]:
    """Say the same of a mail that was fetched from a provider, where no Received tells the border.

    `headers` stand top first. Only the topmost Authentication-Results counts, and only if one of
    these servers wrote it (WITHOUT_ID: one that names no server). That is right for a provider who
    writes one into every mail, or removes those of strangers in his name (RFC 8601 §5): his own
    stands above whatever came with the mail. All others are a stranger's word, whatever they say.
    """
    wanted = from_domain.lower().rstrip(".")
    ours = {each.lower() for each in authserv_ids}
    topmost = next(_results(headers), None)
    if not wanted or topmost is None:
        return "none", "no Authentication-Results"
    server, results = _parse(topmost)
    is_ours = server in ours - {WITHOUT_ID} if server else WITHOUT_ID in ours
    if not is_ours:
        by = server[:100] or "a server that names itself not"
        return "none", f"the topmost Authentication-Results is by {by}"
    return _summed_up([(server or "topmost", results)], wanted)


def _results(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the Authentication-Results, and nothing that is only called alike."""
    return (value for name, value in headers if name.lower() == "authentication-results")


def _summed_up(found: Iterable[tuple[str, list[_Result]]], wanted: str) -> tuple[str, str]:
    passed = ""
    for server, results in found:
        for result in results:
            match _judge(result, wanted):
                case "fail":
                    return "fail", _evidence(server, result)
                case "pass":
                    passed = passed or _evidence(server, result)
    if passed:
        return "pass", passed
    return "none", "no result of ours for the From domain"


def _judge(result: _Result, wanted: str) -> str:
    """Judge one result for the From domain; nothing but a failed DMARC is a failure."""
    match result.method, result.result:
        case "dmarc", ("pass" | "fail") as verdict:
            return verdict if result.domain("header.from") in {"", wanted} else "none"
        case "auth", "pass":
            login = result.properties.get("smtp.auth", "")
            domain = result.domain("smtp.auth" if "@" in login else "smtp.mailfrom")
            return "pass" if domain == wanted else "none"
        case "dkim", "pass":
            return "pass" if _is_aligned(result.domain("header.d", "header.i"), wanted) else "none"
        case _:
            return "none"


def _is_aligned(signer: str, wanted: str) -> bool:
    """A parent may sign for its children; a child not for its parent: it may be a customer's."""
    return signer == wanted or ("." in signer and wanted.endswith(f".{signer}"))


def _border(headers: Sequence[tuple[str, str]], is_relay: Callable[[str], bool]) -> int | None:
    """Find the Received by which the mail came in from outside."""
    for index, (name, value) in enumerate(headers):
        if name.lower() == "received" and not _is_handover(value, is_relay):
            return index
    return None


def _is_handover(received: str, is_relay: Callable[[str], bool]) -> bool:
    # The HELO name is the stranger's own word, and may look like one of our addresses: so every
    # address in the line must be ours.
    found = [match[1] for match in _ADDRESS_LITERAL.finditer(received[:_LONGEST])]
    addresses = [each for each in found if _is_address(each)]
    if addresses:
        return all(is_relay(each) for each in addresses)
    return _LMTP.search(received[:_LONGEST]) is not None and is_relay("unix")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _parse(value: str) -> tuple[str, list[_Result]]:
    """Read one header: the authserv-id and the results; what makes no sense is passed over.

    Seen: Microsoft 365 names no server, and begins with the first result: the id is "" then.
    """
    statements = _statements(value[:_LONGEST])
    first = next(statements, [])
    is_named = first[1:2] != ["="]
    server = first[0].lower() if first and is_named else ""
    results: list[_Result] = []
    for words in statements if is_named else chain([first], statements):
        pairs = list(_pairs(words))
        if not pairs or len(results) >= _MOST_METHODS:
            continue
        method, result = pairs[0]
        properties: dict[str, str] = {}
        for name, text in pairs[1:]:
            properties.setdefault(name.lower(), text)
        results.append(_Result(method.partition("/")[0].lower(), result.lower(), properties))
    return server, results


def _statements(value: str) -> Iterator[list[str]]:
    """Cut at the semicolons; comments are dropped, and "=" stands as a word of its own."""
    words: list[str] = []
    depth = 0
    for match in _TOKEN.finditer(value):
        special = match[2]
        if special in {"(", ")"}:
            depth = max(depth + (1 if special == "(" else -1), 0)
        elif depth:
            continue
        elif special == ";":
            yield words
            words = []
        elif special == "=":
            words.append("=")
        elif match[1] is not None:
            # A quoted "=" is no assignment: mark it by a character that no header value has.
            words.append(_ESCAPE.sub(r"\1", match[1]).replace("=", "\0"))
        elif match[3] is not None:
            words.append(match[3])
    yield words


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    for index in range(1, len(words) - 1):
        if words[index] == "=" and words[index - 1] != "=":
            yield words[index - 1], words[index + 1]


def _evidence(server: str, result: _Result) -> str:
    shown = ("header.from", "header.d", "smtp.auth", "smtp.mailfrom")
    properties = [
        f"{name}={result.properties[name]}" for name in shown if name in result.properties
    ]
    return " ".join([f"{server}: {result.method}={result.result}", *properties])[:200]

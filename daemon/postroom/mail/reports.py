"""The machine-readable parts of a report: delivery status, feedback, receipts, aggregates.

Promise: any bytes give fields, in time linear in their number and within named bounds. What RFC
3464 wants and what mail servers write differ in every way that a field can be broken; what is read
here is what the report says, not yet what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from postroom.mail.address import canonical
from postroom.mail.charset import decode_bytes
from postroom.mail.structure import Node, Structure
from postroom.mail.transfer import decode_transfer
from postroom.mail.words import decode_words

_REPORT_BYTES = 1_000_000
_TEXT_CHARS = 200_000  # of the status part that are looked at
_LINES = 10_000
_VALUE_CHARS = 4_000
_LOCAL_CHARS = 320
KINDS = {
    "message/delivery-status": "delivery-status",
    "message/global-delivery-status": "delivery-status",
    "message/feedback-report": "feedback-report",
    "message/disposition-notification": "disposition-notification",
    "message/global-disposition-notification": "disposition-notification",
}
_TYPES = frozenset({*KINDS.values(), "tlsrpt"})
ORIGINALS = frozenset(
    {"message/rfc822", "text/rfc822-headers", "text/rfc822-header", "text/rfc822"}
    | {"message/global", "message/global-headers", "message/partial", "message/rfc822-headers"}
)
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*+:(.*)")
# What may stand in a status part; any other line goes on with the field before it.
_FIELDS = frozenset(
    {"original-envelope-id", "reporting-mta", "dsn-gateway", "received-from-mta", "arrival-date"}
    | {"original-recipient", "final-recipient", "action", "status", "remote-mta"}
    | {"diagnostic-code", "last-attempt-date", "final-log-id", "will-retry-until", "subject"}
    | {"failure-reason", "localized-reason", "message-id", "disposition", "reporting-ua"}
    | {"original-message-id", "mdn-gateway", "error", "failure", "warning", "feedback-type"}
    | {"user-agent", "version", "original-mail-from", "original-rcpt-to", "received-date"}
    | {"source-ip", "incidents", "authentication-results", "reported-domain", "reported-uri"}
    | {"removal-recipient", "message-date", "from", "to"}
)
_INDENTED = frozenset({"original-recipient", "final-recipient", "action", "status"})
_RECIPIENTS = ("original-recipient", "final-recipient")
_REPEATED = frozenset({"diagnostic-code", "original-rcpt-to"})  # kept all, a line each
_COMMENT = re.compile(r"\([^()]*+\)")
_KIND = re.compile(r"\s*+([A-Za-z0-9][A-Za-z0-9_.+-]{0,30})\s*+;(.*)", re.DOTALL)
# Exchange packs foreign addresses, and its own directory's names, into local parts.
_PACKED = re.compile(r"IMCEA(?:SMTP|MAILTO|INVALID)-([^@]{1,400})@.*", re.IGNORECASE)
_PACKED_CHARACTER = re.compile(r"\+([0-9A-F]{2})", re.IGNORECASE)
_ROUTE = re.compile(r"(?:@[^@,:\s]{1,255},?)+:(?=[^@]+@)")  # RFC 5321 appendix C
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_IN_TEXT = re.compile(
    r"^[ \t]{0,8}+(?:Reporting-MTA|Final-Recipient|Original-Recipient)[ \t]*+:",
    re.IGNORECASE | re.MULTILINE,
)

_STATUS_BEGINS = (b"reporting-mta:", b"final-recipient:", b"original-recipient:")

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """The halves of a multipart/report, or of what looks like one; also where the text quotes."""

    type: str = ""  # "delivery-status", "feedback-report", "disposition-notification", "tlsrpt"
    status: bytes = b""  # body of the part that says what happened
    original: bytes = b""  # the mail that it happened to, or its header
    is_declared: bool = False  # the mail itself is a multipart/report


@dataclass(slots=True)
class Status:
    """The fields of a status part: those of the mail, and those of each recipient."""

    mail: Fields = field(default_factory=dict)
    recipients: list[Fields] = field(default_factory=list)


def find_report(structure: Structure) -> Report:
    """Find the parts of a report. A mail that a person attached to his own is not opened."""
    root = structure.root
    if root.type.startswith("text/"):
        return Report()
    # A list or a virus scanner wraps a report to add its own words.
    if root.type == "multipart/mixed" and root.children[:1]:
        first = root.children[0]
        root = first if first.type == "multipart/report" else root
    wanted = root.parameters.get("report-type", "").strip().lower()
    is_report = root.type == "multipart/report"
    status = next((leaf for leaf in structure.leaves if leaf.type in KINDS), None)
    if status is None and not is_report:
        status = next((leaf for leaf in root.children if _is_status(structure, leaf)), None)
    if not is_report and status is not None and status is not root:
        status = status if status in root.children else None
    original = next((leaf for leaf in structure.leaves if _is_original(leaf)), None)
    kind = KINDS.get(status.type, "delivery-status") if status is not None else ""
    return Report(
        type=kind or (wanted if is_report and wanted in _TYPES else ""),
        status=octets_of(structure, status),
        original=octets_of(structure, original),
        is_declared=is_report and root is structure.root,
    )


def _is_original(leaf: Node) -> bool:
    """Say whether a part is the failed mail, or its header as MailMarshal attaches it."""
    is_named = leaf.parameters.get("name", "").strip().lower() == "headers.txt"
    return leaf.type in ORIGINALS or (is_named and leaf.type == "text/plain")


def _is_status(structure: Structure, leaf: Node) -> bool:
    """Say whether a text, as Outlook's details.txt, is a status part in disguise."""
    first = structure.raw[leaf.body : leaf.body + 200].lstrip().lower()
    return leaf.type.startswith(("text/", "application/")) and first.startswith(_STATUS_BEGINS)


def octets_of(structure: Structure, leaf: Node | None) -> bytes:
    """Return the decoded body of a part that is itself a report or a mail, cut at a megabyte."""
    if leaf is None:
        return b""
    end = min(leaf.end, leaf.body + _REPORT_BYTES)
    octets = decode_transfer(structure.raw[leaf.body : end], leaf.encoding)
    return octets.replace(b"\r\n", b"\n")


def report_in_text(text: str) -> bytes:
    """Find the fields of RFC 3464 in a text, where a broken mail has left them."""
    found = _IN_TEXT.search(text[:_TEXT_CHARS])
    return b"" if found is None else text[found.start() : _TEXT_CHARS].encode("utf-8", "replace")


def read_status(octets: bytes, most: int) -> Status:
    """Read the groups of fields; a group without a recipient belongs to the one before it."""
    found = Status()
    for group in _groups(decode_bytes(octets[:_TEXT_CHARS])[0]):
        if any(name in group for name in _RECIPIENTS):
            if len(found.recipients) >= most:
                break
            found.recipients.append(group)
        else:
            into = found.recipients[-1] if found.recipients else found.mail
            for name, value in group.items():
                into.setdefault(name, value)
    return found


def _groups(text: str) -> Iterator[Fields]:
    """Cut at empty lines, and where a recipient is named again without one."""
    group: Fields = {}
    name = ""
    for line in text.split("\n", _LINES)[:_LINES]:
        if not line.strip():
            if group:
                yield group
            group, name = {}, ""
            continue
        match = _FIELD.match(line.strip())
        if match is None or not _is_field(match[1].lower(), is_indented=line[0].isspace()):
            if name:
                group[name] = f"{group[name]} {line.strip()}"[:_VALUE_CHARS]
            continue
        name = match[1].lower()
        if name in group and name in _RECIPIENTS:
            yield group
            group = {}
        if name not in group:
            group[name] = match[2].strip()[:_VALUE_CHARS]
        elif name in _REPEATED:
            group[name] = f"{group[name]}\n{match[2].strip()}"[:_VALUE_CHARS]
    if group:
        yield group


def _is_field(name: str, *, is_indented: bool) -> bool:
    """Say whether a line begins a field; an indented one mostly goes on with the one before."""
    return name in _INDENTED if is_indented else name in _FIELDS or name.startswith("x-")


def typed(value: str) -> tuple[str, str]:
    """Return type and rest of "smtp; 550 No such user"; the type is "" where none stands."""
    match = _KIND.fullmatch(value)
    return ("", value.strip()) if match is None else (match[1].lower(), match[2].strip())


def bare(value: str) -> str:
    """Return a value in lower case without comments: "Failed (bad address)"."""
    return _COMMENT.sub("", value).strip(" \t.;,\"'").lower()


def address_of(fields: Mapping[str, str]) -> str:
    """Return the recipient as the sender knew him, if the servers still know it, else the last."""
    found = [_address(fields[name]) for name in (*_RECIPIENTS, "x-display-name") if name in fields]
    if found and "+" in found[0]:
        found[0] = _unescaped(found[0], found[1:])
    whole = [address for address in found if _is_whole(address)]
    return next(iter(whole or [address for address in found if address]), "")


def _unescaped(address: str, others: list[str]) -> str:
    """Undo xtext (RFC 3461 §4), which some servers leave in, where it cannot be a real plus."""
    plain = _PACKED_CHARACTER.sub(lambda match: chr(int(match[1], 16)), address)
    is_meant = "@" not in address or any(plain.lower() == each.lower() for each in others)
    return canonical(plain) if is_meant and "@" in plain else address


def _address(value: str) -> str:
    """Return the address of "rfc822; user@host (comment)", decoded (RFC 6533 §3)."""
    kind, rest = typed(value)
    if kind == "utf-8":
        rest = _ESCAPED.sub(lambda match: _character(int(match[1], 16)), rest)
    rest = decode_words(rest[:_VALUE_CHARS])
    if "<" in rest and "@" in (inner := rest.partition("<")[2].partition(">")[0]):
        rest = inner
    rest = _COMMENT.sub("", rest).strip(" \t<>;,'")
    rest = rest.removeprefix("mailto:")
    if '"' not in rest:
        # Seen: "rfc822; user@host, via relay".
        rest = next((word for word in rest.split() if "@" in word), rest).strip("<>;,")
    rest = _ROUTE.sub("", rest)
    if (packed := _PACKED.fullmatch(rest)) is not None:
        rest = _PACKED_CHARACTER.sub(lambda match: chr(int(match[1], 16)), packed[1])
    return canonical(rest)[:_LOCAL_CHARS]


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def _is_whole(address: str) -> bool:
    local, at, domain = address.rpartition("@")
    is_known = bool(local and at and domain) and "/" not in domain
    return is_known and not is_directory_name(address)


def is_directory_name(address: str) -> bool:
    """Say whether it is a name of Exchange's directory, which no mail is written to."""
    return address.lower().startswith("imceaex-")

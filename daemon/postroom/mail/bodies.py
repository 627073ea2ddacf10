"""The readable text of a mail, chosen and put together from its parts."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from postroom.mail.calendar import calendar_to_text
from postroom.mail.charset import decode_bytes
from postroom.mail.embedded import File, take_files
from postroom.mail.enriched import enriched_to_text
from postroom.mail.flowed import unflow
from postroom.mail.html import html_to_text
from postroom.mail.labels import codec_of
from postroom.mail.message import Limits
from postroom.mail.outlook import is_msg, read_msg
from postroom.mail.parameters import read_disposition
from postroom.mail.secured import ENCRYPTED_PGP, ENCRYPTED_SMIME, is_enveloped, is_pkcs7
from postroom.mail.structure import Node, Structure
from postroom.mail.tnef import Tnef, is_tnef, read_tnef
from postroom.mail.transfer import decode_transfer

_CALENDAR = "text/calendar"
_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_ENRICHED = frozenset({"text/enriched", "text/richtext"})
_SLIDES = frozenset({"application/smil", "application/smil+xml"})
_MOST_SLIDES = 100  # leaves that are looked at
_TEXT_TYPES = _MARKUP | _ENRICHED | {"text/plain", "text/markdown", "text/x-markdown", "text"}
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{1,60})", re.IGNORECASE
)
# What stands in the plain form of a mail whose words are in the HTML form only.
_STUB = re.compile(
    r"(?:not|n't|unable|cannot|no longer)\b.{0,60}\b(?:display|support|view|show|render|read)"
    r"|(?:view|read|see|display)\b.{0,60}\b(?:html|browser)|html[ -](?:capable|compatible|enabled)"
    r"|unterstützt.{0,40}html|html.{0,60}(?:unterstützt|anzeigen|darstellen)"
    r"|(?:supporte|affiche).{0,60}html|html.{0,60}(?:supporte|afficher)|(?:soporta|admite).{0,40}html"
    r"|html version|enable html",
    re.IGNORECASE | re.DOTALL,
)
_STUB_CHARS = 400
_CALENDAR_BYTES = 500_000
_PACKED_BYTES = 64 << 20


@dataclass(slots=True)
class Bodies:
    """What the mail says, and which parts said it (by their number).

    `files` are those that were found inside of a part: in its text, a winmail.dat or a .msg.
    """

    text: str = ""
    html: str | None = None
    parts: set[str] = field(default_factory=set)
    files: dict[str, list[File]] = field(default_factory=dict)
    defects: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Body:
    """The text of one part, in the forms that it has."""

    plain: str | None
    html: str | None

    @property
    def best(self) -> str:
        if self.plain is None or (self.html is not None and not self.plain.strip()):
            return html_to_text(self.html or "")
        if self.html is not None and (stub := _stub_in(self.plain)):
            text = html_to_text(self.html)
            is_said_there = stub in text and len(text) <= 2 * len(self.plain)
            return text if text.strip() and not is_said_there else self.plain
        return self.plain


def _stub_in(plain: str) -> str:
    """Return the words that say that the plain form is none, or ""."""
    plain = plain.strip()
    is_short = len(plain) <= _STUB_CHARS and "html" in plain.lower()
    found = _STUB.search(plain) if is_short else None
    return found[0] if found is not None else ""


def disposition_of(node: Node) -> tuple[str, dict[str, str]]:
    """Return the disposition ("" if there is none) and its parameters."""
    if node.disposition is None:
        node.disposition = read_disposition(node.text("content-disposition"))
    return node.disposition


def file_name_of(node: Node) -> str:
    """Return the file name that the sender gave a part, as it stands there."""
    disposition, parameters = disposition_of(node)
    if name := parameters.get("filename") or node.parameters.get("name", ""):
        return name
    return parameters.get("name", "") if disposition != "form-data" else ""


def _start_of(related: Node) -> Node:
    """Return the part of a multipart/related that the others are for (RFC 2387 §3.2)."""
    if wanted := related.parameters.get("start", "").strip("<> "):
        for child in related.children:
            if child.text("content-id").strip("<> ") == wanted:
                return child
    return related.children[0]


def choose_bodies(structure: Structure, limits: Limits) -> Bodies:
    """Put the text of a mail together; HTML is turned into text where there is no plain text."""
    found = Bodies()
    reader = _Reader(structure, limits, found)
    body = reader.read(structure.root) or _Body(None, None)
    text = body.best
    for words in reader.more_words(text):
        text = f"{text.rstrip()}\n\n{words}".lstrip("\n") if text.strip() else words
    markup = body.html if body.html is not None else reader.packed_html(body)
    found.text = _bounded(text, limits, found)
    found.html = None if markup is None else _bounded(markup, limits, found)
    return found


def _bounded(text: str, limits: Limits, found: Bodies) -> str:
    if len(text) > limits.text_chars:
        found.defects[f"text longer than {limits.text_chars} characters"] = None
    return text[: limits.text_chars]


class _Reader:
    """Walks the tree; its depth is bounded by `structure.cut`."""

    def __init__(self, structure: Structure, limits: Limits, found: Bodies) -> None:
        self.structure = structure
        self.limits = limits
        self.found = found
        self.budget = limits.text_chars
        self.packed: Tnef | None = None
        # MMS: the first part tells a telephone when to show which picture and which words.
        self.is_slides = any(leaf.type in _SLIDES for leaf in structure.leaves[:_MOST_SLIDES])
        self.starts: dict[str, Node] = {}  # of each multipart/related, by its number

    def read(self, node: Node) -> _Body | None:
        if not node.children:
            return self._leaf(node) if self._is_text(node, None) else None
        bodies = [body for child in node.children if (body := self._child(child, node)) is not None]
        if not bodies:
            return None
        if node.type == "multipart/alternative":
            return self._one_of(bodies)
        return self._all_of(bodies)

    def _child(self, child: Node, parent: Node) -> _Body | None:
        if child.children:
            return self.read(child)
        return self._leaf(child) if self._is_text(child, parent) else None

    def _one_of(self, bodies: list[_Body]) -> _Body:
        """RFC 2046 §5.1.4: the same in several forms; an empty form says nothing."""
        plain = next((body.plain for body in bodies if body.plain and body.plain.strip()), None)
        markup = next((body.html for body in reversed(bodies) if body.html is not None), None)
        return _Body("" if plain is None and markup is None else plain, markup)

    def _all_of(self, bodies: list[_Body]) -> _Body:
        if len(bodies) == 1:
            return bodies[0]
        text = "\n\n".join(best.strip("\n") for body in bodies if (best := body.best).strip())
        if all(body.html is None for body in bodies):
            return _Body(text, None)
        markup = "\n".join(
            f"<pre>{html.escape(body.plain or '')}</pre>" if body.html is None else body.html
            for body in bodies
        )
        return _Body(text, markup)

    def _is_text(self, node: Node, parent: Node | None) -> bool:
        if node.type not in _TEXT_TYPES or disposition_of(node)[0] == "attachment":
            return False
        if parent is None or parent.type == "multipart/alternative":
            return True
        if self.is_slides and node.type == "text/plain":
            return True
        if parent.type == "multipart/related" and node is not self._start_of(parent):
            # RFC 2387: what the first part refers to. Without a name for it, it is read on.
            return not (node.field("content-id") or file_name_of(node))
        # RFC 8621 §4.1.4: a named text is a file, unless it is what comes first.
        return not file_name_of(node) or node is self.structure.leaves[0]

    def _start_of(self, related: Node) -> Node:
        if related.number not in self.starts:
            self.starts[related.number] = _start_of(related)
        return self.starts[related.number]

    def _leaf(self, node: Node) -> _Body:
        self.found.parts.add(node.number)
        text = self._decode(node) if self.budget > 0 else ""
        if len(text) > self.budget:
            self.found.defects[f"text longer than {self.limits.text_chars} characters"] = None
            text = text[: self.budget]
        self.budget -= len(text)
        if node.type in _MARKUP:
            return _Body(None, text)
        if node.type in _ENRICHED:
            return _Body(enriched_to_text(text), None)
        if node.parameters.get("format", "").lower() == "flowed":
            text = unflow(text, is_delsp=node.parameters.get("delsp", "").lower() == "yes")
        return _Body(text, None)

    def _decode(self, node: Node) -> str:
        # Six octets a character: four of UTF-8 or UTF-32, or quoted-printable of two.
        end = min(node.end, node.body + self.budget * 6)
        if end < node.end and self.structure.raw.find(b"begin ", node.body, node.end) >= 0:
            end = min(node.end, node.body + _PACKED_BYTES)  # a file in the text may be longer
        octets = self._octets(node, end)
        label = node.parameters.get("charset", "")
        if node.type in _MARKUP:
            if not label and (meta := _META_CHARSET.search(octets[:2_048])):
                label = meta[1].decode("ascii")
        else:
            octets, files = take_files(octets)
            if files:
                self.found.files[node.number] = files
        text, used = decode_bytes(octets, label, is_cut=end < node.end)
        if not octets.isascii() and used != codec_of(label):
            what = f"charset {label[:40]!r} is unknown or wrong" if label else "no charset declared"
            self.found.defects[f"{what}: read as {used}"] = None
        return text

    def _octets(self, node: Node, end: int) -> bytes:
        return decode_transfer(self.structure.raw[node.body : end], node.encoding)

    def more_words(self, text: str) -> list[str]:
        """Return the words that stand in no text: of a winmail.dat, an invitation, a lock."""
        words: list[str] = []
        for leaf in self.structure.leaves:
            if leaf.number in self.found.parts or leaf.type in _TEXT_TYPES:
                continue
            if leaf.type == _CALENDAR:
                words.append(self._calendar(leaf, text))
            elif is_tnef(leaf.type, file_name_of(leaf)):
                opened = self._open_tnef(leaf)
                words.append("" if text.strip() else opened.text)
            elif is_msg(leaf.type, file_name_of(leaf)):
                self._open_msg(leaf)
            elif is_pkcs7(leaf.type, file_name_of(leaf)):
                if is_enveloped(self._octets(leaf, min(leaf.end, leaf.body + 400))):
                    words.append(ENCRYPTED_SMIME)
            elif leaf.type == "application/pgp-encrypted":
                words.append(ENCRYPTED_PGP)
        if any(each in {ENCRYPTED_PGP, ENCRYPTED_SMIME} for each in words):
            self.found.defects["encrypted"] = None
        if "-----BEGIN PGP MESSAGE-----" in text[:2_000]:
            self.found.defects["encrypted with PGP in the text"] = None
        return list(dict.fromkeys(filter(None, words)))

    def _calendar(self, leaf: Node, text: str) -> str:
        """Describe an invitation, unless the text names it already."""
        octets = self._octets(leaf, min(leaf.end, leaf.body + _CALENDAR_BYTES))
        words = calendar_to_text(
            decode_bytes(octets, leaf.parameters.get("charset", "") or "utf-8")[0]
        )
        what = words.partition("\n")[0].rpartition(": ")[2]
        return "" if what and what in text else words

    def _open_tnef(self, leaf: Node) -> Tnef:
        """Open a winmail.dat: its files count as the mail's, and itself as the paper around."""
        octets = self._octets(leaf, min(leaf.end, leaf.body + _PACKED_BYTES))
        opened = read_tnef(octets)
        if opened.is_whole:
            self.found.parts.add(leaf.number)
            self.found.files[leaf.number] = list(opened.files)
            self.found.defects[f"opened {leaf.type}"] = None
        self.packed = self.packed or opened
        return opened

    def _open_msg(self, leaf: Node) -> None:
        """List what is inside of a .msg beside the .msg itself: that is a mail of its own."""
        message = read_msg(self._octets(leaf, min(leaf.end, leaf.body + _PACKED_BYTES)))
        if message is not None and message.files:
            self.found.files[leaf.number] = message.files

    def packed_html(self, body: _Body) -> str | None:
        """Return the HTML of a winmail.dat, if the mail itself has no text at all."""
        if self.packed is None or (body.plain or "").strip():
            return None
        return self.packed.html

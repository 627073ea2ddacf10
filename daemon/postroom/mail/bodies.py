"""The readable text of a mail, chosen and put together from its parts."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from postroom.mail.charset import decode_bytes
from postroom.mail.flowed import unflow
from postroom.mail.html import html_to_text
from postroom.mail.labels import codec_of
from postroom.mail.message import Limits
from postroom.mail.parameters import read_disposition
from postroom.mail.structure import Node, Structure
from postroom.mail.transfer import decode_transfer

_TEXT_TYPES = frozenset({"text/plain", "text/html", "text/markdown", "text/enriched"})
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{1,60})", re.IGNORECASE
)


@dataclass(slots=True)
class Bodies:
    """What the mail says, and which parts said it (by their number)."""

    text: str = ""
    html: str | None = None
    parts: set[str] = field(default_factory=set)
    defects: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Body:
    """The text of one part, in the forms that it has."""

    plain: str | None
    html: str | None

    @property
    def best(self) -> str:
        if self.plain is not None and (self.plain.strip() or self.html is None):
            return self.plain
        return html_to_text(self.html or "")


def disposition_of(node: Node) -> tuple[str, dict[str, str]]:
    """Return the disposition ("" if there is none) and its parameters."""
    return read_disposition(node.text("content-disposition"))


def file_name_of(node: Node) -> str:
    """Return the file name that the sender gave a part, as it stands there."""
    _, parameters = disposition_of(node)
    return parameters.get("filename") or node.parameters.get("name", "")


def choose_bodies(structure: Structure, limits: Limits) -> Bodies:
    """Put the text of a mail together; HTML is turned into text where there is no plain text."""
    found = Bodies()
    body = _Reader(structure, limits, found).read(structure.root)
    if body is not None:
        found.text = _bounded(body.best, limits, found)
        found.html = None if body.html is None else _bounded(body.html, limits, found)
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

    def read(self, node: Node) -> _Body | None:
        if not node.children:
            return self._leaf(node) if self._is_text(node) else None
        bodies = [body for child in node.children if (body := self.read(child)) is not None]
        if not bodies:
            return None
        if node.type == "multipart/alternative":
            return self._one_of(bodies)
        return self._all_of(bodies)

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

    def _is_text(self, node: Node) -> bool:
        if node.type not in _TEXT_TYPES or disposition_of(node)[0] == "attachment":
            return False
        # A named text inside a mail is a file; the mail itself is a text even with a name.
        return node is self.structure.root or not file_name_of(node)

    def _leaf(self, node: Node) -> _Body:
        self.found.parts.add(node.number)
        text = self._decode(node) if self.budget > 0 else ""
        if len(text) > self.budget:
            self.found.defects[f"text longer than {self.limits.text_chars} characters"] = None
            text = text[: self.budget]
        self.budget -= len(text)
        if node.type == "text/html":
            return _Body(None, text)
        if node.parameters.get("format", "").lower() == "flowed":
            text = unflow(text, is_delsp=node.parameters.get("delsp", "").lower() == "yes")
        return _Body(text, None)

    def _decode(self, node: Node) -> str:
        # Six octets a character: four of UTF-8 or UTF-32, or quoted-printable of two.
        end = min(node.end, node.body + self.budget * 6)
        octets = decode_transfer(self.structure.raw[node.body : end], node.encoding)
        label = node.parameters.get("charset", "")
        if (
            not label
            and node.type == "text/html"
            and (meta := _META_CHARSET.search(octets[:2_048]))
        ):
            label = meta[1].decode("ascii")
        text, used = decode_bytes(octets, label, is_cut=end < node.end)
        if not octets.isascii() and used != codec_of(label):
            what = f"charset {label[:40]!r} is unknown or wrong" if label else "no charset declared"
            self.found.defects[f"{what}: read as {used}"] = None
        return text

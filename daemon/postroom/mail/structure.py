"""The MIME structure of one mail: which bytes are which part.

Promise: any bytes give a tree, in one pass and in time linear in their number, without recursion
and without copying a body. Bounds that were met, and what was broken, are named in `defects`.
Why not the standard library's parser: it recurses per level, asks every open boundary about every
line, copies each body several times and forgets where a part began (measured: see the tests).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postroom.mail.message import Limits
from postroom.mail.parameters import read_type
from postroom.mail.transfer import PLAIN, decode_transfer, encoding_of
from postroom.mail.words import decode_header

_HEADER_NAME = re.compile(rb"\r*+(?!--)([!-9;-~]{1,200}+)[ \t]*+:")
_FIELD_END = re.compile(rb"\n(?![ \t])")  # what is folded goes on
_MBOX_LINE = re.compile(rb">?From (?![ \t]*+:)[^\n]*+\n")  # "From : Ann" is a field
_BLANKS = re.compile(rb"[ \t\r\n]*+")
_MARK = "\ufeff".encode()  # of UTF-8
_END = re.compile(rb"\r*+\n")
# A line that is no field ends the header, unless fields that everybody knows go on below it.
_JUNK = re.compile(rb"[^\r\n][^\n]{0,997}+\n")
# A field whose name is broken, or written in letters that none can have: "X-Größe: 5".
_ODD_FIELD = re.compile(rb":[ \t]|(?=[!-9;-~]*+[\x80-\xff])[!-9;-~\x80-\xff]{1,60}+:[ \t]")
_KNOWN = re.compile(
    rb"(?:from|to|cc|bcc|subject|date|message-id|mime-version|content-[a-z-]{2,30}|received|reply-to"
    rb"|sender|return-path|references|in-reply-to|dkim-signature|delivered-to"
    rb"|arc-[a-z-]{2,40}|authentication-results|list-[a-z-]{2,20}|user-agent|importance|precedence"
    rb"|thread-(?:topic|index)|received-spf|auto-submitted|errors-to|organization|status|lines):",
    re.IGNORECASE,
)
# A parameter in a line of its own that nobody indented.
_LOST_FOLD = re.compile(
    rb"(?:filename|name|charset|boundary|format|type|size)(?:\*\d*\*?)?[ \t]*+="
    rb"[^\n]{0,900}+(?:\n|\Z)",
    re.IGNORECASE,
)
_JUNK_LINES = 20  # passed over in one header
_GUESSED = re.compile(
    rb"\n--([^\s][^\r\n]{0,200}?)[ \t]*+\r*+\n(?:content-[a-z-]+:|\r*+\n)", re.IGNORECASE
)
_PART = re.compile(rb"[ \t]*+\r*+\n[Cc]ontent-[A-Za-z-]{2,40}+:")
_GUESS_BYTES = 65_536  # of a body in which a boundary that nobody declared is looked for

_PART_HEADERS = 100  # header fields read of one part
_VALUE_BYTES = 1_048_576  # of one header value kept raw; long lists of recipients are real
_DELIMITER_LINES = 2_000_000  # lines beginning with "--" looked at
_BOUNDARY_BYTES = 250
_LAST_BYTES = 100  # white space behind the last delimiter
_DEEPEST = 100  # whatever the limits say: what walks the tree later recurses

Fields = tuple[tuple[str, bytes], ...]
DEFAULTS = Limits()


@dataclass(slots=True)
class Node:
    """One part: its header fields (raw values) and where its body lies in the mail."""

    number: str  # as IMAP counts; "" is the mail itself when it is a multipart
    fields: Fields
    start: int  # where the header block begins
    body: int  # where the body begins
    end: int
    type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    charset: str = ""  # of the texts before it: what raw octets in its header are written in
    children: list[Node] = field(default_factory=list)
    disposition: tuple[str, dict[str, str]] | None = None  # once it was read

    def field(self, name: str) -> bytes:
        """Return the raw value of the first field of that (lower-case) name, or b""."""
        return next((value for key, value in self.fields if key.lower() == name), b"")

    def text(self, name: str) -> str:
        """Return the first field of that name as one line of text, encoded words untouched."""
        value = self.field(name)
        return decode_header(value[:16_384], self.charset) if value else ""

    @property
    def encoding(self) -> str:
        """The transfer encoding in lower case; a multipart has none (RFC 2045 §6.4)."""
        if self.type.startswith("multipart/") and not self.parameters.get("name"):
            return ""
        return encoding_of(self.text("content-transfer-encoding"))


@dataclass(slots=True)
class Structure:
    """The tree of one mail and the leaves in the order of the mail."""

    raw: bytes
    root: Node
    leaves: list[Node]
    defects: list[str]
    is_verbatim: bool = True  # False: `raw` is not quite what came

    def slice(self, node: Node) -> bytes:
        """Copy the (encoded) body of a part."""
        return self.raw[node.body : node.end]


def cut(raw: bytes, limits: Limits) -> Structure:
    """Find the parts of a mail."""
    is_verbatim = b"\n" in raw or b"\r" not in raw
    if not is_verbatim:
        raw = raw.replace(b"\r", b"\n")  # old Macintosh line ends; offsets stay the same
    structure = _Cutter(raw, limits).run()
    structure.is_verbatim = is_verbatim and structure.raw is raw
    return structure


@dataclass(slots=True)
class _Open:
    """A multipart whose end has not come yet."""

    node: Node
    boundary: bytes
    shadowed: int | None  # level of an outer multipart with the same boundary


class _Cutter:
    """State of the one pass: the stack of open multiparts and the part being passed over."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self.raw = raw
        self.limits = limits
        self.defects: dict[str, None] = {}
        self.leaves: list[Node] = []
        self.stack: list[_Open] = []
        self.levels: dict[bytes, int] = {}
        self.current: Node | None = None
        self.count = 0
        self.charset = ""

    def run(self) -> Structure:
        start = _after_blank_lines(self.raw)
        fields, body = read_fields(self.raw, start, self.limits.headers, self.defects)
        root = Node("", fields, start, body, len(self.raw))
        self._decode_whole(root)
        self._begin(root, parent=None)
        position = body
        for _ in range(_DELIMITER_LINES):
            if not self.stack:
                break
            # The line break before a delimiter belongs to it; the body may be empty.
            line = self.raw.find(b"\n--", max(position - 1, 0)) + 1
            if line == 0:
                break
            position = self._visit(line)
        else:
            self.defects[f"more than {_DELIMITER_LINES} lines that look like delimiters"] = None
        self._close_down_to(0, len(self.raw), is_proper=False)
        self._finish(root)
        return Structure(self.raw, root, self.leaves, list(self.defects)[:50])

    def _decode_whole(self, root: Node) -> None:
        """RFC 2045 §6.4 forbids to encode a multipart; some gateways do it to the whole mail."""
        root.type, root.parameters = read_type(root.text("content-type"), "text/plain")
        encoding = encoding_of(root.text("content-transfer-encoding"))
        if not root.type.startswith("multipart/") or encoding in PLAIN:
            return
        boundary = root.parameters.get("boundary", "").encode("utf-8", "replace")
        if boundary and self.raw.find(b"--" + boundary, root.body) >= 0:
            return
        decoded = decode_transfer(self.raw[root.body :], encoding)
        if b"--" + boundary in decoded:
            self.raw = self.raw[: root.body] + decoded
            root.end = len(self.raw)
            self.defects["multipart was encoded"] = None

    def _boundary_of(self, node: Node) -> bytes:
        """Return the declared boundary, or if need be one that the body shows."""
        boundary = node.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
        start, end = max(node.body - 1, 0), node.body + _GUESS_BYTES
        # In the whole mail it is looked for to the end; with many parts that took too long.
        if boundary and self.raw.find(b"--" + boundary, start, end if node.number else None) >= 0:
            return boundary
        found = _GUESSED.search(self.raw[start:end])
        if found is None or found[1].removesuffix(b"--") in self.levels or found[1] in self.levels:
            return boundary
        self.defects["boundary is not the declared one"] = None
        return found[1]

    def _shows_parts(self, node: Node) -> bool:
        """Say whether a part has a boundary, and below it parts, whatever its type says."""
        if not (boundary := node.parameters.get("boundary", "").encode("utf-8", "replace")):
            return False
        mark = b"--" + boundary
        found = self.raw.find(mark, node.body, node.body + _GUESS_BYTES)
        at_start = found == node.body or self.raw[found - 1 : found] == b"\n"
        return found >= 0 and at_start and _PART.match(self.raw, found + len(mark)) is not None

    def _visit(self, line: int) -> int:
        """Look at a line that begins with "--"; return where to go on."""
        end = self.raw.find(b"\n", line)
        end = len(self.raw) if end < 0 else end
        if end - line > _BOUNDARY_BYTES + 10:
            return end
        mark = self.raw[line + 2 : end].rstrip(b" \t\r")
        if len(self.raw) - end < _LAST_BYTES and self._is_last(mark, end):
            self._leave(line)
            return end
        if (level := self.levels.get(mark)) is not None:
            return self._delimiter(level, line, end)
        closed = self.levels.get(mark[:-2]) if mark.endswith(b"--") else None
        # Lists add their footer to a last line that did not end.
        if closed is None and mark.startswith(self.stack[-1].boundary + b"--"):
            closed = len(self.stack) - 1
        if closed is not None:
            self._leave(line)
            self._close_down_to(closed, line, is_proper=True)
        return end

    def _is_last(self, mark: bytes, end: int) -> bool:
        """Say whether the mail ends with this delimiter, or is cut off inside of it."""
        if (
            self.current is None
            or not mark
            or not any(each.startswith(mark) for each in self.levels)
        ):
            return False
        return _after_blank_lines(self.raw, end) == len(self.raw)

    def _delimiter(self, level: int, line: int, end: int) -> int:
        """Begin the next child of the multipart at `level`."""
        if self.count >= self.limits.parts:
            self.defects[f"more than {self.limits.parts} parts"] = None
            return end
        self._leave(line)
        self._close_down_to(level + 1, line, is_proper=False)
        parent = self.stack[level].node
        start = min(end + 1, len(self.raw))
        fields, body = read_fields(self.raw, start, _PART_HEADERS, self.defects)
        number = f"{parent.number}.{len(parent.children) + 1}".lstrip(".")
        child = Node(number, fields, start, body, len(self.raw))
        parent.children.append(self._begin(child, parent))
        return body

    def _begin(self, node: Node, parent: Node | None) -> Node:
        """Read the type of a new part, and open it if it is a multipart."""
        self.count += 1
        default = "text/plain"
        if parent is not None and parent.type == "multipart/digest":
            default = "message/rfc822"
        node.charset = self.charset
        node.type, node.parameters = read_type(node.text("content-type"), default)
        self.charset = self.charset or node.parameters.get("charset", "")
        self.current = node
        if not node.type.startswith(("multipart/", "message/")) and self._shows_parts(node):
            node.type = "multipart/mixed"
            self.defects["multipart that calls itself something else"] = None
        if not node.type.startswith("multipart/"):
            return node
        boundary = self._boundary_of(node)
        if not 0 < len(boundary) <= _BOUNDARY_BYTES:
            self.defects["multipart without boundary"] = None
        elif len(self.stack) >= min(self.limits.depth, _DEEPEST):
            self.defects[f"nested deeper than {self.limits.depth}"] = None
        else:
            self.stack.append(_Open(node, boundary, self.levels.get(boundary)))
            self.levels[boundary] = len(self.stack) - 1
            self.current = None
        return node

    def _leave(self, line: int) -> None:
        """End the part being passed over just before the delimiter at `line`."""
        if self.current is not None:
            self.current.end = max(_before_break(self.raw, line), self.current.body)
            self.current = None

    def _close_down_to(self, level: int, end: int, *, is_proper: bool) -> None:
        while len(self.stack) > level:
            closed = self.stack.pop()
            closed.node.end = max(_before_break(self.raw, end), closed.node.body)
            if closed.shadowed is None:
                del self.levels[closed.boundary]
            else:
                self.levels[closed.boundary] = closed.shadowed
            if not (is_proper and len(self.stack) == level):
                self.defects["multipart not closed"] = None

    def _finish(self, root: Node) -> None:
        """Number the root, turn empty multiparts into text and list the leaves in order."""
        todo = [root]
        while todo:
            node = todo.pop()
            if node.children:
                todo.extend(reversed(node.children))
                continue
            if node.type.startswith("multipart/") and node.parameters.get("boundary"):
                if f"nested deeper than {self.limits.depth}" not in self.defects:
                    node.type = "text/plain"
                    self.defects["multipart without parts"] = None
            elif node.type.startswith("multipart/") and not node.parameters.get("name"):
                node.type = "text/plain"  # else a file: "multipart/x-zip"
            self.leaves.append(node)
        if not root.children:
            root.number = "1"


def _before_break(raw: bytes, line: int) -> int:
    if line < len(raw) and line > 0 and raw[line - 1] == 10:
        line -= 1
        if line > 0 and raw[line - 1] == 13:
            line -= 1
    return line


def _after_blank_lines(raw: bytes, start: int = 0) -> int:
    if raw.startswith(_MARK, start):
        start += len(_MARK)
    end = _BLANKS.match(raw, start).end()  # type: ignore[union-attr] # it matches nothing, too
    return max(raw.rfind(b"\n", start, end) + 1, start)


def _begins_part(line: bytes, fields: list[tuple[str, bytes]]) -> bool:
    """Say whether a line is the boundary that the header above it names: its end got lost."""
    mark = line.strip()[2:].strip()
    return (
        line.startswith(b"--")
        and bool(mark)
        and any(name.lower() == "content-type" and mark in value for name, value in fields)
    )


def read_fields(
    raw: bytes, start: int, most: int, defects: dict[str, None] | None = None
) -> tuple[Fields, int]:
    """Read a block of header fields; return at most `most` of them and where the body begins."""
    defects = {} if defects is None else defects
    fields: list[tuple[str, bytes]] = []
    if (mbox := _MBOX_LINE.match(raw, start)) is not None:
        start = mbox.end()
    position, is_over, junk = start, False, 0
    while True:
        while (name := _HEADER_NAME.match(raw, position)) is not None:
            end = _FIELD_END.search(raw, name.end())
            stop, position = (end.start(), end.end()) if end is not None else (len(raw), len(raw))
            if len(fields) < most:
                value = raw[name.end() : min(stop, name.end() + _VALUE_BYTES)]
                fields.append((name[1].decode("ascii"), value))
            else:
                is_over = True
        if fields and junk < _JUNK_LINES and (lost := _LOST_FOLD.match(raw, position)) is not None:
            known, value = fields[-1]
            if known.lower().startswith("content-") and value.rstrip().endswith(b";"):
                fields[-1] = known, value + raw[position : lost.end()]
                position, junk = lost.end(), junk + 1
                continue
        line = _JUNK.match(raw, position)
        if line is None or junk >= _JUNK_LINES or _begins_part(line[0], fields):
            break
        is_odd = bool(fields) and _ODD_FIELD.match(raw, position) is not None
        if not is_odd and _KNOWN.match(raw, line.end()) is None:
            break
        position, junk = line.end(), junk + 1
        defects["line in the header that is no field"] = None
    if is_over:
        defects[f"more than {most} headers"] = None
    if (blank := _END.match(raw, position)) is not None:
        return tuple(fields), blank.end()
    if position < len(raw) and not raw.startswith(b"--", position):
        defects["headers end without an empty line"] = None
    return tuple(fields), position

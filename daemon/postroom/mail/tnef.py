"""winmail.dat: what Outlook packs a mail into for other Outlooks (TNEF: MS-OXTNEF, MS-OXCDATA).

Promise: any octets give what can be read of them, in linear time; nothing is read beyond them, and
names, files and depth are bounded. Own code, because tnefparse goes by the lengths that it finds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from postroom.mail.charset import decode_bytes
from postroom.mail.embedded import File
from postroom.mail.mapi import Properties, file_of, words_of
from postroom.mail.outlook import Message, file_of_message

_SIGNATURE = 0x223E9F78
_MARK = struct.pack("<I", _SIGNATURE)
_TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_NAME = "winmail.dat"
# Attributes (MS-OXTNEF §2.1.1).
_CODEPAGE, _BODY, _SUBJECT, _PROPERTIES = 0x9007, 0x800C, 0x8004, 0x9003
_TITLE, _TEXT = 0x0037, 0x1000  # the same as properties
_BEGIN_FILE, _FILE_TITLE, _FILE_OCTETS, _FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_STRING, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_SIZES = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_OBJECT_HEAD = 16  # the identifier of an interface stands before an object
_FILES = 200
_DEPTH = 5  # messages inside of messages
_MOST_PROPERTIES = 5_000
_VALUES = 1_000


@dataclass(slots=True)
class Tnef:
    """What was packed: the words, and the files. `is_whole` False: it could not be opened."""

    text: str = ""
    html: str | None = None
    files: list[File] = field(default_factory=list)
    properties: Properties = field(default_factory=dict)
    is_whole: bool = False


@dataclass(slots=True)
class _Packed:
    """A file that is being put together from attributes."""

    title: str = ""
    octets: bytes = b""
    properties: Properties = field(default_factory=dict)

    def file(self, depth: int) -> File:
        """Return the file; a message that was attached is packed in the same way once more."""
        file = file_of(self.properties, self.title, self.octets)
        if depth >= _DEPTH or not file.octets.startswith(_MARK):
            return file
        inner = _read(file.octets, depth + 1)
        properties = {_TEXT: inner.text, **inner.properties}
        return file_of_message(Message(properties, files=inner.files), file.name)


def is_tnef(kind: str, name: str) -> bool:
    """Say whether a part is a winmail.dat, by its type, or by its name if that says nothing."""
    return kind in _TYPES or (kind == "application/octet-stream" and name.lower() == _NAME)


def read_tnef(octets: bytes) -> Tnef:
    """Open a winmail.dat."""
    return _read(octets, 1)


def _read(octets: bytes, depth: int) -> Tnef:
    found = Tnef()
    if len(octets) < 6 or struct.unpack_from("<I", octets)[0] != _SIGNATURE:
        return found
    codec, properties, packed = "cp1252", Properties(), list[_Packed]()
    body = subject = b""
    for identity, data in _attributes(octets):
        if identity == _CODEPAGE and len(data) >= 4:
            codec = f"cp{struct.unpack_from('<I', data)[0]}"
        elif identity == _BODY:
            body = data
        elif identity == _SUBJECT:
            subject = data
        elif identity == _PROPERTIES:
            properties = dict(_read_properties(data, codec))
        elif identity == _BEGIN_FILE and len(packed) < _FILES:
            packed.append(_Packed())
        elif packed:
            _add(packed[-1], identity, data, codec)
    found.files = [each.file(depth) for each in packed]
    found.properties = {_TITLE: decode_bytes(subject.rstrip(b"\0"), codec)[0], **properties}
    found.is_whole = True
    found.text, found.html = words_of(properties, decode_bytes(body.rstrip(b"\0"), codec)[0])
    return found


def _add(packed: _Packed, identity: int, data: bytes, codec: str) -> None:
    if identity == _FILE_TITLE:
        packed.title = decode_bytes(data.partition(b"\0")[0], codec)[0]
    elif identity == _FILE_OCTETS:
        packed.octets = data
    elif identity == _FILE_PROPERTIES:
        packed.properties = dict(_read_properties(data, codec))


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield identity and data of each attribute; what is cut off is given as far as it goes."""
    position = 6
    while position + 9 <= len(octets):
        _, identity, _, length = struct.unpack_from("<BHHI", octets, position)
        position += 9
        yield identity, octets[position : position + length]
        position += length + 2  # a checksum


def _read_properties(data: bytes, codec: str) -> Iterator[tuple[int, bytes | str]]:
    try:
        yield from _properties(data, codec)
    except struct.error:
        return  # cut off


def _properties(data: bytes, codec: str) -> Iterator[tuple[int, bytes | str]]:
    (count,) = struct.unpack_from("<I", data)
    position = 4
    for _ in range(min(count, _MOST_PROPERTIES)):
        kind, identity = struct.unpack_from("<HH", data, position)
        position += 4
        if identity >= 0x8000:  # a named one: whose, and how it is called
            position = _after_name(data, position)
            identity = 0
        values = 1
        kind, is_many = kind & 0xEFFF, bool(kind & 0x1000)
        if is_many or kind in {_STRING, _UNICODE, _OBJECT, _BINARY}:
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        for n in range(min(values, _VALUES)):
            value, position = _value(data, position, kind, codec)
            if n == 0 and identity:
                yield identity, value


def _after_name(data: bytes, position: int) -> int:
    (kind,) = struct.unpack_from("<I", data, position + 16)
    (length,) = struct.unpack_from("<I", data, position + 20)
    return position + 24 + (0 if kind == 0 else length + -length % 4)


def _value(data: bytes, position: int, kind: int, codec: str) -> tuple[bytes | str, int]:
    if (size := _SIZES.get(kind)) is not None:
        return data[position : position + size], position + size
    if kind not in {_STRING, _UNICODE, _OBJECT, _BINARY}:
        raise struct.error("property of an unknown type")
    (length,) = struct.unpack_from("<I", data, position)
    position += 4
    value = data[position : position + length]
    position += length + -length % 4
    match kind:
        case 0x1E:
            return decode_bytes(value.partition(b"\0")[0], codec)[0], position
        case 0x1F:
            return decode_bytes(value, "utf-16-le")[0].partition("\0")[0], position
        case 0x0D:
            return value[_OBJECT_HEAD:], position
        case _:
            return value, position

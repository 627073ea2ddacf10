"""Writes Outlook's .msg files (MS-OXMSG inside of MS-CFB), as small as they can be."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

SECTOR, MINI, CUTOFF = 512, 64, 4_096
END, FREE, FAT_SECTOR, DIFAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFC
Tree = Mapping[str, "bytes | Tree"]
Value = str | bytes | int | datetime


@dataclass
class _Entry:
    name: str
    kind: int  # 1 storage, 2 stream, 5 root
    start: int = END
    size: int = 0
    right: int = FREE
    child: int = FREE


@dataclass
class _File:
    entries: list[_Entry] = field(default_factory=list)
    sectors: bytearray = field(default_factory=bytearray)
    fat: list[int] = field(default_factory=list)
    mini: bytearray = field(default_factory=bytearray)
    mini_fat: list[int] = field(default_factory=list)

    def put(self, octets: bytes) -> int:
        return _chain(self.sectors, self.fat, octets, SECTOR)

    def add(self, tree: Tree) -> int:
        """Add the members of a storage, each the right-hand neighbour of the one before it."""
        first, last = FREE, None
        for name in sorted(tree, key=lambda name: (len(name), name.upper())):
            content, number = tree[name], len(self.entries)
            entry = _Entry(name, 2 if isinstance(content, bytes) else 1)
            self.entries.append(entry)
            if isinstance(content, bytes):
                is_mini = len(content) < CUTOFF
                entry.size = len(content)
                entry.start = (
                    _chain(self.mini, self.mini_fat, content, MINI)
                    if is_mini
                    else self.put(content)
                )
            else:
                entry.child = self.add(content)
            if last is None:
                first = number
            else:
                last.right = number
            last = entry
        return first


def _chain(area: bytearray, fat: list[int], octets: bytes, size: int) -> int:
    if not octets:
        return END
    start, count = len(fat), -(-len(octets) // size)
    area += octets.ljust(count * size, b"\0")
    fat += [*range(start + 1, start + count), END]
    return start


def compound_file(tree: Tree) -> bytes:
    """Write streams inside of storages."""
    file = _File([_Entry("Root Entry", 5)])
    root = file.entries[0]
    root.child = file.add(tree)
    root.start, root.size = file.put(bytes(file.mini)), len(file.mini)
    mini_fat = file.put(struct.pack(f"<{len(file.mini_fat)}I", *file.mini_fat))
    directory = file.put(b"".join(map(_directory_entry, file.entries)))
    count, more = _table_sectors(len(file.fat))
    first = len(file.fat)
    file.fat += [FAT_SECTOR] * count + [DIFAT_SECTOR] * more
    table = struct.pack(f"<{len(file.fat)}I", *file.fat)
    file.sectors += table.ljust(count * SECTOR, b"\xff")
    places = [*range(first, first + count)]
    # The head names 109 sectors of the table; the others are named in sectors of their own.
    for number in range(more):
        following = first + count + number + 1 if number + 1 < more else END
        some = [*places[109 + number * 127 :][:127], *[FREE] * 127][:127]
        file.sectors += struct.pack("<128I", *some, following)
    head = struct.pack(
        "<8s16xHHHHH10xIIIIIIII",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, count, directory, 0, CUTOFF),
        *(mini_fat, -(-len(file.mini_fat) // 128), first + count if more else END, more),
    )
    return head + struct.pack("<109I", *[*places, *[FREE] * 109][:109]) + bytes(file.sectors)


def _table_sectors(others: int) -> tuple[int, int]:
    """Count the sectors of the allocation table, which name themselves, too."""
    count, more = 1, 0
    while count * 128 < others + count + more:
        count += 1
        more = -(-max(0, count - 109) // 127)
    return count, more


def _directory_entry(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII36xIQ",
        name,
        len(name),
        entry.kind,
        1,
        FREE,
        entry.right,
        entry.child,
        entry.start,
        entry.size,
    )


def storage(properties: Mapping[int, Value], head: int, codec: str = "") -> dict[str, bytes | Tree]:
    """Write properties as a storage holds them; `head` octets stand before the table of them."""
    tree: dict[str, bytes | Tree] = {}
    table = bytes(head)
    for identity, value in properties.items():
        kind, octets = _octets(value, codec)
        if kind in {0x03, 0x40}:
            table += struct.pack("<HHI8s", kind, identity, 6, octets)
        else:
            table += struct.pack("<HHIII", kind, identity, 6, len(octets), 0)
            tree[f"__substg1.0_{identity:04X}{kind:04X}"] = octets
    tree["__properties_version1.0"] = table
    return tree


def _octets(value: Value, codec: str) -> tuple[int, bytes]:
    match value:
        case str():
            return (0x1E, value.encode(codec)) if codec else (0x1F, value.encode("utf-16-le"))
        case int():
            return 0x03, struct.pack("<I", value)
        case datetime():
            since = value.astimezone(UTC) - datetime(1601, 1, 1, tzinfo=UTC)
            return 0x40, struct.pack("<Q", int(since.total_seconds()) * 10_000_000)
        case _:
            return 0x102, value


def message(
    properties: Mapping[int, Value],
    attached: Sequence[Mapping[int, Value] | dict[str, bytes | Tree]] = (),
    recipients: Sequence[Mapping[int, Value]] = (),
    *,
    codec: str = "",
    is_inside: bool = False,
) -> dict[str, bytes | Tree]:
    """Write a message as a storage; what is attached is properties, or such a storage itself."""
    tree = storage(properties, 24 if is_inside else 32, codec)
    for number, each in enumerate(recipients):
        tree[f"__recip_version1.0_#{number:08X}"] = storage(each, 8, codec)
    for number, each in enumerate(attached):
        if "__properties_version1.0" in each:
            file = storage({0x3705: 5}, 8)
            file["__substg1.0_3701000D"] = each  # type: ignore[assignment]
        else:
            file = storage({0x3705: 1, **each}, 8, codec)  # type: ignore[dict-item]
        tree[f"__attach_version1.0_#{number:08X}"] = file
    return tree

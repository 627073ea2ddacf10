"""`postroom mail read`: what was read of a mail, in the keys of the contract.

Promise: one line for each mail, whatever it is. Mails are read in a reader process, which is cut
off when one takes too long: one file never ends the others.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from postroom import clock
from postroom.cli.access import open_reader
from postroom.cli.injecting import STDIN, read_file
from postroom.cli.tables import cell, clean, plain, print_json_line, print_properties
from postroom.mail.address import parse_local
from postroom.mail.message import Address, Attachment, Envelope, ParsedMail
from postroom.work.readers import Readers, as_mail

LARGEST = 256 * 2**20  # octets; no relay hands on such mail
_CHUNK = 64 * 1024
_TOGETHER = 64  # paths, when so many wait already


def record_of(file: str, mail: ParsedMail) -> dict[str, Any]:
    """Return what was read, as JSON."""
    return {
        "file": file,
        "message_id": mail.message_id,
        "date": plain(mail.date),
        "subject": mail.subject,
        "from": _address(mail.from_ or parse_local(mail.header("from"))),
        "reply_to": [item.address for item in mail.reply_to],
        "to": [item.address for item in mail.to],
        "cc": [item.address for item in mail.cc],
        "in_reply_to": list(mail.in_reply_to),
        "references": list(mail.references),
        "text": mail.text,
        "fresh": mail.fresh,
        "has_html": mail.html is not None,
        "attachments": [_attachment(item) for item in mail.attachments],
        "origin": mail.origin.value,
        "evidence": list(mail.evidence),
        "bounce": plain(mail.bounce),
        "forward": plain(mail.forward),
        "defects": list(mail.defects),
    }


def failure_of(file: str, words: str) -> dict[str, Any]:
    """Return the keys of a mail for a file that could not be opened; `error` says why."""
    nothing = ParsedMail(None, None, "", None, defects=(f"file not read: {words}",))
    return record_of(file, nothing) | {"error": words}


def read_files(files: Sequence[Path], *, as_json: bool) -> bool:
    """Read files one after the other; False if one could not be opened."""
    with open_reader(None) as readers:
        return _read_each(readers, files, as_json=as_json)


def _read_each(readers: Readers, files: Sequence[Path], *, as_json: bool) -> bool:
    is_whole = True
    for number, file in enumerate(files):
        try:
            raw = read_file(file) if file == STDIN else _bytes_of(str(file))
        except OSError as error:
            is_whole = False
            words = error.strerror or str(error)
            print(f"postroom: {file}: {words}", file=sys.stderr)
            if as_json:
                print_json_line(failure_of(str(file), words))
            continue
        [mail] = _read(readers, [raw])
        if as_json:
            print_json_line(record_of(str(file), mail))
        else:
            print("\n" * (number > 0), end="")
            _print_mail(str(file), mail)
    return is_whole


def read_paths(stream: BinaryIO) -> None:
    """Answer each path of a stream with a line; those that wait together are read together."""
    with open_reader(None) as readers:
        for paths in _lines(stream):
            for start in range(0, len(paths), _TOGETHER):
                _answer(readers, paths[start : start + _TOGETHER])


def _answer(readers: Readers, paths: Sequence[str]) -> None:
    raws: list[bytes] = []
    errors: dict[int, str] = {}
    for number, path in enumerate(paths):
        try:
            raws.append(_bytes_of(path))
        except (OSError, ValueError) as error:
            errors[number] = getattr(error, "strerror", None) or str(error)
    mails = iter(_read(readers, raws))
    for number, path in enumerate(paths):
        if number in errors:
            print_json_line(failure_of(path, errors[number]))
        else:
            print_json_line(record_of(path, next(mails)))


def _read(readers: Readers, raws: Sequence[bytes]) -> list[ParsedMail]:
    envelope = Envelope("", (), "cli", "", clock.now())
    answers = zip(readers.read(raws), raws, strict=True)
    return [as_mail(answer, envelope, raw) for answer, raw in answers]


def _lines(stream: BinaryIO) -> Iterator[list[str]]:
    """Yield the paths that have come so far, as soon as there are any."""
    rest = b""
    while chunk := os.read(stream.fileno(), _CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [os.fsdecode(line.removesuffix(b"\r")) for line in lines]
    if rest:
        yield [os.fsdecode(rest)]


def _bytes_of(path: str) -> bytes:
    """Read a regular file: a pipe or a device would never end."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "is not a file")
        if status.st_size > LARGEST:
            raise OSError(0, f"is larger than {LARGEST} octets")
        return file.read()


def _address(address: Address | None) -> dict[str, str] | None:
    return plain(address) if address is not None else None


def _attachment(item: Attachment) -> dict[str, Any]:
    return {"name": item.name, "type": item.type, "size": item.size, "inline": item.inline}


def _print_mail(file: str, mail: ParsedMail) -> None:
    print_properties(
        [
            ("file", file),
            ("subject", mail.subject),
            ("from", _named(mail.from_)),
            ("reply-to", [_named(item) for item in mail.reply_to]),
            ("to", [_named(item) for item in mail.to]),
            ("cc", [_named(item) for item in mail.cc]),
            ("date", mail.date),
            ("message-id", mail.message_id),
            ("in-reply-to", mail.in_reply_to),
            ("references", mail.references),
            ("origin", f"{mail.origin.value} {cell(mail.evidence) if mail.evidence else ''}"),
            ("bounced", [item.address for item in mail.bounce.recipients] if mail.bounce else ""),
            ("forwarded", mail.forward.subject if mail.forward else ""),
            ("defects", mail.defects),
            *(
                ("attachment", f"{item.name} ({_type(item)}, {item.size} octets)")
                for item in mail.attachments
            ),
        ]
    )
    print(f"\n{clean(mail.text).rstrip()}")
    if mail.fresh.strip() != mail.text.strip():
        print(f"\n--- newly written:\n{clean(mail.fresh).rstrip()}")


def _type(item: Attachment) -> str:
    is_odd = item.looks_like not in {"", item.type}
    return f"{item.type}, looks like {item.looks_like}" if is_odd else item.type


def _named(address: Address | None) -> str:
    if address is None:
        return ""
    return f"{address.name} <{address.address}>" if address.name else address.address

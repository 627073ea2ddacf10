"""`postroom mail inject`: files to spool. Neither the database nor the policy is looked at.

Promise: a spool id is printed when its mail is on the disk. Whatever stands in the way for a while,
a damaged spool too, is Unavailable (75): a mail server then keeps the mail and tries again.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from postroom import clock
from postroom.cli.access import open_spool
from postroom.cli.tables import print_json_line
from postroom.config import Config
from postroom.core.site import Site
from postroom.core.units import nearest
from postroom.errors import NotFound, Unavailable
from postroom.mail.address import parse_addresses
from postroom.mail.message import Envelope
from postroom.mail.structure import read_fields
from postroom.spool import Spool
from postroom.spool.model import DamagedSpoolError

STDIN = Path("-")
_HEAD = 256 * 1024  # octets looked at for headers
_HEADERS = 500
_MBOX_ROOM = 1_000
_WAITING = 64  # mails on their way to the disk together
_MBOX_LINE = re.compile(rb"From ([^ \r\n]+)[^\r\n]*\r?\n")
_SEEN_IN = ("delivered-to", "x-original-to", "to", "cc")


def inject_all(
    config: Config, files: Sequence[Path], to: str | None, sender: str | None, *, as_json: bool
) -> bool:
    """Inject every file and print its spool id; False if one could not be taken."""
    site = config.site()
    check_ours(site, to)
    is_whole = True
    waiting: deque[tuple[Path, Future[str]]] = deque()
    with _temporary(), open_spool(config) as spool:
        for file in _watched(files):
            raw = _read(file, config.limits.message_size)
            if raw is None:
                is_whole = False
                continue
            _check_room(spool, config, len(raw))
            envelope = envelope_of(raw, site, to, sender)
            waiting.append((file, spool.put(envelope, without_mbox_line(raw))))
            if len(waiting) >= _WAITING:
                _say(waiting.popleft(), as_json=as_json)
        while waiting:
            _say(waiting.popleft(), as_json=as_json)
    return is_whole


def check_ours(site: Site, to: str | None) -> None:
    """Raise NotFound with the nearest if `to` is no address of ours."""
    if to is not None and site.mailbox_for(to) is None:
        known = [mailbox.address for mailbox in site.mailboxes.values()]
        raise NotFound(f"{to} is no address of a mailbox{nearest(to, known)}")


def envelope_of(raw: bytes, site: Site, to: str | None, sender: str | None) -> Envelope:
    """Make the envelope of a mail that came without one, from its headers."""
    fields, _ = read_fields(raw[:_HEAD], 0, _HEADERS)
    headers = [(name.lower(), value.decode("utf-8", "replace")) for name, value in fields]
    recipient = to
    if recipient is None:
        found = (
            item.address
            for name in _SEEN_IN
            for key, value in headers
            if key == name
            for item in parse_addresses(" ".join(value.split()))
        )
        first = next(iter(site.mailboxes.values())).address
        recipient = next((address for address in found if site.is_ours(address)), first)
    mailbox = site.mailbox_for(recipient)
    return Envelope(
        sender=_sender(raw, headers) if sender is None else sender.strip("<> "),
        recipients=(recipient,),
        transport="cli",
        mailbox=mailbox.name if mailbox is not None else "",
        received_at=clock.now(),
    )


def without_mbox_line(raw: bytes) -> bytes:
    """Take off the "From " line that a mail server writes before a mail that it pipes."""
    found = _MBOX_LINE.match(raw)
    return raw[found.end() :] if found is not None else raw


def read_file(file: Path, most: int | None = None) -> bytes:
    """Read a file, or standard input; one octet more than `most` at the utmost."""
    size = -1 if most is None else most + 1
    if file == STDIN:
        return sys.stdin.buffer.read(size)
    with file.open("rb") as stream:
        return stream.read(size)


def _sender(raw: bytes, headers: Iterable[tuple[str, str]]) -> str:
    """Return-Path stands above all other headers when a mail server wrote it (RFC 5321 §4.4)."""
    known = dict(reversed(list(headers)))
    path = known.get("return-path")
    if path is not None:
        return path.strip().strip("<>").strip()
    mbox = _MBOX_LINE.match(raw)
    if mbox is not None and (b"@" in mbox[1] or mbox[1] == b"MAILER-DAEMON"):
        return mbox[1].decode("utf-8", "replace") if b"@" in mbox[1] else ""
    found = parse_addresses(" ".join(known.get("from", "").split()))
    return found[0].address if found else ""


def _read(file: Path, most: int) -> bytes | None:
    try:
        raw = read_file(file, most + _MBOX_ROOM)
    except OSError as error:
        print(f"postroom: {file}: {error.strerror or error}", file=sys.stderr)
        return None
    if len(without_mbox_line(raw)) > most:
        words = f"larger than {most} octets ([limits] message_size)"
        print(f"postroom: {file}: {words}", file=sys.stderr)
        return None
    return raw


def _check_room(spool: Spool, config: Config, size: int) -> None:
    if spool.free_bytes() < config.limits.disk_reserve + size:
        raise Unavailable(f"not enough room on the disk of {config.data}")


def _say(injected: tuple[Path, Future[str]], *, as_json: bool) -> None:
    file, future = injected
    spool_id = future.result()
    if as_json:
        print_json_line({"spool_id": spool_id, "file": str(file)})
    else:
        print(spool_id, flush=True)


@contextmanager
def _temporary() -> Iterator[None]:
    """Nothing that stands in the way of taking mail in may look final to a mail server."""
    try:
        yield
    except (OSError, DamagedSpoolError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise Unavailable(str(error)) from error


def _watched(files: Sequence[Path]) -> Iterable[Path]:
    """Show a progress bar for many files, when somebody looks on and the ids go elsewhere."""
    if len(files) < 20 or not sys.stderr.isatty() or sys.stdout.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "taking in", console=Console(stderr=True))

"""`postroom mail html`: a mail as a page that any browser shows, without loading anything."""

from __future__ import annotations

import sys
from pathlib import Path

from postroom.cli.access import open_reader
from postroom.cli.injecting import read_file, without_mbox_line
from postroom.cli.tables import print_json
from postroom.errors import NotFound
from postroom.mail.page import Page, Wanted, make_page
from postroom.work.readers import ReadFailure


def write_page(
    file: Path, output: Path | None, part: str, *, allows_remote: bool, as_json: bool
) -> None:
    """Write the page of a mail to a file, else to standard output."""
    try:
        raw = without_mbox_line(read_file(file))
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror or error}") from error
    page = _made(file, Wanted(raw, part, allows_remote))
    octets = page.html.encode("utf-8", "replace")
    if output is None:
        sys.stdout.buffer.write(octets)
        return
    output.write_bytes(octets)
    said = {"file": str(output), "blocked": page.blocked, "pictures": page.pictures}
    if as_json:
        print_json(said)
        return
    words = f"{output}: {len(octets)} octets, {page.pictures} pictures"
    if page.blocked:
        words += f"; {page.blocked} references to elsewhere left out (--remote-images shows them)"
    print(words)


def _made(file: Path, wanted: Wanted) -> Page:
    """Make the page in a reader, which is cut off when it takes too long."""
    with open_reader(None) as readers:
        [page] = readers.call(make_page, [wanted], _size)
    if isinstance(page, ReadFailure):
        raise NotFound(f"{file}: it cannot be shown: {page.reason}: {page.detail}")
    if page is None:
        what = f"part {wanted.part} is no mail or text of it"
        raise NotFound(f"{file}: {what}; `postroom mail read --json` names its parts")
    return page


def _size(wanted: Wanted) -> int:
    return len(wanted.raw)

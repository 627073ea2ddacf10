"""What a real Postfix does with the same mails, on the same disk, in the same run.

*Accepted*: smtpd to its queue, where all is held. *Delivered*: its `virtual` writes every mail into
a Maildir; the clock runs until the last lies there. As Debian ships it: durable, on one machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import machine
from bench.corpus import MAILBOX
from bench.processes import Generator
from tests.live.postfix import Postfix, running_postfix

USER = "nobody"
LONGEST = 600.0
LONGEST_PATH = 60  # its sockets lie below, and a socket's path is 107 octets at most
POLL = 0.005
_ACCEPTING = {
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "smtpd_client_connection_count_limit": "0",
    "queue_run_delay": "300s",
}
_HELD = {**_ACCEPTING, "smtpd_recipient_restrictions": "check_recipient_access static:HOLD"}


def is_there(folder: Path) -> bool:
    """Whether this machine has one, and we may start it in that folder."""
    has_one = shutil.which("postfix", path="/usr/sbin:/usr/bin") is not None
    return has_one and os.geteuid() == 0 and len(str(folder)) <= LONGEST_PATH


def accept_seconds(folder: Path, generator: Generator, connections: int) -> float:
    """Return how long it takes to accept the whole corpus, durably, delivering nothing."""
    machine.let_through(folder / "postfix")
    with running_postfix(_HELD, within=folder) as server:
        return generator.send(server.port, connections).load.seconds


def deliver_seconds(folder: Path, generator: Generator, connections: int, mails: int) -> float:
    """Return how long it takes until the whole corpus lies in a Maildir."""
    with (
        _maildir(folder) as (settings, new),
        running_postfix({**_ACCEPTING, **settings}, within=folder) as server,
    ):
        burst = generator.send(server.port, connections)
        return _wait_for(new, mails, server) - burst.begin


@contextmanager
def _maildir(folder: Path) -> Iterator[tuple[Mapping[str, str], Path]]:
    """Make an empty one, with the settings that have every mail delivered there."""
    owner = pwd.getpwnam(USER)
    base = folder / "delivered"
    base.mkdir()
    os.chown(base, owner.pw_uid, owner.pw_gid)
    machine.let_through(base)
    settings = {
        "virtual_mailbox_domains": MAILBOX.partition("@")[2],
        "virtual_mailbox_base": str(base),
        "virtual_mailbox_maps": "static:box/",
        "virtual_minimum_uid": "1",
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
        "virtual_mailbox_limit": "0",
    }
    try:
        yield settings, base / "box" / "new"
    finally:
        shutil.rmtree(base)


def _wait_for(new: Path, mails: int, server: Postfix) -> float:
    until = time.perf_counter() + LONGEST
    while True:
        found = len(os.listdir(new)) if new.exists() else 0  # noqa: PTH208 - thousands of names
        now = time.perf_counter()
        if found >= mails:
            return now
        if now > until:
            raise RuntimeError(f"{found} of {mails} delivered: {server.log[-2_000:]}")
        time.sleep(POLL)

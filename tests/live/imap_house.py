"""A house whose mail comes from a real IMAP server, and a door that is visited by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.houses import CONFIG, make_house, rows, work, write_house
from tests.live.dovecot import PASSWORD, Dovecot

from postroom.house import House
from postroom.intake.imap import FolderLife, setups_of
from postroom.intake.imap_login import keeper_of
from postroom.spool import Spool
from postroom.spool.model import SpoolEntry
from postroom.store import schema as t
from postroom.work.audit import audit


@dataclass
class ImapHouse:
    """A house, and its folders."""

    house: House
    folders: list[FolderLife]

    def visit(self) -> int:
        """Fetch once from every folder."""
        return sum(folder.visit() for folder in self.folders)

    def fetch_and_work(self) -> int:
        """Fetch, work, and tell the server what became of it."""
        count = self.visit()
        work(self.house)
        return count + self.visit()

    @property
    def subjects(self) -> list[str]:
        """The subjects in the journal, sorted; without copies."""
        entries = rows(self.house, t.journal)
        return sorted(entry.subject for entry in entries if entry.outcome != "duplicate")

    def check_audit(self) -> None:
        """Nothing is missing."""
        found = audit(self.house.database, self.house.spool).findings
        assert [] == [(one.kind, one.subject) for one in found]


def config_for(server: Dovecot, user: str, extra: str = "", port: int | None = None) -> str:
    """Return a config whose mail comes by IMAP; `extra` are keys of [[imap]]."""
    keys = {
        "url": f'"imaps://127.0.0.1:{port or server.tls_port}/INBOX"',
        "ca_file": f'"{server.certificate}"',
        "timeout": '"20s"',
        "first_run": '"all"',
        "password_file": '"imap-password"',
    }
    for line in extra.splitlines():
        key, _, value = line.partition(" = ")
        keys[key] = value
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items() if value)
    return f'{CONFIG}\n[[imap]]\nmailbox = "support"\nuser = "{user}"\n{lines}\n'


@dataclass
class ImapSpool:
    """A spool alone, and the folder that mail comes to it from."""

    spool: Spool
    folder: FolderLife

    def visit(self) -> int:
        """Fetch once."""
        return self.folder.visit()

    @property
    def entries(self) -> list[SpoolEntry]:
        """What was fetched."""
        return self.spool.list()


@contextmanager
def imap_spool(
    place: Path, server: Dovecot, user: str, extra: str = "", port: int | None = None
) -> Iterator[ImapSpool]:
    """Open a spool that gets a user's INBOX; no database."""
    _write_password(place)
    config = write_house(place, config=config_for(server, user, extra, port))
    with Spool(config.data, config.node) as spool:
        [table] = config.imap
        [setup] = setups_of(config, table)
        folder = FolderLife(setup, config, spool, keeper_of(config, table))
        try:
            yield ImapSpool(spool, folder)
        finally:
            folder.stop()
            folder.close()


def _write_password(place: Path) -> None:
    place.mkdir(exist_ok=True)
    path = place / "imap-password"
    path.write_text(PASSWORD)
    path.chmod(0o600)


@contextmanager
def imap_house(
    folder: Path, server: Dovecot, user: str, extra: str = "", port: int | None = None
) -> Iterator[ImapHouse]:
    """Open a house that reads a user's INBOX."""
    _write_password(folder)
    with make_house(folder, config=config_for(server, user, extra, port)) as house:
        folders = [
            FolderLife(setup, house.config, house.spool, keeper)
            for table in house.config.imap
            for keeper in [keeper_of(house.config, table)]
            for setup in setups_of(house.config, table)
        ]
        try:
            yield ImapHouse(house, folders)
        finally:
            for one in folders:
                one.stop()
                one.close()

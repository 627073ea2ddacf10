"""Which kind of database a test runs on, and where its databases are.

Every test of store/ and flow/ runs on both kinds. Those that have no business with one of them are
named in `one_kind.toml`, each with the reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres import new_database

from postroom.core.place import DATABASE_FILE, Place, Server
from postroom.store.migrate import make_file, open_database


class Kind(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


FOLDERS = ("store", "flow")
EXCEPTIONS = tomllib.loads(Path(__file__).with_name("one_kind.toml").read_text(encoding="utf-8"))


def is_named(test: str) -> bool:
    """Whether a test, its module or its folder is an exception."""
    module = test.partition("::")[0]
    names = {module.partition("/")[0], module, test}
    return any(names & excepted.keys() for excepted in EXCEPTIONS.values())


def kinds_of(test: str) -> list[Kind] | None:
    """Return the kinds that a test runs on ("store/test_db.py::test_x"); None: not ours to say."""
    module = test.partition("::")[0]
    folder = module.partition("/")[0]
    if folder not in FOLDERS:
        return None
    for kind, excepted in EXCEPTIONS.items():
        if {folder, module, test} & excepted.keys():
            return [Kind(kind)]
    return list(Kind)


@dataclass
class Ground:
    """Where the databases of one test are; those of a server are gone after it.

    `furnishes` False: SQLite's files are made by whoever opens them first, table by table.
    """

    kind: Kind
    _stack: ExitStack
    furnishes: bool = False
    _servers: dict[Path, Server] = field(default_factory=dict)

    @property
    def is_used(self) -> bool:
        """Whether a test that runs on a server has had a database of it."""
        return bool(self._servers)

    def place(self, file: Path, *, is_empty: bool = False) -> Place:
        """Return the place of a database: this file, or a database that stands for it.

        It has all tables and no rows, unless it is to be empty, or is there already.
        """
        if self.kind is Kind.SQLITE:
            if self.furnishes and not is_empty and not file.exists():
                _furnish(file)
            return file
        if file not in self._servers:
            opened = new_database(is_empty=is_empty)
            self._servers[file] = self._stack.enter_context(opened)
        return self._servers[file]


def _furnish(file: Path) -> None:
    """Write a database that has every table already: to make them takes far longer."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_file(file)
    file.write_bytes(_tables())


@cache
def _tables() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE_FILE
        open_database(file).close()
        return file.read_bytes()


_grounds: list[Ground] = []


@contextmanager
def ground_of(kind: Kind, *, furnishes: bool = False) -> Iterator[Ground]:
    """Let `ground()` be of this kind."""
    with ExitStack() as stack:
        _grounds.append(Ground(kind, stack, furnishes))
        try:
            yield _grounds[-1]
        finally:
            _grounds.pop()


def ground() -> Ground:
    """Return the ground that the running test stands on; outside of store/ and flow/: SQLite."""
    return _grounds[-1] if _grounds else Ground(Kind.SQLITE, ExitStack())

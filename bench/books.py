"""The database of a measured daemon, asked from outside: a file of SQLite's, or a server's.

    with new_books(folder, "postgresql") as books: …     # a server of its own, durable as shipped

The server lies below /tmp, and ends with the block.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import cpu_seconds, tree_of
from tests.postgres import Cluster, new_cluster

from postroom.store.db import Database
from postroom.store.migrate import upgrade

NAME = "postroom"
# As PostgreSQL is shipped, where the tests' server has other settings.
DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "shared_buffers": "128MB",
    "jit": "on",
}


@dataclass(frozen=True, slots=True)
class Books:
    """Where it is: `url` is for the config; no `cluster`: SQLite."""

    folder: Path
    url: str = "sqlite"
    cluster: Cluster | None = None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask it, by a connection of its own."""
        if self.cluster is not None:
            with self.cluster.connect(NAME) as session:
                return session.execute(sql.encode()).fetchall()
        file = self.folder / "var" / "postroom.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """Return the one value that it answers with."""
        return self.rows(sql)[0][0]

    def cpu_seconds(self) -> float:
        """Return the processor time of the server so far; SQLite has none."""
        if self.cluster is None:
            return 0.0
        return sum(map(cpu_seconds, tree_of(self.cluster.process)))


@contextmanager
def new_books(folder: Path, kind: str) -> Iterator[Books]:
    """Give a database to a daemon whose folder that is; only a server has to be made for it."""
    if kind == "sqlite":
        yield Books(folder)
        return
    with new_cluster(**DURABLE) as cluster:
        with cluster.connect() as session:
            session.execute(f"CREATE DATABASE {NAME}".encode())
        server = cluster.server(NAME)
        with closing(Database(server)) as database:
            upgrade(database)
        yield Books(folder, server.url, cluster)

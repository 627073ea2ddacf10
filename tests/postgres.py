"""A real PostgreSQL for tests: a server of this process, and new databases on it within moments.

    with new_database() as place: ...       # a copy of one that has every table already

The server listens on a Unix socket in a folder of its own, and ends with this process, however
that ends: a shell waits for the end of a pipe.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from postroom.core.place import Server
from postroom.store.db import Database
from postroom.store.migrate import upgrade

ADMINISTRATOR = "postgres"
TEMPLATE = "template_postroom"
WAIT = 60
# Nothing here need survive a power cut; crash tests say otherwise.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "jit": "off",
}
# Sorted as in a dictionary, unlike SQLite: whoever relies on the order of octets is found out.
INITIAL = (
    *("-U", ADMINISTRATOR, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"),
    *("--locale-provider=icu", "--icu-locale=en"),
)
# `cat` ends when we do.
_KEEPER = 'folder=$1; shift; "$@" & server=$!; cat; kill -QUIT $server; wait; rm -rf "$folder"'
_numbers = itertools.count(1)


class Cluster:
    """A server in a folder; `start`, `kill` and `stop` it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = {**SETTINGS, "unix_socket_directories": str(folder), **settings}
        self._keeper: subprocess.Popen[bytes] | None = None
        _run("initdb", "-D", str(self.data), *INITIAL)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def server(self, name: str) -> Server:
        """Return where a database of it is, for Postroom."""
        host = self.settings["unix_socket_directories"]
        return Server(f"postgresql+psycopg://{ADMINISTRATOR}@/{name}?host={host}")

    def connect(self, name: str = "postgres") -> psycopg.Connection[Any]:
        """Open a session of the administrator, beside Postroom's."""
        host = self.settings["unix_socket_directories"]
        return psycopg.connect(host=host, user=ADMINISTRATOR, dbname=name, autocommit=True)

    def start(self) -> None:
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        server = (_binary("postgres"), "-D", str(self.data), *options)
        with self.log.open("ab") as said:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", str(self.folder), *server],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                start_new_session=True,
                **_user(),
            )
        end = time.monotonic() + WAIT
        while not self._answers():
            assert self._keeper.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def close(self) -> None:
        """Stop it and remove all that it wrote."""
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._keeper.wait(WAIT)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def new_cluster(**settings: str) -> Iterator[Cluster]:
    """Make a server for one test that does bad things to it."""
    cluster = Cluster(_new_folder(), **settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@contextmanager
def new_database(*, is_empty: bool = False) -> Iterator[Server]:
    """Make a database with all tables and no rows; or without tables."""
    cluster, name = shared_cluster(), f"test_{next(_numbers)}"
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if is_empty else TEMPLATE}")
    try:
        yield cluster.server(name)
    finally:
        with cluster.connect() as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def shared_cluster() -> Cluster:
    """Return the server of this process; it ends with it."""
    cluster = Cluster(_new_folder())
    cluster.start()
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}")
    with closing(Database(cluster.server(TEMPLATE))) as database:
        upgrade(database)
    return cluster


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="postroom-pg-", dir="/tmp"))  # a socket's path is short
    if os.geteuid() == 0:
        owner = pwd.getpwnam(ADMINISTRATOR)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        folder.chmod(0o755)
    return folder


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [_binary(name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=WAIT,
        **_user(),
    )
    assert done.returncode == 0, done.stderr


@cache
def _binary(name: str) -> str:
    """The newest of Debian's; its wrappers in /usr/bin are for clusters of the system."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    assert found, f"{name} is missing: apt-get install postgresql"
    return str(found[-1])


def _version(path: Path) -> int:
    return int(path.parts[-3])


def _user() -> dict[str, Any]:
    """Root may not run it."""
    if os.geteuid() != 0:
        return {}
    owner = pwd.getpwnam(ADMINISTRATOR)
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [], "cwd": "/"}

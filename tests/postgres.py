"""A real PostgreSQL for tests: a server of this process, and new databases on it within moments.

    with new_database() as place: ...       # a copy of one that has every table already

The server listens on a Unix socket in a folder of its own, and ends with this process, however
that ends: a shell waits for the end of a pipe.
"""

from __future__ import annotations

import itertools
import os
import pwd
import signal
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
from postroom.store.migrate import HEAD, upgrade

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
_KEEPER = 'cat; "$1" -D "$2/data" -m immediate stop; rm -rf "$2"'
_numbers = itertools.count(1)


class Cluster:
    """A server in a folder of its own, which is gone when this process is."""

    def __init__(self, **settings: str) -> None:
        self.folder = _new_folder()
        self.port = int(settings.get("port", 5432))  # part of the socket's name, too
        self._settings = {**SETTINGS, "unix_socket_directories": str(self.folder), **settings}
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", _binary("pg_ctl"), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **_user(),
        )
        _run("initdb", "-D", str(self._data), *INITIAL)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def process(self) -> int:
        """The process above all of the server's."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def server(self, name: str, port: int | None = None) -> Server:
        """Return where a database of it is, for Postroom; `port`: of loopback."""
        host = f"?host={self.folder}&port={self.port}"
        if port is not None:
            host = f"?host=127.0.0.1&port={port}"
        return Server(f"postgresql+psycopg://{ADMINISTRATOR}@/{name}{host}")

    def connect(self, name: str = "postgres") -> psycopg.Connection[Any]:
        """Open a session of the administrator, beside Postroom's."""
        host = str(self.folder)
        return psycopg.connect(
            host=host, port=self.port, user=ADMINISTRATOR, dbname=name, autocommit=True
        )

    def start(self) -> None:
        """Return when it answers. After `kill` its children may need a moment to end."""
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        words = ("start", "-w", "-D", str(self._data), "-l", str(self.folder / "log"))
        end = time.monotonic() + WAIT
        while not _succeeds("pg_ctl", *words, "-o", options):
            assert time.monotonic() < end, (self.folder / "log").read_text()

    def stop(self, how: str = "fast") -> None:
        """End it: `fast` rolls back what is open, `immediate` leaves it to the next start."""
        _run("pg_ctl", "stop", "-w", "-D", str(self._data), "-m", how)

    def kill(self) -> None:
        """End it as the kernel does when it is out of memory."""
        os.kill(self.process, signal.SIGKILL)

    def close(self) -> None:
        """End it and remove all that it wrote."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(WAIT)


@contextmanager
def new_cluster(**settings: str) -> Iterator[Cluster]:
    """Make a server for one test that does bad things to it."""
    cluster = Cluster(**settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@contextmanager
def new_database(*, is_empty: bool = False) -> Iterator[Server]:
    """Give a database with all tables and no rows; or without tables.

    To make one costs much: those with tables are emptied and used again.
    """
    cluster = shared_cluster()
    free = _free if not is_empty else []
    name = free.pop() if free else _made(cluster, "template0" if is_empty else TEMPLATE)
    try:
        yield cluster.server(name)
    finally:
        if is_empty or not _is_emptied(cluster, name):
            with cluster.connect() as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        else:
            _free.append(name)


_free: list[str] = []  # with all tables and no rows

# Whoever is still there is put out; triggers would only check what all goes at once.
_EMPTY = """
SET lock_timeout = '5s';
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
SET session_replication_role = replica;
"""
_SHAPE = """
SELECT string_agg(concat(relname, relkind, relnatts, relchecks, indisvalid), ' ' ORDER BY relname)
FROM pg_class LEFT JOIN pg_index ON indexrelid = oid WHERE relnamespace = 'public'::regnamespace
"""


def _made(cluster: Cluster, template: str) -> str:
    name = f"test_{next(_numbers)}"
    with cluster.connect() as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _is_emptied(cluster: Cluster, name: str) -> bool:
    """Remove all rows; False: a test has changed more than rows."""
    script, shape = _script()
    try:
        with cluster.connect(name) as admin:
            admin.execute(script)
            return bool(admin.execute(_SHAPE).fetchone() == shape)
    except psycopg.Error:
        return False


@cache
def _script() -> tuple[str, Any]:
    """Return what empties a database, and the shape of one with all tables."""
    with shared_cluster().connect(TEMPLATE) as admin:
        shape = admin.execute(_SHAPE).fetchone()
        tables = admin.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        counters = admin.execute("SELECT sequencename FROM pg_sequences").fetchall()
    deletions = [f"DELETE FROM {name};" for (name,) in tables]
    resets = [f"SELECT setval('{name}', 1, false);" for (name,) in counters]
    version = f"UPDATE alembic_version SET version_num = '{HEAD}';"
    return "".join((_EMPTY, *deletions, *resets, version)), shape


@cache
def shared_cluster() -> Cluster:
    """Return the server of this process; it ends with it."""
    cluster = Cluster()
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


def _run(name: str, *words: str) -> None:
    assert _succeeds(name, *words), f"{name} {' '.join(words)}"


def _succeeds(name: str, *words: str) -> bool:
    # pg_ctl's server would keep a pipe open.
    done = subprocess.run(
        [_binary(name), *words], check=False, stdout=subprocess.DEVNULL, timeout=WAIT, **_user()
    )
    return done.returncode == 0


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

"""The processes of the bench: a daemon with what it costs, and the load generator beside it.

Costs are read from /proc: processor time of the daemon and all its descendants since it was ready,
the largest resident size that each of them ever had (memory they share counts for each), and what
they have at the moment when what is shared is shared out (PSS).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.corpus import MAILBOX, make_corpus
from bench.load import LoadMail, LoadResult, load_mail, send_many

from postroom import parent
from postroom.shipped import shipped_folder

HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 60.0
SETTLE_SECONDS = 900.0
POLL = 0.01
PARTS = ("work", "readers", "doors")
COUNTERS = ("spool_flushes", "database_commits", "maildir_flushes")
_TICKS = os.sysconf("SC_CLK_TCK")

CONFIG = """\
instance = "bench"
node = "bench"
[database]
url = "{database}"
[paths]
rules = "{rules}"
templates = "{shipped}/templates"
[[mailbox]]
name = "support"
address = "{mailbox}"
category = "support"
[[listen]]
address = "{host}:{port}"
[outgoing]
relay = "maildir:sent"
[brakes]
answers_per_address = "off"
answers_per_domain = "off"
answers_per_day = "off"
answers_alike = "off"
notices_in_all = "off"
answers_in_all = "off"
requests_per_address = "off"
[limits]
connections = 200
connections_per_address = 200
[logs]
format = "json"
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a daemon and its descendants took; octets are the sum of all their peaks.

    `shared_out`: their octets just now, of which those of several processes count once.
    """

    seconds: Mapping[str, float]  # by part: work, doors, readers
    octets: int
    shared_out: int
    processes: int

    @property
    def all_seconds(self) -> float:
        """Of all processes."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Burst:
    """What the load generator saw; `begin` is of time.perf_counter(), which all processes share."""

    begin: float
    load: LoadResult
    cpu_seconds: float


def write_config(
    folder: Path, port: int = 0, rules: Path | None = None, database: str = "sqlite"
) -> Path:
    """Write a config without brakes, with its secret; return where it lies."""
    shipped = shipped_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret").write_bytes(b"not a secret: it is in the bench")
    (folder / "secret").chmod(0o600)
    path = folder / "config.toml"
    path.write_text(
        CONFIG.format(
            rules=rules or shipped / "rules",
            shipped=shipped,
            mailbox=MAILBOX,
            host=HOST,
            port=port or 1,
            database=database,
        )
    )
    return path


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Daemon:
    """A Postroom of its own in a folder of its own; stopped at the end of the `with`."""

    def __init__(
        self,
        folder: Path,
        only: str | None = None,
        rules: Path | None = None,
        database: str = "sqlite",
    ) -> None:
        self.folder = folder
        self.port = free_port()
        config = write_config(folder, self.port, rules, database)
        self._log_path = folder / "log"
        command = [sys.executable, "-m", "postroom", "run", "--config", str(config)]
        command += ["--only", only] if only is not None else []
        with self._log_path.open("wb") as log:
            environment = {**os.environ, parent.VARIABLE: str(os.getpid())}  # it ends with us
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self._log = self._log_path.open("rb")
        self._rest = b""
        self._ready = "doors.ready" if only == "doors" else "daemon.ready"
        self.counters: Counter[str] = Counter()  # flushes, as they are logged at the end
        self._cpu_at_start: Mapping[str, float] = {}
        self._seen: Counter[str] = Counter()

    def __enter__(self) -> Self:
        try:
            self.wait_for(self._ready, 1, START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self._cpu_at_start = self._used().seconds
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_for(self, event: str, times: int, seconds: float) -> float:
        """Wait until it has logged an event so often; return when, by time.perf_counter()."""
        until = time.perf_counter() + seconds
        seen = 0
        while True:
            seen += sum(1 for entry in self._new_events() if entry["event"] == event)
            now = time.perf_counter()
            if seen >= times:
                return now
            if self._process.poll() is not None or now > until:
                said = self._log_path.read_text(errors="replace")[-2_000:]
                raise RuntimeError(f"{seen} of {times} {event} from the daemon; it said:\n{said}")
            time.sleep(POLL)

    def settle(self) -> None:
        """Let it finish what it does at each start (look at the clocks); costs count from then."""
        if not self._seen["clocks.recomputed"]:  # nearly at once, where there is little to look at
            self.wait_for("clocks.recomputed", 1, SETTLE_SECONDS)
        self._cpu_at_start = self._used().seconds

    def cost(self) -> Cost:
        """Return what it took since it was ready, or settled."""
        used = self._used()
        began = self._cpu_at_start
        seconds = {part: took - began.get(part, 0.0) for part, took in used.seconds.items()}
        return replace(used, seconds=seconds)

    def stop(self) -> None:
        """Let it finish what is in hand."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for entry in self._new_events():
            if entry["event"] in ("doors.stopped", "daemon.stopped", "maildir.closed"):
                self.counters.update({key: entry[key] for key in COUNTERS if key in entry})
        self._log.close()

    def _new_events(self) -> Iterator[dict[str, Any]]:
        """Yield what was logged since the last look."""
        if self._log.closed:
            return
        *lines, self._rest = (self._rest + self._log.read()).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                event = json.loads(line)
                self._seen[event["event"]] += 1
                yield event

    def _used(self) -> Cost:
        tree = tree_of(self._process.pid)
        seconds = dict.fromkeys(PARTS, 0.0)
        for process in tree:
            seconds[_part(process)] += cpu_seconds(process)
        shared_out = sum(map(_octets_shared_out, tree))
        return Cost(seconds, sum(map(_peak_octets, tree)), shared_out, len(tree))


def _part(process: int) -> str:
    """Name the part of the daemon that a process is, by its command line."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return "work"
    if b"--only\0doors" in command or b"postroom.doorway" in command:
        return "doors"
    return "readers" if b"forkserver" in command else "work"


def tree_of(root: int) -> list[int]:
    """Return a process and all its descendants."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(int(path.parent.name))
        if fields:
            parents[int(path.parent.name)] = int(fields[1])
    found = [root]
    for process in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == process]
    return found


def _stat(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on (proc(5) counts it as the third)."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def cpu_seconds(process: int) -> float:
    """Return its processor time, with that of children that it has seen end."""
    fields = _stat(process)
    # utime, stime, and those of children that have ended: fields 14 to 17.
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def _peak_octets(process: int) -> int:
    return _octets(Path(f"/proc/{process}/status"), "VmHWM:")


def _octets_shared_out(process: int) -> int:
    return _octets(Path(f"/proc/{process}/smaps_rollup"), "Pss:")


def _octets(file: Path, key: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


# The load generator: one process for the whole bench, which makes its mails before the clock runs


class Generator:
    """The other side of the wire, in a process of its own."""

    def __init__(self, count: int, seed: int) -> None:
        self._corpus = (count, seed)
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._pool.submit(_wire_mails, *self._corpus).result()

    def send(self, port: int, connections: int) -> Burst:
        """Send the whole corpus."""
        return self._pool.submit(_send, self._corpus, port, connections).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


@cache
def _wire_mails(count: int, seed: int) -> tuple[LoadMail, ...]:
    corpus = make_corpus(count, seed)
    return tuple(load_mail(mail.raw, MAILBOX, mail.sender) for mail in corpus)


def _send(corpus: tuple[int, int], port: int, connections: int) -> Burst:
    mails = _wire_mails(*corpus)
    begin, cpu = time.perf_counter(), time.process_time()
    load = asyncio.run(send_many(HOST, port, mails, connections))
    return Burst(begin, load, time.process_time() - cpu)

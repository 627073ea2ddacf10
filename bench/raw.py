"""Does anything care how much raw mail there is? A site with little of it, and one with very much.

    python -m bench.raw [--gigabytes 20] [--mails N] [--database postgresql] [--folder DIR]

Both sites have the same requests, multiplied from real mail (bench.herd); one keeps a few octets of
each copied mail, the other MAIL octets. See bench/README.md.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import machine
from bench.corpus import SEED
from bench.growth import (
    MAILS,
    ORIGINALS,
    Sites,
    aged,
    look,
    octets_of,
    opened_cluster,
    rest,
    work_through,
)
from bench.herd import Changed, Herd
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine, String, cast, func

from postroom.config import load_config
from postroom.house import open_house
from postroom.store import audit as store
from postroom.work.audit import audit

MAIL = 128 * 1024
GIGABYTE = 10**9

Figures = dict[str, str]


def measure(sites: Sites, gigabytes: float, mails: int, progress: Progress) -> Iterator[Figures]:
    """Yield the figures of the site without, then of the site with so much raw mail."""
    copied = int(gigabytes * GIGABYTE / MAIL)
    for name in ("small", "large"):
        folder, url = sites.make(name)
        task = progress.add_task(f"{name}: made by mail", total=None)
        work_through(folder, url, min(ORIGINALS, copied), SEED - 1)
        engine = sites.engine(folder, url)
        herd = Herd(engine, changes(engine, is_large=name == "large"))
        wanted = herd.requests * (1 + copied // min(ORIGINALS, copied))
        progress.update(task, description=f"{name}: filled", total=wanted)
        for count in herd.growing(wanted):
            progress.update(task, completed=count)
        progress.update(task, description=f"{name}: measured")
        yield figures(folder, url, engine, mails)
        engine.dispose()
        if url == "sqlite":
            shutil.rmtree(folder)


def changes(engine: Engine, *, is_large: bool) -> dict[str, Changed]:
    """Say what copies have else; their mails are random, or letters, as the database can."""
    made = aged(engine, 1_000)
    if not is_large:
        return made

    def octets(_: Any, n: Any) -> Any:
        if engine.dialect.name == "sqlite":
            return func.randomblob(MAIL)
        return func.convert_to(func.repeat(func.md5(cast(n, String)), MAIL // 32), "UTF8")

    return made | {"raw_mail.raw": octets}


def figures(folder: Path, url: str, engine: Engine, mails: int) -> Figures:
    """Measure what happens by day, and then what happens by night."""
    found = {"database, GB": f"{octets_of(engine) / GIGABYTE:.1f}"}
    rest(engine)
    run = work_through(folder, url, mails, SEED)
    found["worked through, mails/s"] = f"{run.rate:,.0f}"
    found["accepted meanwhile, mails/s"] = f"{run.accepted:,.0f}"
    found["MAIL to 250, 99 %, ms"] = f"{run.slow:,.1f}"
    found["processor, ms/mail"] = f"{run.processor:.2f}"
    found["peak memory, MB"] = f"{run.megabytes:,.0f}"
    found |= {f"{name}, ms": f"{took:,.1f}" for name, took in look(folder)}
    with open_house(load_config(folder / "config.toml"), adopts=False) as house:
        with house.database.read() as connection:
            found["audit: is the file sound, s"] = _timed(lambda: store.damage(connection))
            found["audit: rows without a parent, s"] = _timed(
                lambda: store.broken_references(connection)
            )
        found["audit in all, s"] = _timed(lambda: audit(house.database, house.spool))
    return found


def _timed(act: Callable[[], Any]) -> str:
    begin, cpu = time.perf_counter(), time.process_time()
    act()
    return f"{time.perf_counter() - begin:,.1f} ({time.process_time() - cpu:,.1f} of processor)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.raw", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--mails", type=int, default=MAILS)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="measure on the disk of this folder")
    options = parser.parse_args()
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(dir=options.folder, prefix="postroom-bench-")
        folder = Path(stack.enter_context(made))
        for name, value in machine.describe(folder).items():
            print(f"{name}: {value}", file=sys.stderr)
        cluster = stack.enter_context(opened_cluster(options.database))
        progress = stack.enter_context(Progress(console=Console(stderr=True)))
        small, large = measure(Sites(folder, cluster), options.gigabytes, options.mails, progress)
    print(
        f"\n| {options.database} | without | {options.gigabytes:g} GB more |\n| --- | ---: | ---: |"
    )
    for name, value in small.items():
        print(f"| {name} | {value} | {large[name]} |")


if __name__ == "__main__":
    main()

"""`postroom demo`: a real daemon in a folder of its own, and a short story played to it.

Everything that is shown is read back from the daemon's journal, requests and Maildir. The folder is
removed at the end.
"""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from rich.console import Console

from postroom import parent
from postroom.cli import showing, unanswered
from postroom.cli.playback import Account, Playback
from postroom.cli.story import MAILBOX, RULE, SCENES, Check, Posting, Scene
from postroom.config import Config, load_config
from postroom.errors import PostroomError
from postroom.policy.loader import load_policy
from postroom.shipped import shipped_folder
from postroom.spool import Spool
from postroom.store import journal
from postroom.store.db import Database
from postroom.work.audit import AuditReport, audit

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 30.0
WORK_SECONDS = 20.0  # for one mail to reach the journal
POLL = 0.03
IDLE_POLL = 0.3

CONFIG = """\
instance = "demo"
node = "demo"

[paths]
rules = {rules}
templates = {templates}

[[mailbox]]
name = "support"
address = "{mailbox}"
from_name = "Example Support"
category = "support"

[[listen]]
address = "{host}:{port}"

[outgoing]
relay = "maildir:sent"

[logs]
format = "json"
"""


class StoryError(PostroomError):
    """The story did not go as it must; the text says where."""


def demo(once: bool, rules: Path | None = None) -> int:
    """Play the story; then, unless `once`, keep running until Ctrl-C. Return the exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="postroom-demo-") as folder:
        path = write_config(Path(folder), rules)
        try:
            with _daemon(path, console) as daemon, _opened(path) as (config, database):
                return _show(console, config, database, daemon, once=once)
        except StoryError as error:
            showing.failure(console, str(error), _last_words(Path(folder)))
            return 1


def write_config(folder: Path, rules: Path | None) -> Path:
    """Write a config into an empty folder, with the key of its tokens."""
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes(os.urandom(32).hex().encode())
    shipped = shipped_folder()
    path = folder / "config.toml"
    text = CONFIG.format(
        rules=json.dumps(
            str(unanswered.with_alarm((rules or shipped / "rules").resolve(), folder))
        ),
        templates=json.dumps(str(shipped / "templates")),
        mailbox=MAILBOX,
        host=HOST,
        port=_free_port(),
    )
    path.write_text(text, encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _end(_: int, __: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


@contextmanager
def _daemon(config: Path, console: Console) -> Iterator[subprocess.Popen[bytes]]:
    """Run `postroom run` beside us; it is ready when this is entered."""
    log = config.parent / "log"
    command = [sys.executable, "-m", "postroom", "run", "--config", str(config)]
    console.print(f"Starting a daemon: postroom run --config {config}", soft_wrap=True)
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdout=said,
            stderr=said,
            env={**os.environ, parent.VARIABLE: str(os.getpid())},
            start_new_session=True,  # Ctrl-C is for us; we end it in order
        )
    try:
        _wait_until(lambda: b'"daemon.ready"' in log.read_bytes(), process, START_SECONDS)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(
    is_so: Callable[[], object], daemon: subprocess.Popen[bytes], seconds: float
) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        if daemon.poll() is not None:
            raise StoryError(f"the daemon has ended with exit code {daemon.returncode}")
        if time.monotonic() > until:
            raise StoryError(f"nothing came of it within {seconds:.0f} seconds")
        time.sleep(POLL)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Config, Database]]:
    config = load_config(path)
    database = Database(config.database_place)
    try:
        yield config, database
    finally:
        database.close()


def _last_words(folder: Path) -> list[str]:
    with suppress(OSError):
        return (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
    return []


# ---- the story


def _show(
    console: Console,
    config: Config,
    database: Database,
    daemon: subprocess.Popen[bytes],
    *,
    once: bool,
) -> int:
    playback = Playback(database, config.resolve("sent"), config.requests.prefix)
    past: list[tuple[Posting, Account]] = []
    console.print(
        "Five mails come in by SMTP, and one of them nobody answers. What is shown is read back\n"
        "from the daemon's own journal, from its requests, and from the Maildir that mail goes to."
    )
    for number, scene in enumerate(SCENES, 1):
        console.print()
        console.rule(f"[bold]{number}. {scene.title}", align="left")
        posting = scene.write(past)
        account = _post(config, posting, playback, daemon)
        showing.account(console, account)
        past.append((posting, account))
        if not _check(console, scene, account, past[:-1]):
            return 1
    if not _leave_unanswered(console, config, playback, past, daemon):
        return 1
    if not _sum_up(console, config, database):
        return 1
    if not once:
        _keep_running(console, config, playback, daemon)
    return 0


def _post(
    config: Config, posting: Posting, playback: Playback, daemon: subprocess.Popen[bytes]
) -> Account:
    """Send a mail by SMTP, and wait until the daemon has worked it."""
    endpoint = config.listen[0].endpoint
    try:
        with smtplib.SMTP(endpoint.host, endpoint.port, "demo.example.org", timeout=20) as smtp:
            smtp.sendmail(posting.sender, [posting.recipient], posting.raw)
    except (OSError, smtplib.SMTPException) as error:
        raise StoryError(f"the daemon does not take the mail: {error}") from error
    found: list[Account] = []

    def is_worked() -> bool:
        account = playback.next()
        found.extend([account] if account is not None else [])
        return bool(found)

    _wait_until(is_worked, daemon, WORK_SECONDS)
    return found[0]


def _leave_unanswered(
    console: Console,
    config: Config,
    playback: Playback,
    past: list[tuple[Posting, Account]],
    daemon: subprocess.Popen[bytes],
) -> bool:
    """Let a request with a short patience wait, until it was handed on."""
    before = next(account for _, account in past if RULE in account.matched)
    request = before.entry.request or 0
    console.print()
    console.rule(f"[bold]{len(SCENES) + 1}. Nobody answers request {request}", align="left")
    typed = " ".join(unanswered.command(config.path, request)[2:])
    console.print(f"Its priority gets levels after two seconds each: {typed}", soft_wrap=True)
    if complaint := unanswered.raise_priority(config.path, request):
        raise StoryError(complaint)
    _wait_until(
        lambda: unanswered.has_come_to_its_end(playback.now(before)), daemon, unanswered.SECONDS
    )
    account = playback.later(before)
    showing.sequel(console, account)
    policy = load_policy(config.rules, webhooks=config.webhooks)
    return _is_as_expected(console, account, unanswered.expect(account, before, policy))


def _check(
    console: Console, scene: Scene, account: Account, past: list[tuple[Posting, Account]]
) -> bool:
    return _is_as_expected(console, account, scene.expect(account, past))


def _is_as_expected(console: Console, account: Account, expected: Iterable[Check]) -> bool:
    checks = list(expected)
    for check in checks:
        showing.check(console, check)
    if all(check.is_met for check in checks):
        return True
    showing.what_was_there(console, account)
    missed = "; ".join(check.says for check in checks if not check.is_met)
    console.print(f"The story ends here. Not as expected: {missed}", style="red", markup=False)
    return False


def _sum_up(console: Console, config: Config, database: Database) -> bool:
    """Show the journal as a whole, and have it audited."""
    with database.read() as connection:
        entries = journal.entries(connection)
    showing.journal_table(console, entries)
    report = _audited(config, database)
    showing.audited(console, report)
    return report.ok


def _audited(config: Config, database: Database) -> AuditReport:
    with Spool(config.data, config.node) as spool:
        return audit(database, spool)


def _keep_running(
    console: Console, config: Config, playback: Playback, daemon: subprocess.Popen[bytes]
) -> None:
    """Show each further mail, until Ctrl-C."""
    endpoint = config.listen[0].endpoint
    showing.how_to_go_on(console, config.path, config.resolve("sent"), endpoint.host, endpoint.port)
    with suppress(KeyboardInterrupt):
        while True:
            account = playback.next()
            if account is not None:
                console.print()
                console.rule(f"[bold]Mail {account.entry.id}", align="left")
                showing.account(console, account)
            elif daemon.poll() is not None:
                raise StoryError(f"the daemon has ended with exit code {daemon.returncode}")
            else:
                time.sleep(IDLE_POLL)
    console.print("\nStopping the daemon and removing its folder.")

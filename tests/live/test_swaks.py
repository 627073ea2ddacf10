"""A mail sent by hand, as the README says, with the program that sysadmins use."""

from __future__ import annotations

import email
import email.policy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.mail.tokens import Signer


def test_a_mail_sent_with_swaks_is_answered_into_the_maildir(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    port = _free_port()
    listen = f"127.0.0.1:{port}"
    _postroom("init", str(desk), "--address", "support@example.com", "--listen", listen)
    config = ["--config", str(desk / "config.toml")]
    _postroom("check", *config)
    with _daemon(tmp_path, config):
        said = subprocess.run(
            [
                *(_swaks(), "--server", "127.0.0.1", "--port", str(port)),
                *("--from", "kari@customer.example", "--to", "support@example.com"),
                *("--header", "Subject: The printer burns", "--body", "Help."),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert "queued as" in said
        raws = _wait_for_mail(desk / "var" / "sent" / "new", 2)
        [request] = json.loads(_postroom("request", "list", "--json", *config))
    assert ("The printer burns", "open") == (request["subject"], request["status"])
    mails = [email.message_from_bytes(raw, policy=email.policy.default) for raw in raws]
    # The customer's automatic reply, and the notice to whoever got the request.
    [reply] = [mail for mail in mails if mail["Auto-Submitted"] == "auto-replied"]
    [notice] = [mail for mail in mails if mail is not reply]
    assert "Help." in notice.as_string()
    assert "auto-replied" == reply["Auto-Submitted"]
    assert "kari@customer.example" == reply["To"]
    # swaks has no Message-ID of its own unless asked; what it sent is what is answered.
    assert (reply["In-Reply-To"] is None) == ("Message-Id:" not in said)
    signer = Signer("example", (_secret(desk),))
    token = signer.verify(reply["Reply-To"].partition("+")[2].partition("@")[0])
    assert token is not None
    assert ("c", request["id"]) == (token.role, token.object_id)
    assert "printer" not in reply["Subject"]  # nobody vouches for the sender: neutral words


def _secret(desk: Path) -> bytes:
    from postroom.config import load_config, load_secrets

    return load_secrets(load_config(desk / "config.toml"))[0]


def _swaks() -> str:
    found = shutil.which("swaks")
    assert found, "swaks is missing: apt-get install swaks (make test does)"
    return found


def _postroom(*arguments: str) -> str:
    command = [sys.executable, "-m", "postroom", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def _daemon(folder: Path, config: list[str]) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "postroom", "run", *config], stderr=output, stdout=output
        )
    try:
        _until(lambda: b"daemon.ready" in log.read_bytes(), log)
        yield
    finally:
        os.kill(daemon.pid, signal.SIGTERM)
        assert 0 == daemon.wait(30), log.read_text()


def _wait_for_mail(folder: Path, count: int) -> list[bytes]:
    _until(lambda: len(list(folder.iterdir())) >= count, folder)
    return [path.read_bytes() for path in folder.iterdir()]


def _until(condition: object, what: Path) -> None:
    assert callable(condition)
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

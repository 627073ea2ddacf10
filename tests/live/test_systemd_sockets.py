"""Sockets from systemd, certificates read again, and mail under TLS: the daemon as it is run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.fakes.certificates import Authority, Pair
from tests.flow.cli_runs import argv, clean_env, make_shop
from tests.live.ports import free_port

SECONDS = 60
LISTEN = """
[[listen]]
address = "systemd:smtp"
certificate_file = "live.pem"
key_file = "live.key"

[[listen]]
address = "systemd:lmtp"
protocol = "lmtp"
"""


def until(condition: Callable[[], object], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def found(program: str, package: str) -> str:
    path = shutil.which(program)
    assert path, f"{program} is missing: apt-get install {package} (make test does)"
    return path


def put(pair: Pair, folder: Path) -> None:
    shutil.copy(pair.certificate, folder / "live.pem")
    shutil.copy(pair.key, folder / "live.key")


def served(authority: Authority, port: int) -> str:
    """Return the name in the certificate that a client sees."""
    with smtplib.SMTP("localhost", port, timeout=SECONDS) as smtp:
        smtp.starttls(context=authority.context())
        assert smtp.sock is not None
        subject = smtp.sock.getpeercert()["subject"]  # type: ignore[attr-defined]
    return str(dict(part[0] for part in subject)["commonName"])


def test_sockets_of_systemd_serve_both_protocols_and_outlive_the_doors(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    first, second = authority.issue("first"), authority.issue("second")
    put(first, tmp_path)
    shop = make_shop(tmp_path, config_extra=LISTEN)
    smtp, lmtp, log = free_port(), free_port(), tmp_path / "log"
    environment = {**clean_env(), "POSTROOM_X": "x"}
    with log.open("wb") as output:
        systemd = subprocess.Popen(
            [
                found("systemd-socket-activate", "systemd"),
                *("-l", f"127.0.0.1:{smtp}", "-l", f"127.0.0.1:{lmtp}", "--fdname=smtp:lmtp"),
                *(f"--setenv=PYTHONPATH={environment['PYTHONPATH']}", "--setenv=LANG=C.UTF-8"),
                *argv("run", "--config", shop.path),
            ],
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        until(lambda: "Listening on" in log.read_text(), log)
        # The first connection starts the daemon, and waits for it.
        swaks = [found("swaks", "swaks"), "--from", "kari@example.net", "--timeout", str(SECONDS)]
        for number, port, more, to in (
            (1, smtp, ["--tls"], "support@example.com"),
            (2, lmtp, ["--protocol", "LMTP"], "sales@example.com"),
        ):
            said = subprocess.run(
                [
                    *(*swaks, "--server", "127.0.0.1", "--port", str(port), *more),
                    *("--to", to, "--header", f"Subject: Number {number}"),
                ],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert 0 == said.returncode, said.stdout + said.stderr + log.read_text()
        until(lambda: "daemon.ready" in log.read_text(), log)

        # Another certificate, by the signal that `systemctl reload` sends to the main process.
        assert "first" == served(authority, smtp)
        put(second, tmp_path)
        os.kill(systemd.pid, signal.SIGHUP)
        until(lambda: "certificate.loaded" in log.read_text(), log)
        assert "second" == served(authority, smtp)
        (tmp_path / "live.pem").write_text("half")
        os.kill(systemd.pid, signal.SIGHUP)
        until(lambda: "certificate.refused" in log.read_text(), log)
        assert "second" == served(authority, smtp)
        put(second, tmp_path)

        # The doors die; who connects meanwhile waits in the socket, which is open all the time.
        [doors] = re.findall(r"doors\.ready .*\bpid=(\d+)", log.read_text())
        os.kill(int(doors), signal.SIGKILL)
        with socket.create_connection(("127.0.0.1", lmtp), SECONDS) as waiting:
            assert b"220 " == waiting.recv(4)
        until(lambda: 2 == len(shop.json("request", "list")), log)
    finally:
        systemd.terminate()
        code = systemd.wait(SECONDS)
    assert 0 == code, log.read_text()
    assert {"Number 1", "Number 2"} == {entry["subject"] for entry in shop.json("request", "list")}
    transports = {entry["transport"] for entry in shop.json("journal", "list")}
    assert {"smtp", "lmtp"} == transports
    assert shop.json("audit")["ok"]


def test_a_socket_that_systemd_did_not_pass_is_named(tmp_path: Path) -> None:
    put(Authority(tmp_path / "authority").issue("mx"), tmp_path)
    shop = make_shop(tmp_path, config_extra=LISTEN)
    done = subprocess.run(
        argv("run", "--config", shop.path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=clean_env(),
        check=False,
    )
    assert 1 == done.returncode
    assert "systemd:smtp: systemd passed no socket of that name, but none at all" in done.stderr

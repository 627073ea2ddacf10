"""A real Postfix for one test module: an instance of its own, on a free loopback port.

    with running_postfix(main={"transport_maps": …}, submission=auth) as server:
        smtplib.SMTP("127.0.0.1", server.port)

It is root's, as every Postfix: without root, sudo is asked. The machine's own is not touched.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.certificates import Pair
from tests.live.ports import free_port

SECONDS = 30
_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]

_MAIN = {
    "compatibility_level": "3.6",
    "myhostname": "mx.example.com",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "alias_maps": "",
    "smtpd_tls_security_level": "none",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    # A minute is a day here.
    "queue_run_delay": "1s",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "2s",
    "transport_retry_time": "1s",
    "in_flow_delay": "0",
    "debugger_command": "",
}
# name, type, private, unprivileged, chroot, wake-up, processes, command
_MASTER = """\
{port} inet n - n - 50 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
postroom unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_SUBMISSION = """\
{port} inet n - n - 50 smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_tls_auth_only=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path={auth}
  -o smtpd_client_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""


@dataclass
class Postfix:
    """A running server."""

    folder: Path
    port: int
    submission: int

    @property
    def log(self) -> str:
        """What it logged."""
        path = self.folder / "log" / "mail.log"
        return _run("cat", str(path), check=False)

    def queue(self) -> list[dict[str, Any]]:
        """Return what waits."""
        said = self.control("postqueue", "-j")
        return [json.loads(line) for line in said.splitlines()]

    def control(self, program: str, *arguments: str) -> str:
        """Run one of its commands."""
        return _run(_found(program), "-c", str(self.folder / "etc"), *arguments)


@contextmanager
def running_postfix(
    main: Mapping[str, str],
    auth: Path | None = None,
    pair: Pair | None = None,
    within: Path | None = None,
) -> Iterator[Postfix]:
    """Start a Postfix with these settings; with `auth`, a socket of Dovecot's, submission."""
    folder = Path(tempfile.mkdtemp(prefix="postfix-", dir=within))
    folder.chmod(0o755)  # its daemons are nobody special
    server = Postfix(folder, free_port(), free_port())
    try:
        _write(server, dict(main), auth, pair)
        server.control("postfix", "start")
        try:
            _wait_for(server)
            yield server
        finally:
            server.control("postfix", "stop")
    finally:
        _run("rm", "-rf", str(folder))


def _write(server: Postfix, main: dict[str, str], auth: Path | None, pair: Pair | None) -> None:
    etc = server.folder / "etc"
    for name in ("etc", "spool", "data", "log"):
        (server.folder / name).mkdir()
    own = {
        "queue_directory": str(server.folder / "spool"),
        "data_directory": str(server.folder / "data"),
        "maillog_file": str(server.folder / "log" / "mail.log"),
        "maillog_file_prefixes": str(server.folder),
    }
    if pair is not None:
        own["smtpd_tls_chain_files"] = f"{etc}/key.pem, {etc}/cert.pem"
        shutil.copy(pair.certificate, etc / "cert.pem")
        shutil.copy(pair.key, etc / "key.pem")
    settings = {**_MAIN, **own, **main}
    (etc / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
    master = _MASTER.format(port=f"127.0.0.1:{server.port}")
    if auth is not None:
        master += _SUBMISSION.format(port=f"127.0.0.1:{server.submission}", auth=auth)
    (etc / "master.cf").write_text(master)
    _run("chown", "-R", "root", str(server.folder))
    _run("chown", "postfix", str(server.folder / "data"))


def _wait_for(server: Postfix) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1) as probe:
            probe.settimeout(SECONDS)
            if probe.recv(3) == b"220":
                return
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)


def _found(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{program} is missing: apt-get install postfix (make test does)"
    return found


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run([*_ROOT, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, (command, done.stderr)
    return done.stdout

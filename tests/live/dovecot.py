"""A real Dovecot for one test module: on free loopback ports, with a folder and users of its own.

    with running_dovecot() as server:
        server.deliver("support", raws)
        ... imap://127.0.0.1:{server.port} (STARTTLS), imaps://127.0.0.1:{server.tls_port}

Every user exists, with the password PASSWORD. Nothing of the machine's own Dovecot is touched.
"""

from __future__ import annotations

import getpass
import grp
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imapclient import IMAPClient
from tests.live.ports import free_port

PASSWORD = "secret-of-the-mailbox"
DOVECOT = "/usr/sbin/dovecot"
SECONDS = 20
_numbers = itertools.count(1)

_COMMON = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
first_valid_uid = 1
auth_mechanisms = plain login xoauth2 oauthbearer
auth_verbose = yes
auth_failure_delay = 0 secs
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap {{
  client_limit = 1
  process_limit = 200
}}
mail_max_userip_connections = 100
"""
_OLD = """
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
ssl_dh =
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u
}}
"""
_OLD_OAUTH = """
introspection_mode = post
introspection_url = {introspection}
username_attribute = email
active_attribute = active
active_value = true
"""
# Dovecot 2.4 has other names for the same.
_NEW = """
ssl = yes
ssl_server_cert_file = {folder}/cert.pem
ssl_server_key_file = {folder}/key.pem
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
passdb static {{
  mechanisms_filter = plain login
  password = {password}
}}
userdb static {{
  fields {{
    uid = {user}
    gid = {group}
    home = {folder}/home/%{{user}}
  }}
}}
oauth2 {{
  introspection_mode = post
  introspection_url = {introspection}
  username_attribute = email
  active_attribute = active
  active_value = true
}}
"""


@dataclass
class Dovecot:
    """A running server."""

    folder: Path
    port: int
    tls_port: int
    owner: int
    group: int

    @property
    def certificate(self) -> Path:
        """What it proves itself with: its own authority."""
        return self.folder / "cert.pem"

    @property
    def log(self) -> str:
        """What it logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start it; also after `kill`."""
        self._process = subprocess.Popen(
            [DOVECOT, "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + SECONDS
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.settimeout(SECONDS)
                if probe.recv(4) == b"* OK":
                    return
            said = self._process.poll()
            assert said is None, (said, self._said(), self.log)
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def kill(self) -> None:
        """Let it die at once, with all its children."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _said(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.read().decode(errors="replace")

    def maildir(self, user: str) -> Path:
        """Where a user's mail lies."""
        return self.folder / "home" / user / "Maildir"

    def deliver(self, user: str, raws: Sequence[bytes], at: float | None = None) -> None:
        """Put mails into a user's INBOX, as a delivery agent does."""
        home, maildir = self.folder / "home" / user, self.maildir(user)
        for part in (home, maildir, *(maildir / name for name in ("tmp", "new", "cur"))):
            if not part.exists():
                part.mkdir(parents=True)
                os.chown(part, self.owner, self.group)
        for raw in raws:
            number = next(_numbers)
            path = maildir / "tmp" / f"{1700000000 + number}.{number}.host"
            path.write_bytes(raw)
            os.chown(path, self.owner, self.group)
            if at is not None:
                os.utime(path, (at, at))
            path.rename(maildir / "new" / path.name)

    @contextmanager
    def client(self, user: str, folder: str = "INBOX") -> Iterator[IMAPClient]:
        """Be a mail program of that user."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        with IMAPClient(
            "127.0.0.1", self.tls_port, ssl=True, ssl_context=context, timeout=SECONDS
        ) as client:
            client.login(user, PASSWORD)
            if folder:
                client.select_folder(folder)
            yield client

    def flags(self, user: str, folder: str = "INBOX") -> Mapping[int, tuple[bytes, ...]]:
        """Return the flags of the mails of a folder."""
        with self.client(user, folder) as client:
            uids = client.search("ALL")
            return {uid: client.get_flags([uid])[uid] for uid in uids}

    def change_validity(self, user: str, validity: int) -> None:
        """Give a folder another UIDVALIDITY, and its mails other UIDs."""
        maildir = self.maildir(user)
        for path in maildir.glob("dovecot*"):
            path.unlink()
        path = maildir / "dovecot-uidlist"
        path.write_text(f"3 V{validity} N1 G{validity:032x}\n")
        os.chown(path, self.owner, self.group)


@contextmanager
def running_dovecot(introspection: str = "http://127.0.0.1:1/") -> Iterator[Dovecot]:
    """Start a Dovecot; `introspection` is where it asks about tokens."""
    assert Path(DOVECOT).exists(), "no Dovecot: apt-get install dovecot-imapd"
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o755)
    is_root = os.geteuid() == 0
    user = pwd.getpwnam("nobody") if is_root else pwd.getpwuid(os.geteuid())
    group = grp.getgrgid(user.pw_gid)
    server = Dovecot(folder, free_port(), free_port(), user.pw_uid, user.pw_gid)
    _write(server, introspection, is_root=is_root, group=group.gr_name)
    try:
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(server: Dovecot, introspection: str, *, is_root: bool, group: str) -> None:
    folder = server.folder
    for name in ("run", "state", "home"):
        (folder / name).mkdir()
    os.chown(folder / "home", server.owner, server.group)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    own = getpass.getuser()
    said = subprocess.run([DOVECOT, "--version"], check=True, capture_output=True, text=True).stdout
    is_new = tuple(map(int, re.findall(r"\d+", said)[:2])) >= (2, 4)
    values = {
        "folder": folder,
        "port": server.port,
        "tls_port": server.tls_port,
        "password": PASSWORD,
        "introspection": introspection,
        "internal": "dovecot" if is_root else own,
        "internal_group": "dovecot" if is_root else group,
        "login": "dovenull" if is_root else own,
        "user": server.owner,
        "group": server.group,
    }
    head = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" if is_new else ""
    text = head + _COMMON + (_NEW if is_new else _OLD)
    (folder / "oauth2.conf").write_text(_OLD_OAUTH.format(**values))
    (folder / "dovecot.conf").write_text(text.format(**values))

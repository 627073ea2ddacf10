"""An authority of the tests' own, made by openssl, and certificates that it signs."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_EXTENSIONS = """
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectKeyIdentifier = hash
subjectAltName = {names}
[req]
distinguished_name = name
[name]
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key lie."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `file` is what clients verify them with."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.file, self._key = folder / "ca.pem", folder / "ca.key"
        _new_key(self._key)
        self._sign("the tests' authority", self.file, self._key, "authority", [])

    def issue(self, name: str, names: Sequence[str] = ("DNS:localhost", "IP:127.0.0.1")) -> Pair:
        """Sign a certificate for a day, under `name` as file name and common name."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        _new_key(pair.key)
        by = ["-CA", str(self.file), "-CAkey", str(self._key)]
        self._sign(name, pair.certificate, pair.key, "server", by, names)
        return pair

    def context(self) -> ssl.SSLContext:
        """Return what a client of these servers needs."""
        return ssl.create_default_context(cafile=self.file)

    def _sign(
        self,
        name: str,
        to: Path,
        key: Path,
        kind: str,
        by: list[str],
        names: Sequence[str] = ("DNS:authority",),
    ) -> None:
        config = to.with_suffix(".cnf")
        config.write_text(_EXTENSIONS.format(names=", ".join(names)))
        request = ["req", "-new", "-x509", "-key", str(key), "-subj", f"/CN={name}", "-days", "1"]
        _openssl(*request, "-config", str(config), "-extensions", kind, *by, "-out", str(to))


def _new_key(path: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    path.chmod(0o600)


def _openssl(*arguments: str | Path) -> None:
    found = shutil.which("openssl")
    assert found, "openssl is missing: apt-get install openssl (make test does)"
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

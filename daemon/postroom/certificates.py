"""Certificates: our own, with its key, read, checked and read again; and whose we believe.

Promise: `context` works at any time; a pair that is bad when read again leaves the one before.
Used by: config (to check), intake and work.relay (to speak TLS), worker and inspection (expiry_of).
Fails:   ValueError, with words for the operator.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

_WHY = {
    "KEY_VALUES_MISMATCH": "the key belongs to another certificate",
    "NO_START_LINE": "is not in PEM form",
    "EE_KEY_TOO_SMALL": "the key is too short to be safe",
    "CA_MD_TOO_WEAK": "the certificate is signed by a hash that is not safe any more",
}


class Certificate:
    """A certificate (with what stands between it and its authority) and its key."""

    def __init__(self, file: Path, key: Path) -> None:
        """Read both, or raise ValueError."""
        self._file, self._key = file, key
        self.context = _context(file, key)

    def reload(self) -> None:
        """Read both again, for connections to come; ValueError changes nothing."""
        self.context = _context(self._file, self._key)

    def __str__(self) -> str:
        return str(self._file)


def authorities(file: Path | None) -> ssl.SSLContext:
    """Return what a client verifies servers with: the authorities of a file, else the system's.

    ValueError: there are none in it.
    """
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError as error:
        raise ValueError(f"{file}: {_why(error)}") from error
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror or error}") from error


def expiry_of(pem: Path) -> datetime | None:
    """Return until when the first certificate of a file is valid; None: it cannot be read."""
    try:
        # Not documented, and the only reader of certificates that the standard library has.
        found = ssl._ssl._test_decode_cert(str(pem))  # type: ignore[attr-defined]  # noqa: SLF001
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC)
    except (OSError, ValueError, KeyError, AttributeError, ssl.SSLError):
        return None


def _context(file: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    for path in (file, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        # Without a pass phrase of ours OpenSSL would ask for one on the terminal, and wait.
        context.load_cert_chain(file, key, password=_no_phrase)
    except ssl.SSLError as error:
        raise ValueError(f"{_pair(file, key)}: {_why(error)}") from error
    except _PhraseWanted as error:
        raise ValueError(f"{key}: needs a pass phrase; keep it without one, mode 600") from error
    return context


class _PhraseWanted(Exception):
    """The key is encrypted."""


def _no_phrase() -> str:
    raise _PhraseWanted


def _pair(file: Path, key: Path) -> str:
    return str(file) if file == key else f"{file} with {key}"


def _why(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    # OpenSSL names no reason for a file in which there is no PEM block at all.
    return _WHY.get(reason) or (reason.lower().replace("_", " ") or _WHY["NO_START_LINE"])

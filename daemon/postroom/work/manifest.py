"""What a backup says of itself: `manifest.json`, written last.

Promise: a manifest that was read names files inside its folder only; `verify` has seen every octet
of them.
Used by: work.backup, work.restore.
Fails:   NotAllowed when a folder is no backup, or not the one that was made.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from postroom.errors import NotAllowed
from postroom.snapshot import Progress

FILE = "manifest.json"
FORMAT = 1
CONFIG, DATA = "config", "data"  # the two halves of a backup
CONFIG_FILE = f"{CONFIG}/config.toml"
SPOOL_FILE, DATABASE_FILE = f"{DATA}/spool.db", f"{DATA}/postroom.db"
_LARGEST = 64 * 2**20  # octets of a manifest
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a backup; `mode` is the one that it had where it came from."""

    path: str
    size: int
    sha256: str
    mode: int


@dataclass(frozen=True, slots=True)
class KeptSpool:
    """The spool's series of numbers, the next one, and how many mails wait in it."""

    name: str
    next: int
    mails: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """All about one backup. `places`: paths as config.toml has them → where they are kept."""

    format: int
    postroom: str
    made_at: AwareDatetime
    instance: str
    node: str
    database: str
    schema: str
    spool: KeptSpool
    places: Mapping[str, str]
    keys: tuple[str, ...]  # which files are secrets_files
    files: tuple[KeptFile, ...]

    @property
    def size(self) -> int:
        """The octets of all files."""
        return sum(file.size for file in self.files)


_manifests: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it; durable, for nobody else to read."""
    octets = _manifests.dump_json(manifest, indent=1)
    handle = os.open(folder / FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """Read it, and believe nothing that would lead out of the folder."""
    path = folder / FILE
    try:
        manifest = _manifests.validate_json(_octets_of(path))
    except FileNotFoundError as error:
        words = f"{folder} is no whole backup: there is no {FILE}, which is written last"
        raise NotAllowed(words) from error
    except (OSError, ValidationError) as error:
        raise NotAllowed(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if manifest.format != FORMAT:
        words = f"is of format {manifest.format}, this Postroom reads {FORMAT}"
        raise NotAllowed(f"{path} {words}: install the one that made it, {manifest.postroom}")
    paths = [file.path for file in manifest.files]
    for place in (*paths, *(f"{CONFIG}/{place}" for place in manifest.places.values())):
        _check_path(path, place)
    for wanted in (CONFIG_FILE, SPOOL_FILE, DATABASE_FILE, *manifest.keys):
        if wanted not in paths:
            raise NotAllowed(f"{path} names no {wanted}")
    return manifest


def _octets_of(path: Path) -> bytes:
    """Read a file that may be anything: a pipe would never end, nor would some devices."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotAllowed(f"{path} is not a regular file")
    with os.fdopen(handle, "rb") as file:
        octets = file.read(_LARGEST + 1)
    if len(octets) > _LARGEST:
        raise NotAllowed(f"{path} is too large to be a manifest")
    return octets


def _check_path(manifest: Path, text: str) -> None:
    path = PurePosixPath(text)
    is_plain = str(path) == text and ".." not in path.parts and "\x00" not in text
    if not is_plain or path.parts[0] not in (CONFIG, DATA) or len(path.parts) < 2:
        raise NotAllowed(f"{manifest} names {text!r}, which is no file of a backup")


def verify(folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Read every file; NotAllowed names all that are not as they were."""
    faults = [
        f"{file.path} {fault}"
        for file in manifest.files
        if (fault := _fault(folder / file.path, file, progress)) is not None
    ]
    if faults:
        raise NotAllowed(f"{folder} is not as it was made: {'; '.join(faults[:20])}")


def _fault(path: Path, file: KeptFile, progress: Progress) -> str | None:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return "is not a regular file"
        if found.st_size != file.size:
            return f"has {found.st_size} octets instead of {file.size}"
        if hash_of(path, progress) != file.sha256:
            return "has another content"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None


def hash_of(path: Path, progress: Progress = lambda _: None) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            progress(len(piece))
    return digest.hexdigest()


def made(at: datetime) -> str:
    """Write a moment for people."""
    return f"{at:%Y-%m-%d %H:%M:%SZ}"

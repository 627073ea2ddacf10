"""Who else on this machine may read or write a file, and the command that ends it; and whether the
daemon itself may read what root has checked.

"Others" are everybody, and the members of a foreign group: one that is neither the daemon's nor its
owner's own. A file that is not there harms nobody.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Collection, Iterator
from pathlib import Path


def own_groups(data: Path) -> frozenset[int]:
    """Return root's group, ours, and those of whom the data folder belongs to."""
    groups = {0, os.getegid(), *os.getgroups()}
    try:
        found = data.stat()
    except OSError:
        return frozenset(groups)
    return frozenset({*groups, found.st_gid, *_group_of(found.st_uid)})


def readers(path: Path, ours: Collection[int]) -> str | None:
    """Say which others may read a file; None: nobody."""
    return _others(path, ours, "r", "be read")


def writers(path: Path, ours: Collection[int]) -> str | None:
    """Say which others may write a file, or put files into a folder; None: nobody."""
    return _others(path, ours, "w", "be written")


def visitors(folder: Path, ours: Collection[int]) -> str | None:
    """Say which others may look into a folder; None: nobody."""
    return _others(folder, ours, "x", "be entered", "rwx")


def is_everybodys(path: Path) -> bool:
    """Whether everybody may write a file, or replace files of a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    is_sticky = stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX)
    return bool(mode & stat.S_IWOTH) and not is_sticky


def doubts(
    data: Path, secrets: Collection[Path], rules: Collection[Path], config: Path
) -> Iterator[str]:
    """Yield what others may do that they should not, each with the command to mend it."""
    ours = own_groups(data)
    for path in secrets:
        # That everybody may read it is said by the key that names it.
        if (words := _of_group(path, ours, "r", "be read")) is not None:
            yield words
        if (words := writers(path, ours)) is not None:
            yield words
    if (words := visitors(data, ours)) is not None:
        yield words
        for path in sorted(data.glob("*")):
            if path.is_file() and path.suffix != ".lock":
                yield from filter(None, [readers(path, ours)])
    if (words := writers(data, ours)) is not None:
        yield words
    folders = [path for folder in rules for path in (folder, *sorted(folder.rglob("*")))]
    for path in (config, *folders):
        if (words := writers(path, ours)) is not None:
            yield words
    yield from _kept_from_the_daemon(data, secrets, (config, *folders))


def _kept_from_the_daemon(
    data: Path, secrets: Collection[Path], others: Collection[Path]
) -> Iterator[str]:
    """Yield what root can read, and whom the data folder belongs to cannot."""
    try:
        user = pwd.getpwuid(data.stat().st_uid)
    except (OSError, KeyError):
        return
    if os.geteuid() != 0 or user.pw_uid == 0:
        return
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    secret_walls = {_wall(path, user.pw_uid, groups) for path in secrets}
    walls = {_wall(path, user.pw_uid, groups) for path in others}
    for wall in sorted(filter(None, secret_walls | walls)):
        words = f"{wall} cannot be read by {user.pw_name}, whom the data folder belongs to"
        yield words + ", unless systemd hands it over as a credential" * (wall not in walls)


def _wall(path: Path, user: int, groups: Collection[int]) -> Path | None:
    """Return what keeps a user from reading a file or folder: itself, or the first above it."""
    for place in (*reversed(path.absolute().parents), path):
        try:
            found = place.stat()
        except OSError:
            return None  # what is not there is said by the key that names it
        wanted = (4 if place == path else 0) | stat.S_ISDIR(found.st_mode)
        shift = 6 if found.st_uid == user else 3 if found.st_gid in groups else 0
        if (found.st_mode >> shift) & wanted != wanted:
            return place
    return None


def _others(
    path: Path, ours: Collection[int], right: str, verb: str, taken: str | None = None
) -> str | None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    bit = {"r": stat.S_IROTH, "w": stat.S_IWOTH, "x": stat.S_IXOTH}[right]
    if mode & bit:
        what = f"chmod o-{taken or right} {path}"
        return f"{path} can {verb} by everybody on this machine: {what}"
    return _of_group(path, ours, right, verb, taken)


def _of_group(
    path: Path, ours: Collection[int], right: str, verb: str, taken: str | None = None
) -> str | None:
    try:
        found = path.stat()
    except OSError:
        return None
    bit = {"r": stat.S_IRGRP, "w": stat.S_IWGRP, "x": stat.S_IXGRP}[right]
    if not found.st_mode & bit or found.st_gid in {*ours, *_group_of(found.st_uid)}:
        return None
    what = f"chmod g-{taken or right} {path}"
    return f"{path} can {verb} by group {_name(found.st_gid)}: {what}"


def _group_of(user: int) -> tuple[int, ...]:
    try:
        return (pwd.getpwuid(user).pw_gid,)
    except KeyError:
        return ()


def _name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)

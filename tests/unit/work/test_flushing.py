"""Many files are flushed by one call where that promises as much as one for each."""

from __future__ import annotations

import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postroom.work import flushing
from postroom.work.flushing import FEW, flush, is_local


class Disk:
    """Counts what is flushed, and by which call."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.singly: list[int] = []
        self.together: list[int] = []
        patch.setattr(os, "fsync", self.singly.append)
        patch.setattr(flushing, "_syncfs", lambda: self.together.append)


@contextmanager
def opened(folder: Path, count: int) -> Iterator[list[int]]:
    flags = os.O_WRONLY | os.O_CREAT
    files = [os.open(folder / str(number), flags, 0o600) for number in range(count)]
    try:
        yield files
    finally:
        for file in files:
            os.close(file)


def test_many_files_are_flushed_by_one_call_on_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    with opened(tmp_path, FEW + 1) as files:
        flush(files, True)
    assert (disk.together, disk.singly) == (files[:1], [])


@pytest.mark.parametrize(("count", "local"), [(FEW, True), (FEW + 1, False), (0, True)])
def test_few_files_and_foreign_file_systems_are_flushed_file_by_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, local: bool
) -> None:
    disk = Disk(monkeypatch)
    with opened(tmp_path, count) as files:
        flush(files, local)
    assert (disk.together, disk.singly) == ([], files)


@pytest.mark.parametrize(("release", "known"), [("5.8.0-1", True), ("5.7.19", False), ("?", False)])
def test_a_kernel_that_keeps_errors_to_itself_is_not_relied_on(
    monkeypatch: pytest.MonkeyPatch, release: str, known: bool
) -> None:
    monkeypatch.setattr(platform, "release", lambda: release)
    assert known == (flushing._syncfs.__wrapped__() is not None)


def test_what_the_kernel_says_is_an_error_of_ours(tmp_path: Path) -> None:
    whole = flushing._syncfs.__wrapped__()
    assert whole is not None
    with opened(tmp_path, 1) as files:
        whole(files[0])
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)) as caught:
        whole(files[0])
    assert errno.EBADF == caught.value.errno


@pytest.mark.parametrize("folder", ["/proc", "/dev/shm"])
def test_what_is_on_no_disk_is_not_local(folder: str) -> None:
    assert not is_local(Path(folder))

"""The Debian package, in a Debian of its own: installed, upgraded, removed, purged."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUDO = [] if os.geteuid() == 0 else ["sudo"]
TREE = ("daemon", "rules", "templates", "systemd", "Makefile", "pyproject.toml", "uv.lock")
TEXTS = ("README.md", "CHANGES.md", "config.example.toml")
CODE = "usr/lib/postroom"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this tree, built once for all workers of a run."""
    of_the_run = tmp_path_factory.getbasetemp().parent / f"package-{os.environ.get(_RUN, 'alone')}"
    of_the_run.mkdir(exist_ok=True)
    with (of_the_run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found := list(of_the_run.glob("*.deb"))):
            found = [Path(shutil.copy2(_built(tmp_path_factory.mktemp("tree")), of_the_run))]
    return found[0]


_RUN = "PYTEST_XDIST_TESTRUNUID"


def _built(tree: Path) -> Path:
    for name in (*TREE, *TEXTS):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree)  # with its age: the environment is not older
    # Packed loosely: to pack it well takes longer than all the rest.
    hasty = ("env", "DPKG_DEB_COMPRESSOR_LEVEL=0")
    _run(*hasty, "make", "-C", tree, "deb", f"VENV={Path(sys.prefix)}")
    [built] = (tree / "dist").glob("*.deb")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert built.name.startswith(f"postroom_{version}_"), "systemd/debian/changelog tells another"
    return built


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root folder with the smallest system of this machine's own release."""
    folder = tmp_path_factory.mktemp("debian") / "root"
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    with_python = "--include=adduser,procps,python3"
    _run(*SUDO, "debootstrap", "--variant=minbase", with_python, release, folder)
    yield folder
    _run(*SUDO, "rm", "-rf", folder)


def test_lintian_finds_no_error(package: Path) -> None:
    said = _run("lintian", "--allow-root", "--fail-on", "error", package)
    assert "" == said


def test_package_is_installed_upgraded_removed_and_purged(
    package: Path, debian: Path, tmp_path: Path
) -> None:
    before = _files_of(debian)

    said = _install(debian, package)
    assert "postroom init /etc/postroom" in said
    assert (0o750, "root", "postroom") == _kept(debian, "etc/postroom")
    assert (0o700, "postroom", "postroom") == _kept(debian, "var/lib/postroom")
    wanted = debian / "etc/systemd/system/multi-user.target.wants/postroom.service"
    assert wanted.is_symlink()
    assert "postroom 0." in _in(debian, "postroom", "--version")

    _in(debian, "postroom", "init", "/etc/postroom", *_OPTIONS)
    _in(debian, "postroom", "check")  # finds /etc/postroom/config.toml by itself
    config = (debian / "etc/postroom/config.toml").read_text()

    said = _install(debian, _newer(package, tmp_path))
    assert "postroom init" not in said
    assert config == (debian / "etc/postroom/config.toml").read_text()
    # Written by root, read by the service; the upgrade has made a database that is of its age.
    _as_postroom(debian, "postroom check")
    assert "is current" in _as_postroom(debian, "postroom db status")

    _in(debian, "dpkg", "--remove", "postroom")
    assert not (debian / CODE).exists()
    assert (debian / "etc/postroom/config.toml").exists()

    said = _in(debian, "dpkg", "--purge", "postroom")
    assert "/var/lib/postroom was left as it is" in said
    left = {name for name in _files_of(debian) - before if not name.startswith(_LEFT)}
    assert set() == left


_OPTIONS = ("--address", "support@example.com")
# What people own, and what the system itself writes about packages, users and units.
_LEFT = (
    "etc/postroom",
    "var/lib/postroom",
    "etc/passwd-",
    "etc/group-",
    "etc/shadow-",
    "etc/gshadow-",
    "run/adduser",
)


def _newer(package: Path, folder: Path) -> Path:
    """Pack the same files again as the next version."""
    tree, newer = folder / "unpacked", folder / "newer.deb"
    _run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    text = control.read_text()
    control.write_text(text.replace("Version: ", "Version: 99:", 1))
    _run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, newer)
    return newer


def _install(debian: Path, package: Path) -> str:
    _run(*SUDO, "cp", package, debian / "tmp")
    return _in(debian, "dpkg", "--install", f"/tmp/{package.name}")


def _kept(debian: Path, name: str) -> tuple[int, str, str]:
    mode, user, group = _in(debian, "stat", "-c", "%a %U %G", f"/{name}").split()
    return int(mode, 8), user, group


def _files_of(debian: Path) -> set[str]:
    skipped = ("proc", "dev", "sys", "tmp", "var/lib/dpkg", "var/lib/systemd", "var/log")
    found = _run(*SUDO, "find", debian, "-xdev", "-printf", "%P\n").splitlines()
    return {name for name in found if not name.startswith(skipped)}


def _as_postroom(debian: Path, command: str) -> str:
    return _in(debian, "su", "-s", "/bin/sh", "postroom", "-c", command)


def _in(debian: Path, *command: str) -> str:
    return _run(*SUDO, "chroot", debian, *command)


def _run(*command: object) -> str:
    words = [str(word) for word in command]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    said = done.stdout.decode(errors="replace")
    assert 0 == done.returncode, f"{' '.join(words)}\n{said[-4000:]}"
    return said

"""The wheel, installed into an empty environment, is all that a machine needs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True)
    [built] = folder.glob("postroom-*.whl")
    return built


def test_wheel_carries_rules_templates_and_config(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {name.removeprefix("postroom/shipped/") for name in names if "/shipped/" in name}
    expected = {
        str(path.relative_to(ROOT))
        for folder in ("rules", "templates")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert {*expected, "config.example.toml"} == shipped
    assert "postroom/store/migrations/versions/0001_first.py" in names
    assert not any(name.startswith(("tests", "bench", "daemon")) for name in names)


def test_init_and_run_work_from_the_wheel_in_an_empty_environment(
    wheel: Path, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    programs = tmp_path / "venv" / "bin"
    # What is imported is compiled then; most of what the libraries have is not.
    install = ("install", "--quiet", "--no-compile")
    subprocess.run([programs / "pip", *install, str(wheel)], check=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    postroom, desk = programs / "postroom", tmp_path / "desk"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    options = ("--address", "support@example.com", "--listen", listen)
    subprocess.run([postroom, "init", desk, *options], check=True, cwd=tmp_path, env=environment)
    config = ("--config", str(desk / "config.toml"))
    subprocess.run([postroom, "check", *config], check=True, cwd=tmp_path, env=environment)
    log = tmp_path / "log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [postroom, "run", *config], stderr=output, cwd=tmp_path, env=environment
        )
    end = time.monotonic() + 60
    while b"daemon.ready" not in log.read_bytes():
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
    daemon.send_signal(signal.SIGTERM)
    assert 0 == daemon.wait(30), log.read_text()

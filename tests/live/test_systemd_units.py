"""Units and monitoring files, read by the tools of their makers; the daemon behind its walls."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import smtplib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.flow.cli_runs import ROOT, SECONDS, argv, clean_env, make_shop
from tests.houses import mail
from tests.live import walls
from tests.live.ports import free_port

UNITS = ROOT / "systemd"
PROGRAM = "/opt/postroom/bin/postroom"
MOST_EXPOSED = 1.5
HOOK_RULE = """
[[rule]]
name = "page"
when = { subject = "*fire*" }
then = { run = "page" }
"""
HOOK = """
import json, socket, subprocess, sys
json.load(sys.stdin)
socket.create_connection(("127.0.0.1", PORT), 10).close()
print("walls:", open("/proc/self/status").read().split("Seccomp:")[1].split()[0])
print(subprocess.run(["/bin/sh", "-c", "echo paged"], capture_output=True).stdout)
"""


def tool(*words: str) -> str:
    """Run a program of systemd; what it says is what is wrong."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_units_have_no_fault_that_systemd_knows_of(tmp_path: Path) -> None:
    units = []
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.socket")]:
        copy = tmp_path / unit.name.replace("@.", "@one.")
        copy.write_text(unit.read_text().replace(PROGRAM, shutil.which("true") or ""))
        units.append(str(copy))
    assert 4 == len(units)
    assert "" == tool("systemd-analyze", "verify", "--man=no", *units)


@pytest.mark.parametrize("unit", ["postroom.service", "postroom@.service"])
def test_little_is_exposed(unit: str) -> None:
    said = tool("systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNITS / unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSED


def test_the_instance_has_the_walls_of_the_service() -> None:
    one, other = (
        [
            line
            for line in (UNITS / name).read_text().splitlines()
            if "=" in line and not line.startswith("#") and "%i" not in line
        ]
        for name in ("postroom.service", "postroom@.service")
    )
    assert [line for line in one if line not in other and "postroom" not in line.lower()] == []


def test_alert_rules_are_understood_by_prometheus() -> None:
    program = shutil.which("promtool") or str(ROOT / ".venv/tools/usr/bin/promtool")
    assert Path(program).exists(), "make packages"
    assert "SUCCESS" in tool(program, "check", "rules", str(UNITS / "monitoring" / "alerts.yml"))


def test_the_daemon_and_its_hooks_work_behind_the_walls(tmp_path: Path) -> None:
    port = free_port()
    shop = make_shop(
        tmp_path,
        rules={"routing": HOOK_RULE},
        config_extra=f'[[listen]]\naddress = "127.0.0.1:{port}"\n',
    )
    hook = shop.config.rules / "hooks" / "page"
    hook.parent.mkdir()
    hook.write_text(f"#!{sys.executable}\n" + HOOK.replace("PORT", str(port)))
    hook.chmod(0o700)
    program = argv("run", "--config", shop.path)
    daemon = subprocess.Popen(
        [sys.executable, walls.__file__, str(UNITS / "postroom.service"), *program],
        stderr=subprocess.PIPE,
        env={**clean_env(), "HOME": str(tmp_path)},
    )
    assert daemon.stderr is not None
    try:
        logged = read_until(daemon, "daemon.ready")
        with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
            client.sendmail(
                "ann@example.net", ["support@example.com"], mail("The house is on fire")
            )
        logged += read_until(daemon, "event=hook.", "event=outbox.sent")
        daemon.send_signal(signal.SIGHUP)
        logged += read_until(daemon, "policy.activated")
        daemon.send_signal(signal.SIGTERM)
        assert 0 == daemon.wait(SECONDS), logged
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stderr.close()
    assert "event=hook.done" in logged
    assert not [line for line in logged.splitlines() if "level=error" in line], logged
    history = str(shop.json("request", "show", 1)["history"])
    assert "walls: 2" in history  # a filter was loaded
    assert "paged" in history
    assert shop.json("audit")["ok"]


def read_until(daemon: subprocess.Popen[bytes], *words: str) -> str:
    """Read its log until all these words were in it."""
    assert daemon.stderr is not None
    said = ""
    deadline = time.monotonic() + SECONDS
    while not all(word in said for word in words):
        left = deadline - time.monotonic()
        assert left > 0, said
        assert select.select([daemon.stderr], [], [], left)[0], said
        some = os.read(daemon.stderr.fileno(), 65_536)
        assert some, said
        said += some.decode()
    return said

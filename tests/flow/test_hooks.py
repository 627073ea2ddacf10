"""Hooks with real executables and a real HTTP server; the clock is turned by the tests."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    LOUD,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    reply_to,
    row,
    rows,
    send,
    write_house,
)

from postroom.config import load_config
from postroom.core.changes import ChangeProperty, ChangeStatus, Undo
from postroom.core.commands import Several
from postroom.core.hooks import ATTEMPTS
from postroom.errors import ConfigError, NotAllowed
from postroom.house import House, load_checked_policy, open_hooks
from postroom.store import hooks as queue
from postroom.store import schema as t
from postroom.work.audit import audit
from postroom.work.programs import MAX_OUTPUT

EVA = "eva@example.com"
RULE = """
[[rule]]
name = "outage"
when = { subject = "*outage*" }
extract = { host = '/outage of (?P<host>[a-z]+)/' }
then = { run = "page" }
"""
PRIORITIES = """
[[priority]]
name = "medium"
default = true
calendar = "always"

  [[priority.level]]
  level = 1
  after = "1h"
  notify = ["owner"]
  run = "page"
"""
WORKFLOWS = """
[[workflow]]
name = "claim"
initial = "pending"
on_answer = "answered"

  [[workflow.status]]
  name = "pending"
  phase = "active"

  [[workflow.status]]
  name = "answered"
  phase = "active"

  [[workflow.status]]
  name = "refunded"
  phase = "closed"

  [[workflow.transition]]
  name = "refund"
  from = ["pending"]
  to = "refunded"
  requires = ["reason"]
  mail = "approved"
  run = "page"

  [[workflow.transition]]
  name = "skip"
  from = ["pending"]
  to = "answered"
"""
TYPES = """
[[type]]
name = "claim"
workflow = "claim"
default = true
"""
CLAIMS = {"team": LOUD, "workflows": WORKFLOWS, "types": TYPES}
HOUSE = '\n[hooks.page]\ntimeout = "1s"\n'
OUTAGE = "An outage of mars"

Opened = Callable[..., AbstractContextManager[House]]


def hook(folder: Path, text: str, name: str = "page") -> Path:
    """Write an executable."""
    path = folder / "rules/hooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@contextmanager
def opened(folder: Path, script: str, **given: Any) -> Iterator[House]:
    """Open a house with the hook `page`; when it is closed nothing must be missing."""
    if script:
        hook(folder, script)
    rules = {"team": LOUD, "routing": RULE, **given.pop("rules", {})}
    with make_house(folder, rules=rules, **given) as house:
        yield house
        assert () == audit(house.database, house.spool).findings


def run_hooks(house: House) -> int:
    return open_hooks(house).run_once()


def told(house: House) -> list[str]:
    """Return what the history says of hooks."""
    return [str(one.to_value) for one in rows(house, t.history) if one.kind == "hook"]


def why(house: House) -> str:
    """Return the reason of the last change by a hook."""
    return str([one.because for one in rows(house, t.history) if one.kind == "hook"][-1])


def state(house: House) -> tuple[str, int]:
    found = row(house, t.hook_run, id=1)
    return found.state, found.attempts


def pass_retries(house: House, times: int) -> None:
    for _ in range(times):
        clock_of(house).forward(hours=7)
        run_hooks(house)


def seen(folder: Path) -> list[Any]:
    """Return what the hook wrote down in its folder."""
    return [json.loads(one) for one in (folder / "rules/hooks/seen").read_text().splitlines()]


NOTE_DOWN = """#!/bin/sh
{ cat; echo; } >>seen
echo done for "$POSTROOM_EVENT $POSTROOM_REQUEST"
"""


# ---- what starts one


def test_a_rule_runs_a_hook_after_the_request_is_opened(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN) as house:
        put_in(house, mail(OUTAGE))
        assert not (tmp_path / "rules/hooks/seen").exists()
        assert ["page: on its way"] == told(house)
        assert 1 == run_hooks(house)
        assert 0 == run_hooks(house)
        assert ["page: on its way", "page: exit 0"] == told(house)
        assert why(house) == 'rule "outage" (attempt 1)\ndone for rule 1'
        assert ("done", 1) == state(house)
        [said] = seen(tmp_path)
    assert (1, "1", OUTAGE, "medium", {"host": "mars"}) == (
        said["id"],
        said["reference"],
        said["subject"],
        said["priority"],
        said["extracted"],
    )
    assert "2026-11-20T12:00:00Z" == said["created_at"]
    assert "ann@example.net" == said["requester"]["address"]
    event = said["event"]
    assert ("rule", "page", 'rule "outage"', None) == (
        event["kind"],
        event["hook"],
        event["because"],
        event["transition"],
    )


def test_a_mail_that_joins_a_request_runs_no_hook_again(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN) as house:
        put_in(house, mail(OUTAGE))
        answer = next(one for one in send(house) if one["Delivered-To"] == "ann@example.net")
        put_in(house, reply_to(answer))
        assert 1 == len(rows(house, t.hook_run))


def test_a_level_runs_a_hook(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules={"priorities": PRIORITIES, "routing": ""}) as house:
        put_in(house, mail())
        clock_of(house).forward(hours=1)
        fire(house)
        assert 1 == run_hooks(house)
        [said] = seen(tmp_path)
        assert ("level", 1) == (said["event"]["kind"], said["escalation_level"])
        assert "level 1 of medium" in said["event"]["because"]


def test_nothing_of_a_mail_is_in_the_command_line_or_the_environment(tmp_path: Path) -> None:
    script = '#!/bin/sh\necho "$# $(pwd)"\nenv\n'
    with opened(tmp_path, script) as house:
        put_in(house, mail("outage of $(id) `id`; rm", sender="Ann `x` <a@example.net>"))
        run_hooks(house)
        [_, head, *lines] = why(house).splitlines()
        key = row(house, t.hook_run, id=1).key
    assert head == f"0 {tmp_path}/rules/hooks"
    found = dict(line.split("=", 1) for line in lines)
    ours = {name: value for name, value in found.items() if name.startswith("POSTROOM_")}
    assert {"POSTROOM_KEY": key, "POSTROOM_EVENT": "rule", "POSTROOM_REQUEST": "1"} == ours
    # The shell adds some of its own.
    assert found.keys() - ours.keys() <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}


# ---- hooks that behave badly


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    script = "#!/bin/sh\nsleep 600 &\necho $! >child\necho begun\nsleep 600\n"
    with opened(tmp_path, script, config_extra=HOUSE) as house:
        put_in(house, mail(OUTAGE))
        begun = time.monotonic()
        assert 1 == run_hooks(house)
        assert time.monotonic() - begun < 60  # and not ten minutes
        assert told(house)[-1].startswith("page: ended after its time limit of 1 s, again at")
        assert why(house).endswith("\nbegun")
        assert ("waiting", 1) == state(house)
    assert not is_alive(int((tmp_path / "rules/hooks/child").read_text()))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that was killed may wait to be reaped by its new parent."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return not status.startswith(("Z", "X"))


def test_what_one_leaves_behind_is_ended_and_holds_nobody_up(tmp_path: Path) -> None:
    script = "#!/bin/sh\nsleep 600 &\necho $! >child\necho well\n"
    with opened(tmp_path, script) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: exit 0" == told(house)[-1]
    assert not is_alive(int((tmp_path / "rules/hooks/child").read_text()))


def test_a_flood_is_cut(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' x\n") as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: exit 0" == told(house)[-1]
        assert "x" * 2_000 == why(house).partition("\n")[2]


def test_an_endless_flood_ends_with_its_time(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nexec yes\n", config_extra=HOUSE) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "time limit" in told(house)[-1]
        assert len(why(house)) < 3_000 < MAX_OUTPUT


def test_one_that_dies_by_a_signal_is_tried_again(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nkill -SEGV $$\n") as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: ended by SIGSEGV, again at 2026-11-20T12:0")
        assert ("waiting", 1) == state(house)


def test_one_that_reads_nothing_and_writes_no_text_is_well(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nprintf '\\377\\033[31mred\\000\\n'\n") as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "\ufffd\ufffd[31mred\ufffd" == why(house).partition("\n")[2]


def test_the_third_time_it_succeeds_with_the_same_key_and_words(tmp_path: Path) -> None:
    script = """#!/bin/sh
{ cat; echo; } >>seen
echo "$POSTROOM_KEY" >>keys
[ "$(wc -l <keys)" -ge 3 ] || { echo not yet; exit 1; }
"""
    with opened(tmp_path, script) as house:
        put_in(house, mail(OUTAGE))
        assert 1 == run_hooks(house)
        assert 0 == run_hooks(house)  # not before its time
        house.desk.command(ChangeProperty("subject", "something else"), 1, "eva")
        pass_retries(house, 2)
        assert ["page: on its way", "page: exit 1", "page: exit 1", "page: exit 0"] == [
            one.partition(",")[0] for one in told(house)
        ]
        assert ("done", 3) == state(house)
    assert 1 == len(set((tmp_path / "rules/hooks/keys").read_text().split()))
    first, second, third = seen(tmp_path)
    assert first == second == third


def test_one_that_fails_for_ever_is_given_up_and_told(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\necho no printer\nexit 3\n") as house:
        put_in(house, mail(OUTAGE))
        send(house)
        run_hooks(house)
        pass_retries(house, ATTEMPTS + 3)
        assert ("failed", ATTEMPTS) == state(house)
        assert "page: exit 3, given up" == told(house)[-1]
        [alert] = [one for one in send(house) if one["Delivered-To"] == EVA]  # the administrator
    assert "hook page has failed (exit 3)" in text_of(alert)
    assert "no printer" in text_of(alert)


def test_try_later_is_no_failure(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nexit 75\n") as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        pass_retries(house, ATTEMPTS)
        assert ("waiting", ATTEMPTS + 1) == state(house)
        clock_of(house).forward(days=6)
        run_hooks(house)
        assert "failed" == state(house)[0]


def test_one_that_is_gone_or_unfit_since_the_rules_were_loaded_fails(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN) as house:
        put_in(house, mail(OUTAGE))
        path = tmp_path / "rules/hooks/page"
        path.chmod(0o644)
        run_hooks(house)
        assert told(house)[-1].startswith("page: cannot be run, again")
        assert "is not executable: chmod +x" in why(house)
        path.unlink()
        pass_retries(house, 1)
        assert "No such file" in why(house)
        hook(tmp_path, "#!/no/such/shell\n")
        pass_retries(house, 1)
        assert "No such file" in why(house)


def text_of(one: EmailMessage) -> str:
    body = one.get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


# ---- crashes


def test_a_runner_that_dies_is_followed_by_another_with_the_same_key(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN) as house:
        put_in(house, mail(OUTAGE))
        now = house.desk.clock()
        lease = clock_of(house).now.replace(minute=2)
        dead = house.database.write(lambda c: queue.claim(c, now, lease))
        assert dead is not None
        assert 0 == run_hooks(house)  # its lease is not over
        clock_of(house).forward(minutes=2)
        assert 1 == run_hooks(house)
        assert ("done", 2) == state(house)
        assert dead.key == seen(tmp_path)[0]["event"]["key"]
        # The dead one was only slow: its word comes too late, and changes nothing.
        effect = queue.EndHookRun(dead.id, dead.attempts, "failed", None, "exit 1")
        with pytest.raises(NotAllowed, match="is over"):
            house.database.write(lambda c: queue.end(c, effect))
        assert ("done", 2) == state(house)


RUN_HOOKS = """
import sys
from datetime import datetime
from pathlib import Path
from postroom.config import load_config
from postroom.house import load_checked_policy, open_hooks, open_house

config = load_config(Path(sys.argv[1]))
with open_house(config, load_checked_policy(config)) as house:
    house.desk.clock = lambda: datetime.fromisoformat(sys.argv[2])
    open_hooks(house).run_once()
"""


def test_a_daemon_killed_when_its_hook_has_acted_runs_it_again_with_the_same_key(
    tmp_path: Path,
) -> None:
    script = """#!/bin/sh
{ cat; echo; } >>seen
[ -e killed ] || { : >killed; kill -KILL $PPID; }
"""
    with opened(tmp_path, script) as house:
        put_in(house, mail(OUTAGE))
        arguments = [str(house.config.path), clock_of(house).now.isoformat()]
        command = [sys.executable, "-c", RUN_HOOKS, *arguments]
        assert -9 == subprocess.run(command, check=False, timeout=120).returncode
        assert ("running", 1) == state(house)
        assert 0 == run_hooks(house)
        clock_of(house).forward(minutes=2)
        assert 1 == run_hooks(house)
        assert ("done", 2) == state(house)
    first, second = seen(tmp_path)
    assert first == second


def test_a_daemon_that_stops_gives_a_hanging_hook_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.work.programs.STOP_GRACE", 0.1)
    with opened(tmp_path, "#!/bin/sh\n: >begun\nexec sleep 600\n") as house:
        put_in(house, mail(OUTAGE))
        stop = threading.Event()
        runner = threading.Thread(target=open_hooks(house).run, args=(stop,))
        runner.start()
        while not (tmp_path / "rules/hooks/begun").exists():
            time.sleep(0.01)
        stop.set()
        runner.join(60)
        assert not runner.is_alive()
        assert ("waiting", 0) == state(house)


# ---- transitions


def refund(house: House, reason: str = "it was broken") -> None:
    house.desk.command(ChangeStatus("refund", reason), 1, "eva")


def status(house: House) -> str:
    return str(row(house, t.request, id=1).status)


def test_a_transition_is_made_when_its_hook_has_succeeded(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules=CLAIMS) as house:
        put_in(house, mail())
        send(house)
        refund(house)
        assert "pending" == status(house)
        assert [] == send(house)
        run_hooks(house)
        assert "refunded" == status(house)
        [answer] = send(house)
        assert "ann@example.net" == answer["Delivered-To"]
        assert "it was broken" in text_of(answer)
        [change] = [one for one in rows(house, t.history) if one.kind == "status"]
        assert ("eva", "it was broken; hook page has succeeded") == (change.actor, change.because)
        [said] = seen(tmp_path)
    wanted = {"name": "refund", "from": "pending", "to": "refunded", "reason": "it was broken"}
    assert wanted == said["event"]["transition"]
    assert ("eva", "pending") == (said["event"]["actor"], said["status"])


def test_while_it_is_on_its_way_nothing_is_begun_twice(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules=CLAIMS) as house:
        put_in(house, mail())
        twice = Several((ChangeStatus("refund", "a"), ChangeStatus("refund", "b")))
        with pytest.raises(NotAllowed, match="refund is on its way"):
            house.desk.command(twice, 1, "eva")
        assert [] == rows(house, t.hook_run)
        refund(house)
        for name in ("refund", "refunded", "skip"):
            with pytest.raises(NotAllowed, match="refund is on its way"):
                house.desk.command(ChangeStatus(name, "again"), 1, "omar")
        assert 1 == len(rows(house, t.hook_run))


def test_when_the_hook_has_failed_for_good_the_status_stays_and_he_is_told(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\necho card expired\nexit 2\n", rules=CLAIMS) as house:
        put_in(house, mail())
        send(house)
        house.desk.command(ChangeStatus("refund", "x"), 1, "omar")
        run_hooks(house)
        pass_retries(house, ATTEMPTS - 1)
        assert "pending" == status(house)
        [alert] = send(house)
        assert "omar@example.com" == alert["Delivered-To"]
        words = "refund was not done: hook page has failed (exit 2); the status is still pending"
        assert words in text_of(alert)
        assert "card expired" in text_of(alert)
        refund(house)  # now it may be asked for again
        assert 2 == len(rows(house, t.hook_run))


def test_a_status_that_changed_meanwhile_stays(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules=CLAIMS) as house:
        put_in(house, mail())
        send(house)
        house.desk.command(ChangeStatus("skip"), 1, "eva")
        back = {"what": "status", "from": "pending", "to": "answered", "because": ""}
        house.desk.command(Undo((back,)), 1, "eva")
        refund(house)
        again = {"what": "status", "from": "answered", "to": "pending", "because": ""}
        house.desk.command(Undo((again,)), 1, "eva")
        run_hooks(house)
        assert "answered" == status(house)
        assert "refund: not done" == told(house)[-1]
        assert any("has become answered meanwhile" in text_of(one) for one in send(house))


def test_by_mail_it_is_confirmed_as_on_its_way(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules=CLAIMS) as house:
        put_in(house, mail())
        notice = next(one for one in send(house) if one["Delivered-To"] == EVA)
        words = "#refund\n#reason It was broken\n\nYou get it back.\n"
        put_in(house, reply_to(notice, words, sender=EVA))
        result = next(one for one in send(house) if one["Delivered-To"] == EVA)
        assert "refunded, when its hook has succeeded" in text_of(result)
        # An answer leaves the status alone that the hook expects.
        assert "pending" == status(house)
        run_hooks(house)
        assert "refunded" == status(house)
        put_in(house, reply_to(result, "#undo\n", sender=EVA))
        assert "refunded" == status(house)


def test_in_a_mail_to_a_note_address_it_would_send_mail_outside(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules=CLAIMS) as house:
        put_in(house, mail())
        notice = next(one for one in send(house) if one["Delivered-To"] == EVA)
        put_in(house, reply_to(notice, "#tag a\n", sender=EVA))
        result = next(one for one in send(house) if one["Delivered-To"] == EVA)  # a note address
        put_in(house, reply_to(result, "#refund\n#reason broken\n", sender=EVA))
        assert [] == rows(house, t.hook_run)


# ---- webhooks

SECRET = b"0123456789abcdef0123"


@dataclass
class Peer:
    """Another system: answers what it is told to, and writes down what it got."""

    answers: list[bytes]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    pause: float = 0.0  # between the octets of an answer


@contextmanager
def peer(*answers: bytes, pause: float = 0.0) -> Iterator[Peer]:
    made, over = Peer(list(answers), pause=pause), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            made.paths.append(self.path)
            self.close_connection = True
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            try:
                if not made.pause:
                    self.wfile.write(answer)
                for octet in answer * bool(made.pause):
                    self.wfile.write(bytes([octet]))
                    if over.wait(made.pause):
                        return
            except OSError:
                pass  # we were hung up on

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hook?a=1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "".join(f"{one}\r\n" for one in (f"HTTP/1.1 {status}", *headers))
    return f"{head}\r\n".encode() + body


def webhook(folder: Path, url: str, timeout: str = "20s", secret: bytes = SECRET) -> dict[str, Any]:
    (folder / "hook-secret").write_bytes(secret)
    (folder / "hook-secret").chmod(0o600)
    text = f'\n[hooks.page]\nurl = "{url}"\nsecret_file = "hook-secret"\ntimeout = "{timeout}"\n'
    return {"config_extra": text}


def expected_signature(headers: dict[str, str], body: bytes, secret: bytes) -> str:
    """Compute HMAC-SHA256 as RFC 2104 defines it, without the hmac module."""
    key = secret.ljust(64, b"\0")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in key) + signed).digest()
    outer = hashlib.sha256(bytes(one ^ 0x5C for one in key) + inner).digest()
    return "v1," + base64.b64encode(outer).decode()


@pytest.mark.parametrize(
    ("written", "key"),
    [(SECRET + b"\n", SECRET), (b"whsec_" + base64.b64encode(SECRET) + b"\n", SECRET)],
)
def test_a_webhook_is_signed(tmp_path: Path, written: bytes, key: bytes) -> None:
    with (
        peer(answer("200 OK", b"thanks")) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url, secret=written)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: HTTP 200" == told(house)[-1]
        assert why(house).endswith("\nthanks")
        run = row(house, t.hook_run, id=1)
    [(headers, body)] = other.got
    assert ["/hook?a=1"] == other.paths
    assert (run.key, "application/json") == (headers["webhook-id"], headers["content-type"])
    assert str(int(clock_of(house).now.timestamp())) == headers["webhook-timestamp"]
    assert expected_signature(headers, body, key) == headers["webhook-signature"]
    assert run.payload == json.loads(body)
    assert OUTAGE == json.loads(body)["subject"]


def test_a_webhook_has_the_same_key_at_every_attempt_and_a_new_signature(tmp_path: Path) -> None:
    answers = answer("500 Oops"), answer("503 Later"), answer("204 No Content")
    with (
        peer(*answers) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        pass_retries(house, 2)
        assert ["HTTP 500", "HTTP 503", "HTTP 204"] == [
            one.removeprefix("page: ").partition(",")[0] for one in told(house)[1:]
        ]
        assert ("done", 3) == state(house)
    assert 1 == len({headers["webhook-id"] for headers, _ in other.got})
    assert 1 == len({body for _, body in other.got})
    assert 3 == len({headers["webhook-signature"] for headers, _ in other.got})
    for headers, body in other.got:
        assert expected_signature(headers, body, SECRET) == headers["webhook-signature"]


def test_a_webhook_does_not_follow_redirects(tmp_path: Path) -> None:
    with (
        peer(answer("200 OK")) as elsewhere,
        peer(answer("307 Go on", b"", f"Location: {elsewhere.url}")) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: HTTP 307, and redirects are not followed, again")
        assert [] == elsewhere.got


def test_a_slow_peer_is_hung_up_on(tmp_path: Path) -> None:
    slow = answer("200 OK", b"", "X: " + "y" * 1_000)
    with (
        peer(slow, pause=0.05) as other,  # an octet each time: no time-out of a socket sees that
        opened(tmp_path, "", **webhook(tmp_path, other.url, "1s")) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")
        assert why(house).endswith("its time was over")


def test_a_peer_whose_answer_never_ends_has_said_what_counts(tmp_path: Path) -> None:
    endless = answer("200 OK", b"x" * 3_000_000)
    with (
        peer(endless) as other,
        opened(tmp_path, "", **webhook(tmp_path, other.url)) as house,
    ):
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "page: HTTP 200" == told(house)[-1]
        assert "x" * 2_000 == why(house).partition("\n")[2]


@pytest.mark.parametrize("said", [b"", b"220 mail.example.com ESMTP\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_peer_that_speaks_no_http_is_tried_again(tmp_path: Path, said: bytes) -> None:
    with peer(said) as other, opened(tmp_path, "", **webhook(tmp_path, other.url)) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")


def test_a_peer_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    extra = webhook(tmp_path, f"http://127.0.0.1:{port}/")
    with opened(tmp_path, "", **extra) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert told(house)[-1].startswith("page: no answer, again at")
        assert "refused" in why(house)


# ---- mistakes are found by `postroom check` and at a reload


def problems(folder: Path, extra: str = "") -> list[str]:
    try:
        config = write_house(folder, rules={"team": LOUD, "routing": RULE}, config_extra=extra)
        load_checked_policy(config)
    except ConfigError as error:
        return [str(one).replace(f"{folder}/", "") for one in error.problems]
    return []


def test_a_hook_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN, "paging")
    words = 'there is no hook "page"; did you mean "paging"?'
    assert [f'rules/routing.toml: rule "outage".then.run: {words}'] == problems(tmp_path)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (0o644, 'hook "page" is not executable: chmod +x rules/hooks/page'),
        (0o757, 'hook "page" can be written by everybody on this machine: chmod o-w'),
    ],
)
def test_a_hook_that_cannot_be_run_is_found(tmp_path: Path, mode: int, words: str) -> None:
    hook(tmp_path, NOTE_DOWN).chmod(mode)
    [found] = problems(tmp_path)
    assert words in found


def test_a_hook_that_is_no_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "rules/hooks/page").mkdir(parents=True)
    assert ['rules/routing.toml: rule "outage".then.run: hook "page" is not a regular file'] == (
        problems(tmp_path)
    )


def test_a_folder_that_everybody_can_write_is_found(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN).parent.chmod(0o777)
    assert 'hook "page" lies where everybody can write' in problems(tmp_path)[0]


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN)
    hook(tmp_path, NOTE_DOWN, "../page")
    write_house(tmp_path, rules={"team": LOUD, "routing": RULE})
    path = tmp_path / "rules/routing.toml"
    for name in ("../page", "hooks/page", ".", "/bin/true", "Page"):
        path.write_text(RULE.replace('"page"', f'"{name}"'))
        with pytest.raises(ConfigError, match="must be lower-case words"):
            load_checked_policy(load_config(tmp_path / "config.toml"))


def test_a_level_and_a_transition_are_checked_as_well(tmp_path: Path) -> None:
    rules = {**CLAIMS, "priorities": PRIORITIES, "routing": ""}
    with pytest.raises(ConfigError) as caught:
        load_checked_policy(write_house(tmp_path, rules=rules))
    keys = [one.key for one in caught.value.problems]
    assert [
        'priority "medium".level[1].run',
        'workflow "claim".transition "refund".run',
    ] == keys


def test_a_reload_with_a_bad_hook_is_refused_and_a_good_one_is_taken(tmp_path: Path) -> None:
    path = hook(tmp_path, NOTE_DOWN)
    assert [] == problems(tmp_path)
    path.chmod(0o600)
    assert 1 == len(problems(tmp_path))


def test_what_the_config_says_of_hooks_is_checked(tmp_path: Path) -> None:
    hook(tmp_path, NOTE_DOWN)
    (tmp_path / "s").write_bytes(SECRET)
    (tmp_path / "short").write_bytes(b"whsec_" + base64.b64encode(b"short"))
    (tmp_path / "bad").write_bytes(b"whsec_" + b"no base64, is it?")
    both = 'url = "https://example.com/x"\nsecret_file = "s"\n'
    cases = {
        "[hooks.page]\n" + both: "hooks.page: has a url, and is an executable",
        '[hooks.pager]\ntimeout = "5s"\n': "hooks.pager: has no url, and rules/hooks/ no such",
        '[hooks.x]\nurl = "https://example.com/x"\n': "needs both url and secret_file",
        "[hooks.x]\n" + both.replace("https", "http"): "hooks.x.url: must be https://",
        "[hooks.x]\n" + both.replace("https", "ftp"): "must be such as",
        "[hooks.x]\n" + both.replace("example", "u:p@example"): "without user",
        "[hooks.x]\n" + both.replace('"s"', '"gone"'): "hooks.x.secret_file: ",
        "[hooks.x]\n" + both.replace('"s"', '"short"'): "holds a key of 5 octets",
        "[hooks.x]\n" + both.replace('"s"', '"bad"'): "must hold base64 after whsec_",
        "[hooks.x]\n" + both + 'timeout = "11m"\n': "must be ten minutes at most",
        '[hooks."../x"]\n' + both: "hooks",
        "[hooks.x]\n" + both + "retries = 3\n": "retries: is not a key here",
    }
    for text, expected in cases.items():
        found = problems(tmp_path, "\n" + text)
        assert any(expected in one for one in found), (text, found)
    plain = both.replace("https", "http") + "plain_http = true\n"
    assert [] == problems(tmp_path, "\n[hooks.x]\n" + plain)
    assert [] == problems(tmp_path, '\n[hooks.page]\ntimeout = "5s"\n')
    assert os.environ.get("POSTROOM_KEY") is None

"""Hooks with real executables; the clock is turned by the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.flow.hooking import (
    CLAIMS,
    EVA,
    HOUSE,
    NOTE_DOWN,
    OUTAGE,
    PRIORITIES,
    hook,
    is_alive,
    opened,
    pass_retries,
    run_hooks,
    seen,
    state,
    told,
    why,
)
from tests.houses import (
    clock_of,
    fire,
    mail,
    put_in,
    reply_to,
    row,
    rows,
    send,
    words_of,
)

from postroom.core.changes import ChangeProperty, ChangeStatus, Undo
from postroom.core.commands import Several
from postroom.core.hooks import ATTEMPTS
from postroom.errors import NotAllowed
from postroom.house import House, open_hooks
from postroom.store import hooks as queue
from postroom.store import schema as t
from postroom.work.programs import MAX_OUTPUT

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


def test_an_endless_flood_of_complaints_ends_with_its_time(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nexec yes no >&2\n", config_extra=HOUSE) as house:
        put_in(house, mail(OUTAGE))
        run_hooks(house)
        assert "time limit" in told(house)[-1]
        assert "\nno\nno\n" in why(house)


def test_one_that_leaves_its_group_and_keeps_the_pipe_holds_nobody_up(tmp_path: Path) -> None:
    script = "#!/bin/sh\nsetsid sh -c 'echo $$ >child; exec sleep 600' &\n"
    script += "while [ ! -s child ]; do :; done\necho well\n"
    with opened(tmp_path, script) as house:
        put_in(house, mail(OUTAGE))
        begun = time.monotonic()
        run_hooks(house)
        assert time.monotonic() - begun < 60  # and not ten minutes
        assert "page: exit 0" == told(house)[-1]
        assert why(house).endswith("\nwell")
    os.kill(int((tmp_path / "rules/hooks/child").read_text()), signal.SIGKILL)


def test_one_that_closes_what_it_should_read_holds_nobody_up(tmp_path: Path) -> None:
    with opened(tmp_path, "#!/bin/sh\nexec <&-\necho well\n") as house:
        put_in(house, mail(OUTAGE, "A long story. " * 100_000))
        run_hooks(house)
        assert "page: exit 0" == told(house)[-1]


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
    assert "hook page has failed (exit 3)" in words_of(alert)
    assert "no printer" in words_of(alert)


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
        assert "names an interpreter that is not there: /no/such/shell" in why(house)


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
        assert "it was broken" in words_of(answer)
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
        assert words in words_of(alert)
        assert "card expired" in words_of(alert)
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
        assert any("has become answered meanwhile" in words_of(one) for one in send(house))


def test_by_mail_it_is_confirmed_as_on_its_way(tmp_path: Path) -> None:
    with opened(tmp_path, NOTE_DOWN, rules=CLAIMS) as house:
        put_in(house, mail())
        notice = next(one for one in send(house) if one["Delivered-To"] == EVA)
        words = "#refund\n#reason It was broken\n\nYou get it back.\n"
        put_in(house, reply_to(notice, words, sender=EVA))
        result = next(one for one in send(house) if one["Delivered-To"] == EVA)
        assert "refunded, when its hook has succeeded" in words_of(result)
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

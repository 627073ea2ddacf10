"""What follows when a hook has been run: its result is a trigger like any other.

POLICY, hooks; rows 46, 104. A transition is made when its hook has succeeded; when that has failed
for good the status stays as it is, the history has the error, and whoever asked is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from postroom.core import letters, notices
from postroom.core.effects import (
    Decision,
    Effect,
    EndHookRun,
    PendingTransition,
    Record,
    Reply,
    SetStatus,
)
from postroom.core.facts import Facts
from postroom.core.model import Policy
from postroom.core.notices import News, Telling
from postroom.core.retry import next_attempt
from postroom.core.site import Site
from postroom.core.tasks import Task
from postroom.core.timing import follow

ACTOR = "system"
# So often a hook may fail, over about eight hours; one that says "try later" has five days.
ATTEMPTS = 8
LONGEST_WAIT = timedelta(days=1)  # whatever a hook asks for
OUTPUT_SHOWN = 2_000  # characters of it in the history


class Ending(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    LATER = "later"  # the hook itself asks for another attempt
    FAILED = "failed"
    REFUSED = "refused"  # the hook itself asks for none: never again


@dataclass(frozen=True, slots=True)
class HookRun:
    """A hook to be run, or run just now. `attempts` counts this one too."""

    id: int
    request_id: int
    name: str
    key: str  # the same at every attempt
    event: str
    because: str
    payload: Mapping[str, Any]
    transition: PendingTransition | None
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HookResult:
    """What came of an attempt: `status` in words ("exit 3"), `output` as the hook wrote it."""

    ending: Ending
    status: str
    output: str = ""
    wait: timedelta | None = None  # before another attempt, as the hook asks


def decide_result(
    run: HookRun,
    result: HookResult,
    facts: Facts,
    policy: Policy,
    site: Site,
    now: datetime,
    *,
    jitter: float,
) -> Decision:
    """Decide what one attempt's result means for the request."""
    request, transition = facts.requests[run.request_id], run.transition
    actor = transition.actor if transition is not None else ACTOR
    task = Task(request, facts, policy, site, now, actor)
    due_at = _again(run, result, now, jitter)
    state = _state(result, due_at)
    effects: list[Effect] = [
        EndHookRun(run.id, run.attempts, state, due_at, _said(result)),
        _recorded(run, result, due_at),
    ]
    if state == "done" and transition is not None:
        effects += _made(run, transition, task)
    elif state == "failed":
        effects += _told(run, result, task)
    is_settled = state != "waiting" and transition is not None
    decision = Decision(
        actor=actor if is_settled else ACTOR,
        reason=f"hook {run.name}: {result.status}",
        policy_version=policy.version,
        request=request.id,
        effects=tuple(effects),
        versions={request.id: request.version} if is_settled else {},
        explanation={"hook": run.name, "status": result.status},
    )
    return follow(decision, facts, policy, now) if is_settled else decision


def _again(run: HookRun, result: HookResult, now: datetime, jitter: float) -> datetime | None:
    if result.ending in (Ending.DONE, Ending.REFUSED):
        return None
    if result.ending is Ending.FAILED and run.attempts >= ATTEMPTS:
        return None
    due_at = next_attempt(run.attempts, run.created_at, now, jitter)
    if due_at is None or result.wait is None:
        return due_at
    return max(due_at, now + min(result.wait, LONGEST_WAIT))


def _state(result: HookResult, due_at: datetime | None) -> str:
    if result.ending is Ending.DONE:
        return "done"
    return "failed" if due_at is None else "waiting"


def _said(result: HookResult) -> str:
    return f"{result.status}\n{_output(result)}".rstrip()


def _output(result: HookResult) -> str:
    return result.output.strip()[:OUTPUT_SHOWN]


def _recorded(run: HookRun, result: HookResult, due_at: datetime | None) -> Record:
    """Write down exit status and output; a hook's own words come last."""
    what = f"{run.name}: {result.status}"
    if due_at is not None:
        what += f", again at {due_at:%Y-%m-%dT%H:%M:%SZ}"
    elif result.ending is not Ending.DONE:
        what += ", given up"
    because = f"{run.because} (attempt {run.attempts})"
    output = _output(result)
    return Record(run.request_id, "hook", what, f"{because}\n{output}" if output else because)


def _made(run: HookRun, transition: PendingTransition, task: Task) -> Iterator[Effect]:
    """Make the transition, with what it has to tell the customer (row 106)."""
    request, workflow = task.request, task.workflow
    status = workflow.statuses.get(transition.to)
    known = next((one for one in workflow.transitions if one.name == transition.name), None)
    sources = (transition.from_, *(known.sources if known is not None else ()))
    if status is None or request.status not in sources:
        why = (
            f"hook {run.name} has succeeded, but {transition.name} was not done: "
            f"the status has become {request.status} meanwhile"
        )
        yield Record(request.id, "hook", f"{transition.name}: not done", why)
        yield from _news(why, "", task)
        return
    because = f"{run.because}; hook {run.name} has succeeded"
    yield SetStatus(request.id, request.status, status.name, status.phase, because)
    if known is not None and known.mail is not None:
        yield from letters.letter_to_customers(task, known.mail, reason=transition.reason)


def _told(run: HookRun, result: HookResult, task: Task) -> Iterator[Effect]:
    why = f"hook {run.name} has failed ({result.status})"
    if run.transition is not None:
        name = run.transition.name
        why = f"{name} was not done: {why}; the status is still {task.request.status}"
    yield from _news(why, _output(result), task)


def _news(why: str, output: str, task: Task) -> Iterator[Effect]:
    """Tell who asked for it, else whoever looks after the site: nobody else knows."""
    asked = task.policy.handlers.get(task.actor)
    people = (asked,) if asked is not None else tuple(notices.administrators(task.policy))
    news = News("hook-failed", Reply.NOTE, why, lambda _: {"text": output}, reason=why)
    scene = notices.scene_of_task(task, actor="")
    yield from notices.tell([Telling(scene, news, people)])

"""Changes that are newer than commands: to put aside, who hears, and to take back what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    BOB,
    INQUIRY,
    NOW,
    closed,
    participant,
    request,
    task,
    with_workflow,
)

from postroom.core.changes import (
    AddCc,
    AssignTo,
    Change,
    ChangeProperty,
    ChangeStatus,
    ChangeTags,
    Close,
    EndHoldOf,
    Postpone,
    RemoveCc,
    Reopen,
    Undo,
    in_order,
    said_of,
    shown,
)
from postroom.core.effects import (
    AddParticipant,
    AnswerHold,
    Assign,
    Effect,
    LearnContact,
    RemoveParticipant,
    SetPostponed,
    SetProperty,
    SetStatus,
    SetTags,
)
from postroom.core.facts import RequestFact
from postroom.core.model import Phase, Verdict
from postroom.core.tasks import CLI, Task
from postroom.errors import NotAllowed

HOUR = timedelta(hours=1)
LATER, LATEST = NOW + HOUR, NOW + 2 * HOUR
HAND = "by hand, omar"
ASLEEP = request(status="postponed", phase=Phase.POSTPONED, postponed_until=LATER)
WITH_BOB = request(participants=(participant(), participant(BOB, "cc", 2)))


def done(at: Task, *changes: Change) -> list[Effect]:
    return [effect for effect, _ in in_order(changes, at)]


def refused(at: Task, *changes: Change) -> str:
    with pytest.raises(NotAllowed) as error:
        done(at, *changes)
    return str(error.value)


# ---- to put aside


@pytest.mark.parametrize(
    ("effects", "change", "about"),
    [
        (
            [
                SetStatus(7, "open", "postponed", Phase.POSTPONED, HAND),
                SetPostponed(7, LATER, HAND),
            ],
            Postpone(LATER),
            request(),
        ),
        (
            [
                SetStatus(7, "waiting", "postponed", Phase.POSTPONED, "no parts"),
                SetPostponed(7, LATER, "no parts"),
            ],
            Postpone(LATER, "no parts"),
            request(status="waiting"),
        ),
        # It sleeps already: longer, or shorter.
        ([SetPostponed(7, LATEST, HAND)], Postpone(LATEST), ASLEEP),
        (
            [SetStatus(7, "postponed", "open", Phase.ACTIVE, "the parts came")],
            Postpone(None, "the parts came"),
            ASLEEP,
        ),
    ],
)
def test_postpone(effects: list[Effect], change: Change, about: RequestFact) -> None:
    assert effects == done(task(about), change)


@pytest.mark.parametrize(
    ("words", "change", "about"),
    [
        ("request 7 is not postponed", Postpone(None), request()),
        ("request 7 is closed: reopen it first", Postpone(LATER), closed()),
        (
            "request 7 is deleted: reopen it first",
            Postpone(LATER),
            request(status="deleted", phase=Phase.DELETED),
        ),
        (
            "workflow inquiry has no status of phase postponed",
            Postpone(LATER),
            request(type="claim", status="pending"),
        ),
    ],
)
def test_what_cannot_be_postponed(words: str, change: Change, about: RequestFact) -> None:
    assert words == refused(task(about), change)


# ---- who hears


def test_who_is_added_hears_from_now_on() -> None:
    assert [
        LearnContact(BOB, "", may_exist=True),
        AddParticipant(7, BOB, "cc", HAND),
    ] == done(task(), AddCc(BOB))


@pytest.mark.parametrize(("verdict", "actor"), [(Verdict.PASS, "omar"), (Verdict.NONE, CLI)])
def test_to_add_somebody_one_is_proven_or_sits_at_the_command_line(
    verdict: Verdict, actor: str
) -> None:
    assert len(done(task(actor=actor, verdict=verdict), AddCc(BOB))) == 2


@pytest.mark.parametrize("verdict", [Verdict.NONE, Verdict.FAIL])
@pytest.mark.parametrize(
    "change", [AddCc(BOB), Undo(({"what": "participant", "from": BOB, "to": None},))]
)
def test_only_who_is_proven_shows_a_request_to_others(verdict: Verdict, change: Change) -> None:
    assert "needs a mail that is proven to be yours" in refused(task(verdict=verdict), change)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_to_take_somebody_off_shows_nothing_to_anybody(verdict: Verdict) -> None:
    effects = done(task(WITH_BOB, verdict=verdict), RemoveCc(BOB.upper()))
    assert [RemoveParticipant(7, BOB.upper(), HAND)] == effects


@pytest.mark.parametrize(
    ("words", "changes", "about"),
    [
        ('must be a mail address such as "name@example.com", not "bob"', [AddCc("bob")], request()),
        ("kim@example.com is one of us: use #assign", [AddCc("kim@example.com")], request()),
        ("support+x@example.com is one of us", [AddCc("support+x@example.com")], request()),
        (f"{ANN} hears of the request already", [AddCc(ANN)], request()),
        (f"{BOB} hears of the request already", [AddCc(BOB), AddCc(BOB)], request()),
        (
            "a request has at most 30 participants",
            [AddCc(BOB)],
            request(
                participants=tuple(
                    participant(f"p{number}@example.net", "cc", number) for number in range(30)
                )
            ),
        ),
        (
            f"x@example.net is no participant; there are: {BOB}",
            [RemoveCc("x@example.net")],
            WITH_BOB,
        ),
        (f"{BOB} is no participant; there are: none", [RemoveCc(BOB)], request()),
        (f"{BOB} is no participant", [RemoveCc(BOB), RemoveCc(BOB)], WITH_BOB),
        (f"{ANN} is the requester", [RemoveCc(ANN)], request()),
    ],
)
def test_who_cannot_be_added_or_taken_off(
    words: str, changes: list[Change], about: RequestFact
) -> None:
    assert words in refused(task(about), *changes)


def test_a_held_mail_is_answered_by_a_timer_of_its_own() -> None:
    assert [AnswerHold(5, "accept", HAND)] == done(task(), EndHoldOf(5, "accept"))


# ---- in order, each meeting what those before it have made


def test_each_change_meets_what_those_before_it_made() -> None:
    changes = (AssignTo("kim"), ChangeTags(("a",)), ChangeTags((), ("a",)), AssignTo("none"))
    assert [
        Assign(7, "omar", "kim", HAND, is_by_hand=True),
        SetTags(7, ("a",), (), HAND),
        SetTags(7, (), ("a",), HAND),
        Assign(7, "kim", None, HAND, is_by_hand=True),
    ] == done(task(), *changes)


def test_who_wakes_a_request_and_postpones_it_again_starts_from_no_moment() -> None:
    assert [
        SetStatus(7, "postponed", "open", Phase.ACTIVE, HAND),
        SetStatus(7, "open", "postponed", Phase.POSTPONED, HAND),
        SetPostponed(7, LATEST, HAND),
    ] == done(task(ASLEEP), Reopen(), Postpone(LATEST))


# ---- to take back


ALL: list[tuple[Change, RequestFact]] = [
    (ChangeStatus("waiting"), request()),
    (Close("done"), request()),
    (Close(), ASLEEP),
    (Reopen(), closed()),
    (AssignTo("kim"), request()),
    (AssignTo("none"), request()),
    (AssignTo("eva"), request(owner=None)),
    (AssignTo("auto"), request()),
    (ChangeProperty("priority", "high"), request()),
    (ChangeProperty("category", "sales"), request()),
    (ChangeProperty("type", "claim"), request()),
    (ChangeProperty("subject", "Paying"), request()),
    (ChangeTags(("b", "c"), ("a",)), request(tags=("a", "x"))),
    (Postpone(LATER), request()),
    (Postpone(LATEST), ASLEEP),
    (Postpone(None), ASLEEP),
    (AddCc(BOB), request()),
    (RemoveCc(BOB), WITH_BOB),
]


def made(at: Task, *changes: Change) -> tuple[Task, tuple[Mapping[str, Any], ...]]:
    """Make changes; return the request as they leave it, and what was said of them."""
    after, said = at, list[Mapping[str, Any]]()
    for effect, met in in_order(changes, at):
        said.extend(said_of(effect, met))
        after = met.after(effect)
    return after, tuple(said)


def seen(at: Task) -> dict[str, Any]:
    """Return what undo must bring back."""
    request_ = at.request
    return {
        "status": (request_.status, request_.phase),
        "postponed": request_.postponed_until,
        "owner": request_.owner,
        "properties": (request_.priority, request_.category, request_.type, request_.subject),
        "tags": set(request_.tags),
        "participants": {address for p in request_.participants for address in p.addresses},
    }


@pytest.mark.parametrize(("change", "about"), ALL)
def test_every_change_can_be_taken_back(change: Change, about: RequestFact) -> None:
    after, said = made(task(about), change)
    assert seen(after) != seen(task(about))
    assert said
    back, undone = made(after, Undo(said))
    assert seen(back) == seen(task(about))
    # … and that again.
    assert seen(made(back, Undo(undone))[0]) == seen(after)


def test_all_changes_of_a_mail_are_taken_back_the_last_first() -> None:
    changes = (Reopen(), Postpone(LATEST), AssignTo("kim"), AssignTo("eva"), AddCc(BOB))
    after, said = made(task(ASLEEP), *changes)
    assert [one["what"] for one in said] == [
        *("status", "postponed until"),
        *("status", "postponed until"),
        *("owner", "owner", "participant"),
    ]
    assert seen(made(after, Undo(said))[0]) == seen(task(ASLEEP))


SINCE: Iterable[tuple[str, Change, Change]] = [
    ("the status has changed since: it is waiting now", Close(), ChangeStatus("waiting")),
    ("the owner has changed since: it is eva now", AssignTo("kim"), AssignTo("eva")),
    ("the owner has changed since: it is none now", AssignTo("kim"), AssignTo("none")),
    ("the tags have changed since: a", ChangeTags(("a", "b")), ChangeTags((), ("a",))),
    ("the tags have changed since: x", ChangeTags((), ("x",)), ChangeTags(("x",))),
    ("the postponed until has changed since", Postpone(LATER), Postpone(LATEST)),
    ("the postponed until has changed since: it is none now", Postpone(LATER), Postpone(None)),
    ("bob@example.org is no participant", AddCc(BOB), RemoveCc(BOB)),
    (
        "the priority has changed since: it is low now",
        ChangeProperty("priority", "high"),
        ChangeProperty("priority", "low"),
    ),
    (
        "the subject has changed since: it is New now",
        ChangeProperty("subject", "Old"),
        ChangeProperty("subject", "New"),
    ),
]


@pytest.mark.parametrize(("words", "first", "second"), SINCE)
def test_what_has_changed_since_is_not_taken_back(
    words: str, first: Change, second: Change
) -> None:
    after, said = made(task(request(tags=("x",))), first)
    after, _ = made(after, second)
    assert words in refused(after, Undo(said))


def test_who_was_added_again_since_is_not_added_twice() -> None:
    after, said = made(task(WITH_BOB), RemoveCc(BOB))
    after, _ = made(after, AddCc(BOB))
    assert f"{BOB} hears of the request already" == refused(after, Undo(said))


def test_an_undo_is_whole_or_nothing() -> None:
    after, said = made(task(), AssignTo("kim"), ChangeTags(("a",)))
    after, _ = made(after, AssignTo("eva"))
    assert "the owner has changed since" in refused(after, Undo(said))


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("there is no status 'gone' any more", {"what": "status", "from": "gone", "to": "open"}),
        ("no handler is called 'gone'", {"what": "owner", "from": "gone", "to": "omar"}),
        ("no priority is called 'gone'", {"what": "priority", "from": "gone", "to": "medium"}),
        (
            "what became of the held mail cannot be undone",
            {"what": "held mail", "from": "hold 5", "to": "accept"},
        ),
        ("what became of the phase cannot be undone", {"what": "phase", "from": "a", "to": "b"}),
    ],
)
def test_what_cannot_be_taken_back(words: str, change: Mapping[str, Any]) -> None:
    assert words in refused(task(), Undo((change,)))


def test_the_status_of_a_workflow_that_lost_it_is_not_taken_back() -> None:
    about = request(type="claim", status="in-review")
    statuses = {name: one for name, one in INQUIRY.statuses.items() if name != "pending"}
    rules = with_workflow(replace(INQUIRY, statuses=statuses))
    change = {"what": "status", "from": "pending", "to": "in-review"}
    assert "no status 'pending'" in refused(task(about, rules=rules), Undo((change,)))


# ---- in words


def test_what_was_changed_is_said_as_a_person_reads_it() -> None:
    _, said = made(task(), Postpone(LATER, "no parts"))
    assert [
        {"what": "status", "from": "open", "to": "postponed", "because": "no parts"},
        {
            "what": "postponed until",
            "from": None,
            "to": "2026-11-20 14:00 CET",
            "because": "no parts",
        },
    ] == shown(said, "Europe/Oslo")


@pytest.mark.parametrize(
    ("said", "effect"),
    [
        (("tags", "x y", "a"), SetTags(7, ("a",), ("x", "y"), "")),
        (("tags", None, "a b"), SetTags(7, ("a", "b"), (), "")),
        (("participant", None, BOB), AddParticipant(7, BOB, "cc", "")),
        (("participant", BOB, None), RemoveParticipant(7, BOB, "")),
        (("type", "general", "claim"), SetProperty(7, "type", "general", "claim", "")),
    ],
)
def test_each_change_in_words(said: tuple[str, str | None, str | None], effect: Effect) -> None:
    [one] = said_of(effect, task())
    assert said == (one["what"], one["from"], one["to"])


def test_what_is_no_change_of_the_request_is_not_said() -> None:
    # What becomes of a held mail is told when it is decided.
    for effect in (LearnContact(BOB, ""), AnswerHold(5, "refuse", "")):
        assert [] == list(said_of(effect, task()))


def test_a_type_is_taken_back_before_the_status_that_it_brought() -> None:
    changes = (ChangeProperty("type", "claim"), ChangeStatus("review"), AssignTo("kim"))
    after, said = made(task(ASLEEP), *changes)
    assert ("claim", "in-review") == (after.request.type, after.request.status)
    assert seen(made(after, Undo(said))[0]) == seen(task(ASLEEP))

"""What handlers ask for: each command legal and illegal, and the words that name the choices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    NOW,
    REQUEST,
    SUPPORT,
    category,
    closed,
    facts,
    mail,
    policy,
    request,
    site,
    with_workflow,
)

from postroom.core.commands import (
    CLI,
    AssignTo,
    ChangeProperty,
    ChangeStatus,
    ChangeTags,
    Close,
    Command,
    Reopen,
    WriteAnswer,
    WriteNote,
    decide_command,
)
from postroom.core.effects import (
    AppendMessage,
    Assign,
    Decision,
    QueueMail,
    SetProperty,
    SetReplied,
    SetStatus,
    SetTags,
)
from postroom.core.facts import Facts, HandlerFact, RequestFact
from postroom.core.model import AssignMethod, Direction, Outcome, Phase, Policy, Visibility
from postroom.errors import NotAllowed
from postroom.mail.message import Attachment

CLAIM = request(type="claim", status="pending")
REVIEWED = request(type="claim", status="in-review")
DELETED = request(status="deleted", phase=Phase.DELETED)
MERGED = request(status="merged", phase=Phase.MERGED, merged_into=8)
TYPED = mail(
    text="It is done.",
    fresh="",
    attachments=(Attachment("2", "a.pdf", "application/pdf", 9, inline=False),),
)


def decide(
    command: Command,
    about: RequestFact | None = None,
    rules: Policy | None = None,
    known: Facts | None = None,
    actor: str = "omar",
) -> Decision:
    known = known or facts(about or request())
    return decide_command(command, 7, known, rules or policy(), site(), NOW, actor=actor)


def refused(*args: Any, **more: Any) -> str:
    with pytest.raises(NotAllowed) as error:
        decide(*args, **more)
    return str(error.value)


# ---- legal


@pytest.mark.parametrize(
    ("effect", "command", "about"),
    [
        (
            SetStatus(7, "open", "waiting", Phase.ACTIVE, "by hand, omar"),
            ChangeStatus("waiting"),
            request(),
        ),
        (
            SetStatus(7, "open", "closed", Phase.CLOSED, "done"),
            ChangeStatus("closed", "done"),
            request(),
        ),
        (
            SetStatus(7, "pending", "in-review", Phase.ACTIVE, "by hand, omar"),
            ChangeStatus("review"),
            CLAIM,
        ),
        (
            SetStatus(7, "in-review", "rejected", Phase.CLOSED, "too old"),
            ChangeStatus("reject", "too old"),
            REVIEWED,
        ),
        (SetStatus(7, "open", "closed", Phase.CLOSED, "by hand, omar"), Close(), request()),
        (SetStatus(7, "open", "closed", Phase.CLOSED, "done"), Close("done"), request()),
        (SetStatus(7, "closed", "open", Phase.ACTIVE, "by hand, omar"), Reopen(), closed()),
        (SetStatus(7, "deleted", "open", Phase.ACTIVE, "oops"), Reopen("oops"), DELETED),
        (Assign(7, "omar", "kim", "by hand, omar"), AssignTo("kim"), request()),
        (Assign(7, "omar", None, "by hand, omar"), AssignTo("none"), request()),
        (Assign(7, None, "omar", "by hand, omar"), AssignTo("omar"), request(owner=None)),
        (
            SetProperty(7, "priority", "medium", "high", "by hand, omar"),
            ChangeProperty("priority", "high"),
            request(),
        ),
        (
            SetProperty(7, "category", "support", "sales", "by hand, omar"),
            ChangeProperty("category", "sales"),
            request(),
        ),
        (
            SetProperty(7, "subject", "How do I pay?", "Paying", "by hand, omar"),
            ChangeProperty("subject", "  Paying "),
            request(),
        ),
        (
            SetTags(7, ("b",), ("x",), "by hand, omar"),
            ChangeTags(("a", "b", "b"), ("x", "y")),
            request(tags=("a", "x")),
        ),
    ],
)
def test_a_legal_command(effect: object, command: Command, about: RequestFact) -> None:
    decision = decide(command, about)
    letters = tuple(item for item in decision.effects if isinstance(item, QueueMail))
    assert (effect, *letters) == decision.effects
    assert dict(decision.versions) == {7: 3}
    assert (decision.outcome, decision.request, decision.actor) == (None, 7, "omar")


@pytest.mark.parametrize(
    "command",
    [
        AssignTo("omar"),
        ChangeProperty("priority", "medium"),
        ChangeProperty("subject", "How do I pay?"),
        ChangeTags(("a",), ("y",)),
        ChangeTags(),
    ],
)
def test_a_command_that_changes_nothing_does_nothing(command: Command) -> None:
    decision = decide(command, request(tags=("a",)))
    assert (decision.effects, dict(decision.versions)) == ((), {})


def test_auto_follows_the_rule_of_the_category() -> None:
    decision = decide(AssignTo("auto"))
    turn, assign = decision.effects
    assert assign == Assign(7, "omar", "eva", "by hand, omar: round robin")
    assert turn.handler == "eva"  # type: ignore[union-attr]


def test_a_new_type_brings_its_initial_status_when_the_old_one_is_unknown_there() -> None:
    decision = decide(ChangeProperty("type", "claim"))
    assert decision.effects == (
        SetProperty(7, "type", "general", "claim", "by hand, omar"),
        SetStatus(7, "open", "pending", Phase.ACTIVE, "initial of inquiry"),
    )


# ---- notes and answers


def test_a_note_stays_inside() -> None:
    decision = decide(WriteNote(TYPED))
    [message] = decision.effects
    assert isinstance(message, AppendMessage)
    assert (message.direction, message.visibility) == (Direction.NOTE, Visibility.INTERNAL)
    assert (message.author.name, message.author.handler) == ("Omar Haddad", "omar")
    assert (decision.outcome, decision.request) == (Outcome.APPENDED, 7)


def test_an_answer_goes_to_the_requester_alone_and_carries_his_token() -> None:
    known = facts(request(), last_in=("two@example.net", ("one@example.net",)))
    message, letter, replied = decide(WriteAnswer(TYPED), known=known).effects
    assert isinstance(message, AppendMessage)
    assert (message.direction, message.visibility) == (Direction.OUT, Visibility.PUBLIC)
    assert isinstance(letter, QueueMail)
    assert (
        letter.kind,
        letter.recipients,
        letter.reply_role,
        letter.reply_address,
    ) == ("answer", (ANN,), "c", ANN)
    assert (
        letter.in_reply_to,
        letter.references,
        letter.attachments,
    ) == ("two@example.net", ("one@example.net", "two@example.net"), ("2",))
    assert letter.variables["message"]["text"] == "It is done."
    assert replied == SetReplied(7, NOW, "answered by omar")


def test_only_the_first_answer_is_the_first_reply() -> None:
    decision = decide(WriteAnswer(TYPED), request(replied_at=NOW))
    assert not any(isinstance(effect, SetReplied) for effect in decision.effects)


def test_who_answers_becomes_owner_where_the_category_says_so() -> None:
    rules = policy(categories=(category(owner_on_reply=True),))
    decision = decide(WriteAnswer(TYPED), request(owner="kim"), rules)
    assert Assign(7, "kim", "omar", "who answers becomes owner") in decision.effects


def test_a_workflow_may_name_the_status_after_an_answer() -> None:
    rules = with_workflow(replace(REQUEST, on_answer="waiting"))
    assert decide(WriteAnswer(TYPED), rules=rules).effects[-1] == SetStatus(
        7, "open", "waiting", Phase.ACTIVE, "answered"
    )


def test_the_name_of_the_mailbox_stands_behind_the_handlers() -> None:
    letters = [e for e in decide(WriteAnswer(TYPED)).effects if isinstance(e, QueueMail)]
    assert [letter.from_name for letter in letters] == ["Omar Haddad (Acme Support)"]


def test_an_answer_goes_out_though_the_mailbox_left_the_config() -> None:
    decision = decide(WriteAnswer(TYPED), request(mailbox="gone"))
    letters = [e for e in decision.effects if isinstance(e, QueueMail)]
    assert [letter.mailbox for letter in letters] == [SUPPORT.name]


# ---- illegal


@pytest.mark.parametrize(
    ("words", "command", "about"),
    [
        ("no status is called 'shut'; possible: archived, closed", ChangeStatus("shut"), request()),
        ("no status is called 'merged'", ChangeStatus("merged"), request()),
        ("possible: in-review, review", ChangeStatus("approve"), CLAIM),
        ("reject needs: reason", ChangeStatus("reject"), REVIEWED),
        ("request 7 is closed already", Close(), closed()),
        ("choose how it is closed: approve, reject", Close(), REVIEWED),
        ("choose how it is closed: not from here", Close(), CLAIM),
        ("request 7 is open", Reopen(), request()),
        (
            "'pending' is not possible in status 'approved'; possible: nothing",
            Reopen(),
            closed(type="claim", status="approved"),
        ),
        ("no handler is called 'omr'; did you mean \"omar\"?", AssignTo("omr"), request()),
        (
            "category gone is gone; set another one first",
            AssignTo("auto"),
            request(category="gone"),
        ),
        (
            "no property is called 'prio'; did you mean \"priority\"?",
            ChangeProperty("prio", "high"),
            request(),
        ),
        (
            "no priority is called 'hihg'; did you mean \"high\"?",
            ChangeProperty("priority", "hihg"),
            request(),
        ),
        (
            "no category is called 'x'; there is: sales, support",
            ChangeProperty("category", "x"),
            request(),
        ),
        ("no type is called", ChangeProperty("type", "x"), request()),
        ("a subject must not be empty", ChangeProperty("subject", "  "), request()),
        (
            "type urgent-claim allows only: high",
            ChangeProperty("priority", "low"),
            request(type="urgent-claim", status="pending"),
        ),
        ("no requester with an address", WriteAnswer(TYPED), request(requester_id=None)),
    ],
)
def test_an_illegal_command_names_the_choices(
    words: str, command: Command, about: RequestFact
) -> None:
    assert words in refused(command, about)


@pytest.mark.parametrize("command", [WriteNote(TYPED), WriteAnswer(TYPED)])
def test_only_a_handler_writes(command: Command) -> None:
    assert "no handler is called 'cli'" in refused(command, actor=CLI)


@pytest.mark.parametrize(
    "command",
    [
        *(WriteNote(TYPED), WriteAnswer(TYPED), ChangeStatus("open"), Close(), Reopen()),
        *(AssignTo("kim"), ChangeProperty("priority", "high"), ChangeTags(("a",))),
    ],
)
def test_a_merged_request_is_left_alone(command: Command) -> None:
    assert "request 7 was merged into 8" in refused(command, MERGED)


# ---- who may


CLOSED_SHOP = policy(categories=(category(members_only=True, members=()),))


def test_only_members_work_on_what_is_members_only() -> None:
    words = "only members of support may work on its requests"
    assert words in refused(Close(), rules=CLOSED_SHOP, actor="omar")


@pytest.mark.parametrize("actor", ["eva", CLI])
def test_an_administrator_may_do_anything(actor: str) -> None:
    assert decide(Close(), rules=CLOSED_SHOP, actor=actor).effects


def test_a_category_that_is_gone_keeps_nobody_out() -> None:
    assert decide(Close(), request(category="gone"), CLOSED_SHOP).effects


def test_auto_without_anybody_there_says_so_and_keeps_the_owner() -> None:
    away = {
        name: HandlerFact(name, away_until=NOW + timedelta(hours=1))
        for name in ("eva", "omar", "kim")
    }
    assert "nobody available" in refused(AssignTo("auto"), known=facts(request(), handlers=away))
    rules = policy(categories=(category(assign=AssignMethod.NONE),))
    assert "the category assigns nobody" in refused(AssignTo("auto"), rules=rules)


def test_a_transition_tells_the_requester_with_the_reason() -> None:
    effects = decide(ChangeStatus("reject", "too old"), REVIEWED).effects
    [letter] = [effect for effect in effects if isinstance(effect, QueueMail)]
    assert ("rejected", (ANN,)) == (letter.template, letter.recipients)
    assert "too old" == letter.variables["reason"]


def test_a_transition_without_a_mail_tells_nobody() -> None:
    effects = decide(ChangeStatus("review"), CLAIM).effects
    assert not any(isinstance(effect, QueueMail) for effect in effects)

"""What handlers ask for: each command legal and illegal, and the words that name the choices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.core.builders import (
    ANN,
    BOB,
    NOW,
    REQUEST,
    SIGNER,
    SUPPORT,
    category,
    closed,
    facts,
    loud,
    mail,
    message,
    participant,
    policy,
    request,
    site,
    with_workflow,
)

from postroom.core.changes import (
    AssignTo,
    ChangeProperty,
    ChangeStatus,
    ChangeTags,
    Close,
    Reopen,
)
from postroom.core.commands import Command, Several, WriteAnswer, WriteNote, decide_command
from postroom.core.effects import (
    AppendMessage,
    Assign,
    Decision,
    QueueMail,
    Reply,
    SetProperty,
    SetRead,
    SetReplied,
    SetStatus,
    SetTags,
)
from postroom.core.facts import Background, Facts, HandlerFact, RequestFact
from postroom.core.letters import display_name
from postroom.core.model import AssignMethod, Direction, Outcome, Phase, Policy, Visibility
from postroom.core.tasks import CLI
from postroom.errors import NotAllowed
from postroom.mail.message import Attachment
from postroom.mail.tokens import Token

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
    """Decide, without what follows for the read status (tests/unit/core/test_reading.py)."""
    known = known or facts(about or request())
    decision = decide_command(command, 7, known, rules or policy(), site(), NOW, actor=actor)
    effects = tuple(effect for effect in decision.effects if not isinstance(effect, SetRead))
    return replace(decision, effects=effects)


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
        (Assign(7, "omar", "kim", "by hand, omar", is_by_hand=True), AssignTo("kim"), request()),
        (Assign(7, "omar", None, "by hand, omar", is_by_hand=True), AssignTo("none"), request()),
        (
            Assign(7, None, "omar", "by hand, omar", is_by_hand=True),
            AssignTo("omar"),
            request(owner=None),
        ),
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
    assert assign == Assign(7, "omar", "eva", "by hand, omar: round robin", is_by_hand=True)
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


def test_an_answer_goes_to_the_requester_and_carries_his_token() -> None:
    known = facts(request(), background=Background(messages=(message(),)))
    said, letter, replied = decide(WriteAnswer(TYPED), known=known).effects
    assert isinstance(said, AppendMessage)
    assert (said.direction, said.visibility) == (Direction.OUT, Visibility.PUBLIC)
    assert (said.to, said.is_draft) == ((ANN,), False)
    assert isinstance(letter, QueueMail)
    assert (
        letter.kind,
        letter.recipients,
        letter.reply,
        letter.reply_to,
    ) == ("answer", (ANN,), Reply.CUSTOMER, ANN)
    assert ([ANN], ()) == ([one.address for one in letter.to], letter.cc)
    assert letter.variables["quoted"]["text"] == "Hello"
    assert (
        letter.in_reply_to,
        letter.references,
        letter.attachments,
    ) == ("two@example.net", ("two@example.net",), ("2",))
    assert letter.variables["message"]["text"] == "It is done."
    assert replied == SetReplied(7, NOW, "answered by omar")


def test_an_answer_goes_to_all_who_take_part_and_all_of_them_see_each_other() -> None:
    people = (participant(BOB, "cc", 2), participant(), participant("x@example.org", "expert", 3))
    known = facts(request(participants=people), background=Background(messages=(message(),)))
    letters = [e for e in decide(WriteAnswer(TYPED), known=known).effects if _is_letter(e)]
    [letter] = letters
    assert isinstance(letter, QueueMail)
    assert ((ANN, BOB), ANN) == (letter.recipients, letter.reply_to)
    shown = [[one.address for one in line] for line in (letter.to, letter.cc)]
    assert [[ANN], [BOB]] == shown
    # Bob did not get what Ann wrote: it is not repeated to him.
    assert letter.variables["quoted"]["text"] == ""


def test_an_answer_goes_to_the_address_that_was_last_written_from() -> None:
    ann = replace(participant(), addresses=("ann@home.example", ANN))
    known = facts(request(participants=(ann,)), background=Background(messages=(message(),)))
    [letter] = [e for e in decide(WriteAnswer(TYPED), known=known).effects if _is_letter(e)]
    assert isinstance(letter, QueueMail)
    assert (ANN,) == letter.recipients


def _is_letter(effect: object) -> bool:
    return isinstance(effect, QueueMail) and effect.kind == "answer"


SECRET = "The customer has been late with every single invoice since the spring."


@pytest.mark.parametrize(
    ("said", "visibility", "is_draft"),
    [
        ("not-sent", Visibility.INTERNAL, False),
        (None, Visibility.INTERNAL, True),  # it was meant for the customer
        (None, Visibility.PUBLIC, False),
    ],
)
def test_an_answer_with_words_of_a_note_is_not_sent(
    said: str | None, visibility: Visibility, is_draft: bool
) -> None:
    note = message(text=SECRET, fresh=SECRET, visibility=visibility, is_draft=is_draft)
    known = facts(request(), background=Background(messages=(note,)))
    command = WriteAnswer(replace(TYPED, text=f"Hello,\n{SECRET}\n"))
    if said is None:
        assert any(_is_letter(effect) for effect in decide(command, known=known).effects)
    else:
        assert "words of an internal note, so it was not sent" in refused(command, known=known)


def test_an_answer_with_an_address_of_people_inside_is_not_sent() -> None:
    address = SUPPORT.reply_address.replace("{token}", SIGNER.sign(Token("h", 7, 1)))
    command = WriteAnswer(replace(TYPED, text=f"Write to {address}"))
    assert "a reply address of people inside" in refused(command)


def test_an_answer_in_a_request_too_large_to_look_through_is_not_sent() -> None:
    known = facts(request(), background=Background(is_whole=False))
    assert "more than can be looked through" in refused(WriteAnswer(TYPED), known=known)


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
    assert [letter.from_name for letter in letters] == ["Omar at Acme Support"]


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ("Omar Haddad", "{full_name}"),
        ("Omar Haddad (Acme Support)", "{full_name} ({from_name})"),
        ("Acme Support", "{from_name}"),
    ],
)
def test_the_mailbox_says_how_handlers_are_called(expected: str, words: str) -> None:
    named = replace(SUPPORT, handler_name=words)
    assert display_name(policy().handlers["omar"], named) == expected
    assert display_name(None, named) == "Acme Support"
    assert display_name(policy().handlers["omar"], replace(named, from_name="")) == "Omar Haddad"


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
        (
            "no requester with an address",
            WriteAnswer(TYPED),
            request(requester_id=None, participants=()),
        ),
        ("request 7 is deleted: reopen it first", WriteAnswer(TYPED), DELETED),
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


# ---- who is told


@pytest.mark.parametrize(
    ("told", "owner", "command", "actor"),
    [
        ([("new", "kim"), ("taken-over", "omar")], "omar", AssignTo("kim"), "eva"),
        ([("new", "kim")], "omar", AssignTo("kim"), "omar"),  # he did it himself
        ([("taken-over", "omar")], "omar", AssignTo("eva"), "eva"),
        ([("taken-over", "omar")], "omar", AssignTo("none"), CLI),
        ([("new", "kim")], None, AssignTo("kim"), CLI),
        ([], "omar", AssignTo("omar"), CLI),
        ([("note", "kim")], "kim", WriteNote(TYPED), "omar"),
        ([], "omar", WriteNote(TYPED), "omar"),
        ([], "kim", Close(), "omar"),
    ],
)
def test_owners_hear_of_what_others_do(
    told: list[tuple[str, str]], owner: str | None, command: Command, actor: str
) -> None:
    decision = decide(command, request(owner=owner), loud(), actor=actor)
    letters = [effect for effect in decision.effects if isinstance(effect, QueueMail)]
    assert told == [(letter.template, letter.reply_to) for letter in letters]
    for letter in letters:
        assert letter.reply is (Reply.ANSWER if letter.template == "new" else Reply.NOTE)
        assert letter.recipients == (f"{letter.reply_to}@example.com",)


def test_a_notice_carries_the_newest_of_the_readers_addresses() -> None:
    about = request(generations={"kim": 3})
    [letter, _] = [
        effect
        for effect in decide(AssignTo("kim"), about, loud(), actor="eva").effects
        if isinstance(effect, QueueMail)
    ]
    assert ("kim", 3) == (letter.reply_to, letter.reply_generation)


def test_nobody_is_told_who_does_not_want_to_be() -> None:
    decision = decide(AssignTo("kim"), actor="eva")
    assert [Assign(7, "omar", "kim", "by hand, eva", is_by_hand=True)] == list(decision.effects)


def test_several_changes_tell_of_the_last_owner_only() -> None:
    command = Several((AssignTo("kim"), AssignTo("eva"), ChangeTags(("a",))))
    decision = decide(command, rules=loud(), actor=CLI)
    letters = [effect for effect in decision.effects if isinstance(effect, QueueMail)]
    assert [("new", "eva"), ("taken-over", "omar")] == [
        (letter.template, letter.reply_to) for letter in letters
    ]
    assert decision.reason == "AssignTo, AssignTo, ChangeTags by cli"


def test_several_changes_are_all_done_or_none() -> None:
    assert "is closed already" in refused(Several((Close(), Close())))

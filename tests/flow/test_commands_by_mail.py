"""Commands in handlers' mails: each does its work, says what it did, and can be taken back.

A mail with one mistake in it does nothing at all.
"""

from __future__ import annotations

import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.houses import (
    LOUD,
    PRIORITIES,
    RULES,
    another_desk,
    clock_of,
    fire,
    mail,
    make_house,
    put_in,
    ripe,
    row,
    rows,
    send,
    sound_house,
    text_of,
)

from postroom import failpoints
from postroom.core.addresses import handler_number
from postroom.core.changes import (
    AssignTo,
    Change,
    ChangeProperty,
    ChangeStatus,
    ChangeTags,
    Close,
)
from postroom.house import House
from postroom.mail.tokens import Token
from postroom.store import schema as t
from postroom.work.desk import Desk, Settled

ANN = "Ann Berg <ann@example.net>"
BOB = "Bob Dahl <bob@example.org>"
EVA = "Eva Berg <eva@example.com>"
OMAR = "Omar Haddad <omar@example.com>"
TEMPLATE = "support+{token}@example.com"
FIRST = "first@example.net"
WORDS = "Pay by card, please."
PROVEN = {
    "Authentication-Results": "mx.example.com; dmarc=pass header.from=example.com",
    "Received": "from out.example.com (out.example.com [203.0.113.9]) by mx.example.com; x",
}
TRUST = '[trust]\nauthserv_id = ["mx.example.com"]\n'
ALONE = RULES["categories"].replace('["eva", "omar", "kim"]', '["eva"]')
OSLO = LOUD.replace('"eva@example.com"', '"eva@example.com"\ntime_zone = "Europe/Oslo"')
HIGH = '\n[[priority]]\nname = "high"\ncalendar = "always"\n'
HOUSE = {"team": OSLO, "categories": ALONE, "priorities": PRIORITIES + HIGH}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with sound_house(tmp_path, rules=HOUSE, config_extra=TRUST) as opened:
        ask(opened)
        yield opened


def ask(house: House) -> None:
    """Ann opens request 1, which is Eva's."""
    assert put_in(house, mail(message_id=FIRST)).outcome == "opened"
    send(house)


def address(house: House, role: str, who: str = "eva", request: int = 1) -> str:
    """Return a handler's address as it is first given out."""
    number = handler_number(row(house, t.handler, name=who).id, 0)
    return house.desk.signer.reply_address(TEMPLATE, Token(role, request, number))


def write(
    house: House, text: str, *, role: str = "h", sender: str = EVA, request: int = 1, **headers: str
) -> Any:
    """Let a handler write to one of Eva's addresses; return the journal row."""
    clock_of(house).forward(minutes=1)
    to = address(house, role, request=request)
    return put_in(house, mail("Re: it", text, sender=sender, to=to, headers=headers))


def reply(house: House, to: EmailMessage, text: str, **headers: str) -> Any:
    """Let Eva reply to a mail of ours; return the journal row."""
    clock_of(house).forward(minutes=1)
    parent = str(to["Message-ID"]).strip("<> ")
    subject, at = str(to["Subject"]), str(to["Reply-To"])
    raw = mail(subject, text, sender=EVA, to=at, in_reply_to=parent, headers=headers)
    return put_in(house, raw)


def told(house: House, name: str = "eva") -> EmailMessage:
    """Send what is due; return the one mail to a handler."""
    [found] = [one for one in send(house) if one["Delivered-To"] == f"{name}@example.com"]
    return found


def templates(house: House) -> list[str]:
    """Return what was queued for the last mail."""
    last = rows(house, t.journal)[-1].id
    return [one.template for one in rows(house, t.outbox, journal_id=last)]


def state(house: House) -> dict[str, Any]:
    """Return all that commands may change."""
    request = row(house, t.request, id=1)
    names = ("status", "phase", "owner", "priority", "category", "type", "subject")
    armed = rows(house, t.timer, state="armed")
    return {
        **{name: getattr(request, name) for name in names},
        "tags": sorted(one.tag for one in rows(house, t.tag)),
        "people": sorted(
            row(house, t.address, contact_id=one.contact_id).address
            for one in rows(house, t.participant)
        ),
        "until": request.postponed_until,
        "timers": [(one.kind, one.due_at) for one in armed],
    }


def changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in after.items() if value != before[name]}


# ---- every command


DEC_1 = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)  # 09:00 in Oslo
COMMANDS: dict[str, dict[str, Any]] = {
    "#close": {"status": "closed", "phase": "closed"},
    "#status waiting": {"status": "waiting"},
    "#status spam": {"status": "spam", "phase": "deleted"},
    "#assign kim": {"owner": "kim"},
    "#assign omar@example.com": {"owner": "omar"},
    "#assign none": {"owner": None},
    "#priority high": {"priority": "high"},
    "#category sales": {"category": "sales"},
    "#type asset": {"type": "asset", "status": "pending"},
    "#tag a b": {"tags": ["a", "b", "old"]},
    "#untag old": {"tags": []},
    "#cc bob@example.org": {"people": ["ann@example.net", "bob@example.org", "cem@example.net"]},
    "#uncc cem@example.net": {"people": ["ann@example.net"]},
    "#postpone 2026-12-01 09:00": {
        "status": "postponed",
        "phase": "postponed",
        "until": DEC_1,
        "timers": [("activate", DEC_1)],
    },
}


@pytest.fixture
def busy(house: House) -> House:
    """A request with a tag, and with somebody in Cc."""
    house.desk.command(ChangeTags(add=("old",)), 1, "kim")
    raw = mail("Re: it", "And Cem.\n", to=_customers(house), headers={"Cc": "cem@example.net"})
    assert put_in(house, raw).request_id == 1
    send(house)
    return house


def _customers(house: House) -> str:
    participant = row(house, t.participant, request_id=1)
    return house.desk.signer.reply_address(TEMPLATE, Token("c", 1, participant.id))


@pytest.mark.parametrize("role", ["h", "n"])
@pytest.mark.parametrize(("text", "expected"), COMMANDS.items(), ids=COMMANDS)
def test_a_command_does_its_work_is_confirmed_and_undone(
    busy: House, text: str, expected: dict[str, Any], role: str
) -> None:
    before = state(busy)
    entry = write(busy, f"{text}\n", role=role, **PROVEN)
    assert "command" == entry.outcome
    assert expected == changed(before, state(busy))
    sent = send(busy)
    assert {"ann@example.net", "cem@example.net"}.isdisjoint(one["Delivered-To"] for one in sent)
    [result] = [one for one in sent if one["Delivered-To"] == "eva@example.com"]
    assert all(str(one["to"] or one["from"]) for one in entry.explanation["changes"])
    assert "command" == reply(busy, result, "#undo\n", **PROVEN).outcome
    assert {} == changed(before, state(busy))


def test_closed_and_reopened_by_their_words(house: House) -> None:
    house.desk.command(Close(), 1, "kim")
    write(house, "#reopen\n#reason she called\n")
    assert "open" == row(house, t.request).status
    assert "she called" == rows(house, t.history, kind="status")[-1].because


def test_taking_a_request_makes_its_taker_the_owner_and_tells_who_had_it(house: House) -> None:
    write(house, "#take\n", sender=OMAR)
    assert "omar" == row(house, t.request).owner
    assert sorted(["taken-over", "command-result"]) == sorted(templates(house))
    assert "* owner: eva -> omar" in text_of(told(house, "omar"))


def test_a_strict_workflow_is_moved_by_the_names_of_its_transitions(house: House) -> None:
    house.desk.command(ChangeProperty("type", "asset"), 1, "kim")
    house.desk.command(ChangeStatus("in-review"), 1, "kim")
    entry = write(house, "#close\n", role="n")
    assert "choose how it is closed: approve, reject" in entry.explanation["fault"]
    write(house, "#reject\n#reason it is broken\n", role="h")
    assert "rejected" == row(house, t.request).status
    [letter] = [one for one in send(house) if one["Delivered-To"] == "ann@example.net"]
    assert "it is broken" in text_of(letter)


def test_a_reason_that_the_customer_would_read_holds_no_words_of_a_note(house: House) -> None:
    house.desk.command(ChangeProperty("type", "asset"), 1, "kim")
    house.desk.command(ChangeStatus("in-review"), 1, "kim")
    write(house, "Mr Miller has not paid his bills since last March.\n", role="n")
    entry = write(house, "#reject\n#reason Mr Miller has not paid his bills since last March\n")
    assert "your answer contains words of an internal note" in entry.explanation["fault"]
    assert "in-review" == row(house, t.request).status
    assert ["command-error"] == templates(house)


def test_what_would_send_mail_is_no_command_for_a_note_address(house: House) -> None:
    house.desk.command(ChangeProperty("type", "asset"), 1, "kim")
    house.desk.command(ChangeStatus("in-review"), 1, "kim")
    write(house, "#reject\n#reason it is broken\n", role="n")
    assert "in-review" == row(house, t.request).status
    assert ["command-error"] == templates(house)


def test_commands_and_an_answer_go_their_own_ways(house: House) -> None:
    write(house, f"#close\n#tag done\n\n{WORDS}\n")
    sent = send(house)
    assert ["ann@example.net", "eva@example.com"] == sorted(one["Delivered-To"] for one in sent)
    [letter, result] = sorted(sent, key=lambda one: str(one["Delivered-To"]))
    assert text_of(letter).startswith(f"{WORDS}\n\nOn ")
    assert "#" not in text_of(letter).partition("\nOn ")[0]
    assert "* status: open -> closed" in text_of(result)
    assert "* tags: nothing -> done" in text_of(result)
    assert "Your answer goes to ann@example.net." in text_of(result)
    [token] = house.desk.signer.find([result["Reply-To"]], [TEMPLATE])
    assert "n" == token.role


def test_the_words_below_note_stay_inside(house: House) -> None:
    entry = write(house, f"#note\n#priority high\n{WORDS}\n")
    kept = row(house, t.message, journal_id=entry.id)
    assert ("note", "internal", WORDS) == (kept.direction, kept.visibility, kept.fresh)
    assert ["command-result"] == templates(house)
    assert "high" == row(house, t.request).priority


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("#show\n", ["Request 1: How do I pay?", "requester: Ann Berg <ann@example.net>", "Hello"]),
        ("#why\n", ["opened: open (a new matter)", "ann@example.net: "]),
        ("#help\n", ["#postpone 2d | 2026-12-01 09:00", "#undo"]),
    ],
)
def test_questions_are_answered_by_mail_and_change_nothing(
    house: House, text: str, shown: list[str]
) -> None:
    before = state(house)
    assert "command" == write(house, text).outcome
    assert before == state(house)
    said = text_of(told(house))
    assert [] == [words for words in shown if words not in said]


# ---- as programs write them


OUTLOOK = """<html xmlns:o="urn:schemas-microsoft-com:office:office">
<head><style>p{{margin:0}}</style></head>
<body lang="EN-US"><div class="WordSection1"><p class="MsoNormal">{command}<o:p></o:p></p>
<p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">{words}<o:p></o:p></p>
<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal"><b>From:</b> Acme
&lt;support@example.com&gt;<br><b>Sent:</b> Friday<br><b>To:</b> Eva<br><b>Subject:</b> Re: it</p>
</div><p class="MsoNormal">Hello</p></div></body></html>"""
GMAIL = """<div dir="ltr"><div>{command}</div><div><br></div><div>{words}</div></div><br>
<div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Fri, 20 Nov 2026 at 12:00, Acme &lt;<a
href="mailto:support@example.com">support@example.com</a>&gt; wrote:<br></div><blockquote
class="gmail_quote" style="margin:0 0 0 .8ex"><div>Hello</div></blockquote></div>"""
APPLE = """<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>
<body style="overflow-wrap: break-word;">{command}<div><br></div><div>{words}<br><div><br>
<blockquote type="cite"><div>On 20 Nov 2026, at 12:00, Acme &lt;support@example.com&gt; wrote:</div>
<br><div>Hello</div></blockquote></div></div></body></html>"""


@pytest.mark.parametrize("page", [OUTLOOK, GMAIL, APPLE], ids=["outlook", "gmail", "apple"])
@pytest.mark.parametrize(
    "command", ["#close", "<b>#Close</b>", "&nbsp;#close&nbsp;", "<span> #CLOSE</span>"]
)
def test_a_command_is_read_from_a_mail_that_is_only_html(
    house: House, page: str, command: str
) -> None:
    built = EmailMessage(policy=email.policy.SMTP)
    built["From"], built["To"], built["Subject"] = EVA, address(house, "h"), "Re: it"
    built["Message-ID"] = "<page@example.com>"
    built.set_content(page.format(command=command, words=WORDS), subtype="html")
    put_in(house, built.as_bytes())
    assert "closed" == row(house, t.request).status
    assert WORDS == row(house, t.message, direction="out").fresh.strip()


@pytest.mark.parametrize(
    "text",
    ["#CLOSE", " #close", "\u00a0#close\u00a0", "＃close", "# close", "* #close", "*#close*"],
)
def test_a_command_is_read_as_people_type_it(house: House, text: str) -> None:
    write(house, f"{text}\n\n{WORDS}\n")
    assert "closed" == row(house, t.request).status
    assert WORDS == row(house, t.message, direction="out").fresh


# ---- mistakes


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("#clsoe", "nearest: #close"),
        ("#close now", "stands alone in its line"),
        ("#status", "something is missing after #status"),
        ("#status nirvana", "possible: closed, deleted, open, postponed, spam, waiting"),
        ("#assign evita", "no handler is called 'evita'"),
        ("#priority hihg", 'did you mean "high"?'),
        ("#category sals", 'did you mean "sales"?'),
        ("#type asst", 'did you mean "asset"?'),
        ("#close\n#status open", "one mail sets one status"),
        ("#reopen", "request 1 is open"),
        ("#postpone yesterday", "neither a length of time nor a date"),
        ("#postpone 2026-11-19 09:00", "not in the future"),
        ("#reason because", "#reason belongs to a change"),
        ("#uncc bob@example.org", "is no participant"),
        ("#uncc ann@example.net", "is the requester"),
        ("#cc bob@example.org", "proven to be yours"),
        ("#accept", "no mail is held"),
        ("#undo", "no commands of yours"),
        ("#merge 2", "is not there yet"),
        ("#delete", "is not there yet"),
        ("#tag ok\n#priority high\n#clsoe", "nearest: #close"),
    ],
)
def test_one_mistake_and_nothing_is_done_and_the_words_are_kept(
    house: House, text: str, fault: str
) -> None:
    before = state(house)
    entry = write(house, f"{text}\n{WORDS}\n")
    assert "appended" == entry.outcome
    assert fault in entry.explanation["fault"]
    assert before == state(house)
    kept = row(house, t.message, journal_id=entry.id)
    assert ("note", "internal") == (kept.direction, kept.visibility)
    assert WORDS in kept.text
    [error] = send(house)
    assert "eva@example.com" == error["Delivered-To"]
    assert fault in " ".join(text_of(error).split())
    assert WORDS in text_of(error)
    assert None is row(house, t.request).replied_at


def test_a_command_in_the_middle_of_an_answer_is_a_mistake(house: House) -> None:
    entry = write(house, f"{WORDS}\n#close\nBye\n")
    assert "stands below the beginning" in entry.explanation["fault"]
    assert ["command-error"] == templates(house)


def test_an_unknown_command_is_answered_with_all_there_are(house: House) -> None:
    write(house, "#frobnicate\n")
    assert "#postpone" in text_of(told(house))


def test_the_corrected_mail_goes_to_the_customer(house: House) -> None:
    write(house, f"#clsoe\n{WORDS}\n")
    reply(house, told(house), f"#close\n{WORDS}\n")
    assert "closed" == row(house, t.request).status
    assert "ann@example.net" in [one["Delivered-To"] for one in send(house)]


def test_a_customers_words_are_never_commands(house: House) -> None:
    put_in(house, mail("Re: it", "#close\n#assign kim\n", to=_customers(house)))
    assert ("open", "eva") == (row(house, t.request).status, row(house, t.request).owner)


# ---- #undo


OLD_COMMANDS = (
    "-----Original Message-----\nFrom: Ann Berg\n\n#close\n#tag done\n",
    "> #close\n",
    "Begin forwarded message:\n\n> From: Ann\n> Subject: x\n>\n> #close\n",
)


@pytest.mark.parametrize("text", OLD_COMMANDS)
def test_a_mail_without_a_new_word_commands_nothing_and_answers_nobody(
    house: House, text: str
) -> None:
    before = state(house)
    assert "no words of its own" in write(house, text).reason
    assert before == state(house)
    assert [] == rows(house, t.message, direction="out")


@pytest.mark.parametrize("text", OLD_COMMANDS)
def test_a_mail_passed_on_to_the_note_address_is_a_note(house: House, text: str) -> None:
    entry = write(house, text, role="n")
    kept = row(house, t.message, journal_id=entry.id)
    assert ("note", "internal", text.strip()) == (kept.direction, kept.visibility, kept.fresh)
    assert "open" == row(house, t.request).status


def test_taking_back_who_was_removed_shows_the_request_again_and_needs_proof(busy: House) -> None:
    write(busy, "#uncc cem@example.net\n")
    result = told(busy)
    assert "proven to be yours" in reply(busy, result, "#undo\n").explanation["fault"]
    assert "command" == reply(busy, result, "#undo\n", **PROVEN).outcome


def test_several_commands_are_undone_together(busy: House) -> None:
    before = state(busy)
    write(busy, "#close\n#tag x\n#untag old\n#priority high\n#assign kim\n#category sales\n")
    assert 6 == len(changed(before, state(busy)))
    result = next(one for one in send(busy) if one["Delivered-To"] == "eva@example.com")
    reply(busy, result, "#undo\n")
    assert {} == changed(before, state(busy))


def test_what_has_changed_since_is_not_undone_and_nor_is_the_rest(house: House) -> None:
    write(house, "#priority high\n#close\n")
    result = told(house)
    house.desk.command(ChangeStatus("waiting"), 1, "kim")
    entry = reply(house, result, "#undo\n")
    assert "the status has changed since: it is waiting now" == entry.explanation["fault"]
    assert ("waiting", "high") == (row(house, t.request).status, row(house, t.request).priority)


def test_nothing_is_undone_twice(house: House) -> None:
    write(house, "#close\n")
    result = told(house)
    reply(house, result, "#undo\n")
    entry = reply(house, result, "#undo\n")
    assert "the status has changed since: it is open now" == entry.explanation["fault"]


def test_undo_without_a_confirmation_takes_back_ones_own_last_commands(house: House) -> None:
    write(house, "#priority high\n")
    write(house, "#close\n")
    write(house, "#tag his\n", sender=OMAR)
    write(house, "#undo\n")
    assert ("open", "high") == (row(house, t.request).status, row(house, t.request).priority)
    assert ["his"] == [one.tag for one in rows(house, t.tag)]


def test_the_answer_of_a_mail_is_not_undone_with_its_commands(house: House) -> None:
    write(house, f"#close\n{WORDS}\n")
    reply(house, told(house), "#undo\n")
    assert "open" == row(house, t.request).status
    assert 1 == len(rows(house, t.message, direction="out"))


# ---- holds


def held(house: House, text: str = "What did she say?\n") -> Any:
    """A stranger answers Ann's mail."""
    clock_of(house).forward(minutes=1)
    entry = put_in(house, mail("Re: Hello", text, sender=BOB, references=(FIRST,)))
    assert "held" == entry.outcome
    return entry


@pytest.mark.parametrize(("word", "outcome"), [("accept", "appended"), ("refuse", "ignored")])
@pytest.mark.parametrize("by", ["its notice", "a note"])
def test_a_held_mail_is_decided_by_mail_and_its_decider_is_told(
    house: House, word: str, outcome: str, by: str
) -> None:
    entry, notice = held(house), told(house)
    done = (
        reply(house, notice, f"#{word}\n")
        if by == "its notice"
        else write(house, f"#{word}\n", role="n")
    )
    assert "command" == done.outcome
    assert 1 == fire(house)
    assert outcome == row(house, t.journal, id=entry.id).outcome
    results = [
        one
        for one in send(house)
        if "was accepted" in text_of(one) or "was refused" in text_of(one)
    ]
    assert ["eva@example.com"] == [one["Delivered-To"] for one in results]


def test_of_several_held_mails_a_note_must_say_which(house: House) -> None:
    held(house)
    held(house, "Again.\n")
    entry = write(house, "#accept\n", role="n")
    fault = entry.explanation["fault"]
    assert "mails are held: answer the notice of the one that you mean" in fault
    assert ["waiting", "waiting"] == [one.state for one in rows(house, t.hold)]


def test_a_hold_is_decided_once_and_by_nothing_but_its_words(house: House) -> None:
    held(house)
    notice = told(house)
    reply(house, notice, "Who is that?\n")
    assert "waiting" == row(house, t.hold).state
    reply(house, notice, "#refuse\n")
    fire(house)
    reply(house, notice, "#accept\n")
    assert (0, "refused") == (fire(house), row(house, t.hold).state)


# ---- rights


def test_only_members_work_where_the_category_says_so(tmp_path: Path) -> None:
    closed = ALONE.replace("assign =", "members_only = true\nassign =", 1)
    with make_house(tmp_path, rules={**HOUSE, "categories": closed}) as house:
        ask(house)
        for text in ("#close\n", f"{WORDS}\n"):
            entry = write(house, text, sender=OMAR)
            assert "only members of support may work on its requests" == entry.explanation["fault"]
        assert "open" == row(house, t.request).status
        assert ["omar@example.com"] * 2 == [one["Delivered-To"] for one in send(house)][:2]
        write(house, "#close\n")
        assert "closed" == row(house, t.request).status


# ---- later


def test_a_postponed_request_comes_back_when_it_is_due(house: House) -> None:
    write(house, "#postpone 2d\n")
    send(house)
    clock_of(house).forward(days=2, minutes=-1)
    assert (0, "postponed") == (fire(house), row(house, t.request).status)
    clock_of(house).forward(minutes=1)
    assert (1, 0) == (fire(house), fire(house))
    request = row(house, t.request)
    assert ("open", "active", None) == (request.status, request.phase, request.postponed_until)
    notice = told(house)
    assert "was postponed until now" in text_of(notice)
    [token] = house.desk.signer.find([notice["Reply-To"]], [TEMPLATE])
    assert "n" == token.role


def test_a_customer_wakes_a_postponed_request_and_its_timer_does_nothing(house: House) -> None:
    write(house, "#postpone 2d\n")
    put_in(house, mail("Re: it", "And?\n", to=_customers(house)))
    assert ("open", None) == (row(house, t.request).status, row(house, t.request).postponed_until)
    clock_of(house).forward(days=3)
    assert 0 == fire(house)


# ---- against others


@pytest.fixture
def faster(house: House) -> Iterator[Desk]:
    """Another process at work on the same database."""
    desk = another_desk(house)
    yield desk
    desk.database.close()


def settled_behind(house: House, faster: Desk, text: str, change: Change) -> Settled:
    """Decide about a mail of Eva's while somebody else is faster with a change."""
    raw = mail("Re: it", text, sender=EVA, to=address(house, "h"))

    def interfere() -> None:
        failpoints.disarm()
        clock_of(house).forward(seconds=1)
        faster.command(change, 1, "omar")

    failpoints.arm("desk.decided", interfere)
    return house.desk.settle_mail(ripe(house, raw), raw)


def test_a_command_is_decided_again_when_somebody_was_faster(house: House, faster: Desk) -> None:
    settled = settled_behind(house, faster, "#close\n#assign kim\n", AssignTo("omar"))
    assert "command" == settled.outcome
    assert ("closed", "kim") == (row(house, t.request).status, row(house, t.request).owner)
    assert [("eva", "omar"), ("omar", "kim")] == [
        (one.from_value, one.to_value) for one in rows(house, t.history, kind="owner")[-2:]
    ]


def test_a_command_that_is_no_longer_legal_by_then_is_a_mistake(house: House, faster: Desk) -> None:
    settled = settled_behind(house, faster, "#close\n", Close())
    assert "not done: request 1 is closed already" == settled.reason
    assert ["command-error"] == templates(house)

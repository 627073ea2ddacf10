"""What must not leave the house in an answer, and what may."""

from __future__ import annotations

import html
import random
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.core import leaks
from postroom.core.leaks import Leak, LeakKind, find_leaks, mark
from postroom.mail.html import html_to_text
from postroom.mail.tokens import Signer, Token

SIGNER = Signer("acme", (b"k" * 32,))
MAILBOXES = ("support+{token}@example.com", "{token}@reply.example.com")
NOTE = (
    "Careful with this one: Mr Miller has not paid since March, and the lawyers are preparing a "
    "letter. Do not promise him anything before Friday.\n-- \nAnn Example\nAcme Support\n"
)
MAIL = (
    "Dear team,\n\nmy printer shows error 47 since yesterday evening and does not react.\n"
    "Could you send somebody to our office in Bremen?\n\nBest regards\nEva Miller\n"
)


def found(outgoing: str, *internal: str, public: tuple[str, ...] = ()) -> list[str]:
    """Return the passages found, as they stand in the text."""
    return [
        outgoing[leak.start : leak.end]
        for leak in find_leaks(outgoing, internal, public, SIGNER, MAILBOXES)
    ]


# ---- passages


def test_five_words_of_a_note_are_found_with_their_place() -> None:
    assert ["has not paid since March"] == found("You say he has not paid since March?", NOTE)


def test_four_words_of_a_longer_sentence_are_not_found() -> None:
    assert [] == found("You say the lawyers are preparing something?", NOTE)


def test_five_words_that_the_customer_wrote_are_no_leak_though_a_note_quotes_them() -> None:
    note = "He writes:\n> my printer shows error 47 since yesterday evening\nSend Bob."
    answer = "You wrote: my printer shows error 47 since yesterday evening."
    assert [] == found(answer, note, public=(MAIL,))
    assert [answer[11:-1]] == found(answer, note)


def test_a_passage_is_found_though_another_part_of_the_note_is_public() -> None:
    note = MAIL + "\nI think Eva broke the printer herself again."
    answer = "Hello,\n\nwe look into it.\n\n" + "\n".join(f"> {line}" for line in note.split("\n"))
    assert ["I think Eva broke the printer herself again"] == found(answer, note, public=(MAIL,))


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        ("Use hunter2secret to log in.", "hunter2secret"),
        ("Use Hunter2Secret to log in.", "hunter2secret\n"),
        ("The PIN is 4711.", "4711"),
        ("Use swordfish!", "Swordfish"),
        ("It says\n> swordfish, blue", "Swordfish (blue)"),
        ("The password: tango-47.", "New password is set.\npassword: tango 47\nTell nobody."),
        ("Log in with k9mz3qpt now", "I changed it again, for all of us.\n\nk9mz3qpt\n"),
        ("As I said, Miller is insolvent.", "I looked it up today. Miller is insolvent! We wait."),
        ("h2s‐secret9 für Sie", "H2S-Secret９"),
        ("Use hun\u00adter2sec\u200bret", "hunter2secret"),
    ],
)
def test_a_short_secret_is_found_when_it_stands_whole_in_the_answer(answer: str, note: str) -> None:
    assert 1 == len(found(answer, note))


@pytest.mark.parametrize(
    "note",
    [
        "",
        "ok",
        "Ok, thanks!",
        "done",
        "Done.\n\nAnn Example",
        "erledigt",
        "See attached.",
        "Siehe Anhang.\n\nViele Grüße\nAnn Example\nAcme Support",
        "Hi Bob,\n\nplease call back.\n\nThanks\n\nAnn",
        "Liebe Frau Miller,",
        "Waiting for the customer.\n-- \nAnn Example\nAcme GmbH\nPhone +49 421 123 456 78 90",
        "> ok\n\n-- \nAnn Example",
        "printer",
        "谢谢",
        "よろしくお願いいたします。",
        "If you have any questions please let me know.",
    ],
)
def test_what_stands_in_notes_and_answers_alike_is_no_leak(note: str) -> None:
    answer = (
        "Hi Bob,\n\nok, done, thanks! See attached. Please call back. Liebe Frau Miller, siehe "
        "Anhang, erledigt. I am waiting for the customer. 谢谢。よろしくお願いいたします。\n"
        "If you have any questions please let us know.\n\n"
        "Viele Grüße\nAnn Example\n-- \nAnn Example\nAcme GmbH\nPhone +49 421 123 456 78 90\n"
        "Acme Support"
    )
    if note == "printer":
        note = "1. printer\n2. mouse"  # a word alone on a line, not the whole note
        answer += "\nThe printer is here."
    assert [] == found(answer, "Please have a look.\n\n" + note if note[:1] == "L" else note)


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (
            "The safe opens with 47 11 00 12.",
            "Best regards\nAnn\n\nThe safe opens with 47 11 00 12.",
        ),
        ("The safe opens with 47 11 00.", "Look.\n-- \nAnn\nPS: The safe opens with 47 11 00"),
        ("The safe opens with 47 11 00.", "-- \nThe safe opens with 47 11 00"),
        (
            "Say Correct Horse Battery.",
            "The password that I gave the server:\n\nCorrect Horse Battery",
        ),
    ],
)
def test_what_stands_near_a_signature_counts_if_it_is_none(answer: str, note: str) -> None:
    assert 1 == len(found(answer, note))


def test_everyday_words_count_in_a_long_run() -> None:
    note = "If he has not sent it by then we will not wait for him any more."
    assert 1 == len(found("So: if he has not sent it by then we wait", note))
    assert [] == found("Then we will not wait for him.", note)


def test_a_signature_sent_before_is_no_leak() -> None:
    note = "Fine.\n\nAnn Example, Second Level Support, Acme Printers"
    assert 1 == len(found("Hello\n\nAnn Example, Second Level Support, Acme Printers", note))
    answer = "Good day\nAnn Example, Second Level Support, Acme Printers"
    assert [] == found(answer, note, public=(answer,))


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (
            "您好,\n> 服务器的密\n> 码是红色的大象三号",
            "请注意:服务器的密码是红色的大象三号,不要告诉客户。",
        ),
        ("密码是红象", "密码是红象。"),
        ("รหัสผ่านของเซิร์ฟ\nเวอร์คือช้างแดง", "ระวัง รหัสผ่านของเซิร์ฟเวอร์คือช้างแดง อย่าบอกลูกค้า"),
        ("サーバー db7 は hunter2 です", "サーバー db7 は hunter2 です"),
    ],
)
def test_passages_without_spaces_are_found(answer: str, note: str) -> None:
    assert 1 == len(found(answer, note))


def test_a_few_characters_of_a_longer_text_without_spaces_are_not_found() -> None:
    assert [] == found(
        "服务器的密码忘记了吗?", "请注意:服务器的密码是红色的大象三号,不要告诉客户。"
    )


def test_a_long_key_is_found_though_a_line_end_cuts_it() -> None:
    key = "".join(random.Random(7).choices("abcdefghijkmnopqrstuvwxyz0123456789", k=120))
    note = f"Their key, keep it safe: {key}"
    assert 1 == len(found(f"Yours:\n> {key[:71]}\n> {key[71:]}\n", note))
    assert [] == found(f"Yours:\n> {key[:71]}\n> {key[71:]}\n", note, public=(f"x {key}",))


def test_accents_case_and_forms_of_letters_do_not_matter() -> None:
    assert ["DIE\u00a0KÜNDIGUNG LIEGT SCHON BEREIT"] == found(
        "Ja: DIE\u00a0KÜNDIGUNG LIEGT SCHON BEREIT.",
        "die Ku\u0308ndigung liegt schon bereit für Müller",
    )


# ---- properties: whatever a mail program does to a quote

WORD = st.text("abcdefghijklmnopqrstuvwxyzäöüßéñ", min_size=4, max_size=12).map(
    lambda word: "q" + word
)
NOTES = st.lists(WORD, min_size=5, max_size=60).map(" ".join)


def _quoted(text: str, chance: random.Random) -> str:
    mark = chance.choice(["> ", ">", "| ", "> > ", "    ", ":: "])
    return "\n".join(mark + line for line in text.split("\n"))


def _wrapped(text: str, chance: random.Random) -> str:
    return textwrap.fill(text, chance.randint(20, 90), break_long_words=False)


def _through_html(text: str, chance: random.Random) -> str:
    tag = chance.choice(["p", "blockquote", "div", "pre", "td"])
    body = html.escape(text).replace("\n", chance.choice(["<br>", "\n", "<br/>\n"]))
    return html_to_text(f"<html><body><{tag}><b>x</b> {body}</{tag}></body></html>")


def _in_case(text: str, chance: random.Random) -> str:
    return chance.choice([text.upper(), text.title(), text.capitalize()])


def _with_blank_lines(text: str, chance: random.Random) -> str:
    return text.replace("\n", "\n" * chance.randint(1, 3) + " ")


MUTATIONS = [_quoted, _wrapped, _through_html, _in_case, _with_blank_lines]


@settings(deadline=None)
@given(NOTES, st.lists(st.sampled_from(MUTATIONS), max_size=5), st.integers(0, 10**6))
def test_a_quoted_note_is_always_found(note: str, mutations: list[object], seed: int) -> None:
    chance = random.Random(seed)
    quoted = note
    for mutate in mutations:
        quoted = mutate(quoted, chance)  # type: ignore[operator]
    answer = f"Dear Eva,\n\nplease see below.\n\nOn Monday, Support wrote:\n{quoted}\n\nBye"
    assert found(answer, "Something else.", note, public=(MAIL,))


@given(st.text(), st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_no_text_is_an_error_and_places_are_in_the_text(
    outgoing: str, internal: list[str], public: list[str]
) -> None:
    results = find_leaks(outgoing, [*internal, outgoing], public, SIGNER, MAILBOXES)
    assert all(0 <= leak.start < leak.end <= len(outgoing) for leak in results)
    mark(outgoing, results)
    assert () == find_leaks(outgoing, [*internal, outgoing], [outgoing], SIGNER, MAILBOXES)


@settings(deadline=None)
@given(NOTES, NOTES, st.lists(st.sampled_from(MUTATIONS), max_size=4), st.integers(0, 10**6))
def test_an_answer_that_quotes_the_customer_is_no_leak(
    mail: str, note: str, mutations: list[object], seed: int
) -> None:
    chance = random.Random(seed)
    quoted = mail
    for mutate in mutations:
        quoted = mutate(quoted, chance)  # type: ignore[operator]
    note = f"About this mail:\n\n> {mail}\n\nI would say: {note}"
    answer = f"Dear Eva,\n\nit is on its way.\n\nKind regards\nAnn\n\nEva wrote:\n{quoted}"
    assert [] == found(answer, note, public=(mail,))


# ---- addresses


@pytest.mark.parametrize("role", "hns")
def test_addresses_of_handlers_are_found(role: str) -> None:
    address = SIGNER.reply_address(MAILBOXES[0], Token(role, 7, 3))
    answer = f"On Monday, Acme <{address}> wrote:"
    (leak,) = find_leaks(answer, (), (), SIGNER, MAILBOXES)
    assert LeakKind.ADDRESS is leak.kind
    assert answer[leak.start : leak.end] in address


@pytest.mark.parametrize("role", "cb")
def test_addresses_of_customers_and_bounces_are_no_leak(role: str) -> None:
    answer = "Write to " + SIGNER.reply_address(MAILBOXES[0], Token(role, 7, 3))
    assert () == find_leaks(answer, (), (), SIGNER, MAILBOXES)


def test_our_message_ids_are_no_leak() -> None:
    assert () == find_leaks(SIGNER.sign(Token("m", 7, 3)), (), (), SIGNER, MAILBOXES)


# ---- bounds: what cannot be compared is held


def test_too_long_answers_and_notes_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    too_long = (Leak(LeakKind.TOO_LONG, 0, 20),)
    monkeypatch.setattr(leaks, "MAX_OUTGOING", 19)
    assert too_long == find_leaks("x" * 20, (), (), SIGNER, MAILBOXES)
    monkeypatch.setattr(leaks, "MAX_OUTGOING", 20)
    monkeypatch.setattr(leaks, "MAX_INTERNAL", 30)
    assert too_long == find_leaks("x" * 20, ("y" * 20, "y" * 11), (), SIGNER, MAILBOXES)
    monkeypatch.setattr(leaks, "MAX_INTERNAL", 31)
    assert () == find_leaks("x" * 20, ("y" * 20, "y" * 11), (), SIGNER, MAILBOXES)


@pytest.mark.parametrize("note", ["a\nb\nc\nd\n", "a. b. c. d. e"])
def test_too_many_lines_or_sentences_are_held(monkeypatch: pytest.MonkeyPatch, note: str) -> None:
    monkeypatch.setattr(leaks, "MAX_LINES", 3)
    assert (Leak(LeakKind.TOO_LONG, 0, 5),) == find_leaks("hello", (note,), (), SIGNER, MAILBOXES)


def test_an_answer_full_of_near_tokens_is_held_and_its_passages_are_named() -> None:
    text = "hb" * 100_000
    (leak,) = find_leaks(text, (), (), SIGNER, MAILBOXES)
    assert LeakKind.TOO_LONG is leak.kind


def test_public_texts_beyond_the_bound_excuse_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "MAX_PUBLIC", 10)
    answer = "has not paid since March"
    assert 1 == len(found(answer, NOTE, public=("x" * 10, answer)))


# ---- mark


def test_marks_stand_around_each_passage() -> None:
    leaked = (
        Leak(LeakKind.PASSAGE, 9, 11),
        Leak(LeakKind.ADDRESS, 2, 4),
        Leak(LeakKind.PASSAGE, 3, 6),
    )
    assert "ab[[[ cdef ]]]ghi[[[ jk ]]]l" == mark("abcdefghijkl", leaked)


def test_a_text_that_is_too_long_is_not_marked() -> None:
    assert "abc" == mark("abc", [Leak(LeakKind.TOO_LONG, 0, 3)])

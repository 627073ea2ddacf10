"""The signs of machines and automatic answers that people's mail may carry, too.

Promise: each has a weight; only together they make a mail automatic. The words of the text count
only for a mail that is suspect by its header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroom.mail import (
    origin_bodies,
    origin_fields,
    origin_receipts,
    origin_senders,
    origin_subjects,
)
from postroom.mail.bounce_text import addresses_in
from postroom.mail.message import Origin
from postroom.mail.origin_absence import is_absent, is_wanting
from postroom.mail.origin_decisive import PRECEDENCE, is_bulk_in_part, is_bulk_without_list
from postroom.mail.origin_head import OPENING, Head, Sign

_LINK = re.compile(r"https?://[^\s<>]+")
_NUMBER = re.compile(r"#\s?\d{3}")
_OFFICE = re.compile(
    r"office|b[üu]ro|bureau|oficina|ufficio|escritório|kantoor|kontor|biurem|kancel|офис|办公室|辦公室",
    re.IGNORECASE,
)
# When somebody is away, in a subject of his own: "Vacation: next week".
_DATED = re.compile(
    r"\b(?:\d{1,2}\b(?!\d)|today|tomorrow|week|month|monday|tuesday|wednesday|thursday|friday"
    r"|until|from|heute"
    r"|morgen|woche|montag|dienstag|mittwoch|donnerstag|freitag|bis|vom|ab|demain|semaine|lundi"
    r"|jusqu|mañana"
    r"|semana|lunes|hasta|domani|settimana|lunedì|fino)\b",
    re.IGNORECASE,
)
_OF_MACHINES = (
    origin_subjects.MACHINE_SUBJECT,
    origin_subjects.SHOP_SUBJECT,
    origin_subjects.TICKET_SUBJECT,
)


def weak_signs(head: Head) -> Iterator[Sign]:
    """Yield what people's mail may carry, too."""
    fields = head.fields
    answer = Origin.AUTO_REPLY if head.is_answer else Origin.AUTOMATIC
    suppress = fields.get("x-auto-response-suppress", "").lower()
    # Seen: Exchange sends out-of-office with this alone, and some sites set it on everything. DR,
    # RN and NRN only refuse receipts.
    if any(word in suppress for word in ("all", "oof", "autoreply")):
        # Outlook's own thread fields are in people's mail.
        weight = 1 if "thread-index" in fields else 2
        yield Sign(answer, f"X-Auto-Response-Suppress: {suppress[:100]}", weight)
    if "".join(fields.get("return-path", "").split()) == "<>":
        # No person's program sends so, and what then answers "Re:" is none's either.
        yield Sign(answer, "Return-Path: <>", 3 if head.is_answer else 2)
    # Seen: companies' gateways that put these into everything.
    is_passed = head.is_outlooks_answer or head.is_sent_by_its_author
    if is_passed and any(head.says(name) in ("bulk", "junk") for name in PRECEDENCE):
        yield Sign(answer, "Precedence: bulk", 1)
    if is_bulk_without_list(head) and is_bulk_in_part(head):
        yield Sign(Origin.AUTOMATIC, "List-Unsubscribe without a list", 1)
    yield from _subject_signs(head)
    if origin_senders.MACHINE_NAMES.search(head.name[:200]):
        yield Sign(Origin.AUTOMATIC, f"From: {head.name[:100]}", 1)
    if origin_senders.ROBOTS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 2)
    for name in ("reply-to", "sender"):
        value = fields.get(name, "")
        local = next((each for each, _, _ in addresses_in(value[:500])), "").rpartition("@")[0]
        is_calendar = local.lower() == "calendar-notification"
        if local and (is_calendar or origin_senders.SILENT.fullmatch(local)):
            yield Sign(Origin.AUTOMATIC, f"{name.title()}: {value[:100]}", 2)
    yield from _program_signs(head)
    feedback = fields.get("feedback-id", "").lower()
    if feedback and not feedback.rstrip().endswith(origin_fields.PERSONAL_FEEDBACK):
        yield Sign(Origin.AUTOMATIC, f"Feedback-ID: {feedback[:100]}", 1)
    elif found := next((name for name in fields if name in origin_fields.WEAK_FIELDS), None):
        yield Sign(Origin.AUTOMATIC, f"{found.title()}: {fields[found][:100]}", 1)


def _subject_signs(head: Head) -> Iterator[Sign]:
    subject, evidence = head.subject, f"Subject: {head.subject[:100]}"
    if (found := origin_subjects.AUTOMATIC_ANSWER.match(subject)) is not None:
        # The bare words are a subject that people have, too.
        is_sure = head.is_answer or found.end() < len(subject)
        yield Sign(Origin.AUTO_REPLY, evidence, 2 if is_sure else 1)
    elif not origin_subjects.ANSWERED.match(subject) and origin_subjects.ENDS_AUTOMATIC.search(
        subject[-60:]
    ):
        yield Sign(Origin.AUTO_REPLY, evidence, 2 if head.is_answer else 1)
    elif (
        away := origin_subjects.AWAY_SUBJECT.match(subject)
        or origin_subjects.AUTO_SUBJECT.match(subject)
    ) is not None:
        # People announce their absence, too; but not of the mail that they answer.
        is_sure = head.is_absent_answer or (head.is_answer and away.end() < len(subject))
        yield Sign(Origin.AUTO_REPLY, evidence, 2 if is_sure else 1)
    elif (found := origin_subjects.AUTOMATIC_FROM.match(subject)) is not None:
        is_sure = head.is_answer and found.end() < len(subject)
        yield Sign(Origin.AUTO_REPLY, evidence, 2 if is_sure else 1)
    elif origin_subjects.CHALLENGE.search(subject[-60:]):
        yield Sign(Origin.AUTO_REPLY, evidence, 1)
    elif origin_subjects.CERTAIN_SUBJECT.match(subject):
        yield Sign(Origin.AUTOMATIC, evidence, 2)
    elif any(each.match(subject) for each in _OF_MACHINES):
        yield Sign(Origin.AUTOMATIC, evidence, 1)


def _program_signs(head: Head) -> Iterator[Sign]:
    fields = head.fields
    program = (fields.get("x-mailer", "") or fields.get("user-agent", ""))[:200]
    if program and origin_fields.AUTORESPONDERS.search(program):
        yield Sign(Origin.AUTO_REPLY, f"X-Mailer: {program[:100]}", 3)
    elif program and origin_fields.ROBOT_PROGRAMS.search(program):
        yield Sign(Origin.AUTOMATIC, f"X-Mailer: {program[:100]}", 2)
    elif program and not head.is_by_hand and origin_fields.SCRIPTS.search(program):
        yield Sign(Origin.AUTOMATIC, f"X-Mailer: {program[:100]}", 1)


def _impersonal_signs(head: Head, said: str) -> Iterator[Sign]:
    """Yield what people write, too, but hardly without saying "I" or asking."""
    if (footer := origin_bodies.SENT_TO_MANY.search(said)) is not None:
        yield Sign(Origin.AUTOMATIC, f"text: {footer[0][:100]}", 1)
    if (received := origin_receipts.RECEIVED.search(said[:OPENING])) is not None:
        yield Sign(Origin.AUTO_REPLY, f"text: {received[0][:100]}", 1)
    if _is_parcel(head) and not any(mark in said for mark in "?？؟"):
        yield Sign(Origin.AUTOMATIC, f"Subject: {head.subject[:100]}", 1)


def _is_parcel(head: Head) -> bool:
    """Say whether a shop tells of a parcel: by its number, or by what only sites send with."""
    if origin_subjects.PARCEL_SUBJECT.match(head.subject) is None:
        return False
    is_numbered = re.search(r"\d{3}", head.subject) is not None
    return is_numbered or "feedback-id" in head.fields or _is_script(head)


def _is_filled_in(head: Head, text: str) -> bool:
    """Say whether a script sends what somebody filled in, who may say "I" in it."""
    if origin_subjects.FORM_SUBJECT.match(head.subject) is None or not _is_script(head):
        return False
    is_numbered = _NUMBER.search(head.subject) is not None
    return is_numbered or origin_bodies.FILLED_IN.search(text[:OPENING]) is not None


def _is_script(head: Head) -> bool:
    program = head.fields.get("x-mailer", "") or head.fields.get("user-agent", "")
    is_php = "x-php-originating-script" in head.fields or "x-php-script" in head.fields
    return is_php or origin_fields.SCRIPTS.search(program[:200]) is not None


def _note(head: Head, said: str) -> Sign | None:
    """Find an absence below a subject that tells of it, and of the mail that is answered."""
    away = origin_subjects.AWAY_SUBJECT.match(head.subject)
    if away is None or not (head.is_answer or _names_what_it_answers(head, away)):
        return None
    note = f"{head.subject.lower()}. {said}"
    is_note = is_absent(note) or origin_bodies.AWAY.search(note) is not None
    if not is_note or is_wanting(note):
        return None
    return Sign(Origin.AUTO_REPLY, "text: an absence", 1)


def _names_what_it_answers(head: Head, away: re.Match[str]) -> bool:
    """Say whether more than a date or a name stands behind "Out of office:", or the like."""
    behind = head.subject[away.end() :].strip()
    is_fixed = away[0][-1:] in {":", "："} and _OFFICE.search(away[0]) is not None
    is_own = behind.lower() in head.name.lower()
    return is_fixed and not is_own and _DATED.search(behind) is None


def _sign_below(head: Head, sure: re.Match[str], said: str) -> Sign | None:
    """Judge what stands below a subject that calls itself an automatic answer."""
    is_bare = sure.end() == len(head.subject) and not head.is_answer
    if is_bare and origin_bodies.SET_UP.search(said) is not None:
        return Sign(Origin.PERSON, "text: asks for an automatic answer", -1)
    if not head.is_answer and origin_bodies.GOT_ONE.search(said) is not None:
        return Sign(Origin.PERSON, "text: got an automatic answer", -1)
    if (found := origin_bodies.AWAY.search(said)) is not None:
        return Sign(Origin.AUTO_REPLY, f"text: {found[0][:100]}", 1)
    return Sign(Origin.AUTO_REPLY, "text: an absence", 1) if is_absent(said) else None


def signs_in_text(head: Head, text: str) -> Iterator[Sign]:
    """Yield what the first and last words of a suspect say."""
    said = " ".join(f"{text[:OPENING]} {text[-1_000:]}".lower().replace("’", "'").split())
    if not origin_receipts.IN_FIRST_PERSON.search(said[:OPENING]):
        yield from _impersonal_signs(head, said)
    if _is_filled_in(head, text):
        yield Sign(Origin.AUTOMATIC, f"Subject: {head.subject[:100]}", 1)
    sure = origin_subjects.AUTOMATIC_ANSWER.match(
        head.subject
    ) or origin_subjects.AUTOMATIC_FROM.match(head.subject)
    if sure is not None and (sign := _sign_below(head, sure, said[:1_500])) is not None:
        yield sign
        return
    if (sign := _note(head, said[:1_500])) is not None:
        yield sign
        return
    if "x-auto-response-suppress" in head.fields and origin_receipts.FIRST_SAID.match(said):
        yield Sign(Origin.AUTO_REPLY, "text: says so first", 3)
    if (found := origin_receipts.CHALLENGED.search(said)) is not None:
        yield Sign(Origin.AUTO_REPLY, f"text: {found[0][:100]}", 2)
    elif (
        found := origin_bodies.AWAY_FIXED.search(said) or origin_receipts.MAY_CHALLENGE.search(said)
    ) is not None:
        yield Sign(Origin.AUTO_REPLY, f"text: {found[0][:100]}", 1)
    elif (found := origin_bodies.AUTOMATED.search(said)) is not None or (
        found := origin_bodies.STATED.search(said)
    ) is not None:
        yield Sign(Origin.AUTOMATIC, f"text: {found[0][:100]}", 1)
    elif any(mark in _LINK.sub(" ", text[:OPENING]) for mark in "?？؟"):
        yield Sign(Origin.PERSON, "text: a question", -1)

"""Whether a mail server wrote a mail by hand, as qmail and Exim do, and what it tells.

Promise: a bounce only where a server shows in the header; people write of failed deliveries, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from postroom.mail import origin_failures, origin_fields, origin_senders, origin_subjects
from postroom.mail.bounce_text import addresses_in
from postroom.mail.bounce_translations import plain
from postroom.mail.bounces import read_bounce
from postroom.mail.message import Bounce, Limits, Origin
from postroom.mail.origin_absence import is_absent
from postroom.mail.origin_head import OPENING, Head, Sign, weight_of
from postroom.mail.reports import Report, report_in_text

Judgement = tuple[Origin, tuple[str, ...], Bounce | None]

_HEADER_OF_ORIGINAL = re.compile(
    r"^[\s>|]{0,4}(?:received: (?:from|by) |return-path: ?<|message-id: ?<|mime-version: ?1)",
    re.IGNORECASE | re.MULTILINE,
)
_WENT_WELL = frozenset({"delivered", "relayed", "expanded"})
_SERVER_ENOUGH = 3


def judge_server(head: Head, text: str, report: Report, limits: Limits) -> Judgement | None:
    """Find out whether a mail server wrote this by hand, as qmail and Exim do."""
    signs = list(_server_signs(head))
    if not signs:
        return None
    if report.is_declared:
        signs.append(Sign(Origin.BOUNCE, "multipart/report", 1))
    if origin_failures.FAILED.match(plain(head.subject)):
        signs.append(Sign(Origin.BOUNCE, f"Subject: {head.subject[:100]}", 1))
    if weight_of(signs) < 1 or _is_job(head):
        return None
    if not report.is_declared and _is_mailboxs(head, text, signs):
        return None
    signs.extend(_said(text))
    bounce = bounce_of(head, text, report, limits)
    if any(one.diagnostic or not one.status.endswith(".0.0") for one in bounce.recipients):
        signs.append(Sign(Origin.BOUNCE, "a recipient and a reason", 1))
    telling = [sign for sign in signs if sign.weight > 0]
    opening = _above_original(text[:OPENING]).lower()
    is_reported = report.is_declared or bool(report_in_text(text[:20_000]))
    if (
        not _is_enough(telling, weight_of(signs))
        or _may_be_by_person(telling, opening, is_reported=is_reported)
        or not _is_about_mail(head, bounce, opening)
    ):
        return None
    evidence = [sign.evidence for sign in telling]
    return judge_delivery(bounce, *evidence[:10])


def _above_original(text: str) -> str:
    """Return what a server says itself, above the header of the mail that failed."""
    found = _HEADER_OF_ORIGINAL.search(text)
    return text if found is None else text[: found.start()]


def _is_sure(telling: Sequence[Sign]) -> bool:
    """Say whether something better than a title tells of a server."""
    return any(
        sign.weight > 2 or (sign.origin is Origin.AUTOMATIC and not sign.is_vague)
        for sign in telling
    )


def _is_enough(telling: Sequence[Sign], weight: int) -> bool:
    """Without a better sign of a server there has to be everything else."""
    vague = sum(sign.weight for sign in telling if sign.is_vague)
    wanted = _SERVER_ENOUGH if _is_sure(telling) else _SERVER_ENOUGH + 1 + vague
    return weight >= wanted and any(sign.origin is Origin.BOUNCE for sign in telling)


def _may_be_by_person(telling: Sequence[Sign], opening: str, *, is_reported: bool) -> bool:
    """Customers write of failed deliveries, too, and some are called administrator."""
    if not _is_sure(telling):
        is_titled = any(sign.is_vague for sign in telling)
        if not (is_titled or is_reported) or origin_failures.IN_PERSON.search(opening):
            return True
    is_mailbox = not any(sign.weight > 2 or _is_marked(sign) for sign in telling)
    return is_mailbox and origin_failures.ASKING.search(opening) is not None


def _is_about_mail(head: Head, bounce: Bounce, opening: str) -> bool:
    """Seen: a parcel service tells of a failed delivery, too."""
    is_silent = origin_senders.SILENT.fullmatch(head.local) is not None
    is_named = bool(bounce.recipients) or origin_senders.SERVERS.fullmatch(head.local) is not None
    if not is_named and (is_silent or origin_failures.FAILED.match(plain(head.subject)) is None):
        return False
    return not is_silent or origin_failures.OF_MAIL.search(opening) is not None


def _is_mailboxs(head: Head, text: str, signs: Sequence[Sign]) -> bool:
    """Say whether a mailbox answers by itself, as it says: whom to turn to is no failed address."""
    if "x-failed-recipients" in head.fields:
        return False
    if origin_subjects.AUTOMATIC_ANSWER.match(head.subject) is not None:
        return True
    if origin_failures.FAILED.match(plain(head.subject)) is not None:
        return False
    # Servers say that they reply, too, but from addresses of servers.
    is_server = any(sign.evidence.startswith("From") for sign in signs)
    if head.says("auto-submitted") == "auto-replied" and not is_server:
        return True
    opening = " ".join(text[:OPENING].lower().replace("’", "'").split())
    return is_absent(opening) and origin_failures.STOCK.search(plain(opening)) is None


def _is_job(head: Head) -> bool:
    """Say whether a cron job or the like wrote, which tells of failures of its own."""
    if origin_failures.FAILED.match(plain(head.subject)):
        return False
    is_known = origin_subjects.MACHINE_SUBJECT.match(head.subject) is not None
    return is_known and origin_senders.ROBOTS.fullmatch(head.local) is not None


def _is_marked(sign: Sign) -> bool:
    return sign.evidence.startswith(("Return-Path", "Auto-Submitted"))


def _server_signs(head: Head) -> Iterator[Sign]:
    """Yield signs in the header; AUTOMATIC ones say that a server wrote, not that it failed."""
    fields = head.fields
    if failed := fields.get("x-failed-recipients"):
        yield Sign(Origin.BOUNCE, f"X-Failed-Recipients: {failed[:100]}", 4)
    yield from _failure_fields(head)
    if origin_senders.SERVERS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 3)
    elif origin_senders.SERVER_LOCALS.fullmatch(head.local) or origin_senders.SILENT.fullmatch(
        head.local
    ):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 1)
    elif not head.domain:
        yield Sign(Origin.AUTOMATIC, "From: nobody", 1)
    elif origin_senders.ADMINISTRATORS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 1, is_vague=True)
    if head.name and origin_senders.SERVER_NAMES.search(head.name[:200]):
        yield Sign(Origin.AUTOMATIC, f"From: {head.name[:100]}", 1, is_vague=True)
    if "".join(fields.get("return-path", "").split()) == "<>":
        yield Sign(Origin.AUTOMATIC, "Return-Path: <>", 1)
    submitted = head.says("auto-submitted")
    # An answer says this of itself, too.
    if submitted not in ("", "no") and not (submitted == "auto-replied" and head.is_answer):
        yield Sign(Origin.AUTOMATIC, f"Auto-Submitted: {fields['auto-submitted'][:100]}", 1)
    if origin_failures.FAILED.match(plain(head.subject)):
        yield Sign(Origin.AUTOMATIC, f"Subject: {head.subject[:100]}", 0)
    if head.is_by_hand:
        yield Sign(Origin.AUTOMATIC, "written with a person's program", -2)
    if (
        origin_subjects.ANSWERED.match(head.subject)
        and fields.get("return-path", "").strip() != "<>"
    ):
        yield Sign(Origin.AUTOMATIC, "an answer or a forward", -2)


def _failure_fields(head: Head) -> Iterator[Sign]:
    for name, value in origin_fields.FAILURE_FIELDS:
        if name in head.fields and value in ("", head.says(name)):
            yield Sign(Origin.BOUNCE, f"{name.title()}: {head.fields[name][:100]}", 4)


def _said(text: str) -> Iterator[Sign]:
    """Yield signs in the first words of the text."""
    opening = " ".join(text[:OPENING].lower().split())
    if (found := origin_failures.STOCK.search(plain(opening))) is not None:
        yield Sign(Origin.BOUNCE, f"text: {found[0][:100]}", 2)
    if report_in_text(text[:20_000]):
        yield Sign(Origin.BOUNCE, "a delivery status in the text", 2)


def bounce_of(head: Head, text: str, report: Report, limits: Limits) -> Bounce:
    """Read the bounce of a mail; who wrote it and to whom cannot have failed."""
    own = {head.writer.lower()}
    own.update(each.lower() for each, _, _ in addresses_in(head.fields.get("to", "")[:2_000]))
    return read_bounce(report, head.fields, text, own, limits)


def judge_delivery(bounce: Bounce, *evidence: str) -> Judgement:
    """RFC 3464 §2.3.3: nothing is lost if every recipient's action went well."""
    actions = [recipient.action for recipient in bounce.recipients]
    said = tuple(dict.fromkeys(f"Action: {action or 'none'}" for action in actions))[:10]
    went_well = bool(actions) and all(action in _WENT_WELL for action in actions)
    return Origin.REPORT if went_well else Origin.BOUNCE, (*evidence, *said), bounce

"""Who or what wrote a mail: a person, a list, a machine, a mail server with bad news.

Promise: a verdict with its evidence for any mail; what counts is what the mail says of itself. What
only machines write decides; what people's mail may carry, too, counts only in company, and less
in a mail written with a person's program. The null envelope sender and our own loop mark are judged
in core, which knows them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroom.mail import origin_bodies, origin_receipts, origin_senders, origin_subjects
from postroom.mail.bounces import read_feedback, read_receipt
from postroom.mail.message import Address, Limits, Origin
from postroom.mail.origin_absence import is_absent, says_absent
from postroom.mail.origin_decisive import decisive_signs
from postroom.mail.origin_head import OPENING, Head, Headers, Sign, read_head, weight_of
from postroom.mail.origin_lists import judge_refusal
from postroom.mail.origin_server import Judgement, bounce_of, judge_delivery, judge_server
from postroom.mail.origin_weak import signs_in_text, weak_signs
from postroom.mail.reports import Report
from postroom.mail.structure import DEFAULTS

_ENOUGH = 2  # weak signs that together make a mail automatic
_MOST_EVIDENCE = 20
_MYSELF = re.compile(
    "我|私|俺|저는|제가|나는|אני|أنا|εγώ|(?<!\\w)(?:μου|eu|mea|meu|én|olen|minä)(?!\\w)"
)
# Of "automatic", and of what some say for it.
_STEMS = (
    *("auto", "авто", "otomat", "generated", "自動", "自动", "자동"),
    *("専用", "αυτόματ", "אוטומט", "آلي", "تلقائي"),
)
_FIRST_WORDS = 800  # characters that an answer says in that it is one
_ENDING = 400  # characters of a signature, which are not among the new words


def judge_origin(
    headers: Headers,
    from_: Address | None,
    text: str,
    report: Report,
    limits: Limits = DEFAULTS,
    *,
    own: str = "",
    is_whole: bool = False,
) -> Judgement:
    """Say where a mail comes from, why, and what a bounce is about.

    `headers` are those of the top level, top first; `text` is the readable text, which old mail
    servers quote the failed mail in; `own` is what of it is new; `is_whole`: it quotes nothing.
    """
    head = read_head(headers, from_)
    if report.type and (found := _judge_report(head, text, report, limits)) is not None:
        return found
    if origin_subjects.AGGREGATE.match(head.subject) or "tls-report-domain" in head.fields:
        return Origin.REPORT, (f"Subject: {head.subject[:100]}",), None
    # Microsoft's reports on junk (JMRP) are the mail itself, attached.
    if (recipient := head.fields.get("x-hmxmroriginalrecipient")) is not None:
        return Origin.REPORT, (f"X-HmXmrOriginalRecipient: {recipient[:100]}",), None
    for judge in (judge_refusal, judge_server):
        if (found := judge(head, text, report, limits)) is not None:
            return found
    if receipt := _receipt_in_words(head, text):
        return Origin.REPORT, receipt, None
    origin, evidence = _judge_machine(head, text)
    if origin is Origin.PERSON and (said := _speaks_of_itself(head, text, own, is_whole=is_whole)):
        return *said, None
    if origin is Origin.PERSON and (away := _speaks_of_absence(head, text, own)):
        return Origin.AUTO_REPLY, away, None
    return origin, evidence, None


# ---- reports


def _judge_report(head: Head, text: str, report: Report, limits: Limits) -> Judgement | None:
    """Judge what has machine-readable parts; None if a person only attached them."""
    if not report.is_declared and (head.is_by_hand or _is_passed_on(head)):
        return None
    match report.type:
        case "feedback-report":  # RFC 5965
            return Origin.REPORT, ("feedback report",), read_feedback(report, limits)
        case "disposition-notification":  # RFC 8098
            return Origin.REPORT, ("disposition notification",), read_receipt(report)
        case "tlsrpt":  # RFC 8460
            return Origin.REPORT, ("TLS report",), None
        case _:
            bounce = bounce_of(head, text, report, limits)
            return judge_delivery(bounce, "delivery status report")


def _is_passed_on(head: Head) -> bool:
    return origin_subjects.ANSWERED.match(head.subject) is not None


# ---- machines and lists


def _judge_machine(head: Head, text: str) -> tuple[Origin, tuple[str, ...]]:
    signs = [*decisive_signs(head), *weak_signs(head)]
    if not signs:
        return Origin.PERSON, ()
    deciding = [sign for sign in signs if not sign.weight]
    signs.extend(signs_in_text(head, text))
    is_away = any(sign.origin is Origin.AUTO_REPLY for sign in signs) or _answers(head, text)
    if deciding:
        origin = _strongest(deciding, is_away=is_away)
        return origin, tuple(sign.evidence for sign in deciding)[:_MOST_EVIDENCE]
    if weight_of(signs) - _by_hand(head) < _ENOUGH:
        return Origin.PERSON, ()
    origin = Origin.AUTO_REPLY if is_away else Origin.AUTOMATIC
    return origin, tuple(sign.evidence for sign in signs)[:_MOST_EVIDENCE]


def _answers(head: Head, text: str) -> bool:
    """Say whether a machine answers a mail, by its words; newsletters thank in the same ones."""
    if "list-unsubscribe" in head.fields:
        return False
    said = _flat(text[:_FIRST_WORDS])
    if origin_receipts.ACKNOWLEDGED.search(said) is not None:
        return True
    is_mailbox = origin_senders.SILENT.fullmatch(head.local) is None
    return is_mailbox and "precedence" in head.fields and is_absent(said)


def _speaks_of_itself(
    head: Head, text: str, own: str, *, is_whole: bool
) -> tuple[Origin, tuple[str, ...]] | None:
    """Find what a machine says of itself, where nothing else tells; None if a person may have
    written it: as an answer, with a person's program, asking, or showing what he got."""
    if head.is_by_hand:
        return None
    said = own[:OPENING].replace("’", "'").lower()
    # Whoever answers a form's mail quotes what it ends with.
    form = _form(text if is_whole else "", said)
    if form is not None and not _is_passed_on(head):
        return Origin.AUTOMATIC, (f"text: {form.strip()[:100]}",)
    if any(mark in own for mark in "?？؟"):
        return None
    if answer := _answers_by_itself(head, said):
        return Origin.AUTO_REPLY, answer
    if not _is_first_person(said):
        if is_whole:  # footers that say what it is are no new words
            said = text[:OPENING].replace("’", "'").lower()
        set_off = origin_bodies.SET_OFF.search(said)
        if set_off is not None and not _is_passed_on(head):
            return Origin.AUTOMATIC, (f"text: {set_off[0].strip()[:100]}",)
    return _says_both(head, said) if any(stem in said for stem in _STEMS) else None


def _says_both(head: Head, said: str) -> tuple[Origin, tuple[str, ...]] | None:
    """Find two sentences: what wrote this, and that nobody reads answers, or a receipt."""
    receipt = origin_receipts.ACKNOWLEDGED.search(_flat(said[:_FIRST_WORDS]))
    if _is_passed_on(head) and (receipt is None or not head.is_answer):
        return None
    found: dict[bool, str] = {}
    for sentence in origin_bodies.OF_ITSELF.finditer(said):
        above = said[: sentence.start()].rstrip(" \t\n*_-=")
        if above.endswith((":", "：", '"', "“", "„", "«", ">")):
            return None
        found.setdefault(sentence[1] is not None, sentence[0].strip()[:100])
    evidence = tuple(f"text: {each}" for each in found.values())
    if receipt is not None and True in found:
        return Origin.AUTO_REPLY, (*evidence, f"text: {receipt[0][:100]}")
    return (Origin.AUTOMATIC, evidence) if len(found) > 1 else None


def _is_first_person(said: str) -> bool:
    return bool(origin_receipts.IN_FIRST_PERSON.search(said) or _MYSELF.search(said))


def _form(text: str, said: str) -> str | None:
    """Return the words in which a form on a site speaks of itself, above or below what it sends."""
    ending = text[-_ENDING:].replace("’", "'").lower()
    found = origin_bodies.FORM_BEGINS.match(said) or origin_bodies.FORM_ENDS.search(ending)
    return None if found is None else found[0]


def _answers_by_itself(head: Head, said: str) -> tuple[str, ...]:
    """Find what only a machine answers: () if there is nothing."""
    found = origin_receipts.MARKED.search(said)
    if found is None and head.is_answer:
        found = origin_receipts.HEADED.match(said)
    said = _flat(said)
    if found is not None and origin_bodies.GOT_ONE.search(said):
        return ()
    found = found or origin_receipts.CHALLENGED.search(said)
    if found is not None:
        return (f"text: {found[0].strip()[:100]}",)
    if not head.is_answer or len(said) > _ENDING * 3:
        return ()
    received = thanked = None
    if not origin_receipts.IN_FIRST_PERSON.search(said):
        thanked = origin_receipts.ACKNOWLEDGED.search(said)
        received = origin_receipts.RECEIVED.search(said)
    promised = origin_bodies.STATED.search(said) or origin_receipts.REPLY_LINE.search(said)
    both = (
        (received, promised),
        (received, origin_receipts.CONFIRMED.search(said)),
        (thanked, origin_receipts.ANSWERED_SOON.search(said)),
        (origin_receipts.NOBODYS.search(said), origin_receipts.UNREAD.search(said)),
    )
    for one, other in both:
        if one is not None and other is not None:
            return (f"text: {one[0][:100]}", f"text: {other[0][:100]}")
    return ()


def _speaks_of_absence(head: Head, text: str, own: str) -> tuple[str, ...]:
    """Find a whole vacation note where nothing else tells; () if there is more in the mail, such as
    the quote that a person's program leaves."""
    if head.is_by_hand or len(text) > len(own) + _ENDING:
        return ()
    is_announced = (
        origin_subjects.AWAY_SUBJECT.match(head.subject) is not None
        or origin_subjects.ENDS_AWAY.search(head.subject[-60:]) is not None
    )
    if not is_announced and not head.is_answer and not _is_passed_on(head):
        return ()
    absent = says_absent(own[:OPENING], is_announced=is_announced)
    return (f"text: {absent[:100]}",) if absent else ()


def _receipt_in_words(head: Head, text: str) -> tuple[str, ...]:
    """Know the receipt that Outlook writes as text where it may not write a report."""
    if origin_subjects.RECEIPT.match(head.subject) is None:
        return ()
    found = origin_bodies.RECEIPT.match(_flat(text[:OPENING]))
    return (f"Subject: {head.subject[:100]}", "text: a receipt") if found else ()


def _flat(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").split())


def _by_hand(head: Head) -> int:
    """Weigh what speaks for a person, against weak signs."""
    return head.is_by_hand + _is_passed_on(head)


def _strongest(signs: Sequence[Sign], *, is_away: bool) -> Origin:
    found = {sign.origin for sign in signs}
    if Origin.AUTO_REPLY in found or (is_away and Origin.LIST not in found):
        return Origin.AUTO_REPLY
    is_machine = any(
        sign.evidence.startswith(("Auto-Submitted", "X-"))
        for sign in signs
        if sign.origin is Origin.AUTOMATIC
    )
    return Origin.LIST if Origin.LIST in found and not is_machine else Origin.AUTOMATIC

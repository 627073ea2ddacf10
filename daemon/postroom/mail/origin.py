"""Who or what wrote a mail: a person, a list, a machine, a mail server with bad news.

Promise: a verdict with its evidence for any mail; what counts is what the mail says of itself. What
only machines write decides; what people's mail may carry, too, counts only in company, and less
in a mail written with a person's program. The null envelope sender and our own loop mark are judged
in core, which knows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from postroom.mail import origin_words as words
from postroom.mail.bounce_text import addresses_in
from postroom.mail.bounces import read_feedback, read_receipt
from postroom.mail.message import Address, Limits, Origin
from postroom.mail.origin_head import OPENING, Head, Headers, Sign, read_head, weight_of
from postroom.mail.origin_server import Judgement, bounce_of, judge_delivery, judge_server
from postroom.mail.reports import Report
from postroom.mail.structure import DEFAULTS

_ENOUGH = 2  # weak signs that together make a mail automatic
_MOST_EVIDENCE = 20
_OFF = frozenset({"", "no", "false", "0", "none", "off"})


def judge_origin(
    headers: Headers,
    from_: Address | None,
    text: str,
    report: Report,
    limits: Limits = DEFAULTS,
    *,
    own: str = "",
) -> Judgement:
    """Say where a mail comes from, why, and what a bounce is about.

    `headers` are those of the top level, top first; `text` is the readable text, which old mail
    servers quote the failed mail in; `own` is what of it is new.
    """
    head = read_head(headers, from_)
    if report.type and (found := _judge_report(head, text, report, limits)) is not None:
        return found
    if words.AGGREGATE.match(head.subject) or "tls-report-domain" in head.fields:
        return Origin.REPORT, (f"Subject: {head.subject[:100]}",), None
    # Microsoft's reports on junk (JMRP) are the mail itself, attached.
    if (recipient := head.fields.get("x-hmxmroriginalrecipient")) is not None:
        return Origin.REPORT, (f"X-HmXmrOriginalRecipient: {recipient[:100]}",), None
    if (found := judge_server(head, text, report, limits)) is not None:
        return found
    origin, evidence = _judge_machine(head, text)
    if origin is Origin.PERSON and (said := _speaks_of_itself(head, own)):
        return Origin.AUTOMATIC, said, None
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
    return words.ANSWERED.match(head.subject) is not None


# ---- machines and lists


def _judge_machine(head: Head, text: str) -> tuple[Origin, tuple[str, ...]]:
    signs = [*_decisive(head), *_weak(head)]
    if not signs:
        return Origin.PERSON, ()
    deciding = [sign for sign in signs if not sign.weight]
    signs.extend(_in_text(head, text))
    is_away = any(sign.origin is Origin.AUTO_REPLY for sign in signs)
    if deciding:
        origin = _strongest(deciding, is_away=is_away)
        return origin, tuple(sign.evidence for sign in deciding)[:_MOST_EVIDENCE]
    if weight_of(signs) - _by_hand(head) < _ENOUGH:
        return Origin.PERSON, ()
    origin = Origin.AUTO_REPLY if is_away else Origin.AUTOMATIC
    return origin, tuple(sign.evidence for sign in signs)[:_MOST_EVIDENCE]


def _speaks_of_itself(head: Head, own: str) -> tuple[str, ...]:
    """Find two sentences of a machine about itself, where nothing else tells; () if a person may
    have written them: as an answer, with a person's program, asking, or showing what he got."""
    if head.is_by_hand or _is_passed_on(head) or any(mark in own for mark in "?？؟"):
        return ()
    said = own[:OPENING].replace("’", "'").lower()
    if not any(stem in said for stem in ("auto", "авто", "otomat", "generated")):
        return ()
    found: dict[bool, str] = {}
    for sentence in words.OF_ITSELF.finditer(said):
        above = said[: sentence.start()].rstrip(" \t\n*_-=")
        if above.endswith((":", "：", '"', "“", "„", "«", ">")):
            return ()
        found.setdefault(sentence[1] is not None, sentence[0].strip()[:100])
    return tuple(f"text: {each}" for each in found.values()) if len(found) > 1 else ()


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


def _decisive(head: Head) -> Iterator[Sign]:
    """Yield what no person's mail carries."""
    fields = head.fields
    answer = Origin.AUTO_REPLY if head.is_answer else Origin.AUTOMATIC
    if (origin := _submitted(head.says("auto-submitted"), answer)) is not None:
        yield Sign(origin, f"Auto-Submitted: {fields['auto-submitted'][:100]}")
    for name in ("precedence", "x-precedence", "preference"):
        if name in fields and (origin := _precedence(head, head.says(name), answer)) is not None:
            yield Sign(origin, f"{name.title()}: {fields[name][:100]}")
    if head.local and words.SILENT.fullmatch(head.local):
        yield Sign(answer, f"From: {head.writer[:100]}")
    elif words.SERVERS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}")
    if words.MACHINE_SUBJECT.match(head.subject) and words.ROBOTS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"Subject: {head.subject[:100]}")
    for name, value in fields.items():
        if (origin := _vendor(name, value)) is not None:
            yield Sign(origin, f"{name.title()}: {value[:100]}")
    yield from _list_signs(head)


def _submitted(value: str, generated: Origin) -> Origin | None:
    """RFC 3834 §5: anything but "no" is automatic."""
    match value:
        case "" | "no":
            return None
        case "auto-replied":
            return Origin.AUTO_REPLY
        case "auto-notified":  # RFC 5436: a filter told somebody
            return Origin.AUTOMATIC
        case _:
            return generated


def _precedence(head: Head, value: str, answer: Origin) -> Origin | None:
    match value.replace("-", "_"):
        case "auto_reply" | "autoreply":
            return Origin.AUTO_REPLY
        case "list":
            return Origin.LIST
        case "bulk" | "junk":
            return Origin.LIST if _is_list_sender(head) else answer
        case _:
            return None


_LIST_SENDER = re.compile(
    r"owner-.+|.+-(?:owner|request|bounces?|admin|errors)(?:[+=].*)?", re.IGNORECASE
)


def _is_list_sender(head: Head) -> bool:
    """Majordomo and its time: no list headers, but a sender that is the list's owner."""
    for name in ("sender", "return-path", "errors-to", "x-loop"):
        value = head.fields.get(name, "")
        local = next((each for each, _, _ in addresses_in(value[:500])), "").rpartition("@")[0]
        if local and (_LIST_SENDER.fullmatch(local) or name == "x-loop"):
            return True
    return False


def _vendor(name: str, value: str) -> Origin | None:
    """Judge a field by its (lower-case) name."""
    if not name.startswith("x-"):
        return None
    value = value.strip().lower()
    if name in words.REPLY_FIELDS:
        return None if value in _OFF else Origin.AUTO_REPLY
    if name in words.MACHINE_FIELDS:
        return None if value in ("no", "false") else Origin.AUTOMATIC
    if (found := words.NAMED_FIELD.search(name)) is not None and name not in words.READ_BY_VALUE:
        is_reply = "repl" in found[0] or "respond" in found[0] or "vacation" in found[0]
        return None if value in _OFF else Origin.AUTO_REPLY if is_reply else Origin.AUTOMATIC
    if name == "x-ms-exchange-generated-message-source":
        return Origin.AUTO_REPLY if "rules agent" in value else Origin.AUTOMATIC
    if name == "x-autogenerated":  # CommuniGate: others are people's mail, passed on
        return Origin.AUTO_REPLY if value == "reply" else None
    if name == "x-post-messageclass":
        return Origin.AUTO_REPLY if "autoresponder" in value else None
    return None


def _list_signs(head: Head) -> Iterator[Sign]:
    """RFC 2919 and 2369. Who sends in bulk has List-Unsubscribe, and often List-Id, too."""
    fields = head.fields
    named = [name for name in fields if name in words.LIST_FIELDS and fields[name]]
    is_bulk = "list-unsubscribe-post" in fields or "feedback-id" in fields
    if fields.get("list-id") and not is_bulk:
        named.append("list-id")
    sender = next((each for each, _, _ in addresses_in(fields.get("sender", "")[:500])), "")
    if not named and sender.lower().startswith("owner-"):
        named.append("sender")
    if named:
        for name in named:
            yield Sign(Origin.LIST, f"{name.title()}: {fields[name][:100]}")
    elif fields.get("list-unsubscribe") or fields.get("list-id"):
        yield Sign(Origin.AUTOMATIC, "List-Unsubscribe without a list")


def _weak(head: Head) -> Iterator[Sign]:
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
        yield Sign(answer, "Return-Path: <>", 2)
    yield from _subject_signs(head)
    if words.MACHINE_NAMES.search(head.name[:200]):
        yield Sign(Origin.AUTOMATIC, f"From: {head.name[:100]}", 1)
    if words.ROBOTS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 2)
    for name in ("reply-to", "sender"):
        value = fields.get(name, "")
        local = next((each for each, _, _ in addresses_in(value[:500])), "").rpartition("@")[0]
        if local and words.SILENT.fullmatch(local):
            yield Sign(Origin.AUTOMATIC, f"{name.title()}: {value[:100]}", 2)
    yield from _program_signs(head)
    feedback = fields.get("feedback-id", "").lower()
    if feedback and not feedback.rstrip().endswith(words.PERSONAL_FEEDBACK):
        yield Sign(Origin.AUTOMATIC, f"Feedback-ID: {feedback[:100]}", 1)
    elif found := next((name for name in fields if name in words.WEAK_FIELDS), None):
        yield Sign(Origin.AUTOMATIC, f"{found.title()}: {fields[found][:100]}", 1)


def _subject_signs(head: Head) -> Iterator[Sign]:
    subject, evidence = head.subject, f"Subject: {head.subject[:100]}"
    if words.AUTOMATIC_ANSWER.match(subject):
        yield Sign(Origin.AUTO_REPLY, evidence, 2)
    elif words.AWAY_SUBJECT.match(subject) or words.AUTO_SUBJECT.match(subject):
        # People announce their absence, too; but not as an answer without "Re:".
        yield Sign(Origin.AUTO_REPLY, evidence, 2 if head.is_answer else 1)
    elif words.CHALLENGE.search(subject[-60:]):
        yield Sign(Origin.AUTO_REPLY, evidence, 1)
    elif words.CERTAIN_SUBJECT.match(subject):
        yield Sign(Origin.AUTOMATIC, evidence, 2)
    elif words.MACHINE_SUBJECT.match(subject) or words.SHOP_SUBJECT.match(subject):
        yield Sign(Origin.AUTOMATIC, evidence, 1)


def _program_signs(head: Head) -> Iterator[Sign]:
    fields = head.fields
    program = (fields.get("x-mailer", "") or fields.get("user-agent", ""))[:200]
    if program and words.AUTORESPONDERS.search(program):
        yield Sign(Origin.AUTO_REPLY, f"X-Mailer: {program[:100]}", 2)
    elif program and words.SCRIPTS.search(program):
        yield Sign(Origin.AUTOMATIC, f"X-Mailer: {program[:100]}", 1)


def _in_text(head: Head, text: str) -> Iterator[Sign]:
    """Yield what the first and last words of a suspect say."""
    said = " ".join(f"{text[:OPENING]} {text[-1_000:]}".lower().replace("’", "'").split())
    sure = words.AUTOMATIC_ANSWER.match(head.subject)
    is_sure = sure is not None
    is_bare = sure is not None and sure.end() == len(head.subject) and not head.is_answer
    if is_bare and words.SET_UP.search(said[:1_500]) is not None:
        yield Sign(Origin.PERSON, "text: asks for an automatic answer", -1)
        return
    if is_sure and (found := words.AWAY.search(said[:1_500])) is not None:
        yield Sign(Origin.AUTO_REPLY, f"text: {found[0][:100]}", 1)
        return
    if (found := words.AWAY_FIXED.search(said)) is not None:
        yield Sign(Origin.AUTO_REPLY, f"text: {found[0][:100]}", 1)
    elif (found := words.AUTOMATED.search(said)) is not None:
        yield Sign(Origin.AUTOMATIC, f"text: {found[0][:100]}", 1)
    elif any(mark in text[:OPENING] for mark in "?？؟"):
        yield Sign(Origin.PERSON, "text: a question", -1)

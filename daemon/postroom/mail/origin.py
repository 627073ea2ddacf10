"""Who or what wrote a mail: a person, a list, a machine, a mail server with bad news.

Promise: a verdict with its evidence for any mail; what counts is what the mail says of itself. What
only machines write decides; what people's mail may carry, too, counts only in company, and less
in a mail written with a person's program. The null envelope sender and our own loop mark are judged
in core, which knows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postroom.mail import origin_words as words
from postroom.mail.bounce_text import addresses_in
from postroom.mail.bounce_translations import plain
from postroom.mail.bounces import read_bounce, read_feedback, read_receipt
from postroom.mail.message import Address, Bounce, Limits, Origin
from postroom.mail.origin_head import Head, Headers, read_head
from postroom.mail.reports import Report, report_in_text
from postroom.mail.structure import DEFAULTS

Judgement = tuple[Origin, tuple[str, ...], Bounce | None]

_WENT_WELL = frozenset({"delivered", "relayed", "expanded"})
_ENOUGH = 2  # weak signs that together make a mail automatic
_SERVER_ENOUGH = 3
_OPENING = 2_500  # characters of a text that machines say what they are in
_MOST_EVIDENCE = 20
_OFF = frozenset({"", "no", "false", "0", "none", "off"})


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that speaks for an origin; weight 0 decides, others add up."""

    origin: Origin
    evidence: str
    weight: int = 0
    is_vague: bool = False  # a name that is some people's title


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
    if (found := _judge_server(head, text, report, limits)) is not None:
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
            bounce = _bounce(head, text, report, limits)
            return _judge_delivery(bounce, "delivery status report")


def _is_passed_on(head: Head) -> bool:
    return words.ANSWERED.match(head.subject) is not None


def _bounce(head: Head, text: str, report: Report, limits: Limits) -> Bounce:
    own = {head.writer.lower()}
    own.update(each.lower() for each, _, _ in addresses_in(head.fields.get("to", "")[:2_000]))
    return read_bounce(report, head.fields, text, own, limits)


def _judge_delivery(bounce: Bounce, *evidence: str) -> Judgement:
    """RFC 3464 §2.3.3: nothing is lost if every recipient's action went well."""
    actions = [recipient.action for recipient in bounce.recipients]
    said = tuple(dict.fromkeys(f"Action: {action or 'none'}" for action in actions))[:10]
    went_well = bool(actions) and all(action in _WENT_WELL for action in actions)
    return Origin.REPORT if went_well else Origin.BOUNCE, (*evidence, *said), bounce


# ---- notices that mail servers write in words


def _judge_server(head: Head, text: str, report: Report, limits: Limits) -> Judgement | None:
    """Find out whether a mail server wrote this by hand, as qmail and Exim do."""
    signs = list(_server_signs(head))
    if not signs or _is_job(head):
        return None
    if report.is_declared:
        signs.append(Sign(Origin.BOUNCE, "multipart/report", 1))
    if words.FAILED.match(plain(head.subject)):
        signs.append(Sign(Origin.BOUNCE, f"Subject: {head.subject[:100]}", 1))
    if _weight(signs) < 1:
        return None
    signs.extend(_said(text))
    bounce = _bounce(head, text, report, limits)
    if any(one.diagnostic or not one.status.endswith(".0.0") for one in bounce.recipients):
        signs.append(Sign(Origin.BOUNCE, "a recipient and a reason", 1))
    telling = [sign for sign in signs if sign.weight > 0]
    has_news = any(sign.origin is Origin.BOUNCE for sign in telling)
    # Customers write of failed deliveries, too, and some are called administrator: without a
    # better sign of a server there has to be everything else.
    is_sure = any(
        sign.weight > 2 or (sign.origin is Origin.AUTOMATIC and not sign.is_vague)
        for sign in telling
    )
    opening = text[:_OPENING].lower()
    is_server = is_sure or any(sign.is_vague for sign in telling)
    if not is_server and not report.is_declared and not report_in_text(text[:20_000]):
        return None
    if not is_sure and words.IN_PERSON.search(opening):
        return None
    is_mailbox = not any(sign.weight > 2 or _is_marked(sign) for sign in telling)
    if is_mailbox and words.ASKING.search(opening):  # a postmaster who writes himself
        return None
    vague = sum(sign.weight for sign in telling if sign.is_vague)
    if not has_news or _weight(signs) < (_SERVER_ENOUGH if is_sure else _SERVER_ENOUGH + 1 + vague):
        return None
    is_named = bool(bounce.recipients) or words.SERVERS.fullmatch(head.local) is not None
    # Seen: a parcel service tells of a failed delivery, too.
    is_silent = words.SILENT.fullmatch(head.local) is not None
    if not is_named and (is_silent or words.FAILED.match(plain(head.subject)) is None):
        return None
    if is_silent and words.OF_MAIL.search(opening) is None:
        return None
    evidence = [sign.evidence for sign in telling]
    return _judge_delivery(bounce, *evidence[:10])


def _is_job(head: Head) -> bool:
    """Say whether a cron job or the like wrote, which tells of failures of its own."""
    if words.FAILED.match(plain(head.subject)):
        return False
    is_known = words.MACHINE_SUBJECT.match(head.subject) is not None
    return is_known and words.ROBOTS.fullmatch(head.local) is not None


def _is_marked(sign: Sign) -> bool:
    return sign.evidence.startswith(("Return-Path", "Auto-Submitted"))


def _weight(signs: Sequence[Sign]) -> int:
    return sum(sign.weight for sign in signs)


def _server_signs(head: Head) -> Iterator[Sign]:
    """Yield signs in the header; AUTOMATIC ones say that a server wrote, not that it failed."""
    fields = head.fields
    if failed := fields.get("x-failed-recipients"):
        yield Sign(Origin.BOUNCE, f"X-Failed-Recipients: {failed[:100]}", 4)
    yield from _failure_fields(head)
    if words.SERVERS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 3)
    elif words.SERVER_LOCALS.fullmatch(head.local) or words.SILENT.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 1)
    elif not head.domain:
        yield Sign(Origin.AUTOMATIC, "From: nobody", 1)
    elif words.ADMINISTRATORS.fullmatch(head.local):
        yield Sign(Origin.AUTOMATIC, f"From: {head.writer[:100]}", 1, is_vague=True)
    if head.name and words.SERVER_NAMES.search(head.name[:200]):
        yield Sign(Origin.AUTOMATIC, f"From: {head.name[:100]}", 1, is_vague=True)
    if "".join(fields.get("return-path", "").split()) == "<>":
        yield Sign(Origin.AUTOMATIC, "Return-Path: <>", 1)
    submitted = head.says("auto-submitted")
    # An answer says this of itself, too.
    if submitted not in ("", "no") and not (submitted == "auto-replied" and head.is_answer):
        yield Sign(Origin.AUTOMATIC, f"Auto-Submitted: {fields['auto-submitted'][:100]}", 1)
    if words.FAILED.match(plain(head.subject)):
        yield Sign(Origin.AUTOMATIC, f"Subject: {head.subject[:100]}", 0)
    if head.is_by_hand:
        yield Sign(Origin.AUTOMATIC, "written with a person's program", -2)
    if words.ANSWERED.match(head.subject) and fields.get("return-path", "").strip() != "<>":
        yield Sign(Origin.AUTOMATIC, "an answer or a forward", -2)


def _failure_fields(head: Head) -> Iterator[Sign]:
    for name, value in words.FAILURE_FIELDS:
        if name in head.fields and value in ("", head.says(name)):
            yield Sign(Origin.BOUNCE, f"{name.title()}: {head.fields[name][:100]}", 4)


def _said(text: str) -> Iterator[Sign]:
    """Yield signs in the first words of the text."""
    opening = " ".join(text[:_OPENING].lower().split())
    if (found := words.STOCK.search(plain(opening))) is not None:
        yield Sign(Origin.BOUNCE, f"text: {found[0][:100]}", 2)
    if report_in_text(text[:20_000]):
        yield Sign(Origin.BOUNCE, "a delivery status in the text", 2)


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
    if _weight(signs) - _by_hand(head) < _ENOUGH:
        return Origin.PERSON, ()
    origin = Origin.AUTO_REPLY if is_away else Origin.AUTOMATIC
    return origin, tuple(sign.evidence for sign in signs)[:_MOST_EVIDENCE]


def _speaks_of_itself(head: Head, own: str) -> tuple[str, ...]:
    """Find two sentences of a machine about itself, where nothing else tells; () if a person may
    have written them: as an answer, with a person's program, asking, or showing what he got."""
    if head.is_by_hand or _is_passed_on(head) or any(mark in own for mark in "?？؟"):
        return ()
    said = own[:_OPENING].replace("’", "'").lower()
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
    said = " ".join(f"{text[:_OPENING]} {text[-1_000:]}".lower().replace("’", "'").split())
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
    elif any(mark in text[:_OPENING] for mark in "?？؟"):
        yield Sign(Origin.PERSON, "text: a question", -1)

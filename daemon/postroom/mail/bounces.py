"""Which deliveries failed, why, and which mail of ours it was.

Promise: any report and any text give a `Bounce`, bounded by `Limits`. First the fields of RFC 3464,
then the words of the mail: old servers write nothing else, and many reports say in words what their
fields leave out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from postroom.mail.address import canonical
from postroom.mail.bounce_reasons import first_reply, reason_for, section_of, shared_words, title_of
from postroom.mail.bounce_status import action_of, status_of
from postroom.mail.bounce_text import (
    Named,
    Notice,
    addresses_in,
    find_message_id,
    find_original_to,
    read_notice,
)
from postroom.mail.charset import decode_bytes
from postroom.mail.message import Bounce, FailedRecipient, Limits
from postroom.mail.refs import message_id_of, message_ids
from postroom.mail.reports import (
    Fields,
    Report,
    Status,
    address_of,
    bare,
    find_report,
    is_directory_name,
    read_status,
    report_in_text,
    typed,
)
from postroom.mail.structure import DEFAULTS, cut, read_fields

_DIAGNOSTIC = 500  # characters kept of one diagnostic
_ADDRESS = 320
# Seen: a list of all recipients, each with what became of the mail.
_DONE = re.compile(
    r"\W{0,5}(?:(?:was|has been) )?(?:successfully )?(?:delivered|relayed|accepted|ok)\b(?! but)",
    re.IGNORECASE,
)
_IN_SUBJECT = re.compile(
    r"(?:unknown|undeliver|fail|reject|return|bounce|invalid|not delivered).{0,60}@", re.IGNORECASE
)


def read_bounce(
    report: Report,
    fields: Mapping[str, str],
    text: str,
    own: Iterable[str] = (),
    limits: Limits = DEFAULTS,
) -> Bounce:
    """Read which recipients were not reached. `fields` is the header, names in lower case."""
    known = frozenset(own)
    notice = read_notice(text, known)
    if not notice.names:
        report = _wrapped(report, limits) or report
    if report.original:
        notice.original = decode_bytes(report.original[:20_000])[0]
    status = read_status(report.status or report_in_text(text), limits.addresses)
    recipients = _of_status(status, notice)
    if not recipients:
        found = _of_header(fields, notice) or _of_words(fields, notice, known)
        recipients = [_at_home(recipient, fields) for recipient in found]
    return Bounce(
        tuple(recipients[: limits.addresses]), _original_id(report, fields, notice, text, status)
    )


def _wrapped(report: Report, limits: Limits) -> Report | None:
    """Find the report that a gateway has put into a mail of its own, as it does with spam."""
    if report.status or b"delivery-status" not in report.original:
        return None
    found = find_report(cut(report.original, limits))
    return found if found.is_declared and found.status else None


def _at_home(recipient: FailedRecipient, fields: Mapping[str, str]) -> FailedRecipient:
    """Complete a name without a host: a server that writes none means its own."""
    own = next((each for each, _, _ in addresses_in(fields.get("from", "")[:1_000])), "")
    if "@" in recipient.address or not own:
        return recipient
    return replace(recipient, address=f"{recipient.address}@{own.rpartition('@')[2]}"[:_ADDRESS])


def _of_status(status: Status, notice: Notice) -> list[FailedRecipient]:
    # Named twice, as a list and its member may be: the failure counts.
    groups: dict[str, tuple[str, Fields]] = {}
    for fields in status.recipients:
        address = address_of(fields)
        if "@" not in address:
            address = _completed(address, notice)
        elif is_directory_name(address) and len(status.recipients) == 1:
            address = _completed("", notice) or address
        address = address or next(
            (each for each, _, _ in addresses_in(fields.get("diagnostic-code", "")[:1_000])), ""
        )
        key = address.lower()
        if key and (key not in groups or bare(fields.get("action", "")) == "failed"):
            groups[key] = (groups.get(key, (address,))[0], fields)
    named = {name.address.lower(): name for name in notice.names}
    return [
        _recipient(address, fields, notice, named.get(key), is_only=len(groups) == 1)
        for key, (address, fields) in groups.items()
    ]


def _completed(address: str, notice: Notice) -> str:
    """Find the whole address of a bare name, or of nothing, in the words and the failed mail."""
    whole = [name.address for name in notice.names]
    if (to := find_original_to(notice.original)) is not None:
        whole.append(to)
    wanted = f"{address.lower()}@"
    matching = [each for each in whole if address and each.lower().startswith(wanted)]
    return next(iter(matching or ([] if address else whole)), address)


def _recipient(
    address: str, fields: Fields, notice: Notice, name: Named | None, *, is_only: bool
) -> FailedRecipient:
    said = _diagnostic(fields)
    words = notice.words() if is_only else ""
    beside = reason_for(notice, name) if name is not None else ""
    reported = fields.get("status", "")
    action = bare(fields.get("action", ""))
    if not action and "will-retry-until" in fields:
        action = "delayed"
    action = action_of(action, reported.strip(), f"{said} {beside} {words}")
    code = status_of(reported, said or beside, f"{beside} {words}", action)
    if not said and action in ("failed", "delayed"):
        said = beside or (first_reply(notice.said) if is_only else "")
    return FailedRecipient(address[:_ADDRESS], action, code, said[:_DIAGNOSTIC].strip())


def _diagnostic(fields: Fields) -> str:
    for name in ("diagnostic-code", "x-supplementary-info", "failure-reason", "localized-reason"):
        if value := fields.get(name, ""):
            return " ".join(typed(line)[1].strip() for line in value.split("\n"))
    # Seen: "Status: 5.1.1 (user unknown)", and nothing else.
    return fields.get("status", "").partition("(")[2].rstrip(") ")


def _of_header(fields: Mapping[str, str], notice: Notice) -> list[FailedRecipient]:
    """X-Failed-Recipients, by Exim and Google; several fields are joined before."""
    named = [
        canonical(each)[:_ADDRESS] for each in fields.get("x-failed-recipients", "").split(",")
    ]
    return _of_notice([each for each in dict.fromkeys(named) if "@" in each], fields, notice)


def _of_words(
    fields: Mapping[str, str], notice: Notice, own: frozenset[str]
) -> list[FailedRecipient]:
    if notice.names:
        return _of_notice([name.address for name in notice.names], fields, notice)
    to = find_original_to(notice.original)
    if to is None:  # Seen: "Unknown user ann@kunde.example" in the subject, and nowhere else
        subject = fields.get("subject", "")[:_ADDRESS]
        named = (each for each, _, _ in addresses_in(subject) if each.lower() not in own)
        to = next(named, None) if _IN_SUBJECT.search(subject) is not None else None
    return _of_notice([to], fields, notice) if to is not None else []


def _of_notice(
    addresses: Sequence[str], fields: Mapping[str, str], notice: Notice
) -> list[FailedRecipient]:
    """Judge recipients whom nothing but the words of the notice tells about."""
    named = {name.address.lower(): name for name in notice.names}
    words, shared, reply = notice.words(), shared_words(notice), first_reply(notice.said)
    action = action_of("", "", words, fields.get("subject", "")[:_ADDRESS])
    found = []
    for address in addresses:
        name = named.get(address.lower())
        said = reason_for(notice, name) if name is not None else ""
        became = (section_of(notice, name) if name is not None else "") or action
        if not said and name is not None and len(addresses) > 1:
            title = title_of(notice, name)
            said = "" if status_of("", title, "", became).endswith(".0.0") else title
        said = said or reply
        if _DONE.match(said):
            became = "delivered"
        status = status_of("", said, shared, became)
        whole = address if "@" in address else _completed(address, notice)
        found.append(FailedRecipient(whole, became, status, said[:_DIAGNOSTIC].strip()))
    return found


def _original_id(
    report: Report, fields: Mapping[str, str], notice: Notice, text: str, status: Status
) -> str | None:
    """Return the failed mail's Message-ID: of its header, else as quoted, else as answered."""
    block, _ = read_fields(report.original, 0, 500)
    value = next((raw for name, raw in block if name.lower() == "message-id"), b"")
    if value and (found := message_id_of(" ".join(decode_bytes(value[:8_192])[0].split()))):
        return found
    if (found := find_message_id(notice.original) or find_message_id(text)) is not None:
        return found
    for each in (status.mail, *status.recipients[:1]):
        for name in ("original-message-id", "x-original-message-id", "message-id"):
            if ids := message_ids(each.get(name, "")):
                return ids[0]
    answered: Sequence[str] = message_ids(fields.get("in-reply-to", "")) or message_ids(
        fields.get("references", "")
    )
    return answered[-1] if answered else None


def read_feedback(report: Report, limits: Limits = DEFAULTS) -> Bounce:
    """RFC 5965: who complained, as far as it is said, and of which mail."""
    groups = read_status(report.status, 1)
    fields = {**groups.mail, **(groups.recipients[0] if groups.recipients else {})}
    kind = bare(fields.get("feedback-type", ""))[:20]
    named = fields.get("original-rcpt-to", "").split("\n")
    addresses = [canonical(typed(value)[1])[:_ADDRESS] for value in named if value]
    if not addresses:
        to = find_original_to(decode_bytes(report.original[:20_000])[0])
        addresses = [to] if to is not None else []
    recipients = tuple(FailedRecipient(each, action=kind) for each in addresses)
    return Bounce(recipients[: limits.addresses], _id_of(report, fields))


def read_receipt(report: Report) -> Bounce:
    """RFC 8098: what became of a mail at its reader's; the disposition is the action."""
    groups = read_status(report.status, 1)
    fields = {**groups.mail, **(groups.recipients[0] if groups.recipients else {})}
    address = address_of(fields)
    done = bare(fields.get("disposition", "").rpartition(";")[2]).partition("/")[0][:20]
    recipients = (FailedRecipient(address, action=done.strip()),) if "@" in address else ()
    ids = message_ids(fields.get("original-message-id", ""))
    return Bounce(recipients, ids[0] if ids else _id_of(report, fields))


def _id_of(report: Report, fields: Mapping[str, str]) -> str | None:
    return _original_id(report, {}, Notice(), "", Status(mail=dict(fields)))

"""Whether a mailing list's program refused a mail, and which list it was.

Promise: a bounce only where the sender is one of a list's own addresses or its program, and the
program's own sentence stands in subject or text. The recipient is the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroom.mail.bounce_status import status_of
from postroom.mail.bounce_text import addresses_in, read_notice
from postroom.mail.message import Bounce, FailedRecipient, Limits, Origin
from postroom.mail.origin_head import OPENING, Head
from postroom.mail.origin_server import Judgement, bounce_of
from postroom.mail.reports import Report

_REASON = 500
# The addresses that a list's program writes from: "users-admin", "owner-users", "users+owner".
_OF_LIST = re.compile(
    r"owner-(?P<after>.+)|(?P<before>.+?)[-+](?:owner|admin|request|bounces?|errors|help|editor"
    r"|moderators?)",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"(?:sympa|majordomo|listserv|listproc|mailman|mlmmj|fml|ecartis|ezmlm|lyris)(?:-.*)?",
    re.IGNORECASE,
)
_PROGRAM_FIELDS = ("x-mlserver", "x-mailman-version", "x-list-administrivia", "x-sympa-to")
# As mlmmj, fml, Majordomo, Mailman and Sympa write them.
_SUBJECT = re.compile(
    r"post to \S{3,320} denied\b|(?:ignored )?not member article from\b|bounce \S{3,320}@\S"
    r"|reject mail (?:from\b|\()|(?:re: )?request to mailing list .{1,100} rejected"
    r"|rejected posting to \S{3,320}@\S|unable to deliver your message$"
    r"|spam mail from a spammer is rejected|\S{1,320}: post(?:ing)? (?:rejected|denied)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"unable to be delivered to the list because|you are not allowed to (?:send|post) (?:this|a)"
    r" message|not a member of this (?:ml|(?:mailing )?list)|you cannot post to it"
    r"|non-?member submission|you are not subscribed to \S{3,320}@\S{3,255}"
    r"|you are not allowed to (?:post|send mail) to (?:this|the"
    r"|\S{1,320}) ?(?:mailing )?list|(?:posting|message|mail) .{0,200}(?:has been|was) rejected"
    r" by the list moderator|has been automatically rejected by the \S{1,100} mailing list"
    r"|not authorized to send mail to the \S{1,80} list"
    r"|post to list \S{1,80} (?:was|has been) rejected"
    r"|n'êtes pas autoris\S{1,3} à (?:diffuser|envoyer) (?:ce|un) message"
    r"|nicht berechtigt, .{0,60} liste"
    r"|to <\S{3,80}@yahoogroups\.com>\. the email address used to send your message is not"
    r" subscribed",
)
_QUOTED_LIST = re.compile(
    r"\b(?:list|liste|lista) [\"'«“„]?\s?(?P<name>[a-z0-9][a-z0-9._+-]{0,80})[\"'»”“]"
    r"|\b(?:to|of) list (?P<bare>[a-z0-9][a-z0-9._+-]{0,80}) (?:was|is|has)\b",
    re.IGNORECASE,
)


def judge_refusal(head: Head, text: str, report: Report, limits: Limits) -> Judgement | None:
    """Read what a list's program refused; None if this is no such mail."""
    if head.is_by_hand or not _is_of_list(head):
        return None
    opening = text[:OPENING]
    flat = " ".join(opening.lower().replace("’", "'").split())
    titled, told = _SUBJECT.match(head.subject), _SENTENCE.search(flat)
    # Majordomo has nothing but the subject, then the mail.
    is_bare = titled is not None and head.subject.lower().startswith("bounce ")
    if not is_bare and (told is None or not (titled or _is_by_program(head))):
        return None
    said = " ".join(read_notice(opening, ()).said) if told is not None else head.subject
    said = " ".join(said.split())[:_REASON]
    status = status_of("", told[0] if told is not None else head.subject, said, "failed")
    if not status.startswith("5.7."):
        status = "5.7.1"
    found = next(iter(_lists(head, opening, told[0] if told is not None else "")), None)
    recipients = (FailedRecipient(found, "failed", status, said),) if found is not None else ()
    signs = [head.writer, head.subject if titled else "", told[0] if told else ""]
    mail = bounce_of(head, text, report, limits).message_id
    return (
        Origin.BOUNCE,
        tuple(f"list: {sign[:100]}" for sign in signs if sign),
        Bounce(recipients, mail),
    )


def _is_of_list(head: Head) -> bool:
    local = head.local
    if head.domain == "yahoogroups.com" and local.lower() == "notify":
        return True
    return _OF_LIST.fullmatch(local) is not None or _PROGRAM.fullmatch(local) is not None


def _is_by_program(head: Head) -> bool:
    """Say whether a program wrote this; a list's owner writes by hand, too."""
    return (
        _PROGRAM.fullmatch(head.local) is not None
        or any(name in head.fields for name in _PROGRAM_FIELDS)
        or head.says("auto-submitted") not in ("", "no")
        or head.says("precedence") in ("bulk", "junk", "list")
    )


def _lists(head: Head, opening: str, told: str) -> Iterator[str]:
    """Yield addresses that may be the list's: as the subject, the sender or the text names it."""
    wanted = _OF_LIST.fullmatch(head.local)
    local = (wanted["after"] or wanted["before"]) if wanted is not None else ""
    named = [each for each, _, _ in addresses_in(head.subject)]
    if head.subject.lower().startswith(("bounce ", "post to ", "rejected posting to ")):
        yield from named[:1]
    yield from (each for each, _, _ in addresses_in(told))
    if local and head.domain:
        yield f"{local}@{head.domain}"
    if (quoted := _QUOTED_LIST.search(opening)) is not None and head.domain:
        yield f"{quoted['name'] or quoted['bare']}@{head.domain}"

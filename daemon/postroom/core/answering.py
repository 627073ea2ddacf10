"""A public answer, and the scan that it passes first.

DESIGN section 6, no leak by quotation: an answer is rendered anew from the handler's fresh words,
and these hold no reply address of people inside and no passage of what was said inside. Rows 14,
23, 78-81.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from postroom.core import letters, lifecycle, pictures
from postroom.core.effects import AppendMessage, Assign, Author, Effect, SetReplied, SetStatus
from postroom.core.leaks import Leak, LeakKind, find_leaks
from postroom.core.model import Direction, Handler, Phase, Visibility
from postroom.core.tasks import Task
from postroom.errors import NotAllowed
from postroom.mail.message import ParsedMail


def message_by(
    handler: Handler,
    task: Task,
    mail: ParsedMail,
    text: str,
    direction: Direction,
    visibility: Visibility,
    *,
    because: str,
    to: tuple[str, ...] = (),
    is_draft: bool = False,
) -> AppendMessage:
    """Return what a handler wrote as a message; `text` is what counts of his mail."""
    return AppendMessage(
        request=task.request.id,
        direction=direction,
        visibility=visibility,
        author=Author(handler.full_name, handler.email, handler.name),
        to=to or tuple(item.address for item in mail.to),
        subject=mail.subject,
        # Inside, all of a mail is kept: a forwarded part may be what it was written for.
        text=text if visibility is Visibility.PUBLIC else mail.text or text,
        fresh=text,
        attached_text=mail.attached_text if visibility is Visibility.INTERNAL else "",
        message_id=mail.message_id,
        references=(),
        at=task.now,
        origin=mail.origin.value,
        verdict=task.verdict.value,
        because=because,
        attachments=mail.attachments,
        is_draft=is_draft,
    )


def write_answer(
    task: Task,
    handler: Handler,
    mail: ParsedMail,
    text: str,
    *,
    but: Collection[str] = (),
    keeps: Collection[type] = (),
) -> Iterator[Effect]:
    """Answer the customers. NotAllowed: there is nobody to answer to.

    `but` are those who have the words already; `keeps` what commands of the same mail have set,
    and what therefore does not follow from answering.
    """
    request, workflow, category = task.request, task.workflow, task.category
    people = letters.audience(task)
    if not people:
        raise NotAllowed("the request has no requester with an address to answer to")
    if request.phase is Phase.DELETED:
        raise NotAllowed(f"request {request.id} is {request.status}: reopen it first")
    because = f"answered by {handler.name}"
    to = tuple(one.address for one in people)
    yield message_by(
        handler, task, mail, text, Direction.OUT, Visibility.PUBLIC, because=because, to=to
    )
    yield from letters.letter_to_customers(
        task,
        "answer",
        text,
        pictures.outgoing(mail),
        pictures.in_answer(mail, text),
        handler=handler,
        but=but,
    )
    if request.replied_at is None:
        yield SetReplied(request.id, task.now, because)
    is_taken = category is not None and category.owner_on_reply and Assign not in keeps
    if is_taken and request.owner != handler.name:
        yield Assign(request.id, request.owner, handler.name, "who answers becomes owner")
    # A closed request stays closed: whoever wants it open says so.
    is_open = request.phase in (Phase.ACTIVE, Phase.POSTPONED)
    after = workflow.on_answer
    # A transition on its way finds the status as it was when its hook was started.
    is_free = SetStatus not in keeps and task.facts.background.pending is None
    if after is not None and after != request.status and is_open and is_free:
        yield lifecycle.change(request, task.policy, after, "answered")


# What can be read of a mail is bounded, and so is what a template may hold.
LONGEST_ANSWER = 400_000
_UNREADABLE = re.compile(
    r"application/(?:x-)?pkcs7-mime|application/(?:vnd\.)?ms-tnef|application/pgp-encrypted"
)
_UNREADABLE_NAME = re.compile(r"(?:smime\.p7m|winmail\.dat|encrypted\.asc)", re.IGNORECASE)


def check_readable(mail: ParsedMail, words: str) -> None:
    """Raise NotAllowed unless all that a handler wrote could be read, and can be sent."""
    for item in mail.attachments:
        if _UNREADABLE.fullmatch(item.type) or _UNREADABLE_NAME.fullmatch(item.name):
            raise NotAllowed(
                f"the mail is encrypted or in a form that cannot be read here ({item.name}): send "
                "it as plain text or HTML"
            )
    is_cut = any(defect.startswith("text longer") for defect in mail.defects)
    if is_cut or len(words) > LONGEST_ANSWER:
        raise NotAllowed(f"an answer has at most {LONGEST_ANSWER} characters: attach the rest")


def passages_of(words: str, mail: ParsedMail, leaks: Collection[Leak]) -> frozenset[str]:
    """Return the leaks of an answer as they stand in it, to know them again."""
    outgoing = attached(words, mail)
    return frozenset(" ".join(outgoing[leak.start : leak.end].split())[:500] for leak in leaks)


def leaks_in(task: Task, text: str, mail: ParsedMail) -> tuple[Leak, ...]:
    """Return the places of an answer that must not go out, attachments included."""
    outgoing = attached(text, mail)
    found = scan(task, outgoing)
    if mail.attached_text_is_whole:
        return found
    return (*found, Leak(LeakKind.TOO_LONG, len(outgoing), len(outgoing)))


def scan(task: Task, outgoing: str) -> tuple[Leak, ...]:
    """Return the places of a text that must not go out: every way to the customers passes here."""
    background, site = task.facts.background, task.site
    if site.signer is None:
        raise ValueError("an answer cannot be scanned without the instance's keys")
    if not background.is_whole:
        return (Leak(LeakKind.TOO_LONG, 0, len(outgoing)),)
    said = {Visibility.INTERNAL: list[str](), Visibility.PUBLIC: [task.request.subject]}
    for message in background.messages:
        if not message.is_draft:
            said[message.visibility] += [message.subject, message.text, message.attached_text]
    said[Visibility.INTERNAL] += _reasons(task)
    mailboxes = [mailbox.reply_address for mailbox in site.mailboxes.values()]
    internal, public = said[Visibility.INTERNAL], said[Visibility.PUBLIC]
    return find_leaks(outgoing, internal, public, site.signer, mailboxes)


def _reasons(task: Task) -> list[str]:
    """Return what handlers gave as reasons by `#reason`: it was said inside."""
    changes = (one for commands in task.facts.background.commands for one in commands.changes)
    given = (str(change.get("because") or "") for change in changes)
    return [reason for reason in given if not reason.startswith("by hand, ")]


def attached(text: str, mail: ParsedMail) -> str:
    """Return all of an answer that can be read: its words, and those of its attachments."""
    names = [item.name for item in mail.attachments]
    return "\n\n".join(part for part in (text, "\n".join(names), mail.attached_text) if part)


def why_held(leaks: Collection[Leak]) -> str:
    """Say what is wrong with an answer, for the handler."""
    kinds = {leak.kind for leak in leaks}
    reasons = {
        LeakKind.ADDRESS: "a reply address of people inside",
        LeakKind.PASSAGE: "words of an internal note",
        LeakKind.TOO_LONG: "more than can be looked through for internal words",
    }
    found = " and ".join(words for kind, words in reasons.items() if kind in kinds)
    return f"your answer contains {found}, so it was not sent"

"""The mails that decisions ask for: recipes with their frozen variables.

POLICY, templates. Variables are plain JSON; `store.apply` adds the request's id, reference, tag.
What a template may use and a letter does not give renders as nothing (core.variables).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from postroom.core.effects import QueueMail, Reply
from postroom.core.facts import Arrival, MessageFact, ParticipantFact, RequestFact
from postroom.core.model import Category, Handler, Policy, Verdict
from postroom.core.moments import show_moment
from postroom.core.site import Mailbox
from postroom.core.tasks import Task
from postroom.mail.message import Address, Attachment

# What a mail repeats of a message; the whole is in the request.
_TEXT_LIMIT = 20_000
_CUT = "\n\n[… the rest is too long for a mail: see `postroom request show`]"
# These name the handler himself, and a signature does not fit our words anyway.
_PRIVATE = frozenset(
    {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}
    | {"text/vcard", "text/x-vcard", "text/directory", "application/pgp-keys"}
)
_ROLES = ("requester", "cc")  # who hears public answers


def variables(
    mailbox: Mailbox,
    request: Mapping[str, Any],
    contact: Mapping[str, str],
    *,
    message: Mapping[str, Any] | None = None,
    handler: Handler | None = None,
    company: str = "",
    reason: str = "",
    is_neutral: bool = False,
    extracted: Mapping[str, str] = MappingProxyType({}),
    **more: Any,
) -> dict[str, Any]:
    """Return what a template may use, as plain JSON."""
    return {
        "request": dict(request),
        "contact": dict(contact),
        "company": company,
        "handler": {
            "name": handler.name if handler else "",
            "full_name": handler.full_name if handler else "",
            "email": handler.email if handler else "",
        },
        "mailbox": {
            "name": mailbox.name,
            "address": mailbox.address,
            "from_name": mailbox.from_name,
        },
        "message": dict(message or {"text": "", "from_name": "", "subject": "", "at": ""}),
        "reason": reason,
        "neutral": is_neutral,
        "extracted": dict(extracted),
        **more,
    }


def of_request(request: RequestFact) -> dict[str, Any]:
    """Return a request's variables, less what apply and the reader's time zone add."""
    return {
        "subject": request.subject,
        "status": request.status,
        "priority": request.priority,
        "category": request.category,
        "owner": request.owner or "",
    }


def of_nothing(subject: str) -> dict[str, Any]:
    """Return the variables of a request that is not there."""
    return {"subject": subject, "status": "", "priority": "", "category": "", "owner": ""}


def of_mail(arrival: Arrival, time_zone: str = "", verdict: str = "") -> dict[str, Any]:
    """Return a mail's variables; its moment in the time zone of the reader, else the mailbox."""
    mail, sender = arrival.mail, arrival.mail.from_
    others = [item.address for item in mail.reply_to if not _is(item, arrival.sender)]
    return {
        "text": _cut(mail.fresh),
        "from_name": (sender.name or sender.address) if sender else "",
        "from_address": arrival.sender,
        "subject": mail.subject,
        "at": show_moment(arrival.envelope.received_at, time_zone or arrival.mailbox.time_zone),
        "cc": [item.address for item in mail.cc][:20],
        "reply_to": ", ".join(others[:3]),
        "verdict": verdict,
    }


def of_message(message: MessageFact | None, time_zone: str) -> dict[str, Any]:
    """Return the variables of a message that was kept before."""
    if message is None:
        return {}
    return {
        "text": _cut(message.fresh),
        "from_name": message.from_name or message.from_address,
        "from_address": message.from_address,
        "subject": message.subject,
        "at": show_moment(message.at, time_zone),
    }


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + _CUT


def of_sender(arrival: Arrival) -> dict[str, str]:
    """Return the contact's variables."""
    name = arrival.mail.from_.name if arrival.mail.from_ is not None else ""
    return {"name": name, "address": arrival.sender}


def of_requester(request: RequestFact) -> dict[str, str]:
    """Return the variables of who asks."""
    requester = request.requester
    if requester is None:
        return {"name": "", "address": ""}
    return {"name": requester.name, "address": next(iter(requester.addresses), "")}


def audience(task: Task) -> tuple[Address, ...]:
    """Return who hears public answers: the requester first, each at the address he writes from."""
    request = task.request
    heard = [one for one in request.participants if one.role in _ROLES and one.addresses]
    heard.sort(key=lambda one: one.contact_id != request.requester_id)
    wrote = [m.from_address.lower() for m in reversed(task.facts.background.messages)]
    return tuple(Address(one.name, _latest(one, wrote)) for one in heard)


def _latest(person: ParticipantFact, wrote: list[str]) -> str:
    used = (address for address in wrote if address in person.addresses)
    return next(used, person.addresses[0])


def letter_to_customers(
    task: Task,
    template: str,
    text: str = "",
    attachments: tuple[Attachment, ...] = (),
    pictures: tuple[Mapping[str, Any], ...] = (),
    *,
    handler: Handler | None = None,
    reason: str = "",
    but: Collection[str] = (),
) -> Iterator[QueueMail]:
    """Return the one mail to all who hear public answers, less those who have it (`but`).

    All see each other in To and Cc (pain 60), each gets it by a delivery of his own. `pictures`
    are those of the attachments that are shown in the text (core.pictures).
    """
    request, mailbox = task.request, task.mailbox
    handler = handler or task.policy.handlers.get(task.actor)
    people = audience(task)
    left = [one for one in people if not any(_is(one, address) for address in but)]
    if not left:
        return
    answered = _answered(task)
    parent = answered.message_id if answered is not None else None
    yield QueueMail(
        request=request.id,
        kind="answer",
        mailbox=mailbox.name,
        recipients=tuple(one.address for one in left),
        template=template,
        language=request.language,
        layout=layout_of(task.policy, request.category),
        variables=variables(
            mailbox,
            of_request(request),
            of_requester(request),
            message={
                "text": text,
                "from_name": handler.full_name if handler is not None else "",
                "subject": request.subject,
                "at": "",
                "pictures": [dict(one) for one in pictures],
            },
            handler=handler,
            reason=reason,
            quoted=_quoted(answered, people, mailbox.time_zone),
        ),
        from_name=display_name(handler, mailbox),
        because=f"answered by {task.actor}" if template == "answer" else task.because(reason),
        subject=request.subject,
        reply=Reply.CUSTOMER,
        reply_to=people[0].address,
        to=people[:1],
        cc=people[1:],
        in_reply_to=parent,
        references=references(answered, task),
        thread_index=(answered.thread_index or "") if answered is not None else "",
        attachments=tuple(item.part for item in attachments if item.type not in _PRIVATE),
    )


def _answered(task: Task) -> MessageFact | None:
    """Return the latest message of somebody who hears the answer.

    Of a stranger's mail, or one in a false name, they get nothing: no words, and no Message-IDs and
    Thread-Index either, which are his words, too.
    """
    heard = {a for one in task.request.participants if one.role in _ROLES for a in one.addresses}
    found = (
        message
        for message in reversed(task.facts.background.messages)
        if message.is_from_outside
        and message.verdict != Verdict.FAIL.value
        and message.from_address.lower() in heard
    )
    return next(found, None)


def references(answered: MessageFact | None, task: Task) -> tuple[str, ...]:
    """Return what an answer refers to: our own ids and those of people who hear it.

    An id is a word of whoever made it: a stranger's, that somebody has replied to, stays here.
    """
    if answered is None:
        return ()
    heard = {a for one in task.request.participants if one.role in _ROLES for a in one.addresses}
    theirs = {
        message.message_id
        for message in task.facts.background.messages
        if message.is_from_outside and message.from_address.lower() in heard
    }
    signer = task.site.signer
    known = [
        one
        for one in answered.references
        if one in theirs or (signer is not None and signer.verify_message_id(one) is not None)
    ]
    return (*known, *((answered.message_id,) if answered.message_id is not None else ()))


def _quoted(
    answered: MessageFact | None, people: tuple[Address, ...], time_zone: str
) -> dict[str, str]:
    """Return the mail being answered, if each who will read the answer has that mail already.

    Who was added later is not shown what was said before, and nobody is shown a stranger's words.
    """
    nothing = {"text": "", "from_name": "", "at": ""}
    if answered is None:
        return nothing
    had = (answered.from_address, *answered.to)
    if not all(any(_is(one, address) for address in had) for one in people):
        return nothing
    shown = of_message(answered, time_zone)
    return {name: shown[name] for name in nothing}


def _is(person: Address, address: str) -> bool:
    return person.address.lower() == address.lower()


def display_name(handler: Handler | None, mailbox: Mailbox) -> str:
    """Return the name in the From of an answer, as the mailbox's `handler_name` words it."""
    if handler is None or not mailbox.from_name:
        return handler.full_name if handler is not None else mailbox.from_name
    words = {
        "{first_name}": handler.full_name.split(maxsplit=1)[0] if handler.full_name else "",
        "{full_name}": handler.full_name,
        "{from_name}": mailbox.from_name,
    }
    name = mailbox.handler_name
    for mark, value in words.items():
        name = name.replace(mark, value)
    return name


def layout_of(policy: Policy, category: str | None) -> str | None:
    """Return the template that mail of a category is wrapped in."""
    known: Category | None = policy.categories.get(category) if category is not None else None
    return known.layout if known is not None else None


def deadline(at: datetime | None, time_zone: str) -> str:
    """Write a deadline for a reader; "" for none."""
    return show_moment(at, time_zone) if at is not None else ""

"""The mails that decisions ask for: recipes with their frozen variables.

POLICY, templates. Variables are plain JSON; `store.apply` adds the request's id, reference, tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from postroom.core.effects import QueueMail
from postroom.core.facts import Arrival, RequestFact
from postroom.core.model import Category, Handler, Policy
from postroom.core.site import Mailbox

# What a notice repeats of a message; the whole is in the request.
_TEXT_LIMIT = 20_000


def variables(
    mailbox: Mailbox,
    request: Mapping[str, Any],
    contact: Mapping[str, str],
    *,
    message: Mapping[str, str] | None = None,
    handler: Handler | None = None,
    company: str = "",
    reason: str = "",
    is_neutral: bool = False,
    extracted: Mapping[str, str] = MappingProxyType({}),
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
        "link": "",
        "changes": [],
        "neutral": is_neutral,
        "extracted": dict(extracted),
    }


def of_request(request: RequestFact) -> dict[str, Any]:
    """Return a request's variables, less what apply adds."""
    return {
        "subject": request.subject,
        "status": request.status,
        "priority": request.priority,
        "category": request.category,
        "owner": request.owner or "",
    }


def of_mail(arrival: Arrival) -> dict[str, str]:
    """Return a mail's variables; its moment in the time zone of the mailbox."""
    mail, sender = arrival.mail, arrival.mail.from_
    at = arrival.envelope.received_at.astimezone(ZoneInfo(arrival.mailbox.time_zone))
    return {
        "text": mail.fresh[:_TEXT_LIMIT],
        "from_name": (sender.name or sender.address) if sender else "",
        "subject": mail.subject,
        "at": f"{at:%Y-%m-%d %H:%M %Z}",
    }


def of_sender(arrival: Arrival) -> dict[str, str]:
    """Return the contact's variables."""
    name = arrival.mail.from_.name if arrival.mail.from_ is not None else ""
    return {"name": name, "address": arrival.sender}


def letter_to_handler(
    arrival: Arrival, handler: Handler, request: RequestFact | None, template: str, reason: str
) -> QueueMail:
    """Return a notice about a mail to somebody inside."""
    about = of_request(request) if request is not None else _nothing(arrival)
    return QueueMail(
        request=request.id if request is not None else None,
        kind="notice",
        mailbox=arrival.mailbox.name,
        recipients=(handler.email,),
        template=template,
        language=handler.language,
        variables=variables(
            arrival.mailbox,
            about,
            of_sender(arrival),
            message=of_mail(arrival),
            handler=handler,
            reason=reason,
        ),
        from_name=arrival.mailbox.from_name,
        because=reason,
        subject=arrival.mail.subject,
    )


def layout_of(policy: Policy, category: str | None) -> str | None:
    """Return the template that mail of a category is wrapped in."""
    known: Category | None = policy.categories.get(category) if category is not None else None
    return known.layout if known is not None else None


def _nothing(arrival: Arrival) -> dict[str, Any]:
    return {
        "subject": arrival.mail.subject,
        "status": "",
        "priority": "",
        "category": "",
        "owner": "",
    }

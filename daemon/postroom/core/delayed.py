"""A customer hears that his request takes longer: `contact` in the `notify` of a level or warning.

Rows 45, 73-76; pain 84; DESIGN section 6. It is automatic mail, perhaps to a stranger: judged and
braked as the automatic reply is, and it carries nothing internal, whatever its template asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroom.core import letters
from postroom.core.brakes import brake_answer, is_floodgate
from postroom.core.effects import Effect, QueueMail, Record, Reply
from postroom.core.facts import Background, MessageFact, RequestFact
from postroom.core.model import Verdict
from postroom.core.replies import UNPROVEN, is_for_good, why_braked, why_never
from postroom.core.tasks import Task
from postroom.mail.message import Origin


@dataclass(frozen=True, slots=True)
class Told:
    """What telling the contact comes to: a mail, or a line of history that says why none."""

    effects: tuple[Effect, ...]
    is_flood: bool = False  # a brake for everybody has closed: somebody should look


def words_of_contact(request: RequestFact, background: Background) -> list[MessageFact]:
    """Return the messages of who asks that a person wrote and nobody is known to have forged.

    The last one says where he is told. Its address is the one whose brakes are looked at.
    """
    requester = request.requester
    addresses = requester.addresses if requester is not None else ()
    return [
        message
        for message in background.messages
        if message.is_from_outside
        and message.origin == Origin.PERSON.value
        and message.verdict != Verdict.FAIL.value
        and message.from_address.lower() in addresses
    ]


def tell_contact(task: Task, template: str, because: str) -> Told:
    """Tell who asks that his request takes longer; in one mail, whatever was due."""
    words = words_of_contact(task.request, task.facts.background)
    reason = _why_not(task, words)
    if reason is not None:
        return _not_told(task, reason)
    address = words[-1].from_address
    braked = brake_answer(address, task.site.brakes, task.facts, task.now)
    if braked.by is not None:
        return _not_told(task, why_braked(braked.by), is_flood=is_floodgate(braked.by))
    return Told((*braked.spent, _letter(task, template, because, words)))


def _not_told(task: Task, reason: str, *, is_flood: bool = False) -> Told:
    return Told((Record(task.request.id, "mail", "none to the contact", reason),), is_flood)


def _why_not(task: Task, words: list[MessageFact]) -> str | None:
    """Say why the contact is not told, brakes apart."""
    request, category = task.request, task.category
    if category is None or not category.title:
        return f"the category {request.category} is internal: it has no title"
    if is_for_good(request.auto_reply):
        return f"as with the automatic reply: {request.auto_reply or 'nothing is known of it'}"
    if not words:
        return "nothing of his is known to be a person's and not forged"
    address = words[-1].from_address
    if (never := why_never(address, task.site)) is not None:
        return never
    if task.policy.handler_by_address(address) is not None:
        return "a handler asks"
    if task.mailbox.auto_reply_needs == "pass" and not _is_proven(words):
        return UNPROVEN
    return None


def _is_proven(words: list[MessageFact]) -> bool:
    return any(message.verdict == Verdict.PASS.value for message in words)


def _letter(task: Task, template: str, because: str, words: list[MessageFact]) -> QueueMail:
    request, mailbox, asked = task.request, task.mailbox, words[-1]
    # As with the automatic reply: to who is not known to be himself nothing of his is repeated.
    is_neutral = request.replied_at is None and not _is_proven(words)
    subject = "" if is_neutral else request.subject
    name = letters.of_requester(request)["name"] if not is_neutral else ""
    return QueueMail(
        request=request.id,
        kind="escalation",
        mailbox=mailbox.name,
        recipients=(asked.from_address,),
        template=template,
        language=request.language,
        layout=letters.layout_of(task.policy, request.category),
        # Neither status, priority, owner nor deadline: those are how it is worked on inside.
        variables=letters.variables(
            mailbox,
            letters.of_nothing(subject),
            {"name": name, "address": asked.from_address},
            is_neutral=is_neutral,
        ),
        from_name=mailbox.from_name,
        because=because,
        subject=subject,
        reply=Reply.CUSTOMER,
        reply_to=asked.from_address,
        in_reply_to=asked.message_id,
        references=letters.references(asked, task),
        thread_index=(asked.thread_index or "") if not is_neutral else "",
    )

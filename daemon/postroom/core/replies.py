"""Whether a mail is answered automatically, in which words, and if not, why not.

DESIGN section 6 (automatic mail, verdicts, brakes); RFC 3834 §2; rows 73-76, pains 36-40.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from postroom.core import letters
from postroom.core.brakes import brake_answer, is_floodgate
from postroom.core.effects import QueueMail, Reply, SpendBrake
from postroom.core.judging import Case
from postroom.core.model import Verdict
from postroom.core.site import Site
from postroom.mail.message import Origin

# Mailboxes that nobody reads (pain 39), and those never to be answered (RFC 3834 §2).
_NOBODY = re.compile(
    r"^((no|do[-_.]?not|dont)[-_.]?reply([-_.+=].*)?|bounces?([-_.+=].*)?|mailer[-_.]?daemon|"
    r"postmaster|owner-.*|.*-owner|.*-request|listserv|majordomo)$"
)
_BULK = frozenset({"bulk", "junk", "list"})

SENT = "sent"
NOT_NOW = "not wanted for this mail"
NONE_HERE = "the mailbox sends none"
FORGED = "the sender is forged"
UNPROVEN = "the sender is not proven"
_BRAKE = "brake: "
# These say nothing about whoever wrote, or are looked at again in what he wrote since.
_PASSING = frozenset({SENT, NOT_NOW, NONE_HERE, FORGED, UNPROVEN})
CONTACT = "contact"  # in `notify`


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """`template` None: no reply, for `reason`. `is_neutral`: repeat nothing of the sender's."""

    template: str | None
    reason: str
    is_neutral: bool = True
    spent: tuple[SpendBrake, ...] = field(default=())
    is_flood: bool = False  # a brake for everybody has closed: somebody should look


def judge_reply(case: Case) -> ReplyVerdict:
    """Say whether a mail is answered automatically, brakes and all."""
    arrival, facts = case.arrival, case.facts
    reply = judge_auto_reply(case)
    if reply.template is None:
        return reply
    braked = brake_answer(arrival.sender, case.site.brakes, facts, case.now)
    if braked.by is not None:
        return ReplyVerdict(None, why_braked(braked.by), is_flood=is_floodgate(braked.by))
    return replace(reply, spent=braked.spent)


def judge_auto_reply(case: Case) -> ReplyVerdict:
    """Say whether to answer, brakes apart: they come last."""
    reason = _not_wanted(case) or _not_safe(case)
    if reason is not None:
        return ReplyVerdict(None, reason)
    wanted = case.actions.auto_reply
    template = wanted if isinstance(wanted, str) else "auto-reply"
    # A contact alone proves nothing: the first forged mail makes one of its victim.
    is_known = case.facts.has_been_answered or case.verdict is Verdict.PASS
    return ReplyVerdict(template, SENT, is_neutral=not is_known)


def auto_reply(
    case: Case, reply: ReplyVerdict, about: Mapping[str, str], language: str
) -> QueueMail:
    """Return the mail which says that somebody's mail has arrived."""
    arrival, mail = case.arrival, case.arrival.mail
    return QueueMail(
        request=None,
        kind="auto-reply",
        mailbox=arrival.mailbox.name,
        recipients=(arrival.sender,),
        template=reply.template or "auto-reply",
        language=language,
        layout=letters.layout_of(case.policy, about["category"]),
        variables=letters.variables(
            arrival.mailbox,
            about,
            letters.of_sender(arrival),
            message=letters.of_mail(arrival) if not reply.is_neutral else None,
            is_neutral=reply.is_neutral,
            extracted=case.routing.extracted,
        ),
        from_name=arrival.mailbox.from_name,
        because=case.routing.because("notify", ""),
        subject=mail.subject if not reply.is_neutral else "",
        reply=Reply.CUSTOMER,
        reply_to=arrival.sender,
        thread_index=mail.header("Thread-Index")[:1_000] if not reply.is_neutral else "",
        in_reply_to=mail.message_id,
        references=(*mail.references, *((mail.message_id,) if mail.message_id else ())),
    )


def is_for_good(reason: str) -> bool:
    """Whether what kept the first mail from being answered keeps later mail from being sent."""
    return reason not in _PASSING and brake_of(reason) is None


def why_braked(brake: str) -> str:
    """Say that a brake has closed."""
    return f"{_BRAKE}{brake}"


def brake_of(reason: str) -> str | None:
    """Return the brake that kept a reply back, if one did."""
    return reason.removeprefix(_BRAKE) if reason.startswith(_BRAKE) else None


def why_never(address: str, site: Site) -> str | None:
    """Say why no automatic mail goes to an address, whatever came from there."""
    if not address or "@" not in address:
        return "no address to answer"
    if site.is_ours(address):
        return "our own address"
    if _NOBODY.match(address.rpartition("@")[0].lower()):
        return "nobody reads that address"
    return None


def _not_wanted(case: Case) -> str | None:
    wanted, mailbox = case.actions.auto_reply, case.arrival.mailbox
    if not case.arrival.may_auto_reply:
        return NOT_NOW
    if case.arrival.envelope.is_import:
        return "an old mail, imported"
    if wanted is False:
        return "a rule says so"
    is_named = isinstance(wanted, str) or CONTACT in case.actions.notify
    if not mailbox.auto_reply and not is_named:
        return NONE_HERE
    if case.verdict is Verdict.FAIL:
        return FORGED
    if mailbox.auto_reply_needs == "pass" and case.verdict is not Verdict.PASS:
        return UNPROVEN
    return None


def _not_safe(case: Case) -> str | None:
    """Say why an answer could feed a loop or reach nobody."""
    arrival, mail = case.arrival, case.arrival.mail
    if case.origin is not Origin.PERSON:
        return f"the mail is {case.origin.value}"
    if arrival.envelope.sender == "" and not arrival.is_vouched:
        return "null sender"
    if not mail.is_readable:
        return "the mail could not be read"
    address = mail.from_.address if mail.from_ is not None else ""
    if (never := why_never(address, case.site)) is not None:
        return never
    suppress = mail.header("X-Auto-Response-Suppress").lower()
    if "all" in suppress or "autoreply" in suppress:
        return "X-Auto-Response-Suppress"
    # RFC 3834 §2. Gateways put it into people's mail, and robots claim a person's program.
    if any(value.strip().lower() in _BULK for value in mail.all_of("Precedence")):
        return "Precedence"
    return None

"""Whether a new request is answered automatically, in which words, and if not, why not.

DESIGN section 6 (automatic mail, verdicts, brakes); RFC 3834 §2; rows 73-76, pains 36-40.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postroom.core.effects import SpendBrake
from postroom.core.judging import Case
from postroom.core.model import Verdict
from postroom.core.site import Site
from postroom.mail.message import Origin

# Mailboxes that nobody reads (pain 39), and those never to be answered (RFC 3834 §2).
_NOBODY = re.compile(
    r"^((no|do[-_.]?not|dont)[-_.]?reply([-_.+=].*)?|bounces?([-_.+=].*)?|mailer[-_.]?daemon|"
    r"postmaster|owner-.*|.*-owner|.*-request|listserv|majordomo)$"
)

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


def judge_auto_reply(case: Case) -> ReplyVerdict:
    """Say whether to answer, leaving the brakes to the caller (they come last)."""
    reason = _not_wanted(case) or _not_safe(case)
    if reason is not None:
        return ReplyVerdict(None, reason)
    wanted = case.actions.auto_reply
    template = wanted if isinstance(wanted, str) else "auto-reply"
    # A contact alone proves nothing: the first forged mail makes one of its victim.
    is_known = case.facts.has_been_answered or case.verdict is Verdict.PASS
    return ReplyVerdict(template, SENT, is_neutral=not is_known)


def is_for_good(reason: str) -> bool:
    """Whether what kept the first mail from being answered keeps later mail from being sent."""
    return reason not in _PASSING and not reason.startswith(_BRAKE)


def why_braked(brake: str) -> str:
    """Say that a brake has closed."""
    return f"{_BRAKE}{brake}"


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
    return None

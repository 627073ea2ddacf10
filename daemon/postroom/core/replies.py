"""Whether a new request is answered automatically, in which words, and if not, why not.

DESIGN section 6 (automatic mail, verdicts, brakes); RFC 3834 §2; rows 73-76, pains 36-40.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postroom.core.effects import SpendBrake
from postroom.core.facts import Arrival, Facts
from postroom.core.model import Actions, Site, Verdict
from postroom.mail.message import Origin

# Mailboxes that nobody reads (pain 39), and those that must never be answered (RFC 3834 §2, RFC 5321 §4.5.1).
_NOBODY = re.compile(
    r"^((no|do[-_.]?not|dont)[-_.]?reply([-_.+=].*)?|bounces?([-_.+=].*)?|mailer[-_.]?daemon|"
    r"postmaster|owner-.*|.*-owner|.*-request|listserv|majordomo)$"
)


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """`template` None: no reply, for `reason`. `is_neutral`: repeat nothing of the sender's."""

    template: str | None
    reason: str
    is_neutral: bool = True
    spent: tuple[SpendBrake, ...] = field(default=())


def judge_auto_reply(
    arrival: Arrival, facts: Facts, site: Site, verdict: Verdict, origin: Origin, actions: Actions
) -> ReplyVerdict:
    """Say whether to answer, leaving the brakes to the caller (they come last)."""
    reason = _why_not(arrival, site, verdict, origin, actions)
    if reason is not None:
        return ReplyVerdict(None, reason)
    template = actions.auto_reply if isinstance(actions.auto_reply, str) else "auto-reply"
    is_known = facts.contact is not None or verdict is Verdict.PASS
    return ReplyVerdict(template, "sent", is_neutral=not is_known)


def _why_not(
    arrival: Arrival, site: Site, verdict: Verdict, origin: Origin, actions: Actions
) -> str | None:
    mailbox = arrival.mailbox
    if not arrival.may_auto_reply:
        return "not wanted for this mail"
    if actions.auto_reply is False:
        return "a rule says so"
    if not mailbox.auto_reply and not isinstance(actions.auto_reply, str):
        return "the mailbox sends none"
    if origin is not Origin.PERSON:
        return f"the mail is {origin.value}"
    if arrival.envelope.sender == "" and not arrival.is_vouched:
        return "null sender"
    if not arrival.mail.is_readable:
        return "the mail could not be read"
    address = arrival.mail.from_.address if arrival.mail.from_ is not None else ""
    if not address or "@" not in address:
        return "no address to answer"
    if site.is_ours(address):
        return "our own address"
    if _NOBODY.match(address.rpartition("@")[0].lower()):
        return "nobody reads that address"
    suppress = arrival.mail.header("X-Auto-Response-Suppress").lower()
    if "all" in suppress or "autoreply" in suppress:
        return "X-Auto-Response-Suppress"
    if verdict is Verdict.FAIL:
        return "the sender is forged"
    if mailbox.auto_reply_needs == "pass" and verdict is not Verdict.PASS:
        return "the sender is not proven"
    return None

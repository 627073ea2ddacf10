"""The status of a failed delivery: what the report says, or what its words mean.

Promise: an enhanced code of RFC 3463 for every recipient. What a report says of itself stands if it
is specific; "5.0.0" and the like are made more exact by the reply of the other server, its words,
and last by its reply code.
"""

from __future__ import annotations

import re
from functools import lru_cache

from postroom.mail.bounce_addresses import Cause
from postroom.mail.bounce_causes import CAUSES
from postroom.mail.bounce_reasons import codes_in, replies_in
from postroom.mail.bounce_translations import plain
from postroom.mail.bounce_words import (
    DELAY_SUBJECT,
    DELAYED,
    DELIVERED,
    FAILED_SUBJECT,
    GIVEN_UP,
    REPLIES,
    STILL_TRYING,
)

_WORDS = 2_000  # characters looked at
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
_OTHER_ACTIONS = {
    "failure": "failed",
    "fail": "failed",
    "error": "failed",
    "expired": "failed",
    "hardfail": "failed",
    "permanent": "failed",
    "bounced": "failed",
    "rejected": "failed",
    "undeliverable": "failed",
    "deferred": "delayed",
    "delay": "delayed",
    "softfail": "delayed",
    "transient": "delayed",
    "deliverable": "delivered",
    "success": "delivered",
}

Code = tuple[str, str, str]

_WENT_WELL = ("delivered", "relayed", "expanded")
# The last detail of each subject that the registry of RFC 5248 had when this was written. What lies
# beyond is Exchange's own, and no more exact than the words beside it.
_LAST = {"0": 0, "1": 10, "2": 4, "3": 5, "4": 7, "5": 6, "6": 10, "7": 30}
_UNTOLD = ("0", "3")  # subjects that say no more than that a server had a problem
# What servers take X.7.1 for, too: these are of the recipient, whatever the number says.
_ANY_RULE = (("7", "1"), ("7", "0"))
_OF_SENDERS_DNS = ("7.20", "7.23", "7.24", "7.25", "7.26", "7.27")
_OF_RECIPIENT = ("5.1.1", "5.2.1", "5.2.2")
# What Postfix and Exim say about their own dialogue and programs, not about the failure.
_FRAME = re.compile(r"refused to talk to me|\(in reply to [^)]{1,60}\)|\(could mean [^)]{1,80}\)")
# RFC 5321 §4.2.2, word for word: what the code alone says. Many servers add their own line to it,
# and qmail and IronPort theirs to what the other server says.
_STOCK = re.compile(
    r"requested (?:mail )?action (?:not taken|aborted)[:;,.]? (?:mailbox (?:unavailable|name not"
    r" allowed)|exceeded storage allocation|insufficient system storage|(?:local )?error in"
    r" processing)|does not like recipient|unknown address error"
)
# How servers misspell the two words that matter most.
_UNKNOWN = re.compile(r"\b(?:unkown|uknown|unknow|unknwon|unkonwn|unknon|unkownn)\b")
_RECIPIENT = re.compile(r"\brec(?:ipent|epient|eipient|iepient|ipiant|ipeint|iptient)(?=s?\b)")
_IS_RULE = re.compile(r"sender|authenti|relay|spam|polic|permi|allow|block|denied|virus|\bfrom\b")


def action_of(said: str, status: str, words: str, subject: str = "") -> str:
    """Return what became of the mail: the report's word, else what status and words tell."""
    first = next(iter(said.split()), "")
    if first in _ACTIONS:
        return first
    if first in _OTHER_ACTIONS:
        return _OTHER_ACTIONS[first]
    if status.startswith("2"):
        return "delivered"
    if status.startswith("5"):
        return "failed"
    title = plain(subject.lower())
    if not FAILED_SUBJECT.search(title) and DELAY_SUBJECT.search(title):
        return "delayed"
    lowered = plain(words[:_WORDS].lower())
    if STILL_TRYING.search(lowered):
        return "delayed"
    if DELAYED.search(lowered) and not GIVEN_UP.search(lowered):
        return "delayed"
    if not status and DELIVERED.search(lowered) and not GIVEN_UP.search(lowered):
        return "delivered"
    return "failed"


def status_of(reported: str, diagnostic: str, words: str, action: str) -> str:
    """Return the status of one recipient.

    `reported` is the Status field, `diagnostic` what was said of this recipient, `words` what else
    the notice says, asked only when nothing else tells.
    """
    said = _codes(reported)
    if action in _WENT_WELL:
        return _join(said[0]) if said else "2.0.0"
    said = _of_failures(said)
    if said and _is_exact(said[0]):
        return _named_rule(said[0], diagnostic)
    known = list(said)
    for text in (diagnostic, words):
        quoted = _of_failures(_codes(text))
        if (exact := _exact(quoted)) is not None:
            return _corrected(exact, text)
        known.extend(quoted)
        # The whole notice has sentences that say no more than that it failed.
        least = 1 if text is diagnostic else 2
        if (found := _from_words(known, text, action, least)) is not None:
            return found
    return _from_codes(known, replies_in(f"{diagnostic[:_WORDS]} {words[:_WORDS]}"), action)


def _of_failures(codes: list[Code]) -> list[Code]:
    # Seen: "Status: 2.0.0" and "250 OK" of a mail that failed.
    return [code for code in codes if code[0] != "2"]


def _is_exact(code: Code) -> bool:
    return 0 < int(code[2]) <= _LAST[code[1]]


def _exact(codes: list[Code]) -> Code | None:
    """Take the first exact code, unless it is quoted by one that names another subject."""
    family = ""
    for code in codes:
        if _is_exact(code):
            return code if family in ("", code[1]) else None
        family = family or (code[1] if code[1] not in _UNTOLD else "")
    return None


def _named_rule(code: Code, text: str) -> str:
    """Seen: "5.7.1 … DMARC policy": the number is every rule's, and RFC 7372 has one for this."""
    if code[1:] in _ANY_RULE:
        found = _cause_of(text[:_WORDS])
        if found is not None and found.status[2:] in _OF_SENDERS_DNS:
            return f"{code[0]}{found.status[1:]}"
    return _join(code)


def _corrected(code: Code, text: str) -> str:
    """Seen: "554 5.7.1 mailbox disabled", "550 5.7.1 recipient not in directory"."""
    if code[1:] in _ANY_RULE and not _IS_RULE.search(text[:_WORDS].lower()):
        found = _cause_of(text[:_WORDS])
        if found is not None and found.weight == 3 and found.status in _OF_RECIPIENT:
            return f"{code[0]}{found.status[1:]}"
    return _named_rule(code, text)


def _from_words(codes: list[Code], text: str, action: str, least: int) -> str | None:
    """Make "5.0.0", "5.2.0" or nothing exact by what the words mean."""
    families = {subject for _, subject, _ in codes if subject not in _UNTOLD}
    cause = _cause_of(text[:_WORDS])
    if families and cause is not None and cause.weight < 3:
        cause = _cause_of(text[:_WORDS], "".join(sorted(families)))
    if cause is None or cause.weight < least:
        return None
    _, subject, detail = cause.status.split(".")
    digit = _digit(codes, replies_in(text[:_WORDS]), action) or cause.status[0]
    if (digit, subject, detail) == ("4", "1", "2") and "4" in families:
        return "4.4.3"  # the name was not found this time, which the server takes for the network's
    return f"{digit}.{subject}.{detail}"


def _from_codes(codes: list[Code], replies: list[str], action: str) -> str:
    """Take the family that the report names, or what the reply code alone lets us think."""
    family = next((code for code in codes if code[1] != "0"), None)
    if family is not None:
        return _join(family)
    known = next((REPLIES[reply] for reply in replies if reply in REPLIES), None)
    if known is not None and not known.endswith(".0.0"):
        return f"{_digit(codes, replies, action)}{known[1:]}"
    return f"{_digit(codes, replies, action) or '5'}.0.0"


def _digit(codes: list[Code], replies: list[str], action: str) -> str:
    """Say whether the failure lasts: the class of the code, else of the reply, else the action."""
    if codes:
        return codes[0][0]
    if action == "delayed":
        return "4"
    return replies[0][0] if replies else ""


@lru_cache(maxsize=64)  # a notice says the same of many
def _cause_of(text: str, subjects: str = "") -> Cause | None:
    """Find the first cause that the text names, of these subjects only if there are any."""
    lowered = plain(" ".join(text.lower().replace("\u2019", "'").replace("_", " ").split()))
    lowered = _RECIPIENT.sub("recipient", _UNKNOWN.sub("unknown", _FRAME.sub("", lowered)))
    if not lowered:
        return None
    own = _STOCK.sub("", lowered)
    if own != lowered and (found := _first_cause(own, subjects)) and found.weight > 1:
        return found
    return _first_cause(lowered, subjects)


def _first_cause(lowered: str, subjects: str) -> Cause | None:
    known = (cause for cause in CAUSES if not subjects or cause.status[2] in subjects)
    return next((cause for cause in known if cause.words.search(lowered)), None)


def _codes(text: str) -> list[Code]:
    return codes_in(text[:_WORDS])


def _join(code: Code) -> str:
    return ".".join(str(int(number)) for number in code)

"""What the words of a reply let guess where none of the known phrases is among them.

Promise: little weight, so that it speaks of one recipient's own reason only, never of a whole
notice. Each is of two things that stand together: who or what, and what is the matter with it.
"""

from __future__ import annotations

from postroom.mail.bounce_addresses import Cause, cause
from postroom.mail.bounce_unknown import WHO

# Words of a rule: then it was refused, whatever is said to be missing.
_NO_RULE = (
    r"^(?!.*(?:reject|refus|den[iy]|block|allow|permit|prohibit|restrict|polic|accept|virus"
    r"|filter|sender))(?:.*\W)?"
)
_NONE = r"(?:no|not|never|unknown|unavailable|invalid|wrong|missing|without)"
_BETWEEN = r"(?:[ -](?!deliver|reach|sen[dt]|notif|forward)\w+){0,3}"
_ABSENT = (
    r"(?:unknown|unavailable|invalid|missing|gone|exists?\b|verif|misspel|(?:not|n't|cannot"
    r"|never)\b"
    r".{0,25}(?:exist|defined|valid|located|found|employed|known|recogni|identified|provision"
    r"|regist|set up|configured|mapped|served?\b|match))"
)
_ENDED = (
    r"(?:retired|closed|out of service|disconnected|ceased|paused|withdrawn|discontinued"
    r"|stopped|ended|suspension|abandoned)"
)
_PERSON = rf"(?:{WHO}|person|login|employee|uid)"
_HOST = r"(?:host|domain|dns|mx|mail ?server|server)"
_LOST = r"(?:lost|closed|refused|unreach|fail|down\b|abort|dropped|broken|interrupt)"
_SYSTEM = r"(?:spool|server|system|internal|program|disk|database)"
_TROUBLE = r"(?:problem|unexpected|crash|malfunction|error|failure|trouble)"

GUESSES: tuple[Cause, ...] = (
    cause(
        "5.4.6",
        r"\bloop|circulat|received headers|too many (?:servers|hops|hosts|systems|relays)",
        weight=1,
    ),
    cause(
        "4.4.7",
        r"\btime limit\b|stuck in (?:the )?queue|\btried \d+|time[ -]to[ -]live|life ?time"
        r"|allotted time|\bexpired\b",
        weight=1,
    ),
    cause(
        "5.2.2",
        r"(?:mail ?box|inbox|folder|user|recipient|account)\b.{0,60}\b(?:room|space|storage|quota"
        r"|capacity)\b",
        r"\bover (?:the )?limit\b",
        r"\b(?:room|space|storage|quota|capacity)\b.{0,60}(?:mail ?box|inbox|folder|user|recipient"
        r"|account)",
        weight=1,
    ),
    cause(
        "5.3.4",
        r"\boversized?\b|\btoo (?:big|large)\b|\bfile too large\b|\blimit (?:is|of"
        r"|for) \d+ ?[km]i?b|\d limit for m",
        weight=1,
    ),
    cause(
        "5.7.25",
        r"\brdns\b|(?:host ?name|ip address|address) (?:has no name|does not match your)",
        weight=1,
    ),
    cause("5.1.8", r"(?:find|reply to|resolve|verify) your (?:domain|address|host)", weight=1),
    cause(
        "5.7.1",
        r"\bpolic(?:y|ies)\b|content (?:is )?unacceptable|\bdial-?up\b|\bdoes not wish\b"
        r"|\bbanned\b|\binternal (?:mail|messages|senders)|\bcbl\b"
        r"|\bonly relay|authenti\w+ (?:needed|necessary)|content inspection"
        r"|\blisted (?:in|on|by|at)\b",
        weight=1,
    ),
    cause("5.7.10", r"\b(?:insist\w* on|only over|only with) (?:tls|ssl|encrypt)", weight=1),
    cause("5.6.0", r"not well[- ]formed|bad (?:mail |message )?headers?\b", weight=1),
    cause(
        "5.1.2",
        r"(?:not|n't|cannot) be (?:resolved|determined|looked up)",
        rf"\bno (?:\w+ ){{0,2}}(?:host|dns|mx|mail ?server)\b|\b{_HOST}\b.{{0,40}}(?:unknown"
        r"|invalid|not (?:be )?(?:found|exist|located|resolved))",
        weight=1,
    ),
    cause(
        "4.4.1",
        r"\bnothing is listening|talk to the (?:server|host)",
        rf"(?:server|host|connection|session)\b.{{0,60}}{_LOST}",
        rf"{_LOST}\w{{0,3}} (?:\w+ ){{0,3}}(?:connection|session)|\bunreachable\b|\btime-?out\b"
        r"|\btimed[ -]out\b",
        weight=1,
    ),
    cause("5.2.1", rf"{_NO_RULE}{_PERSON}\b.{{0,40}}\b{_ENDED}\b", weight=1),
    cause(
        "5.1.1",
        rf"{_NO_RULE}(?:{_NONE}{_BETWEEN}[ -]{_PERSON}s?\b|{_PERSON}(?:'?s)?\b.{{0,30}}{_ABSENT})",
        r"\bnon-?exist[ae]nt\b|\bnot found\b|\bdoes(?: not|n't) exist\b|@\S{1,200} unknown\b"
        r"|\S is (?:invalid|unknown)$",
        weight=1,
    ),
    cause(
        "5.3.0",
        r"\b(?:bad|unexpected|strange) (?:server )?(?:response|reply|answer)",
        rf"\b{_TROUBLE}.{{0,60}}\b{_SYSTEM}|\b{_SYSTEM}\b.{{0,40}}{_TROUBLE}",
        weight=1,
    ),
)

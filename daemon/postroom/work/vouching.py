"""Who vouches for the sender of mail that comes straight from the internet: DMARC, DKIM, SPF.

Promise: a verdict for any mail, within `[dns] total` of the moment it was asked for; `fail` only
when the owner of the From domain asks for severity and everything could be looked up.
Used by: work.pipeline; work.inspection (dmarc_records).
Fails:   never: what could not be found out is `none`.

    the owner's DMARC record                            verdict
    an aligned DKIM signature or SPF holds              pass
    neither, and p (or sp) is quarantine or reject      fail
    neither, and p is none: the owner only watches      none
    no record                                           pass if a DKIM signature, or SPF for the
                                                        envelope sender, holds for the From domain
                                                        or a parent of it; else none
    several records (RFC 7489 §6.6.3), no answer        none

Without a record nobody said how to treat the domain, so there is no `fail`; but a signature or a
host that the domain itself names in the DNS is as good a proof with a record as without. SPF alone
is the weaker: it also holds for the other customers of a shared host, as it does within DMARC.

Only what is aligned with From is looked up: nothing else could change the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import idna
import structlog
from publicsuffixlist import PublicSuffixList

from postroom.core import dmarc
from postroom.core.model import SenderVerdict, Verdict
from postroom.dns import Inquiry, Resolver
from postroom.errors import Unavailable
from postroom.mail.address import domain_of, parse_addresses
from postroom.mail.message import Envelope, ParsedMail
from postroom.mail.words import decode_header
from postroom.work.signatures import Cut, check_signatures, cut_mail
from postroom.work.spf import check_host

log = structlog.get_logger()

THREADS = 16  # they wait for the network nearly all the time
_LONGEST_DOMAIN = 253  # characters, RFC 1035
_FROM_OCTETS = 4_096
_ASIDE = re.compile(r'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"?|\([^()]*+\)?')  # quoted words and comments
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class Voucher:
    """Judges senders, several at a time."""

    def __init__(self, resolver: Resolver, threads: int = THREADS) -> None:
        self._resolver = resolver
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="vouching")

    def submit(self, raw: bytes, envelope: Envelope, mail: ParsedMail) -> Future[SenderVerdict]:
        """Begin to judge a mail; its time runs from now, waiting for a thread included."""
        return self._pool.submit(_judge, raw, envelope, mail, self._resolver.inquiry())

    def close(self) -> None:
        """Begin nothing any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _judge(raw: bytes, envelope: Envelope, mail: ParsedMail, inquiry: Inquiry) -> SenderVerdict:
    try:
        return evaluate(raw, envelope, mail, inquiry)
    except Exception:
        # The top of a thread: a mail that cannot be judged is not judged.
        log.exception("sender.unjudged", peer=envelope.peer)
        return _none("the evaluation failed, see the log")


@dataclass(frozen=True, slots=True)
class _Case:
    """What all steps need: the From domain, and what its owner published."""

    domain: str
    cut: Cut
    envelope: Envelope
    inquiry: Inquiry
    record: dmarc.DmarcRecord | None = None
    is_of_parent: bool = False  # the record is the organisation's, From a sub-domain of it


@dataclass(slots=True)
class _Found:
    """What was found out so far, in words for the journal."""

    words: dict[str, str] = field(default_factory=dict)
    is_proven: bool = False
    is_open: bool = False  # something could not be looked up

    def tell(self, result: str, policy: str, domain: str) -> str:
        shown = [f"dmarc={result}{policy}", *(f"{key}={text}" for key, text in self.words.items())]
        return f"evaluated here: {' '.join(shown)} header.from={domain}"[:300]


def evaluate(raw: bytes, envelope: Envelope, mail: ParsedMail, inquiry: Inquiry) -> SenderVerdict:
    """Judge the sender of a mail by its envelope, its signatures and the DNS."""
    cut = cut_mail(raw)
    if cut is None:
        return _none("the header cannot be read for DKIM")
    domain = _from_domain(cut, mail)
    if domain is None:
        return _none("From does not name exactly one address")
    case = _Case(domain, cut, envelope, inquiry)
    found = _Found()
    try:
        records, is_of_parent = dmarc_records(domain, inquiry)
    except Unavailable as error:
        return SenderVerdict(Verdict.NONE, found.tell("temperror", f" ({error})", domain))
    if len(records) > 1:
        return SenderVerdict(Verdict.NONE, found.tell("permerror", " (several records)", domain))
    if records:
        case = replace(case, record=records[0], is_of_parent=is_of_parent)
    _check_dkim(case, found)
    if not found.is_proven:
        _check_spf(case, found)
    return _conclude(case, found)


def _conclude(case: _Case, found: _Found) -> SenderVerdict:
    record = case.record
    if record is None:
        verdict = Verdict.PASS if found.is_proven else Verdict.NONE
        return SenderVerdict(verdict, found.tell("none", "", case.domain))
    policy = f" (p={record.policy_of_children if case.is_of_parent else record.policy})"
    if found.is_proven:
        return SenderVerdict(Verdict.PASS, found.tell("pass", policy, case.domain))
    if found.is_open:
        return SenderVerdict(Verdict.NONE, found.tell("temperror", policy, case.domain))
    is_severe = record.is_severe(for_child=case.is_of_parent)
    verdict = Verdict.FAIL if is_severe else Verdict.NONE
    return SenderVerdict(verdict, found.tell("fail", policy, case.domain))


def _none(why: str) -> SenderVerdict:
    return SenderVerdict(Verdict.NONE, f"evaluated here: {why}")


# ---- From


def _from_domain(cut: Cut, mail: ParsedMail) -> str | None:
    """Return the domain that the mail claims to be from, as DNS knows it.

    RFC 7489 §6.6.1: nothing can be said of several authors. What the signatures cover and what
    was read (and is shown) as From must be the same: the two parsers are not.
    """
    fields = cut.all_of(b"from")
    if len(fields) != 1 or len(mail.all_of("From")) != 1 or mail.from_ is None:
        return None
    # RFC 2047 §5: an address that only decoding makes is none to others.
    if len(fields[0]) > _FROM_OCTETS or b"@" not in fields[0]:
        return None
    text = decode_header(fields[0])
    if any(mark in _ASIDE.sub("", text) for mark in ":;"):  # a group, or a source route
        return None
    addresses = {address.address for address in parse_addresses(text)}
    if addresses != {mail.from_.address}:
        return None
    return to_ascii(domain_of(mail.from_.address))


def to_ascii(domain: str) -> str | None:
    """Write a domain as the DNS has it (IDNA 2008: "ß" is not "ss"); None: it can be none."""
    domain = domain.lower().rstrip(".")
    if not domain or len(domain) > _LONGEST_DOMAIN:
        return None
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return domain


# ---- the owner


def dmarc_records(domain: str, inquiry: Inquiry) -> tuple[list[dmarc.DmarcRecord], bool]:
    """Return the records of the domain, else of its organisation, and whether it is the latter."""
    records = dmarc.read_records(inquiry.texts(f"_dmarc.{domain}"))
    parent = organisation_of(domain)
    if records or parent == domain:
        return records, False
    return dmarc.read_records(inquiry.texts(f"_dmarc.{parent}")), True


@lru_cache(maxsize=4096)
def organisation_of(domain: str) -> str:
    """Return the domain that was registered (RFC 7489 §3.2); a public suffix is its own."""
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _aligns(case: _Case, *, is_strict: bool) -> Callable[[str], bool]:
    def aligns(proven: str) -> bool:
        if case.record is None:
            return dmarc.is_parent(proven, case.domain, organisation_of)
        return dmarc.is_aligned(proven, case.domain, organisation_of, is_strict=is_strict)

    return aligns


# ---- the proofs


def _check_dkim(case: _Case, found: _Found) -> None:
    is_strict = case.record is not None and case.record.is_dkim_strict
    wanted = _aligns(case, is_strict=is_strict)
    checked = check_signatures(case.cut, wanted, case.inquiry)
    if not checked:
        is_signed = bool(case.cut.all_of(b"dkim-signature"))
        found.words["dkim"] = "unaligned" if is_signed else "none"
        return
    # The best one counts.
    best = min(checked, key=lambda each: ("pass", "temperror", "fail").index(each.result))
    found.is_proven = best.result == "pass"
    found.is_open = found.is_open or best.result == "temperror"
    why = f" ({best.why})" if best.why else ""
    found.words["dkim"] = f"{best.result}{why} header.d={best.domain}"


def _check_spf(case: _Case, found: _Found) -> None:
    """RFC 7489 §3.1.2: the envelope sender counts; of a null sender, the HELO name."""
    helo = case.envelope.options.get("HELO", "")
    local, _, host = case.envelope.sender.rpartition("@")
    domain = to_ascii(host if case.envelope.sender else helo)
    if domain is None:
        found.words["spf"] = "none"
        return
    is_strict = case.record is not None and case.record.is_spf_strict
    if not _aligns(case, is_strict=is_strict)(domain):
        found.words["spf"] = "unaligned"
        return
    sender = f"{local}@{domain}" if case.envelope.sender else ""
    result = check_host(case.envelope.peer, sender, helo if sender else domain, case.inquiry)
    found.is_proven = result == "pass"
    found.is_open = found.is_open or result == "temperror"
    found.words["spf"] = f"{result} {'smtp.mailfrom' if sender else 'smtp.helo'}={domain}"

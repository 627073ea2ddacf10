"""All that is judged about a mail before anything is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postroom.core.facts import Arrival, Facts
from postroom.core.model import Policy, Site, Verdict
from postroom.core.routing import Routing, route
from postroom.core.threads import ThreadVerdict, choose_thread
from postroom.core.trust import SenderVerdict, judge_sender
from postroom.mail.message import Origin


@dataclass(frozen=True, slots=True)
class Judgement:
    """What wrote a mail, whether it is genuine, where it belongs and what the rules say."""

    origin: Origin
    evidence: tuple[str, ...]
    sender: SenderVerdict
    thread: ThreadVerdict
    routing: Routing

    @property
    def verdict(self) -> Verdict:
        """Whether the mail is from whom it says."""
        return self.sender.verdict

    def explanation(self, **more: Any) -> dict[str, Any]:
        """Return what was looked at, as plain JSON, for the journal and `mail explain`."""
        return {
            "origin": self.origin.value,
            "origin_evidence": list(self.evidence),
            "verdict": self.verdict.value,
            "verdict_evidence": self.sender.evidence,
            "thread": self.thread.reason.value,
            "thread_evidence": self.thread.evidence,
            "rules": [
                {"rule": trace.rule, "matched": trace.matched, "why": trace.why}
                for trace in self.routing.traces
            ],
            "extracted": dict(self.routing.extracted),
            **more,
        }


def judge(arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime) -> Judgement:
    """Judge origin, sender, thread and rules of a mail."""
    origin, evidence = judge_origin(arrival, site)
    sender = judge_sender(arrival, site)
    thread = choose_thread(arrival, facts, policy, site, now)
    company = ""
    if facts.contact is not None:
        company = facts.contact.company
    elif facts.company is not None:
        company = facts.company.name
    routing = route(
        policy,
        arrival.mail,
        arrival.mailbox.name,
        sender.verdict,
        company,
        arrival.without_rules,
    )
    return Judgement(origin, evidence, sender, thread, routing)


def judge_origin(arrival: Arrival, site: Site) -> tuple[Origin, tuple[str, ...]]:
    """Add to what the mail says of itself what only the envelope and our keys can tell."""
    mail = arrival.mail
    loops = {value.strip().lower() for value in mail.all_of("X-Postroom-Loop")}
    # A notice *about* our mail quotes its headers inside, never at its own top.
    if site.instance.lower() in loops and mail.origin is not Origin.BOUNCE:
        return Origin.LOOP, ("X-Postroom-Loop is our own",)
    # DESIGN section 6: what comes to a `b` address is automatic, whatever it looks like.
    if arrival.bounce_deliveries and mail.origin not in (Origin.BOUNCE, Origin.REPORT):
        return Origin.AUTO_REPLY, (*mail.evidence, "sent to an envelope sender of ours")
    if arrival.envelope.sender == "" and mail.origin is Origin.PERSON and not arrival.is_vouched:
        return Origin.AUTOMATIC, ("null sender",)
    return mail.origin, mail.evidence

"""All that is judged about a mail before anything is done about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from postroom.core.effects import Decision, Effect
from postroom.core.facts import Arrival, Facts, RequestFact
from postroom.core.model import Actions, Handler, Outcome, Policy, SenderVerdict, Verdict
from postroom.core.routing import Routing, route
from postroom.core.site import Site
from postroom.core.threads import ThreadVerdict, choose_thread, sender_as_handler
from postroom.core.trust import judge_sender
from postroom.mail.message import Origin

CHECK = 0  # in place of a delivery: a mail that only looks whether it comes back


@dataclass(frozen=True, slots=True)
class Case:
    """One mail with all that its outcome depends on: what is known, and what was judged of it."""

    arrival: Arrival
    facts: Facts
    policy: Policy
    site: Site
    now: datetime
    origin: Origin
    evidence: tuple[str, ...]  # for the origin
    sender: SenderVerdict
    thread: ThreadVerdict
    routing: Routing

    @property
    def actions(self) -> Actions:
        """What the rules say."""
        return self.routing.actions

    @property
    def handler(self) -> Handler | None:
        """The handler whose address the mail comes from, if it is one's."""
        return sender_as_handler(self.arrival, self.policy)

    @property
    def is_held(self) -> bool:
        """Whether the mail waits in a hold, which this decision ends."""
        return self.facts.hold_state == "waiting"

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
            **({"import": True} if self.arrival.envelope.is_import else {}),
            **more,
        }

    def decided(
        self,
        outcome: Outcome,
        reason: str,
        effects: Iterable[Effect] = (),
        *,
        request: RequestFact | None = None,
        actor: str = "",
        **more: Any,
    ) -> Decision:
        """Return the decision with this outcome; `more` goes into the explanation.

        `request` is the one that the mail belongs to, and must still be as seen when it is touched.
        """
        touching = (Outcome.APPENDED, Outcome.BOUNCE, Outcome.COMMAND)
        is_touched = request is not None and outcome in touching
        return Decision(
            actor=actor or self.arrival.actor,
            reason=reason,
            policy_version=self.policy.version,
            outcome=outcome,
            request=request.id if request is not None else None,
            effects=tuple(effects),
            versions={request.id: request.version} if request is not None and is_touched else {},
            explanation=self.explanation(**more),
            seen=self._seen(),
        )

    def _seen(self) -> str | None:
        """Return the handler who shows by this mail, or by deciding about it, that he is there."""
        if self.arrival.by in self.policy.handlers:
            return self.arrival.by
        handler = self.policy.handler_by_address(self.arrival.sender)
        is_himself = self.origin is Origin.PERSON and self.verdict is not Verdict.FAIL
        return handler.name if handler is not None and is_himself else None


def judge(arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime) -> Case:
    """Judge origin, sender, thread and rules of a mail."""
    origin, evidence = judge_origin(arrival, site)
    sender = judge_sender(arrival, site)
    thread = choose_thread(arrival, facts, policy, site, now)
    company = ""
    if facts.contact is not None:
        company = facts.contact.company
    elif facts.company is not None:
        company = facts.company.name
    mailbox, without = arrival.mailbox.name, arrival.without_rules
    routing = route(policy, arrival.mail, mailbox, sender.verdict, company, without)
    return Case(arrival, facts, policy, site, now, origin, evidence, sender, thread, routing)


def judge_origin(arrival: Arrival, site: Site) -> tuple[Origin, tuple[str, ...]]:
    """Add to what the mail says of itself what only the envelope and our keys can tell."""
    mail = arrival.mail
    loops = {value.strip().lower() for value in mail.all_of("X-Postroom-Loop")}
    if CHECK in arrival.bounce_deliveries and mail.origin is not Origin.BOUNCE:
        return Origin.LOOP, ("sent to ourselves by `postroom check --online`",)
    # A notice *about* our mail quotes its headers inside, never at its own top.
    if site.instance.lower() in loops and mail.origin is not Origin.BOUNCE:
        return Origin.LOOP, ("X-Postroom-Loop is our own",)
    # A relay may have stripped the mark. Our address alone says nothing: shops' forms use it, too.
    if _is_our_own(arrival, site) and mail.origin is not Origin.BOUNCE:
        return Origin.LOOP, ("From and Message-ID, or its parent, are our own",)
    # DESIGN section 6: what comes to a `b` address is automatic, whatever it looks like.
    if arrival.bounce_deliveries and mail.origin not in (Origin.BOUNCE, Origin.REPORT):
        return Origin.AUTO_REPLY, (*mail.evidence, "sent to an envelope sender of ours")
    if arrival.envelope.sender == "" and mail.origin is Origin.PERSON and not arrival.is_vouched:
        return Origin.AUTOMATIC, ("null sender",)
    return mail.origin, mail.evidence


def _is_our_own(arrival: Arrival, site: Site) -> bool:
    if not site.is_ours(arrival.sender):
        return False
    message_id = arrival.mail.message_id
    is_signed = (
        message_id is not None
        and site.signer is not None
        and site.signer.verify_message_id(message_id) is not None
    )
    return is_signed or arrival.answers_root  # a relay may have given it another Message-ID

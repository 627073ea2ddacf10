"""Which request a mail continues, and how sure that is.

DESIGN section 6, threading; rows 61-64, pains 44-54. Strongest first: token, Message-IDs, tag. The
last two count only for participants; from anybody else they make a hold, not a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from postroom.core.addresses import handler_of
from postroom.core.facts import Arrival, Facts, KnownId, RequestFact, Wish
from postroom.core.model import Handler, Phase, Policy
from postroom.core.site import Site
from postroom.mail.address import parse_addresses
from postroom.mail.refs import find_tags
from postroom.mail.tokens import Token

# Of several tokens in one mail the most internal wins.
_ROLES = "nshc"
_INSIDE = frozenset("hns")  # whoever has such an address stands inside


class ThreadReason(StrEnum):
    """What led a mail to its request, or to none."""

    REPLY_TOKEN = "reply-token"  # noqa: S105 - the name of a reason
    DELIVERY_TOKEN = "delivery-token"  # noqa: S105
    REFERENCES = "references"
    LATE_BRANCH = "late-branch"  # an id that was only referenced before
    SUBJECT_TAG = "subject-tag"
    ACCEPTED = "accepted"  # by a human
    STRANGER = "stranger"  # evidence, but the sender is no participant
    HOLD_OVER = "hold-over"
    TOO_LATE = "closed-too-long"
    NO_REOPEN = "status-does-not-reopen"
    DELETED = "deleted"
    NO_EVIDENCE = "no-evidence"


class Joining(StrEnum):
    """What follows from a thread verdict."""

    JOIN = "join"
    HOLD = "hold"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class ThreadVerdict:
    """The request concerned (None: none is), what to do, and on what evidence."""

    joining: Joining
    request_id: int | None
    reason: ThreadReason
    evidence: str = ""
    role: str = ""  # of the reply address that it came to
    named: str | None = None  # the handler whose address that is, while it grants anything

    @property
    def is_inside(self) -> bool:
        """Whether the mail came to an address that only people inside were given."""
        return self.role in _INSIDE


def choose_thread(
    arrival: Arrival, facts: Facts, policy: Policy, site: Site, now: datetime
) -> ThreadVerdict:
    """Name the request a mail continues; the strongest evidence wins."""
    verdict = _by_wish(arrival, facts, policy) or _by_evidence(arrival, facts, policy, site)
    is_held = facts.hold_state is not None and arrival.wish is not Wish.NONE
    if verdict.joining is Joining.HOLD and is_held:
        # Held before, for another reason: a mail is held once.
        return ThreadVerdict(
            Joining.NEW, verdict.request_id, ThreadReason.HOLD_OVER, verdict.evidence
        )
    if verdict.joining is not Joining.JOIN or verdict.request_id is None:
        return verdict
    # People inside may always write to a request; only customers' words ask whether it is closed.
    if verdict.is_inside or sender_as_handler(arrival, policy) is not None:
        return verdict
    return _if_open(verdict, facts.requests[verdict.request_id], policy, now)


def _by_wish(arrival: Arrival, facts: Facts, policy: Policy) -> ThreadVerdict | None:
    """Let a human, or the end of its time, say what becomes of a held mail."""
    if arrival.wish is Wish.NONE or facts.hold_request is None:
        return None
    if arrival.wish is not Wish.ACCEPT:
        return ThreadVerdict(Joining.NEW, facts.hold_request, ThreadReason.HOLD_OVER)
    request = _survivor(facts, facts.hold_request)
    accepted = ThreadVerdict(Joining.JOIN, request.id, ThreadReason.ACCEPTED)
    handler = sender_as_handler(arrival, policy)
    role = next((one.role for one in _handlers_tokens(arrival, facts)), "")
    if handler is None or not role:
        return accepted
    # A human vouches for him; but a side thread stays inside, whoever writes there.
    return replace(accepted, role=role, named=handler.name if role != "s" else None)


def _by_evidence(arrival: Arrival, facts: Facts, policy: Policy, site: Site) -> ThreadVerdict:
    verdict = _by_token(arrival, facts, policy)
    if verdict is not None:
        return verdict
    found = [*_by_references(arrival, facts, policy), *_by_tag(arrival, facts, policy, site)]
    # What joins is stronger than what only makes a hold, wherever it stands.
    found.sort(key=lambda verdict: verdict.joining is not Joining.JOIN)
    return found[0] if found else ThreadVerdict(Joining.NEW, None, ThreadReason.NO_EVIDENCE)


def _by_token(arrival: Arrival, facts: Facts, policy: Policy) -> ThreadVerdict | None:
    for token in sorted(arrival.tokens, key=lambda token: _ROLES.find(token.role)):
        if names_hold(token):
            held = facts.named_hold
            request = _find(facts, held.request_id) if held is not None else None
        else:
            request = _find(facts, token.object_id) if token.role in _ROLES else None
        if request is None:
            continue
        evidence = f"token of role {token.role}"
        named = named_handler(token, facts, policy)
        is_handler = sender_as_handler(arrival, policy) is not None
        joining = Joining.HOLD if token.role == "h" and not is_handler else Joining.JOIN
        return ThreadVerdict(
            joining, request.id, ThreadReason.REPLY_TOKEN, evidence, token.role, named
        )
    for delivery in arrival.bounce_deliveries:
        known = facts.deliveries.get(delivery)
        if known is not None and (request := _find(facts, known.request_id)) is not None:
            return _join(request, ThreadReason.DELIVERY_TOKEN, f"delivery {delivery}")
    return None


def named_handler(token: Token, facts: Facts, policy: Policy) -> str | None:
    """Return whose address a handler's token is; None when it was replaced, or he has left."""
    if token.role not in ("h", "n") or names_hold(token):
        return None
    number, generation = handler_of(token.participant_id)
    name = next((name for name, known in facts.handlers.items() if known.id == number), None)
    request = facts.requests.get(token.object_id)
    if name is None or name not in policy.handlers or request is None:
        return None
    return name if request.generations.get(name, 0) == generation else None


def names_hold(token: Token) -> bool:
    """Whether a token of role `n` names a hold (its participant) instead of a request."""
    return token.role == "n" and token.object_id == 0 and token.participant_id != 0


def handled_request(arrival: Arrival, requests: Mapping[int, RequestFact]) -> int | None:
    """Return the request that a handler's token leads to, before anything is judged."""
    for token in sorted(arrival.tokens, key=lambda token: _ROLES.find(token.role)):
        if token.role in ("h", "n") and token.object_id in requests:
            return _last(requests, token.object_id).id
    return None


def _handlers_tokens(arrival: Arrival, facts: Facts) -> list[Token]:
    found = [one for one in arrival.tokens if one.role in "nsh" and not names_hold(one)]
    known = [one for one in found if one.object_id in facts.requests]
    return sorted(known, key=lambda token: _ROLES.find(token.role))


def _by_references(arrival: Arrival, facts: Facts, policy: Policy) -> Iterator[ThreadVerdict]:
    for found in _references(arrival, facts):
        if (request := _find(facts, found.request_id)) is None:
            continue
        is_weak = found.kind == "referenced"
        if is_participant(request, arrival.sender, policy):
            reason = ThreadReason.LATE_BRANCH if is_weak else ThreadReason.REFERENCES
            yield _join(request, reason, f"<{found.message_id}> was {found.kind}")
        elif not is_weak:
            yield _doubt(request, f"<{found.message_id}>")


def _by_tag(arrival: Arrival, facts: Facts, policy: Policy, site: Site) -> Iterator[ThreadVerdict]:
    for number in find_tags(arrival.mail.subject, site.instance):
        if (request := _find(facts, number)) is None:
            continue
        evidence = f"[{site.instance} #{number}]"
        if is_participant(request, arrival.sender, policy):
            yield _join(request, ThreadReason.SUBJECT_TAG, evidence)
        else:
            yield _doubt(request, evidence)


def is_participant(request: RequestFact, address: str, policy: Policy) -> bool:
    """Whether somebody belongs to a request: contact, cc, outside expert, or any handler."""
    if not address:
        return False
    return (
        request.participant(address) is not None or policy.handler_by_address(address) is not None
    )


def sender_as_handler(arrival: Arrival, policy: Policy) -> Handler | None:
    """Return the handler whose address a mail comes from.

    RFC 5322 §3.6.2 allows several authors: nobody's name may stand behind another's domain.
    """
    handler = policy.handler_by_address(arrival.sender)
    if handler is None:  # as almost always: who else stands there does not matter
        return None
    authors = [one for text in arrival.mail.all_of("From") for one in parse_addresses(text)]
    return handler if len(authors) <= 1 else None


def referenced_ids(arrival: Arrival) -> tuple[str, ...]:
    """Return the Message-IDs that a mail refers to, the direct parent first, each once."""
    ids = [*arrival.mail.in_reply_to, *reversed(arrival.mail.references)]
    return tuple(dict.fromkeys(ids))


def _references(arrival: Arrival, facts: Facts) -> list[KnownId]:
    """Known ids of a mail: what it refers to, newest first, then what referred to itself."""
    found: list[KnownId] = []
    for message_id in referenced_ids(arrival):
        known = facts.known_ids.get(message_id, ())
        found.extend(sorted(known, key=lambda row: (row.kind == "referenced", -row.n)))
        if not known and message_id in arrival.own_ids:  # our MAC, though the row is gone
            found.append(KnownId(message_id, 0, arrival.own_ids[message_id], "sent"))
    found.sort(key=lambda row: row.kind == "referenced")
    own = arrival.mail.message_id
    if own is not None:
        found.extend(row for row in facts.known_ids.get(own, ()) if row.kind == "referenced")
    return found


def _find(facts: Facts, request_id: int | None) -> RequestFact | None:
    """Return a request, or the one that it was merged into."""
    if request_id is None or request_id not in facts.requests:
        return None
    return _survivor(facts, request_id)


def _survivor(facts: Facts, request_id: int) -> RequestFact:
    return _last(facts.requests, request_id)


def _last(requests: Mapping[int, RequestFact], request_id: int) -> RequestFact:
    request = requests[request_id]
    seen = {request.id}
    while (into := requests.get(request.merged_into or 0)) is not None:
        if into.id in seen:
            break
        request = into
        seen.add(request.id)
    return request


def _join(request: RequestFact, reason: ThreadReason, evidence: str) -> ThreadVerdict:
    return ThreadVerdict(Joining.JOIN, request.id, reason, evidence)


def _doubt(request: RequestFact, evidence: str) -> ThreadVerdict:
    return ThreadVerdict(Joining.HOLD, request.id, ThreadReason.STRANGER, evidence)


def _if_open(
    verdict: ThreadVerdict, request: RequestFact, policy: Policy, now: datetime
) -> ThreadVerdict:
    """A closed request may be closed for good: then a new one is opened and linked."""
    if request.phase is Phase.DELETED:
        return ThreadVerdict(Joining.NEW, request.id, ThreadReason.DELETED, verdict.evidence)
    if request.phase is not Phase.CLOSED:
        return verdict
    status = policy.workflow_of(request.type).statuses.get(request.status)
    if status is not None and not status.reopen:
        return ThreadVerdict(Joining.NEW, request.id, ThreadReason.NO_REOPEN, verdict.evidence)
    category = policy.categories.get(request.category)
    within = category.reopen_within if category is not None else None
    if within is not None and request.closed_at is not None and now - request.closed_at > within:
        return ThreadVerdict(Joining.NEW, request.id, ThreadReason.TOO_LATE, verdict.evidence)
    return verdict

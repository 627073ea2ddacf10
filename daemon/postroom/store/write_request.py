"""The effects of a decision on requests, contacts and people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from postroom import failpoints
from postroom.core.clocks import IMPORTED
from postroom.core.effects import (
    AddParticipant,
    AppendMessage,
    Assign,
    LearnContact,
    LearnEnding,
    LinkRequests,
    OpenRequest,
    RemoveParticipant,
    ReplaceAddresses,
    SetChain,
    SetClocks,
    SetPostponed,
    SetProperty,
    SetRead,
    SetStatus,
    SetTags,
    TakeTurn,
)
from postroom.core.model import Phase
from postroom.core.reading import WRITTEN
from postroom.errors import Conflict
from postroom.mail.message import Place
from postroom.store import facets, indexing
from postroom.store import statements as s
from postroom.store.write_mail import arm
from postroom.store.writing import Writing, contact_id


def learn(work: Writing, effect: LearnContact) -> None:
    """Make a contact; Conflict when somebody else was first."""
    if effect.may_exist and (known := contact_id(work, effect.address)) is not None:
        if effect.name:
            s.NAME_CONTACT.send(work.connection, {"b_id": known, "b_name": effect.name})
        return
    number = s.CONTACT.insert(
        work.connection,
        {
            "name": effect.name,
            "company_id": effect.company_id,
            "language": effect.language,
            "created_at": work.now,
        },
    )
    key = effect.address.lower()
    row: dict[str, Any] = {"key": key, "address": effect.address, "contact_id": number}
    if effect.endings:
        row["endings"] = list(effect.endings)
    s.ADDRESS.send(work.connection, row)  # unique: somebody else was first → Conflict
    work.contacts[key] = number


def learn_ending(work: Writing, effect: LearnEnding) -> None:
    """Remember how an address's latest mails ended: who writes last is right."""
    keys = {"b_key": effect.address.lower(), "b_endings": list(effect.endings)}
    s.SET_ENDINGS.send(work.connection, keys)


def open_(work: Writing, effect: OpenRequest) -> None:
    """Open the request of this decision."""
    requester = contact_id(work, effect.requester) if effect.requester is not None else None
    asked = work.asked_facet or ask_for_facet(work, effect)
    work.opened = s.REQUEST.insert(
        work.connection,
        {
            **_listed(effect),
            "version": 1,
            "facet_id": asked.number(work.connection),
            "subject": effect.subject,
            "requester_id": requester,
            "company_id": effect.company_id,
            "language": effect.language,
            "extracted": dict(effect.extracted),
            "auto_reply": effect.auto_reply,
            "created_at": work.now,
            "updated_at": work.now,
            "closed_at": work.now if effect.phase is Phase.CLOSED else None,
        },
    )
    work.owners[work.opened] = (effect.owner, effect.phase)
    work.note(None, "opened", None, effect.status, effect.because)
    if effect.owner is not None:
        _count(work, None, effect.phase, effect.owner, effect.phase)
        work.note(None, "owner", None, effect.owner, effect.owner_because)
    if effect.tags:
        s.TAG.run_each(
            work.connection,
            [{"request_id": work.opened, "tag": tag} for tag in dict.fromkeys(effect.tags)],
        )
    failpoints.hit("apply.request")


def ask_for_facet(work: Writing, effect: OpenRequest) -> facets.AskedFacet:
    """Ask for the facet of a request that is to be opened."""
    return facets.ask(work.connection, _listed(effect))


def _listed(effect: OpenRequest) -> dict[str, Any]:
    return {
        "type": effect.type,
        "mailbox": effect.mailbox,
        "category": effect.category,
        "priority": effect.priority,
        "status": effect.status,
        "phase": effect.phase.value,
        "owner": effect.owner,
    }


def append(work: Writing, effect: AppendMessage) -> None:
    """Add a message with its attachments."""
    author = effect.author
    is_outside = author.handler is None and author.address != ""
    message_id = s.MESSAGE.insert(
        work.connection,
        {
            "request_id": work.request_id(effect.request),
            "journal_id": work.journal_id,
            "direction": effect.direction.value,
            "visibility": effect.visibility.value,
            "contact_id": contact_id(work, author.address) if is_outside else None,
            "handler": author.handler,
            "from_name": author.name,
            "from_address": author.address,
            "to_addresses": list(effect.to),
            "subject": effect.subject,
            "text": effect.text,
            "fresh": effect.fresh,
            "message_id": effect.message_id,
            "references": list(effect.references),
            "at": effect.at,
            "origin": effect.origin,
            "verdict": effect.verdict,
            "thread_reason": effect.because,
            "is_draft": effect.is_draft,
            "thread_index": effect.thread_index or None,
            "attached_text": effect.attached_text,
        },
    )
    if effect.attachments:
        rows = [
            {
                "message_id": message_id,
                "part": item.part,
                "name": item.name,
                "type": item.type,
                "size": item.size,
                "inline": item.inline,
                **_place(item.place),
            }
            for item in effect.attachments
        ]
        s.ATTACHMENT.run_each(work.connection, rows)
    indexing.index_message(work, message_id, effect)
    what = f"{effect.direction.value}, {effect.visibility.value}"
    if effect.origin not in WRITTEN:  # clocks look at what people write
        what += f", {effect.origin}"
    if effect.is_old:
        what += IMPORTED
    work.note(effect.request, "message", None, what, effect.because)


def _place(place: Place | None) -> dict[str, Any]:
    return {
        "encoding": place.encoding if place is not None else None,
        "body_offset": place.offset if place is not None else None,
        "body_length": place.length if place is not None else None,
    }


def participate(work: Writing, effect: AddParticipant) -> None:
    """Make somebody a participant."""
    number = contact_id(work, effect.address)
    if number is None:
        return
    request_id = work.request_id(effect.request)
    if (there := work.members.get((request_id, number))) is not None:
        # The same mail names two addresses of one person.
        work.participants[request_id, effect.address.lower()] = there
        return
    row = {"request_id": request_id, "contact_id": number, "role": effect.role}
    participant = s.PARTICIPANT.insert(work.connection, row)
    work.participants[request_id, effect.address.lower()] = participant
    work.members[request_id, number] = participant
    if effect.role != "requester":
        said = f"{effect.address} ({effect.role})"
        work.note(effect.request, "participant", None, said, effect.because)


def leave(work: Writing, effect: RemoveParticipant) -> None:
    """Let somebody hear no more."""
    keys = {"b_id": effect.request, "b_key": effect.address.lower()}
    s.UNPARTICIPATE.send(work.connection, keys)
    work.note(effect.request, "participant", effect.address, None, effect.because)


def replace_addresses(work: Writing, effect: ReplaceAddresses) -> None:
    """Make a handler's reply addresses for a request new ones from now on."""
    row = s.GENERATIONS.first(work.connection, {"id": effect.request})
    generations = {**(row[0] if row is not None else {}), effect.handler: effect.generation}
    keys = {"b_id": effect.request, "b_generations": generations}
    s.SET_GENERATIONS.send(work.connection, keys)
    work.note(effect.request, "addresses", None, f"new ones for {effect.handler}", effect.because)


def postpone(work: Writing, effect: SetPostponed) -> None:
    """Put a request to sleep, or wake it; the timer that wakes it changes with it."""
    s.SET_POSTPONED.send(work.connection, {"b_id": effect.request, "b_until": effect.until})
    keys = {"b_request_id": effect.request, "b_kind": "activate"}
    s.CANCEL_TIMERS.send(work.connection, keys)
    if effect.until is not None:
        arm(work, "activate", effect.until, request_id=effect.request)
        said = effect.until.strftime("%Y-%m-%dT%H:%M:%SZ")
        work.note(effect.request, "timer", None, f"activate at {said}", effect.because)


def set_clocks(work: Writing, effect: SetClocks) -> None:
    """Write down when the clocks end, and arm the timers: for what comes first, and of closing."""
    number, timing = work.request_id(effect.request), effect.timing
    keys = {
        "b_id": number,
        "b_first_reply_due_at": timing.first_reply,
        "b_next_reply_due_at": timing.next_reply,
        "b_deadline_at": timing.deadline,
        "b_clock_due_at": timing.due_at,
        "b_closes_at": timing.closes_at,
    }
    s.SET_CLOCKS.send(work.connection, keys)
    _rearm(work, number, "clock", timing.due_at, is_new=effect.request is None)
    if timing.closes_at != effect.was.closes_at:
        _rearm(work, number, "close", timing.closes_at, is_new=effect.request is None)


def set_chain(work: Writing, effect: SetChain) -> None:
    """Write down where the chain stands, and arm the timer of its next level."""
    number, chain = work.request_id(effect.request), effect.chain
    keys = {
        "b_id": number,
        "b_level": chain.level,
        "b_state": chain.state.value,
        "b_due_at": chain.due_at,
        "b_remaining": chain.remaining,
        "b_since": chain.since,
    }
    s.SET_CHAIN.send(work.connection, keys)
    _rearm(work, number, "level", chain.due_at, is_new=effect.request is None)
    was, stands = str(effect.was), str(chain)
    if was != stands:  # else it counts from another moment to the same one
        work.note(effect.request, "chain", was, stands, effect.because)


def set_read(work: Writing, effect: SetRead) -> None:
    """Write down who has read a request; only another colour is worth a row of history."""
    keys = {"b_id": effect.request}
    if effect.is_new_owner:
        s.FORGET_READ.send(work.connection, keys)
    moments = {
        "b_owner_at": effect.owner_at,
        "b_handler_at": effect.handler_at,
        "b_customer_at": effect.customer_at,
    }
    s.SET_READ.send(work.connection, {**keys, "b_status": effect.status.value, **moments})
    if effect.was is not effect.status:
        was, status = effect.was.value, effect.status.value
        work.note(effect.request, "read", was, status, effect.because)


def _rearm(
    work: Writing, request_id: int, kind: str, due_at: datetime | None, *, is_new: bool
) -> None:
    if not is_new:
        s.CANCEL_TIMERS.send(work.connection, {"b_request_id": request_id, "b_kind": kind})
    if due_at is not None:
        arm(work, kind, due_at, request_id=request_id)


def link(work: Writing, effect: LinkRequests) -> None:
    """Link two requests, seen from both."""
    mine = work.request_id(effect.request)
    row = {"request_id": mine, "other_id": effect.other, "kind": effect.kind}
    s.LINK.send(work.connection, row)
    work.note(mine, "link", None, f"{effect.kind} {effect.other}", effect.because)
    work.note(effect.other, "link", None, f"{effect.kind} {mine}", effect.because)


def set_status(work: Writing, effect: SetStatus) -> None:
    """Change a status, and the counters that hang on its phase."""
    number = work.request_id(effect.request)
    owner, phase = work.owners[number]
    keys = {
        "b_id": number,
        "b_status": effect.to,
        "b_phase": effect.phase.value,
        "b_closed_at": work.now if effect.phase is Phase.CLOSED else None,
    }
    s.SET_STATUS.send(work.connection, keys)
    if effect.phase is not Phase.POSTPONED:  # awake: nothing has to wake it
        s.SET_POSTPONED.send(work.connection, {"b_id": number, "b_until": None})
        s.CANCEL_TIMERS.send(work.connection, {"b_request_id": number, "b_kind": "activate"})
    _count(work, owner, phase, owner, effect.phase)
    work.owners[number] = (owner, effect.phase)
    work.to_file.add(number)
    work.note(effect.request, "status", effect.from_, effect.to, effect.because)


def assign(work: Writing, effect: Assign) -> None:
    """Change the owner, and the counters."""
    number = work.request_id(effect.request)
    owner, phase = work.owners[number]
    s.SET_OWNER.send(work.connection, {"b_id": number, "b_owner": effect.to})
    _count(work, owner, phase, effect.to, phase)
    work.owners[number] = (effect.to, phase)
    work.to_file.add(number)
    work.note(effect.request, "owner", effect.from_, effect.to, effect.because)


def _count(
    work: Writing, owner: str | None, phase: Phase, new_owner: str | None, new_phase: Phase
) -> None:
    """Keep each handler's number of active requests."""
    if owner is not None and phase is Phase.ACTIVE:
        work.handler(owner).requests -= 1
    if new_owner is not None and new_phase is Phase.ACTIVE:
        work.handler(new_owner).requests += 1


def count_handlers(work: Writing) -> None:
    """Write what has changed for the handlers, a row each."""
    for name, change in work.handlers.items():
        keys = {
            "b_name": name,
            "b_requests": change.requests,
            "b_assigned_at": change.assigned_at,
            "b_seen_at": change.seen_at,
        }
        work.counted.append((name, keys, s.COUNT_HANDLER.send(work.connection, keys)))


def make_handlers(work: Writing) -> None:
    """Give those a row whose changes found none."""
    for name, keys, counted in work.counted:
        if counted.count() == 0:
            s.HANDLER.insert(work.connection, {"name": name, "open_requests": 0})
            s.COUNT_HANDLER.send(work.connection, keys)


def set_property(work: Writing, effect: SetProperty) -> None:
    """Change a priority, category, type or subject."""
    keys = {"b_id": effect.request, "b_value": effect.to}
    s.SET_PROPERTY[effect.name].send(work.connection, keys)
    if effect.name == "subject":
        indexing.index_request(work, effect.request)
    else:
        work.to_file.add(effect.request)
    work.note(effect.request, effect.name, effect.from_, effect.to, effect.because)


def set_tags(work: Writing, effect: SetTags) -> None:
    """Put tags on and take them off."""
    if effect.add:
        rows = [{"request_id": effect.request, "tag": tag} for tag in effect.add]
        s.TAG.run_each(work.connection, rows)
    for tag in effect.remove:
        s.UNTAG.send(work.connection, {"b_id": effect.request, "b_tag": tag})
    removed = " ".join(effect.remove) or None
    work.note(effect.request, "tags", removed, " ".join(effect.add) or None, effect.because)


def take_turn(work: Writing, effect: TakeTurn) -> None:
    """Keep a category's state of assignment; Conflict when another turn came first."""
    state = {"weights": dict(effect.weights), "turns": dict(effect.turns)}
    if effect.version == 0:
        s.ASSIGNMENT.send(work.connection, {"category": effect.category, "version": 1, **state})
    else:
        keys = {
            "b_category": effect.category,
            "b_version": effect.version,
            "b_weights": state["weights"],
            "b_turns": state["turns"],
        }
        turned = Conflict(f"somebody else was assigned in {effect.category}")
        work.expect(s.TURN.send(work.connection, keys), turned)
    work.handler(effect.handler).assigned_at = work.now

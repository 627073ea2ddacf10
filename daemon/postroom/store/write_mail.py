"""The effects of a decision on the outbox, on holds and on brakes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from postroom import failpoints
from postroom.core.addresses import handler_number
from postroom.core.effects import AnswerHold, EndHold, HoldMail, QueueMail, Reply, SpendBrake
from postroom.errors import Conflict
from postroom.mail.address import domain_of
from postroom.mail.tokens import EPOCH
from postroom.store import schema as t
from postroom.store import statements as s
from postroom.store.prepared import Prepared
from postroom.store.writing import Writing

_MILLISECOND = timedelta(milliseconds=1)
_LAST_MOMENT = "postroom.last_moment"
_PARTICIPANT = Prepared(
    select(t.participant.c.id)
    .select_from(
        t.participant.join(t.address, t.participant.c.contact_id == t.address.c.contact_id)
    )
    .where(
        t.participant.c.request_id == bindparam("request_id"), t.address.c.key == bindparam("key")
    )
)


def queue_mail(work: Writing, effect: QueueMail) -> None:
    """Write the recipe and one delivery for each recipient; our Message-ID leads back here."""
    has_request = effect.is_about_request and (effect.request or work.opened) is not None
    request_id = work.request_id(effect.request) if has_request else None
    moment = _moment(work)
    domain = _domain(work, effect)
    message_id = work.signer.message_id(request_id or 0, work.journal_id or 0, moment, domain)
    outbox_id = s.OUTBOX.insert(work.connection, _outbox_row(work, effect, request_id, message_id))
    subject = effect.subject or effect.variables["request"].get("subject", "")
    rows = [
        {
            "outbox_id": outbox_id,
            "recipient": recipient,
            "state": "waiting",
            "due_at": effect.due_at or work.now,
            "subject": subject[:500],
        }
        for recipient in dict.fromkeys(effect.recipients)
    ]
    s.DELIVERY.run_each(work.connection, rows)
    work.mails += 1
    if request_id is not None:
        work.know(message_id, 0, request_id, "sent")
        said = f"{effect.kind} to {', '.join(effect.recipients)}"
        if effect.due_at is not None:
            said += f", not before {effect.due_at:%Y-%m-%dT%H:%M:%SZ}"
        work.note(request_id, "mail", None, said, effect.because)
    failpoints.hit("apply.outbox")


def _outbox_row(
    work: Writing, effect: QueueMail, request_id: int | None, message_id: str
) -> dict[str, Any]:
    variables = dict(effect.variables)
    number = request_id if request_id is not None else 0
    variables["request"] = {
        "id": number,
        "reference": f"{work.site.prefix}{number}" if number else "",
        "tag": f"[{work.site.instance} #{number}]" if number else "",
        **variables["request"],
    }
    role, object_, participant = _reply_token(work, effect, number)
    references = list(effect.references)
    parent = effect.in_reply_to
    if effect.is_inside and number:
        # Nobody ever got this mail: it only keeps a request together in the handlers' clients.
        parent = work.signer.thread_root(number, _domain(work, effect))
        references = [parent]
    return {
        "request_id": request_id,
        "journal_id": work.journal_id,
        "kind": effect.kind,
        "mailbox": effect.mailbox,
        "message_id": message_id,
        # Five days are tried from here on, and a mail that was kept back is new when it comes.
        "at": effect.due_at or work.now,
        "template": effect.template,
        "language": effect.language,
        "layout": effect.layout,
        "variables": variables,
        "from_name": effect.from_name,
        "reply_role": role,
        "reply_object": object_,
        "reply_participant": participant,
        "to_addresses": [[one.name, one.address] for one in effect.to] or None,
        "cc_addresses": [[one.name, one.address] for one in effect.cc] or None,
        "thread_index": effect.thread_index or None,
        "in_reply_to": parent,
        "references": references,
        "attachments": [{"journal": work.journal_id, "part": part} for part in effect.attachments],
        "policy_version": work.decision.policy_version,
    }


def _moment(work: Writing) -> datetime:
    """Return the moment for a Message-ID: each of this connection's is later than the one before.

    Two decisions of one millisecond may send mail about one request.
    """
    now = (work.now - EPOCH) // _MILLISECOND
    last: int = max(now, work.connection.info.get(_LAST_MOMENT, 0) + 1)
    work.connection.info[_LAST_MOMENT] = last
    return EPOCH + last * _MILLISECOND


def _domain(work: Writing, effect: QueueMail) -> str:
    return domain_of(work.site.mailboxes[effect.mailbox].address)


def _reply_token(
    work: Writing, effect: QueueMail, request_id: int
) -> tuple[str | None, int | None, int | None]:
    """Return role, object and participant of the token in Reply-To; no role: no token."""
    named = effect.reply_to or ""
    match effect.reply:
        case Reply.CUSTOMER:
            participant = _participant_id(work, request_id, named)
            return ("c", None, participant) if participant is not None else (None, None, None)
        case Reply.ANSWER | Reply.NOTE if request_id:
            number = handler_number(work.handler_id(named), effect.reply_generation)
            return effect.reply.value, None, number
        case Reply.SIDE if request_id:
            return "s", None, 0
        case Reply.HOLD if (hold := effect.reply_hold or work.hold_id) is not None:
            return "n", 0, hold
    return None, None, None


def _participant_id(work: Writing, request_id: int, address: str) -> int | None:
    key = (request_id, address.lower())
    if key not in work.participants:
        keys = {"request_id": request_id, "key": key[1]}
        row = _PARTICIPANT.first(work.connection, keys)
        if row is None:
            return None
        work.participants[key] = row[0]
    return work.participants[key]


def hold(work: Writing, effect: HoldMail) -> None:
    """Keep a mail for a human, with the timer that ends it."""
    hold_id = s.HOLD.insert(
        work.connection,
        {
            "journal_id": work.journal_id,
            "request_id": effect.request,
            "since": work.now,
            "until": effect.until,
            "reason": effect.reason,
            "responsible": effect.responsible,
            "state": "waiting",
            "version": 1,
        },
    )
    work.hold_id = hold_id
    if effect.until is not None:
        arm(work, "hold", effect.until, request_id=effect.request, hold_id=hold_id)
    if effect.request is not None:
        work.note(effect.request, "hold", None, "waiting", effect.reason)


def end_hold(work: Writing, effect: EndHold) -> None:
    """End a hold; Conflict when it was over already."""
    keys = {"b_journal_id": work.journal_id, "b_state": effect.state}
    row = s.END_HOLD.first(work.connection, keys)
    if row is None:
        raise Conflict("the hold was over already")
    hold_id, request_id = row
    state = "fired" if effect.state == "opened" else "cancelled"
    s.CANCEL_HOLD_TIMER.send(work.connection, {"b_hold_id": hold_id, "b_state": state})
    if request_id is not None:
        work.note(request_id, "hold", "waiting", effect.state, work.decision.reason)


def answer_hold(work: Writing, effect: AnswerHold) -> None:
    """Let the ticker end another mail's hold at once; Conflict when somebody was first."""
    if s.HOLD_WISH.first(work.connection, {"hold_id": effect.hold}) is not None:
        raise Conflict(f"somebody has decided about hold {effect.hold}")
    actor = work.decision.actor
    arm(work, effect.wish, work.now, hold_id=effect.hold, actor=actor)


def arm(
    work: Writing,
    kind: str,
    due_at: datetime,
    *,
    request_id: int | None = None,
    hold_id: int | None = None,
    actor: str = "timer",
) -> None:
    """Arm a timer."""
    row = {
        "hold_id": hold_id,
        "request_id": request_id,
        "kind": kind,
        "due_at": due_at,
        "state": "armed",
        "actor": actor,
    }
    s.TIMER.send(work.connection, row)


def spend(work: Writing, effect: SpendBrake) -> None:
    """Take a token of a brake; Conflict when somebody else took one."""
    if effect.version == 0:
        row = {"key": effect.key, "tokens": effect.tokens, "at": work.now, "version": 1}
        s.BRAKE.send(work.connection, row)
        return
    keys = {
        "b_key": effect.key,
        "b_version": effect.version,
        "b_tokens": effect.tokens,
        "b_at": work.now,
    }
    changed = Conflict(f"brake {effect.key} has changed")
    work.expect(s.SPEND.send(work.connection, keys), changed)

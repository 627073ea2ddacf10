"""The effects of a decision on the outbox, on holds and on brakes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select

from postroom import failpoints
from postroom.core.effects import EndHold, HoldMail, QueueMail, SpendBrake
from postroom.errors import Conflict
from postroom.mail.address import domain_of
from postroom.store import schema as t
from postroom.store import statements as s
from postroom.store.prepared import Prepared
from postroom.store.writing import Writing, inserted

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
    has_request = effect.request is not None or work.opened is not None
    request_id = work.request_id(effect.request) if has_request else None
    mailbox = work.site.mailboxes[effect.mailbox]
    # A decision's mails differ by the moment: each a millisecond after the one before.
    moment = work.now + timedelta(milliseconds=work.mails)
    message_id = work.signer.message_id(
        request_id or 0, work.journal_id or 0, moment, domain_of(mailbox.address)
    )
    outbox_id = inserted(
        work.connection, s.OUTBOX, _outbox_row(work, effect, request_id, message_id)
    )
    subject = effect.subject or effect.variables["request"].get("subject", "")
    rows = [
        {
            "outbox_id": outbox_id,
            "recipient": recipient,
            "state": "waiting",
            "due_at": work.now,
            "subject": subject[:500],
        }
        for recipient in dict.fromkeys(effect.recipients)
    ]
    s.DELIVERY.run_each(work.connection, rows)
    work.mails += 1
    if request_id is not None:
        work.know(message_id, 0, request_id, "sent")
        said = f"{effect.kind} to {', '.join(effect.recipients)}"
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
    participant = None
    if effect.reply_role is not None and effect.reply_address is not None:
        participant = _participant_id(work, number, effect.reply_address)
    return {
        "request_id": request_id,
        "journal_id": work.journal_id,
        "kind": effect.kind,
        "mailbox": effect.mailbox,
        "message_id": message_id,
        "at": work.now,
        "template": effect.template,
        "language": effect.language,
        "layout": effect.layout,
        "variables": variables,
        "from_name": effect.from_name,
        "reply_role": effect.reply_role if participant is not None else None,
        "reply_participant": participant,
        "in_reply_to": effect.in_reply_to,
        "references": list(effect.references),
        "attachments": [{"journal": work.journal_id, "part": part} for part in effect.attachments],
        "policy_version": work.decision.policy_version,
    }


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
    hold_id = inserted(
        work.connection,
        s.HOLD,
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
    if effect.until is not None:
        row = {
            "hold_id": hold_id,
            "request_id": effect.request,
            "kind": "hold",
            "due_at": effect.until,
            "state": "armed",
        }
        s.TIMER.run(work.connection, row)
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
    s.CANCEL_HOLD_TIMER.run(work.connection, {"b_hold_id": hold_id, "b_state": state})
    if request_id is not None:
        work.note(request_id, "hold", "waiting", effect.state, work.decision.reason)


def spend(work: Writing, effect: SpendBrake) -> None:
    """Take a token of a brake; Conflict when somebody else took one."""
    if effect.version == 0:
        row = {"key": effect.key, "tokens": effect.tokens, "at": work.now, "version": 1}
        s.BRAKE.run(work.connection, row)
        return
    keys = {
        "b_key": effect.key,
        "b_version": effect.version,
        "b_tokens": effect.tokens,
        "b_at": work.now,
    }
    if s.SPEND.run(work.connection, keys) == 0:
        raise Conflict(f"brake {effect.key} has changed")

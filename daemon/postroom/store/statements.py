"""The inserts and updates of `apply`, each compiled once."""

from __future__ import annotations

from sqlalchemy import bindparam, func, insert, select, update

from postroom.store import schema as t
from postroom.store.prepared import Numbered, Prepared

JOURNAL = Numbered(t.journal)
JOURNAL_HISTORY = Prepared(insert(t.journal_history))
RAW = Prepared(insert(t.raw_mail))
RAW_OBJECT = Prepared(insert(t.raw_object))
REQUEST = Numbered(t.request)
MESSAGE = Numbered(t.message)
ATTACHMENT = Prepared(insert(t.attachment))
MESSAGE_REF = Prepared(insert(t.message_ref))
CONTACT = Numbered(t.contact, reserve=32)
ADDRESS = Prepared(insert(t.address))
PARTICIPANT = Numbered(t.participant, reserve=32)
TAG = Prepared(insert(t.tag))
MAILBOX = Prepared(insert(t.request_mailbox))
LINK = Prepared(insert(t.request_link))
HISTORY = Prepared(insert(t.history))
OUTBOX = Numbered(t.outbox)
DELIVERY = Prepared(insert(t.delivery))
TIMER = Prepared(insert(t.timer))
HOLD = Numbered(t.hold)
BRAKE = Prepared(insert(t.brake))
ASSIGNMENT = Prepared(insert(t.assignment))
HANDLER = Numbered(t.handler)
POLICY = Prepared(insert(t.policy))
POLICY_ACTIVATION = Prepared(insert(t.policy_activation))
POLICY_FOLLOWED = Prepared(
    update(t.policy_activation)
    .where(t.policy_activation.c.id == bindparam("b_id"))
    .values(followed_at=bindparam("b_at", type_=t.policy_activation.c.followed_at.type))
)

REJOURNAL = Prepared(
    update(t.journal)
    .where(t.journal.c.id == bindparam("b_id"), t.journal.c.outcome == bindparam("b_was"))
    .values(
        {
            name: bindparam(f"b_{name}", type_=t.journal.c[name].type)
            for name in (
                *("outcome", "verdict", "request_id", "reason", "policy_version"),
                "explanation",
            )
        }
    )
)
TOUCH_REQUEST = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"), t.request.c.version == bindparam("b_version"))
    .values(version=t.request.c.version + 1, updated_at=bindparam("b_at"))
    .returning(t.request.c.phase, t.request.c.owner)
)
SET_STATUS = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(
        status=bindparam("b_status"), phase=bindparam("b_phase"), closed_at=bindparam("b_closed_at")
    )
)
SET_OWNER = Prepared(
    update(t.request).where(t.request.c.id == bindparam("b_id")).values(owner=bindparam("b_owner"))
)
SET_REPLIED = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"), t.request.c.replied_at.is_(None))
    .values(replied_at=bindparam("b_at"))
)
SET_GENERATIONS = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(generations=bindparam("b_generations", type_=t.request.c.generations.type))
)
GENERATIONS = Prepared(select(t.request.c.generations).where(t.request.c.id == bindparam("id")))
SET_CLOCKS = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(
        {
            name: bindparam(f"b_{name}", type_=t.request.c[name].type)
            for name in (
                *("first_reply_due_at", "next_reply_due_at", "deadline_at", "clock_due_at"),
                "closes_at",
            )
        }
    )
)
SET_CHAIN = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(
        escalation_level=bindparam("b_level"),
        chain_state=bindparam("b_state"),
        chain_due_at=bindparam("b_due_at", type_=t.request.c.chain_due_at.type),
        chain_remaining=bindparam("b_remaining"),
        chain_since=bindparam("b_since", type_=t.request.c.chain_since.type),
    )
)
SET_READ = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(
        read_status=bindparam("b_status"),
        **{
            f"{name}_read_at": func.coalesce(
                bindparam(f"b_{name}_at", type_=t.request.c[f"{name}_read_at"].type),
                t.request.c[f"{name}_read_at"],
            )
            for name in ("owner", "handler", "customer")
        },
    )
)
FORGET_READ = Prepared(
    update(t.request).where(t.request.c.id == bindparam("b_id")).values(owner_read_at=None)
)
SET_POSTPONED = Prepared(
    update(t.request)
    .where(t.request.c.id == bindparam("b_id"))
    .values(postponed_until=bindparam("b_until", type_=t.request.c.postponed_until.type))
)
SET_PROPERTY = {
    name: Prepared(
        update(t.request)
        .where(t.request.c.id == bindparam("b_id"))
        .values(**{name: bindparam("b_value")})
    )
    for name in ("type", "subject", "category", "priority")
}
COUNT_HANDLER = Prepared(
    update(t.handler)
    .where(t.handler.c.name == bindparam("b_name"))
    .values(
        open_requests=t.handler.c.open_requests + bindparam("b_requests"),
        **{
            f"last_{name}": func.coalesce(
                bindparam(f"b_{name}", type_=t.handler.c[f"last_{name}"].type),
                t.handler.c[f"last_{name}"],
            )
            for name in ("assigned_at", "seen_at")
        },
    )
)
TURN = Prepared(
    update(t.assignment)
    .where(
        t.assignment.c.category == bindparam("b_category"),
        t.assignment.c.version == bindparam("b_version"),
    )
    .values(
        weights=bindparam("b_weights", type_=t.assignment.c.weights.type),
        turns=bindparam("b_turns", type_=t.assignment.c.turns.type),
        version=t.assignment.c.version + 1,
    )
)
SPEND = Prepared(
    update(t.brake)
    .where(t.brake.c.key == bindparam("b_key"), t.brake.c.version == bindparam("b_version"))
    .values(tokens=bindparam("b_tokens"), at=bindparam("b_at"), version=t.brake.c.version + 1)
)
END_HOLD = Prepared(
    update(t.hold)
    .where(t.hold.c.journal_id == bindparam("b_journal_id"), t.hold.c.state == "waiting")
    .values(state=bindparam("b_state"), version=t.hold.c.version + 1)
    .returning(t.hold.c.id, t.hold.c.request_id)
)
CANCEL_HOLD_TIMER = Prepared(
    update(t.timer)
    .where(t.timer.c.hold_id == bindparam("b_hold_id"), t.IS_ARMED)
    .values(state=bindparam("b_state"))
)
HOLD_WISH = Prepared(
    select(t.timer.c.id).where(
        t.timer.c.hold_id == bindparam("hold_id"),
        t.IS_ARMED,
        t.timer.c.kind != "hold",
    )
)
CANCEL_TIMERS = Prepared(
    update(t.timer)
    .where(
        t.timer.c.request_id == bindparam("b_request_id"),
        t.timer.c.kind == bindparam("b_kind"),
        t.IS_ARMED,
    )
    .values(state="cancelled")
)
CANCEL_TIMER = Prepared(
    update(t.timer).where(t.timer.c.id == bindparam("b_id"), t.IS_ARMED).values(state="cancelled")
)
END_TIMER = Prepared(
    update(t.timer).where(t.timer.c.id == bindparam("b_id"), t.IS_ARMED).values(state="fired")
)
POSTPONE_TIMER = Prepared(
    update(t.timer)
    .where(t.timer.c.id == bindparam("b_id"), t.IS_ARMED)
    .values(due_at=bindparam("b_due_at", type_=t.timer.c.due_at.type))
)
BOUNCED = Prepared(
    update(t.delivery)
    .where(t.delivery.c.id == bindparam("b_id"))
    .values(last_response=bindparam("b_response"))
)
NAME_CONTACT = Prepared(
    update(t.contact)
    .where(t.contact.c.id == bindparam("b_id"), t.contact.c.name == "")
    .values(name=bindparam("b_name"))
)
SET_ENDINGS = Prepared(
    update(t.address)
    .where(t.address.c.key == bindparam("b_key"))
    .values(endings=bindparam("b_endings"))
)
UNPARTICIPATE = Prepared(
    t.participant.delete().where(
        t.participant.c.request_id == bindparam("b_id"),
        t.participant.c.role != "requester",
        t.participant.c.contact_id.in_(
            select(t.address.c.contact_id).where(t.address.c.key == bindparam("b_key"))
        ),
    )
)
UNTAG = Prepared(
    t.tag.delete().where(t.tag.c.request_id == bindparam("b_id"), t.tag.c.tag == bindparam("b_tag"))
)
